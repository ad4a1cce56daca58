"""python -m tools.book: builds the web book from the committed outputs into build/book/."""
import sys

from tools.book import make                          # first: it says which package is missing

from sphinx.errors import SphinxError

try:
    print("Building the web book from the committed outputs ...", flush=True)
    problems = make()
except SphinxError as error:
    sys.exit(f"The web book could not be built: {error}")
except KeyboardInterrupt:
    sys.exit("\nStopped.")
print("The web book is in build/book/: open build/book/index.html in a browser.")
if problems:
    sys.exit("\n".join(["It has problems:", *problems]))

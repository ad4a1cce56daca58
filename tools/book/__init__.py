"""Builds the course as a web site that needs no network, from the committed outputs; `make book` calls it.

The pages are copied into build/, prepared there and given to Sphinx; nothing is run. `make browser` visits the result.
"""
import base64
import io
import re
import shutil
import sys
import tempfile
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

try:
    import nbformat
    from docutils import nodes
    from latex2mathml.converter import convert
    from sphinx.application import Sphinx

    from tools.book import live, playground
    from tools.notebooks import SLIDER, WIDGET, as_text, has, new_build, notebooks, read, write
except ModuleNotFoundError as missing:
    sys.exit(f"The package {missing.name} is missing: run  make book , which installs what the web book needs.")

SETTINGS = {
    "project": "Is this a 3 or a 7?",
    "html_title": "Is this a 3 or a 7?",
    "language": "en",
    "root_doc": "index",
    "extensions": ["myst_nb", "tools.book"],
    "nb_execution_mode": "off",
    "nb_merge_streams": True,
    "nb_ipywidgets_js": {},                          # by default each page fetches widgets from the network
    "myst_enable_extensions": ["dollarmath", "amsmath"],
    "myst_heading_anchors": 4,
    "myst_heading_slug_func": "tools.book.anchor",
    "html_math_renderer": "mathml",                                   # browsers set it themselves, without a script
    "html_theme": "sphinx_book_theme",
    "html_theme_options": {
        "home_page_in_toc": True, "navbar_persistent": [], "show_toc_level": 2, "search_bar_text": "Search the course",
        "use_download_button": False, "use_fullscreen_button": False,
        "pygments_light_style": "a11y-high-contrast-light", "pygments_dark_style": "a11y-high-contrast-dark",
        "footer_content_items": ["extra-footer.html"],                # else "by Author name not set" above it
        "extra_footer": 'Code: Apache-2.0. Text and pictures: <a href="https://creativecommons.org/licenses/by/4.0/">CC '
                        'BY 4.0</a>. Digits: MNIST, <a href="https://creativecommons.org/licenses/by-sa/3.0/">CC BY-SA '
                        '3.0</a>.',
    },
    "html_context": {"default_mode": "auto"},        # light or dark as the reader's system is; else the theme complains
    "html_sidebars": {"**": ["search-button-field.html", "sbt-sidebar-nav.html"]},     # the logo is outside all landmarks
    "html_static_path": ["_static"],
    "html_css_files": ["book.css"],
    "html_favicon": "_static/icon.svg",
    "html_use_index": False,
    "html_copy_source": False,
    "html_show_search_summary": False,               # it quotes menus, and cannot be had from a folder
    "html_show_sphinx": False,
    "html_show_copyright": False,
}
EVIDENCE = "tools/book/evidence.html"
MORE = {"about.html": "About the course, and installing it", f"{EVIDENCE}#What-comes-out": "Evidence",
        f"{EVIDENCE}#Where-it-was-run": "Versions", f"{EVIDENCE}#How-fast": "Speed", "notebooks/glossary.html": "Glossary",
        "tools/book/teaching.html": "For teachers", "data/README.html": "The digits"}
# Entries that are no links in the lessons: everyday words, mostly meant in their everyday sense.
EVERYDAY = {"flatten", "in place", "index", "interval", "leaf", "length", "score", "predict", "recall", "repeat", "square",
            "stack", "step", "stop", "training", "unit", "view"}
# On these pages an entry (its place in the glossary) is not linked: there the word means something else.
OTHERWISE = {("gradient_descent", "label"), ("mini_batch_sgd", "class-classes"), *(
    ("many_workers", entry) for entry in ("dead-dead-unit", "kernel", "rank", "weight"))}
PLURALS = {"matrix": "matrices"}                     # those that do not end in s


# ---------------------------------------------------------------- the pages, prepared

def anchor(heading: str) -> str:
    """The address of a heading, as JupyterLab makes it and the course's links use it."""
    return heading.replace(" ", "-")


def on_github(heading: str) -> str:
    """The address of a heading of a Markdown file, as GitHub makes it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def in_book(page: Path) -> Path:
    """Where a page stands in the book: GitHub Pages leaves out folders whose names begin with a dot."""
    return Path(page.relative_to(ROOT).as_posix().removeprefix("."))


def stage(sources: Path) -> None:
    """Write the pages, and the files that they show or offer, into `sources`, with the places that they have in the tree."""
    others = [page for page in (ROOT / "tools/book/evidence.md", ROOT / "tools/book/teaching.md",
                                  ROOT / ".github/CONTRIBUTING.md", ROOT / "data/README.md")
              if page.exists()]                          # students have only the last
    for page in [ROOT / "README.md", *notebooks(), *others]:
        goal = sources / in_book(page)
        goal.parent.mkdir(parents=True, exist_ok=True)
        if page.suffix == ".ipynb":
            nb = read(page)
            for cell in nb.cells:
                if cell.cell_type == "markdown":
                    cell.source = with_links(cell.source, page, sources)
                else:
                    prepare(cell, goal)
            write(goal, as_text(nb))
        else:
            write(goal, with_links(page.read_text(encoding="utf-8"), page, sources))
    readme = sources / "README.md"
    text = re.sub(r" *<!-- /?(colab|book) -->\n", "", readme.read_text(encoding="utf-8"))
    write(sources / "about.md", re.sub("^# .*", "# About the course", text))
    contents = "".join(f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n" + "\n".join(
        in_book(page).with_suffix("").as_posix() for page in pages) + "\n```\n"
        for caption, pages in [("The notebooks", notebooks()), ("More", [ROOT / "about.md", *others])])
    write(sources / "index.md", f"# {SETTINGS['project']}\n{contents}")          # live/landing.html takes its place
    readme.unlink()


def with_links(text: str, page: Path, sources: Path) -> str:
    """The text of a page, with links to the README leading to about; other files that it links to are copied."""
    def link(found: re.Match) -> str:
        address, at, place = found[2].partition("#")
        goal = (page.parent / unquote(address)).resolve() if address else page
        if place and goal.suffix == ".md":               # GitHub has its own way to name a heading
            headings = re.findall(r"^#+ +(.+?) *$", goal.read_text(encoding="utf-8"), re.M)
            place = next((anchor(heading) for heading in headings if on_github(heading) == place), place)
        if goal == ROOT / "README.md":
            address = address.replace("README.md", "about.md")
        elif goal.is_relative_to(ROOT / ".github"):
            address = address.replace(".github/", "github/")
        elif goal.is_file() and goal.suffix not in (".ipynb", ".md") and goal.is_relative_to(ROOT):
            (sources / goal.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(goal, sources / goal.relative_to(ROOT))
        return found[1] + address + at + place + ")"

    return re.sub(r"(\]\()(?!\w+:)([^)\s]+)\)", link, text)


def prepare(cell: nbformat.NotebookNode, goal: Path) -> None:
    """Fold the set-up cell; give pictures their alt text, a place to sliders and pads, which work here, too."""
    if has(cell, "setup"):
        cell.metadata.tags.append("hide-input")
        cell.metadata["mystnb"] = {"code_prompt_show": "The set-up cell", "code_prompt_hide": "The set-up cell"}
    cell.outputs = [output for output in cell.outputs
                    if not output.get("data", {}).get("text/plain", "").startswith(("Output(", "HBox("))]
    for at, output in enumerate(cell.outputs):
        data = output.get("data", {})
        if WIDGET in data or data.get("text/plain") == SLIDER:
            slider = playground.interacts(cell.source)
            output.data = nbformat.from_dict({"text/markdown": playground.slider(cell, output) if slider else live.PAD})
        elif "image/png" in data:                    # myst-nb does not know our alt, but Markdown has a place for it
            picture = goal.with_name(f"{goal.stem}-{cell.id}-{at}.png")
            picture.write_bytes(base64.b64decode(data["image/png"]))
            alt = " ".join(output.metadata.get("image/png", {}).get("alt", "").split())
            alt = re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", alt)
            output.data = nbformat.from_dict({"text/markdown": f"![{alt}]({picture.name})"})


# ---------------------------------------------------------------- words of the glossary

def forms(name: str) -> list[str]:
    """A name as it may stand in a sentence, in lower case where the name is: knot, knots, Knot; but only ReLU."""
    ends = ["s", "es"] if name.endswith(("s", "x", "ch", "sh")) else ["s", "d"] if name.endswith("e") else ["s"]
    found = [name, PLURALS.get(name, name), *(name + end for end in ends)]
    return found + [form[0].upper() + form[1:] for form in found] if name.islower() else found


def terms(glossary: nodes.document) -> dict[str, tuple[str, str]]:
    """Each form of each name in the glossary, with the entry's id and the sentence that explains it."""
    found = {}
    for section in glossary.findall(nodes.section):
        title, *content = section.children
        if isinstance(section.parent.parent, nodes.section):         # an entry, below a letter, below the title
            sentence = content[0].astext().partition("→")[0].strip() if content else ""
            for name in title.astext().split(", "):
                if name not in EVERYDAY:
                    found |= {form: (section["ids"][0], sentence) for form in forms(name)}
    return found


def link_terms(app: Sphinx, page: nodes.document, name: str) -> None:
    """On each notebook's page, link the first use of each word of the glossary to its entry."""
    glossary = "notebooks/glossary"
    if not name.startswith("notebooks/") or name == glossary:
        return
    known = {form: entry for form, entry in terms(app.env.get_doctree(glossary)).items()
             if (Path(name).name[3:], entry[0]) not in OTHERWISE}
    address = app.builder.get_relative_uri(name, glossary)
    word = re.compile(r"(?<![\w.-])(" + "|".join(map(re.escape, sorted(known, key=len, reverse=True))) + r")(?![\w-]|\.\w)")
    closed = (nodes.title, nodes.reference, nodes.strong, nodes.literal, nodes.FixedTextElement, nodes.math, nodes.raw)
    done = set()
    for text in list(page.findall(nodes.Text)):
        above = text.parent
        while above is not None and not isinstance(above, closed) and "cell_output" not in above.get("classes", []):
            above = above.parent
        if above is not None:
            continue
        pieces = []
        for at, piece in enumerate(word.split(text.astext())):
            if at % 2 and known[piece][0] not in done:
                place, sentence = known[piece]
                done.add(place)
                pieces.append(nodes.reference("", piece, internal=True, refuri=f"{address}#{place}", classes=["term"],
                                              reftitle=sentence))
            elif piece:
                pieces.append(nodes.Text(piece))
        text.parent.replace(text, pieces)


# ---------------------------------------------------------------- the site

def set_formula(translator, node: nodes.Element) -> None:
    """Write a formula as MathML, in the line or below it."""
    block = isinstance(node, nodes.math_block)
    inside = convert(node.astext(), display="block" if block else "inline")
    opens, closes = ('<div class="formula" tabindex="0">', "</div>") if block else ('<span class="formula">', "</span>")
    translator.body.append(opens + inside + closes)
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """What Sphinx calls: this module is one of its extensions."""
    app.add_html_math_renderer("mathml", (set_formula, None), (set_formula, None))
    app.connect("doctree-resolved", link_terms)


def make() -> list[str]:
    """Build the site into build/book/; the problems found on the way, as sentences."""
    warnings = io.StringIO()
    with new_build("book") as done, tempfile.TemporaryDirectory() as work:
        sources, site = Path(work).resolve() / "sources", Path(work).resolve() / "site"
        stage(sources)
        (sources / "_static").mkdir(exist_ok=True)
        for file in ("book.css", "icon.svg"):
            shutil.copy(HERE / file, sources / "_static")
        app = Sphinx(sources, None, site, Path(work) / "doctrees", "html", SETTINGS, status=None, warning=warnings)
        app.build(force_all=True)
        finish(site)
        shutil.copytree(site, done, dirs_exist_ok=True)
    said = re.sub(r"\x1b\[[\d;]*m", "", warnings.getvalue()).replace(f"{sources}/", "").splitlines()
    return [line for line in said if line] + faults(ROOT / "build" / "book")


def finish(site: Path) -> None:
    """What Sphinx does not make: the landing page, what moves, and pages without the weight that nobody sees."""
    (site / "_static" / "live").mkdir()
    shutil.copy(HERE / "live" / "scroll.js", site / "_static" / "live")
    write(site / "_static" / "live" / "answers.js", live.answers_js())
    live.lighten(site)
    playground.write_playground(site)
    more = {address: name for address, name in MORE.items() if (site / urldefrag(address)[0]).exists()}
    write(site / "index.html", live.landing(site, SETTINGS["project"], more))


class Page(HTMLParser):
    """What a page contains, as far as `faults` asks for it."""
    def __init__(self, file: Path):
        super().__init__()
        self.ids, self.links, self.fetched, self.pictures = Counter(), [], [], []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list) -> None:
        given = dict(attributes)
        if "id" in given:
            self.ids[given["id"]] += 1
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        elif tag in ("script", "img", "iframe", "source", "video", "audio", "link", "object", "embed"):
            self.fetched += [given[key] for key in ("src", "href", "data") if given.get(key)]
        if tag == "img":
            self.pictures.append((given.get("src", ""), given.get("alt") or ""))


def pages_in(folder: Path) -> list[Path]:
    """The pages of the site in order; the theme has snippets of its own in _static."""
    found = sorted(file for file in folder.rglob("*.html") if file.relative_to(folder).parts[0] != "_static")
    if not found:
        sys.exit(f"There is no web book in {folder}: run  make book  first.")
    return found


def faults(folder: Path) -> list[str]:
    """What can be found without a browser: links to nowhere, pictures without alt, whatever would come from elsewhere."""
    pages, found = {file.resolve(): Page(file) for file in pages_in(folder)}, []
    for file, page in pages.items():
        name = file.relative_to(folder.resolve()).as_posix()
        found += [f"{name} has two places with the id {place!r}." for place, count in page.ids.items()
                  if count > 1 and place != "search-input"]           # the theme for Python 3.10 has two of those
        found += [f"{name}: the picture {src} has no alt text." for src, alt in page.pictures if not alt.strip()]
        found += [f"{name} would fetch {address}." for address in page.fetched if re.match(r"(\w+:)?//", address)]
        for address in page.links + page.fetched:
            path, place = urldefrag(address)
            if re.match(r"\w+:|//", address):
                continue
            goal = (file.parent / unquote(path.partition("?")[0])).resolve() if path else file
            if not goal.is_file():
                found.append(f"{name} links to {address}, which is not there.")
            elif place and goal in pages and unquote(place) not in pages[goal].ids:
                found.append(f"{name} links to {address}, a place that is not on that page.")
    return found

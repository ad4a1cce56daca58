"""Builds the course as a web site that needs no network, from the committed outputs; `make book` calls it.

The pages are copied into a folder, prepared there and given to Sphinx; nothing is run. `make browser` visits the result.
"""
import base64
import io
import re
import shutil
import sys
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

try:
    import nbformat
    import yaml
    from docutils import nodes
    from latex2mathml.converter import convert
    from PIL import Image
    from sphinx.application import Sphinx

    from tools.book import live
    from tools.notebooks import SLIDER, WIDGET, as_text, has, new_build, notebooks, read, slug, write
except ModuleNotFoundError as missing:
    sys.exit(f"The package {missing.name} is missing: run  make book , which installs what the web book needs.")

SETTINGS = yaml.safe_load((HERE / "settings.yml").read_text(encoding="utf-8"))
GLOSSARY = "notebooks/glossary"


# ---------------------------------------------------------------- the pages, prepared

def anchor(heading: str) -> str:
    """The address of a heading, as JupyterLab makes it and the course's links use it."""
    return heading.replace(" ", "-")


def in_book(page: Path) -> Path:
    """Where a page stands in the book: GitHub Pages leaves out folders whose names begin with a dot."""
    return Path(page.relative_to(ROOT).as_posix().removeprefix("."))


def stage(sources: Path) -> dict:
    """Write the pages, and what they show or offer, into the empty folder `sources`; what the templates need to know."""
    static = sources / "_static"
    (static / "live").mkdir(parents=True)
    for file in ("book.css", "icon.svg"):
        shutil.copy(HERE / file, static)
    live.write_live(static / "live")
    others = [ROOT / page for page in SETTINGS["pages"] if (ROOT / page).exists()]
    for page in [*notebooks(), *others]:
        goal = sources / in_book(page)
        if page.suffix == ".ipynb":
            nb = read(page)
            for cell in nb.cells:
                if cell.cell_type == "markdown":
                    cell.source = with_links(cell.source, page, sources)
                else:
                    prepare(cell, static / f"{page.stem}-{cell.id}")
            write(goal, as_text(nb))
        else:
            write(goal, with_links(page.read_text(encoding="utf-8"), page, sources))
    readme = re.sub(r" *<!-- /?(colab|book) -->\n", "", (ROOT / "README.md").read_text(encoding="utf-8"))
    write(sources / "about.md", re.sub("^# .*", "# About the course", with_links(readme, ROOT / "README.md", sources)))
    contents = "".join(f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n" + "\n".join(
        in_book(page).with_suffix("").as_posix() for page in pages) + "\n```\n"
        for caption, pages in [("The notebooks", notebooks()), ("More", [ROOT / "about.md", *others])])
    write(sources / "index.md", f"# {SETTINGS['sphinx']['project']}\n{contents}")      # live/landing.html takes its place
    return {"default_mode": "auto",                      # light or dark as the reader's system is
            "lessons": live.cards(static / "live"), "notebooks": {slug(page): f"notebooks/{page.stem}" for page in notebooks()},
            "pad_css": live.DrawPad._css}


def with_links(text: str, page: Path, sources: Path) -> str:
    """The text of a page, with links to the README leading to about; other files that it links to are copied."""
    def link(found: re.Match) -> str:
        address, at, place = found[2].partition("#")
        goal = (page.parent / unquote(address)).resolve() if address else page
        if goal == ROOT / "README.md":
            address = address.replace("README.md", "about.md")
        elif goal.is_relative_to(ROOT / ".github"):
            address = address.replace(".github/", "github/")
        elif goal.is_file() and goal.suffix not in (".ipynb", ".md") and goal.is_relative_to(ROOT):
            (sources / goal.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(goal, sources / goal.relative_to(ROOT))
        return found[1] + address + at + place + ")"

    return re.sub(r"(\]\()(?!\w+:)([^)\s]+)\)", link, text)


def prepare(cell: nbformat.NotebookNode, stem: Path) -> None:
    """Fold the set-up cell; write pictures to `stem`-….png; give a place to sliders and pads, which work here, too."""
    if has(cell, "setup"):
        cell.metadata.tags.append("hide-input")
        cell.metadata["mystnb"] = {"code_prompt_show": "The set-up cell", "code_prompt_hide": "The set-up cell"}
    cell.outputs = [output for output in cell.outputs
                    if not output.get("data", {}).get("text/plain", "").startswith(("Output(", "HBox("))]
    for at, output in enumerate(cell.outputs):
        data = output.get("data", {})
        if WIDGET in data or data.get("text/plain") == SLIDER:
            output.data = nbformat.from_dict({"text/markdown": live.widget(cell, output)})
        elif "image/png" in data:                    # with its size, before it comes; book.css keeps its letters legible
            picture = stem.with_name(f"{stem.name}-{at}.png")
            picture.write_bytes(base64.b64decode(data["image/png"]))
            width, height = Image.open(picture).size
            output.data = nbformat.from_dict({"text/markdown": (
                f'<p><img src="../_static/{picture.name}" width="{width}" height="{height}" style="--width: {width}px" '
                f'alt="{live.alt_of(output)}"></p>')})


# ---------------------------------------------------------------- words of the glossary

def forms(name: str) -> list[str]:
    """A name as it may stand in a sentence, in lower case where the name is: knot, knots, Knot; but only ReLU."""
    ends = ["s", "es"] if name.endswith(("s", "x", "ch", "sh")) else ["s", "d"] if name.endswith("e") else ["s"]
    found = [name, SETTINGS["glossary"]["plurals"].get(name, name), *(name + end for end in ends)]
    return found + [form[0].upper() + form[1:] for form in found] if name.islower() else found


def terms(glossary: nodes.document, lesson: str) -> dict[str, tuple[str, str]]:
    """Each form of each name that a lesson may link, with the entry's id and the sentence that explains it."""
    found, otherwise = {}, SETTINGS["glossary"]["otherwise"].get(lesson, [])
    for section in glossary.findall(nodes.section):
        title, *content = section.children
        entry = section["ids"][0]
        if isinstance(section.parent.parent, nodes.section) and entry not in otherwise:      # below a letter, below the title
            sentence = content[0].astext().partition("→")[0].strip() if content else ""
            for name in title.astext().split(", "):
                if name not in SETTINGS["glossary"]["everyday"]:
                    found |= {form: (entry, sentence) for form in forms(name)}
    return found


def is_closed(node: nodes.Node) -> bool:
    """Whether nothing is linked in this part of a page."""
    kinds = (nodes.title, nodes.reference, nodes.strong, nodes.literal, nodes.FixedTextElement, nodes.math, nodes.raw)
    return isinstance(node, kinds) or "cell_output" in node.get("classes", [])


def link_terms(app: Sphinx, page: nodes.document, name: str) -> None:
    """On each notebook's page, link the first use of each word of the glossary to its entry."""
    if not name.startswith("notebooks/") or name == GLOSSARY:
        return
    known = terms(app.env.get_doctree(GLOSSARY), slug(Path(name)))
    address = app.builder.get_relative_uri(name, GLOSSARY)
    word = re.compile(r"(?<![\w.-])(" + "|".join(map(re.escape, sorted(known, key=len, reverse=True))) + r")(?![\w-]|\.\w)")
    done = set()
    for text in list(page.findall(nodes.Text)):
        above = text.parent
        while above is not None and not is_closed(above):
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

def add_anchors(app: Sphinx, page: nodes.document, name: str) -> None:
    """Give headings the addresses that the course's links use: the MyST for Python 3.10 knows them, and writes others."""
    for section in page.findall(nodes.section):
        if section.get("slug") not in [None, *section["ids"]]:
            section["ids"].append(section["slug"])


def set_formula(translator, node: nodes.Element) -> None:
    """Write a formula as MathML, in the line or below it."""
    block = isinstance(node, nodes.math_block)
    inside = convert(node.astext(), display="block" if block else "inline")
    opens, closes = ('<div class="formula" tabindex="0">', "</div>") if block else ('<span class="formula">', "</span>")
    translator.body.append(opens + inside + closes)
    raise nodes.SkipNode


def without_barriers(app: Sphinx, name: str, template: str, context: dict, page: nodes.document | None) -> None:
    """Mend in a page what screen readers would read wrongly: a label beside the words, a heading without words."""
    context["body"] = context.get("body", "").replace('<summary aria-label="Toggle hidden content">', "<summary>").replace(
        '<th class="head"><p></p></th>', "<td></td>")


def setup(app: Sphinx) -> None:
    """What Sphinx calls: this module is one of its extensions."""
    app.add_html_math_renderer("mathml", (set_formula, None), (set_formula, None))
    app.connect("doctree-resolved", add_anchors)
    app.connect("doctree-resolved", link_terms)
    app.connect("html-page-context", without_barriers)


def make() -> list[str]:
    """Build the site into build/book/; the problems found on the way, as sentences."""
    warnings = io.StringIO()
    with new_build("book") as done, tempfile.TemporaryDirectory() as work:
        sources, site = Path(work).resolve() / "sources", Path(work).resolve() / "site"
        settings = SETTINGS["sphinx"] | {"html_context": stage(sources), "templates_path": [str(live.LIVE)]}
        Sphinx(sources, None, site, Path(work) / "doctrees", "html", settings, status=None, warning=warnings).build()
        lighten(site)
        shutil.copytree(site, done, dirs_exist_ok=True)
    said = re.sub(r"\x1b\[[\d;]*m", "", warnings.getvalue()).replace(f"{sources}/", "").splitlines()
    return [line for line in said if line] + faults(ROOT / "build" / "book")


def lighten(site: Path) -> None:
    """Write looks.css, the style sheets' rules that match something on the pages; remove what no page loads."""
    static = site / "_static"
    sheets = ["basic.css", "styles/theme.css", "styles/bootstrap.css", "styles/pydata-sphinx-theme.css", "pygments.css",
              "styles/sphinx-book-theme.css", *(file.name for file in static.glob("mystnb*.css")), "book.css"]
    css = "".join((static / sheet).read_text(encoding="utf-8") for sheet in sheets if (static / sheet).exists())
    shutil.rmtree(static / "vendor", ignore_errors=True)
    for pattern in ("*.css", "styles/*", "scripts/*.map", "scripts/fontawesome*"):
        for file in static.glob(pattern):
            file.unlink()
    seen = [*pages_in(site), *static.glob("*.js"), *static.glob("scripts/*.js"), *live.LIVE.glob("*.js")]
    words = {word for file in seen for word in re.findall(r"[\w-]+", file.read_text(encoding="utf-8"))}
    css = needed(re.sub(r"@font-face\{[^{}]*\}|@import [^;]*;", "", css), words)
    write(static / "looks.css", css + live.DrawPad._css + live.text_of("pad.css", "icons.css"))


def needed(css: str, words: set[str]) -> str:
    """The rules of a style sheet that may match something, where these are all words on the pages and in the scripts."""
    def rule(found: re.Match) -> str:
        selectors = re.sub(r":(not|is|where|has)\([^()]*\)", "", found[1])
        if found[1].lstrip().startswith("@") or any(words.issuperset(re.findall(r"\.(-?[A-Za-z_][\w-]*)", part))
                                                    for part in selectors.split(",")):
            return found[0]
        return ""

    return re.sub(r"([^{};]+)\{([^{}]*)\}", rule, css)


# ---------------------------------------------------------------- the site, checked

class Tags(HTMLParser):
    """The tags of a page with their attributes."""
    def __init__(self, file: Path):
        super().__init__()
        self.found = []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.found.append((tag, {name: value or "" for name, value in attributes}))


def pages_in(folder: Path) -> list[Path]:
    """The pages of the site in order; the theme has snippets of its own in _static."""
    found = sorted(file for file in folder.rglob("*.html") if file.relative_to(folder).parts[0] != "_static")
    return found or sys.exit(f"There is no web book in {folder}: run  make book  first.")


def faults(folder: Path) -> list[str]:
    """What can be found without a browser: links to nowhere, pictures without alt, whatever would come from elsewhere."""
    pages, found = {file.resolve(): Tags(file).found for file in pages_in(folder)}, []
    ids = {file: [given["id"] for _, given in tags if "id" in given] for file, tags in pages.items()}
    for file, tags in pages.items():
        name = file.relative_to(folder.resolve()).as_posix()
        found += [f"{name} has two places with the id {place!r}." for place in sorted(set(ids[file]))
                  if ids[file].count(place) > 1 and place != "search-input"]           # the theme for Python 3.10 has two
        for tag, given in tags:
            if tag == "img" and not given.get("alt", "").strip():
                found.append(f"{name}: the picture {given.get('src')} has no alt text.")
            for address in [given[key] for key in ("href", "src", "data") if given.get(key)]:
                path, place = urldefrag(address)
                goal = (file.parent / unquote(path.partition("?")[0])).resolve() if path else file
                if re.match(r"\w+:|//", address):
                    if tag != "a" and not address.startswith("data:"):
                        found.append(f"{name} would fetch {address}.")
                elif not goal.is_file():
                    found.append(f"{name} links to {address}, which is not there.")
                elif place and goal in pages and unquote(place) not in ids[goal]:
                    found.append(f"{name} links to {address}, a place that is not on that page.")
    return found

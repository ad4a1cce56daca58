"""What moves in the web book without Python: the pad with its three models, the landing page; and light pages.

The JavaScript and the looks are in the folder live/; here is what they need from Python.
"""
import base64
import io
import json
import re
from html import escape
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from course.finished import finished_net
from course.pad import DrawPad
from tools.notebooks import notebooks, read, slug
from utils import Batches, as_xy, fit, load_digits

LIVE = Path(__file__).with_name("live")
PAD = '<div class="live-pad"><p>With JavaScript there is a pad here: draw, and three models answer.</p></div>'


# ---------------------------------------------------------------- the pad and its models


def linear_model() -> nn.Linear:
    """The linear model of the notebook mini_batch_sgd, trained on the 500 bundled 3s and 7s, in a second."""
    digits = load_digits((3, 7), "bundled")
    (x, y), (vx, vy) = as_xy(*digits[:2], 3), as_xy(*digits[2:], 3)
    torch.manual_seed(0)
    model = nn.Linear(784, 1)
    fit(model, torch.optim.SGD(model.parameters(), lr=.1), Batches(x, y, 32, shuffle=True), Batches(vx, vy, 500), 40)
    return model


def parameters() -> dict[str, Tensor]:
    """All numbers of the three models: the net's w1, b1, w2, b2, the linear model's w and b, the two mean digits."""
    net, linear, digits = finished_net(), linear_model(), load_digits((3, 7), "bundled")
    means = (digits.train_x[digits.train_y == digit].mean(0) for digit in (3, 7))
    named = zip(("w1", "b1", "w2", "b2", "w", "b", "mean3", "mean7"), (*net.parameters(), *linear.parameters(), *means))
    return {name: numbers.detach() for name, numbers in named}


def as_base64(numbers: Tensor) -> str:
    """Numbers as float32, the lowest byte first, in base64."""
    return base64.b64encode(numbers.numpy().astype("<f4").tobytes()).decode()


def data_js() -> str:
    """A script that holds the parameters: a page may load it from a folder, without a server."""
    stored = {name: as_base64(numbers) for name, numbers in parameters().items()}
    return f"globalThis.COURSE_DATA = {json.dumps(stored, indent=0)};\n"


def drawpad_js() -> str:
    """The drawing pad of the notebooks, course/pad.py, as a script for a page."""
    code, _, end = DrawPad._esm.rpartition("export default")
    assert end.split() == ["{", "render", "};"], "the pad exports something else"
    return f'globalThis.drawPad = (() => {{\n"use strict";\n{code}\nreturn render;\n}})();\n'


def answers_js() -> str:
    """All that a page with a pad on it has to load."""
    return "".join([data_js(), drawpad_js(), *((LIVE / name).read_text(encoding="utf-8") for name in ("net.js", "pad.js"))])


def pad_css() -> str:
    return DrawPad._css + (LIVE / "pad.css").read_text(encoding="utf-8")


def theme_js() -> str:
    return (LIVE / "theme.js").read_text(encoding="utf-8")


# ---------------------------------------------------------------- the landing page

def thumbnail(path: Path, goal: Path) -> tuple[str, str, str]:
    """Write the first picture of a notebook, small, into the folder `goal`: its address there, its size, its alt text."""
    for output in (output for cell in read(path).cells for output in cell.get("outputs", [])):
        if "image/png" in output.get("data", {}):
            picture = Image.open(io.BytesIO(base64.b64decode(output.data["image/png"]))).convert("RGB")
            picture.thumbnail((480, 300))
            picture.save(goal / f"{path.stem}.webp", quality=70)
            alt = " ".join(output.metadata.get("image/png", {}).get("alt", "").split())
            return f"_static/live/{path.stem}.webp", 'width="{}" height="{}"'.format(*picture.size), alt
    return "", "", ""


def card(path: Path, goal: Path) -> str:
    """A notebook on the landing page: its first picture, its title and the question that it answers."""
    nb = read(path)
    title = re.match(r"# *(.+)", nb.cells[0].source)[1]
    minutes = re.search(r"About (\d+) minutes", nb.cells[0].source)
    about = nb.metadata.course.get("question") or nb.metadata.course.summary.rpartition(": ")[2]
    about = about[0].upper() + about[1:]
    picture, size, alt = thumbnail(path, goal)
    image = f'<img fetchpriority="low" src="{picture}" {size} alt="{escape(alt)}">' if picture else ""
    return (f'<li><a href="notebooks/{path.stem}.html">{image}<span><strong>{escape(title)}</strong> {escape(about)}'
            + f" <small>{minutes[1]} minutes</small>" * bool(minutes) + "</span></a></li>")


def landing(site: Path, title: str, more: dict[str, str]) -> str:
    """The page that a visitor sees first; its pictures are written into the site. more: further pages and their names."""
    goal = site / "_static" / "live"
    lessons = [path for path in notebooks() if slug(path) != "glossary"]
    playground = '<a class="button" href="playground.html">Playground →</a>' * (site / "playground.html").exists()
    links = "\n".join(f'<li><a href="{address}">{escape(name)}</a></li>' for address, name in more.items())
    parts = {"title": title, "first": f"notebooks/{lessons[0].stem}.html", "playground": playground, "more": links,
             "cards": "\n".join(card(path, goal) for path in lessons),
             "theme": theme_js(), "css": (LIVE / "landing.css").read_text(encoding="utf-8") + pad_css()}
    return re.sub(r"\{(\w+)\}", lambda name: parts.get(name[1], name[0]), (LIVE / "landing.html").read_text(encoding="utf-8"))


# ---------------------------------------------------------------- light pages

ICONS = "fontawesome.js"                             # one and a half megabytes of icons, of which we use a dozen
SEARCH = r'<script src="[^"]*(?:searchtools|language_data|searchindex)\.js[^"]*"></script>\s*'


def icons_css(script: str, names: set[str]) -> str:
    """Rules that draw the icons with these names as Font Awesome's script would; they take the colour of the text."""
    drawn = {}                                       # the last icon with a name is the solid one
    entry = r'"?([a-z][\w-]*)"?:\[(\d+),(\d+),\[([^]]*)\],"\w+","([^"]+)"\]'
    for name, width, height, others, path in re.findall(entry, script):
        svg = f"%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}'%3E%3Cpath d='{path}'/%3E%3C/svg%3E"
        drawn |= {known: svg for known in {name, *re.findall(r'"([^"]+)"', others)} & names}
    return "\n".join([
        ".fa-solid::before { content: ''; display: inline-block; width: 1.1em; height: 1em; vertical-align: -.125em; "
        "background: currentColor; mask: var(--icon) center / contain no-repeat; forced-color-adjust: none; }",
        "html { --pst-icon-external-link: ''; --pst-icon-admonition-default: ''; --pst-icon-search-minus: ''; }",
        *(f'.fa-{name} {{ --icon: url("data:image/svg+xml,{svg}"); }}' for name, svg in sorted(drawn.items())), ""])


def needed(css: str, words: set[str]) -> str:
    """The rules of a style sheet that may match something, where these are all words on the pages and in the scripts."""
    def rule(found: re.Match) -> str:
        selectors = re.sub(r":(not|is|where|has)\([^()]*\)", "", found[1])
        if found[1].lstrip().startswith("@") or any(words.issuperset(re.findall(r"\.(-?[A-Za-z_][\w-]*)", part))
                                                    for part in selectors.split(",")):
            return found[0]
        return ""

    return re.sub(r"([^{};]+)\{([^{}]*)\}", rule, css)


def sized(file: Path, text: str) -> str:
    """The text of a page whose pictures say how large they are, before they come; book.css keeps their letters legible."""
    def size(found: re.Match) -> str:
        source = file.parent / found[1]
        head = source.read_bytes()[:24] if source.suffix == ".png" and source.is_file() else b""
        if len(head) < 24:
            return found[0]
        width, height = (int.from_bytes(head[at:at + 4], "big") for at in (16, 20))           # where a PNG has them
        return f'{found[0]} width="{width}" height="{height}" style="--width: {width}px"'

    return re.sub(r'<img(?![^>]*width=)[^>]*? src="([^"]+)"', size, text)


def lighten(site: Path) -> None:
    """Take from the pages what costs seconds on a phone: icons, rules that match nothing, most search scripts."""
    static, pages = site / "_static", {}
    script = static / "scripts" / ICONS
    options = (static / "documentation_options.js").read_text(encoding="utf-8")
    for file in site.rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        if static not in file.parents and ICONS in text:                 # the theme's pages
            pages[file] = sized(file, text)
    sheets = re.findall(r'<link[^>]* href="(?:\.\./)*([^"?]+\.css)', next(iter(pages.values())))
    looks = "".join((site / sheet).read_text(encoding="utf-8") for sheet in dict.fromkeys(["_static/basic.css", *sheets]))
    scripts = [*static.glob("*.js"), *static.glob("scripts/*.js"), *LIVE.glob("*.js")]
    scripts = [file.read_text(encoding="utf-8") for file in scripts if file.name != ICONS]
    names = set(re.findall(r'class="[^"]*\bfa-solid fa-([\w-]+)', "".join(pages.values())))
    looks = needed(re.sub(r"@font-face\{[^{}]*\}|@import [^;]*;", "", looks),
                   set(re.findall(r"[\w-]+", " ".join([*pages.values(), *scripts]))))
    looks += pad_css() + icons_css(script.read_text(encoding="utf-8"), names)
    (static / "looks.css").write_text(looks, encoding="utf-8")           # one file instead of seven
    for file, text in pages.items():
        root = "../" * (len(file.relative_to(site).parts) - 1)
        text = re.sub(rf'<script[^>]*{ICONS}[^>]*></script>\s*|<link rel="preload"[^>]*>\s*|<link[^>]*\.css[^>]*>\s*', "", text)
        text = re.sub(r'(<button class="[^"]*search-button[^>]*?) aria-label="[^"]*"', r"\1", text)    # it says what it is
        text = text.replace('<summary aria-label="Toggle hidden content">', "<summary>")
        text = text.replace('<th class="head"><p></p></th>', "<td></td>")          # above the names of rows
        if file.name != "search.html":
            text = re.sub(SEARCH, "", text)
            text = re.sub(r'<script src="[^"]*documentation_options\.js[^"]*">', lambda _: f"<script>{options}", text)
            text = re.sub(r'<script (?:defer(?:="defer")? )?src=', '<script defer fetchpriority="low" src=', text)
        first, head = f'<link rel="stylesheet" href="{root}_static/looks.css">', ""           # fetched before all else
        text = text.replace("<head>", f"<head>\n{first}", 1)
        for sign, name in (('class="live-pad"', "answers.js"), ('class="live-slider"', "sliders.js"),
                           ('id="main-content"', "scroll.js")):
            if sign in text:
                head += f'<script defer fetchpriority="low" src="{root}_static/live/{name}"></script>\n'
        file.write_text(text.replace("</head>", head + "</head>", 1), encoding="utf-8")
    for file in [*static.rglob("*.map"), *static.rglob("*.woff2"), *script.parent.glob(f"{ICONS}*"), *static.rglob("*.css")]:
        if file.name != "looks.css":
            file.unlink(missing_ok=True)

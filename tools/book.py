"""Builds the course as a web site that needs no network, from the committed outputs; `make book` calls it.

The pages are copied into build/, prepared there, and given to Sphinx; nothing is run. `check_book` looks at the result
in a browser; `make browser` calls that.
"""
import base64
import functools
import http.server
import importlib.util
import io
import re
import shutil
import sys
import threading
from pathlib import Path
from urllib.parse import unquote

import nbformat

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))                       # Sphinx finds `tools.book.anchor` by its name

from tools.notebooks import WIDGET, as_text, build, has, notebooks, write

STYLE = """
"""
SETTINGS = {
    "project": "Is this a 3 or a 7?",
    "html_title": "Is this a 3 or a 7?",
    "language": "en",
    "root_doc": "index",
    "extensions": ["myst_nb"],
    "nb_execution_mode": "off",
    "nb_merge_streams": True,
    "nb_ipywidgets_js": {},                         # else pages fetch widgets from a CDN
    "myst_enable_extensions": ["dollarmath", "amsmath"],
    "myst_heading_anchors": 4,
    "myst_heading_slug_func": "tools.book.anchor",
    "mathjax_path": "tex-svg-full.js",              # one file, with its fonts: works from file:// too
    "mathjax3_config": {"options": {"enableMenu": False}},
    "html_theme": "sphinx_book_theme",
    "html_theme_options": {
        "use_download_button": False, "use_fullscreen_button": False, "home_page_in_toc": True,
        "search_bar_text": "Search the course", "show_toc_level": 2,
        "pygments_light_style": "a11y-high-contrast-light", "pygments_dark_style": "a11y-high-contrast-dark",
    },
    "html_use_index": False,
    "html_copy_source": False,
    "html_show_sphinx": False,
    "html_show_copyright": False,
}


def anchor(heading: str) -> str:
    """The address of a heading as JupyterLab makes it."""
    return heading.replace(" ", "-")


def stage(sources: Path) -> None:
    pages = [ROOT / "README.md", *notebooks(), ROOT / "TEACHING.md", ROOT / "data" / "README.md"]
    for page in pages:
        goal = sources / page.relative_to(ROOT)
        if page.suffix == ".ipynb":
            nb = nbformat.read(page, as_version=4)
            for cell in nb.cells:
                prepare(cell, goal)
            write(goal, as_text(nb))
        else:
            write(goal, page.read_text("utf8"))
    index = (sources / "README.md")
    title, _, rest = index.read_text("utf8").partition("\n")
    listed = "\n".join(f"notebooks/{p.stem}" for p in notebooks())
    (sources / "index.md").write_text(f"{title}\n\n```{{toctree}}\n:hidden:\n:caption: The notebooks\n{listed}\n```\n\n```{{toctree}}\n:hidden:\n:caption: More\nTEACHING\ndata/README\n```\n{rest}")
    index.unlink()
    shutil.copy(ROOT/"LICENSE", sources)
    (sources/"benchmarks").mkdir()
    shutil.copy(ROOT/"benchmarks/ladder.png", sources/"benchmarks")


def prepare(cell, goal):
    if has(cell, "setup"):
        cell.metadata.tags.append("hide-input")
        cell.metadata["mystnb"] = {"code_prompt_show": "The set-up cell", "code_prompt_hide": "The set-up cell"}
    for k, output in enumerate(cell.get("outputs", [])):
        data = output.get("data", {})
        if WIDGET in data:
            output.data = {"text/markdown": "*Run the notebook to move the slider.*"}
        if "image/png" in data:
            name = f"{goal.stem}-{cell.id}-{k}.png"
            goal.parent.mkdir(parents=True, exist_ok=True)
            (goal.parent / name).write_bytes(base64.b64decode(data["image/png"]))
            alt = re.sub(r"([^\w\s])", r"\\\1", " ".join(output.metadata["image/png"]["alt"].split()))
            output.data = nbformat.from_dict({"text/markdown": f"![{alt}]({name})"})


def make():
    from sphinx.application import Sphinx
    sources, half = build("book.sources"), build("book.half")
    stage(sources)
    mathjax = Path(importlib.util.find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"
    (sources/"_static").mkdir()
    shutil.copy(mathjax / "tex-svg-full.js", sources / "_static")
    warnings = io.StringIO()
    app = Sphinx(sources, None, half, ROOT / "build" / "book.doctrees", "html", {**SETTINGS, "html_static_path": ["_static"]}, status=None, warning=warnings)
    app.build(force_all=True)
    print(warnings.getvalue())
    shutil.rmtree(ROOT/"build"/"book", ignore_errors=True)
    half.rename(ROOT/"build"/"book")

if __name__ == "__main__":
    make()

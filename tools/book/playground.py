"""The playground of the web book, where a reader trains the models in the browser, and sliders that move on the pages.

write_playground(site) writes the page, its scripts and their numbers into a finished site. The JavaScript is in live/.
"""
import ast
import base64
import functools
import json
import re
import shutil
from html import escape
from pathlib import Path

import torch
from nbformat import NotebookNode
from torch import Tensor

from tools.book.live import theme_js
from tools.notebooks import notebooks, read, slug
from utils import load_digits

LIVE = Path(__file__).with_name("live")


def packed(images: Tensor) -> str:
    """Pixels in 0…1 as bytes in base64; up to 255 black ones in a row become a 0 and their number."""
    pixels = bytes((images.flatten() * 255).round().byte().tolist())
    runs = re.sub(rb"\0{1,255}", lambda run: bytes([0, len(run[0])]), pixels)
    return base64.b64encode(runs).decode()


def digits_js() -> str:
    """The bundled 3s and 7s, 500 to learn from and 500 to validate with, as a script: that works without a server."""
    digits = load_digits((3, 7), "bundled")
    return f'globalThis.COURSE_DIGITS = "{packed(torch.cat([digits.train_x, digits.valid_x]))}";\n'


# ---------------------------------------------------------------- sliders

def interacts(source: str) -> tuple[str, dict[str, list[float]]] | None:
    """The function behind the sliders of a cell, and for each slider its lowest, highest, step and first value."""
    for part in ast.parse(source).body:
        for call in getattr(part, "decorator_list", []):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "interact":
                first = [ast.literal_eval(value) for value in part.args.defaults]
                ranges = [ast.literal_eval(keyword.value) for keyword in call.keywords]
                steps = [.1 if any(isinstance(end, float) for end in ends) else 1 for ends in ranges]     # as ipywidgets has it
                return part.name, {keyword.arg: [*ends[:2], *(ends[2:] or [step]), start]
                                   for keyword, ends, step, start in zip(call.keywords, ranges, steps, first)}
    return None


def slider(cell: NotebookNode, output: NotebookNode) -> str:
    """What stands on a page for a cell's sliders: a picture, or a sentence, until sliders.js takes its place."""
    name, knobs = interacts(cell.source)
    picture = output.data.get("image/png")
    alt = " ".join(output.metadata.get("image/png", {}).get("alt", "").split())
    still = (f'<img src="data:image/png;base64,{"".join(picture.split())}" alt="{escape(alt)}">' if picture else
             f"<p>With JavaScript there is something to move here: {', '.join(knobs)}.</p>")
    return f'<div class="live-slider" data-slider="{name}" data-knobs="{escape(json.dumps(knobs))}">{still}</div>'


def ball() -> dict[str, list[float]]:
    """The dots of the notebook gradient_descent, made by its own cell: seconds and metres."""
    cells = [cell.source for path in notebooks() if slug(path) == "gradient_descent" for cell in read(path).cells]
    made = next(source.partition("fig, ax")[0] for source in cells if "torch.randn(41)" in source)
    names = {"torch": torch}
    exec(made, names)
    return {name: [round(value, 4) for value in names[name].tolist()] for name in "xy"}


@functools.cache
def sliders_js() -> str:
    """The script for pages with sliders, its few numbers in front."""
    return f"globalThis.COURSE_BALL = {json.dumps(ball())};\n" + (LIVE / "sliders.js").read_text(encoding="utf-8")


# ---------------------------------------------------------------- the page

def write_playground(site: Path) -> None:
    """Write playground.html, and into _static/live/ all that it and the sliders load."""
    goal = site / "_static" / "live"
    goal.mkdir(parents=True, exist_ok=True)
    for name in ("train.js", "worker.js", "playground.js", "playground.css"):
        shutil.copy(LIVE / name, goal)
    for name, text in {"digits.js": digits_js(), "sliders.js": sliders_js()}.items():
        (goal / name).write_text(text, encoding="utf-8")
    pages = {slug(path): path.stem for path in notebooks()}
    page = (LIVE / "playground.html").read_text(encoding="utf-8").replace("{theme}", theme_js())
    page = re.sub(r"notebooks/\{(\w+)\}", lambda name: f"notebooks/{pages[name[1]]}", page)
    (site / "playground.html").write_text(page, encoding="utf-8")

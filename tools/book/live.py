"""What moves in the web book without Python: the pad with its three models, sliders, the playground; and the landing page.

The JavaScript, the looks and the pages are in the folder live/; here is what they need from Python.
"""
import ast
import base64
import functools
import io
import json
import re
import shutil
from html import escape
from pathlib import Path

import torch
from nbformat import NotebookNode
from PIL import Image
from torch import Tensor, nn

from course.finished import finished_net
from course.pad import DrawPad
from tools.notebooks import find, notebooks, read
from tools.order import Notebook
from utils import Batches, as_xy, fit, load_digits

LIVE = Path(__file__).with_name("live")
PAD = '<div class="live-pad"><p>With JavaScript there is a pad here: draw, and three models answer.</p></div>'


def text_of(*names: str) -> str:
    """Files of the folder live/, one after the other."""
    return "".join((LIVE / name).read_text(encoding="utf-8") for name in names)


def write_live(folder: Path) -> None:
    """Write the scripts that the pages load, their numbers, and the playground's looks into an existing folder."""
    for name in ("train.js", "worker.js", "playground.js", "playground.css", "scroll.js"):
        shutil.copy(LIVE / name, folder)
    for name, text in {"answers.js": answers_js(), "digits.js": digits_js(), "sliders.js": sliders_js()}.items():
        (folder / name).write_text(text, encoding="utf-8")


# ---------------------------------------------------------------- the pad and its models

def linear_model() -> nn.Linear:
    """The linear model of the notebook mini_batch_sgd, trained on the 500 bundled 3s and 7s, in a second."""
    digits = load_digits((3, 7), "bundled")
    (x, y), (vx, vy) = as_xy(*digits[:2], 3), as_xy(*digits[2:], 3)
    torch.manual_seed(0)
    model = nn.Linear(784, 1)
    fit(model, torch.optim.SGD(model.parameters(), lr=.1), Batches(x, y, 32, shuffle=True), Batches(vx, vy, 500), 40)
    return model


@functools.cache
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


def answers_js() -> str:
    """All that a page with a pad on it has to load; the pad itself is that of the notebooks, course/pad.py."""
    code, _, end = DrawPad._esm.rpartition("export default")
    assert end.split() == ["{", "render", "};"], "the pad exports something else"
    pad = f'globalThis.drawPad = (() => {{\n"use strict";\n{code}\nreturn render;\n}})();\n'
    return data_js() + pad + text_of("net.js", "pad.js")


# ---------------------------------------------------------------- sliders and playground

def interacts(source: str) -> tuple[str, dict[str, list[float]]] | None:
    """The function behind the sliders of a cell, and for each slider its lowest, highest, step and first value."""
    for part in ast.parse(source).body:
        for call in getattr(part, "decorator_list", []):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "interact":
                knobs = {}
                for keyword, first in zip(call.keywords, part.args.defaults):
                    low, high, *step = ast.literal_eval(keyword.value)
                    usual = .1 if isinstance(low, float) or isinstance(high, float) else 1           # as ipywidgets has it
                    knobs[keyword.arg] = [low, high, *(step or [usual]), ast.literal_eval(first)]
                return part.name, knobs
    return None


def alt_of(output: NotebookNode) -> str:
    """The alt text of a picture in an output, in one line, as HTML."""
    return escape(" ".join(output.metadata.get("image/png", {}).get("alt", "").split()))


def widget(cell: NotebookNode, output: NotebookNode) -> str:
    """What stands on a page for a cell's pad or sliders: a sentence or picture, until pad.js or sliders.js takes its place."""
    if not interacts(cell.source):
        return PAD
    name, knobs = interacts(cell.source)
    picture = output.data.get("image/png")
    still = (f'<img src="data:image/png;base64,{"".join(picture.split())}" alt="{alt_of(output)}">' if picture else
             f"<p>With JavaScript there is something to move here: {', '.join(knobs)}.</p>")
    return f'<div class="live-slider" data-slider="{name}" data-knobs="{escape(json.dumps(knobs))}">{still}</div>'


def sliders_js() -> str:
    """The script for pages with sliders; in front the dots of the notebook gradient_descent, made by its own cell."""
    made = next(cell.source.partition("fig, ax")[0] for cell in read(find("gradient_descent")).cells
                if "torch.randn(41)" in cell.source)
    names = {"torch": torch}
    exec(made, names)
    ball = {name: [round(value, 4) for value in names[name].tolist()] for name in "xy"}              # seconds, metres
    return f"globalThis.COURSE_BALL = {json.dumps(ball)};\n" + text_of("sliders.js")


def digits_js() -> str:
    """The bundled 3s and 7s, 500 to learn from and 500 to validate with, as a script: that works without a server.

    Pixels are bytes, in base64; up to 255 black ones in a row become a 0 and their number.
    """
    digits = load_digits((3, 7), "bundled")
    pixels = (torch.cat([digits.train_x, digits.valid_x]) * 255).round().byte().numpy().tobytes()
    runs = re.sub(rb"\0{1,255}", lambda run: bytes([0, len(run[0])]), pixels)
    return f'globalThis.COURSE_DIGITS = "{base64.b64encode(runs).decode()}";\n'


# ---------------------------------------------------------------- the landing page

def cards(folder: Path) -> list[dict]:
    """What the landing page says of each notebook; the first picture of each is written, small, into the folder."""
    found = []
    for lesson in map(Notebook, notebooks()):
        if lesson.number:                                # the glossary has none
            about = lesson.about.get("question") or lesson.about.get("summary", "").rpartition(": ")[2]
            found.append({"stem": lesson.path.stem, "title": f"{int(lesson.number)} · {lesson.title}",
                          "about": about[:1].upper() + about[1:], "minutes": lesson.minutes})
            outputs = (output for cell in read(lesson.path).cells for output in cell.get("outputs", []))
            first = next((output for output in outputs if "image/png" in output.get("data", {})), None)
            if first:
                picture = Image.open(io.BytesIO(base64.b64decode(first.data["image/png"]))).convert("RGB")
                picture.thumbnail((480, 300))
                picture.save(folder / f"{lesson.path.stem}.webp", quality=70)
                found[-1] |= {"alt": alt_of(first), "width": picture.width, "height": picture.height}
    return found

"""What pytest adds to nbval: it compares pictures, keeps sliders apart, refuses unrun cells, tries solutions, and --twice.

Tags of cells: `varies` has numbers that differ from machine to machine, so only the words of its output are compared;
`continues` and `once` are not run a second time, since the one goes on from where it stopped and the other takes long.
"""
import base64
import io
import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from tools.notebooks import SLIDER, exercises_of, has, is_right

ROOT = Path(__file__).parent
BLOCK, TOLERANCE = 8, 12         # pictures: largest RMS, in grey levels 0…255, over blocks of 8 × 8 pixels
NUMBER = re.compile(r" *-?(?:\d[\d,]*\.?\d*|\.\d+)(?:e[-+]?\d+)?")      # with the spaces that make up for its length
BLUR, SHIFT, ROUGH = 3, 4, 30    # drawn by another matplotlib: pixels to blur, pixels that things may move, largest RMS

os.environ.pop("DIGITS", None)   # the committed outputs are those of the bundled digits


def pytest_addoption(parser):
    parser.addoption("--twice", action="store_true",
                     help="with --nbval: run each cell twice in a row (once where it is tagged `continues`)")


def difference(expected: Image.Image, got: Image.Image) -> float:
    """How far two pictures differ where they differ most: the largest RMS over small blocks of pixels."""
    if expected.size != got.size:
        return float("inf")
    squares = (np.asarray(expected.convert("RGB"), float) - np.asarray(got.convert("RGB"), float)) ** 2
    worst = 0.
    for down in (0, BLOCK // 2):              # blocks that overlap, so that no change hides on a border
        for right in (0, BLOCK // 2):
            rows, columns = (n // BLOCK * BLOCK for n in squares[down:, right:].shape[:2])
            blocks = squares[down:, right:][:rows, :columns].reshape(rows // BLOCK, BLOCK, columns // BLOCK, BLOCK, 3)
            worst = max(worst, blocks.mean((1, 3, 4)).max(initial=0) ** .5)
    return worst


def rough_difference(expected: Image.Image, got: Image.Image) -> float:
    """The same where two versions of matplotlib drew, whose letters and margins differ: blurred, with a match near by."""
    if max(abs(a - b) for a, b in zip(expected.size, got.size)) > 1:
        return float("inf")
    width, height = map(min, expected.size, got.size)
    one, other = (np.asarray(picture.convert("RGB").crop((0, 0, width, height)).filter(ImageFilter.BoxBlur(BLUR)), float)
                  for picture in (expected, got))
    padded = np.pad(other, ((SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)), "edge")
    best = np.full((height, width), np.inf)
    for down in range(2 * SHIFT + 1):
        for right in range(2 * SHIFT + 1):
            best = np.minimum(best, ((one - padded[down:down + height, right:right + width]) ** 2).mean(2))
    rows, columns = height // BLOCK, width // BLOCK
    blocks = best[:rows * BLOCK, :columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    return blocks.mean((1, 3)).max(initial=0) ** .5


def drawn_by(picture: Image.Image) -> list[str]:
    """The version of matplotlib that drew it, such as ["3.11"]."""
    return re.findall(r"Matplotlib version(\d+\.\d+)", picture.info.get("Software", ""))


def pictures(outputs: list) -> list[Image.Image]:
    return [Image.open(io.BytesIO(base64.b64decode(output["data"]["image/png"])))
            for output in outputs if "image/png" in output.get("data", {})]


def compare_pictures(item) -> None:
    """Fail the cell unless it made the pictures that are committed."""
    expected, got = pictures(item.cell.outputs), pictures(item.test_outputs)
    if len(expected) != len(got):
        item.raise_cell_error(f"{len(expected)} pictures are committed and {len(got)} were made")
    if has(item.cell, "varies"):
        return
    for k, pair in enumerate(zip(expected, got), 1):
        far, limit = difference(*pair), TOLERANCE
        if far > limit and len({*map(str, map(drawn_by, pair))}) == 2:
            far, limit = rough_difference(*pair), ROUGH
        if far > limit:
            stem = ROOT / "build" / "image_diffs" / f"{item.parent.path.stem}_{item.cell.id}_{k}"
            stem.parent.mkdir(parents=True, exist_ok=True)
            for picture, name in zip(pair, ("expected", "got")):
                picture.save(f"{stem}_{name}.png")
            how = f"differs by {far:.1f} (at most {limit} is allowed)" if far < 256 else "has another size"
            item.raise_cell_error(f"Picture {k} {how}: "
                                  f"compare {stem.relative_to(ROOT)}_expected.png with …_got.png")


def solve(item) -> None:
    """Fail a cell tagged `check` unless it finds the solution of its exercise right."""
    asked, cells = item.cell, item.parent.nb.cells
    above = [cell.id for cell in cells[:cells.index(asked) + 1]]
    exercise, solution = [pair for pair in exercises_of(item.parent.nb) if pair[0].id in above][-1]
    item.cell, item.options["check"] = asked.copy(), False
    item.cell.source = solution if exercise is asked else f"{solution}\n\n{asked.source}"
    try:
        item.runtest()
        if not is_right(item.test_outputs):
            item.raise_cell_error("The check does not find the solution right", item.test_outputs)
    finally:
        item.cell, item.options["check"] = asked, True


def is_cell(item) -> bool:
    return type(item).__name__ == "IPyNbCell"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    if is_cell(item):
        if "get_kernel_message" not in vars(item.parent):
            item.parent.get_kernel_message = without_sliders(item.parent.get_kernel_message)
        sanitize = item.sanitize
        item.sanitize = lambda text: re.sub(r"^interactive\(children=.*", SLIDER, sanitize(text))
        if has(item.cell, "varies"):
            item.sanitize = lambda text: NUMBER.sub(" #", sanitize(text))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    if not is_cell(item):
        return (yield)
    if item.cell.execution_count is None:
        item.raise_cell_error("This cell was never run: make refresh")
    result = yield
    if item.options["check"]:
        compare_pictures(item)
        if item.config.option.twice and not (has(item.cell, "continues") or has(item.cell, "once")):
            try:
                item.runtest()
                compare_pictures(item)
            except Exception as error:
                error.args = (f"When the cell runs a second time: {error}", *error.args[1:])
                raise
        if has(item.cell, "check"):
            solve(item)
    return result


def without_sliders(next_message):
    """nbval's reader of messages from the kernel, without those that belong into a slider's Output widget."""
    widgets, capturing = set(), {}

    def read(timeout=None, stream="iopub"):
        while True:
            message = next_message(timeout=timeout, stream=stream)
            kind, content = message["msg_type"], message["content"]
            state = content.get("data", {}).get("state", {}) if kind.startswith("comm") else {}
            if state.get("_model_name") == "OutputModel":
                widgets.add(content["comm_id"])
            elif content.get("comm_id") in widgets and "msg_id" in state:     # an id to start capturing, "" to stop
                capturing[content["comm_id"]] = state["msg_id"]
            captured = message["parent_header"].get("msg_id") in capturing.values()
            if not (captured and kind in ("stream", "display_data", "execute_result", "clear_output")):
                return message
    return read

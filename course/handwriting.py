"""Handwriting of one's own: a pad whose 3s and 7s are kept in a file, and drawings by code for those who have no pad.

An image is float32 (SIZE, SIZE) in 0…1, white ink on black. The notebook where_it_fails uses this.
"""
from __future__ import annotations

from pathlib import Path
from typing import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor

from course.pad import SIZE, DrawPad

FILE = Path(__file__).parents[1] / "build" / "handwriting.npz"
STROKES = {3: [(.1, .15), (.45, 0), (.8, .2), (.4, .45), (.9, .7), (.5, 1), (.05, .85)],      # across and down, in a box
           7: [(.1, .05), (.9, .05), (.4, 1)]}
LEAST = 10


def drawn(points: Sequence) -> Tensor:
    """An image with a line from point to point, each (across, down) in pixels, 18 pixels wide."""
    paper = Image.new("L", (SIZE, SIZE))
    ImageDraw.Draw(paper).line(points, fill=255, width=18, joint="curve")
    return torch.from_numpy(np.array(paper)).float() / 255


def by_code(digit: int, rng: torch.Generator) -> Tensor:
    """An image of a 3 or a 7: its strokes with each point moved a little, of a size and in a place drawn at random."""
    points = torch.tensor(STROKES[digit])
    points = points + .1 * torch.randn(points.shape, generator=rng)
    height = 80 + 120 * torch.rand(1, generator=rng)
    size = torch.cat([height * (.5 + .3 * torch.rand(1, generator=rng)), height])
    corner = 20 + (SIZE - 40 - size) * torch.rand(2, generator=rng)
    return drawn((corner + size * points).round().flatten().tolist())


def kept() -> dict[int, Tensor]:
    """The drawings of each digit in the file, (n, SIZE, SIZE); none where there is no file."""
    if not FILE.exists():
        return {digit: torch.zeros(0, SIZE, SIZE) for digit in STROKES}
    with np.load(FILE) as file:
        return {digit: torch.from_numpy(file[str(digit)]).float() / 255 for digit in STROKES}


def keep(digit: int, image: Tensor) -> str:
    """Add an image, (height, width) up to SIZE, to the file, and say how many there are. ValueError: it has no ink."""
    if not image.any():
        raise ValueError("There is nothing to keep: draw a digit first.")
    height, width = image.shape
    drawings = kept()
    drawings[digit] = torch.cat([drawings[digit], F.pad(image, (0, SIZE - width, 0, SIZE - height))[None]])
    FILE.parent.mkdir(exist_ok=True)
    half = FILE.with_name("half.npz")                                   # the old ones stay until the new ones are there
    np.savez_compressed(half, **{str(name): (255 * images).round().byte().numpy() for name, images in drawings.items()})
    half.replace(FILE)
    return "kept so far: " + ", ".join(f"{len(images)} × {name}" for name, images in drawings.items())


def handwriting(whose: str = "by code", each: int = 100, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Images (n, SIZE, SIZE) of 3s and then 7s, and their labels (n,): "by code" so many of each, or "mine" from the file.

    ValueError: whose is neither, or fewer than LEAST of a digit are kept.
    """
    if whose not in ("by code", "mine"):
        raise ValueError(f'whose={whose!r} will not do: it is "by code" or "mine".')
    rng = torch.Generator().manual_seed(seed)
    found = kept() if whose == "mine" else {digit: torch.stack([by_code(digit, rng) for _ in range(each)]) for digit in STROKES}
    if min(map(len, found.values())) < LEAST:
        counts = " and ".join(f"{len(images)} × {digit}" for digit, images in found.items())
        raise ValueError(f"There are {counts} so far: draw {LEAST} of each on the pad first, or take whose = \"by code\".")
    return torch.cat(list(found.values())), torch.cat([torch.full([len(images)], digit) for digit, images in found.items()])


def show_keeping_pad(answer: Callable[[Tensor], None]) -> DrawPad:
    """Show a pad with a button for each digit that keeps what is drawn; answer(image) is called after each stroke."""
    from IPython.display import display
    from ipywidgets import Button, HBox, Output
    pad, said = DrawPad(), Output()
    buttons = [Button(description=f"keep this {digit}") for digit in STROKES]

    @said.capture(clear_output=True)
    def press(button):
        try:
            print(keep(int(button.description[-1]), pad.image()))
            pad.clear()
        except (ValueError, OSError) as error:
            print(error)

    for button in buttons:
        button.on_click(press)
    display(pad, HBox(buttons), said, pad.on_draw(answer))
    return pad

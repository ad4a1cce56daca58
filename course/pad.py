"""A pad to draw a digit on, with mouse, pen, finger or keyboard, or to put a picture on; the notebook where_it_fails uses it.

    pad = DrawPad()
    display(pad, pad.on_draw(lambda image: print(image.shape)))

An image is float32 (height, width) in 0…1, white ink on black, at most SIZE pixels high and wide.
"""
from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageFilter, ImageOps
from torch import Tensor

from utils import show

try:
    import traitlets
    from anywidget import AnyWidget
    from ipywidgets import Output
except ModuleNotFoundError:
    raise ImportError("The drawing pad needs anywidget: run  pip install anywidget  and restart the kernel.") from None

SIZE = 280                                        # pixels: ten for each one of the images that MNIST holds


def shades_of(picture: Image.Image) -> Tensor:
    """A picture in grey, float32 (height, width) in 0…1, the longer side SIZE; what is transparent counts as paper."""
    layers = ImageOps.contain(picture.convert("LA"), (SIZE, SIZE))
    grey, opaque = torch.from_numpy(np.array(layers)).permute(2, 0, 1).float() / 255
    mean = (grey * opaque).sum() / opaque.sum().clamp(min=1)            # of what can be seen
    return grey * opaque + float(mean < .5) * (1 - opaque)              # dark things lie on white, light ones on black


def as_ink(grey: Tensor) -> Tensor:
    """Shades (height, width) in 0…1 as ink: 1 where the pen was, 0 where paper is, in between along the edges.

    Paper is what most places and their surroundings show, be it light or dark. Its shade may change over the picture, as
    in a photo by a window (see `_paper`); ink is the share of this shade that is missing. Three quarters of the strongest
    count as full ink and a third as none. Ruled lines, specks and what comes in from the border go, and a thin pen is made
    thicker. A picture without contrast gives an image without ink.
    """
    soft = F.avg_pool2d(grey[None, None], 3, 1, 1, count_include_pad=False)[0, 0]
    apart = soft - _paper(soft, .5)
    if apart.abs().max() < .13:                                         # nothing but noise
        return torch.zeros_like(grey)
    if apart.pow(3).sum() > 0:                                          # light strokes stand out: turn it around
        soft = 1 - soft
    soft = soft.clamp(min=.05)
    soft = soft / _paper(soft, .6)
    ink = (1 - soft) / (1 - soft).max().clamp(min=.2)
    ink = _without_lines(_without_lines(ink).T).T                       # those that go across, and those that go down
    ink = _without_strays(((ink - .35) / .4).clamp(0, 1), border=True)
    black = (ink > .5).float()
    rim = (black + _largest(-black, 3)).sum().clamp(min=1)              # a stroke has a rim on both sides
    width = 2.6 * (black.sum() / rim).item()                            # 2 for upright strokes, more for slanted ones
    wider = round((_length(black) / 9 - width) / 2)                 # MNIST's strokes are a ninth of a digit wide
    return _largest(ink, 2 * max(0, wider) + 1)


def show_pictures(pictures: Sequence[Tensor], alt: str) -> None:
    """Show images of any sizes, (height, width) in 0…1, side by side, each with its size; alt tells what is seen."""
    import matplotlib.pyplot as plt
    fig, axes = plt.subplots(1, len(pictures), figsize=(2.4 * len(pictures), 2.7), squeeze=False, layout="constrained")
    for ax, picture in zip(axes[0], pictures):
        ax.imshow(picture.numpy(), cmap="gray", vmin=0, vmax=1)
        ax.set_title("{} × {}".format(*picture.shape), fontsize=9)
        ax.axis("off")
    show(fig, alt)


def _paper(grey: Tensor, share: float) -> Tensor:
    """The shade of the paper at each place: a share of the surroundings is darker than it, or as dark.

    The surroundings are two fifths of the picture high and wide: strokes are too narrow to count for much in them, and
    a slow change of the light is followed, even the edge of a shadow. It is worked out on a coarse picture.
    """
    picture = Image.fromarray(grey.numpy())
    coarse = ImageOps.contain(picture, (56, 56), Image.BILINEAR)
    around = coarse.filter(ImageFilter.RankFilter(23, round(share * 528)))
    return torch.from_numpy(np.array(around.resize(picture.size, Image.BILINEAR)))


def _without_lines(ink: Tensor) -> Tensor:
    """The ink without thin straight lines from the left border to the right one, up to 7° off the level, as on ruled paper.

    A stroke that crosses such a line has ink above and below it, or is darker, and stays.
    """
    height, width = ink.shape
    shift = (torch.linspace(-.12, .12, 25)[:, None] * (torch.arange(width) - width / 2)).round().long()    # (slope, column)
    near, lines = _largest(ink, 3, 1), torch.zeros_like(ink)
    rows, columns = (near > .25).nonzero(as_tuple=True)
    starts = (rows - shift[:, columns]).clamp(-1, height) + 1           # for each slope, the line that a pixel lies on
    hits = torch.stack([line.bincount(minlength=height + 2)[1:-1] for line in starts])
    for slope, row in (hits > .9 * width).nonzero().tolist():
        along = (row + shift[slope]).clamp(0, height - 1), torch.arange(width)
        lines[along] = lines[along].maximum(near[along].median())
    stroke = _largest(-_largest(-ink, 9, 1), 9, 1)                      # what is thick, or crosses the line
    return torch.where(ink < 1.4 * _largest(lines, 7, 1), stroke, ink)


def _without_strays(ink: Tensor, border: bool = False) -> Tensor:
    """The ink without specks and dots; with border, also without what touches it, unless that is nearly all there is.

    Ink hangs together across gaps of a few pixels. A piece is a speck below a tenth of the largest, and a dot if it fills
    most of a square. A digit of several strokes stays whole, and a dot stays where there is nothing else.
    """
    cells = F.max_pool2d((ink > 0).float()[None, None], 4, ceil_mode=True)
    grown, pieces = torch.arange(1., cells.numel() + 1).view_as(cells) * cells, None      # a number for each cell
    while pieces is None or not torch.equal(pieces, grown):             # the largest number spreads over its piece
        pieces, grown = grown, F.max_pool2d(grown, 3, 1, 1) * cells
    pieces = F.interpolate(pieces, scale_factor=4)[0, 0, :ink.shape[0], :ink.shape[1]] * (ink > 0)
    found = [ink * (pieces == number) for number in pieces[pieces > 0].unique()]
    inner = [piece for piece in found if max(piece[[0, -1]].max(), piece[:, [0, -1]].max()) < .5]
    if border and inner and max(map(torch.sum, inner)) >= .2 * max(map(torch.sum, found)):
        found = inner
    found = [piece for piece in found if (piece > .5).sum() < .6 * _length(piece > .5) ** 2] or found    # no round ones
    least = max(12, .1 * max(map(torch.sum, found), default=0))
    return sum((piece for piece in found if piece.sum() >= least), torch.zeros_like(ink))


def _length(black: Tensor) -> int:
    """In how many rows or columns there is ink, whichever are more."""
    return max(black.any(axis).sum().item() for axis in (0, 1))


def _largest(grey: Tensor, rows: int, columns: int | None = None) -> Tensor:
    """The largest value in a window around each pixel, which is square if columns is not given; both are odd."""
    window = rows, columns or rows
    return F.max_pool2d(grey[None, None], window, 1, [n // 2 for n in window])[0, 0]


class DrawPad(AnyWidget):
    """A black pad, SIZE × SIZE pixels, to draw on in white with mouse, pen, finger or keyboard, or to put a picture on.

    Works in JupyterLab, VS Code and Colab. With the keyboard: arrow keys move the pen, space puts it down or lifts it.
    """
    picture = traitlets.Unicode("").tag(sync=True)              # a PNG as data URL, or "" where nothing is drawn
    uploaded = traitlets.Bool(False).tag(sync=True)             # the PNG is a picture from a file, not a drawing
    _esm = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
    _css = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")

    def __repr__(self) -> str:
        return "DrawPad(): run this cell to get a pad to draw on"

    def image(self) -> Tensor:
        """What is on the pad, as ink: float32 (height, width) in 0…1, white on black; a dot beside the digit is left out."""
        if not self.picture:
            return torch.zeros(SIZE, SIZE)
        with Image.open(io.BytesIO(base64.b64decode(self.picture.partition(",")[2]))) as picture:
            shades = shades_of(picture)
        return as_ink(shades) if self.uploaded else _without_strays(shades)

    def clear(self) -> None:
        """Make the pad empty."""
        self.picture, self.uploaded = "", False

    def on_draw(self, callback: Callable[[Tensor], None]) -> Output:
        """Call callback(image) now and after each stroke; what it prints or shows, or the sentence of a ValueError, is in the
        widget that comes back."""
        output = Output()

        @output.capture(clear_output=True, wait=True)
        def call(change=None):
            try:
                callback(self.image())
            except ValueError as error:
                print(error)

        self.observe(call, "picture")
        call()
        return output

"""A pad to draw a digit on, with mouse, pen, finger or keyboard, or to put a picture on; notebook 09 uses it.

    pad = DrawPad()
    display(pad, pad.on_draw(lambda image: print(image.shape)))

An image is float32 (height, width) in 0…1, white ink on black, at most SIZE pixels high and wide.
"""
from __future__ import annotations

import base64
import io
import warnings
from pathlib import Path
from typing import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from utils import show

try:
    import anywidget
    import traitlets
    from ipywidgets import Output
    Base = anywidget.AnyWidget
except ModuleNotFoundError:                       # pictures can be read without it; DrawPad() says what is missing
    anywidget, Base = None, object

SIZE = 280                                        # pixels: ten for each one of the images that MNIST holds


# ---------------------------------------------------------------- pictures

def read_picture(source: str | Path | bytes) -> Tensor:
    """A picture of a digit, as ink: float32 (height, width) in 0…1, white on black, the longer side SIZE.

    source: a file, or the bytes of one, in any format that Pillow reads; a photo is turned as its EXIF data says.
    Dark ink on light paper and light ink on dark paper come out alike (see `as_ink`); where the picture is
    transparent there is paper. A picture without contrast gives an image without ink.
    Raises FileNotFoundError, and ValueError for a file that is no picture or too large to be opened safely.
    """
    name = "This file" if isinstance(source, bytes) else str(source)
    if not isinstance(source, bytes) and not Path(source).is_file():
        raise FileNotFoundError(f"{name} is no file: give the path of a picture.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as picture:
                rgba = _small(picture)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise ValueError(f"{name} has too many pixels to be opened safely: save a smaller copy of it.") from None
    except UnidentifiedImageError:
        raise ValueError(f"{name} is no picture that can be read: save it as PNG or JPEG.") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:       # what Pillow raises for damaged files
        raise ValueError(f"{name} is damaged and cannot be read ({error}): save it again as PNG or JPEG.") from None
    grey, opaque = rgba[..., :3] @ torch.tensor([.299, .587, .114]), rgba[..., 3]
    if opaque.min() < 1:
        ink = (grey * opaque).sum() / opaque.sum().clamp(min=1)         # the mean shade of what is there
        grey = grey * opaque + float(ink < .5) * (1 - opaque)           # dark things lie on white, light ones on black
    return as_ink(grey)


def _small(picture: Image.Image) -> Tensor:
    """An opened picture, upright, with its longer side SIZE: red, green, blue and opacity, (height, width, 4) in 0…1."""
    picture.draft("RGB", (SIZE, SIZE))                                  # a JPEG is decoded in a smaller size at once
    if picture.mode in ("I", "F") or picture.mode.startswith("I;"):     # 16 bits and more, which Pillow would cut off
        grey = np.asarray(picture, dtype=np.float32).clip(0)
        picture = Image.fromarray((255 * (grey / max(grey.max(), 1))).astype(np.uint8))
    elif picture.mode not in ("L", "RGB"):
        picture = picture.convert("RGBA")
    picture = ImageOps.exif_transpose(picture)
    scale = SIZE / max(picture.size)
    small = picture.resize([max(1, round(length * scale)) for length in picture.size], reducing_gap=3)
    return torch.from_numpy(np.array(small.convert("RGBA"))).float() / 255


def as_ink(grey: Tensor) -> Tensor:
    """Shades (height, width) in 0…1 as ink: 1 where the pen was, 0 where paper is, in between along the edges.

    Paper is what most places and their surroundings show. Its shade may change over the picture, as in a photo by a
    window (see `_paper`); ink is the share of this shade that is missing. Three quarters of the strongest count as full
    ink and a third as none. Specks and what comes in from the border are dropped, and a thin pen is made thicker.
    """
    soft = _mean(grey, 3)
    apart = soft - _paper(soft, .5)
    if apart.abs().max() < .13:                                         # nothing but noise
        return torch.zeros_like(grey)
    if apart.pow(3).sum() > 0:                                          # light strokes stand out: turn it around
        soft = 1 - soft
    soft = soft.clamp(min=.05)
    for _ in range(2):                                                  # the second time for what is left at the borders
        soft = soft / _paper(soft, .6)
    ink = (1 - soft) / (1 - soft).max().clamp(min=.2)
    return _thick_enough(_largest_pieces(((ink - .35) / .4).clamp(0, 1)))


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
    size = [max(1, round(length * 56 / max(grey.shape))) for length in grey.shape]
    coarse = F.interpolate(grey[None, None], size, mode="bilinear", antialias=True)
    around = F.unfold(F.pad(coarse, (11, 11, 11, 11), mode="replicate"), 23)[0]           # (529, places)
    return F.interpolate(around.quantile(share, dim=0).view(1, 1, *size), grey.shape, mode="bilinear")[0, 0]


def _largest_pieces(ink: Tensor) -> Tensor:
    """The ink without specks, and without what touches the border, unless that is nearly all there is.

    Ink hangs together where no more than four pixels lie between. A piece is a speck below a tenth of the largest.
    """
    near = _largest((ink > 0).float(), 5)
    pieces, grown = None, torch.arange(1., ink.numel() + 1).view_as(ink) * near           # a number for each pixel
    while pieces is None or not torch.equal(pieces, grown):             # the largest number spreads over its piece
        pieces, grown = grown, _largest(grown, 3) * near
    pieces = pieces.long()
    mass = torch.zeros(ink.numel() + 1).index_add(0, pieces.flatten(), ink.flatten())
    free = mass.clone()
    for edge in (pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]):
        free[edge] = 0
    if free.max() >= .2 * mass.max():
        mass = free
    return ink * (mass >= max(12, .1 * mass.max().item()))[pieces]


def _thick_enough(ink: Tensor) -> Tensor:
    """The ink with its strokes widened to a ninth of the digit's height or width, about as wide as MNIST's are."""
    black = (ink > .5).float()
    rows, columns = black.any(1).nonzero(), black.any(0).nonzero()
    if len(rows) == 0:
        return ink
    length = max(rows[-1] - rows[0], columns[-1] - columns[0]).item() + 1
    rim = black - -_largest(-black, 3)                                  # a stroke has a rim on both sides
    width = 2.6 * (black.sum() / rim.sum().clamp(min=1)).item()         # 2 for upright strokes, more for slanted ones
    return _largest(ink, 2 * max(0, round((length / 9 - width) / 2)) + 1)


def _largest(grey: Tensor, window: int) -> Tensor:
    """The largest value in a window around each pixel; along one axis and then along the other, which is the same."""
    rows = F.max_pool2d(grey[None, None], (window, 1), stride=1, padding=(window // 2, 0))
    return F.max_pool2d(rows, (1, window), stride=1, padding=(0, window // 2))[0, 0]


def _mean(grey: Tensor, window: int) -> Tensor:
    """The mean of the pixels that there are in a window around each pixel."""
    return F.avg_pool2d(grey[None, None], window, stride=1, padding=window // 2, count_include_pad=False)[0, 0]


# ---------------------------------------------------------------- the pad

class DrawPad(Base):
    """A black pad, SIZE × SIZE pixels, to draw on in white with mouse, pen, finger or keyboard, or to put a picture on.

    Works in JupyterLab, VS Code and Colab. With the keyboard: arrow keys move the pen, space puts it down or lifts it.
    Raises ImportError where anywidget is missing.
    """
    def __init__(self):
        if anywidget is None:
            raise ImportError("The drawing pad needs anywidget: run  pip install anywidget  and restart the kernel.")
        super().__init__()

    def __repr__(self) -> str:
        return "DrawPad(): run this cell to get a pad to draw on"

    def image(self) -> Tensor:
        """What is on the pad, as ink: float32 (height, width) in 0…1, white on black; all 0 where nothing is drawn."""
        if not self.picture:
            return torch.zeros(SIZE, SIZE)
        png = base64.b64decode(self.picture.partition(",")[2])
        if self.uploaded:
            return read_picture(png)
        with Image.open(io.BytesIO(png)) as drawing:
            return torch.from_numpy(np.array(drawing.convert("L"))).float() / 255

    def clear(self) -> None:
        """Make the pad empty."""
        self.picture, self.uploaded = "", False

    def on_draw(self, callback: Callable[[Tensor], None]) -> Output:
        """Call callback(image) now and after each stroke; whatever it prints or shows is in the widget that comes back."""
        output = Output()

        @output.capture(clear_output=True, wait=True)
        def call(change=None):
            callback(self.image())

        self.observe(call, "picture")
        call()
        return output

    if anywidget:
        size = traitlets.Int(SIZE).tag(sync=True)
        picture = traitlets.Unicode("").tag(sync=True)          # a PNG as data URL, or "" where nothing is drawn
        uploaded = traitlets.Bool(False).tag(sync=True)         # the PNG is a picture from a file, not a drawing

    _esm = r"""
const PEN = 22, STEP = 8, LARGEST = 1000, WAIT = 150;      // pixels, and milliseconds after a stroke

function make(tag, className, rest) { return Object.assign(document.createElement(tag), { className }, rest); }

function render({ model, el }) {
  const size = model.get("size");
  const pad = make("div", "drawpad"), field = make("div", "drawpad-field");
  const canvas = make("canvas", "drawpad-canvas", { width: size, height: size, tabIndex: 0 });
  const pen = make("span", "drawpad-pen"), bar = make("div", "drawpad-bar");
  const clear = make("button", "drawpad-clear", { type: "button", textContent: "Clear" });
  const label = make("label", "drawpad-label", { textContent: "or a picture: " });
  const file = make("input", "drawpad-file", { type: "file", accept: "image/*" });
  const says = make("p", "drawpad-status");
  pad.setAttribute("data-lm-suppress-shortcuts", "true");  // JupyterLab leaves our keys alone
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", "Drawing pad. Draw with mouse, pen or finger. " +
    "With the keyboard, arrow keys move the pen, and space puts it down or lifts it.");
  says.setAttribute("role", "status");
  label.append(file); bar.append(clear, label); field.append(canvas, pen); pad.append(field, bar, says); el.append(pad);

  const g = canvas.getContext("2d");
  let strokes = 0, photo = false, pointer = null, last = null, sent = null, timer = null;
  let key = { x: size / 2, y: size / 2, down: false };

  function blank() { g.fillStyle = "#000"; g.fillRect(0, 0, size, size); strokes = 0; photo = false; }

  function line(to) {                                      // from the last place, or a dot
    if (photo) blank();                                    // a new drawing takes the place of a picture
    g.strokeStyle = "#fff"; g.lineCap = g.lineJoin = "round"; g.lineWidth = PEN;
    g.beginPath(); g.moveTo((last || to).x, (last || to).y); g.lineTo(to.x, to.y); g.stroke();
    last = to; strokes += 1;
  }

  function send(picture, uploaded) {
    sent = picture;
    model.set("picture", picture); model.set("uploaded", uploaded); model.save_changes();
  }

  function sendSoon() {
    clearTimeout(timer);
    timer = setTimeout(() => { if (!photo) send(strokes ? canvas.toDataURL("image/png") : "", false); }, WAIT);
  }

  function place(e) {
    const box = canvas.getBoundingClientRect();
    return { x: (e.clientX - box.left) * size / box.width, y: (e.clientY - box.top) * size / box.height };
  }

  function fitted(source, width, height) {                 // a picture in the middle of the pad, as large as it fits
    const scale = size / Math.max(width, height), w = width * scale, h = height * scale;
    blank(); photo = true;
    g.imageSmoothingQuality = "high"; g.drawImage(source, (size - w) / 2, (size - h) / 2, w, h);
  }

  canvas.addEventListener("pointerdown", e => {
    if (pointer !== null || e.button !== 0) return;        // a second finger, or another button
    pointer = e.pointerId; last = null; says.textContent = "";
    try { canvas.setPointerCapture(pointer); } catch { /* a pointer that is gone already */ }
    canvas.focus({ preventScroll: true });
    pen.hidden = true; line(place(e)); e.preventDefault();
  });
  canvas.addEventListener("pointermove", e => {
    if (e.pointerId !== pointer) return;
    const all = e.getCoalescedEvents ? e.getCoalescedEvents() : [];
    for (const one of all.length ? all : [e]) line(place(one));
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"])  // what was drawn stays
    canvas.addEventListener(end, e => { if (e.pointerId === pointer) { pointer = last = null; sendSoon(); } });

  function showPen() {
    pen.hidden = false; pen.classList.toggle("drawpad-down", key.down);
    pen.style.left = 100 * key.x / size + "%"; pen.style.top = 100 * key.y / size + "%";
  }
  canvas.addEventListener("keydown", e => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
    if (!move && e.key !== " ") return;
    e.preventDefault(); e.stopPropagation();
    const from = { x: key.x, y: key.y };
    if (move) {
      key.x = Math.min(size, Math.max(0, key.x + move[0] * STEP));
      key.y = Math.min(size, Math.max(0, key.y + move[1] * STEP));
    } else {
      key.down = !key.down; says.textContent = key.down ? "The pen is down." : "The pen is lifted.";
    }
    if (key.down) { last = from; line({ x: key.x, y: key.y }); last = null; sendSoon(); }
    showPen();
  });
  canvas.addEventListener("focus", () => { if (canvas.matches(":focus-visible") && pointer === null) showPen(); });
  canvas.addEventListener("blur", () => { pen.hidden = true; key.down = false; });

  clear.addEventListener("click", () => {
    clearTimeout(timer); blank(); key.down = false; file.value = ""; says.textContent = "The pad is empty."; send("", false);
  });

  file.addEventListener("change", async () => {
    const chosen = file.files[0];
    if (!chosen) return;
    try {
      const bitmap = await createImageBitmap(chosen, { imageOrientation: "from-image" });
      const scale = Math.min(1, LARGEST / Math.max(bitmap.width, bitmap.height));
      const small = make("canvas", "", { width: Math.max(1, Math.round(bitmap.width * scale)),
                                         height: Math.max(1, Math.round(bitmap.height * scale)) });
      const s = small.getContext("2d");
      s.imageSmoothingQuality = "high"; s.drawImage(bitmap, 0, 0, small.width, small.height);
      clearTimeout(timer); fitted(bitmap, bitmap.width, bitmap.height);
      says.textContent = "The picture is on the pad."; send(small.toDataURL("image/png"), true);
    } catch {
      says.textContent = "This file is no picture that the browser can read: choose a PNG or JPEG file.";
    }
    file.value = "";                                       // so that the same file can be chosen again
  });

  function restore() {                                     // what Python, or another view of this pad, put here
    const picture = model.get("picture");
    if (picture === sent) return;
    sent = picture; blank();
    if (!picture) return;
    const image = new Image();
    image.onload = () => { fitted(image, image.width, image.height); photo = model.get("uploaded"); strokes = 1; };
    image.src = picture;
  }
  model.on("change:picture", restore);
  blank(); pen.hidden = true; restore();
  return () => { clearTimeout(timer); model.off("change:picture", restore); };
}
export default { render };
"""

    _css = """
.drawpad { display: inline-block; max-width: 100%; color: var(--jp-ui-font-color1, inherit); }
.drawpad-field { position: relative; width: 280px; max-width: 100%; line-height: 0; }
.drawpad-canvas { width: 100%; border: 2px solid #888; border-radius: 4px; box-sizing: border-box; cursor: crosshair;
                  touch-action: none; }
.drawpad-canvas:focus-visible, .drawpad-clear:focus-visible, .drawpad-file:focus-visible {
                  outline: 3px solid #1976d2; outline-offset: 2px; }
.drawpad-pen { position: absolute; width: 14px; height: 14px; margin: -9px 0 0 -9px; border: 2px solid #f9a825;
               border-radius: 50%; pointer-events: none; }
.drawpad-pen[hidden] { display: none; }
.drawpad-pen.drawpad-down { background: #f9a825; }
.drawpad-bar { margin-top: 6px; display: flex; flex-wrap: wrap; gap: 12px; align-items: center; }
.drawpad-clear { padding: 4px 14px; font: inherit; }
.drawpad-status { min-height: 1.4em; margin: 4px 0; }
"""

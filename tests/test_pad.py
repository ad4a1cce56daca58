"""pad.py: drawings and photos become ink, whatever readers do; and the pad calls back."""
import base64
import io
import random
import runpy
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw

from course.finished import finished_net
from course.pad import SIZE, DrawPad, as_ink
from tests.test_utils import definitions
from tools import notebooks
from utils import load_digits

CODE = "\n".join(cell.source for cell in notebooks.read(notebooks.find("where_it_fails")).cells if cell.cell_type == "code")
NAMES, net = {"torch": torch, "F": F}, finished_net()
exec("\n".join(definitions(CODE)[name] for name in ("cropped", "fitted", "centred", "prepare")), NAMES)
prepare = NAMES["prepare"]

# Strokes in a box one wide and one high, as people write them
DIGITS = {(7, "plain"): [[(.15, .05), (.85, .05), (.4, .95)]],
          (7, "with a bar"): [[(.1, .05), (.9, .02), (.45, .95)], [(.3, .5), (.85, .48)]],
          (7, "bent"): [[(.1, .2), (.1, .08), (.5, .1), (.88, .05), (.7, .3), (.55, .6), (.5, .95)]],
          (3, "round"): [[(.2, .2), (.35, .07), (.55, .04), (.75, .12), (.78, .28), (.65, .42), (.45, .47), (.68, .54),
                          (.84, .7), (.75, .88), (.5, .96), (.28, .92), (.15, .8)]],
          (3, "straight"): [[(.15, .05), (.8, .07), (.35, .44), (.6, .5), (.82, .7), (.5, .95), (.15, .88)]]}
APART = {(7, "bar and stem"): [[(.1, .05), (.95, .05)], [(.8, .28), (.4, .95)]],                # strokes that do not touch
         (7, "short bar"): [[(.1, .05), (.8, .05), (.35, .95)], [(.85, .5), (1.1, .5)]],
         (3, "two arcs"): [[(.2, .2), (.35, .07), (.75, .12), (.65, .42)], [(.6, .64), (.84, .72), (.5, .96), (.15, .8)]]}


def drawn(made, pen=22, height=180, centre=(140, 140)):
    """A digit on black, float32 (SIZE, SIZE) in 0…1, drawn with round ends and joints as on the pad."""
    paper = Image.new("L", (2 * SIZE, 2 * SIZE))
    for stroke in (DIGITS | APART)[made]:
        places = [(2 * (centre[0] + (x - .5) * .65 * height), 2 * (centre[1] + (y - .5) * height)) for x, y in stroke]
        ImageDraw.Draw(paper).line(places, fill=255, width=2 * pen)
        for x, y in places:
            ImageDraw.Draw(paper).ellipse([x - pen, y - pen, x + pen, y + pen], fill=255)
    return torch.from_numpy(np.array(paper.reduce(2))).float() / 255


def as_picture(grey):
    return Image.fromarray((grey.clamp(0, 1) * 255).round().byte().numpy())


def photo(ink, shadow="window", noise=.03, seed=0):
    """Dark ink on light paper in uneven light."""
    down, across = torch.meshgrid(torch.linspace(0, 1, SIZE), torch.linspace(0, 1, SIZE), indexing="ij")
    light = {"none": .9 + 0 * across, "window": .95 - .5 * across, "edge": .9 - .45 * (40 * (across + down - 1.2)).sigmoid(),
             "rim": .85 - .6 * ((across - .5) ** 2 + (down - .5) ** 2)}[shadow]
    return as_picture(light * (1 - .7 * ink) + noise * torch.randn(SIZE, SIZE, generator=torch.Generator().manual_seed(seed)))


def put(pad, picture, uploaded=False):
    """What is on the pad when the browser has sent a drawing, or a picture."""
    picture.save(file := io.BytesIO(), "PNG")
    pad.uploaded, pad.picture = uploaded, "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    return pad.image()


def read(picture):
    return put(DrawPad(), picture, uploaded=True)


def alike(a, b):
    """The correlation of two images; a may be moved by a pixel, since centring rounds."""
    moved = [a.roll((down, right), (0, 1)) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    return max(torch.corrcoef(torch.stack([one.flatten(), b.flatten()]))[0, 1].item() for one in moved)


def says(digit):
    return 3 if net(digit.reshape(1, 784)).item() > 0 else 7


SEVEN = drawn((7, "plain"), centre=(110, 150))
WHITE = as_picture(1 - SEVEN)
PICTURES = {mode: WHITE.convert("RGB").convert(mode) for mode in ("L", "RGB", "RGBA")}          # as browsers send them
for shade in 0, 255:                                                    # nothing can be seen but the digit
    (clear := Image.new("RGBA", (SIZE, SIZE), (shade, shade, shade, 0))).putalpha(as_picture(SEVEN))
    PICTURES[f"{shade} on nothing"] = clear
for size in (12, 12), (560, 280), (200, 900):
    (picture := Image.new("L", size, 255)).paste(WHITE.resize((min(size),) * 2, Image.BOX))
    PICTURES["{} by {}".format(*size)] = picture


@pytest.mark.parametrize("kind", PICTURES)
def test_every_size_of_picture_and_every_way_to_store_grey_is_understood(kind):
    ink, (width, height) = read(PICTURES[kind]), PICTURES[kind].size
    assert ink.shape == tuple(round(n * SIZE / max(width, height)) for n in (height, width))
    assert ink.dtype == torch.float32 and 0 <= ink.min() and ink.max() == 1
    assert alike(prepare(ink), prepare(SEVEN)) > (.8 if width == 12 else .9 if width != height else .95)


def test_digits_of_mnist_come_out_as_they_are():
    for digit in load_digits((3, 7)).valid_x[::100]:                    # as pictures of 28 by 28 pixels
        assert min(alike(prepare(read(as_picture(grey))), digit) for grey in (digit, 1 - digit)) > .9


def ruled(rng, squared=False):
    """How strong ruled lines are at each place, in 0…1; a little askew, as in a photo."""
    paper, width = Image.new("L", (4 * SIZE, 4 * SIZE)), rng.randrange(3, 9)
    for at in range(0, 4 * SIZE, rng.randrange(56, 140)):
        for ends in ([0, at, 4 * SIZE, at], [at, 0, at, 4 * SIZE])[:1 + squared]:
            ImageDraw.Draw(paper).line(ends, fill=255, width=width)
    turned = paper.rotate(rng.uniform(-4.5, 4.5), Image.BICUBIC).crop((SIZE, SIZE, 3 * SIZE, 3 * SIZE))
    return torch.from_numpy(np.array(turned.reduce(2))).float() / 255 * rng.uniform(.3, 1)


def dotted(rng, ink):
    """The ink, and a round dot well away from it."""
    picture, x, y, radius = as_picture(ink), *ink.nonzero()[0].tolist()[::-1], rng.uniform(2, 12)
    while ink[max(0, y - 40):y + 40, max(0, x - 40):x + 40].any():
        x, y = rng.randrange(13, 267), rng.randrange(13, 267)
    ImageDraw.Draw(picture).ellipse([x - radius, y - radius, x + radius, y + radius], fill=255)
    return torch.from_numpy(np.array(picture)).float() / 255


SPOILED = {"drawn": lambda rng, ink: ink, "drawn, and a dot": dotted, "a dot, photo": lambda rng, ink: photo(dotted(rng, ink)),
           "photo": lambda rng, ink: photo(ink, rng.choice(["none", "window", "rim"]), rng.uniform(.01, .06)),
           "edge of shadow": lambda rng, ink: photo(ink, "edge"), "ruled": lambda rng, ink: photo(ink.maximum(ruled(rng))),
           "squared": lambda rng, ink: photo(ink.maximum(ruled(rng, True)), "rim"),
           "blackboard": lambda rng, ink: as_picture(.2 + .6 * ink.maximum(ruled(rng))),
           "white on black": lambda rng, ink: as_picture(ink), "black on white": lambda rng, ink: as_picture(1 - ink)}


@pytest.mark.parametrize("kind", SPOILED)
def test_what_readers_do_leaves_the_digit(kind):
    """Digits of one stroke, of several, and of several that do not touch: large ones anywhere, and small ones in a corner."""
    for seed, made in enumerate([*DIGITS, *APART]):
        rng = random.Random(f"{kind} {seed}")
        corner = seed % 2 and kind not in ("ruled", "squared", "edge of shadow", "blackboard")
        height, pen = (90, rng.choice([6, 11])) if corner else (rng.uniform(130, 180), rng.choice([10, 16, 22]))
        near, far = height / 2 + pen, SIZE - height / 2 - pen
        ink = drawn(made, pen, height, [rng.choice([near, far]) if corner else rng.uniform(near, far) for _ in range(2)])
        found = SPOILED[kind](rng, ink)
        if isinstance(found, Image.Image):                              # in a picture a thin pen is made thicker
            found, pen = read(found), round(height / 8)
        else:
            assert torch.equal(found := put(DrawPad(), as_picture(found)), ink), (seed, made)
        assert alike(prepare(found), prepare(drawn(made, pen, height))) > .85 and says(prepare(found)) == made[0], (seed, made)


def test_specks_and_the_edge_of_the_table_are_left_out_and_a_bar_and_a_single_dot_are_not():
    grey = 1 - .8 * (barred := drawn((7, "with a bar")))
    grey[20:24, 250:254] = grey[260:262, 30:34] = grey[260:262, 200:230] = .2           # dust and a hair
    grey[:, :25] = .3                                                   # the table beside the paper
    assert alike(prepare(as_ink(grey)), prepare(barred)) > .95
    cut = barred[60:220, 75:215]                                        # so close that the digit touches the border
    (grey := 1 - .8 * cut)[140:144, 100:104] = .2                       # and dust beside it
    assert alike(prepare(as_ink(grey)), prepare(cut)) > .95
    edge = drawn((7, "bar and stem"), centre=(140, 90))                 # on the pad a stroke may touch the border
    assert torch.equal(put(DrawPad(), as_picture(edge)), edge)
    for size in 22, 1:
        dot = F.pad(torch.ones(size, size), (30, 250 - size, 200, 80 - size))
        assert torch.allclose(prepare(dot), F.pad(torch.ones(20, 20), (4, 4, 4, 4)))
        assert size == 1 or torch.equal(put(DrawPad(), as_picture(dot)), dot) and alike(as_ink(1 - dot), dot) > .85


@pytest.mark.parametrize("picture", [
    *[Image.new("L", size, shade) for size, shade in (((300, 200), 255), ((300, 200), 0), ((1, 1), 200))],
    *[photo(torch.zeros(SIZE, SIZE), light, noise) for light in ("none", "window", "rim") for noise in (.01, .06)]])
def test_a_picture_without_ink_is_an_image_without_ink_and_one_sentence(picture):
    for ink in read(picture), read(Image.new("RGBA", (50, 50))), DrawPad().image():
        with pytest.raises(ValueError, match=r"^There is no ink in this picture: draw something first\.$"):
            prepare(ink)


def test_the_callback_is_called_at_once_and_after_each_stroke_and_an_error_is_a_sentence(capsys):
    pad, seen = DrawPad(), []
    pad.on_draw(lambda image: seen.append(image.sum().item()))
    pad.on_draw(prepare)
    assert "There is no ink in this picture: draw something first.\n" in capsys.readouterr().out
    assert torch.equal(put(pad, as_picture(SEVEN)), SEVEN)
    pad.clear()
    assert seen == [0, pytest.approx(SEVEN.sum().item()), 0] and alike(put(pad, photo(SEVEN), uploaded=True), SEVEN) > .9
    pad.clear()
    assert not pad.uploaded and len(seen) == 5 and seen[4] == 0


def test_without_anywidget_a_sentence_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)                 # as if it were not installed
    with pytest.raises(ImportError, match="^The drawing pad needs anywidget: run  pip install anywidget  and restart"):
        runpy.run_path(str(notebooks.ROOT / "course" / "pad.py"))

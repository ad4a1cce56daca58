"""drawpad.py: pictures of every kind become ink, bad ones one sentence; and drawn digits, prepared, are like MNIST's."""
import base64
import io
import subprocess
import sys

import nbformat
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw

from tools.benchmarks import stress
from course.pad import SIZE, DrawPad, as_ink, read_picture
from tests.test_utils import definitions
from tools.notebooks import ROOT
from utils import load_digits

BOOK = nbformat.read(ROOT / "notebooks" / "10_where_it_fails.ipynb", as_version=4)
CODE = [cell.source for cell in BOOK.cells if cell.cell_type == "code"]
NAMES = {"torch": torch, "F": F}
for cell in CODE:                                                       # prepare, and what it needs
    if {"prepare", "centred"} & set(definitions(cell)):
        exec("\n".join(definitions(cell).values()), NAMES)
prepare = NAMES["prepare"]

# Strokes in a box one wide and one high, as people write them
SEVENS = {"plain": [[(.15, .05), (.85, .05), (.4, .95)]], "with a bar": [[(.1, .05), (.9, .02), (.45, .95)],
                                                                        [(.3, .5), (.85, .48)]],
          "with a serif": [[(.12, .25), (.14, .05), (.86, .05), (.4, .95)]], "wide": [[(0, .05), (1, .05), (.25, .95)]],
          "bent": [[(.1, .08), (.5, .1), (.88, .05), (.7, .3), (.55, .6), (.5, .95)]]}
THREES = {"round": [[(.2, .2), (.35, .07), (.55, .04), (.75, .12), (.78, .28), (.65, .42), (.45, .47), (.68, .54),
                     (.84, .7), (.75, .88), (.5, .96), (.28, .92), (.15, .8)]],
          "with a flat top": [[(.15, .05), (.8, .05), (.45, .4), (.7, .46), (.84, .65), (.75, .87), (.45, .96), (.15, .85)]],
          "of straight lines": [[(.15, .05), (.8, .07), (.35, .44), (.82, .7), (.5, .95), (.15, .88)]],
          "wide": [[(0, .2), (.5, .04), (.95, .25), (.4, .48), (1, .72), (.5, .95), (0, .82)]]}
DIGITS = [(7, name) for name in SEVENS] + [(3, name) for name in THREES]


def drawn(digit, name, pen=22, height=180, centre=(140, 140), width=.65):
    """A digit on black, float32 (SIZE, SIZE) in 0…1, drawn with round ends and joints as on the pad."""
    paper = Image.new("L", (2 * SIZE, 2 * SIZE))
    for stroke in (SEVENS if digit == 7 else THREES)[name]:
        places = [(2 * (centre[0] + (x - .5) * width * height), 2 * (centre[1] + (y - .5) * height)) for x, y in stroke]
        ImageDraw.Draw(paper).line(places, fill=255, width=2 * pen)
        for x, y in places:
            ImageDraw.Draw(paper).ellipse([x - pen, y - pen, x + pen, y + pen], fill=255)
    return torch.from_numpy(np.array(paper.reduce(2))).float() / 255


def photo(ink, shadow="window", noise=.03):
    """Dark ink on light paper in uneven light, as a picture by Pillow."""
    down, across = torch.meshgrid(torch.linspace(0, 1, SIZE), torch.linspace(0, 1, SIZE), indexing="ij")
    light = {"none": .9 + 0 * across, "window": .95 - .5 * across, "corner": .9 - .45 * (40 * (across + down - 1.2)).sigmoid(),
             "rim": .85 - .6 * ((across - .5) ** 2 + (down - .5) ** 2)}[shadow]
    rng = torch.Generator().manual_seed(0)
    return as_picture(light * (1 - .7 * ink) + noise * torch.randn(SIZE, SIZE, generator=rng))


def as_picture(grey):
    return Image.fromarray((grey.clamp(0, 1) * 255).round().byte().numpy())


def saved(picture, kind="PNG", **more):
    file = io.BytesIO()
    picture.save(file, kind, **more)
    return file.getvalue()


def alike(a, b):
    """The correlation of two images; a may be moved by a pixel, since centring rounds."""
    moved = [a.roll((down, right), (0, 1)) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    return max(torch.corrcoef(torch.stack([one.flatten(), b.flatten()]))[0, 1].item() for one in moved)


SEVEN = drawn(7, "plain", centre=(110, 150))
GOOD = prepare(SEVEN)


# ---------------------------------------------------------------- pictures of every kind

@pytest.mark.parametrize("kind, more", [("PNG", {}), ("JPEG", {"quality": 60}), ("GIF", {}), ("BMP", {}), ("WEBP", {}),
                                        ("TIFF", {})])
@pytest.mark.parametrize("invert", [False, True], ids=["white on black", "black on white"])
def test_light_and_dark_ink_come_out_alike_from_every_kind_of_file(kind, more, invert):
    grey = 1 - SEVEN if invert else SEVEN
    ink = read_picture(saved(as_picture(.1 + .8 * grey), kind, **more))
    assert ink.dtype == torch.float32 and ink.shape == (SIZE, SIZE) and 0 <= ink.min() and ink.max() == 1
    assert alike(ink, SEVEN) > .9 and alike(prepare(ink), GOOD) > .95


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_every_way_to_store_colours_is_understood(mode):
    picture = as_picture(1 - SEVEN)
    if mode == "I;16":                                                  # a scanner's grey, 0 to 65,535
        picture = Image.fromarray(np.asarray(picture).astype(np.uint16) * 256)
    else:
        picture = picture.convert("RGB").convert(mode) if mode == "CMYK" else picture.convert(mode)
    ink = read_picture(saved(picture, "TIFF" if mode in ("CMYK", "F") else "PNG"))
    assert alike(prepare(ink), GOOD) > .95


@pytest.mark.parametrize("shade", [0, 255], ids=["black", "white"])
@pytest.mark.parametrize("mode", ["RGBA", "P"])
def test_what_is_transparent_is_paper(shade, mode):
    picture = Image.new("RGBA", (SIZE, SIZE), (shade, shade, shade, 0))    # nothing can be seen but the digit
    picture.putalpha(as_picture(SEVEN))
    assert alike(prepare(read_picture(saved(picture.convert(mode)))), GOOD) > .95


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_photo_is_turned_as_its_exif_data_says(orientation):
    turned = photo(SEVEN).transpose({3: Image.ROTATE_180, 6: Image.ROTATE_90, 8: Image.ROTATE_270}[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert alike(prepare(read_picture(saved(turned, "JPEG", exif=exif))), GOOD) > .95


MEMORY = """import resource, sys, time
import numpy
from course.pad import read_picture
most = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
data = open(sys.argv[1], "rb").read()
before, start = most(), time.process_time()
ink = read_picture(data)
print(time.process_time() - start, (most() - before) / 2 ** 20)
numpy.save(sys.argv[1] + ".npy", ink.numpy())"""


@pytest.mark.skipif(sys.platform == "win32", reason="the module resource is not there")
@pytest.mark.parametrize("kind, size", [("JPEG", (6000, 4000)), ("PNG", (4000, 6000))])
def test_a_huge_picture_is_read_quickly_and_in_little_memory(tmp_path, kind, size):
    """In a process of its own: what others had at most would hide what this takes."""
    picture = Image.new("L", size, 230)
    picture.paste(photo(SEVEN, "none").resize((3600, 3600)), (200, 200))
    file = tmp_path / "picture"
    file.write_bytes(saved(picture.convert("RGB"), kind))
    done = subprocess.run([sys.executable, "-c", MEMORY, file], cwd=ROOT, capture_output=True, text=True, encoding="utf-8",
                          check=True)
    seconds, megabytes = map(float, done.stdout.split())
    assert seconds < 10 and megabytes < 400
    ink = torch.from_numpy(np.load(f"{file}.npy"))
    assert max(ink.shape) == SIZE and min(ink.shape) == 187 and alike(prepare(ink), GOOD) > .95


def test_a_tiny_picture_is_read():
    """Digits of MNIST themselves, as files of 28 by 28 pixels, and one of 12 by 12."""
    digits = load_digits((3, 7)).valid_x[::100]
    for digit in digits:
        for grey in (digit, 1 - digit):
            assert alike(prepare(read_picture(saved(as_picture(grey)))), digit) > .9
    small = as_picture(1 - SEVEN).resize((12, 12), Image.BOX)
    assert alike(prepare(read_picture(saved(small))), GOOD) > .8


@pytest.mark.parametrize("size", [(560, 280), (200, 900)])
def test_a_picture_that_is_not_square_keeps_its_proportions(size):
    picture = Image.new("L", size, 240)
    picture.paste(as_picture(.94 - .8 * SEVEN).resize((200, 200)), (0, 40))
    ink = read_picture(saved(picture))
    assert ink.shape == tuple(round(n * SIZE / max(size)) for n in reversed(size)) and alike(prepare(ink), GOOD) > .95


@pytest.mark.parametrize("shadow", ["none", "window", "corner", "rim"])
@pytest.mark.parametrize("pen, noise", [(22, .06), (5, .03)])
def test_a_photo_in_uneven_light_gives_the_digit_without_the_shadow(shadow, pen, noise):
    for digit, name in DIGITS:
        found = prepare(read_picture(saved(photo(drawn(digit, name, pen), shadow, noise), "JPEG", quality=80)))
        assert alike(found, prepare(drawn(digit, name))) > .85, (digit, name)


def test_specks_and_the_edge_of_the_table_are_left_out_and_a_bar_is_not():
    barred = drawn(7, "with a bar")
    grey = 1 - .8 * barred
    grey[20:24, 250:254] = grey[260:262, 30:34] = .2                    # dust
    grey[:, :25] = .3                                                   # the table beside the paper
    assert alike(prepare(as_ink(grey)), prepare(barred)) > .95
    grey = 1 - .8 * barred[60:220, 75:215]                              # cut so close that the digit touches the border
    assert alike(prepare(as_ink(grey)), prepare(barred[60:220, 75:215])) > .95


def test_a_single_dot_is_ink_and_has_an_answer():
    dot = torch.zeros(SIZE, SIZE)
    dot[200:222, 30:52] = 1
    assert torch.allclose(prepare(dot), F.pad(torch.ones(20, 20), (4, 4, 4, 4)))
    assert alike(prepare(as_ink(1 - dot)), prepare(dot)) > .85
    dot = torch.zeros(SIZE, SIZE)
    dot[100, 7] = 1                                                     # one pixel
    assert torch.allclose(prepare(dot), F.pad(torch.ones(20, 20), (4, 4, 4, 4)))


# ---------------------------------------------------------------- nothing to see, and what is no picture

@pytest.mark.parametrize("picture", [
    Image.new("L", (300, 200), 255), Image.new("L", (300, 200), 0), Image.new("RGBA", (50, 50), (0, 0, 0, 0)),
    Image.new("L", (1, 1), 90), Image.new("L", (3000, 1), 90), Image.new("L", (1, 500), 200),
    *[photo(torch.zeros(SIZE, SIZE), shadow, noise) for shadow in ("none", "window", "rim") for noise in (.01, .06)]])
def test_a_picture_without_ink_is_an_image_without_ink_and_one_sentence(picture):
    ink = read_picture(saved(picture))
    assert ink.sum() == 0
    with pytest.raises(ValueError, match=r"^There is no ink in this picture: draw something first\.$"):
        prepare(ink)


def test_an_empty_pad_gets_one_sentence():
    with pytest.raises(ValueError, match="draw something first"):
        prepare(DrawPad().image())


PNG, JPEG = saved(photo(SEVEN)), saved(photo(SEVEN), "JPEG")


@pytest.mark.parametrize("data, says", [
    (b"", "is no picture that can be read"), (b"no picture", "is no picture that can be read"),
    (b"%PDF-1.4 ...", "is no picture that can be read"), (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is no picture"),
    (PNG[:500], "is damaged"), (JPEG[:500], "is damaged"), (PNG[:60] + bytes(200) + PNG[260:], "is damaged"),
    (PNG[:20], "is no picture|is damaged")])
def test_what_is_no_picture_gets_one_sentence(data, says, tmp_path):
    for source in (data, tmp_path / "file.png"):
        if source is not data:
            source.write_bytes(data)
        with pytest.raises(ValueError, match=says) as error:
            read_picture(source)
        name = "This file" if source is data else str(source)
        assert str(error.value).startswith(name) and str(error.value).endswith("save it as PNG or JPEG.") or \
            str(error.value).endswith("save it again as PNG or JPEG.")
        assert "\n" not in str(error.value)


def test_a_picture_too_large_to_be_opened_safely_gets_one_sentence(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    for size in ((110, 110), (1000, 1000)):                             # Pillow warns of the first, and refuses the second
        with pytest.raises(ValueError, match="too many pixels to be opened safely: save a smaller copy of it"):
            read_picture(saved(Image.new("L", size, 90)))


def test_a_missing_file_and_a_folder_get_one_sentence(tmp_path):
    for path in (tmp_path, tmp_path / "seven.png", str(tmp_path / "seven.png")):
        with pytest.raises(FileNotFoundError, match=r"is no file: give the path of a picture\.$"):
            read_picture(path)


# ---------------------------------------------------------------- the pad

def url(picture):
    return "data:image/png;base64," + base64.b64encode(saved(picture)).decode()


def test_the_pad_gives_a_drawing_as_it_is_and_a_picture_as_ink():
    pad = DrawPad()
    pad.picture = url(as_picture(SEVEN).convert("RGBA"))
    assert torch.equal(pad.image(), SEVEN)
    pad.uploaded, pad.picture = True, url(photo(SEVEN))
    assert alike(pad.image(), SEVEN) > .9
    pad.clear()
    assert pad.image().shape == (SIZE, SIZE) and pad.image().sum() == 0 and not pad.uploaded


def test_the_callback_is_called_at_once_and_after_each_stroke():
    pad, seen = DrawPad(), []
    pad.on_draw(lambda image: seen.append(image.sum().item()))
    pad.picture = url(as_picture(SEVEN))
    pad.clear()
    assert seen == [0, pytest.approx(SEVEN.sum().item()), 0]


# ---------------------------------------------------------------- drawn digits

MADE = [(digit, name, pen, height, centre) for digit, name in DIGITS for pen in (16, 22, 34)
        for height, centre in ((220, (140, 140)), (140, (100, 190)), (90, (220, 60)))]


def test_drawn_digits_look_like_those_of_mnist_once_prepared():
    """As large, in the same place, and between the thinnest and the thickest of the training digits."""
    images = load_digits((3, 7)).train_x
    least, most = images.sum((1, 2)).min(), images.sum((1, 2)).max()
    for made in MADE:
        digit = prepare(drawn(*made))
        rows, columns = digit.any(1).nonzero(), digit.any(0).nonzero()
        assert digit.shape == (28, 28) and 0 <= digit.min() and digit.max() <= 1.001, made
        assert max(rows[-1] - rows[0], columns[-1] - columns[0]) == 19, made
        down, right = (digit.sum(axis) @ torch.arange(28.) / digit.sum() for axis in (1, 0))
        assert abs(down - 14) <= .5 and abs(right - 14) <= .5, made
        assert least < digit.sum() < 1.3 * most, made


@pytest.mark.parametrize("name", ["ReLU net, wiggled digits", "conv net, wiggled digits"])
def test_the_models_that_saw_wiggled_digits_read_most_drawings(name):
    model = stress.trained(name, "bundled", 0)
    right = {made: (model(prepare(drawn(*made)).view(1, 784)).item() > 0) == (made[0] == 3) for made in MADE}
    assert sum(right.values()) >= .95 * len(right), [made for made in right if not right[made]]
    usual = [made for made in MADE if made[2] == 22 and made[3] > 100]        # with the pad's own pen, not tiny
    assert all(right[made] for made in usual), [made for made in usual if not right[made]]
    photos = [(made, prepare(read_picture(saved(photo(drawn(*made[:2], 5)), "JPEG")))) for made in DIGITS]
    wrong = [made for made, image in photos if (model(image.view(1, 784)).item() > 0) != (made[0] == 3)]
    assert len(wrong) <= 1, wrong

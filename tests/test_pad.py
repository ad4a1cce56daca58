"""pad.py: pictures of every kind become ink, bad ones one sentence; and drawn digits, prepared, are like MNIST's."""
import base64
import io
import json
import os
import random
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw

from course.finished import finished_net
from course.pad import SIZE, DrawPad, as_ink, read_picture
from tests.test_utils import definitions
from tools.notebooks import ROOT, find, read
from utils import load_digits

NAMES = {"torch": torch, "F": F}
for cell in read(find("where_it_fails")).cells:                         # prepare, and what it needs
    if cell.cell_type == "code" and {"prepare", "centred"} & set(definitions(cell.source)):
        exec("\n".join(definitions(cell.source).values()), NAMES)
prepare, net = NAMES["prepare"], finished_net()

# Strokes in a box one wide and one high, as people write them: digit and name, strokes
ROUND = [(.2, .2), (.35, .07), (.55, .04), (.75, .12), (.78, .28), (.65, .42), (.45, .47)]
DIGITS = {(7, "plain"): [[(.15, .05), (.85, .05), (.4, .95)]], (7, "wide"): [[(0, .05), (1, .05), (.25, .95)]],
          (7, "with a bar"): [[(.1, .05), (.9, .02), (.45, .95)], [(.3, .5), (.85, .48)]],
          (7, "with a serif"): [[(.12, .25), (.14, .05), (.86, .05), (.4, .95)]],
          (7, "bent"): [[(.1, .08), (.5, .1), (.88, .05), (.7, .3), (.55, .6), (.5, .95)]],
          (3, "round"): [ROUND + [(.68, .54), (.84, .7), (.75, .88), (.5, .96), (.28, .92), (.15, .8)]],
          (3, "with a flat top"): [[(.15, .05), (.8, .05), (.45, .4), (.7, .46), (.84, .65), (.75, .87), (.45, .96), (.15, .85)]],
          (3, "of straight lines"): [[(.15, .05), (.8, .07), (.35, .44), (.82, .7), (.5, .95), (.15, .88)]],
          (3, "wide"): [[(0, .2), (.5, .04), (.95, .25), (.4, .48), (1, .72), (.5, .95), (0, .82)]]}
APART = {(7, "bar and stem"): [[(.1, .05), (.95, .05)], [(.8, .28), (.4, .95)]],              # strokes that do not touch
         (7, "a short bar beside"): [[(.1, .05), (.8, .05), (.35, .95)], [(.85, .5), (1.1, .5)]],
         (3, "two arcs"): [ROUND[:6], [(.6, .64), (.84, .72), (.75, .88), (.5, .96), (.28, .92), (.15, .8)]]}


def drawn(made, pen=22, height=180, centre=(140, 140), width=.65):
    """A digit on black, float32 (SIZE, SIZE) in 0…1, drawn with round ends and joints as on the pad."""
    paper = Image.new("L", (2 * SIZE, 2 * SIZE))
    for stroke in (DIGITS | APART)[made]:
        places = [(2 * (centre[0] + (x - .5) * width * height), 2 * (centre[1] + (y - .5) * height)) for x, y in stroke]
        ImageDraw.Draw(paper).line(places, fill=255, width=2 * pen)
        for x, y in places:
            ImageDraw.Draw(paper).ellipse([x - pen, y - pen, x + pen, y + pen], fill=255)
    return torch.from_numpy(np.array(paper.reduce(2))).float() / 255


def photo(ink, shadow="window", noise=.03, seed=0):
    """Dark ink on light paper in uneven light, as a picture by Pillow."""
    down, across = torch.meshgrid(torch.linspace(0, 1, SIZE), torch.linspace(0, 1, SIZE), indexing="ij")
    light = {"none": .9 + 0 * across, "window": .95 - .5 * across, "corner": .9 - .45 * (40 * (across + down - 1.2)).sigmoid(),
             "rim": .85 - .6 * ((across - .5) ** 2 + (down - .5) ** 2)}[shadow]
    rng = torch.Generator().manual_seed(seed)
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


def says(image):
    return 3 if net(image.reshape(1, 784)).item() > 0 else 7


def on_pad(ink):
    pad = DrawPad()
    pad.picture = "data:image/png;base64," + base64.b64encode(saved(as_picture(ink).convert("RGBA"))).decode()
    return pad


SEVEN = drawn((7, "plain"), centre=(110, 150))
GOOD = prepare(SEVEN)


# ---------------------------------------------------------------- pictures of every kind

@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"])
def test_light_and_dark_ink_come_out_alike_from_every_kind_of_file(kind):
    for grey in (SEVEN, 1 - SEVEN):
        ink = read_picture(saved(as_picture(.1 + .8 * grey), kind, quality=60))
        assert ink.dtype == torch.float32 and ink.shape == (SIZE, SIZE) and 0 <= ink.min() and ink.max() == 1
        assert alike(ink, SEVEN) > .9 and alike(prepare(ink), GOOD) > .95


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_every_way_to_store_colours_is_understood(mode):
    picture = as_picture(1 - SEVEN)
    if mode == "I;16":                                                  # a scanner's grey, 0 to 65,535
        picture = Image.fromarray(np.asarray(picture).astype(np.uint16) * 256)
    else:
        picture = picture.convert("RGB").convert(mode) if mode == "CMYK" else picture.convert(mode)
    assert alike(prepare(read_picture(saved(picture, "TIFF" if mode in ("CMYK", "F") else "PNG"))), GOOD) > .95


@pytest.mark.parametrize("shade", [0, 255], ids=["black", "white"])
@pytest.mark.parametrize("mode", ["RGBA", "P"])
def test_what_is_transparent_is_paper(shade, mode):
    picture = Image.new("RGBA", (SIZE, SIZE), (shade, shade, shade, 0))    # nothing can be seen but the digit
    picture.putalpha(as_picture(SEVEN))
    assert alike(prepare(read_picture(saved(picture.convert(mode)))), GOOD) > .95


@pytest.mark.parametrize("orientation, turn", [(3, Image.ROTATE_180), (6, Image.ROTATE_90), (8, Image.ROTATE_270)])
def test_a_photo_is_turned_as_its_exif_data_says(orientation, turn):
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert alike(prepare(read_picture(saved(photo(SEVEN).transpose(turn), "JPEG", exif=exif))), GOOD) > .95


ALONE = """import json, resource, sys, time
sys.modules["anywidget"] = None                                         # as if it were not installed
from course.pad import read_picture
from IPython.core.interactiveshell import InteractiveShell
most = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
before, start = most(), time.process_time()
inks = [read_picture(file) for file in sys.argv[1:]]
spent = time.process_time() - start, (most() - before) / 2 ** 20
InteractiveShell().run_cell("from course.pad import DrawPad\\npad = DrawPad()")
print(json.dumps([*spent, *(ink.tolist() for ink in inks)]))"""


@pytest.mark.skipif(sys.platform == "win32", reason="the module resource is not there")
def test_huge_pictures_take_little_memory_and_without_anywidget_the_pad_says_so(tmp_path):
    """In a process of its own: what others had at most would hide what this takes."""
    for kind, size in ("JPEG", (6000, 4000)), ("PNG", (4000, 6000)):
        picture = Image.new("L", size, 230)
        picture.paste(photo(SEVEN, "none").resize((3600, 3600)), (200, 200))
        (tmp_path / kind).write_bytes(saved(picture.convert("RGB"), kind, compress_level=1))
    done = subprocess.run([sys.executable, "-c", ALONE, tmp_path / "JPEG", tmp_path / "PNG"], cwd=ROOT, capture_output=True,
                          text=True, encoding="utf-8", check=True, env=os.environ | {"IPYTHONDIR": str(tmp_path)})
    sentence, numbers = done.stdout.splitlines()
    assert sentence == "The drawing pad needs anywidget: run  pip install anywidget  and restart the kernel."
    seconds, megabytes, *inks = json.loads(numbers)
    assert seconds < 10 and megabytes < 400
    for ink in map(torch.tensor, inks):
        assert max(ink.shape) == SIZE and min(ink.shape) == 187 and alike(prepare(ink), GOOD) > .95


def test_tiny_pictures_and_those_that_are_not_square_are_read():
    """Digits of MNIST themselves, as files of 28 by 28 pixels, and one of 12 by 12; a wide picture and a high one."""
    for digit in load_digits((3, 7)).valid_x[::100]:
        for grey in (digit, 1 - digit):
            assert alike(prepare(read_picture(saved(as_picture(grey)))), digit) > .9
    assert alike(prepare(read_picture(saved(as_picture(1 - SEVEN).resize((12, 12), Image.BOX)))), GOOD) > .8
    for size in (560, 280), (200, 900):
        picture = Image.new("L", size, 240)
        picture.paste(as_picture(.94 - .8 * SEVEN).resize((200, 200)), (0, 40))
        ink = read_picture(saved(picture))
        assert ink.shape == tuple(round(n * SIZE / max(size)) for n in reversed(size)) and alike(prepare(ink), GOOD) > .95


# ---------------------------------------------------------------- what readers do to it

def ruled(rng, squared=False):
    """Lines as on ruled paper, printed and photographed a little askew: how strong they are at each place, in 0…1."""
    paper, slope, gap = Image.new("L", (4 * SIZE, 4 * SIZE)), rng.uniform(-.08, .08), rng.uniform(28, 70)
    width, bow = round(4 * rng.uniform(1.5, 4)), rng.uniform(-2, 2)
    for k in range(-3, 14):
        ends = [(4 * x, 4 * (k * gap + slope * x + bow * (x / 140 - 1) ** 2)) for x in range(-10, 300, 10)]
        for places in (ends, [(y - 2 * slope * x, x) for x, y in ends])[:1 + squared]:
            ImageDraw.Draw(paper).line(places, fill=255, width=width)
    return torch.from_numpy(np.array(paper.reduce(4))).float() / 255 * rng.uniform(.3, 1)


def dot(rng, ink, largest):
    """A round dot somewhere well away from all ink."""
    down, across = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    while True:
        x, y, radius = rng.uniform(12, 268), rng.uniform(12, 268), rng.uniform(2, largest)
        found = ((down - y) ** 2 + (across - x) ** 2 < radius ** 2).float()
        if (F.max_pool2d(found[None], 31, 1, 15) * ink).sum() == 0:
            return found


SPOILED = {"drawn": lambda rng, ink, seed: on_pad(ink).image(), "a dot": lambda rng, ink, seed: on_pad(ink + dot(rng, ink, 12)).image(),
           "photo": lambda rng, ink, seed: photo(ink, rng.choice(["none", "window", "corner", "rim"]), rng.uniform(.01, .06), seed),
           "photo of a dot": lambda rng, ink, seed: photo(ink + dot(rng, ink, 11), "window", .03, seed),
           "ruled paper": lambda rng, ink, seed: photo(torch.maximum(ink, ruled(rng)), "window", .03, seed),
           "squared paper": lambda rng, ink, seed: photo(torch.maximum(ink, ruled(rng, True)), "rim", .03, seed),
           "white on black": lambda rng, ink, seed: as_picture(ink), "black on white": lambda rng, ink, seed: as_picture(1 - ink),
           "blackboard": lambda rng, ink, seed: as_picture(.2 + .6 * torch.maximum(ink, ruled(rng)))}


@pytest.mark.parametrize("place", ["anywhere", "in a corner"])
@pytest.mark.parametrize("kind", SPOILED)
def test_what_readers_do_leaves_the_digit(kind, place):
    """Digits of one stroke or several, and of several that do not touch, each with other numbers drawn by chance."""
    for seed, made in enumerate(DIGITS | APART):
        rng = random.Random(f"{kind} {place} {seed}")
        height, pen = rng.uniform(140, 180) if place == "anywhere" else 100, rng.choice([10, 16, 22])
        room = height / 2 + pen
        corner = [rng.choice([room, SIZE - room]) for _ in range(2)]
        middle = [rng.uniform(room, SIZE - room) for _ in range(2)]
        ink = drawn(made, pen // (1 + (place == "in a corner")), height, middle if place == "anywhere" else corner)
        found = SPOILED[kind](rng, ink, seed)
        if isinstance(found, Image.Image):
            found = read_picture(saved(found, "JPEG", quality=80))
        if "dot" in kind or kind == "drawn":
            assert torch.equal(found, ink) or kind == "photo of a dot", (seed, made)
        assert alike(prepare(found), prepare(ink)) > .85 and says(prepare(found)) == says(prepare(ink)), (seed, made)


def test_specks_and_the_edge_of_the_table_are_left_out_and_a_bar_is_not():
    barred = drawn((7, "with a bar"))
    grey = 1 - .8 * barred
    grey[20:24, 250:254] = grey[260:262, 30:34] = .2                    # dust
    grey[:, :25] = .3                                                   # the table beside the paper
    assert alike(prepare(as_ink(grey)), prepare(barred)) > .95
    cut = barred[60:220, 75:215]                                        # so close that the digit touches the border
    assert alike(prepare(as_ink(1 - .8 * cut)), prepare(cut)) > .95


def test_a_single_dot_is_ink_and_has_an_answer():
    for part in (slice(200, 222), slice(30, 52)), (100, 7):             # a dot, and one pixel
        dot = torch.zeros(SIZE, SIZE)
        dot[part] = 1
        assert torch.allclose(prepare(dot), F.pad(torch.ones(20, 20), (4, 4, 4, 4)))
        assert part == (100, 7) or torch.equal(on_pad(dot).image(), dot) and alike(prepare(as_ink(1 - dot)), prepare(dot)) > .85


# ---------------------------------------------------------------- nothing to see, and what is no picture

@pytest.mark.parametrize("picture", [
    Image.new("L", (300, 200), 255), Image.new("L", (300, 200), 0), Image.new("RGBA", (50, 50), (0, 0, 0, 0)),
    Image.new("L", (1, 1), 90), Image.new("L", (3000, 1), 90), Image.new("L", (1, 500), 200),
    *[photo(torch.zeros(SIZE, SIZE), shadow, noise) for shadow in ("none", "window", "rim") for noise in (.01, .06)]])
def test_a_picture_without_ink_is_an_image_without_ink_and_one_sentence(picture):
    for ink in (read_picture(saved(picture)), DrawPad().image()):
        assert ink.sum() == 0
        with pytest.raises(ValueError, match=r"^There is no ink in this picture: draw something first\.$"):
            prepare(ink)


PNG, JPEG = saved(photo(SEVEN)), saved(photo(SEVEN), "JPEG")


@pytest.mark.parametrize("data, says", [
    (b"", "is no picture that can be read"), (b"%PDF-1.4 ...", "is no picture that can be read"),
    (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is no picture"), (PNG[:20], "is no picture|is damaged"),
    (PNG[:500], "is damaged"), (JPEG[:500], "is damaged"), (PNG[:60] + bytes(200) + PNG[260:], "is damaged")])
def test_what_is_no_picture_gets_one_sentence(data, says, tmp_path):
    file = tmp_path / "file.png"
    file.write_bytes(data)
    for source, name in (data, "This file"), (file, str(file)):
        with pytest.raises(ValueError, match=says) as error:
            read_picture(source)
        assert str(error.value).startswith(name) and "\n" not in str(error.value)
        assert str(error.value).endswith(("save it as PNG or JPEG.", "save it again as PNG or JPEG."))


def test_a_picture_too_large_a_missing_file_and_a_folder_get_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    for size in (110, 110), (1000, 1000):                               # Pillow warns of the first, and refuses the second
        with pytest.raises(ValueError, match="too many pixels to be opened safely: save a smaller copy of it"):
            read_picture(saved(Image.new("L", size, 90)))
    for path in (tmp_path, tmp_path / "seven.png", str(tmp_path / "seven.png")):
        with pytest.raises(FileNotFoundError, match=r"is no file: give the path of a picture\.$"):
            read_picture(path)


# ---------------------------------------------------------------- the pad

def test_the_callback_is_called_at_once_and_after_each_stroke_and_a_bad_picture_is_a_sentence(capsys):
    pad, seen = DrawPad(), []
    pad.on_draw(lambda image: seen.append(image.sum().item()))
    pad.picture = on_pad(SEVEN).picture
    pad.clear()
    assert seen == [0, pytest.approx(SEVEN.sum().item()), 0]
    pad.uploaded, pad.picture = True, "data:image/png;base64," + base64.b64encode(saved(photo(SEVEN))).decode()
    assert alike(pad.image(), SEVEN) > .9 and len(seen) == 4
    pad.picture = "data:image/png;base64,AAAA"
    assert len(seen) == 4 and capsys.readouterr().out == "This file is no picture that can be read: save it as PNG or JPEG.\n"
    pad.clear()
    assert not pad.uploaded and seen[4:] == [0]


# ---------------------------------------------------------------- drawn digits

MADE = [(made, pen, height, centre) for made in DIGITS for pen in (16, 22, 34)
        for height, centre in ((220, (140, 140)), (140, (100, 190)), (90, (220, 60)))]


def test_drawn_digits_once_prepared_look_like_those_of_mnist_and_the_finished_net_reads_them():
    """As large, in the same place, and between the thinnest and the thickest of the training digits."""
    images, wrong = load_digits((3, 7)).train_x, []
    least, most = images.sum((1, 2)).min(), images.sum((1, 2)).max()
    for made in MADE:
        digit = prepare(drawn(*made))
        rows, columns = digit.any(1).nonzero(), digit.any(0).nonzero()
        assert digit.shape == (28, 28) and 0 <= digit.min() and digit.max() <= 1.001, made
        assert max(rows[-1] - rows[0], columns[-1] - columns[0]) == 19, made
        down, right = (digit.sum(axis) @ torch.arange(28.) / digit.sum() for axis in (1, 0))
        assert abs(down - 14) <= .5 and abs(right - 14) <= .5, made
        assert least < digit.sum() < 1.3 * most, made
        wrong += [made] * (says(digit) != made[0][0])
    assert len(wrong) <= .05 * len(MADE) and not [made for made in wrong if made[1] == 22 and made[2] > 100], wrong

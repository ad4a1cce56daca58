"""utils.py: loading, pictures, training against plain PyTorch, and what the notebooks teach."""
import ast
import difflib
import hashlib
import math
import os
import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import utils
from course import drawing, mnist
from tools.benchmarks import ladder
from tools.notebooks import notebooks, read, slug
from course.setup import check_knobs
from utils import load_digits

ROOT = Path(utils.__file__).parent
RAW = Path("MNIST", "raw")
FULL = os.environ.get("MNIST_ROOT")
full_digits = pytest.mark.skipif(not FULL, reason="MNIST_ROOT names no folder with all of MNIST")


# ---------------------------------------------------------------- digits

def as_bytes(*images):
    return {x.numpy().tobytes() for several in images for x in several}


def test_bundled_digits_are_tensors_in_the_order_asked_for():
    digits = load_digits()
    assert digits._fields == ("train_x", "train_y", "valid_x", "valid_y")
    for x, y in (digits[:2], digits[2:]):
        assert x.shape == (500, 28, 28) and x.dtype == torch.float32 and x.min() == 0 and x.max() == 1
        assert y.tolist() == [3] * 250 + [7] * 250 and y.dtype == torch.int64
    others = load_digits((7, 0, 3))
    assert others.train_y.tolist() == [7] * 250 + [0] * 250 + [3] * 250
    assert torch.equal(others.train_x[:250], digits.train_x[250:]) and load_digits(4).valid_y.unique().tolist() == [4]


def test_images_are_the_bytes_of_the_idx_file_and_none_is_in_both_sets():
    raw = (ROOT / "data" / "bundled" / RAW / "train-images-idx3-ubyte").read_bytes()[16:]
    train_x, _, valid_x, _ = load_digits(range(10))
    images = torch.tensor(list(raw), dtype=torch.uint8).view(-1, 28, 28)
    assert len(images) == 2500 and torch.equal((train_x * 255).round().to(torch.uint8), images)
    assert not as_bytes(train_x) & as_bytes(valid_x)


def test_checksums_in_data_agree():
    sums = dict(reversed(line.split()) for line in (ROOT / "data" / "SHA256SUMS").read_text(encoding="utf-8").splitlines())
    readme = dict(re.findall(r"`([\w-]+ubyte)` \| `(\w{64})`", (ROOT / "data" / "README.md").read_text(encoding="utf-8")))
    assert len(sums) == 8 and len(readme) == 4
    for name, sha in readme.items():
        assert sha == sums[f"bundled/MNIST/raw/{name}"]
        assert sha == hashlib.sha256((ROOT / "data" / "bundled" / RAW / name).read_bytes()).hexdigest()


@full_digits
def test_full_digits_are_mnists_own_and_the_bundled_are_among_them(monkeypatch):
    train_x, train_y, valid_x, valid_y = load_digits(dataset="full")
    assert train_x.shape == (12396, 28, 28) and valid_x.shape == (2038, 28, 28)
    assert train_y.bincount()[[3, 7]].tolist() == [6131, 6265] and valid_y.bincount()[[3, 7]].tolist() == [1010, 1028]
    bundled = load_digits(range(10))
    assert as_bytes(bundled.train_x, bundled.valid_x) <= as_bytes(load_digits(range(10), "full").train_x)
    monkeypatch.setenv("DIGITS", "full")                             # the environment names the default
    assert len(load_digits().train_x) == 12396 and len(load_digits(dataset="bundled").train_x) == 500


# ---------------------------------------------------------------- pictures

@pytest.fixture
def shown(monkeypatch):
    """What utils.py displays: a list of (data, metadata)."""
    shown = []
    monkeypatch.setattr("IPython.display.display",
                        lambda data, metadata, raw: shown.append((data, metadata["image/png"]["alt"])))
    return shown


ALT = "what is to be seen in it"
DRAWINGS = {
    "one image": lambda: utils.show_images(torch.rand(28, 28), alt=ALT),
    "rows": lambda: utils.show_images(torch.rand(10, 784), range(10), ALT, columns=4),
    "weights": lambda: utils.show_images(torch.randn(784, requires_grad=True), alt=ALT, limit=1.),
    "numbers": lambda: utils.show_numbers(torch.rand(4, 5), ALT),
    "curves": lambda: utils.show_curves({"a": [3, 2, 1], "b": [1.]}, "epoch", "loss", ALT, {"c": 2.}, (0, 4)),
    "log curve": lambda: utils.show_curves({"a": [3, 2, 1]}, "epoch", "loss", ALT, log=True),
    "ladder": lambda: utils.show(ladder.draw(["bundled"], {"ReLU net": .98, "linear model": .9}), ALT),
}


@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)
def test_pictures_are_png_with_alt_text_and_closed(draw, shown):
    import matplotlib.pyplot as plt
    assert draw() is None, "a helper returns nothing, so that no cell needs a semicolon"
    (data, alt), = shown
    assert data["text/plain"] == alt == ALT and data["image/png"].startswith("iVBOR")
    assert not plt.get_fignums()


def test_images_need_not_be_there():
    with pytest.raises(ValueError, match="3 images and 2 titles do not fit"):
        utils.show_images(torch.rand(3, 28, 28), ["a", "b"])
    with pytest.raises(ValueError, match="no images"):
        utils.show_images(torch.zeros(0, 28, 28))


@pytest.mark.parametrize("values, said", [([1., 2., math.inf, 3.], "epoch 3"), ([math.nan] * 4, "epoch 1"),
                                          ([9., math.nan], "epoch 2")])
def test_a_curve_says_from_where_on_it_cannot_be_drawn(values, said, shown, monkeypatch):
    legends, show = [], utils.show

    def watched(fig, alt):
        legends.append(fig.axes[0].get_legend())
        show(fig, alt)
    monkeypatch.setattr(drawing, "show", watched)
    for log in (False, True):
        utils.show_curves({"training": values}, "epoch", "loss", ALT, log=log)
        assert shown[-1][1] == f"{ALT} (training, out of all bounds from {said} on.)"
        assert legends[-1].get_texts()[0].get_text() == f"training, out of all bounds from {said} on"


# ---------------------------------------------------------------- training

def test_as_xy_and_accuracy():
    x, y = utils.as_xy(torch.arange(2 * 784.).view(2, 28, 28), torch.tensor([3, 7]), 3)
    assert x.shape == (2, 784) and x[1, 29] == 784 + 29
    assert y.tolist() == [[1.], [0.]] and y.dtype == torch.float32
    preds, y = torch.tensor([[2.], [-1.], [.1], [-3.]]), torch.tensor([[1.], [1.], [0.], [0.]])
    assert utils.accuracy(preds, y) == .5
    assert utils.accuracy(preds, (preds > 0).float()) == 1


def test_batches_cover_everything_in_order_or_shuffled_anew_and_alike_for_a_seed():
    rows = torch.arange(10.)[:, None]

    def passes(**how):
        batches = utils.Batches(rows, rows.clone(), batch_size=4, **how)
        assert [[len(xb), torch.equal(xb, yb)] for xb, yb in batches] == [[4, True], [4, True], [2, True]]
        return [torch.cat([xb for xb, _ in batches]).flatten().tolist() for _ in range(2)]
    first, second = passes(shuffle=True)
    assert len(utils.Batches(rows, rows, 4)) == 3 and passes() == [list(range(10))] * 2
    assert first != second and sorted(first) == sorted(second) == list(range(10))
    assert passes(shuffle=True, seed=0) == [first, second] != passes(shuffle=True, seed=1)


def small_problem():
    torch.manual_seed(0)
    x = torch.rand(50, 784)
    return x, (x[:, :1] > .5).float(), nn.Linear(784, 1)


def test_train_epoch_is_plain_sgd():
    x, y, model = small_problem()
    w, b = model.weight.detach().clone(), model.bias.detach().clone()
    utils.train_epoch(model, torch.optim.SGD(model.parameters(), lr=.1), utils.Batches(x, y, 20))
    for xb, yb in zip(x.split(20), y.split(20)):
        error = (torch.sigmoid(xb @ w.T + b) - yb) / len(xb)          # the gradient of the loss, by hand
        w, b = w - .1 * error.T @ xb, b - .1 * error.sum(0)
    torch.testing.assert_close(model.weight, w)
    torch.testing.assert_close(model.bias, b)


def test_validate_epoch_counts_each_digit_once():
    x, y, model = small_problem()
    preds = model(x)
    expected = F.binary_cross_entropy_with_logits(preds, y).item(), utils.accuracy(preds, y).item()
    for batch_size in (7, 20, 50):                                   # 7 leaves a last batch of one
        assert utils.validate_epoch(model, utils.Batches(x, y, batch_size)) == pytest.approx(expected)


def test_fit_reports_each_epoch_and_follows_a_schedule():
    x, y, model = small_problem()
    opt = torch.optim.SGD(model.parameters(), lr=.2)
    schedule = torch.optim.lr_scheduler.LinearLR(opt, 1., 0., total_iters=4)
    history = utils.fit(model, opt, utils.Batches(x, y, 10), utils.Batches(x, y, 50), 3, schedule)
    assert len(history) == 3 and history[-1] == utils.validate_epoch(model, utils.Batches(x, y, 50))
    assert opt.param_groups[0]["lr"] == pytest.approx(.05)
    assert len(utils.fit(model, opt, [(x, y)], [(x, y)], 2)) == 2 and opt.param_groups[0]["lr"] == pytest.approx(.05)


def one_wiggle(x, monkeypatch, **limits):
    """wiggle(x) where every draw comes out at its upper limit."""
    monkeypatch.setattr(torch, "rand", lambda *shape: torch.ones(*shape))
    none = dict(turn=0, zoom=0, shift=0, slant=0)
    return utils.wiggle(x.flatten(1), **none | limits).view(-1, 28, 28)


def test_wiggle_shifts_by_pixels_turns_by_degrees_zooms_by_a_share_and_slants_rows_sideways(monkeypatch):
    square = torch.zeros(1, 28, 28)
    square[0, 8:14, 10:20] = 1
    torch.testing.assert_close(one_wiggle(square, monkeypatch), square, atol=1e-5, rtol=0)
    moved, turned = one_wiggle(square, monkeypatch, shift=2), one_wiggle(square, monkeypatch, turn=90)
    torch.testing.assert_close(moved, square.roll((-2, -2), (1, 2)), atol=1e-4, rtol=0)
    assert any((turned - square.rot90(k, (1, 2))).abs().max() < 1e-3 for k in (1, 3))
    assert one_wiggle(square, monkeypatch, zoom=.1).sum() == pytest.approx(60 / 1.1 ** 2, rel=.05)
    bar = torch.zeros(1, 28, 28)
    bar[0, :, 13:15] = 1
    slanted = one_wiggle(bar, monkeypatch, slant=.2)[0]
    centre = (slanted * torch.arange(28.)).sum(1) / slanted.sum(1)
    assert (centre[24] - centre[4]).abs() == pytest.approx(.2 * 20, rel=.05)


def test_wiggle_draws_evenly_up_to_its_limits_for_each_image():
    torch.manual_seed(0)
    dots = torch.zeros(2000, 28, 28)
    dots[:, 10:18, 10:18] = 1
    moved = utils.wiggle(dots.flatten(1), turn=0, zoom=0, slant=0).view(-1, 28, 28)
    column = (moved.sum(1) * torch.arange(28.)).sum(1) / moved.sum((1, 2)) - 13.5
    assert column.abs().max() < 2.01 and column.std() == pytest.approx(2 / 3 ** .5, rel=.05)
    assert abs(column.mean()) < .1 and moved.shape == dots.shape


def test_wiggled_batches_differ_on_each_pass_but_not_in_labels():
    x, y = utils.as_xy(*load_digits()[:2], 3)
    torch.manual_seed(0)
    batches = utils.WiggledBatches(x, y, 100)
    first, second = ([(xb.clone(), yb) for xb, yb in batches] for _ in range(2))
    assert not torch.equal(first[0][0], second[0][0]) and torch.equal(first[0][1], second[0][1])
    assert len(batches) == 5 and first[0][0].shape == (100, 784)


def test_folders_of_the_digits(monkeypatch):
    monkeypatch.setenv("MNIST_ROOT", "")
    assert [mnist.folder_of(dataset) for dataset in ("bundled", "full")] == [ROOT / "data" / "bundled", ROOT / "data" / "full"]
    for own, there in [("../digits", ROOT / "../digits"), ("/digits", Path("/digits")), ("~/digits", Path.home() / "digits"),
                       ("~nobody-of-this-name/x", ROOT / "~nobody-of-this-name/x")]:
        monkeypatch.setenv("MNIST_ROOT", own)
        assert mnist.folder_of("full") == there and mnist.folder_of("bundled") == ROOT / "data" / "bundled"


# ---------------------------------------------------------------- knobs

@pytest.mark.parametrize("knobs", [{"digits": (4, 9)}, {"lr": 0, "wiggle_lr": 1e9, "epochs": 0},
                                   {"hidden": 1, "batch_size": 5000}, {"device": "cpu"}])
def test_check_knobs_lets_pass_what_will_do(knobs):
    assert check_knobs(**knobs) is None


@pytest.mark.parametrize("knob, value, mend", [
    *(("digits", value, "two different digits") for value in [(3, 3), (3, 11), (1, 3, 7), 3, ([3], [7])]),
    *(("lr", value, "a number from 0 up") for value in [math.nan, -1, "fast"]), ("wiggle_lr", math.inf, "a number from 0 up"),
    *(("epochs", value, "a whole number from 0 up") for value in [-1, 1.5, 1e2]), ("hidden", 30., "a whole number from 1 up"),
    *(("batch_size", value, "a whole number from 1 up") for value in [0, None]), ("device", "abacus", "'cpu'"),
])
def test_check_knobs_says_what_will_not(knob, value, mend):
    with pytest.raises(ValueError, match=re.escape(f"{knob}={value!r} will not do: ")) as refusal:
        check_knobs(**{"hidden": 30, knob: value})
    assert mend in str(refusal.value)


# ---------------------------------------------------------------- what the notebooks teach

def definitions(source):
    """Name → definition, without its docstring and annotations, for each function and class of a program."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
    return {node.name: ast.unparse(node) for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}


def sources():
    """Slug → all code of a notebook, in the course's order."""
    return {slug(path): "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "code") for path in notebooks()}


TAUGHT = {name: where[1] for name, thing in vars(utils).items() if getattr(thing, "__module__", "") == "utils"
          and (where := re.search(r"\(([a-z_]+)\)$", (thing.__doc__ or "").partition("\n")[0]))}
UTILS = (ROOT / "utils.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", TAUGHT)
def test_what_utils_holds_is_what_the_notebook_teaches(name):
    here = definitions(UTILS)[name]
    there = definitions(sources().get(TAUGHT[name], "")).get(name)
    assert there, f"{TAUGHT[name]} defines no {name}"
    assert here == there, "\n".join(["", *difflib.unified_diff(there.splitlines(), here.splitlines(),
                                                              TAUGHT[name], "utils.py", lineterm="")])


def test_nothing_is_imported_before_it_is_taught():
    taught = set(definitions(UTILS)) - set(TAUGHT)
    for where, source in sources().items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and node.module == "utils":
                early = {alias.name for alias in node.names} & set(TAUGHT) - taught
                assert not early, f"{where} imports {early} too early"
        taught |= {name for name in TAUGHT if TAUGHT[name] == where}


def test_the_third_part_holds_only_what_a_notebook_teaches_and_each_public_name_has_a_test():
    assert set(definitions("#" + UTILS.split("- training")[1])) == set(TAUGHT)
    tests = Path(__file__).read_text(encoding="utf-8")
    for name in definitions(UTILS):
        assert name.startswith("_") or re.search(rf"\b{name}\(", tests) or name == "Digits", f"{name} has no test"

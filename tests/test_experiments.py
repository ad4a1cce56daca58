"""What the text invites to try, other knobs, and cells run again: what the text says holds, or a sentence says why not.

    pytest tests/test_experiments.py                                  a sample, in a minute or two
    EVERYTHING=1 MNIST_ROOT=folder pytest tests/test_experiments.py   all of it, and on the full digits
"""
import ast
import math
import os
import re
import signal
import threading
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from conftest import NUMBER, TOLERANCE, difference, pictures
from tools.notebooks import SLIDER, exercises_of, has, new_client, notebooks

BOOKS = {re.sub(r"^\d+_", "", path.stem): nbformat.read(path, as_version=4) for path in notebooks()}
LESSONS = [slug for slug in BOOKS if slug != "glossary"]
EVERYTHING = bool(os.environ.get("EVERYTHING"))
NAN, INF = math.nan, math.inf


def slow(*values):
    """A parameter of a test that is left out of the sample."""
    return pytest.param(*values, marks=pytest.mark.skipif(not EVERYTHING, reason="only with EVERYTHING=1"))


def sample(values, quick):
    return [value if value in quick else slow(value) for value in values]


# ---------------------------------------------------------------- somebody at a notebook

class Stopped(Exception):
    """A cell ended in an error; `frames` are the files that it went through."""
    def __init__(self, error):
        super().__init__(f"{error.ename}: {error.evalue}")
        report = re.sub(r"\x1b\[[\d;]*m", "", error.traceback)
        self.frames = re.findall(r"^(Cell In|File \S+)", report, re.M)


class Reader:
    """Somebody with a notebook and a kernel of its own: turns knobs, runs cells, tries things."""

    def __init__(self, slug, **environment):
        self.slug, self.book, self.fresh = slug, BOOKS[slug], False
        self.client = new_client(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell()]), timeout=900)
        self.kernel = self.client.setup_kernel(env=os.environ | {"OMP_NUM_THREADS": "1"} | environment)

    def cells(self):
        return [cell for cell in self.book.cells if cell.cell_type == "code"]

    def execute(self, cell, source=None):
        """The outputs of a cell, or of other source in its place."""
        copy = nbformat.v4.new_code_cell(cell.source if source is None else source, id=cell.id)
        try:
            self.client.execute_cell(copy, 0)
        except CellExecutionError as error:
            raise Stopped(error) from None
        return copy.outputs

    def tell(self, source):
        return self.execute(nbformat.v4.new_code_cell(source))

    def run(self, seed=None, **knobs):
        """Run all cells, with other knobs and seeds; returns their outputs by the cells' ids. As it is, only once."""
        if self.fresh and seed is None and not knobs:
            return {}
        self.fresh = False
        outputs = {cell.id: self.execute(cell, turned(cell, knobs, seed)) for cell in self.cells()
                   if not has(cell, "exercise") and not has(cell, "check")}
        self.fresh = seed is None and not knobs
        return outputs


def turned(cell, knobs, seed):
    """The source of a cell with other knobs, where it has the tag `parameters`, and other seeds."""
    source = cell.source
    if seed is not None:
        source = re.sub(r"(manual_seed\(|\bseed=)\d+", rf"\g<1>{seed}", source)
    if has(cell, "parameters"):
        names = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
        assert set(knobs) <= names, f"{set(knobs) - names} are no knobs of this notebook"
        source += "".join(f'\n{name} = {value!r}' if value == value and value not in (INF, -INF) else
                          f'\n{name} = float("{value}")' for name, value in knobs.items())
    return source


@pytest.fixture(scope="module")
def readers():
    """A reader for each notebook, at the same one through all tests."""
    opened = {}

    def reader(slug, **environment):
        key = slug, *environment.items()
        if key not in opened:
            opened[key] = Reader(slug, **environment)
            opened[key].kernel.__enter__()
        return opened[key]
    yield reader
    for one in opened.values():
        one.kernel.__exit__(None, None, None)


def said(cell, outputs):
    """What outputs say in words: printed text, values, descriptions of pictures; of sliders nothing, of `varies` no numbers."""
    texts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs
             if "widget" not in str(output.get("data", {}).keys())]
    text = "".join(texts).replace(SLIDER, "").strip()
    return NUMBER.sub(" #", text) if has(cell, "varies") else text


def differs(cell, outputs):
    """Why outputs of a cell are not those that are committed, or nothing."""
    if said(cell, outputs) != said(cell, cell.outputs):
        return f"{cell.id} says {said(cell, outputs)!r}, not {said(cell, cell.outputs)!r}"
    for pair in zip(pictures(cell.outputs), pictures(outputs), strict=True):
        if difference(*pair) > TOLERANCE and not has(cell, "varies"):
            return f"{cell.id} shows another picture"


# ---------------------------------------------------------------- what the text invites to try

EXPERIMENTS = [                  # the notebook, exercises to solve first, and what is run in it: it must not fail
    ("pixels", "reveal", "show_images(reveal(postcard)); assert reveal(postcard).unique().numel() > 1"),
    ("pixel_similarity", "precision", "check(precision)"),
    ("pixel_similarity", "my_distance", "assert digits_right(my_distance) > digits_right(l2) + 1"),
    ("pixel_similarity", "", "dark = l2_accuracy(valid_x / 2)\n"
                             "moved = [l2_accuracy(valid_x.roll(k, dims=2)) for k in (2, 3, 4)]\n"
                             "assert moved[1] - .01 < dark < moved[0] + .01 and moved[2] < dark - .05"),
    ("gradient_descent", "", "fit_by_hand(9., 1.5)\nassert mse(predict((9., 1.5), x), y) < .1 < mse(predict((4., 4.), x), y)"),
    ("gradient_descent", "", "high, low = descend(x, .5, 100)[0], descend(x, .05, 400)[0]\n"
                             "assert all(b > a for a, b in zip(high[:50], high[1:50])) and low[-1] < .1 and len(low) < 401"),
    ("gradient_descent", "fit_throw", "found = float(fit_throw(film_x, film_y, .2, 2000)[2])\n"
                                      "assert min(worlds.values(), key=lambda g: abs(g - found)) == secret"),
    ("gradient_descent", "throw_gradient", "p = torch.tensor([5., 1., 9.], requires_grad=True)\n"
                                           "mse(p[0] * x + p[1] - p[2] / 2 * x ** 2, y).backward()\n"
                                           "torch.testing.assert_close(throw_gradient(p.detach(), x, y), p.grad)"),
    ("linear_model", "", "ends = {rate: train(w / 10, b.view(1) / 10, rate, 50)[2][-1][0] for rate in (0, .01, 1.)}\n"
                         "assert ends[1.] < ends[.01] < ends[0]"),
    ("linear_model", "train_linear held_back_score",
     "assert .93 <= float(held_back_score(train_linear, load_digits((4, 9)), 4)) < .99"),
    ("mini_batch_sgd", "", "slow, fast, small = scores_of(len(x), True), scores_of(len(x), True, lr=1.), scores_of(32, True)\n"
                           "assert slow[-1] + .005 < fast[-1] and abs(fast[-1] - small[-1]) < .005"),
    ("mini_batch_sgd", "", "tidy, mixed = [scores_of(32, shuffle, epochs=40) for shuffle in (False, True)]\n"
                           "assert tidy[9] < mixed[9] and abs(tidy[-1] - mixed[-1]) < .01"),
    ("relu_net", "", "add_hinges(2); add_hinges(30)\n"
                     "worst = [(with_hinges(t, n) - curve(t)).abs().max().item() for n in (5, 10, 20, 40, 80)]\n"
                     "assert all(3 < far / near < 5 for far, near in zip(worst[1:], worst[2:]))"),
    ("relu_net", "leaky_backward", "first = leaky_backward(params, x[:9], y[:9], 0.)\n"
                                   "for a, b in zip(first, backward(params, x[:9], y[:9])): torch.testing.assert_close(a, b)"),
    ("where_it_fails", "", "three = drawn([(60, 60), (200, 60), (130, 130), (210, 190), (130, 260), (50, 230)])\n"
                           "assert [says(model, prepare(three)) for model in voters.values()].count(3) >= 4\n"
                           "for drawing in (three, torch.zeros(280, 280), torch.ones(280, 280), as_ink(photo)):\n"
                           "    answer(drawing)"),
]
HEAVY = {"more_variety", "bug_museum", "ten_digits", "where_it_fails", "many_workers"}


@pytest.mark.parametrize("slug, exercises, source", [slow(*one) if one[0] in HEAVY else one for one in EXPERIMENTS])
def test_what_the_text_says_happens(readers, slug, exercises, source):
    reader = readers(slug)
    reader.run()
    for name in exercises.split():
        cell, solution = next(pair for pair in exercises_of(reader.book) if f" {name}(" in pair[0].source)
        reader.execute(cell, solution)
    outputs = reader.tell(source)
    assert "not yet" not in "".join(output.get("text", "") for output in outputs)


def test_the_text_says_what_to_run_first():
    assert any("Run All Above Selected Cell" in " ".join(cell.source.split()) for cell in BOOKS["pixels"].cells)


@pytest.mark.skipif(os.name == "nt", reason="no such signal there")
def test_an_interrupt_in_the_middle_of_training_leaves_a_usable_state(readers):
    reader = readers("mini_batch_sgd")
    reader.run()
    cell = next(cell for cell in reader.cells() if "history = fit(model, opt, train, valid, epochs)" in cell.source)
    timer = threading.Timer(.3, os.kill, (int(reader.tell("import os; print(os.getpid())")[-1].text), signal.SIGINT))
    timer.start()
    with pytest.raises(Stopped, match="KeyboardInterrupt"):
        reader.execute(cell, cell.source.replace("epochs)", "10_000)"))
    assert differs(cell, reader.execute(cell)) is None


# ---------------------------------------------------------------- other knobs

PAIRS = [{"digits": pair} for pair in [(4, 9), (3, 3), (7, 3), (3, 11)]]
RATES = [{"lr": lr} for lr in (1e9, NAN, 0, INF, -1.)]
BATCHES = [{"batch_size": size} for size in (5000, 0, 500, 1)]
HIDDEN = [{"hidden": hidden} for hidden in (0, 1, 3)]
EPOCHS = [{"epochs": 0}, {"epochs": 1}]
WIGGLES = [{"wiggle_lr": lr} for lr in (NAN, 1e9)] + [{"wiggle_epochs": n} for n in (0, 1)]
NET = [*PAIRS, *RATES, *BATCHES, *HIDDEN, *EPOCHS]
KNOBS = {"pixels": PAIRS, "pixel_similarity": PAIRS, "gradient_descent": [*RATES, {"steps": 0}, {"steps": 1}],
         "linear_model": [*PAIRS, *RATES, *EPOCHS], "mini_batch_sgd": [*PAIRS, *RATES, *BATCHES, *EPOCHS], "relu_net": NET,
         "more_variety": [*NET, *WIGGLES], "ten_digits": [*RATES, *BATCHES, *HIDDEN, *WIGGLES, {"device": "abacus"}],
         "where_it_fails": [*NET, *WIGGLES], "many_workers": [*PAIRS, *RATES, *BATCHES, *HIDDEN, {"batch_size": 30}]}
REFUSED = {"digits": lambda pair: len(set(pair)) < 2 or max(pair) > 9, "lr": lambda lr: not 0 <= lr < INF,
           "batch_size": lambda size: size < 1, "hidden": lambda hidden: hidden < 1, "device": lambda device: device != "cpu"}
REFUSED["wiggle_lr"] = REFUSED["lr"]
IN_SAMPLE = {("pixels", (4, 9)), ("pixel_similarity", (4, 9)), ("gradient_descent", 1e9),
             ("linear_model", (4, 9)), ("linear_model", NAN), ("mini_batch_sgd", 5000), ("relu_net", (3, 3))}


def refused(slug, knob, value):
    if slug == "many_workers" and knob == "batch_size":                # four workers share it
        return value < 1 or value % 4 > 0
    return knob in REFUSED and REFUSED[knob](value) and not (slug == "gradient_descent" and knob == "lr")   # seen to fail


@pytest.mark.parametrize("slug, knobs", [
    (slug, knobs) if (slug, *knobs.values()) in IN_SAMPLE or refused(slug, *next(iter(knobs.items()))) and slug not in HEAVY
    else slow(slug, knobs) for slug, several in KNOBS.items() for knobs in several])
def test_other_knobs_give_an_honest_picture_or_a_sentence(readers, slug, knobs):
    reader, (knob, value) = readers(slug), next(iter(knobs.items()))
    if slug in HEAVY and "wiggle" not in knob and knob != "digits" and slug != "many_workers":
        knobs = {"wiggle_epochs": 3} | knobs     # no need to wait for all of them
    if refused(slug, knob, value):
        with pytest.raises(Stopped, match="will not do") as stopped:
            reader.run(**knobs)
        assert all("site-packages" not in frame for frame in stopped.value.frames), "a stack trace from deep inside"
        return
    outputs = reader.run(**knobs)
    for cell in reader.cells():
        if cell.id in outputs:
            assert not [output for output in outputs[cell.id] if output.get("name") == "stderr"], cell.id
            assert bool(said(cell, outputs[cell.id])) == bool(said(cell, cell.outputs)), cell.id
            drawn = pictures(outputs[cell.id])
            assert len(drawn) == len(pictures(cell.outputs)), cell.id
            assert all(len(picture.convert("L").getcolors()) > 8 for picture in drawn), f"{cell.id} shows nothing"
    if (knob, value) == ("lr", 1e9) and slug == "gradient_descent":
        assert re.search(r"training, out of all bounds from step \d on", str(outputs))


@pytest.mark.parametrize("slug", sample(sorted({*LESSONS} - {"bug_museum", "many_workers"}), ["pixel_similarity"]))
def test_other_seeds_do(readers, slug):
    readers(slug).run(seed=1)


@pytest.mark.skipif(not (EVERYTHING and os.environ.get("MNIST_ROOT")), reason="EVERYTHING=1 and MNIST_ROOT")
@pytest.mark.parametrize("slug", [slug for slug in LESSONS if slug not in ("bug_museum", "ten_digits", "many_workers")])
def test_the_full_digits_do(readers, slug):
    readers(slug, DIGITS="full", MNIST_ROOT=str(Path(os.environ["MNIST_ROOT"]).resolve())).run()


# ---------------------------------------------------------------- cells again

KINDS = """
def kinds_of_names():
    def kind(value):
        return {"Parameter": "Tensor", "tuple": "list"}.get(type(value).__name__, type(value).__name__)
    return {name: kind(value) for name, value in globals().items()
            if value is not None and not name.startswith("_")}
"""


@pytest.mark.parametrize("slug", sample(LESSONS, ["pixel_similarity", "mini_batch_sgd"]))
def test_all_cells_again_and_then_each_again_from_the_last_to_the_first(readers, slug):
    """The same outputs each time, so no cell depends on what another did later; and no name changes its kind."""
    reader, kinds, problems = readers(slug), {}, []
    reader.fresh = False
    reader.tell("%reset -f")
    order = [*reader.cells(), *reversed(reader.cells())]
    for turn, cell in enumerate(order):
        problem = differs(cell, reader.execute(cell))
        if problem and (turn < len(order) // 2 or not has(cell, "continues")):
            problems.append(f"turn {turn}: {problem}")
        for word, kind in ast.literal_eval(reader.tell(f"{KINDS}\nprint(kinds_of_names())")[-1].text).items():
            if kinds.get(word, kind) != kind and not {kind, kinds[word]} <= {"int", "float", "Tensor"}:
                problems.append(f"{cell.id}: {word} was a {kinds[word]} and becomes a {kind}")
            kinds[word] = kind
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("slug", sample(LESSONS, ["linear_model"]))
def test_a_section_alone_gives_its_outputs_or_misses_a_name(readers, slug):
    """With the cells at the top a section does what it says, or ends in a NameError: never anything else."""
    reader, parts = readers(slug), [[]]
    reader.fresh = False
    for cell in reader.book.cells:
        if cell.cell_type == "markdown" and re.search(r"^## ", cell.source, re.M):
            parts.append([])
        elif cell.cell_type == "code":
            parts[-1].append(cell)
    top, *rest = parts
    for section in rest:
        reader.tell("%reset -f")
        for cell in [*top, *section]:
            try:
                problem = differs(cell, reader.execute(cell))
            except Stopped as stopped:
                assert cell not in top and "NameError" in str(stopped), f"{cell.id}: {stopped}"
                break
            assert not problem, problem

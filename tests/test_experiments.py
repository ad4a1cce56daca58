"""What the text invites to try, other knobs, and cells run again: what the text says holds, or a sentence says why not.

    pytest tests/test_experiments.py                                  a sample, in about a minute
    EVERYTHING=1 MNIST_ROOT=folder pytest tests/test_experiments.py   all of it, and on the full digits
"""
import ast
import json
import math
import os
import re
import signal
import threading

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from conftest import TOLERANCE, difference, pictures
from tools.notebooks import NOTEBOOKS, exercises_of, has, new_client, notebooks

BOOKS = {path.stem[:2]: nbformat.read(path, as_version=4) for path in notebooks()}
LESSONS = [name for name in BOOKS if name.isdigit()]
EVERYTHING = bool(os.environ.get("EVERYTHING"))
QUICK = ["01", "02", "03", "04", "05"]           # a run of these takes seconds
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
    """Somebody with a notebook and a kernel of its own: turns knobs, runs cells, asks for values."""

    def __init__(self, name, **environment):
        self.name, self.book, self.ran = name, BOOKS[name], None
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

    def ask(self, expression):
        """The value of an expression, in numbers, texts, lists and dictionaries."""
        return json.loads(self.tell(f"import json\nprint(json.dumps(({expression})))")[-1].text)

    def run(self, until=None, seed=None, **knobs):
        """Run the cells from the top to `until`, with other knobs and seeds; returns their outputs by the cells' ids.

        What the last call left is used where that is the same.
        """
        wanted, outputs = (seed, knobs), {}
        if self.ran and self.ran[0] == wanted and (self.ran[1] is None or self.ran[1] == until):
            return self.ran[2]
        self.ran = None
        for cell in self.cells():
            if has(cell, "exercise") or has(cell, "check"):
                continue
            outputs[cell.id] = self.execute(cell, turned(cell, knobs, seed))
            if cell.id == until:
                break
        self.ran = wanted, until, outputs
        return outputs

    def solve(self, name):
        """Put an exercise's solution into its cell, and run it."""
        cell, solution = next(pair for pair in exercises_of(self.book) if f" {name}(" in pair[0].source)
        self.execute(cell, solution)


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
    opened, contexts = {}, []

    def reader(name, **environment):
        key = name, *environment.items()
        if key not in opened:
            opened[key] = Reader(name, **environment)
            contexts.append(opened[key].kernel)
            contexts[-1].__enter__()
        return opened[key]
    yield reader
    for context in reversed(contexts):
        context.__exit__(None, None, None)


def said(outputs):
    """What outputs say in words: printed text, values, descriptions of pictures; of sliders nothing."""
    texts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs
             if "widget" not in str(output.get("data", {}).keys())]
    return "\n".join(texts).strip()


def differs(cell, outputs):
    """Why outputs of a cell are not those that are committed, or nothing."""
    if said(outputs) != said(cell.outputs):
        return f"{cell.id} says {said(outputs)!r}, not {said(cell.outputs)!r}"
    for pair in zip(pictures(cell.outputs), pictures(outputs), strict=True):
        if difference(*pair) > TOLERANCE:
            return f"{cell.id} shows another picture"


# ---------------------------------------------------------------- what the text invites to try

EXPERIMENTS = {}


def experiment(name, phrase, quick=True):
    """Names the words of a notebook's text that the decorated function tries out; it gets a reader."""
    def remember(function):
        EXPERIMENTS[name, phrase] = function, quick
        return function
    return remember


@experiment("01", "put two other digits here and run everything again")
def other_digits(reader):
    for digits in [(4, 9), (7, 3), (0, 1)]:
        reader.run(digits=digits)
        assert reader.ask("train_y.unique().tolist()") == sorted(digits)
        assert reader.ask("train_y[0].item(), threes.shape[0]") == [digits[0], 250]


@experiment("01", "run `show_images(reveal(postcard))`")
def a_message(reader):
    reader.run()
    reader.solve("reveal")
    assert pictures(reader.tell("show_images(reveal(postcard))"))
    assert reader.ask("reveal(postcard).unique().numel() > 1")


@experiment("02", "Divide the two to see the factor on your machine; ten and more is common")
def faster_than_a_loop(reader):
    reader.run()
    assert reader.ask("loop_seconds / batch_seconds") > 3


@experiment("02", "`l2_accuracy(valid_x / 2)` gives about the same as moving by two or three pixels; "
                  "by four, moving is much worse")
def half_as_bright(reader):
    reader.run()
    dark, *moved = reader.ask("[l2_accuracy(valid_x / 2)] + [l2_accuracy(valid_x.roll(k, dims=2)) for k in (2, 3, 4)]")
    assert moved[1] - .01 < dark < moved[0] + .01 and moved[2] < dark - .05


@experiment("02", "whatever digits you have chosen above")
def checks_do_not_mind_the_digits(reader):
    reader.run(digits=(4, 9))
    reader.solve("precision")
    assert said(reader.tell("check(precision)")).startswith("precision: right")


@experiment("02", "measure it with `digits_right(my_distance)`")
def a_distance_of_your_own(reader):
    reader.run()
    reader.solve("my_distance")
    assert reader.ask("digits_right(my_distance) > digits_right(l2) + 1")


@experiment("03", "Move the sliders until the curve runs through the dots")
def fit_by_hand(reader):
    reader.run()
    assert "speed 9.0 and start 1.5" in said(reader.tell("fit_by_hand(9., 1.5)"))
    close, far = reader.ask("[mse(predict(guess, x), y).item() for guess in ((9., 1.5), (4., 4.))]")
    assert close < .1 < far


@experiment("03", "Print `small` and `large` to see your machine's")
def slower_than_autograd(reader):
    reader.run()
    small, large = reader.ask("[small, large]")
    assert large > 100 and large > 10 * small


@experiment("03", "Now choose yourself how long the valley is, and how large the learning rate")
def valleys(reader):
    reader.run()
    reader.tell("def left(stretch, share):\n"
                "    units = stretch * standard\n"
                "    losses = descend(units, share * 2 / curvatures(units).max().item(), 40)[0]\n"
                "    return losses[-1], losses[0]")
    shares = [.15, .3, .5, .7, .85]
    for share, (end, _) in zip(shares, reader.ask(f"[left(1, share) for share in {shares}]")):
        assert end < .07, f"in the round bowl a share of {share} leads to the star"
    assert reader.ask("descend(standard, 1 / curvatures(standard).max().item(), 40)[0][1]") < .1, "half the limit: at one go"
    assert reader.ask("left(4, .3)[0]") > 5 > .1 > reader.ask("left(4, .95)[0]")
    for stretch in (1, 3, 6):
        end, start = reader.ask(f"left({stretch}, 1.1)")
        assert end > start, "above the limit the jumps grow, in any valley"


@experiment("03", "it is probably over the limit, and each step lands higher on the other side. Divide it by ten")
def over_the_limit(reader):
    losses = {lr: (reader.run(until="41d26ab1", lr=lr), reader.ask("losses"))[1] for lr in (.1, .5, .05)}
    assert all(after > before for before, after in zip(losses[.5][:50], losses[.5][1:50]))
    assert all(after < before for before, after in zip(losses[.05], losses[.05][1:])) and losses[.05][-1] < .1
    assert len(losses[.1]) < 400, "it stops by itself"
    reader.run(until="41d26ab1", steps=10)
    assert reader.ask("len(losses)") == 10, "or when we run out of steps"


@experiment("03", "run `fit_throw(film_x, film_y, .2, 2000)` in a cell of your own")
def which_world(reader):
    reader.run()
    reader.solve("fit_throw")
    found = float(reader.ask("[float(p) for p in fit_throw(film_x, film_y, .2, 2000)]")[2])
    nearest = reader.ask(f"min(worlds.values(), key=lambda gravity: abs(gravity - {found}))")
    assert nearest == reader.ask("secret") and abs(found - nearest) < .5


@experiment("04", "Print `nudging / backward` to see by how much on your machine; on most it is several hundred")
def nudging_is_slow(reader):
    reader.run()
    assert reader.ask("nudging / backward") > 50


@experiment("04", "Only `digits`, to `(4, 9)`. The target 1 goes to the first of the two, so above 0 then means 4")
def fours_and_nines(reader):
    reader.run(digits=(4, 9))
    assert reader.ask("(y[:, 0] == (train_y == 4)).all().item()")
    before, after = reader.ask("[history[0][2], history[-1][2]]")
    assert before < .9 < .94 < after


@experiment("04", "By trying: the loss fell")
def other_rates(reader):
    ends = {}
    for lr in (0, .01, 1., 10.):
        reader.run(until="dc0e9946", lr=lr)
        ends[lr] = reader.ask("history[-1][0]")
    assert ends[1.] < ends[.01] < ends[0]


@experiment("04", "put both together in a new cell")
def any_two_digits(reader):
    reader.run()
    for name in ("train_linear", "held_back_score"):
        reader.solve(name)
    assert .93 <= reader.ask("float(held_back_score(train_linear, load_digits((4, 9)), 4))") < .99


@experiment("05", "Try it: `scores_of(len(x), True, lr=1.)` catches up")
def a_larger_rate_for_larger_batches(reader):
    reader.run()
    slowly, quickly, batches = reader.ask("[scores_of(len(x), True), scores_of(len(x), True, lr=1.), scores_of(32, True)]")
    assert slowly[-1] + .005 < quickly[-1] and abs(quickly[-1] - batches[-1]) < .005


@experiment("05", "You forgot to shuffle, and after forty epochs the accuracy is fine")
def forty_epochs_sorted(reader):
    reader.run()
    tidy, mixed = reader.ask("[scores_of(32, shuffle, epochs=40) for shuffle in (False, True)]")
    assert tidy[9] < mixed[9] and abs(tidy[-1] - mixed[-1]) < .01


@experiment("05", "Which two knobs calm it?")
def calmer(reader):
    reader.run()
    reader.tell("def rises(batch_size, lr=.1, epochs=10):\n"
                "    model = new_model()\n"
                "    opt = torch.optim.SGD(model.parameters(), lr=lr)\n"
                "    history = fit(model, opt, Batches(x, y, batch_size, True), valid, epochs)\n"
                "    return [after[0] - before[0] for before, after in zip(history, history[1:])]")
    ones, smaller, larger = reader.ask("[max(rises(1)), max(rises(1, lr=.01)), max(rises(32))]")
    assert ones > .02 > .004 > max(smaller, larger)
    assert max(reader.ask("rises(1, epochs=40)")[20:]) < .004, "after some twenty epochs the jumps fade"


@experiment("05", "put your work together in a new cell")
def an_extended_learner(reader):
    reader.run()
    for name in ("Momentum", "CallbackLearner"):
        reader.solve(name)
    text = next(cell.source for cell in reader.book.cells if "put your work together in a new cell" in cell.source)
    reader.tell(re.search(r"```py\n(.*?)```", text, re.S)[1])
    epochs, best = reader.ask("[learner.epoch, min(valid_losses)]")
    assert 6 < epochs < 1000 and best < .1
    reader.ran = None                            # it gave names other meanings


@experiment("06", "Try other numbers:")
def more_hinges(reader):
    reader.run(until="399c9068")
    assert all("sum of" in said(reader.tell(f"add_hinges({count})")) for count in (2, 30))
    worst = reader.ask("[(with_hinges(t, n) - curve(t)).abs().max().item() for n in (5, 10, 20, 40, 80)]")
    assert all(3 < far / near < 5 for far, near in zip(worst[1:], worst[2:])), "twice as many, a quarter of the error"


@experiment("06", "Change `hidden` and look", quick=False)
def fewer_and_more_hidden_units(reader):
    accuracies = {}
    for hidden in (1, 3, 30, 100):
        reader.run(until="9ae3f47a", hidden=hidden)
        accuracies[hidden] = reader.ask("[here[name] for name in ('linear model', 'ReLU net, wiggled digits')]")
        assert reader.ask("sum(p.numel() for p in new_net(hidden).parameters())") == 786 * hidden + 1
    linear = accuracies[30][0]
    assert abs(accuracies[3][1] - linear) < .01 and accuracies[30][1] > linear
    assert abs(accuracies[100][1] - accuracies[30][1]) < .01
    assert accuracies[1][1] <= linear, "a single unit is no more than a linear model, and may be dead"


@experiment("06", "If you changed a knob, only the column *here* is yours", quick=False)
def stored_seeds_stay(reader):
    rows = []
    for hidden in (30, 3):
        outputs = reader.run(hidden=hidden)
        rows.append(re.findall(r"here (\S+)\s+(.*)", said(outputs["df1ff363"])))
    assert [row[1] for row in rows[0]] == [row[1] for row in rows[1]] and rows[0] != rows[1]


@experiment("07", "sorted 4s and 9s are still more than two points behind after forty epochs")
def sorted_fours_and_nines(reader):
    """The sorting loop of notebook 05, with other digits; the museum has its own."""
    names = {}
    source = "import math, torch\nfrom torch import nn\nfrom utils import Batches, as_xy, fit, load_digits"
    exec(source, names)
    exec("torch.set_num_threads(1)\n"
         "tx, ty, vx, vy = load_digits((4, 9))\n(x, y), (vx, vy) = as_xy(tx, ty, 4), as_xy(vx, vy, 4)\n"
         "def end(shuffle):\n"
         "    torch.manual_seed(0)\n    model = nn.Linear(784, 1)\n"
         "    opt = torch.optim.SGD(model.parameters(), lr=.1)\n"
         "    return fit(model, opt, Batches(x, y, 32, shuffle), Batches(vx, vy, 500), 40)[-1][1]\n", names)
    assert names["end"](False) < names["end"](True) - .02


@experiment("08", "Set `device` in the knobs above to what you have, and run everything again")
def a_device_that_is_not_here(reader):
    import torch
    if not torch.cuda.is_available():
        with pytest.raises(Stopped, match="device='cuda' will not do: here you can use 'cpu'"):
            reader.run(device="cuda")


@experiment("08", "Above .9 in three epochs without wiggle, and above our net that saw the same plain digits for forty. "
            "(The exact number depends on the machine, for it comes from millions of roundings; print it.)", quick=False)
def the_resnet_s_accuracy(reader):
    reader.run()
    assert max(.9, reader.ask("here['ReLU net']")) < reader.ask("share_right(deep, valid)") < 1


@experiment("08", "In time the ratio is smaller and depends on the machine; print it", quick=False)
def the_resnet_s_time(reader):
    reader.run()
    assert 10 < reader.ask("seconds(deep) / seconds(small)") < reader.ask("operations(deep) / operations(small)")


@experiment("09", "With one slider moved and the others at rest you walk along one of the curves above", quick=False)
def disturbed_at_your_own_pace(reader):
    reader.run()
    reader.tell("def together(shift=0, scale=1., noise=0., invert=0.):\n"
                "    images = inverted(noisy(scaled(shifted(valid_x, shift), scale), noise), invert)\n"
                "    return [round(score(model, images), 3) for model in models.values()]")
    for kind, strength in [("shift", 4), ("scale", .7), ("noise", .3), ("invert", .2)]:
        walk, above = reader.ask(f"[together({kind}={strength}), "
                                 f"[round(score(m, disturb[{kind!r}](valid_x, {strength})), 3) for m in models.values()]]")
        assert max(abs(a - b) for a, b in zip(walk, above)) < .01
        assert pictures(reader.tell(f"disturb_more({kind}={strength})"))


@experiment("09", "Try to fool all four", quick=False)
def fooled(reader):
    disturbed_at_your_own_pace(reader)
    assert max(reader.ask("together(shift=3, noise=.3, invert=.2)")) < .75


@experiment("09", "Draw a 3 or a 7 with the mouse, a finger or a pen", quick=False)
def draw(reader):
    reader.run()
    reader.tell("three = drawn([(60, 60), (200, 60), (130, 130), (210, 190), (130, 260), (50, 230)])")
    assert reader.ask("[says(model, prepare(three)) for model in voters.values()]").count(3) >= 4
    assert len(pictures(reader.tell("answer(three)"))) == 1


@experiment("09", "Try your worst", quick=False)
def your_worst(reader):
    reader.run()
    assert "draw something first" in said(reader.tell("answer(torch.zeros(280, 280))"))
    for drawing in ("drawn([(2, 2), (9, 2), (5, 9)], pen=3)", "torch.ones(280, 280)", "drawn([(140, 140), (141, 141)], pen=2)",
                    "as_ink(photo)", "torch.rand(280, 280)", "torch.rand(3, 900)"):
        assert len(pictures(reader.tell(f"answer({drawing})"))) == 1, drawing


@experiment("09", "try what is neither a 3 nor a 7", quick=False)
def neither(reader):
    reader.run()
    reader.tell("five = drawn([(200, 50), (100, 50), (95, 130), (170, 130), (195, 190), (150, 240), (80, 230)])\n"
                "face = drawn([(60, 60), (220, 60), (220, 220), (60, 220), (60, 60)]) + drawn([(100, 110), (104, 110)])")
    surest = reader.ask("[max(torch.sigmoid(m(prepare(d.clamp(0, 1)).view(1, 784))).sub(.5).abs().item() "
                        "for m in voters.values()) for d in (five, face)]")
    assert min(surest) > .49, "they have two answers and no other, and they are often very sure"


@experiment("10", "If you change a cell, run it and the cells below, and the file changes too")
def the_script_follows_the_cells(reader):
    reader.run(until="0c6cddfc")
    cell = next(cell for cell in reader.cells() if "def batches_of" in cell.source)
    reader.execute(cell, cell.source.replace("sampler.set_epoch(epoch)", "sampler.set_epoch(epoch)  # mine"))
    assert "# mine" in reader.ask("write_script('train.py', batches_of).read_text(encoding='utf-8')")
    reader.ran = None


@experiment("10", "Put in those of your own machines")
def other_wires(reader):
    alone = ["7c0eec5f", "25de7a04"]              # these need the knobs and nothing else
    faster = {}
    for latency in (5e-5, 5e-7):
        for cell in reader.cells():
            if has(cell, "setup") or has(cell, "parameters") or cell.id in alone:
                reader.execute(cell, turned(cell, {"latency": latency}, None))
        faster[latency] = reader.ask("[speed_up(23_581, 32, 8), smallest_net(512, 8)]")
    assert faster[5e-7][0] > faster[5e-5][0] and faster[5e-7][1] < faster[5e-5][1]
    reader.ran = None


EXCUSED = {                      # what looks like an invitation, and why no experiment is made of it
    "01": {"Change things and run cells again": "the last part of this file",
           "To begin in the middle, run everything above it first": "the last part of this file",
           "Then the knobs of this notebook": "KNOBS", "if you try a hundred models": "no invitation"},
    "02": {"Put all training 3s on top of one another": "the next cell does"},
    "03": {"If you change parameters in place": "the next cell does", "What happens if we don't": "the section after next"},
    "05": {"whatever the knob says": "KNOBS"},
    "06": {"Put them together, without looking": "an exercise"},
    "07": {"Put the cause where the three dots are": "tests/test_museum.py",
           "Divide it by ten, and run long enough for a wave to turn": "room 2 does"},
    "08": {"Divide above and below": "on paper"},
    "09": {"What happens when the digit moves": "the next cell does", "Draw the curve": "a summary",
           "put in front of people": "no invitation"},
    "10": {"let you try this in this notebook": "an exercise", "Guess what happens without it": "the next cell does"},
    "gl": {"To try a line, run the cells at the top first": "tests/test_glossary.py", "knob": "an entry",
           "Change its numbers": "any numbers will do"},
}
INVITES = re.compile(r"""\b(?:[Tt]ry\ (?:it|to|other|your|what|this|a|an|the)\b|[Pp]rint\ (?:it|`)|Change\b
    |Divide\b|Put\ |Set\ `|Draw\ |Move\ the|choose\ yourself|[Pp]ut\ (?:two|other|both|your|in)\b|[Rr]un\ everything|[Kk]nobs?\b
    |cell\ of\ your\ own|new\ cell|whatever\ digits|If\ you\ change|[Ww]hat\ happens\ (?:if|with|when)
    |gives\ about\ the\ same\ as)""", re.X)


def flat(text):
    """A text in one line, without its headings."""
    return " ".join(re.sub(r"^#+ .*$", "", text, flags=re.M).split())


def prose(name):
    return [flat(cell.source) for cell in BOOKS[name].cells if cell.cell_type == "markdown" and not has(cell, "solution")]


def invitations(text):
    """The sentences of a text that seem to invite the reader to try something."""
    return [sentence.rstrip(".?!:*)") for sentence in re.split(r"(?<=[.?!:])[)*]*\s+", flat(text)) if INVITES.search(sentence)]


@pytest.mark.parametrize("name", BOOKS)
def test_every_invitation_is_tried_or_excused(name):
    known = [phrase for book, phrase in EXPERIMENTS if book == name] + list(EXCUSED.get(name, ()))
    for phrase in known:
        assert any(phrase in text for text in prose(name)), f"the text no longer says: {phrase}"
    for sentence in [sentence for text in prose(name) for sentence in invitations(text)]:
        assert any(phrase in sentence or sentence in phrase for phrase in known), f"no experiment tries: {sentence}"


@pytest.mark.parametrize("sentence", ["Try a learning rate of 10.", "What happens with 3 hidden units?",
                                      "Set `digits = (4, 9)`.", "Then change nothing. Print `loss`!",
                                      "Run it, and put other digits there."])
def test_invitations_are_recognised(sentence):
    assert invitations(f"It falls. {sentence} It rises.")


@pytest.mark.parametrize("name, phrase", [key if quick else slow(*key) for key, (_, quick) in EXPERIMENTS.items()])
def test_what_the_text_says_happens(readers, name, phrase):
    EXPERIMENTS[name, phrase][0](readers(name))


# ---------------------------------------------------------------- other knobs

PAIRS = [{"digits": pair} for pair in [(4, 9), (1, 7), (7, 3), (3, 3), (3, 11)]]
RATES = [{"lr": lr} for lr in (1e9, NAN, 0, INF, -1., 10.)]
BATCHES = [{"batch_size": size} for size in (5000, 0, 500, 1)]
HIDDEN = [{"hidden": hidden} for hidden in (1, 0, 3)]
EPOCHS = [{"epochs": 0}, {"epochs": 1}]
WIGGLES = [{"wiggle_lr": lr} for lr in (1e9, NAN, 0)] + [{"wiggle_epochs": n} for n in (0, 1)]
NET = [*PAIRS, *RATES, *BATCHES, *HIDDEN, *EPOCHS, *WIGGLES]
KNOBS = {"01": PAIRS, "02": PAIRS, "03": [*RATES, {"steps": 0}, {"steps": 1}, {"steps": 2}], "04": [*PAIRS, *RATES, *EPOCHS],
         "05": [*PAIRS, *RATES, *BATCHES, *EPOCHS], "06": NET, "08": [*NET[len(PAIRS):], {"device": "abacus"}],
         "09": NET, "10": [*PAIRS, *RATES, *BATCHES, *HIDDEN, {"batch_size": 30}]}
IN_SAMPLE = {"digits": [(4, 9), (3, 3)], "lr": [1e9, NAN], "batch_size": [5000, 0], "hidden": [0], "epochs": [0], "steps": [0],
             "wiggle_lr": [], "wiggle_epochs": [], "device": ["abacus"]}
REFUSED = {"digits": lambda pair: len(set(pair)) < 2 or max(pair) > 9, "lr": lambda lr: not 0 <= lr < INF,
           "batch_size": lambda size: size < 1, "hidden": lambda hidden: hidden < 1,
           "device": lambda device: device == "abacus"}
REFUSED["wiggle_lr"] = REFUSED["lr"]


def cases():
    """(notebook, knobs): a few of them in the sample, where the notebook is quick or stops early."""
    for name, several in KNOBS.items():
        for knobs in several:
            (knob, value), = knobs.items()
            early = name in QUICK or knob in ("hidden", "batch_size", "device") and refused(name, knobs)
            yield (name, knobs) if early and value in IN_SAMPLE[knob] else slow(name, knobs)


def refused(name, knobs):
    (knob, value), = knobs.items()
    if name == "10" and knob == "batch_size":                          # four workers share it
        return value < 1 or value % 4 > 0
    return knob in REFUSED and REFUSED[knob](value) and not (name == "03" and knob == "lr")     # there it is seen to fail


@pytest.mark.parametrize("name, knobs", list(cases()))
def test_other_knobs_give_an_honest_picture_or_a_sentence(readers, name, knobs):
    reader = readers(name)
    if name in ("06", "08", "09") and not set(knobs) & {"wiggle_lr", "digits"}:
        knobs = {"wiggle_epochs": 3} | knobs     # no need to wait for all of them
    if refused(name, {knob: knobs[knob] for knob in list(knobs)[-1:]}):
        with pytest.raises(Stopped, match="will not do") as stopped:
            reader.run(**knobs)
        assert all("site-packages" not in frame for frame in stopped.value.frames), "a stack trace from deep inside"
        return
    outputs = reader.run(until="ec99146d" if name == "08" else None, **knobs)    # then come parts without these knobs
    for cell in reader.cells():
        if cell.id in outputs:
            assert not [output for output in outputs[cell.id] if output.get("name") == "stderr"], cell.id
            assert bool(said(outputs[cell.id])) == bool(said(cell.outputs)), cell.id
            drawn = pictures(outputs[cell.id])
            assert len(drawn) == len(pictures(cell.outputs)), cell.id
            assert all(len(picture.convert("L").getcolors()) > 8 for picture in drawn), f"{cell.id} shows nothing"


def test_a_curve_that_ends_nowhere_says_so(readers):
    assert re.search(r"training, out of all bounds from step \d on", said(readers("03").run(lr=1e9)["41d26ab1"]))


@pytest.mark.parametrize("name", sample([name for name in LESSONS if name not in ("07", "10")], ["04"]))
def test_other_seeds_do(readers, name):
    for seed in (1, 2, 3) if EVERYTHING else (1,):
        readers(name).run(seed=seed)


@pytest.mark.skipif(not (EVERYTHING and os.environ.get("MNIST_ROOT")), reason="EVERYTHING=1 and MNIST_ROOT")
@pytest.mark.parametrize("name", ["01", "02", "03", "04", "05", "06", "09"])
def test_the_full_digits_do(readers, name):
    readers(name, DIGITS="full").run()


# ---------------------------------------------------------------- cells again

KINDS = """
def kinds_of_names():
    def kind(value):
        return {"Parameter": "Tensor", "tuple": "list"}.get(type(value).__name__, type(value).__name__)
    return {name: kind(value) for name, value in globals().items()
            if value is not None and not name.startswith("_")}
"""
MEANS_MORE = {"gl"}                              # its examples have nothing to do with each other


@pytest.mark.parametrize("name", sample(BOOKS, ["02", "05"]))
def test_all_cells_again_and_then_each_again_from_the_last_to_the_first(readers, name):
    """The same outputs each time, so no cell depends on what another did later; and no name changes its kind."""
    reader, kinds, problems = readers(name), {}, []
    reader.ran = None
    order = [*reader.cells(), *reader.cells(), *reversed(reader.cells())]
    reader.tell(KINDS)
    for turn, cell in enumerate(order):
        problem = differs(cell, reader.execute(cell))
        if problem and (turn < len(order) // 3 or not has(cell, "continues")):
            problems.append(f"turn {turn}: {problem}")
        if name not in MEANS_MORE:
            for word, kind in reader.ask("kinds_of_names()").items():
                if kinds.get(word, kind) != kind:
                    problems.append(f"{cell.id}: {word} was a {kinds[word]} and becomes a {kind}")
                kinds[word] = kind
    assert not problems, "\n".join(problems)


def sections(reader):
    """The code cells at the top, up to the first heading, and those below each heading."""
    parts = [[]]
    for cell in reader.book.cells:
        if cell.cell_type == "markdown" and re.search(r"^## ", cell.source, re.M):
            parts.append([])
        elif cell.cell_type == "code":
            parts[-1].append(cell)
    return parts


@pytest.mark.parametrize("name", sample(LESSONS, ["04"]))
def test_a_section_alone_gives_its_outputs_or_misses_a_name(readers, name):
    """With the cells at the top a section does what it says, or ends in a NameError: never anything else."""
    reader = readers(name)
    reader.ran = None
    top, *rest = sections(reader)
    for section in rest:
        reader.tell("%reset -f")
        for cell in [*top, *section]:
            try:
                problem = differs(cell, reader.execute(cell))
            except Stopped as stopped:
                assert cell not in top and "NameError" in str(stopped), f"{cell.id}: {stopped}"
                break
            assert not problem, problem


def test_the_text_says_what_to_run_first():
    assert "Run All Above Selected Cell" in " ".join(prose("01"))
    assert "Run All Above Selected Cell" in flat((NOTEBOOKS.parent / "README.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name, id", [("05", "c186298c"), slow("06", "f0252dc9"), slow("08", "a810716e")])
def test_an_interrupt_in_the_middle_of_training_leaves_a_usable_state(readers, name, id):
    reader = readers(name)
    reader.run(until=id)
    cell = next(cell for cell in reader.cells() if cell.id == id)
    timer = threading.Timer(.15, os.kill, (reader.ask("os.getpid()"), signal.SIGINT))
    timer.start()
    with pytest.raises(Stopped, match="KeyboardInterrupt"):
        reader.execute(cell, cell.source.replace("epochs)", "10_000)") if name == "05" else None)
    assert differs(cell, reader.execute(cell)) is None

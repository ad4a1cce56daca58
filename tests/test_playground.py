"""The playground of the web book: its training in JavaScript, run by node and compared with PyTorch."""
import json
import re
import shutil
import subprocess
import time

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import utils
from tools.notebooks import SLIDER, notebooks, read
from utils import as_xy, load_digits, wiggle

for needed in ("sphinx", "myst_nb", "sphinx_book_theme", "sphinx-mathjax-offline"):
    pytest.importorskip(needed, reason="make book has installed nothing yet")
playground = pytest.importorskip("tools.book.playground")
pytestmark = pytest.mark.skipif(not shutil.which("node"), reason="node is not installed (Debian: apt install nodejs): the "
                                "playground's JavaScript is not compared with PyTorch")
BEGIN = """
const fs = require("fs"), [folder, ...files] = process.argv.slice(1);
for (const file of files) (0, eval)(fs.readFileSync(file, "utf-8"));
const T = CourseTrain, given = JSON.parse(fs.readFileSync(folder + "/given.json", "utf-8"));
const digits = T.digitsFrom(T.unpack(COURSE_DIGITS)), say = what => console.log(JSON.stringify(what));
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """A function that runs JavaScript after train.js and the digits; `given` is there what it is here. What it says."""
    folder = tmp_path_factory.mktemp("playground")
    (folder / "digits.js").write_text(playground.digits_js(), encoding="utf-8")

    def run(code: str, given=None, scripts=("train.js",)):
        (folder / "given.json").write_text(json.dumps(given), encoding="utf-8")
        done = subprocess.run(["node", "-e", BEGIN + code, folder, *(playground.LIVE / name for name in scripts),
                               folder / "digits.js"], capture_output=True, text=True, encoding="utf-8")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
    return run


@pytest.fixture(scope="module")
def digits():
    found = load_digits((3, 7), "bundled")
    return *as_xy(*found[:2], 3), *as_xy(*found[2:], 3)


def test_it_has_all_bundled_digits(node, digits):
    x, y, vx, vy = digits
    found = node("say([digits.x, digits.y, digits.vx, digits.vy].map(part => [...part]))")
    for ours, theirs in zip(found, digits):
        assert torch.equal(torch.tensor(ours), theirs.flatten())
    assert len(playground.digits_js()) < 400_000


def new_model(hidden: int) -> nn.Sequential:
    torch.manual_seed(0)
    layers = [nn.Linear(784, hidden), nn.ReLU(), nn.Linear(hidden, 1)] if hidden else [nn.Linear(784, 1)]
    return nn.Sequential(*layers)


def numbers(model: nn.Sequential) -> list[list[float]]:
    """All parameters in the playground's order: pixel by pixel."""
    return [p.detach().t().flatten().tolist() for p in model.parameters()]


@pytest.mark.parametrize("hidden, zero", [(0, True), (30, True), (5, False)])
def test_losses_are_pytorchs(node, digits, hidden, zero):
    x, y, vx, vy = digits
    model, batches = new_model(hidden), torch.randint(500, (100, 32)).tolist()
    given = {"hidden": hidden, "params": numbers(model), "batches": batches, "zero": zero}
    opt, losses = torch.optim.SGD(model.parameters(), lr=.1), []
    for rows in batches:
        if zero:
            opt.zero_grad()
        loss = F.binary_cross_entropy_with_logits(model(x[rows]), y[rows])
        loss.backward()
        opt.step()
        losses.append(loss.item())
    found = node("""
        const model = T.newModel(given.hidden, given.params.map(p => Float32Array.from(p)));
        const how = { lr: .1, zero: given.zero };
        const losses = given.batches.map(rows => T.trainStep(model, digits.x, digits.y, rows, how).loss);
        const { loss, accuracy } = T.evaluate(model, digits.vx, digits.vy);
        say({ losses, loss, accuracy, params: model.params.map(p => [...p]) });""", given)
    torch.testing.assert_close(torch.tensor(found["losses"]), torch.tensor(losses), rtol=0, atol=1e-4)
    loss, accuracy = utils.validate_epoch(model, [(vx, vy)])
    assert found["loss"] == pytest.approx(loss, abs=1e-4) and found["accuracy"] == pytest.approx(accuracy, abs=1e-6)
    for ours, theirs in zip(found["params"], numbers(model)):
        torch.testing.assert_close(torch.tensor(ours), torch.tensor(theirs), rtol=1e-3, atol=1e-4)


def test_it_wiggles_as_the_notebook_does(node, digits, monkeypatch):
    x, draws = digits[0][::25], torch.rand(5, 20)
    monkeypatch.setattr(utils.torch, "rand", lambda *size: draws)
    found = node("""
        const result = new Float32Array(20 * T.PIXELS);
        given.forEach((draws, k) => T.wiggle(digits.x, 25 * k * T.PIXELS, draws, result, k * T.PIXELS));
        say([...result]);""", (2 * draws - 1).T.tolist())
    torch.testing.assert_close(torch.tensor(found).view_as(x), wiggle(x), rtol=0, atol=1e-4)


def test_ways_to_initialise(node):
    found = node("""
        const sizes = init => T.initialised(30, init, T.randomFrom(0)).params.map(p => {
            const mean = p.reduce((sum, w) => sum + w, 0) / p.length;
            return [Math.sqrt(p.reduce((sum, w) => sum + (w - mean) ** 2, 0) / p.length), Math.max(...p.map(Math.abs))]; });
        say(Object.fromEntries(["small", "zeros", "large"].map(init => [init, sizes(init)])));""")
    for (spread, largest), bound in zip(found["small"], (1 / 28, 1 / 28, 30 ** -.5, 30 ** -.5)):
        assert largest <= bound
    assert found["small"][0][0] == pytest.approx(1 / 28 / 3 ** .5, rel=.02)
    assert found["zeros"] == [[0, 0]] * 4 and found["large"][0][0] == pytest.approx(1, rel=.02)


def test_an_epoch_of_the_net_takes_at_most_three_times_pytorchs(node, digits):
    x, y, _, _ = digits
    data = utils.Batches(x, y, 32, shuffle=True)

    def ratio() -> float:
        """Seconds of the best of 30 epochs, JavaScript's over PyTorch's with one thread."""
        model, theirs = new_model(30), []
        opt = torch.optim.SGD(model.parameters(), lr=.1)
        for _ in range(30):
            begun = time.perf_counter()
            utils.train_epoch(model, opt, data)
            theirs.append(time.perf_counter() - begun)
        ours = node("""
            const settings = { hidden: 30, lr: .1, batch: 32, seed: 0, init: "small", shuffle: true, zero: true };
            const run = T.newRun(digits, settings);
            say(Array.from({ length: 30 }, () => {
                const begun = performance.now();
                for (let k = 0; k < 16; k++) T.runStep(run, settings);
                return (performance.now() - begun) / 1000; }));""")
        return min(ours) / min(theirs)

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert any(ratio() < 3 for _ in range(5)), "five times in a row, so it is not another program that was in the way"
    finally:
        torch.set_num_threads(threads)


PLAY = """
const usual = { hidden: 30, lr: .1, batch: 32, epochs: 40, seed: 0, init: "small", wiggle: false, shuffle: true, zero: true };
const points = [];
const engine = courseEngine(T, T.unpack(COURSE_DIGITS), news => {
    points.push(...news.points);
    if (news.ended) say({ ...news, points, params: news.params.map(p => [...p]) });
});
engine({ do: "begin", settings: { ...usual, ...given, run: 1 } });
engine({ do: "play", pace: "fast" });
"""


@pytest.fixture(scope="module")
def play(node):
    """A whole run of the playground's engine with some settings changed: its points, its end, and the last parameters."""
    return lambda **changed: node(PLAY, changed, ("train.js", "worker.js"))


def by_epoch(run):
    return {round(epochs): values for epochs, *values in run["points"]}        # training loss, accuracy, validation …


def test_the_usual_settings_learn(play, digits):
    for changed, least in ({}, .975), ({"hidden": 0}, .975), ({"wiggle": True, "lr": .3, "epochs": 100}, .985):
        run = play(**changed)
        assert run["ended"] == "done" and len(run["points"]) == round(run["epochs"]) + 1
        assert run["points"][-1][4] == pytest.approx(1 - len(run["wrong"]) / 500) and run["points"][-1][4] > least
    assert play(epochs=3)["points"] == play(epochs=3)["points"]


def test_what_the_page_says_about_breaking_it(play, digits):
    """The sentences behind the buttons in playground.html."""
    run = play(lr=3)
    w1, b1 = (torch.tensor(part) for part in run["params"][:2])
    assert (digits[0] @ w1.view(784, 30) + b1 <= 0).all(), "a unit lives"
    assert by_epoch(run)[40][1] == by_epoch(run)[40][3] == .5
    waves = by_epoch(play(shuffle=False))
    assert waves[1][3] == .5 and waves[40][3] > .975 and by_epoch(play(epochs=2))[2][3] > .96
    heaps = by_epoch(play(zero=False))
    assert heaps[20][2] > 1 and heaps[20][3] > .9 and min(heaps[epoch][3] for epoch in range(1, 41)) > .5
    still = play(init="zeros")
    assert all(abs(loss - .693) < .001 for _, loss, _, _, _ in still["points"]) and not any(map(any, still["params"][:3]))
    assert by_epoch(play(init="zeros", hidden=0))[40][3] > .975


def test_a_loss_that_is_no_number_ends_the_run(play):
    assert play(lr=1e39, hidden=0)["ended"] == play(lr=1e39, hidden=3)["ended"] == "lost"


def test_sliders_of_the_page_are_those_of_the_notebooks():
    code = (playground.LIVE / "sliders.js").read_text(encoding="utf-8")
    drawn = set(re.findall(r"(\w+): \w+", re.search(r"const DRAWN = \{(.+?)\}", code)[1]))
    cells = [cell for path in notebooks() for cell in read(path).cells if cell.cell_type == "code"]
    found = [(playground.interacts(cell.source), cell) for cell in cells if "@interact(" in cell.source]
    assert {slider[0] for slider, _ in found} == drawn
    assert dict(slider for slider, _ in found)["fit_by_hand"] == {"speed": [0, 16, .5, 4], "start": [-2, 6, .5, 4]}
    assert dict(slider for slider, _ in found)["add_hinges"] == {"count": [2, 30, 1, 4]}
    for _, cell in found:
        widget = next(output for output in cell.outputs if output.get("data", {}).get("text/plain") == SLIDER)
        assert "\n" not in playground.slider(cell, widget) and "data-knobs=" in playground.slider(cell, widget)

"""The playground of the web book: its training in JavaScript, run by node and compared with PyTorch."""
import json
import shutil
import subprocess

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import utils
from tools.book import playground
from utils import as_xy, load_digits, wiggle

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

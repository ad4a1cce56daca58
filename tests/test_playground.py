"""The playground of the web book: its training in JavaScript, run by node and compared with PyTorch."""
import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import utils
from tests.test_live import live, node, with_node
from tools.notebooks import SLIDER, notebooks, read
from utils import as_xy, load_digits, wiggle

pytestmark = with_node


@pytest.fixture(scope="module")
def digits():
    found = load_digits((3, 7), "bundled")
    return *as_xy(*found[:2], 3), *as_xy(*found[2:], 3)


def test_it_has_all_bundled_digits(digits):
    found = node("say([digits.x, digits.y, digits.vx, digits.vy].map(part => [...part]))")
    for ours, theirs in zip(found, digits):
        assert torch.equal(torch.tensor(ours), theirs.flatten())
    assert len(live.digits_js()) < 400_000


def numbers(model: nn.Sequential) -> list[torch.Tensor]:
    """All parameters in the playground's order: pixel by pixel."""
    return [p.detach().t().flatten() for p in model.parameters()]


@pytest.mark.parametrize("hidden, zero", [(0, True), (30, True), (5, False)])
def test_losses_are_pytorchs(digits, hidden, zero):
    x, y, vx, vy = digits
    torch.manual_seed(0)
    model = nn.Sequential(*[nn.Linear(784, hidden), nn.ReLU(), nn.Linear(hidden, 1)] if hidden else [nn.Linear(784, 1)])
    batches, losses = torch.randint(500, (50, 32)).tolist(), []
    found = node("""
        const model = T.newModel(given.hidden, given.params), how = { lr: .1, zero: given.zero };
        const losses = given.batches.map(rows => T.trainStep(model, digits.x, digits.y, rows, how).loss);
        const { loss, accuracy } = T.evaluate(model, digits.vx, digits.vy);
        say({ losses, loss, accuracy, params: model.params.map(p => [...p]) });""",
        {"hidden": hidden, "params": numbers(model), "batches": batches, "zero": zero})
    opt = torch.optim.SGD(model.parameters(), lr=.1)
    for rows in batches:
        if zero:
            opt.zero_grad()
        loss = F.binary_cross_entropy_with_logits(model(x[rows]), y[rows])
        loss.backward()
        opt.step()
        losses.append(loss.item())
    assert found["losses"] == pytest.approx(losses, abs=1e-4)
    loss, accuracy = utils.validate_epoch(model, [(vx, vy)])
    assert found["loss"] == pytest.approx(loss, abs=1e-4) and found["accuracy"] == pytest.approx(accuracy, abs=1e-6)
    for ours, theirs in zip(found["params"], numbers(model)):
        torch.testing.assert_close(torch.tensor(ours), theirs, rtol=1e-3, atol=1e-4)


def test_it_wiggles_as_the_notebook_does(digits, monkeypatch):
    x, draws = digits[0][::25], torch.rand(5, 20)
    monkeypatch.setattr(utils.torch, "rand", lambda *size: draws)
    found = node("""
        const result = new Float32Array(20 * T.PIXELS);
        given.forEach((draws, k) => T.wiggle(digits.x, 25 * k * T.PIXELS, draws, result, k * T.PIXELS));
        say([...result]);""", (2 * draws - 1).T.tolist())
    torch.testing.assert_close(torch.tensor(found).view_as(x), wiggle(x), rtol=0, atol=1e-4)


def test_ways_to_initialise():
    found = node("""
        const params = init => T.initialised(30, init, T.randomFrom(0)).params.map(p => [...p]);
        say(Object.fromEntries(["small", "zeros", "large"].map(init => [init, params(init)])));""")
    for part, bound in zip(found["small"], (1 / 28, 1 / 28, 30 ** -.5, 30 ** -.5)):
        assert max(map(abs, part)) <= bound
    spread = {init: torch.tensor(params[0], dtype=float).std().item() for init, params in found.items()}
    assert spread == pytest.approx({"small": 1 / 28 / 3 ** .5, "zeros": 0, "large": 1}, rel=.02)
    assert not any(map(any, found["zeros"]))


def play(*changes: dict) -> list[dict]:
    """Whole runs of the playground's engine, each with some settings changed: points, end, last parameters, and `after` each
    epoch training loss and accuracy, validation loss and accuracy."""
    runs = node("""
        const usual = { hidden: 30, lr: .1, batch: 32, epochs: 20, seed: 0, init: "small", shuffle: true, zero: true };
        Promise.all(given.map(changes => new Promise(done => {
            const points = [];
            const engine = courseEngine(T, bytes, news => {
                points.push(...news.points);
                if (news.ended) done({ ...news, points, params: news.params.map(p => [...p]) });
            });
            engine({ do: "begin", settings: { ...usual, ...changes, run: 1 } });
            engine({ do: "play", pace: "fast" });
        }))).then(say);""", changes)
    for run in runs:
        run["after"] = {round(epochs): values for epochs, *values in run["points"]}
    return runs


def test_the_usual_settings_learn():
    runs = play({}, {"hidden": 0}, {"wiggle": True, "lr": .3, "epochs": 30}, {"epochs": 3}, {"epochs": 3})
    for run, least in zip(runs, (.975, .975, .985)):
        assert run["ended"] == "done" and len(run["points"]) == round(run["epochs"]) + 1
        assert run["points"][-1][4] == pytest.approx(1 - len(run["wrong"]) / 500) and run["points"][-1][4] > least
    assert runs[3]["points"] == runs[4]["points"]


def test_what_the_page_says_about_breaking_it(digits):
    """The sentences behind the buttons in playground.html."""
    fast, waves, short, heaps, still, linear = play({"lr": 3}, {"shuffle": False}, {"epochs": 2}, {"zero": False},
                                                    {"init": "zeros"}, {"init": "zeros", "hidden": 0})
    w1, b1 = (torch.tensor(part) for part in fast["params"][:2])
    assert (digits[0] @ w1.view(784, 30) + b1 <= 0).all(), "a unit lives"
    assert fast["after"][20][1] == fast["after"][20][3] == .5
    assert waves["after"][1][3] == .5 and waves["after"][20][3] > .975 and short["after"][2][3] > .96
    assert heaps["after"][20][2] > 1 and heaps["after"][20][3] > .9
    assert min(heaps["after"][epoch][3] for epoch in range(1, 21)) > .5
    assert all(abs(loss - .693) < .001 for _, loss, _, _, _ in still["points"]) and not any(map(any, still["params"][:3]))
    assert linear["after"][20][3] > .975


def test_a_loss_that_is_no_number_ends_the_run():
    assert [run["ended"] for run in play({"lr": 1e39, "hidden": 0}, {"lr": 1e39, "hidden": 3})] == ["lost", "lost"]


def test_sliders_of_the_page_are_those_of_the_notebooks():
    drawn = set(re.findall(r"(\w+): \w+", re.search(r"const DRAWN = \{(.+?)\}", live.text_of("sliders.js"))[1]))
    cells = [cell for path in notebooks() for cell in read(path).cells if "@interact(" in cell.source]
    found = dict(live.interacts(cell.source) for cell in cells if cell.cell_type == "code")
    assert set(found) == drawn
    assert found["fit_by_hand"] == {"speed": [0, 16, .5, 4], "start": [-2, 6, .5, 4]}
    assert found["add_hinges"] == {"count": [2, 30, 1, 4]}
    for cell in cells:
        output = next(output for output in cell.outputs if output.get("data", {}).get("text/plain") == SLIDER)
        assert "\n" not in live.widget(cell, output) and "data-knobs=" in live.widget(cell, output)

"""What answers in the web book without Python: its numbers, compared with PyTorch's by node."""
import functools
import json
import shutil
import subprocess

import pytest
import torch
import torch.nn.functional as F

from course.finished import finished_net
from tests.test_pad import DIGITS, drawn, prepare
from utils import load_digits

for needed in ("sphinx", "myst_nb", "sphinx_book_theme", "latex2mathml"):
    pytest.importorskip(needed, reason="make book has installed nothing yet")
book = pytest.importorskip("tools.book")
live = book.live
with_node = pytest.mark.skipif(not shutil.which("node"), reason="node is not installed (Debian: apt install nodejs): the web "
                               "book's JavaScript is not compared with PyTorch")
BEGIN = """
const given = JSON.parse(text, (_, value) => value?.float32 === undefined ? value : CourseNet.numbers(value.float32));
const say = what => console.log(JSON.stringify(what));
const { prepare, models, SIDE } = CourseNet, said = models(COURSE_DATA);
const T = CourseTrain, bytes = T.unpack(COURSE_DIGITS), digits = T.digitsFrom(bytes);
const pieces = (all, size) => Array.from({ length: all.length / size }, (_, k) => all.slice(size * k, size * (k + 1)));
"""


@functools.cache
def scripts() -> str:
    return live.text_of("net.js", "train.js", "worker.js") + live.data_js() + live.digits_js()


def node(code: str, given=None):
    """What JavaScript says, after the book's; `given` is there what it is here, but for tensors, which are flat."""
    text = json.dumps(given, default=lambda tensor: {"float32": live.as_base64(tensor)})
    done = subprocess.run(["node", "-"], input=f"{scripts()}const text = {json.dumps(text)};{BEGIN}{code}",
                          capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@with_node
def test_three_models_give_pytorchs_numbers():
    digits = load_digits((3, 7), "bundled")
    x = torch.cat([digits.train_x, digits.valid_x])[::4].flatten(1)
    answers = node("""
        say(Object.fromEntries(Object.entries(said).map(([name, model]) => [name, pieces(given, 784).map(x => {
            const { score, probability, votes } = model(x);
            return [score, probability, votes.reduce((sum, vote) => sum + vote, 0)]; })])));""", x)
    values = live.parameters()
    near = [F.mse_loss(x, values[mean].view(1, 784).expand_as(x), reduction="none").mean(1) for mean in ("mean7", "mean3")]
    expected = {"similarity": near[0].sqrt() - near[1].sqrt(), "linear": x @ values["w"][0] + values["b"],
                "net": finished_net()(x)[:, 0].detach()}
    votes = {"similarity": 784 * (near[0] - near[1]), "linear": x @ values["w"][0]}
    for name, scores in expected.items():
        score, probability, sums = zip(*answers[name])
        torch.testing.assert_close(torch.tensor(score), scores, rtol=0, atol=1e-5)
        if name != "similarity":
            torch.testing.assert_close(torch.tensor(probability), scores.sigmoid(), rtol=0, atol=1e-5)
        if name != "net":
            torch.testing.assert_close(torch.tensor(sums), votes[name], rtol=0, atol=1e-3)
        assert ((scores > 0) == (torch.cat([digits.train_y, digits.valid_y])[::4] == 3)).float().mean() > .95


@with_node
def test_the_votes_are_the_slopes_times_the_pixels():
    x = load_digits((3, 7), "bundled").valid_x[:1].flatten(1).requires_grad_()
    slopes, = torch.autograd.grad(finished_net()(x).sum(), x)
    votes = node("say(Array.from(said.net(given).votes));", x.detach())
    torch.testing.assert_close(torch.tensor(votes), (slopes * x).detach()[0], rtol=0, atol=1e-5)


@with_node
def test_a_drawing_is_prepared_as_in_the_notebook():
    """Digits drawn large and small, in corners, with a thick pen and a thin one; one dot; and MNIST's own, unchanged."""
    drawings = torch.stack([drawn((7, "plain"), height=1), *(
        drawn(made, pen=pen, height=height, centre=centre) for made in DIGITS
        for pen, height, centre in [(22, 180, (140, 140)), (9, 61, (50, 220)), (31, 240, (150, 130))])])
    own = load_digits((3, 7), "bundled").valid_x[::10]
    found = node("""
        const list = (images, side) => pieces(images, side * side).map(
            data => Array.from(prepare({ data, height: side, width: side }) ?? []));
        say([list(given[0], 280), list(given[1], SIDE), list(new Float32Array(16), 4)]);""", [drawings, own])
    torch.testing.assert_close(torch.tensor(found[0]).view(-1, 28, 28), torch.stack(list(map(prepare, drawings))),
                               rtol=0, atol=1e-5)
    torch.testing.assert_close(torch.tensor(found[1]).view(-1, 28, 28), own, rtol=0, atol=1e-3)
    assert found[2] == [[]], "without ink"


@with_node
def test_each_script_can_be_read_and_they_are_small():
    for text in [live.answers_js(), *(path.read_text(encoding="utf-8") for path in live.LIVE.glob("*.js"))]:
        done = subprocess.run(["node", "--check", "-"], input=text, capture_output=True, text=True, encoding="utf-8")
        assert done.returncode == 0 and len(text) < 250_000, f"{text[:80]}: {done.stderr}"


def test_rules_that_match_nothing_are_left_out():
    css = "a{b:c}.on,.off p{d:e}.off:not(.on){f:g}@media print{.off{h:i}.on{j:k}}@page{l:m}"
    assert book.needed(css, {"on"}) == "a{b:c}.on,.off p{d:e}@media print{.on{j:k}}@page{l:m}"

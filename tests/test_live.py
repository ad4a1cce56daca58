"""What answers in the web book without Python: its numbers, compared with PyTorch's by node; the landing page, light pages."""
import json
import re
import shutil
import subprocess

import pytest
import torch
import torch.nn.functional as F

from course.finished import finished_net
from tests.test_pad import DIGITS, drawn, prepare
from tools.notebooks import ROOT, notebooks
from utils import load_digits

for needed in ("sphinx", "myst_nb", "sphinx_book_theme", "latex2mathml"):
    pytest.importorskip(needed, reason="make book has installed nothing yet")
live = pytest.importorskip("tools.book.live")
with_node = pytest.mark.skipif(not shutil.which("node"), reason="node is not installed (Debian: apt install nodejs): the web "
                               "book's JavaScript is not compared with PyTorch")
LIVE = ROOT / "tools" / "book" / "live"
BEGIN = """
const fs = require("fs");
for (const file of process.argv.slice(1, 3)) (0, eval)(fs.readFileSync(file, "utf-8"));
const { numbers, prepare, models, SIDE } = CourseNet, said = models(COURSE_DATA);
const given = numbers(fs.readFileSync(process.argv[3], "utf-8")), say = what => console.log(JSON.stringify(what));
"""


def node(folder, code: str, given: torch.Tensor):
    """What JavaScript says, after net.js; it finds some tensor's numbers in `given`."""
    (folder / "data.js").write_text(live.data_js(), encoding="utf-8")
    (folder / "given").write_text(live.as_base64(given), encoding="utf-8")
    done = subprocess.run(["node", "-e", BEGIN + code, LIVE / "net.js", folder / "data.js", folder / "given"],
                          capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@with_node
def test_three_models_give_pytorchs_numbers_for_all_bundled_3s_and_7s(tmp_path):
    digits = load_digits((3, 7), "bundled")
    x = torch.cat([digits.train_x, digits.valid_x]).flatten(1)
    answers = node(tmp_path, """
        const rows = Array.from({ length: given.length / 784 }, (_, k) => given.slice(784 * k, 784 * (k + 1)));
        say(Object.fromEntries(Object.entries(said).map(([name, model]) => [name, rows.map(x => {
            const { score, probability, votes } = model(x);
            return [score, probability, votes.reduce((sum, vote) => sum + vote, 0)]; })])));""", x)
    values = live.parameters()
    near = [F.mse_loss(x, values[mean].view(1, 784).expand_as(x), reduction="none").mean(1) for mean in ("mean7", "mean3")]
    similarity, linear = near[0].sqrt() - near[1].sqrt(), x @ values["w"][0] + values["b"]
    net = finished_net()(x)[:, 0].detach()
    assert len(x) == 1000
    for name, scores in {"similarity": similarity, "linear": linear, "net": net}.items():
        score, probability, votes = zip(*answers[name])
        torch.testing.assert_close(torch.tensor(score), scores, rtol=0, atol=1e-5)
        if name == "similarity":
            torch.testing.assert_close(torch.tensor(votes), 784 * (near[0] - near[1]), rtol=0, atol=1e-3)
        else:
            torch.testing.assert_close(torch.tensor(probability), scores.sigmoid(), rtol=0, atol=1e-5)
    for score, _, votes in answers["linear"]:
        assert abs(votes + values["b"].item() - score) < 1e-4
    assert all(((scores > 0) == (torch.cat([digits.train_y, digits.valid_y]) == 3)).float().mean() > .95
               for scores in (similarity, linear, net))


@with_node
def test_the_votes_are_the_slopes_times_the_pixels(tmp_path):
    x = load_digits((3, 7), "bundled").valid_x[:1].flatten(1).requires_grad_()
    slopes, = torch.autograd.grad(finished_net()(x).sum(), x)
    votes = node(tmp_path, "say(Array.from(said.net(given).votes));", x.detach())
    torch.testing.assert_close(torch.tensor(votes), (slopes * x).detach()[0], rtol=0, atol=1e-5)


@with_node
def test_a_drawing_is_prepared_as_in_the_notebook(tmp_path):
    """Digits drawn large and small, in corners, with a thick pen and a thin one; one dot; and MNIST's own, unchanged."""
    pictures = [drawn(made, pen=pen, height=height, centre=centre) for made in DIGITS
                for pen, height, centre in [(22, 180, (140, 140)), (9, 61, (50, 220)), (31, 240, (150, 130))]]
    pictures.append(drawn((7, "plain"), height=1))
    again = node(tmp_path, """
        say(Array.from({ length: given.length / 78400 }, (_, k) => Array.from(prepare(
            { data: given.slice(78400 * k, 78400 * (k + 1)), height: 280, width: 280 }))));""", torch.stack(pictures))
    torch.testing.assert_close(torch.tensor(again).view(-1, 28, 28), torch.stack(list(map(prepare, pictures))),
                               rtol=0, atol=1e-5)
    own = load_digits((3, 7), "bundled").valid_x[::10]
    again = node(tmp_path, """
        say(Array.from({ length: given.length / 784 }, (_, k) => Array.from(prepare(
            { data: given.slice(784 * k, 784 * (k + 1)), height: SIDE, width: SIDE }))));""", own)
    torch.testing.assert_close(torch.tensor(again).view(-1, 28, 28), own, rtol=0, atol=1e-3)
    assert node(tmp_path, "say(prepare({ data: given, height: 4, width: 4 }));", torch.zeros(16)) is None


def test_what_the_browser_loads_is_small():
    assert len(live.data_js()) < 250_000 and "export" not in live.drawpad_js()


def test_the_landing_page_leads_to_every_notebook(tmp_path):
    (tmp_path / "_static" / "live").mkdir(parents=True)
    page = live.landing(tmp_path, "A title", {"about.html": "More & more"})
    lessons = [path for path in notebooks() if path.stem != "glossary"]
    assert [page.count(f'href="notebooks/{path.stem}.html"') for path in lessons] == [2] + [1] * (len(lessons) - 1)
    assert page.count("<img ") == len(list(tmp_path.glob("_static/live/*.webp"))) == len(lessons) and ' alt=""' not in page
    assert "<h1>A title</h1>" in page and "More &amp; more" in page and "playground" not in page
    assert 'class="live-pad"' in page and not re.search("://(?!creativecommons.org)", page)
    (tmp_path / "playground.html").touch()
    assert 'href="playground.html"' in live.landing(tmp_path, "A title", {})


def test_rules_that_match_nothing_are_left_out_and_icons_are_drawn():
    css = "a{b:c}.on,.off p{d:e}.off:not(.on){f:g}@media print{.off{h:i}.on{j:k}}@page{l:m}"
    assert live.needed(css, {"on"}) == "a{b:c}.on,.off p{d:e}@media print{.on{j:k}}@page{l:m}"
    script = '"sun":[16,16,[],"f1","M1"],moon:[32,16,["night"],"f2","M2"],"sun":[64,16,[],"f1","M3"]'
    css = live.icons_css(script, {"sun", "night"})
    assert ".fa-sun {" in css and "M3" in css and "M1" not in css and ".fa-night {" in css and ".fa-moon" not in css


def test_a_picture_says_its_size(tmp_path):
    from PIL import Image
    Image.new("L", (40, 30)).save(tmp_path / "a.png")
    text = live.sized(tmp_path / "a.html", '<img alt="A" src="a.png"><img src="none.png"><img width="1" src="a.png">')
    assert text == ('<img alt="A" src="a.png" width="40" height="30" style="--width: 40px"><img src="none.png">'
                    '<img width="1" src="a.png">')

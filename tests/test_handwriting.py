"""course/handwriting.py: drawings are kept and come back, and what cannot be kept gets one sentence."""
import ipywidgets
import pytest
import torch

from course import handwriting as hand
from tests.test_pad import as_picture, put


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    monkeypatch.setattr(hand, "FILE", tmp_path / "build" / "handwriting.npz")
    return hand.FILE


def test_code_draws_the_same_digits_each_time_and_others_with_another_seed():
    images, labels = hand.handwriting(each=10)
    assert images.shape == (20, hand.SIZE, hand.SIZE) and labels.tolist() == [3] * 10 + [7] * 10
    assert images.flatten(1).amax(1).tolist() == [1.] * 20 and images.min() == 0
    assert torch.equal(hand.handwriting(each=10)[0], images) and not torch.equal(hand.handwriting(each=10, seed=1)[0], images)
    middles = torch.stack([image.nonzero().float().mean(0) for image in images])
    assert middles.amin() < 110 and middles.amax() > 170                # all over the paper


def test_what_is_kept_comes_back_and_none_is_lost(file):
    seven = hand.drawn([(60, 60), (200, 60), (120, 230)])
    for k in range(10):
        assert hand.keep(7, seven[:, 20 * k:]) == f"kept so far: 0 × 3, {k + 1} × 7"
    with pytest.raises(ValueError, match="0 × 3 and 10 × 7 so far: draw 10 of each"):
        hand.handwriting("mine")
    for _ in range(10):
        hand.keep(3, seven)
    images, labels = hand.handwriting("mine")
    assert labels.tolist() == [3] * 10 + [7] * 10 and torch.equal(images[0], seven)
    assert torch.equal(images[11, :, :260], seven[:, 20:]) and images[11, :, 260:].sum() == 0
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_what_cannot_be_kept_gets_one_sentence(file):
    with pytest.raises(ValueError, match="draw a digit first"):
        hand.keep(3, torch.zeros(hand.SIZE, hand.SIZE))
    assert not file.exists()
    with pytest.raises(ValueError, match="will not do"):
        hand.handwriting("hers")


def test_a_button_keeps_the_drawing_and_clears_the_pad(monkeypatch):
    made, answers = [], []
    button = ipywidgets.Button
    monkeypatch.setattr(ipywidgets, "Button", lambda **more: made.append(button(**more)) or made[-1])
    pad = hand.show_keeping_pad(lambda image: answers.append(image.sum().item()))
    for one in made:
        put(pad, as_picture(hand.drawn([(60, 60), (200, 60)])))
        one.click()
        assert pad.image().sum() == 0
    made[0].click()                                                     # an empty pad: nothing is kept
    assert {digit: len(images) for digit, images in hand.kept().items()} == {3: 1, 7: 1} and answers[0] == 0 < max(answers)

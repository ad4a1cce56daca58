"""The exercises of the bug museum: each looks for the cause, in what the mended loop reports."""
from __future__ import annotations

from typing import Any, Callable

import torch
from torch import Tensor, nn

from course import museum
from course.exercises import a_kind, need, numeric, tried
from utils import accuracy


def mended(*shapes: tuple | None, inputs: Callable[[], list] | None = None, seeds: int = 1):
    """Register the decorated function as the judge of the room that has its name; it gets what the reader's loop returns.

    shapes: of all that is returned; (n,) for a list of n numbers, which becomes a tensor, and None for what is no numbers.
    inputs: makes what the loop is given, if not what visit gives. seeds: from how many of them the loop is run.
    """
    def register(judge):
        def room(answer):
            for seed in range(seeds):
                torch.manual_seed(seed)
                given = inputs() if inputs else museum.exhibits(judge.__name__.replace("_", " "))
                judge(*reported(answer(*given), shapes))
        room.__name__ = judge.__name__
        return tried(untouched=getattr(museum, judge.__name__), seconds=60)(room)
    return register


def reported(got: Any, shapes: tuple) -> list:
    """What a loop has returned: tensors of these shapes, and things that are no numbers."""
    need(got is not None, "nothing comes back (None): keep the last line of the loop, return and what it has noted.")
    parts = [got] if len(shapes) == 1 else list(got) if type(got) in (tuple, list) else []
    need(len(parts) == len(shapes), f"it should return {len(shapes)} things, as before: look at its last line.")
    for k, shape in enumerate(shapes):
        if shape:
            part, parts[k] = parts[k], numeric(parts[k], parts[k])
            need(parts[k] is not None, f"{a_kind(part)} comes back where numbers are wanted: keep what the loop notes.")
            count, wanted = ("×".join(map(str, size)) for size in (parts[k].shape, shape))
            need(count == wanted, f"{count or 1} numbers come back, not {wanted}: keep what the loop notes and returns. More "
                 "or fewer epochs or steps hide what is wrong, and leave it there.")
            need(len(shape) > 1 or parts[k].isfinite().all(), "infinite numbers, or nan, come back: the steps are too large.")
    return parts


@mended((160,), (10,))
def room_1(losses, scores):
    need(scores.max() > .8, f"no epoch gets beyond {scores.max():.3f}. Are digits and targets reordered, each in its own way?")
    need(scores[0] > .6, f"after the first epoch {scores[0]:.3f} of the held-back digits are right, hardly more than a coin "
         "gets: each batch still holds one kind of digit. Mix the training digits; which kind comes last, and the order of the "
         "held-back digits, does not matter.")
    need(losses[-16:].mean() < .2, "the steps are smaller than before. That softens the jumps and mends nothing: take it back.")
    need(losses[16:].max() < .7 and scores[0] > .94, f"later the loss of a batch still jumps to {losses[16:].max():.2f}. It is "
         "softer, as with a smaller learning rate, but many batches still hold one kind of digit only.")


@mended((120,))
def room_2(losses):
    need(losses.std() > 1e-4, "the loss does not move. Are the gradients cleared too early, between backward() and the step?")
    rise = losses.diff().max()
    need(rise < 1e-3, f"the loss still goes up, by {rise:.3f} in one step. Every gradient, of the weights and of the bias, has "
         "to be cleared once in each step.")
    need(losses[-1] < .1, f"the loss only comes down to {losses[-1]:.3f}. Keep the rate as it is given: a smaller one shows "
         "less of the first wave, which looks like a slow fall.")


@mended((10,), (10,), (500, 1))
def room_3(losses, scores, p):
    need(losses[-1] < .12 or p.min() < 0, "the loss was .08 before, and is higher now: leave the training as it is.")
    need((scores != .5).any(), "the accuracy is still one half in all epochs. p is a probability: which p means undecided?")
    need(scores.min() > .5, "the accuracy is below one half. If the answer was turned round (1 - accuracy, < in place of >), "
         "turn it back: the side is right, only the border is not.")
    border = .5 if 0 <= p.min() and p.max() <= 1 else 0
    truth = accuracy(p - border, museum.exhibits("room 3")[3])
    need((scores[-1] - truth).abs() < 1e-6, f"it reports {scores[-1]:.4f} for the last epoch, and {truth:.4f} are on the right "
         "side. Is the border where the model is undecided: 0 for scores, one half for probabilities?")


@mended((500,), (500, 1), (500, 1))
def room_4(losses, before, after):
    threes, sevens = after[:250].mean(), after[250:].mean()
    need(threes - sevens > -.1, "3s get lower predictions than 7s now: the targets are the wrong way round.")
    need(threes - sevens > .5, f"3s and 7s still get about the same predictions, {threes:.2f} and {sevens:.2f} on average. No "
         "learning rate and no other loss changes that. What is the shape of model(x) - y?")


@mended((20,), (20,), (500, 1), (30, 784))
def room_5(training, validation, first, weights):
    sure = ((first.sigmoid() - .5).abs() > .49).double().mean()
    need(sure < .05, f"before the first step the model is still more than 99 % sure on {100 * sure:.0f} of 100 digits. Its "
         "first scores are too large, because its weights are.")
    black = (museum.exhibits("room 5")[0] == 0).all(0)           # no training digit moves their weights
    noise = weights[:, black].abs().mean()
    need(noise < .15, f"the weights of pixels that are always black are still {noise:.2f} in size: noise in the first layer.")
    need(training[-1] > .9, "now it does not learn. Do all weights start at the same number? They should be small, but random.")
    need(validation[-1] > .96, f"on the held-back digits it ends at {validation[-1]:.3f}: a good start ends above .96.")


@mended((20,), (500, 1))
def room_6(losses, scores):
    low = scores.min()
    need(low < 0, "no score is below 0, so no digit is a 7 with more certainty than a coin's. Which layer does that?")
    need(losses[-1] < .15, f"the lowest score is {low:.2f} now, but the loss ends at {losses[-1]:.3f}: the floor is lower or "
         "softer, or the steps are smaller than they were. Keep the rate; a score must be free to take any value.")


@mended((500,))
def room_7(scores):
    wanted = museum.visit("room 7")[-1]                          # all digits in one batch: right even there
    low, high = scores.aminmax()
    need(high <= 1.0001, "some scores are above 1. If you count digits, divide by the number of digits.")
    need(high - low < 1e-4, f"the score still depends on the batch size: it lies between {low:.4f} and {high:.4f}, for the "
         "same model and the same digits. Does each digit count once, those in the last batch too?")
    need(abs(low - wanted) < 1e-4, f"all scores are {low:.4f} now, but {wanted:.4f} of the digits are right.")


@mended((40,), (40,))
def room_8(losses, slopes):
    need(slopes.any(), "every slope is still exactly 0. No nudge and no rate helps: which pixels belong to these weights?")
    fall = losses[0] - losses[-1]
    need(fall > -1e-3, "the loss goes up: the step has to go against the slope.")
    need(fall > .01, f"the loss falls only by {fall:.4f}. Either most of the weights still belong to pixels that are black, or "
         "nearly black, in all images, or the steps are smaller than lr says.")


@mended((10,), (20,), None, seeds=3)
def room_9(scores, again, net):
    dropped = [layer.p for layer in net.modules() if isinstance(layer, nn.Dropout)]
    need(dropped == [.5], "the dropout has changed, or is gone. Keep it for the training, and switch it off while you measure.")
    low, high = again.aminmax()
    need(low == high, f"measured again, the net still gets between {low:.3f} and {high:.3f}. What is drawn anew each time?")
    x, y = museum.exhibits("room 9")[2:]
    truth = accuracy(net.eval()(x), y)
    need((low - truth).abs() < 1e-6, f"it reports {low:.3f} each time, and with all its hidden units the net gets {truth:.3f}. "
         "A seed, or a mean of several measurements, leaves the dropout on: use all units.")
    need((scores[-1] - truth).abs() < 1e-6, f"after the last epoch it reports {scores[-1]:.3f}, and then, with nothing trained "
         f"in between, {truth:.3f}. train_epoch switches dropout on again: switch it off after each epoch.")


def grey_digits() -> list[Tensor]:
    """Forty images, each of a shade of its own, which no wiggle changes in the middle; every other one with a white band."""
    x, y = (torch.arange(1., 41) / 100)[:, None].repeat(1, 784), torch.arange(40.)[:, None] % 2
    x[1::2, :6 * 28] = 1
    return [x, y, torch.ones(4, 784), y[:4]]


@mended((20,), (20,), (20,), None, None, inputs=grey_digits)
def room_10(training, validation, new, tx, vx):
    need(tx.shape[1:] == vx.shape[1:] == (784,), "the images of the two sets should come back as rows of 784 pixels.")
    need(training.max() > .8, f"the training gets to {training.max():.3f} only. Do images and targets still belong together?")
    left, right = (set((100 * images[:, 14 * 28 + 14]).round().int().tolist()) for images in (tx, vx))
    known, both = set(range(1, 41)), left & right
    need(right <= known, "digits are held back that are none of those in x. Let the new ones stay new: hold back a part of x.")
    need(not both, f"of {len(right)} digits that are held back, {len(both)} have copies among the training images. "
         "Another seed or another share leaves them there: what is done first, the copying or the split?")
    need(left | right == known and len(right) >= 10, f"of 40 digits, {len(left)} are trained on and {len(right)} held back. "
         "Use all of them, and hold back about half.")
    need(len(tx) >= 4 * len(left), "the training digits have lost their copies. Wiggle them, behind the split.")

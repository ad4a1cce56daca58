"""The exercises of the bug museum: each looks for the cause, in what the mended loop reports."""
from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from course import museum
from course.exercises import a_kind, need, rounded, tried
from utils import accuracy


def reported(answer, room: str, *wanted, seed: int = 0, inputs: list | None = None, **knobs) -> list:
    """What a room's mended loop returns; wanted: for each part a list's length, a tensor's shape, or a type."""
    torch.manual_seed(seed)
    got = answer(*inputs or museum.exhibits(room), **knobs)
    parts = [got] if len(wanted) == 1 else list(got) if type(got) in (tuple, list) else []
    need(got is not None, "nothing comes back (None): keep the last line of the loop, return and what it has noted.")
    need(len(parts) == len(wanted), f"it should return {len(wanted)} things, as before: look at its last line.")
    for part, size in zip(parts, wanted):
        numbers = isinstance(size, int)
        what = "a list of numbers" if numbers else f"a tensor of shape {size}" if type(size) is tuple else f"a {size.__name__}"
        fits = type(part) is list and all(isinstance(v, (int, float)) for v in part) if numbers else \
            isinstance(part, Tensor) and part.shape == size if type(size) is tuple else isinstance(part, size)
        need(fits, f"{a_kind(part)} comes back where {what} is wanted: keep what the loop notes and returns.")
        need(not numbers or len(part) == size, f"{len(part)} numbers come back, not {size}. More or fewer epochs "
             "or steps hide what is wrong, and leave it there: keep them, and mend the line that goes wrong.")
        need(not numbers or all(map(math.isfinite, part)), "infinite numbers, or nan, come back: the steps are far too large.")
    return [part.detach() if isinstance(part, Tensor) else part for part in parts]


@tried(untouched=museum.room_1, seconds=60)
def room_1(answer):
    losses, scores = reported(answer, "room 1", 160, 10)
    need(max(scores) > .8, "the accuracy stays near one half, or below. Do digits and targets still belong together? If both "
         "are reordered, then both in the same way.")
    need(scores[0] > .6, f"after the first epoch {scores[0]:.3f} of the held-back digits are right, hardly more than a coin "
         "gets: each batch still holds one kind of digit, and the last ones all hold the same. Mix the training digits; which "
         "kind comes last, and the order of the held-back digits, does not matter.")
    need(sum(losses[-16:]) / 16 < .2, "the steps are smaller than they were. That makes the jumps softer and the learning "
         "slower, and mends nothing: take it back, and look at what each batch holds.")
    need(max(losses[16:]) < .7 and scores[0] > .94, f"later the loss of a batch still jumps to {max(losses[16:]):.2f}. It is "
         "softer, as with a smaller learning rate, but many batches still hold one kind of digit only.")


@tried(untouched=museum.room_2, seconds=60)
def room_2(answer):
    for lr in (.0001, .001):
        losses, = reported(answer, "room 2", 120, lr=lr)
        need(max(losses) - min(losses) > 1e-4, "the loss does not move at all. Are the gradients cleared too early, after "
             "backward() and before the step? Then there is nothing left to step with.")
        rise = max(b - a for a, b in zip(losses, losses[1:]))
        need(rise < 1e-3, f"with a learning rate of {lr} the loss still goes up, by {rise:.3f} in one step. Every gradient, of "
             "the weights and of the bias, has to be cleared once in each step.")
    need(losses[-1] < .1, f"with a learning rate of .001 the loss only comes down to {losses[-1]:.3f}. Keep the rate as it is "
         "given: a smaller one shows less of the first wave, which looks like a slow fall.")


@tried(untouched=museum.room_3, seconds=60)
def room_3(answer):
    losses, scores, p = reported(answer, "room 3", 10, 10, (500, 1))
    need(losses[-1] < .12 or p.min() < 0, "the loss on the held-back digits was .08 before, and now it is higher: leave the "
         "training as it is. Only the counting is wrong.")
    need(any(abs(score - .5) > 1e-6 for score in scores), "the accuracy is still one half in all epochs: every digit gets the "
         "same answer. p is a probability, so which p means undecided?")
    need(min(scores) > .5, "the accuracy is below one half. If the answer was turned round (1 - accuracy, < in place of >), "
         "turn it back: the side is right, only the border is not.")
    border = .5 if 0 <= p.min() and p.max() <= 1 else 0
    truth = ((p > border) == (museum.exhibits("room 3")[3] > .5)).float().mean().item()
    need(abs(scores[-1] - truth) < 1e-6, f"it reports {scores[-1]:.4f} for the last epoch, and {truth:.4f} are on the right "
         "side. Is the border where the model is undecided: 0 for scores, one half for probabilities?")


@tried(untouched=museum.room_4, seconds=60)
def room_4(answer):
    _, _, after = reported(answer, "room 4", 500, (500, 1), (500, 1))
    threes, sevens = after[:250].mean().item(), after[250:].mean().item()
    need(threes - sevens > -.1, "3s get lower predictions than 7s now: the targets are the wrong way round.")
    need(threes - sevens > .5, f"3s and 7s still get about the same predictions, {threes:.2f} and {sevens:.2f} on average. No "
         "learning rate and no other loss changes that. What is the shape of model(x) - y?")


@tried(untouched=museum.room_5, seconds=60)
def room_5(answer):
    training, validation, first, weights = reported(answer, "room 5", 20, 20, (500, 1), (30, 784))
    p = first.sigmoid()
    sure = ((p < .01) | (p > .99)).float().mean().item()
    need(sure < .05, f"before the first step the model is still more than 99 % sure on {100 * sure:.0f} of 100 digits. Its "
         "first scores are too large, because its weights are.")
    black = (museum.exhibits("room 5")[0] == 0).all(0)           # no training digit moves their weights
    noise = weights[:, black].abs().mean().item()
    need(noise < .15, f"the weights of pixels that are always black are still {noise:.2f} in size, on average: the noise is "
         "still in the first layer.")
    need(training[-1] > .9, "now it does not learn. Do all weights start at the same number? They should be small, but random.")
    need(validation[-1] > .96, f"on the held-back digits it ends at {validation[-1]:.3f}: a good start ends above .96.")


@tried(untouched=museum.room_6, seconds=60)
def room_6(answer):
    losses, scores = reported(answer, "room 6", 20, (500, 1))
    lowest = rounded(scores.min().item())
    need(scores.min() < 0, f"the lowest score is {lowest}, so none is below 0, and no digit can be called a 7 with more "
         "certainty than a coin. Which layer does that? It is the last one that decides.")
    need(losses[-1] < .15, f"the lowest score is {lowest} now, but the loss ends at {losses[-1]:.3f}: the floor is lower "
         "or softer, or the steps are smaller than they were. Keep the rate; a score must be free to take any value.")


@tried(untouched=museum.room_7, seconds=120)
def room_7(answer):
    scores, = reported(answer, "room 7", 500)
    wanted = museum.visit("room 7")[-1]                          # all digits in one batch: right even there
    need(max(scores) <= 1.0001, "some scores are above 1. If you count digits, divide by the number of digits.")
    need(max(scores) - min(scores) < 1e-4, f"the score still depends on the batch size: it lies between {min(scores):.4f} and "
         f"{max(scores):.4f}, for the same model and the same digits. Does each digit count once, those in the last batch too?")
    need(abs(scores[0] - wanted) < 1e-4, f"all scores are {scores[0]:.4f} now, but {wanted:.4f} of the digits are right.")


@tried(untouched=museum.room_8, seconds=120)
def room_8(answer):
    losses, slopes = reported(answer, "room 8", 40, 40)
    need(any(slopes), "every slope is still exactly 0. A larger nudge or a larger rate cannot help: which pixels belong to the "
         "weights that are nudged?")
    fall = losses[0] - losses[-1]
    need(fall > -1e-3, "the loss goes up: the step has to go against the slope.")
    need(fall > .01, f"the loss falls only by {fall:.4f}. Either most of the weights still belong to pixels that are black, or "
         "nearly black, in all images, or the steps are smaller than lr says.")


@tried(untouched=museum.room_9, seconds=120)
def room_9(answer):
    for seed in (0, 1, 2):
        scores, again, net = reported(answer, "room 9", 10, 20, nn.Module, seed=seed)
        dropped = [layer.p for layer in net.modules() if isinstance(layer, nn.Dropout)]
        need(dropped == [.5], "the dropout has changed, or is gone. It is there for the training: keep it, and switch it off "
             "while you measure.")
        need(len(set(again)) == 1, f"measured again, the net still gets between {min(again):.3f} and {max(again):.3f}, and "
             "nothing is trained in between. What is drawn anew each time?")
        net.eval()
        with torch.no_grad():
            x, y = museum.exhibits("room 9")[2:]
            truth = accuracy(net(x), y).item()
        need(abs(again[0] - truth) < 1e-6, f"it reports {again[0]:.3f} each time, and with all its hidden units the net gets "
             f"{truth:.3f}. A seed, or a mean of several measurements, leaves the dropout on: use all units.")
        need(abs(scores[-1] - truth) < 1e-6, f"after the last epoch it reports {scores[-1]:.3f}, and then, with nothing "
             f"trained in between, {truth:.3f}. train_epoch switches dropout on again: switch it off after each epoch.")


@tried(untouched=museum.room_10, seconds=120)
def room_10(answer):
    def split(x, y, *new):
        *scores, tx, vx = reported(answer, "room 10", 20, 20, 20, Tensor, Tensor, inputs=[x, y, *new])
        need(tx.shape[1:] == vx.shape[1:] == (784,), "the images of the two sets should come back as rows of 784 pixels.")
        return scores, tx, vx
    x, y, *new = museum.exhibits("room 10")
    training = split(x, y, *new)[0][0]
    need(max(training) > .8, f"on the training digits it gets no further than {max(training):.3f}. Do images and "
         "targets still belong together? Leave the training as it is.")
    # even grey images, each with a shade of its own, which no wiggle changes in the middle
    shades = torch.arange(1., 41) / 50
    _, tx, vx = split(shades[:, None].expand(40, 784).clone(), torch.arange(40.)[:, None] % 2, torch.ones(4, 784), y[:4])
    left, right = ((images[:, 14 * 28 + 14] * 50).round().int().tolist() for images in (tx, vx))
    both = set(left) & set(right)
    need(set(right) <= set(range(1, 41)), "digits are held back that are none of those in x. The new ones stay new only as "
         "long as nothing is chosen by them: hold back a part of x.")
    need(not both, f"of {len(set(right))} digits that are held back, {len(both)} have copies among the training images. "
         "Another seed or another share leaves them there: what is done first, the copying or the split?")
    need(len(set(left) | set(right)) == 40 and len(set(right)) >= 10, f"of 40 digits, {len(set(left))} are trained on and "
         f"{len(set(right))} held back. Use all of them, and hold back about half.")
    need(len(left) >= 4 * len(set(left)), "the training digits have lost their copies. Wiggle them, behind the split.")

"""The bug museum of notebook 07: eight training loops that are broken on purpose, and a guide who knows them.

visit("room 1") runs a room's loop and returns what it reports; diagnose("room 1", "overfitting") answers.
Whoever wants to find the bugs without help should not read on: the loops follow below.
"""
from __future__ import annotations

import inspect
import re
import textwrap
from typing import Any, Callable, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from utils import Batches, accuracy, as_xy, load_digits, train_epoch


# ---------------------------------------------------------------- the loops: one bug each

def room_1(x: Tensor, y: Tensor, vx: Tensor, vy: Tensor) -> tuple[list, list]:
    """Ten epochs of a linear model: each batch's loss, and the accuracy per epoch."""
    model = nn.Linear(784, 1)
    opt = torch.optim.SGD(model.parameters(), lr=.1)
    train = Batches(x, y, 32)
    losses, scores = [], []
    for epoch in range(10):
        for xb, yb in train:
            loss = F.binary_cross_entropy_with_logits(model(xb), yb)
            loss.backward()
            opt.step()
            opt.zero_grad()
            losses.append(loss.item())
        scores.append(accuracy(model(vx), vy).item())
    return losses, scores


def room_2(x: Tensor, y: Tensor, lr: float = .001) -> list:
    """120 steps of a linear model, each with all digits: the loss before each step."""
    model = nn.Linear(784, 1)
    opt = torch.optim.SGD(model.parameters(), lr=lr)
    losses = []
    for step in range(120):
        loss = F.mse_loss(model(x), y)
        loss.backward()
        opt.step()
        losses.append(loss.item())
    return losses


def room_3(x: Tensor, y: Tensor, vx: Tensor, vy: Tensor) -> tuple[list, list, Tensor]:
    """Loss and accuracy on held-back digits for ten epochs; the last probabilities."""
    model = nn.Linear(784, 1)
    opt = torch.optim.SGD(model.parameters(), lr=.1)
    train = Batches(x, y, 32, shuffle=True)
    losses, scores = [], []
    for epoch in range(10):
        train_epoch(model, opt, train)
        p = model(vx).sigmoid().detach()
        losses.append(F.binary_cross_entropy(p, vy).item())
        scores.append(((p > 0) == (vy > .5)).float().mean().item())
    return losses, scores, p


def room_4(x: Tensor, labels: Tensor, vx: Tensor) -> tuple[list, Tensor, Tensor]:
    """A linear model: its losses, and what it predicts for vx before and after."""
    model = nn.Linear(784, 1)
    opt = torch.optim.SGD(model.parameters(), lr=.01)
    y = (labels == 3).float()
    losses, before = [], model(vx).detach()
    for step in range(500):
        loss = (model(x) - y).square().mean()
        loss.backward()
        opt.step()
        opt.zero_grad()
        losses.append(loss.item())
    return losses, before, model(vx).detach()


def room_5(x: Tensor, y: Tensor, vx: Tensor, vy: Tensor) -> tuple:
    """A net: accuracies on x and vx, first scores, first-layer weights at the end."""
    model = nn.Sequential(nn.Linear(784, 30), nn.ReLU(), nn.Linear(30, 1))
    for p in model.parameters():
        nn.init.normal_(p, std=1)
    opt = torch.optim.SGD(model.parameters(), lr=.1)
    train = Batches(x, y, 32, shuffle=True)
    training, validation, first = [], [], model(x).detach()
    for epoch in range(20):
        train_epoch(model, opt, train)
        training.append(accuracy(model(x), y).item())
        validation.append(accuracy(model(vx), vy).item())
    return training, validation, first, model[0].weight.detach()


def room_6(x: Tensor, y: Tensor, vx: Tensor) -> tuple[list, Tensor]:
    """Twenty epochs of a net: the loss on x after each, and the last scores of vx."""
    model = nn.Sequential(nn.Linear(784, 30), nn.ReLU(),
                          nn.Linear(30, 1), nn.ReLU())
    opt = torch.optim.SGD(model.parameters(), lr=.1)
    train, losses = Batches(x, y, 32, shuffle=True), []
    for epoch in range(20):
        train_epoch(model, opt, train)
        losses.append(F.binary_cross_entropy_with_logits(model(x), y).item())
    return losses, model(vx).detach()


def room_7(x: Tensor, y: Tensor, vx: Tensor, vy: Tensor) -> list:
    """One model, measured with batches of 1, 2, 3 … digits: its accuracy each time."""
    model = nn.Linear(784, 1)
    opt = torch.optim.SGD(model.parameters(), lr=.1)
    train_epoch(model, opt, Batches(x, y, 32, shuffle=True))
    scores = []
    for batch_size in range(1, len(vx) + 1):
        valid, total = Batches(vx, vy, batch_size), 0.
        for xb, yb in valid:
            total += accuracy(model(xb), yb).item()
        scores.append(total / len(valid))
    return scores


def room_8(x: Tensor, y: Tensor, lr: float = 1.) -> tuple[list, list]:
    """Nudge 40 weights, one after the other, and step: the losses and the slopes."""
    w, losses, slopes = torch.zeros(784, 1), [], []
    for pixel in range(40):
        nudged = w.clone()
        nudged[pixel] += .01
        loss = F.binary_cross_entropy_with_logits(x @ w, y)
        slope = (F.binary_cross_entropy_with_logits(x @ nudged, y) - loss) / .01
        w[pixel] -= lr * slope
        losses.append(loss.item())
        slopes.append(slope.item())
    return losses, slopes


# ---------------------------------------------------------------- what the guide knows

class Cause(NamedTuple):
    """What one would see if it were this, and other words for it."""
    then: str
    words: tuple[str, ...]


class Room(NamedTuple):
    """A loop, its cause and why it shows so; what speaks against all other causes, and against some of them."""
    loop: Callable
    cause: str
    why: str
    evidence: str
    near: dict[str, str]


CAUSES = {
    "batches averaged unevenly": Cause(
        "the training would be in order, and only the score would depend on how the digits are cut into batches.",
        ("uneven average", "average of the batches", "batch averages", "mean of the batches", "last batch")),
    "black pixels only": Cause(
        "the slopes would be exactly 0, and no weight and no loss would ever move.",
        ("dead pixels", "dead pixel", "only black pixels", "black corner")),
    "gradients not zeroed": Cause(
        "the loss would swing up and down in waves, and a smaller learning rate would make them longer, not lower.",
        ("zero_grad", "gradients add up", "zeroing", "gradient not zeroed", "gradients accumulate")),
    "initial weights too large": Cause(
        "the model would be very sure before its first step, and noise would be left in its weights after the last.",
        ("std 1", "std-1", "standard deviation 1", "initialisation", "initialization", "saturated", "wild start")),
    "learning rate too large": Cause(
        "the loss would jump about or grow, and a smaller learning rate would calm it.",
        ("lr too large", "learning rate too high", "lr too high", "overshooting", "steps too large")),
    "overfitting": Cause(
        "the model would start undecided, learn, and end nearly perfect on the training digits, worse on the others.",
        ("overfit", "memorises", "memorizes", "memorised", "memorized")),
    "ReLU behind the output": Cause(
        "no score would be below 0, so no digit could be more likely a 7 than a 3, and the loss would have a floor.",
        ("ReLU on the logits", "ReLU after the output", "ReLU at the end")),
    "shapes (n,) and (n, 1) mixed": Cause(
        "each prediction would be compared with all targets, so that all would be drawn to the mean of the targets.",
        ("broadcasting", "shape mismatch", "(n,) against (n, 1)")),
    "sorted data, not shuffled": Cause(
        "the loss of the batches would jump wherever one digit ends and the next begins, and the accuracy would be one "
        "half at first.",
        ("unshuffled", "no shuffling", "not shuffling", "order of the data")),
    "steps too few or too small": Cause(
        "the loss would go down a little with each step, and would still be going down when the loop ended.",
        ("trained too briefly", "learning rate too small", "lr too small", "too few epochs", "too few steps",
         "learning rate too low")),
    "targets swapped": Cause(
        "3s and 7s would be told apart well, only the wrong way round: the accuracy would be near 0.",
        ("labels swapped", "swapped labels", "swapped targets")),
    "threshold at the wrong place": Cause(
        "predictions and loss would be fine, and only the accuracy, which asks for sides, would be wrong.",
        ("wrong threshold", "threshold")),
}

ROOMS = {f"room {number}": room for number, room in enumerate([
    Room(room_1, "sorted data, not shuffled",
         why="the digits come as they lie, first all 3s, then all 7s. The last eight batches of each epoch hold "
             "nothing but 7s, and the model learns to say 7. The loss jumps where the kind of digit changes, twice "
             "in an epoch. Each time the pull is weaker, so the accuracy climbs.",
         evidence="Here the loss of the batches jumps up in the middle and at the start of each epoch, always at the "
                  "same places, and is almost 0 in between.",
         near={"steps too few or too small":
               "More epochs do hide it. But here the loss of the batches is close to 0 after two steps, and then it "
               "jumps up, at the same places in each epoch. Steps that are too small make no jumps.",
               "learning rate too large":
               "Those jumps could come anywhere. Here they come at the same two places in each epoch. What happens "
               "there?",
               "gradients not zeroed":
               "Waves know nothing of epochs. Here the loss jumps from one batch to the next, at the same two places "
               "in each epoch.",
               "batches averaged unevenly":
               "Here it is the loss of single batches that jumps, before anything is averaged.",
               "initial weights too large":
               "Here the very first loss is about what a coin pays, so the model began undecided.",
               "overfitting":
               "Here the held-back digits do well in the end. It is the loss of training batches that jumps, again "
               "and again.",
               "ReLU behind the output":
               "Here the loss comes down to nearly 0 in both halves of an epoch, so there is no floor.",
               "shapes (n,) and (n, 1) mixed":
               "Here 3s and 7s are told apart in the end, and the loss of most batches is far below what one answer "
               "for everybody would cost.",
               "targets swapped": "Here the accuracy ends close to 1.",
               "threshold at the wrong place":
               "Here it is the loss that jumps, and a loss knows no threshold."}),
    Room(room_2, "gradients not zeroed",
         why="backward() adds to what is in .grad, so each step goes along the sum of all gradients so far, like a "
             "ball without friction: it gathers speed on its way down and runs up the other side. A smaller learning "
             "rate makes it slower, but it brings no friction. One line is missing.",
         evidence="Here the loss does move, down and up again, and a tenth of the learning rate only makes that take "
                  "longer.",
         near={"learning rate too large":
               "That is the natural guess, and a well-known course made it. The second curve speaks against it: with a "
               "tenth of the rate the loss comes back up later, but as high.",
               "sorted data, not shuffled":
               "Here each step looks at all digits at once, so their order cannot matter.",
               "steps too few or too small":
               "Here it goes up again before the loop ends, and smaller steps only put that off.",
               "batches averaged unevenly":
               "Here each step looks at all digits at once, so there are no batches to average. And it is the "
               "training that goes up and down.",
               "initial weights too large":
               "Here the first loss is below one half, which is what a model pays that always says 0. Answers that are "
               "wild and sure would cost far more.",
               "overfitting":
               "Here the loss is that of the training digits themselves, and it goes up again. Overfitting would "
               "bring just this loss down.",
               "ReLU behind the output":
               "Here the loss does not stop at a floor. It comes down, and goes up again.",
               "shapes (n,) and (n, 1) mixed":
               "Such a loss could not fall below one quarter. Here it does, twice, and goes up again.",
               "targets swapped":
               "A model learns swapped targets as easily as others, and its loss falls. Here the loss goes up again.",
               "threshold at the wrong place":
               "Here nothing is counted. It is the loss that goes up again, and a loss knows no threshold."}),
    Room(room_3, "threshold at the wrong place",
         why="p is a probability, between 0 and 1, and the accuracy asks whether it is above 0. It always is, so every "
             "digit counts as a 3, and half of them are 3s. The border is at 0 for scores and at one half for "
             "probabilities.",
         evidence="Here the loss falls as it should, 3s get high probabilities and 7s low ones, and still the "
                  "accuracy is one half in every epoch, to the last digit.",
         near={"targets swapped":
               "Here the accuracy is one half and not near 0, and it is the 3s that get the high probabilities of "
               "being a 3.",
               "sorted data, not shuffled":
               "Here it is one half to the end, and the probabilities are good: 3s get high ones and 7s low ones.",
               "steps too few or too small":
               "The loss here is low at the end, and the probabilities are good. So the model has learned enough, "
               "and the accuracy does not notice.",
               "batches averaged unevenly":
               "A last batch that counts too much would shift the accuracy a little. Here it is one half, with "
               "probabilities that deserve much more.",
               "gradients not zeroed": "Here the loss falls in every epoch. Only the accuracy does not follow.",
               "initial weights too large":
               "Even then an accuracy would follow the probabilities. Here these are good, and it is one half.",
               "learning rate too large": "Here the loss falls in every epoch. Only the accuracy does not follow.",
               "overfitting":
               "Here it is the loss on held-back digits that falls, and theirs are the good probabilities.",
               "ReLU behind the output":
               "Here nearly all 7s have a probability close to 0 of being a 3, so their scores are far below 0.",
               "shapes (n,) and (n, 1) mixed":
               "In the loss that would draw the predictions together, and here 3s get probabilities close to 1 and 7s "
               "close to 0. In the count it would give one half too, but here a column is compared with a column."}),
    Room(room_4, "shapes (n,) and (n, 1) mixed",
         why="model(x) has the shape (n, 1), a column, and the targets have (n,), which counts as a row. Their "
             "difference is broadcast to (n, n): each prediction minus every target. What is closest to all targets "
             "at once is their mean, one half, for each digit. No error is raised.",
         evidence="Here the loss creeps towards one quarter, which more steps cannot beat, and the predictions draw "
                  "together at one half, for 3s and 7s alike.",
         near={"targets swapped": "Here they are not told apart at all: 3s and 7s get about the same, one half.",
               "threshold at the wrong place":
               "Here nobody asks for a side: the predictions themselves are about the same for all digits.",
               "ReLU behind the output":
               "Here some predictions are below 0 before training, and afterwards all are drawn to one half.",
               "batches averaged unevenly":
               "Here there is no score. The predictions themselves are about the same for 3s and 7s.",
               "black pixels only":
               "Here the loss falls and the predictions move, only to the wrong place: one half, for 3s and 7s alike.",
               "gradients not zeroed":
               "Here the loss never turns: it falls, and then it creeps towards one quarter.",
               "initial weights too large":
               "Here no prediction is wild, not even before the first step, and in the end they lie closer together.",
               "learning rate too large":
               "Here the loss neither jumps nor grows. It creeps towards one quarter, and the predictions draw "
               "together at one half.",
               "overfitting":
               "Here not even the training digits are learned: their loss stays above one quarter.",
               "sorted data, not shuffled":
               "Here each step looks at all digits at once, so their order cannot matter."}),
    Room(room_5, "initial weights too large",
         why="with a standard deviation of 1 the first scores are tens in size, so the sigmoid says yes or no with "
             "certainty before anything is learned. Training repairs what the training digits complain about. The "
             "rest of the noise stays: all of it where no digit has ink, as in the corners, and much of it between "
             "the strokes, where new digits meet it.",
         evidence="Here the model was more than 99 % sure on most digits before its first step, and its weights are "
                  "noise all over the image, the corners included.",
         near={"overfitting":
               "The two curves do look like it. But that only names the gap. This model was more than 99 % sure on "
               "most digits before it had learned anything. And the noise in the corners, where no digit has ink, "
               "cannot have been learned.",
               "black pixels only":
               "Here the accuracy moves. It is true that the weights of pixels that are always black never did: where "
               "does their noise come from?",
               "learning rate too large":
               "The curves here are a little restless. But something was wrong before the first step, when no rate "
               "had been used: the model was more than 99 % sure on most digits.",
               "gradients not zeroed":
               "Here something was wrong before the first step, when there was no gradient that could add up: the "
               "model was more than 99 % sure on most digits.",
               "ReLU behind the output":
               "Here nearly half of all digits had a probability below .01 before the first step, so their scores "
               "were far below 0.",
               "shapes (n,) and (n, 1) mixed":
               "Here 3s and 7s are told apart, nearly all of the training digits even.",
               "sorted data, not shuffled":
               "Here the accuracy is above .9 from the first epoch on.",
               "steps too few or too small":
               "Here nearly all training digits are right in the end, so there was time to learn. What was wrong was "
               "there before the first step: the model was more than 99 % sure on most digits.",
               "targets swapped": "Here the accuracy is above .9 in every epoch.",
               "threshold at the wrong place":
               "Here the training digits are counted in the same way, and nearly all are right. And no threshold puts "
               "noise into the weights."}),
    Room(room_6, "ReLU behind the output",
         why="the last ReLU turns every score below 0 into 0. The best that a 7 can get is 0, which is a probability "
             "of one half and costs ln 2, about .69. The 3s cost next to nothing, so on average the loss stays above "
             "half of that. The slope of a ReLU at 0 is 0 as well, so a digit that is there teaches nothing any more.",
         evidence="Here the answers are mostly right, but the lowest score is exactly 0, nearly all 7s have just "
                  "that score, and the loss stays above .35.",
         near={"overfitting":
               "A well-known course thought so too. But this is the loss on the training digits themselves, and it "
               "stays above .35; a model that overfits would bring it down.",
               "steps too few or too small":
               "Here nearly all 7s have a score of exactly 0, and the loss creeps towards .35, half of ln 2. No number "
               "of steps gets it below.",
               "threshold at the wrong place":
               "Here it is the loss that is bad, and it knows no threshold. Nearly all 7s have a score of exactly 0.",
               "shapes (n,) and (n, 1) mixed":
               "Here 3s and 7s are told apart. But nearly all 7s have a score of exactly 0, and nobody has less.",
               "black pixels only":
               "Here the loss falls at first, and 3s get high scores. But nearly all 7s have a score of exactly 0.",
               "gradients not zeroed":
               "Here the loss makes no such waves: it creeps towards .35. And nearly all 7s have a score of exactly 0.",
               "initial weights too large":
               "Noise would scatter the scores. Here nearly all 7s have the very same one, 0.",
               "learning rate too large":
               "Here the loss neither jumps about nor grows: it creeps towards .35. And nearly all 7s have a score of "
               "exactly 0.",
               "sorted data, not shuffled":
               "No order of the digits gives nearly all 7s the very same score. Here they have it: exactly 0.",
               "targets swapped":
               "Here most answers are right, so it is the right way round. But nearly all 7s have a score of exactly "
               "0."}),
    Room(room_7, "batches averaged unevenly",
         why="the accuracies of the batches are added up and divided by the number of batches, so a last batch of "
             "one digit counts as much as one of hundreds. Where the size divides the number of digits all batches "
             "are equal, and the score is right. Count digits, not batches.",
         evidence="Here nothing is trained between two measurements, and still the same model gets another score.",
         near={"sorted data, not shuffled":
               "Here nothing is trained between two measurements, so the order could not matter, if each digit counted "
               "once. Still, the score changes with the size of the batches.",
               "threshold at the wrong place":
               "A wrong threshold gives the same wrong score for all batch sizes. Here it changes with the size.",
               "overfitting":
               "Here the digits and the model stay the same from one measurement to the next, and only the size of the "
               "batches changes.",
               "black pixels only":
               "Here the model has learned well, so its weights did move. It is the measuring that is odd: the same "
               "model gets several scores.",
               "initial weights too large":
               "Whatever the weights are, here they are the same ones in all 500 measurements.",
               "ReLU behind the output":
               "Whatever the scores are, here each digit has the same one in all 500 measurements.",
               "shapes (n,) and (n, 1) mixed":
               "Here 3s and 7s are told apart: nearly all answers are right, however they are counted.",
               "targets swapped": "Here it is near 1, only not always the same.",
               "steps too few or too small":
               "Here no step is taken between two measurements, and still the same model gets another score."}),
    Room(room_8, "black pixels only",
         why="the loop begins in the upper left corner, and the first forty pixels are black in every image. A "
             "weight that is multiplied by 0 changes no prediction, so its slope is exactly 0, and a step of any "
             "rate times 0 is 0. Nothing is wrong with the nudge, the loss or the step, only with the choice of the "
             "weights.",
         evidence="Here the loss stays where it was to the last digit, each of the forty slopes is exactly 0, and a "
                  "learning rate a thousand times as large changes nothing.",
         near={"steps too few or too small":
               "Then a larger learning rate would help. The second curve here has a thousand times as large a rate, "
               "and it is the same flat line: any rate times a slope of exactly 0 is 0.",
               "ReLU behind the output":
               "A nudge upwards lifts scores above 0 wherever the pixel has ink, and there a ReLU has a slope. Here no "
               "nudge changed anything.",
               "gradients not zeroed": "Here nothing swings, and nudging leaves no .grad behind that could add up.",
               "shapes (n,) and (n, 1) mixed":
               "PyTorch's cross-entropy refuses two such shapes, with an error. Here nothing is refused, and nothing "
               "moves.",
               "batches averaged unevenly":
               "Here there is no score, and the training is not in order: each of the forty slopes is exactly 0.",
               "initial weights too large":
               "Here all weights start at 0, and the loss is what a coin pays: the model is undecided.",
               "overfitting":
               "Here nothing is learned, not even from the training digits: each of the forty slopes is exactly 0.",
               "sorted data, not shuffled":
               "Here each nudge looks at all digits at once, so their order cannot matter.",
               "targets swapped":
               "Swapped targets give slopes as well, with the other sign. Here each of the forty slopes is exactly 0.",
               "threshold at the wrong place":
               "Here it is the loss that does not move, and a loss knows no threshold."}),
], 1)}


# ---------------------------------------------------------------- what the reader calls

def visit(room: str | Callable, **knobs) -> Any:
    """Run a room's loop, or the reader's own version of it, on the bundled digits: what the loop returns.

    room: "room 1" … "room 8", or a function room_1 … room_8. knobs: further inputs, such as lr.
    Starts from seed 0 and leaves the random numbers outside as they were. Raises ValueError for an unknown room.
    """
    name = room_named(room)
    if name is None:
        raise ValueError(no_room(room))
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        return (room if callable(room) else ROOMS[name].loop)(*exhibits(name), **knobs)


def diagnose(room: Any = "", cause: Any = "…") -> None:
    """Say whether a room's cause is right, not yet (and what speaks against it), or not attempted yet.

    cause: a number or a name from the list CAUSES, or a part of a name.
    """
    print(textwrap.fill(" ".join(answer(room, cause).split()), 88))


# ---------------------------------------------------------------- how the guide listens

def exhibits(name: str) -> list[Tensor]:
    """The inputs of a room's loop, by the names that its function gives them."""
    train_x, train_y, valid_x, valid_y = load_digits((3, 7), dataset="bundled")
    (x, y), (vx, vy) = as_xy(train_x, train_y, 3), as_xy(valid_x, valid_y, 3)
    known = {"x": x, "y": y, "vx": vx, "vy": vy, "labels": train_y}
    return [known[word] for word in inspect.signature(ROOMS[name].loop).parameters if word in known]


def answer(room: Any, cause: Any) -> str:
    """What diagnose prints."""
    name = room_named(room)
    if name is None:
        return no_room(room)
    if cause is None or cause is ... or isinstance(cause, str) and not plain(cause):
        return (f"{name}: not attempted yet. The room is still waiting: put the number or the name of a cause where "
                "the three dots are.")
    guesses = causes_named(cause)
    if len(guesses) != 1:
        what = "is not on the list of causes"
        if guesses:
            what = "could be " + (" or ".join(map(quoted, guesses)) if len(guesses) <= 4 else "many things")
        return (f"{name}: not yet, because {shown(cause)} {what}: give a number from 1 to {len(CAUSES)}, or a name "
                "from the list.")
    guess, found = guesses[0], ROOMS[name]
    if guess == found.cause:
        return f"{name}: right. It is {quoted(guess)}: {found.why}"
    return (f"{name}: not yet, because with {quoted(guess)}, {CAUSES[guess].then} "
            f"{found.near.get(guess, found.evidence)}")


def room_named(room: Any) -> str | None:
    """The room that is meant by "room 3", "Room_3", 3 or a function room_3; None when there is none."""
    text = repr(room) if type(room) is int and 0 <= room < 100 else getattr(room, "__name__", room)
    number = re.fullmatch(r"(?:room[\s_]*)?(\d+)", text.strip().lower()) if isinstance(text, str) else None
    return f"room {number[1]}" if number and f"room {number[1]}" in ROOMS else None


def causes_named(cause: Any) -> list[str]:
    """The causes that are meant by a number, a name, a part of a name, or other words for it."""
    if type(cause) is int or isinstance(cause, str) and re.fullmatch(r"\s*\d{1,3}\s*", cause):
        return list(CAUSES)[int(cause) - 1:int(cause)] if 1 <= int(cause) else []
    if not isinstance(cause, str):
        return []
    said = plain(cause)
    spoken = {name: [plain(words) for words in (name, *CAUSES[name].words)] for name in CAUSES}
    exact = [name for name in CAUSES if said in spoken[name]]
    return exact or [name for name in CAUSES if any(f" {said}" in f" {words}" or f" {words}" in f" {said}"
                                                    for words in spoken[name])]


def plain(text: str) -> str:
    """Lower-case words with single blanks between them, without other signs."""
    return " ".join(re.findall(r"[a-z0-9]+", text.lower().replace("-", " ").replace("_", " ")))


def quoted(name: str) -> str:
    return f'"{name}"'


def shown(value: Any) -> str:
    """What the reader gave, short enough for a sentence."""
    if isinstance(value, str):
        return repr(value[:40])
    return repr(value) if isinstance(value, float) or type(value) is int and abs(value) < 10**6 else \
        f"this ({type(value).__name__})"


def no_room(room: Any) -> str:
    return f"not yet, because {shown(room)} is no room: the museum has \"room 1\" to \"room {len(ROOMS)}\"."

"""The bug museum: training loops that are broken on purpose, and a guide who knows them.

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

from utils import Batches, accuracy, as_xy, load_digits, train_epoch, validate_epoch, wiggle


# ---------------------------------------------------------------- the loops: one bug each

def room_1(x: Tensor, y: Tensor, vx: Tensor, vy: Tensor) -> tuple[list, list]:
    """Ten epochs of a linear model: each batch's loss, and the accuracy per epoch."""
    model = nn.Linear(784, 1)
    opt = torch.optim.SGD(model.parameters(), lr=.1)
    train = Batches(x, y, 32)
    losses, scores = [], []
    for epoch in range(10):
        model.train()
        for xb, yb in train:
            opt.zero_grad()
            loss = F.binary_cross_entropy_with_logits(model(xb), yb)
            loss.backward()
            opt.step()
            losses.append(loss.item())
        scores.append(validate_epoch(model, [(vx, vy)])[1])
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
        model.eval()
        with torch.no_grad():
            p = model(vx).sigmoid()
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
        opt.zero_grad()
        loss = (model(x) - y).square().mean()
        loss.backward()
        opt.step()
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
        training.append(validate_epoch(model, [(x, y)])[1])
        validation.append(validate_epoch(model, [(vx, vy)])[1])
    return training, validation, first, model[0].weight.detach()


def room_6(x: Tensor, y: Tensor, vx: Tensor) -> tuple[list, Tensor]:
    """Twenty epochs of a net: the loss on x after each, and the last scores of vx."""
    model = nn.Sequential(nn.Linear(784, 30), nn.ReLU(),
                          nn.Linear(30, 1), nn.ReLU())
    opt = torch.optim.SGD(model.parameters(), lr=.1)
    train, losses = Batches(x, y, 32, shuffle=True), []
    for epoch in range(20):
        train_epoch(model, opt, train)
        losses.append(validate_epoch(model, [(x, y)])[0])
    return losses, model(vx).detach()


def room_7(x: Tensor, y: Tensor, vx: Tensor, vy: Tensor) -> list:
    """One model, measured with batches of 1, 2, 3 … digits: its accuracy each time."""
    model = nn.Linear(784, 1)
    opt = torch.optim.SGD(model.parameters(), lr=.1)
    train_epoch(model, opt, Batches(x, y, 32, shuffle=True))
    model.eval()
    scores = []
    for batch_size in range(1, len(vx) + 1):
        valid, total = Batches(vx, vy, batch_size), 0.
        with torch.no_grad():
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


def room_9(x: Tensor, y: Tensor, vx: Tensor, vy: Tensor) -> tuple:
    """A net: its accuracy on vx after each of ten epochs, then twenty times more."""
    model = nn.Sequential(nn.Linear(784, 30), nn.ReLU(),
                          nn.Dropout(.5), nn.Linear(30, 1))
    opt = torch.optim.SGD(model.parameters(), lr=.1)
    train, scores, again = Batches(x, y, 32, shuffle=True), [], []
    for epoch in range(10):
        train_epoch(model, opt, train)
        with torch.no_grad():
            scores.append(accuracy(model(vx), vy).item())
    for k in range(20):
        with torch.no_grad():
            again.append(accuracy(model(vx), vy).item())
    return scores, again, model


def room_10(x: Tensor, y: Tensor, new_x: Tensor, new_y: Tensor) -> tuple:
    """A net: accuracy on x, on what is held back, on new digits; the first two sets."""
    x = torch.cat([wiggle(x, 5, .03, .5, .05) for copy in range(8)])
    y = y.repeat(8, 1)
    kept, held = torch.randperm(len(x)).chunk(2)
    tx, ty, vx, vy = x[kept], y[kept], x[held], y[held]
    model = nn.Sequential(nn.Linear(784, 30), nn.ReLU(), nn.Linear(30, 1))
    opt = torch.optim.SGD(model.parameters(), lr=.05)
    train, scores = Batches(tx, ty, 32, shuffle=True), ([], [], [])
    for epoch in range(20):
        train_epoch(model, opt, train)
        for kind, digits in enumerate([(tx, ty), (vx, vy), (new_x, new_y)]):
            scores[kind].append(validate_epoch(model, [digits])[1])
    return *scores, tx, vx


# ---------------------------------------------------------------- what the guide knows

CAUSES = {                                                       # what one would see if it were this
    "batches averaged unevenly":
        "the training would be in order, and only the score would depend on how the digits are cut into batches.",
    "black pixels only": "the slopes would be exactly 0, and no weight and no loss would ever move.",
    "gradients not zeroed":
        "the loss would swing up and down in waves, and a smaller learning rate would make them longer, not lower.",
    "initial weights too large":
        "the model would be very sure before its first step, and noise would be left in its weights after the last.",
    "learning rate too large": "the loss would jump about or grow, and a smaller learning rate would calm it.",
    "measured in training mode": "the model would learn as it should, but give another answer each time that it is asked.",
    "overfitting": "the model would end nearly perfect on the training digits, and worse on the others.",
    "ReLU behind the output":
        "no score would be below 0, so no digit could be more likely a 7 than a 3, and the loss would have a floor.",
    "shapes (n,) and (n, 1) mixed":
        "each prediction would be compared with all targets, so that all would be drawn to the mean of the targets.",
    "sorted data, not shuffled":
        "the loss of the batches would jump wherever one digit ends and the next begins, and the accuracy would be one half at "
        "first.",
    "steps too few or too small":
        "the loss would go down a little with each step, and would still be going down when the loop ended.",
    "targets swapped": "3s and 7s would be told apart well, only the wrong way round: the accuracy would be near 0.",
    "threshold at the wrong place":
        "predictions and loss would be fine, and only the accuracy, which asks for sides, would be wrong.",
    "validation digits leaked into training": "the held-back digits would be read better than digits that are really new.",
}


class Room(NamedTuple):
    """A loop, its cause, and why it shows so; what speaks against the causes that begin with one of these words, "" for all
    others; and, where there is the gap that is called overfitting, what to say to that."""
    loop: Callable
    cause: str
    why: str
    against: dict[str, str]
    gap: str = ""


ROOMS = {f"room {number}": room for number, room in enumerate([
    Room(room_1, "sorted data, not shuffled",
         "the digits come as they lie, first all 3s, then all 7s. The last eight batches of each epoch hold nothing but 7s, "
         "and the model learns to say 7. The loss jumps where the kind of digit changes, twice in an epoch. Each time the pull "
         "is weaker, so the accuracy climbs.", {
         "": "Here the loss of the batches jumps up in the middle and at the start of each epoch, always at the same places, "
             "and is almost 0 in between.",
         "steps": "More epochs do hide it. But here the loss of the batches is close to 0 after two steps, and then it jumps "
             "up. Steps that are too small make no jumps.",
         "initial": "Here the very first loss is about what a coin pays, so the model began undecided.",
         "overfitting targets": "Here the held-back digits do well in the end. It is the loss of training batches that jumps, "
             "again and again."}),
    Room(room_2, "gradients not zeroed",
         "backward() adds to what is in .grad, so each step goes along the sum of all gradients so far, like a ball without "
         "friction: it gathers speed on its way down and runs up the other side. A smaller learning rate makes it slower, but "
         "it brings no friction. One line is missing.", {
         "": "Here the loss does move, down and up again, and a tenth of the learning rate only makes that take longer.",
         "learning": "That is the natural guess, and a well-known course made it. The second curve speaks against it: with a "
             "tenth of the rate the loss comes back up later, but as high.",
         "batches sorted": "Here each step looks at all digits at once, so there is no order, and no batch to average.",
         "initial": "Here the first loss is below one half, which is what a model pays that always says 0. To be wild and sure "
             "costs far more.",
         "overfitting targets": "Here the loss is that of the training digits themselves, with whatever targets they have, and "
             "it goes up again.",
         "ReLU shapes": "Here the loss has no floor: it falls below one quarter, which one answer for all would cost, and goes "
             "up again."}),
    Room(room_3, "threshold at the wrong place",
         "p is a probability, between 0 and 1, and the accuracy asks whether it is above 0. It always is, so every digit "
         "counts as a 3, and half of them are 3s. The border is at 0 for scores and at one half for probabilities.", {
         "": "Here the loss falls as it should, 3s get high probabilities and 7s low ones, and still the accuracy is one half "
             "in every epoch, to the last digit.",
         "shapes": "In the loss that would draw the predictions together, and here they are far apart. In the count it would "
             "give one half too, but here a column is compared with a column."}),
    Room(room_4, "shapes (n,) and (n, 1) mixed",
         "model(x) has the shape (n, 1), a column, and the targets have (n,), which counts as a row. Their difference is "
         "broadcast to (n, n): each prediction minus every target. What is closest to all targets at once is their mean, one "
         "half, for each digit. No error is raised.", {
         "": "Here the loss creeps towards one quarter, which more steps cannot beat, and the predictions draw together at one "
             "half, for 3s and 7s alike.",
         "ReLU initial": "Here some predictions are below 0 before training, and none is wild; afterwards they lie closer "
             "together, around one half.",
         "sorted": "Here each step looks at all digits at once, so their order cannot matter."}),
    Room(room_5, "initial weights too large",
         "with a standard deviation of 1 the first scores are tens in size, so the sigmoid says yes or no with certainty "
         "before anything is learned. Training repairs what the training digits complain about. The rest of the noise stays: "
         "all of it where no digit has ink, as in the corners, and much of it between the strokes, where new digits meet it.", {
         "": "Here the model was more than 99 % sure on most digits before its first step, and its weights are noise all over "
             "the image, the corners included.",
         "black": "Here the accuracy moves. It is true that the weights of pixels that are always black never did: where does "
             "their noise come from?",
         "gradients learning steps": "Here something was wrong before the first step, when no rate had been used and no "
             "gradient could add up: the model was more than 99 % sure on most digits.",
         "ReLU": "Here nearly half of all digits had a probability below .01 before the first step, so their scores were far "
             "below 0.",
         "shapes sorted targets threshold validation": "Here the accuracy is above .9 from the first epoch on, nearly all "
             "training digits are right in the end, and the held-back ones do worse, not better."},
         "What causes it here? This model was more than 99 % sure on most digits before it had learned anything, and the noise "
         "in the corners, where no digit has ink, cannot have been learned."),
    Room(room_6, "ReLU behind the output",
         "the last ReLU turns every score below 0 into 0. The best that a 7 can get is 0, which is a probability of one half "
         "and costs ln 2, about .69. The 3s cost next to nothing, so on average the loss stays above half of that. The slope "
         "of a ReLU at 0 is 0 as well, so a digit that is there teaches nothing any more.", {
         "": "Here the answers are mostly right, but the lowest score is exactly 0, nearly all 7s have just that score, and "
             "the loss stays above .35.",
         "overfitting": "A well-known course thought so too. But this is the loss on the training digits themselves, and it "
             "stays above .35; a model that overfits would bring it down.",
         "steps": "Here nearly all 7s have a score of exactly 0, and the loss creeps towards .35, half of ln 2. No number of "
             "steps gets it below.",
         "gradients learning": "Here the loss makes no jumps and no waves: it creeps towards .35. And nearly all 7s have a "
             "score of exactly 0."}),
    Room(room_7, "batches averaged unevenly",
         "the accuracies of the batches are added up and divided by the number of batches, so a last batch of one digit counts "
         "as much as one of hundreds. Where the size divides the number of digits all batches are equal, and the score is "
         "right. Count digits, not batches.", {
         "": "Here nothing is trained between two measurements, and still the same model gets another score with another size "
             "of the batches.",
         "measured": "Here the same size gives the same score, and all sizes that divide 500 agree.",
         "black shapes targets": "Here the model has learned well: nearly all answers are right, however they are counted. It "
             "is the measuring that is odd."}),
    Room(room_8, "black pixels only",
         "the loop begins in the upper left corner, and the first forty pixels are black in every image. A weight that is "
         "multiplied by 0 changes no prediction, so its slope is exactly 0, and a step of any rate times 0 is 0. Nothing is "
         "wrong with the nudge, the loss or the step, only with the choice of the weights.", {
         "": "Here the loss stays where it was to the last digit, each of the forty slopes is exactly 0, and a learning rate a "
             "thousand times as large changes nothing.",
         "steps": "Then a larger learning rate would help. The second curve here has a thousand times as large a rate, and it "
             "is the same flat line: any rate times a slope of exactly 0 is 0.",
         "ReLU": "A nudge upwards lifts scores above 0 wherever the pixel has ink, and there a ReLU has a slope. Here no nudge "
             "changed anything.",
         "initial": "Here all weights start at 0, and the loss is what a coin pays: the model is undecided."}),
    Room(room_9, "measured in training mode",
         "train_epoch leaves the net in training mode, and nobody calls model.eval(). So dropout goes on while we measure: "
         "each time about half of the hidden units are silent, others each time, and those left speak twice as loud. The score "
         "moves, and on average it is too low.", {
         "": "Here nothing is trained in the last twenty measurements, all digits are one batch, and still the same net gets "
             "another score each time.",
         "black overfitting shapes targets threshold validation": "That would give the same score each time, right or wrong. "
             "Here nothing is trained in the last twenty measurements, and they differ."}),
    Room(room_10, "validation digits leaked into training",
         "each digit is copied eight times, a little wiggled, and then the copies are dealt out. So nearly every held-back "
         "image has brothers among the training images, copies of the very same digit, and whoever knows those by heart knows "
         "it. Split first, and wiggle only what is trained on.", {
         "": "Here training digits and held-back digits are both read almost perfectly. Only new digits are read worse, by the "
             "same net in the same epochs.",
         "batches measured threshold": "Here all three sets are measured in the same way, and only the new digits do worse."},
         "But held-back digits are there to show it, and here they show nothing: they do as well as the training digits. What "
         "have they, that new digits have not?"),
], 1)}


# ---------------------------------------------------------------- what the reader calls

def visit(room: str | Callable, **knobs) -> Any:
    """Run a room's loop, or the reader's own version of it, on the bundled digits: what the loop returns.

    room: "room 1", "room 2", … or a function room_1, room_2, … knobs: further inputs, such as lr.
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

    cause: a number from the list CAUSES, or a name, or a part of a name.
    """
    print(textwrap.fill(" ".join(answer(room, cause).split()), 88))


# ---------------------------------------------------------------- how the guide listens

def exhibits(name: str) -> list[Tensor]:
    """The inputs of a room's loop, by the names that its function gives them."""
    pair = (4, 9) if name == "room 10" else (3, 7)
    train_x, train_y, valid_x, valid_y = load_digits(pair, dataset="bundled")
    (x, y), (vx, vy) = as_xy(train_x, train_y, pair[0]), as_xy(valid_x, valid_y, pair[0])
    if name == "room 10":                                        # harder digits: a half to learn from, and a half that is new
        return [x[::2], y[::2], x[1::2], y[1::2]]
    known = {"x": x, "y": y, "vx": vx, "vy": vy, "labels": train_y}
    return [known[word] for word in inspect.signature(ROOMS[name].loop).parameters if word in known]


def answer(room: Any, cause: Any) -> str:
    """What diagnose prints."""
    name = room_named(room)
    if name is None:
        return no_room(room)
    if cause is None or cause is ... or isinstance(cause, str) and not words(cause):
        return f"{name}: not attempted yet. The room is still waiting: put a number or a name from the list where the dots are."
    guesses = causes_named(cause)
    if len(guesses) != 1:
        may = " or ".join(f'"{guess}"' for guess in guesses) if len(guesses) < 5 else "many things"
        what = f"{shown(cause)} could be {may}" if guesses else f"{shown(cause)} is not on the list of causes"
        return f"{name}: not yet, because {what}: give a number from 1 to {len(CAUSES)}, or a name from the list."
    guess, found = guesses[0], ROOMS[name]
    if guess == found.cause:
        return f'{name}: right. It is "{guess}": {found.why}'
    if guess == "overfitting" and found.gap:
        return f"{name}: that is what the gap is called. {found.gap}"
    facts = [text for begins, text in found.against.items() if guess.split()[0] in begins.split()]
    return f'{name}: not yet, because with "{guess}", {CAUSES[guess]} {(facts or [found.against[""]])[0]}'


def room_named(room: Any) -> str | None:
    """The room that is meant by "room 3", "Room_3", 3 or a function room_3; None when there is none."""
    text = shown(room) if type(room) is int else getattr(room, "__name__", room)
    number = re.fullmatch(r"\s*(?:room)?[\s_]*(\d+)\s*", text, re.I) if isinstance(text, str) else None
    return f"room {number[1]}" if number and f"room {number[1]}" in ROOMS else None


def causes_named(cause: Any) -> list[str]:
    """The causes that are meant by a number, or by words that are, or begin, words of their names."""
    if type(cause) is int or isinstance(cause, str) and cause.strip().isdecimal():
        return [name for number, name in enumerate(CAUSES, 1) if str(number) == shown(cause).strip("' ")]
    said = words(cause) if isinstance(cause, str) else []
    return [name for name in CAUSES if said and all(any(word.startswith(part) for word in words(name)) for part in said)]


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def shown(value: Any) -> str:
    """What the reader gave, short enough for a sentence."""
    if isinstance(value, str):
        return repr(value[:40])
    return repr(value) if type(value) is int and abs(value) < 1000 else f"this ({type(value).__name__})"


def no_room(room: Any) -> str:
    return f'not yet, because {shown(room)} is no room: the museum has "room 1" to "room {len(ROOMS)}".'

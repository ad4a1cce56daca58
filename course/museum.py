"""The bug museum: training loops that are broken on purpose, and a guide who knows them.

visit("room 1") runs a room's loop and returns what it reports; diagnose("room 1", "overfitting") answers.
Whoever wants to find the bugs without help should not read on: the loops follow below.
"""
from __future__ import annotations

import inspect
import re
import textwrap
from pathlib import Path
from typing import Any, Callable, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course import text_of
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

class Room(NamedTuple):
    """A loop, its cause, why it shows so, and what speaks against other causes, by the words with which these begin."""
    loop: Callable
    cause: str
    why: str
    against: dict[str, str]


def read_guide(text: str) -> tuple[dict[str, str], dict[str, Room]]:
    """What museum.md says: what one would see if it were a cause, by its name, and the rooms by theirs."""
    _, _, causes, *parts = re.split(r"^## (.+)", text, flags=re.M)
    rooms = {}
    for loop, heading, lines in zip(LOOPS, parts[::2], parts[1::2]):
        name, cause = heading.split(": ")
        _, why, *_ = lines.split("\n\n")
        rooms[name] = Room(loop, cause, why, items(lines))
    return items(causes), rooms


def items(lines: str) -> dict[str, str]:
    """The list in a part of museum.md, "- words: sentences", by its words."""
    return dict(re.findall(r"^- (.+?): (.+)", lines, flags=re.M))


LOOPS = room_1, room_2, room_3, room_4, room_5, room_6, room_7, room_8, room_9, room_10
CAUSES, ROOMS = read_guide(text_of(Path(__file__).with_suffix(".md")))


# ---------------------------------------------------------------- what the reader calls

def visit(room: str | Callable, **knobs) -> Any:
    """Run a room's loop, or the reader's own version of it, on the bundled digits: what the loop returns.

    room: "room 1", "room 2", … or a function room_1, room_2, … knobs: further inputs, such as lr.
    Starts from seed 0 and leaves the random numbers outside as they were. Raises ValueError for an unknown room.
    """
    name = room_named(room)
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
    try:
        name = room_named(room)
    except ValueError as error:
        return str(error)
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
    if guess == "overfitting" and "gap" in found.against:
        return f"{name}: that is what the gap is called. {found.against['gap']}"
    begins = next((words for words in found.against if guess.split()[0] in words.split(", ")), "all others")
    return f'{name}: not yet, because with "{guess}", {CAUSES[guess]} {found.against[begins]}'


def room_named(room: Any) -> str:
    """The room that is meant by "room 3", "Room_3", 3 or a function room_3. ValueError: there is none."""
    text = shown(room) if type(room) is int else getattr(room, "__name__", room)
    number = re.fullmatch(r"\s*(?:room)?[\s_]*(\d+)\s*", text, re.I) if isinstance(text, str) else None
    if number and f"room {number[1]}" in ROOMS:
        return f"room {number[1]}"
    raise ValueError(f'not yet, because {shown(room)} is no room: the museum has "room 1" to "room {len(ROOMS)}".')


def causes_named(cause: Any) -> list[str]:
    """The causes that are meant by a number, or by words that are, or begin, words of their names."""
    if type(cause) is int or isinstance(cause, str) and cause.strip().isdecimal():
        return [name for number, name in enumerate(CAUSES, 1) if str(number) == shown(cause).strip("' ")]
    said = words(cause) if isinstance(cause, str) else []
    return [name for name in CAUSES if said and all(any(word.startswith(part) for word in words(name)) for part in said)]


def words(text: str) -> list[str]:
    """The words and numbers of a text, in lower case."""
    return re.findall(r"[a-z0-9]+", text.lower())


def shown(value: Any) -> str:
    """What the reader gave, short enough for a sentence."""
    if isinstance(value, str):
        return repr(value[:40])
    return repr(value) if type(value) is int and abs(value) < 1000 else f"this ({type(value).__name__})"

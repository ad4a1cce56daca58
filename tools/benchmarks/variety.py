"""What helps a net against overfitting, and the test opened once: all 45 pairs of digits.

    python -m tools.benchmarks.variety help       what each remedy changes for 3 and 7, and a grid of settings: minutes
    python -m tools.benchmarks.variety tuned      both with their best settings on 3 and 7, ten seeds: minutes
    python -m tools.benchmarks.variety pairs      the linear model and the net on all pairs, ten seeds: an hour on one core
    python -m tools.benchmarks.variety            trains nothing: prints what is stored

On the bundled digits: 500 to learn from, 500 to be judged by. Every setting was chosen on 3 and 7; the other 44 pairs were
run once, with these settings. Accuracies are those after the last epoch. The results go to variety.json.
"""
from __future__ import annotations

import itertools
import statistics
from copy import deepcopy

import torch
from torch import Tensor, nn

from tools.benchmarks import arguments, data, interval, machine, results, right, store, train
from tools.benchmarks.ladder import compare
from utils import Batches, validate_epoch

SEEDS = range(10)
PLAIN = {"lr": .1, "epochs": 40}
LONG = {"lr": .3, "epochs": 100, "falling": True}
REMEDIES = {"nothing": PLAIN, "longer, with a falling rate": LONG, "weight decay .001": PLAIN | {"decay": .001},
            "weight decay .01": PLAIN | {"decay": .01}, "dropout .2": PLAIN | {"dropout": .2},
            "dropout .5": PLAIN | {"dropout": .5}, "early stopping": PLAIN | {"patience": 5, "epochs": 200},
            "augmentation": LONG | {"wiggled": 1.}}
RATES, STRENGTHS = [.03, .1, .3, 1.], [0., .5, 1., 1.5]              # the same tuning for both sides
CHOSEN = {"linear": LONG | {"lr": .03, "wiggled": 0.}, "net": LONG | {"wiggled": 1.}}


def answers_of(kind: str, digits: tuple, seed: int, dropout: float = 0., patience: int = 0, **settings) -> Tensor:
    """Train a "linear" model or the 784-30-1 "net" on two digits: which of the other 500 are right, (500,).

    dropout: how often a hidden unit is left out. patience: stop after so many epochs in which the loss on a fifth of the
    training digits, held back for this, has not fallen, and go back to the best epoch.
    """
    x, y, vx, vy = data("bundled", digits)
    torch.manual_seed(seed)
    model = nn.Linear(784, 1) if kind == "linear" else nn.Sequential(
        nn.Linear(784, 30), nn.ReLU(), nn.Dropout(dropout), nn.Linear(30, 1))
    if not patience:
        return right(train(model, x, y, seed, **settings), vx, vy)
    held = torch.arange(len(x)) % 5 == 0
    losses, kept = [], []

    def waited_enough() -> bool:
        losses.append(validate_epoch(model, Batches(x[held], y[held], 500))[0])
        kept.append(deepcopy(model.state_dict()))
        return len(losses) - losses.index(min(losses)) > patience

    train(model, x[~held], y[~held], seed, after_epoch=waited_enough, **settings)
    model.load_state_dict(kept[losses.index(min(losses))])
    return right(model, vx, vy)


def several(kind: str, digits: tuple, settings: dict, seeds=SEEDS) -> list[float]:
    """The accuracy with each seed."""
    return [round(answers_of(kind, digits, seed, **settings).float().mean().item(), 4) for seed in seeds]


def remedies() -> dict[str, tuple[float, float, float]]:
    """For each remedy: mean accuracy, how far it is above that of nothing, and half of the 95 % interval of that."""
    found = results("variety")["help"]
    return {name: (statistics.mean(values), *interval([a - b for a, b in zip(values, found["nothing"])]))
            for name, values in found.items()}


def grid(kind: str) -> dict[tuple[float, float], float]:
    """The mean accuracy over three seeds for each (learning rate, strength of the augmentation)."""
    stored = results("variety")["grid"][kind]
    return {tuple(map(float, key.split())): statistics.mean(values) for key, values in stored.items()}


def pairs() -> dict[tuple[int, int], tuple[float, float, float]]:
    """For each pair of digits: mean accuracy of the linear model, of the net, and half of the 95 % interval of net – linear."""
    return {tuple(map(int, pair.split())): (statistics.mean(linear), statistics.mean(net),
                                            interval([a - b for a, b in zip(net, linear)])[1])
            for pair, (linear, net) in results("variety").get("pairs", {}).items()}


def measure(what: str) -> None:
    """Train what is asked for, and store it."""
    found = results("variety") | {"machine": machine()}
    if what == "help":
        found["help"] = {name: several("net", (3, 7), settings) for name, settings in REMEDIES.items()}
        found["grid"] = {kind: {f"{lr} {strength}": several(kind, (3, 7), LONG | {"lr": lr, "wiggled": strength}, range(3))
                                for lr in RATES for strength in STRENGTHS} for kind in CHOSEN}
    elif what == "tuned":
        net, linear = (torch.stack([answers_of(kind, (3, 7), seed, **CHOSEN[kind]) for seed in SEEDS])
                       for kind in ("net", "linear"))
        found["tuned"] = compare(net, linear)
    else:
        found["pairs"] = {}
        for pair in itertools.combinations(range(10), 2):
            found["pairs"]["{} {}".format(*pair)] = [several(kind, pair, settings) for kind, settings in CHOSEN.items()]
            store("variety", found)
    store("variety", found)


def report() -> None:
    """Print all that is stored."""
    for name, (mean, more, half) in remedies().items():
        print(f"{name:30} {mean:.4f}   {more:+.4f} ± {half:.4f}")
    for kind in CHOSEN:
        found = grid(kind)
        (lr, strength), best = max(found.items(), key=lambda pair: pair[1])
        print(f"{kind:8} best of {len(found)} settings: lr {lr}, augmentation × {strength}: {best:.4f}")
    for (a, b), (linear, net, half) in pairs().items():
        print(f"{a} or {b}: linear model {linear:.4f}, net {net:.4f}, difference {net - linear:+.4f} ± {half:.4f}")


if __name__ == "__main__":
    if wanted := arguments(__doc__, what=["help", "tuned", "pairs"]).what:
        measure(wanted)
    report()

"""What helps a net against overfitting, and the test opened once: all 45 pairs of digits.

    python -m tools.benchmarks.variety help       what each remedy changes for 3 and 7, and a grid of settings: minutes
    python -m tools.benchmarks.variety tuned      both with their best settings on 3 and 7, ten seeds: minutes
    python -m tools.benchmarks.variety pairs      the linear model and the net on all pairs, ten seeds: an hour on one core
    python -m tools.benchmarks.variety            trains nothing: prints what is stored

On the bundled digits: 500 to learn from, 500 to be judged by. Every setting was chosen on 3 and 7; the other 44 pairs were
run once, with these settings. Accuracies are those after the last epoch.
"""
from __future__ import annotations

from copy import deepcopy
from functools import partial
from itertools import combinations, product
from statistics import mean

import torch
from torch import Tensor

from tools.benchmarks import answers, data, interval, machine, main, new_model, results, right, train
from tools.benchmarks.ladder import compare
from utils import Batches, validate_epoch

SEEDS = range(10)
PLAIN = {"lr": .1, "epochs": 40}
LONG = {"lr": .3, "epochs": 100, "falling": True}
REMEDIES = {"nothing": PLAIN, "longer, with a falling rate": LONG, "weight decay .001": PLAIN | {"weight_decay": .001},
            "weight decay .01": PLAIN | {"weight_decay": .01}, "dropout .2": PLAIN | {"dropout": .2},
            "dropout .5": PLAIN | {"dropout": .5}, "early stopping": None, "augmentation": LONG | {"wiggled": 1.}}
RATES, STRENGTHS = [.03, .1, .3, 1.], [0., .5, 1., 1.5]              # the same tuning for both sides
CHOSEN = {"linear": LONG | {"lr": .03, "wiggled": 0.}, "net": LONG | {"wiggled": 1.}}


def stopped_early(seed: int, patience: int = 5) -> Tensor:
    """Train the net on 3 and 7, and stop after some epochs in which the loss on a fifth of the training digits, held back for
    this, has not fallen: what the best epoch was right about, (500,)."""
    x, y, vx, vy = data("bundled")
    model, held = new_model("net", seed), torch.arange(len(x)) % 5 == 0
    losses, kept = [], []

    def waited_enough(model) -> bool:
        losses.append(validate_epoch(model, Batches(x[held], y[held], 500))[0])
        kept.append(deepcopy(model.state_dict()))
        return len(losses) - losses.index(min(losses)) > patience

    train(model, x[~held], y[~held], seed, after_epoch=waited_enough, **PLAIN | {"epochs": 200})
    model.load_state_dict(kept[losses.index(min(losses))])
    return right(model, vx, vy)


def several(kind: str, settings: dict | None, seeds=SEEDS, digits: tuple[int, int] = (3, 7)) -> list[float]:
    """The accuracy with each seed; without settings the net is stopped early."""
    found = answers(kind, "bundled", seeds, digits, **settings) if settings else torch.stack(list(map(stopped_early, seeds)))
    return [round(accuracy, 4) for accuracy in found.float().mean(1).tolist()]


def jobs(part: str):
    """What to measure for one word of the command line."""
    yield ("machine",), machine()
    if part == "help":
        for name, settings in REMEDIES.items():
            yield ("help", name), partial(several, "net", settings)
        for kind, lr, strength in product(CHOSEN, RATES, STRENGTHS):
            yield ("grid", kind, f"{lr} {strength}"), partial(several, kind, LONG | {"lr": lr, "wiggled": strength}, range(3))
    elif part == "tuned":
        yield ("tuned",), lambda: compare(*(answers(kind, "bundled", SEEDS, **CHOSEN[kind]) for kind in ("net", "linear")))
    else:
        for (a, b), kind in product(combinations(range(10), 2), CHOSEN):
            yield ("pairs", f"{a} {b}", kind), partial(several, kind, CHOSEN[kind], digits=(a, b))


def remedies() -> dict[str, tuple[float, float, float]]:
    """For each remedy: mean accuracy, how far it is above that of nothing, and half of the 95 % interval of that."""
    found = results("variety")["help"]
    return {name: (mean(values), *interval([a - b for a, b in zip(values, found["nothing"])]))
            for name, values in found.items()}


def grid(kind: str) -> dict[tuple[float, float], float]:
    """The mean accuracy over three seeds for each (learning rate, strength of the augmentation)."""
    return {tuple(map(float, key.split())): mean(values) for key, values in results("variety")["grid"][kind].items()}


def pairs() -> dict[tuple[int, int], tuple[float, float, float]]:
    """For each pair of digits: mean accuracy of the linear model, of the net, and half of the 95 % interval of net – linear."""
    found = {tuple(map(int, pair.split())): two.values() for pair, two in results("variety")["pairs"].items()}
    return {pair: (mean(linear), mean(net), interval([a - b for a, b in zip(net, linear)])[1])
            for pair, (linear, net) in found.items()}


if __name__ == "__main__":
    main("variety", __doc__, ["help", "tuned", "pairs"], jobs)

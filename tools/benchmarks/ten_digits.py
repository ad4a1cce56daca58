"""The ladder on all ten digits: what each kind of model gets right, and how long it takes.

    python -m tools.benchmarks.ten_digits bundled            half an hour on one core, most of it for the ResNet
    python -m tools.benchmarks.ten_digits full               about as long; set MNIST_ROOT, or let it download MNIST
    python -m tools.benchmarks.ten_digits full "linear"      only the rungs whose names begin so
    python -m tools.benchmarks.ten_digits                    trains nothing: prints what is stored

Accuracies are those after the last epoch, never the best of several. Seconds are processor time of the training: two cores
that are busy for a second make two.
"""
from __future__ import annotations

import statistics
from functools import partial
from time import process_time

from torch import nn

from tools.benchmarks import about, data, machine, main, new_model, results, right, train
from tools.benchmarks.ladder import SIMILARITY, nearest

TEN = tuple(range(10))
PLAIN = {"batch_size": 32, "epochs": 40, "lr": .1}
WIGGLED = {"batch_size": 32, "epochs": 60, "lr": .3, "falling": True, "wiggled": True}
AS_LONG = WIGGLED | {"wiggled": False}
RESNET = {"model": "ResNet-18", "batch_size": 64, "lr": .02, "momentum": .9, "falling": True}
LINEAR, NET30, NET100 = {"model": "linear"}, {"model": "net", "hidden": 30}, {"model": "net", "hidden": 100}
RUNGS = {
    "bundled": {
        "linear model": LINEAR | PLAIN | {"seeds": 10},
        "linear model, wiggled digits": LINEAR | WIGGLED | {"seeds": 10},
        "ReLU net, 30 units": NET30 | PLAIN | {"seeds": 10},
        "ReLU net, 30 units, wiggled digits": NET30 | WIGGLED | {"seeds": 10},
        "ReLU net, 100 units": NET100 | PLAIN | {"seeds": 10},
        "ReLU net, 100 units, as long": NET100 | AS_LONG | {"seeds": 10},
        "ReLU net, 100 units, wiggled digits": NET100 | WIGGLED | {"seeds": 10},
        "ResNet-18": RESNET | {"epochs": 8, "seeds": 3},
        "ResNet-18, wiggled digits": RESNET | {"epochs": 16, "wiggled": True, "seeds": 3},
    },
    "full": {
        "linear model": LINEAR | PLAIN | {"batch_size": 64, "epochs": 20, "seeds": 3},
        "ReLU net, 100 units": NET100 | PLAIN | {"batch_size": 64, "epochs": 20, "seeds": 3},
        "ReLU net, 100 units, wiggled digits": NET100 | WIGGLED | {"batch_size": 64, "epochs": 40, "seeds": 2},
        "ReLU net, 500 units, wiggled digits":
            {"model": "net", "hidden": 500} | WIGGLED | {"batch_size": 64, "epochs": 40, "seeds": 1},
        "ResNet-18": RESNET | {"batch_size": 128, "epochs": 3, "seeds": 1},
        "ResNet-18, wiggled digits": RESNET | {"batch_size": 128, "epochs": 3, "wiggled": True, "seeds": 1},
    },
}


def untrained(settings: dict, seed: int) -> nn.Module:
    """The model of a rung: rows (n, 784) -> scores (n, 10)."""
    return new_model(settings["model"], seed, outputs=10, hidden=settings.get("hidden", 0))


def train_rung(name: str, dataset: str, seed: int) -> tuple[int, float]:
    """Train one model from the start: how many validation digits are right, and the seconds."""
    settings, (x, y, vx, vy) = RUNGS[dataset][name], data(dataset, TEN)
    how = {key: value for key, value in settings.items() if key not in ("model", "hidden", "seeds")}
    model, start = untrained(settings, seed), process_time()
    train(model, x, y, seed, **how)
    seconds = process_time() - start
    return int(right(model, vx, vy).sum()), seconds


def rung(name: str, dataset: str) -> dict:
    """All that is stored of one rung."""
    if name in SIMILARITY:
        return {"right": [int(nearest(name, dataset, TEN).sum())]}
    settings = RUNGS[dataset][name]
    counts, seconds = zip(*(train_rung(name, dataset, seed) for seed in range(settings["seeds"])))
    return {"right": counts, "parameters": sum(p.numel() for p in untrained(settings, 0).parameters()),
            "seconds": [round(took, 1) for took in seconds], "machine": machine(), "settings": settings}


def jobs(dataset: str):
    """What to measure on one dataset."""
    yield from about(dataset, TEN)
    for name in [*SIMILARITY, *RUNGS[dataset]]:
        yield (dataset, "rungs", name), partial(rung, name, dataset)


def report(dataset: str) -> None:
    """Print what is stored for one dataset: mean accuracy ± standard deviation over the seeds, parameters, seconds a run."""
    found = results("ten_digits")[dataset]
    print(f"\n{dataset}: {found['train']:,} digits to learn from, {found['valid']:,} others")
    for name, rung in found["rungs"].items():
        values = [count / found["valid"] for count in rung["right"]]
        spread = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else " " * 9
        cost = (f" {rung['parameters']:>12,} parameters {statistics.median(rung['seconds']):>8.0f} s"
                if "parameters" in rung else "")
        print(f"{name:<38} {statistics.mean(values):.4f}{spread}{cost}")


if __name__ == "__main__":
    main("ten_digits", __doc__, RUNGS, jobs)

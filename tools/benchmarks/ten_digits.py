"""The ladder on all ten digits: what each kind of model gets right, and how long it takes.

    python -m tools.benchmarks.ten_digits bundled            half an hour on one core, most of it for the ResNet
    python -m tools.benchmarks.ten_digits full               about as long; set MNIST_ROOT, or let it download MNIST
    python -m tools.benchmarks.ten_digits full "linear"      only the rungs whose names begin so
    python -m tools.benchmarks.ten_digits                    trains nothing: prints what is stored

Results go to ten_digits.json after every rung; what is not measured stays as it is. Accuracies are those after the last
epoch, never the best of several. Each seed sets the initial parameters, the shuffles and the wiggles. Seconds are
processor time (two cores that are busy for a second make two), for training and the validation after each epoch.
"""
from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from functools import cache
from pathlib import Path
from typing import Iterable
from time import process_time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

sys.path.append(str(Path(__file__).resolve().parents[2]))
from tools.benchmarks.ladder import store as write_results
from course.setup import check_knobs
from utils import Batches, WiggledBatches, load_digits

RESULTS = Path(__file__).with_name("ten_digits.json")

SIMILARITY = ["pixel similarity, L1", "pixel similarity, L2"]
# name: settings. falling: the learning rate goes in a straight line to 0. The optimiser is SGD.
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


@torch.no_grad()
def share_right(model: nn.Module, data: Iterable) -> float:
    """The share of digits whose highest score is that of their label; xb (n, 784), yb (n,) int64.

    The mini-batches go to the device on which the model lies.
    """
    device = next(model.parameters()).device
    model.eval()
    right, count = 0, 0
    for xb, yb in data:
        right += (model(xb.to(device)).argmax(1) == yb.to(device)).sum().item()
        count += len(xb)
    return right / count


def fit_classes(model: nn.Module, opt: torch.optim.Optimizer, train: Iterable, valid: Iterable, epochs: int,
                schedule=None) -> list[float]:
    """Train with cross-entropy; the share of validation digits that are right after each epoch.

    model: scores (n, classes) for xb (n, …); yb (n,) int64. schedule: a torch.optim.lr_scheduler, moved on
    after each epoch. The mini-batches go to the device on which the model lies.
    """
    check_knobs(lr=opt.param_groups[0]["lr"], epochs=epochs)
    device = next(model.parameters()).device
    history = []
    for _ in range(epochs):
        model.train()
        for xb, yb in train:
            loss = F.cross_entropy(model(xb.to(device)), yb.to(device))
            loss.backward()
            opt.step()
            opt.zero_grad()
        history.append(share_right(model, valid))
        if schedule:
            schedule.step()
    return history


@cache
def data(dataset: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Train x (n, 784), train y (n,), validation x and y, of all ten digits."""
    train_x, train_y, valid_x, valid_y = load_digits(range(10), dataset)
    return train_x.flatten(1), train_y, valid_x.flatten(1), valid_y


def nearest(name: str, dataset: str) -> Tensor:
    """Pixel similarity: is the mean of its own digit the nearest of the ten, for each validation digit (n,)?"""
    x, y, vx, vy = data(dataset)
    means = torch.stack([x[y == digit].mean(0) for digit in range(10)])                     # (10, 784)
    distance = torch.stack([(vx - mean).abs().sum(1) if name.endswith("L1") else (vx - mean).square().sum(1)
                            for mean in means], 1)                                          # (n, 10)
    return distance.argmin(1) == vy


def resnet18() -> nn.Module:
    """torchvision's ResNet-18, untrained, for rows of 784 grey pixels and ten classes: (n, 784) -> (n, 10)."""
    from torchvision.models import resnet18 as for_photos
    net = for_photos(weights=None)
    net.conv1 = nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)            # one channel, not three
    net.fc = nn.Linear(512, 10)                                                             # ten classes, not 1,000
    return nn.Sequential(nn.Unflatten(1, (1, 28, 28)), net)


def new_model(settings: dict, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    if settings["model"] == "linear":
        return nn.Linear(784, 10)
    if settings["model"] == "net":
        return nn.Sequential(nn.Linear(784, settings["hidden"]), nn.ReLU(), nn.Linear(settings["hidden"], 10))
    return resnet18()


def train_rung(name: str, dataset: str, seed: int) -> tuple[list[float], float]:
    """Train one model from the start: its accuracy on the validation digits after each epoch, and the seconds."""
    settings, (x, y, vx, vy) = RUNGS[dataset][name], data(dataset)
    model = new_model(settings, seed)
    opt = torch.optim.SGD(model.parameters(), lr=settings["lr"], momentum=settings.get("momentum", 0))
    make = WiggledBatches if settings.get("wiggled") else Batches
    train = make(x, y, settings["batch_size"], shuffle=True, seed=seed)
    epochs = settings["epochs"]
    falling = torch.optim.lr_scheduler.LinearLR(opt, 1, 0, epochs) if settings.get("falling") else None
    start = process_time()
    history = fit_classes(model, opt, train, Batches(vx, vy, 500), epochs, falling)
    return history, process_time() - start


def stored() -> dict:
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}


def store(dataset: str, name: str, result: dict) -> None:
    """Put one rung's result into the file, in the order of RUNGS; all others stay as they are."""
    results = stored()
    found = results.get(dataset, {"rungs": {}})["rungs"] | {name: result}
    results[dataset] = {"train": len(data(dataset)[0]), "valid": len(data(dataset)[2]),
                        "rungs": {key: found[key] for key in [*SIMILARITY, *RUNGS[dataset]] if key in found}}
    write_results(RESULTS, {key: results[key] for key in RUNGS if key in results})


def measure(dataset: str, begins: str = "") -> None:
    """Compute the rungs whose names begin so, and store each; says how far it is."""
    valid = len(data(dataset)[2])
    for name in SIMILARITY:
        if name.startswith(begins):
            store(dataset, name, {"right": [int(nearest(name, dataset).sum())]})
    threads = torch.get_num_threads()
    machine = (f"{platform.machine()} ({torch.backends.cpu.get_cpu_capability()}), {threads} of {os.cpu_count()} cores, "
               f"PyTorch {torch.__version__.split('+')[0]}")
    for name, settings in RUNGS[dataset].items():
        if name.startswith(begins):
            right, seconds = [], []
            for seed in range(settings["seeds"]):
                history, took = train_rung(name, dataset, seed)
                right.append(round(history[-1] * valid))
                seconds.append(round(took, 1))
                print(f"{dataset}, {name}, seed {seed}: {right[-1]} of {valid}, {took:.0f} s", flush=True)
            parameters = sum(p.numel() for p in new_model(settings, 0).parameters())
            store(dataset, name, {"right": right, "parameters": parameters, "seconds": seconds, "machine": machine,
                                  "settings": settings})


def table(dataset: str) -> list[tuple[str, float, float | None, int | None, float | None]]:
    """For each stored rung: name, mean accuracy, its standard deviation over the seeds, parameters, seconds a run.

    The deviation is None for a single run; parameters and seconds are None where nothing is trained.
    """
    found = stored()[dataset]
    rows = []
    for name, rung in found["rungs"].items():
        shares = [count / found["valid"] for count in rung["right"]]
        spread = statistics.stdev(shares) if len(shares) > 1 else None
        seconds = statistics.median(rung["seconds"]) if "seconds" in rung else None
        rows.append((name, statistics.mean(shares), spread, rung.get("parameters"), seconds))
    return rows


def report(dataset: str) -> None:
    """Print what is stored for one dataset."""
    found = stored()[dataset]
    print(f"\n{dataset}: {found['train']:,} digits to learn from, {found['valid']:,} others")
    for name, mean, spread, parameters, seconds in table(dataset):
        print(f"{name:<38} {mean:.4f}" + (f" ± {spread:.4f}" if spread is not None else " " * 9)
              + (f" {parameters:>12,} parameters {seconds:>8.0f} s" if parameters else ""))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?", choices=list(RUNGS), help="what to train on; nothing: only report")
    parser.add_argument("begins", nargs="?", default="", help="measure only the rungs whose names begin with this")
    arguments = parser.parse_args()
    if arguments.dataset:
        measure(arguments.dataset, arguments.begins)
    for dataset in stored():
        report(dataset)


if __name__ == "__main__":
    main()

"""The ladder on all ten digits: what each kind of model gets right, and how long it takes.

    python -m tools.benchmarks.ten_digits bundled            half an hour on one core, most of it for the ResNet
    python -m tools.benchmarks.ten_digits full               about as long; set MNIST_ROOT, or let it download MNIST
    python -m tools.benchmarks.ten_digits full "linear"      only the rungs whose names begin so
    python -m tools.benchmarks.ten_digits                    trains nothing: prints what is stored

Results go to ten_digits.json after every rung; what is not measured stays as it is. Accuracies are those after the last
epoch, never the best of several. Each seed sets the initial parameters, the shuffles and the augmentation. Seconds are
processor time of the training: two cores that are busy for a second make two.
"""
from __future__ import annotations

import statistics
from time import process_time

import torch
from torch import Tensor, nn

from tools.benchmarks import arguments, data, machine, results, right, store, train

TEN = tuple(range(10))
SIMILARITY = ["pixel similarity, L1", "pixel similarity, L2"]
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


def nearest(name: str, dataset: str) -> Tensor:
    """Pixel similarity: is the mean of its own digit the nearest of the ten, for each validation digit (n,)?"""
    x, y, vx, vy = data(dataset, TEN)
    means, power = [x[y == digit].mean(0) for digit in TEN], 1 if name.endswith("L1") else 2
    return torch.stack([(vx - mean).abs().pow(power).sum(1) for mean in means], 1).argmin(1) == vy


def resnet18() -> nn.Module:
    """torchvision's ResNet-18, untrained, for rows of 784 grey pixels and ten classes: (n, 784) -> (n, 10)."""
    from torchvision.models import resnet18 as for_photos
    net = for_photos(weights=None)
    net.conv1 = nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)            # one channel, not three
    net.fc = nn.Linear(512, 10)                                                             # ten classes, not 1,000
    return nn.Sequential(nn.Unflatten(1, (1, 28, 28)), net)


def new_model(settings: dict, seed: int) -> nn.Module:
    """An untrained model: rows (n, 784) -> scores (n, 10)."""
    torch.manual_seed(seed)
    if settings["model"] == "linear":
        return nn.Linear(784, 10)
    if settings["model"] == "net":
        return nn.Sequential(nn.Linear(784, settings["hidden"]), nn.ReLU(), nn.Linear(settings["hidden"], 10))
    return resnet18()


def train_rung(name: str, dataset: str, seed: int) -> tuple[int, float]:
    """Train one model from the start: how many validation digits are right, and the seconds."""
    settings, (x, y, vx, vy) = RUNGS[dataset][name], data(dataset, TEN)
    how = {key: value for key, value in settings.items() if key not in ("model", "hidden", "seeds")}
    model, start = new_model(settings, seed), process_time()
    train(model, x, y, seed, **how)
    return int(right(model, vx, vy).sum()), process_time() - start


def store_rung(dataset: str, name: str, result: dict) -> None:
    """Put one rung's result into the file, in the order of RUNGS; all others stay as they are."""
    found = results("ten_digits")
    rungs = found.get(dataset, {"rungs": {}})["rungs"] | {name: result}
    found[dataset] = {"train": len(data(dataset, TEN)[0]), "valid": len(data(dataset, TEN)[2]),
                      "rungs": {key: rungs[key] for key in [*SIMILARITY, *RUNGS[dataset]] if key in rungs}}
    store("ten_digits", {key: found[key] for key in RUNGS if key in found})


def measure(dataset: str, begins: str = "") -> None:
    """Compute the rungs whose names begin so, and store each."""
    for name in SIMILARITY:
        if name.startswith(begins):
            store_rung(dataset, name, {"right": [int(nearest(name, dataset).sum())]})
    for name, settings in RUNGS[dataset].items():
        if name.startswith(begins):
            counts, seconds = zip(*(train_rung(name, dataset, seed) for seed in range(settings["seeds"])))
            print(f"{dataset}, {name}: {counts}", flush=True)
            store_rung(dataset, name, {
                "right": list(counts), "parameters": sum(p.numel() for p in new_model(settings, 0).parameters()),
                "seconds": [round(took, 1) for took in seconds], "machine": machine(), "settings": settings})


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
    wanted = arguments(__doc__, dataset=list(RUNGS), begins=None)
    if wanted.dataset:
        measure(wanted.dataset, wanted.begins)
    for stored_dataset in results("ten_digits"):
        report(stored_dataset)

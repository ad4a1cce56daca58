"""A race on all 3s and 7s: seconds until the accuracy of the book's ResNet-18 is reached, and the accuracy in the end.

    python -m tools.benchmarks.race all              some 10 minutes; set MNIST_ROOT, or let it download MNIST
    python -m tools.benchmarks.race "conv net" 0     one run, in this process: prints it and stores nothing
    python -m tools.benchmarks.race                  trains nothing: prints what is stored

The bar is 2,032 of 2,038 digits, the book's .9971; a run is there when it reaches the bar after an epoch and stays there to
the end. Each run has a process to itself; the routes take turns, seed by seed. The clock starts with the process, so that
imports and the reading of the digits count; it stands still while the validation digits are judged, for all alike. The
book's route reads PNG files in folders, as the book gets them: to write them does not count. It has no pretrained weights,
like the book's chapter 4 (and there is no network here to get them from). The two others wiggle the digits anew in each
epoch: our net with the ladder's settings, the conv net with settings that were chosen with other seeds.
"""
import json
import math
import sys
import time
from functools import partial
from pathlib import Path
from statistics import median

import psutil
import torch
from torch import nn

from tools.benchmarks import data, in_fresh_processes, machine, main, new_model, results, right
from utils import WiggledBatches, load_digits, train_epoch

SEEDS, BAR, VALID = range(5), 2_032, 2_038


def png_folder() -> Path:
    """The full digits as PNG files in build/race/train/3 and so on, written when they are not there."""
    from tools.notebooks import ROOT, new_build
    if not (ROOT / "build" / "race").exists():
        from PIL import Image
        digits = load_digits((3, 7), "full")
        with new_build("race") as folder:
            for part, images, labels in (("train", *digits[:2]), ("valid", *digits[2:])):
                for k, (image, label) in enumerate(zip(images, labels.tolist())):
                    file = folder / part / str(label) / f"{k:05}.png"
                    file.parent.mkdir(parents=True, exist_ok=True)
                    Image.fromarray((image * 255).round().byte().numpy()).save(file)
    return ROOT / "build" / "race"


def our_route(new, make_opt, epochs: int, seed: int):
    """Train a model by the course's loop, with a rate that falls in a straight line."""
    yield "imports"
    x, y, vx, vy = data("full")
    yield "data"
    model = new(seed)
    opt, batches = make_opt(model.parameters()), WiggledBatches(x, y, 64, shuffle=True, seed=seed)
    schedule = torch.optim.lr_scheduler.LinearLR(opt, 1, 0, epochs)
    for _ in range(epochs):
        train_epoch(model, opt, batches)
        schedule.step()
        yield lambda: right(model.eval(), vx, vy).sum()


def books_route(seed: int):
    """Chapter 4 of fastai's book: a ResNet-18, one epoch at a rate that rises to .1 and falls."""
    from fastai.vision.all import (Callback, CancelValidException, F, ImageDataLoaders, accuracy, resnet18, set_seed,
                                   vision_learner)
    yield "imports"
    set_seed(seed)
    loaders = ImageDataLoaders.from_folder(png_folder())
    yield "data"

    def skip(_):
        raise CancelValidException

    learner = vision_learner(loaders, resnet18, pretrained=False, loss_func=F.cross_entropy, metrics=accuracy)
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(1, .1, cbs=Callback(before_validate=skip))
        yield lambda: round(learner.validate()[1] * VALID)


def new_conv_net(seed: int) -> nn.Module:
    """Two convolutions and a linear layer: rows (n, 784) -> scores (n, 1)."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.ReLU(),
                         nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1568, 1))


ROUTES = {"784-30-1": partial(our_route, partial(new_model, "net"), partial(torch.optim.SGD, lr=.3), 40),
          "the book's ResNet-18": books_route,
          "conv net": partial(our_route, new_conv_net, partial(torch.optim.Adam, lr=.005), 5)}


def run(_: int, route: str, seed: int) -> dict:
    """One run: the seconds at which this process had its imports and its digits, and (seconds, right) after each epoch."""
    used, found = time.time() - psutil.Process().create_time(), {"epochs": []}
    png_folder()
    start = time.time()
    for step in ROUTES[route](seed):
        used += time.time() - start
        if callable(step):
            found["epochs"].append([round(used, 2), int(step())])
        else:
            found[step] = round(used, 2)
        start = time.time()
    return found


def jobs(_: str):
    """What to measure: the routes take turns."""
    png_folder()
    yield ("machine",), machine()
    for seed in SEEDS:
        for route in ROUTES:
            yield ("runs", route, str(seed)), lambda route=route, seed=seed: in_fresh_processes(run, 1, route, seed)[0]


def there(epochs: list) -> float:
    """The seconds after which the bar is reached for good; infinity when it is not."""
    below = [k for k, (_, count) in enumerate(epochs) if count < BAR]
    return [*(seconds for seconds, _ in epochs), math.inf][max(below, default=-1) + 1]


def table(runs: dict) -> dict[str, list[float]]:
    """What the runs of a route give, lowest first: seconds until it is at the bar and of its parts, accuracy in the end."""
    columns = {"at the bar": lambda one: there(one["epochs"]), "imports": lambda one: one["imports"],
               "data": lambda one: one["data"], "end": lambda one: one["epochs"][-1][0],
               "accuracy": lambda one: one["epochs"][-1][1] / VALID}
    return {name: sorted(map(column, runs.values())) for name, column in columns.items()}


def medians() -> dict[str, dict[str, float]]:
    """What is stored of each route: the medians of the columns of `table`."""
    return {route: {name: median(values) for name, values in table(runs).items()}
            for route, runs in results("race")["runs"].items()}


def report(found: dict) -> None:
    """Print for each route medians over the seeds with lowest and highest, and who wins."""
    print(found["machine"])
    for route, runs in found["runs"].items():
        print(f"\n{route}, {len(runs)} seeds; median (lowest to highest), seconds from the start")
        for name, values in table(runs).items():
            print(f"  {name:<12} {median(values):8.4g} ({values[0]:.4g} to {values[-1]:.4g})".replace("inf", "never"))
    print("\nfirst at the bar, by the median:", min(medians(), key=lambda route: medians()[route]["at the bar"]))


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] in ROUTES:
        print(json.dumps(run(0, sys.argv[1], int(sys.argv[2]))))
    else:
        main("race", __doc__, ["all"], jobs, report)

"""Disturbed digits: how the accuracy of each kind of model falls as 3s and 7s are shifted, scaled, inverted, …

    python -m tools.benchmarks.stress bundled      two minutes on one core
    python -m tools.benchmarks.stress full         some ten minutes; set MNIST_ROOT, or let it download MNIST
    python -m tools.benchmarks.stress              trains nothing: prints what is stored

The results go to stress.json, where the other dataset's stay as they are. The settings are the ladder's, each seed sets
the initial parameters, the shuffles and the wiggles, and accuracies are those after the last epoch. The disturbances
and the convolutional net are those of notebook 09; tests/test_stress.py compares the two.
"""
from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

sys.path.append(str(Path(__file__).resolve().parents[2]))
from tools.benchmarks.ladder import SETTINGS, data, machine, new_model, store, train
from utils import Batches, WiggledBatches, accuracy, fit

RESULTS = Path(__file__).with_name("stress.json")
SEEDS = range(3)
# as long: is it the wiggle, or only its longer training and falling rate? Plain digits, and the wiggled ones' settings
MODELS = ["template", "linear model", "linear model, wiggled digits", "ReLU net", "ReLU net, as long",
          "ReLU net, wiggled digits", "conv net", "conv net, wiggled digits"]
PERMUTED = ["linear model", "ReLU net", "ReLU net, wiggled digits", "conv net", "conv net, wiggled digits"]


# ---------------------------------------------------------------- as in notebook 09

def shifted(images: Tensor, pixels: int) -> Tensor:
    """Images (n, 28, 28) moved right, left, down and up, one after the other: (4n, 28, 28)."""
    a, b = pixels, -pixels
    moves = (a, b, 0, 0), (b, a, 0, 0), (0, 0, a, b), (0, 0, b, a)
    return torch.cat([F.pad(images, move) for move in moves])


def scaled(images: Tensor, size: float) -> Tensor:
    """Images (n, 28, 28) whose digits have `size` times their height and width."""
    table = torch.tensor([[1 / size, 0., 0.], [0., 1 / size, 0.]])
    tables = table.expand(len(images), 2, 3)
    grid = F.affine_grid(tables, (len(images), 1, 28, 28), align_corners=False)
    return F.grid_sample(images[:, None], grid, align_corners=False)[:, 0]


def noisy(images: Tensor, size: float) -> Tensor:
    """Images with a random number added to each pixel: mean 0, standard deviation `size`, kept in 0…1."""
    rng = torch.Generator().manual_seed(0)
    return (images + size * torch.randn(images.shape, generator=rng)).clamp(0, 1)


def inverted(images: Tensor, share: float) -> Tensor:
    """Images part of the way to white paper with black ink: 0 leaves them, .5 makes all pixels alike, 1 inverts."""
    return images + share * (1 - 2 * images)


def stepped(model: nn.Module, images: Tensor, y: Tensor, size: float) -> Tensor:
    """Each pixel of images (n, 28, 28) moved by `size`, in the direction in which the model's score gets worse.

    y: targets (n, 1). This is the fast gradient sign method of Goodfellow, Shlens and Szegedy (2015),
    https://arxiv.org/abs/1412.6572; with a single score its sign is that of the loss's gradient, and it cannot vanish.
    """
    images = images.clone().requires_grad_()
    slope, = torch.autograd.grad(model(images.flatten(1)).sum(), images)
    worse = (1 - 2 * y)[..., None]
    return (images + size * worse * slope.sign()).clamp(0, 1).detach()


def new_conv_net(seed: int = 0) -> nn.Sequential:
    """Rows (n, 784) → scores (n, 1): two convolutions, and of each channel the largest value; 3,441 parameters."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Unflatten(1, (1, 28, 28)),                  # (n, 1, 28, 28)
                         nn.Conv2d(1, 8, 5, stride=2, padding=2),       # (n, 8, 14, 14)
                         nn.ReLU(),
                         nn.Conv2d(8, 16, 5, stride=2, padding=2),      # (n, 16, 7, 7)
                         nn.ReLU(),
                         nn.AdaptiveMaxPool2d(1), nn.Flatten(),         # (n, 16)
                         nn.Linear(16, 1))                              # (n, 1)


class PermutedBatches(WiggledBatches):
    """Mini-batches, wiggled or not, whose pixels (n, 784) are then put in another order, the same for all."""
    def __init__(self, *rest, order: Tensor, wiggled: bool, **more):
        super().__init__(*rest, **more)
        self.order, self.wiggled = order, wiggled

    def __iter__(self):
        for xb, yb in super().__iter__() if self.wiggled else Batches.__iter__(self):
            yield xb[:, self.order], yb


# ---------------------------------------------------------------- measured

STRENGTHS = {"shift": [0, 1, 2, 3, 4, 6], "scale": [.5, .6, .7, .8, .9, 1, 1.1, 1.2, 1.3, 1.4, 1.5],
             "noise": [0, .1, .2, .3, .4, .6, .8, 1], "invert": [0, .1, .2, .3, .4, .5, .6, .8, 1],
             "step": [0, .02, .05, .1, .15, .2, .3]}
UNITS = {"shift": "pixels, mean of four directions", "scale": "times as large", "noise": "standard deviation",
         "invert": "share of the way to the negative",
         "step": "signed-gradient step by each model's own gradient"}
DISTURB = {"shift": shifted, "scale": scaled, "noise": noisy, "invert": inverted}


def trained(name: str, dataset: str, seed: int, order: Tensor | None = None) -> nn.Module:
    """One model after the last epoch; order: the pixels' new order, for digits that are permuted after the wiggle."""
    if name == "template":                                              # the bridge of notebook 04
        x, y = data(dataset)[:2]
        mean3, mean7 = x[y[:, 0] == 1].mean(0), x[y[:, 0] == 0].mean(0)
        model = nn.Linear(784, 1)
        with torch.no_grad():
            model.weight.copy_(2 * (mean3 - mean7))
            model.bias.copy_(mean7.square().sum() - mean3.square().sum())
        return model
    model = new_conv_net(seed) if name.startswith("conv") else new_model(name, seed)
    permuted = partial(PermutedBatches, order=order, wiggled=name.endswith("wiggled digits"))
    train(model, name, dataset, seed, None if order is None else permuted)
    return model


def new_order() -> Tensor:
    """An order of the 784 pixels, always the same."""
    return torch.randperm(784, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def accuracy_on(model: nn.Module, images: Tensor, y: Tensor, order: Tensor | None = None) -> float:
    """The accuracy on images (k·n, 28, 28), k disturbed versions of each digit whose targets are y (n, 1)."""
    rows = images.flatten(1)
    rows = rows if order is None else rows[:, order]
    return accuracy(model(rows), y.repeat(len(images) // len(y), 1)).item()


def curves(model: nn.Module, dataset: str) -> dict[str, list[float]]:
    """For each disturbance the accuracies of a model at the strengths of STRENGTHS."""
    vx, vy = data(dataset)[2:]
    images = vx.view(-1, 28, 28)
    found = {kind: [accuracy_on(model, disturb(images, size), vy) for size in STRENGTHS[kind]]
             for kind, disturb in DISTURB.items()}
    with torch.enable_grad():
        found["step"] = [accuracy_on(model, stepped(model, images, vy, size), vy) for size in STRENGTHS["step"]]
    return found


def as_planned(dataset: str) -> dict[str, dict[str, list[float] | float]]:
    """The numbers that the plan of this course holds, with its settings: cross-entropy, rate .1, batches of 256, 40 epochs.

    Digits are shifted to the right only; the step of .1 is made for the linear model, and the net gets the same pictures.
    """
    x, y, vx, vy = data(dataset)
    images, order = vx.view(-1, 28, 28), new_order()

    def planned(name: str, order: Tensor) -> nn.Module:
        model = new_model(name, 0)
        fit(model, torch.optim.SGD(model.parameters(), lr=.1), Batches(x[:, order], y, 256, shuffle=True),
            Batches(vx, vy, 500), 40)
        return model

    as_they_are = torch.arange(784)
    models = {"template": trained("template", dataset, 0)} | {
        name: planned(name, as_they_are) for name in ("linear model", "ReLU net")}
    borrowed = stepped(models["linear model"], images, vy, .1)
    return {"shifted right by 2 and 4": {name: [round(accuracy_on(model, F.pad(images, (k, -k, 0, 0)), vy), 4)
                                                for k in (2, 4)] for name, model in models.items()},
            "step of .1 from the linear model": {name: round(accuracy_on(models[name], borrowed, vy), 4)
                                                 for name in ("linear model", "ReLU net")},
            "permuted": {name: round(accuracy_on(planned(name, order), images, vy, order), 4)
                         for name in ("linear model", "ReLU net")}}


def measure(dataset: str) -> None:
    """Train and disturb everything for one dataset and store it; says how far it is."""
    start, order = time.process_time(), new_order()
    vx, vy = data(dataset)[2:]
    images = vx.view(-1, 28, 28)
    found, permuted = {kind: {} for kind in STRENGTHS}, {}
    for name in MODELS:
        for seed in SEEDS if name != "template" else [0]:
            model = trained(name, dataset, seed)
            for kind, values in curves(model, dataset).items():
                found[kind].setdefault(name, []).append([round(value, 4) for value in values])
            print(f"{name}, seed {seed}: " + ", ".join(f"{kind} {min(rows[name][-1]):.3f}"
                                                       for kind, rows in found.items()), flush=True)
    for name in PERMUTED:
        for seed in SEEDS:
            model = trained(name, dataset, seed, order)
            permuted.setdefault(name, []).append([round(accuracy_on(model, shifted(images, k), vy, order), 4)
                                                  for k in (0, 2, 4)])
            print(f"permuted, {name}, seed {seed}: {permuted[name][-1]}", flush=True)
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    results[dataset] = {
        "train": len(data(dataset)[0]), "valid": len(vx), "torch": torch.__version__.split("+")[0],
        "machine": machine(),
        "settings": SETTINGS[dataset] | {"optimiser": "SGD without momentum", "loss": "binary cross-entropy"},
        "strengths": STRENGTHS, "accuracy": found, "permuted, then shifted by 0, 2 and 4": permuted,
        "as planned": as_planned(dataset), "cpu seconds": round(time.process_time() - start)}
    store(RESULTS, {name: results[name] for name in SETTINGS if name in results})


def stored(dataset: str, kind: str) -> dict[str, list[float]]:
    """For each model its stored accuracies, mean over the seeds, at STRENGTHS[kind]; kind may also be "permuted"."""
    found = json.loads(RESULTS.read_text(encoding="utf-8"))[dataset]
    rows = found["permuted, then shifted by 0, 2 and 4"] if kind == "permuted" else found["accuracy"][kind]
    return {name: [statistics.mean(values) for values in zip(*seeds)] for name, seeds in rows.items()}


def report(dataset: str) -> None:
    """Print all that is stored for one dataset."""
    for kind, strengths in (STRENGTHS | {"permuted": [0, 2, 4]}).items():
        unit = UNITS.get(kind, "retrained on permuted pixels, then shifted by … pixels")
        print(f"\n{dataset}: {kind} ({unit})\n{'':<31}" + "".join(f"{strength:>6}" for strength in strengths))
        for name, values in stored(dataset, kind).items():
            print(f"{name:<30}" + "".join(f"{value:6.3f}" for value in values))


def draw(curves: dict[str, dict[str, list[float]]]):
    """Accuracy against strength as a figure; curves: model → disturbance → accuracies at STRENGTHS."""
    import matplotlib.pyplot as plt
    fig, axes = plt.subplots(2, 2, figsize=(9, 6), sharey=True, layout="constrained")
    for ax, kind in zip(axes.flat, DISTURB):
        for style, (name, found) in zip([":", "-.", "--", "-"], curves.items()):
            ax.plot(STRENGTHS[kind], found[kind], "k" + style, label=name)
        ax.set(xlabel=f"{kind}: {UNITS[kind]}", ylabel="accuracy", ylim=(0, 1.03))
    axes[0, 0].legend(fontsize=8)
    return fig


def draw_one(image: Tensor, scores: dict[str, float]):
    """A disturbed digit (28, 28) and the accuracy of each model on digits disturbed like it, as a figure."""
    import matplotlib.pyplot as plt
    fig, (left, right) = plt.subplots(1, 2, figsize=(9, 2.4), layout="constrained")
    left.imshow(image.numpy(), cmap="gray", vmin=0, vmax=1)
    left.axis("off")
    bars = right.barh(list(scores), list(scores.values()), color="0.5")
    right.bar_label(bars, fmt=" %.3f")
    right.set(xlim=(0, 1.15), xlabel="accuracy")
    right.invert_yaxis()
    return fig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?", choices=list(SETTINGS), help="what to train on; nothing: only report")
    dataset = parser.parse_args().dataset
    if dataset:
        measure(dataset)
    for name in [name for name in SETTINGS if name in json.loads(RESULTS.read_text(encoding="utf-8"))]:
        report(name)


if __name__ == "__main__":
    main()

"""Disturbed digits: how the accuracy of each kind of model falls as 3s and 7s are shifted, scaled, inverted, …

    python -m tools.benchmarks.stress bundled      three minutes on one core
    python -m tools.benchmarks.stress full         some twenty minutes; set MNIST_ROOT, or let it download MNIST
    python -m tools.benchmarks.stress              trains nothing: prints what is stored

The settings are the ladder's, and accuracies are those after the last epoch. The disturbances and the convolutional net are
taken from the notebook where_it_fails.
"""
from __future__ import annotations

import ast
import statistics
from functools import cache, partial
from itertools import product
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tools.benchmarks import about, data, machine, main, new_model, results, right, train
from tools.benchmarks.ladder import SETTINGS, settings

SEEDS = range(3)
# as long: is it the augmentation, or only its longer training and falling rate? Plain digits, and the others' settings
MODELS = ["template", "linear model", "linear model, wiggled digits", "ReLU net", "ReLU net, as long",
          "ReLU net, wiggled digits", "conv net", "conv net, wiggled digits", "conv net, no pooling"]
PERMUTED = ["linear model", "ReLU net", "ReLU net, wiggled digits", "conv net", "conv net, wiggled digits"]
STRENGTHS = {"shift": [0, 1, 2, 3, 4, 6], "scale": [.5, .6, .7, .8, .9, 1, 1.1, 1.2, 1.3, 1.4, 1.5],
             "noise": [0, .1, .2, .3, .4, .6, .8, 1], "clamped noise": [0, .1, .2, .3, .4, .6, .8, 1],
             "invert": [0, .05, .12, .2, .3, .4, .5, .6, .8, 1], "step": [0, .02, .05, .1, .15, .2, .3]}
UNITS = {"shift": "pixels, mean of four directions", "scale": "times as large", "noise": "standard deviation",
         "clamped noise": "standard deviation", "invert": "fraction of the way to the negative"}
STEP = .1                                                               # of the steps that one model calculates for another
SHIFTS = [0, 2, 4]                                                      # of those who learned permuted pixels
STORED = {"permuted": "permuted, then shifted by 0, 2 and 4", "foreign": f"a step of {STEP} by another model"}
FUNCTIONS = {"shift": "shifted", "scale": "scaled", "noise": "noisy", "clamped noise": "clamped_noise", "invert": "inverted"}


@cache
def lesson() -> SimpleNamespace:
    """The functions of the notebook where_it_fails: there they are taught, here they are measured."""
    from tools.notebooks import find, read
    names = {"torch": torch, "F": F, "nn": nn}
    wanted = {*FUNCTIONS.values(), "stepped", "new_conv_net"}
    trees = [ast.parse(cell.source) for cell in read(find("where_it_fails")).cells if cell.cell_type == "code"]
    found = [node for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in wanted]
    exec(compile(ast.Module(found, []), "where_it_fails", "exec"), names)
    return SimpleNamespace(**{node.name: names[node.name] for node in found})


def new_order() -> Tensor:
    """An order of the 784 pixels, always the same."""
    return torch.randperm(784, generator=torch.Generator().manual_seed(0))


class Permute(nn.Module):
    """A layer that puts the pixels of rows (n, 784) in another order, the same for all."""
    def forward(self, x: Tensor) -> Tensor:
        return x[:, new_order()]


@cache
def trained(name: str, dataset: str, seed: int, permuted: bool = False) -> nn.Module:
    """One model after the last epoch; permuted: it saw, and sees, the pixels in another order."""
    x, y = data(dataset)[:2]
    if name == "template":                                                      # pixel similarity as a linear model
        mean3, mean7 = x[y[:, 0] == 1].mean(0), x[y[:, 0] == 0].mean(0)
        model = nn.Linear(784, 1).requires_grad_(False)
        model.weight.copy_(2 * (mean3 - mean7))
        model.bias.copy_(mean7.square().sum() - mean3.square().sum())
        return model
    model = lesson().new_conv_net(seed, "no pooling" not in name) if name.startswith("conv") else new_model(name, seed)
    return train(nn.Sequential(Permute(), model) if permuted else model, x, y, seed, **settings(name, dataset))


def accuracy(model: nn.Module, dataset: str, kind: str, size: float, by: nn.Module | None = None) -> float:
    """The accuracy on disturbed validation digits; by: the model that calculates a step, else it is this one."""
    vx, vy = data(dataset)[2:]
    images = vx.reshape(-1, 28, 28)
    if kind == "step":
        images = lesson().stepped(by or model, images, vy, size)
    else:
        images = getattr(lesson(), FUNCTIONS[kind])(images, size)               # (k·n, 28, 28): some give k of each digit
    return round(right(model, images.flatten(1), vy.repeat(len(images) // len(vy), 1)).float().mean().item(), 4)


def several(name: str, dataset: str, permuted: bool = False) -> list[nn.Module]:
    """One model for each seed, and a single template."""
    return [trained(name, dataset, seed, permuted) for seed in SEEDS[:1 if name == "template" else None]]


def curves(name: str, dataset: str, kind: str, sizes: list[float], permuted: bool = False) -> list[list[float]]:
    """For each seed the accuracies at these strengths."""
    return [[accuracy(model, dataset, kind, size) for size in sizes] for model in several(name, dataset, permuted)]


def foreign(source: str, reader: str, dataset: str) -> list[float]:
    """For each seed the accuracy on digits with a step of STEP by another kind of model; within a kind, by another seed's."""
    readers = several(reader, dataset)
    return [accuracy(readers[(seed + (source == reader)) % len(readers)], dataset, "step", STEP, by=model)
            for seed, model in enumerate(several(source, dataset))]


def jobs(dataset: str):
    """What to measure on one dataset."""
    yield from about(dataset, machine=machine(), settings=SETTINGS[dataset] | {"strengths": STRENGTHS})
    for name, (kind, sizes) in product(MODELS, STRENGTHS.items()):
        yield (dataset, "accuracy", kind, name), partial(curves, name, dataset, kind, sizes)
    for name in PERMUTED:
        yield (dataset, STORED["permuted"], name), partial(curves, name, dataset, "shift", SHIFTS, permuted=True)
    for source, reader in product(MODELS, MODELS):
        yield (dataset, STORED["foreign"], source, reader), partial(foreign, source, reader, dataset)


def stored(dataset: str, kind: str) -> dict[str, list[float]]:
    """For each model its stored accuracies, mean over the seeds, at STRENGTHS[kind]; kind may also be "permuted"."""
    found = results("stress")[dataset]
    rows = found[STORED["permuted"]] if kind == "permuted" else found["accuracy"][kind]
    return {name: [statistics.mean(values) for values in zip(*seeds)] for name, seeds in rows.items()}


def stored_steps(dataset: str) -> dict[str, dict[str, float]]:
    """The stored accuracies, mean over the seeds, of foreign(): whose step → who reads; within a kind by another seed."""
    return {source: {name: statistics.mean(values) for name, values in readers.items()}
            for source, readers in results("stress")[dataset][STORED["foreign"]].items()}


def draw(curves: dict[str, dict[str, list[float]]]):
    """Accuracy against strength as a figure; curves: model → disturbance → accuracies at STRENGTHS."""
    import matplotlib.pyplot as plt
    fig, axes = plt.subplots(3, 2, figsize=(7, 8), sharey=True, layout="constrained")
    for ax, kind in zip(axes.flat, FUNCTIONS):
        for style, (name, found) in zip([":", "-.", "--", "-"], curves.items()):
            ax.plot(STRENGTHS[kind], found[kind], "k" + style, label=name)
        ax.set(xlabel=f"{kind}: {UNITS[kind]}", ylabel="accuracy", ylim=(0, 1.03))
    axes[-1, -1].axis("off")
    axes[-1, -1].legend(*axes[0, 0].get_legend_handles_labels(), loc="center")
    return fig


if __name__ == "__main__":
    main("stress", __doc__, SETTINGS, jobs)

"""Disturbed digits: how the accuracy of each kind of model falls as 3s and 7s are shifted, scaled, inverted, …

    python -m tools.benchmarks.stress bundled      three minutes on one core
    python -m tools.benchmarks.stress full         some twenty minutes; set MNIST_ROOT, or let it download MNIST
    python -m tools.benchmarks.stress              trains nothing: prints what is stored

Results go to stress.json, where the other dataset's stay as they are. The settings are the ladder's, each seed sets
the initial parameters, the shuffles and the augmentation, and accuracies are those after the last epoch. The disturbances
and the convolutional net are taken from the notebook where_it_fails.
"""
from __future__ import annotations

import ast
import statistics
from functools import cache
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tools.benchmarks import Wiggled, arguments, data, machine, results, right, store, train
from tools.benchmarks.ladder import SETTINGS, new_model, settings

SEEDS = range(3)
# as long: is it the augmentation, or only its longer training and falling rate? Plain digits, and the others' settings
MODELS = ["template", "linear model", "linear model, wiggled digits", "ReLU net", "ReLU net, as long",
          "ReLU net, wiggled digits", "conv net", "conv net, wiggled digits", "conv net, no pooling"]
PERMUTED = ["linear model", "ReLU net", "ReLU net, wiggled digits", "conv net", "conv net, wiggled digits"]
STRENGTHS = {"shift": [0, 1, 2, 3, 4, 6], "scale": [.5, .6, .7, .8, .9, 1, 1.1, 1.2, 1.3, 1.4, 1.5],
             "noise": [0, .1, .2, .3, .4, .6, .8, 1], "clamped noise": [0, .1, .2, .3, .4, .6, .8, 1],
             "invert": [0, .05, .12, .2, .3, .4, .5, .6, .8, 1], "step": [0, .02, .05, .1, .15, .2, .3]}
UNITS = {"shift": "pixels, mean of four directions", "scale": "times as large", "noise": "standard deviation",
         "clamped noise": "standard deviation", "invert": "fraction of the way to the negative",
         "step": "signed-gradient step by each model's own gradient", "permuted": "trained on permuted pixels, then shifted"}
STEP = .1                                                               # of the steps that one model calculates for another
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


class PermutedBatches(Wiggled):
    """Mini-batches, augmented or not, whose pixels (n, 784) are then put in another order, the same for all."""
    def __iter__(self):
        for xb, yb in super().__iter__():
            yield xb[:, new_order()], yb


def new_order() -> Tensor:
    """An order of the 784 pixels, always the same."""
    return torch.randperm(784, generator=torch.Generator().manual_seed(0))


def trained(name: str, dataset: str, seed: int, permuted: bool = False) -> nn.Module:
    """One model after the last epoch; permuted: trained on digits whose pixels stand in another order."""
    x, y = data(dataset)[:2]
    if name == "template":                                              # pixel similarity as a linear model
        mean3, mean7 = x[y[:, 0] == 1].mean(0), x[y[:, 0] == 0].mean(0)
        model = nn.Linear(784, 1)
        with torch.no_grad():
            model.weight.copy_(2 * (mean3 - mean7))
            model.bias.copy_(mean7.square().sum() - mean3.square().sum())
        return model
    model = lesson().new_conv_net(seed, "no pooling" not in name) if name.startswith("conv") else new_model(name, seed)
    return train(model, x, y, seed, **settings(name, dataset), make=PermutedBatches if permuted else Wiggled)


def accuracy_on(model: nn.Module, images: Tensor, y: Tensor, order: Tensor | slice = slice(None)) -> float:
    """The accuracy on images (k·n, 28, 28), k disturbed versions of each digit whose targets are y (n, 1)."""
    return right(model, images.flatten(1)[:, order], y.repeat(len(images) // len(y), 1)).float().mean().item()


def curves(model: nn.Module, dataset: str) -> dict[str, list[float]]:
    """For each disturbance the accuracies of a model at the strengths of STRENGTHS."""
    vx, vy = data(dataset)[2:]
    how = {kind: getattr(lesson(), name) for kind, name in FUNCTIONS.items()}
    how["step"] = lambda images, size: lesson().stepped(model, images, vy, size)
    return {kind: [round(accuracy_on(model, disturb(vx.reshape(-1, 28, 28), size), vy), 4) for size in STRENGTHS[kind]]
            for kind, disturb in how.items()}


def foreign(models: dict[str, list[nn.Module]], dataset: str) -> dict[str, dict[str, list[float]]]:
    """Accuracies on digits with a step of STEP by a model of one kind (the outer name), read by one of another (the inner).

    Within a kind the step is another seed's. models: of each kind one for each seed.
    """
    (vx, vy), found = data(dataset)[2:], {}
    for source, several in models.items():
        harmed = [lesson().stepped(model, vx.reshape(-1, 28, 28), vy, STEP) for model in several]
        found[source] = {name: [round(accuracy_on(readers[(seed + (name == source)) % len(readers)], images, vy), 4)
                                for seed, images in enumerate(harmed)] for name, readers in models.items()}
    return found


def measure(dataset: str) -> None:
    """Train and disturb everything for one dataset, and store it."""
    (vx, vy), found, models, permuted = data(dataset)[2:], {kind: {} for kind in STRENGTHS}, {}, {}
    for name in MODELS:
        models[name] = [trained(name, dataset, seed) for seed in (SEEDS if name != "template" else [0])]
        for row in [curves(model, dataset) for model in models[name]]:
            for kind, values in row.items():
                found[kind].setdefault(name, []).append(values)
        print(name, flush=True)
    moved = [lesson().shifted(vx.reshape(-1, 28, 28), k) for k in (0, 2, 4)]
    for name in PERMUTED:
        again = [trained(name, dataset, seed, permuted=True) for seed in SEEDS]
        permuted[name] = [[round(accuracy_on(model, images, vy, new_order()), 4) for images in moved] for model in again]
        print("permuted,", name, flush=True)
    store("stress", results("stress") | {dataset: {
        "train": len(data(dataset)[0]), "valid": len(vx), "machine": machine(), "settings": SETTINGS[dataset],
        "strengths": STRENGTHS, "accuracy": found, STORED["permuted"]: permuted, STORED["foreign"]: foreign(models, dataset)}})


def stored(dataset: str, kind: str) -> dict[str, list[float]]:
    """For each model its stored accuracies, mean over the seeds, at STRENGTHS[kind]; kind may also be "permuted"."""
    found = results("stress")[dataset]
    rows = found[STORED["permuted"]] if kind == "permuted" else found["accuracy"][kind]
    return {name: [statistics.mean(values) for values in zip(*seeds)] for name, seeds in rows.items()}


def stored_steps(dataset: str) -> dict[str, dict[str, float]]:
    """The stored accuracies, mean over the seeds, of foreign(): whose step → who reads; within a kind by another seed."""
    return {source: {name: statistics.mean(values) for name, values in readers.items()}
            for source, readers in results("stress")[dataset][STORED["foreign"]].items()}


def report(dataset: str) -> None:
    """Print all that is stored for one dataset."""
    for kind, strengths in (STRENGTHS | {"permuted": [0, 2, 4]}).items():
        print(f"\n{dataset}: {kind} ({UNITS[kind]})\n{'':<36}" + "".join(f"{strength:>6}" for strength in strengths))
        for name, values in stored(dataset, kind).items():
            print(f"{name:<36}" + "".join(f"{value:6.3f}" for value in values))
    print(f"\n{dataset}: {STORED['foreign']}, read by the models in the same order")
    for source, readers in stored_steps(dataset).items():
        print(f"{source:<36}" + "".join(f"{value:6.3f}" for value in readers.values()))


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
    if wanted := arguments(__doc__, dataset=list(SETTINGS)).dataset:
        measure(wanted)
    for stored_dataset in results("stress"):
        report(stored_dataset)

"""Disturbed digits: how the accuracy of each kind of model falls as 3s and 7s are shifted, scaled, inverted, …

    python -m tools.benchmarks.stress bundled      two minutes on one core
    python -m tools.benchmarks.stress full         some ten minutes; set MNIST_ROOT, or let it download MNIST
    python -m tools.benchmarks.stress              trains nothing: prints what is stored

Results go to stress.json, where the other dataset's stay as they are. The settings are the ladder's, each seed sets
the initial parameters, the shuffles and the augmentation, and accuracies are those after the last epoch. The disturbances
and the convolutional net are those of the notebook; a test compares the two.
"""
from __future__ import annotations

import statistics

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tools.benchmarks import Wiggled, arguments, data, machine, results, store, train
from tools.benchmarks.ladder import SETTINGS, new_model, settings
from utils import accuracy

SEEDS = range(3)
# as long: is it the augmentation, or only its longer training and falling rate? Plain digits, and the others' settings
MODELS = ["template", "linear model", "linear model, wiggled digits", "ReLU net", "ReLU net, as long",
          "ReLU net, wiggled digits", "conv net", "conv net, wiggled digits"]
PERMUTED = ["linear model", "ReLU net", "ReLU net, wiggled digits", "conv net", "conv net, wiggled digits"]


# ---------------------------------------------------------------- as in the notebook where_it_fails

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


class PermutedBatches(Wiggled):
    """Mini-batches, augmented or not, whose pixels (n, 784) are then put in another order, the same for all."""
    def __iter__(self):
        for xb, yb in super().__iter__():
            yield xb[:, new_order()], yb


# ---------------------------------------------------------------- measured

STRENGTHS = {"shift": [0, 1, 2, 3, 4, 6], "scale": [.5, .6, .7, .8, .9, 1, 1.1, 1.2, 1.3, 1.4, 1.5],
             "noise": [0, .1, .2, .3, .4, .6, .8, 1], "invert": [0, .1, .2, .3, .4, .5, .6, .8, 1],
             "step": [0, .02, .05, .1, .15, .2, .3]}
UNITS = {"shift": "pixels, mean of four directions", "scale": "times as large", "noise": "standard deviation",
         "invert": "share of the way to the negative",
         "step": "signed-gradient step by each model's own gradient"}
DISTURB = {"shift": shifted, "scale": scaled, "noise": noisy, "invert": inverted}


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
    model = new_conv_net(seed) if name.startswith("conv") else new_model(name, seed)
    return train(model, x, y, seed, **settings(name, dataset), make=PermutedBatches if permuted else Wiggled)


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


def measure(dataset: str) -> None:
    """Train and disturb everything for one dataset, and store it."""
    order, (vx, vy) = new_order(), data(dataset)[2:]
    images, found, permuted = vx.view(-1, 28, 28), {kind: {} for kind in STRENGTHS}, {}
    for name in MODELS:
        for seed in SEEDS if name != "template" else [0]:
            for kind, values in curves(trained(name, dataset, seed), dataset).items():
                found[kind].setdefault(name, []).append([round(value, 4) for value in values])
        print(name, flush=True)
    for name in PERMUTED:
        models = [trained(name, dataset, seed, permuted=True) for seed in SEEDS]
        permuted[name] = [[round(accuracy_on(model, shifted(images, k), vy, order), 4) for k in (0, 2, 4)] for model in models]
        print("permuted,", name, flush=True)
    everything = results("stress")
    everything[dataset] = {
        "train": len(data(dataset)[0]), "valid": len(vx), "machine": machine(), "settings": SETTINGS[dataset],
        "strengths": STRENGTHS, "accuracy": found, "permuted, then shifted by 0, 2 and 4": permuted}
    store("stress", {name: everything[name] for name in SETTINGS if name in everything})


def stored(dataset: str, kind: str) -> dict[str, list[float]]:
    """For each model its stored accuracies, mean over the seeds, at STRENGTHS[kind]; kind may also be "permuted"."""
    found = results("stress")[dataset]
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


if __name__ == "__main__":
    if wanted := arguments(__doc__, dataset=list(SETTINGS)).dataset:
        measure(wanted)
    for stored_dataset in results("stress"):
        report(stored_dataset)

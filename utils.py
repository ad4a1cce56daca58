"""What the notebooks share: the digits, pictures of them, and the training code once a notebook has built it.

Nothing stands in the third part before a notebook has taught it; its name stands behind it, and tests/test_utils.py
compares the two.
"""
from __future__ import annotations

import math
import os
from typing import Iterable, Iterator, NamedTuple, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course.drawing import show, show_curves, show_numbers   # noqa: F401 (the notebooks take them from here)
from course.mnist import read_idx
from course.setup import check_knobs

# ---------------------------------------------------------------- digits

class Digits(NamedTuple):
    """Images float32 (n, 28, 28) in 0…1 and labels int64 (n,), the digit itself; each digit in one run."""
    train_x: Tensor
    train_y: Tensor
    valid_x: Tensor
    valid_y: Tensor


def load_digits(digits: Sequence[int] = (3, 7), dataset: str | None = None) -> Digits:
    """The training and validation images of some digits of MNIST (LeCun, Cortes, Burges).

    digits: which ones, 0 to 9; they come back in this order, one digit after the other.
    dataset: "bundled" (500 of each, in the repository) or "full" (MNIST's own 60,000 / 10,000, from the
        folder that MNIST_ROOT names or downloaded once into data/full). Default: the environment variable
        DIGITS, else "bundled".
    Raises ValueError for digits or a dataset that do not exist and for damaged files, FileNotFoundError for
    missing ones, ConnectionError when the full digits cannot be downloaded, OSError when files cannot be read or stored.
    """
    dataset = dataset or os.environ.get("DIGITS") or "bundled"
    if dataset not in ("bundled", "full"):
        raise ValueError(f"There is no dataset {dataset!r}: DIGITS, or dataset=, is \"bundled\" or \"full\".")
    digits = list(digits) if isinstance(digits, Iterable) else [digits]
    if not digits or not all(digit in range(10) for digit in digits) or len(set(digits)) < len(digits):
        raise ValueError(f"digits={tuple(digits)} will not do: name one or more different digits from 0 to 9, "
                         "such as (3, 7).")
    parts = []
    for part in ("train", "t10k"):
        images, labels = read_idx(dataset, f"{part}-images-idx3-ubyte"), read_idx(dataset, f"{part}-labels-idx1-ubyte")
        rows = torch.cat([(labels == digit).nonzero()[:, 0] for digit in digits])
        parts += [images[rows].float() / 255, labels[rows].long()]
    return Digits(*parts)


# ---------------------------------------------------------------- pictures

def show_images(images, titles: Sequence = (), alt: str = "", columns: int = 8, limit: float | None = None) -> None:
    """Show images side by side in grey, black for 0 and white for 1.

    images: (28, 28), (n, 28, 28) or (n, 784). titles: one for each, or none. alt: for those who cannot see the picture.
    limit: let the grey scale run from -limit to limit, so that 0 is middle grey (for weights).
    """
    import matplotlib.pyplot as plt
    images = torch.as_tensor(images).detach().float().reshape(-1, 28, 28)
    if len(images) == 0:
        raise ValueError("There are no images to show: the selection is empty.")
    if len(titles) not in (0, len(images)):
        raise ValueError(f"{len(images)} images and {len(titles)} titles do not fit: give one title for each image.")
    columns, low, high = min(columns, len(images)), 0 if limit is None else -limit, 1 if limit is None else limit
    rows, size = math.ceil(len(images) / columns), 1.25 if columns > 5 else 1.8
    fig, axes = plt.subplots(rows, columns, figsize=(size * columns, (size + .3 * bool(len(titles))) * rows),
                             squeeze=False, layout="constrained")
    for ax in axes.flat:
        ax.axis("off")
    for k, (ax, image) in enumerate(zip(axes.flat, images)):
        ax.imshow(image.numpy(), cmap="gray", vmin=low, vmax=high)
        if len(titles):
            ax.set_title(str(titles[k]), fontsize=9)
    show(fig, alt)


# ---------------------------------------------------------------- training: what the notebooks have built

def as_xy(images: Tensor, labels: Tensor, yes: int) -> tuple[Tensor, Tensor]:
    """Images (n, 28, 28) as rows (n, 784), labels as targets (n, 1): 1. for the digit `yes`, else 0. (linear_model)"""
    if not 0 < (labels == yes).sum() < len(labels):
        raise ValueError(f"{set(labels.tolist())} will not do: take {yes} and another.")
    return images.flatten(1), (labels == yes).float()[:, None]


def accuracy(preds: Tensor, y: Tensor) -> Tensor:
    """The fraction of predictions (n, 1) on the right side of 0, for targets (n, 1) of 0. and 1. (linear_model)"""
    return ((preds > 0) == (y > .5)).float().mean()


class Batches:
    """Mini-batches (xb, yb) of x (n, …) and y (n, 1), in order or newly shuffled on each pass. (mini_batch_sgd)

    seed: of the shuffles; the same seed gives the same sequence of shuffles.
    """
    def __init__(self, x: Tensor, y: Tensor, batch_size: int, shuffle: bool = False, seed: int = 0):
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ValueError(f"batch_size={batch_size} will not do: it is 1, 2, 3, …")
        self.x, self.y, self.batch_size, self.shuffle = x, y, batch_size, shuffle
        self.rng = torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return math.ceil(len(self.x) / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        n = len(self.x)
        order = torch.arange(n)
        if self.shuffle:
            order = torch.randperm(n, generator=self.rng)
        for rows in order.split(self.batch_size):
            yield self.x.index_select(0, rows), self.y.index_select(0, rows)


def train_epoch(model: nn.Module, opt: torch.optim.Optimizer, data: Iterable) -> None:
    """One pass over the mini-batches: predict, loss, gradient, step. (mini_batch_sgd)"""
    model.train()
    for xb, yb in data:
        opt.zero_grad()
        loss = F.binary_cross_entropy_with_logits(model(xb), yb)
        loss.backward()
        opt.step()


@torch.no_grad()
def validate_epoch(model: nn.Module, data: Iterable) -> tuple[float, float]:
    """Mean loss and accuracy over all digits in the mini-batches, each digit counted once. (mini_batch_sgd)"""
    model.eval()
    loss, right, count = 0., 0, 0
    for xb, yb in data:
        preds = model(xb)
        loss += F.binary_cross_entropy_with_logits(preds, yb, reduction="sum")
        right += ((preds > 0) == (yb > .5)).sum()
        count += len(xb)
    return float(loss) / count, float(right) / count


def fit(model: nn.Module, opt: torch.optim.Optimizer, train: Iterable, valid: Iterable, epochs: int,
        schedule=None) -> list[tuple[float, float]]:
    """Train for some epochs: the loss and accuracy of the validation digits after each. (mini_batch_sgd)

    schedule: a torch.optim.lr_scheduler, moved on after each epoch.
    """
    check_knobs(lr=opt.param_groups[0]["lr"], epochs=epochs)
    history = []
    for _ in range(epochs):
        train_epoch(model, opt, train)
        history.append(validate_epoch(model, valid))
        if schedule:
            schedule.step()
    return history


def wiggle(x: Tensor, turn: float = 15, zoom: float = .1, shift: float = 2, slant: float = .2) -> Tensor:
    """Each image of x (n, 784) turned, scaled, shifted and sheared at random, drawn evenly up to ± (more_variety)

    turn: degrees. zoom: fraction of the size. shift: pixels, along each axis. slant: sideways pixels per pixel of height.
    """
    n = len(x)
    angle, scale, shear, right, down = (torch.rand(5, n) * 2 - 1) * torch.tensor(
        [math.radians(turn), zoom, slant, shift / 14, shift / 14])[:, None]
    cos, sin = (1 + scale) * angle.cos(), (1 + scale) * angle.sin()
    rows = [torch.stack([cos, shear * cos - sin, right], 1), torch.stack([sin, shear * sin + cos, down], 1)]
    at = (torch.arange(28) - 13.5) / 14                                     # the middle of each pixel, from -1 to 1
    pixels = torch.stack([at.repeat(28), at.repeat_interleave(28), torch.ones(784)])                     # (3, 784)
    places = (torch.stack(rows, 1) @ pixels).mT.reshape(n, 28, 28, 2)       # where to look, for each pixel
    wiggled = F.grid_sample(x.reshape(n, 1, 28, 28), places, align_corners=False)
    return wiggled.reshape(x.shape)


class WiggledBatches(Batches):
    """Mini-batches whose images are wiggled anew on each pass. (more_variety)"""
    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for xb, yb in super().__iter__():
            yield wiggle(xb), yb

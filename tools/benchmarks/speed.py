"""The course's training and start, timed beside PyTorch's loader, fastai's Learner and the bare matrix products.

    python -m tools.benchmarks.speed      prints the times; some minutes; set MNIST_ROOT, or let it download MNIST

One epoch: a model over the full 3s and 7s in mini-batches of 256, shuffled, and a validation. What is compared is timed
in turns, so that a busy moment hits all alike; each figure is a median. Times depend on the machine: read the ratios.
speed.txt holds what one run printed, when this timed some ways more.
"""
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Callable, Iterable

import fastai
import torch
from fastai.basics import SGD, DataLoaders, Learner
from fastai.data.load import DataLoader as FastaiLoader
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tools.benchmarks import data, machine
from tools.benchmarks.ladder import new_model
from tools.notebooks import new_client
from utils import Batches, WiggledBatches, accuracy, load_digits, train_epoch, validate_epoch, wiggle

BATCH = 256
OURS, TORCH, FASTAI = "this course: Batches", f"DataLoader(TensorDataset), batch_size={BATCH}", "fastai's DataLoader of pairs"
LEARNER, BARE = "fastai's Learner, no progress bar", "the bare matrix products"
OUR_START = """import sys; sys.path.insert(0, "..")
import torch
from utils import load_digits, show_images
torch.manual_seed(0)
digits = load_digits()
show_images(digits.train_x[0], alt='the first digit')"""
FASTAI_START = """from fastai.vision.all import *
threes = Path({!r}).ls().sorted()
Image.open(threes[1])"""


def timed(title: str, ways: dict[str, Callable], unit: str = "ms", repeats: int = 15) -> dict[str, float]:
    """Print and return the seconds that each takes: the median of some repeats, in turns; the first turn does not count."""
    runs = {name: [] for name in ways}
    for _ in range(repeats + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            runs[name].append(time.perf_counter() - start)
    seconds = {name: statistics.median(several[1:]) for name, several in runs.items()}
    print(f"\n{title:<46} {unit:>7}   times ours")
    for name, value in seconds.items():
        shown = f"{1000 * value:7.1f}" if unit == "ms" else f"{value:7.2f}"
        print(f"{name:<46} {shown} {value / next(iter(seconds.values())):9.2f}", flush=True)
    return seconds


def loaders(x, y, vx, vy, wiggled: bool = False) -> dict[str, tuple[Iterable, Iterable]]:
    """For each way to make mini-batches a shuffled loader and one for validation; only PyTorch's never wiggles."""
    changed = {"after_batch": lambda batch: (wiggle(batch[0]), batch[1])} if wiggled else {}
    return {
        OURS: ((WiggledBatches if wiggled else Batches)(x, y, BATCH, shuffle=True), Batches(vx, vy, BATCH)),
        TORCH: (DataLoader(TensorDataset(x, y), BATCH, shuffle=True), DataLoader(TensorDataset(vx, vy), BATCH)),
        FASTAI: (FastaiLoader(list(zip(x, y)), batch_size=BATCH, shuffle=True, **changed),
                 FastaiLoader(list(zip(vx, vy)), batch_size=BATCH))}


def our_epoch(kind: str, train: Iterable, valid: Iterable) -> Callable:
    """A function that trains for one epoch with the course's code, and validates."""
    model = new_model(kind, 0)
    opt = torch.optim.SGD(model.parameters(), lr=.1)
    return lambda: (train_epoch(model, opt, train), validate_epoch(model, valid))


def fastai_epoch(kind: str, train: Iterable, valid: Iterable) -> Callable:
    """The same with fastai's Learner; the augmentation, where there is one, is the course's."""
    learner = Learner(DataLoaders(train, valid), new_model(kind, 0), loss_func=nn.BCEWithLogitsLoss(), opt_func=SGD, lr=.1,
                      metrics=accuracy)

    def fit():
        with learner.no_logging():
            learner.fit(1)
    return fit


def bare_products(kind: str, x) -> None:
    """Only the matrix products of one epoch's forward and backward passes, without a loss, a step or a shuffle."""
    w1, w2 = torch.randn(784, 1 if kind == "linear model" else 30), torch.randn(30, 1)
    for xb in x.split(BATCH):
        h = xb @ w1                                              # forward
        if kind != "linear model":
            out = h @ w2
            h.T @ out                                            # backward: any numbers will do
            h = out @ w2.T
        xb.T @ h


def one_epoch(kind: str, threads: int, rows: list) -> None:
    """Time the ways through one epoch of a model."""
    torch.set_num_threads(threads)
    ways = loaders(*rows, wiggled=kind.endswith("wiggled"))
    title = f"one epoch of the {kind}, {len(rows[0]):,} digits, {threads} thread{'s' * (threads > 1)}"
    found = timed(title, {name: our_epoch(kind, *ways[name]) for name in (ways if kind == "net" else [OURS])} | {
        LEARNER: fastai_epoch(kind, *ways[FASTAI]), BARE: partial(bare_products, kind, rows[0])})
    print(f"ours is {found[LEARNER] / found[OURS]:.1f} times as fast as fastai's Learner, and takes "
          f"{found[OURS] / found[BARE]:.1f} times as long as the bare products")


def growth(x, y, n: int) -> Callable:
    """A function that trains the net on about 60,000 digits, in as many epochs of n as that takes."""
    rows = torch.arange(n) % len(x)                              # where there are fewer digits they are repeated
    model, batches = new_model("net", 0), Batches(x[rows], y[rows], BATCH, shuffle=True)
    opt = torch.optim.SGD(model.parameters(), lr=.1)
    return lambda: [train_epoch(model, opt, batches) for _ in range(60_000 // n)]


def in_kernel(code: str) -> None:
    """Run the code as the only cell of a notebook, in a fresh kernel."""
    new_client(new_notebook(cells=[new_code_cell(code)])).execute()


if __name__ == "__main__":
    print(f"Python {sys.version.split()[0]}, fastai {fastai.__version__}; {machine()}")
    with tempfile.TemporaryDirectory() as folder:                # fastai reads a folder of PNG files
        for k, image in enumerate(load_digits((3, 7), "bundled").train_x[:250]):
            Image.fromarray((image * 255).byte().numpy()).save(Path(folder) / f"{k:05}.png")
        found = timed("the start, in a fresh notebook kernel", {
            "this course: set up, load, first picture": partial(in_kernel, OUR_START),
            "fastai: import, list the files, first picture": partial(in_kernel, FASTAI_START.format(folder))}, "s", repeats=5)
    ours, theirs = found.values()
    print(f"ours takes {ours / theirs:.0%} of fastai's route")
    rows, threads = data("full"), torch.get_num_threads()
    found = timed("about 60,000 digits through the net", {
        f"{60_000 // n} epochs of {n:,}": growth(*rows[:2], n) for n in (500, 2_000, 12_000, 60_000)}, repeats=5)
    print(f"the cost of a digit: {max(found.values()) / min(found.values()) - 1:.0%} between the cheapest and the dearest")
    for case in [("linear model", threads), ("net", threads), ("net, wiggled", threads), ("net", 1)]:
        one_epoch(*case, rows)

"""The course's training and start, timed beside PyTorch's loader, fastai's Learner and the bare matrix products.

    python -m tools.benchmarks.speed      prints the times; some minutes; set MNIST_ROOT, or let it download MNIST

One epoch: the net over the full 3s and 7s in mini-batches of 256, shuffled, and a validation. What is compared is timed
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

from tools.benchmarks import data, machine, new_model
from tools.notebooks import new_client
from utils import Batches, WiggledBatches, accuracy, load_digits, train_epoch, validate_epoch, wiggle

BATCH = 256
OUR_START = """import sys; sys.path.insert(0, "..")
import torch
from utils import load_digits, show_images
torch.manual_seed(0)
digits = load_digits()
show_images(digits.train_x[0], alt='the first digit')"""
FASTAI_START = """from fastai.vision.all import *
threes = Path({!r}).ls().sorted()
Image.open(threes[1])"""


def timed(title: str, ways: dict[str, Callable], repeats: int = 15) -> list[float]:
    """Print and return the seconds that each takes: the median of some repeats, in turns; the first turn does not count."""
    runs = {name: [] for name in ways}
    for _ in range(repeats + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            runs[name].append(time.perf_counter() - start)
    seconds = [statistics.median(several[1:]) for several in runs.values()]
    print(f"\n{title:<46}      ms   times ours")
    for name, value in zip(ways, seconds):
        print(f"{name:<46} {1000 * value:7.1f} {value / seconds[0]:9.2f}", flush=True)
    return seconds


def our_epoch(train: Iterable, valid: Iterable) -> Callable:
    """A function that trains for one epoch with the course's code, and validates."""
    model = new_model("net", 0)
    opt = torch.optim.SGD(model.parameters(), lr=.1)
    return lambda: (train_epoch(model, opt, train), validate_epoch(model, valid))


def fastai_epoch(train: Iterable, valid: Iterable) -> Callable:
    """The same with fastai's Learner."""
    learner = Learner(DataLoaders(train, valid), new_model("net", 0), loss_func=nn.BCEWithLogitsLoss(), opt_func=SGD, lr=.1,
                      metrics=accuracy)

    def fit():
        with learner.no_logging():
            learner.fit(1)
    return fit


def bare_products(x) -> None:
    """Only the matrix products of one epoch's forward and backward passes, without a loss, a step or a shuffle."""
    w1, w2 = torch.randn(784, 30), torch.randn(30, 1)
    for xb in x.split(BATCH):
        h = xb @ w1                                              # forward
        out = h @ w2
        h.T @ out                                                # backward: any numbers will do
        xb.T @ (out @ w2.T)


def one_epoch(wiggled: bool, threads: int, x, y, vx, vy) -> None:
    """Time the ways through one epoch of the net; PyTorch's loader never wiggles, fastai's does so as the course does."""
    torch.set_num_threads(threads)
    changed = {"after_batch": lambda batch: (wiggle(batch[0]), batch[1])} if wiggled else {}
    ours, _, learner, bare = timed(
        f"one epoch of the net{', wiggled' * wiggled}, {len(x):,} digits, {threads} thread{'s' * (threads > 1)}", {
            "this course: Batches": our_epoch(
                (WiggledBatches if wiggled else Batches)(x, y, BATCH, shuffle=True), Batches(vx, vy, BATCH)),
            f"DataLoader(TensorDataset), batch_size={BATCH}": our_epoch(
                DataLoader(TensorDataset(x, y), BATCH, shuffle=True), DataLoader(TensorDataset(vx, vy), BATCH)),
            "fastai's Learner, no progress bar": fastai_epoch(
                FastaiLoader(list(zip(x, y)), batch_size=BATCH, shuffle=True, **changed),
                FastaiLoader(list(zip(vx, vy)), batch_size=BATCH)),
            "the bare matrix products": partial(bare_products, x)})
    print(f"ours is {learner / ours:.1f} times as fast as fastai's Learner, and takes "
          f"{ours / bare:.1f} times as long as the bare products")


def growth(x, y, n: int) -> Callable:
    """A function that trains the net on about 60,000 digits, in as many epochs of n as that takes."""
    rows = torch.arange(n) % len(x)                              # where there are fewer digits they are repeated
    epoch = our_epoch(Batches(x[rows], y[rows], BATCH, shuffle=True), [(x[:1], y[:1])])
    return lambda: [epoch() for _ in range(60_000 // n)]


def start(code: str) -> Callable:
    """A function that runs the code as the only cell of a notebook, in a fresh kernel."""
    return lambda: new_client(new_notebook(cells=[new_code_cell(code)])).execute()


if __name__ == "__main__":
    print(f"Python {sys.version.split()[0]}, fastai {fastai.__version__}; {machine()}")
    with tempfile.TemporaryDirectory() as folder:                # fastai reads a folder of PNG files
        for k, image in enumerate(load_digits((3, 7), "bundled").train_x[:250]):
            Image.fromarray((image * 255).byte().numpy()).save(Path(folder) / f"{k:05}.png")
        ours, theirs, *_ = timed("the start, in a fresh notebook kernel", {
            "this course: set up, load, first picture": start(OUR_START),
            "fastai: import, list the files, first picture": start(FASTAI_START.format(folder)),
            "a kernel, and nothing else": start("pass"), "a kernel and PyTorch": start("import torch"),
            "a kernel, PyTorch and pyplot": start("import torch, matplotlib.pyplot")}, repeats=5)
    print(f"ours takes {ours / theirs:.0%} of fastai's route")
    rows, threads = data("full"), torch.get_num_threads()
    found = timed("about 60,000 digits through the net", {
        f"{60_000 // n} epochs of {n:,}": growth(*rows[:2], n) for n in (500, 2_000, 12_000, 60_000)}, repeats=5)
    print(f"the cost of a digit: {max(found) / min(found) - 1:.0%} between the cheapest and the dearest")
    for wiggled, several in [(False, threads), (True, threads), (False, 1)]:
        one_epoch(wiggled, several, *rows)

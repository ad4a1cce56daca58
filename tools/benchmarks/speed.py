"""The course's loading, training and start, timed beside PyTorch's loaders, fastai's, and the bare matrix products.

    MNIST_ROOT=folder python -m tools.benchmarks.speed              prints the times; some minutes

One epoch: a model over the full 3s and 7s in mini-batches of 256, shuffled, and a validation. What is compared is timed
in turns, so that a busy moment hits all alike; each figure is a median. Times depend on the machine: read the ratios.
speed.txt holds what one run printed.
"""
from __future__ import annotations

import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections import deque
from functools import partial
from pathlib import Path
from typing import Callable, Iterable

import torch
from torch import nn

from tools.benchmarks import Wiggled, data, machine
from tools.benchmarks.ladder import new_model
from tools.notebooks import ROOT
from utils import Batches, accuracy, load_digits, train_epoch, validate_epoch, wiggle

ROWS, BATCH, REPEATS = 12_396, 256, 15
OURS = "this course: Batches"
SHUFFLED = f"DataLoader(TensorDataset), batch_size={BATCH}"
FASTAI = "fastai's DataLoader of pairs"
LEARNER = "fastai's Learner, no progress bar"
BARE = "the bare matrix products"
OUR_START = """import sys; sys.path.insert(0, {root!r})
import torch
from utils import load_digits, show_images
torch.manual_seed(0)
digits = load_digits()
show_images(digits.train_x[0], alt='the first digit')"""
FASTAI_IMPORT = "from fastai.vision.all import *"
FASTAI_START = FASTAI_IMPORT + """
threes = (Path({pngs!r})/'3').ls().sorted()
Image.open(threes[1])"""


def load():
    """The full 3s and 7s as (n, 784) and (n, 1); the bundled ones, repeated up to as many, where there are none."""
    dataset = "full" if os.environ.get("MNIST_ROOT") or (ROOT / "data" / "full").exists() else "bundled"
    if dataset == "bundled":
        print("The full digits are not here (MNIST_ROOT is not set): the bundled ones, repeated up to as many.")
    return [a.repeat(-(-n // len(a)), 1)[:n].contiguous() for a, n in zip(data(dataset), (ROWS, ROWS, 2038, 2038))]


def our_epoch(kind: str, train: Iterable, valid: Iterable) -> Callable:
    """A function that trains for one epoch with the course's code, and validates."""
    model = new_model(kind, 0)
    opt = torch.optim.SGD(model.parameters(), lr=.1)
    return lambda: (train_epoch(model, opt, train), validate_epoch(model, valid))


def fastai_epoch(kind: str, train: Iterable, valid: Iterable, with_bar: bool = False) -> Callable:
    """The same with fastai's Learner; the augmentation, where there is one, is the course's."""
    import fastai.callback.progress                              # noqa: F401 (gives Learner its progress bar)
    from fastai.callback.core import Callback
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.optimizer import SGD

    class Wiggle(Callback):
        def before_batch(self):
            if self.training:
                self.learn.xb = wiggle(self.x),

    learner = Learner(DataLoaders(train, valid), new_model(kind, 0), loss_func=nn.BCEWithLogitsLoss(), opt_func=SGD, lr=.1,
                      metrics=accuracy, cbs=Wiggle if kind.endswith("wiggled") else None)

    def fit():
        with contextlib.ExitStack() as stack:
            for silence in [] if with_bar else [learner.no_bar(), learner.no_logging()]:
                stack.enter_context(silence)
            stack.enter_context(contextlib.redirect_stdout(None))
            learner.fit(1)
    return fit


def bare_products(kind: str, x) -> Callable:
    """Only the matrix products of one epoch's forward and backward passes, without a loss, a step or a shuffle."""
    w1, w2, w, g = torch.randn(784, 30), torch.randn(30, 1), torch.randn(784, 1), torch.randn(BATCH, 1)

    def bare():
        for xb in x.split(BATCH):
            gb = g[:len(xb)]
            if kind == "linear model":
                xb @ w
                xb.T @ gb
            else:
                h = xb @ w1                                      # forward
                h @ w2
                h.T @ gb                                         # backward
                xb.T @ (gb @ w2.T)
    return bare


def loaders_of(x, y, valid_x, valid_y) -> dict[str, tuple[Iterable, Iterable]]:
    """For each way to make mini-batches a shuffled loader and one for validation."""
    from fastai.data.load import DataLoader as FastaiLoader
    from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler, TensorDataset

    def by_batch(a, b, sampler):
        pairs = TensorDataset(a, b)
        return DataLoader(pairs, sampler=BatchSampler(sampler(pairs), BATCH, drop_last=False), batch_size=None)

    return {
        OURS: (Batches(x, y, BATCH, shuffle=True), Batches(valid_x, valid_y, BATCH)),
        "DataLoader, BatchSampler, batch_size=None": (by_batch(x, y, RandomSampler),
                                                      by_batch(valid_x, valid_y, SequentialSampler)),
        SHUFFLED: (DataLoader(TensorDataset(x, y), BATCH, shuffle=True), DataLoader(TensorDataset(valid_x, valid_y), BATCH)),
        FASTAI: (FastaiLoader(list(zip(x, y)), batch_size=BATCH, shuffle=True),
                 FastaiLoader(list(zip(valid_x, valid_y)), batch_size=BATCH)),
    }


def ways_through(kind: str, loaders: dict, x, y) -> dict[str, Callable]:
    """For each way through one epoch of a model the function that does it; ours is the first."""
    some = loaders if kind == "net" else {OURS: loaders[OURS]}
    if kind.endswith("wiggled"):
        some = {OURS: (Wiggled(x, y, BATCH, shuffle=True), loaders[OURS][1])}
    ways = {name: our_epoch(kind, train, valid) for name, (train, valid) in some.items()}
    ways[LEARNER] = fastai_epoch(kind, *loaders[FASTAI])
    if kind == "net":
        ways["fastai's Learner, with its progress bar"] = fastai_epoch(kind, *loaders[FASTAI], with_bar=True)
    return ways | {BARE: bare_products(kind, x)}


def growth(x, y) -> dict[str, Callable]:
    """For 500 to 60,000 digits a function that trains the net on about 60,000, in as many epochs as that takes."""
    def train(n: int) -> Callable:
        rows = torch.arange(n) % len(x)                          # where there are fewer digits they are repeated
        model, batches = new_model("net", 0), Batches(x[rows], y[rows], BATCH, shuffle=True)
        opt = torch.optim.SGD(model.parameters(), lr=.1)
        return lambda: [train_epoch(model, opt, batches) for _ in range(60_000 // n)]
    return {f"{60_000 // n} epochs of {n:,}": train(n) for n in (500, 2_000, 12_000, 60_000)}


def in_kernel(code: str) -> None:
    """Run the code as the only cell of a notebook, in a fresh kernel."""
    import nbformat.v4
    from nbclient import NotebookClient
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, kernel_name="python3", extra_arguments=["--log-level=ERROR"]).execute()


def medians(ways: dict[str, Callable], repeats: int) -> dict[str, float]:
    """Seconds that each takes: the median of some repeats, in turns, after one turn that does not count."""
    seconds = {name: [] for name in ways}
    for turn in range(repeats + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(several) for name, several in seconds.items()}


def table(title: str, seconds: dict[str, float], unit: str) -> None:
    """Print the times and how many times the first one's each is."""
    ours = next(iter(seconds.values()))
    print(f"\n{title:<46} {unit:>7}   times ours")
    for name, value in seconds.items():
        shown = f"{1000 * value:7.1f}" if unit == "ms" else f"{value:7.2f}"
        print(f"{name:<46} {shown} {value / ours:9.2f}", flush=True)


def training(x, y, valid_x, valid_y) -> None:
    """Time the epochs, the mini-batches alone, and the growth with the number of digits."""
    loaders = loaders_of(x, y, valid_x, valid_y)
    for threads in sorted({torch.get_num_threads(), 1}, reverse=True):
        torch.set_num_threads(threads)
        for kind in ["linear model", "net", "net, wiggled"] if threads > 1 or os.cpu_count() == 1 else ["net"]:
            found = medians(ways_through(kind, loaders, x, y), REPEATS)
            table(f"one epoch of the {kind}, {ROWS:,} digits, {threads} thread{'s' * (threads > 1)}", found, "ms")
            print(f"ours is {found[LEARNER] / found[OURS]:.1f} times as fast as fastai's Learner, and takes "
                  f"{found[OURS] / found[BARE]:.1f} times as long as the bare products")
    torch.set_num_threads(os.cpu_count() or 1)
    table("the training mini-batches alone, no model", medians(
        {name: partial(deque, train, maxlen=0) for name, (train, _) in loaders.items()}, REPEATS), "ms")
    found = medians(growth(x, y), 5)
    table("about 60,000 digits through the net", found, "ms")
    print(f"the cost of a digit: {max(found.values()) / min(found.values()) - 1:.0%} between the cheapest and the dearest")


def starting() -> None:
    """Time how a fresh kernel gets to its first picture, ours and fastai's, which reads a folder of PNG files."""
    from PIL import Image
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "3").mkdir()
        for k, image in enumerate(load_digits((3, 7), "bundled").train_x[:250]):
            Image.fromarray((image * 255).byte().numpy()).save(Path(folder) / "3" / f"{k:05}.png")
        found = medians({
            "this course: set up, load, first picture": lambda: in_kernel(OUR_START.format(root=str(ROOT))),
            "fastai: import, list the files, first picture": lambda: in_kernel(FASTAI_START.format(pngs=folder)),
            "fastai: import, nothing else": lambda: in_kernel(FASTAI_IMPORT)}, 5)
    table("the start, in a fresh notebook kernel", found, "s")
    ours, theirs, *_ = found.values()
    print(f"ours takes {ours / theirs:.0%} of fastai's route")


if __name__ == "__main__":
    import fastai
    print(f"Python {sys.version.split()[0]}, fastai {fastai.__version__}; {machine()}")
    starting()
    training(*load())

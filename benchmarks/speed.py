"""The course's training loop and its start, timed beside PyTorch's loaders and fastai's.

    MNIST_ROOT=folder python benchmarks/speed.py              prints the times; about two minutes
    MNIST_ROOT=folder python benchmarks/speed.py --kernel     the start also in a notebook kernel

One epoch: the 784-30-1 net over the full 3s and 7s in mini-batches of 256, shuffled, and a validation. What is compared
is timed in turns, so that a busy moment hits all alike; each figure is a median. Times depend on the machine: read the
ratios. speed.txt holds what one run printed.
"""
from __future__ import annotations

import argparse
import contextlib
import io
import os
import platform
import statistics
import subprocess
import sys
import time
from collections import deque
from functools import partial
from pathlib import Path
from typing import Callable, Iterable

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT))

ROWS, BATCH = 12_396, 256
OURS = "this course: Batches"
FASTAI = "fastai's DataLoader of pairs"
LEARNER = "fastai's Learner, no progress bar"
BARE = "the bare matrix products"
SETUP = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
OUR_START = SETUP + ("import torch\nfrom utils import load_digits, show_images\ntorch.manual_seed(0)\n"
                     "digits = load_digits()\nshow_images(digits.train_x[0], alt='the first digit')")
FASTAI_START = "from fastai.vision.all import *"


def load():
    """The full 3s and 7s as (n, 784) and (n, 1); the bundled ones, repeated up to as many, where there are none."""
    from utils import as_xy, load_digits
    if os.environ.get("MNIST_ROOT") or (ROOT / "data" / "full").exists():
        digits = load_digits(dataset="full")
    else:
        print("The full digits are not here (MNIST_ROOT is not set): the bundled ones, repeated up to as many.")
        digits = load_digits(dataset="bundled")
    train, valid = as_xy(*digits[:2], 3), as_xy(*digits[2:], 3)
    return [a.repeat(-(-n // len(a)), 1)[:n].contiguous() for (a, n) in zip((*train, *valid), (ROWS, ROWS, 2038, 2038))]


def prepare() -> tuple[dict[str, Callable], dict[str, Iterable]]:
    """For each way through one epoch a function that does it, and the loaders of mini-batches that these use.

    All start from the same parameters.
    """
    import fastai.callback.progress                              # noqa: F401 (gives Learner its progress bar)
    import torch
    from fastai.data.core import DataLoaders
    from fastai.data.load import DataLoader as FastaiLoader
    from fastai.learner import Learner
    from fastai.optimizer import SGD
    from torch import nn
    from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler, TensorDataset
    from utils import Batches, accuracy, train_epoch, validate_epoch
    x, y, valid_x, valid_y = load()

    def net():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(784, 30), nn.ReLU(), nn.Linear(30, 1))

    def our_loop(train, valid):
        model = net()
        opt = torch.optim.SGD(model.parameters(), lr=.1)

        def one_epoch():
            train_epoch(model, opt, train)
            validate_epoch(model, valid)
        return one_epoch

    def by_batch(a, b, sampler):
        data = TensorDataset(a, b)
        return DataLoader(data, sampler=BatchSampler(sampler(data), BATCH, drop_last=False), batch_size=None)

    pairs, valid_pairs = list(zip(x, y)), list(zip(valid_x, valid_y))
    loaders = {
        OURS: (Batches(x, y, BATCH, shuffle=True), Batches(valid_x, valid_y, BATCH)),
        "DataLoader, BatchSampler, batch_size=None": (by_batch(x, y, RandomSampler),
                                                      by_batch(valid_x, valid_y, SequentialSampler)),
        "DataLoader, batch_size=256": (DataLoader(TensorDataset(x, y), BATCH, shuffle=True),
                                       DataLoader(TensorDataset(valid_x, valid_y), BATCH)),
        FASTAI: (FastaiLoader(pairs, batch_size=BATCH, shuffle=True), FastaiLoader(valid_pairs, batch_size=BATCH)),
    }

    def learner():
        return Learner(DataLoaders(*loaders[FASTAI]), net(), loss_func=nn.BCEWithLogitsLoss(), opt_func=SGD, lr=.1,
                       metrics=accuracy)
    quiet, with_bar = learner(), learner()

    def fit_quietly():
        with quiet.no_bar(), quiet.no_logging():
            quiet.fit(1)

    def fit_with_bar():
        with contextlib.redirect_stdout(io.StringIO()):
            with_bar.fit(1)

    w1, w2, g = torch.randn(784, 30), torch.randn(30, 1), torch.randn(BATCH, 1)

    def bare():
        for xb in x.split(BATCH):
            h = xb @ w1                                          # forward
            h @ w2
            gb = g[:len(xb)]                                     # backward
            h.T @ gb
            xb.T @ (gb @ w2.T)

    ways = {name: our_loop(*pair) for name, pair in loaders.items()}
    ways |= {LEARNER: fit_quietly, "fastai's Learner, with its progress bar": fit_with_bar, BARE: bare}
    return ways, {name: train for name, (train, _) in loaders.items()}


def in_process(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def in_kernel(code: str) -> None:
    """Run the code as the only cell of a notebook, in a fresh kernel."""
    import nbformat.v4
    from nbclient import NotebookClient
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, kernel_name="python3").execute()


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel", action="store_true", help="measure the start in a notebook kernel, too")
    parser.add_argument("--repeats", type=int, default=15, help="of each epoch (default 15)")
    options = parser.parse_args()
    import fastai
    import torch
    print(f"Python {platform.python_version()}, torch {torch.__version__}, fastai {fastai.__version__}; "
          f"{os.cpu_count()} cores, {platform.machine()}, {torch.backends.cpu.get_cpu_capability()}")
    ways, loaders = prepare()
    for threads in sorted({torch.get_num_threads(), 1}, reverse=True):
        torch.set_num_threads(threads)
        found = medians(ways, options.repeats)
        table(f"one epoch, {ROWS:,} digits, {threads} thread{'s' * (threads > 1)}", found, "ms")
        print(f"ours is {found[FASTAI] / found[OURS]:.1f} times as fast as fastai's loader, "
              f"{found[LEARNER] / found[OURS]:.1f} times as fast as its Learner; "
              f"{found[OURS] / found[BARE]:.1f} times the bare products")
    table("the training mini-batches alone, no model", medians(
        {name: partial(deque, loader, maxlen=0) for name, loader in loaders.items()}, options.repeats), "ms")
    for where, run in [("process", in_process)] + [("notebook kernel", in_kernel)] * options.kernel:
        table(f"the start, in a fresh {where}", medians({
            "this course: set up, load, first picture": lambda: run(OUR_START),
            "from fastai.vision.all import *, nothing else": lambda: run(FASTAI_START)}, 3), "s")


if __name__ == "__main__":
    main()

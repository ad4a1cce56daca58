"""What the benchmarks share: the digits as rows, one training, and results in a JSON file beside each script."""
import argparse
import json
import os
import platform
import re
import statistics
from functools import cache
from pathlib import Path
from typing import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from utils import Batches, as_xy, load_digits, wiggle

T95 = 2.262                          # Student's t: 95 % of it within ± this, nine degrees of freedom, so for ten seeds
HERE = Path(__file__).parent


@cache
def data(dataset: str, digits: tuple[int, ...] = (3, 7)) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Train x (n, 784), train y, validation x and y. Of two digits y is (n, 1), 1. for the first; of more the labels (n,)."""
    found = load_digits(digits, dataset)
    if len(digits) == 2:
        return *as_xy(*found[:2], digits[0]), *as_xy(*found[2:], digits[0])
    return found.train_x.flatten(1), found.train_y, found.valid_x.flatten(1), found.valid_y


class Wiggled(Batches):
    """Mini-batches changed at random on each pass, `strength` times as far as in the lessons; at 0 they stay as they are."""
    strength = 1.

    def __iter__(self):
        s = self.strength
        for xb, yb in super().__iter__():
            yield wiggle(xb, 15 * s, .1 * s, 2 * s, .2 * s) if s else xb, yb


def train(model: nn.Module, x: Tensor, y: Tensor, seed: int, lr: float, epochs: int, batch_size: int = 32,
          wiggled: float = 0., falling: bool = False, momentum: float = 0., decay: float = 0., make: Callable = Wiggled,
          after_epoch: Callable = lambda: None) -> nn.Module:
    """Train a model with SGD on rows x and targets or labels y, and return it. falling: the learning rate goes in a straight
    line to 0. make: the mini-batches. after_epoch: called after each; it ends the training when it returns True."""
    batches = make(x, y, batch_size, shuffle=True, seed=seed)
    batches.strength = wiggled
    loss_func = F.binary_cross_entropy_with_logits if y.is_floating_point() else F.cross_entropy
    opt = torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.LinearLR(opt, 1, 0 if falling else 1, epochs)
    for _ in range(epochs):
        model.train()
        for xb, yb in batches:
            opt.zero_grad()
            loss_func(model(xb), yb).backward()
            opt.step()
        schedule.step()
        model.eval()
        if after_epoch():
            break
    return model.eval()


@torch.no_grad()
def right(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """For each digit (n,) whether the model is right about it."""
    preds = torch.cat([model(xb) for xb in x.split(500)])
    return (preds > 0)[:, 0] == (y > .5)[:, 0] if y.is_floating_point() else preds.argmax(1) == y


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The mean of one value a seed, and half of its 95 % t-interval (for ten seeds); a single value has none: 0."""
    if len(values) == 1:
        return values[0], 0.
    return statistics.mean(values), T95 * statistics.stdev(values) / len(values) ** .5


def machine() -> str:
    """Processor, cores and PyTorch, for the results."""
    return (f"{platform.machine()} ({torch.backends.cpu.get_cpu_capability()}), {torch.get_num_threads()} of "
            f"{os.cpu_count()} cores, PyTorch {torch.__version__.split('+')[0]}")


def results(name: str) -> dict:
    """What a benchmark has stored; empty when it never ran."""
    file = HERE / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def store(name: str, found: dict) -> None:
    """Replace a benchmark's results as a whole, each innermost list in one line."""
    from tools.notebooks import write
    text = json.dumps(found, indent=2, ensure_ascii=False)
    write(HERE / f"{name}.json", re.sub(r"[\[{][^][{}]*[]}]", lambda inner: re.sub(r"\s+", " ", inner[0]), text) + "\n")


def arguments(doc: str, **choices: Sequence[str] | None) -> argparse.Namespace:
    """The words of the command line, each optional; choices by name, None for any word."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, allowed in choices.items():
        parser.add_argument(name, nargs="?", choices=allowed, default=None if allowed else "")
    return parser.parse_args()

"""What the benchmarks share: digits as rows, one training, one command line, results in a JSON file beside each script."""
import argparse
import json
import os
import platform
import re
import statistics
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Callable, Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from utils import Batches, as_xy, load_digits, wiggle

T95 = 2.262                          # Student's t: 95 % of it within ± this, nine degrees of freedom, so for ten seeds
HERE = Path(__file__).parent


# ---------------------------------------------------------------- one training

@cache
def data(dataset: str, digits: tuple[int, ...] = (3, 7)) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Train x (n, 784), train y, validation x and y. Of two digits y is (n, 1), 1. for the first; of more the labels (n,)."""
    found = load_digits(digits, dataset)
    if len(digits) == 2:
        return *as_xy(*found[:2], digits[0]), *as_xy(*found[2:], digits[0])
    return found.train_x.flatten(1), found.train_y, found.valid_x.flatten(1), found.valid_y


def new_model(name: str, seed: int, outputs: int = 1, hidden: int = 30, dropout: float = 0.) -> nn.Module:
    """An untrained ResNet-18, linear model (any name that begins so) or else ReLU net: rows (n, 784) -> scores (n, outputs)."""
    torch.manual_seed(seed)
    if name == "ResNet-18":
        from torchvision.models import resnet18
        net = resnet18(weights=None)
        net.conv1 = nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)        # one channel, not three
        net.fc = nn.Linear(512, outputs)                                                    # not 1,000 classes
        return nn.Sequential(nn.Unflatten(1, (1, 28, 28)), net)
    if name.startswith("linear"):
        return nn.Linear(784, outputs)
    left_out = [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(nn.Linear(784, hidden), nn.ReLU(), *left_out, nn.Linear(hidden, outputs))


def train(model: nn.Module, x: Tensor, y: Tensor, seed: int, lr: float, epochs: int, batch_size: int = 32,
          wiggled: float = 0., falling: bool = False, shuffle: bool = True, opt: Callable = torch.optim.SGD,
          after_epoch: Callable = lambda model: None, **options) -> nn.Module:
    """Train a model on rows x and targets or labels y, and return it.

    wiggled: how far the augmentation goes, 1 as in the lessons. falling: the rate goes in a straight line to 0. opt,
    options: the optimiser, and what it takes beside the rate. after_epoch: it ends the training when it returns True.
    """
    batches = Batches(x, y, batch_size, shuffle=shuffle, seed=seed)
    loss_func = F.binary_cross_entropy_with_logits if y.is_floating_point() else F.cross_entropy
    optimiser = opt(model.parameters(), lr=lr, **options)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1, 0 if falling else 1, epochs)
    for _ in range(epochs):
        model.train()
        for xb, yb in batches:
            if wiggled:
                xb = wiggle(xb, 15 * wiggled, .1 * wiggled, 2 * wiggled, .2 * wiggled)
            optimiser.zero_grad()
            loss_func(model(xb), yb).backward()
            optimiser.step()
        schedule.step()
        model.eval()
        if after_epoch(model):
            break
    return model.eval()


@torch.no_grad()
def right(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """For each digit (n,) whether the model is right about it."""
    preds = torch.cat([model(xb) for xb in x.split(500)])
    return (preds > 0)[:, 0] == (y > .5)[:, 0] if y.is_floating_point() else preds.argmax(1) == y


def answers(name: str, dataset: str, seeds: Iterable[int], digits: tuple[int, ...] = (3, 7), dropout: float = 0.,
            **settings) -> Tensor:
    """For each seed a new model, trained: is it right about each validation digit after the last epoch? (seeds, digits)"""
    x, y, vx, vy = data(dataset, digits)
    return torch.stack([right(train(new_model(name, seed, dropout=dropout), x, y, seed, **settings), vx, vy) for seed in seeds])


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The mean of one value a seed, and half of its 95 % t-interval (for ten seeds); a single value has none: 0."""
    if len(values) == 1:
        return values[0], 0.
    return statistics.mean(values), T95 * statistics.stdev(values) / len(values) ** .5


# ---------------------------------------------------------------- one way to measure, store and report

def machine() -> str:
    """Processor, cores and PyTorch, for the results."""
    return (f"{platform.machine()} ({torch.backends.cpu.get_cpu_capability()}), {torch.get_num_threads()} of "
            f"{os.cpu_count()} cores, PyTorch {torch.__version__.split('+')[0]}")


def in_fresh_processes(function, processes: int, *words) -> list:
    """What a function gives, called with 0, 1, … and the words, each in a process of its own and all at the same time."""
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        return [job.result() for job in [pool.submit(function, rank, *words) for rank in range(processes)]]


def results(name: str) -> dict:
    """What a benchmark has stored; empty when it never ran."""
    file = HERE / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def store(name: str, keys: Sequence[str], value: Any) -> None:
    """Put a value into a benchmark's results, at one key inside the other; each innermost list gets one line."""
    from tools.notebooks import write
    found = inner = results(name)
    for key in keys[:-1]:
        inner = inner.setdefault(key, {})
    inner[keys[-1]] = value
    text = json.dumps(found, indent=2, ensure_ascii=False)
    write(HERE / f"{name}.json", re.sub(r"[\[{][^][{}]*[]}]", lambda inner: re.sub(r"\s+", " ", inner[0]), text) + "\n")


def report(found: dict, depth: int = 0, valid: int = 1) -> None:
    """Print what is stored. Of one value a seed: mean ± standard deviation, for ten seeds also half of the mean's 95 %
    interval, and counts as fractions of the validation digits; of one list a seed: the means."""
    for key, value in found.items():
        title = f"{'  ' * depth + key:<48}"
        if isinstance(value, list) and isinstance(value[0], list):
            print(title, *(f"{statistics.mean(values):.3f}" for values in zip(*value)))
        elif isinstance(value, list):
            values = [one / valid if isinstance(one, int) else one for one in value]
            mean, half = interval(values)
            print(title, f"{mean:.4f}", f"± {statistics.stdev(values):.4f}" if len(values) > 1 else "",
                  f"  ± {half:.4f}" if len(values) == 10 else "")
        elif isinstance(value, dict) and key != "settings" and any(isinstance(one, (dict, list)) for one in value.values()):
            print(title)
            report(value, depth + 1, value.get("valid", valid))
        else:
            print(title, str(value).strip("{}").replace("'", ""))


def main(name: str, doc: str, parts: Iterable[str], jobs: Callable, report: Callable = report) -> None:
    """The command line of a benchmark: measure the part that is named, if one is; then report all that is stored.

    jobs(part): what to measure, in order, as pairs of keys in the results, and a value or the function that computes it.
    Each is stored at once, so that a run can be broken off. A second word picks those whose last key begins so.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", choices=parts)
    parser.add_argument("begins", nargs="?", default="")
    wanted = parser.parse_args()
    for keys, job in jobs(wanted.part) if wanted.part else []:
        if not callable(job) or keys[-1].startswith(wanted.begins):
            print(*keys, flush=True)
            store(name, keys, job() if callable(job) else job)
    if results(name):
        report(results(name))


def about(dataset: str, digits: tuple[int, ...] = (3, 7), **more) -> list[tuple[tuple[str, str], Any]]:
    """The first jobs of each benchmark that is measured on a whole dataset: how many digits, and what else is to be said."""
    x, _, vx, _ = data(dataset, digits)
    return [((dataset, key), value) for key, value in {"train": len(x), "valid": len(vx), **more}.items()]

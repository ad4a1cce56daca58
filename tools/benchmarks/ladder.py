"""The ladder: how many 3s and 7s each kind of model gets right, over ten seeds.

    python -m tools.benchmarks.ladder bundled      half a minute
    python -m tools.benchmarks.ladder full         some minutes; set MNIST_ROOT, or let it download MNIST
    python -m tools.benchmarks.ladder              trains nothing: prints what is stored and draws it again

The results go to ladder.json, where the other dataset's stay as they are, and to ladder.png. Accuracies are those after
the last epoch, never the best of several. Each seed sets the initial parameters, the shuffles and the wiggles.
"""
from __future__ import annotations

import argparse
import json
import math
import os
import platform
import re
import statistics
import sys
from functools import cache
from pathlib import Path
from typing import Callable

import torch
from torch import Tensor, nn

sys.path.append(str(Path(__file__).resolve().parents[2]))
from utils import Batches, WiggledBatches, as_xy, fit, load_digits

RESULTS = Path(__file__).with_name("ladder.json")
PICTURE = Path(__file__).with_name("ladder.png")
SEEDS = range(10)
T95 = 2.262                                        # Student's t: 95 % of it within ± this, nine degrees of freedom

SIMILARITY = ["pixel similarity, L1", "pixel similarity, L2"]
TRAINED = ["linear model", "linear model, wiggled digits", "ReLU net", "ReLU net, wiggled digits"]
RUNGS = SIMILARITY + TRAINED
SETTINGS = {                                       # falling: the learning rate goes in a straight line to 0
    "bundled": {"plain": {"batch_size": 32, "epochs": 40, "lr": .1, "falling": False},
                "wiggled": {"batch_size": 32, "epochs": 100, "lr": .3, "falling": True}},
    "full": {"plain": {"batch_size": 64, "epochs": 40, "lr": .1, "falling": False},
             "wiggled": {"batch_size": 64, "epochs": 40, "lr": .3, "falling": True}},
}
CONTROLS = ["ReLU net, as long", "linear model, as long"]   # is it the wiggle, or only its longer training and falling rate?
COMPARED = [("ReLU net, wiggled digits", "ReLU net"), ("ReLU net, wiggled digits", "ReLU net, as long"),
            ("ReLU net, wiggled digits", "linear model"), ("ReLU net", "linear model"),
            ("linear model, wiggled digits", "linear model"),
            ("linear model, wiggled digits", "linear model, as long"),
            ("linear model", "pixel similarity, L2"), ("ReLU net, wiggled digits", "pixel similarity, L2")]
BOOK = {"source": "Howard and Gugger, Deep Learning for Coders with fastai and PyTorch, chapter 4 (04_mnist_basics), "
                  "on the full digits; its L1 figure is the mean of two class accuracies, one run each",
        "pixel similarity, L1": .9511, "linear model": .9785, "ReLU net": .9828, "ResNet-18": .9971}


@cache
def data(dataset: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Train x (n, 784), train y (n, 1), validation x and y; y is 1. for a 3."""
    train_x, train_y, valid_x, valid_y = load_digits((3, 7), dataset)
    return *as_xy(train_x, train_y, 3), *as_xy(valid_x, valid_y, 3)


def nearer(name: str, dataset: str) -> Tensor:
    """Pixel similarity: is each validation digit (n,) called rightly by its distance to the mean 3 and the mean 7?"""
    train_x, train_y, valid_x, valid_y = data(dataset)
    mean7, mean3 = (train_x[train_y[:, 0] == yes].mean(0) for yes in (0, 1))                # (784,) each
    if name.endswith("L1"):
        to7, to3 = ((valid_x - mean).abs().mean(1) for mean in (mean7, mean3))              # (n,) each
    else:
        to7, to3 = ((valid_x - mean).square().mean(1).sqrt() for mean in (mean7, mean3))
    return (to3 < to7) == (valid_y[:, 0] > .5)


def new_model(name: str, seed: int) -> nn.Module:
    """A linear model or the 784-30-1 net, as the rung's name begins: rows (n, 784) -> scores (n, 1)."""
    torch.manual_seed(seed)
    return nn.Linear(784, 1) if name.startswith("linear") else nn.Sequential(nn.Linear(784, 30), nn.ReLU(), nn.Linear(30, 1))


def train(model: nn.Module, name: str, dataset: str, seed: int, make: Callable | None = None) -> None:
    """Train a model with the settings that the end of a rung's name stands for.

    make: what makes the mini-batches; default Batches or WiggledBatches, as the name says.
    """
    x, y, valid_x, valid_y = data(dataset)
    wiggled = name.endswith("wiggled digits")
    use = SETTINGS[dataset]["wiggled" if wiggled or name.endswith("as long") else "plain"]
    batches = (make or (WiggledBatches if wiggled else Batches))(x, y, use["batch_size"], shuffle=True, seed=seed)
    opt = torch.optim.SGD(model.parameters(), lr=use["lr"])
    falling = torch.optim.lr_scheduler.LinearLR(opt, 1, 0, use["epochs"]) if use["falling"] else None
    fit(model, opt, batches, Batches(valid_x, valid_y, len(valid_x)), use["epochs"], falling)


def train_rung(name: str, dataset: str, seed: int) -> Tensor:
    """Train one model from the start: is each validation digit (n,) called rightly after the last epoch?"""
    model, (valid_x, valid_y) = new_model(name, seed), data(dataset)[2:]
    train(model, name, dataset, seed)
    with torch.no_grad():
        return ((model(valid_x) > 0) == (valid_y > .5))[:, 0]


def interval(values: list[float]) -> tuple[float, float]:
    """The mean of one value a seed and the half-width of its 95 % t-interval; a single value has none: 0."""
    if len(values) == 1:
        return values[0], 0.
    return statistics.mean(values), T95 * statistics.stdev(values) / math.sqrt(len(values))


def accuracies(dataset: str, part: str = "right") -> dict[str, list[float]]:
    """For each rung the stored accuracies: one a seed, or a single one where nothing is trained."""
    stored = json.loads(RESULTS.read_text(encoding="utf-8"))[dataset]
    return {name: [count / stored["valid"] for count in counts] for name, counts in stored[part].items()}


def summary(dataset: str) -> dict[str, tuple[float, float]]:
    """For each rung (mean, half-width of its 95 % t-interval over the seeds), as stored; dataset: bundled or full."""
    return {name: interval(values) for name, values in accuracies(dataset).items()}


def comparisons(dataset: str) -> dict[str, tuple[float, float, float]]:
    """For each stored comparison "A – B": the difference, and the half-widths over the seeds and over the digits."""
    compared = json.loads(RESULTS.read_text(encoding="utf-8"))[dataset]["compared"]
    return {pair: tuple(found.values()) for pair, found in compared.items()}


def compare(a: Tensor, b: Tensor) -> dict[str, float]:
    """How much better A is than B; a, b: bool (seeds or 1, digits), True where a digit is called rightly.

    Two kinds of luck, each with the half-width of its 95 % interval: which seeds (paired, t), and which validation
    digits there happen to be (each digit's share of seeds under A less that under B).
    """
    better = a.double() - b.double()
    difference, seeds = interval(better.mean(1).tolist())
    digits = 1.96 * better.mean(0).std().item() / math.sqrt(better.shape[1])
    return {"difference": round(difference, 5), "over seeds": round(seeds, 5), "over digits": round(digits, 5)}


def machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()} ({torch.backends.cpu.get_cpu_capability()})"


def store(file: Path, results: dict) -> None:
    """Write results as JSON, each innermost list in one line; the file is replaced as a whole or stays as it is."""
    from tools.notebooks import write
    text = json.dumps(results, indent=2, ensure_ascii=False)
    write(file, re.sub(r"[\[{][^][{}]*[]}]", lambda inner: re.sub(r"\s+", " ", inner[0]), text) + "\n")


def measure(dataset: str) -> None:
    """Compute every rung of one dataset and store it; says how far it is."""
    def over_seeds(name):
        runs = []
        for seed in SEEDS:
            runs.append(train_rung(name, dataset, seed))
            print(f"{name}, seed {seed}: {runs[-1].sum()} of {len(runs[-1])}", flush=True)
        return torch.stack(runs)                                                            # (seeds, digits)

    rungs = {name: nearer(name, dataset)[None] for name in SIMILARITY} | {name: over_seeds(name) for name in TRAINED}
    print("controls: not wiggled, with the wiggled models' epochs and learning rate")
    controls = {name: over_seeds(name) for name in CONTROLS}
    runs = rungs | controls
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    results[dataset] = {
        "train": len(data(dataset)[0]), "valid": len(data(dataset)[2]), "torch": torch.__version__.split("+")[0],
        "machine": machine(),
        "settings": SETTINGS[dataset] | {"optimiser": "SGD without momentum", "loss": "binary cross-entropy"},
        "right": {name: runs.sum(1).tolist() for name, runs in rungs.items()},
        "control": {name: run.sum(1).tolist() for name, run in controls.items()},
        "compared": {f"{a} – {b}": compare(runs[a], runs[b]) for a, b in COMPARED}}
    store(RESULTS, {name: results[name] for name in SETTINGS if name in results})


def report(dataset: str) -> None:
    """Print the stored ladder of one dataset, and who beats whom."""
    print(f"\n{dataset:<42} mean ± sd       95 % interval over the seeds")
    for name, values in (accuracies(dataset) | accuracies(dataset, "control")).items():
        mean, half = interval(values)
        print(f"{name:<42} {mean:.4f}" + (f" ± {statistics.stdev(values):.4f}  {mean - half:.4f} … {mean + half:.4f}"
                                          if len(values) > 1 else ""))
    print("\nA – B, with the half-widths of its 95 % intervals: over the seeds, and over the validation digits")
    for pair, (difference, seeds, digits) in comparisons(dataset).items():
        verdict = "not told apart" if abs(difference) <= max(seeds, digits) else "better" if difference > 0 else "worse"
        print(f"{pair:<70} {difference:+.4f} ± {seeds:.4f}, ± {digits:.4f}: {verdict}")


def draw(datasets: list[str], marks: dict[str, float] | None = None):
    """The ladder as a figure: a panel for each dataset, each seed a grey dot, the mean with its interval in black.

    marks: accuracies by rung, drawn as blue triangles (notebook 06 marks the models that it trained).
    """
    import matplotlib.pyplot as plt
    stored = json.loads(RESULTS.read_text(encoding="utf-8"))
    fig, panels = plt.subplots(1, len(datasets), figsize=(1.6 + 4.4 * len(datasets), 4.4), sharey=True,
                               squeeze=False, layout="constrained")
    for ax, dataset in zip(panels[0], datasets):
        values = accuracies(dataset)
        for height, (name, several) in enumerate(values.items()):
            mean, half = interval(several)
            ax.axhline(height, color="0.9", lw=6, zorder=1)                                 # the rung
            ax.plot(several, [height] * len(several), "o", color="0.55", ms=4, mew=0, zorder=2)
            ax.errorbar(mean, height, xerr=half or None, fmt="o", color="black", capsize=4, ms=6, zorder=4)
            ax.annotate(f"{mean:.3f}".lstrip("0"), (mean, height), (0, 8), textcoords="offset points", ha="center",
                        fontsize=11, fontweight="bold", zorder=5,
                        bbox={"boxstyle": "square,pad=.05", "fc": "white", "ec": "none"})
            if name in (marks or {}):
                inside = marks[name] >= .943                       # else at the edge, pointing out of the picture
                ax.plot(max(marks[name], .943), height - .2, "^" if inside else "<", color="tab:blue", ms=9, zorder=6)
            if dataset == "full" and name in BOOK:
                ax.plot(BOOK[name], height, "D", mfc="white", mec="tab:red", mew=1.5, ms=6, zorder=3)
                ax.annotate("book", (BOOK[name], height), (-7, 0), textcoords="offset points", ha="right", va="center",
                            color="tab:red", fontsize=9.5)
        if dataset == "full":
            ax.axvline(BOOK["ResNet-18"], color="tab:red", ls="--", lw=1.2, zorder=2)
            ax.annotate("the book's ResNet-18", (BOOK["ResNet-18"], 1.5), (-6, 0), textcoords="offset points",
                        ha="right", va="center", color="tab:red", fontsize=9.5)
        ax.set_title(f"{stored[dataset]['train']:,} digits to learn from", fontsize=11)
        ax.set(xlim=(.942, 1.0015), ylim=(-.5, len(values) - .4), xticks=[.95, .96, .97, .98, .99, 1],
               xticklabels=[".95", ".96", ".97", ".98", ".99", "1"])
        ax.set_xlabel(f"accuracy on {stored[dataset]['valid']:,} other digits")
        ax.set_yticks(range(len(values)), [name.replace(", wiggled", ",\nwiggled") for name in values], fontsize=10)
        ax.tick_params(length=0)
        ax.spines[["top", "right", "left"]].set_visible(False)
    key = "grey: one of ten seeds; black: their\nmean, with its 95 % interval"
    panels[0, 0].text(.944, 4.5, key + ("\nblue triangle: computed here" if marks else ""), fontsize=9.5,
                      color="0.3", ha="left", va="center")
    return fig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?", choices=list(SETTINGS), help="what to train on; nothing: only report")
    dataset = parser.parse_args().dataset
    if dataset:
        measure(dataset)
    stored = [name for name in SETTINGS if name in json.loads(RESULTS.read_text(encoding="utf-8"))]
    for name in stored:
        report(name)
    draw(stored).savefig(PICTURE, dpi=150, metadata={"Software": None})


if __name__ == "__main__":
    main()

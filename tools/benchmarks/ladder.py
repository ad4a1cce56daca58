"""The ladder: how many 3s and 7s each kind of model gets right, over ten seeds.

    python -m tools.benchmarks.ladder bundled      half a minute
    python -m tools.benchmarks.ladder full         some minutes; set MNIST_ROOT, or let it download MNIST
    python -m tools.benchmarks.ladder              trains nothing: prints what is stored and draws it again

Each result is printed as the mean over the seeds, their standard deviation and half of the mean's 95 % interval; the
picture is ladder.png. Accuracies are those after the last epoch, never the best of several.
"""
from functools import cache

import torch
from torch import Tensor

from tools.benchmarks import HERE, about, answers, data, interval, machine, main, results

SEEDS = range(10)
SIMILARITY = ["pixel similarity, L1", "pixel similarity, L2"]
TRAINED = ["linear model", "linear model, wiggled digits", "ReLU net", "ReLU net, wiggled digits"]
RUNGS = SIMILARITY + TRAINED
SETTINGS = {dataset: {"plain": {"batch_size": size, "epochs": 40, "lr": .1, "falling": False},
                      "wiggled": {"batch_size": size, "epochs": long, "lr": .3, "falling": True}}
            for dataset, size, long in [("bundled", 32, 100), ("full", 64, 40)]}
CONTROLS = ["ReLU net, as long", "linear model, as long"]   # is it the augmentation, or only its longer training?
COMPARED = [("ReLU net, wiggled digits", "ReLU net"), ("ReLU net, wiggled digits", "ReLU net, as long"),
            ("ReLU net, wiggled digits", "linear model"), ("ReLU net", "linear model"),
            ("linear model, wiggled digits", "linear model"), ("linear model, wiggled digits", "linear model, as long"),
            ("linear model", "pixel similarity, L2"), ("ReLU net, wiggled digits", "pixel similarity, L2")]
# Howard and Gugger, Deep Learning for Coders, chapter 4, full digits: one run each; L1 is the mean of two class accuracies
BOOK = {"pixel similarity, L1": .9511, "linear model": .9785, "ReLU net": .9828, "ResNet-18": .9971}


def nearest(name: str, dataset: str, digits: tuple[int, ...] = (3, 7)) -> Tensor:
    """Pixel similarity, L1 or L2: is the mean of its own class the nearest for each validation digit (n,)?"""
    x, y, vx, vy = data(dataset, digits)
    classes = y.unique()
    means = [x[y.flatten() == one].mean(0) for one in classes]
    far = torch.stack([(vx - mean).abs().pow(int(name[-1])).sum(1) for mean in means], 1)           # (n, classes)
    return classes[far.argmin(1)] == vy.flatten()


def settings(name: str, dataset: str) -> dict:
    """How the model of a rung is trained, as the end of its name says."""
    long = name.endswith(("wiggled digits", "as long"))
    return SETTINGS[dataset]["wiggled" if long else "plain"] | {"wiggled": float(name.endswith("wiggled digits"))}


@cache
def climbed(name: str, dataset: str) -> Tensor:
    """For each seed (one row where nothing is trained) whether each validation digit is called rightly: (seeds, digits)."""
    return nearest(name, dataset)[None] if name in SIMILARITY else answers(name, dataset, SEEDS, **settings(name, dataset))


def jobs(dataset: str):
    """What to measure on one dataset: each rung, and how far one is above another."""
    yield from about(dataset, machine=machine(), settings=SETTINGS[dataset])
    for name in RUNGS + CONTROLS:
        part = "control" if name in CONTROLS else "right"
        yield (dataset, part, name), lambda name=name: climbed(name, dataset).sum(1).tolist()
    for a, b in COMPARED:
        yield (dataset, "compared", f"{a} – {b}"), lambda a=a, b=b: compare(climbed(a, dataset), climbed(b, dataset))


def accuracies(dataset: str) -> dict[str, list[float]]:
    """For each rung the stored accuracies: one a seed, or a single one where nothing is trained."""
    stored = results("ladder")[dataset]
    return {name: [count / stored["valid"] for count in counts] for name, counts in stored["right"].items()}


def summary(dataset: str) -> dict[str, tuple[float, float]]:
    """For each rung (mean, half of its 95 % t-interval over the seeds), as stored; dataset: bundled or full."""
    return {name: interval(values) for name, values in accuracies(dataset).items()}


def comparisons(dataset: str) -> dict[str, tuple[float, float, float]]:
    """For each stored comparison "A – B": the difference, and half of its intervals over the seeds and over the digits."""
    return {pair: tuple(found.values()) for pair, found in results("ladder")[dataset]["compared"].items()}


def compare(a: Tensor, b: Tensor) -> dict[str, float]:
    """How much better A is than B; a, b: bool (seeds or 1, digits), True where a digit is called rightly. With half of
    two 95 % intervals: over the seeds (paired, t), and over the digits (for each, the fraction of seeds under A less B)."""
    better = a.double() - b.double()
    difference, seeds = interval(better.mean(1).tolist())
    digits = 1.96 * better.mean(0).std().item() / better.shape[1] ** .5
    return {"difference": round(difference, 5), "over seeds": round(seeds, 5), "over digits": round(digits, 5)}


def draw(datasets: list[str], marks: dict[str, float] | None = None):
    """The ladder as a figure: a panel for each dataset, each seed a grey dot, the mean with its interval in black.

    marks: accuracies by rung, drawn as blue triangles: models that a notebook has just trained.
    """
    import matplotlib.pyplot as plt
    fig, panels = plt.subplots(1, len(datasets), figsize=(1.6 + 4.4 * len(datasets), 4.4), sharey=True,
                               squeeze=False, layout="constrained")
    near, red = {"textcoords": "offset points"}, {"color": "tab:red", "fontsize": 9.5, "ha": "right", "va": "center"}
    for ax, dataset in zip(panels[0], datasets):
        values, stored = accuracies(dataset), results("ladder")[dataset]
        for height, (name, several) in enumerate(values.items()):
            mean, half = interval(several)
            ax.axhline(height, color="0.9", lw=6, zorder=1)                                 # the rung
            ax.plot(several, [height] * len(several), "o", color="0.55", ms=4, mew=0, zorder=2)
            ax.errorbar(mean, height, xerr=half or None, fmt="o", color="black", capsize=4, ms=6, zorder=4)
            ax.annotate(f"{mean:.3f}".lstrip("0"), (mean, height), (0, 8), **near, ha="center", fontsize=11, fontweight="bold",
                        zorder=5, bbox={"boxstyle": "square,pad=.05", "fc": "white", "ec": "none"})
            if marks and name in marks:
                inside = marks[name] >= .943                       # else at the edge, pointing out of the picture
                ax.plot(max(marks[name], .943), height - .2, "^" if inside else "<", color="tab:blue", ms=9, zorder=6)
            if dataset == "full" and name in BOOK:
                ax.plot(BOOK[name], height, "D", mfc="white", mec="tab:red", mew=1.5, ms=6, zorder=3)
                ax.annotate("book", (BOOK[name], height), (-7, 0), **near, **red)
        if dataset == "full":
            ax.axvline(BOOK["ResNet-18"], color="tab:red", ls="--", lw=1.2, zorder=2)
            ax.annotate("the book's ResNet-18", (BOOK["ResNet-18"], 1.5), (-6, 0), **near, **red)
        ax.set(title=f"{stored['train']:,} digits to learn from", xlabel=f"accuracy on {stored['valid']:,} other digits",
               xlim=(.942, 1.0015), ylim=(-.5, len(values) - .4), xticks=[.95, .96, .97, .98, .99, 1],
               xticklabels=[".95", ".96", ".97", ".98", ".99", "1"])
        ax.title.set_size(11)
        ax.set_yticks(range(len(values)), [name.replace(", wiggled", ",\nwiggled") for name in values], fontsize=10)
        ax.tick_params(length=0)
        ax.spines[["top", "right", "left"]].set_visible(False)
    key = "grey: one of ten seeds; black: their\nmean, with its 95 % interval" + "\nblue triangle: computed here" * bool(marks)
    panels[0, 0].text(.944, 4.5, key, fontsize=9.5, color="0.3", ha="left", va="center")
    return fig


if __name__ == "__main__":
    main("ladder", __doc__, SETTINGS, jobs)
    draw(list(results("ladder"))).savefig(HERE / "ladder.png", dpi=150, metadata={"Software": None})

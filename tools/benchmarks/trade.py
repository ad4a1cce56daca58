"""Tools of the trade, measured on the bundled digits: three optimisers with equal tuning, and transfer learning.

    python -m tools.benchmarks.trade optimisers      three minutes on one core
    python -m tools.benchmarks.trade transfer        as long
    python -m tools.benchmarks.trade places          as long: the same with a body that keeps the places of what it finds
    python -m tools.benchmarks.trade                 trains nothing: prints what is stored

optimisers: a 784-100-10 net on all ten digits, 2,500 to learn from; six learning rates for each optimiser. transfer: a small
convolutional net learns the eight other digits, its body is kept, and a last layer learns 3 and 7 from a few of each; against
the same net from scratch, and a linear model on the pixels; three learning rates for each side, 100 steps of all at once.
Each seed sets everything that is random: the start, the shuffles, which few digits there are, and the body. Stored is how many
validation digits are right, 2,500 or 500, after the last step.
"""
from __future__ import annotations

from functools import cache, partial
from statistics import mean

import torch
from torch import Tensor, nn

from tools.benchmarks import data, interval, machine, main, new_model, results, right, train

SEEDS, EPOCHS, FEW, STEPS = {"optimisers": 5, "transfer": 10, "places": 10}, (1, 3, 10), (1, 2, 5, 10, 20, 50, 100), 100
RATES = {"SGD": (.01, .03, .1, .3, 1., 3.), "momentum": (.001, .003, .01, .03, .1, .3),
         "Adam": (.0001, .0003, .001, .003, .01, .03)}
OPTIMISERS = {"SGD": {}, "momentum": {"momentum": .9}, "Adam": {"opt": torch.optim.Adam}}
SIDES = {"body kept": (.003, .01, .03), "from scratch": (.001, .003, .01), "linear model on pixels": (.001, .003, .01)}
EIGHT, FEATURES = (0, 1, 2, 4, 5, 6, 8, 9), {"transfer": 16, "places": 144}


def optimised(kind: str, lr: float, seed: int) -> list[int]:
    """Train a net on ten digits: how many validation digits are right after each number of epochs in EPOCHS."""
    (x, y, vx, vy), counts = data("bundled", tuple(range(10))), []
    train(new_model("net", seed, 10, 100), x, y, seed, lr, EPOCHS[-1], **OPTIMISERS[kind],
          after_epoch=lambda model: counts.append(int(right(model, vx, vy).sum())))
    return [counts[epochs - 1] for epochs in EPOCHS]


def new_body(part: str = "transfer") -> nn.Sequential:
    """Rows (n, 784) → features (n, 16): two convolutions, and of each channel the largest value; (n, 144) in 3 × 3 places."""
    pool = nn.MaxPool2d(2) if part == "places" else nn.AdaptiveMaxPool2d(1)
    return nn.Sequential(nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 8, 5, stride=2, padding=2), nn.ReLU(),
                         nn.Conv2d(8, 16, 5, stride=2, padding=2), nn.ReLU(), pool, nn.Flatten())


@cache
def body_of(seed: int, part: str = "transfer") -> nn.Sequential:
    """A body that has learned the eight other digits."""
    x, y = data("bundled", EIGHT)[:2]
    torch.manual_seed(seed)
    net = nn.Sequential(new_body(part), nn.Linear(FEATURES[part], 10))
    lr, epochs = (.003, 8) if part == "places" else (.01, 10)
    return train(net, x, y, seed, lr, epochs, opt=torch.optim.Adam)[0]


def few(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """n 3s and n 7s of the training digits, chosen at random: rows (2n, 784), labels 0 for a 3 and 1 for a 7."""
    x, y = data("bundled")[:2]
    rng = torch.Generator().manual_seed(seed)
    rows = torch.cat([(y[:, 0] == yes).nonzero()[:, 0][torch.randperm(250, generator=rng)[:n]] for yes in (1., 0.)])
    return x[rows], (y[rows, 0] == 0).long()


def learned(side: str, lr: float, n: int, seed: int, part: str = "transfer") -> int:
    """Learn 3 and 7 from n digits of each: how many validation digits are right."""
    (x, y), (vx, vy) = few(n, seed), data("bundled")[2:]
    if side == "body kept":
        body = body_of(seed, part)
        with torch.no_grad():
            x, vx = body(x), body(vx)
    torch.manual_seed(seed)
    model = {"body kept": lambda: nn.Linear(FEATURES[part], 2),
             "from scratch": lambda: nn.Sequential(new_body(part), nn.Linear(FEATURES[part], 2)),
             "linear model on pixels": lambda: nn.Linear(784, 2)}[side]()
    train(model, x, y, seed, lr, STEPS, batch_size=len(x), shuffle=False, opt=torch.optim.Adam)
    return int(right(model, vx, (vy[:, 0] == 0).long()).sum())


def over_seeds(part: str, name: str, lr: float) -> dict[str, list[int]]:
    """After each number of epochs in EPOCHS, or with each number of digits in FEW, how many are right, one a seed."""
    if part == "optimisers":
        rows, columns = [optimised(name, lr, seed) for seed in range(SEEDS[part])], EPOCHS
    else:
        rows, columns = [[learned(name, lr, n, seed, part) for n in FEW] for seed in range(SEEDS[part])], FEW
    return {str(column): list(counts) for column, counts in zip(columns, zip(*rows))}


def jobs(part: str):
    """What to measure of one part."""
    yield (part, "valid"), 2500 if part == "optimisers" else 500
    yield (part, "machine"), machine()
    for name, rates in (RATES if part == "optimisers" else SIDES).items():
        for lr in rates:
            yield (part, "right", name, str(lr)), partial(over_seeds, part, name, lr)


def accuracies(part: str) -> dict[str, dict[float, dict[int, list[float]]]]:
    """What is stored: {optimiser or side: {learning rate: {epochs or digits of each: one accuracy a seed}}}."""
    found = results("trade")[part]
    return {name: {float(lr): {int(n): [count / found["valid"] for count in counts] for n, counts in row.items()}
                   for lr, row in rates.items()} for name, rates in found["right"].items()}


def best(part: str, name: str, at: int | None = None) -> float:
    """The learning rate with the best mean accuracy, after `at` epochs or with `at` digits of each; over all when None."""
    return max((row := accuracies(part)[name]), key=lambda lr: mean(mean(v) for n, v in row[lr].items() if at in (None, n)))


def mean_of(name: str, epochs: int) -> float:
    """An optimiser's mean accuracy after so many epochs, at the learning rate that is best for it then."""
    return mean(accuracies("optimisers")[name][best("optimisers", name, epochs)][epochs])


def curve(side: str, part: str = "transfer") -> dict[int, tuple[float, float]]:
    """For each number of digits: mean accuracy and half of its 95 % interval, at the learning rate best for this side."""
    return {n: interval(values) for n, values in accuracies(part)[side][best(part, side)].items()}


def gain_of_keeping(n: int, part: str = "transfer") -> tuple[float, float]:
    """How far the kept body is ahead with n digits of each, seed by seed: the mean and half of its 95 % interval."""
    kept, scratch = (accuracies(part)[side][best(part, side)][n] for side in list(SIDES)[:2])
    return interval([a - b for a, b in zip(kept, scratch)])


def draw_optimisers():
    """Accuracy against learning rate for each optimiser, mean and all seeds, after one and after ten epochs, as a figure."""
    import matplotlib.pyplot as plt
    fig, panels = plt.subplots(1, 2, figsize=(6.8, 3), sharey=True, layout="constrained")
    for ax, epochs in zip(panels, (EPOCHS[0], EPOCHS[-1])):
        for (name, rates), style in zip(accuracies("optimisers").items(), ("o-", "s--", "^:")):
            ax.plot(list(rates), [mean(row[epochs]) for row in rates.values()], style, ms=5, label=name)
            ax.fill_between(list(rates), *([f(row[epochs]) for row in rates.values()] for f in (min, max)), alpha=.2)
        ax.set(xscale="log", ylim=(.5, .95), xlabel="learning rate", title=f"after {epochs} epoch{'s' * (epochs > 1)}")
    panels[0].set_ylabel("accuracy on 2,500 other digits")
    panels[1].legend(loc="lower left")
    return fig


def draw_transfer():
    """Accuracy against the number of digits for each side, mean and 95 % interval, as a figure."""
    import matplotlib.pyplot as plt
    fig, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
    for side, style in zip(SIDES, ("o-", "s--", "^:")):
        means, halves = zip(*curve(side).values())
        ax.errorbar(list(curve(side)), means, halves, fmt=style, ms=5, capsize=3, label=side)
    ax.set(xscale="log", xlabel="3s to learn from, and as many 7s", ylabel="accuracy on 500 other digits", ylim=(.62, 1))
    ax.set_xticks(FEW, map(str, FEW))
    ax.minorticks_off()
    ax.legend(loc="lower right")
    return fig


if __name__ == "__main__":
    main("trade", __doc__, SEEDS, jobs)

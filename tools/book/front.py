"""The picture that moves at the top of the README: python -m tools.book.front draws front.gif anew.

A 3 and a 7 are drawn, stroke by stroke, and the finished net of the course says after each stroke what it sees.
"""
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.animation import FuncAnimation
from PIL import Image, ImageDraw

from course.finished import finished_net

STROKES = [[(.12, .14), (.45, 0), (.8, .16), (.72, .4), (.38, .48), (.78, .58), (.86, .82), (.5, 1), (.08, .88)],
           [(.08, .06), (.5, .03), (.92, .05), (.66, .42), (.5, .7), (.42, 1)]]      # across and down, in a box
PARTS, HOLD = 14, 10                                                        # frames while drawing, and of the whole digit


def smooth(points: list, part: float) -> np.ndarray:
    """The first part (0…1) of a curve through the points: (n, 2), in pixels of a picture of 280 × 280."""
    t = np.linspace(0, len(points) - 1, 200)
    curve = np.stack([np.interp(t, range(len(points)), axis) for axis in zip(*points)], 1)
    rounded = np.stack([np.convolve(np.pad(axis, 12, "edge"), np.ones(25) / 25, "valid") for axis in curve.T], 1)
    return 60 + np.array([150, 170]) * rounded[:max(2, round(part * len(rounded)))]


def drawn(points: list, part: float) -> torch.Tensor:
    """Part of a digit as MNIST shows digits: (28, 28) in 0…1, the whole one centred by its ink."""
    def small(part: float) -> torch.Tensor:
        paper = Image.new("L", (280, 280))
        ImageDraw.Draw(paper).line(smooth(points, part).flatten().tolist(), fill=255, width=24, joint="curve")
        return torch.from_numpy(np.array(paper.resize((28, 28), Image.BOX))).float() / 255
    whole = small(1)
    shift = [round(13.5 - float((whole.sum(1 - axis) * torch.arange(28)).sum() / whole.sum())) for axis in (0, 1)]
    return small(part).roll(shift, (0, 1))


def main() -> None:
    net = finished_net()
    images = [drawn(points, min(1, (k + 1) / PARTS)) for points in STROKES for k in range(PARTS + HOLD)]
    with torch.no_grad():
        chances = net(torch.stack(images).flatten(1)).sigmoid()[:, 0].tolist()
    fig, (left, right) = plt.subplots(1, 2, figsize=(4.2, 1.7), dpi=100, width_ratios=(1, 1.5), layout="constrained")
    picture = left.imshow(images[0], cmap="gray", vmin=0, vmax=1)
    left.axis("off")
    bars = right.barh(["7", "3"], [0, 0], color="#33527a")
    right.set(xlim=(0, 1.25), xticks=[], ylabel="the net says")
    right.spines[["top", "right", "bottom"]].set_visible(False)
    labels = [right.text(0, height, "", va="center", fontsize=11) for height in (0, 1)]

    def show(k):
        picture.set_data(images[k])
        for bar, label, chance in zip(bars, labels, (1 - chances[k], chances[k])):
            bar.set_width(chance)
            label.set(x=chance + .03, text=f"{chance:.0%}")

    FuncAnimation(fig, show, len(images)).save(Path(__file__).with_name("front.gif"), writer="pillow", fps=8)


if __name__ == "__main__":
    main()

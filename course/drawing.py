"""Pictures for the notebooks: curves, numbers on their pixels, and diagrams of boxes and arrows."""
from __future__ import annotations

import base64
import io
import math
from typing import Sequence

from torch import Tensor


def show(fig, alt: str) -> None:
    """Display a matplotlib figure as a PNG with `alt`, the text for those who cannot see it, and close it."""
    import matplotlib.pyplot as plt
    from IPython.display import display
    png = io.BytesIO()
    fig.savefig(png, format="png", dpi=100)
    plt.close(fig)
    display({"image/png": base64.b64encode(png.getvalue()).decode(), "text/plain": alt},
            metadata={"image/png": {"alt": alt}}, raw=True)


def show_numbers(image: Tensor, alt: str) -> None:
    """Show a small piece of an image, (rows, columns) in 0…1, with each pixel's number written on its shade."""
    import matplotlib.pyplot as plt
    fig, ax = plt.subplots(figsize=(.45 * image.shape[1], .36 * image.shape[0]), layout="constrained")
    ax.imshow(image.numpy(), cmap="gray", vmin=0, vmax=1, aspect="auto")
    for row, values in enumerate(image.tolist()):
        for column, value in enumerate(values):
            ax.text(column, row, f"{value:.2f}".lstrip("0") if 0 < value < 1 else f"{value:.0f}", ha="center",
                    va="center", fontsize=8, color="white" if value < .5 else "black")
    ax.axis("off")
    show(fig, alt)


def show_curves(curves: dict[str, Sequence[float]], x: str, y: str, alt: str, level: dict[str, float] | None = None,
                ylim: tuple[float, float] | None = None, log: bool = False, start: int = 1) -> None:
    """Draw a line for each name in `curves`, its values at start, start + 1, …; `level` adds named horizontal lines.

    ylim: what to show; everything, when a curve ends below it. log: a logarithmic y axis. A curve with values that
    cannot be drawn (nan, inf) says so, in the picture and in `alt`.
    """
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator, NullFormatter
    fig, ax = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
    for name, values, style in zip(curves, curves.values(), ["-", "--", "-.", ":"] * len(curves)):
        finite = list(map(math.isfinite, values))
        if not all(finite):
            name += f", out of all bounds from {x} {start + finite.index(False)} on"
            alt += f" ({name}.)"
        ax.plot(range(start, start + len(values)), values, style, label=name, marker="." if sum(finite) < 3 else None)
    for k, (name, value) in enumerate((level or {}).items()):
        ax.axhline(value, color="0.4", ls=(0, (1, 1 + k)), lw=1.2, label=name)
    ax.set(xlabel=x, ylabel=y, yscale="log" if log else "linear")
    if log:
        ax.yaxis.set(major_locator=LogLocator(subs=(1, 2, 5)), major_formatter="{x:g}", minor_formatter=NullFormatter())
    if ylim and all(values and values[-1] >= ylim[0] for values in curves.values()):
        ax.set_ylim(ylim)
    if len(curves) + len(level or {}) > 1 or "out of all bounds" in alt:
        ax.legend(fontsize=8)
    show(fig, alt)


def diagram(boxes: dict[str, tuple], arrows: Sequence[tuple], alt: str, size: tuple[float, float] = (9, 2.4),
            bend: float = 0.) -> None:
    """Draw boxes and arrows and show them.

    boxes: by name, where the middle is, in inches from the lower left corner, and the text: (x, y, text). A text that
    begins with "(" has no frame. size: of the picture, in inches.
    arrows: (from, to, text) in the order of reading, or (from, to, text, "back") for one that runs back: dashed, its text
    below. bend: how much the arrows are bent; 0 is straight.
    alt: what is drawn, for those who cannot see it.
    """
    import matplotlib.pyplot as plt
    from matplotlib.patches import FancyArrowPatch
    fig = plt.figure(figsize=size)
    ax = fig.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, size[0]), ylim=(0, size[1]))
    ax.axis("off")
    drawn = {}
    for name, (x, y, text) in boxes.items():
        free = text.startswith("(")
        drawn[name] = ax.text(x, y, text.strip("()") if free else text, ha="center", va="center", fontsize=11,
                              bbox={"boxstyle": "round,pad=.45", "fc": "none" if free else "#eef3fb",
                                    "ec": "none" if free else "#33527a", "lw": 1.2}, zorder=3)
    fig.canvas.draw()
    for start, end, text, *kind in arrows:
        (x1, y1), (x2, y2) = drawn[start].get_position(), drawn[end].get_position()
        back, lift = bool(kind), .28 if kind and abs(y1 - y2) < .1 else 0
        far = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** .5
        ax.add_patch(FancyArrowPatch((x1, y1 - lift), (x2, y2 - lift), arrowstyle="-|>", mutation_scale=14,
                                     patchA=None if lift else drawn[start].get_bbox_patch(),
                                     patchB=None if lift else drawn[end].get_bbox_patch(),
                                     shrinkA=26 if lift else 3, shrinkB=26 if lift else 3, lw=1.3,
                                     ls="--" if back else "-", color="#a33b20" if back else "0.25",
                                     connectionstyle=f"arc3,rad={bend}"))
        off = -.16 if back else .16
        across = (-(y2 - y1) / far * off - bend * (y1 - y2) / 2, (x2 - x1) / far * off - bend * (x2 - x1) / 2)
        if back:
            across = (0, -lift - .2) if lift else across
        ax.text((x1 + x2) / 2 + across[0], (y1 + y2) / 2 + across[1], text, ha="center", va="center", fontsize=9.5,
                color="#a33b20" if back else "0.15", zorder=4)
    show(fig, alt)

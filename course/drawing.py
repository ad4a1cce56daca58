"""Diagrams for the notebooks: boxes and arrows, with whatever numbers a cell has calculated."""
from __future__ import annotations

from typing import Sequence

from utils import show


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

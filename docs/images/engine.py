"""Draw the pictures of docs/engine.md:  python docs/images/engine.py.

The zeros are counted in scikit-learn's digits; the lengths of the phases are those of one batch of 128 rows of MNIST,
two threads, as in docs/performance.md.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle
from sklearn.datasets import load_digits

HERE = Path(__file__).parent
BLUE, ORANGE, GREEN, GREY = "#3b6ea8", "#d9822b", "#4f9a62", "#d9d9d9"


def phases() -> None:
    """Two threads, three phases, two barriers, one batch after another."""
    # microseconds of each phase for each thread; the lists of the next batch belong to B
    steps = [("A", (54, 56)), ("B", (78, 80)), ("C", (66, 68))]
    figure, axes = plt.subplots(figsize=(9, 2.3), layout="constrained")
    now, colours = [0.0, 0.0], {"A": BLUE, "B": ORANGE, "C": GREEN}
    for batch in (1, 2):
        for name, lengths in steps:
            for thread, length in enumerate(lengths):
                axes.barh(1 - thread, length, left=now[thread], color=colours[name], edgecolor="white", height=0.62)
                label = f"{name} of batch {batch}"
                axes.text(now[thread] + length / 2, 1 - thread, label, ha="center", va="center", color="white", size=8)
                now[thread] += length
            if name in "AB":
                now = [max(now)] * 2
                axes.axvline(max(now), color="black", lw=1.5, ymin=0.02, ymax=0.98)
    axes.set_yticks([1, 0], ["thread 1", "thread 2"])
    axes.set_xlabel("microseconds; a black line is a barrier")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_ylim(-0.5, 1.5)
    figure.savefig(HERE / "engine_phases.png", dpi=140)


def panels() -> None:
    """A weight matrix as panels, its chunks, and a tile."""
    figure, axes = plt.subplots(figsize=(7.5, 3.4), layout="constrained")
    axes.set_xlim(-3.2, 20.5)
    axes.set_ylim(-1.3, 10)
    axes.axis("off")
    axes.set_aspect("equal")
    for panel in range(4):
        left = panel * 2.2
        for chunk in range(3):
            axes.add_patch(Rectangle((left, chunk * 3), 2, 2.85, facecolor=BLUE if panel < 2 else ORANGE, alpha=0.75))
            axes.text(left + 1, chunk * 3 + 1.4, f"chunk\n{2 - chunk}", ha="center", va="center", size=7, color="white")
        axes.text(left + 1, -0.6, f"panel {panel}", ha="center", size=8)
    axes.text(-0.3, 4.5, "units\nbefore", ha="right", va="center", size=8)
    axes.text(2.1, 9.2, "thread 1", ha="center", size=8, color=BLUE)
    axes.text(6.5, 9.2, "thread 2", ha="center", size=8, color=ORANGE)
    for row in range(8):
        axes.add_patch(Rectangle((11.2, 7.2 - row), 0.8, 0.8, facecolor=GREY))
        for vector in range(2):
            axes.add_patch(Rectangle((13.4 + vector * 3.1, 7.2 - row), 2.9, 0.8, facecolor=GREEN, alpha=0.8))
    axes.text(11.6, 8.4, "8 numbers\nof h", ha="center", size=8)
    axes.text(16.4, 8.4, "a tile: 8 rows × 2 registers,\nsummed up over k", ha="center", size=8)
    for vector in range(2):
        axes.add_patch(Rectangle((13.4 + vector * 3.1, -1.1), 2.9, 0.8, facecolor=BLUE, alpha=0.75))
    axes.text(13.2, -0.7, "row k of a panel", ha="right", va="center", size=8)
    figure.savefig(HERE / "engine_panels.png", dpi=140)


def zeros() -> None:
    """Four digits, one under the other, and the pixels that a tile needs for all four."""
    images = load_digits().images[[0, 1, 2, 3]]
    rows = images.reshape(4, -1)
    needed = (rows != 0).any(axis=0)
    figure, axes = plt.subplots(5, 1, figsize=(9, 2.6), layout="constrained", gridspec_kw={"hspace": 0.15})
    for axis, row in zip(axes, rows, strict=False):
        axis.imshow(row[np.newaxis], cmap="Greys", aspect="auto")
    axes[4].imshow(needed[np.newaxis], cmap="Blues", aspect="auto", vmin=0, vmax=1.4)
    labels = [f"row {i}: {np.mean(row != 0):.0%} not 0" for i, row in enumerate(rows)]
    for axis, label in zip(axes, [*labels, f"the tile: {needed.mean():.0%}"], strict=True):
        axis.set_xticks([])
        axis.set_yticks([0], [label], size=8)
    figure.savefig(HERE / "engine_zeros.png", dpi=140)


if __name__ == "__main__":
    phases()
    panels()
    zeros()

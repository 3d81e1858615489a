"""Learning curves: loss and metric over the epochs, drawn with matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from glassnet._utils.text_safety import escape_control_chars
from glassnet.metrics.registry import NO_METRIC
from glassnet.training.history import Epoch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Okabe & Ito's colour-blind safe palette.
COLOURS = {"training": "#0072B2", "validation": "#E69F00", "test": "#009E73"}


def draw_curves(
    figure: Figure, history: Sequence[Epoch], metric: str, marked: int = 0, label: str = "best epoch"
) -> None:
    """Draw loss and metric over the epochs into a figure, a curve for each set of rows.

    Parameters
    ----------
    figure : matplotlib Figure
        Cleared first.
    history : sequence of Epoch
        The epochs.
    metric : str
        The name of the metric, for the title.
    marked : int
        The epoch to mark with a vertical line; 0 for none.
    label : str
        The label of the line.
    """
    from matplotlib.ticker import MaxNLocator

    figure.clear()
    epochs = [record.epoch for record in history]
    panels = [("loss", "loss"), ("metric", "R²" if metric == "r2" else escape_label(metric))][
        : 1 if metric == NO_METRIC else 2
    ]
    for number, (name, title) in enumerate(panels, start=1):
        axes = figure.add_subplot(1, len(panels), number)
        for kind, colour in COLOURS.items():
            key = name if kind == "training" else f"{kind}_{name}"
            values = [getattr(record, key) for record in history]
            if None not in values:
                axes.plot(epochs, values, color=colour, label=kind, marker="o" if len(epochs) == 1 else None)
        if marked:
            axes.axvline(marked, color="0.7", linestyle=":", linewidth=1, label=label)
        axes.set_xlabel("epoch")
        axes.set_title(title)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(color="0.92")
        axes.legend(frameon=False)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure that renders in memory, without a display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def escape_label(label: object, length: int = 24) -> str:
    """Return a label shortened and with dollar signs escaped, which would start a formula in matplotlib."""
    return escape_control_chars(label, length).replace("$", r"\$")

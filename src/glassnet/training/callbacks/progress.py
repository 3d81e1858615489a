"""A bar that shows how far a training is and how well it goes: on a terminal, in a notebook, or as lines in a log."""

from __future__ import annotations

import math
import sys
import time
from typing import TYPE_CHECKING, Any

from glassnet.training.callbacks.base import Callback
from glassnet.training.callbacks.notebook import NotebookPlace, notebook_place
from glassnet.training.history import Epoch
from glassnet.training.run import Run

if TYPE_CHECKING:
    from rich.progress import Progress

#: Seconds between two changes of a bar, and between two lines where not every epoch has one.
_BAR_EVERY, _LINE_EVERY = 0.1, 1.0
#: Characters of the bar in a notebook.
_WIDTH = 20


class ProgressBar(Callback):
    """Show the epochs gone, loss and metric, validation figures, rows a second and the time left.

    On a terminal it is a bar of rich's, in a notebook a line that is replaced where it stands, and anywhere else lines
    of plain text, one a second at most and the last one always. It asks for nothing after each batch, so that the
    engines keep their speed.

    Parameters
    ----------
    lines : bool
        Whether every epoch leaves a line, wherever it is shown; a notebook then needs no bar.
    """

    def __init__(self, lines: bool = False) -> None:
        self.lines = lines
        self._bar: Progress | None = None
        self._task: Any = None
        self._place: NotebookPlace | None = None
        self._changed = -math.inf
        self._began = 0.0
        self._told = 0

    def __repr__(self) -> str:
        return f"ProgressBar({'lines=True' if self.lines else ''})"

    def on_train_begin(self, run: Run) -> None:
        """Find out where it is shown."""
        self._changed = -math.inf
        self._began = time.perf_counter()
        self._told = 0
        self._place = None if self.lines else notebook_place()
        if self._place is None and sys.stdout.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            text = TextColumn("{task.description}")
            figures = TextColumn("{task.fields[figures]}")
            columns = (text, BarColumn(bar_width=_WIDTH), figures, TimeRemainingColumn())
            # it is drawn when there is something new, by this thread: none is left behind, whatever happens
            self._bar = Progress(*columns, console=Console(), transient=True, auto_refresh=False)
            self._task = self._bar.add_task(f"epoch 1/{run.settings.epochs}", total=run.settings.epochs, figures="")

    def on_epoch_end(self, run: Run) -> None:
        """Move the bar, and leave a line where one is due."""
        record = run.history[-1]
        plain = self._bar is None and self._place is None
        if self.lines or (plain and time.perf_counter() - self._changed >= _LINE_EVERY):
            self._line(run)
        self.move(run, 0, record.loss)

    def on_train_end(self, run: Run) -> None:
        """Take the bar away and leave the last line."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = self._task = None
        if run.history and self._told < len(run.history):
            self._line(run)
        self._place = None

    def move(self, run: Run, batches: int, loss: float) -> None:
        """Show a bar as far as it is: the whole epochs, and so many batches of the one that runs."""
        now = time.perf_counter()
        if (self._bar is None and self._place is None) or now - self._changed < _BAR_EVERY:
            return
        self._changed = now
        gone = len(run.history) + batches / run.n_batches
        epochs = run.settings.epochs
        rate = gone * run.n_samples / max(now - self._began, 1e-9)
        figures = f"loss {loss:.4f}{_judged(run)}  {rate:,.0f} rows/s"
        number = f"epoch {min(math.floor(gone) + 1, epochs) if batches else len(run.history)}/{epochs}"
        if self._bar is not None:
            if not self._bar.live.is_started:
                self._bar.start()
            self._bar.update(self._task, completed=gone, description=number, figures=figures)
            self._bar.refresh()
        elif self._place is not None:
            left = (now - self._began) / gone * (epochs - gone)
            done = round(_WIDTH * gone / epochs)
            bar = "━" * done + "─" * (_WIDTH - done)
            self._place.show({"text/plain": f"{number} {bar} {figures}  {left:,.0f} s left"})

    def _line(self, run: Run) -> None:
        """Leave a line that tells of the last epoch."""
        line = epoch_line(run.history[-1], run.settings.epochs, run.metric.name)
        self._told = len(run.history)
        if self._place is not None:
            self._place.show({"text/plain": line})
        elif self._bar is not None:
            self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            self._changed = time.perf_counter()
            print(line, flush=True)


def epoch_line(record: Epoch, epochs: int, metric: str) -> str:
    """Return an epoch as one line: its number, loss, the metric on each kind of rows, and its seconds."""
    parts = [f"epoch {record.epoch:>{len(str(epochs))}}/{epochs}", f"loss {record.loss:.4f}"]
    for kind, loss, value in (
        ("training", None, record.metric),
        ("validation", record.validation_loss, record.validation_metric),
        ("test", record.test_loss, record.test_metric),
    ):
        if value is not None and math.isfinite(value):
            parts.append(f"{kind} {metric_words(metric, value)}")
        elif loss is not None:
            parts.append(f"{kind} loss {loss:.4f}")
    return "  ".join([*parts, f"{record.seconds:.2f} s"])


def metric_words(metric: str, value: float) -> str:
    """Return a metric's value as a person reads it."""
    if metric == "accuracy":
        return f"accuracy {100 * value:.2f} %"
    return f"{'R²' if metric == 'r2' else metric} {value:.4f}"


def _judged(run: Run) -> str:
    """Return the metric of the last epoch on the rows that say most: test, validation, or training rows."""
    if run.history:
        for kind in ("test", "validation", ""):
            value = getattr(run.history[-1], f"{kind}_metric" if kind else "metric")
            if value is not None and math.isfinite(value):
                return f"  {kind}{' ' if kind else ''}{metric_words(run.metric.name, value)}"
    return ""

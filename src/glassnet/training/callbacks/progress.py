"""A progress bar for a terminal or a notebook, and lines of text for a log."""

from __future__ import annotations

import math
import sys
import time
from typing import TYPE_CHECKING, Any

from glassnet.training.callbacks.base import Callback
from glassnet.training.callbacks.notebook import NotebookDisplay, notebook_display
from glassnet.training.history import Epoch
from glassnet.training.run import Run

if TYPE_CHECKING:
    from rich.progress import Progress

#: Seconds between two updates of the bar, and between two lines if not every epoch has one.
_BAR_INTERVAL, _LINE_INTERVAL = 0.1, 1.0
#: The width of the bar in characters.
_WIDTH = 20


class ProgressBar(Callback):
    """Show epochs, loss, metric, rows per second and the remaining time.

    On a terminal it is a bar of rich, in a notebook a line that is updated in place, and elsewhere lines of plain text:
    one a second at most, and always the last. It does not handle batches, which would slow the engines down.

    Parameters
    ----------
    lines : bool
        Whether to print a line for every epoch, in a notebook instead of the bar.
    """

    def __init__(self, lines: bool = False) -> None:
        self.lines = lines
        self._bar: Progress | None = None
        self._task: Any = None
        self._display: NotebookDisplay | None = None
        self._updated = -math.inf
        self._started = 0.0
        self._printed = 0

    def __repr__(self) -> str:
        return f"ProgressBar({'lines=True' if self.lines else ''})"

    def on_train_begin(self, run: Run) -> None:
        """Choose the output."""
        self._updated = -math.inf
        self._started = time.perf_counter()
        self._printed = 0
        self._display = None if self.lines else notebook_display()
        if self._display is None and sys.stdout.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            text = TextColumn("{task.description}")
            figures = TextColumn("{task.fields[figures]}")
            columns = (text, BarColumn(bar_width=_WIDTH), figures, TimeRemainingColumn())
            # without a refresh thread, which could outlive an error
            self._bar = Progress(*columns, console=Console(), transient=True, auto_refresh=False)
            self._task = self._bar.add_task(f"epoch 1/{run.settings.epochs}", total=run.settings.epochs, figures="")

    def on_epoch_end(self, run: Run) -> None:
        """Update the bar, and print a line if one is due."""
        record = run.history[-1]
        plain = self._bar is None and self._display is None
        if self.lines or (plain and time.perf_counter() - self._updated >= _LINE_INTERVAL):
            self._print_line(run)
        self.update(run, 0, record.loss)

    def on_train_end(self, run: Run) -> None:
        """Remove the bar and print the last line."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = self._task = None
        if run.history and self._printed < len(run.history):
            self._print_line(run)
        self._display = None

    def update(self, run: Run, batches: int, loss: float) -> None:
        """Update the bar to the complete epochs and this number of batches of the current one."""
        now = time.perf_counter()
        if (self._bar is None and self._display is None) or now - self._updated < _BAR_INTERVAL:
            return
        self._updated = now
        done = len(run.history) + batches / run.n_batches
        epochs = run.settings.epochs
        rate = done * run.n_samples / max(now - self._started, 1e-9)
        figures = f"loss {loss:.4f}{_last_metric(run)}  {rate:,.0f} rows/s"
        number = f"epoch {min(math.floor(done) + 1, epochs) if batches else len(run.history)}/{epochs}"
        if self._bar is not None:
            if not self._bar.live.is_started:
                self._bar.start()
            self._bar.update(self._task, completed=done, description=number, figures=figures)
            self._bar.refresh()
        elif self._display is not None:
            remaining = (now - self._started) / done * (epochs - done)
            filled = round(_WIDTH * done / epochs)
            bar = "━" * filled + "─" * (_WIDTH - filled)
            self._display.show({"text/plain": f"{number} {bar} {figures}  {remaining:,.0f} s left"})

    def _print_line(self, run: Run) -> None:
        """Print a line about the last epoch."""
        line = epoch_line(run.history[-1], run.settings.epochs, run.metric.name)
        self._printed = len(run.history)
        if self._display is not None:
            self._display.show({"text/plain": line})
        elif self._bar is not None:
            self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            self._updated = time.perf_counter()
            print(line, flush=True)


def epoch_line(record: Epoch, epochs: int, metric: str) -> str:
    """Return an epoch as one line: number, loss, metric on each set of rows, and seconds."""
    parts = [f"epoch {record.epoch:>{len(str(epochs))}}/{epochs}", f"loss {record.loss:.4f}"]
    for kind, loss, value in (
        ("training", None, record.metric),
        ("validation", record.validation_loss, record.validation_metric),
        ("test", record.test_loss, record.test_metric),
    ):
        if value is not None and math.isfinite(value):
            parts.append(f"{kind} {format_metric(metric, value)}")
        elif loss is not None:
            parts.append(f"{kind} loss {loss:.4f}")
    return "  ".join([*parts, f"{record.seconds:.2f} s"])


def format_metric(metric: str, value: float) -> str:
    """Format a metric with its name: ``accuracy 97.50 %``."""
    if metric == "accuracy":
        return f"accuracy {100 * value:.2f} %"
    return f"{'R²' if metric == 'r2' else metric} {value:.4f}"


def _last_metric(run: Run) -> str:
    """Return the last metric on the test rows, else on the validation rows, else on the training rows."""
    if run.history:
        for kind in ("test", "validation", ""):
            value = getattr(run.history[-1], f"{kind}_metric" if kind else "metric")
            if value is not None and math.isfinite(value):
                return f"  {kind}{' ' if kind else ''}{format_metric(run.metric.name, value)}"
    return ""

"""What a person sees: plain lines, a progress bar on a terminal, one JSON object, or nothing."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from glassnet.training import Callback, Epoch, Run

#: Seconds between two updates of the bar.
_REFRESH = 0.1


class Screen:
    """Where a command's words go.

    Parameters
    ----------
    as_json : bool
        Say nothing but one JSON object at the end.
    quiet : bool
        Say nothing at all.
    """

    def __init__(self, as_json: bool = False, quiet: bool = False) -> None:
        self.as_json, self.quiet = as_json, quiet

    @property
    def speaks(self) -> bool:
        """Whether a person is told what goes on."""
        return not (self.as_json or self.quiet)

    def say(self, text: str = "") -> None:
        """Print a line for a person."""
        if self.speaks:
            typer.echo(text)

    def warn(self, text: str) -> None:
        """Print a line on standard error, whatever the mode."""
        typer.echo(f"glassnet: {' '.join(text.split())}", err=True)

    def result(self, content: dict[str, Any]) -> None:
        """Print the JSON object, if that is what is asked for."""
        if self.as_json:
            typer.echo(json.dumps(content, ensure_ascii=False))


class Progressing(Callback):
    """A line after every epoch and, on a terminal, a bar with loss, accuracy, rows a second and the time left."""

    def __init__(self, screen: Screen, metric: str) -> None:
        self.screen, self.metric = screen, metric
        self._bar: Progress | None = None
        self._rows = 0
        self._shown = 0.0
        self._score = ""

    def on_train_begin(self, run: Run) -> None:
        """Start the bar."""
        self._total = run.settings.epochs * run.batches
        self._began = time.perf_counter()
        if self.screen.speaks and sys.stdout.isatty():
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[figures]}"),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=Console(), transient=True)
            self._task = self._bar.add_task("epoch 1", total=self._total, figures="")
            self._bar.start()

    def on_batch_end(self, run: Run, batch: int, loss: float) -> None:
        """Move the bar."""
        self._rows += min(run.settings.batch_size, len(run.rows) - batch * run.settings.batch_size)
        now = time.perf_counter()
        if self._bar is not None and now - self._shown > _REFRESH:
            self._shown = now
            epoch = len(run.history) + 1
            rate = self._rows / (now - self._began)
            self._bar.update(
                self._task,
                completed=len(run.history) * run.batches + batch + 1,
                description=f"epoch {epoch}/{run.settings.epochs}",
                figures=f"loss {loss:.4f}{self._score}  {rate:,.0f} rows/s",
            )

    def on_epoch_end(self, run: Run) -> None:
        """Print the line."""
        record = run.history[-1]
        line = epoch_line(record, run.settings.epochs, run.metric.name)
        for kind in ("test", "validation"):
            value = getattr(record, f"{kind}_metric")
            if value is not None:
                self._score = f"  {kind} {shown(run.metric.name, value)}"
                break
        if self._bar is not None:
            self._bar.console.print(line, markup=False, highlight=False)
        else:
            self.screen.say(line)

    def on_train_end(self, run: Run) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()


def epoch_line(record: Epoch, epochs: int, metric: str) -> str:
    """Return an epoch as one line: its number, loss, and the metric on each kind of rows."""
    parts = [f"epoch {record.epoch:>{len(str(epochs))}}/{epochs}", f"loss {record.loss:.4f}"]
    for kind, value in (
        ("training", record.metric),
        ("validation", record.validation_metric),
        ("test", record.test_metric),
    ):
        if value is not None:
            parts.append(f"{kind} {shown(metric, value)}")
    return "  ".join([*parts, f"{record.seconds:.2f} s"])


def shown(metric: str, value: float) -> str:
    """Return a metric's value as a person reads it."""
    return f"accuracy {100 * value:.2f} %" if metric == "accuracy" else f"R² {value:.4f}"

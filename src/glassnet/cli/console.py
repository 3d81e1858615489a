"""What a person sees: plain lines, a progress bar on a terminal, one JSON object, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from glassnet._utils.text_safety import escape_control_chars, json_without_control_chars
from glassnet.training import Run
from glassnet.training.callbacks import ProgressBar

#: Characters that a table may take: more than any needs, so that no number is cut short to fit the terminal.
WIDTH = 10_000
#: Characters of a cell that are shown.
MAX_OF_A_CELL = 80


class Screen:
    """Where a command's words go: nothing that a file says acts on the terminal (`glassnet._utils.text_safety`).

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
            typer.echo(escape_control_chars(text))

    def table(self, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table for a person, the first column to the left and the others to the right."""
        if self.speaks:
            table = Table(*(escape_control_chars(cell, MAX_OF_A_CELL) for cell in header), box=None)
            for column in table.columns[1:]:
                column.justify = "right"
            for row in rows:
                table.add_row(*(escape_control_chars(cell, MAX_OF_A_CELL) for cell in row))
            Console(markup=False, highlight=False, emoji=False, width=WIDTH).print(table)

    def warn(self, text: str) -> None:
        """Print a line on standard error, whatever the mode."""
        typer.echo(f"glassnet: {escape_control_chars(' '.join(text.split()))}", err=True)

    def result(self, content: dict[str, Any]) -> None:
        """Print the JSON object, if that is what is asked for."""
        if self.as_json:
            typer.echo(json_without_control_chars(content))


class Progressing(ProgressBar):
    """A line after every epoch and, on a terminal, a bar that moves with every batch."""

    def __init__(self) -> None:
        super().__init__(lines=True)

    def on_batch_end(self, run: Run, batch: int, loss: float) -> None:
        """Move the bar."""
        self.update(run, batch + 1, loss)

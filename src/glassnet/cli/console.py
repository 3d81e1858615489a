"""Output of the commands: lines, tables, a progress bar, one JSON object, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from glassnet._utils.text_safety import escape_control_chars, json_without_control_chars
from glassnet.training import Run
from glassnet.training.callbacks import ProgressBar

#: Width of a table in characters: wide enough that no number is cut off to fit the terminal.
TABLE_WIDTH = 10_000
#: Characters of a cell that are shown.
MAX_CELL_CHARS = 80


class Output:
    """Output of a command. Control characters from files are escaped (`glassnet._utils.text_safety`).

    Parameters
    ----------
    as_json : bool
        Print one JSON object and nothing else.
    quiet : bool
        Print nothing.
    """

    def __init__(self, as_json: bool = False, quiet: bool = False) -> None:
        self.as_json = as_json
        self.quiet = quiet

    @property
    def verbose(self) -> bool:
        """Whether lines and tables are printed."""
        return not (self.as_json or self.quiet)

    def echo(self, text: str = "") -> None:
        """Print a line, if verbose."""
        if self.verbose:
            typer.echo(escape_control_chars(text))

    def table(self, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table, if verbose: the first column left-aligned, the others right-aligned."""
        if self.verbose:
            table = Table(*(escape_control_chars(cell, MAX_CELL_CHARS) for cell in header), box=None)
            for column in table.columns[1:]:
                column.justify = "right"
            for row in rows:
                table.add_row(*(escape_control_chars(cell, MAX_CELL_CHARS) for cell in row))
            Console(markup=False, highlight=False, emoji=False, width=TABLE_WIDTH).print(table)

    def warn(self, text: str) -> None:
        """Print a line on standard error, also if quiet."""
        typer.echo(f"glassnet: {escape_control_chars(' '.join(text.split()))}", err=True)

    def json(self, content: dict[str, Any]) -> None:
        """Print the JSON object, if JSON is the output format."""
        if self.as_json:
            typer.echo(json_without_control_chars(content))


class BatchProgressBar(ProgressBar):
    """Print a line after every epoch and, on a terminal, update a bar after every batch."""

    def __init__(self) -> None:
        super().__init__(lines=True)

    def on_batch_end(self, run: Run, batch: int, loss: float) -> None:
        """Update the bar."""
        self.update(run, batch + 1, loss)

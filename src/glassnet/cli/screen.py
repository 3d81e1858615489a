"""What a person sees: plain lines, a progress bar on a terminal, one JSON object, or nothing."""

from __future__ import annotations

import json
from typing import Any

import typer

from glassnet.callbacks import ProgressBar
from glassnet.training import Run


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


class Progressing(ProgressBar):
    """A line after every epoch and, on a terminal, a bar that moves with every batch."""

    def __init__(self) -> None:
        super().__init__(lines=True)

    def on_batch_end(self, run: Run, batch: int, loss: float) -> None:
        """Move the bar."""
        self.move(run, batch + 1, loss)

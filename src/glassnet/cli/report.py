"""``glassnet report``."""

from __future__ import annotations

from typing import Annotated

import typer

from glassnet.atomic import check_writable
from glassnet.cli.arguments import rows_with_truth, table_for
from glassnet.cli.screen import Screen
from glassnet.cli.use import ModelArgument
from glassnet.data import DIGITS
from glassnet.models import load


def report(
    model: ModelArgument,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="CSV file with the target, of rows that the model was not trained on.",
            show_default="for the digits' model, its test rows",
        ),
    ] = None,
    out: Annotated[str, typer.Option(metavar="FILE", help="The page to write, .html.")] = "report.html",
    language: Annotated[str, typer.Option(help="Of the page: en or ko.")] = "en",
) -> None:
    """Write a report on a model: one page with curves, figures, confusions, the worst rows and the layers."""
    from glassnet.report import write_report

    loaded, screen = load(model), Screen()
    check_writable(out)
    x = y = None
    source = ""
    if data is not None or loaded.facts.get("source") == DIGITS:
        table = table_for(loaded, data)
        x, y = rows_with_truth(loaded, table)
        source = table.source
    path = write_report(loaded, x, y, out, source=source, language=language)
    screen.say(f"{path}: the report; it opens in any browser and needs no network")
    if x is None:
        screen.say("for the figures, the confusions and the worst rows, name a file with --data")

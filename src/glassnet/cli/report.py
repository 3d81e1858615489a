"""``glassnet report``."""

from __future__ import annotations

from typing import Annotated

import typer

from glassnet._utils.atomic_write import check_writable
from glassnet.cli.arguments import rows_with_truth, table_for
from glassnet.cli.console import Screen
from glassnet.cli.predict import ModelArgument
from glassnet.datasets import DIGITS
from glassnet.errors import InputError
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
    target: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="The column with the target.",
            show_default="the name that the model was trained with",
        ),
    ] = None,
    out: Annotated[str, typer.Option(metavar="FILE", help="The page to write, .html.")] = "report.html",
    language: Annotated[str, typer.Option(help="Of the page: en or ko.")] = "en",
) -> None:
    """Write a report on a model: one page with curves, figures, confusions, the worst rows and the layers."""
    from glassnet.visualization.report import write_report

    screen = Screen()
    x = y = None
    source = ""
    loaded = load(model)
    check_writable(out)
    if target is not None and data is None:
        raise InputError("--target names a column of --data; give both")
    if data is not None or loaded.metadata.get("source") == DIGITS:
        table = table_for(loaded, data)
        x, y = rows_with_truth(loaded, table, target)
        source = table.source
    path = write_report(loaded, x, y, out, source=source, language=language)
    screen.say(f"{path}: the report; it opens in any browser and needs no network")
    if x is None:
        screen.say("for the figures, the confusions and the worst rows, name a file with --data")

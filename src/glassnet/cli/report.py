"""``glassnet report``."""

from __future__ import annotations

from typing import Annotated

import typer

from glassnet._utils.atomic_write import check_writable
from glassnet.cli.arguments import labeled_rows, read_rows
from glassnet.cli.console import Output
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
    out: Annotated[str, typer.Option(metavar="FILE", help="Output file, .html.")] = "report.html",
    language: Annotated[str, typer.Option(help="Language of the report: en or ko.")] = "en",
) -> None:
    """Write a report on a model: learning curves, scores, confusion matrix, most confident errors and layers."""
    from glassnet.visualization.report import write_report

    output = Output()
    x = y = None
    source = ""
    loaded = load(model)
    check_writable(out)
    if target is not None and data is None:
        raise InputError("--target names a column of --data; give both")
    if data is not None or loaded.metadata.get("source") == DIGITS:
        table = read_rows(loaded, data)
        x, y = labeled_rows(loaded, table, target)
        source = table.source
    path = write_report(loaded, x, y, out, source=source, language=language)
    output.echo(f"saved the report to {path}, a self-contained HTML file")
    if x is None:
        output.echo("for scores, confusion matrix and most confident errors, give a file with --data")

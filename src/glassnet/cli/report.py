"""``glassnet report``."""

from __future__ import annotations

from typing import Annotated

import typer

from glassnet._utils.atomic_write import check_writable
from glassnet.cli.arguments import labeled_rows, read_rows
from glassnet.cli.console import Output
from glassnet.cli.mistakes import check_ending, free_path, load_model
from glassnet.cli.predict import ModelArgument
from glassnet.datasets import DIGITS
from glassnet.errors import InputError


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
    out: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Output file, .html.",
            show_default="report.html, or report-2.html, … if that exists",
        ),
    ] = None,
    language: Annotated[str, typer.Option(help="Language of the report: en or ko.")] = "en",
) -> None:
    """Write a report on a model: learning curves, scores, confusion matrix, most confident errors and layers."""
    from glassnet.visualization.report import write_report

    output = Output()
    x = y = None
    source = ""
    check_ending("--out", out, (".html",), "a report is an HTML page")
    loaded = load_model(model)
    to = free_path("report.html") if out is None else out
    check_writable(to)
    if target is not None and data is None:
        raise InputError("--target names a column of --data; give both")
    if data is not None or loaded.metadata.get("source") == DIGITS:
        table = read_rows(loaded, data)
        x, y = labeled_rows(loaded, table, target)
        source = table.source
    path = write_report(loaded, x, y, to, source=source, language=language)
    output.echo(f"saved the report to {path}, a self-contained HTML file")
    if x is None:
        output.echo("for scores, confusion matrix and most confident errors, give a file with --data")

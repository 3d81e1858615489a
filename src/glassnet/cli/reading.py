"""How files are read: the options of ``glassnet train``, and what a model says of the files that it is used on."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from glassnet.cli.train_options import TrainResult
from glassnet.data import CsvFormat, ReadOptions
from glassnet.data.base_file import MAX_COLUMNS
from glassnet.errors import InputError
from glassnet.models import Model
from glassnet.models.table_rows import file_kinds
from glassnet.preprocessing.column_choice import ColumnOptions

#: The entry of a model's metadata that holds the `CsvFormat` of its training files, as far as it was given.
CSV = "csv"

DelimiterOption = Annotated[
    str | None, typer.Option(metavar="CHARACTER", help="CSV: delimiter, or 'tab'.", show_default="detected")
]
DecimalOption = Annotated[
    str | None, typer.Option(metavar="SIGN", help="CSV: decimal sign, . or ,.", show_default="detected")
]
ThousandsOption = Annotated[
    str | None, typer.Option(metavar="SIGN", help="CSV: separator of thousands.", show_default="detected")
]
EncodingOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="CSV: encoding, such as cp1252.", show_default="detected")
]
MissingOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MARK",
        help="CSV: cells that mean a missing value, beside the empty cell; give the option once for each.",
        show_default="?, NA, nan, null, None, - and the like, except in text",
    ),
]
HeaderOption = Annotated[
    bool | None,
    typer.Option(
        "--header/--no-header", help="CSV: whether the first line names the columns.", show_default="detected"
    ),
]
MaxColumnsOption = Annotated[
    int | None,
    typer.Option(metavar="N", help="Maximum number of columns of a file.", show_default="25,000; SVMlight 500,000"),
]


def training_options(
    csv_format: CsvFormat, columns: ColumnOptions, on_bad_row: str, max_columns: int | None
) -> ReadOptions:
    """Return how training files are read, as arguments of `glassnet.data.open_files`.

    Raises
    ------
    InputError
        If ``max_columns`` is not positive.
    """
    if max_columns is not None and max_columns < 1:
        raise InputError(f"--max-columns {max_columns}: it must be at least 1")
    return {
        "csv_format": csv_format,
        "ignore": columns.ignore,
        "kinds": columns.reading_kinds,
        "on_bad_row": on_bad_row,
        "max_columns": max_columns,
    }


def remember_format(result: TrainResult, csv_format: CsvFormat) -> TrainResult:
    """Return a result whose model knows how its training files are written, as far as that was given."""
    if not csv_format.to_dict():
        return result
    model = replace(result.model, metadata={**result.model.metadata, CSV: csv_format.to_dict()})
    return TrainResult(model, result.bad_rows, result.n_bad_rows, result.cache_failed)


def options_of(model: Model) -> ReadOptions:
    """Return how files are read that a model is used on: as those that it was trained on."""
    stored = model.metadata.get(CSV)
    names = [*model.feature_names, model.target_name]
    return {
        "csv_format": CsvFormat.from_dict(stored) if isinstance(stored, dict) else None,
        "kinds": file_kinds(model),
        "expected": names,
        "max_columns": len(names) + MAX_COLUMNS,
    }

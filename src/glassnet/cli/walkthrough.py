"""``glassnet walkthrough``."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import typer

from glassnet._utils.arrays import Array
from glassnet.cli.arguments import parse_numbers
from glassnet.data import Table, features, read_table, target_values
from glassnet.datasets import load_digits
from glassnet.errors import InputError
from glassnet.walkthrough import train_nn

#: The column of the classes in Kaggle's files.
LABEL = "label"
#: The largest pixel of Kaggle's pictures, and of scikit-learn's digits.
KAGGLE_MAX, DIGITS_MAX = 255, 16
#: The hidden layers of the original program.
HIDDEN = (128, 64)


def walkthrough(
    train: Annotated[
        str | None,
        typer.Argument(
            metavar="[TRAIN.csv",
            help="Training rows in Kaggle's MNIST layout: a column 'label', then pixels from 0 to 255; .gz too.",
            show_default="scikit-learn's digits",
        ),
    ] = None,
    test: Annotated[
        str | None, typer.Argument(metavar="TEST.csv]", help="Test rows in the same layout.", show_default=False)
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training rows.")] = 30,
    alpha: Annotated[
        float, typer.Option(help="Learning rate; a sample's gradient is applied with alpha / rows.")
    ] = 500,
    layers: Annotated[
        str | None,
        typer.Option(metavar="SIZES", help="Inputs, hidden units, outputs.", show_default="PIXELS,128,64,CLASSES"),
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="Language of the output: ko or en.", show_default="that of the locale")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="NumPy's seed for the initial weights.")] = 0,
    engine: Annotated[
        str, typer.Option(help="reference runs the steps one by one; fused is compiled and faster.")
    ] = "reference",
) -> None:
    """Run the program that glassnet began from: sigmoid layers trained by online gradient descent.

    Prints the accuracy on the test rows after every epoch.
    """
    if (train is None) != (test is None):
        raise InputError(f"TEST.csv is missing after {train}; give both files, or none to use the digits")
    tables = load_digits() if train is None else (read_table(train), read_table(str(test)))
    largest = DIGITS_MAX if train is None else KAGGLE_MAX
    classes = np.unique(_labels(tables[0]))
    columns = [name for name in tables[0].names if name != LABEL]
    x_train, x_test = (_pixels(table, columns, largest) for table in tables)
    y_train, y_test = (_one_hot(table, classes) for table in tables)
    sizes = parse_numbers("--layers", layers, int) if layers is not None else (len(columns), *HIDDEN, len(classes))
    if (sizes[:1], sizes[-1:]) != ((len(columns),), (len(classes),)):
        raise InputError(
            f"--layers {layers}: the data have {len(columns)} pixels and {len(classes)} classes; "
            f"write it like --layers {len(columns)},128,64,{len(classes)}"
        )
    np.random.seed(seed)  # noqa: NPY002  # what the original draws from
    train_nn(x_train, y_train, x_test, y_test, sizes, epochs, alpha, language=language, engine=engine)


def _labels(table: Table) -> Array:
    """Return the column of labels (rows,)."""
    if LABEL not in table.names:
        raise InputError(
            f"{table.source}: there is no column {LABEL!r}; Kaggle's layout is a column 'label', then pixels"
        )
    return target_values(table, LABEL)


def _pixels(table: Table, columns: list[str], largest: int) -> Array:
    """Return the pixels scaled to 0 … 1, float64 (rows, pixels).

    Raises
    ------
    InputError
        If a pixel is outside 0 … largest: the file, row, column and value are named.
    """
    pixels = features(table, columns)
    invalid = np.argwhere((pixels < 0) | (pixels > largest))
    if len(invalid):
        row, column = invalid[0]
        raise InputError(
            f"{table.describe_row(int(row))}, column {columns[column]!r} is {pixels[row, column]:g}; "
            f"a pixel is between 0 and {largest}"
        )
    return pixels / largest


def _one_hot(table: Table, classes: Array) -> Array:
    """Return one-hot labels (rows, classes)."""
    labels = _labels(table)
    unknown = np.flatnonzero(~np.isin(labels, classes))
    if len(unknown):
        row = int(unknown[0])
        raise InputError(f"{table.describe_row(row)} has the label {labels.tolist()[row]!r}, which no training row has")
    return np.eye(len(classes))[np.searchsorted(classes, labels)]

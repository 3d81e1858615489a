"""Parsing of options, and reading of the rows that a model is used on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from glassnet._utils.arrays import Array
from glassnet._utils.registry import lookup
from glassnet.cli.reading import options_of
from glassnet.data import Table, choose_target, open_files, read_table, target_values
from glassnet.datasets import DIGITS, load_digits
from glassnet.errors import InputError
from glassnet.models import Model
from glassnet.models.table_rows import find_target, raw_rows
from glassnet.models.target import REGRESSION

Number = TypeVar("Number", int, float)


def parse_numbers(option: str, text: str, kind: type[Number]) -> tuple[Number, ...]:
    """Parse numbers separated by commas, such as ``128,64``.

    Raises
    ------
    InputError
        If a part is not a number of the kind; option, text and part are named.
    """
    expected, example = ("a whole number", "128,64") if kind is int else ("a number", "0.2,0.5")
    values = []
    for part in text.split(",") if text.strip() else []:
        try:
            values.append(kind(part))
        except ValueError:
            raise InputError(
                f"{option} {text}: {part.strip()!r} is not {expected}; write it like {option} {example}"
            ) from None
    return tuple(values)


def parse_sizes(option: str, text: str) -> tuple[int, ...]:
    """Parse sizes of layers separated by commas.

    Raises
    ------
    InputError
        If a part is not a whole number of 1 or more; option, text and part are named.
    """
    sizes = parse_numbers(option, text, int)
    for size in sizes:
        if size < 1:
            raise InputError(
                f"{option} {text}: {size} is no size: a layer has a whole number of units, 1 or more; write it like "
                f"{option} 128,64, or {option} '' for no hidden layer"
            )
    return sizes


def split_names(texts: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of columns in an option, which may be given several times, each a list separated by commas."""
    return tuple(name.strip() for text in texts or () for name in text.split(",") if name.strip())


def parse_assignments(option: str, texts: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    """Parse assignments such as ``l1=0.001``: a name and a value as JSON; other values are strings.

    Raises
    ------
    InputError
        If a text has no ``=``, or the name is unknown; the closest name and all names are listed.
    """
    values: dict[str, Any] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign:
            raise InputError(f"{option} {text}: there is no '='; write it like {option} l1=0.001")
        lookup(dict.fromkeys(names), name.strip(), f"{option}: the setting")
        try:
            values[name.strip()] = json.loads(value)
        except RecursionError:
            raise InputError(f"{option} {name.strip()}: the value is nested too deeply; give a simpler one") from None
        except ValueError:
            values[name.strip()] = value
    return values


def read_rows(model: Model, data: str | None) -> Table:
    """Read the rows to use a model on: a file or, for a model of the digits, their test rows.

    Raises
    ------
    InputError
        If no file is given and the model was not trained on the digits.
    """
    if data is not None:
        return read_table(data, **options_of(model))
    if model.metadata.get("source") != DIGITS:
        raise InputError("name the file with the rows; only a model of the built-in digits needs none")
    return load_digits()[1]


def read_blocks(model: Model, data: str | None) -> Iterator[Table]:
    """Yield the rows to use a model on in blocks, in little memory; see `read_rows`."""
    if data is None:
        yield read_rows(model, data)
    else:
        # columns that are not the model's may hold anything
        yield from open_files(data, **options_of(model)).blocks(settle=False)


def reject_text_target(table: Table, target: str, y: Array, advice: str) -> None:
    """Check that the target of a regression is numbers.

    Raises
    ------
    InputError
        If the target is text; file and column are named.
    """
    if y.dtype.kind == "O":
        raise InputError(f"{table.source}: the target column {target!r} holds text; {advice}")


def labeled_rows(model: Model, table: Table, target: str | None = None) -> tuple[Any, Array]:
    """Return raw rows and targets of a table, matched to the model by the columns' names.

    ``target`` names the target's column where it is not the one that the model was trained with.
    """
    name = choose_target(table, target) if target else find_target(model, table)
    y = target_values(table, name)
    if model.task == REGRESSION:
        reject_text_target(table, name, y, "this model predicts numbers")
    x = raw_rows(model, table, name)
    try:
        model.encode(y)
    except InputError as error:
        raise with_location(table, error) from None
    return x, y


@contextmanager
def located(table: Table) -> Iterator[None]:
    """Name the file and the number of the row there in errors about a row of a table."""
    try:
        yield
    except InputError as error:
        raise (with_location(table, error) if str(error).startswith("row ") else error) from None


def with_location(table: Table, error: InputError) -> InputError:
    """Return an error about a row of a table, ``row 5 has …``, with the file and the number of the row in it."""
    match = re.match(r"row (\d+) (.*)", str(error), re.DOTALL)
    return InputError(f"{table.describe_row(int(match[1]) - 1)} {match[2]}" if match else f"{table.source}: {error}")

"""Turning what was typed into numbers and rows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from glassnet._utils.arrays import Array
from glassnet._utils.registry import lookup
from glassnet.data import Matrix, Table, choose_target, features, open_files, read_table, target_values
from glassnet.data.formatting import format_names
from glassnet.datasets import DIGITS, load_digits
from glassnet.errors import InputError
from glassnet.models import Model
from glassnet.models.model import default_names
from glassnet.models.target import REGRESSION, UNNAMED_TARGET

Number = TypeVar("Number", int, float)


def numbers(option: str, text: str, kind: type[Number]) -> tuple[Number, ...]:
    """Read ``128,64`` as numbers.

    Raises
    ------
    InputError
        If a part is no number of the kind: the option, the text and the part are named.
    """
    what, example = ("a whole number", "128,64") if kind is int else ("a number", "0.2,0.5")
    found = []
    for part in text.split(",") if text.strip() else []:
        try:
            found.append(kind(part))
        except ValueError:
            raise InputError(
                f"{option} {text}: {part.strip()!r} is not {what}; write it like {option} {example}"
            ) from None
    return tuple(found)


def assignments(option: str, texts: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    """Read ``l1=0.001`` and the like: a name, and a value as JSON; what is no JSON is text.

    Raises
    ------
    InputError
        If a text has no ``=``, or there is no such name: the nearest one and all are named.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign:
            raise InputError(f"{option} {text}: there is no '='; write it like {option} l1=0.001")
        lookup(dict.fromkeys(names), name.strip(), f"{option}: the setting")
        try:
            found[name.strip()] = json.loads(value)
        except ValueError:
            found[name.strip()] = value
    return found


def table_for(model: Model, data: str | None) -> Table:
    """Read the rows to use a model on: the file, or for the digits' model the rows it was not trained on.

    Raises
    ------
    InputError
        If no file is named and the model was trained on one.
    """
    if data is not None:
        return read_table(data)
    if model.metadata.get("source") != DIGITS:
        raise InputError("name the file with the rows; only a model of the built-in digits has rows of its own")
    return load_digits()[1]


def blocks_for(model: Model, data: str | None) -> Iterator[Table]:
    """Yield the rows to use a model on part by part, in little memory: see `table_for`."""
    if data is None:
        yield table_for(model, data)
    else:
        yield from open_files(data).blocks()


def refuse_text(table: Table, target: str, y: Array, advice: str) -> None:
    """Refuse a target of text where numbers are predicted.

    Raises
    ------
    InputError
        If it is text: the file and the column are named.
    """
    if y.dtype.kind == "O":
        raise InputError(f"{table.source}: the target column {target!r} holds text; {advice}")


def rows_with_truth(model: Model, table: Table, target: str | None = None) -> tuple[Any, Array]:
    """Return raw rows and targets of a table, matched to the model by the columns' names.

    ``target`` names the target's column where it is not the one that the model was trained with.
    """
    name = choose_target(table, target) if target else target_of(model, table)
    y = target_values(table, name)
    if model.task == REGRESSION:
        refuse_text(table, name, y, "this model predicts numbers")
    x = raw_rows(model, table, name)
    try:
        model.encode(y)
    except InputError as error:
        raise placed(table, error) from None
    return x, y


def target_of(model: Model, table: Table) -> str:
    """Return the target's column: the model's name for it, the only column that is no feature, or the usual names."""
    if model.target_name in table.names:
        return model.target_name
    others = [name for name in table.names if name not in model.feature_names]
    if len(others) == 1:
        return others[0]
    return choose_target(table) if model.target_name == UNNAMED_TARGET else model.target_name


def raw_rows(model: Model, table: Table, target: str = "") -> Any:
    """Return the columns that a model takes: numbers, or, where it preprocesses a table, the columns as they are.

    They are matched by name or, if the model was trained on rows without names, by position.
    """
    names = list(model.feature_names)
    others = [name for name in table.names if name != target]
    if model.feature_names == default_names(len(names)) and not set(names) & set(others) and len(others) == len(names):
        names = others
    if model.takes_numbers or isinstance(table, Matrix):
        return features(table, names)
    missing = [name for name in names if name not in table.names]
    if missing:
        raise InputError(f"{table.source}: column {format_names(missing)} is missing; the model was trained on it")
    return table.to_arrow().columns.select(names)


def placed(table: Table, error: InputError) -> InputError:
    """Return an error about a row of a table, ``row 5 has …``, with the file and the number that the row has there."""
    found = re.match(r"row (\d+) (.*)", str(error), re.DOTALL)
    return InputError(f"{table.describe_row(int(found[1]) - 1)} {found[2]}" if found else f"{table.source}: {error}")

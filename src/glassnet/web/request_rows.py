"""Rows out of JSON: lists, or objects with the columns' names, become an array, or the entry at fault is named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any

import numpy as np
import orjson

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.models import Model
from glassnet.web.errors import ApiError, shown

_NUMBERS = {int, float, bool}
_NUMBER = "a finite number"

#: A row, for the OpenAPI description.
ROW: dict[str, Any] = {
    "oneOf": [
        {"type": "array", "items": {"type": "number"}, "description": "One number a column, in the model's order."},
        {"type": "object", "additionalProperties": True, "description": "A number for each column by its name."},
    ]
}


def read_json(body: bytes) -> dict[str, Any]:
    """Read a body that must be an object.

    Raises
    ------
    ApiError
        422 if it is no JSON, which has no NaN and no infinity, or no object.
    """
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ApiError(422, "no_json", f"the body is no JSON: {error}") from None
    if not isinstance(content, dict):
        raise ApiError(
            422, "input", f'the body is {shown(content)}; give an object: {{"rows": [[…], …]}}', expected="an object"
        )
    return content


def rows_of(content: dict[str, Any], model: Model, most: int) -> Array:
    """Return the rows of a request as numbers that the model takes.

    Parameters
    ----------
    content : dict
        ``rows``: a list of rows, each a list of numbers in the order of the model's columns, or an object with a number
        for each column by name, where other names are left alone.
    model : Model
        What the rows are for.
    most : int
        Rows, at most.

    Returns
    -------
    array (samples, features), float64
        At least one row, every entry finite. Whether the model can take them, it says itself: see `told_by_place`.

    Raises
    ------
    ApiError
        422 (413 for too many rows) with ``row`` (from 0), ``column``, ``value`` and ``expected``.
    """
    rows = content.get("rows")
    if not isinstance(rows, list) or not rows:
        seen = "missing" if rows is None else "an empty list" if rows == [] else shown(rows)
        raise ApiError(422, "input", f"rows is {seen}; give a list of one or more rows", expected="a list of rows")
    if len(rows) > most:
        raise ApiError(413, "too_many_rows", f"there are {len(rows):,} rows; send at most {most:,} at once", most=most)
    names = model.feature_names
    lists = [_listed(row, number, names) for number, row in enumerate(rows)]
    return np.array(lists, np.float64)


@contextmanager
def told_by_place(x: Array, model: Model) -> Iterator[None]:
    """Tell an error of the model about rows (samples, features) by row, column, value and what was expected."""
    try:
        yield
    except InputError:
        if fault := _fault_in(x, model):
            raise fault from None
        raise


def _fault_in(x: Array, model: Model) -> ApiError | None:
    """Find what a model refused in rows (samples, features): too large for its dtype, or a code that no table has."""
    structure = model.structure
    if model.scaling is None:  # a table is checked where it is preprocessed
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        wrong = ~np.isfinite(model.scaling.transform(x, model.vector.dtype))
    codes = x[:, structure.n_numbers :]
    known = np.array([categories for categories, _ in structure.tables])
    wrong[:, structure.n_numbers :] |= ~((codes >= 0) & (codes < known) & (codes == np.floor(codes)))
    if not wrong.any():
        return None
    row, column = (int(place) for place in np.argwhere(wrong)[0])
    expected = f"a number that is, scaled, within {model.vector.dtype.name}"
    if column >= structure.n_numbers:
        expected = f"a category's code, a whole number from 0 to {known[column - structure.n_numbers] - 1}"
    return _fault(row, model.feature_names[column], float(x[row, column]), expected)


def _listed(row: Any, number: int, names: Sequence[str]) -> Sequence[Any]:
    """Return a row as numbers in the order of the columns."""
    if isinstance(row, dict):
        try:
            entries = itemgetter(*names)(row)
        except KeyError as missing:
            name = missing.args[0]
            told = f"rows[{number}] has no column {name!r}; give a number for it"
            raise ApiError(422, "input", told, row=number, column=name, value=None, expected=_NUMBER) from None
        row = [entries] if len(names) == 1 else entries
    elif not isinstance(row, list):
        expected = f"a list of {len(names)} numbers, or an object with the columns' names"
        raise ApiError(422, "input", f"rows[{number}] is {shown(row)}; give {expected}", row=number, expected=expected)
    elif len(row) != len(names):
        told = f"rows[{number}] has {len(row)} entries; this model takes {len(names)}"
        raise ApiError(422, "input", told, row=number, value=len(row), expected=f"{len(names)} numbers")
    if not _NUMBERS.issuperset(map(type, row)):
        place = next(place for place, value in enumerate(row) if type(value) not in _NUMBERS)
        raise _fault(number, names[place], row[place], _NUMBER)
    return row


def _fault(row: int, column: str, value: Any, expected: str) -> ApiError:
    """Return the error for one entry."""
    seen = "null" if value is None else repr(shown(value))
    told = f"rows[{row}], column {column!r} is {seen}; it must be {expected}"
    return ApiError(422, "input", told, row=row, column=column, value=value, expected=expected)


def takes(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what the OpenAPI description says of a body that FastAPI does not read itself."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}

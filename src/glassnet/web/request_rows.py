"""Parse rows from JSON: lists of numbers or objects with column names become an array."""

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
from glassnet.web.errors import ApiError, truncate

_NUMBER_TYPES: frozenset[type] = frozenset({int, float, bool})
_EXPECTED_NUMBER = "a finite number"
#: Types of the entries of a table that the model preprocesses.
_ENTRY_TYPES: frozenset[type] = _NUMBER_TYPES | {str, type(None)}
_EXPECTED_ENTRY = "text, a finite number, true, false or null"

#: Bytes of Python objects for a byte of JSON: most for short lists, ``[1],``, and objects, ``{"a":1},``.
JSON_MEMORY = 40

#: OpenAPI schema of a row.
ROW_SCHEMA: dict[str, Any] = {
    "oneOf": [
        {"type": "array", "items": {"type": "number"}, "description": "One number per column, in the model's order."},
        {"type": "object", "additionalProperties": True, "description": "A number for each column by its name."},
    ]
}


def json_memory(body: bytes) -> int:
    """Return an upper bound of the bytes that a body takes as Python objects."""
    return JSON_MEMORY * len(body)


def read_json(body: bytes) -> dict[str, Any]:
    """Parse a body that must be a JSON object.

    Raises
    ------
    ApiError
        422 if it is not valid JSON (which has no NaN and no infinity), or not an object.
    """
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ApiError(422, "invalid_json", f"the body is not valid JSON: {error}") from None
    if not isinstance(content, dict):
        message = f'the body is {truncate(content)}; give an object: {{"rows": [[…], …]}}'
        raise ApiError(422, "invalid_input", message, expected="an object")
    return content


def parse_rows(content: dict[str, Any], model: Model, max_rows: int) -> Array:
    """Return the rows of a request as an array.

    Parameters
    ----------
    content : dict
        ``rows``: a list of rows, each a list of numbers in the order of the model's columns, or an object with a number
        for each column by name. Names that the model does not know are ignored. Where the model preprocesses a table,
        entries may also be text, true or false, and null for a missing value.
    model : Model
        The model that takes the rows.
    max_rows : int
        Maximum number of rows.

    Returns
    -------
    array (samples, features), float64, or object where the model preprocesses a table
        At least one row; every number is finite. The model validates the values: see `locate_errors`.

    Raises
    ------
    ApiError
        422 (413 for too many rows) with ``row`` (from 0), ``column``, ``value`` and ``expected``.
    """
    rows = content.get("rows")
    if not isinstance(rows, list) or not rows:
        message = f"rows is {_describe(rows)}; give a list of one or more rows"
        raise ApiError(422, "invalid_input", message, expected="a list of rows")
    if len(rows) > max_rows:
        message = f"there are {len(rows):,} rows; send at most {max_rows:,} at once"
        raise ApiError(413, "too_many_rows", message, limit=max_rows)
    names = model.feature_names
    types, expected = (_NUMBER_TYPES, _EXPECTED_NUMBER) if model.takes_numbers else (_ENTRY_TYPES, _EXPECTED_ENTRY)
    parsed = [_parse_row(row, index, names, types, expected) for index, row in enumerate(rows)]
    if model.takes_numbers:
        return np.array(parsed, np.float64)
    entries = np.empty((len(parsed), len(names)), object)
    entries[:] = parsed
    return entries


@contextmanager
def locate_errors(x: Array, model: Model) -> Iterator[None]:
    """Convert an InputError of the model about rows (samples, features) to an ApiError with row, column and value."""
    try:
        yield
    except InputError:
        if error := _find_invalid(x, model):
            raise error from None
        raise


def request_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the OpenAPI description of a body that the endpoint parses itself."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _describe(rows: Any) -> Any:
    if rows is None:
        return "missing"
    return "an empty list" if rows == [] else truncate(rows)


def _find_invalid(x: Array, model: Model) -> ApiError | None:
    """Find the entry (samples, features) that a model refused: too large for its dtype, or an unknown category code."""
    structure = model.structure
    if model.scaling is None:  # a table is checked where it is preprocessed
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        invalid = ~np.isfinite(model.scaling.transform(x, model.vector.dtype))
    codes = x[:, structure.n_numbers :]
    n_categories = np.array([categories for categories, _ in structure.embeddings])
    invalid[:, structure.n_numbers :] |= ~((codes >= 0) & (codes < n_categories) & (codes == np.floor(codes)))
    if not invalid.any():
        return None
    row, column = (int(index) for index in np.argwhere(invalid)[0])
    expected = f"a number that is, scaled, within {model.vector.dtype.name}"
    if column >= structure.n_numbers:
        expected = f"a category code, an integer from 0 to {n_categories[column - structure.n_numbers] - 1}"
    return _invalid_value(row, model.feature_names[column], float(x[row, column]), expected)


def _parse_row(
    row: Any, index: int, names: Sequence[str], types: frozenset[type], expected_entry: str
) -> Sequence[Any]:
    """Return a row in the order of the columns, each entry of one of the types."""
    if isinstance(row, dict):
        try:
            entries = itemgetter(*names)(row)
        except KeyError as missing:
            name = missing.args[0]
            kind = "number" if types is _NUMBER_TYPES else "value"
            message = f"rows[{index}] has no column {name!r}; give a {kind} for it"
            details = {"row": index, "column": name, "value": None, "expected": expected_entry}
            raise ApiError(422, "invalid_input", message, **details) from None
        row = [entries] if len(names) == 1 else entries
    elif not isinstance(row, list):
        expected = f"a list of {len(names)} numbers, or an object with the columns' names"
        message = f"rows[{index}] is {truncate(row)}; give {expected}"
        raise ApiError(422, "invalid_input", message, row=index, expected=expected)
    elif len(row) != len(names):
        message = f"rows[{index}] has {len(row)} entries; this model takes {len(names)}"
        raise ApiError(422, "invalid_input", message, row=index, value=len(row), expected=f"{len(names)} numbers")
    if not types.issuperset(map(type, row)):
        column = next(column for column, value in enumerate(row) if type(value) not in types)
        raise _invalid_value(index, names[column], row[column], expected_entry)
    return row


def _invalid_value(row: int, column: str, value: Any, expected: str) -> ApiError:
    """Return the error for one entry."""
    given = "null" if value is None else repr(truncate(value))
    message = f"rows[{row}], column {column!r} is {given}; it must be {expected}"
    return ApiError(422, "invalid_input", message, row=row, column=column, value=value, expected=expected)

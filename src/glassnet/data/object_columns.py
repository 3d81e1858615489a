"""Columns of Python objects: their kind, and their conversion to numbers."""

from __future__ import annotations

import datetime
import math
import numbers
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.data.column_error import TYPE_ADVICE, ColumnError

#: The kinds of columns.
NUMBER, BOOLEAN, CATEGORY, DATE = "number", "boolean", "category", "date"

#: Names of the types of None, and of pandas' NA and NaT.
MISSING_TYPES = ("NoneType", "NAType", "NaTType")


def is_missing(value: Any) -> bool:
    """Return whether a single value is missing: None, NaN, pandas' NA or NaT."""
    if type(value).__name__ in MISSING_TYPES:
        return True
    return isinstance(value, (float, np.floating)) and math.isnan(value)


def kind_of_objects(values: list[Any]) -> str:
    """Return the kind of a column of Python objects, whose dtype does not say it."""
    types = set(map(type, values))
    if bool in types or np.bool_ in types:  # NaN beside booleans is a missing value, not a number
        types = {type(value) for value in values if not is_missing(value)}
    types = {type_ for type_ in types if type_.__name__ not in MISSING_TYPES}
    if types and all(issubclass(type_, (bool, np.bool_)) for type_ in types):
        return BOOLEAN
    if all(issubclass(type_, (numbers.Real, np.bool_)) or type_.__name__ == "Decimal" for type_ in types):
        return NUMBER
    if all(issubclass(type_, (datetime.date, np.datetime64)) for type_ in types):
        return DATE
    return CATEGORY


def to_float_array(values: list[Any], position: int) -> Array:
    """Convert the Python objects of a column to float64 (samples,); text that holds a number is parsed.

    Raises
    ------
    ColumnError
        If a value is not a number.
    """
    if not any(hasattr(type_, "isoformat") for type_ in set(map(type, values))):
        try:
            return np.fromiter(values, object, len(values)).astype(np.float64)
        except (TypeError, ValueError, OverflowError):
            pass
    result = np.full(len(values), np.nan)
    for row, value in enumerate(values):
        try:
            if not is_missing(value):
                result[row] = float(value)
        except (TypeError, ValueError, OverflowError):
            message = f"is {value!r:.40}, which is not a number; correct it, or name the column in categorical_features"
            raise ColumnError(position, message, row) from None
    return result


def to_seconds(values: Any, position: int) -> Array:
    """Convert dates and times to seconds since 1970, float64 (samples,), NaN where missing.

    Parameters
    ----------
    values : array of datetime64, or list
        Dates; Python's own, and text in the form of ISO 8601; those with a time zone are converted to UTC.
    position : int
        The position of the column in its table.

    Raises
    ------
    ColumnError
        If a value is no date (row and value named).
    """
    if not isinstance(values, np.ndarray):
        parsed = np.full(len(values), np.datetime64("NaT", "us"))
        for row, value in enumerate(values):
            if not is_missing(value) and str(value).strip():
                parsed[row] = _parse_date(value, row, position)
        values = parsed
    microseconds = values.astype("datetime64[us]")
    return np.where(np.isnat(microseconds), np.nan, microseconds.astype(np.int64) / 1e6)


def _parse_date(value: Any, row: int, position: int) -> Any:
    """Return one date as datetime64."""
    try:
        if isinstance(value, str):
            value = datetime.datetime.fromisoformat(value.strip())
        if isinstance(value, datetime.datetime) and value.tzinfo is not None:
            value = value.astimezone(datetime.UTC).replace(tzinfo=None)
        if isinstance(value, datetime.date):
            return np.datetime64(value.isoformat(), "us")
        if isinstance(value, np.datetime64):
            return value
    except ValueError:
        pass
    raise ColumnError(
        position, f"is {value!r:.40}, which is not a date; write it like 2026-01-31 or 2026-01-31 08:15", row
    )


def check_hashable(values: list[Any], position: int) -> None:
    """Check that every value of a column is hashable, as a category must be.

    Raises
    ------
    ColumnError
        For the first value that is not, such as a list.
    """
    for row, value in enumerate(values):
        try:
            hash(value)
        except TypeError:
            raise ColumnError(position, f"is a {type(value).__name__}; {TYPE_ADVICE}", row) from None

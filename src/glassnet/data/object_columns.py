"""Columns of Python objects: their kind, and their conversion to numbers."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.data.column_error import TYPE_ADVICE, ColumnError

#: The kinds of columns.
NUMBER, BOOLEAN, CATEGORY = "number", "boolean", "category"

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

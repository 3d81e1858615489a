"""Columns of Python objects: what they hold, and numbers made of them."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.preprocessing.column_error import MEND_TYPE, Fault

#: What a column holds.
NUMBER, BOOLEAN, CATEGORY = "number", "boolean", "category"

#: The types of None, and of pandas' NA and NaT.
MISSING_TYPES = ("NoneType", "NAType", "NaTType")


def is_missing(value: Any) -> bool:
    """Say whether a single value is a missing one: None, NaN, pandas' NA or NaT."""
    if type(value).__name__ in MISSING_TYPES:
        return True
    return isinstance(value, (float, np.floating)) and math.isnan(value)


def kind_of_objects(values: list[Any]) -> str:
    """Say what a column of Python objects holds; its dtype doesn't."""
    kinds = set(map(type, values))
    if bool in kinds or np.bool_ in kinds:  # NaN beside booleans is no number
        kinds = {type(value) for value in values if not is_missing(value)}
    kinds = {kind for kind in kinds if kind.__name__ not in MISSING_TYPES}
    if kinds and all(issubclass(kind, (bool, np.bool_)) for kind in kinds):
        return BOOLEAN
    if all(issubclass(kind, (numbers.Real, np.bool_)) or kind.__name__ == "Decimal" for kind in kinds):
        return NUMBER
    return CATEGORY


def numbers_of(values: list[Any], position: int) -> Array:
    """Make numbers (samples,) float64 of Python objects; text is read as numbers if it is."""
    if not any(hasattr(kind, "isoformat") for kind in set(map(type, values))):
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
            what = f"is {value!r:.40}, which is no number here; mend it, or name the column in categorical_features"
            raise Fault(position, what, row) from None
    return result


def refuse_unhashable(values: list[Any], position: int) -> None:
    """Refuse the first value that can't be looked up, as lists can't."""
    for row, value in enumerate(values):
        try:
            hash(value)
        except TypeError:
            raise Fault(position, f"is a {type(value).__name__}; {MEND_TYPE}", row) from None

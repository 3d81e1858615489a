"""Checks of X and y beside scikit-learn's: tables that are preprocessed, targets of Python objects, helpful notes."""

from __future__ import annotations

from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils import check_array

from glassnet._utils.arrays import Array
from glassnet.data.object_columns import is_missing
from glassnet.errors import InputError

#: Parts of the messages of scikit-learn, NumPy and pandas for text, dates and missing values among numbers.
_NOT_NUMBERS = ("NaN", "could not convert", "float() argument", "could not be promoted", "not supported between")
_X_NOTE = "Or fit with preprocess='auto', which fills in missing values and encodes text."
_Y_NOTES = {
    "NaN": "A row without a target can't be trained on; leave it out.",
    "could not convert": "y holds text; a classifier takes it: MLPClassifier.",
}


def check_table_shape(X: Any, estimator: Any) -> None:
    """Check that a table has two dimensions, a row and a column, as scikit-learn checks an array.

    Raises
    ------
    ValueError
        With scikit-learn's message.
    """
    if hasattr(X, "collect_schema") and not hasattr(X, "to_arrow"):
        return  # a lazy frame, whose shape is unknown
    shape = getattr(X, "shape", None)
    if shape is None and isinstance(X, list) and X and all(isinstance(row, (list, tuple)) for row in X):
        shape = (len(X), len(X[0]))
    if isinstance(shape, tuple) and len(shape) == 2:
        X = np.broadcast_to(np.float64(0), shape)  # of its shape, without its values
    check_array(X, dtype=None, ensure_all_finite=False, estimator=estimator)


def plain_target(y: Any) -> Any:
    """Return y with objects as the numbers or texts that they are.

    Objects that are all numbers (also decimals) become numbers; categories that are intervals, periods or dates become
    their text; everything else is returned as it is.

    Raises
    ------
    InputError
        If an object is missing: its row is named.
    """
    dtype = getattr(y, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind != "O":
        return y
    if getattr(dtype, "name", "") == "category" and hasattr(dtype, "categories"):
        return _plain_categories(y)
    is_decimal = "decimal" in str(dtype).lower() or (isinstance(y, list) and bool(y) and isinstance(y[0], Decimal))
    if not is_decimal and not (isinstance(dtype, np.dtype) and dtype.kind == "O"):
        return y
    values = np.asarray(y, object)
    if values.ndim != 1:
        return y
    entries = values.tolist()
    for row, entry in enumerate(entries):
        if is_missing(entry):
            raise InputError(f"Input y contains NaN: y[{row}] is {entry!r}; leave out rows without a target")
    if all(isinstance(entry, (bool, np.bool_)) for entry in entries):
        return values.astype(bool)
    if not all(isinstance(entry, (Real, Decimal)) and not isinstance(entry, bool) for entry in entries):
        return y
    numbers = np.asarray([float(entry) if isinstance(entry, Decimal) else entry for entry in entries])
    return y if numbers.dtype.kind == "O" else numbers  # whole numbers of more than 64 bits


def _plain_categories(y: Any) -> Any:
    categories = list(y.dtype.categories)
    if all(isinstance(category, (str, Real)) for category in categories):
        return y
    codes = np.asarray(y.cat.codes if hasattr(y, "cat") else y.codes)
    missing = np.flatnonzero(codes < 0)
    if len(missing):
        raise InputError(f"Input y contains NaN: y[{missing[0]}] is missing; leave out rows without a target")
    names = np.array([str(category) for category in categories], object)
    text: Array = names[codes]
    return text


def add_note(error: Exception, X: Any, dtype: Any) -> None:
    """Add to scikit-learn's error for X and y the line that helps, if there is one."""
    message = str(error)
    reason = next((part for part in _NOT_NUMBERS if part in message), None)
    if reason is None:
        return
    try:
        check_array(X, accept_sparse=["csr", "csc"], dtype=dtype)
    except (ValueError, TypeError):
        error.add_note(_X_NOTE)
    else:
        if reason in _Y_NOTES:
            error.add_note(_Y_NOTES[reason])

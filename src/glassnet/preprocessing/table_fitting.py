"""Fitting a preprocessor to a table: every statistic is computed from the training rows only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.data.column_error import DATE_ADVICE, FINITE_OR_MISSING, ColumnError
from glassnet.data.conversion import as_table
from glassnet.data.object_columns import BOOLEAN, CATEGORY, is_missing
from glassnet.data.tables import Matrix, Table
from glassnet.errors import InputError
from glassnet.preprocessing.argument_checks import categorical_mask, column_names, is_unicode, training_rows
from glassnet.preprocessing.feature_columns import CODES, MAX_ONE_HOT, ONE_HOT, CategoricalColumn, Value
from glassnet.preprocessing.scaling import choose_scaling, standard_scaling
from glassnet.preprocessing.statistics import ColumnStatistics
from glassnet.preprocessing.table_preprocessor import TablePreprocessor, check_stored_entries, factorize

#: Range of whole numbers that a category may be: 64 bits, signed or unsigned.
MIN_WHOLE = -(2**63)
MAX_WHOLE = 2**64 - 1

#: Codes below this are exact in float32.
MAX_CODES = 2**24
#: Columns whose median is computed at once, so that the copy stays small.
COLUMNS_AT_ONCE = 16


def fit_preprocessor(
    X: Any,
    categorical_features: Any = None,
    rows: Any = None,
    feature_names: Sequence[str] | None = None,
) -> TablePreprocessor:
    """Fit the preprocessor of a table to its training rows.

    Parameters
    ----------
    X : data frame, array or sparse matrix (samples, columns)
        A pandas, polars or Arrow table, an array or lists of numbers, text or both, or a SciPy sparse matrix of
        numbers. None, NaN and pandas' NA are missing values.
    categorical_features : None, "from_dtype", or array of names, indices or booleans (columns,)
        Columns that hold categories, in addition to a data frame's columns of text and of categorical types.
    rows : array of int, or of bool (samples,), or None
        The training rows, all if None.
    feature_names : sequence of str, or None
        The columns' names if X has none; otherwise they must be X's own.

    Returns
    -------
    TablePreprocessor
        Numbers are standardized to mean 0 and deviation 1 (an array of uint8 pixels is divided by 255, sparse rows are
        not centred). A column with missing values in the training rows gets an indicator. Booleans become 0 and 1. Up
        to `MAX_ONE_HOT` categories become one-hot columns, more become codes. A category that occurs in a single
        training row gets no code.

    Raises
    ------
    InputError
        If X is not a table, a column holds dates or other values that are neither numbers nor categories, an entry of
        the training rows is infinite (row and column named), or categorical_features or rows name what does not exist.
    """
    table = as_table(X)
    named = bool(table.names) or feature_names is not None
    names = column_names(table, feature_names)
    categorical = categorical_mask(categorical_features, names, named)
    chosen = training_rows(rows, table.shape[0])
    training = table if rows is None else table.take(chosen, keep_provenance=False)
    try:
        return _fit(training, names, named, categorical)
    except ColumnError as error:
        raise error.to_input_error(names, chosen) from None


def _fit(table: Table, names: tuple[str, ...], named: bool, categorical: Array) -> TablePreprocessor:
    """Fit to a table of training rows; categorical (columns,) marks the columns that the user named."""
    kinds = np.array([table.kind(position) for position in range(len(names))])  # all: dates are not categories either
    is_categorical = categorical | (kinds == CATEGORY)
    numbers = np.flatnonzero(~is_categorical)
    boolean = kinds[numbers] == BOOLEAN
    if isinstance(table, Matrix) and table.is_sparse:
        if categorical.any():
            raise InputError(
                f"categorical_features names the column {names[int(np.argmax(categorical))]!r} of a sparse matrix, "
                "which holds only numbers; make the matrix dense with X.toarray(), or encode its categories one-hot"
            )
        zeros = np.zeros(len(names))
        scale = _fit_sparse_scale(table.x)
        return TablePreprocessor(names, named, False, numbers, boolean, boolean, zeros, zeros, scale, ())
    median, offset, scale, indicator = _fit_numbers(table.matrix(numbers.tolist()), numbers, boolean)
    positions = np.flatnonzero(is_categorical).tolist()
    categories = tuple(_fit_categories(table, position, names[position]) for position in positions)
    return TablePreprocessor(names, named, True, numbers, boolean, indicator, median, offset, scale, categories)


def _fit_numbers(raw: Array, positions: Array, boolean: Array) -> tuple[Array, Array, Array, Array]:
    """Return median, offset, scale and indicator, each (columns,), of training rows (rows, columns), NaN where missing.

    positions and boolean (columns,) are the columns' positions in the table, and whether they hold booleans.
    """
    statistics = ColumnStatistics.of(raw)
    infinite = np.flatnonzero((statistics.count > 0) & np.isinf([statistics.min, statistics.max]).any(axis=0))
    for row, column in np.argwhere(np.isinf(raw[:, infinite]))[:1].tolist():
        message = f"is {raw[row, infinite[column]]}; {FINITE_OR_MISSING}"
        raise ColumnError(int(positions[infinite[column]]), message, row)
    missing = statistics.missing
    median = _medians(raw, missing)
    statistics = statistics.fill_missing(median)
    for column in np.flatnonzero(~np.isfinite(median) | ~statistics.is_finite)[:1].tolist():
        raise ColumnError(int(positions[column]), "holds numbers too large for a mean; divide them by a large number")
    scaling = choose_scaling(statistics) if raw.dtype == np.uint8 else standard_scaling(statistics)
    varies = ~statistics.is_constant
    offset = np.where(varies, scaling.offset, statistics.min)
    scale = np.where(varies, scaling.scale, 0.0)
    offset[boolean & varies] = 0
    scale[boolean & varies] = 1
    return median, offset, scale, (missing > 0) & (missing < len(raw))


def _medians(raw: Array, missing: Array) -> Array:
    """Return the median of each column (columns,) of rows, without the missing values; 0 if all are missing."""
    median = np.zeros(raw.shape[1])
    full = np.flatnonzero(missing == 0)
    with np.errstate(over="ignore"):  # the caller checks whether it is finite
        for first in range(0, len(full), COLUMNS_AT_ONCE):
            columns = full[first : first + COLUMNS_AT_ONCE]
            median[columns] = np.median(raw[:, columns], axis=0)
        for column in np.flatnonzero((missing > 0) & (missing < len(raw))).tolist():
            values = raw[:, column].astype(np.float64)
            median[column] = np.median(values[~np.isnan(values)])
    return median


def _fit_sparse_scale(matrix: Any) -> Array:
    """Return 1 / deviation of each column (columns,) of sparse training rows; an entry that is not stored is 0."""
    check_stored_entries(matrix, matrix.data, "every entry of a sparse matrix must be a finite number")
    statistics = ColumnStatistics.of(matrix)
    return np.where(statistics.is_constant, 0.0, standard_scaling(statistics).scale)


def _fit_categories(table: Table, position: int, name: str) -> CategoricalColumn:
    """Choose the categories of a column that get a code, and the encoding."""
    codes, values = factorize(table, position)
    counts: dict[Value, int] = {}
    occurrences = np.bincount(codes[codes >= 0], minlength=len(values)).tolist()
    for value, count in zip(values, occurrences, strict=True):
        if count and not is_missing(value):
            counts[value] = counts.get(value, 0) + count
    for value in counts:
        _check_value(value, position)
    rows = len(codes)
    if len(counts) > MAX_ONE_HOT:
        # a single row is too little to learn an embedding from, but such rows train the one of unknown categories
        counts = {value: count for value, count in counts.items() if count > 1}
    others = rows - sum(counts.values())
    ordered = sorted(counts, key=lambda value: (isinstance(value, str), value))
    if len(counts) <= MAX_ONE_HOT:
        shares = None if others else tuple(counts[value] / rows for value in ordered)
        return CategoricalColumn(name, position, tuple(ordered), ONE_HOT, shares)
    if not others:
        # code 0 needs rows to learn from: the rarest category shares it with unknown ones
        ordered.remove(min(reversed(ordered), key=counts.__getitem__))
    if len(ordered) >= MAX_CODES:
        raise ColumnError(position, f"has {len(ordered)} categories; the most is {MAX_CODES - 1}: leave the column out")
    return CategoricalColumn(name, position, tuple(ordered), CODES)


def _check_value(value: Any, position: int) -> None:
    """Check that a value can be a category and be stored in a model file; a ColumnError if not."""
    why = ""
    if not isinstance(value, str | int | float):
        is_date = hasattr(value, "isoformat")
        advice = DATE_ADVICE if is_date else "convert it to text, or to a number if its size matters"
        why = f"of type {type(value).__name__}; {advice}"
    elif isinstance(value, str) and not is_unicode(value):
        why = "which is not valid Unicode text; correct it"
    elif isinstance(value, float) and np.isinf(value):
        why = "which is not a finite number; leave the entry empty"
    elif isinstance(value, int) and not MIN_WHOLE <= value <= MAX_WHOLE:
        why = "which does not fit in 64 bits; convert it to text"
    if why:
        raise ColumnError(position, f"holds {value!a:.60}, {why}")

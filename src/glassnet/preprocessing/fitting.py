"""Fitting a preprocessor: every figure is of the training rows alone, and no other row is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.preprocessing.argument_checks import column_names, is_unicode, marked_categories, training_rows
from glassnet.preprocessing.column_error import FINITE, MEND_DATE, Fault
from glassnet.preprocessing.feature_columns import CODES, MAX_ONE_HOT, ONE_HOT, Category, Value
from glassnet.preprocessing.object_columns import BOOLEAN, CATEGORY, is_missing
from glassnet.preprocessing.scaling import choose_scaling, standard_scaling
from glassnet.preprocessing.statistics import ColumnStatistics
from glassnet.preprocessing.table_preprocessor import TablePreprocessor, factorised
from glassnet.preprocessing.tables import SparseTable, Table, read_table

#: Whole numbers that a category may be: what 64 bits hold, signed or not.
MIN_WHOLE, MAX_WHOLE = -(2**63), 2**64 - 1

#: Codes up to this are exact in float32.
MAX_CODES = 2**24
#: Columns whose median is taken at once, so that the copy stays small.
COLUMNS_AT_ONCE = 16


def fit_preprocessor(
    X: Any,
    categorical_features: Any = None,
    rows: Any = None,
    feature_names: Sequence[str] | None = None,
) -> TablePreprocessor:
    """Learn from the training rows how a table's columns become a network's inputs.

    Parameters
    ----------
    X : data frame, array or sparse matrix (samples, columns)
        A pandas, polars or Arrow table, an array or lists of numbers, text or both, or a SciPy sparse matrix of
        numbers. None, NaN and pandas' NA are missing values.
    categorical_features : None, "from_dtype", or array of names, indices or booleans (columns,)
        Columns that hold categories, beside those that can hold nothing else: a data frame's columns of text and of its
        own categorical types.
    rows : array of int, or of bool (samples,), or None
        The training rows, all if None.
    feature_names : sequence of str, or None
        The columns' names where X has none; else they must be X's own.

    Returns
    -------
    TablePreprocessor
        Numbers with mean 0 and deviation 1 (bytes as pixels are, an array of uint8, by 1/255; sparse ones are not
        centred), an indicator beside a column of which some training rows miss the value, booleans as 0 and 1, up to
        `MAX_ONE_HOT` categories one-hot, more as codes. Categories of a single training row are too rare for a code.

    Raises
    ------
    InputError
        If X is no table, a column holds dates or something else that is neither number nor category, an entry of the
        training rows is infinite (row and column named), or categorical_features or rows name what is not there.
    """
    whole = read_table(X)
    named = whole.names is not None or feature_names is not None
    names = column_names(whole, feature_names)
    marked = marked_categories(categorical_features, names, named)
    chosen = training_rows(rows, whole.shape[0])
    try:
        return _fitted(whole if rows is None else whole.take(chosen), names, named, marked)
    except Fault as fault:
        raise fault.told(names, chosen) from None


def _fitted(table: Table, names: tuple[str, ...], named: bool, marked: Array) -> TablePreprocessor:
    """Fit to a table that has the training rows alone."""
    kinds = [table.kind(position) for position in range(len(names))]  # of the marked too: dates are no categories
    of_category = marked | (np.array(kinds) == CATEGORY)
    numbers = np.flatnonzero(~of_category)
    boolean = np.array(kinds)[numbers] == BOOLEAN
    if isinstance(table, SparseTable):
        if marked.any():
            raise InputError(
                f"categorical_features names the column {names[int(np.argmax(marked))]!r} of a sparse matrix, which "
                "holds numbers alone; make the matrix dense with X.toarray(), or its categories one-hot"
            )
        zeros = np.zeros(len(names))
        scale = _fit_sparse_scale(table)
        return TablePreprocessor(names, named, False, numbers, boolean, boolean, zeros, zeros, scale, ())
    median, offset, scale, indicator = _fit_numbers(table.matrix(numbers.tolist()), numbers, boolean)
    categories = tuple(_category(table, position, names[position]) for position in np.flatnonzero(of_category).tolist())
    return TablePreprocessor(names, named, True, numbers, boolean, indicator, median, offset, scale, categories)


def _fit_numbers(raw: Array, positions: Array, boolean: Array) -> tuple[Array, Array, Array, Array]:
    """Return median, offset, scale and indicator, each (columns,), of training rows (rows, columns), NaN where missing.

    positions and boolean (columns,) are the columns' positions in the table, and whether they hold booleans.
    """
    statistics = ColumnStatistics.of(raw)
    infinite = np.flatnonzero((statistics.count > 0) & np.isinf([statistics.min, statistics.max]).any(axis=0))
    for row, column in np.argwhere(np.isinf(raw[:, infinite]))[:1].tolist():
        position = int(positions[infinite[column]])
        raise Fault(position, f"is {raw[row, infinite[column]]}; {FINITE}", row)
    missing = statistics.missing
    median = _medians(raw, missing)
    statistics = statistics.fill_missing(median)
    for column in np.flatnonzero(~np.isfinite(median) | ~statistics.is_finite).tolist():
        raise Fault(int(positions[column]), "holds numbers too large for a mean; divide them by a large number")
    scaling = choose_scaling(statistics) if raw.dtype == np.uint8 else standard_scaling(statistics)
    varies = ~statistics.is_constant
    offset = np.where(varies, scaling.offset, statistics.min)
    scale = np.where(varies, scaling.scale, 0.0)
    offset[boolean & varies], scale[boolean & varies] = 0, 1
    return median, offset, scale, (missing > 0) & (missing < len(raw))


def _medians(raw: Array, missing: Array) -> Array:
    """Return the median of each column (columns,) of rows, without the missing values; 0 if all are missing."""
    median = np.zeros(raw.shape[1])
    full = np.flatnonzero(missing == 0)
    with np.errstate(over="ignore"):  # the caller checks it
        for first in range(0, len(full), COLUMNS_AT_ONCE):
            columns = full[first : first + COLUMNS_AT_ONCE]
            median[columns] = np.median(raw[:, columns], axis=0)
        for column in np.flatnonzero((missing > 0) & (missing < len(raw))).tolist():
            values = raw[:, column].astype(np.float64)
            median[column] = np.median(values[~np.isnan(values)])
    return median


def _fit_sparse_scale(table: SparseTable) -> Array:
    """Return 1 / deviation of each column (columns,) of sparse training rows; an entry that isn't stored is 0."""
    table.refuse(table.entries.data, "every entry of a sparse matrix must be a finite number")
    statistics = ColumnStatistics.of(table.entries)
    return np.where(statistics.is_constant, 0.0, standard_scaling(statistics).scale)


def _category(table: Table, position: int, name: str) -> Category:
    """Choose the categories of a column that get a code, and how it is encoded."""
    places, values = factorised(table, position)
    counts: dict[Value, int] = {}
    held = np.bincount(places[places >= 0], minlength=len(values)).tolist()
    for value, count in zip(values, held, strict=True):
        if count and not is_missing(value):
            counts[value] = counts.get(value, 0) + count
    for value in counts:
        _check_value(value, position)
    rows = len(places)
    if len(counts) > MAX_ONE_HOT:
        # one row can't teach the network what a category is like, but such rows teach it what an unknown one is
        counts = {value: count for value, count in counts.items() if count > 1}
    others = rows - sum(counts.values())
    ordered = sorted(counts, key=lambda value: (isinstance(value, str), value))
    if len(counts) <= MAX_ONE_HOT:
        shares = None if others else tuple(counts[value] / rows for value in ordered)
        return Category(name, position, tuple(ordered), ONE_HOT, shares)
    if not others:
        # code 0 must have rows to learn from: an unknown category is then taken for the rarest
        ordered.remove(min(reversed(ordered), key=counts.__getitem__))
    if len(ordered) >= MAX_CODES:
        raise Fault(position, f"has {len(ordered)} categories; the most is {MAX_CODES - 1}: leave the column out")
    return Category(name, position, tuple(ordered), CODES)


def _check_value(value: Any, position: int) -> None:
    """Refuse a category that is none, or that a model file can't hold."""
    kind, why = type(value), ""
    if not isinstance(value, str | int | float):
        dated = hasattr(value, "isoformat")
        why = f"of type {kind.__name__}; {MEND_DATE if dated else 'make text of it, or a number if its size matters'}"
    elif isinstance(value, str) and not is_unicode(value):
        why = "which is no valid Unicode text; mend it"
    elif isinstance(value, float) and np.isinf(value):
        why = "which is no finite number; leave the entry empty"
    elif isinstance(value, int) and not MIN_WHOLE <= value <= MAX_WHOLE:
        why = "which does not fit in 64 bits; make text of it"
    if why:
        raise Fault(position, f"holds {value!a:.60}, {why}")

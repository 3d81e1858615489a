"""Fitting a preprocessor to a table: every statistic is computed from the training rows only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.data.column_error import ColumnError
from glassnet.data.conversion import as_table
from glassnet.data.object_columns import BOOLEAN
from glassnet.data.tables import Matrix, Table
from glassnet.errors import InputError
from glassnet.preprocessing.argument_checks import categorical_mask, column_names, training_rows
from glassnet.preprocessing.categories import choose_categories, clean_value
from glassnet.preprocessing.column_choice import (
    CONSTANT,
    COUNTER,
    IGNORED,
    TEXT,
    ColumnOptions,
    LeftOutColumn,
    is_counter_name,
    kinds_of_columns,
    may_leave_out,
)
from glassnet.preprocessing.dates import PARTS
from glassnet.preprocessing.scaling import AUTO, MIN_PIXEL_COLUMNS, choose_scaling, standard_scaling
from glassnet.preprocessing.statistics import ColumnStatistics
from glassnet.preprocessing.table_preprocessor import TablePreprocessor, check_stored_entries
from glassnet.preprocessing.table_statistics import TableStatistics

ODD_TEXT = (
    "the rest of the column holds numbers: correct it or leave the cell empty, leave such rows out "
    "(--on-bad-row skip), or name the column as one of categories (categorical, --categorical)"
)
#: Columns whose median is computed at once, so that the copy stays small.
COLUMNS_AT_ONCE = 16


def fit_preprocessor(
    X: Any,
    categorical_features: Any = None,
    rows: Any = None,
    feature_names: Sequence[str] | None = None,
    options: ColumnOptions | None = None,
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
    options : ColumnOptions, optional
        Columns to leave out, and what others hold.

    Returns
    -------
    TablePreprocessor
        Numbers are standardized to mean 0 and deviation 1 (pixels are divided by 255, sparse rows are not centred).
        A column with missing values in the training rows gets an indicator. Booleans become 0 and 1; dates their year,
        and month, day, weekday and hour on circles. Categories: see `glassnet.preprocessing.categories`. Of a data
        frame or a file, columns that hold a single value, number the rows, or are text of which most values occur once
        are left out.

    Raises
    ------
    InputError
        If X is not a table, a column holds values that are neither numbers nor categories nor dates, an entry of
        the training rows is infinite (row and column named), or an argument names what does not exist.
    """
    table = as_table(X)
    options = options or ColumnOptions()
    named = bool(table.names) or feature_names is not None
    names = column_names(table, feature_names)
    options.check(names, table.source)
    categorical = categorical_mask(categorical_features, names, named)
    chosen = training_rows(rows, table.shape[0])
    training = table if rows is None else table.take(chosen, keep_provenance=False)
    try:
        if isinstance(training, Matrix) and training.is_sparse:
            return _fit_sparse(training, names, named, categorical)
        kinds = kinds_of_columns(table, names, options, categorical)
        statistics = TableStatistics(kinds)
        raw = statistics.add(training)
        _refuse_odd_text(statistics, training, {*options.categorical, *options.ignore}, names, categorical)
        median = medians(raw, statistics.values.missing)
        left_out = find_left_out(statistics, names, options, may_leave_out(table), set(np.flatnonzero(categorical)))
        return build_preprocessor(statistics, median, names, named, left_out, options.scaling)
    except ColumnError as error:
        raise error.to_input_error(names, chosen, table) from None


def _refuse_odd_text(
    statistics: TableStatistics, table: Table, wanted: set[str], names: Sequence[str], categorical: Array
) -> None:
    """Raise ColumnError for text in a column of numbers, unless the column is wanted as it is."""
    for position, counts in zip(statistics.categorical, statistics.counts, strict=True):
        odd = counts.odd_text()
        if odd is None or names[position] in wanted or categorical[position]:
            continue
        codes, values = table.factorize(position)
        found = [code for code, value in enumerate(values) if clean_value(value) == odd]
        raise ColumnError(position, f"is {odd!r:.60}; {ODD_TEXT}", int(np.flatnonzero(np.isin(codes, found))[0]))


def find_left_out(
    statistics: TableStatistics, names: Sequence[str], options: ColumnOptions, by_value: bool, wanted: set[int]
) -> tuple[LeftOutColumn, ...]:
    """Return the columns that become no inputs: those to ignore and, if `by_value`, those whose values say nothing.

    Parameters
    ----------
    statistics : TableStatistics
        Of the training rows.
    names : sequence of str
        The columns.
    options : ColumnOptions
        What the user says: columns that are named there are not left out for their values.
    by_value : bool
        Whether values decide too.
    wanted : set of int
        Further positions of columns that are not left out for their values.
    """
    kept = {*options.categorical, *options.numeric, *options.dates, *(names[position] for position in wanted)}
    ignored = set(options.ignore)
    reasons = {position: IGNORED for position, name in enumerate(names) if name in ignored}
    # the pixels of an image belong together, those that never change too
    looks_like_image = statistics.values.all_bytes and len(statistics.numbers) == len(names) >= MIN_PIXEL_COLUMNS
    if by_value and statistics.rows > 1 and not looks_like_image:
        found = _reasons(statistics, names)
        reasons |= {at: why for at, why in found.items() if names[at] not in kept and at not in reasons}
    if len(reasons) == len(names):
        raise InputError(
            f"no column is left as an input: column {names[0]!r} {reasons[0]}"
            + (f", and so on for all {len(names)}" if len(names) > 1 else "")
        )
    return tuple(LeftOutColumn(names[position], position, reasons[position]) for position in sorted(reasons))


def _reasons(statistics: TableStatistics, names: Sequence[str]) -> dict[int, str]:
    """Return the positions of columns whose values say nothing, and why."""
    reasons = {}
    values = statistics.values
    single = (values.count == 0) | (values.is_constant & (values.missing == 0))
    for index, position in enumerate(statistics.numbers):
        if single[index]:
            reasons[position] = CONSTANT
        elif statistics.rising[index] and is_counter_name(names[position]):
            reasons[position] = COUNTER
    for number, position in enumerate(statistics.dates):
        first = len(statistics.numbers) + number * len(PARTS)
        if single[first : first + len(PARTS)].all():
            reasons[position] = CONSTANT
    for position, counts in zip(statistics.categorical, statistics.counts, strict=True):
        if len(counts.merged()) < 2:
            reasons[position] = CONSTANT
        elif counts.most_are_single():
            reasons[position] = TEXT
    return reasons


def build_preprocessor(
    statistics: TableStatistics,
    median: Array,
    names: tuple[str, ...],
    named: bool,
    left_out: tuple[LeftOutColumn, ...] = (),
    scaling: str = AUTO,
) -> TablePreprocessor:
    """Return the preprocessor for training rows with these statistics.

    Parameters
    ----------
    statistics : TableStatistics
        Of the training rows.
    median : array (n_values,), float64
        The median of each of its `values`; 0 where all are missing.
    names, named : tuple of str, bool
        See `TablePreprocessor`.
    left_out : tuple of LeftOutColumn
        Columns that become no inputs.
    scaling : str
        One of `glassnet.preprocessing.scaling.SCALINGS`.

    Raises
    ------
    ColumnError
        If a column has no mean, or too many categories.
    """
    out = {column.position for column in left_out}
    missing = statistics.values.missing
    offset, scale, scaled = _scale_numbers(statistics, median, scaling)
    indicator = (missing > 0) & (missing < statistics.rows)
    first_parts = len(statistics.numbers) + len(PARTS) * np.arange(len(statistics.dates))
    parts = np.arange(len(offset)) >= len(statistics.numbers)
    indicator[parts & ~np.isin(np.arange(len(offset)), first_parts)] = False  # one for each date is enough
    kept = np.array([position not in out for position in statistics.positions], bool)
    categories = tuple(
        choose_categories(counts, position, names[position])
        for position, counts in zip(statistics.categorical, statistics.counts, strict=True)
        if position not in out
    )
    return TablePreprocessor(
        names,
        named,
        True,
        np.array([position for position in statistics.numbers if position not in out], np.int64),
        statistics.boolean[kept],
        indicator[kept],
        median[kept],
        offset[kept],
        scale[kept],
        categories,
        tuple(position for position in statistics.dates if position not in out),
        left_out,
        scaled,
    )


def _scale_numbers(statistics: TableStatistics, median: Array, kind: str) -> tuple[Array, Array, str]:
    """Return offset and scale, each (n_values,), with missing numbers at the median, and the kind of scaling."""
    values = statistics.values.fill_missing(median)
    for index in np.flatnonzero(~np.isfinite(median) | ~values.is_finite)[:1].tolist():
        message = "holds numbers too large for a mean; divide them by a large number"
        raise ColumnError(statistics.positions[index], message)
    scaling = choose_scaling(values, kind=kind)
    standard = standard_scaling(values)
    is_part = np.arange(len(median)) >= len(statistics.numbers)
    varies = ~values.is_constant
    offset = np.where(varies, np.where(is_part, standard.offset, scaling.offset), values.min)
    scale = np.where(varies, np.where(is_part, standard.scale, scaling.scale), 0.0)
    boolean = statistics.boolean
    offset[boolean & varies] = 0
    scale[boolean & varies] = 1
    return offset, scale, scaling.kind


def medians(raw: Array, missing: Array) -> Array:
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


def _fit_sparse(table: Matrix, names: tuple[str, ...], named: bool, categorical: Array) -> TablePreprocessor:
    """Fit to sparse training rows: they are not centred, and hold neither categories nor missing values."""
    if categorical.any():
        raise InputError(
            f"categorical_features names the column {names[int(np.argmax(categorical))]!r} of a sparse matrix, "
            "which holds only numbers; make the matrix dense with X.toarray(), or encode its categories one-hot"
        )
    zeros = np.zeros(len(names))
    boolean = np.full(len(names), table.kind(0) == BOOLEAN)
    check_stored_entries(table.x, table.x.data, "every entry of a sparse matrix must be a finite number")
    statistics = ColumnStatistics.of(table.x)
    scale = np.where(statistics.is_constant, 0.0, standard_scaling(statistics).scale)
    return TablePreprocessor(
        names, named, False, np.arange(len(names)), boolean, boolean & False, zeros, zeros, scale, ()
    )

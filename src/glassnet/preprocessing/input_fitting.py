"""Fit the preprocessor that suits raw rows: a `Scaling` of numbers alone, a `TablePreprocessor` of anything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.data.column_error import ColumnError
from glassnet.data.columns import features
from glassnet.data.conversion import as_table, has_columns
from glassnet.data.formatting import format_names
from glassnet.data.matrices import check_finite_numbers
from glassnet.data.object_columns import NUMBER
from glassnet.data.tables import ArrowTable, Matrix, Table, check_names
from glassnet.errors import InputError
from glassnet.preprocessing.base import Preprocessor
from glassnet.preprocessing.column_choice import (
    IGNORED,
    ColumnOptions,
    LeftOutColumn,
    follow_rise,
    is_counter_name,
)
from glassnet.preprocessing.scaling import choose_scaling, fit_scaling
from glassnet.preprocessing.statistics import ColumnStatistics
from glassnet.preprocessing.table_fitting import find_left_out, fit_preprocessor
from glassnet.preprocessing.table_statistics import TableStatistics


@dataclass(frozen=True)
class FittedInputs:
    """A preprocessor, and the raw rows that it takes.

    Parameters
    ----------
    preprocessor : Preprocessor
        Fitted to the training rows.
    names : tuple of str
        The columns of the rows.
    rows : array, SciPy CSR matrix or Table (samples, columns), optional
        All rows, without the columns that are left out; None for rows that are streamed.
    left_out : tuple of LeftOutColumn
        The columns that become no inputs.
    """

    preprocessor: Preprocessor
    names: tuple[str, ...]
    rows: Any = None
    left_out: tuple[LeftOutColumn, ...] = ()


def as_rows(x: Any, name: str = "x") -> Table:
    """Return raw rows as a table whose numbers, if it is an array, are finite.

    Raises
    ------
    InputError
        If there are no rows or no columns, or an entry of an array is NaN or infinite (row and column named).
    """
    if not has_columns(x) and getattr(x, "ndim", 2) != 2:
        raise InputError(f"{name} has shape {x.shape}; it must be (samples, features)")
    table = as_table(x)
    if 0 in table.shape:
        raise InputError(f"{name} has shape {table.shape}; it must be (samples, features), with at least one of each")
    if isinstance(table, Matrix) and is_numbers(table):
        check_finite_numbers(table)
    return table


def is_numbers(table: Table) -> bool:
    """Return whether a table is an array or sparse matrix of numbers, which is taken as it is."""
    return isinstance(table, Matrix) and table.x.dtype.kind in "biuf"


def feature_names_of(table: Table, given: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names of the columns of raw rows: their own, those given, or x1, x2, ….

    Raises
    ------
    InputError
        If the names given are not those of a table that has its own, two are equal, or their number is another.
    """
    own = tuple(table.names[: table.shape[1]])
    names = tuple(str(name) for name in given) or own or tuple(f"x{column + 1}" for column in range(table.shape[1]))
    if len(names) != table.shape[1] or (own and names != own):
        raise InputError(
            f"feature_names has {len(names)} names: {format_names(names)}; x has {table.shape[1]} columns"
            + (f": {format_names(own)}; leave feature_names out" if own else "; give one for each")
        )
    check_names("x", names)
    return names


def fit_inputs(
    table: Table, training: Array | None, names: Sequence[str] = (), options: ColumnOptions | None = None
) -> FittedInputs:
    """Fit the preprocessor that suits raw rows.

    Parameters
    ----------
    table : Table
        The raw rows: see `as_rows`.
    training : array of int, or None
        The training rows, all if None.
    names : sequence of str
        The columns' names, for a table without.
    options : ColumnOptions, optional
        Columns to leave out, what others hold, and how numbers are scaled.

    Raises
    ------
    InputError
        As `fit_preprocessor`.
    """
    options = options or ColumnOptions()
    if is_numbers(table) and not (options.categorical or options.dates):
        return _fit_numbers(table, training, tuple(names), options)
    numbers = _plain_numbers(table, options) if table.names else None
    if numbers is not None:
        return _fit_number_columns(table, numbers, training, options)
    fitted = fit_preprocessor(table, None, training, None if table.names else tuple(names), options)
    if not table.names:
        return FittedInputs(fitted, fitted.names, table, fitted.left_out)
    # nothing needs the columns that are left out
    slim = fitted.without_left_out()
    rows = table.select(slim.names)
    numbers = _plain_numbers(rows, ColumnOptions()) if not (options.categorical or options.dates) else None
    if numbers is None:
        return FittedInputs(slim, slim.names, rows, fitted.left_out)
    scaling = fit_scaling(numbers if training is None else numbers[training], options.scaling)
    return FittedInputs(scaling, slim.names, numbers, fitted.left_out)


def _fit_numbers(table: Any, training: Array | None, names: tuple[str, ...], options: ColumnOptions) -> FittedInputs:
    """Fit a scaling to an array or sparse matrix of numbers, which is taken as it is."""
    options.check(names, table.source)
    ignored = set(options.ignore)
    kept = [position for position, name in enumerate(names) if name not in ignored]
    left_out = tuple(LeftOutColumn(name, at, IGNORED) for at, name in enumerate(names) if name in ignored)
    x = table.x.tocsr() if table.is_sparse else table.x
    x = x[:, kept] if left_out else x
    scaling = fit_scaling(x if training is None else x[training], options.scaling)
    return FittedInputs(scaling, tuple(names[position] for position in kept), x, left_out)


def _fit_number_columns(table: Table, numbers: Array, training: Array | None, options: ColumnOptions) -> FittedInputs:
    """Fit a scaling to columns of plain numbers, without those that say nothing."""
    names = table.names
    options.check(names, table.source)
    rows = numbers if training is None else numbers[training]
    statistics = TableStatistics([NUMBER for _ in names])
    statistics.values = ColumnStatistics.of(rows)
    statistics.rows = len(rows)
    statistics.rising = [is_counter_name(name) for name in names]
    follow_rise(statistics.rising, rows, None)
    left_out = find_left_out(statistics, names, options, True, set())
    out = {column.position for column in left_out}
    kept = [position for position in range(len(names)) if position not in out]
    scaling = choose_scaling(statistics.values.take(kept), kind=options.scaling)
    return FittedInputs(
        scaling, tuple(names[position] for position in kept), numbers[:, kept] if out else numbers, left_out
    )


def _plain_numbers(table: Table, options: ColumnOptions) -> Array | None:
    """Return the rows as numbers if all columns are plain numbers, of which none is missing or infinite; else None."""
    if options.categorical or options.dates:
        return None
    try:
        if any(table.kind(position) != NUMBER for position in range(table.shape[1])):
            return None
        if isinstance(table, ArrowTable):
            return None if _has_gaps(table) else features(table, table.names)
        numbers = table.matrix(range(table.shape[1]))
    except (ColumnError, InputError):
        return None  # the error is raised where columns are looked at one by one
    return numbers if np.isfinite(numbers).all() else None


def _has_gaps(table: ArrowTable) -> bool:
    """Return whether a value is missing."""
    return any(column.null_count for column in table.columns.columns)

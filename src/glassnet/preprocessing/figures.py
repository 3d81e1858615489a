"""The figures of columns of numbers, from training rows alone: median, mean, factor, and whether values are missing."""

from __future__ import annotations

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.preprocessing.column_error import FINITE, Fault
from glassnet.preprocessing.scaling import ROWS_AT_ONCE, fit_scaling, fit_standard_scaling
from glassnet.preprocessing.tables import SparseTable

#: Columns whose median is taken at once, so that the copy stays small.
COLUMNS_AT_ONCE = 16


def dense_figures(raw: Array, positions: Array, boolean: Array) -> tuple[Array, Array, Array, Array]:
    """Return median, mean, factor and indicator, each (columns,), of training rows (rows, columns), NaN where missing.

    positions and boolean (columns,) say where the columns stand in the table, and which hold booleans.
    """
    rows, columns = raw.shape
    absent = np.zeros(columns, np.int64)
    for first in range(0, rows if raw.dtype.kind == "f" else 0, ROWS_AT_ONCE):
        part = raw[first : first + ROWS_AT_ONCE]
        if not np.isfinite(part).all():
            absent += np.isnan(part).sum(axis=0)
            for row, place in np.argwhere(np.isinf(part)).tolist():
                raise Fault(int(positions[place]), f"is {part[row, place]}; {FINITE}", first + row)
    full, holed = np.flatnonzero(absent == 0), (absent > 0) & (absent < rows)
    median, mean, factor = np.zeros(columns), np.zeros(columns), np.zeros(columns)
    with np.errstate(over="ignore", invalid="ignore"):  # told below
        for first in range(0, len(full), COLUMNS_AT_ONCE):
            places = full[first : first + COLUMNS_AT_ONCE]
            median[places] = np.median(raw[:, places], axis=0)
        if len(full):
            mean[full], factor[full] = _mean_and_factor(raw if len(full) == columns else raw[:, full])
        for place in np.flatnonzero(holed).tolist():
            column = raw[:, place].astype(np.float64)
            missing = np.isnan(column)
            median[place] = np.median(column[~missing])
            column[missing] = median[place]
            (mean[place],), (factor[place],) = _mean_and_factor(column[:, np.newaxis])
    for place in np.flatnonzero(~np.isfinite(median) | ~np.isfinite(mean) | ~np.isfinite(factor)).tolist():
        raise Fault(int(positions[place]), "holds numbers too large for a mean; divide them by a large number")
    varies = boolean & (factor != 0)
    mean[varies], factor[varies] = 0, 1
    return median, mean, factor, holed


def _mean_and_factor(raw: Array) -> tuple[Array, Array]:
    """Return what is taken off and what is multiplied by, (columns,); a column of one value becomes 0."""
    scaling = fit_scaling(raw) if raw.dtype == np.uint8 else fit_standard_scaling(raw)
    lowest, highest = raw.min(axis=0), raw.max(axis=0)
    varies = lowest != highest
    # the mean of equal values may miss them by a rounding
    return np.where(varies, scaling.offset, lowest), np.where(varies, scaling.scale, 0)


def sparse_factors(table: SparseTable) -> Array:
    """Return 1 / deviation of each column (columns,) of sparse training rows; an entry that isn't stored is 0."""
    table.refuse(table.entries.data, "every entry of a sparse matrix must be a finite number")
    if not table.entries.has_canonical_format:
        summed = table.entries.copy()
        summed.sum_duplicates()
        table = SparseTable(summed)
    rows, columns = table.shape
    place, data = table.column, table.entries.data.astype(np.float64)
    # squares of what a power of 2 near the largest entry divides neither overflow nor vanish
    reach = np.zeros(columns)
    np.maximum.at(reach, place, np.abs(data))
    reach = np.exp2(np.floor(np.log2(reach, out=np.zeros(columns), where=reach > 0)))
    data /= reach[place]
    mean = np.bincount(place, data, columns) / rows
    unstored = rows - np.bincount(place, minlength=columns)
    square = np.bincount(place, np.square(data - mean[place]), columns) + unstored * np.square(mean)
    deviation = np.sqrt(square / rows)
    # rounding leaves a column of one value with a tiny deviation
    varies = deviation > 1e-12 * np.abs(mean)
    deviation *= reach
    deviation[deviation <= np.finfo(np.float64).tiny] = 1  # too small to be divided by
    return np.where(varies, 1 / deviation, 0)

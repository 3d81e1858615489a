"""Statistics of the training rows of a table; those of two parts of the rows, in order, merge into those of both."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.data.column_error import FINITE_OR_MISSING, ColumnError
from glassnet.data.object_columns import BOOLEAN, CATEGORY, DATE, NUMBER
from glassnet.data.tables import Table
from glassnet.preprocessing.categories import CategoryCounts, clean_value
from glassnet.preprocessing.column_choice import follow_rise
from glassnet.preprocessing.dates import PARTS, date_parts
from glassnet.preprocessing.statistics import ColumnStatistics


class TableStatistics:
    """Statistics of the columns of a table: what a `TablePreprocessor` is made of, but for medians.

    Parameters
    ----------
    kinds : sequence of str
        The kind of each column.

    Attributes
    ----------
    numbers, dates, categorical : list of int
        The positions of the columns of numbers (booleans among them), of dates and of categories.
    rows : int
        Number of rows.
    values : ColumnStatistics
        Of the columns of numbers, then of the parts of each date.
    rising : list of bool
        Whether each column of numbers rises by whole steps from row to row.
    counts : list of CategoryCounts
        Of the columns of categories.
    """

    def __init__(self, kinds: Sequence[str]) -> None:
        self.kinds = tuple(kinds)
        self.numbers = [position for position, kind in enumerate(kinds) if kind in (NUMBER, BOOLEAN)]
        self.dates = [position for position, kind in enumerate(kinds) if kind == DATE]
        self.categorical = [position for position, kind in enumerate(kinds) if kind == CATEGORY]
        self.rows = 0
        self.values = ColumnStatistics(len(self.numbers) + len(PARTS) * len(self.dates))
        self.rising = [True for _ in self.numbers]
        self.counts = [CategoryCounts() for _ in self.categorical]
        self._last: Array | None = None

    @property
    def boolean(self) -> Array:
        """Whether each of `values` is a boolean, bool (n_values,)."""
        flags = np.zeros(len(self.values.mean), bool)
        flags[: len(self.numbers)] = [self.kinds[position] == BOOLEAN for position in self.numbers]
        return flags

    @property
    def positions(self) -> list[int]:
        """The position of the column of each of `values`."""
        return [*self.numbers, *(position for position in self.dates for _ in PARTS)]

    def add(self, table: Table) -> Array:
        """Add the next rows of a table, and return their numbers and parts of dates, (rows, n_values).

        Raises
        ------
        ColumnError
            If an entry is infinite or can't be a category.
        """
        raw = numeric_values(table, self.numbers, self.dates)
        self.values.add(raw)
        self._refuse_infinity(raw)
        for position, counts in zip(self.categorical, self.counts, strict=True):
            counts.add(*table.factorize(position), position)
        self._last = follow_rise(self.rising, raw[:, : len(self.numbers)], self._last)
        self.rows += len(raw)
        return raw

    def _refuse_infinity(self, raw: Array) -> None:
        extremes = np.isinf([self.values.min, self.values.max])
        for column in np.flatnonzero((self.values.count > 0) & extremes.any(axis=0)).tolist():
            for row in np.flatnonzero(np.isinf(raw[:, column]))[:1].tolist():
                raise ColumnError(self.positions[column], f"is {raw[row, column]}; {FINITE_OR_MISSING}", row)


def numeric_values(table: Table, numbers: Sequence[int], dates: Sequence[int], booleans: Collection[int] = ()) -> Array:
    """Return columns of numbers, then the parts of columns of dates: (rows, n_values), NaN where missing.

    Columns of booleans may also hold the texts true and false.
    """
    try:
        raw = table.matrix(numbers)
    except ColumnError:
        if not booleans:
            raise
        columns = [_truths(table, at) if at in booleans else table.matrix([at])[:, 0] for at in numbers]
        raw = np.column_stack([column.astype(np.float64) for column in columns])
    if not dates:
        return raw
    return np.hstack([raw, *(date_parts(table.seconds(position)) for position in dates)])


def _truths(table: Table, position: int) -> Array:
    """Return a column of booleans, or of their texts, as 1, 0 and NaN (rows,)."""
    codes, values = table.factorize(position)
    numbers = np.full(len(values) + 1, np.nan)  # index -1 is missing
    for index, value in enumerate(values):
        text = str(clean_value(value)).casefold()
        if text in ("true", "1", "1.0", "false", "0", "0.0"):
            numbers[index] = float(text in ("true", "1", "1.0"))
        elif clean_value(value) is not None:
            row = int(np.flatnonzero(np.asarray(codes) == index)[0])
            raise ColumnError(position, f"is {value!r:.60}, which is neither true nor false", row)
    return numbers[np.asarray(codes)]

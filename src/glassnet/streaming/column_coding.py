"""Columns of any kind as numbers, so that blocks of one binary form hold them: a category is the index of its value."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.data import Matrix, Table, features
from glassnet.data.column_error import FINITE_OR_MISSING, ColumnError
from glassnet.data.object_columns import CATEGORY, DATE, NUMBER, to_float_array, to_seconds
from glassnet.data.provenance import provenance_of
from glassnet.data.tables import ArrowTable
from glassnet.errors import InputError
from glassnet.preprocessing.categories import check_value, clean_value
from glassnet.preprocessing.feature_columns import value_from_json, value_to_json

#: A column of more different values than this is text, not categories; further values are not told apart.
MAX_VALUES = 2**16


@dataclass
class ColumnCoding:
    """How the columns of a dataset are written as numbers; it grows with the rows.

    Parameters
    ----------
    names : list of str
        The columns.
    said : dict of str to str
        The kinds of columns that the user names.
    kinds : list of str
        The kind of each column, empty as long as all its values are missing.
    values : list of list
        The different values of each column of categories, in the order in which they appear.
    """

    names: list[str]
    said: dict[str, str] = field(default_factory=dict)
    kinds: list[str] = field(default_factory=list)
    values: list[list[Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.kinds = self.kinds or ["" for _ in self.names]
        self.values = self.values or [[] for _ in self.names]
        self._codes = [{value: code for code, value in enumerate(known)} for known in self.values]

    @property
    def has_categories(self) -> bool:
        """Whether a column is neither numbers nor booleans."""
        return any(kind in (CATEGORY, DATE) for kind in self.kinds)

    def encode(self, table: Table) -> Any:
        """Return rows of these columns as numbers (rows, columns), NaN where missing, or as the CSR matrix they are.

        Raises
        ------
        InputError
            If an entry can't be used; file, row and column are named.
        """
        if isinstance(table, Matrix):
            self.kinds = [NUMBER for _ in self.names]
            return features(table, self.names)
        own = table.to_arrow().select(self.names)
        kinds = self._find_kinds(own)
        if not set(kinds) & {CATEGORY, DATE} and not any(column.null_count for column in own.columns.columns):
            with suppress(InputError):  # NaN is a missing value, and infinity is refused below
                return features(own, self.names)
        x = np.empty((len(own), len(self.names)))
        try:
            for position, kind in enumerate(kinds):
                x[:, position] = self._encode_column(own, position, kind)
        except ColumnError as error:
            raise error.to_input_error(self.names, None, own) from None
        return x

    def _find_kinds(self, table: ArrowTable) -> list[str]:
        """Return the kind of each column; kinds never change, but of a column that was missing so far."""
        for position, name in enumerate(self.names):
            known = self.kinds[position]
            if known or table.columns.column(position).null_count == len(table):
                continue
            try:
                self.kinds[position] = self.said.get(name) or table.kind(position)
            except ColumnError as error:
                raise error.to_input_error(self.names, None, table) from None
        return [kind or NUMBER for kind in self.kinds]

    def _encode_column(self, table: ArrowTable, position: int, kind: str) -> Array:
        if table.columns.column(position).null_count == len(table):
            return np.full(len(table), np.nan)
        if kind == CATEGORY:
            return self._encode_categories(*table.factorize(position), position)
        column = table.seconds(position) if kind == DATE else table.matrix([position])[:, 0]
        for row in np.flatnonzero(np.isinf(column))[:1].tolist():
            raise ColumnError(position, f"is {column[row]}; {FINITE_OR_MISSING}", row)
        return column

    def _encode_categories(self, indices: Array, values: list[Any], position: int) -> Array:
        codes = self._codes[position]
        known = self.values[position]
        code_of = np.full(len(values) + 1, np.nan)  # index -1 is missing
        for index, value in enumerate(values):
            category = clean_value(value)
            check_value(category, position)
            if category is None:
                continue
            if category not in codes:
                codes[category] = min(len(known), MAX_VALUES)
                if len(known) <= MAX_VALUES:
                    known.append(category)
            code_of[index] = codes[category]
        return code_of[np.asarray(indices)]

    def too_many(self) -> set[int]:
        """Return the positions of columns with more than `MAX_VALUES` different values."""
        return {position for position, known in enumerate(self.values) if len(known) > MAX_VALUES}

    def table(self, x: Array, columns: Sequence[int]) -> CodedTable:
        """Return some columns of coded rows (rows, all columns) as a table."""
        names = tuple(self.names[position] for position in columns)
        kinds = tuple(self.kinds[position] or NUMBER for position in columns)
        return CodedTable("X", x[:, columns], names, kinds, [self.values[position] for position in columns])

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the names as values that JSON holds."""
        return {"kinds": self.kinds, "values": [[value_to_json(value) for value in known] for known in self.values]}

    @classmethod
    def from_dict(cls, names: list[str], content: dict[str, Any]) -> ColumnCoding:
        """Restore the result of `to_dict`; a ValueError, KeyError or TypeError for anything else."""
        kinds = content["kinds"]
        values = content["values"]
        if not (isinstance(kinds, list) and isinstance(values, list) and len(kinds) == len(values) == len(names)):
            raise ValueError("kinds")
        if not set(kinds) <= {"", NUMBER, "boolean", CATEGORY, DATE}:
            raise ValueError("kinds")
        try:
            restored = [[value_from_json(value, "values") for value in known] for known in values]
        except InputError:
            raise ValueError("values") from None
        return cls(names, {}, kinds, restored)


@dataclass(frozen=True)
class CodedTable(Table):
    """A table of coded rows: see `ColumnCoding`.

    Parameters
    ----------
    source : str
        Name of the data.
    x : array (rows, columns)
        The rows.
    column_names, kinds : tuple of str
        The columns.
    values : list of list
        The values of columns of categories.
    """

    source: str
    x: Array
    column_names: tuple[str, ...]
    kinds: tuple[str, ...]
    values: list[list[Any]]

    @property
    def names(self) -> list[str]:
        """The columns' names, in order."""
        return list(self.column_names)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and of columns."""
        return len(self.x), len(self.kinds)

    def take(self, rows: Array, keep_provenance: bool = True) -> CodedTable:
        """Return the table of these rows: see `Table.take`."""
        more = provenance_of(self, rows, keep_provenance)
        return CodedTable(self.source, self.x[rows], self.column_names, self.kinds, self.values, **more)

    def select(self, names: Sequence[str]) -> CodedTable:
        """Return the table with some columns: see `Table.select`."""
        position_of = {name: position for position, name in enumerate(self.column_names)}
        return self.take_columns([position_of[name] for name in names])

    def take_columns(self, positions: Sequence[int]) -> CodedTable:
        """Return the table of these columns: see `Table.take_columns`."""
        names = tuple(self.column_names[position] for position in positions)
        kinds = tuple(self.kinds[position] for position in positions)
        return CodedTable(self.source, self.x[:, positions], names, kinds, [self.values[p] for p in positions])

    def kind(self, position: int) -> str:
        """Return the kind of a column: see `Table.kind`."""
        return self.kinds[position]

    def matrix(self, positions: Sequence[int]) -> Array:
        """Return columns as numbers: see `Table.matrix`."""
        numbers = self.x[:, list(positions)]
        for index, position in enumerate(positions):
            if self.kinds[position] == CATEGORY:
                numbers[:, index] = self._values_of(to_float_array(self.values[position], position), position)
        return numbers

    def seconds(self, position: int) -> Array:
        """Return a column of dates as seconds: see `Table.seconds`."""
        if self.kinds[position] == CATEGORY:
            return self._values_of(to_seconds(self.values[position], position), position)
        return np.asarray(self.x[:, position], np.float64)

    def factorize(self, position: int) -> tuple[Array, list[Any]]:
        """Return a column as codes and values: see `Table.factorize`."""
        column = self.x[:, position]
        if self.kinds[position] == CATEGORY:
            return np.where(np.isnan(column), -1, column).astype(np.int64), self.values[position]
        different, codes = np.unique(column, return_inverse=True)
        return codes, different.tolist()

    def to_arrow(self) -> ArrowTable:
        """Return the table with Arrow columns."""
        import pyarrow as pa

        return ArrowTable(self.source, pa.table(dict(zip(self.column_names, self.x.T.copy(), strict=True))))

    def _values_of(self, numbers: Array, position: int) -> Array:
        """Return the number of each row's value (values,), NaN where it is missing."""
        return np.append(numbers, np.nan)[self.factorize(position)[0]]

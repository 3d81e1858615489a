"""`Table`: columns with names, read by position. Its storages are Arrow columns, and a matrix with perhaps a target."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import issparse

from glassnet._utils.arrays import Array
from glassnet.data.column_error import TYPE_ADVICE, ColumnError
from glassnet.data.object_columns import (
    BOOLEAN,
    CATEGORY,
    DATE,
    NUMBER,
    check_hashable,
    kind_of_objects,
    to_float_array,
    to_seconds,
)
from glassnet.data.provenance import RowProvenance, provenance_of
from glassnet.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

#: Names of the target column where none is given, in order of preference and in small letters.
TARGET_NAMES = ("label", "target", "class", "y")


@dataclass(frozen=True)
class Table(RowProvenance, ABC):
    """Rows and columns of any storage: `ArrowTable`, `Matrix`, or a pandas data frame (`glassnet.data.as_table`).

    Readers of files return one, and a preprocessor reads one. Methods that find an invalid column or entry raise
    `glassnet.data.column_error.ColumnError`.
    """

    @property
    @abstractmethod
    def names(self) -> list[str]:
        """The columns' names, a target's last; empty for columns without names."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """Number of rows and of columns; the target of a `Matrix` is not counted."""

    @abstractmethod
    def take(self, rows: Array, keep_provenance: bool = True) -> Table:
        """Return the table of these rows, (rows,) of int; without provenance it takes less time."""

    @abstractmethod
    def select(self, names: Sequence[str]) -> Table:
        """Return the table with the columns of these names only, in this order; a target of a `Matrix` stays last."""

    @abstractmethod
    def take_columns(self, positions: Sequence[int]) -> Table:
        """Return the table of these columns, in this order."""

    @abstractmethod
    def kind(self, position: int) -> str:
        """Return the kind of a column: numbers, booleans, categories or dates."""

    @abstractmethod
    def matrix(self, positions: Sequence[int]) -> Array:
        """Return columns as numbers or booleans (rows, columns), NaN where missing; a view where possible."""

    @abstractmethod
    def seconds(self, position: int) -> Array:
        """Return a column of dates as seconds since 1970, float64 (rows,), NaN where missing."""

    @abstractmethod
    def factorize(self, position: int) -> tuple[Array, list[Any]]:
        """Return a column as codes (rows,) and the list of values that they index; a missing value may be -1."""

    @abstractmethod
    def to_arrow(self) -> ArrowTable:
        """Return the table with Arrow columns; itself if it has them."""

    def __len__(self) -> int:
        return self.shape[0]


@dataclass(frozen=True)
class ArrowTable(Table):
    """A table of Arrow columns.

    Parameters
    ----------
    source : str
        A path, or another name of the data.
    columns : pyarrow.Table
        The values as read.
    """

    source: str
    columns: pa.Table

    @cached_property
    def names(self) -> list[str]:
        """The columns' names, in order."""
        return list(self.columns.column_names)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and of columns."""
        return int(self.columns.num_rows), int(self.columns.num_columns)

    def take(self, rows: Array, keep_provenance: bool = True) -> ArrowTable:
        """Return the table of these rows: see `Table.take`."""
        return ArrowTable(self.source, self.columns.take(rows), **provenance_of(self, rows, keep_provenance))

    def select(self, names: Sequence[str]) -> ArrowTable:
        """Return the table with some columns: see `Table.select`."""
        return replace(self, columns=self.columns.select(list(names)))

    def take_columns(self, positions: Sequence[int]) -> ArrowTable:
        """Return the table of these columns: see `Table.take_columns`."""
        return replace(self, columns=self.columns.select(list(positions)))

    def kind(self, position: int) -> str:
        """Return the kind of a column: see `Table.kind`."""
        from pyarrow import types

        dtype = self.columns.schema.field(position).type
        if types.is_boolean(dtype):
            return BOOLEAN
        if types.is_integer(dtype) or types.is_floating(dtype) or types.is_decimal(dtype):
            return NUMBER
        # a column of nulls only may have any type
        if _is_text(dtype) or types.is_dictionary(dtype) or types.is_null(dtype):
            return CATEGORY
        if types.is_timestamp(dtype) or types.is_date(dtype):
            return DATE
        raise ColumnError(position, f"is of type {dtype}; {TYPE_ADVICE}")

    def matrix(self, positions: Sequence[int]) -> Array:
        """Return columns as numbers: see `Table.matrix`."""
        import pyarrow as pa

        result = np.empty((len(self), len(positions)))
        for index, position in enumerate(positions):
            column = self.columns.column(position)
            kind = self.kind(position)
            if kind == CATEGORY:
                result[:, index] = to_float_array(column.to_pylist(), position)
                continue
            if not pa.types.is_float16(column.type):
                # Arrow can't cast booleans to float64 directly
                column = column.cast(pa.uint8()) if kind == BOOLEAN else column
                column = column.cast(pa.float64(), safe=False)
            result[:, index] = column.to_numpy()
        return result

    def seconds(self, position: int) -> Array:
        """Return a column of dates as seconds: see `Table.seconds`."""
        import pyarrow as pa

        column = self.columns.column(position)
        if self.kind(position) != DATE:
            return to_seconds(column.to_pylist(), position)
        whole = column.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
        return whole.cast(pa.float64(), safe=False).to_numpy() / 1e6

    def factorize(self, position: int) -> tuple[Array, list[Any]]:
        """Return a column as codes and values: see `Table.factorize`."""
        import pyarrow as pa

        column = self.columns.column(position)
        if not pa.types.is_dictionary(column.type):
            self.kind(position)
            column = (column.cast(pa.large_string()) if _is_text(column.type) else column).dictionary_encode()
        if not len(self):
            return np.empty(0, np.int64), []
        whole = column.unify_dictionaries().combine_chunks()
        whole = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole
        codes = whole.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
        return codes, whole.dictionary.to_pylist()

    def to_arrow(self) -> ArrowTable:
        """Return the table itself."""
        return self


@dataclass(frozen=True)
class Matrix(Table):
    """A table of one array or sparse matrix, and perhaps the target of each row.

    Parameters
    ----------
    source : str
        A path, or another name of the data.
    x : array or SciPy CSR or CSC matrix (samples, features)
        Numbers; an array may also hold text or Python objects.
    y : array (samples,), optional
        The target: numbers, or text (object).
    feature_names : tuple of str
        One for each column of x; empty for columns without names.
    target_name : str
        Name of the target.
    open_ended : bool
        Whether the file does not say how many columns there are (SVMlight): columns that it does not name are 0.
    """

    source: str
    x: Any
    y: Array | None = None
    feature_names: tuple[str, ...] = ()
    target_name: str = "y"
    open_ended: bool = False

    @property
    def names(self) -> list[str]:
        """The columns' names, the target's last."""
        return [*self.feature_names, *([] if self.y is None else [self.target_name])]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and of features."""
        return int(self.x.shape[0]), int(self.x.shape[1])

    @property
    def is_sparse(self) -> bool:
        """Whether x is a sparse matrix."""
        return bool(issparse(self.x))

    def take(self, rows: Array, keep_provenance: bool = True) -> Matrix:
        """Return the table of these rows: see `Table.take`."""
        y = None if self.y is None else self.y[rows]
        more = provenance_of(self, rows, keep_provenance)
        return Matrix(self.source, self.x[rows], y, self.feature_names, self.target_name, self.open_ended, **more)

    def select(self, names: Sequence[str]) -> Matrix:
        """Return the table with some columns: see `Table.select`."""
        position_of = {name: position for position, name in enumerate(self.feature_names)}
        chosen = [name for name in names if name in position_of]
        y = self.y if self.target_name in names else None
        x = self.x[:, [position_of[name] for name in chosen]]
        return replace(self, x=x, y=y, feature_names=tuple(chosen))

    def take_columns(self, positions: Sequence[int]) -> Matrix:
        """Return the table of these columns, without the target: see `Table.take_columns`."""
        names = tuple(self.feature_names[position] for position in positions) if self.feature_names else ()
        return replace(self, x=self.x[:, list(positions)], y=None, feature_names=names)

    def kind(self, position: int) -> str:
        """Return the kind of a column: see `Table.kind`. Text counts as numbers: only the user knows the categories."""
        dtype = self.x.dtype
        if dtype.kind in "UT":
            return NUMBER
        if dtype.kind == "O":
            kind = kind_of_objects(self.x[:, position].tolist())
            return kind if kind in (BOOLEAN, DATE) else NUMBER
        return kind_of_dtype(dtype, position)

    def matrix(self, positions: Sequence[int]) -> Array:
        """Return columns as numbers: see `Table.matrix`."""
        if self.is_sparse:
            return at_most_float64(self.x[:, list(positions)].toarray())
        array = self.x if len(positions) == self.x.shape[1] else self.x[:, list(positions)]
        if array.dtype.kind in "biuf":
            return at_most_float64(array)
        result = np.empty(array.shape)
        for index, position in enumerate(positions):
            self.kind(position)
            result[:, index] = to_float_array(array[:, index].tolist(), position)
        return result

    def seconds(self, position: int) -> Array:
        """Return a column of dates as seconds: see `Table.seconds`."""
        column = self.x[:, position]
        return to_seconds(column if column.dtype.kind == "M" else column.tolist(), position)

    def factorize(self, position: int) -> tuple[Array, list[Any]]:
        """Return a column as codes and values: see `Table.factorize`."""
        column = self.x[:, [position]].toarray()[:, 0] if self.is_sparse else self.x[:, position]
        if column.dtype.kind in "biuf":
            distinct, codes = np.unique(column, return_inverse=True)
            return codes, distinct.tolist()
        values = column.tolist()
        try:
            code_of = {value: code for code, value in enumerate(dict.fromkeys(values))}
            return np.fromiter(map(code_of.__getitem__, values), np.int64, len(values)), list(code_of)
        except TypeError:
            check_hashable(values, position)
            raise

    def to_arrow(self) -> ArrowTable:
        """Return the table with a copy of each column, the target's last."""
        import pyarrow as pa

        x = self.x.toarray() if self.is_sparse else np.asarray(self.x)
        columns = dict(zip(self.feature_names, x.T.copy(), strict=True))
        if self.y is not None:
            columns[self.target_name] = self.y
        return ArrowTable(self.source, pa.table(columns), first_row=self.first_row, spans=self.spans)


def default_target(names: Sequence[str]) -> str | None:
    """Return the first of `TARGET_NAMES` that is among the names of columns, in any case, if there is one."""
    by_small: dict[str, str] = {}
    for name in names:
        by_small.setdefault(name.strip().casefold(), name)
    return next((by_small[name] for name in TARGET_NAMES if name in by_small), None)


def check_names(source: str, names: Sequence[str]) -> None:
    """Check that no two columns have the same name.

    Raises
    ------
    InputError
        If two have; the first name is named.
    """
    if len(set(names)) < len(names):
        double, count = min((name, count) for name, count in Counter(names).items() if count > 1)
        raise InputError(f"{source}: column {double!r} occurs {count} times; give each its own name")


def kind_of_dtype(dtype: Any, position: int) -> str:
    """Return the kind of a column of a NumPy dtype of numbers, booleans or dates; a ColumnError for any other."""
    if dtype.kind in "biuf":
        return BOOLEAN if dtype.kind == "b" else NUMBER
    if dtype.kind == "M":
        return DATE
    raise ColumnError(position, f"is of dtype {dtype}; {TYPE_ADVICE}")


def at_most_float64(array: Array) -> Array:
    """Return an array as it is, or as float64 if its numbers are wider."""
    return array.astype(np.float64) if array.dtype.itemsize > 8 else array


def _is_text(dtype: Any) -> bool:
    """Return whether an Arrow type is one of strings: string, large_string, string_view."""
    return str(dtype) in ("string", "large_string", "string_view")

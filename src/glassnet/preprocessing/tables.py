"""Tables of any kind, seen column by column: numbers as arrays, categories as places in a list of different values.

pandas and polars are never imported: a frame is known by what it can do. What a method can't read is a `Fault`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from scipy import sparse

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.preprocessing.column_error import MEND_DATE, MEND_TYPE, Fault
from glassnet.preprocessing.object_columns import (
    BOOLEAN,
    CATEGORY,
    NUMBER,
    is_missing,
    kind_of_objects,
    numbers_of,
    refuse_unhashable,
)


class Table(Protocol):
    """Rows and columns of one kind of object."""

    #: The columns' names, or None where they have none.
    names: tuple[str, ...] | None
    shape: tuple[int, int]

    def take(self, rows: Array) -> Table:
        """Return the table of these rows, by index."""

    def kind(self, position: int) -> str:
        """Say what a column holds: numbers, booleans or categories."""

    def matrix(self, positions: Sequence[int]) -> Array:
        """Return columns as numbers or booleans (samples, columns), missing ones NaN; no copy where it can be."""

    def factorised(self, position: int) -> tuple[Array, list[Any]]:
        """Return a column as places (samples,) in a list of its values, -1 or the place of None or NaN if missing."""


def read_table(rows: Any) -> Table:
    """Wrap what holds rows: a pandas, polars or Arrow table, a SciPy sparse matrix, an array or lists.

    Raises
    ------
    InputError
        If it is none of these, or has no two dimensions.
    """
    if hasattr(rows, "iloc") and hasattr(rows, "columns"):
        return _PandasTable(rows)
    if hasattr(rows, "collect_schema") and not hasattr(rows, "to_arrow"):
        raise InputError("X is a lazy frame, which has no rows yet; hand over X.collect()")
    arrow = hasattr(rows, "__arrow_c_stream__") or type(rows).__module__.partition(".")[0] in ("polars", "pyarrow")
    if arrow and hasattr(rows, "columns"):
        return _ArrowTable.of(rows)
    if sparse.issparse(rows):
        return SparseTable(rows)
    return _ArrayTable(_as_array(rows))


class _PandasTable:
    """A pandas data frame, or what has its interface."""

    def __init__(self, frame: Any) -> None:
        self.frame, self.shape = frame, frame.shape
        self.names: tuple[str, ...] | None = tuple(str(name) for name in frame.columns)
        self.dtypes = list(frame.dtypes)

    def take(self, rows: Array) -> _PandasTable:
        return _PandasTable(self.frame.iloc[rows])

    def kind(self, position: int) -> str:
        dtype = self.dtypes[position]
        if dtype.name == "object":
            values = self.frame.iloc[:, position].tolist()
            return CATEGORY if all(map(is_missing, values)) else kind_of_objects(values)
        if dtype.name == "category" or dtype.kind in "OUT":
            return CATEGORY
        return _kind_of_dtype(dtype, position)

    def matrix(self, positions: Sequence[int]) -> Array:
        frame = self.frame if len(positions) == self.shape[1] else self.frame.iloc[:, list(positions)]
        dtypes = {self.dtypes[position] for position in positions}
        if all(isinstance(dtype, np.dtype) and dtype.kind in "biuf" for dtype in dtypes):
            return _at_most_doubles(frame.to_numpy() if len(dtypes) == 1 else frame.to_numpy(dtype=np.float64))
        result = np.empty(frame.shape)
        for place, position in enumerate(positions):
            column = frame.iloc[:, place]
            if self.dtypes[position].kind in "biuf":
                result[:, place] = column.to_numpy(dtype=np.float64, na_value=np.nan)
            else:
                result[:, place] = numbers_of(column.tolist(), position)
        return result

    def factorised(self, position: int) -> tuple[Array, list[Any]]:
        column = self.frame.iloc[:, position]
        if self.dtypes[position].name == "category":
            return np.asarray(column.cat.codes), column.cat.categories.tolist()
        try:
            places, values = column.factorize()
        except TypeError:
            refuse_unhashable(column.tolist(), position)
            raise
        return places, values.tolist()


class _ArrowTable:
    """A table of Arrow's columns; polars' frames become one, most without a copy."""

    def __init__(self, table: Any) -> None:
        self.table, self.shape = table, (table.num_rows, table.num_columns)
        self.names: tuple[str, ...] | None = tuple(table.column_names)
        self.types = table.schema.types

    @staticmethod
    def of(rows: Any) -> _ArrowTable:
        import pyarrow as pa

        try:
            return _ArrowTable(rows.to_arrow() if hasattr(rows, "to_arrow") else pa.table(rows))
        except Exception as error:  # each library has its own for a column that Arrow doesn't know
            raise InputError(f"X, a {type(rows).__name__}, can't be read as a table: {error}; {MEND_TYPE}") from None

    def take(self, rows: Array) -> _ArrowTable:
        return _ArrowTable(self.table.take(rows))

    def kind(self, position: int) -> str:
        from pyarrow import types

        dtype = self.types[position]
        if types.is_boolean(dtype):
            return BOOLEAN
        if types.is_integer(dtype) or types.is_floating(dtype) or types.is_decimal(dtype):
            return NUMBER
        # a column of nulls alone may hold anything
        if _is_text(dtype) or types.is_dictionary(dtype) or types.is_null(dtype):
            return CATEGORY
        raise Fault(position, f"is of type {dtype}; {MEND_DATE if types.is_temporal(dtype) else MEND_TYPE}")

    def matrix(self, positions: Sequence[int]) -> Array:
        import pyarrow as pa

        result = np.empty((self.shape[0], len(positions)))
        for place, position in enumerate(positions):
            column, kind = self.table.column(position), self.kind(position)
            if kind == CATEGORY:
                result[:, place] = numbers_of(column.to_pylist(), position)
                continue
            if not pa.types.is_float16(column.type):
                # by way of bytes: Arrow makes no doubles of booleans
                column = column.cast(pa.uint8()) if kind == BOOLEAN else column
                column = column.cast(pa.float64(), safe=False)
            result[:, place] = column.to_numpy()
        return result

    def factorised(self, position: int) -> tuple[Array, list[Any]]:
        import pyarrow as pa

        column = self.table.column(position)
        if not pa.types.is_dictionary(column.type):
            self.kind(position)
            column = (column.cast(pa.large_string()) if _is_text(column.type) else column).dictionary_encode()
        if not self.shape[0]:
            return np.empty(0, np.int64), []
        whole = column.unify_dictionaries().combine_chunks()
        whole = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole
        places = whole.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
        return places, whole.dictionary.to_pylist()


class _ArrayTable:
    """A NumPy array of two dimensions; only its owner can say which columns are categories."""

    names: tuple[str, ...] | None = None

    def __init__(self, array: Array) -> None:
        self.array, self.shape = array, (array.shape[0], array.shape[1])

    def take(self, rows: Array) -> _ArrayTable:
        return _ArrayTable(self.array[rows])

    def kind(self, position: int) -> str:
        dtype = self.array.dtype
        if dtype.kind in "UT":
            return NUMBER
        if dtype.kind == "O":
            return BOOLEAN if kind_of_objects(self.array[:, position].tolist()) == BOOLEAN else NUMBER
        return _kind_of_dtype(dtype, position)

    def matrix(self, positions: Sequence[int]) -> Array:
        array = self.array if len(positions) == self.shape[1] else self.array[:, list(positions)]
        if array.dtype.kind in "biuf":
            return _at_most_doubles(array)
        result = np.empty(array.shape)
        for place, position in enumerate(positions):
            self.kind(position)
            result[:, place] = numbers_of(array[:, place].tolist(), position)
        return result

    def factorised(self, position: int) -> tuple[Array, list[Any]]:
        column = self.array[:, position]
        if column.dtype.kind in "biuf":
            distinct, places = np.unique(column, return_inverse=True)
            return places, distinct.tolist()
        values = column.tolist()
        try:
            place_of = {value: place for place, value in enumerate(dict.fromkeys(values))}
            return np.fromiter(map(place_of.__getitem__, values), np.int64, len(values)), list(place_of)
        except TypeError:
            refuse_unhashable(values, position)
            raise


class SparseTable:
    """A SciPy sparse matrix, CSR or CSC: numbers alone."""

    names: tuple[str, ...] | None = None

    def __init__(self, matrix: Any) -> None:
        if matrix.ndim != 2:
            raise InputError(f"X has {matrix.ndim} dimensions; it must have two: (samples, features)")
        if matrix.dtype.kind not in "biuf":
            raise InputError(f"X is a sparse matrix of {matrix.dtype}; it must hold numbers")
        self.entries, self.shape = matrix if matrix.format in ("csr", "csc") else matrix.tocsr(), matrix.shape

    def take(self, rows: Array) -> SparseTable:
        """Return the table of these rows, by index."""
        return SparseTable(self.entries[rows])

    def kind(self, position: int) -> str:
        """Return that a column holds numbers."""
        return NUMBER

    def matrix(self, positions: Sequence[int]) -> Array:
        """Return columns as a dense array (samples, columns)."""
        return _at_most_doubles(self.entries[:, list(positions)].toarray())

    def factorised(self, position: int) -> tuple[Array, list[Any]]:
        """Return a column as places (samples,) in a list of its values."""
        return _ArrayTable(self.entries[:, [position]].toarray()).factorised(0)

    def refuse(self, values: Array, why: str) -> None:
        """Refuse the first stored entry whose value, as computed from it, is not finite."""
        for place in np.flatnonzero(~np.isfinite(values)).tolist():
            inner = int(self.entries.indices[place])
            outer = int(np.searchsorted(self.entries.indptr, place, side="right")) - 1
            row, column = (outer, inner) if self.entries.format == "csr" else (inner, outer)
            raise Fault(column, f"is {self.entries.data[place]}; {why}", row)


def _as_array(rows: Any) -> Array:
    if isinstance(rows, np.ma.MaskedArray) and np.ma.is_masked(rows):
        raise InputError("X is a masked array; make its missing entries NaN: X.astype(float).filled(numpy.nan)")
    try:
        array = np.asarray(rows)
        if array.dtype.kind in "US" and not hasattr(rows, "dtype"):
            array = np.asarray(rows, object)  # lists of text and numbers: NumPy would make text of all
    except ValueError as error:
        raise InputError(f"X can't be read as rows and columns: {error}; give every row the same columns") from None
    if array.ndim != 2:
        what = f"has {array.ndim} dimensions" if array.ndim else f"is a {type(rows).__name__}"
        raise InputError(f"X {what}; it must have two: (samples, features)")
    return array


def _is_text(dtype: Any) -> bool:
    """Say whether an Arrow type is one of strings: string, large_string, string_view."""
    return str(dtype) in ("string", "large_string", "string_view")


def _kind_of_dtype(dtype: Any, position: int) -> str:
    if dtype.kind in "biuf":
        return BOOLEAN if dtype.kind == "b" else NUMBER
    raise Fault(position, f"is of dtype {dtype}; {MEND_DATE if dtype.kind in 'mM' else MEND_TYPE}")


def _at_most_doubles(array: Array) -> Array:
    return array.astype(np.float64) if array.dtype.itemsize > 8 else array

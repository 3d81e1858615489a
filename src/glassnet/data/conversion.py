"""`as_table`: a table of a data frame, array or sparse matrix. pandas and polars are recognized, never imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from glassnet._utils.arrays import Array
from glassnet.data.column_error import TYPE_ADVICE
from glassnet.data.object_columns import (
    CATEGORY,
    NUMBER,
    check_hashable,
    is_missing,
    kind_of_objects,
    to_float_array,
    to_seconds,
)
from glassnet.data.provenance import provenance_of
from glassnet.data.tables import ArrowTable, Matrix, Table, at_most_float64, kind_of_dtype
from glassnet.errors import InputError


def as_table(data: Any) -> Table:
    """Return rows in memory as a table, without copying numbers.

    Parameters
    ----------
    data : Table, data frame, array-like or sparse matrix (samples, features)
        A pandas, polars or Arrow table, or any object with columns and ``__arrow_c_stream__``; an array or lists of
        numbers, text or both; a SciPy sparse matrix of numbers.

    Raises
    ------
    InputError
        If it is none of these, or does not have two dimensions.
    """
    if isinstance(data, Table):
        return data
    if hasattr(data, "iloc") and hasattr(data, "columns"):
        return PandasTable("X", data)
    if hasattr(data, "collect_schema") and not hasattr(data, "to_arrow"):
        raise InputError("X is a lazy frame, which has no rows yet; pass X.collect()")
    is_arrow = hasattr(data, "__arrow_c_stream__") or type(data).__module__.partition(".")[0] in ("polars", "pyarrow")
    if is_arrow and hasattr(data, "columns"):
        return _arrow_table(data)
    if sparse.issparse(data):
        return _sparse_matrix(data)
    return Matrix("X", _as_array(data))


def has_columns(data: Any) -> bool:
    """Return whether data is a table or a data frame, whose columns have names; not an array, list or sparse matrix."""
    return isinstance(data, Table) or hasattr(data, "columns") or hasattr(data, "collect_schema")


@dataclass(frozen=True)
class PandasTable(Table):
    """A table of a pandas data frame, or of an object with its interface.

    Parameters
    ----------
    source : str
        Name of the data.
    frame : pandas.DataFrame
        The rows.
    """

    source: str
    frame: Any

    @cached_property
    def names(self) -> list[str]:
        """The columns' names, in order."""
        return [str(name) for name in self.frame.columns]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and of columns."""
        rows, columns = self.frame.shape
        return rows, columns

    @cached_property
    def dtypes(self) -> list[Any]:
        """The columns' dtypes, in order."""
        return list(self.frame.dtypes)

    def take(self, rows: Array, keep_provenance: bool = True) -> PandasTable:
        """Return the table of these rows: see `Table.take`."""
        return PandasTable(self.source, self.frame.iloc[rows], **provenance_of(self, rows, keep_provenance))

    def select(self, names: Sequence[str]) -> PandasTable:
        """Return the table with some columns: see `Table.select`."""
        position_of = {name: position for position, name in enumerate(self.names)}
        frame = self.frame.iloc[:, [position_of[name] for name in names]]
        return PandasTable(self.source, frame, first_row=self.first_row, spans=self.spans)

    def take_columns(self, positions: Sequence[int]) -> PandasTable:
        """Return the table of these columns: see `Table.take_columns`."""
        return PandasTable(self.source, self.frame.iloc[:, list(positions)], first_row=self.first_row, spans=self.spans)

    def kind(self, position: int) -> str:
        """Return the kind of a column: see `Table.kind`."""
        dtype = self.dtypes[position]
        if dtype.name == "object":
            values = self.frame.iloc[:, position].tolist()
            return CATEGORY if all(map(is_missing, values)) else kind_of_objects(values)
        if dtype.name.startswith("decimal"):  # of Arrow
            return NUMBER
        if dtype.name == "category" or dtype.kind in "OUT":
            return CATEGORY
        return kind_of_dtype(dtype, position)

    def matrix(self, positions: Sequence[int]) -> Array:
        """Return columns as numbers: see `Table.matrix`."""
        frame = self.frame if len(positions) == self.shape[1] else self.frame.iloc[:, list(positions)]
        dtypes = {self.dtypes[position] for position in positions}
        if all(isinstance(dtype, np.dtype) and dtype.kind in "biuf" for dtype in dtypes):
            return at_most_float64(frame.to_numpy() if len(dtypes) == 1 else frame.to_numpy(dtype=np.float64))
        result = np.empty(frame.shape)
        for index, position in enumerate(positions):
            column = frame.iloc[:, index]
            if self.dtypes[position].kind in "biuf":
                result[:, index] = column.to_numpy(dtype=np.float64, na_value=np.nan)
            else:
                result[:, index] = to_float_array(column.tolist(), position)
        return result

    def seconds(self, position: int) -> Array:
        """Return a column of dates as seconds: see `Table.seconds`."""
        column = self.frame.iloc[:, position]
        is_dates = getattr(self.dtypes[position], "kind", "") == "M"
        # pandas converts a time zone to UTC
        return to_seconds(column.to_numpy(dtype="datetime64[us]") if is_dates else column.tolist(), position)

    def factorize(self, position: int) -> tuple[Array, list[Any]]:
        """Return a column as codes and values: see `Table.factorize`."""
        column = self.frame.iloc[:, position]
        if self.dtypes[position].name == "category":
            return np.asarray(column.cat.codes), column.cat.categories.tolist()
        try:
            codes, values = column.factorize()
        except TypeError:
            check_hashable(column.tolist(), position)
            raise
        return codes, values.tolist()

    def to_arrow(self) -> ArrowTable:
        """Return the table with Arrow columns, the index left out."""
        import pyarrow as pa

        columns = pa.Table.from_pandas(self.frame, preserve_index=False)
        return ArrowTable(self.source, columns, first_row=self.first_row, spans=self.spans)


def _arrow_table(data: Any) -> ArrowTable:
    import pyarrow as pa

    try:
        return ArrowTable("X", data.to_arrow() if hasattr(data, "to_arrow") else pa.table(data))
    except Exception as error:  # each library raises its own for a column that Arrow doesn't know
        raise InputError(f"X, a {type(data).__name__}, can't be read as a table: {error}; {TYPE_ADVICE}") from None


def _sparse_matrix(matrix: Any) -> Matrix:
    if matrix.ndim != 2:
        raise InputError(f"X has {matrix.ndim} dimensions; it must have two: (samples, features)")
    if matrix.dtype.kind not in "biuf":
        raise InputError(f"X is a sparse matrix of {matrix.dtype}; it must hold numbers")
    return Matrix("X", matrix if matrix.format in ("csr", "csc") else matrix.tocsr())


def _as_array(rows: Any) -> Array:
    if isinstance(rows, np.ma.MaskedArray) and np.ma.is_masked(rows):
        raise InputError("X is a masked array; set its masked entries to NaN: X.astype(float).filled(numpy.nan)")
    try:
        array = np.asarray(rows)
        if array.dtype.kind in "US" and not hasattr(rows, "dtype"):
            array = np.asarray(rows, object)  # lists of text and numbers, all of which NumPy would convert to text
    except ValueError as error:
        raise InputError(f"X can't be read as rows and columns: {error}; give every row the same columns") from None
    if array.ndim != 2:
        what = f"has {array.ndim} dimensions" if array.ndim else f"is a {type(rows).__name__}"
        raise InputError(f"X {what}; it must have two: (samples, features)")
    return array

"""Rows in memory with the interface of files: arrays, data frames, Arrow tables, and iterables of batches."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from scipy.sparse import issparse

from glassnet._utils.arrays import Array
from glassnet.data.arrow_columns import to_plain_types
from glassnet.data.base_file import File, ReadState, rows_per_block
from glassnet.data.conversion import PandasTable
from glassnet.data.discovery import ReadOptions, open_files
from glassnet.data.file_set import ERROR, Files
from glassnet.data.formatting import first_line
from glassnet.data.table_blocks import check_width, column_names, matrix_block, table_blocks
from glassnet.data.tables import ArrowTable, Matrix, Table, check_names
from glassnet.errors import InputError


def as_files(data: Any, **options: Unpack[ReadOptions]) -> Files:
    """Return data of any supported kind with the interface of `open_files`.

    Parameters
    ----------
    data : path or paths, array, frame, or iterable of batches
        What `open_files` takes; a NumPy array, memory map or SciPy sparse matrix (samples, features); a pair (x, y) of
        such an x and an array (samples,); a data frame (pandas, polars, or any object with ``__arrow_c_stream__`` or
        ``__dataframe__``); a `Table` or `Matrix`. Or an iterable of batches, each one of these, all with the same
        columns. To allow more than one pass, the iterable must be restartable: a list, or a function that returns an
        iterator. Data in memory is copied only where a conversion is needed.
    **options
        How files are read: see `open_files`. Of these, rows in memory take ``on_bad_row``.

    Raises
    ------
    InputError
        If the data is none of these.
    """
    if isinstance(data, Files):
        return data
    if isinstance(data, (str, Path)):
        return open_files(data, **options)
    if isinstance(data, (list, tuple)) and data and all(isinstance(each, (str, Path)) for each in data):
        return open_files(list(data), **options)
    table = _as_table(data, "the data")
    return Files(
        [InMemoryFile(table) if table is not None else InMemoryBatches(data)], options.get("on_bad_row", ERROR)
    )


class InMemoryFile(File):
    """One table in memory."""

    format = "rows in memory"
    paths: tuple[Path, ...] = ()

    def __init__(self, rows: Table) -> None:
        super().__init__(Path(rows.source))
        self.table = rows
        self.names = rows.names
        self.rows = len(rows)

    @property
    def source(self) -> str:
        """Name of the rows in messages."""
        return self.table.source

    @property
    def size(self) -> int:
        """Bytes in memory."""
        if isinstance(self.table, ArrowTable):
            return int(self.table.columns.nbytes)
        assert isinstance(self.table, Matrix)
        x = self.table.x
        return int(x.data.nbytes + x.indices.nbytes + x.indptr.nbytes if issparse(x) else x.nbytes)

    def in_memory(self) -> Table:
        """Return the table."""
        return self.table

    def blocks(self, state: ReadState) -> Iterator[Table]:
        """Yield slices of the table: see `File.blocks`."""
        return slices(self.table, state)


class InMemoryBatches(File):
    """An iterable of batches, each a table in memory."""

    format = "batches"
    paths: tuple[Path, ...] = ()

    def __init__(self, batches: Iterable[Any] | Callable[[], Iterable[Any]]) -> None:
        super().__init__(Path("batches"))
        if not callable(batches) and not isinstance(batches, Iterable):
            raise InputError(
                f"the data is {type(batches).__name__}; give a path, an array, a pair (x, y), a data frame or batches"
            )
        self._batches = batches
        self._once: Iterator[Any] | None = None
        iterator = self._iterate()
        first = next(iterator, None)
        if first is None:
            raise InputError("the data has no batch; give at least one")
        if iterator is batches:  # it can't be restarted: put the first batch back
            self._once = chain([first], iterator)
        self.names = _batch_table(first, 1).names

    def blocks(self, state: ReadState) -> Iterator[Table]:
        """Yield slices of the batches: see `File.blocks`."""
        for number, batch in enumerate(self._iterate(), start=1):
            table = _batch_table(batch, number)
            if set(table.names) != set(state.names):
                raise InputError(f"{table.source}: its columns are not those of batch 1; they must be the same")
            yield from slices(table, state)

    def _iterate(self) -> Iterator[Any]:
        if self._once is not None:
            once = self._once
            self._once = iter(())
            first = next(once, None)
            if first is None:
                raise InputError(
                    "the batches can be iterated over only once; give a list, or a function that returns an iterator"
                )
            return chain([first], once)
        return iter(self._batches() if callable(self._batches) else self._batches)


def slices(table: Table, state: ReadState) -> Iterator[Table]:
    """Yield a table in memory as blocks of a few MB, without copying numbers; rows are numbered by their position."""
    if isinstance(table, ArrowTable):
        yield from table_blocks(table.source, iter(table.columns.to_batches()), state)
        return
    assert isinstance(table, Matrix)
    row_bytes = 12 * table.x.nnz // max(1, len(table)) if issparse(table.x) else table.x[:1].nbytes
    step = rows_per_block(row_bytes)
    for first in range(0, len(table), step):
        part = slice(first, first + step)
        y = None if table.y is None else table.y[part]
        yield matrix_block(table.source, table.x[part], y, table.feature_names, table.target_name, first, state)


def _batch_table(batch: Any, number: int) -> Table:
    """Return a batch as a table."""
    source = f"batch {number}"
    table = _as_table(batch, source)
    if table is None:
        raise InputError(
            f"{source} is {type(batch).__name__}; it must be an array, a pair (x, y) of arrays, or a data frame"
        )
    return table


def _as_table(data: Any, source: str) -> Table | None:
    """Return data that is one table in memory as such; None for other data."""
    if isinstance(data, PandasTable):
        return _as_table(data.frame, source)
    if isinstance(data, Matrix) and not data.feature_names:
        return _as_matrix(data.x, data.y, source)
    if isinstance(data, Table):
        return data
    if isinstance(data, tuple) and len(data) == 2 and _is_array(data[0]):
        return _as_matrix(data[0], np.asarray(data[1]), source)
    if _is_array(data):
        return _as_matrix(data, None, source)
    columns = _as_arrow(data, source)
    if columns is None:
        return None
    check_names(source, columns.column_names)
    return ArrowTable(source, to_plain_types(columns))


def _is_array(data: Any) -> bool:
    return isinstance(data, np.ndarray) or issparse(data)


def _as_matrix(x: Any, y: Array | None, source: str) -> Matrix:
    if x.ndim < 2 or x.dtype.kind not in "biuf":
        raise InputError(
            f"{source}: x has shape {x.shape} and dtype {x.dtype}; it must be (samples, features) of numbers"
        )
    if y is not None and y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y is not None and y.shape != x.shape[:1]:
        raise InputError(f"{source}: y has shape {y.shape} for {x.shape[0]} rows of x; give one entry for each")
    if isinstance(x, np.ma.MaskedArray):  # masked entries are missing values
        x = np.ma.filled(x.astype(np.float64), np.nan) if np.ma.is_masked(x) else x.data
    check_width(source, x.shape[1:])
    names = column_names(x.shape[1:])
    x = x.tocsr() if issparse(x) else x.reshape(x.shape[0], math.prod(x.shape[1:]))
    return Matrix(source, x, y, names)


def _as_arrow(data: Any, source: str) -> Any:
    """Return the columns of a data frame as an Arrow table; None if the data is not a data frame."""
    import pyarrow as pa

    try:
        if type(data).__module__.partition(".")[0] == "pandas" and hasattr(data, "columns"):
            return pa.Table.from_pandas(data, preserve_index=False)  # the index is not a column
        if hasattr(data, "__arrow_c_stream__"):
            return pa.table(data)
        if hasattr(data, "__dataframe__"):
            from pyarrow.interchange import from_dataframe

            return from_dataframe(data)
    except (pa.ArrowException, TypeError, ValueError) as error:
        if "non-struct type" in str(error):
            raise InputError(f"{source} is one column; give a data frame, or a pair (x, y) of arrays") from None
        message = "; ".join(map(str, error.args)) if len(error.args) > 1 else first_line(error)
        raise InputError(f"{source}: its columns can't be read: {message}") from None
    return None

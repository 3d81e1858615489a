"""Rows that are in memory already, as files are: arrays, data frames, tables of Arrow, batches one after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import issparse

from glassnet._utils.arrays import Array
from glassnet.data.arrays import block_of, check_width, column_names
from glassnet.data.arrow_columns import blocks_of_columns, plain
from glassnet.data.discovery import open_files
from glassnet.data.file import File, rows_at_once
from glassnet.data.files import ERROR, Files
from glassnet.data.formatting import first_line
from glassnet.data.passes import Pass
from glassnet.data.tables import Matrix, Table, check_names
from glassnet.errors import InputError


def as_files(data: Any, *, on_bad_row: str = ERROR) -> Files:
    """Take rows from wherever they are: what comes back is read as `open_files`'s result is.

    Parameters
    ----------
    data : path or paths, array, frame, or iterable of batches
        What `open_files` takes; a NumPy array, memory map or SciPy sparse matrix (samples, features); a pair (x, y) of
        such an x and an array (samples,); a data frame (pandas, polars, or whatever gives ``__arrow_c_stream__`` or
        ``__dataframe__``); a `Table` or `Matrix`. Or an iterable of batches, each one of these, all with the same
        columns; for more than one pass it has to be one that begins anew each time, such as a list, or a function that
        returns an iterator. Nothing is copied that lies in memory as it is needed.
    on_bad_row : str
        ``"error"`` or ``"skip"``: see `open_files`.

    Raises
    ------
    InputError
        If it is none of these.
    """
    if isinstance(data, Files):
        return data
    if isinstance(data, (str, Path)):
        return open_files(data, on_bad_row=on_bad_row)
    if isinstance(data, (list, tuple)) and data and all(isinstance(each, (str, Path)) for each in data):
        return open_files(list(data), on_bad_row=on_bad_row)
    whole = _table(data, "the data")
    return Files([Given(whole) if whole is not None else Batches(data)], on_bad_row)


class Given(File):
    """One table in memory."""

    format = "rows in memory"
    paths: tuple[Path, ...] = ()

    def __init__(self, rows: Table | Matrix) -> None:
        super().__init__(Path(rows.source))
        self.table = rows
        self.names = rows.names
        self.rows = len(rows)

    @property
    def source(self) -> str:
        """What the rows are called in messages."""
        return self.table.source

    @property
    def size(self) -> int:
        """Bytes in memory."""
        if isinstance(self.table, Table):
            return int(self.table.columns.nbytes)
        x = self.table.x
        return int(x.data.nbytes + x.indices.nbytes + x.indptr.nbytes if issparse(x) else x.nbytes)

    def whole(self) -> Table | Matrix:
        """Return the table."""
        return self.table

    def blocks(self, state: Pass) -> Iterator[Table | Matrix]:
        """Yield slices of the table: see `File.blocks`."""
        return slices(self.table, state)


class Batches(File):
    """Batches one after the other, each a table in memory."""

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
        begun = self._begun()
        first = next(begun, None)
        if first is None:
            raise InputError("the data has no batch; give at least one")
        if begun is batches:  # it can't begin anew: what was taken is put before the rest
            self._once = chain([first], begun)
        self.names = _needed(first, 1).names

    def blocks(self, state: Pass) -> Iterator[Table | Matrix]:
        """Yield slices of the batches: see `File.blocks`."""
        for number, batch in enumerate(self._begun(), start=1):
            table = _needed(batch, number)
            if set(table.names) != set(state.names):
                raise InputError(f"{table.source}: its columns are not those of batch 1; they must be the same")
            yield from slices(table, state)

    def _begun(self) -> Iterator[Any]:
        if self._once is not None:
            once, self._once = self._once, iter(())
            first = next(once, None)
            if first is None:
                raise InputError(
                    "the batches can be gone through only once; give a list, or a function that returns an iterator"
                )
            return chain([first], once)
        return iter(self._batches() if callable(self._batches) else self._batches)


def slices(table: Table | Matrix, state: Pass) -> Iterator[Table | Matrix]:
    """Yield a table in memory as blocks of some MB, numbers not copied; rows are numbered as they stand in it."""
    if isinstance(table, Table):
        yield from blocks_of_columns(table.source, iter(table.columns.to_batches()), state)
        return
    row_bytes = 12 * table.x.nnz // max(1, len(table)) if issparse(table.x) else table.x[:1].nbytes
    step = rows_at_once(row_bytes)
    for first in range(0, len(table), step):
        part = slice(first, first + step)
        y = None if table.y is None else table.y[part]
        yield block_of(table.source, table.x[part], y, table.feature_names, table.target_name, first, state)


def _needed(batch: Any, number: int) -> Table | Matrix:
    """Return a batch as a table."""
    source = f"batch {number}"
    table = _table(batch, source)
    if table is None:
        raise InputError(
            f"{source} is {type(batch).__name__}; it must be an array, a pair (x, y) of arrays, or a data frame"
        )
    return table


def _table(data: Any, source: str) -> Table | Matrix | None:
    """Return what is one table in memory as one; None if it is none."""
    if isinstance(data, (Table, Matrix)):
        return data
    if isinstance(data, tuple) and len(data) == 2 and _is_array(data[0]):
        return _matrix(data[0], np.asarray(data[1]), source)
    if _is_array(data):
        return _matrix(data, None, source)
    columns = _columns(data, source)
    if columns is None:
        return None
    check_names(source, columns.column_names)
    return Table(source, plain(columns))


def _is_array(data: Any) -> bool:
    return isinstance(data, np.ndarray) or issparse(data)


def _matrix(x: Any, y: Array | None, source: str) -> Matrix:
    if x.ndim < 2 or x.dtype.kind not in "biuf":
        raise InputError(
            f"{source}: x has shape {x.shape} and dtype {x.dtype}; it must be (samples, features) of numbers"
        )
    if y is not None and y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y is not None and y.shape != x.shape[:1]:
        raise InputError(f"{source}: y has shape {y.shape} for {x.shape[0]} rows of x; give one entry for each")
    if isinstance(x, np.ma.MaskedArray):  # what is masked is missing
        x = np.ma.filled(x.astype(np.float64), np.nan) if np.ma.is_masked(x) else x.data
    check_width(source, x.shape[1:])
    names = column_names(x.shape[1:])
    x = x.tocsr() if issparse(x) else x.reshape(x.shape[0], math.prod(x.shape[1:]))
    return Matrix(source, x, y, names)


def _columns(data: Any, source: str) -> Any:
    """Return a data frame's columns as Arrow's; None if it is no frame."""
    import pyarrow as pa

    try:
        if type(data).__module__.partition(".")[0] == "pandas" and hasattr(data, "columns"):
            return pa.Table.from_pandas(data, preserve_index=False)  # an index is no column
        if hasattr(data, "__arrow_c_stream__"):
            return pa.table(data)
        if hasattr(data, "__dataframe__"):
            from pyarrow.interchange import from_dataframe

            return from_dataframe(data)
    except (pa.ArrowException, TypeError, ValueError) as error:
        if "non-struct type" in str(error):
            raise InputError(f"{source} is one column; give a data frame, or a pair (x, y) of arrays") from None
        told = "; ".join(map(str, error.args)) if len(error.args) > 1 else first_line(error)
        raise InputError(f"{source}: its columns can't be read: {told}") from None
    return None

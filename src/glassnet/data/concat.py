"""Concatenation of blocks to one table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import issparse, vstack

from glassnet.data.arrow_columns import to_numpy
from glassnet.data.growable import GrowableArray
from glassnet.data.provenance import RowSpan, append_spans
from glassnet.data.tables import ArrowTable, Matrix, Table, default_target
from glassnet.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

#: A table with at least this many columns, all of them bytes, is taken for pixels and becomes a matrix.
MIN_PIXEL_COLUMNS = 16


def concat_blocks(blocks: Iterable[Table], rows: int = 0) -> Table:
    """Concatenate blocks with the same columns into one table, which keeps the file and number of each row.

    Dense matrices, and tables of pixels, are copied into one array block by block, so that no row is in memory twice.

    Parameters
    ----------
    blocks : iterable of Table
        At least one.
    rows : int
        Expected number of rows, if known.

    Raises
    ------
    InputError
        If a column holds numbers in one file and text in another.
    """
    parts: list[Table] = []
    spans: list[RowSpan] = []
    length = 0
    pixels = _PixelConverter()
    builder: _MatrixBuilder | None = None
    for block in blocks:
        append_spans(spans, block, length)
        length += len(block)
        dense = None if parts else _as_dense_matrix(block, pixels)
        if dense is not None and (builder is None or builder.accepts(dense)):
            builder = builder or _MatrixBuilder(dense, block, rows)
            builder.append(dense)
            continue
        if builder is not None:
            parts.append(builder.to_block_type())
            builder = None
        parts.append(block)
    sources = list(dict.fromkeys(span.source for span in spans))
    source = sources[0] if len(sources) == 1 else f"{sources[0]} and {len(sources) - 1} more"
    row_numbers: dict[str, Any] = {"first_row": spans[0].row, "spans": tuple(spans) if len(spans) > 1 else ()}
    if builder is not None:
        return builder.matrix(source, **row_numbers)
    if isinstance(parts[0], ArrowTable):
        tables = [block for block in parts if isinstance(block, ArrowTable)]
        return ArrowTable(source, _concat_tables(tables), **row_numbers)
    return _concat_matrices(source, [block for block in parts if isinstance(block, Matrix)], row_numbers)


def _as_dense_matrix(block: Table, pixels: _PixelConverter) -> Matrix | None:
    """Return a block as a dense matrix if it is one, or a table of pixels; else None."""
    if isinstance(block, ArrowTable):
        return pixels.matrix(block)
    return block if isinstance(block, Matrix) and not block.is_sparse else None


class _MatrixBuilder:
    """Concatenates dense matrices of one dtype in one array.

    Parameters
    ----------
    first : Matrix
        The first block as a matrix.
    block : Table
        The first block itself.
    rows : int
        Expected number of rows, if known.
    """

    def __init__(self, first: Matrix, block: Table, rows: int) -> None:
        self._first = first
        self._block = block
        self._x = GrowableArray(first.x.shape[1:], first.x.dtype, rows)
        self._y: list[Any] = []

    def accepts(self, matrix: Matrix) -> bool:
        return bool(matrix.x.dtype == self._first.x.dtype and matrix.feature_names == self._first.feature_names)

    def append(self, matrix: Matrix) -> None:
        self._x.append(matrix.x)
        self._y.append(matrix.y)

    def matrix(self, source: str, **row_numbers: Any) -> Matrix:
        first = self._first
        y = None if first.y is None else np.concatenate(self._y)
        return Matrix(source, self._x.finish(), y, first.feature_names, first.target_name, **row_numbers)

    def to_block_type(self) -> Table:
        """Return the rows as the type that the blocks had."""
        matrix = self.matrix(self._first.source)
        if isinstance(self._block, Matrix):
            return matrix
        import pyarrow as pa

        columns = {name: matrix.x[:, column].copy() for column, name in enumerate(matrix.feature_names)}
        if matrix.y is not None:
            columns[matrix.target_name] = matrix.y
        return ArrowTable(matrix.source, pa.table({name: columns[name] for name in self._block.names}))


class _PixelConverter:
    """Converts tables of bytes to matrices; a schema is inspected once, not in every block."""

    def __init__(self) -> None:
        self._schema: Any = None
        self._are_bytes = False
        self._target: str | None = None
        self._names: tuple[str, ...] = ()

    def matrix(self, block: ArrowTable) -> Matrix | None:
        """Return a block as a matrix if it has `MIN_PIXEL_COLUMNS` columns, all of them uint8 without nulls."""
        import pyarrow as pa

        columns = block.columns
        if self._schema is None or columns.schema != self._schema:
            self._inspect(columns.schema)
        if not self._are_bytes:
            return None
        y = None
        if self._target is not None:
            if columns[self._target].null_count:
                return None
            y = to_numpy(columns[self._target])
            columns = columns.drop_columns([self._target])
        try:
            x = columns.combine_chunks().to_batches()[0].to_tensor(row_major=False).to_numpy()
        except pa.ArrowTypeError:  # there are nulls
            return None
        return Matrix(block.source, x, y, self._names, self._target or "y")

    def _inspect(self, schema: Any) -> None:
        import pyarrow as pa

        self._schema = schema
        byte = pa.uint8()
        self._are_bytes = len(schema) >= MIN_PIXEL_COLUMNS and all(type_ == byte for type_ in schema.types)
        self._target = default_target(schema.names)
        self._names = tuple(name for name in schema.names if name != self._target)


def _concat_tables(tables: Sequence[ArrowTable]) -> pa.Table:
    import pyarrow as pa

    try:
        return pa.concat_tables([table.columns for table in tables], promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        pass
    first = tables[0]
    for table in tables[1:]:
        for name in first.names:
            pair = [pa.schema([pa.field(name, each.columns[name].type)]) for each in (first, table)]
            try:
                pa.unify_schemas(pair, promote_options="permissive")
            except (pa.ArrowTypeError, pa.ArrowInvalid):
                raise InputError(
                    f"{table.source}: column {name!r} holds {table.columns[name].type}, and in {first.source} "
                    f"{first.columns[name].type}; they must have one type"
                ) from None
    raise AssertionError("columns of one type can be concatenated")


def _concat_matrices(source: str, blocks: Sequence[Matrix], row_numbers: dict[str, Any]) -> Matrix:
    first = blocks[0]
    rows = [block.x for block in blocks]
    x = vstack(rows, format="csr") if issparse(first.x) else np.concatenate(rows)
    y = None if first.y is None else np.concatenate([block.y for block in blocks if block.y is not None])
    return Matrix(source, x, y, first.feature_names, first.target_name, first.open_ended, **row_numbers)

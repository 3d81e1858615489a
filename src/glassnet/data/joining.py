"""Blocks, one below the other, as one table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import issparse, vstack

from glassnet.data.arrow_numbers import numbers_of
from glassnet.data.growable import Growing
from glassnet.data.tables import TARGET_NAMES, Matrix, Run, Table, joined_runs
from glassnet.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

#: A table of at least so many columns, all of them bytes, becomes a matrix: they are pixels.
MIN_PIXELS = 16


def joined(blocks: Iterable[Table | Matrix], rows: int = 0) -> Table | Matrix:
    """Return blocks with the same columns as one table, which knows where each row stands.

    Dense matrices, and tables of pixels, are copied into one array block by block, so that nothing stands in memory
    twice.

    Parameters
    ----------
    blocks : iterable of Table or Matrix
        At least one.
    rows : int
        How many rows there will be, where that is known.

    Raises
    ------
    InputError
        If a column holds numbers in one file and text in another.
    """
    kept: list[Table | Matrix] = []
    runs: list[Run] = []
    length = 0
    pixels, grown = _Pixels(), None
    for block in blocks:
        joined_runs(runs, block, length)
        length += len(block)
        dense = None
        if not kept:
            dense = pixels.matrix(block) if isinstance(block, Table) else None if issparse(block.x) else block
        if dense is not None and (grown is None or grown.suits(dense)):
            grown = grown or _Grown(dense, block, rows)
            grown.add(dense)
            continue
        if grown is not None:
            kept.append(grown.as_before())
            grown = None
        kept.append(block)
    sources = list(dict.fromkeys(run.source for run in runs))
    source = sources[0] if len(sources) == 1 else f"{sources[0]} and {len(sources) - 1} more"
    where: dict[str, Any] = {"first_row": runs[0].row, "runs": tuple(runs) if len(runs) > 1 else ()}
    if grown is not None:
        return grown.matrix(source, **where)
    if isinstance(kept[0], Table):
        return Table(source, _stacked([block for block in kept if isinstance(block, Table)]), **where)
    return _concatenated(source, [block for block in kept if isinstance(block, Matrix)], where)


class _Grown:
    """Dense matrices of one dtype, one below the other."""

    def __init__(self, first: Matrix, block: Table | Matrix, rows: int) -> None:
        self._first, self._block = first, block
        self._x = Growing(first.x.shape[1:], first.x.dtype, rows)
        self._y: list[Any] = []

    def suits(self, more: Matrix) -> bool:
        return bool(more.x.dtype == self._first.x.dtype and more.feature_names == self._first.feature_names)

    def add(self, more: Matrix) -> None:
        self._x.add(more.x)
        self._y.append(more.y)

    def matrix(self, source: str, **where: Any) -> Matrix:
        first = self._first
        y = None if first.y is None else np.concatenate(self._y)
        return Matrix(source, self._x.take(), y, first.feature_names, first.target_name, **where)

    def as_before(self) -> Table | Matrix:
        """Return the rows as what the blocks were."""
        matrix = self.matrix(self._first.source)
        if isinstance(self._block, Matrix):
            return matrix
        import pyarrow as pa

        columns = {name: matrix.x[:, place].copy() for place, name in enumerate(matrix.feature_names)}
        if matrix.y is not None:
            columns[matrix.target_name] = matrix.y
        return Table(matrix.source, pa.table({name: columns[name] for name in self._block.names}))


class _Pixels:
    """Tables of bytes as matrices; what their columns are is looked at once, not in every block."""

    def __init__(self) -> None:
        self._schema: Any = None
        self._are_bytes = False
        self._target: str | None = None
        self._names: tuple[str, ...] = ()

    def matrix(self, block: Table) -> Matrix | None:
        """Return a block as a matrix, if it has `MIN_PIXELS` columns, all of them bytes without an empty cell."""
        import pyarrow as pa

        columns = block.columns
        if self._schema is None or columns.schema != self._schema:
            self._look(columns.schema)
        if not self._are_bytes:
            return None
        y = None
        if self._target is not None:
            if columns[self._target].null_count:
                return None
            y = numbers_of(columns[self._target])
            columns = columns.drop_columns([self._target])
        try:
            x = columns.combine_chunks().to_batches()[0].to_tensor(row_major=False).to_numpy()
        except pa.ArrowTypeError:  # a cell is empty
            return None
        return Matrix(block.source, x, y, self._names, self._target or "y")

    def _look(self, schema: Any) -> None:
        import pyarrow as pa

        self._schema, byte = schema, pa.uint8()
        self._are_bytes = len(schema) >= MIN_PIXELS and all(type_ == byte for type_ in schema.types)
        self._target = next((name for name in TARGET_NAMES if name in schema.names), None)
        self._names = tuple(name for name in schema.names if name != self._target)


def _stacked(tables: Sequence[Table]) -> pa.Table:
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
                    f"{first.columns[name].type}; they must be of one kind"
                ) from None
    raise AssertionError("columns of one kind can be stacked")


def _concatenated(source: str, blocks: Sequence[Matrix], where: dict[str, Any]) -> Matrix:
    first = blocks[0]
    rows = [block.x for block in blocks]
    x = vstack(rows, format="csr") if issparse(first.x) else np.concatenate(rows)
    y = None if first.y is None else np.concatenate([block.y for block in blocks if block.y is not None])
    return Matrix(source, x, y, first.feature_names, first.target_name, first.endless, **where)

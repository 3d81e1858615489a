"""Blocks, one below the other, as one table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.data.tables import Matrix, Table, joined_runs
from glassnet.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa


def joined(blocks: Sequence[Table | Matrix]) -> Table | Matrix:
    """Return blocks with the same columns as one table, which knows where each row stands.

    Raises
    ------
    InputError
        If a column holds numbers in one file and text in another.
    """
    runs = joined_runs(blocks, map(len, blocks))
    sources = sorted({run.source for run in runs})
    source = sources[0] if len(sources) == 1 else f"{sources[0]} and {len(sources) - 1} more"
    where: dict[str, Any] = {"first_row": runs[0].row, "runs": runs if len(runs) > 1 else ()}
    first = blocks[0]
    if isinstance(first, Table):
        return Table(source, _stacked([block for block in blocks if isinstance(block, Table)]), **where)
    return _matrix(source, [block for block in blocks if isinstance(block, Matrix)], where)


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


def _matrix(source: str, blocks: Sequence[Matrix], where: dict[str, Any]) -> Matrix:
    import scipy.sparse

    first = blocks[0]
    sparse = scipy.sparse.issparse(first.x)
    x = scipy.sparse.vstack([b.x for b in blocks], format="csr") if sparse else np.concatenate([b.x for b in blocks])
    y = None if first.y is None else np.concatenate([block.y for block in blocks if block.y is not None])
    return Matrix(source, x, y, first.feature_names, first.target_name, first.endless, **where)

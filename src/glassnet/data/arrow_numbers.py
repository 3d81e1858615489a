"""Arrow's columns as arrays, without pandas, which pyarrow's own way would import."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet._utils.arrays import Array


def numbers_of(column: Any) -> Array:
    """Return a column of numbers without empty cells as an array (samples,); true and false become 1 and 0 (uint8).

    Nothing is copied that lies in one piece.
    """
    import pyarrow as pa

    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    parts = [np.from_dlpack(chunk) for chunk in column.chunks if len(chunk)]
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.empty(0, column.type.to_pandas_dtype())


def mask_of(column: Any, missing: bool = False) -> Array:
    """Return a column of true and false as bool (samples,), `missing` where a cell is empty."""
    import pyarrow.compute as pc

    return numbers_of(pc.fill_null(column, missing)).view(np.bool_)


def text_of(column: Any) -> Array:
    """Return a column without empty cells as Python's own texts, object (samples,)."""
    result = np.empty(len(column), object)
    result[:] = [str(value) for value in column.to_pylist()]
    return result

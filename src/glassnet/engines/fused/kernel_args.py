"""The arguments of the compiled loop: flat arrays, handed over as a table of their addresses and lengths."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.engines.fused.layout import LAYER, NET


class KernelArgs(NamedTuple):
    """The arguments of the loop: flat arrays, apart from the records."""

    net: Array  # (1,) NET
    layers: Array  # (L+1,) LAYER
    floats: Array
    ints: Array  # int64: where rows begin
    terms: Array  # int32: lists of nonzero inputs, and their lengths
    bits: Array  # uint64: the nonzero blocks of each row; a square for each thread
    stats: Array  # float64: the loss of each row of a batch, its score, the sums of each chunk
    flags: Array  # int64: what the threads share
    x: Array  # all rows, or the entries of CSR; empty if they are bytes
    x_bytes: Array  # the same as bytes, if ``net.holds_bytes``
    starts: Array  # int64: where each row begins among CSR's entries
    columns: Array  # int32: the column of each of CSR's entries
    classes: Array  # int64 (rows,), or empty
    values: Array  # (rows, columns), or empty
    weights: Array  # (rows,), or empty
    order: Array  # int64: the row numbers in the order of training
    steps: Array  # (batches, N_CONSTANTS) of the rule
    keys: Array  # uint32 (batches, L) of dropout
    outputs: Array  # (rows of a run, outputs), or empty
    records: Array  # float64 (batches of a run, RECORD_SIZE)


#: Their names, in this order.
ARGUMENTS = tuple(KernelArgs.__annotations__)
#: The dtype of each argument that is not of the network's.
_DTYPES: dict[str, Any] = {
    "net": NET, "layers": LAYER, "ints": np.int64, "terms": np.int32, "bits": np.uint64, "stats": np.float64,
    "x_bytes": np.uint8, "starts": np.int64, "columns": np.int32, "order": np.int64, "classes": np.int64,
    "keys": np.uint32, "records": np.float64, "flags": np.int64,
}  # fmt: skip


def argument_dtypes(dtype: Any) -> KernelArgs:
    """Return the dtype of each argument, for networks of a dtype."""
    return KernelArgs(*(np.dtype(_DTYPES.get(name, dtype)) for name in ARGUMENTS))


def addresses(arrays: Iterable[Array]) -> list[int]:
    """Return the address and the length of each array; the table of all arguments is what the loop is called with.

    The arrays must be alive while it runs.
    """
    return [number for array in arrays for number in (array.__array_interface__["data"][0], array.size)]

"""Scaling: the figures by which raw features become a network's inputs, taken from the training rows alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet.network.activations import Array

#: Bytes are multiplied by this, so that they lie between 0 and 1.
BYTE_SCALE = 1 / 255

#: Rows scaled at once, so that the wide intermediate stays small.
ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Scaling:
    """Scaled = (raw - shift) · factor, column by column.

    Parameters
    ----------
    kind : str
        ``"bytes"`` (by 1/255) or ``"standard"`` (mean 0, deviation 1).
    shift, factor : array (columns,), float64
        The figures.
    """

    kind: str
    shift: Array
    factor: Array

    def apply(self, raw: Array, dtype: Any = np.float32) -> Array:
        """Scale rows (samples, columns) into a new array of the dtype."""
        scaled = np.empty(raw.shape, dtype)
        for first in range(0, len(raw), ROWS_AT_ONCE):
            part = slice(first, first + ROWS_AT_ONCE)
            np.multiply(raw[part] - self.shift, self.factor, out=scaled[part], casting="same_kind")
        return scaled

    def undo(self, scaled: Array) -> Array:
        """Return the raw values of scaled ones, float64."""
        return np.asarray(scaled, np.float64) / self.factor + self.shift


def fit_scaling(raw: Array) -> Scaling:
    """Choose the scaling that suits the training rows.

    Parameters
    ----------
    raw : array (samples, columns)
        Finite numbers.

    Returns
    -------
    Scaling
        By 1/255 if every entry is a whole number from 0 to 255 and the upper half is used, as pixels do; else to mean 0
        and deviation 1, where a constant column becomes 0 and survives.
    """
    if _are_bytes(raw):
        columns = raw.shape[1]
        return Scaling("bytes", np.zeros(columns), np.full(columns, BYTE_SCALE))
    return standardise(raw)


def standardise(raw: Array) -> Scaling:
    """Return the scaling of rows (samples, columns) to mean 0 and deviation 1; constant columns become 0."""
    mean = np.asarray(np.mean(raw, axis=0, dtype=np.float64))
    # the farthest entry, a power of 2: squares of what it divides neither overflow nor vanish, and lose no bit
    reach = np.maximum(np.max(raw, axis=0) - mean, mean - np.min(raw, axis=0))
    reach = np.exp2(np.floor(np.log2(reach, out=np.zeros_like(mean), where=reach > 0)))
    square = np.zeros(raw.shape[1])
    for first in range(0, len(raw), ROWS_AT_ONCE):
        square += np.sum(np.square((raw[first : first + ROWS_AT_ONCE] - mean) / reach), axis=0)
    deviation: Array = reach * np.sqrt(square / len(raw))
    # rounding leaves a constant column with a tiny deviation; dividing by that would blow it up
    deviation[deviation <= np.maximum(1e-12 * np.abs(mean), np.finfo(np.float64).tiny)] = 1.0
    return Scaling("standard", mean, 1 / deviation)


def _are_bytes(raw: Array) -> bool:
    if raw.dtype == np.uint8:
        return bool(raw.max() > 127)
    low, high = raw.min(), raw.max()
    return bool(low >= 0 and 127 < high <= 255 and np.array_equal(raw, np.floor(raw)))

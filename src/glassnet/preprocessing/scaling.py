"""Scaling of columns of numbers, fitted to the training rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, issparse

from glassnet._utils.arrays import Array
from glassnet.preprocessing.base import Preprocessor
from glassnet.preprocessing.statistics import ColumnStatistics, are_bytes

#: Scale of bytes: it maps them to the interval from 0 to 1.
BYTE_SCALE = 1 / 255

#: The kind of a scaling that leaves columns as they are, and all kinds of `Scaling`.
BYTES, STANDARD, LARGEST, RANGE, IDENTITY = "bytes", "standard", "largest", "range", "identity"
KINDS = (BYTES, STANDARD, LARGEST, RANGE, IDENTITY)
#: What each of them does, in words.
SCALED = {
    BYTES: "scaled by 1/255",
    STANDARD: "scaled to mean 0 and deviation 1",
    LARGEST: "scaled by the largest entry of each column",
    RANGE: "scaled to 0 to 1",
    IDENTITY: "not scaled",
}
#: What can be asked for: ``"auto"`` chooses by the columns.
AUTO = "auto"
SCALINGS = (AUTO, STANDARD, RANGE, BYTES, IDENTITY)

#: Evidence of pixels: this many columns or more, all of bytes, of which `MIN_BRIGHT_SHARE` or more use the upper half.
MIN_PIXEL_COLUMNS = 16
MAX_SMALL_BYTE = 127
MIN_BRIGHT_SHARE = 0.5
#: Numbers scaled at once, so that intermediate results stay in a core's cache.
NUMBERS_AT_ONCE = 2**17


@dataclass(frozen=True)
class Scaling(Preprocessor):
    """Scaled = (raw - offset) · scale, column by column, as in ONNX's operator Scaler.

    Parameters
    ----------
    kind : str
        ``"bytes"`` (by 1/255), ``"standard"`` (mean 0, deviation 1), ``"range"`` (from 0 to 1), or, for sparse rows,
        ``"largest"`` (the largest entry becomes 1 or -1, and 0 stays 0), or ``"identity"`` (columns stay as they are).
    offset, scale : array (columns,), float64
        What is subtracted, then what is multiplied by.
    """

    kind: str
    offset: Array
    scale: Array

    @property
    def is_identity(self) -> bool:
        """Whether columns stay as they are."""
        return self.kind == IDENTITY

    @property
    def n_features_in(self) -> int:
        """Number of columns that are scaled."""
        return len(self.scale)

    @property
    def n_inputs(self) -> int:
        """Number of columns that `transform` returns: as many as it takes."""
        return len(self.scale)

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> tuple[str, ...]:
        """Return the names of the columns, x0, x1, … if not given."""
        if input_features is None:
            return tuple(f"x{column}" for column in range(len(self.scale)))
        return tuple(input_features)

    def transform(self, X: Any, dtype: Any = np.float32) -> Any:
        """Scale rows (samples, columns) into a new array of the dtype; sparse ones stay so if every offset is 0."""
        raw = X
        if self.is_identity:
            return raw.astype(dtype, copy=False)
        if issparse(raw) and not self.offset.any():
            return csr_matrix(((raw.data * self.scale[raw.indices]).astype(dtype), raw.indices, raw.indptr), raw.shape)
        scaled = np.empty(raw.shape, dtype)
        has_offset = self.offset.any()
        step = max(1, NUMBERS_AT_ONCE // max(1, raw.shape[1]))
        for first in range(0, raw.shape[0], step):
            part = slice(first, first + step)
            rows = raw[part].toarray() if issparse(raw) else raw[part]
            rows = rows - self.offset if has_offset else rows
            np.multiply(rows, self.scale, out=scaled[part], dtype=np.float64, casting="same_kind")
        return scaled

    def inverse_transform(self, scaled: Array) -> Array:
        """Return the raw values, float64, of scaled ones."""
        return np.asarray(scaled, np.float64) / self.scale + self.offset

    def to_dict(self) -> dict[str, Any]:
        """Return everything but `arrays` as values that JSON holds: the kind."""
        return {"kind": self.kind}

    def arrays(self) -> dict[str, Array]:
        """Return the arrays to be stored, by name: offset and scale, each (columns,) float64."""
        return {"offset": self.offset, "scale": self.scale}


def identity_scaling(columns: int) -> Scaling:
    """Return the scaling that leaves this number of columns as they are."""
    return Scaling(IDENTITY, np.zeros(columns), np.ones(columns))


def fit_scaling(raw: Any, kind: str = AUTO) -> Scaling:
    """Fit the scaling of training rows.

    Parameters
    ----------
    raw : array or SciPy CSR matrix (samples, columns)
        Finite numbers.
    kind : str
        One of `SCALINGS`.

    Returns
    -------
    Scaling
        If the kind is ``"auto"``: sparse rows are scaled by the largest absolute entry of each column, which keeps
        zeros. Dense rows are scaled by 1/255 if they are pixels (see `are_pixels`); otherwise to mean 0 and deviation
        1, where a constant column becomes 0.
    """
    if kind == IDENTITY:
        return identity_scaling(raw.shape[1])
    are_bright_bytes = kind == AUTO and not issparse(raw) and len(raw) and are_bytes(raw)
    if are_bright_bytes and are_pixels(raw.min(axis=0), raw.max(axis=0)):  # they need no mean
        return _byte_scaling(raw.shape[1])
    return choose_scaling(ColumnStatistics.of(raw), issparse(raw), kind)


def are_pixels(low: Array, high: Array) -> bool:
    """Return whether columns of bytes with these extremes, each (columns,), are pixels: many columns of one scale.

    A column of another quantity says nothing about its neighbours; pixels are many, and most of those that are not the
    same in all rows use the upper half of a byte.
    """
    varies = low < high
    if len(high) < MIN_PIXEL_COLUMNS or not varies.any():
        return False
    return bool(np.mean(high[varies] > MAX_SMALL_BYTE) >= MIN_BRIGHT_SHARE)


def choose_scaling(statistics: ColumnStatistics, sparse: bool = False, kind: str = AUTO) -> Scaling:
    """Choose the scaling of rows with these statistics: see `fit_scaling`."""
    low = statistics.min
    high = statistics.max
    if kind == IDENTITY:
        return identity_scaling(len(low))
    if sparse:
        largest = np.maximum(np.abs(low), np.abs(high))
        return Scaling(LARGEST, np.zeros_like(largest), 1 / np.where(largest > 1e-300, largest, 1.0))
    if kind == BYTES or (kind == AUTO and statistics.all_bytes and are_pixels(low, high)):
        return _byte_scaling(len(high))
    if kind == RANGE:
        width = np.where(high > low, high - low, 1.0)
        return Scaling(RANGE, np.where(np.isfinite(low), low, 0.0), 1 / np.where(np.isfinite(width), width, 1.0))
    return standard_scaling(statistics)


def standard_scaling(statistics: ColumnStatistics) -> Scaling:
    """Return the scaling to mean 0 and deviation 1 of rows with these statistics; constant columns become 0."""
    deviation = statistics.deviation
    # rounding leaves an almost constant column with a tiny deviation, by which dividing would magnify rounding errors
    least = np.maximum(1e-12 * np.abs(statistics.mean), np.finfo(np.float64).tiny)
    deviation = np.where((deviation <= least) | statistics.is_constant, 1.0, deviation)
    # the mean of equal values may differ from them by a rounding error
    offset = np.where(statistics.is_constant, statistics.min, statistics.mean)
    return Scaling(STANDARD, offset, 1 / deviation)


def fit_standard_scaling(raw: Array) -> Scaling:
    """Return the scaling of rows (samples, columns) to mean 0 and deviation 1: see `standard_scaling`."""
    return standard_scaling(ColumnStatistics.of(raw))


def _byte_scaling(columns: int) -> Scaling:
    return Scaling(BYTES, np.zeros(columns), np.full(columns, BYTE_SCALE))

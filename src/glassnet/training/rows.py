"""Check rows: convert data to the arrays that the engines take, or raise an error that names the entry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import issparse

from glassnet._utils.arrays import Array
from glassnet.engines.interface import Rows
from glassnet.errors import InputError
from glassnet.network.embeddings import check_codes
from glassnet.network.losses import CLASSIFICATION, Loss
from glassnet.network.structure import Structure


def check_rows(
    structure: Structure,
    loss: Loss,
    data: Sequence[Any],
    dtype: Any = np.float32,
    name: str = "",
    scale: float = 1.0,
) -> Rows:
    """Convert data to rows for a structure and a loss.

    Parameters
    ----------
    structure, loss : Structure, Loss
        What the rows must fit.
    data : (x, y) or (x, y, sample_weight)
        x, array-like or SciPy sparse matrix (samples, features), finite numbers, the codes of embeddings last; y,
        array-like (samples,) or (samples, outputs), whole numbers 0 … outputs - 1 that name classes, or a value for
        each output; sample_weight, array-like (samples,), 0 or more, not all 0, or None.
    dtype : float32 or float64
        Of the result; arrays of this dtype are not copied.
    name : str
        A prefix for messages: ``"validation "``.
    scale : float
        The factor for bytes (uint8), which are not converted.

    Raises
    ------
    InputError
        If shapes do not fit, a number is not finite or a table has no such code (row and column are named), a class is
        unknown, or there is no row.
    """
    if len(data) not in (2, 3):
        raise InputError(f"{name}data has {len(data)} parts; give (x, y) or (x, y, sample_weight)")
    y = np.asarray(data[1])
    sample_weight = data[2] if len(data) == 3 else None
    if not 0 < scale < np.inf:
        raise InputError(f"scale is {scale!r}; it must be a number above 0, such as 1/255")
    x = check_inputs(structure, data[0], dtype, name, scale)
    targets = _check_targets(structure, loss, y, x.shape[0], dtype, name)
    return Rows(x, targets, _check_weights(sample_weight, x.shape[0], dtype, name), scale)


def check_inputs(structure: Structure, x: Any, dtype: Any = np.float32, name: str = "", scale: float = 1.0) -> Any:
    """Convert x alone, as `check_rows` converts ``data[0]``.

    Returns
    -------
    array or SciPy CSR matrix (samples, features)
        In the dtype, not copied if it has it; bytes (uint8) stay bytes.

    Raises
    ------
    InputError
        If the shape does not fit, a number is not finite or a table has no such code (row and column are named), or
        there is no row.
    """
    x = x.tocsr() if issparse(x) else np.asarray(x)
    if x.dtype.kind not in "fiub":
        raise InputError(f"{name}x has dtype {x.dtype}; it must hold numbers")
    if x.ndim != 2 or x.shape[1] != structure.n_inputs:
        raise InputError(f"{name}x has shape {x.shape}; the structure needs (samples, {structure.n_inputs})")
    if x.shape[0] == 0:
        raise InputError(f"{name}x has no rows; give at least one")
    if issparse(x):
        x = _check_sparse(x, dtype, name)
    elif x.dtype == np.uint8:
        if structure.embeddings and scale != 1:
            raise InputError(
                f"{name}x holds bytes and scale is {scale:.6g}, by which the codes of embeddings can't be multiplied; "
                "scale the numbers first and give floats"
            )
        x = np.ascontiguousarray(x)
    else:
        x = np.ascontiguousarray(x, dtype)
        _check_finite(x, f"{name}x")
    check_codes(structure, x, f"{name}x")
    return x


def split_validation(rows: Rows, which: Any) -> tuple[Array, Rows]:
    """Split rows into training row numbers and validation rows, which share x.

    Parameters
    ----------
    rows : Rows
        All rows.
    which : array-like of int
        The row numbers to hold out.

    Returns
    -------
    training : array of int
        The numbers of the other rows.
    validation : Rows
        The held-out rows.

    Raises
    ------
    InputError
        If ``which`` is empty, has all rows, or has row numbers that are out of range or repeated.
    """
    which = np.asarray(which)
    if which.ndim != 1 or which.dtype.kind not in "iu":
        raise InputError(f"validation has dtype {which.dtype} and shape {which.shape}; name rows by whole numbers")
    if not 0 < len(which) < len(rows):
        raise InputError(f"validation names {len(which)} of {len(rows)} rows; leave some on both sides")
    if which.min() < 0 or which.max() >= len(rows) or len(np.unique(which)) != len(which):
        raise InputError(f"validation must name rows 0 … {len(rows) - 1}, each once")
    is_training = np.ones(len(rows), bool)
    is_training[which] = False
    w = None if rows.sample_weight is None else rows.sample_weight[which]
    return np.flatnonzero(is_training), Rows(rows.x, rows.y[which], w, rows.scale, which)


def _check_sparse(x: Any, dtype: Any, name: str) -> Any:
    """Return CSR of the dtype without duplicate entries; raise an InputError if one is not finite."""
    if not x.has_canonical_format:
        x = x.copy()
        x.sum_duplicates()
    x = x.astype(dtype, copy=False)
    wrong = np.flatnonzero(~np.isfinite(x.data))
    if len(wrong):
        row = int(np.searchsorted(x.indptr, wrong[0], side="right")) - 1
        raise InputError(
            f"{name}x[{row}, {x.indices[wrong[0]]}] is {x.data[wrong[0]]}; every entry must be finite: fill it in or "
            "leave out the row"
        )
    return x


def _check_targets(structure: Structure, loss: Loss, y: Array, samples: int, dtype: Any, name: str) -> Array:
    if len(y.shape) not in (1, 2) or len(y) != samples:
        raise InputError(f"{name}y has shape {y.shape} for {samples} rows of x; give one entry, or one row, for each")
    if y.dtype.kind not in "fiub":
        raise InputError(f"{name}y has dtype {y.dtype}; give numbers, classes as whole numbers from 0")
    outputs = structure.n_outputs
    if y.ndim == 1 and outputs > 1 and (loss.name in CLASSIFICATION or y.dtype.kind in "iu"):
        if y.dtype.kind == "f" and not np.array_equal(y, np.floor(y)):
            raise InputError(f"{name}y holds fractions; loss {loss.name!r} needs classes as whole numbers from 0")
        y = y.astype(np.int64)
        wrong = np.flatnonzero((y < 0) | (y >= outputs))
        if len(wrong):
            raise InputError(
                f"{name}y[{wrong[0]}] is {y[wrong[0]]}; with {outputs} outputs a class is 0 … {outputs - 1}"
            )
        return y
    y = np.ascontiguousarray(y.reshape(samples, -1), dtype)
    _check_finite(y, f"{name}y")
    if y.shape[1] != outputs and not (y.shape[1] == 1 and loss.name == "pinball"):
        raise InputError(f"{name}y has {y.shape[1]} columns and the structure {outputs} outputs; they must be the same")
    return y


def _check_weights(sample_weight: Any, samples: int, dtype: Any, name: str) -> Array | None:
    if sample_weight is None:
        return None
    w = np.ascontiguousarray(sample_weight, dtype)
    if w.shape != (samples,):
        raise InputError(f"{name}sample_weight has shape {w.shape}; it must be ({samples},), one for each row")
    wrong = np.flatnonzero(~(np.isfinite(w) & (w >= 0)))
    if len(wrong):
        raise InputError(f"{name}sample_weight[{wrong[0]}] is {w[wrong[0]]}; weights are finite and 0 or more")
    if not w.any():
        raise InputError(f"{name}sample_weight is 0 for every row; give at least one row some weight")
    return w


def _check_finite(array: Array, name: str) -> None:
    with np.errstate(all="ignore"):
        if np.isfinite(np.sum(array, dtype=np.float64)):
            return
    for first in range(0, len(array), 4096):
        wrong = np.argwhere(~np.isfinite(array[first : first + 4096]))
        if len(wrong):
            row = first + wrong[0, 0]
            column = wrong[0, 1]
            raise InputError(
                f"{name}[{row}, {column}] is {array[row, column]}; every entry must be finite: fill it in or leave out "
                "the row"
            )

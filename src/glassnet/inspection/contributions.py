"""Contributions of connections for one row: the terms a_(l-1)[i] · W_l[i, j] of the sum z_l[j]."""

from __future__ import annotations

import numpy as np

from glassnet._utils.arrays import Array


def top_contributions(a: Array, W: Array, k: int, max_abs_weight: Array | None = None) -> tuple[Array, Array, Array]:
    """Return the k terms a[i] · W[i, j] of a layer with the largest absolute value.

    A term of unit i is at most |a[i]| · max_j |W[i, j]|. Once k terms are known, units whose bound is below the
    smallest of them are skipped, so that only a few rows of a large W are read.

    Parameters
    ----------
    a : array (units of l-1,)
        Activations of the previous layer.
    W : array (units of l-1, units of l)
        Weights of the layer.
    k : int
        Maximum number of terms; terms of 0 are left out.
    max_abs_weight : array (units of l-1,), optional
        max_j |W[i, j]|, if it is known.

    Returns
    -------
    from_units, to_units : array of int (terms,)
        i and j of each term, the largest term first; equal terms in the order of W.
    terms : array (terms,)
        The terms with their signs, in the dtype of a and W.
    """
    max_abs_weight = np.abs(W).max(axis=1) if max_abs_weight is None else max_abs_weight
    with np.errstate(over="ignore", invalid="ignore"):  # the network may have diverged
        bound = np.nan_to_num(np.abs(a) * max_abs_weight, nan=np.inf)
        order = np.argsort(-bound, kind="stable")
        rows = order[: max(1, -(-4 * k // W.shape[1]))]
        terms = _terms(a, W, rows)
        if len(rows) < len(order):
            rows = order[: max(len(rows), np.count_nonzero(bound >= _kth_largest(np.abs(terms).ravel(), k)))]
            terms = _terms(a, W, rows)
    size = np.abs(terms).ravel()
    candidates = np.arange(size.size)
    if k < size.size:
        candidates = np.flatnonzero(size >= _kth_largest(size, k))
    candidates = candidates[size[candidates] > 0]
    i = rows[candidates // W.shape[1]]
    j = candidates % W.shape[1]
    best = np.lexsort((j, i, -size[candidates]))[:k]
    return i[best], j[best], terms.ravel()[candidates[best]]


def _kth_largest(values: Array, k: int) -> float:
    return float(np.partition(values, values.size - k)[values.size - k]) if k else np.inf


def _terms(a: Array, W: Array, rows: Array) -> Array:
    """Return a[i] · W[i, j] for some i, with 0 for NaN."""
    return np.nan_to_num(a[rows, np.newaxis] * W[rows])

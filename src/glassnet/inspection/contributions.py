"""Which connections carry most for a row: a_(l-1)[i] · W_l[i, j], the terms of which z_l[j] is the sum."""

from __future__ import annotations

import numpy as np

from glassnet._utils.arrays import Array


def strongest(a: Array, W: Array, count: int, reach: Array | None = None) -> tuple[Array, Array, Array]:
    """Return the largest of all terms a[i] · W[i, j] of a layer, by size.

    A term of unit i is at most |a[i]| · max_j |W[i, j]|; once `count` terms are known, units whose bound is below
    the least of them need not be looked at. So of a layer of a million weights only a few rows of W are read.

    Parameters
    ----------
    a : array (units of l-1,)
        What the layer is given.
    W : array (units of l-1, units of l)
        Its weights.
    count : int
        How many, at most; terms of 0 are left out.
    reach : array (units of l-1,), optional
        max_j |W[i, j]|, where it is known.

    Returns
    -------
    from_units, to_units : array of int (terms,)
        i and j of each, the largest term first; of equal ones the one that comes first in W.
    terms : array (terms,)
        With their signs, in the dtype of a and W.
    """
    reach = np.abs(W).max(axis=1) if reach is None else reach
    with np.errstate(over="ignore", invalid="ignore"):  # a network that has diverged is looked at too
        bound = np.nan_to_num(np.abs(a) * reach, nan=np.inf)
        order = np.argsort(-bound, kind="stable")
        rows = order[: max(1, -(-4 * count // W.shape[1]))]
        terms = _terms(a, W, rows)
        if len(rows) < len(order):
            least = np.partition(np.abs(terms), terms.size - count, axis=None)[terms.size - count] if count else np.inf
            rows = order[: max(len(rows), np.count_nonzero(bound >= least))]
            terms = _terms(a, W, rows)
    size = np.abs(terms).ravel()
    kept = np.arange(size.size)
    if count < size.size:
        least = np.partition(size, size.size - count)[size.size - count] if count else np.inf
        kept = np.flatnonzero(size >= least)
    kept = kept[size[kept] > 0]
    i, j = rows[kept // W.shape[1]], kept % W.shape[1]
    best = np.lexsort((j, i, -size[kept]))[:count]
    return i[best], j[best], terms.ravel()[kept[best]]


def _terms(a: Array, W: Array, rows: Array) -> Array:
    """Return a[i] · W[i, j] for some i, what is not a number as 0."""
    return np.nan_to_num(a[rows, np.newaxis] * W[rows])

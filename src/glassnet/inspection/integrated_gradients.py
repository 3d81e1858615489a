"""Integrated gradients: the difference that an output makes between a baseline and a row, shared among the inputs."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, cast

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.engines.interface import numbers
from glassnet.errors import InputError
from glassnet.inspection.outputs import check_of, check_outputs, chunks, largest, rows_at_once, slopes, values
from glassnet.network.embeddings import look_up
from glassnet.network.structure import Structure
from glassnet.training.rows import check_inputs

#: Each path from a baseline to a row is cut into pieces, so many at first, each with the nodes of Gauss and Legendre.
_PIECES = 8
_NODES, _SHARES = np.polynomial.legendre.leggauss(4)
_NODES, _SHARES = (_NODES + 1) / 2, _SHARES / 2


class CompletenessWarning(UserWarning):
    """Integrated gradients do not add up to the difference of the outputs as nearly as was asked for."""


def integrated_gradients(
    structure: Structure,
    vector: Array,
    x: Any,
    baseline: Any = None,
    output: Any = None,
    of: str = "output",
    *,
    tolerance: float = 1e-3,
    steps: int = 2048,
) -> Array:
    """Share the difference of an output at x and at a baseline among the inputs (Sundararajan et al. 2017).

    (x - baseline) · ∫ ∂F/∂x along the straight line between them (arXiv:1703.01365); a row's shares add up to
    F(x) - F(baseline). The line is cut into pieces with four Gauss-Legendre nodes each. As the shares of a piece must
    add up to the difference of F over it, its error is known, and the pieces with too large a one are halved: few
    points do for smooth networks, and for piecewise linear ones (ReLU) the halving closes in on the kinks.

    Parameters
    ----------
    structure, vector, x, output, of
        As for `saliency`; the output is chosen at x.
    baseline : array-like (features,) or (samples, features), optional
        Rows that say nothing; zeros if not given, which for codes of tables is the category 0. From code to code the
        line goes through the embeddings, whose shares are added up.
    tolerance : float
        How far a row's sum may be from the difference, as a share of F's largest size at the ends of the pieces with
        which it began.
    steps : int
        Gradients along the line of one row at most, 32 or more.

    Returns
    -------
    array (samples, features)
        In the dtype of the parameters. `completeness_gap` says what is missing.

    Raises
    ------
    InputError
        As `saliency`, or if the baseline has another shape, or tolerance or steps can't be used.

    Warns
    -----
    CompletenessWarning
        If ``steps`` did not suffice for a row: says which, and by how much its sum is off.
    """
    check_of(structure, of)
    nearness, most = cast(object, tolerance), cast(object, steps)
    if isinstance(nearness, bool) or not isinstance(nearness, Real) or not 0 < tolerance < np.inf:
        raise InputError(f"tolerance is {tolerance!r}; it must be a number above 0, such as 0.001")
    least = _PIECES * len(_NODES)
    if isinstance(most, bool) or not isinstance(most, Integral) or steps < least:
        raise InputError(f"steps is {steps!r}; it must be a whole number, {least} or more")
    parameters, x = structure.views(vector), check_inputs(structure, x, vector.dtype)
    chosen = check_outputs(structure, output, x.shape[0])
    start = _baseline(structure, baseline, x.shape[0], vector.dtype)
    result = np.empty((x.shape[0], structure.n_inputs), vector.dtype)
    inner = Structure(structure.layer_sizes, structure.activations)  # between two codes there is no third
    missed: list[tuple[int, float, float]] = []
    for chunk, rows in chunks(structure, x, vector.dtype, share=4):
        begin = np.broadcast_to(start if start.ndim == 1 else start[chunk], rows.shape)
        wanted = largest(structure, parameters, rows) if chosen is None else chosen[chunk]
        path = _Path(
            inner, parameters, _given(structure, parameters, begin), _given(structure, parameters, rows), wanted, of
        )
        with np.errstate(over="ignore", invalid="ignore"):  # a gap that is not finite is told below
            found, gaps, allowed = path.integrate(float(tolerance), int(steps))
        result[chunk] = _by_column(structure, found)
        missed += [
            (chunk.start + int(row), float(gaps[row]), float(allowed[row]))
            for row in np.flatnonzero(~(np.abs(gaps) <= allowed))
        ]
    if missed:
        row, gap, allowed_gap = max(missed, key=lambda found: np.nan_to_num(abs(found[1]), nan=np.inf))
        warnings.warn(
            f"the integrated gradients of {len(missed)} of {len(result)} rows do not add up to the difference of the "
            f"outputs; row {row} misses {gap:.3g} of it, more than {allowed_gap:.3g}; give more steps than {steps}, or "
            "a larger tolerance",
            CompletenessWarning,
            stacklevel=2,
        )
    return result


def completeness_gap(
    structure: Structure,
    vector: Array,
    shares: Array,
    x: Any,
    baseline: Any = None,
    output: Any = None,
    of: str = "output",
) -> Array:
    """Return what the shares of each row miss: F(x) - F(baseline) - Σ shares, (samples,).

    Parameters
    ----------
    shares : array (samples, features)
        From `integrated_gradients`, or any other way of sharing the difference.
    structure, vector, x, baseline, output, of
        Those that it was given.
    """
    check_of(structure, of)
    parameters, x = structure.views(vector), check_inputs(structure, x, vector.dtype)
    if np.shape(shares) != x.shape:
        raise InputError(f"shares has shape {np.shape(shares)} and x {x.shape}; they must be the same")
    chosen = check_outputs(structure, output, x.shape[0])
    start = _baseline(structure, baseline, x.shape[0], vector.dtype)
    gap = np.empty(x.shape[0], vector.dtype)
    for chunk, rows in chunks(structure, x, vector.dtype):
        begin = np.broadcast_to(start if start.ndim == 1 else start[chunk], rows.shape)
        wanted = largest(structure, parameters, rows) if chosen is None else chosen[chunk]
        gap[chunk] = values(structure, parameters, rows, wanted, of) - values(structure, parameters, begin, wanted, of)
    return gap - np.sum(shares, axis=1)


def _given(structure: Structure, parameters: Mapping[str, Array], x: Array) -> Array:
    """Return a0, what the first layer is given: x itself, or its numbers and the embeddings of its codes."""
    return look_up(structure, parameters, x)[0] if structure.tables else x


def _by_column(structure: Structure, shares: Array) -> Array:
    """Add the shares of a0 up by the columns of x, of which one of codes is several units: (rows, features)."""
    if not structure.tables:
        return shares
    sizes = [1] * structure.n_numbers + [size for _, size in structure.tables]
    return np.add.reduceat(shares, np.cumsum([0, *sizes[:-1]]), axis=1)


def _baseline(structure: Structure, baseline: Any, samples: int, dtype: Any) -> Array:
    """Return the baseline, (features,) or (samples, features)."""
    features = structure.n_inputs
    if baseline is None:
        return np.zeros(features, dtype)
    if np.shape(baseline) not in ((features,), (samples, features)):
        raise InputError(
            f"baseline has shape {np.shape(baseline)}; it must be ({features},) or that of x, ({samples}, {features})"
        )
    shape = np.shape(baseline)
    rows = check_inputs(structure, np.reshape(baseline, (1, -1)) if len(shape) == 1 else baseline, dtype, "baseline ")
    return numbers(rows, 1.0, dtype).reshape(shape)


class _Path:
    """The straight lines from the baselines, t = 0, to the rows, t = 1, of one chunk."""

    def __init__(
        self, structure: Structure, parameters: Mapping[str, Array], begin: Array, end: Array, chosen: Array, of: str
    ) -> None:
        self.structure, self.parameters, self.of = structure, parameters, of
        self.begin, self.way, self.chosen = begin, end - begin, chosen

    def integrate(self, tolerance: float, steps: int) -> tuple[Array, Array, Array]:
        """Return the shares (rows, features), and of each row the gap and how large it may be, (rows,)."""
        count = len(self.way)
        grid = np.linspace(0, 1, _PIECES + 1)
        F = self._at(np.repeat(np.arange(count), _PIECES + 1), np.tile(grid, count), values).reshape(count, -1)
        allowed = tolerance * np.max(np.abs(F), axis=1)
        shares, gaps = np.zeros_like(self.way), np.zeros(count)
        left_over, used = allowed.copy(), np.zeros(count, np.int64)
        # a piece: its row, where it begins and ends, and F there
        row = np.repeat(np.arange(count), _PIECES)
        t, F = np.tile([grid[:-1], grid[1:]], count), np.array([F[:, :-1].ravel(), F[:, 1:].ravel()])
        pieces_at_once = max(1, rows_at_once(self.structure) // len(_NODES))
        while True:
            pieces = np.bincount(row, minlength=count)
            used += pieces * len(_NODES)
            last = used + 2 * pieces * len(_NODES) > steps
            gap = np.empty(len(row))
            # each piece may have its part of what the row has left; what is kept never adds up to more than that
            part = left_over[row] / pieces[row]
            kept = np.empty(len(row), bool)
            for first in range(0, len(row), pieces_at_once):
                some = slice(first, first + pieces_at_once)
                found = self._piece(row[some], t[:, some])
                gap[some] = F[1, some] - F[0, some] - found.sum(axis=1)
                kept[some] = (np.abs(gap[some]) <= part[some]) | last[row[some]] | ~np.isfinite(gap[some])
                np.add.at(shares, row[some][kept[some]], found[kept[some]])
            np.add.at(gaps, row[kept], gap[kept])
            np.subtract.at(left_over, row[kept], np.abs(gap[kept]))
            if kept.all():
                return shares, gaps, allowed
            row, t, F = row[~kept], t[:, ~kept], F[:, ~kept]
            middle = t.mean(axis=0)
            there = self._at(row, middle, values)
            t, F = (
                np.hstack([np.stack([ends[0], inner]), np.stack([inner, ends[1]])])
                for ends, inner in ((t, middle), (F, there))
            )
            row = np.tile(row, 2)

    def _piece(self, row: Array, t: Array) -> Array:
        """Return the shares of pieces of the lines, each from t[0] to t[1]: (pieces, features)."""
        length = t[1] - t[0]
        points = t[0][:, np.newaxis] + length[:, np.newaxis] * _NODES
        found = self._at(np.repeat(row, len(_NODES)), points.ravel(), slopes)
        mean = np.einsum("pnf,n->pf", found.reshape(len(row), len(_NODES), -1), _SHARES)
        return mean * length[:, np.newaxis] * self.way[row]

    def _at(self, row: Array, t: Array, what: Any) -> Array:
        """Return `values` or `slopes` at points of the lines."""
        found, most = [], rows_at_once(self.structure)
        for first in range(0, len(row), most):
            some = row[first : first + most]
            place = t[first : first + most, np.newaxis].astype(self.way.dtype)
            x = self.begin[some] + place * self.way[some]
            found.append(what(self.structure, self.parameters, x, self.chosen[some], self.of))
        return np.concatenate(found)

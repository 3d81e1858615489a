"""Integrated gradients: attribute the difference of an output between a baseline and a row to the inputs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.engines.interface import numbers
from glassnet.errors import InputError
from glassnet.inspection.outputs import (
    argmax_output,
    check_of,
    check_outputs,
    chunks,
    output_gradients,
    output_values,
    rows_at_once,
)
from glassnet.network.embeddings import look_up
from glassnet.network.structure import Structure
from glassnet.training.rows import check_inputs

#: Segments into which each path from a baseline to a row is divided at first.
_SEGMENTS = 8
_legendre_nodes, _legendre_weights = np.polynomial.legendre.leggauss(4)
#: Gauss-Legendre nodes and weights on [0, 1] for each segment.
_NODES = (_legendre_nodes + 1) / 2
_WEIGHTS = _legendre_weights / 2


class CompletenessWarning(UserWarning):
    """Integrated gradients do not add up to the difference of the outputs within the tolerance."""


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
    """Attribute the difference of an output at x and at a baseline to the inputs (Sundararajan et al. 2017).

    (x - baseline) · ∫ ∂F/∂x along the straight line between them (arXiv:1703.01365); the attributions of a row add up
    to F(x) - F(baseline). The line is divided into segments with four Gauss-Legendre nodes each. The attributions of a
    segment must add up to the difference of F over it, so its error is known; segments whose error is too large are
    halved. Smooth networks need few nodes; for piecewise linear ones (ReLU) the halving converges to the kinks.

    Parameters
    ----------
    structure, vector, x, output, of
        As for `saliency`; the output is chosen at x.
    baseline : array-like (features,) or (samples, features), optional
        The reference; zeros by default, which for an embedded column is category 0. Between two categories the line
        runs through the embeddings, whose attributions are summed.
    tolerance : float
        Maximum error of a row's sum, relative to the largest |F| at the ends of the first segments.
    steps : int
        Maximum number of gradients for one row, 32 or more.

    Returns
    -------
    array (samples, features)
        In the dtype of the parameters. `completeness_gap` returns the error of each row's sum.

    Raises
    ------
    InputError
        As `saliency`, or if the shape of the baseline, tolerance or steps are invalid.

    Warns
    -----
    CompletenessWarning
        If ``steps`` is too small for a row; the message names the row and the error of its sum.
    """
    check_of(structure, of)
    _check_precision(tolerance, steps)
    parameters, x = structure.views(vector), check_inputs(structure, x, vector.dtype)
    chosen = check_outputs(structure, output, x.shape[0])
    start = _baseline(structure, baseline, x.shape[0], vector.dtype)
    result = np.empty((x.shape[0], structure.n_inputs), vector.dtype)
    dense = Structure(structure.layer_sizes, structure.activations)  # takes embeddings, not categories
    inexact: list[tuple[int, float, float]] = []
    for chunk, rows in chunks(structure, x, vector.dtype, share=4):
        baselines = np.broadcast_to(start if start.ndim == 1 else start[chunk], rows.shape)
        output_index = argmax_output(structure, parameters, rows) if chosen is None else chosen[chunk]
        a0 = _first_activations(structure, parameters, rows)
        path = _Path(dense, parameters, _first_activations(structure, parameters, baselines), a0, output_index, of)
        with np.errstate(over="ignore", invalid="ignore"):  # a gap that is not finite is reported below
            attributions, gaps, allowed = path.integrate(float(tolerance), int(steps))
        result[chunk] = _sum_by_column(structure, attributions)
        inexact += [
            (chunk.start + int(row), float(gaps[row]), float(allowed[row]))
            for row in np.flatnonzero(~(np.abs(gaps) <= allowed))
        ]
    if inexact:
        row, gap, allowed_gap = max(inexact, key=lambda entry: np.nan_to_num(abs(entry[1]), nan=np.inf))
        warnings.warn(
            f"the integrated gradients of {len(inexact)} of {len(result)} rows do not add up to the difference of the "
            f"outputs; the error of row {row} is {gap:.3g}, more than {allowed_gap:.3g}; use more steps than {steps}, "
            "or a larger tolerance",
            CompletenessWarning,
            stacklevel=2,
        )
    return result


def completeness_gap(
    structure: Structure,
    vector: Array,
    attributions: Array,
    x: Any,
    baseline: Any = None,
    output: Any = None,
    of: str = "output",
) -> Array:
    """Return the error of each row's sum: F(x) - F(baseline) - Σ attributions, (samples,).

    Parameters
    ----------
    attributions : array (samples, features)
        From `integrated_gradients`, or another attribution method with the same sum.
    structure, vector, x, baseline, output, of
        The arguments of `integrated_gradients`.
    """
    check_of(structure, of)
    parameters, x = structure.views(vector), check_inputs(structure, x, vector.dtype)
    if np.shape(attributions) != x.shape:
        raise InputError(f"attributions has shape {np.shape(attributions)} and x {x.shape}; they must be the same")
    chosen = check_outputs(structure, output, x.shape[0])
    start = _baseline(structure, baseline, x.shape[0], vector.dtype)
    gap = np.empty(x.shape[0], vector.dtype)
    for chunk, rows in chunks(structure, x, vector.dtype):
        baselines = np.broadcast_to(start if start.ndim == 1 else start[chunk], rows.shape)
        output_index = argmax_output(structure, parameters, rows) if chosen is None else chosen[chunk]
        at_rows = output_values(structure, parameters, rows, output_index, of)
        gap[chunk] = at_rows - output_values(structure, parameters, baselines, output_index, of)
    return gap - np.sum(attributions, axis=1)


def _check_precision(tolerance: object, steps: object) -> None:
    if isinstance(tolerance, bool) or not isinstance(tolerance, Real) or not 0 < float(tolerance) < np.inf:
        raise InputError(f"tolerance is {tolerance!r}; it must be a number above 0, such as 0.001")
    min_steps = _SEGMENTS * len(_NODES)
    if isinstance(steps, bool) or not isinstance(steps, Integral) or int(steps) < min_steps:
        raise InputError(f"steps is {steps!r}; it must be a whole number, {min_steps} or more")


def _first_activations(structure: Structure, parameters: Mapping[str, Array], x: Array) -> Array:
    """Return a0: x itself, or its numeric columns and the embeddings of its categories."""
    return look_up(structure, parameters, x)[0] if structure.embeddings else x


def _sum_by_column(structure: Structure, attributions: Array) -> Array:
    """Sum the attributions of a0 over the units of each column of x: (rows, features)."""
    if not structure.embeddings:
        return attributions
    sizes = [1] * structure.n_numbers + [size for _, size in structure.embeddings]
    return np.add.reduceat(attributions, np.cumsum([0, *sizes[:-1]]), axis=1)


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
        self, structure: Structure, parameters: Mapping[str, Array], start: Array, end: Array, chosen: Array, of: str
    ) -> None:
        self.structure = structure
        self.parameters = parameters
        self.start = start
        self.direction = end - start
        self.chosen = chosen
        self.of = of

    def integrate(self, tolerance: float, steps: int) -> tuple[Array, Array, Array]:
        """Return the attributions (rows, features), and the error of each row and its limit, (rows,) each."""
        count = len(self.direction)
        grid = np.linspace(0, 1, _SEGMENTS + 1)
        rows = np.repeat(np.arange(count), _SEGMENTS + 1)
        F = self._evaluate(output_values, rows, np.tile(grid, count)).reshape(count, -1)
        allowed = tolerance * np.max(np.abs(F), axis=1)
        attributions = np.zeros_like(self.direction)
        gaps = np.zeros(count)
        remaining = allowed.copy()
        used = np.zeros(count, np.int64)
        # of each segment: its row, t at both ends, F at both ends
        row = np.repeat(np.arange(count), _SEGMENTS)
        t = np.tile([grid[:-1], grid[1:]], count)
        F = np.array([F[:, :-1].ravel(), F[:, 1:].ravel()])
        while True:
            segments = np.bincount(row, minlength=count)
            used += segments * len(_NODES)
            is_last = used + 2 * segments * len(_NODES) > steps
            # the remaining error of a row is divided among its segments, so that the sum never exceeds the limit
            limit = np.where(is_last[row], np.inf, remaining[row] / segments[row])
            gap, done = self._add_segments(row, t, F, limit, attributions)
            np.add.at(gaps, row[done], gap[done])
            np.subtract.at(remaining, row[done], np.abs(gap[done]))
            if done.all():
                return attributions, gaps, allowed
            row, t, F = self._halve(row[~done], t[:, ~done], F[:, ~done])

    def _add_segments(self, row: Array, t: Array, F: Array, limit: Array, attributions: Array) -> tuple[Array, Array]:
        """Add the segments whose error is within the limit to the attributions; return all errors and which were added.

        A segment with an error that is not finite is added too: halving it can't help.
        """
        gap = np.empty(len(row))
        done = np.empty(len(row), bool)
        at_once = max(1, rows_at_once(self.structure) // len(_NODES))
        for first in range(0, len(row), at_once):
            part = slice(first, first + at_once)
            found = self._integrate_segments(row[part], t[:, part])
            gap[part] = F[1, part] - F[0, part] - found.sum(axis=1)
            done[part] = (np.abs(gap[part]) <= limit[part]) | ~np.isfinite(gap[part])
            np.add.at(attributions, row[part][done[part]], found[done[part]])
        return gap, done

    def _halve(self, row: Array, t: Array, F: Array) -> tuple[Array, Array, Array]:
        middle = t.mean(axis=0)
        F_middle = self._evaluate(output_values, row, middle)
        t = np.hstack([np.stack([t[0], middle]), np.stack([middle, t[1]])])
        F = np.hstack([np.stack([F[0], F_middle]), np.stack([F_middle, F[1]])])
        return np.tile(row, 2), t, F

    def _integrate_segments(self, row: Array, t: Array) -> Array:
        """Return the attributions of segments of the lines, each from t[0] to t[1]: (segments, features)."""
        length = t[1] - t[0]
        points = t[0][:, np.newaxis] + length[:, np.newaxis] * _NODES
        found = self._evaluate(output_gradients, np.repeat(row, len(_NODES)), points.ravel())
        mean = np.einsum("pnf,n->pf", found.reshape(len(row), len(_NODES), -1), _WEIGHTS)
        return mean * length[:, np.newaxis] * self.direction[row]

    def _evaluate(self, function: Callable[..., Array], row: Array, t: Array) -> Array:
        """Return `output_values` or `output_gradients` at points of the lines."""
        found = []
        at_once = rows_at_once(self.structure)
        for first in range(0, len(row), at_once):
            part = row[first : first + at_once]
            step = t[first : first + at_once, np.newaxis].astype(self.direction.dtype)
            x = self.start[part] + step * self.direction[part]
            found.append(function(self.structure, self.parameters, x, self.chosen[part], self.of))
        return np.concatenate(found)

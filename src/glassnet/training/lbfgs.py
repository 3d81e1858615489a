"""Full batches by SciPy's L-BFGS-B, which looks at all rows at once and chooses its own steps."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from glassnet._utils.arrays import Array
from glassnet.engines.interface import EpochMetrics
from glassnet.metrics.registry import NO_METRIC
from glassnet.training.run import Run
from glassnet.training.settings import LBFGS_LIMITS
from glassnet.training.source import InMemory

AfterEpoch: TypeAlias = Callable[[EpochMetrics, float], None]


def by_lbfgs(run: Run, on_batch: Any, after_epoch: AfterEpoch) -> None:
    """Full batches by SciPy's L-BFGS-B (Byrd, Lu, Nocedal & Zhu 1995), one iteration an epoch."""
    vector, dtype = run.weights.parameters, run.weights.parameters.dtype
    assert isinstance(run.source, InMemory)  # `prepare` saw to it
    rows = run.source.whole()
    # what was evaluated last is, almost always, what is asked next: its gradient, and the end of an iteration
    last, loss, gradient = np.full(vector.shape, np.nan), np.nan, np.empty(0)

    def loss_at(point: Array) -> float:
        nonlocal loss, gradient
        loss, found = run.engine.loss_and_gradients(point.astype(dtype, copy=False), rows)
        gradient = found.astype(np.float64, copy=False)
        last[...] = point
        return loss

    def gradient_at(point: Array) -> Array:
        if not (last == point).all():
            loss_at(point)
        return gradient

    def after_iteration(intermediate_result: OptimizeResult) -> None:
        point = intermediate_result.x
        if not np.isfinite(point).all():
            run.stop_diverged(len(run.history) + 1, "", 1.0)
            raise StopIteration
        vector[...] = point
        slope, score = gradient_at(point), np.nan
        if run.metric.name != NO_METRIC:
            output = run.engine.outputs(vector, rows.x, scale=rows.scale)
            score = float(np.mean(run.metric.per_sample(output, rows.y)))
        run.state.epochs += 1
        after_epoch(EpochMetrics(loss, score, math.sqrt(slope @ slope)), 1.0)
        if on_batch is not None:
            on_batch(0, loss)
        if run.stop_reason:
            raise StopIteration

    limits = LBFGS_LIMITS | dict(run.settings.optimizer_settings)
    options: Any = {
        "maxiter": run.settings.epochs,
        "maxfun": limits["maxfun"] or 10 * run.settings.epochs + 100,
        "gtol": limits["gtol"],
        "ftol": limits["ftol"],
    }
    with _CALM:
        run.lbfgs_result = minimize(  # (jac=True would compare each point with the one before four times over)
            loss_at, vector.astype(np.float64), jac=gradient_at, method="L-BFGS-B", callback=after_iteration,
            options=options,
        )  # fmt: skip
    if not run.stop_reason and len(run.history) < run.settings.epochs:
        run.stop(f"L-BFGS came to rest: {run.lbfgs_result.message}")


class _CalmSciPy:
    """While it is entered, SciPy's own BLAS uses one thread.

    NumPy's wheels and SciPy's each bring a BLAS along. SciPy's threads go on spinning for a while after each of the
    small products of vectors that L-BFGS makes, on the cores where NumPy's then want to multiply matrices: on two cores
    that tripled the time of a fit. The count is of the whole process: the last one out sets it back.
    """

    def __init__(self) -> None:
        self._lock, self._inside = threading.Lock(), 0
        self._libraries: Any = None
        self._limit: Any = None

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._libraries is None:  # looking for them takes milliseconds
                from threadpoolctl import ThreadpoolController

                every = ThreadpoolController()
                paths = [library.filepath for library in every.lib_controllers if "scipy.libs" in library.filepath]
                self._libraries = every.select(filepath=paths)
            if self._inside == 1:
                self._limit = self._libraries.limit(limits=1)

    def __exit__(self, *problem: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._limit is not None:
                self._limit.restore_original_limits()


_CALM = _CalmSciPy()

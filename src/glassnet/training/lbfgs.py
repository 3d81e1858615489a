"""Full-batch training by SciPy's L-BFGS-B, which evaluates all rows at once and chooses its own step sizes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from glassnet._utils.arrays import Array
from glassnet.engines.interface import EpochMetrics
from glassnet.metrics.registry import NO_METRIC
from glassnet.training.callbacks.base import CallbackList
from glassnet.training.run import Run
from glassnet.training.settings import LBFGS_DEFAULTS
from glassnet.training.source import InMemory


def run_lbfgs(run: Run, hooks: CallbackList) -> None:
    """Minimize the objective over all rows by L-BFGS-B (Byrd, Lu, Nocedal & Zhu 1995), one iteration an epoch."""
    if run.stop_reason:
        return
    vector = run.weights.parameters
    objective = _LastPoint(run)

    def after_iteration(intermediate_result: OptimizeResult) -> None:
        point = intermediate_result.x
        if not np.isfinite(point).all():
            run.stop_diverged(len(run.history) + 1, "", 1.0)
            raise StopIteration
        vector[...] = point
        gradient = objective.gradient_at(point)
        metrics = EpochMetrics(objective.loss, objective.score(), math.sqrt(gradient @ gradient))
        run.state.epochs += 1
        run.record_epoch(metrics, run.evaluate(), learning_rate=1.0)
        hooks.on_epoch_end(run)
        if hooks.handles_batches:
            hooks.on_batch_end(run, 0, objective.loss)
        if run.stop_reason:
            raise StopIteration

    settings = LBFGS_DEFAULTS | dict(run.settings.optimizer_settings)
    options: Any = {
        "maxiter": run.settings.epochs,
        "maxfun": settings["maxfun"] or 10 * run.settings.epochs + 100,
        "gtol": settings["gtol"],
        "ftol": settings["ftol"],
    }
    run.lbfgs_result = minimize(  # jac=True would compare each point with the previous one four times
        objective.loss_at, vector.astype(np.float64), jac=objective.gradient_at, method="L-BFGS-B",
        callback=after_iteration, options=options,
    )  # fmt: skip
    if not run.stop_reason and len(run.history) < run.settings.epochs:
        run.stop(f"L-BFGS converged: {run.lbfgs_result.message}")


class _LastPoint:
    """Loss and gradient at the last point evaluated: SciPy asks for them separately, and again after an iteration."""

    def __init__(self, run: Run) -> None:
        assert isinstance(run.source, InMemory)  # checked by `build_run`
        self._run = run
        self._rows = run.source.all_rows()
        self._point = np.full(run.weights.parameters.shape, np.nan)
        self._gradient = np.empty(0)
        self.loss = math.nan

    def loss_at(self, point: Array) -> float:
        """Return the objective at a point (n_parameters,), float64."""
        parameters = point.astype(self._run.weights.parameters.dtype, copy=False)
        self.loss, gradient = self._run.engine.loss_and_gradients(parameters, self._rows)
        self._gradient = gradient.astype(np.float64, copy=False)
        self._point[...] = point
        return self.loss

    def gradient_at(self, point: Array) -> Array:
        """Return the gradient at a point, both (n_parameters,), float64."""
        if not (self._point == point).all():
            self.loss_at(point)
        return self._gradient

    def score(self) -> float:
        """Return the metric over all rows with the run's parameters; NaN without a metric."""
        run = self._run
        rows = self._rows
        if run.metric.name == NO_METRIC:
            return math.nan
        output = run.engine.outputs(run.weights.parameters, rows.x, scale=rows.scale)
        return float(np.mean(run.metric.per_sample(output, rows.y)))

"""Metrics of a regressor: R², mean absolute error, root mean squared error, and the coverage of quantiles."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet._utils.arrays import Array


class RegressionAccumulator:
    """Errors of each output and the variance of its targets, merged part by part (Chan, Golub & LeVeque 1979)."""

    def __init__(self) -> None:
        self.rows = 0
        self.mean: Any = 0.0
        self.squared_deviations: Any = 0.0
        self.squared_errors: Any = 0.0
        self.absolute_errors: Any = 0.0

    def add(self, y_true: Array, y_pred: Array) -> None:
        """Add rows: true and predicted values, (samples,) or (samples, outputs)."""
        rows_before = self.rows
        rows = len(y_true)
        self.rows += rows
        mean = y_true.mean(axis=0)
        delta = mean - self.mean
        self.squared_deviations = self.squared_deviations + np.square(y_true - mean).sum(axis=0)
        if rows_before:
            self.squared_deviations = self.squared_deviations + np.square(delta) * (rows_before * rows / self.rows)
        self.mean = self.mean + delta * (rows / self.rows)
        error = y_true - y_pred
        self.squared_errors = self.squared_errors + np.square(error).sum(axis=0)
        self.absolute_errors = self.absolute_errors + np.abs(error).sum(axis=0)

    def metrics(self) -> dict[str, Any]:
        """Return the metrics of all rows; see `regression_metrics`."""
        constant_target = np.where(self.squared_errors > 0, 0.0, 1.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            r2 = np.where(
                self.squared_deviations > 0, 1 - self.squared_errors / self.squared_deviations, constant_target
            )
        return {
            "r2": float(np.mean(r2)) if self.rows > 1 else None,
            "mean_absolute_error": float(np.mean(self.absolute_errors / max(self.rows, 1))),
            "root_mean_squared_error": float(np.mean(np.sqrt(self.squared_errors / max(self.rows, 1)))),
        }


def regression_metrics(y_true: Array, y_pred: Array) -> dict[str, Any]:
    """Return R² and the mean errors as plain values, each the mean over the outputs, as scikit-learn computes them.

    Parameters
    ----------
    y_true, y_pred : array (samples,) or (samples, outputs)
        True and predicted values.

    Returns
    -------
    dict
        ``r2``, ``mean_absolute_error`` and ``root_mean_squared_error``. R² is None for a single row; for a constant
        target it is 1 if every prediction is exact, else 0.
    """
    accumulator = RegressionAccumulator()
    accumulator.add(y_true, y_pred)
    return accumulator.metrics()


def quantile_coverage(y_true: Array, y_pred: Array) -> Array:
    """Return the share of rows at or below each predicted quantile.

    Parameters
    ----------
    y_true : array (samples, 1)
        True values.
    y_pred : array (samples, quantiles)
        Predicted quantiles.

    Returns
    -------
    array (quantiles,)
    """
    return np.mean(y_true <= y_pred, axis=0)

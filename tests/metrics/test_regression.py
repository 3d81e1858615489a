"""Metrics of a regressor: equal to scikit-learn's, and by hand."""

import numpy as np
import pytest
from sklearn import metrics

from glassnet.metrics.regression import RegressionAccumulator, quantile_coverage, regression_metrics


def test_the_metrics_are_scikit_learns_and_can_be_added_part_by_part() -> None:
    rng = np.random.default_rng(0)
    y_true = rng.standard_normal((500, 2)) * [1, 3] + [1e6, 0]
    y_pred = y_true + rng.standard_normal((500, 2))
    found = regression_metrics(y_true, y_pred)
    assert found["r2"] == pytest.approx(metrics.r2_score(y_true, y_pred), rel=1e-9)
    assert found["mean_absolute_error"] == pytest.approx(metrics.mean_absolute_error(y_true, y_pred))
    assert found["root_mean_squared_error"] == pytest.approx(metrics.root_mean_squared_error(y_true, y_pred))
    accumulator = RegressionAccumulator()
    for first in range(0, 500, 37):
        accumulator.add(y_true[first : first + 37], y_pred[first : first + 37])
    assert accumulator.metrics() == pytest.approx(found, rel=1e-9)


def test_r2_of_a_constant_target_and_of_one_row() -> None:
    assert regression_metrics(np.ones(3), np.ones(3))["r2"] == 1
    assert regression_metrics(np.ones(3), np.zeros(3))["r2"] == 0
    assert regression_metrics(np.ones(1), np.zeros(1))["r2"] is None


def test_the_coverage_of_quantiles_by_hand() -> None:
    y_true = np.array([[1.0], [2], [3], [4]])
    assert quantile_coverage(y_true, np.array([[1.0, 9]] * 4)).tolist() == [0.25, 1.0]

"""Calibration: equal to scikit-learn's."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from glassnet.metrics.calibration import calibration


def test_calibration_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 2000)
    correct = rng.random(2000) < confidence**2
    probabilities = np.column_stack([1 - confidence, confidence])
    found = calibration(probabilities, np.ones(2000, int), correct.astype(int))
    accuracy, mean_confidence = calibration_curve(correct, confidence, n_bins=10)
    filled = found.rows > 0
    np.testing.assert_allclose(found.accuracy[filled], accuracy)
    np.testing.assert_allclose(found.confidence[filled], mean_confidence)
    assert found.rows.sum() == 2000
    error = np.sum(found.rows[filled] / 2000 * abs(accuracy - mean_confidence))
    assert found.expected_calibration_error == pytest.approx(error)


def test_a_wrong_prediction_of_probability_one_has_error_one() -> None:
    one = calibration(np.array([[0.0, 1.0]]), np.array([1]), np.array([0]))
    assert one.expected_calibration_error == 1 and one.rows[-1] == 1

"""Calibration: how well the confidence of a classifier agrees with its accuracy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glassnet._utils.arrays import Array

#: Bins of equal width into which the confidence is divided.
N_BINS = 10


@dataclass(frozen=True)
class Calibration:
    """Confidence and accuracy in bins of equal width from 0 to 1, (N_BINS,) each.

    Parameters
    ----------
    rows : array of int
        Number of rows in each bin.
    confidence, accuracy : array
        Mean confidence of the rows, and the share of them that is correct; NaN in an empty bin.
    """

    rows: Array
    confidence: Array
    accuracy: Array

    @property
    def expected_calibration_error(self) -> float:
        """Σ rows/n |accuracy - confidence| over the bins (Naeini et al. 2015)."""
        filled = self.rows > 0
        gaps = np.abs(self.accuracy[filled] - self.confidence[filled])
        return float(np.sum(self.rows[filled] * gaps) / np.sum(self.rows))


def calibration(probabilities: Array, y_pred: Array, y_true: Array) -> Calibration:
    """Return the accuracy by the confidence, the probability of the predicted class.

    Parameters
    ----------
    probabilities : array (samples, classes)
        Predicted probabilities.
    y_pred, y_true : array of int (samples,)
        Predicted and true classes.
    """
    confidence = np.asarray(probabilities[np.arange(len(y_true)), y_pred], np.float64)
    bins = np.clip((confidence * N_BINS).astype(int), 0, N_BINS - 1)
    rows = np.bincount(bins, minlength=N_BINS)
    with np.errstate(invalid="ignore"):
        mean_confidence = np.bincount(bins, confidence, N_BINS) / rows
        accuracy = np.bincount(bins, y_pred == y_true, N_BINS) / rows
    return Calibration(rows, mean_confidence, accuracy)

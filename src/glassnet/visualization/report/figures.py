"""The figures of a report, from what was said and what is true: plain functions on arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glassnet._utils.arrays import Array

#: Bins of confidence.
BINS = 10
#: Of a normal distribution, 95 % lie within so many deviations.
DEVIATIONS = 1.959964


def wilson(right: int, rows: int, deviations: float = DEVIATIONS) -> tuple[float, float]:
    """Return between which shares the true one lies, with 95 % (Wilson 1927, doi:10.1080/01621459.1927.10502953).

    With other ``deviations`` of the normal distribution with another certainty.
    """
    z2, share = deviations**2, right / rows
    middle = (share + z2 / (2 * rows)) / (1 + z2 / rows)
    reach = deviations / (1 + z2 / rows) * np.sqrt(share * (1 - share) / rows + z2 / (4 * rows**2))
    return max(0.0, float(middle - reach)), min(1.0, float(middle + reach))


@dataclass(frozen=True)
class Calibration:
    """How often the model is right, by how sure it is: bins of equal width from 0 to 1, (BINS,) each.

    Parameters
    ----------
    rows : array of int
        How many rows are as sure as that.
    sure, right : array
        Their mean confidence and the share that is right; NaN where there are no rows.
    """

    rows: Array
    sure: Array
    right: Array

    @property
    def error(self) -> float:
        """The expected calibration error Σ rows/n |right - sure| (Naeini et al. 2015)."""
        full = self.rows > 0
        gaps = np.abs(self.right[full] - self.sure[full])
        return float(np.sum(self.rows[full] * gaps) / np.sum(self.rows))


def calibration(sureness: Array, predicted: Array, truth: Array) -> Calibration:
    """Return how the confidence in what was predicted (samples, classes) goes with being right."""
    confidence = np.asarray(sureness[np.arange(len(truth)), predicted], np.float64)
    places = np.clip((confidence * BINS).astype(int), 0, BINS - 1)
    rows = np.bincount(places, minlength=BINS)
    with np.errstate(invalid="ignore"):
        sure = np.bincount(places, confidence, BINS) / rows
        right = np.bincount(places, predicted == truth, BINS) / rows
    return Calibration(rows, sure, right)


def coverage(truth: Array, predicted: Array) -> Array:
    """Return the share of rows at or below each predicted quantile: (quantiles,)."""
    return np.mean(truth <= predicted, axis=0)


def confusions(matrix: Array) -> list[tuple[int, int, int]]:
    """Return (truth, predicted, rows) of what is taken for something else, the most frequent first."""
    wrong = np.array(matrix)
    np.fill_diagonal(wrong, 0)
    pairs = np.argwhere(wrong > 0)
    order = np.argsort(-wrong[tuple(pairs.T)], kind="stable")
    return [(int(t), int(p), int(wrong[t, p])) for t, p in pairs[order]]


def worst(loss: Array, most: int) -> Array:
    """Return the numbers of the rows with the highest loss, the worst first; a loss that is no number is the worst."""
    return np.argsort(-np.nan_to_num(loss, nan=np.inf, posinf=np.inf), kind="stable")[:most]

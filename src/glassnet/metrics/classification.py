"""Metrics of a classifier: accuracy, confusion matrix, precision and recall of each class, and confidence intervals.

Classes are integers from 0, as `glassnet.Model.encode` returns them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array

#: With more classes there is no confusion matrix: with 1,000 it has a million entries, with 100,000 it would fill the
#: memory of any machine.
MAX_CONFUSION_CLASSES = 1000
#: The quantile of the standard normal distribution for a two-sided 95 % interval.
Z_95 = 1.959964


class ClassificationAccumulator:
    """Counts of true and predicted classes, added part by part.

    Parameters
    ----------
    labels : sequence
        The name of each class.
    """

    def __init__(self, labels: Sequence[Any]) -> None:
        n_classes = len(labels)
        self.labels = labels
        self.true_counts = np.zeros(n_classes, np.int64)
        self.predicted_counts = np.zeros(n_classes, np.int64)
        self.correct_counts = np.zeros(n_classes, np.int64)
        self.matrix = np.zeros((n_classes, n_classes), np.int64) if n_classes <= MAX_CONFUSION_CLASSES else None

    def add(self, y_true: Array, y_pred: Array) -> None:
        """Add rows: their true and predicted classes, (samples,) each."""
        n_classes = len(self.labels)
        self.true_counts += np.bincount(y_true, minlength=n_classes)
        self.predicted_counts += np.bincount(y_pred, minlength=n_classes)
        self.correct_counts += np.bincount(y_true[y_true == y_pred], minlength=n_classes)
        if self.matrix is not None:
            self.matrix += confusion_matrix(y_true, y_pred, n_classes)

    def metrics(self) -> dict[str, Any]:
        """Return the metrics of all rows; see `classification_metrics`."""
        per_class = zip(
            self.labels,
            self.correct_counts.tolist(),
            self.predicted_counts.tolist(),
            self.true_counts.tolist(),
            strict=True,
        )
        return {
            "accuracy": int(self.correct_counts.sum()) / max(int(self.true_counts.sum()), 1),
            "classes": {
                str(label): {"precision": correct / max(predicted, 1), "recall": correct / max(rows, 1), "rows": rows}
                for label, correct, predicted, rows in per_class
            },
            "confusion_matrix": None if self.matrix is None else self.matrix.tolist(),
        }


def classification_metrics(y_true: Array, y_pred: Array, labels: Sequence[Any]) -> dict[str, Any]:
    """Return accuracy, precision and recall of each class, and the confusion matrix, as plain values.

    Parameters
    ----------
    y_true, y_pred : array of int (samples,)
        True and predicted classes.
    labels : sequence
        The name of each class.

    Returns
    -------
    dict
        ``accuracy``; ``classes``, for each label its ``precision``, ``recall`` (0 where undefined) and ``rows``;
        ``confusion_matrix``, a list of lists whose rows are the true classes, or None with more than
        `MAX_CONFUSION_CLASSES` classes.
    """
    accumulator = ClassificationAccumulator(labels)
    accumulator.add(y_true, y_pred)
    return accumulator.metrics()


def confusion_matrix(y_true: Array, y_pred: Array, n_classes: int) -> Array:
    """Return the number of rows of each true class (rows) by predicted class (columns): (n_classes, n_classes)."""
    return np.bincount(y_true * n_classes + y_pred, minlength=n_classes * n_classes).reshape(n_classes, n_classes)


def normalize_rows(matrix: Array) -> Array:
    """Return a confusion matrix as shares of each true class; a class without rows has zeros."""
    return np.asarray(matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1))


def confused_pairs(y_true: Array, y_pred: Array, n_classes: int) -> list[tuple[int, int, int]]:
    """Return (true class, predicted class, rows) of each pair of different classes, the most frequent pair first."""
    wrong = y_true != y_pred
    pairs, counts = np.unique(y_true[wrong] * n_classes + y_pred[wrong], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return [(int(pairs[n] // n_classes), int(pairs[n] % n_classes), int(counts[n])) for n in order]


def wilson_interval(successes: int, trials: int, z: float = Z_95) -> tuple[float, float]:
    """Return the confidence interval of a proportion (Wilson 1927, doi:10.1080/01621459.1927.10502953).

    Parameters
    ----------
    successes, trials : int
        The observed proportion.
    z : float
        Quantile of the standard normal distribution; the default gives 95 %.
    """
    z2 = z**2
    share = successes / trials
    center = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half_width = z / (1 + z2 / trials) * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return max(0.0, center - half_width), min(1.0, center + half_width)

"""Evaluation: how good a model is on rows whose truth is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.models.model import CLASSIFICATION, Model

#: A matrix of so many classes has a million entries; one of a hundred thousand would fill the memory of any machine.
MAX_IN_MATRIX = 1000


def evaluate(model: Model, x: Any, y: Any) -> dict[str, Any]:
    """Judge a model.

    Parameters
    ----------
    model : Model
        What is judged.
    x : array-like (samples, features)
        Raw rows.
    y : array-like (samples,) or (samples, outputs)
        Raw targets.

    Returns
    -------
    dict
        Plain values. Always ``rows`` and ``loss``; for classes ``accuracy``, ``classes`` (for each its ``precision``,
        ``recall`` and ``rows``) and ``confusion_matrix`` (rows are the truth; None of more than `MAX_IN_MATRIX`
        classes); for values ``r2``, ``mean_absolute_error`` and ``root_mean_squared_error``, in the target's unit, but
        not for quantiles.

    Raises
    ------
    InputError
        If rows or targets do not suit the model.
    """
    return evaluate_blocks(model, [(x, y)])


def evaluate_blocks(model: Model, blocks: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
    """Judge a model on rows that come part by part, x and y, and need not all fit into memory: see `evaluate`."""
    tally: _OfClasses | _OfValues = _OfClasses(model.classes) if model.task == CLASSIFICATION else _OfValues()
    rows, total = 0, 0.0
    for x, y in blocks:
        loss, predicted = model.evaluate(x, y)
        rows, total = rows + len(predicted), total + loss * len(predicted)
        if model.task == CLASSIFICATION:
            tally.add(model.encode(y), model.encode(predicted))
            continue
        truth = np.asarray(y, np.float64)
        if truth.size == predicted.size:  # else quantiles of one target: the loss is what judges them
            tally.add(truth.reshape(predicted.shape), predicted)
    if isinstance(tally, _OfValues) and not tally.rows:
        return {"rows": rows, "loss": total / max(rows, 1)}
    return {"rows": rows, "loss": total / max(rows, 1)} | tally.figures()


def of_values(truth: Array, predicted: Array) -> dict[str, Any]:
    """Return ``r2``, ``mean_absolute_error`` and ``root_mean_squared_error`` of values, (samples,) or (samples, k)."""
    tally = _OfValues()
    tally.add(truth, predicted)
    return tally.figures()


def of_classes(truth: Array, predicted: Array, classes: Sequence[Any]) -> dict[str, Any]:
    """Return ``accuracy``, ``classes`` and ``confusion_matrix`` of numbers of classes, (samples,) each."""
    tally = _OfClasses(classes)
    tally.add(truth, predicted)
    return tally.figures()


class _OfClasses:
    """Counts of truths and predictions, class by class."""

    def __init__(self, labels: Sequence[Any]) -> None:
        self.labels, classes = labels, len(labels)
        self.truths, self.told, self.right = (np.zeros(classes, np.int64) for _ in range(3))
        self.matrix = np.zeros((classes, classes), np.int64) if classes <= MAX_IN_MATRIX else None

    def add(self, truth: Array, predicted: Array) -> None:
        """Count rows, by their classes' numbers."""
        count = len(self.truths)
        self.truths += np.bincount(truth, minlength=count)
        self.told += np.bincount(predicted, minlength=count)
        self.right += np.bincount(truth[truth == predicted], minlength=count)
        if self.matrix is not None:
            self.matrix += np.bincount(truth * count + predicted, minlength=count * count).reshape(count, count)

    def figures(self) -> dict[str, Any]:
        """Return what they come to; a class that was never predicted, or never there, has 0."""
        told = {
            str(label): {"precision": right / max(told, 1), "recall": right / max(rows, 1), "rows": rows}
            for label, right, told, rows in zip(
                self.labels, self.right.tolist(), self.told.tolist(), self.truths.tolist(), strict=True
            )
        }
        accuracy = int(self.right.sum()) / max(int(self.truths.sum()), 1)
        matrix = None if self.matrix is None else self.matrix.tolist()
        return {"accuracy": accuracy, "classes": told, "confusion_matrix": matrix}


class _OfValues:
    """Errors of each output, and the spread of its truths, merged part by part (Chan, Golub & LeVeque 1979)."""

    def __init__(self) -> None:
        self.rows = 0
        self.mean: Any = 0.0
        self.spread: Any = 0.0
        self.squares: Any = 0.0
        self.absolute: Any = 0.0

    def add(self, truth: Array, predicted: Array) -> None:
        """Add rows, (samples,) or (samples, outputs)."""
        error, here, before = truth - predicted, len(truth), self.rows
        self.rows += here
        mean = truth.mean(axis=0)
        apart = mean - self.mean
        self.spread = self.spread + np.square(truth - mean).sum(axis=0)
        if before:
            self.spread = self.spread + np.square(apart) * (before * here / self.rows)
        self.mean = self.mean + apart * (here / self.rows)
        self.squares = self.squares + np.square(error).sum(axis=0)
        self.absolute = self.absolute + np.abs(error).sum(axis=0)

    def figures(self) -> dict[str, Any]:
        """Return the means over the outputs; R² of values that are all alike is 1 where they are hit, else 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            r2 = np.where(self.spread > 0, 1 - self.squares / self.spread, np.where(self.squares > 0, 0.0, 1.0))
        return {
            "r2": float(np.mean(r2)) if self.rows > 1 else None,
            "mean_absolute_error": float(np.mean(self.absolute / max(self.rows, 1))),
            "root_mean_squared_error": float(np.mean(np.sqrt(self.squares / max(self.rows, 1)))),
        }

"""A model's predictions on rows with known targets, and the metrics computed from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.inspection.label_errors import median_output
from glassnet.metrics.calibration import N_BINS, calibration
from glassnet.metrics.classification import classification_metrics, confused_pairs, wilson_interval
from glassnet.metrics.regression import quantile_coverage, regression_metrics
from glassnet.models import Model
from glassnet.web.app_state import Examples
from glassnet.web.work import require_memory

#: With more classes than this the confusion matrix is restricted to the most confused ones.
MAX_CLASSES = 100
MAX_CONFUSED_CLASSES = 40
MAX_CONFUSED_PAIRS = 60
#: Points of the residual plot, and bins of its histogram.
MAX_POINTS = 1500
RESIDUAL_BINS = 31
#: Probabilities are clipped to this minimum in the log loss, as in the library's losses.
MIN_PROBABILITY = 1e-15


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Rows with known targets and the model's predictions.

    Parameters
    ----------
    version : int
        Version of the model in `AppState`.
    dataset : str
        ``"examples"`` or ``"training"``.
    model, examples : Model, Examples
        The model and the rows, which have targets.
    actual, predicted : array (samples,)
        Class indices; or values, for quantiles the middle one.
    outputs : array (samples, outputs)
        Probabilities or raw outputs; or values.
    confidence : array (samples,)
        Probability, or raw output, of the predicted class; zeros for values.
    loss : array (samples,)
        The training loss of each row.
    """

    version: int
    dataset: str
    model: Model
    examples: Examples
    actual: Array
    predicted: Array
    outputs: Array
    confidence: Array
    loss: Array

    def __len__(self) -> int:
        return len(self.actual)

    @property
    def is_classification(self) -> bool:
        """Whether the targets are classes."""
        return bool(self.model.classes)

    @cached_property
    def wrong(self) -> Array:
        """Whether each row is predicted wrongly, (samples,) of bool."""
        return np.asarray(self.actual != self.predicted)

    @cached_property
    def residuals(self) -> Array:
        """Target minus prediction, (samples,), for values."""
        return np.asarray(self.actual - self.predicted)

    @cached_property
    def actual_probability(self) -> Array | None:
        """The probability of each row's true class, (samples,); None if there are no probabilities."""
        if not self.model.gives_probabilities:
            return None
        return np.asarray(self.outputs[np.arange(len(self)), self.actual], np.float64)

    def class_name(self, number: int) -> str | int:
        """Return the name of a class by its index."""
        return self.model.classes[int(number)]


def evaluation_memory(model: Model, rows: int) -> int:
    """Estimate the bytes for scaled rows, outputs, probabilities and losses."""
    return rows * (32 * len(model.feature_names) + 64 * model.structure.n_outputs + 100) + 2**25


def evaluate(version: int, dataset: str, model: Model, examples: Examples) -> Evaluation:
    """Predict rows that have targets."""
    y = np.asarray(examples.y)
    require_memory(evaluation_memory(model, len(y)))
    loss, raw = model.losses(examples.x, y)
    if not model.classes:
        outputs = np.asarray(model.decode(raw), np.float64).reshape(len(y), -1)
        predicted = outputs[:, median_output(model)]
        actual = np.asarray(y, np.float64)
        return Evaluation(version, dataset, model, examples, actual, predicted, outputs, np.zeros(len(y)), loss)
    predicted = model.target.class_numbers(raw)
    outputs = model.class_scores(raw)
    confidence = np.asarray(outputs[np.arange(len(y)), predicted], np.float64)
    return Evaluation(version, dataset, model, examples, model.encode(y), predicted, outputs, confidence, loss)


def summarize(evaluation: Evaluation) -> dict[str, Any]:
    """Return metrics, confusion matrix and calibration; or metrics and residuals."""
    return _classification(evaluation) if evaluation.is_classification else _regression(evaluation)


def _classification(evaluation: Evaluation) -> dict[str, Any]:
    actual = evaluation.actual
    n_classes = len(evaluation.model.classes)
    rows = len(evaluation)
    correct = int(np.sum(~evaluation.wrong))
    class_counts = np.bincount(actual, minlength=n_classes)
    by_class = classification_metrics(actual, evaluation.predicted, range(n_classes))["classes"]
    pairs = confused_pairs(actual, evaluation.predicted, n_classes)
    probability = evaluation.actual_probability
    log_loss = None if probability is None else float(np.mean(-np.log(np.maximum(probability, MIN_PROBABILITY))))
    metrics = {
        "accuracy": correct / rows,
        "interval": wilson_interval(correct, rows),
        "errors": rows - correct,
        "log_loss": log_loss,
        "loss": float(np.mean(evaluation.loss)),
        "majority_class": {"class": int(np.argmax(class_counts)), "share": float(class_counts.max()) / rows},
    }
    return {
        "metrics": metrics,
        "confusion_matrix": _confusion_matrix(evaluation, pairs),
        "confused_pairs": [{"actual": a, "predicted": p, "rows": n} for a, p, n in pairs[:MAX_CONFUSED_PAIRS]],
        "n_confused_pairs": len(pairs),
        "by_class": list(by_class.values()) if n_classes <= MAX_CLASSES else None,
        "calibration": _calibration(evaluation),
    }


def _confusion_matrix(evaluation: Evaluation, pairs: list[tuple[int, int, int]]) -> dict[str, Any]:
    """Return counts, one line per true class: of all classes, or of the most confused ones."""
    n_classes = len(evaluation.model.classes)
    chosen = np.arange(n_classes)
    if n_classes > MAX_CLASSES:
        errors = np.zeros(n_classes, np.int64)
        for pair in pairs:
            errors[list(pair[:2])] += pair[2]
        chosen = np.sort(np.argsort(-errors, kind="stable")[:MAX_CONFUSED_CLASSES])
    position = np.full(n_classes, -1)
    position[chosen] = np.arange(len(chosen))
    line = position[evaluation.actual]
    column = position[evaluation.predicted]
    inside = (line >= 0) & (column >= 0)
    counts = np.bincount(line[inside] * len(chosen) + column[inside], minlength=len(chosen) ** 2)
    rows = np.bincount(evaluation.actual, minlength=n_classes)[chosen]
    complete = len(chosen) == n_classes
    return {"classes": chosen, "counts": counts.reshape(len(chosen), -1), "rows": rows, "complete": complete}


def _calibration(evaluation: Evaluation) -> dict[str, Any] | None:
    if not evaluation.model.gives_probabilities:
        return None
    found = calibration(evaluation.outputs, evaluation.predicted, evaluation.actual)
    bins = []
    for place in range(N_BINS):
        rows = int(found.rows[place])
        entry: dict[str, Any] = {"low": place / N_BINS, "high": (place + 1) / N_BINS, "rows": rows}
        if rows:
            accuracy = float(found.accuracy[place])
            entry |= {"confidence": float(found.confidence[place]), "accuracy": accuracy}
            entry["interval"] = wilson_interval(round(accuracy * rows), rows)
        bins.append(entry)
    return {"bins": bins, "ece": found.expected_calibration_error, "confidence": float(np.mean(evaluation.confidence))}


def _regression(evaluation: Evaluation) -> dict[str, Any]:
    actual = evaluation.actual
    predicted = evaluation.predicted
    residuals = evaluation.residuals
    found = regression_metrics(actual, predicted)
    metrics = {
        "rmse": found["root_mean_squared_error"],
        "mae": found["mean_absolute_error"],
        "r2": found["r2"],
        "mean_error": float(np.mean(residuals)),
        "median_error": float(np.median(np.abs(residuals))),
        "target_std": float(np.std(actual)),
        "loss": float(np.mean(evaluation.loss)),
    }
    shown = np.unique(np.linspace(0, len(actual) - 1, min(len(actual), MAX_POINTS)).astype(int))
    limit = float(np.max(np.abs(residuals))) or 1.0
    counts, edges = np.histogram(residuals, RESIDUAL_BINS, (-limit, limit))
    return {
        "metrics": metrics,
        "residuals": {
            "points": {"row": shown, "predicted": predicted[shown], "residual": residuals[shown]},
            "histogram": {"counts": counts, "edges": edges},
        },
        "quantiles": _quantile_coverage(evaluation),
    }


def _quantile_coverage(evaluation: Evaluation) -> list[dict[str, float]] | None:
    """Return the share of rows at or below each predicted quantile; None if the model predicts single values."""
    if evaluation.outputs.shape[1] == 1:
        return None
    quantiles = evaluation.model.settings.resolve_loss().settings["quantiles"]
    below = quantile_coverage(evaluation.actual[:, np.newaxis], evaluation.outputs)
    return [{"quantile": q, "below": b} for q, b in zip(quantiles, below.tolist(), strict=True)]

"""What a model says of rows whose truth is known, and the figures that come of it."""

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

#: Classes of which the whole matrix is told; of more, so many that are confused most. Confusions told, at most.
MAX_CLASSES, MAX_CONFUSED, MAX_PAIRS = 100, 40, 60
#: Points of a cloud, and bars of a histogram.
MAX_POINTS, BARS = 1500, 31
#: A probability is taken to be no less than this in the log loss, as the library's own losses do.
LEAST = 1e-15


@dataclass(frozen=True, eq=False)
class Verdict:
    """Rows, and what the model says of them.

    Parameters
    ----------
    version : int
        Of the workshop's model.
    which : str
        ``"examples"`` or ``"training"``.
    model, examples : Model, Examples
        With targets.
    truth, predicted : array (samples,)
        Numbers of classes; or values, of several quantiles the middle one.
    answers : array (samples, outputs)
        Probabilities or bare outputs; or values.
    sure : array (samples,)
        How sure the model is of what it predicts: the probability, or the bare output; of values nothing, zeros.
    loss : array (samples,)
        Of each row, in the units of training.
    """

    version: int
    which: str
    model: Model
    examples: Examples
    truth: Array
    predicted: Array
    answers: Array
    sure: Array
    loss: Array

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def of_classes(self) -> bool:
        """Whether it is about classes."""
        return bool(self.model.classes)

    @cached_property
    def wrong(self) -> Array:
        """Which rows are wrong, (samples,) of bool; of values all that are not hit."""
        return np.asarray(self.truth != self.predicted)

    @cached_property
    def off(self) -> Array:
        """The residuals of values: truth less prediction, (samples,)."""
        return np.asarray(self.truth - self.predicted)

    @cached_property
    def own(self) -> Array | None:
        """The probability of each row's true class, (samples,); None where there are none."""
        if not self.model.gives_probabilities:
            return None
        return np.asarray(self.answers[np.arange(len(self)), self.truth], np.float64)

    def name(self, number: int) -> str | int:
        """Return the name of a class by its number."""
        return self.model.classes[int(number)]


def judge(version: int, which: str, model: Model, examples: Examples) -> Verdict:
    """Let a model judge rows that have a target."""
    y = np.asarray(examples.y)
    loss, output = model.losses(examples.x, y)
    if not model.classes:
        answers = np.asarray(model.decode(output), np.float64).reshape(len(y), -1)
        predicted, truth = answers[:, median_output(model)], np.asarray(y, np.float64)
        return Verdict(version, which, model, examples, truth, predicted, answers, np.zeros(len(y)), loss)
    predicted = model.target.class_numbers(output)
    answers = model.class_scores(output)
    sure = np.asarray(answers[np.arange(len(y)), predicted], np.float64)
    return Verdict(version, which, model, examples, model.encode(y), predicted, answers, sure, loss)


def overview(verdict: Verdict) -> dict[str, Any]:
    """Return the figures, the confusions and the calibration; or the residuals."""
    return _classes(verdict) if verdict.of_classes else _values(verdict)


def _classes(verdict: Verdict) -> dict[str, Any]:
    truth, predicted, count = verdict.truth, verdict.predicted, len(verdict.model.classes)
    rows, right = len(verdict), int(np.sum(~verdict.wrong))
    most = np.bincount(truth, minlength=count)
    found = classification_metrics(truth, predicted, range(count))
    pairs = confused_pairs(truth, predicted, count)
    figures = {
        "accuracy": right / rows,
        "interval": wilson_interval(right, rows),
        "errors": rows - right,
        "log_loss": None if verdict.own is None else float(np.mean(-np.log(np.maximum(verdict.own, LEAST)))),
        "loss": float(np.mean(verdict.loss)),
        "commonest": {"class": int(np.argmax(most)), "share": float(most.max()) / rows},
    }
    return {
        "figures": figures,
        "matrix": _matrix(verdict, pairs),
        "pairs": [{"truth": t, "predicted": p, "rows": n} for t, p, n in pairs[:MAX_PAIRS]],
        "n_pairs": len(pairs),
        "by_class": list(found["classes"].values()) if count <= MAX_CLASSES else None,
        "calibration": _calibration(verdict),
    }


def _matrix(verdict: Verdict, pairs: list[tuple[int, int, int]]) -> dict[str, Any]:
    """Return counts, rows being the truth: of all classes, or of those that are confused most."""
    count = len(verdict.model.classes)
    chosen = np.arange(count)
    if count > MAX_CLASSES:
        mixed = np.zeros(count, np.int64)
        for pair in pairs:
            mixed[list(pair[:2])] += pair[2]
        chosen = np.sort(np.argsort(-mixed, kind="stable")[:MAX_CONFUSED])
    place = np.full(count, -1)
    place[chosen] = np.arange(len(chosen))
    down, across = place[verdict.truth], place[verdict.predicted]
    inside = (down >= 0) & (across >= 0)
    counts = np.bincount(down[inside] * len(chosen) + across[inside], minlength=len(chosen) ** 2)
    rows = np.bincount(verdict.truth, minlength=count)[chosen]
    return {"classes": chosen, "counts": counts.reshape(len(chosen), -1), "rows": rows, "whole": len(chosen) == count}


def _calibration(verdict: Verdict) -> dict[str, Any] | None:
    if not verdict.model.gives_probabilities:
        return None
    found = calibration(verdict.answers, verdict.predicted, verdict.truth)
    bins = []
    for place in range(N_BINS):
        rows = int(found.rows[place])
        told: dict[str, Any] = {"low": place / N_BINS, "high": (place + 1) / N_BINS, "rows": rows}
        if rows:
            right = float(found.accuracy[place])
            told |= {
                "sure": float(found.confidence[place]),
                "right": right,
                "interval": wilson_interval(round(right * rows), rows),
            }
        bins.append(told)
    return {"bins": bins, "error": found.expected_calibration_error, "sure": float(np.mean(verdict.sure))}


def _values(verdict: Verdict) -> dict[str, Any]:
    truth, predicted, off = verdict.truth, verdict.predicted, verdict.off
    found = regression_metrics(truth, predicted)
    figures = {
        "rmse": found["root_mean_squared_error"],
        "mae": found["mean_absolute_error"],
        "r2": found["r2"],
        "mean_error": float(np.mean(off)),
        "median_error": float(np.median(np.abs(off))),
        "spread": float(np.std(truth)),
        "loss": float(np.mean(verdict.loss)),
    }
    shown = np.unique(np.linspace(0, len(truth) - 1, min(len(truth), MAX_POINTS)).astype(int))
    reach = float(np.max(np.abs(off))) or 1.0
    counts, edges = np.histogram(off, BARS, (-reach, reach))
    told: dict[str, Any] = {
        "figures": figures,
        "residuals": {
            "points": {"row": shown, "predicted": predicted[shown], "residual": off[shown]},
            "histogram": {"counts": counts, "edges": edges},
        },
        "quantiles": None,
    }
    if verdict.answers.shape[1] > 1:
        wanted = verdict.model.settings.resolve_loss().settings["quantiles"]
        below = quantile_coverage(truth[:, np.newaxis], verdict.answers)
        told["quantiles"] = [{"quantile": q, "below": b} for q, b in zip(wanted, below.tolist(), strict=True)]
    return told

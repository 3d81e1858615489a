"""Label errors: find rows whose label is unlikely according to networks that were not trained on them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.models.cross_validation import CrossValPredictions, cross_val_predict
from glassnet.models.model import Model
from glassnet.models.target import REGRESSION
from glassnet.training import Callback

#: Modified z-score above which a residual is an outlier (Iglewicz & Hoaglin 1993).
OUTLIER_Z = 3.5
#: Median absolute deviation of a standard normal distribution.
NORMAL_MAD = 0.6745


@dataclass(frozen=True)
class LabelIssues:
    """How likely the label of each row is wrong.

    Parameters
    ----------
    predictions : CrossValPredictions
        Prediction for each row by a network that was not trained on it.
    given : array (samples,)
        The label of each row: the index of its class, or its value.
    suggested : array (samples,)
        The predicted label; the given label where no other class is likelier.
    quality : array (samples,) or None
        Held-out probability of the given label; low where it is likely wrong. NaN for the only row of a class, which
        no network can have learned. None if the model has no probabilities.
    suspected : array (samples,) of bool
        Whether the label is likely wrong.
    order : array (samples,) of int
        The rows, the most suspicious first: suspected rows by quality, or by loss; then the others.
    """

    predictions: CrossValPredictions
    given: Array
    suggested: Array
    quality: Array | None
    suspected: Array
    order: Array


def find_mislabelled(
    model: Model, x: Any, y: Any, *, cv: int = 5, random_state: int = 0, callbacks: Iterable[Callback] = ()
) -> LabelIssues:
    """Find rows with wrong labels by confident learning (Northcutt, Jiang & Chuang 2021, arXiv:1911.00068).

    Each row is predicted by a network that was trained on other rows (`glassnet.cross_val_predict`). The threshold of a
    class is its mean predicted probability over the rows with that label. The noise rate of a label is the share of its
    rows for which another class is the likeliest of those above their threshold. That share of the rows is suspected,
    those with the least likely label (the paper's pruning by class), if another class is indeed likelier. Without
    probabilities a row is suspected if another class is predicted; for regression, if its held-out residual is an
    outlier.

    Parameters
    ----------
    model : Model
        Its structure and settings define what is trained; its parameters are not used, because a model that overfits
        predicts the wrong labels too.
    x, y : array-like (samples, features), array-like (samples,)
        Raw rows and their labels.
    cv, random_state, callbacks
        See `glassnet.cross_val_predict`.

    Returns
    -------
    LabelIssues

    Raises
    ------
    InputError
        See `glassnet.cross_val_predict`.

    Examples
    --------
    >>> import numpy as np, glassnet
    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> y = (x[:, 0] > 0).astype(int)
    >>> far = int(x[:, 0].argmax())
    >>> y[far] = 0
    >>> model = glassnet.fit(x, y, hidden=(8,))
    >>> int(glassnet.find_mislabelled(model, x, y).order[0]) == far
    True
    """
    predictions = cross_val_predict(model, x, y, cv=cv, random_state=random_state, callbacks=callbacks)
    if model.task == REGRESSION:
        return _find_outliers(predictions, np.asarray(y, np.float64), median_output(model))
    if model.gives_probabilities:
        return _find_by_confident_learning(predictions, model.encode(y))
    return _find_by_prediction(predictions, model.encode(y))


def median_output(model: Model) -> int:
    """Return the output that predicts the value: of several quantiles the one closest to the median, else the first."""
    loss = model.settings.resolve_loss()
    quantiles = loss.settings["quantiles"] if loss.name == "pinball" else ()
    return int(np.argmin(np.abs(np.asarray(quantiles) - 0.5))) if len(quantiles) else 0


def _find_by_confident_learning(predictions: CrossValPredictions, given: Array) -> LabelIssues:
    probabilities = predictions.outputs
    n_classes = probabilities.shape[1]
    rows = np.arange(len(given))
    count = np.bincount(given, minlength=n_classes)
    known = _has_other_rows(count, given)
    suggested = np.argmax(probabilities, axis=1)
    quality = np.where(known, probabilities[rows, given], np.nan)
    total = np.bincount(given[known], quality[known], n_classes)
    threshold = np.where(count > 1, total / np.maximum(count, 1), np.inf)
    above_threshold = np.where(probabilities >= threshold, probabilities, -1.0)
    best = np.argmax(above_threshold, axis=1)
    confident = known & (above_threshold[rows, best] >= 0)
    suspected = known & (suggested != given)
    for label in np.flatnonzero(count > 1):
        has_label = given == label
        counted = confident & has_label
        noise_rate = np.mean(best[counted] != label) if counted.any() else 0.0
        likely_correct = np.argsort(quality[has_label], kind="stable")[round(noise_rate * count[label]) :]
        suspected[np.flatnonzero(has_label)[likely_correct]] = False
    return LabelIssues(predictions, given, suggested, quality, suspected, _order(suspected, 1 - quality))


def _find_by_prediction(predictions: CrossValPredictions, given: Array) -> LabelIssues:
    known = _has_other_rows(np.bincount(given, minlength=predictions.outputs.shape[1]), given)
    suggested = np.argmax(predictions.outputs, axis=1)
    suspected = known & (suggested != given)
    doubt = np.where(known, predictions.loss, np.nan)
    return LabelIssues(predictions, given, suggested, None, suspected, _order(suspected, doubt))


def _has_other_rows(count: Array, given: Array) -> Array:
    """Return whether the class of each row has other rows, so that a network could learn it, (samples,) bool."""
    return np.asarray(count[given] > 1)


def _find_outliers(predictions: CrossValPredictions, given: Array, output: int) -> LabelIssues:
    suggested = predictions.outputs[:, output]
    residual = given.reshape(len(given), -1)[:, 0] - suggested
    deviation = np.abs(residual - np.median(residual))
    scale = float(np.median(deviation)) / NORMAL_MAD
    suspected = deviation > OUTLIER_Z * scale if scale > 0 else np.zeros(len(deviation), bool)
    return LabelIssues(predictions, given, suggested, None, suspected, _order(suspected, deviation))


def _order(suspected: Array, doubt: Array) -> Array:
    """Return the rows, suspected rows first, then by decreasing doubt; rows without a doubt (NaN) come last."""
    return np.lexsort((-np.nan_to_num(doubt, nan=-np.inf, posinf=np.inf), ~suspected))

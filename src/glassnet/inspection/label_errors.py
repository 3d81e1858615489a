"""Rows that look mislabelled: whose label a network that has not seen them finds unlikely."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.models.cross_validation import HeldOut, held_out
from glassnet.models.model import REGRESSION, Model
from glassnet.training import Callback

#: A residual is an outlier beyond so many deviations, estimated from the median (Iglewicz & Hoaglin 1993).
OUTLIER, DEVIATION_OF_MEDIAN = 3.5, 0.6745


@dataclass(frozen=True)
class Suspects:
    """How much each row's label is to be doubted.

    Parameters
    ----------
    held_out : HeldOut
        What was said of each row by a network that had not seen it.
    given : array (samples,)
        The label of each row: the class's number, or the value.
    suggested : array (samples,)
        What the row looks like instead; the label itself where nothing else is likelier.
    quality : array (samples,) or None
        The held-out probability of the row's own label: 1 where it is not to be doubted. NaN where the row is the only
        one of its class, which no network can know then. None where the model gives no probabilities.
    suspected : array (samples,) of bool
        Whether the row looks mislabelled.
    order : array (samples,) of int
        The rows, the most doubtful first: those suspected, by quality or by loss; then the others.
    """

    held_out: HeldOut
    given: Array
    suggested: Array
    quality: Array | None
    suspected: Array
    order: Array


def find_mislabelled(
    model: Model, x: Any, y: Any, *, folds: int = 5, seed: int = 0, callbacks: Iterable[Callback] = ()
) -> Suspects:
    """Find rows that look mislabelled, by confident learning (Northcutt, Jiang & Chuang 2021, arXiv:1911.00068).

    Each row is judged by a network trained on other rows (`held_out`). A class's threshold is the mean probability that
    it is given in the rows that bear its label. Of the rows with a label, that share counts as wrong in which, of the
    classes that reach their threshold, the likeliest is another one; suspected are so many of them, those whose label
    is least likely (the paper's pruning by class), if another class is indeed likelier. Without probabilities a row is
    suspected where another class is answered; for regression where the held-out residual is an outlier.

    Parameters
    ----------
    model : Model
        Its structure and settings are trained anew; its parameters, which may know the wrong labels by heart, are not
        used.
    x, y : array-like (samples, features), array-like (samples,)
        Raw rows and their labels.
    folds, seed, callbacks
        See `held_out`.

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
    judged = held_out(model, x, y, folds=folds, seed=seed, callbacks=callbacks)
    if model.task == REGRESSION:
        return _of_values(judged, np.asarray(y, np.float64), middle_output(model))
    return _of_classes(judged, model.encode(y), model.gives_probabilities)


def middle_output(model: Model) -> int:
    """Return which output stands for the value: of quantiles the one that is nearest to the median; else the first."""
    loss = model.settings.resolve_loss()
    quantiles = loss.settings["quantiles"] if loss.name == "pinball" else ()
    return int(np.argmin(np.abs(np.asarray(quantiles) - 0.5))) if len(quantiles) else 0


def _of_classes(judged: HeldOut, given: Array, probable: bool) -> Suspects:
    answers, rows = judged.answers, np.arange(len(given))
    count = np.bincount(given, minlength=answers.shape[1])
    known = count[given] > 1  # else none of the networks that judge the row has seen its class
    suggested = np.argmax(answers, axis=1)
    quality = None
    if probable:
        quality = np.where(known, answers[rows, given], np.nan)
        total = np.bincount(given[known], quality[known], answers.shape[1])
        threshold = np.where(count > 1, total / np.maximum(count, 1), np.inf)
        reached = np.where(answers >= threshold, answers, -1.0)
        best = np.argmax(reached, axis=1)
        confident = known & (reached[rows, best] >= 0)
        suspected = known & (suggested != given)
        for label in np.flatnonzero(count > 1):
            here = given == label
            counted = confident & here
            wrong = np.mean(best[counted] != label) if counted.any() else 0.0
            likely_right = np.argsort(quality[here], kind="stable")[round(wrong * count[label]) :]
            suspected[np.flatnonzero(here)[likely_right]] = False
        doubt = 1 - quality
    else:
        suspected, doubt = known & (suggested != given), np.where(known, judged.loss, np.nan)
    return Suspects(judged, given, suggested, quality, suspected, _order(suspected, doubt))


def _of_values(judged: HeldOut, given: Array, output: int) -> Suspects:
    suggested = judged.answers[:, output]
    residual = given.reshape(len(given), -1)[:, 0] - suggested
    off = np.abs(residual - np.median(residual))
    deviation = float(np.median(off)) / DEVIATION_OF_MEDIAN
    suspected = off > OUTLIER * deviation if deviation > 0 else np.zeros(len(off), bool)
    return Suspects(judged, given, suggested, None, suspected, _order(suspected, off))


def _order(suspected: Array, doubt: Array) -> Array:
    """Return the rows, suspected ones first, the more doubtful before the less; what can't be judged comes last."""
    return np.lexsort((-np.nan_to_num(doubt, nan=-np.inf, posinf=np.inf), ~suspected))

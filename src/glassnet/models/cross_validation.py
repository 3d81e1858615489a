"""Held-out answers: what a model's kind of network says of each row when it was not trained on that row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import issparse

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.models.fitting import rows_for, split
from glassnet.models.model import REGRESSION, Model
from glassnet.preprocessing.scaling import BYTE_SCALE, fit_scaling, fit_standard_scaling
from glassnet.training import Callback, train


@dataclass(frozen=True)
class HeldOut:
    """What was said of each row by a network that was not trained on it.

    Parameters
    ----------
    answers : array (samples, outputs)
        The probability of each class, or its bare output where the model gives none; or values, in the target's unit.
    loss : array (samples,)
        Of each row, in the units of training.
    fold : array (samples,) of int
        Which of the networks, from 0, did not see the row.
    """

    answers: Array
    loss: Array
    fold: Array


def held_out(
    model: Model, x: Any, y: Any, *, folds: int = 5, seed: int = 0, callbacks: Iterable[Callback] = ()
) -> HeldOut:
    """Train a model's network anew for each fold of the rows, on the other folds, and let it judge the one left out.

    Structure, settings, classes and the share of rows set aside for early stopping are the model's own. Scaling is
    fitted on the rows that are trained on; a model with tables of categories keeps its own.

    Parameters
    ----------
    model : Model
        Its parameters are not used.
    x : array-like or SciPy sparse matrix (samples, features)
        Raw rows.
    y : array-like (samples,)
        Raw targets.
    folds : int
        Networks that are trained, 2 to samples.
    seed : int
        Of the choice of folds.
    callbacks : iterable of Callback
        Called in the training of each fold, one fold after another. An exception of theirs ends it all.

    Raises
    ------
    InputError
        If rows and model do not fit together, or there are too few rows for so many folds.
    """
    x, y, callbacks = x.tocsr() if issparse(x) else np.asarray(x), np.asarray(y), tuple(callbacks)
    samples = len(y)
    if x.ndim != 2 or x.shape[0] != samples:
        raise InputError(f"x has shape {x.shape} and y has {samples} rows; they must be the same")
    if isinstance(folds, bool) or not isinstance(folds, int) or not 2 <= folds <= samples:
        raise InputError(f"folds is {folds!r}; it must be a whole number from 2 to the number of rows, {samples:,}")
    truth = model.encode(y)
    fold = folds_of(truth if model.classes else y, folds, seed)
    dtype = np.float64 if model.task == REGRESSION else model.vector.dtype
    answers, loss = np.empty((samples, model.structure.n_outputs), dtype), np.empty(samples)
    for number in range(folds):
        out = np.flatnonzero(fold == number)
        part = _trained(model, x, y, np.flatnonzero(fold != number), callbacks)
        loss[out], output = part.losses(x[out], y[out])
        if model.gives_probabilities:
            output = part.probabilities(output)
        answers[out] = part.answers(output).reshape(len(out), -1) if model.task == REGRESSION else output
    return HeldOut(answers, loss, fold)


def folds_of(y: Array, folds: int, seed: int = 0) -> Array:
    """Return the fold of each row, (samples,) from 0: all of a size, and alike in their classes or values.

    Rows are shuffled, sorted by y and dealt out like cards: those of one class fall into as many folds as can be.
    """
    shuffled = np.random.default_rng(seed).permutation(len(y))
    order = np.lexsort((shuffled, y if y.ndim == 1 else y[:, 0]))
    fold = np.empty(len(y), np.intp)
    fold[order] = np.arange(len(y)) % folds
    return fold


def _trained(model: Model, x: Any, y: Array, rows: Array, callbacks: Iterable[Callback]) -> Model:
    """Return the model, trained anew on some of the rows."""
    facts, settings = model.facts, model.settings
    aside, seen = (float(facts.get(f"{kind}_rows") or 0) for kind in ("validation", "training"))
    by_class = model.encode(y[rows]) if model.classes else None
    inner = split(len(rows), by_class, aside / (aside + seen) if aside else 0.0, settings.random_state)
    learned, judged = (rows[part] for part in inner)
    target_scaling = None
    if model.target_scaling is not None:
        target_scaling = fit_standard_scaling(np.asarray(y[learned], np.float64).reshape(len(learned), -1))
    scaling = model.scaling if model.structure.tables else fit_scaling(x[learned])
    blank = replace(model, scaling=scaling, target_scaling=target_scaling)
    trained = train(
        model.structure,
        rows_for(blank, x[learned]),
        blank.encode(y[learned]),
        settings,
        validation=(rows_for(blank, x[judged]), blank.encode(y[judged])) if len(judged) else None,
        callbacks=callbacks,
        scale=BYTE_SCALE,
    )
    return replace(blank, vector=trained.vector)

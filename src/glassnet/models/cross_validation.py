"""Cross-validation: predictions for each row by a network that was not trained on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.models.fitting import encode_rows, take_rows
from glassnet.models.model import Model
from glassnet.models.target import REGRESSION
from glassnet.models.target_rule import as_targets
from glassnet.preprocessing.scaling import BYTE_SCALE, fit_scaling, fit_standard_scaling
from glassnet.training import Callback, train
from glassnet.training.callbacks.fit_folder import for_another_fit
from glassnet.training.validation_split import split_fraction


@dataclass(frozen=True)
class CrossValPredictions:
    """Predictions for each row by a network that was not trained on it.

    Parameters
    ----------
    outputs : array (samples, outputs)
        Probabilities of the classes, or the outputs of a classifier without probabilities; for a regressor the
        predicted values, in the unit of the target.
    loss : array (samples,)
        Loss of each row, in the units of training.
    fold : array (samples,) of int
        The fold that the row was held out in, from 0.
    """

    outputs: Array
    loss: Array
    fold: Array


def cross_val_predict(
    model: Model, x: Any, y: Any, *, cv: int = 5, random_state: int = 0, callbacks: Iterable[Callback] = ()
) -> CrossValPredictions:
    """Predict each row with a network that was trained on the other folds, as scikit-learn's function of this name.

    Structure, settings, classes and the share of validation rows are those of the model. Scaling is fitted on the
    training rows of each fold; a model with embeddings keeps its scaling.

    Parameters
    ----------
    model : Model
        Defines what is trained; its parameters are not used.
    x : array-like or SciPy sparse matrix (samples, features)
        Raw rows.
    y : array-like (samples,)
        Raw targets.
    cv : int
        Number of folds, 2 to samples.
    random_state : int
        Seed for the assignment of rows to folds.
    callbacks : iterable of Callback
        Called in the training of each fold, one fold after another. An exception that a callback raises is passed on.

    Returns
    -------
    CrossValPredictions

    Raises
    ------
    InputError
        If rows and model do not fit together, or there are fewer rows than folds.

    Examples
    --------
    >>> import numpy as np, glassnet
    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> y = (x[:, 0] > 0).astype(int)
    >>> model = glassnet.fit(x, y, hidden=(8,))
    >>> found = glassnet.cross_val_predict(model, x, y)
    >>> bool(np.mean(found.outputs.argmax(axis=1) == y) > 0.9)
    True
    """
    x = model.match_columns(x)
    x = x if hasattr(x, "shape") else np.asarray(x)
    y = as_targets(y, model.target_name)
    callbacks = tuple(callbacks)
    samples = len(y)
    if len(x.shape) != 2 or x.shape[0] != samples:
        raise InputError(f"x has shape {x.shape} and y has {samples} rows; they must be the same")
    if isinstance(cv, bool) or not isinstance(cv, int) or not 2 <= cv <= samples:
        raise InputError(f"cv is {cv!r}; it must be a whole number from 2 to the number of rows, {samples:,}")
    truth = model.encode(y)
    fold = assign_folds(truth if model.classes else y, cv, random_state)
    dtype = np.float64 if model.task == REGRESSION else model.vector.dtype
    outputs = np.empty((samples, model.structure.n_outputs), dtype)
    loss = np.empty(samples)
    for number in range(cv):
        held_out = np.flatnonzero(fold == number)
        trained = _train_on(model, x, y, np.flatnonzero(fold != number), map(for_another_fit, callbacks))
        loss[held_out], output = trained.losses(take_rows(x, held_out), y[held_out])
        if model.gives_probabilities:
            output = trained.probabilities(output)
        elif model.task == REGRESSION:
            output = trained.decode(output).reshape(len(held_out), -1)
        outputs[held_out] = output
    return CrossValPredictions(outputs, loss, fold)


def assign_folds(y: Array, n_folds: int, random_state: int = 0) -> Array:
    """Return the fold of each row, (samples,) from 0: folds of equal size, stratified by class or value.

    Rows are shuffled, sorted by y and assigned to the folds in turn.
    """
    shuffled = np.random.default_rng(random_state).permutation(len(y))
    order = np.lexsort((shuffled, y if y.ndim == 1 else y[:, 0]))
    fold = np.empty(len(y), np.intp)
    fold[order] = np.arange(len(y)) % n_folds
    return fold


def _train_on(model: Model, x: Any, y: Array, rows: Array, callbacks: Iterable[Callback]) -> Model:
    """Return the model with parameters trained from scratch on some of the rows."""
    settings = model.settings
    n_validation = float(model.metadata.get("validation_rows") or 0)
    n_training = float(model.metadata.get("training_rows") or 0)
    validation_fraction = n_validation / (n_validation + n_training) if n_validation else 0.0
    classes = model.encode(y[rows]) if model.classes else None
    training, validation = (
        rows[part] for part in split_fraction(len(rows), validation_fraction, settings.random_state, classes)
    )
    target = model.target
    if target.scaling is not None:
        target_scaling = fit_standard_scaling(np.asarray(y[training], np.float64).reshape(len(training), -1))
        target = replace(target, scaling=target_scaling)
    # codes of embeddings, and of columns that are preprocessed as a table, stay those of the model
    is_fixed = model.structure.embeddings or not model.takes_numbers
    preprocessor = model.preprocessor if is_fixed else fit_scaling(x[training])
    untrained = replace(model, preprocessor=preprocessor, target=target)
    validation_set = None
    if len(validation):
        validation_set = (encode_rows(untrained, take_rows(x, validation)), untrained.encode(y[validation]))
    trained = train(
        model.structure,
        encode_rows(untrained, take_rows(x, training)),
        untrained.encode(y[training]),
        settings,
        validation=validation_set,
        callbacks=callbacks,
        scale=BYTE_SCALE,
    )
    return replace(untrained, vector=trained.vector)

"""From raw rows to a model: split, scale, build the structure, train."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import issparse

from glassnet._utils.arrays import Array
from glassnet._version import __version__
from glassnet.errors import InputError
from glassnet.models.model import CLASSIFICATION, REGRESSION, Model, default_names
from glassnet.network.losses import CLASSIFICATION as LOSSES_OF_CLASSES
from glassnet.network.losses import Loss
from glassnet.network.structure import Structure
from glassnet.preprocessing.scaling import BYTE_SCALE, fit_scaling, fit_standard_scaling
from glassnet.training import Callback, Epoch, Settings, Trained, train
from glassnet.training.settings import LBFGS
from glassnet.training.validation_split import split_fraction

#: With fewer steps than this even an easy table is not learned.
MIN_STEPS = 600
#: Losses whose size follows the target's unit, so that the target is better standardised.
_STANDARDISED = ("half_mean_squared_error", "mean_absolute_error", "huber", "log_cosh", "pinball")


def fit(
    x: Any,
    y: Any,
    *,
    hidden: Sequence[int] = (128, 64),
    activation: str | Sequence[str] = "relu",
    task: str = "",
    settings: Settings | None = None,
    validation_fraction: float = 0.0,
    test: tuple[Any, Any] | None = None,
    feature_names: Sequence[str] = (),
    target_name: str = "y",
    callbacks: Iterable[Callback] = (),
    source: str = "",
) -> Model:
    """Train a network on raw rows and return it with all that it takes to use it.

    Parameters
    ----------
    x : array-like or SciPy sparse matrix (samples, features)
        Finite numbers, in any unit: they are scaled by figures of the training rows, which become part of the model.
    y : array-like (samples,) or, for regression, (samples, outputs)
        Classes (text or whole numbers) or values.
    hidden : sequence of int
        Units of the hidden layers; may be empty.
    activation : str or sequence of str
        Of the hidden layers; or one for each of them; or one for each layer, the output's last, which else is what the
        loss wants to see.
    task : str
        ``"classification"`` or ``"regression"``; if not given, fractions mean regression, all else classification.
    settings : Settings, optional
        How to train; `suggest_settings` if not given. Its loss decides the output layer.
    validation_fraction : float
        Share of the rows set aside, by class where there are classes, for early stopping and choosing the best epoch.
    test : tuple (x, y), optional
        Raw rows, reported after every epoch; they decide nothing.
    feature_names, target_name : sequence of str, str
        Names of the columns; x1, x2, … and y if not given.
    callbacks : iterable of Callback
        See `glassnet.training.callbacks.base`.
    source : str
        Where the data came from, for the record.

    Returns
    -------
    Model
        Ready to predict, to be looked at and to be saved.

    Raises
    ------
    InputError
        If something does not fit: shapes, only one class, an unknown class in the test rows, settings.

    Examples
    --------
    >>> import glassnet
    >>> model = glassnet.fit([[0, 0], [0, 1], [1, 0], [1, 1]] * 50, [0, 1, 1, 0] * 50, hidden=(8,))
    >>> model.predict([[0, 1]]).tolist()
    [1]
    """
    ready = make_ready(
        x,
        y,
        hidden=hidden,
        activation=activation,
        task=task,
        settings=settings,
        validation_fraction=validation_fraction,
        test=test,
        feature_names=feature_names,
        target_name=target_name,
        source=source,
    )
    trained = train(
        ready.blank.structure,
        *ready.training,
        ready.blank.settings,
        validation=ready.validation,
        test=ready.test,
        callbacks=callbacks,
        scale=BYTE_SCALE,
    )
    return ready.model(trained.vector, trained.history, **facts_of(trained))


def facts_of(trained: Trained) -> dict[str, Any]:
    """Return what a model's record tells of its training."""
    return {
        "metric": trained.metric,
        "engine": trained.engine,
        "best_epoch": trained.best_epoch,
        "stop_reason": trained.stop_reason,
        "message": trained.message,
    }


@dataclass(frozen=True)
class Ready:
    """Raw rows made ready to be trained on.

    Parameters
    ----------
    blank : Model
        The model to be, without parameters, but with its structure, scaling, names, classes and settings.
    training, validation, test : tuple (x, y), or None
        Rows as `glassnet.train` takes them, with ``scale=BYTE_SCALE``.
    training_rows, validation_rows : array of int
        Which of the raw rows they are.
    """

    blank: Model
    training: tuple[Array, Array]
    validation: tuple[Array, Array] | None
    test: tuple[Array, Array] | None
    training_rows: Array
    validation_rows: Array

    def model(self, vector: Array, history: Sequence[Epoch], **facts: Any) -> Model:
        """Return the model with parameters, and with facts beside those that are known already."""
        return finished(self.blank, vector, history, len(self.training_rows), len(self.validation_rows), **facts)


def finished(
    blank: Model, vector: Array, history: Sequence[Epoch], training_rows: int, validation_rows: int, **facts: Any
) -> Model:
    """Return a blank model with parameters, its history, and facts beside those that are known already."""
    told = {
        **facts,
        "training_rows": training_rows,
        "validation_rows": validation_rows,
        "source": blank.facts["source"],
        "glassnet": __version__,
    }
    return replace(blank, vector=vector, history=tuple(history), facts=told)


def make_ready(
    x: Any,
    y: Any,
    *,
    hidden: Sequence[int],
    activation: str | Sequence[str],
    task: str = "",
    settings: Settings | None = None,
    validation_fraction: float = 0.0,
    test: tuple[Any, Any] | None = None,
    feature_names: Sequence[str] = (),
    target_name: str = "y",
    source: str = "",
) -> Ready:
    """Split raw rows, scale them and build the network that `fit` trains on them; the arguments are those of `fit`."""
    x, y = _as_rows(x), np.asarray(y)
    if x.ndim != 2 or x.shape[1] == 0:
        raise InputError(f"x has shape {x.shape}; it must be (samples, features)")
    samples = int(x.shape[0])
    if samples != len(y):
        raise InputError(f"x has {samples} rows and y {len(y)}; they must be the same")
    task = task or (REGRESSION if y.dtype.kind == "f" and not np.array_equal(y, np.floor(y)) else CLASSIFICATION)
    settings = settings or suggest_settings(samples, task)
    classes = find_classes(y, task)
    check_task(task, _name(settings.loss))
    training, validation = split_fraction(samples, validation_fraction, settings.random_state, y if classes else None)
    scaling = fit_scaling(x if len(training) == samples else x[training])
    target_scaling = None
    if standardises(task, settings):
        target_scaling = fit_standard_scaling(np.asarray(y, np.float64).reshape(len(y), -1)[training])

    blank = Model(
        build_structure(x.shape[1], hidden, activation, settings, len(classes) or _columns(y)),
        np.empty(0, settings.dtype),
        scaling,
        tuple(feature_names) or default_names(x.shape[1]),
        target_name,
        task,
        classes,
        target_scaling,
        settings,
        facts={"source": source},
    )
    truth = blank.encode(y)
    whole = len(training) == samples
    return Ready(
        blank,
        (rows_for(blank, x if whole else x[training]), truth if whole else truth[training]),
        (rows_for(blank, x[validation]), truth[validation]) if len(validation) else None,
        (rows_for(blank, _as_rows(test[0])), blank.encode(test[1])) if test is not None else None,
        training,
        validation,
    )


def suggest_settings(samples: int, task: str = CLASSIFICATION, **changes: Any) -> Settings:
    """Return settings that do well without tuning: AdamW along one cycle of its rate, a batch that suits the rows.

    Parameters
    ----------
    samples : int
        Rows to train on: the batch is about a fiftieth of them, a power of 2 from 8 to 128, and the epochs are 15, or
        as many as make `MIN_STEPS` steps.
    task : str
        ``"classification"`` or ``"regression"``, which decides the loss.
    **changes
        Settings of one's own, which go before the suggested ones; those that are None are left to the suggestion.
    """
    batch_size = 2 ** int(np.clip(np.log2(max(samples, 1) / 50), 3, 7))
    suggested: dict[str, Any] = {
        "loss": "categorical_crossentropy" if task == CLASSIFICATION else "half_mean_squared_error",
        "optimizer": "adamw",
        "batch_size": batch_size,
        "epochs": max(15, -(-MIN_STEPS // -(-samples // batch_size))),
    }
    if changes.get("optimizer") in (None, "adamw"):
        suggested |= {"learning_rate": 0.01, "weight_decay": 0.2}
    if changes.get("optimizer") != LBFGS:
        suggested["schedule"] = "one_cycle"
    return Settings(**(suggested | {name: value for name, value in changes.items() if value is not None}))


def build_structure(
    features: int, hidden: Sequence[int], activation: str | Sequence[str], settings: Settings, outputs: int
) -> Structure:
    """Return the layers for a task: the output activation is the loss's own link, or the identity, if none is given."""
    loss = settings.resolve_loss()
    if loss.name == "pinball":
        outputs = max(outputs, len(loss.settings["quantiles"]))
    chosen = [activation] * len(hidden) if isinstance(activation, str) else list(activation)
    if len(chosen) == len(hidden):
        chosen.append(loss.link or "identity")
    elif len(chosen) != len(hidden) + 1:
        raise InputError(
            f"activation names {len(chosen)} for {len(hidden)} hidden layers; give one for all of them, one for each, "
            "or one for each and one for the output"
        )
    return Structure((features, *hidden, outputs), chosen)


def _as_rows(x: Any) -> Any:
    """Return raw rows as an array, or as the CSR matrix that they are."""
    return x.tocsr() if issparse(x) else np.asarray(x)


def rows_for(model: Model, x: Array) -> Array:
    """Return raw rows as training takes them, with ``scale=BYTE_SCALE``: as bytes, or scaled already."""
    if model.scaling.kind == "bytes" and not issparse(x) and x.ndim == 2 and x.shape[1] == len(model.feature_names):
        with np.errstate(invalid="ignore"):
            rows = x.astype(np.uint8)
        if np.array_equal(rows, x):
            return rows
    return model.inputs(x)


def standardises(task: str, settings: Settings) -> bool:
    """Say whether the target is brought to mean 0 and deviation 1."""
    return task == REGRESSION and _name(settings.loss) in _STANDARDISED


def find_classes(y: Array, task: str) -> tuple[str | int, ...]:
    """Return the classes among targets (samples,), in the order of the network's outputs; none for regression.

    Raises
    ------
    InputError
        If the task is unknown or does not go with the target, or there is one class only.
    """
    if task not in (CLASSIFICATION, REGRESSION):
        raise InputError(f"task is {task!r}; it must be 'classification' or 'regression'")
    if task == REGRESSION:
        if y.dtype.kind not in "iuf":
            raise InputError("regression needs a target of numbers, and this one holds text; choose classification")
        return ()
    if y.ndim != 1:
        raise InputError(f"y has shape {y.shape}; the classes must be one for each row: (samples,)")
    values = sorted(set(y.tolist() if y.dtype.kind != "O" else map(str, y)))
    classes = tuple(int(v) if isinstance(v, (bool, float)) and float(v).is_integer() else v for v in values)
    if len(classes) < 2:
        raise InputError(f"the target has only one class, {classes[0]!r}; there must be at least two to tell apart")
    return classes


def _columns(y: Array) -> int:
    return 1 if y.ndim == 1 else y.shape[1]


def _name(loss: str | Loss) -> str:
    return loss if isinstance(loss, str) else loss.name


def check_task(task: str, loss: str) -> None:
    """Refuse a loss of classes for regression, and a count's or a value's loss that can't tell classes apart.

    Raises
    ------
    InputError
        If they do not go together.
    """
    if task == REGRESSION and loss in LOSSES_OF_CLASSES:
        raise InputError(f"loss {loss!r} is for classes, and this is regression; try half_mean_squared_error or huber")
    if task == CLASSIFICATION and loss in ("poisson", "pinball"):
        raise InputError(f"loss {loss!r} is for values, and this is classification; try categorical_crossentropy")

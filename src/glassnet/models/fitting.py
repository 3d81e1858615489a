"""From raw rows to a model: split, preprocess, build the structure, train."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import issparse

from glassnet._utils.arrays import Array
from glassnet._version import __version__
from glassnet.data import is_classification
from glassnet.errors import InputError
from glassnet.models.model import Model, default_names
from glassnet.models.recommended import ACTIVATION, HIDDEN, recommended_settings
from glassnet.models.target import CLASSIFICATION, REGRESSION, Target
from glassnet.network.losses import CLASSIFICATION as LOSSES_OF_CLASSES
from glassnet.network.losses import Loss
from glassnet.network.structure import Structure
from glassnet.preprocessing.scaling import BYTE_SCALE, fit_scaling, fit_standard_scaling
from glassnet.training import Callback, Epoch, Settings, Trained, train
from glassnet.training.validation_split import split_fraction

#: Losses that depend on the unit of the target, which is standardized for them.
_STANDARDISED = ("half_mean_squared_error", "mean_absolute_error", "huber", "log_cosh", "pinball")


def fit(
    x: Any,
    y: Any,
    *,
    hidden: Sequence[int] = HIDDEN,
    activation: str | Sequence[str] = ACTIVATION,
    task: str = "",
    settings: Settings | None = None,
    validation_fraction: float = 0.0,
    test: tuple[Any, Any] | None = None,
    feature_names: Sequence[str] = (),
    target_name: str = "y",
    callbacks: Iterable[Callback] = (),
    source: str = "",
    warm_start: Model | None = None,
) -> Model:
    """Train a network on raw rows and return it as a `Model`, which includes the preprocessing.

    Parameters
    ----------
    x : array-like or SciPy sparse matrix (samples, features)
        Finite numbers, in any unit: they are scaled by statistics of the training rows, which become part of the model.
    y : array-like (samples,) or, for regression, (samples, outputs)
        Classes (text or whole numbers) or values.
    hidden : sequence of int
        Units of the hidden layers; may be empty.
    activation : str or sequence of str
        One for all hidden layers, one for each hidden layer, or one for each layer including the output. By default,
        the output activation is the link of the loss.
    task : str
        ``"classification"`` or ``"regression"``; by default, a target with fractions means regression.
    settings : Settings, optional
        How to train; `recommended_settings` if not given. Its loss decides the output layer.
    validation_fraction : float
        Fraction of the rows held out, stratified by class, for early stopping and choosing the best epoch.
    test : tuple (x, y), optional
        Raw rows whose loss and metric are reported after every epoch; they have no influence on the training.
    feature_names, target_name : sequence of str, str
        Names of the columns; x1, x2, … and y if not given.
    callbacks : iterable of Callback
        See `glassnet.training.callbacks.base`.
    source : str
        Where the data came from, for the metadata.
    warm_start : Model, optional
        Continue from the parameters of this model, with its layers, preprocessing and classes; `hidden`, `activation`
        and `task` are ignored.

    Returns
    -------
    Model
        The trained model.

    Raises
    ------
    InputError
        If arguments are invalid or inconsistent: shapes, a single class, an unknown class in the test rows, settings.

    Examples
    --------
    >>> import glassnet
    >>> model = glassnet.fit([[0, 0], [0, 1], [1, 0], [1, 1]] * 50, [0, 1, 1, 0] * 50, hidden=(8,))
    >>> model.predict([[0, 1]]).tolist()
    [1]
    """
    data = prepare_data(
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
        warm_start=warm_start,
    )
    trained = train(
        data.untrained.structure,
        *data.training,
        data.untrained.settings,
        validation=data.validation,
        test=data.test,
        callbacks=callbacks,
        parameters=None if warm_start is None else warm_start.vector,
        scale=BYTE_SCALE,
    )
    return data.build_model(trained.vector, trained.history, **training_metadata(trained))


def training_metadata(trained: Trained) -> dict[str, Any]:
    """Return the entries of a model's metadata that describe its training."""
    return {
        "metric": trained.metric,
        "engine": trained.engine,
        "best_epoch": trained.best_epoch,
        "stop_reason": trained.stop_reason,
        "message": trained.message,
    }


@dataclass(frozen=True)
class PreparedData:
    """Raw rows encoded for training.

    Parameters
    ----------
    untrained : Model
        The model without parameters: structure, preprocessor, names, target and settings.
    training, validation, test : tuple (x, y), or None
        Rows as `glassnet.train` takes them, with ``scale=BYTE_SCALE``.
    training_rows, validation_rows : array of int
        Their indices in the raw rows.
    """

    untrained: Model
    training: tuple[Array, Array]
    validation: tuple[Array, Array] | None
    test: tuple[Array, Array] | None
    training_rows: Array
    validation_rows: Array

    def build_model(self, vector: Array, history: Sequence[Epoch], **metadata: Any) -> Model:
        """Return the model with its parameters, history and metadata."""
        return build_model(
            self.untrained, vector, history, len(self.training_rows), len(self.validation_rows), **metadata
        )


def build_model(
    untrained: Model, vector: Array, history: Sequence[Epoch], training_rows: int, validation_rows: int, **metadata: Any
) -> Model:
    """Return an untrained model with parameters, history, and metadata."""
    known = {
        **metadata,
        "training_rows": training_rows,
        "validation_rows": validation_rows,
        "source": untrained.metadata.get("source", ""),
        "glassnet": __version__,
    }
    return replace(untrained, vector=vector, history=tuple(history), metadata=known)


def prepare_data(
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
    warm_start: Model | None = None,
) -> PreparedData:
    """Split raw rows, encode them and build the network that `fit` trains on them; the arguments are those of `fit`."""
    x = _as_rows(x)
    y = np.asarray(y)
    if x.ndim != 2 or x.shape[1] == 0:
        raise InputError(f"x has shape {x.shape}; it must be (samples, features)")
    samples = int(x.shape[0])
    if samples != len(y):
        raise InputError(f"x has {samples} rows and y {len(y)}; they must be the same")
    if warm_start is not None:
        task = warm_start.task
    task = task or (CLASSIFICATION if is_classification(y, max_numbered=None) else REGRESSION)
    settings = settings or recommended_settings(samples, task)
    check_task(task, _name(settings.loss))
    classes = find_classes(y, task) if warm_start is None else warm_start.classes
    training, validation = split_fraction(samples, validation_fraction, settings.random_state, y if classes else None)
    if warm_start is None:
        untrained = _untrained(x, y, training, hidden, activation, task, classes, settings)
        names = tuple(feature_names) or default_names(x.shape[1])
        target = replace(untrained.target, name=target_name)
        untrained = replace(untrained, feature_names=names, target=target, metadata={"source": source})
    else:
        untrained = _continued(warm_start, settings, feature_names, source)
    truth = untrained.encode(y)
    whole = len(training) == samples
    return PreparedData(
        untrained,
        (encode_rows(untrained, x if whole else x[training]), truth if whole else truth[training]),
        (encode_rows(untrained, x[validation]), truth[validation]) if len(validation) else None,
        (encode_rows(untrained, _as_rows(test[0])), untrained.encode(test[1])) if test is not None else None,
        training,
        validation,
    )


def _untrained(
    x: Any,
    y: Array,
    training: Array,
    hidden: Sequence[int],
    activation: str | Sequence[str],
    task: str,
    classes: tuple[Any, ...],
    settings: Settings,
) -> Model:
    """Return a model without parameters, its preprocessing fitted on the training rows."""
    scaling = fit_scaling(x if len(training) == len(y) else x[training])
    if task == CLASSIFICATION:
        target = Target.of_classes(classes)
    elif needs_target_scaling(task, settings):
        values = np.asarray(y, np.float64).reshape(len(y), -1)
        target = Target(REGRESSION, scaling=fit_standard_scaling(values[training]))
    else:
        target = Target(REGRESSION)
    structure = build_structure(x.shape[1], hidden, activation, settings, len(classes) or _columns(y))
    return Model(structure, np.empty(0, settings.dtype), scaling, (), target, settings)


def _continued(model: Model, settings: Settings, feature_names: Sequence[str], source: str) -> Model:
    """Return the untrained model of a training with ``warm_start``, with the new settings."""
    if feature_names and tuple(feature_names) != model.feature_names:
        raise InputError(
            f"warm_start has the columns {', '.join(model.feature_names[:8])}; these rows have "
            f"{', '.join(feature_names[:8])}: they must be the same, in the same order"
        )
    settings = replace(settings, dtype=model.vector.dtype.name)
    settings.objective(model.structure)  # raises if the loss does not fit the output layer
    return replace(model, vector=np.empty(0, settings.dtype), settings=settings, metadata={"source": source})


def build_structure(
    features: int, hidden: Sequence[int], activation: str | Sequence[str], settings: Settings, outputs: int
) -> Structure:
    """Return the structure; the default output activation is the link of the loss, or the identity."""
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
    """Return raw rows as an array or a CSR matrix."""
    return x.tocsr() if issparse(x) else np.asarray(x)


def encode_rows(model: Model, x: Any) -> Any:
    """Return raw rows as training takes them, with ``scale=BYTE_SCALE``: as bytes, or as inputs of the network."""
    if model.takes_bytes and not issparse(x) and x.ndim == 2 and x.shape[1] == len(model.feature_names):
        with np.errstate(invalid="ignore"):
            rows = x.astype(np.uint8)
        if np.array_equal(rows, x):
            return rows
    return model.inputs(x)


def needs_target_scaling(task: str, settings: Settings) -> bool:
    """Return whether the target is standardised to mean 0 and deviation 1."""
    return task == REGRESSION and _name(settings.loss) in _STANDARDISED


def find_classes(y: Array, task: str) -> tuple[str | int, ...]:
    """Return the classes among targets (samples,), in the order of the network's outputs; none for regression.

    Raises
    ------
    InputError
        If the task is unknown or does not match the target, or there is only one class.
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
    """Check that a loss matches the task.

    Raises
    ------
    InputError
        If a classification loss is used for regression, or a loss of counts or quantiles for classification.
    """
    if task == REGRESSION and loss in LOSSES_OF_CLASSES:
        raise InputError(f"loss {loss!r} is for classes, and this is regression; try half_mean_squared_error or huber")
    if task == CLASSIFICATION and loss in ("poisson", "pinball"):
        raise InputError(f"loss {loss!r} is for values, and this is classification; try categorical_crossentropy")

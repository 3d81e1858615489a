"""From raw rows to a model: split, preprocess, build the structure, train."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet._version import __version__
from glassnet.data.tables import Matrix, Table
from glassnet.errors import InputError
from glassnet.models.model import Model
from glassnet.models.recommended import ACTIVATION, HIDDEN, recommended_settings
from glassnet.models.target import CLASSIFICATION, REGRESSION, Target
from glassnet.models.target_rule import (
    as_targets,
    check_task,
    choose_task,
    find_classes,
    refuse_odd_text,
    warn_of_classes,
)
from glassnet.network.losses import Loss
from glassnet.network.structure import Structure
from glassnet.preprocessing.column_choice import IGNORED, ColumnOptions, LeftOutColumn
from glassnet.preprocessing.input_fitting import FittedInputs, as_rows, feature_names_of, fit_inputs, is_numbers
from glassnet.preprocessing.scaling import AUTO, BYTE_SCALE, fit_standard_scaling
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
    ignore: Sequence[str] = (),
    categorical: Sequence[str] = (),
    numeric: Sequence[str] = (),
    dates: Sequence[str] = (),
    scaling: str = AUTO,
) -> Model:
    """Train a network on raw rows and return it as a `Model`, which includes the preprocessing.

    Parameters
    ----------
    x : data frame, array-like or SciPy sparse matrix (samples, features)
        Numbers in any unit, booleans, categories, dates, text; missing values in a data frame. They are prepared by
        statistics of the training rows, which become part of the model (`glassnet.preprocessing`). Numbers in an array
        must be finite.
    y : array-like (samples,) or, for regression, (samples, outputs)
        Classes (text, booleans or whole numbers) or quantities; none may be missing.
    hidden : sequence of int
        Units of the hidden layers; may be empty.
    activation : str or sequence of str
        One for all hidden layers, one for each hidden layer, or one for each layer including the output. By default,
        the output activation is the link of the loss.
    task : str
        ``"classification"`` or ``"regression"``; if not given, text, booleans and at most 20 different whole numbers
        are classes, and all else is a quantity: see `glassnet.models.target_rule.choose_task`.
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
    ignore : sequence of str
        Columns that are left out.
    categorical, numeric, dates : sequence of str
        Columns that hold categories, numbers or dates, whatever their type suggests.
    scaling : str
        How numbers are scaled: ``"auto"``, ``"standard"`` (mean 0, deviation 1), ``"range"`` (from 0 to 1), ``"bytes"``
        (divided by 255, as pixels are), or ``"identity"``.

    Returns
    -------
    Model
        The trained model.

    Raises
    ------
    InputError
        If arguments are invalid or inconsistent: shapes, a missing target, an entry that is not finite, a single class,
        an unknown class in the test rows, settings.

    Warns
    -----
    UserWarning
        If columns are left out because they say nothing, or there are more than 100 classes.

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
        columns=ColumnOptions(tuple(ignore), tuple(categorical), tuple(numeric), tuple(dates), scaling),
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
        "left_out": untrained.metadata.get("left_out", []),
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
    columns: ColumnOptions | None = None,
) -> PreparedData:
    """Split raw rows, encode them and build the network that `fit` trains on them; the arguments are those of `fit`."""
    table = as_rows(x)
    y = as_targets(y, target_name)
    samples = len(table)
    if samples != len(y):
        raise InputError(f"x has {samples} rows and y {len(y)}; they must be the same")
    if not task and warm_start is None:
        refuse_odd_text(y, target_name)
    if warm_start is not None:
        task = warm_start.task
    elif not task:
        task = choose_task(y, "" if settings is None else _name(settings.loss)).task
    settings = settings or recommended_settings(samples, task)
    check_task(task, _name(settings.loss), y)
    classes = find_classes(y, task) if warm_start is None else warm_start.classes
    training, validation = split_fraction(samples, validation_fraction, settings.random_state, y if classes else None)
    whole = len(training) == samples
    if warm_start is None:
        names = feature_names_of(table, feature_names)
        fitted = fit_inputs(table, None if whole else training, names, columns)
        if classes:
            warn_of_classes(classes, samples, target_name)
        target = _fit_target(y, training, task, classes, settings, target_name)
        untrained = _untrained(fitted, target, hidden, activation, settings, len(classes) or _columns(y), source)
        rows = fitted.rows
    else:
        untrained = _continued(warm_start, settings, feature_names, source)
        rows = array_or_table(table)
    truth = untrained.encode(y)
    test_rows = None
    if test is not None:
        test_x = array_or_table(as_rows(test[0], "the test rows' x"))
        test_rows = encode_rows(untrained, test_x), untrained.encode(as_targets(test[1], target_name))
    return PreparedData(
        untrained,
        (encode_rows(untrained, rows if whole else take_rows(rows, training)), truth if whole else truth[training]),
        (encode_rows(untrained, take_rows(rows, validation)), truth[validation]) if len(validation) else None,
        test_rows,
        training,
        validation,
    )


def array_or_table(table: Table) -> Any:
    """Return the array or sparse matrix of numbers that a table is, or else the table."""
    if is_numbers(table) and isinstance(table, Matrix):
        return table.x.tocsr() if table.is_sparse else table.x
    return table


def take_rows(rows: Any, chosen: Array) -> Any:
    """Return some of the raw rows: an array, a sparse matrix or a table."""
    return rows.take(chosen) if isinstance(rows, Table) else rows[chosen]


def _fit_target(
    y: Array, training: Array, task: str, classes: tuple[Any, ...], settings: Settings, name: str
) -> Target:
    """Return the target, its scaling fitted to the training rows."""
    if task == CLASSIFICATION:
        return Target.of_classes(classes, name)
    scaling = None
    if needs_target_scaling(task, settings):
        scaling = fit_standard_scaling(np.asarray(y, np.float64).reshape(len(y), -1)[training])
    return Target(REGRESSION, name, scaling=scaling)


def _untrained(
    fitted: FittedInputs,
    target: Target,
    hidden: Sequence[int],
    activation: str | Sequence[str],
    settings: Settings,
    outputs: int,
    source: str,
) -> Model:
    """Return a model without parameters, its preprocessing fitted on the training rows."""
    preprocessor = fitted.preprocessor
    structure = build_structure(
        preprocessor.n_inputs, hidden, activation, settings, outputs, preprocessor.embedding_shapes
    )
    warn_of_left_out(fitted.left_out)
    metadata = untrained_metadata(source, fitted.left_out)
    return Model(structure, np.empty(0, settings.dtype), preprocessor, fitted.names, target, settings, (), metadata)


def warn_of_left_out(left_out: Sequence[LeftOutColumn]) -> None:
    """Warn of columns that are left out although the user did not say so."""
    for column in left_out:
        if column.reason != IGNORED:
            warnings.warn(f"{column}; name it in 'ignore', or say what it holds to keep it", UserWarning, stacklevel=5)


def untrained_metadata(source: str, left_out: Sequence[LeftOutColumn]) -> dict[str, Any]:
    """Return the metadata of a model before it is trained."""
    return {"source": source, "left_out": [[column.name, column.reason] for column in left_out]}


def _continued(model: Model, settings: Settings, feature_names: Sequence[str], source: str) -> Model:
    """Return the untrained model of a training with ``warm_start``, with the new settings."""
    if feature_names and tuple(feature_names) != model.feature_names:
        raise InputError(
            f"warm_start has the columns {', '.join(model.feature_names[:8])}; these rows have "
            f"{', '.join(feature_names[:8])}: they must be the same, in the same order"
        )
    settings = replace(settings, dtype=model.vector.dtype.name)
    metadata = {"source": source, "left_out": model.metadata.get("left_out", [])}
    settings.objective(model.structure)  # raises if the loss does not fit the output layer
    return replace(model, vector=np.empty(0, settings.dtype), settings=settings, metadata=metadata)


def build_structure(
    inputs: int,
    hidden: Sequence[int],
    activation: str | Sequence[str],
    settings: Settings,
    outputs: int,
    embeddings: Sequence[tuple[int, int]] = (),
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
    width = inputs + sum(size - 1 for _, size in embeddings)  # a code is one input, and its vector several
    return Structure((width, *hidden, outputs), chosen, embeddings)


def encode_rows(model: Model, x: Any) -> Any:
    """Return raw rows as training takes them, with ``scale=BYTE_SCALE``: as bytes, or as inputs of the network.

    Parameters
    ----------
    model : Model
        With its preprocessor.
    x : array, SciPy CSR matrix or Table (samples, features)
        With the model's columns in its order.
    """
    if model.takes_bytes and isinstance(x, np.ndarray) and x.ndim == 2 and x.shape[1] == len(model.feature_names):
        with np.errstate(invalid="ignore"):
            rows = x.astype(np.uint8)
        if np.array_equal(rows, x):
            return rows
    return model.inputs(x)


def needs_target_scaling(task: str, settings: Settings) -> bool:
    """Return whether the target is standardised to mean 0 and deviation 1."""
    return task == REGRESSION and _name(settings.loss) in _STANDARDISED


def _columns(y: Array) -> int:
    return 1 if y.ndim == 1 else y.shape[1]


def _name(loss: str | Loss) -> str:
    return loss if isinstance(loss, str) else loss.name

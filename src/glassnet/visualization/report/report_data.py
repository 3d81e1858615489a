"""The data of a report: a model, its training, and its predictions for held-out rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.models.model import Model
from glassnet.models.network_view import NetworkView
from glassnet.models.target import MULTILABEL, REGRESSION
from glassnet.network.losses import Loss, as_outputs
from glassnet.network.structure import Structure
from glassnet.training.history import Epoch
from glassnet.visualization.report.activation_stats import ActivationStats, forward_with_stats


@dataclass(frozen=True)
class Predictions:
    """Held-out rows with their targets and the predictions of a model.

    Parameters
    ----------
    x : array or data frame (samples, columns)
        The raw rows.
    y_true, y_pred : array (samples,) of classes, or (samples, outputs) of values
        Targets and predictions; values in the unit of the target.
    scores : array (samples, classes) or None
        The probability of each class, or the output for it; None for a regressor.
    has_probabilities : bool
        Whether the scores are probabilities.
    loss : array (samples,)
        Loss of each row, in the units of training.
    layer_stats : list of ActivationStats
        Statistics of the activations of each layer.
    """

    x: Any
    y_true: Array
    y_pred: Array
    scores: Array | None
    has_probabilities: bool
    loss: Array
    layer_stats: list[ActivationStats]

    def __len__(self) -> int:
        return len(self.y_true)


@dataclass(frozen=True)
class ReportData:
    """The data of a report.

    Parameters
    ----------
    model : Model
        The fitted model.
    view : NetworkView
        Its network.
    columns : sequence of str
        Names of the columns of a raw row.
    classes : tuple of str
        Classes of a classifier; empty for a regressor.
    quantiles : tuple of float
        The predicted quantiles, if any.
    history, metric, best_epoch : sequence of Epoch, str, int
        The training: every epoch, the metric in it, and the epoch of the parameters (0 if unknown).
    training : dict of str to value
        Settings and result of the training, by the keys of the texts.
    predictions : Predictions, optional
        Predictions for held-out rows.
    source : str
        The name of the rows.
    """

    model: Model
    view: NetworkView
    columns: Sequence[str]
    classes: tuple[str, ...]
    quantiles: tuple[float, ...]
    history: Sequence[Epoch]
    metric: str
    best_epoch: int
    training: dict[str, Any]
    predictions: Predictions | None
    source: str

    @property
    def structure(self) -> Structure:
        """The layers."""
        return self.view.structure


def collect_report_data(model: Any, x: Any = None, y: Any = None, source: str = "") -> ReportData:
    """Collect the data of a report; predict the rows if there are any.

    Parameters
    ----------
    model : Model, MLPClassifier or MLPRegressor
        The fitted model.
    x, y : array-like, optional
        Held-out rows and their targets.
    source : str
        The name of the rows.

    Raises
    ------
    InputError
        If the model is of another type or predicts several labels, or rows and targets do not suit it.
    """
    if (x is None) != (y is None):
        raise InputError("x and y go together: give the rows and their targets, or neither")
    if x is not None:
        x = x if hasattr(x, "shape") else np.asarray(x)
        if x.shape[0] != len(y):
            raise InputError(f"x has {x.shape[0]:,} rows and y {len(y):,}; they must be the same")
    view = model.network_view() if hasattr(model, "network_view") else None  # raises if it is not fitted
    trained = getattr(model, "model_", model)
    if view is None or not isinstance(trained, Model):
        raise InputError(
            f"model is a {type(model).__name__}; reports are of glassnet.Model, MLPClassifier and MLPRegressor"
        )
    if trained.task == MULTILABEL:
        raise InputError("the model predicts several labels at once; reports are of classifiers and regressors")
    return _collect_from_model(trained, view, x, y, source)


def highest_loss(loss: Array, n: int) -> Array:
    """Return the n rows with the highest loss, (n,), the highest first; NaN counts as the highest."""
    return np.argsort(-np.nan_to_num(loss, nan=np.inf, posinf=np.inf), kind="stable")[:n]


def _collect_from_model(model: Model, view: NetworkView, x: Any, y: Any, source: str) -> ReportData:
    loss = model.settings.resolve_loss()
    return ReportData(
        model=model,
        view=view,
        columns=model.feature_names,
        classes=tuple(str(label) for label in model.classes),
        quantiles=model.target.quantiles or (tuple(loss.settings["quantiles"]) if loss.name == "pinball" else ()),
        history=model.history,
        metric=str(model.metadata.get("metric", "none")),
        best_epoch=int(model.metadata.get("best_epoch") or 0),
        training=_training_of_model(model),
        predictions=None if x is None else _predict_with_model(model, x, y),
        source=source,
    )


def _training_of_model(model: Model) -> dict[str, Any]:
    settings = model.settings.as_json()
    metadata = model.metadata
    return {
        "training data": metadata.get("source") or None,
        "training rows": metadata.get("training_rows"),
        "validation rows": metadata.get("validation_rows") or None,
        "loss": settings["loss"],
        "optimizer": settings["optimizer"],
        "learning rate": settings["learning_rate"],
        "schedule": settings["schedule"],
        "batch size": settings["batch_size"],
        "epochs": len(model.history),
        "stop reason": metadata.get("stop_reason"),
        "best epoch": metadata.get("best_epoch") or None,
        "seconds": _total_seconds(model.history),
        "seed": settings["random_state"],
        "engine": metadata.get("engine"),
        "scaling": model.preprocessor.kind,
        "glassnet": metadata.get("glassnet"),
    }


def _total_seconds(history: Sequence[Epoch]) -> float | None:
    return sum(epoch.seconds for epoch in history) if history else None


def _predict_with_model(model: Model, x: Any, y: Any) -> Predictions:
    encoded = model.encode(y)
    result = _forward(model.structure, model.vector, model.inputs(x), model.settings.resolve_loss())
    loss = result.loss(encoded)
    if model.task == REGRESSION:
        return _regression_predictions(x, y, model.decode(result.output), loss, result)
    scores = model.class_scores(result.output)
    y_pred = model.target.class_numbers(result.output)
    return Predictions(x, encoded, y_pred, scores, model.gives_probabilities, loss, result.layer_stats)


@dataclass(frozen=True)
class _ForwardResult:
    """z_L and a_L (samples, outputs) for all rows, and how to compute the loss from them."""

    z: Array
    output: Array
    layer_stats: list[ActivationStats]
    loss_function: Loss
    loss_takes_z: bool

    def loss(self, y: Array) -> Array:
        """Return the loss of each row, (samples,)."""
        loss_input = self.z if self.loss_takes_z else self.output
        targets = as_outputs(y, loss_input)
        per_sample = self.loss_function.per_sample(loss_input, targets, **self.loss_function.settings)
        return np.asarray(per_sample, np.float64)


def _forward(structure: Structure, vector: Array, inputs: Any, loss: Loss) -> _ForwardResult:
    if not inputs.shape[0]:
        raise InputError("x has no rows; a report needs at least one")
    z, output, layer_stats = forward_with_stats(structure, vector, inputs)
    return _ForwardResult(z, output, layer_stats, loss, structure.activations[-1].name == loss.link)


def _regression_predictions(x: Any, y: Any, y_pred: Array, loss: Array, result: _ForwardResult) -> Predictions:
    y_pred = np.asarray(y_pred, np.float64).reshape(len(y_pred), -1)
    y_true = np.asarray(y, np.float64).reshape(len(y_pred), -1)
    return Predictions(x, y_true, y_pred, None, False, loss, result.layer_stats)

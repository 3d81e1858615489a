"""What a report is about: a model, and what it said of rows whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.models.model import REGRESSION, Model
from glassnet.models.network_view import NetworkView
from glassnet.network.losses import Loss, as_outputs
from glassnet.network.structure import Structure
from glassnet.training.history import Epoch
from glassnet.visualization.report.layers import LayerSeen, seen_through


@dataclass(frozen=True)
class Judged:
    """Rows whose truth is known, and what the model says of them.

    Parameters
    ----------
    raw : array or data frame (samples, columns)
        The rows as they were handed over.
    truth, predicted : array (samples,) of class numbers, or (samples, outputs) of values
        In the target's own unit.
    sureness : array (samples, classes) or None
        The probability of each class, or its bare output; None for values.
    probable : bool
        Whether they are probabilities.
    loss : array (samples,)
        Of each row, in the units of training.
    layers : list of LayerSeen
        What each layer answered.
    """

    raw: Any
    truth: Array
    predicted: Array
    sureness: Array | None
    probable: bool
    loss: Array
    layers: list[LayerSeen]

    def __len__(self) -> int:
        return len(self.truth)


@dataclass(frozen=True)
class Case:
    """What a report is about.

    Parameters
    ----------
    model : Model or estimator
        What is judged.
    sight : NetworkView
        Its layers.
    columns : sequence of str
        The names of the columns of a row.
    classes : tuple of str
        Of a classifier; empty for values.
    quantiles : tuple of float
        Where the outputs are quantiles of one value.
    history, metric, best_epoch : sequence of Epoch, str, int
        Of the training.
    training : dict of str to value
        How it was trained, by the keys of the texts.
    rows : Judged, optional
        What it said.
    source : str
        Where the rows came from.
    """

    model: Any
    sight: NetworkView
    columns: Sequence[str]
    classes: tuple[str, ...]
    quantiles: tuple[float, ...]
    history: Sequence[Epoch]
    metric: str
    best_epoch: int
    training: dict[str, Any]
    rows: Judged | None
    source: str

    @property
    def structure(self) -> Structure:
        """The layers."""
        return self.sight.structure


def case_of(model: Any, x: Any = None, y: Any = None, source: str = "") -> Case:
    """Look at a model and, where rows are given, at what it says of them.

    Parameters
    ----------
    model : Model, MLPClassifier or MLPRegressor
        Fitted.
    x, y : array-like, optional
        Rows and their truth.
    source : str
        What they are called.

    Raises
    ------
    InputError
        If it is another kind of model, one of several labels, or rows and truth do not suit it.
    """
    if (x is None) != (y is None):
        raise InputError("x and y go together: give the rows and their truth, or neither")
    if x is not None:
        x = x if hasattr(x, "shape") else np.asarray(x)
        if x.shape[0] != len(y):
            raise InputError(f"x has {x.shape[0]:,} rows and y {len(y):,}; they must be the same")
    if isinstance(model, Model):
        return _case_of_model(model, x, y, source)
    from glassnet.estimators import MLPClassifier, MLPRegressor

    if isinstance(model, (MLPClassifier, MLPRegressor)):
        return _case_of_estimator(model, x, y, source)
    raise InputError(
        f"model is a {type(model).__name__}; reports are of glassnet.Model, MLPClassifier and MLPRegressor"
    )


def _case_of_model(model: Model, x: Any, y: Any, source: str) -> Case:
    settings, facts = model.settings.as_json(), model.facts
    loss = model.settings.resolve_loss()
    training = {
        "training data": facts.get("source") or None,
        "training rows": facts.get("training_rows"),
        "validation rows": facts.get("validation_rows") or None,
        "loss": settings["loss"],
        "optimizer": settings["optimizer"],
        "learning rate": settings["learning_rate"],
        "schedule": settings["schedule"],
        "batch size": settings["batch_size"],
        "epochs": len(model.history),
        "stop reason": facts.get("stop_reason"),
        "best epoch": facts.get("best_epoch") or None,
        "seconds": sum(epoch.seconds for epoch in model.history) if model.history else None,
        "seed": settings["random_state"],
        "engine": facts.get("engine"),
        "scaling": model.scaling.kind,
        "glassnet": facts.get("glassnet"),
    }
    rows = None
    if x is not None:
        truth, answered = model.encode(y), _answered(model.structure, model.vector, model.inputs(x), loss)
        output = answered.output
        predicted: Array
        if model.task == REGRESSION:
            predicted = _columns(model.answers(output))
            rows = _values(x, y, predicted, answered, truth)
        else:
            sure = model.gives_probabilities
            sureness = model.probabilities(output) if sure else output
            rows = Judged(x, truth, np.argmax(output, axis=1), sureness, sure, answered.loss(truth), answered.layers)
    quantiles = tuple(loss.settings["quantiles"]) if loss.name == "pinball" else ()
    return Case(
        model, model.sight(), model.feature_names, tuple(str(c) for c in model.classes) if model.classes else (),
        quantiles, model.history, str(facts.get("metric", "none")), int(facts.get("best_epoch") or 0), training, rows,
        source,
    )  # fmt: skip


def _case_of_estimator(est: Any, x: Any, y: Any, source: str) -> Case:
    sight = est.sight()  # refuses one that is not fitted
    if est._classifies and est._kind.startswith("multilabel"):
        raise InputError("the model answers several labels at once; reports are of classes and of values")
    training = {
        "loss": "pinball" if getattr(est, "quantiles", None) is not None else _told(est.loss),
        "optimizer": est.solver,
        "learning rate": est.learning_rate_init,
        "schedule": est.learning_rate,
        "batch size": est.batch_size,
        "epochs": est.n_iter_,
        "seconds": sum(epoch.seconds for epoch in est.history_) if est.history_ else None,
        "seed": est.random_state if isinstance(est.random_state, (int, np.integer)) else None,
        "engine": est.engine_,
    }
    rows = None
    if x is not None:
        truth = est._encode(est._check_rows(x, y, reset=False)[1], False, True)
        loss = est._loss_for(est.n_outputs_, est._vector.dtype)
        answered = _answered(est._structure, est._vector_in_use(), est.prepare(x), loss)
        if not est._classifies:
            rows = _values(x, y, _columns(est.predict(x)), answered, est._transformed(truth))
        else:
            codes = truth.ravel()
            sure = hasattr(est, "predict_proba")
            bare = answered.output
            sureness = est.predict_proba(x) if sure else np.hstack([-bare, bare]) if bare.shape[1] == 1 else bare
            predicted = np.searchsorted(est.classes_, est.predict(x))
            rows = Judged(x, codes, predicted, sureness, sure, answered.loss(truth), answered.layers)
    columns = getattr(est, "feature_names_in_", [f"x{column}" for column in range(est.n_features_in_)])
    metric = "accuracy" if est._classifies else "r2"
    if all(epoch.metric is None for epoch in est.history_):
        metric = "none"
    classes = tuple(str(label) for label in est.classes_) if est._classifies else ()
    return Case(
        est, sight, [str(name) for name in columns], classes, tuple(getattr(est, "quantiles", None) or ()),
        est.history_, metric, 0, training, rows, source,
    )  # fmt: skip


@dataclass(frozen=True)
class _Answered:
    """What the network answered to all rows: z_L and a_L (samples, outputs), and how to judge it."""

    z: Array
    output: Array
    layers: list[LayerSeen]
    judge: Loss
    linked: bool

    def loss(self, truth: Array) -> Array:
        """Return the loss of each row, (samples,)."""
        o = self.z if self.linked else self.output
        return np.asarray(self.judge.per_sample(o, as_outputs(truth, o), **self.judge.settings), np.float64)


def _answered(structure: Structure, vector: Array, inputs: Any, loss: Loss) -> _Answered:
    if not inputs.shape[0]:
        raise InputError("x has no rows; a report needs at least one")
    z, output, layers = seen_through(structure, vector, inputs)
    return _Answered(z, output, layers, loss, structure.activations[-1].name == loss.link)


def _values(x: Any, y: Any, predicted: Array, answered: _Answered, truth: Array) -> Judged:
    told = np.asarray(y, np.float64).reshape(len(predicted), -1)
    return Judged(x, told, predicted, None, False, answered.loss(truth), answered.layers)


def _columns(values: Array) -> Array:
    return np.asarray(values, np.float64).reshape(len(values), -1)


def _told(loss: Any) -> str:
    return loss if isinstance(loss, str) else str(getattr(loss, "name", "one's own"))


def highest_loss(loss: Array, n: int) -> Array:
    """Return the n rows with the highest loss, (n,), the highest first; NaN counts as the highest."""
    return np.argsort(-np.nan_to_num(loss, nan=np.inf, posinf=np.inf), kind="stable")[:n]

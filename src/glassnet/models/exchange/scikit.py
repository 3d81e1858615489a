"""scikit-learn: a network as one of its fitted `MLPClassifier` and `MLPRegressor`, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.models.exchange.portable import BINARY, MULTICLASS, MULTILABEL, REGRESSION, Portable
from glassnet.network.structure import Structure
from glassnet.preprocessing.scaling import Scaling

#: Our names of what scikit-learn has, and its own: of hidden layers, and of outputs by what they mean.
HIDDEN = {"relu": "relu", "tanh": "tanh", "sigmoid": "logistic", "identity": "identity"}
OUTPUTS = {
    BINARY: {"sigmoid": "logistic"},
    MULTILABEL: {"sigmoid": "logistic"},
    MULTICLASS: {"softmax": "softmax"},
    REGRESSION: {"identity": "identity", "exponential": "exp"},
}


def to_sklearn(portable: Portable, *, loss_curve: Sequence[float] = (), **settings: Any) -> Any:
    """Return one of scikit-learn's fitted estimators that predicts the same, up to rounding.

    It is as if it had been fitted: `predict`, `predict_proba`, `score`, `partial_fit`, a warm start and pickling work.
    A softmax over two classes becomes scikit-learn's single logistic output, with the differences of the two columns;
    classes stand in sorted order, and the outputs with them.

    Parameters
    ----------
    portable : Portable
        The network. Its hidden layers must all have the same of scikit-learn's activations (relu, tanh, sigmoid,
        identity), and its output the one that scikit-learn has for its kind.
    loss_curve : sequence of float
        What becomes of ``loss_curve_``, ``n_iter_`` and ``loss_``.
    **settings
        Parameters of the estimator: ``solver``, ``alpha``, ``random_state``, …

    Returns
    -------
    sklearn.neural_network.MLPClassifier or MLPRegressor
        With copies of the parameters. With a scaling it is the last step of a `Pipeline` after a `StandardScaler`; with
        a target scaling it is the regressor of a `TransformedTargetRegressor`.

    Raises
    ------
    InputError
        If scikit-learn's estimators have no such network; the layer and its activation are named.
    """
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    if portable.preparation is not None or portable.structure.tables:
        raise InputError("the network has categories or missing values prepared, which scikit-learn's has not")
    if portable.quantiles:
        raise InputError(f"the network predicts the quantiles {portable.quantiles}, which scikit-learn's never sorts")
    portable = _as_scikit_has_it(portable)
    structure = portable.structure
    output = _output_activation(portable)
    own = {"hidden_layer_sizes": structure.layer_sizes[1:-1], "activation": _hidden_activation(structure)}
    if output == "exp":
        own["loss"] = "poisson"
    for name in own.keys() & settings.keys():
        raise InputError(f"{name} is {settings[name]!r}; the network decides it: leave it out")
    estimator = (MLPRegressor if portable.kind == REGRESSION else MLPClassifier)(**own, **settings)
    estimator.out_activation_ = output
    _fitted(estimator, portable, [float(loss) for loss in loss_curve])
    return _with_scaling(estimator, portable)


def from_sklearn(estimator: Any) -> Portable:
    """Take the network out of one of scikit-learn's fitted estimators.

    Parameters
    ----------
    estimator : sklearn.neural_network.MLPClassifier or MLPRegressor
        Or what `to_sklearn` makes of a scaling: a `Pipeline` of one `StandardScaler` and such an estimator, and a
        `TransformedTargetRegressor` whose transformer is a `StandardScaler`.

    Returns
    -------
    Portable
        The structure, the parameters, bit for bit, the classes, the scaling.

    Raises
    ------
    InputError
        If it is of another kind, or has a step that can't be taken over; it is named.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    """
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import Pipeline
    from sklearn.utils.validation import check_is_fitted

    if isinstance(estimator, TransformedTargetRegressor):
        check_is_fitted(estimator)
        inside = from_sklearn(estimator.regressor_)
        return replace(inside, target_scaling=_scaling_of(estimator.transformer_, "the transformer of the target"))
    if isinstance(estimator, Pipeline):
        steps = [(name, step) for name, step in estimator.steps if step not in (None, "passthrough")]
        if len(steps) > 2:
            raise InputError(
                f"the pipeline has the steps {[name for name, _ in steps]}; it may have a scaler and a network"
            )
        inside = from_sklearn(steps[-1][1])
        if len(steps) == 1:
            return inside
        name, scaler = steps[0]
        scaling = _scaling_of(scaler, f"step {name!r} of the pipeline")
        return replace(inside, scaling=scaling, feature_names=_names(scaler))
    if not isinstance(estimator, (MLPClassifier, MLPRegressor)):
        raise InputError(
            f"the estimator is {estimator!r:.80}; give an MLPClassifier or MLPRegressor of sklearn.neural_network, "
            "alone, after a StandardScaler in a Pipeline, or in a TransformedTargetRegressor"
        )
    check_is_fitted(estimator)
    return _network_of(estimator, isinstance(estimator, MLPRegressor))


def _network_of(estimator: Any, regressor: bool) -> Portable:
    output = {"logistic": "sigmoid", "exp": "exponential"}.get(estimator.out_activation_, estimator.out_activation_)
    if not isinstance(estimator.activation, str) or estimator.activation not in HIDDEN.values():
        raise InputError(
            f"the estimator's activation is {estimator.activation!r}; it must be one of scikit-learn's own"
        )
    hidden = {theirs: ours for ours, theirs in HIDDEN.items()}[estimator.activation]
    sizes = (estimator.coefs_[0].shape[0], *(len(b) for b in estimator.intercepts_))
    structure = Structure(sizes, (*[hidden] * (len(sizes) - 2), output))
    pairs = zip(estimator.coefs_, estimator.intercepts_, strict=True)
    named = {f"{letter}{layer}": a for layer, pair in enumerate(pairs, 1) for letter, a in zip("Wb", pair, strict=True)}
    kind = REGRESSION
    classes: Any = ()
    if not regressor:
        kind = {"multiclass": MULTICLASS, "binary": BINARY}.get(estimator._label_binarizer.y_type_, MULTILABEL)
        classes = () if kind == MULTILABEL else estimator.classes_
    return Portable(structure, structure.flatten(named), kind, classes, feature_names=_names(estimator))


def _names(estimator: Any) -> tuple[str, ...]:
    return tuple(getattr(estimator, "feature_names_in_", ()))


def _as_scikit_has_it(portable: Portable) -> Portable:
    """Return the network with sorted classes, and with one logistic output for two classes."""
    if portable.kind in (BINARY, MULTICLASS):
        order = np.argsort(portable.classes)
        if portable.kind == BINARY and order[0] != 0:
            raise InputError("the classes of a single output are not in sorted order, as scikit-learn has them")
        if portable.kind == MULTICLASS:
            portable = _columns(portable, lambda last: last[..., order], portable.classes[order])
    if portable.kind == MULTICLASS and len(portable.classes) == 2:
        _output_activation(portable)  # before what it says of a softmax is hidden
        # softmax(z)_1 = exp(z_1) / (exp(z_0) + exp(z_1)) = sigmoid(z_1 - z_0)
        return _columns(portable, lambda last: last[..., 1:] - last[..., :1], portable.classes)
    return portable


def _columns(portable: Portable, change: Any, classes: Array) -> Portable:
    """Return the network with other columns in the last layer's weights and biases."""
    before, parameters, layer = portable.structure, dict(portable.parameters), portable.structure.n_layers
    parameters |= {name: change(parameters[name]) for name in (f"W{layer}", f"b{layer}")}
    outputs = len(parameters[f"b{layer}"])
    activations = [activation.name for activation in before.activations]
    if outputs != before.n_outputs:
        activations[-1] = "sigmoid"
    structure = Structure((*before.layer_sizes[:-1], outputs), activations)
    kind = portable.kind if outputs == before.n_outputs else BINARY
    return replace(portable, structure=structure, vector=structure.flatten(parameters), kind=kind, classes=classes)


def _hidden_activation(structure: Structure) -> str:
    names = [activation.name for activation in structure.activations[:-1]]
    for layer, name in enumerate(names, start=1):
        if name not in HIDDEN:
            raise InputError(
                f"layer {layer} has the activation {name!r}; scikit-learn's have one of {', '.join(HIDDEN)}"
            )
        if name != names[0]:
            raise InputError(
                f"layer {layer} has the activation {name!r} and layer 1 {names[0]!r}; scikit-learn's hidden layers all "
                "have the same"
            )
    return HIDDEN[names[0]] if names else "identity"


def _output_activation(portable: Portable) -> str:
    name, known = portable.structure.activations[-1].name, OUTPUTS[portable.kind]
    if name not in known:
        raise InputError(
            f"layer {portable.structure.n_layers}, the output, has the activation {name!r}; scikit-learn's "
            f"{portable.kind} networks have {' or '.join(known)}"
        )
    if portable.kind == MULTILABEL and portable.structure.n_outputs == 1:
        raise InputError(
            "the network has one label alone, which scikit-learn has not; make it binary, with two classes"
        )
    if portable.kind in (BINARY, MULTILABEL) and portable.threshold != 0.5:
        raise InputError(f"the threshold is {portable.threshold}; scikit-learn's is 0.5")
    return known[name]


def _fitted(estimator: Any, portable: Portable, loss_curve: list[float]) -> None:
    """Set what scikit-learn's fit sets."""
    from sklearn.preprocessing import LabelBinarizer
    from sklearn.utils import check_random_state

    structure, parameters = portable.structure, portable.parameters
    layers = range(1, structure.n_layers + 1)
    estimator.coefs_ = [parameters[f"W{layer}"].copy() for layer in layers]
    estimator.intercepts_ = [parameters[f"b{layer}"].copy() for layer in layers]
    estimator._best_coefs = [W.copy() for W in estimator.coefs_]
    estimator._best_intercepts = [b.copy() for b in estimator.intercepts_]
    estimator.n_features_in_, estimator.n_outputs_ = structure.n_inputs, structure.n_outputs
    if portable.feature_names and portable.scaling is None:  # what a scaler gives has no names
        estimator.feature_names_in_ = np.array(portable.feature_names, object)
    estimator.n_layers_ = structure.n_layers + 1
    estimator.n_iter_, estimator.t_ = len(loss_curve), 0
    estimator.loss_curve_ = loss_curve
    estimator.loss_ = loss_curve[-1] if loss_curve else np.inf
    estimator._no_improvement_count = 0
    estimator.best_loss_ = None if estimator.early_stopping else min(loss_curve, default=np.inf)
    estimator.validation_scores_ = [] if estimator.early_stopping else None
    estimator.best_validation_score_ = -np.inf if estimator.early_stopping else None
    estimator._random_state = check_random_state(estimator.random_state)
    if portable.kind != REGRESSION:
        labels = np.eye(structure.n_outputs, dtype=int) if portable.kind == MULTILABEL else _plain(portable.classes)
        estimator._label_binarizer = LabelBinarizer().fit(labels)
        estimator.classes_ = estimator._label_binarizer.classes_


def _plain(classes: Array) -> Array:
    """Text as NumPy's own text, which is what scikit-learn makes of a list of text."""
    return classes.astype(str) if classes.dtype == object else classes


def _with_scaling(estimator: Any, portable: Portable) -> Any:
    """Put a scaler before the estimator and after it, where the network has a scaling."""
    if portable.target_scaling is not None:
        from sklearn.compose import TransformedTargetRegressor

        outputs = portable.structure.n_outputs
        scaler = _scaler(portable.target_scaling, outputs, ())
        around = TransformedTargetRegressor(estimator, transformer=scaler)
        around.regressor_, around.transformer_, around._training_dim = estimator, scaler, 1 if outputs == 1 else 2
        if portable.feature_names and portable.scaling is None:
            around.feature_names_in_ = estimator.feature_names_in_
        estimator = around
    if portable.scaling is not None:
        from sklearn.pipeline import make_pipeline

        scaler = _scaler(portable.scaling, portable.structure.n_inputs, portable.feature_names)
        estimator = make_pipeline(scaler, estimator)
    return estimator


def _scaler(scaling: Scaling, columns: int, names: tuple[str, ...]) -> Any:
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler()
    scaler.mean_ = np.broadcast_to(scaling.offset, columns).copy()
    scaler.scale_ = 1 / np.broadcast_to(scaling.scale, columns)
    scaler.var_ = np.square(scaler.scale_)
    scaler.n_features_in_, scaler.n_samples_seen_ = columns, 1
    if names:
        scaler.feature_names_in_ = np.array(names, object)
    return scaler


def _scaling_of(scaler: Any, what: str) -> Scaling:
    from sklearn.preprocessing import StandardScaler
    from sklearn.utils.validation import check_is_fitted

    if not isinstance(scaler, StandardScaler):
        raise InputError(f"{what} is {scaler!r:.80}; only a StandardScaler can be taken over")
    check_is_fitted(scaler)
    columns = scaler.n_features_in_
    shift = np.zeros(columns) if scaler.mean_ is None or not scaler.with_mean else scaler.mean_.astype(np.float64)
    factor = np.ones(columns) if scaler.scale_ is None else 1 / scaler.scale_.astype(np.float64)
    return Scaling("standard", shift, factor)

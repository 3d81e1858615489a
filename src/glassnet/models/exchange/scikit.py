"""Export to and import from scikit-learn: a network as a fitted `MLPClassifier` or `MLPRegressor`, and back."""

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

#: Activations that scikit-learn has, by glassnet's names: of hidden layers, and of outputs by kind of network.
HIDDEN = {"relu": "relu", "tanh": "tanh", "sigmoid": "logistic", "identity": "identity"}
OUTPUTS = {
    BINARY: {"sigmoid": "logistic"},
    MULTILABEL: {"sigmoid": "logistic"},
    MULTICLASS: {"softmax": "softmax"},
    REGRESSION: {"identity": "identity", "exponential": "exp"},
}


def to_sklearn(portable: Portable, *, loss_curve: Sequence[float] = (), **settings: Any) -> Any:
    """Return a fitted estimator of scikit-learn that predicts the same, up to rounding.

    It behaves like a fitted one: `predict`, `predict_proba`, `score`, `partial_fit`, a warm start and pickling work.
    A softmax over two classes becomes scikit-learn's single logistic output, with the differences of the two columns;
    classes, and the outputs with them, are sorted.

    Parameters
    ----------
    portable : Portable
        The network. Its hidden layers must all have the same activation (relu, tanh, sigmoid or identity), and its
        output the one that scikit-learn has for its kind.
    loss_curve : sequence of float
        Sets ``loss_curve_``, ``n_iter_`` and ``loss_``.
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
        If scikit-learn has no such network; the layer and its activation are named.
    """
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    if portable.preparation is not None or portable.structure.embeddings:
        raise InputError("the network preprocesses categories or missing values, which scikit-learn's networks do not")
    if portable.quantiles:
        raise InputError(f"the network predicts the quantiles {portable.quantiles}, which scikit-learn does not sort")
    portable = _to_sklearn_layout(portable)
    structure = portable.structure
    output = _output_activation(portable)
    determined = {"hidden_layer_sizes": structure.layer_sizes[1:-1], "activation": _hidden_activation(structure)}
    if output == "exp":
        determined["loss"] = "poisson"
    for name in determined.keys() & settings.keys():
        raise InputError(f"{name} is {settings[name]!r}; it is determined by the network: leave it out")
    estimator = (MLPRegressor if portable.kind == REGRESSION else MLPClassifier)(**determined, **settings)
    estimator.out_activation_ = output
    _set_fitted_attributes(estimator, portable, [float(loss) for loss in loss_curve])
    return _with_scaling(estimator, portable)


def from_sklearn(estimator: Any) -> Portable:
    """Import the network of a fitted estimator of scikit-learn.

    Parameters
    ----------
    estimator : sklearn.neural_network.MLPClassifier or MLPRegressor
        Or the result of `to_sklearn` with a scaling: a `Pipeline` of one `StandardScaler` and such an estimator, and a
        `TransformedTargetRegressor` whose transformer is a `StandardScaler`.

    Returns
    -------
    Portable
        The structure, the parameters, bit for bit, the classes, the scaling.

    Raises
    ------
    InputError
        If it is of another class, or has a step that can't be imported; it is named.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    """
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import Pipeline
    from sklearn.utils.validation import check_is_fitted

    if isinstance(estimator, TransformedTargetRegressor):
        check_is_fitted(estimator)
        network = from_sklearn(estimator.regressor_)
        return replace(network, target_scaling=_import_scaling(estimator.transformer_, "the transformer of the target"))
    if isinstance(estimator, Pipeline):
        steps = [(name, step) for name, step in estimator.steps if step not in (None, "passthrough")]
        if len(steps) > 2:
            raise InputError(
                f"the pipeline has the steps {[name for name, _ in steps]}; it may have a scaler and a network"
            )
        network = from_sklearn(steps[-1][1])
        if len(steps) == 1:
            return network
        name, scaler = steps[0]
        scaling = _import_scaling(scaler, f"step {name!r} of the pipeline")
        return replace(network, scaling=scaling, feature_names=_feature_names(scaler))
    if not isinstance(estimator, (MLPClassifier, MLPRegressor)):
        raise InputError(
            f"the estimator is {estimator!r:.80}; give an MLPClassifier or MLPRegressor of sklearn.neural_network, "
            "alone, after a StandardScaler in a Pipeline, or in a TransformedTargetRegressor"
        )
    check_is_fitted(estimator)
    return _import_network(estimator, isinstance(estimator, MLPRegressor))


def _import_network(estimator: Any, regressor: bool) -> Portable:
    """Return the network of a fitted MLPClassifier or MLPRegressor."""
    output = {"logistic": "sigmoid", "exp": "exponential"}.get(estimator.out_activation_, estimator.out_activation_)
    if not isinstance(estimator.activation, str) or estimator.activation not in HIDDEN.values():
        raise InputError(f"the estimator's activation is {estimator.activation!r}; it must be one of scikit-learn's")
    hidden = {sklearn_name: name for name, sklearn_name in HIDDEN.items()}[estimator.activation]
    sizes = (estimator.coefs_[0].shape[0], *(len(b) for b in estimator.intercepts_))
    structure = Structure(sizes, (*[hidden] * (len(sizes) - 2), output))
    pairs = zip(estimator.coefs_, estimator.intercepts_, strict=True)
    named = {f"{letter}{layer}": a for layer, pair in enumerate(pairs, 1) for letter, a in zip("Wb", pair, strict=True)}
    kind = REGRESSION
    classes: Any = ()
    if not regressor:
        kind = {"multiclass": MULTICLASS, "binary": BINARY}.get(estimator._label_binarizer.y_type_, MULTILABEL)
        classes = () if kind == MULTILABEL else estimator.classes_
    return Portable(structure, structure.flatten(named), kind, classes, feature_names=_feature_names(estimator))


def _feature_names(estimator: Any) -> tuple[str, ...]:
    return tuple(getattr(estimator, "feature_names_in_", ()))


def _to_sklearn_layout(portable: Portable) -> Portable:
    """Return the network with sorted classes, and with one logistic output for two classes."""
    if portable.kind in (BINARY, MULTICLASS):
        order = np.argsort(portable.classes)
        if portable.kind == BINARY and order[0] != 0:
            raise InputError("the classes of a single output are not in sorted order, as in scikit-learn")
        if portable.kind == MULTICLASS:
            portable = _change_last_layer(portable, lambda last: last[..., order], portable.classes[order])
    if portable.kind == MULTICLASS and len(portable.classes) == 2:
        _output_activation(portable)  # raise its error before the softmax is replaced
        # softmax(z)_1 = exp(z_1) / (exp(z_0) + exp(z_1)) = sigmoid(z_1 - z_0)
        return _change_last_layer(portable, lambda last: last[..., 1:] - last[..., :1], portable.classes)
    return portable


def _change_last_layer(portable: Portable, change: Any, classes: Array) -> Portable:
    """Return the network with its last layer's weights and biases changed by a function."""
    before = portable.structure
    parameters = dict(portable.parameters)
    layer = before.n_layers
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
            raise InputError(f"layer {layer} has the activation {name!r}; scikit-learn has {', '.join(HIDDEN)}")
        if name != names[0]:
            raise InputError(
                f"layer {layer} has the activation {name!r} and layer 1 {names[0]!r}; scikit-learn's hidden layers all "
                "have the same"
            )
    return HIDDEN[names[0]] if names else "identity"


def _output_activation(portable: Portable) -> str:
    name = portable.structure.activations[-1].name
    known = OUTPUTS[portable.kind]
    if name not in known:
        raise InputError(
            f"layer {portable.structure.n_layers}, the output, has the activation {name!r}; scikit-learn's "
            f"{portable.kind} networks have {' or '.join(known)}"
        )
    if portable.kind == MULTILABEL and portable.structure.n_outputs == 1:
        raise InputError(
            "the network has a single label, which scikit-learn does not support; make it binary, with two classes"
        )
    if portable.kind in (BINARY, MULTILABEL) and portable.threshold != 0.5:
        raise InputError(f"the threshold is {portable.threshold}; scikit-learn's is 0.5")
    return known[name]


def _set_fitted_attributes(estimator: Any, portable: Portable, loss_curve: list[float]) -> None:
    """Set what scikit-learn's fit sets."""
    from sklearn.preprocessing import LabelBinarizer
    from sklearn.utils import check_random_state

    structure = portable.structure
    parameters = portable.parameters
    layers = range(1, structure.n_layers + 1)
    estimator.coefs_ = [parameters[f"W{layer}"].copy() for layer in layers]
    estimator.intercepts_ = [parameters[f"b{layer}"].copy() for layer in layers]
    estimator._best_coefs = [W.copy() for W in estimator.coefs_]
    estimator._best_intercepts = [b.copy() for b in estimator.intercepts_]
    estimator.n_features_in_ = structure.n_inputs
    estimator.n_outputs_ = structure.n_outputs
    if portable.feature_names and portable.scaling is None:  # the output of a scaler has no names
        estimator.feature_names_in_ = np.array(portable.feature_names, object)
    estimator.n_layers_ = structure.n_layers + 1
    estimator.n_iter_ = len(loss_curve)
    estimator.t_ = 0
    estimator.loss_curve_ = loss_curve
    estimator.loss_ = loss_curve[-1] if loss_curve else np.inf
    estimator._no_improvement_count = 0
    estimator.best_loss_ = None if estimator.early_stopping else min(loss_curve, default=np.inf)
    estimator.validation_scores_ = [] if estimator.early_stopping else None
    estimator.best_validation_score_ = -np.inf if estimator.early_stopping else None
    estimator._random_state = check_random_state(estimator.random_state)
    if portable.kind != REGRESSION:
        labels = (
            np.eye(structure.n_outputs, dtype=int)
            if portable.kind == MULTILABEL
            else _as_sklearn_labels(portable.classes)
        )
        estimator._label_binarizer = LabelBinarizer().fit(labels)
        estimator.classes_ = estimator._label_binarizer.classes_


def _as_sklearn_labels(classes: Array) -> Array:
    """Return text as NumPy's fixed-width strings, as scikit-learn does."""
    return classes.astype(str) if classes.dtype == object else classes


def _with_scaling(estimator: Any, portable: Portable) -> Any:
    """Return the estimator with a scaler before and after it, if the network has scalings."""
    if portable.target_scaling is not None:
        from sklearn.compose import TransformedTargetRegressor

        outputs = portable.structure.n_outputs
        scaler = _scaler(portable.target_scaling, outputs, ())
        wrapper = TransformedTargetRegressor(estimator, transformer=scaler)
        wrapper.regressor_ = estimator
        wrapper.transformer_ = scaler
        wrapper._training_dim = 1 if outputs == 1 else 2
        if portable.feature_names and portable.scaling is None:
            wrapper.feature_names_in_ = estimator.feature_names_in_
        estimator = wrapper
    if portable.scaling is not None:
        from sklearn.pipeline import make_pipeline

        scaler = _scaler(portable.scaling, portable.structure.n_inputs, portable.feature_names)
        estimator = make_pipeline(scaler, estimator)
    return estimator


def _scaler(scaling: Scaling, columns: int, names: tuple[str, ...]) -> Any:
    """Return a fitted StandardScaler."""
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler()
    scaler.mean_ = np.broadcast_to(scaling.offset, columns).copy()
    scaler.scale_ = 1 / np.broadcast_to(scaling.scale, columns)
    scaler.var_ = np.square(scaler.scale_)
    scaler.n_features_in_ = columns
    scaler.n_samples_seen_ = 1
    if names:
        scaler.feature_names_in_ = np.array(names, object)
    return scaler


def _import_scaling(scaler: Any, description: str) -> Scaling:
    """Return the scaling of a fitted StandardScaler; raise InputError for other transformers."""
    from sklearn.preprocessing import StandardScaler
    from sklearn.utils.validation import check_is_fitted

    if not isinstance(scaler, StandardScaler):
        raise InputError(f"{description} is {scaler!r:.80}; only a StandardScaler can be imported")
    check_is_fitted(scaler)
    columns = scaler.n_features_in_
    shift = np.zeros(columns) if scaler.mean_ is None or not scaler.with_mean else scaler.mean_.astype(np.float64)
    factor = np.ones(columns) if scaler.scale_ is None else 1 / scaler.scale_.astype(np.float64)
    return Scaling("standard", shift, factor)

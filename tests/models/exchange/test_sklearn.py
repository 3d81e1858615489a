"""Exported scikit-learn estimators predict the same, work as if fitted, and can be imported again."""

import pickle
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from glassnet import InputError, Settings, fit
from glassnet.models.exchange import Portable, from_sklearn, to_sklearn
from tests.models.exchange.networks import CLOSE, answers, network, odd_rows, portable

DTYPES = ("float32", "float64")
#: Kind, outputs, activation of the output, classes.
KINDS = [
    ("binary", 1, "sigmoid", ["no", "yes"]),
    ("binary", 1, "sigmoid", [-1, 4]),
    ("binary", 1, "sigmoid", [4]),
    ("multiclass", 2, "softmax", [0, 1]),
    ("multiclass", 3, "softmax", ["a", "b", "ü"]),
    ("multiclass", 4, "softmax", [7, 3, 5, -2]),  # in no order
    ("multilabel", 3, "sigmoid", []),
    ("regression", 1, "identity", []),
    ("regression", 3, "identity", []),
    ("regression", 2, "exponential", []),
]


def example(
    kind: str, outputs: int, output: str, classes: list, hidden: Any = (5, 4), dtype: str = "float64"
) -> Portable:
    activations = (*["tanh"] * len(hidden), output)
    return portable((3, *hidden, outputs), activations, kind, dtype, classes=np.array(classes, object))


def truth(exported: Portable, rows: int) -> np.ndarray:
    """Return targets of the network's kind."""
    rng = np.random.default_rng(3)
    if exported.kind in ("binary", "multiclass"):
        return exported.classes[np.arange(rows) % len(exported.classes)]
    if exported.kind == "multilabel":
        return rng.integers(0, 2, (rows, exported.structure.n_outputs))
    y = rng.random((rows, exported.structure.n_outputs))
    return y[:, 0] if y.shape[1] == 1 else y


# --------------------------------------------------------------------------------------------------------- to_sklearn


@pytest.mark.sweep(strength=2)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("hidden", [(), (1,), (5, 4), (3,) * 10])
@pytest.mark.parametrize(("kind", "outputs", "output", "classes"), KINDS)
def test_it_predicts_the_same(kind: str, outputs: int, output: str, classes: list, hidden: Any, dtype: str) -> None:
    exported = example(kind, outputs, output, classes, hidden, dtype)
    estimator, x = to_sklearn(exported), odd_rows(3, dtype)
    a = answers(exported, x)
    with np.errstate(over="ignore"):
        predicted = estimator.predict(x)
    if kind == "regression":
        fine = np.isfinite(predicted).reshape(len(x), -1).all(axis=1) & (a < 1e30).all(axis=1)
        assert fine[:9].all() and np.allclose(predicted.reshape(a.shape)[fine], a[fine], **CLOSE[dtype])
        return
    probabilities, labels = estimator.predict_proba(x), exported.classes
    if kind == "multilabel":
        assert np.array_equal(predicted, a > 0.5) and np.allclose(probabilities, a, **CLOSE[dtype])
        return
    expected = np.column_stack([1 - a, a]) if kind == "binary" else a[:, np.argsort(labels)]
    winners = np.sort(labels)[expected.argmax(axis=1)] if len(labels) > 1 else np.repeat(labels, len(x))
    assert predicted.tolist() == winners.tolist()
    assert np.allclose(probabilities, expected, **CLOSE[dtype])
    assert estimator.classes_.tolist() == sorted(labels)


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "identity"])
def test_every_hidden_activation_of_scikit_learn(activation: str) -> None:
    exported = portable((3, 4, 4, 2), (activation, activation, "identity"), "regression")
    x = odd_rows(3, "float64")
    assert np.allclose(to_sklearn(exported).predict(x), answers(exported, x), **CLOSE["float64"])


@pytest.mark.parametrize(("kind", "outputs", "output", "classes"), KINDS)
def test_it_has_every_fitted_attribute(kind: str, outputs: int, output: str, classes: list) -> None:
    exported = example(kind, outputs, output, classes)
    x = odd_rows(3, "float64")[:12]
    estimator = to_sklearn(exported, max_iter=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = clone(estimator).fit(x, truth(exported, 12))
    made, given = vars(fitted), vars(estimator)
    assert set(made) - {"_optimizer"} == set(given)  # partial_fit makes one
    numbers = ("loss_", "best_loss_")  # NumPy's or Python's
    assert {name: type(made[name]) for name in given if name not in numbers} == {
        name: type(given[name]) for name in given if name not in numbers
    }
    assert (fitted.out_activation_, fitted.n_outputs_, fitted.n_layers_) == (
        estimator.out_activation_,
        estimator.n_outputs_,
        estimator.n_layers_,
    )
    assert [W.shape for W in fitted.coefs_] == [W.shape for W in estimator.coefs_]


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize(("kind", "outputs", "output", "classes"), KINDS)
def test_it_can_be_scored_pickled_and_trained_further(
    kind: str, outputs: int, output: str, classes: list, solver: str
) -> None:
    exported = example(kind, outputs, output, classes)
    x, y = odd_rows(3, "float64")[:12], truth(exported, 12)
    estimator = to_sklearn(exported, solver=solver, random_state=0, learning_rate_init=1e-4, loss_curve=[0.5, 0.25])
    assert (estimator.n_iter_, estimator.loss_, estimator.best_loss_) == (2, 0.25, 0.25)
    again = pickle.loads(pickle.dumps(estimator))
    assert again.score(x, y) == estimator.score(x, y)
    before = [W.copy() for W in estimator.coefs_]
    vector = exported.vector.copy()
    estimator.partial_fit(x, y)
    assert all(0 < np.abs(W - b).max() < 0.01 for W, b in zip(estimator.coefs_, before, strict=True))
    assert len(estimator.loss_curve_) == 3 and exported.vector.tobytes() == vector.tobytes()
    again.set_params(warm_start=True, max_iter=1, solver="adam", learning_rate_init=1e-4)
    with pytest.warns(ConvergenceWarning):
        again.fit(x, y)
    assert all(np.abs(W - b).max() < 0.01 for W, b in zip(again.coefs_, before, strict=True))


def test_settings_are_parameters_of_the_estimator() -> None:
    exported = example("regression", 1, "identity", [])
    estimator = to_sklearn(exported, alpha=0.5, early_stopping=True)
    assert (estimator.alpha, estimator.hidden_layer_sizes, estimator.activation) == (0.5, (5, 4), "tanh")
    assert estimator.validation_scores_ == [] and estimator.best_loss_ is None
    with pytest.raises(InputError, match="activation is 'relu'; it is determined by the network: leave it out"):
        to_sklearn(exported, activation="relu")


@pytest.mark.parametrize(
    ("sizes", "activations", "kind", "around", "message"),
    [
        ((2, 3, 1), ("gelu", "identity"), "regression", {}, "layer 1 has the activation 'gelu'; .* relu, tanh, sig"),
        ((2, 3, 3, 1), ("relu", "tanh", "identity"), "regression", {}, "layer 2 has .* 'tanh' and layer 1 'relu'"),
        ((2, 3, 1), ("relu", "tanh"), "regression", {}, "layer 2, the output, has the activation 'tanh'; .* identity"),
        ((2, 3), ("sigmoid",), "multiclass", {"classes": [0, 1, 2]}, "layer 1, the output, .* have softmax"),
        ((2, 2), ("identity",), "multiclass", {"classes": [0, 1]}, "layer 1, the output, .*'identity'.* have softmax"),
        ((2, 1), ("sigmoid",), "binary", {"classes": [0, 1], "threshold": 0.3}, "the threshold is 0.3"),
        ((2, 1), ("sigmoid",), "binary", {"classes": [1, 0]}, "not in sorted order"),
        (
            (2, 2),
            ("identity",),
            "regression",
            {"quantiles": (0.1, 0.9)},
            "the network predicts the quantiles .0.1, 0.9",
        ),
        ((2, 1), ("sigmoid",), "multilabel", {}, "single label"),
    ],
)
def test_what_scikit_learn_lacks_is_named(sizes: Any, activations: Any, kind: str, around: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        to_sklearn(portable(sizes, activations, kind, **around))


# ------------------------------------------------------------------------------------------------- with scaling


def table() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((80, 3)) * [1, 1e3, 1e-3] + 1e3


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("classes", [2, 3])
def test_a_model_of_classes_is_a_pipeline(classes: int, dtype: str) -> None:
    x, y = table(), np.array(["a", "b", "c"])[np.arange(80) % classes]
    model = fit(x, y, hidden=(5,), settings=Settings(loss="categorical_crossentropy", epochs=3, dtype=dtype))
    pipeline = model.to_sklearn()
    assert np.allclose(pipeline.predict_proba(x), model.predict_proba(x), rtol=1e-5)
    assert pipeline.predict(x).tolist() == model.predict(x).tolist()
    assert pipeline[-1].loss_curve_ == [epoch.loss for epoch in model.history]


def test_a_model_of_bytes() -> None:
    x = np.random.default_rng(0).integers(0, 256, (80, 16))
    model = fit(x, x[:, 0] > 128, hidden=(5,), settings=Settings(loss="categorical_crossentropy", epochs=3))
    assert model.scaling.kind == "bytes"
    assert np.allclose(model.to_sklearn().predict_proba(x), model.predict_proba(x), rtol=1e-5)


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_model_of_values_undoes_its_scaling(outputs: int) -> None:
    x = table()
    model = fit(
        x,
        x[:, :outputs] * 1e5,
        hidden=(5,),
        task="regression",
        settings=Settings(loss="huber", epochs=3, dtype="float64"),
    )
    estimator = pickle.loads(pickle.dumps(model.to_sklearn()))
    assert estimator.predict(x).shape == model.predict(x).shape
    assert np.allclose(estimator.predict(x), model.predict(x), rtol=1e-12)
    back = from_sklearn(estimator)
    assert back.vector.tobytes() == model.vector.tobytes()
    for found, scaling in ((back.scaling, model.scaling), (back.target_scaling, model.target.scaling)):
        assert np.allclose(found.scale, scaling.scale, rtol=1e-15)
        assert np.array_equal(found.offset, scaling.offset)


def test_column_names_are_exported_without_a_warning() -> None:
    frame = pd.DataFrame(table(), columns=["a", "b", "c"])
    for task, y in (("classification", np.arange(80) % 3), ("regression", frame["a"])):
        loss = "categorical_crossentropy" if task == "classification" else "huber"
        settings = Settings(loss=loss, epochs=2)
        model = fit(frame, y, hidden=(5,), task=task, settings=settings, feature_names=("a", "b", "c"))
        pipeline = model.to_sklearn()
        assert np.allclose(pipeline.predict(frame), model.predict(frame.to_numpy()))  # warnings are errors here
        assert pipeline.feature_names_in_.tolist() == ["a", "b", "c"]
        assert from_sklearn(pipeline).feature_names == ("a", "b", "c")
        with pytest.raises(ValueError, match="feature names"):
            pipeline.predict(frame[["b", "a", "c"]])


# ------------------------------------------------------------------------------------------------------- from_sklearn


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("kind", "outputs", "output", "classes"), KINDS)
def test_a_round_trip_keeps_every_bit(kind: str, outputs: int, output: str, classes: list, dtype: str) -> None:
    exported = replace(example(kind, outputs, output, classes, dtype=dtype), feature_names=("a", "b", "c"))
    once = from_sklearn(to_sklearn(exported))
    twice = from_sklearn(to_sklearn(once))
    assert twice.vector.tobytes() == once.vector.tobytes() and twice.vector.dtype == dtype
    assert (twice.structure, twice.kind, twice.feature_names) == (once.structure, once.kind, exported.feature_names)
    assert twice.classes.tolist() == once.classes.tolist() == sorted(exported.classes.tolist())
    if classes == sorted(classes) and (kind, outputs) != ("multiclass", 2):
        assert once.vector.tobytes() == exported.vector.tobytes() and once.structure == exported.structure


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
def test_an_estimator_that_scikit_learn_fitted(activation: str) -> None:
    x = odd_rows(3, "float64")[:12]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        several = MLPClassifier((4, 2), activation, max_iter=3).fit(x, np.arange(12) % 3)
        labels = MLPClassifier((), max_iter=3).fit(x, np.arange(24).reshape(12, 2) % 3 % 2)
        values = MLPRegressor(hidden_layer_sizes=(4,), activation=activation, max_iter=3).fit(
            x.astype(np.float32), x[:, 0]
        )
        counts = MLPRegressor(hidden_layer_sizes=(4,), activation=activation, loss="poisson", max_iter=3).fit(
            x, np.arange(12.0)
        )
        text = MLPClassifier(4, activation, max_iter=3).fit(x, np.array(["n", "j"] * 6, object))
    assert np.allclose(answers(from_sklearn(several), x), several.predict_proba(x))
    assert np.allclose(answers(from_sklearn(labels), x), labels.predict_proba(x))
    assert from_sklearn(labels).kind == "multilabel"
    found = answers(from_sklearn(values), x.astype(np.float32))[:, 0]
    assert np.allclose(found, values.predict(x), rtol=1e-5, atol=1e-6)
    assert from_sklearn(values).vector.dtype == np.float32
    assert np.allclose(answers(from_sklearn(counts), x)[:, 0], counts.predict(x))
    assert from_sklearn(text).classes.tolist() == ["j", "n"] and from_sklearn(text).kind == "binary"
    assert to_sklearn(from_sklearn(text)).predict(x).tolist() == text.predict(x).tolist()


def test_a_scaler_is_imported() -> None:
    x = table()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for scaler in (
            StandardScaler(),
            StandardScaler(with_mean=False),
            StandardScaler(with_std=False),
            "passthrough",
        ):
            pipeline = make_pipeline(scaler, MLPClassifier(4, max_iter=2)).fit(x, np.arange(80) % 3)
            found = from_sklearn(pipeline)
            inputs = found.scaling.transform(x, np.float64) if found.scaling is not None else x
            assert np.allclose(answers(found, inputs), pipeline.predict_proba(x), rtol=1e-9)
        inner = make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=4, max_iter=2))
        around = TransformedTargetRegressor(inner, transformer=StandardScaler()).fit(x, x[:, 1])
    found = from_sklearn(around)
    values = found.target_scaling.inverse_transform(answers(found, found.scaling.transform(x, np.float64)))
    assert np.allclose(values[:, 0], around.predict(x), rtol=1e-9)


def test_what_can_not_be_imported_is_named() -> None:
    x = odd_rows(3, "float64")[:12]
    for wrong in (LinearRegression().fit(x, x[:, 0]), None, "mlp", MLPClassifier):
        with pytest.raises(InputError, match="the estimator is .*; give an MLPClassifier or MLPRegressor"):
            from_sklearn(wrong)
    fitted = to_sklearn(example("regression", 1, "identity", []))
    with pytest.raises(InputError, match=r"step 'minmaxscaler' of the pipeline is MinMaxScaler\(\); only a StandardSc"):
        from_sklearn(make_pipeline(MinMaxScaler().fit(x), fitted))
    with pytest.raises(InputError, match=r"the pipeline has the steps \['minmaxscaler', 'standardscaler', 'mlpregr"):
        from_sklearn(make_pipeline(MinMaxScaler(), StandardScaler(), fitted))
    function = TransformedTargetRegressor(LinearRegression(), func=np.log, inverse_func=np.exp).fit(
        x, np.arange(12.0) + 1
    )
    function.regressor_ = fitted
    with pytest.raises(InputError, match="the transformer of the target is FunctionTransformer"):
        from_sklearn(function)


@pytest.mark.parametrize("estimator", [MLPClassifier(), MLPRegressor(), TransformedTargetRegressor(MLPRegressor())])
def test_an_estimator_that_is_not_fitted_raises_not_fitted_error(estimator: Any) -> None:
    with pytest.raises(NotFittedError, match="not fitted yet"):
        from_sklearn(estimator)


def test_the_parameters_are_copies() -> None:
    exported = Portable(*network((2, 3, 1), "relu"), "regression")
    estimator = to_sklearn(exported)
    found = from_sklearn(estimator)
    found.vector[:] = 0
    assert estimator.coefs_[0].any()
    estimator.coefs_[0][:] = 0
    assert exported.parameters["W1"].any()

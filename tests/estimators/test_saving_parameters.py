"""What fit accepts, a file can hold: every parameter in every form, classes of every dtype."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, make_scorer

import glassnet
from glassnet import MLPClassifier, MLPRegressor, ProgressBar
from glassnet.network.activations import ACTIVATIONS
from glassnet.network.losses import LOSSES

from .sklearn_comparison import ignore_convergence

X = np.random.default_rng(0).normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int)


def half_square(y: np.ndarray, o: np.ndarray) -> np.ndarray:
    return np.sum((o - y) ** 2, axis=1) / 2


def d_half_square(y: np.ndarray, o: np.ndarray) -> np.ndarray:
    return o - y


#: Parameters in unusual forms, and the plain form that a file gives back; None for what only training needs.
FORMS: dict[str, list[tuple[dict[str, Any], Any]]] = {
    "hidden_layer_sizes": [
        ({"hidden_layer_sizes": sizes}, plain)
        for sizes, plain in [
            (np.array([5, 4]), [5, 4]), (np.int64(5), 5), ((np.int32(5),), (5,)), (range(3, 5), [3, 4]), ((), ()),
            (pd.Series([3, 4]), [3, 4]),
        ]
    ],
    "activation": [({"activation": ACTIVATIONS["gelu"]}, "gelu"), ({"activation": ["tanh"]}, ["tanh"])],
    "out_activation": [({"out_activation": ACTIVATIONS["sigmoid"]}, "sigmoid")],
    "loss": [
        ({"loss": LOSSES["binary_crossentropy"]}, "log_loss"), ({"loss": (half_square, d_half_square)}, "log_loss"),
    ],
    "dropout": [({"dropout": np.array([0.1, 0.2])}, [0.1, 0.2]), ({"dropout": np.float32(0.5)}, 0.5)],
    "class_weight": [({"class_weight": {np.int64(0): 1, np.int64(1): np.float64(2)}}, {0: 1, 1: 2.0})],
    "random_state": [({"random_state": np.random.RandomState(0)}, None), ({"random_state": np.int64(3)}, 3)],
    "callbacks": [({"callbacks": [ProgressBar()]}, None), ({"callbacks": (ProgressBar(),)}, None)],
    "scoring": [({"scoring": make_scorer(accuracy_score), "early_stopping": True}, None)],
    "initializer": [({"initializer": lambda rng, shape: rng.normal(size=shape)}, None)],
    "categorical_features": [
        ({"categorical_features": given, "preprocess": "auto"}, plain)
        for given, plain in [
            (np.array([True, False, False]), [True, False, False]), (pd.Index([0, 1]), [0, 1]), (range(2), [0, 1]),
            (pd.Series([False, True, False]), [False, True, False]), ((0,), (0,)),
        ]
    ],
    "dtype": [({"dtype": np.float32}, "float32"), ({"dtype": np.float64}, "float64")],
    "n_jobs": [({"n_jobs": np.int64(1)}, 1)],
    "shuffle": [({"shuffle": np.bool_(False)}, False)],
    "learning_rate_params": [
        (
            {"learning_rate": "step", "learning_rate_params": {"step_size": np.int64(3), "gamma": np.float32(0.5)}},
            {"step_size": 3, "gamma": 0.5},
        )
    ],
    "solver_params": [({"solver_params": {"amsgrad": True}}, {"amsgrad": True})],
    "n_iter_no_change": [({"n_iter_no_change": np.inf}, np.inf)],
}  # fmt: skip
REGRESSOR_FORMS = {
    "quantiles": [
        ({"quantiles": np.array([0.2, 0.5])}, [0.2, 0.5]),
        ({"quantiles": pd.Series([0.1, 0.2])}, [0.1, 0.2]),
        ({"quantiles": (0.5,)}, (0.5,)),
    ],
    "loss_params": [({"loss": "huber", "loss_params": {"delta": np.float32(2)}}, {"delta": 2.0})],
}
CASES = [(name, params, plain) for name, forms in FORMS.items() for params, plain in forms]
REGRESSOR_CASES = [(name, params, plain) for name, forms in REGRESSOR_FORMS.items() for params, plain in forms]


def assert_saved(fitted: Any, path: Path) -> Any:
    """Check that an estimator predicts the same bits once it is saved and loaded, and can be fitted again."""
    fitted.save(path)
    loaded = type(fitted).load(path)
    one, other = fitted.predict(X), loaded.predict(X)
    assert one.dtype == other.dtype
    np.testing.assert_array_equal(one, other)
    assert len(glassnet.load(path).predict(X)) == len(X)
    return loaded


@pytest.mark.parametrize(
    ("name", "params", "plain"), CASES, ids=[f"{case[0]} {number}" for number, case in enumerate(CASES)]
)
def test_parameters_in_every_form(name: str, params: dict[str, Any], plain: Any, tmp_path: Path) -> None:
    with ignore_convergence():
        fitted = MLPClassifier(**{"hidden_layer_sizes": (4,), "max_iter": 2, **params}).fit(X, Y)
        loaded = assert_saved(fitted, tmp_path / "m.glassnet")
        assert loaded.get_params()[name] == plain and type(loaded.get_params()[name]) is type(plain)
        loaded.fit(X, Y)


@pytest.mark.parametrize(("name", "params", "plain"), REGRESSOR_CASES)
def test_parameters_of_a_regressor(name: str, params: dict[str, Any], plain: Any, tmp_path: Path) -> None:
    with ignore_convergence():
        fitted = MLPRegressor(**{"hidden_layer_sizes": (4,), "max_iter": 2, **params}).fit(X, X[:, 0])
        assert assert_saved(fitted, tmp_path / "m.glassnet").get_params()[name] == plain


CLASSES = {
    "days": np.array(["2020-01-01", "2021-05-06"], "M8[D]"),
    "nanoseconds": pd.date_range("2020", periods=2).astype("M8[ns]").to_numpy(),
    "durations": np.array([1, 2], "m8[s]"),
    "booleans": np.array([False, True]),
    "large": np.array([-(2**63), 2**63 - 1]),
    "large unsigned": np.array([5, 2**64 - 1], np.uint64),
    "small unsigned": np.array([3, 255], np.uint8),
    "half": np.array([1, 2], np.float16),
    "single": np.array([1, 2], np.float32),
    "long double": np.array([1, 2], np.longdouble),
    "text": np.array(["ü", "한"]),
    "empty text": np.array(["", "a"]),
    "long text": np.array(["a" * 5000, "b"]),
    "objects": np.array(["a", "b"], object),
}


@pytest.mark.parametrize("preprocess", [None, "auto"])
@pytest.mark.parametrize("kind", CLASSES)
def test_classes_of_every_dtype(kind: str, preprocess: str | None, tmp_path: Path) -> None:
    path = tmp_path / "m.glassnet"
    with ignore_convergence():
        fitted = MLPClassifier((4,), max_iter=2, random_state=0, preprocess=preprocess).fit(X, CLASSES[kind][Y])
        loaded = assert_saved(fitted, path)
        np.testing.assert_array_equal(loaded.classes_, fitted.classes_)
        assert loaded.classes_.dtype == fitted.classes_.dtype
        loaded.set_params(warm_start=True).fit(X, CLASSES[kind][Y])
    model = glassnet.load(path)
    np.testing.assert_array_equal(model.encode(CLASSES[kind][Y]).ravel(), Y)
    assert all(isinstance(name, str) for name in model.target.output_names(1))

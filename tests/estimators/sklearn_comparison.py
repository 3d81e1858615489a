"""Comparisons with scikit-learn: small problems, pairs of estimators, and assertions that they agree."""

import contextlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import neural_network as sklearn_mlp
from sklearn.exceptions import ConvergenceWarning

import glassnet

#: The tolerance for float64 networks after some epochs: rounding only.
CLOSE = 1e-9
#: The tolerance for float32 networks: rounding accumulates over twenty epochs.
CLOSE_32 = 2e-4
#: The tasks, each with its estimator and the parameters it needs.
TASKS: dict[str, tuple[str, dict[str, Any]]] = {
    "binary": ("MLPClassifier", {}),
    "multi-class": ("MLPClassifier", {}),
    "multi-label": ("MLPClassifier", {}),
    "one target": ("MLPRegressor", {}),
    "three targets": ("MLPRegressor", {}),
    "counts": ("MLPRegressor", {"loss": "poisson"}),
}
ROWS, FEATURES = 60, 5
#: Fitted attributes that are one number, text or None; those that are lists of numbers; those that are lists of arrays.
LOSSES = ("loss_", "best_loss_", "best_validation_score_")
NUMBERS = (*LOSSES, "n_iter_", "t_", "n_layers_", "n_outputs_", "n_features_in_")
CURVES = ("loss_curve_", "validation_scores_")
WEIGHTS = ("coefs_", "intercepts_")


# ------------------------------------------------------------------------------------------------------ problems


def problem(task: str, dtype: str = "float64", rows: int = ROWS) -> tuple[np.ndarray, np.ndarray]:
    """Return X and y of a small problem that takes more than twenty epochs to learn."""
    draw = np.random.RandomState(7)
    x = draw.normal(size=(rows, FEATURES)).astype(dtype)
    signal = x @ draw.normal(size=(FEATURES, 3)) + 0.3 * draw.normal(size=(rows, 3))
    y = {
        "binary": np.array(["no", "yes"])[(signal[:, 0] > 0).astype(int)],
        "multi-class": np.array([2, 3, 7])[signal.argmax(axis=1)],
        "multi-label": (signal > 0).astype(int),
        "one target": signal[:, 0],
        "three targets": signal,
        "counts": draw.poisson(np.exp(np.clip(signal[:, 0] / 3, -2, 2))).astype(float),
    }[task]
    return x, y


def row_weights(rows: int = ROWS) -> np.ndarray:
    """Return uneven sample weights, some of them zero."""
    weights = np.random.RandomState(11).uniform(0.0, 3.0, size=rows)
    weights[::9] = 0.0
    return weights


def pair(task: str, **parameters: Any) -> tuple[Any, Any]:
    """Return glassnet's and scikit-learn's estimator for a task, with the same parameters."""
    name, needed = TASKS[task]
    parameters = {"hidden_layer_sizes": (6,), "random_state": 3, **needed, **parameters}
    return getattr(glassnet, name)(**parameters), getattr(sklearn_mlp, name)(**parameters)


def pair_by_name(name: str, **parameters: Any) -> tuple[Any, Any]:
    """Return glassnet's and scikit-learn's class of a name, with only these parameters."""
    return getattr(glassnet, name)(**parameters), getattr(sklearn_mlp, name)(**parameters)


# ------------------------------------------------------------------------------------------------------ outcomes


@dataclass(frozen=True)
class Outcome:
    """The outcome of a call: its value or error, and its warnings."""

    value: Any
    error: BaseException | None
    warned: list[tuple[type[Warning], str]]


def outcome(call: Callable[[], Any]) -> Outcome:
    """Make a call and return its outcome."""
    value, error = None, None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # NumPy's warnings of overflow depend on how a formula is written
        warnings.filterwarnings("ignore", category=RuntimeWarning)
        try:
            value = call()
        except Exception as problem:
            error = problem
    return Outcome(value, error, [(warning.category, str(warning.message)) for warning in caught])


def call_both(models: tuple[Any, Any], call: Callable[[Any], Any]) -> tuple[Any, Any]:
    """Make a call on both and return both values; check that it succeeds with the same warnings."""
    mine, other = (outcome(lambda model=model: call(model)) for model in models)
    for one in (other, mine):  # scikit-learn first: an error there is an error of the test
        if one.error is not None:
            raise one.error
    assert mine.warned == other.warned
    return mine.value, other.value


def fitted(task: str, weighted: bool = False, dtype: str = "float64", **parameters: Any) -> tuple[Any, Any]:
    """Return both estimators, fitted on the same problem with the same warnings."""
    x, y = problem(task, dtype)
    models = pair(task, **parameters)
    call_both(models, lambda model: model.fit(x, y, sample_weight=row_weights() if weighted else None))
    return models


@contextlib.contextmanager
def ignore_convergence() -> Iterator[None]:
    """Ignore ConvergenceWarning: most tests stop long before convergence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


# ---------------------------------------------------------------------------------------------------- comparisons


def assert_same_type(mine: Any, other: Any, name: str) -> None:
    """Check that two attributes have the same type: an int is an int, a float a float, None is None."""
    assert (mine is None) == (other is None), name
    for kind in (int, float, str, list, np.ndarray):
        if isinstance(other, kind):
            assert isinstance(mine, kind), f"{name}: {type(mine)} where scikit-learn has {type(other)}"


def assert_same_arrays(mine: list[np.ndarray], other: list[np.ndarray], within: float, name: str) -> None:
    """Check that two lists of arrays have the same shapes and dtypes and, within a tolerance, values."""
    assert [a.shape for a in mine] == [a.shape for a in other], name
    assert [a.dtype for a in mine] == [a.dtype for a in other], name
    for place, (a, b) in enumerate(zip(mine, other, strict=True)):
        np.testing.assert_allclose(a, b, rtol=within, atol=within, err_msg=f"{name}[{place}]")


def assert_same_network(mine: Any, other: Any, within: float = CLOSE) -> None:
    """Check that all fitted attributes are the same, within a tolerance."""
    for name in NUMBERS + CURVES + WEIGHTS + ("out_activation_", "classes_", "feature_names_in_"):
        assert hasattr(mine, name) == hasattr(other, name), name
        if hasattr(other, name):
            assert_same_type(getattr(mine, name), getattr(other, name), name)
    assert mine.out_activation_ == other.out_activation_
    for name in (*NUMBERS, *CURVES):
        a, b = getattr(mine, name, None), getattr(other, name, None)
        if b is not None:
            np.testing.assert_allclose(a, b, rtol=within, atol=within, err_msg=name)
    for name in WEIGHTS:
        assert_same_arrays(getattr(mine, name), getattr(other, name), within, name)
    for name in ("classes_", "feature_names_in_"):
        if hasattr(other, name):
            np.testing.assert_array_equal(getattr(mine, name), getattr(other, name))
            assert getattr(mine, name).dtype == getattr(other, name).dtype


def assert_same_predictions(mine: Any, other: Any, x: Any, within: float = CLOSE) -> None:
    """Check that every method of prediction returns the same values, shapes and dtypes."""
    for method in ("predict_proba", "predict_log_proba", "predict"):
        if not hasattr(other, method):
            assert not hasattr(mine, method)
            continue
        a, b = call_both((mine, other), lambda model, method=method: getattr(model, method)(x))
        assert a.shape == b.shape and a.dtype == b.dtype, f"{method}: {a.shape} {a.dtype}, not {b.shape} {b.dtype}"
        if b.dtype.kind == "f":
            np.testing.assert_allclose(a, b, rtol=within, atol=within, err_msg=method)
        else:
            np.testing.assert_array_equal(a, b, err_msg=method)


def same_bits(a: Any, b: Any) -> bool:
    """Return whether two arrays have the same shape, dtype and bits."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return a.tolist() == b.tolist() if a.dtype.kind in "OUS" else a.tobytes() == b.tobytes()

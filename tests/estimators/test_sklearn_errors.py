"""Errors and warnings have the classes and messages of scikit-learn's."""

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, NotFittedError
from sklearn.utils._param_validation import InvalidParameterError

from .sklearn_comparison import TASKS, Outcome, outcome, pair, pair_by_name, problem, row_weights

NAMES = ["MLPClassifier", "MLPRegressor"]
X, Y = problem("binary")
X3, Y3 = problem("multi-class")
XR, YR = problem("one target")
XP, YP = problem("counts")
XL, YL = problem("multi-label")
FRAME = pd.DataFrame(X, columns=list("abcde"))


def spoiled(value: float) -> np.ndarray:
    x = X.copy()
    x[4, 2] = value
    return x


def target(value: float) -> np.ndarray:
    y = YR.copy()
    y[4] = value
    return y


def compare_outcomes(models: tuple[Any, Any], call: Callable[[Any], Any]) -> Outcome:
    """Make a call on both, check that errors and warnings agree, and return scikit-learn's outcome."""
    mine, other = (outcome(lambda model=model: call(model)) for model in models)
    if "non-finite" in str(other.error):
        # scikit-learn continues with NaN to the last epoch; glassnet stops, with fewer warnings
        assert set(mine.warned) <= set(other.warned)
    else:
        assert mine.warned == other.warned
    if other.error is None:
        if mine.error is not None:
            raise mine.error
    else:
        assert mine.error is not None, f"scikit-learn: {other.error!r}"
        assert isinstance(mine.error, type(other.error)), repr(mine.error)
        # glassnet may add details at the end of the message
        assert str(mine.error).startswith(str(other.error).split(" Classes with too few members")[0])
    return other


#: Cause: expected class, part of the message, task, parameters, call. The whole message is compared with
#: scikit-learn's; the part given here makes sure that the test meets the cause it is named after.
FIT_ERRORS: dict[str, tuple[type[Exception], str, str, dict[str, Any], Callable[[Any], Any]]] = {
    "nan in X": (ValueError, "contains NaN", "binary", {}, lambda m: m.fit(spoiled(np.nan), Y)),
    "infinity in X": (ValueError, "infinity", "binary", {}, lambda m: m.fit(spoiled(np.inf), Y)),
    "too large for float32": (
        ValueError,
        "infinity",
        "binary",
        {},
        lambda m: m.fit(np.where(np.isfinite(X), np.float32(np.inf), 0).astype("float32"), Y),
    ),
    "nan in y": (ValueError, "contains NaN", "one target", {}, lambda m: m.fit(XR, target(np.nan))),
    "infinity in y": (ValueError, "infinity", "one target", {}, lambda m: m.fit(XR, target(np.inf))),
    "nan among classes": (ValueError, "NaN", "binary", {}, lambda m: m.fit(X, np.where(X[:, 0] > 0, np.nan, 1.0))),
    "no rows": (ValueError, "0 sample", "binary", {}, lambda m: m.fit(X[:0], Y[:0])),
    "no columns": (ValueError, "0 feature", "binary", {}, lambda m: m.fit(X[:, :0], Y)),
    "X of one dimension": (ValueError, "Expected 2D array", "binary", {}, lambda m: m.fit(X[:, 0], Y)),
    "X of three dimensions": (ValueError, "dim 3", "binary", {}, lambda m: m.fit(X[:, :, None], Y)),
    "X is one number": (ValueError, "Expected 2D array", "binary", {}, lambda m: m.fit(3.0, Y)),
    "complex X": (ValueError, "Complex data", "binary", {}, lambda m: m.fit(X * 1j, Y)),
    "text in X": (ValueError, "could not", "binary", {}, lambda m: m.fit(np.full(X.shape, "a", object), Y)),
    "y is missing": (ValueError, "requires y", "binary", {}, lambda m: m.fit(X, None)),
    "more targets than rows": (ValueError, "inconsistent", "binary", {}, lambda m: m.fit(X[:-1], Y)),
    "a regressor's y is text": (
        ValueError,
        "could not convert",
        "one target",
        {},
        lambda m: m.fit(XR, np.array(["a"] * 60, object)),
    ),
    "classes by the number line": (ValueError, "Unknown label type", "binary", {}, lambda m: m.fit(X, YR)),
    "several class columns": (ValueError, "", "binary", {}, lambda m: m.fit(X, np.column_stack([Y3, Y3]))),
    "text and numbers as classes": (TypeError, "", "binary", {}, lambda m: m.fit(X, np.array([1, "a"] * 30, object))),
    "too few weights": (ValueError, "sample_weight", "binary", {}, lambda m: m.fit(X, Y, row_weights()[:9])),
    "weights of two dimensions": (ValueError, "1D", "binary", {}, lambda m: m.fit(X, Y, np.ones((60, 2)))),
    "nan among weights": (ValueError, "NaN", "binary", {}, lambda m: m.fit(X, Y, np.full(60, np.nan))),
    "weights are text": (ValueError, "could not", "binary", {}, lambda m: m.fit(X, Y, ["a"] * 60)),
    "validation set too small": (
        ValueError,
        "validation set is too small",
        "one target",
        {"early_stopping": True},
        lambda m: m.fit(XR[:9], YR[:9]),
    ),
    "no validation rows": (
        ValueError,
        "test_size",
        "one target",
        {"early_stopping": True, "validation_fraction": 0.0},
        lambda m: m.fit(XR, YR),
    ),
    "a class of one row, early stopping": (
        ValueError,
        "least populated",
        "binary",
        {"early_stopping": True},
        lambda m: m.fit([[1, 2], [2, 3], [3, 4], [4, 5]], [0, 0, 0, 1]),
    ),
    "more classes than validation rows": (
        ValueError,
        "should be greater or equal to the number of classes",
        "binary",
        {"early_stopping": True, "validation_fraction": 0.01},
        lambda m: m.fit(X, Y),
    ),
    "an empty hidden layer": (
        ValueError,
        "must be > 0",
        "binary",
        {"hidden_layer_sizes": (3, 0)},
        lambda m: m.fit(X, Y),
    ),
    "a negative hidden layer": (
        ValueError,
        "must be > 0",
        "binary",
        {"hidden_layer_sizes": (-1,)},
        lambda m: m.fit(X, Y),
    ),
    "weights that are not finite": (
        ValueError,
        "non-finite",
        "one target",
        {"solver": "sgd", "learning_rate_init": 1e10, "activation": "identity", "max_iter": 60},
        lambda m: m.fit(XR, YR),
    ),
    "weights that are not finite, adam": (
        ValueError,
        "non-finite",
        "one target",
        {"max_iter": 3},
        lambda m: m.fit((0.9 * np.finfo(float).max) * (np.abs(XR) / np.abs(XR).max()), YR),
    ),
    "partial_fit with early stopping": (
        ValueError,
        "does not support early_stopping",
        "one target",
        {"early_stopping": True},
        lambda m: m.partial_fit(XR, YR),
    ),
    "early stopping, partial_fit after fit": (
        ValueError,
        "does not support early_stopping",
        "binary",
        {"early_stopping": True, "max_iter": 2},
        lambda m: m.fit(X, Y).partial_fit(X, Y),
    ),
    "partial_fit without classes": (ValueError, "classes must be passed", "binary", {}, lambda m: m.partial_fit(X, Y)),
    "partial_fit with an undeclared class": (
        ValueError,
        "classes not in `self.classes_`",
        "multi-class",
        {},
        lambda m: m.partial_fit(X3, Y3, classes=[2, 3]),
    ),
    "partial_fit with a new class": (
        ValueError,
        "classes not in `self.classes_`",
        "binary",
        {},
        lambda m: m.partial_fit(X, Y, classes=["no", "yes"]).partial_fit(X[:2], ["no", "maybe"]),
    ),
    "other classes named later": (
        ValueError,
        "is not the same as on last call",
        "binary",
        {},
        lambda m: m.partial_fit(X, Y, classes=["no", "yes"]).partial_fit(X, Y, classes=["no", "yes", "x"]),
    ),
    "partial_fit with fewer columns": (
        ValueError,
        "expecting 5 features",
        "one target",
        {},
        lambda m: m.partial_fit(XR, YR).partial_fit(XR[:, :3], YR),
    ),
    "partial_fit of lbfgs": (
        AttributeError,
        "no attribute 'partial_fit'",
        "binary",
        {"solver": "lbfgs"},
        lambda m: m.partial_fit(X, Y, classes=["no", "yes"]),
    ),
    "a warm start with fewer classes": (
        ValueError,
        "same classes as in the previous call",
        "multi-class",
        {"warm_start": True, "max_iter": 2},
        lambda m: m.fit(X3, Y3).fit(X3, np.where(Y3 == 7, 2, Y3)),
    ),
    "a warm start with other classes": (
        ValueError,
        "same classes as in the previous call",
        "multi-class",
        {"warm_start": True, "max_iter": 2},
        lambda m: m.fit(X3, Y3).fit(X3, Y3 + 1),
    ),
    "a warm start with fewer columns": (
        ValueError,
        "expecting 5 features",
        "one target",
        {"warm_start": True, "max_iter": 2},
        lambda m: m.fit(XR, YR).fit(XR[:, :2], YR),
    ),
    "predicting before fitting": (NotFittedError, "not fitted yet", "binary", {}, lambda m: m.predict(X)),
    "probabilities before fitting": (NotFittedError, "not fitted yet", "binary", {}, lambda m: m.predict_proba(X)),
    "log probabilities before fitting": (NotFittedError, "fitted", "binary", {}, lambda m: m.predict_log_proba(X)),
    "a score before fitting": (NotFittedError, "not fitted yet", "one target", {}, lambda m: m.score(XR, YR)),
    "predicting fewer columns": (
        ValueError,
        "X has 3 features",
        "binary",
        {"max_iter": 2},
        lambda m: m.fit(X, Y).predict(X[:, :3]),
    ),
    "predicting one row as a line": (
        ValueError,
        "Expected 2D array",
        "binary",
        {"max_iter": 2},
        lambda m: m.fit(X, Y).predict(X[0]),
    ),
    "predicting no rows": (ValueError, "0 sample", "binary", {"max_iter": 2}, lambda m: m.fit(X, Y).predict(X[:0])),
    "predicting nan": (
        ValueError,
        "NaN",
        "one target",
        {"max_iter": 2},
        lambda m: m.fit(XR, YR).predict(spoiled(np.nan)),
    ),
    "predicting other names": (
        ValueError,
        "feature names should match",
        "binary",
        {"max_iter": 2},
        lambda m: m.fit(FRAME, Y).predict(FRAME.rename(columns={"a": "z"})),
    ),
    "predicting names in another order": (
        ValueError,
        "must be in the same order",
        "binary",
        {"max_iter": 2},
        lambda m: m.fit(FRAME, Y).predict(FRAME[list("edcba")]),
    ),
    "an unknown parameter": (ValueError, "Invalid parameter 'units'", "binary", {}, lambda m: m.set_params(units=3)),
    "a nested parameter": (
        AttributeError,
        "no attribute 'set_params'",
        "one target",
        {},
        lambda m: m.set_params(loss__power=3),
    ),
}


@pytest.mark.parametrize("cause", FIT_ERRORS)
def test_an_error_has_the_class_and_message_of_sklearn(cause: str) -> None:
    error, words, task, parameters, call = FIT_ERRORS[cause]
    models = pair(task, **parameters)
    if cause == "an unknown parameter":
        mine, other = (outcome(lambda model=model: call(model)) for model in models)
        # both list their valid parameters, of which glassnet has more
        assert isinstance(mine.error, ValueError)
        assert str(mine.error).split(" for ")[0] == str(other.error).split(" for ")[0] == words
        assert "Valid parameters are: [" in str(mine.error) and "Valid parameters are: [" in str(other.error)
        return
    result = compare_outcomes(models, call)
    assert isinstance(result.error, error) and words in str(result.error), "the test does not meet its cause"


@pytest.mark.parametrize("name", NAMES)
def test_the_constructor_rejects_unknown_parameters(name: str) -> None:
    result = compare_outcomes(pair_by_name(name), lambda model: type(model)(units=3))
    assert isinstance(result.error, TypeError)


def test_negative_counts() -> None:
    # scikit-learn fits without a warning, with a loss of NaN; glassnet may raise a ValueError instead
    counts = YP.copy()
    counts[3] = -1.0
    mine, other = (outcome(lambda model=model: model.fit(XP, counts)) for model in pair("counts", max_iter=3))
    if other.error is None:
        assert mine.error is None or (isinstance(mine.error, ValueError) and "-1" in str(mine.error))
    else:
        assert type(mine.error) is type(other.error) and str(mine.error) == str(other.error)


#: Cause: class and message of the warning, task, parameters, call.
FIT_WARNINGS: dict[str, tuple[type[Warning], str, str, dict[str, Any], Callable[[Any], Any]]] = {
    "not converged": (ConvergenceWarning, "Maximum iterations (2)", "binary", {"max_iter": 2}, lambda m: m.fit(X, Y)),
    "not converged, sgd": (
        ConvergenceWarning,
        "Maximum iterations (2)",
        "one target",
        {"max_iter": 2, "solver": "sgd"},
        lambda m: m.fit(XR, YR),
    ),
    "not converged, early stopping": (
        ConvergenceWarning,
        "Maximum iterations (3)",
        "three targets",
        {"max_iter": 3, "early_stopping": True},
        lambda m: m.fit(*problem("three targets")),
    ),
    "not converged in one epoch": (ConvergenceWarning, "(1)", "binary", {"max_iter": 1}, lambda m: m.fit(X, Y)),
    "lbfgs not converged": (
        ConvergenceWarning,
        "lbfgs failed to converge after 2 iteration(s)",
        "binary",
        {"max_iter": 2, "solver": "lbfgs"},
        lambda m: m.fit(X, Y),
    ),
    "lbfgs out of calls": (
        ConvergenceWarning,
        "lbfgs failed to converge",
        "one target",
        {"max_fun": 3, "solver": "lbfgs", "tol": 0.0},
        lambda m: m.fit(XR, YR),
    ),
    "a batch larger than the data": (
        UserWarning,
        "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
        "binary",
        {"batch_size": 61, "max_iter": 2},
        lambda m: m.fit(X, Y),
    ),
    "a batch larger than the rows trained on": (
        UserWarning,
        "Got `batch_size`",
        "binary",
        {"batch_size": 60, "max_iter": 2, "early_stopping": True},
        lambda m: m.fit(X, Y),
    ),
    "a batch larger than the rows of partial_fit": (
        UserWarning,
        "Got `batch_size`",
        "one target",
        {"batch_size": 32},
        lambda m: m.partial_fit(XR[:9], YR[:9]),
    ),
    "classes as a column": (
        DataConversionWarning,
        "column-vector y was passed",
        "binary",
        {"max_iter": 2},
        lambda m: m.fit(X, Y.reshape(-1, 1)),
    ),
    "targets as a column": (
        DataConversionWarning,
        "column-vector y was passed",
        "one target",
        {"max_iter": 2},
        lambda m: m.fit(XR, YR.reshape(-1, 1)),
    ),
    "partial_fit with targets as a column": (
        DataConversionWarning,
        "column-vector y was passed",
        "one target",
        {},
        lambda m: m.partial_fit(XR, YR.reshape(-1, 1)),
    ),
    "names when fitted, none when predicting": (
        UserWarning,
        "does not have valid feature names",
        "binary",
        {"max_iter": 2},
        lambda m: m.fit(FRAME, Y).predict(X),
    ),
    "names when predicting, none when fitted": (
        UserWarning,
        "was fitted without feature names",
        "binary",
        {"max_iter": 2},
        lambda m: m.fit(X, Y).predict_proba(FRAME),
    ),
}


@pytest.mark.parametrize("cause", FIT_WARNINGS)
def test_a_warning_has_the_class_and_message_of_sklearn(cause: str) -> None:
    category, words, task, parameters, call = FIT_WARNINGS[cause]
    result = compare_outcomes(pair(task, **parameters), call)
    assert result.error is None
    assert any(kind is category and words in text for kind, text in result.warned), "the test does not meet its cause"


@pytest.mark.parametrize("task", TASKS)
def test_no_warning_without_a_cause(task: str) -> None:
    x, y = problem(task)
    for parameters in ({}, {"early_stopping": True}, {"solver": "sgd"}, {"solver": "lbfgs", "tol": 1.0}):
        models = pair(task, **{"tol": 1.0, "n_iter_no_change": 2, **parameters})
        result = compare_outcomes(models, lambda model, x=x, y=y: model.fit(x, y).predict(x))
        assert result.error is None and result.warned == []


@pytest.mark.parametrize("name", NAMES)
def test_mixed_column_labels_give_the_same_error(name: str) -> None:
    frame = pd.DataFrame(X, columns=["a", "b", 3, 4, 5])
    result = compare_outcomes(pair_by_name(name), lambda model: model.fit(frame, YR if name == "MLPRegressor" else Y))
    assert isinstance(result.error, TypeError) and "names" in str(result.error)


@pytest.mark.parametrize("task", ["binary", "one target"])
def test_a_rejected_fit_leaves_the_estimator_usable(task: str) -> None:
    x, y = problem(task)
    for mine in (pair(task, max_iter=2)[0], clone(pair(task, max_iter=2)[0])):
        with pytest.raises(ValueError):
            mine.fit(spoiled(np.nan), y)
        with pytest.raises(NotFittedError):
            mine.predict(x)
        assert outcome(lambda mine=mine, x=x, y=y: mine.fit(x, y)).error is None


def test_a_rejected_partial_fit_does_not_change_the_network() -> None:
    x, y = problem("multi-class")
    mine, _ = pair("multi-class")
    mine.partial_fit(x, y, classes=[2, 3, 7])
    before = pickle.dumps(mine.predict_proba(x))
    for wrong in (
        lambda: mine.partial_fit(spoiled(np.inf), y),
        lambda: mine.partial_fit(x, y + 1),
        lambda: mine.partial_fit(x, y, sample_weight=np.ones(3)),
        lambda: mine.partial_fit(x[:, :2], y),
    ):
        with pytest.raises(ValueError):
            wrong()
        assert pickle.dumps(mine.predict_proba(x)) == before


def test_warnings_turned_into_errors_are_raised_from_fit() -> None:
    # with -W error, fit raises ConvergenceWarning and the weights are set, as in scikit-learn
    models = pair("binary", max_iter=2)
    for model in models:
        with pytest.raises(ConvergenceWarning, match="Maximum iterations"):
            model.fit(X, Y)
        assert model.n_iter_ == 2
    np.testing.assert_allclose(models[0].coefs_[0], models[1].coefs_[0], rtol=1e-9)


def test_error_classes_of_sklearn_catch_the_errors() -> None:
    mine, _ = pair("binary", alpha=-1.0)
    for caught in (InvalidParameterError, ValueError, TypeError):
        with pytest.raises(caught):
            mine.fit(X, Y)

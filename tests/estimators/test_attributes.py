"""Fitted attributes: the same names, types and shapes as scikit-learn's."""

from typing import Any

import numpy as np
import pytest
from sklearn import config_context
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from .sklearn_comparison import (
    CURVES,
    FEATURES,
    NUMBERS,
    TASKS,
    WEIGHTS,
    assert_same_network,
    assert_same_type,
    call_both,
    fitted,
    ignore_convergence,
    pair,
    problem,
)

SOLVERS: dict[str, dict[str, Any]] = {
    "lbfgs": {"solver": "lbfgs", "max_iter": 4},
    "sgd": {"solver": "sgd", "max_iter": 3},
    "sgd, early": {"solver": "sgd", "max_iter": 3, "early_stopping": True},
    "adam": {"max_iter": 3},
    "adam, early": {"max_iter": 3, "early_stopping": True},
}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_attributes_exist_and_have_types_as_in_sklearn(task: str, solver: str, dtype: str) -> None:
    mine, other = fitted(task, dtype=dtype, hidden_layer_sizes=(4, 3), **SOLVERS[solver])
    public = [name for name in vars(other) if name.endswith("_") and not name.startswith("_")]
    assert {"coefs_", "intercepts_", "n_iter_", "loss_"} <= set(public)
    for name in public:
        assert hasattr(mine, name), name
        assert_same_type(getattr(mine, name), getattr(other, name), name)
    for name in (*NUMBERS, *CURVES, *WEIGHTS, "classes_", "feature_names_in_"):
        assert hasattr(mine, name) == hasattr(other, name), name
    for name in WEIGHTS:
        assert [a.shape for a in getattr(mine, name)] == [a.shape for a in getattr(other, name)]
        assert [a.dtype for a in getattr(mine, name)] == [a.dtype for a in getattr(other, name)]
    for name in ("n_iter_", "n_layers_", "n_outputs_", "n_features_in_", "out_activation_", "t_"):
        assert getattr(mine, name) == getattr(other, name), name
    for name in CURVES:
        if getattr(other, name, None) is not None:
            assert len(getattr(mine, name)) == len(getattr(other, name)) == mine.n_iter_
            assert_same_type(getattr(mine, name)[0], getattr(other, name)[0], name)


@pytest.mark.parametrize(
    ("task", "classes"),
    [
        ("binary", np.array(["no", "yes"])),
        ("binary", np.array(["no", "yes"], dtype=object)),
        ("binary", np.array([False, True])),
        ("binary", np.array([-1, 1])),
        ("binary", np.array([1.0, 2.0])),
        ("multi-class", np.array(["a", "b", "c"])),
        ("multi-class", np.array(["a", "bb", "c"], dtype=object)),
        ("multi-class", np.array([-5, 0, 9], dtype=np.int8)),
        ("multi-class", np.array([0.0, 1.0, 2.0], dtype=np.float32)),
    ],
    ids=repr,
)
def test_classes_keep_their_type_and_come_back_from_predict(task: str, classes: np.ndarray) -> None:
    x, y = problem(task)
    y = classes[np.unique(y, return_inverse=True)[1]]
    models = pair(task, max_iter=40, learning_rate_init=0.05)
    mine, other = call_both(models, lambda model: model.fit(x, y))
    np.testing.assert_array_equal(mine.classes_, other.classes_)
    assert mine.classes_.dtype == other.classes_.dtype
    a, b = call_both(models, lambda model: model.predict(x))
    np.testing.assert_array_equal(a, b)
    assert a.dtype == b.dtype
    assert mine.score(x, y) == pytest.approx(other.score(x, y))


def test_a_target_of_one_class() -> None:
    x, _ = problem("binary")
    models = pair("binary", max_iter=3)
    mine, other = call_both(models, lambda model: model.fit(x, np.full(len(x), "only")))
    assert list(mine.classes_) == list(other.classes_) == ["only"]
    a, b = call_both(models, lambda model: model.predict(x))
    np.testing.assert_array_equal(a, b)


def test_multi_label_targets_of_one_column_or_without_positives() -> None:
    x, y = problem("multi-label")
    y = np.column_stack([y, np.zeros(len(y), int)])
    models = pair("multi-label", max_iter=3)
    mine, other = call_both(models, lambda model: model.fit(x, y))
    assert mine.n_outputs_ == other.n_outputs_ == 4
    np.testing.assert_array_equal(mine.classes_, other.classes_)
    a, b = call_both(models, lambda model: model.predict(x))
    assert a.shape == b.shape and a.dtype == b.dtype


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("sizes", [3, (3,), [3, 2], np.array([3, 2]), (), (np.int64(3),)], ids=repr)
def test_hidden_layer_sizes_in_every_form(task: str, sizes: Any) -> None:
    mine, other = fitted(task, hidden_layer_sizes=sizes, max_iter=2)
    assert [w.shape for w in mine.coefs_] == [w.shape for w in other.coefs_]
    assert mine.coefs_[0].shape[0] == FEATURES and mine.n_layers_ == other.n_layers_ == len(mine.coefs_) + 1


@pytest.mark.parametrize("task", TASKS)
def test_fit_returns_the_estimator_and_a_second_fit_restarts(task: str) -> None:
    x, y = problem(task)
    mine, other = fitted(task, max_iter=3)
    before = [w.copy() for w in mine.coefs_]
    returned, _ = call_both((mine, other), lambda model: model.fit(x, y))
    assert returned is mine
    assert all(np.array_equal(a, b) for a, b in zip(before, mine.coefs_, strict=True))
    assert len(mine.loss_curve_) == len(other.loss_curve_) == 3 and mine.t_ == other.t_


@pytest.mark.parametrize("task", TASKS)
def test_a_second_fit_on_other_columns_restarts(task: str) -> None:
    x, y = problem(task)
    models = fitted(task, max_iter=2)
    mine, other = call_both(models, lambda model: model.fit(x[:, :2], y))
    assert mine.n_features_in_ == other.n_features_in_ == 2
    assert mine.coefs_[0].shape == other.coefs_[0].shape


@pytest.mark.parametrize("task", TASKS)
def test_check_is_fitted(task: str) -> None:
    mine, _ = pair(task)
    with pytest.raises(NotFittedError, match=f"This {type(mine).__name__} instance is not fitted yet"):
        check_is_fitted(mine)
    check_is_fitted(fitted(task, max_iter=2)[0])
    check_is_fitted(fitted(task, solver="lbfgs", max_iter=2)[0], "coefs_")


def test_sklearn_config_is_respected() -> None:
    x, y = problem("one target")
    models = pair("one target", max_iter=3)
    with config_context(skip_parameter_validation=True):
        assert_same_network(*call_both(models, lambda model: model.fit(x, y)))
    spoiled = x.copy()
    spoiled[3, 3] = np.nan
    with config_context(assume_finite=True):  # X is not validated, and NaN is returned
        a, b = call_both(models, lambda model: model.predict(spoiled))
    assert np.isnan(a[3]) and np.isnan(b[3]) and np.isfinite(np.delete(a, 3)).all()


@pytest.mark.parametrize("task", TASKS)
def test_fitting_changes_neither_the_data_nor_the_parameters(task: str) -> None:
    x, y = problem(task)
    weights = np.linspace(0.5, 2.0, len(x))
    copies = (x.copy(), y.copy(), weights.copy())
    mine, _ = pair(task, max_iter=2)
    before = mine.get_params()
    with ignore_convergence():
        mine.fit(x, y, sample_weight=weights)
    assert all(np.array_equal(a, b) for a, b in zip(copies, (x, y, weights), strict=True))
    assert mine.get_params() == before


@pytest.mark.parametrize("task", TASKS)
def test_read_only_data(task: str) -> None:
    x, y = problem(task)
    for array in (x, y):
        array.flags.writeable = False
    models = pair(task, max_iter=2)
    call_both(models, lambda model: model.fit(x, y))
    call_both(models, lambda model: model.predict(x))


def test_predictions_follow_weights_modified_in_place() -> None:
    x, _ = problem("one target")
    models = fitted("one target", max_iter=2)
    for model in models:
        model.coefs_[0][:] = 0.0
        model.intercepts_[0][:] = 1.0
        model.intercepts_[-1] += 2.0
    np.testing.assert_allclose(models[0].predict(x), models[1].predict(x))
    assert np.ptp(models[0].predict(x)) == 0.0


def test_predictions_follow_replaced_weights() -> None:
    x, _ = problem("multi-class")
    models = fitted("multi-class", max_iter=2)
    draw = np.random.RandomState(0)
    new = [draw.normal(size=w.shape) for w in models[1].coefs_]
    for model in models:
        model.coefs_ = [w.copy() for w in new]
    np.testing.assert_allclose(models[0].predict_proba(x), models[1].predict_proba(x))
    for model in models:
        model.coefs_[1] = 2 * new[1]  # one item of the list
        model.intercepts_[0] = np.zeros(6)
    np.testing.assert_allclose(models[0].predict_proba(x), models[1].predict_proba(x))

"""partial_fit: the same weights as scikit-learn's after any sequence of calls, with or without fit before."""

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from glassnet import InputError, MLPClassifier, MLPRegressor

from .sklearn_comparison import (
    TASKS,
    assert_same_network,
    assert_same_predictions,
    call_both,
    ignore_convergence,
    pair,
    problem,
    row_weights,
)

SOLVERS: dict[str, dict[str, Any]] = {
    "plain": {"solver": "sgd", "momentum": 0.0},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False},
    "Nesterov": {"solver": "sgd"},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling"},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 2},
    "adam": {"solver": "adam"},
}
#: Classes that the first call need not contain.
CLASSES = {"binary": ["no", "yes"], "multi-class": [2, 3, 7], "multi-label": [0, 1, 2]}


def classes(task: str) -> dict[str, Any]:
    return {"classes": np.array(CLASSES[task])} if task in CLASSES else {}


@pytest.mark.sweep(strength=2)
@pytest.mark.parametrize("weighted", [False, True], ids=["even rows", "weighted rows"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("task", TASKS)
def test_weights_after_each_partial_fit(task: str, solver: str, weighted: bool) -> None:
    x, y = problem(task)
    weights = 0.1 + row_weights()
    models = pair(task, shuffle=False, batch_size=7, learning_rate_init=0.02, **SOLVERS[solver])
    for number in range(12):
        rows = slice(15 * (number % 4), 15 * (number % 4) + 15)
        given = {"sample_weight": weights[rows]} if weighted else {}
        named = classes(task) if number == 0 else {}
        returned, _ = call_both(models, lambda m, r=rows, g=given, n=named: m.partial_fit(x[r], y[r], **g, **n))
        assert returned is models[0]
        assert models[0].n_iter_ == models[1].n_iter_ == 1
        assert_same_network(*models)
    assert len(models[0].loss_curve_) == 12 and models[0].t_ == 12 * 15
    assert_same_predictions(*models, x)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("task", TASKS)
def test_the_first_partial_fit_is_shuffled_as_in_sklearn(task: str, solver: str) -> None:
    x, y = problem(task)
    models = pair(task, batch_size=7, learning_rate_init=0.02, **SOLVERS[solver])
    call_both(models, lambda model: model.partial_fit(x, y, **classes(task)))
    assert_same_network(*models)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("task", TASKS)
def test_partial_fit_after_fit_keeps_the_optimizer_state(task: str, solver: str) -> None:
    x, y = problem(task)
    models = pair(task, shuffle=False, batch_size=20, max_iter=4, learning_rate_init=0.02, **SOLVERS[solver])
    call_both(models, lambda model: model.fit(x, y))
    for rows in (slice(0, 30), slice(20, 60), slice(5, 6)):
        call_both(models, lambda model, rows=rows: model.partial_fit(x[rows], y[rows]))
        assert_same_network(*models)
    assert models[0].t_ == 4 * 60 + 30 + 40 + 1


@pytest.mark.parametrize("task", ["binary", "one target"])
def test_fit_after_partial_fit_restarts(task: str) -> None:
    x, y = problem(task)
    models = pair(task, batch_size=20, max_iter=3)
    call_both(models, lambda model: model.partial_fit(x, y, **classes(task)))
    call_both(models, lambda model: model.fit(x, y))
    assert_same_network(*models)
    assert len(models[0].loss_curve_) == 3


@pytest.mark.parametrize("task", TASKS)
def test_ten_partial_fits_of_all_rows_equal_ten_epochs(task: str) -> None:
    x, y = problem(task)
    mine, _ = pair(task, shuffle=False, batch_size=16, max_iter=10)
    twin, _ = pair(task, shuffle=False, batch_size=16)
    call_both((mine, mine), lambda model: model.fit(x, y))
    for _ in range(10):
        twin.partial_fit(x, y, **classes(task))
    for a, b in zip(mine.coefs_ + mine.intercepts_, twin.coefs_ + twin.intercepts_, strict=True):
        np.testing.assert_array_equal(a, b)
    assert twin.loss_curve_ == mine.loss_curve_ and twin.t_ == mine.t_


def test_classes_may_be_absent_at_first_and_passed_again() -> None:
    x, _ = problem("multi-class")
    models = pair("multi-class", shuffle=False)
    call_both(models, lambda m: m.partial_fit(x[:3], ["a", "b", "c"], classes=["a", "b", "c", "d"]))
    call_both(models, lambda m: m.partial_fit(x[3:4], ["d"]))
    call_both(models, lambda m: m.partial_fit(x[4:6], ["a", "a"], classes=["d", "c", "b", "a"]))
    assert_same_network(*models)
    assert list(models[0].classes_) == ["a", "b", "c", "d"]
    assert models[0].predict_proba(x).shape == (60, 4)


def test_a_first_partial_fit_with_one_of_two_classes() -> None:
    x, y = problem("binary")
    models = pair("binary", shuffle=False)
    call_both(models, lambda m: m.partial_fit(x[:2], ["yes", "yes"], classes=["yes", "no"]))
    call_both(models, lambda m: m.partial_fit(x, y))
    assert_same_network(*models)
    assert_same_predictions(*models, x)


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_matrix])
def test_partial_fit_of_sparse_and_dense_rows_in_turn(container: Any) -> None:
    x, y = problem("one target")
    models = pair("one target", shuffle=False, batch_size=16)
    for rows in (container(x), x, container(x)):
        call_both(models, lambda model, rows=rows: model.partial_fit(rows, y))
    assert_same_network(*models)


def test_parameters_can_change_between_partial_fits() -> None:
    x, y = problem("one target")
    for solver in ("sgd", "adam"):
        models = pair("one target", shuffle=False, solver=solver, learning_rate_init=0.1)
        call_both(models, lambda model: model.partial_fit(x, y))
        call_both(models, lambda model: model.set_params(alpha=5.0, batch_size=7).partial_fit(x, y))
        assert_same_network(*models)


def test_partial_fit_with_weights_set_on_an_unfitted_network() -> None:
    # one step computed by hand, as in scikit-learn's own tests: one row, logistic units, no momentum
    parameters = {"solver": "sgd", "learning_rate_init": 0.1, "alpha": 0.1, "activation": "logistic", "momentum": 0.0}
    models = pair("binary", hidden_layer_sizes=2, max_iter=1, **parameters)
    for model in models:
        model.coefs_ = [np.array([[0.1, 0.2], [0.3, 0.1], [0.5, 0.0]]), np.array([[0.1], [0.2]])]
        model.intercepts_ = [np.array([0.1, 0.1]), np.array([1.0])]
        model.n_outputs_, model.n_features_in_, model.n_layers_, model.out_activation_ = 1, 3, 3, "logistic"
        model.n_iter_, model.t_, model.best_loss_, model.loss_curve_ = 0, 0, np.inf, []
        model._no_improvement_count = 0
    mine, other = call_both(models, lambda m: m.partial_fit(np.array([[0.6, 0.8, 0.7]]), np.array([0]), classes=[0, 1]))
    for name in ("coefs_", "intercepts_"):
        for a, b in zip(getattr(mine, name), getattr(other, name), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
    np.testing.assert_allclose(mine.coefs_[1].ravel(), [0.04706, 0.154089], atol=1e-3)
    np.testing.assert_allclose(mine.predict_proba([[0.6, 0.8, 0.7]])[0, 1], 0.739, atol=1e-3)


@pytest.mark.parametrize("rows", [1, 60])
@pytest.mark.parametrize(
    "estimator",
    [
        MLPClassifier(preprocess="auto"),
        MLPClassifier(preprocess="scale"),
        MLPRegressor(preprocess="auto"),
        MLPRegressor(target_transform="standardize"),
    ],
)
def test_statistics_of_all_rows_need_a_fit_first(estimator: Any, rows: int) -> None:
    is_classifier = isinstance(estimator, MLPClassifier)
    x, y = problem("multi-class" if is_classifier else "one target")
    named = {"classes": [2, 3, 7]} if is_classifier else {}
    estimator = type(estimator)(**{**estimator.get_params(), "max_iter": 1, "random_state": 0})
    for _ in range(2):
        with pytest.raises(InputError, match=r"takes its statistics from the rows of the first fit.*call fit on repr"):
            estimator.partial_fit(x[:rows], y[:rows], **named)
    with ignore_convergence():
        estimator.fit(x, y)
    before = estimator.model_.preprocessor.to_dict()
    estimator.partial_fit(x[:rows], y[:rows])
    assert estimator.model_.preprocessor.to_dict() == before and estimator.t_ == 60 + rows


@pytest.mark.parametrize("method", ["partial_fit", "fit"])
@pytest.mark.parametrize(
    ("estimator", "changed"),
    [
        (MLPClassifier(), {"preprocess": "auto"}),
        (MLPClassifier(preprocess="auto"), {"preprocess": None}),
        (MLPClassifier(preprocess="scale"), {"preprocess": "auto"}),
        (MLPClassifier(), {"out_activation": "identity", "loss": "hinge"}),
        (MLPRegressor(), {"target_transform": "standardize"}),
        (MLPRegressor(target_transform="standardize"), {"target_transform": None}),
        (MLPRegressor(quantiles=[0.1, 0.9]), {"quantiles": [0.2, 0.8]}),
        (MLPRegressor(quantiles=[0.1, 0.9]), {"quantiles": None}),
        (MLPRegressor(), {"loss": "poisson"}),
    ],
)
def test_a_continuation_refuses_a_change_of_what_the_network_is_built_on(
    estimator: Any, changed: dict[str, Any], method: str
) -> None:
    x, y = problem("multi-class" if isinstance(estimator, MLPClassifier) else "counts")
    estimator = type(estimator)(**{**estimator.get_params(), "max_iter": 1, "random_state": 0, "warm_start": True})
    with ignore_convergence():
        estimator.fit(x, y)
    kept = {name: estimator.get_params()[name] for name in changed}
    expected = estimator.predict(x)
    estimator.set_params(**changed)
    with pytest.raises(InputError, match="set (it|them) back"):
        getattr(estimator, method)(x, y)
    np.testing.assert_array_equal(estimator.predict(x), expected)
    with ignore_convergence():
        getattr(estimator.set_params(**kept), method)(x, y)
        estimator.set_params(**changed, warm_start=False).fit(x, y)


def test_an_activation_that_is_replaced_between_calls_also_predicts() -> None:
    x, y = problem("one target")
    models = pair("one target", shuffle=False)
    call_both(models, lambda model: model.partial_fit(x, y))
    call_both(models, lambda model: model.set_params(activation="tanh").partial_fit(x, y))
    assert_same_network(*models)
    assert_same_predictions(*models, x)

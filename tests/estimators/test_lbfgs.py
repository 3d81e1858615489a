"""lbfgs: the same first steps and the same minimum as in scikit-learn."""

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from .sklearn_comparison import (
    TASKS,
    assert_same_network,
    call_both,
    fitted,
    ignore_convergence,
    outcome,
    pair,
    problem,
    row_weights,
)

#: A smooth problem with a penalty strong enough for a unique minimum.
SMOOTH: dict[str, Any] = {"solver": "lbfgs", "activation": "tanh", "alpha": 1.0}


@pytest.mark.parametrize("weighted", [False, True], ids=["even rows", "weighted rows"])
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("task", TASKS)
def test_the_first_steps_are_the_same(task: str, activation: str, weighted: bool) -> None:
    mine, other = fitted(task, weighted, solver="lbfgs", activation=activation, max_iter=4, hidden_layer_sizes=(5, 3))
    assert mine.n_iter_ == other.n_iter_
    assert_same_network(mine, other, 1e-6)


@pytest.mark.parametrize("weighted", [False, True], ids=["even rows", "weighted rows"])
@pytest.mark.parametrize("task", TASKS)
def test_it_converges_to_the_same_minimum(task: str, weighted: bool) -> None:
    """Compare the minimum, not the path to it: after many iterations the path depends on the rounding of the BLAS."""
    x, y = problem(task)
    mine, other = fitted(task, weighted, **SMOOTH | {"alpha": 3.0}, max_iter=2000, tol=1e-7)
    assert mine.loss_ == pytest.approx(other.loss_, rel=1e-9)
    if hasattr(other, "predict_proba"):
        np.testing.assert_allclose(mine.predict_proba(x), other.predict_proba(x), atol=1e-5)
        np.testing.assert_array_equal(mine.predict(x), other.predict(x))
    else:
        np.testing.assert_allclose(mine.predict(x), other.predict(x), rtol=1e-5, atol=1e-5)
    # the gradient vanishes there: scikit-learn, started from these parameters, finds nothing lower
    loss = mine.loss_
    other.coefs_, other.intercepts_ = [w.copy() for w in mine.coefs_], [b.copy() for b in mine.intercepts_]
    with ignore_convergence():  # it may say that its line search finds nothing at all
        other.set_params(warm_start=True).fit(x, y, sample_weight=row_weights() if weighted else None)
    assert other.loss_ == pytest.approx(loss, rel=1e-6)


@pytest.mark.parametrize("task", TASKS)
def test_lbfgs_has_no_loss_curve(task: str) -> None:
    mine, other = fitted(task, solver="lbfgs", max_iter=3)
    for name in ("loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_"):
        assert not hasattr(other, name) and not hasattr(mine, name), name
    assert mine.t_ == other.t_ == 0


def test_verbose_prints_the_same_lines_as_sklearn(capfd: pytest.CaptureFixture[str]) -> None:
    x, y = problem("one target")
    said = []
    for model in pair("one target", **SMOOTH, max_iter=3, verbose=True):
        call_both((model, model), lambda one: one.fit(x, y))
        said.append(capfd.readouterr().out)
    assert said[0] == said[1]


@pytest.mark.parametrize("limit", [{"max_iter": 2}, {"max_fun": 3}])
@pytest.mark.parametrize("task", ["binary", "one target"])
def test_max_iter_and_max_fun(task: str, limit: dict[str, int]) -> None:
    x, y = problem(task)
    models = pair(task, **SMOOTH, tol=0.0, **limit)
    results = [outcome(lambda model=model: model.fit(x, y)) for model in models]
    assert results[0].warned == results[1].warned
    assert [category for category, _ in results[1].warned] == [ConvergenceWarning]
    assert models[0].n_iter_ == models[1].n_iter_
    assert models[0].loss_ == pytest.approx(models[1].loss_, rel=1e-9)


def test_tol_is_a_tolerance_of_the_gradient() -> None:
    mine, other = fitted("one target", **SMOOTH, tol=0.3)
    assert mine.n_iter_ == other.n_iter_ < 20
    assert_same_network(mine, other, 1e-6)


@pytest.mark.parametrize("ignored", [{"early_stopping": True}, {"batch_size": 1000}, {"shuffle": False}])
def test_parameters_of_the_other_solvers_are_ignored(ignored: dict[str, Any]) -> None:
    mine, other = fitted("binary", solver="lbfgs", max_iter=3, **ignored)
    assert_same_network(mine, other, 1e-6)


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csr_matrix, sparse.csc_array, sparse.csc_matrix])
def test_sparse_rows_reach_the_same_minimum(container: Any) -> None:
    x, y = problem("multi-class")
    x = np.where(x > 0.5, x, 0.0)
    models = pair("multi-class", solver="lbfgs", activation="tanh", max_iter=5)
    mine, other = call_both(models, lambda model: model.fit(container(x), y))
    assert_same_network(mine, other, 1e-6)


def test_a_warm_start_continues_from_the_weights() -> None:
    x, y = problem("one target")
    models = fitted("one target", **SMOOTH, max_iter=5, warm_start=True)
    before = models[0].loss_
    for _ in range(3):
        call_both(models, lambda model: model.fit(x, y))
        assert models[0].loss_ == pytest.approx(models[1].loss_, rel=1e-5)
        assert models[0].n_iter_ == models[1].n_iter_
    assert models[0].loss_ < before


@pytest.mark.parametrize("task", ["multi-class", "three targets"])
def test_custom_initial_weights(task: str) -> None:
    x, y = problem(task)
    models = fitted(task, **SMOOTH, max_iter=1, warm_start=True)
    draw = np.random.RandomState(9)
    weights = [draw.normal(size=w.shape) for w in models[1].coefs_]
    for model in models:
        model.coefs_ = [w.copy() for w in weights]
        model.set_params(max_iter=5)
    mine, other = call_both(models, lambda model: model.fit(x, y, sample_weight=row_weights()))
    assert_same_network(mine, other, 1e-6)


def test_a_network_without_hidden_units_is_poisson_regression() -> None:
    # one identity unit in between changes nothing: the same predictions as scikit-learn's linear model
    from sklearn.linear_model import PoissonRegressor

    x = np.linspace(0, 1, 100).reshape(-1, 1)
    y = np.random.RandomState(2).poisson(np.exp(x.ravel() + 1))
    linear = PoissonRegressor(alpha=0, tol=1e-7).fit(x, y)
    mine, other = pair("counts", hidden_layer_sizes=(1,), activation="identity", alpha=0, solver="lbfgs", tol=1e-7)
    call_both((mine, other), lambda model: model.fit(x, y))
    np.testing.assert_allclose(mine.predict(x), linear.predict(x), rtol=1e-4)
    np.testing.assert_allclose(other.predict(x), linear.predict(x), rtol=1e-4)

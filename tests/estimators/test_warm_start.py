"""Warm starts and partial_fit continue exactly where training stopped, which scikit-learn's do not."""

from typing import Any

import numpy as np
import pytest

from .sklearn_comparison import TASKS, fitted, ignore_convergence, pair, problem, same_bits

SOLVERS: dict[str, dict[str, Any]] = {
    "plain": {"solver": "sgd", "momentum": 0.0},
    "Nesterov": {"solver": "sgd"},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling"},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 2},
    "adam": {"solver": "adam"},
}
PATIENT = {"n_iter_no_change": 100, "batch_size": 16, "learning_rate_init": 0.01}
CLASSES = {"binary": ["no", "yes"], "multi-class": [2, 3, 7], "multi-label": [0, 1, 2]}


def assert_same_bits(mine: Any, twin: Any) -> None:
    for a, b in zip(mine.coefs_ + mine.intercepts_, twin.coefs_ + twin.intercepts_, strict=True):
        assert same_bits(a, b)
    assert mine.loss_curve_ == twin.loss_curve_ and mine.t_ == twin.t_ and mine.best_loss_ == twin.best_loss_


def train(model: Any, task: str, epochs: int, dtype: str = "float64") -> Any:
    x, y = problem(task, dtype)
    with ignore_convergence():
        return model.set_params(max_iter=epochs).fit(x, y)


@pytest.mark.sweep(strength=2)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shuffle", [False, True], ids=["in order", "shuffled"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("task", TASKS)
def test_two_fits_of_five_epochs_equal_one_of_ten(task: str, solver: str, shuffle: bool, dtype: str) -> None:
    parameters = {**PATIENT, **SOLVERS[solver], "shuffle": shuffle}
    whole = train(pair(task, **parameters)[0], task, 10, dtype)
    parts = train(pair(task, **parameters, warm_start=True)[0], task, 5, dtype)
    assert_same_bits(train(parts, task, 5, dtype), whole)
    assert parts.n_iter_ == 5 and len(parts.loss_curve_) == 10


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("task", TASKS)
def test_ten_partial_fits_of_all_rows_equal_ten_shuffled_epochs(task: str, solver: str) -> None:
    x, y = problem(task)
    parameters = {**PATIENT, **SOLVERS[solver]}
    whole = train(pair(task, **parameters)[0], task, 10)
    parts, _ = pair(task, **parameters)
    for _ in range(10):
        parts.partial_fit(x, y, **({"classes": CLASSES[task]} if task in CLASSES else {}))
    assert_same_bits(parts, whole)


@pytest.mark.parametrize("task", ["multi-class", "one target"])
def test_fit_and_partial_fit_in_turn_equal_one_fit(task: str) -> None:
    x, y = problem(task)
    whole = train(pair(task, **PATIENT)[0], task, 8)
    parts = train(pair(task, **PATIENT, warm_start=True)[0], task, 3)
    parts.partial_fit(x, y)
    train(parts, task, 2)
    parts.partial_fit(x, y).partial_fit(x, y)
    assert_same_bits(parts, whole)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_warm_start_keeps_the_held_out_rows(solver: str) -> None:
    parameters = {**PATIENT, "solver": solver, "early_stopping": True, "learning_rate_init": 1e-3, "tol": 0.0}
    whole = train(pair("one target", **parameters)[0], "one target", 10)
    assert np.argmax(whole.validation_scores_) == 9, (
        "the last epoch must be the best, or the parts can't meet the whole"
    )
    parts = train(pair("one target", **parameters, warm_start=True)[0], "one target", 5)
    train(parts, "one target", 5)
    assert parts.validation_scores_ == whole.validation_scores_
    for a, b in zip(parts.coefs_, whole.coefs_, strict=True):
        assert same_bits(a, b)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("way", ["replaced", "one array replaced", "written into"])
def test_changed_weights_are_trained_on_with_a_new_optimizer(way: str, solver: str) -> None:
    # then it equals scikit-learn's warm start: the same weights, a new optimizer, the first order of the seed
    x, y = problem("three targets")
    models = fitted("three targets", solver=solver, max_iter=3, warm_start=True, batch_size=16, shuffle=False)
    draw = np.random.RandomState(1)
    new = [draw.normal(size=w.shape) for w in models[1].coefs_]
    for model in models:
        if way == "replaced":
            model.coefs_ = [w.copy() for w in new]
        elif way == "one array replaced":
            model.coefs_[0] = new[0].copy()
        else:
            model.coefs_[0][:] = new[0]
        with ignore_convergence():
            model.fit(x, y)
    for name in ("coefs_", "intercepts_"):
        for a, b in zip(getattr(models[0], name), getattr(models[1], name), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def test_a_first_fit_with_warm_start_equals_a_plain_fit() -> None:
    for task in TASKS:
        mine = train(pair(task, warm_start=True, **PATIENT)[0], task, 4)
        assert_same_bits(mine, train(pair(task, **PATIENT)[0], task, 4))

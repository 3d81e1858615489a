"""With the same initial weights and batches, the weights after twenty epochs equal scikit-learn's within rounding."""

from typing import Any

import numpy as np
import pytest

from .sklearn_comparison import (
    TASKS,
    assert_same_network,
    assert_same_predictions,
    call_both,
    fitted,
    ignore_convergence,
    pair,
    problem,
    row_weights,
)

EPOCHS = {"max_iter": 20, "n_iter_no_change": 50}
MOMENTA = {
    "plain": {"momentum": 0.0},
    "momentum": {"momentum": 0.8, "nesterovs_momentum": False},
    "Nesterov": {"momentum": 0.9},
}
SCHEDULES: dict[str, dict[str, Any]] = {
    "constant": {"learning_rate": "constant"},
    "invscaling": {"learning_rate": "invscaling", "power_t": 0.3},
    # no epoch improves by more than this, so the learning rate drops every fourth epoch
    "adaptive": {"learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 3},
}
SOLVERS: dict[str, dict[str, Any]] = {
    f"sgd {momentum} {schedule}": {
        "solver": "sgd",
        "learning_rate_init": 0.05,
        **EPOCHS,
        **MOMENTA[momentum],
        **SCHEDULES[schedule],
    }
    for momentum in MOMENTA
    for schedule in SCHEDULES
}
SOLVERS["adam"] = {"solver": "adam", "learning_rate_init": 0.01, **EPOCHS}
SOLVERS["adam, other decays"] = {**SOLVERS["adam"], "beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-3}
#: Sixty rows in one batch, in equal batches, with a shorter last batch, one by one.
BATCHES = ["auto", 20, 16, 1]
CASES = [
    (task, solver, BATCHES[(place + shift) % 3], (place + shift) % 2 == 1)
    for place, solver in enumerate(SOLVERS)
    for shift, task in enumerate(TASKS)
]


@pytest.mark.sweep(strength=2)
@pytest.mark.parametrize("shuffle", [False, True], ids=["in order", "shuffled"])
@pytest.mark.parametrize(("task", "solver", "batch", "weighted"), CASES)
def test_twenty_epochs_end_in_the_same_weights(
    task: str, solver: str, batch: int, weighted: bool, shuffle: bool
) -> None:
    mine, other = fitted(task, weighted, batch_size=batch, shuffle=shuffle, **SOLVERS[solver])
    assert other.n_iter_ == 20
    assert_same_network(mine, other)
    assert_same_predictions(mine, other, problem(task)[0])
    if "adaptive" in solver:
        assert other._optimizer.learning_rate < 0.05 / 5**3, "the rate did not drop, so nothing was tested"


@pytest.mark.parametrize("weighted", [False, True], ids=["even rows", "weighted rows"])
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("task", TASKS)
def test_every_batch_size_with_and_without_sample_weights(task: str, batch: int, weighted: bool) -> None:
    # scikit-learn divides by zero in a batch of zero weight
    weights = 0.5 + row_weights() if weighted else None
    x, y = problem(task)
    models = pair(task, batch_size=batch, max_iter=4)
    assert_same_network(*call_both(models, lambda model: model.fit(x, y, sample_weight=weights)))


@pytest.mark.parametrize("task", TASKS)
def test_a_batch_of_zero_weight_changes_nothing(task: str) -> None:
    # scikit-learn divides by zero here, so there is no comparison
    x, y = problem(task)
    weights = np.ones(len(x))
    weights[20:40] = 0.0
    parameters: dict[str, Any] = {"solver": "sgd", "momentum": 0.0, "alpha": 0.0, "batch_size": 20, "shuffle": False}
    mine, twin = (pair(task, **parameters, learning_rate_init=0.05, max_iter=5)[0] for _ in range(2))
    call_both((mine, mine), lambda model: model.fit(x, y, sample_weight=weights))
    call_both((twin, twin), lambda model: model.fit(x[weights > 0], y[weights > 0]))
    for a, b in zip(mine.coefs_ + mine.intercepts_, twin.coefs_ + twin.intercepts_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.sweep(strength=2)
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("sizes", [(), (1,), (7,), (5, 4), (4, 3, 2)], ids=str)
@pytest.mark.parametrize("task", TASKS)
def test_every_activation_at_every_depth(task: str, activation: str, sizes: tuple[int, ...]) -> None:
    mine, other = fitted(task, activation=activation, hidden_layer_sizes=sizes, batch_size=16, max_iter=6)
    assert_same_network(mine, other)
    assert_same_predictions(mine, other, problem(task)[0])


@pytest.mark.parametrize("alpha", [0.0, 1e-4, 0.3, 20.0])
@pytest.mark.parametrize("weighted", [False, True], ids=["even rows", "weighted rows"])
@pytest.mark.parametrize("task", TASKS)
def test_the_penalty_is_divided_by_the_weight_of_the_batch(task: str, weighted: bool, alpha: float) -> None:
    # 60 rows in batches of 25: the last one has 10, so its penalty is larger
    mine, other = fitted(task, weighted, alpha=alpha, batch_size=25, solver="sgd", learning_rate_init=0.02, max_iter=6)
    assert_same_network(mine, other)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_initial_weights_are_bitwise_equal(task: str, solver: str) -> None:
    # with a tiny learning rate the weights stay at their initial values
    for activation in ("relu", "logistic"):
        mine, other = fitted(
            task, solver=solver, activation=activation, learning_rate_init=1e-300, max_iter=1, hidden_layer_sizes=(4, 3)
        )
        for name in ("coefs_", "intercepts_"):
            for a, b in zip(getattr(mine, name), getattr(other, name), strict=True):
                np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("task", TASKS)
def test_custom_initial_weights_through_warm_start(task: str) -> None:
    x, y = problem(task)
    models = fitted(task, max_iter=1, warm_start=True, shuffle=False, solver="sgd", learning_rate_init=0.05)
    draw = np.random.RandomState(5)
    weights = [draw.normal(size=w.shape) / 2 for w in models[1].coefs_]
    biases = [draw.normal(size=b.shape) / 2 for b in models[1].intercepts_]
    for model in models:
        model.coefs_, model.intercepts_ = [w.copy() for w in weights], [b.copy() for b in biases]
        model.set_params(max_iter=20, n_iter_no_change=50, batch_size=16)
    mine, other = call_both(models, lambda model: model.fit(x, y))
    assert mine.n_iter_ == other.n_iter_ == 20
    for name in ("coefs_", "intercepts_"):
        for a, b in zip(getattr(mine, name), getattr(other, name), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(mine.loss_curve_, other.loss_curve_, rtol=1e-9)
    assert mine.t_ == other.t_ == 21 * len(x)


@pytest.mark.parametrize("shuffle", [False, True], ids=["in order", "shuffled"])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("task", TASKS)
def test_training_stops_in_the_same_epoch(task: str, solver: str, shuffle: bool) -> None:
    parameters = {"tol": 0.02, "n_iter_no_change": 3, "learning_rate_init": 0.1, "max_iter": 200}
    mine, other = fitted(task, solver=solver, shuffle=shuffle, batch_size=20, **parameters)
    assert other.n_iter_ < 200
    assert_same_network(mine, other, 1e-7)


def test_an_adaptive_learning_rate_that_is_too_small_stops_training() -> None:
    mine, other = fitted(
        "binary", solver="sgd", learning_rate="adaptive", tol=10.0, n_iter_no_change=2, learning_rate_init=0.1
    )
    assert 3 < other.n_iter_ < 200
    assert_same_network(mine, other)


@pytest.mark.parametrize("task", ["multi-class", "one target"])
def test_infinite_patience_trains_to_the_last_epoch(task: str) -> None:
    mine, other = fitted(task, n_iter_no_change=np.inf, tol=1e9, max_iter=30)
    assert mine.n_iter_ == other.n_iter_ == 30
    assert_same_network(mine, other)


@pytest.mark.parametrize("learning_rate", ["invscaling", "adaptive"])
def test_adam_ignores_the_schedule(learning_rate: str) -> None:
    mine, other = fitted("multi-class", learning_rate=learning_rate, tol=10.0, n_iter_no_change=4, max_iter=20)
    assert mine.n_iter_ == other.n_iter_ < 20
    assert_same_network(mine, other)


def test_a_learning_rate_at_which_the_loss_is_clipped() -> None:
    # probabilities of exactly 0 and 1: the loss is clipped at the machine epsilon, as in scikit-learn
    for task in ("binary", "multi-class", "multi-label"):
        x, y = problem(task)
        models = pair(task, solver="sgd", momentum=0.0, learning_rate_init=1.0, max_iter=3, shuffle=False)
        mine, other = call_both(models, lambda model, x=x, y=y: model.fit(200 * x, y))
        # where 1 - p is a few ε, scikit-learn rounds it to a multiple
        np.testing.assert_allclose(mine.loss_curve_, other.loss_curve_, rtol=1e-3)


@pytest.mark.parametrize("shuffle", [False, True], ids=["in order", "shuffled"])
def test_every_kind_of_random_state(shuffle: bool) -> None:
    x, y = problem("multi-class")
    for make in (lambda: 0, lambda: np.int64(12), lambda: 2**32 - 1, lambda: np.random.RandomState(8)):
        models = pair("multi-class", max_iter=4, batch_size=16, shuffle=shuffle)
        for model in models:
            model.set_params(random_state=make())
        mine, other = call_both(models, lambda model: model.fit(x, y))
        assert_same_network(mine, other)
        if isinstance(mine.random_state, np.random.RandomState):
            # both have made the same number of draws from a shared stream
            assert mine.random_state.random_sample() == other.random_state.random_sample()


def test_without_random_state_the_global_numpy_stream_is_used() -> None:
    x, y = problem("multi-class")
    models = pair("multi-class", max_iter=4, batch_size=16, random_state=None)

    def seeded(model: Any) -> Any:
        np.random.seed(4)  # noqa: NPY002 — programs that do so get the same numbers from both
        return model.fit(x, y)

    assert_same_network(*call_both(models, seeded))
    first = models[0].coefs_[0].copy()
    call_both(models, lambda model: model.fit(x, y))
    assert not np.array_equal(first, models[0].coefs_[0])


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_verbose_prints_the_same_lines_as_sklearn(solver: str, capsys: pytest.CaptureFixture[str]) -> None:
    x, y = problem("binary")
    parameters = {
        "early": {"early_stopping": True, "max_iter": 4},
        "converged": {"tol": 10.0, "n_iter_no_change": 2},
        "adaptive": {"tol": 10.0, "n_iter_no_change": 1, "learning_rate": "adaptive"},
        "unfinished": {"max_iter": 3, "verbose": 10},
    }
    for extra in parameters.values():
        models = pair("binary", **{"solver": solver, "verbose": True, **extra})
        said = []
        for model in models:
            call_both((model, model), lambda one: one.fit(x, y))
            said.append(capsys.readouterr().out)
        assert said[0] == said[1]
        assert "Iteration 3, loss = " in said[1]
    models = pair("binary", solver=solver, max_iter=2)
    call_both(models, lambda model: model.fit(x, y))
    assert capsys.readouterr().out == ""


def test_a_batch_without_weight_leaves_the_losses_finite() -> None:
    for task in ("counts", "one target", "binary"):
        x, y = problem(task)
        weights = np.ones(60)
        weights[10:30] = 0
        models = [pair(task, shuffle=False, batch_size=10, max_iter=5)[0] for _ in range(2)]
        with ignore_convergence():
            models[0].fit(x, y, sample_weight=weights)
            kept = weights > 0
            models[1].fit(x[kept], y[kept])
        np.testing.assert_allclose(models[0].coefs_[0], models[1].coefs_[0], rtol=1e-12)
        np.testing.assert_allclose(models[0].loss_curve_, models[1].loss_curve_, rtol=1e-12)

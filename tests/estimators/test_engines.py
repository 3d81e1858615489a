"""Every engine, with any number of threads, gives scikit-learn's results."""

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from glassnet import MLPRegressor

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
from .test_sklearn_training import BATCHES, SOLVERS

CASES = [
    (task, solver, BATCHES[(place + shift) % 3], (place + shift) % 2 == 1)
    for place, solver in enumerate(SOLVERS)
    for shift, task in enumerate(TASKS)
]


def trained(task: str, engine: str, weighted: bool, x: Any = None, **parameters: Any) -> tuple[Any, Any]:
    rows, y = problem(task)
    mine, other = pair(task, **parameters)
    mine.set_params(engine=engine)
    weights = row_weights() if weighted else None
    call_both((mine, other), lambda model: model.fit(rows if x is None else x, y, sample_weight=weights))
    return mine, other


@pytest.mark.sweep(strength=2)
@pytest.mark.parametrize("engine", ["reference", "fused"])
@pytest.mark.parametrize(("task", "solver", "batch", "weighted"), CASES)
def test_twenty_epochs_on_either_engine(task: str, solver: str, batch: int, weighted: bool, engine: str) -> None:
    mine, other = trained(task, engine, weighted, batch_size=batch, **SOLVERS[solver])
    assert mine.engine_ == engine
    assert_same_network(mine, other)
    assert_same_predictions(mine, other, problem(task)[0])


@pytest.mark.parametrize("engine", ["reference", "fused"])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("task", TASKS)
def test_early_stopping_on_either_engine(task: str, solver: str, engine: str) -> None:
    parameters: dict[str, Any] = {"early_stopping": True, "batch_size": 10, "max_iter": 30, "learning_rate_init": 0.05}
    assert_same_network(*trained(task, engine, True, solver=solver, **parameters), 1e-7)


@pytest.mark.parametrize("engine", ["reference", "fused"])
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("task", TASKS)
def test_lbfgs_on_either_engine(task: str, activation: str, engine: str) -> None:
    parameters: dict[str, Any] = {"solver": "lbfgs", "max_iter": 3, "hidden_layer_sizes": (5, 3)}
    assert_same_network(*trained(task, engine, True, activation=activation, **parameters), 1e-6)


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csr_matrix, sparse.csc_array, sparse.csc_matrix])
@pytest.mark.parametrize("engine", ["reference", "fused"])
@pytest.mark.parametrize("task", TASKS)
def test_sparse_rows_on_either_engine(task: str, engine: str, container: Any) -> None:
    x = np.where(problem(task)[0] > 0.5, problem(task)[0], 0.0)
    mine, other = trained(task, engine, True, container(x), batch_size=16, max_iter=5)
    assert_same_network(mine, other)
    assert_same_predictions(mine, other, container(x))


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_results_are_bitwise_equal_for_any_number_of_threads(solver: str) -> None:
    x, y = problem("multi-class", rows=600)
    networks = []
    for jobs in (1, 2, 3, -1, None):
        mine, _ = pair("multi-class", solver=solver, max_iter=3, hidden_layer_sizes=(40,))
        call_both((mine, mine), lambda model, jobs=jobs: model.set_params(engine="fused", n_jobs=jobs).fit(x, y))
        networks.append(mine)
    for mine in networks[1:]:
        assert_same_network(mine, networks[0], 0.0)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_large_data_selects_the_fused_engine(task: str, dtype: str) -> None:
    # large enough to be selected automatically
    x, y = problem(task, dtype, rows=3000)
    models = pair(task, hidden_layer_sizes=(64,), max_iter=3, activation="tanh")
    mine, other = call_both(models, lambda model: model.fit(x, y))
    assert_same_network(mine, other, 1e-9 if dtype == "float64" else 5e-4)
    assert_same_predictions(mine, other, x, 1e-9 if dtype == "float64" else 5e-4)


def test_the_compiled_engine_trains_without_a_metric() -> None:
    # the score of rows without a metric is NaN, which is no divergence
    x, y = problem("one target")
    one, other = (
        MLPRegressor(quantiles=[0.1, 0.9], engine=engine, max_iter=5, random_state=0)
        for engine in ("fused", "reference")
    )
    with ignore_convergence():
        one.fit(x, y)
        other.fit(x, y)
    np.testing.assert_allclose(one.coefs_[0], other.coefs_[0], rtol=1e-9, atol=1e-12)

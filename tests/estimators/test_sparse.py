"""Sparse rows in every format that scikit-learn accepts: the same results as dense rows."""

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from .sklearn_comparison import (
    TASKS,
    assert_same_network,
    assert_same_predictions,
    call_both,
    outcome,
    pair,
    problem,
    row_weights,
)

CSR_AND_CSC = [sparse.csr_array, sparse.csr_matrix, sparse.csc_array, sparse.csc_matrix]
CONTAINERS = [*CSR_AND_CSC, sparse.coo_array, sparse.lil_array]


def holes(task: str, dtype: str = "float64") -> tuple[np.ndarray, np.ndarray]:
    """Return a problem in which 70 % of the values are zero."""
    x, y = problem(task, dtype)
    return np.where(x > 0.5, x, 0).astype(dtype), y


@pytest.mark.sweep(strength=2)
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("task", TASKS)
def test_sparse_rows_train_as_in_sklearn(task: str, solver: str, container: Any) -> None:
    x, y = holes(task)
    models = pair(task, solver=solver, max_iter=4, batch_size=16)
    call_both(models, lambda model: model.fit(container(x), y))
    assert_same_network(*models)
    for rows in (container(x), x):
        assert_same_predictions(*models, rows)


@pytest.mark.parametrize("shuffle", [False, True], ids=["in order", "shuffled"])
@pytest.mark.parametrize("early", [False, True], ids=["to the end", "early stopping"])
@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_matrix])
def test_sparse_and_dense_rows_make_the_same_network(container: Any, early: bool, shuffle: bool) -> None:
    x, y = holes("multi-class")
    networks = []
    for rows in (x, container(x)):
        mine, _ = pair("multi-class", shuffle=shuffle, early_stopping=early, max_iter=6, batch_size=16)
        call_both((mine, mine), lambda model, rows=rows: model.fit(rows, y, sample_weight=1 + row_weights()))
        networks.append(mine)
    assert_same_network(*networks)
    np.testing.assert_allclose(networks[0].predict_proba(x), networks[1].predict_proba(container(x)), rtol=1e-9)


@pytest.mark.parametrize("learned", ["float64", "float32", "int64"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
@pytest.mark.parametrize("task", ["binary", "one target"])
def test_the_dtypes_of_sparse_rows(task: str, learned: str, dtype: str) -> None:
    x, y = holes(task)
    models = pair(task, max_iter=2, activation="tanh")
    call_both(models, lambda model: model.fit(sparse.csr_array((3 * x).astype(learned)), y))
    assert [w.dtype for w in models[0].coefs_] == [w.dtype for w in models[1].coefs_]
    assert_same_predictions(*models, sparse.csr_array((3 * x).astype(dtype)), 1e-5)


def test_empty_rows_and_explicit_zeros() -> None:
    x, y = holes("one target")
    x[::3] = 0
    rows = sparse.csr_array(x)
    rows.data[::4] = 0.0
    models = pair("one target", max_iter=4, batch_size=16)
    call_both(models, lambda model: model.fit(rows, y))
    assert_same_network(*models)
    assert_same_predictions(*models, sparse.csr_array((3, x.shape[1])))


def test_unsorted_and_duplicate_indices() -> None:
    x = sparse.csr_matrix((np.arange(1.0, 9.0), [4, 0, 2, 1, 3, 3, 0, 0], [0, 2, 4, 6, 8]), shape=(4, 5))
    models = pair("one target", max_iter=4, batch_size=2)
    call_both(models, lambda model: model.fit(x.copy(), [1.0, 2.0, 3.0, 4.0]))
    assert_same_network(*models)
    assert_same_predictions(*models, x)


def test_sparse_input_is_not_modified() -> None:
    x, y = holes("one target")
    for container in CONTAINERS:
        rows = container(x)
        mine, _ = pair("one target", max_iter=2)
        call_both((mine, mine), lambda model, rows=rows: (model.fit(rows, y), model.predict(rows)))
        assert type(rows) is container and np.array_equal(rows.toarray(), x)


@pytest.mark.parametrize("spoiled", [np.nan, np.inf])
def test_non_finite_values_give_the_same_error(spoiled: float) -> None:
    x, y = holes("binary")
    rows = sparse.csr_array(x)
    rows.data[5] = spoiled
    results = [outcome(lambda model=model: model.fit(rows, y)) for model in pair("binary")]
    assert isinstance(results[0].error, type(results[1].error)) and str(results[0].error) == str(results[1].error)


def test_a_sparse_target() -> None:
    x, y = problem("multi-label")
    models = pair("multi-label", max_iter=2)
    results = [outcome(lambda model=model: model.fit(x, sparse.csr_matrix(y))) for model in models]
    assert type(results[0].error) is type(results[1].error)
    if results[1].error is not None:
        assert str(results[0].error) == str(results[1].error)
    else:
        assert_same_network(*models)

"""float32 and other dtypes: the dtypes of weights and predictions, and how precise they are."""

import numpy as np
import pytest

from .sklearn_comparison import CLOSE_32, TASKS, assert_same_predictions, call_both, fitted, outcome, pair, problem

SOLVERS = {
    "sgd": {"solver": "sgd", "learning_rate_init": 0.02},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 3},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling"},
    "adam": {"solver": "adam"},
}


@pytest.mark.sweep(strength=2)
@pytest.mark.parametrize("weighted", [False, True], ids=["even rows", "weighted rows"])
@pytest.mark.parametrize("shuffle", [False, True], ids=["in order", "shuffled"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("task", TASKS)
def test_twenty_epochs_in_float32(task: str, solver: str, shuffle: bool, weighted: bool) -> None:
    parameters = {"max_iter": 20, "n_iter_no_change": 50, "batch_size": 16, "activation": "tanh", **SOLVERS[solver]}
    mine, other = fitted(task, weighted, "float32", shuffle=shuffle, **parameters)
    for name in ("coefs_", "intercepts_"):
        for a, b in zip(getattr(mine, name), getattr(other, name), strict=True):
            assert a.dtype == b.dtype == np.float32
            np.testing.assert_allclose(a, b, rtol=CLOSE_32, atol=CLOSE_32)
    np.testing.assert_allclose(mine.loss_curve_, other.loss_curve_, rtol=CLOSE_32)
    assert_same_predictions(mine, other, problem(task, "float32")[0], 10 * CLOSE_32)


@pytest.mark.parametrize("task", TASKS)
def test_early_stopping_in_float32(task: str) -> None:
    mine, other = fitted(task, dtype="float32", early_stopping=True, activation="tanh", max_iter=5, batch_size=10)
    np.testing.assert_allclose(mine.validation_scores_, other.validation_scores_, rtol=1e-3, atol=1e-3)


@pytest.mark.sweep(strength=2)
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "int8", "uint8", "bool"])
@pytest.mark.parametrize("learned", ["float64", "float32", "float16", "int64", "int8", "uint8", "bool"])
@pytest.mark.parametrize("task", ["binary", "multi-class", "one target", "three targets", "counts"])
def test_predictions_have_the_dtype_of_sklearn(task: str, learned: str, dtype: str) -> None:
    x, y = problem(task)
    x = 3 * np.abs(x)  # so that integers are not all zero, and none is below it
    mine, other = pair(task, max_iter=2, activation="tanh")
    call_both((mine, other), lambda model: model.fit(x.astype(learned), y))
    assert [w.dtype for w in mine.coefs_] == [w.dtype for w in other.coefs_]
    assert_same_predictions(mine, other, x.astype(dtype), 1e-4 if "float32" in (learned, dtype) else 1e-9)


@pytest.mark.parametrize("target", ["float64", "float32", "int64", "int32", "uint8", "bool"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("task", ["one target", "counts"])
def test_targets_of_every_dtype(task: str, dtype: str, target: str) -> None:
    x, y = problem(task, dtype)
    y = np.abs(y).astype(target)
    models = pair(task, max_iter=3, activation="tanh")
    results = [outcome(lambda model=model: model.fit(x, y)) for model in models]
    assert type(results[0].error) is type(results[1].error) and results[0].warned == results[1].warned
    if results[1].error is None:
        assert_same_predictions(*models, x, 1e-4 if dtype == "float32" else 1e-9)


@pytest.mark.parametrize("task", TASKS)
def test_lbfgs_on_float32(task: str) -> None:
    mine, other = fitted(task, dtype="float32", solver="lbfgs", activation="tanh", max_iter=3, alpha=0.1)
    assert [w.dtype for w in mine.coefs_] == [w.dtype for w in other.coefs_]
    assert mine.loss_ == pytest.approx(other.loss_, rel=1e-4)
    assert_same_predictions(mine, other, problem(task, "float32")[0], 1e-3)


@pytest.mark.parametrize("order", ["C", "F"])
def test_memory_order_and_strides_do_not_matter(order: str) -> None:
    x, y = problem("multi-class")
    reference = fitted("multi-class", max_iter=3, batch_size=16)
    wide = np.zeros((2 * len(x), 2 * x.shape[1]))
    wide[::2, ::2] = x
    for layout in (np.array(x, order=order), wide[::2, ::2], np.array(x[::-1])[::-1]):
        models = pair("multi-class", max_iter=3, batch_size=16)
        call_both(models, lambda model, layout=layout: model.fit(layout, y))
        for mine, before in zip(models, reference, strict=True):
            np.testing.assert_allclose(mine.coefs_[0], before.coefs_[0], rtol=1e-12)


def test_rows_as_lists() -> None:
    models = pair("binary", max_iter=3, hidden_layer_sizes=(2,))
    call_both(models, lambda model: model.fit([[3, 2], [1, 6], [5, 6], [-2, -4]], ["a", "b", "a", "b"]))
    assert_same_predictions(*models, [[3, 2], [0, 0]])

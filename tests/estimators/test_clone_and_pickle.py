"""clone, deepcopy, pickle and joblib keep what they keep of scikit-learn's estimators; copies predict the same bits."""

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from .sklearn_comparison import TASKS, assert_same_network, fitted, ignore_convergence, pair, problem, same_bits

SOLVERS = {"sgd": {"solver": "sgd"}, "adam": {}, "early": {"early_stopping": True}, "lbfgs": {"solver": "lbfgs"}}


def through_joblib(model: Any, folder: Path) -> Any:
    joblib.dump(model, folder / "model.joblib", compress=3)
    return joblib.load(folder / "model.joblib")


def memory_mapped(model: Any, folder: Path) -> Any:
    joblib.dump(model, folder / "mapped.joblib")
    return joblib.load(folder / "mapped.joblib", mmap_mode="r")


COPIES: dict[str, Callable[[Any, Path], Any]] = {
    "deepcopy": lambda model, folder: copy.deepcopy(model),
    "copy": lambda model, folder: copy.copy(model),
    "joblib": through_joblib,
    "memory map": memory_mapped,
    **{
        f"pickle {protocol}": lambda model, folder, protocol=protocol: pickle.loads(pickle.dumps(model, protocol))
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
}


@pytest.mark.sweep(strength=2)
@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("task", TASKS)
def test_a_copy_predicts_the_same_bits(task: str, solver: str, way: str, tmp_path: Path) -> None:
    x, _ = problem(task)
    mine, _ = fitted(task, max_iter=3, **SOLVERS[solver])
    twin = COPIES[way](mine, tmp_path)
    assert type(twin) is type(mine) and twin.get_params() == mine.get_params()
    assert_same_network(twin, mine, 0.0)
    for method in ("predict", "predict_proba", "predict_log_proba"):
        if hasattr(mine, method):
            assert same_bits(getattr(twin, method)(x), getattr(mine, method)(x))


@pytest.mark.parametrize("way", ["deepcopy", "joblib", "pickle 5"])
@pytest.mark.parametrize(
    "solver", [{"solver": "sgd"}, {"solver": "adam"}, {"solver": "sgd", "learning_rate": "adaptive"}]
)
@pytest.mark.parametrize("task", ["binary", "three targets"])
def test_a_copy_continues_training_like_the_original(
    task: str, solver: dict[str, str], way: str, tmp_path: Path
) -> None:
    x, y = problem(task)
    mine, _ = fitted(task, max_iter=3, batch_size=16, **solver)
    twin = COPIES[way](mine, tmp_path)
    for _ in range(3):
        mine.partial_fit(x, y)
        twin.partial_fit(x, y)
    assert_same_network(twin, mine, 0.0)


@pytest.mark.parametrize("way", ["deepcopy", "pickle 5"])
def test_training_a_copy_does_not_change_the_original(way: str, tmp_path: Path) -> None:
    x, y = problem("one target")
    mine, _ = fitted("one target", max_iter=3)
    before = mine.predict(x)
    twin = COPIES[way](mine, tmp_path)
    for _ in range(3):
        twin.partial_fit(x, y)
    twin.coefs_[0][:] = 0
    assert same_bits(mine.predict(x), before) and not same_bits(twin.predict(x), before)


@pytest.mark.parametrize("way", ["deepcopy", "pickle 5"])
def test_a_copy_predicts_with_weights_modified_in_place(way: str, tmp_path: Path) -> None:
    # coefs_ of a copy are views of its parameters
    x, _ = problem("one target")
    mine, _ = fitted("one target", max_iter=3)
    twin = COPIES[way](mine, tmp_path)
    twin.coefs_[0][:] = 0.0
    twin.intercepts_[0][:] = 0.0
    assert np.ptp(twin.predict(x)) == 0.0


@pytest.mark.parametrize("task", TASKS)
def test_a_clone_has_the_parameters_and_no_fitted_state(task: str) -> None:
    x, y = problem(task)
    mine, _ = fitted(task, max_iter=3)
    twin = clone(mine)
    assert twin.get_params() == mine.get_params()
    assert [name for name in vars(twin) if name.endswith("_")] == []
    with pytest.raises(NotFittedError):
        twin.predict(x)
    with ignore_convergence():
        twin.fit(x, y)
    assert_same_network(twin, mine, 0.0)


def test_unfitted_estimators_are_copied(tmp_path: Path) -> None:
    for name, way in COPIES.items():
        mine, _ = pair("binary", alpha=0.3)
        assert way(mine, tmp_path).get_params() == mine.get_params(), name


def test_a_pickle_is_about_as_large_as_that_of_sklearn() -> None:
    # temporary arrays of training (rows, gradients, orders of rows) are not pickled
    mine, other = fitted("binary", max_iter=3, hidden_layer_sizes=(50, 50))
    assert len(pickle.dumps(mine)) < 2 * len(pickle.dumps(other))


def test_fitting_keeps_no_reference_to_the_data() -> None:
    import gc
    import weakref

    class Rows(np.ndarray):
        pass

    x, y = problem("one target")
    for early in (False, True):
        rows = x.view(Rows)
        there = weakref.ref(rows)
        mine, _ = pair("one target", early_stopping=early, max_iter=2)
        with ignore_convergence():
            mine.fit(rows, y)
        del rows
        gc.collect()
        assert there() is None

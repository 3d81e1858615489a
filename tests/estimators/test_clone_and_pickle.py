"""clone, deepcopy, pickle and joblib preserve estimators as in scikit-learn; copies predict the same bits."""

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn import neural_network as sklearn_mlp
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from glassnet import MLPClassifier, MLPRegressor

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


KINDS: dict[str, dict[str, Any]] = {
    "sklearn's streams": {},
    "early stopping": {"early_stopping": True},
    "own streams": {"initializer": "auto"},
    "own streams, early stopping": {"initializer": "auto", "early_stopping": True},
    "lbfgs": {"solver": "lbfgs"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_pickle_does_not_grow_with_the_rows(kind: str) -> None:
    sizes = []
    for rows in (100, 20_000):
        x, y = problem("binary", rows=rows)
        mine = MLPClassifier((4,), max_iter=2, random_state=0, **KINDS[kind])
        with ignore_convergence():
            mine.fit(x, y)
        sizes.append(len(pickle.dumps(mine)))
    # a bit for each row remembers what was held out, a state of the random stream in which order they were shuffled
    assert sizes[1] - sizes[0] < (20_000 / 8 if "early_stopping" in KINDS[kind] else 0) + 3_000


@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize("is_shared", [False, True])
@pytest.mark.parametrize("rows", [60, 2_000])
@pytest.mark.parametrize("kind", ["sklearn's streams", "early stopping", "own streams", "own streams, early stopping"])
def test_a_pickled_copy_resumes_in_the_order_of_the_original(
    kind: str, rows: int, is_shared: bool, warm_start: bool
) -> None:
    x, y = problem("binary", rows=rows)
    stream = np.random.RandomState(0)
    mine = MLPClassifier((4,), max_iter=2, batch_size=16, warm_start=warm_start, **KINDS[kind])
    mine.set_params(random_state=stream if is_shared else 0)
    with ignore_convergence():
        for _ in range(2):
            mine.fit(x, y)
            if is_shared:
                stream.uniform()  # then an order can't be drawn again, and is pickled
        twin = pickle.loads(pickle.dumps(mine))
        for model in (mine, twin):
            model.set_params(warm_start=True, max_iter=3)
            for _ in range(2):
                model.fit(x, y)
            if "early_stopping" not in KINDS[kind]:
                model.partial_fit(x, y)
    assert_same_network(twin, mine, 0.0)


def test_a_pickle_does_not_grow_with_calls_of_partial_fit() -> None:
    x, y = problem("binary")
    mine, other = MLPClassifier((4,), random_state=0), sklearn_mlp.MLPClassifier((4,), random_state=0)
    sizes: dict[int, list[int]] = {}
    for number in range(1, 2_501):
        row = slice(number % 50, number % 50 + 1)
        for model in (mine, other) if number <= 500 else (mine,):
            model.partial_fit(x[row], y[row], classes=["no", "yes"])
        if number in (150, 500, 1_500, 2_500):
            sizes[number] = [len(pickle.dumps(model)) for model in (mine, other)]
    assert sizes[500][0] - sizes[150][0] < sizes[500][1] - sizes[150][1]  # less than scikit-learn's
    assert sizes[2_500][0] - sizes[1_500][0] < 20
    assert mine.t_ == 2_500 and len(mine.loss_curve_) == 1_000
    assert [epoch.epoch for epoch in mine.history_] == list(range(2_401, 2_501))
    assert mine.model_.history == tuple(mine.history_)


def test_the_history_of_a_fit_outlives_calls_of_partial_fit_and_warm_starts() -> None:
    x, y = problem("one target")
    mine = MLPRegressor(hidden_layer_sizes=(2,), random_state=0, max_iter=30, tol=0.0, n_iter_no_change=np.inf)
    with ignore_convergence():
        mine.fit(x, y)
        for _ in range(150):
            mine.partial_fit(x[:2], y[:2])
        assert [epoch.epoch for epoch in mine.history_] == [*range(1, 31), *range(81, 181)]
        mine.set_params(warm_start=True, max_iter=1_200).fit(x, y)
        assert [epoch.epoch for epoch in mine.history_] == list(range(180, 1_381))
        assert len(mine.loss_curve_) == 1_201


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

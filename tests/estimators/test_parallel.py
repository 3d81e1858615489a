"""Concurrent fits in threads and joblib's processes give the same bits as sequential fits."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn import neural_network as sklearn_mlp
from sklearn.ensemble import BaggingRegressor
from sklearn.model_selection import GridSearchCV, cross_val_score

import glassnet

from .sklearn_comparison import ignore_convergence, problem, same_bits

SEEDS = range(6)

# catch_warnings is not thread-safe, so it is not used within threads
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def train(seed: int, name: str = "MLPRegressor", **parameters: Any) -> Any:
    x, y = problem("one target" if name == "MLPRegressor" else "multi-class")
    parameters = {"hidden_layer_sizes": (8,), "max_iter": 15, "batch_size": 16, **parameters}
    if threading.current_thread() is not threading.main_thread():
        return getattr(glassnet, name)(random_state=seed, **parameters).fit(x, y)
    with ignore_convergence():  # the filters of pytest don't reach other processes
        return getattr(glassnet, name)(random_state=seed, **parameters).fit(x, y)


def assert_same_networks(mine: list[Any], others: list[Any]) -> None:
    for a, b in zip(mine, others, strict=True):
        assert all(same_bits(u, v) for u, v in zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True))
        assert a.loss_curve_ == b.loss_curve_


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize("early", [False, True], ids=["to the end", "early stopping"])
def test_fits_in_threads(name: str, early: bool) -> None:
    alone = [train(seed, name, early_stopping=early) for seed in SEEDS]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: train(seed, name, early_stopping=early), SEEDS))
    assert_same_networks(together, alone)


def test_fits_in_joblib_processes() -> None:
    alone = [train(seed) for seed in SEEDS]
    together = joblib.Parallel(n_jobs=2)(joblib.delayed(train)(seed) for seed in SEEDS)
    assert_same_networks(together, alone)


def test_fits_in_joblib_threads() -> None:
    alone = [train(seed) for seed in SEEDS]
    together = joblib.Parallel(n_jobs=2, prefer="threads")(joblib.delayed(train)(seed) for seed in SEEDS)
    assert_same_networks(together, alone)


def test_predictions_in_many_threads() -> None:
    x, _ = problem("multi-class")
    model = train(0, "MLPClassifier")
    alone = model.predict_proba(x)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: model.predict_proba(x), range(40)):
            assert same_bits(found, alone)


def test_a_search_with_two_jobs_finds_the_same_as_with_sklearn(monkeypatch: pytest.MonkeyPatch) -> None:
    # warning filters are not inherited by other processes
    monkeypatch.setenv("PYTHONWARNINGS", "ignore")
    x, y = problem("multi-class")
    grid = {"alpha": [0.01, 1.0], "hidden_layer_sizes": [(3,), (5,)]}
    found = []
    for home in (glassnet, sklearn_mlp):
        search = GridSearchCV(home.MLPClassifier(max_iter=10, random_state=0), grid, cv=3, n_jobs=2)
        found.append(search.fit(x, y).cv_results_["mean_test_score"])
    np.testing.assert_allclose(*found)


def test_n_jobs_of_sklearn_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONWARNINGS", "ignore")
    x, y = problem("one target")
    for home in (glassnet, sklearn_mlp):
        model = home.MLPRegressor(hidden_layer_sizes=(4,), max_iter=5, random_state=0)
        one, two = (cross_val_score(model, x, y, cv=3, n_jobs=jobs) for jobs in (None, 2))
        np.testing.assert_array_equal(one, two)
        one, two = (BaggingRegressor(model, 4, random_state=0, n_jobs=jobs).fit(x, y).predict(x) for jobs in (None, 2))
        np.testing.assert_allclose(one, two, rtol=1e-12)

"""Data frames of pandas and polars: feature names are kept and checked as in scikit-learn; set_output works."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import neural_network as sklearn_mlp
from sklearn.inspection import permutation_importance
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import glassnet

from .sklearn_comparison import (
    TASKS,
    assert_same_network,
    assert_same_predictions,
    call_both,
    ignore_convergence,
    pair,
    problem,
)

COLUMNS = ["width", "height", "größe", "a b", "e"]


def pandas_frame(x: np.ndarray) -> Any:
    return pd.DataFrame(x, columns=COLUMNS)


def polars_frame(x: np.ndarray) -> Any:
    polars = pytest.importorskip("polars", reason="compares with polars")
    return polars.DataFrame(x, schema=COLUMNS)


FRAMES = {"pandas": pandas_frame, "polars": polars_frame}


@pytest.mark.parametrize("early", [False, True], ids=["to the end", "early stopping"])
@pytest.mark.parametrize("library", FRAMES)
@pytest.mark.parametrize("task", TASKS)
def test_frames_train_like_arrays_and_keep_feature_names(task: str, library: str, early: bool) -> None:
    x, y = problem(task)
    frame = FRAMES[library](x)
    models = pair(task, max_iter=3, early_stopping=early)
    call_both(models, lambda model: model.fit(frame, y))
    assert_same_network(*models, 1e-7)
    assert models[0].feature_names_in_.tolist() == COLUMNS
    assert models[0].feature_names_in_.dtype == object
    assert_same_predictions(*models, frame)
    call_both(models, lambda model: model.score(frame, y))


@pytest.mark.parametrize("task", TASKS)
def test_targets_as_series_and_frames(task: str) -> None:
    x, y = problem(task)
    for given in (pd.Series(y), pd.Series(y, index=range(100, 160))) if y.ndim == 1 else (pd.DataFrame(y),):
        models = pair(task, max_iter=3, early_stopping=True)
        call_both(models, lambda model, given=given: model.fit(pandas_frame(x), given))
        assert_same_network(*models, 1e-7)


def test_targets_as_polars_series_and_categories() -> None:
    polars = pytest.importorskip("polars", reason="compares with polars")
    x, y = problem("multi-class")
    for given in (
        polars.Series(y),
        pd.Series(y).astype("category"),
        pd.Series([f"c{one}" for one in y], dtype="string"),
    ):
        models = pair("multi-class", max_iter=3)
        call_both(models, lambda model, given=given: model.fit(x, given))
        assert_same_network(*models)
        assert_same_predictions(*models, x)


@pytest.mark.parametrize("kinds", [["float32"] * 5, ["int64"] * 5, ["float32", "float64", "int8", "bool", "float64"]])
def test_the_dtypes_of_columns(kinds: list[str]) -> None:
    x, y = problem("one target")
    frame = pandas_frame(3 * x).astype(dict(zip(COLUMNS, kinds, strict=True)))
    models = pair("one target", max_iter=3, activation="tanh")
    call_both(models, lambda model: model.fit(frame, y))
    assert_same_network(*models, 1e-4 if set(kinds) == {"float32"} else 1e-9)
    assert_same_predictions(*models, frame, 1e-4)


def test_sample_weights_as_a_series() -> None:
    x, y = problem("binary")
    models = pair("binary", max_iter=3)
    call_both(models, lambda model: model.fit(pandas_frame(x), y, sample_weight=pd.Series(np.arange(1, 61))))
    assert_same_network(*models)


def test_feature_names_are_removed_by_fitting_an_array() -> None:
    x, y = problem("binary")
    models = pair("binary", max_iter=2)
    call_both(models, lambda model: model.fit(pandas_frame(x), y))
    call_both(models, lambda model: model.fit(x, y))
    assert not hasattr(models[0], "feature_names_in_") and not hasattr(models[1], "feature_names_in_")


def test_numeric_column_labels_are_no_feature_names() -> None:
    x, y = problem("binary")
    models = pair("binary", max_iter=2)
    call_both(models, lambda model: model.fit(pd.DataFrame(x), y))
    assert not hasattr(models[0], "feature_names_in_")


def test_a_frame_is_not_modified() -> None:
    x, y = problem("binary")
    frame = pandas_frame(x)
    mine, _ = pair("binary", max_iter=2)
    with ignore_convergence():
        mine.fit(frame, y).predict(frame)
    pd.testing.assert_frame_equal(frame, pandas_frame(x))


@pytest.mark.parametrize("library", FRAMES)
def test_set_output_of_a_pipeline(library: str) -> None:
    x, y = problem("one target")
    frame = FRAMES[library](x)
    predicted = []
    for home in (glassnet, sklearn_mlp):
        model = home.MLPRegressor(hidden_layer_sizes=(3,), max_iter=3, random_state=0)
        assert not hasattr(model, "set_output")
        pipeline = make_pipeline(StandardScaler(), model).set_output(transform=library)
        with ignore_convergence():
            predicted.append(pipeline.fit(frame, y).predict(frame))
        assert pipeline[-1].feature_names_in_.tolist() == COLUMNS
    np.testing.assert_allclose(*predicted, rtol=1e-9)


def test_permutation_importance_of_a_frame() -> None:
    x, y = problem("one target")
    frame = pandas_frame(x)
    models = pair("one target", max_iter=20, learning_rate_init=0.05)
    call_both(models, lambda model: model.fit(frame, y))
    found = [permutation_importance(model, frame, y, n_repeats=2, random_state=0).importances for model in models]
    np.testing.assert_allclose(*found, rtol=1e-6)

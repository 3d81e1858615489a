"""A training resumed from a checkpoint after any batch gives the same bits as an uninterrupted one."""

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from glassnet import Callback, Checkpoint, InputError, MLPClassifier, MLPRegressor, Structure, fit
from glassnet.estimators._mlp import NeuralNetwork

from .trainings import FEATURES, StopAfter, assert_same, history, problem, training

#: 10 batches an epoch, 4 epochs.
BATCHES = 40
#: What moves, and so has to be brought back.
MOVING: dict[str, dict[str, Any]] = {
    "adam": {},
    "no optimizer's memory": {"optimizer": "gradient_descent"},
    "nadam": {"optimizer": "nadam"},
    "amsgrad, float64": {"optimizer": "amsgrad", "dtype": "float64"},
    "dropout and average": {"dropout": (0.1, 0.3), "ema_decay": 0.9},
    "one cycle": {"schedule": "one_cycle", "optimizer": "momentum"},
    "step and warm-up": {"schedule": "step", "schedule_settings": {"step_size": 1, "warmup": 1.5}},
    "plateau": {"reduce_on_plateau": {"patience": 0, "threshold": 0.5}},
    "early stopping": {"patience": 1, "learning_rate": 0.4, "epochs": 9},
    "by the metric": {"patience": 1, "monitor": "metric", "epochs": 9},
    "no shuffling": {"shuffle": False, "dropout": 0.2},
    "no validation": {"validation": None, "clip_norm": 0.5, "l2": 0.01},
    "all of it": {
        "dropout": 0.2, "ema_decay": 0.95, "schedule": "cosine", "patience": 2, "reduce_on_plateau": True,
        "max_norm": 2,
    },
}  # fmt: skip


def left_and_resumed(folder: Any, stops: list[int], **how: Any) -> Any:
    """Train with interruptions after the given numbers of batches, each resumed from the file in a new run."""
    for batches in stops:
        training([Checkpoint(folder, every_minutes=1e-9, resume=True), StopAfter(batches)], **how)
    return training([Checkpoint(folder, every_minutes=1e-9, resume=True)], **how)


@pytest.mark.parametrize("engine", ["reference", "fused"])
@pytest.mark.parametrize("name", MOVING)
def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path: Path, name: str, engine: str) -> None:
    how = {"engine": engine, **MOVING[name]}
    assert_same(training(**how), left_and_resumed(tmp_path, [7, 1, 16], **how))


@settings(max_examples=25, deadline=None)
@given(name=st.sampled_from(sorted(MOVING)), stops=st.lists(st.integers(1, 15), min_size=1, max_size=6))
def test_a_training_resumes_from_any_batch(name: str, stops: list[int]) -> None:
    how = MOVING[name]
    with tempfile.TemporaryDirectory() as folder:
        assert_same(training(**how), left_and_resumed(folder, stops, **how))


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_training_resumes_from_the_end_of_an_epoch(tmp_path: Path, epoch: int) -> None:
    how = MOVING["all of it"]

    class Leave(Callback):
        def on_pause(self, run: Any) -> None:
            if len(run.history) == epoch:
                run.stop("interrupted")

    training([Checkpoint(tmp_path), Leave()], **how)
    assert sorted(path.name for path in tmp_path.glob("*.checkpoint"))[-1] == f"epoch-{epoch:04d}.checkpoint"
    assert_same(training(**how), training([Checkpoint(tmp_path, resume=True)], **how))


def test_embeddings_and_sparse_rows_are_resumed(tmp_path: Path) -> None:
    from scipy.sparse import csr_array

    x, _ = problem()
    x[:, -1] = np.arange(len(x)) % 6
    structure = Structure((FEATURES + 1, 7, 3), ("relu", "softmax"), embeddings=[(6, 2)])
    for number, rows in enumerate((x, csr_array(x))):
        how = {"x": rows, "structure": structure, "dropout": 0.1}
        assert_same(training(**how), left_and_resumed(tmp_path / str(number), [13, 9], **how))


def test_a_resumed_model_has_the_same_bytes(tmp_path: Path) -> None:
    x, y = problem()
    how: dict[str, Any] = {"hidden": (7,), "validation_fraction": 0.2}
    whole = fit(x, y, **how)
    fit(x, y, callbacks=[Checkpoint(tmp_path / "a", every_minutes=1e-9), StopAfter(100)], **how)
    again = fit(x, y, callbacks=[Checkpoint(tmp_path / "a", resume=True)], **how)
    assert whole.vector.tobytes() == again.vector.tobytes()
    assert whole.metadata == again.metadata and history(whole.history) == history(again.history)


# ------------------------------------------------------------------------------------------------------ estimators

SMALL: dict[str, Any] = {"hidden_layer_sizes": (6,), "batch_size": 9, "random_state": 4}
ESTIMATORS: dict[str, NeuralNetwork] = {
    "adam": MLPClassifier(**SMALL, max_iter=5),
    "adaptive": MLPClassifier(
        **SMALL, solver="sgd", learning_rate="adaptive", tol=0.5, n_iter_no_change=1, max_iter=12
    ),
    "invscaling": MLPRegressor(**SMALL, solver="sgd", learning_rate="invscaling", max_iter=5),
    "comes to rest": MLPClassifier(**SMALL, tol=0.05, n_iter_no_change=2, max_iter=200),
    "early stopping": MLPClassifier(**SMALL, early_stopping=True, n_iter_no_change=2, max_iter=60, dropout=0.2),
    "early stopping of values": MLPRegressor(**SMALL, early_stopping=True, n_iter_no_change=2, max_iter=60),
    "one cycle": MLPClassifier(**SMALL, learning_rate="one_cycle", max_iter=5, ema_decay=0.9),
    "no shuffling": MLPRegressor(**SMALL, shuffle=False, max_iter=5),
    "prepared rows": MLPClassifier(**SMALL, preprocess="auto", max_iter=5),
}


def copy_of(estimator: NeuralNetwork, *callbacks: Callback) -> Any:
    return type(estimator)(**{**estimator.get_params(), "callbacks": list(callbacks)})


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few epochs are enough here
@pytest.mark.filterwarnings("ignore:Training interrupted by user.")  # it is, on purpose
@pytest.mark.parametrize("stops", [[4], [13, 1, 11]], ids=str)
@pytest.mark.parametrize("engine", ["reference", "fused"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_resumed_estimator_equals_an_uninterrupted_one(
    tmp_path: Path, name: str, engine: str, stops: list[int]
) -> None:
    x, y = problem()
    if "Regressor" in type(ESTIMATORS[name]).__name__:
        y = x @ np.arange(FEATURES) + np.sin(x[:, 0])
    whole = copy_of(ESTIMATORS[name]).set_params(engine=engine).fit(x, y)
    for batches in stops:
        checkpoint = Checkpoint(tmp_path, every_minutes=1e-9, resume=True)
        copy_of(ESTIMATORS[name], checkpoint, StopAfter(batches)).set_params(engine=engine).fit(x, y)
    again = copy_of(ESTIMATORS[name], Checkpoint(tmp_path, resume=True)).set_params(engine=engine).fit(x, y)
    for actual, expected in zip(again.coefs_ + again.intercepts_, whole.coefs_ + whole.intercepts_, strict=True):
        assert actual.tobytes() == expected.tobytes()
    attributes = ("n_iter_", "t_", "loss_", "loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_")
    assert [getattr(again, key) for key in attributes] == [getattr(whole, key) for key in attributes]
    assert history(again.history_) == history(whole.history_)


def test_a_finished_estimator_is_returned_with_its_warning(tmp_path: Path) -> None:
    x, y = problem()
    for resume in (False, True):
        with pytest.warns(ConvergenceWarning, match="Maximum iterations .3. reached"):
            network = MLPClassifier(**SMALL, max_iter=3, callbacks=[Checkpoint(tmp_path, resume=resume)]).fit(x, y)
        assert network.n_iter_ == 3


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few epochs are enough here
def test_a_different_second_fit_is_refused(tmp_path: Path) -> None:
    x, y = problem()
    network = MLPClassifier(**SMALL, max_iter=3, warm_start=True, callbacks=[Checkpoint(tmp_path, resume=True)])
    network.fit(x, y)
    with pytest.raises(InputError, match="it began after 0 epochs of an earlier training, and this one after 3"):
        network.fit(x, y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few epochs are enough here
def test_other_validation_rows_are_refused(tmp_path: Path) -> None:
    x, y = problem()
    for seed in (0, 1):
        network = MLPClassifier(early_stopping=True, max_iter=3, random_state=seed)
        network.set_params(callbacks=[Checkpoint(tmp_path, resume=True)])
        if seed == 0:
            network.fit(x, y)
        else:
            with pytest.raises(InputError, match="the training rows differ.*; the validation rows differ"):
                network.fit(x, y)


def test_scikit_learns_lbfgs_is_refused(tmp_path: Path) -> None:
    x, y = problem()
    with warnings.catch_warnings(), pytest.raises(InputError, match="do not go with optimizer 'lbfgs'"):
        MLPClassifier(solver="lbfgs", callbacks=[Checkpoint(tmp_path)]).fit(x, y)

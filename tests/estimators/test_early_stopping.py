"""Early stopping: the same held-out rows, scores, last epoch and restored weights as in scikit-learn."""

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import make_scorer, matthews_corrcoef, median_absolute_error, r2_score

from glassnet import InputError, MLPClassifier, MLPRegressor
from glassnet.estimators._convergence import Progress
from glassnet.training import DivergenceWarning
from glassnet.training.state_dict import StateDict

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


@pytest.mark.parametrize("weighted", [False, True], ids=["even rows", "weighted rows"])
@pytest.mark.parametrize("shuffle", [False, True], ids=["in order", "shuffled"])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("task", TASKS)
def test_scores_epochs_and_weights_equal_sklearn(task: str, solver: str, shuffle: bool, weighted: bool) -> None:
    parameters: dict[str, Any] = {"validation_fraction": 0.2, "n_iter_no_change": 4, "batch_size": 16, "max_iter": 60}
    mine, other = fitted(
        task, weighted, early_stopping=True, solver=solver, shuffle=shuffle, learning_rate_init=0.05, **parameters
    )
    assert mine.best_loss_ is other.best_loss_ is None
    assert len(mine.validation_scores_) == mine.n_iter_
    # R² of a weighted regression needs a slightly larger tolerance than the weights
    assert_same_network(mine, other, 1e-7)
    assert_same_predictions(mine, other, problem(task)[0], 1e-7)


@pytest.mark.parametrize("task", ["binary", "one target"])
def test_the_best_weights_are_restored_instead_of_the_last(task: str) -> None:
    parameters: dict[str, Any] = {"early_stopping": True, "learning_rate_init": 0.3, "n_iter_no_change": 6}
    mine, other = fitted(task, batch_size=10, max_iter=100, validation_fraction=0.3, **parameters)
    best = int(np.argmax(other.validation_scores_)) + 1
    assert best < other.n_iter_
    assert mine.best_validation_score_ == pytest.approx(max(mine.validation_scores_))
    x, y = problem(task)
    twin, _ = pair(task, batch_size=10, max_iter=best, validation_fraction=0.3, **parameters)
    call_both((twin, twin), lambda model: model.fit(x, y))
    for a, b in zip(mine.coefs_, twin.coefs_, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("fraction", [0.05, 0.1, 0.34, 0.5, 0.9])
@pytest.mark.parametrize("task", ["binary", "multi-label", "three targets"])
def test_every_validation_fraction_holds_out_the_same_rows(task: str, fraction: float) -> None:
    mine, other = fitted(task, early_stopping=True, validation_fraction=fraction, max_iter=4)
    assert mine.t_ == other.t_
    assert_same_network(mine, other, 1e-7)


def test_the_adaptive_learning_rate_follows_the_validation_score() -> None:
    mine, other = fitted(
        "multi-class", solver="sgd", learning_rate="adaptive", early_stopping=True, tol=1.0, n_iter_no_change=2
    )
    assert other._optimizer.learning_rate < 1e-3
    assert_same_network(mine, other)


def test_training_that_diverges_ends_with_the_best_weights() -> None:
    x, y = problem("one target")
    models = pair(
        "one target", activation="identity", solver="sgd", learning_rate_init=30.0, early_stopping=True, max_iter=15
    )
    # scikit-learn continues with NaN; glassnet stops with a warning and keeps the same best weights
    mine, other = models
    with pytest.warns(DivergenceWarning, match="no longer a finite number at epoch"):
        mine.fit(100 * x, y)
    with ignore_convergence(), np.errstate(all="ignore"):
        other.fit(100 * x, y)
    assert np.isnan(other.validation_scores_[-1]) and mine.n_iter_ < other.n_iter_
    assert np.isnan(mine.validation_scores_[-1]) and np.isnan(mine.loss_curve_[-1])
    assert len(mine.validation_scores_) == len(mine.loss_curve_) == mine.n_iter_
    assert np.isfinite(mine.validation_scores_[:-1]).all()
    assert mine.best_validation_score_ == pytest.approx(other.best_validation_score_)
    for a, b in zip(mine.coefs_, other.coefs_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7)


def test_training_that_diverges_in_its_first_epoch_ends_with_the_initial_weights() -> None:
    x, y = problem("one target")
    diverging = {"learning_rate_init": 1e9, "batch_size": 2, "early_stopping": True}
    mine, other = pair("one target", activation="identity", solver="sgd", **diverging)
    with pytest.warns(DivergenceWarning, match="at epoch 1"):
        mine.fit(1e9 * x, y)
    with ignore_convergence(), np.errstate(all="ignore"):
        other.fit(1e9 * x, y)
    assert np.isnan(mine.validation_scores_).all() and np.isnan(other.validation_scores_).all()
    assert mine.best_validation_score_ == other.best_validation_score_ == -np.inf
    for a, b in zip(mine.coefs_, other.coefs_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7)


@pytest.mark.parametrize("stratify", [None, True])
def test_a_class_of_one_row_is_named(stratify: bool | None) -> None:
    x, y = problem("binary")
    model = pair("binary", early_stopping=True)[0].set_params(stratify=stratify)
    with pytest.raises(ValueError, match=r"Classes with too few members are: \['True'\]") as error:
        model.fit(x, np.where(np.arange(len(y)) == 3, "rare", "common"))
    assert error.value.__notes__ == ["Classes with one row: ['rare']"]


def test_validation_rows_are_the_same_and_never_trained_on() -> None:
    # a target of 1000 in a training row would change the weights
    x, y = problem("one target")
    parameters: dict[str, Any] = {"early_stopping": True, "validation_fraction": 0.5, "max_iter": 1}
    plain = fitted("one target", **parameters)
    moved = []
    for row in range(20):
        models = pair("one target", **parameters)
        changed = np.where(np.arange(len(y)) == row, 1000.0, y)
        call_both(models, lambda model, changed=changed: model.fit(x, changed))
        moved.append([not np.array_equal(a.coefs_[0], b.coefs_[0]) for a, b in zip(models, plain, strict=True)])
    mine, other = np.array(moved).T
    np.testing.assert_array_equal(mine, other)
    assert 4 <= mine.sum() <= 16


@pytest.mark.parametrize("task", TASKS)
def test_sample_weights_of_one_change_nothing(task: str) -> None:
    x, y = problem(task)
    mine, _ = pair(task, early_stopping=True, max_iter=5, batch_size=10)
    twin, _ = pair(task, early_stopping=True, max_iter=5, batch_size=10)
    call_both((mine, mine), lambda model: model.fit(x, y))
    call_both((twin, twin), lambda model: model.fit(x, y, sample_weight=np.ones(len(x))))
    for a, b in zip(mine.coefs_, twin.coefs_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_sample_weights_as_a_list_or_a_number() -> None:
    x, y = problem("one target")
    for weights in (row_weights().tolist(), 2.0, row_weights().astype(np.float32), np.arange(1, len(x) + 1)):
        models = pair("one target", early_stopping=True, max_iter=4)
        mine, other = call_both(models, lambda model, weights=weights: model.fit(x, y, sample_weight=weights))
        assert_same_network(mine, other, 1e-7)


def unweighted(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    return float(np.mean(y_true == y_pred))


SCORERS: dict[str, Any] = {
    "a name": "accuracy",
    "a function with weights": make_scorer(matthews_corrcoef),
    "a function without weights": make_scorer(unweighted),
    "a callable without weights": lambda estimator, x, y: unweighted(y, estimator.predict(x)),
    "a callable with weights": lambda estimator, x, y, sample_weight: float(np.average(estimator.predict(x) == y)),
    "a callable with keywords": lambda estimator, x, y, **keywords: len(keywords) - 1.0,
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("scoring", SCORERS)
def test_weights_are_passed_to_scorers_that_take_them(scoring: str, weighted: bool) -> None:
    x, y = problem("binary")
    weights = 0.1 + row_weights() if weighted else None
    if scoring == "a callable with weights" and not weighted:
        pytest.skip("it requires weights")
    fitted = MLPClassifier((4,), early_stopping=True, scoring=SCORERS[scoring], max_iter=3, random_state=0)
    fitted.fit(x, y, sample_weight=weights)
    assert len(fitted.validation_scores_) == 3
    if scoring == "a callable with keywords":
        assert fitted.validation_scores_ == [0.0 if weighted else -1.0] * 3


def test_a_scorer_that_needs_no_weights_for_values() -> None:
    x, y = problem("one target")
    scorer = make_scorer(lambda a, b: -float(median_absolute_error(a, b)))
    with ignore_convergence():
        fitted = MLPRegressor(early_stopping=True, scoring=scorer, max_iter=3).fit(x, y, sample_weight=row_weights())
    assert len(fitted.validation_scores_) == 3


@pytest.mark.parametrize("value", [np.nan, "0.5", None, np.ones(2)])
def test_a_score_that_is_no_number_is_an_error_after_the_first_epoch(value: Any) -> None:
    x, y = problem("binary")
    estimator = MLPClassifier((4,), early_stopping=True, scoring=lambda estimator, x, y: value, max_iter=9)
    with pytest.raises(InputError, match=r"the scorer returned .* after epoch 1, .*hold out more rows"):
        estimator.fit(x, y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_validation_rows_without_a_score_are_an_error() -> None:
    x, y = problem("one target")
    with pytest.raises(InputError, match="the scorer returned nan for the validation rows after epoch 1"):
        MLPRegressor(early_stopping=True).fit(x, y, validation_data=(x[:1], y[:1]))
    x, y = problem("binary")
    with pytest.raises(InputError, match=r"returned nan.*stratify=True"):
        # area under the curve of rows of one class
        MLPClassifier(early_stopping=True, scoring="roc_auc").fit(x, y, validation_data=(x[:2], [y[0]] * 2))
    weights = np.ones(60)
    estimator = MLPClassifier(early_stopping=True, random_state=0, max_iter=1)
    with ignore_convergence():
        held_out = estimator.fit(x, np.where(np.arange(60) < 30, "a", "b"))._split_rows(y, None)[1]
    weights[held_out] = 0
    with pytest.raises(InputError, match="sample_weight is 0 for all 6 rows that early_stopping holds out"):
        MLPClassifier(early_stopping=True, random_state=0).fit(
            x, np.where(np.arange(60) < 30, "a", "b"), sample_weight=weights
        )
    assert np.isfinite(r2_score([1, 2], [1, 2]))


@pytest.mark.parametrize("task", ["binary", "one target"])
def test_the_model_names_the_epoch_of_its_parameters(task: str) -> None:
    x, y = problem(task)
    mine, _ = pair(task, early_stopping=True, learning_rate_init=0.3, batch_size=10, max_iter=12, warm_start=True)
    for _ in range(2):
        with ignore_convergence():
            mine.fit(x, y)
        best = int(np.argmax(mine.validation_scores_)) + 1
        assert mine.model_.metadata["best_epoch"] == best == mine.history_[best - 1].epoch
    with ignore_convergence():
        mine.set_params(early_stopping=False).fit(x, y)
    assert mine.model_.metadata["best_epoch"] == len(mine.history_) == mine.history_[-1].epoch


def test_an_epoch_that_diverged_is_not_the_best_one() -> None:
    x, y = problem("one target")
    mine = MLPRegressor(
        activation="identity", solver="sgd", learning_rate_init=30.0, early_stopping=True, max_iter=15, random_state=0
    )
    with pytest.warns(DivergenceWarning):
        mine.fit(100 * x, y)
    scores = mine.validation_scores_
    best = int(np.nanargmax(scores)) + 1 if np.isfinite(scores).any() else 0
    assert mine.model_.metadata["best_epoch"] == best <= len(mine.history_)


@pytest.mark.parametrize("scores", [None, []], ids=["no early stopping", "early stopping"])
@pytest.mark.parametrize(
    ("name", "value"),
    [("scores", True), ("scores", 0.5), ("scores", ["a"]), ("losses", None), ("losses", 1), ("samples", [1])],
)
def test_progress_of_another_type_is_refused(scores: list[float] | None, name: str, value: Any) -> None:
    metadata = {
        "scores": scores,
        "losses": [0.5],
        "best_loss": 0.5,
        "best_score": 0.5,
        "best_validation_loss": 0.5,
        "n_no_improvement": 0,
        "samples": 8,
    }
    Progress(scores).load_state_dict(StateDict({}, metadata))
    with pytest.raises(InputError, match=f"{name} of the progress of a training is"):
        Progress(scores).load_state_dict(StateDict({}, metadata | {name: value}))

"""Parameters that scikit-learn does not have."""

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, log_loss, make_scorer
from sklearn.model_selection import cross_val_score

from glassnet import Callback, InputError, MLPClassifier, MLPRegressor
from glassnet.network.activations import ACTIVATIONS
from glassnet.network.losses import CLASSIFICATION, LOSSES
from glassnet.network.optimizers import OPTIMIZERS
from glassnet.network.schedules import SCHEDULES

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few epochs are enough here

X, y = load_iris(return_X_y=True)
XR, yr = load_diabetes(return_X_y=True)


def classifier(**given) -> MLPClassifier:
    return MLPClassifier(**{"hidden_layer_sizes": (8,), "max_iter": 8, "random_state": 0, **given})


def regressor(**given) -> MLPRegressor:
    return MLPRegressor(**{"hidden_layer_sizes": (8,), "max_iter": 8, "random_state": 0, **given})


def square(z):
    return z * z / 4


def d_square(z):
    return z / 2


def half_square(y, o):
    return np.sum((o - y) ** 2, axis=1) / 2


def d_half_square(y, o):
    return o - y


# ------------------------------------------------------------------------------------------------ the names in tables


@pytest.mark.parametrize("name", sorted({*ACTIVATIONS, "logistic"} - {"softmax"}))
def test_every_activation_by_name(name: str) -> None:
    fitted = classifier(activation=name).fit(X, y)
    assert np.isfinite(fitted.predict_proba(X)).all()
    assert fitted.model_.structure.activations[0].name == {"logistic": "sigmoid"}.get(name, name)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_by_name(name: str) -> None:
    start = classifier(solver=name, learning_rate_init=0.002, max_iter=1).fit(X, y).loss_
    assert classifier(solver=name, learning_rate_init=0.002, max_iter=60).fit(X, y).loss_ < start


@pytest.mark.parametrize("solver", ["sgd", "adam", "lion"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_for_every_solver(name: str, solver: str) -> None:
    fitted = classifier(solver=solver, learning_rate=name, learning_rate_params={"warmup": 2}).fit(X, y)
    rates = [epoch.learning_rate for epoch in fitted.history_]
    assert rates[0] < 0.001  # the warm-up
    assert len(set(rates)) > 1


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_every_loss_of_classes_by_name(name: str) -> None:
    for target in (y, (y > 0).astype(int)):
        fitted = classifier(loss=name, max_iter=150, learning_rate_init=0.01, random_state=1).fit(X, target)
        assert fitted.score(X, target) > 0.9
        if LOSSES[name].link == "softmax":  # an output for each class, of two classes too
            assert fitted.n_outputs_ == target.max() + 1
        if LOSSES[name].link is None:
            assert not hasattr(fitted, "predict_proba")
            assert fitted.decision_function(X).shape == ((150, 3) if target.max() == 2 else (150,))
            with pytest.raises(AttributeError, match="has no attribute 'predict_proba'"):
                fitted.predict_proba(X)


@pytest.mark.parametrize("name", sorted(set(LOSSES) - set(CLASSIFICATION)))
def test_every_loss_of_values_by_name(name: str) -> None:
    start = regressor(loss=name, max_iter=1).fit(XR, yr / 100).loss_
    fitted = regressor(loss=name, max_iter=60, learning_rate_init=0.01).fit(XR, yr / 100)
    assert fitted.loss_ < start


# ------------------------------------------------------------------------------------------ custom functions


def test_a_custom_activation() -> None:
    own = classifier(activation=(square, d_square)).fit(X, y)
    a1 = square(X @ own.coefs_[0] + own.intercepts_[0])
    z2 = a1 @ own.coefs_[1] + own.intercepts_[1]
    e = np.exp(z2 - z2.max(axis=1, keepdims=True))
    assert np.allclose(own.predict_proba(X), e / e.sum(axis=1, keepdims=True))
    assert own.engine_ == "reference"
    copy = pickle.loads(pickle.dumps(own))
    assert (copy.predict_proba(X) == own.predict_proba(X)).all()
    with pytest.raises(InputError, match="'square' is a custom function, which no file can hold"):
        own.save("nowhere.glassnet")


def test_a_custom_loss_trains_like_the_same_loss_by_name() -> None:
    own = regressor(loss=(half_square, d_half_square)).fit(XR, yr)
    named = regressor(loss="squared_error").fit(XR, yr)
    assert np.allclose(own.coefs_[0], named.coefs_[0], rtol=1e-12)
    assert own.loss_curve_ == pytest.approx(named.loss_curve_)


def test_a_wrong_gradient_of_a_custom_loss_is_reported() -> None:
    with pytest.raises(InputError, match="central differences of the value say") as found:
        regressor(loss=(half_square, lambda y, o: 2 * (o - y))).fit(XR, yr)
    assert "y=[310.0]" in str(found.value)
    with pytest.raises(InputError, match="shape \\(\\) for 16 rows"):
        regressor(loss=(lambda y, o: np.mean((o - y) ** 2), d_half_square)).fit(XR, yr)
    with pytest.raises(InputError, match="it must be that of output"):
        regressor(loss=(half_square, lambda y, o: (o - y)[:, 0])).fit(XR, yr)


# ------------------------------------------------------------------------------------------------------ regularization


def test_an_activation_for_each_layer() -> None:
    fitted = classifier(hidden_layer_sizes=(6, 5, 4), activation=["tanh", "gelu", "relu"]).fit(X, y)
    assert [a.name for a in fitted.model_.structure.activations] == ["tanh", "gelu", "relu", "softmax"]
    with pytest.raises(InputError, match="activation has 2 entries for 3 hidden layers"):
        classifier(hidden_layer_sizes=(6, 5, 4), activation=["tanh", "gelu"]).fit(X, y)


@pytest.mark.parametrize("dropout", [0.5, [0.2, 0.5]])
def test_dropout_trains_and_predicts_without_it(dropout) -> None:
    one, other = (classifier(dropout=dropout).fit(X, y) for _ in range(2))
    assert (one.predict_proba(X) == other.predict_proba(X)).all()
    assert not np.allclose(one.coefs_[0], classifier().fit(X, y).coefs_[0])


def test_penalties_and_norm_limits_shrink_the_weights() -> None:
    plain = classifier(max_iter=100).fit(X, y)
    assert (
        np.abs(classifier(max_iter=300, learning_rate_init=0.01, l1=0.1).fit(X, y).coefs_[0]).sum()
        < np.abs(plain.coefs_[0]).sum() / 2
    )
    decayed = classifier(max_iter=100, solver="adamw", weight_decay=5.0).fit(X, y)
    assert np.abs(decayed.coefs_[0]).sum() < np.abs(plain.coefs_[0]).sum()
    limited = classifier(max_norm=0.5).fit(X, y)
    assert all(np.linalg.norm(W, axis=0).max() <= 0.5 + 1e-12 for W in limited.coefs_)


def test_clip_norm_limits_the_step_length() -> None:
    plain = {"solver": "sgd", "momentum": 0, "learning_rate_init": 1.0, "max_iter": 1, "alpha": 0}
    fitted = classifier(**plain, clip_norm=0.01).fit(X, y)
    initial = classifier(**plain, clip_norm=1e-300).fit(X, y)
    moved = sum(float(np.sum((a - b) ** 2)) for a, b in zip(
        fitted.coefs_ + fitted.intercepts_, initial.coefs_ + initial.intercepts_, strict=True))  # fmt: skip
    assert np.sqrt(moved) == pytest.approx(0.01)


def test_label_smoothing() -> None:
    sure = classifier(max_iter=400, learning_rate_init=0.01).fit(X, y).predict_proba(X).max(axis=1).mean()
    smooth = classifier(max_iter=400, learning_rate_init=0.01, label_smoothing=0.3).fit(X, y)
    assert smooth.predict_proba(X).max(axis=1).mean() < sure - 0.1
    with pytest.raises(InputError, match="label_smoothing does not go with loss 'hinge'"):
        classifier(loss="hinge", label_smoothing=0.1).fit(X, y)


def test_averaged_weights_predict() -> None:
    averaged, plain = (classifier(ema_decay=a, max_iter=3).fit(X, y) for a in (0.9, None))
    assert np.abs(averaged.coefs_[0] - plain.coefs_[0]).max() > 0
    assert np.allclose(averaged._state.weights.parameters, plain.model_.vector)


def test_class_weights_multiply_row_weights() -> None:
    w = np.random.default_rng(0).random(150) + 0.5
    together = classifier(class_weight={0: 1.0, 1: 2.0, 2: 0.5}).fit(X, y, sample_weight=w)
    by_hand = classifier().fit(X, y, sample_weight=w * np.array([1.0, 2.0, 0.5])[y])
    assert all((a == b).all() for a, b in zip(together.coefs_, by_hand.coefs_, strict=True))
    few = np.r_[0:50, 50:55]
    assert classifier(class_weight="balanced", max_iter=100).fit(X[few], y[few]).predict(X[50:55]).mean() > 0.5


# ----------------------------------------------------------------------------------------------------------- stopping


def test_validation_data_is_never_trained_on() -> None:
    train, held = np.arange(0, 150, 2), np.arange(1, 150, 2)
    given = (X[held], y[held])
    fitted = classifier(early_stopping=True, max_iter=30).fit(X[train], y[train], validation_data=given)
    blind = classifier(max_iter=len(fitted.validation_scores_), tol=0, n_iter_no_change=1000).fit(X[train], y[train])
    assert fitted._state.weights.parameters.tobytes() == blind.model_.vector.tobytes()
    assert fitted.best_validation_score_ == fitted.score(*given) == max(fitted.validation_scores_)
    reported = classifier().fit(X[train], y[train], validation_data=given)
    assert reported.validation_scores_ is None and reported.history_[-1].validation_metric == reported.score(*given)


def test_an_unknown_class_in_the_validation_data_is_named() -> None:
    with pytest.raises(ValueError, match="classes not in"):
        classifier().fit(X[:100], y[:100], validation_data=(X, y))
    with pytest.raises(InputError, match="must be a tuple"):
        classifier().fit(X, y, validation_data=X)


def test_sample_weights_of_the_validation_data() -> None:
    w = np.zeros(150)
    w[:10] = 1  # of one class
    given = (X, y, w)
    fitted = classifier(early_stopping=True, max_iter=3).fit(X, y, validation_data=given)
    assert fitted.best_validation_score_ == accuracy_score(y, fitted.predict(X), sample_weight=w)


def test_groups_and_stratification_of_the_validation_split() -> None:
    groups = np.arange(150) // 5
    fitted = classifier(early_stopping=True).fit(X, y, groups=groups)
    training, validation = np.flatnonzero(~fitted._held_out.mask), np.flatnonzero(fitted._held_out.mask)
    assert not set(groups[training]) & set(groups[validation])
    stratified = classifier(early_stopping=True, stratify=True, validation_fraction=0.2).fit(X, y)
    validation = np.flatnonzero(stratified._held_out.mask)
    assert np.bincount(y[validation]).tolist() == [10, 10, 10]
    with pytest.raises(InputError, match="groups are kept together when early_stopping holds out rows"):
        classifier().fit(X, y, groups=groups)


def test_scoring_decides_when_to_stop_and_sees_the_current_network() -> None:
    scores = []

    def watching(truth, predicted):
        scores.append(accuracy_score(truth, predicted))
        return scores[-1]

    by_default = classifier(early_stopping=True, max_iter=30).fit(X, y)
    by_scorer = classifier(early_stopping=True, max_iter=30, scoring=make_scorer(watching)).fit(X, y)
    assert by_scorer.validation_scores_ == by_default.validation_scores_ == scores
    assert (by_scorer.coefs_[0] == by_default.coefs_[0]).all()
    loss = classifier(early_stopping=True, scoring="neg_log_loss").fit(X, y)
    assert max(loss.validation_scores_) == loss.best_validation_score_ < 0
    with pytest.raises(InputError, match="scoring goes with early_stopping"):
        classifier(scoring="accuracy").fit(X, y)


def test_patience_min_delta_and_restore_best_weights() -> None:
    impatient = classifier(max_iter=300, patience=1, min_delta=0.01).fit(X, y)
    assert impatient.n_iter_ < 300
    losses = np.array(impatient.loss_curve_)
    assert losses[-1] > losses[:-1].min() - 0.01  # the last one was not better by enough
    best = classifier(max_iter=30, learning_rate_init=0.5, restore_best_weights=True).fit(X, y)
    at = int(np.argmin(best.loss_curve_)) + 1
    again = classifier(max_iter=at, learning_rate_init=0.5).fit(X, y)
    assert (best.coefs_[0] == again.coefs_[0]).all()
    last = classifier(early_stopping=True, restore_best_weights=False, max_iter=30).fit(X, y)
    assert last.model_.vector.tobytes() == last._state.weights.parameters.tobytes()


def test_callbacks_are_called_and_may_stop_training() -> None:
    class Stop(Callback):
        def __init__(self) -> None:
            self.epochs = 0

        def on_epoch_end(self, run) -> None:
            self.epochs += 1
            if self.epochs == 3:
                run.stop("enough")

    for given in (Stop(), [Stop()]):
        assert classifier(callbacks=given).fit(X, y).n_iter_ == 3
    assert classifier(callbacks=Stop(), solver="lbfgs", max_iter=20).fit(X, y).n_iter_ <= 4


# --------------------------------------------------------------------------------------------------------- warm start


@pytest.mark.parametrize("engine", ["reference", "fused"])
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"solver": "sgd", "learning_rate": "invscaling"},
        {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.1, "n_iter_no_change": 1, "tol": 0.1},
        {"dropout": 0.2},
        {"early_stopping": True},
        {"early_stopping": True, "shuffle": False},
        {"solver": "nadam", "ema_decay": 0.9},
        {"learning_rate": "step", "learning_rate_params": {"step_size": 3, "warmup": 2}},
    ],
)
def test_two_warm_fits_of_five_epochs_equal_one_of_ten(given: dict, engine: str) -> None:
    twice = classifier(max_iter=5, warm_start=True, engine=engine, **given).fit(X, y).fit(X, y)
    once = classifier(max_iter=10, engine=engine, **given).fit(X, y)
    assert twice.engine_ == once.engine_ == engine
    assert twice.model_.vector.tobytes() == once.model_.vector.tobytes()
    assert twice.loss_curve_ == once.loss_curve_ and twice.t_ == once.t_
    assert [e.learning_rate for e in twice.history_] == [e.learning_rate for e in once.history_]
    assert [e.epoch for e in twice.history_] == list(range(1, 11))
    if not given.get("early_stopping"):
        by_parts = classifier(engine=engine, **given)
        for _ in range(10):
            by_parts = pickle.loads(pickle.dumps(by_parts.partial_fit(X, y, classes=[0, 1, 2])))
        assert by_parts.model_.vector.tobytes() == once.model_.vector.tobytes()


def test_replaced_weights_restart_the_optimizer() -> None:
    fitted = classifier(warm_start=True).fit(X, y)
    fitted.coefs_ = [np.zeros_like(W) for W in fitted.coefs_]
    assert np.allclose(fitted.predict_proba(X), fitted.predict_proba(X[:1]))
    fitted.coefs_[0][0, 0] = 1e-3  # in place
    again = classifier(warm_start=True).fit(X, y)
    again.coefs_ = [W.copy() for W in fitted.coefs_]
    assert (fitted.fit(X, y).coefs_[0] == again.fit(X, y).coefs_[0]).all()
    assert fitted._state.weights.state.step == 8


def test_a_warm_start_with_other_layers_is_rejected() -> None:
    fitted = classifier(warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match=r"has layers of \(4, 8, 3\) units.*ask for \(4, 9, 3\)"):
        fitted.set_params(hidden_layer_sizes=(9,)).fit(X, y)


# --------------------------------------------------------------------------------------------------------- regression


def test_quantiles_are_ordered_and_cover_their_share() -> None:
    fitted = regressor(
        quantiles=[0.9, 0.1, 0.5], target_transform="standardize", max_iter=400, learning_rate_init=0.01
    ).fit(XR, yr)
    high, low, middle = fitted.predict(XR).T
    assert (low <= middle).all() and (middle <= high).all()
    for share, values in ((0.9, high), (0.1, low), (0.5, middle)):
        assert np.mean(yr <= values) == pytest.approx(share, abs=0.06)
    with pytest.raises(InputError, match="quantiles need one target"):
        regressor(quantiles=[0.5]).fit(XR, np.c_[yr, yr])
    with pytest.raises(InputError, match="above 0 and below 1"):
        regressor(quantiles=[0.5, 1.0]).fit(XR, yr)
    with pytest.raises(InputError, match="quantiles use the pinball loss, and loss is 'huber'"):
        regressor(quantiles=[0.5], loss="huber").fit(XR, yr)


def test_a_standardized_target_is_transformed_back() -> None:
    far = yr * 1e6 + 1e9
    near, scaled = (regressor(target_transform="standardize").fit(XR, target) for target in (yr, far))
    assert np.allclose(near.predict(XR) * 1e6 + 1e9, scaled.predict(XR), rtol=1e-9)
    two = regressor(target_transform="standardize", max_iter=300).fit(XR, np.c_[yr, -1000 * yr])
    assert two.score(XR, np.c_[yr, -1000 * yr]) > 0.3
    with pytest.raises(InputError, match="makes counts negative"):
        regressor(target_transform="standardize", loss="poisson").fit(XR, yr)
    with pytest.raises(InputError, match="needs y of 0 or more, and row 2 has -1"):
        regressor(loss="poisson").fit(XR[:3], [0.0, 1.0, -1.0])


# ------------------------------------------------------------------------------------------ incompatible parameters


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"solver": "lbfgs", "dropout": 0.5}, "dropout=0.5 does not go with solver='lbfgs'"),
        ({"solver": "lbfgs", "clip_norm": 1.0}, "clip_norm=1.0 does not go with solver='lbfgs'"),
        ({"solver": "lbfgs", "solver_params": {"beta_1": 0.5}}, "solver_params does not go with solver='lbfgs'"),
        ({"solver_params": {"momentum": 0.5}}, "optimizer 'adam' has no setting 'momentum'"),
        ({"learning_rate": "invscaling", "learning_rate_params": {"power": 1}}, "whose only number is power_t"),
        ({"learning_rate": "step", "learning_rate_params": {"power": 1}}, "has no setting 'power'"),
        ({"loss_params": {"gamma": 1.0}}, "has no setting 'gamma'"),
        ({"dropout": [0.1, 0.2, 0.3]}, "dropout has 3 rates"),
        ({"out_activation": "tanh"}, "does not go with the output activation 'tanh'"),
        ({"categorical_features": [0]}, "categorical_features goes with preprocess='auto'"),
        ({"activation": (square,)}, "a pair of functions"),
        ({"callbacks": Callback}, "must be an instance of glassnet.Callback"),
        ({"n_jobs": 0}, "n_jobs is 0"),
    ],
)
def test_incompatible_parameters_are_rejected_before_the_first_epoch(given: dict, match: str) -> None:
    class Never(Callback):
        def on_train_begin(self, run) -> None:
            raise AssertionError("training started")

    with pytest.raises(InputError, match=match):
        classifier(**{"callbacks": Never(), **given}).fit(X, y)


def test_partial_fit_rejects_schedules_that_need_the_total_steps() -> None:
    with pytest.raises(InputError, match="must know how many epochs there will be"):
        classifier(learning_rate="one_cycle").partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"partial_fit\(X, y, classes=…\)"):
        classifier().partial_fit(X[:100], y[:100], classes=[0, 1]).partial_fit(X, y)


# ----------------------------------------------------------------------------------------------------- other parameters


def test_engines_and_threads_and_dtypes() -> None:
    fused = [classifier(engine="fused", n_jobs=n).fit(X, y) for n in (1, 2, -1)]
    assert {f.engine_ for f in fused} == {"fused"} and len({f.model_.vector.tobytes() for f in fused}) == 1
    reference = classifier(engine="reference").fit(X, y)
    assert np.allclose(fused[0].coefs_[0], reference.coefs_[0], rtol=1e-9)
    assert classifier(dtype="float32").fit(X, y).coefs_[0].dtype == np.float32
    assert classifier().fit(X, y).n_parameters_ == 4 * 8 + 8 + 8 * 3 + 3


def test_the_history_is_a_table() -> None:
    frame = classifier(early_stopping=True).fit(X, y).history_.to_frame()
    assert list(frame.epoch) == list(range(1, 9)) and frame.validation_loss.notna().all()


def test_verbose_prints_the_same_lines_as_sklearn(capsys) -> None:
    classifier(verbose=True, max_iter=2, early_stopping=True).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Iteration 1, loss = ") and lines[1].startswith("Validation score: ")


def test_weights_drawn_by_an_initializer() -> None:
    for initializer in ("auto", "he_normal", lambda rng, shape: np.full(shape, 0.25)):
        fitted = classifier(initializer=initializer, max_iter=1, learning_rate_init=1e-12).fit(X, y)
        assert np.abs(fitted.intercepts_[0]).max() < 1e-10
    assert np.allclose(fitted.coefs_[0], 0.25)


def test_nothing_is_printed_without_verbose(capsys) -> None:
    classifier().fit(X, y)
    assert capsys.readouterr() == ("", "")


# --------------------------------------------------------------------------------------------- usability


def test_score_of_quantiles() -> None:
    fitted = regressor(quantiles=[0.1, 0.9], target_transform="standardize").fit(XR, yr)
    q, e = np.array([0.1, 0.9]), yr[:, np.newaxis] - fitted.predict(XR)
    assert fitted.score(XR, yr) == pytest.approx(-np.mean(np.maximum(q * e, (q - 1) * e)))
    assert np.isfinite(cross_val_score(fitted, XR, yr, cv=3)).all()


def test_decision_values_of_losses_without_probabilities() -> None:
    network = classifier(loss="hinge", max_iter=50)
    assert np.isfinite(cross_val_score(network, X, y == 1, scoring="roc_auc")).all()
    assert hasattr(classifier(), "predict_proba") and not hasattr(classifier(), "decision_function")


def test_common_aliases_of_names() -> None:
    assert regressor(loss="absolute_error").fit(XR, yr).loss_ == regressor(loss="mean_absolute_error").fit(XR, yr).loss_
    tuples = classifier(hidden_layer_sizes=(4, 3), activation=("relu", "tanh")).fit(X, y)
    assert [a.name for a in tuples.model_.structure.activations] == ["relu", "tanh", "softmax"]
    assert classifier(dtype=np.float32).fit(X, y).coefs_[0].dtype == np.float32
    with pytest.raises(InputError, match=r"for layers write hidden_layer_sizes=\(16,\)"):
        MLPRegressor((16,)).fit(XR, yr)
    with pytest.raises(InputError, match="may not reach them"):
        regressor(target_transform="standardize", out_activation="logistic").fit(XR, yr)
    with pytest.raises(NotFittedError):
        classifier().explain(X)
    with pytest.raises(ValueError, match="NaN") as found:
        classifier().fit(X * np.nan, y)
    assert found.value.__notes__ == ["Or fit with preprocess='auto', which fills in missing values and encodes text."]


def test_explanations_are_in_the_units_of_predict() -> None:
    fitted = regressor(target_transform="standardize", max_iter=100).fit(XR, yr)
    sums = fitted.integrated_gradients(XR[:9], tolerance=1e-6).sum(axis=1)
    assert np.allclose(sums, fitted.predict(XR[:9]) - fitted.predict(np.zeros((1, 10))), atol=1e-3)
    two = regressor(target_transform="standardize").fit(XR, np.c_[yr, yr])
    with pytest.raises(InputError, match="one of the 2 values"):
        two.saliency(XR)
    assert two.saliency(XR, output=1).shape == XR.shape
    named = classifier().fit(X, np.array(["a", "b", "c"])[y])
    assert (named.saliency(X, output="b") == named.saliency(X, output=1)).all()


def test_the_loss_of_validation_rows_is_printed_too(capsys) -> None:
    classifier(verbose=True, max_iter=1).fit(X, y, validation_data=(X, y))
    assert "Validation loss: " in capsys.readouterr().out


def test_early_stopping_can_be_switched_between_fits() -> None:
    network = classifier(early_stopping=True, warm_start=True).fit(X, y)
    best = network.model_.vector.copy()
    network.set_params(early_stopping=False).fit(X, y)
    assert not np.array_equal(network.model_.vector, best) and network.validation_scores_ is None
    before = network.model_.vector.copy()
    network.partial_fit(X, y)
    assert not np.array_equal(network.model_.vector, before)
    network.set_params(early_stopping=True).fit(X, y)
    assert len(network.validation_scores_) == network.n_iter_
    loss = network.set_params(solver="lbfgs", max_iter=50).fit(X, y).loss_
    assert network.gradients(X, y)["dW1"].shape == (4, 8) and loss < network.history_[0].loss
    assert np.isclose(log_loss(y, network.predict_proba(X)), loss, rtol=0.01)

"""A training resumed from its state dict, also within an epoch, gives the same bits as an uninterrupted one."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from glassnet import Callback, InputError, MLPClassifier, MLPRegressor, Settings, Structure, train
from glassnet.engines.interface import Rows
from glassnet.training.loop import Data, build_run, run_training
from glassnet.training.run import Run
from glassnet.training.source import InMemory, Part, Source
from glassnet.training.state import init_state
from glassnet.training.state_dict import StateDict, from_json_values, rng_state, set_rng_state, to_json_values

STRUCTURE = Structure((6, 9, 3), ("tanh", "softmax"))
RNG = np.random.default_rng(5)
X = RNG.standard_normal((77, 6))
Y = RNG.integers(0, 3, 77)
VALIDATION = RNG.standard_normal((20, 6)), RNG.integers(0, 3, 20)

PLAIN = Settings(epochs=3, batch_size=8, learning_rate=0.05, dtype="float64", engine="reference")
#: Settings with different state: moments, random streams, moving average, plateau, early stopping.
STATEFUL = {
    "adam": replace(PLAIN, optimizer="adam"),
    "dropout": replace(PLAIN, dropout=(0.1, 0.4)),
    "nadam": replace(PLAIN, optimizer="nadam"),
    "amsgrad": replace(PLAIN, optimizer="adam", optimizer_settings={"amsgrad": True}),
    "momentum": replace(PLAIN, optimizer="momentum", schedule="one_cycle"),
    "ema_decay": replace(PLAIN, ema_decay=0.9, dropout=0.3),
    "plateau": replace(PLAIN, reduce_on_plateau={"patience": 0, "factor": 0.5, "threshold": 0.9}, epochs=5),
    "stops early": replace(PLAIN, patience=1, min_delta=0.5, epochs=8),
    "metric": replace(PLAIN, patience=1, monitor="metric", epochs=8),
    "cosine": replace(PLAIN, schedule="flat_cosine", batch_size=32, dropout=0.2),
    "unshuffled": replace(PLAIN, shuffle=False, dropout=0.2),
    "float32": replace(PLAIN, dtype="float32", dropout=0.2, clip_norm=0.5, l2=0.01),
    "one row": replace(PLAIN, batch_size=1, epochs=2),
    "one batch": replace(PLAIN, batch_size=100),
}


class SaveAndStop(Callback):
    """Save the state dict after n batches, as a checkpoint does, and stop the training."""

    def __init__(self, after: int) -> None:
        self.remaining = after
        self.saved = ""
        self.arrays: dict[str, np.ndarray] = {}

    def on_batch_end(self, run: Run, batch: int, loss: float) -> None:
        self.remaining -= 1
        if self.remaining == 0:
            run.pause()

    def on_pause(self, run: Run) -> None:
        if self.remaining <= 0:
            state_dict = run.state_dict()
            self.saved = json.dumps(to_json_values(state_dict.metadata), allow_nan=False)
            self.arrays = state_dict.arrays
            run.stop("saved")


class Counting(Callback):
    """A callback with state."""

    epochs = 0

    def on_epoch_end(self, run: Run) -> None:
        self.epochs += 1

    def state_dict(self) -> StateDict:
        return StateDict({}, {"epochs": self.epochs})

    def load_state_dict(self, state_dict: StateDict) -> None:
        self.epochs = state_dict.metadata["epochs"]


class Resume(Callback):
    """Load the state dict that `SaveAndStop` saved."""

    def __init__(self, saved: SaveAndStop) -> None:
        self.saved = saved

    def on_train_begin(self, run: Run) -> None:
        run.load_state_dict(StateDict(self.saved.arrays, from_json_values(json.loads(self.saved.saved))))


def bits(run: Run) -> tuple[Any, ...]:
    """Return all that must be equal: parameters, state, history (without the seconds), result, random stream."""
    weights = run.weights
    moments = [moment.tobytes() for moment in weights.state.moments.values()]
    history = [replace(epoch, seconds=0) for epoch in run.history]
    result, best = run.result()
    average = None if weights.ema is None else weights.ema.tobytes()
    rng = run.state.rng.random()
    return weights.parameters.tobytes(), average, moments, history, result.tobytes(), best, run.stop_reason, rng


def prepared(settings: Settings, data: Data | Source = (X, Y)) -> Run:
    return build_run(STRUCTURE, settings, data, VALIDATION, None, "", init_state(STRUCTURE, settings))


def run_whole_and_resumed(settings: Settings, after: int, data: Data | Source = (X, Y)) -> tuple[Run, Run]:
    """Return an uninterrupted training, and one that was stopped after n batches and resumed in another run."""
    whole = prepared(settings, data)
    run_training(whole)
    saving = SaveAndStop(after)
    run_training(prepared(settings, data), [saving])
    assert saving.saved, "the training ended before"
    again = prepared(settings, data)
    run_training(again, [Resume(saving)])
    return whole, again


@pytest.mark.sweep(strength=1)
@pytest.mark.parametrize("name", STATEFUL)
@pytest.mark.parametrize("after", [1, 10, 13, 20])
def test_a_resumed_training_equals_an_uninterrupted_one(name: str, after: int) -> None:
    settings = STATEFUL[name]
    batches = -(-len(X) // settings.batch_size)
    whole, again = run_whole_and_resumed(settings, min(after, batches * 2 - 1))
    assert bits(whole) == bits(again)


@pytest.mark.parametrize("name", ["adam", "dropout", "nadam", "ema_decay", "one row", "float32"])
@pytest.mark.parametrize("after", [3, 10, 13])
def test_a_resumed_training_equals_an_uninterrupted_one_on_the_fused_engine(name: str, after: int) -> None:
    whole, again = run_whole_and_resumed(replace(STATEFUL[name], engine="fused"), after)
    assert whole.engine.name == again.engine.name == "fused"
    assert bits(whole) == bits(again)


@given(
    st.integers(1, 29),
    st.integers(1, 80),
    st.sampled_from(sorted(STATEFUL)),
    st.sampled_from(["csr", "bytes", "dense"]),
)
@hypothesis_settings(max_examples=30, deadline=None)
def test_training_resumes_from_any_batch(after: int, size: int, name: str, kind: str) -> None:
    settings = replace(STATEFUL[name], batch_size=size, patience=None)
    x = {"csr": csr_matrix(np.where(X > 0, X, 0)), "bytes": np.abs(50 * X).astype(np.uint8), "dense": X}[kind]
    batches = -(-len(X) // size) * settings.epochs
    whole, again = run_whole_and_resumed(settings, min(after, batches), (x, Y))
    assert bits(whole) == bits(again)


@pytest.mark.parametrize("engine", ["reference", "fused"])
def test_pauses_change_nothing(engine: str) -> None:
    class Pausing(Callback):
        paused = 0

        def on_train_begin(self, run: Run) -> None:
            run.pause()

        def on_pause(self, run: Run) -> None:
            self.paused += 1
            run.state_dict()
            run.pause()

    settings = replace(STATEFUL["dropout"], engine=engine)
    pausing = Pausing()
    paused = prepared(settings)
    undisturbed = prepared(settings)
    run_training(undisturbed)
    run_training(paused, [pausing])
    assert pausing.paused >= settings.epochs
    assert bits(paused) == bits(undisturbed)


class InPieces:
    """The same rows as in memory, in the same order, in parts of n batches."""

    def __init__(self, whole: InMemory, batches: int) -> None:
        self.whole = whole
        self.batches = batches

    def __len__(self) -> int:
        return len(self.whole)

    def target_variance(self) -> float:
        return self.whole.target_variance()

    def fingerprint(self) -> str:
        return self.whole.fingerprint()

    def parts(self, batch_size: int, sampler: Any, first: int = 0) -> Iterator[Part]:
        (part,) = self.whole.parts(batch_size, sampler, first)
        order = np.arange(len(part)) if part.order is None else part.order
        step = self.batches * batch_size
        return (Part(part.rows.take(order[start : start + step])) for start in range(0, len(order), step))


@pytest.mark.parametrize("engine", ["reference", "fused"])
@pytest.mark.parametrize("name", ["dropout", "nadam", "ema_decay", "stops early"])
def test_rows_in_parts_give_the_same_bits(name: str, engine: str) -> None:
    settings = replace(STATEFUL[name], engine=engine)
    whole = prepared(settings)
    parted = prepared(settings, InPieces(InMemory(Rows(X, Y)), 3))
    run_training(whole)
    run_training(parted)
    assert bits(whole) == bits(parted)


@pytest.mark.parametrize("after", [2, 9, 14])
def test_a_training_on_parts_resumes(after: int) -> None:
    whole, again = run_whole_and_resumed(STATEFUL["dropout"], after, InPieces(InMemory(Rows(X, Y)), 3))
    assert bits(whole) == bits(again)


def test_rows_are_evaluated_in_parts_too() -> None:
    values = Structure((6, 4, 2), ("tanh", "identity"))
    truth = RNG.standard_normal((77, 2))
    w = RNG.random(77)
    settings = replace(PLAIN, loss="half_mean_squared_error")
    held_out = InMemory(Rows(X, truth, w))
    one = train(values, X, truth, settings, validation=held_out).history
    many = train(values, X, truth, settings, validation=InPieces(held_out, 2)).history
    for a, b in zip(one, many, strict=True):
        assert a.validation_loss == pytest.approx(b.validation_loss, rel=1e-12)
        assert a.validation_metric == pytest.approx(b.validation_metric, rel=1e-12)


def test_lbfgs_and_validation_indices_refuse_a_stream() -> None:
    stream = InPieces(InMemory(Rows(X, Y)), 3)
    with pytest.raises(InputError, match="lbfgs"):
        train(STRUCTURE, stream, None, Settings(optimizer="lbfgs"))
    with pytest.raises(InputError, match="names rows by number"):
        train(STRUCTURE, stream, None, PLAIN, validation=np.arange(5))


def test_a_training_saved_after_its_last_batch_still_ends_the_epoch() -> None:
    whole, again = run_whole_and_resumed(PLAIN, 30)
    assert bits(whole) == bits(again)


@pytest.mark.parametrize("name", ["adam", "stops early"])
def test_a_finished_training_stays_finished(name: str) -> None:
    class SaveAtEnd(SaveAndStop):
        def on_pause(self, run: Run) -> None:
            self.saved = json.dumps(to_json_values(run.state_dict().metadata))
            self.arrays = run.state_dict().arrays

    saving = SaveAtEnd(-1)
    whole = prepared(STATEFUL[name])
    again = prepared(STATEFUL[name])
    run_training(whole, [saving])
    run_training(again, [Resume(saving)])
    assert bits(again) == bits(whole)


def test_only_callbacks_with_state_must_be_the_same() -> None:
    saving = SaveAndStop(25)
    counting = Counting()
    run_training(prepared(PLAIN), [saving, Counting(), Callback()])
    run_training(prepared(PLAIN), [Callback(), Resume(saving), Callback(), counting])
    assert counting.epochs == 3


def test_on_train_end_is_called_although_another_callback_raises() -> None:
    reasons = []

    class Failing(Callback):
        def on_train_end(self, run: Run) -> None:
            raise RuntimeError("failed")

    class Record(Callback):
        def on_train_end(self, run: Run) -> None:
            reasons.append(run.stop_reason)

    with pytest.raises(RuntimeError, match="failed"):
        run_training(prepared(PLAIN), [Record(), Failing(), Record()])
    assert reasons == ["all epochs done"] * 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.arrays.update({"state.random.shuffle.last": np.arange(77) + 10**6}), "the order of the rows"),
        (lambda m: m.arrays.update({"state.random.shuffle.last": np.zeros(77, np.int64)}), "the order of the rows"),
        (
            lambda m: m.metadata["state"]["random"]["shuffle"]["stream"]["state"].update(pos=10**6),
            "position is 1000000",
        ),
        (lambda m: m.metadata["callbacks"][0]["metadata"].update(evil=1), "missing or unknown"),
        (lambda m: m.metadata["callbacks"][0]["metadata"].update(losses=["x"]), "losses of the progress of a training"),
        (
            lambda m: m.metadata["callbacks"][0]["metadata"].update(n_no_improvement=[1]),
            "n_no_improvement of the progress of a training",
        ),
    ],
)
def test_an_estimator_validates_its_state(change: Any, message: str) -> None:
    saving = SaveAndStop(9)
    MLPClassifier(**SMALL, max_iter=2, callbacks=[saving]).fit(X, Y)
    state_dict = StateDict(saving.arrays, from_json_values(json.loads(saving.saved)))
    change(state_dict)

    class Load(Callback):
        def on_train_begin(self, run: Run) -> None:
            run.load_state_dict(state_dict)

    with pytest.raises(InputError, match=message):
        MLPClassifier(**SMALL, max_iter=2, callbacks=[Load()]).fit(X, Y)


def test_the_state_of_another_training_is_refused() -> None:
    saving = SaveAndStop(5)
    run_training(prepared(PLAIN), [saving])
    with pytest.raises(InputError, match=r"moments\.m is not part of this training"):
        run_training(prepared(replace(PLAIN, optimizer="momentum")), [Resume(saving)])
    wider = Structure((6, 10, 3), ("tanh", "softmax"))
    other = build_run(wider, PLAIN, (X, Y), None, None, "", init_state(wider, PLAIN))
    with pytest.raises(InputError, match="does not have the shape and dtype of this network"):
        run_training(other, [Resume(saving)])
    with pytest.raises(InputError, match="callbacks"):
        run_training(prepared(PLAIN), [Resume(saving), Counting()])


SMALL = {"hidden_layer_sizes": (7,), "batch_size": 10, "random_state": 3}


@pytest.mark.parametrize(
    "estimator",
    [
        MLPClassifier(**SMALL, max_iter=6),
        MLPClassifier(**SMALL, solver="sgd", learning_rate="adaptive", tol=0.5, n_iter_no_change=1, max_iter=9),
        MLPClassifier(**SMALL, solver="sgd", learning_rate="invscaling", max_iter=5),
        MLPClassifier(**SMALL, early_stopping=True, n_iter_no_change=2, max_iter=7, dropout=0.2),
        MLPRegressor(**SMALL, early_stopping=True, max_iter=7, tol=0.1, n_iter_no_change=1),
    ],
)
@pytest.mark.parametrize("after", [2, 9])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few epochs are enough here
def test_a_resumed_estimator_equals_an_uninterrupted_one(estimator: Any, after: int) -> None:
    whole = estimator.fit(X, Y)

    class Load(Callback):
        def on_train_begin(self, run: Run) -> None:
            run.load_state_dict(StateDict(saving.arrays, from_json_values(json.loads(saving.saved))))

    saving = SaveAndStop(after)
    type(estimator)(**estimator.get_params() | {"callbacks": [saving]}).fit(X, Y)
    again = type(estimator)(**estimator.get_params() | {"callbacks": [Load()]}).fit(X, Y)
    for actual, expected in zip(again.coefs_ + again.intercepts_, whole.coefs_ + whole.intercepts_, strict=True):
        np.testing.assert_array_equal(actual, expected)
    assert again.loss_curve_ == whole.loss_curve_
    assert again.validation_scores_ == whole.validation_scores_
    assert (again.n_iter_, again.t_, again.best_loss_) == (whole.n_iter_, whole.t_, whole.best_loss_)


# -------------------------------------------------------------------------------------- JSON values and random streams


@pytest.mark.parametrize(
    "rng", [np.random.default_rng(3), np.random.RandomState(3), np.random.Generator(np.random.MT19937(1))]
)
def test_random_streams_are_restored_from_json(rng: Any) -> None:
    rng.normal(size=3)
    rng.permutation(5)
    state = json.loads(json.dumps(to_json_values(rng_state(rng)), allow_nan=False))
    expected = rng.normal(size=4), rng.permutation(50)
    set_rng_state(rng, from_json_values(state))
    for drawn, value in zip((rng.normal(size=4), rng.permutation(50)), expected, strict=True):
        np.testing.assert_array_equal(drawn, value)


def test_the_state_of_another_random_stream_is_refused() -> None:
    with pytest.raises(InputError, match="random stream"):
        set_rng_state(np.random.default_rng(0), rng_state(np.random.RandomState(0)))
    with pytest.raises(InputError, match="random stream"):
        set_rng_state(np.random.default_rng(0), {"bit_generator": "PCG64"})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text().filter(lambda t: t != "#"), inside),
    max_leaves=8,
)


@given(json_values)
def test_json_values_round_trip(value: Any) -> None:
    read = json.loads(json.dumps(to_json_values(value), allow_nan=False))
    assert repr(from_json_values(read)) == repr(value)

"""A training that goes on from its memory, in the middle of an epoch too, ends in the bits of one never stopped."""

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
JUDGED = RNG.standard_normal((20, 6)), RNG.integers(0, 3, 20)

PLAIN = Settings(epochs=3, batch_size=8, learning_rate=0.05, dtype="float64", engine="reference")
#: What moves: each has something of its own to remember.
MOVING = {
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


class Leaving(Callback):
    """Keeps what is known after so many batches, as a file would, and ends the training there."""

    def __init__(self, after: int) -> None:
        self.left = after
        self.kept = ""
        self.arrays: dict[str, np.ndarray] = {}

    def on_batch_end(self, run: Run, batch: int, loss: float) -> None:
        self.left -= 1
        if self.left == 0:
            run.pause()

    def on_pause(self, run: Run) -> None:
        if self.left <= 0:
            state_dict = run.state_dict()
            self.kept = json.dumps(to_json_values(state_dict.metadata), allow_nan=False)
            self.arrays = state_dict.arrays
            run.stop("left")


class Counting(Callback):
    """Has a memory of its own."""

    epochs = 0

    def on_epoch_end(self, run: Run) -> None:
        self.epochs += 1

    def state_dict(self) -> StateDict:
        return StateDict({}, {"epochs": self.epochs})

    def load_state_dict(self, state_dict: StateDict) -> None:
        self.epochs = state_dict.metadata["epochs"]


class Returning(Callback):
    """Takes over what another one kept."""

    def __init__(self, kept: Leaving) -> None:
        self.kept = kept

    def on_train_begin(self, run: Run) -> None:
        run.load_state_dict(StateDict(self.kept.arrays, from_json_values(json.loads(self.kept.kept))))


def bits(run: Run) -> tuple[Any, ...]:
    """Return all that has to be the same: what is kept, what moves, and the history but for the seconds."""
    weights = run.weights
    moments = [moment.tobytes() for moment in weights.state.moments.values()]
    history = [replace(epoch, seconds=0) for epoch in run.history]
    kept, best = run.result()
    average = None if weights.ema is None else weights.ema.tobytes()
    rng = run.state.rng.random()
    return weights.parameters.tobytes(), average, moments, history, kept.tobytes(), best, run.stop_reason, rng


def prepared(settings: Settings, data: Data | Source = (X, Y)) -> Run:
    return build_run(STRUCTURE, settings, data, JUDGED, None, "", init_state(STRUCTURE, settings))


def left_and_taken_up(settings: Settings, after: int, data: Data | Source = (X, Y)) -> tuple[Run, Run]:
    """Return a training never stopped, and one that was left after so many batches and taken up by another run."""
    whole = prepared(settings, data)
    run_training(whole)
    leaving = Leaving(after)
    run_training(prepared(settings, data), [leaving])
    assert leaving.kept, "it was over before"
    again = prepared(settings, data)
    run_training(again, [Returning(leaving)])
    return whole, again


@pytest.mark.sweep(strength=1)
@pytest.mark.parametrize("name", MOVING)
@pytest.mark.parametrize("after", [1, 10, 13, 20])
def test_it_ends_in_the_bits_of_one_never_stopped(name: str, after: int) -> None:
    settings = MOVING[name]
    batches = -(-len(X) // settings.batch_size)
    whole, again = left_and_taken_up(settings, min(after, batches * 2 - 1))
    assert bits(whole) == bits(again)


@pytest.mark.parametrize("name", ["adam", "dropout", "nadam", "ema_decay", "one row", "float32"])
@pytest.mark.parametrize("after", [3, 10, 13])
def test_so_it_does_on_the_fused_engine(name: str, after: int) -> None:
    whole, again = left_and_taken_up(replace(MOVING[name], engine="fused"), after)
    assert whole.engine.name == again.engine.name == "fused"
    assert bits(whole) == bits(again)


@given(
    st.integers(1, 29), st.integers(1, 80), st.sampled_from(sorted(MOVING)), st.sampled_from(["csr", "bytes", "dense"])
)
@hypothesis_settings(max_examples=30, deadline=None)
def test_it_resumes_from_any_batch(after: int, size: int, name: str, kind: str) -> None:
    settings = replace(MOVING[name], batch_size=size, patience=None)
    x = {"csr": csr_matrix(np.where(X > 0, X, 0)), "bytes": np.abs(50 * X).astype(np.uint8), "dense": X}[kind]
    batches = -(-len(X) // size) * settings.epochs
    whole, again = left_and_taken_up(settings, min(after, batches), (x, Y))
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

    settings = replace(MOVING["dropout"], engine=engine)
    pausing = Pausing()
    paused = prepared(settings)
    undisturbed = prepared(settings)
    run_training(undisturbed)
    run_training(paused, [pausing])
    assert pausing.paused >= settings.epochs
    assert bits(paused) == bits(undisturbed)


class InPieces:
    """The same rows as in memory, in the same order, in parts of so many batches."""

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
def test_rows_that_come_in_parts_give_the_same_bits(name: str, engine: str) -> None:
    settings = replace(MOVING[name], engine=engine)
    whole = prepared(settings)
    parted = prepared(settings, InPieces(InMemory(Rows(X, Y)), 3))
    run_training(whole)
    run_training(parted)
    assert bits(whole) == bits(parted)


@pytest.mark.parametrize("after", [2, 9, 14])
def test_parts_and_pauses_go_together(after: int) -> None:
    whole, again = left_and_taken_up(MOVING["dropout"], after, InPieces(InMemory(Rows(X, Y)), 3))
    assert bits(whole) == bits(again)


def test_rows_are_evaluated_in_parts_too() -> None:
    values = Structure((6, 4, 2), ("tanh", "identity"))
    truth = RNG.standard_normal((77, 2))
    w = RNG.random(77)
    settings = replace(PLAIN, loss="half_mean_squared_error")
    judged = InMemory(Rows(X, truth, w))
    one, many = (train(values, X, truth, settings, validation=rows).history for rows in (judged, InPieces(judged, 2)))
    for a, b in zip(one, many, strict=True):
        assert a.validation_loss == pytest.approx(b.validation_loss, rel=1e-12)
        assert a.validation_metric == pytest.approx(b.validation_metric, rel=1e-12)


def test_what_needs_all_rows_refuses_a_stream() -> None:
    stream = InPieces(InMemory(Rows(X, Y)), 3)
    with pytest.raises(InputError, match="lbfgs"):
        train(STRUCTURE, stream, None, Settings(optimizer="lbfgs"))
    with pytest.raises(InputError, match="names rows by number"):
        train(STRUCTURE, stream, None, PLAIN, validation=np.arange(5))


def test_left_after_the_last_batch_of_all_it_still_ends_its_epoch() -> None:
    whole, again = left_and_taken_up(PLAIN, 30)
    assert bits(whole) == bits(again)


@pytest.mark.parametrize("name", ["adam", "stops early"])
def test_a_finished_training_stays_finished(name: str) -> None:
    class Keeping(Leaving):
        def on_pause(self, run: Run) -> None:
            self.kept = json.dumps(to_json_values(run.state_dict().metadata))
            self.arrays = run.state_dict().arrays

    keeping = Keeping(-1)
    whole = prepared(MOVING[name])
    again = prepared(MOVING[name])
    run_training(whole, [keeping])
    run_training(again, [Returning(keeping)])
    assert bits(again) == bits(whole)


def test_only_callbacks_with_state_must_be_the_same() -> None:
    leaving = Leaving(25)
    counting = Counting()
    run_training(prepared(PLAIN), [leaving, Counting(), Callback()])
    run_training(prepared(PLAIN), [Callback(), Returning(leaving), Callback(), counting])
    assert counting.epochs == 3


def test_on_train_end_is_called_although_another_callback_raises() -> None:
    told = []

    class Failing(Callback):
        def on_train_end(self, run: Run) -> None:
            raise RuntimeError("mine")

    class Told(Callback):
        def on_train_end(self, run: Run) -> None:
            told.append(run.stop_reason)

    with pytest.raises(RuntimeError, match="mine"):
        run_training(prepared(PLAIN), [Told(), Failing(), Told()])
    assert told == ["all epochs done"] * 2


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
    leaving = Leaving(9)
    MLPClassifier(**SMALL, max_iter=2, callbacks=[leaving]).fit(X, Y)
    memory = StateDict(leaving.arrays, from_json_values(json.loads(leaving.kept)))
    change(memory)

    class Back(Callback):
        def on_train_begin(self, run: Run) -> None:
            run.load_state_dict(memory)

    with pytest.raises(InputError, match=message):
        MLPClassifier(**SMALL, max_iter=2, callbacks=[Back()]).fit(X, Y)


def test_the_state_of_another_training_is_refused() -> None:
    leaving = Leaving(5)
    run_training(prepared(PLAIN), [leaving])
    with pytest.raises(InputError, match=r"moments\.m is not part of this training"):
        run_training(prepared(replace(PLAIN, optimizer="momentum")), [Returning(leaving)])
    wider = Structure((6, 10, 3), ("tanh", "softmax"))
    other = build_run(wider, PLAIN, (X, Y), None, None, "", init_state(wider, PLAIN))
    with pytest.raises(InputError, match="does not have the shape and dtype of this network"):
        run_training(other, [Returning(leaving)])
    with pytest.raises(InputError, match="callbacks"):
        run_training(prepared(PLAIN), [Returning(leaving), Counting()])


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
def test_estimators_go_on_as_if_never_stopped(estimator: Any, after: int) -> None:
    whole = estimator.fit(X, Y)

    class Back(Callback):
        def on_train_begin(self, run: Run) -> None:
            run.load_state_dict(StateDict(leaving.arrays, from_json_values(json.loads(leaving.kept))))

    leaving = Leaving(after)
    type(estimator)(**estimator.get_params() | {"callbacks": [leaving]}).fit(X, Y)
    again = type(estimator)(**estimator.get_params() | {"callbacks": [Back()]}).fit(X, Y)
    for mine, theirs in zip(again.coefs_ + again.intercepts_, whole.coefs_ + whole.intercepts_, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert again.loss_curve_ == whole.loss_curve_
    assert again.validation_scores_ == whole.validation_scores_
    assert (again.n_iter_, again.t_, again.best_loss_) == (whole.n_iter_, whole.t_, whole.best_loss_)


# ----------------------------------------------------------------------------------------------------- plain and stream


@pytest.mark.parametrize(
    "rng", [np.random.default_rng(3), np.random.RandomState(3), np.random.Generator(np.random.MT19937(1))]
)
def test_random_streams_travel_as_json(rng: Any) -> None:
    rng.normal(size=3)
    rng.permutation(5)
    state = json.loads(json.dumps(to_json_values(rng_state(rng)), allow_nan=False))
    expected = rng.normal(size=4), rng.permutation(50)
    set_rng_state(rng, from_json_values(state))
    for drawn, wanted in zip((rng.normal(size=4), rng.permutation(50)), expected, strict=True):
        np.testing.assert_array_equal(drawn, wanted)


def test_another_streams_state_is_refused() -> None:
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
def test_json_values_come_back(value: Any) -> None:
    told = json.loads(json.dumps(to_json_values(value), allow_nan=False))
    assert repr(from_json_values(told)) == repr(value)

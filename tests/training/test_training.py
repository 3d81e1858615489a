"""The training loop: history, callbacks, early stopping, divergence, and invalid input."""

import itertools
import math
import os
import signal
import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import r2_score

from glassnet import Callback, InputError, Settings, Structure, train
from glassnet.engines.interface import Rows
from glassnet.metrics.registry import METRICS
from glassnet.network.losses import LOSSES
from glassnet.network.optimizers import OPTIMIZERS
from glassnet.network.schedules import SCHEDULES
from glassnet.training import DivergenceWarning
from glassnet.training.run import Run
from glassnet.training.source import InMemory
from glassnet.training.state import init_state

XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)
XOR_CLASSES = np.array([0, 1, 1, 0])
TWO_CLASSES = Structure((2, 8, 2), ("tanh", "softmax"))


def blobs(rows: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return two clouds that a line divides."""
    rng = np.random.default_rng(seed)
    y = np.arange(rows) % 2
    return rng.standard_normal((rows, 2)) + 3 * y[:, np.newaxis], y


def score(metric: str, output: np.ndarray, y: np.ndarray) -> float:
    """Return a metric over rows in memory."""
    measured = METRICS[metric]
    return measured.aggregate(float(np.mean(measured.per_sample(output, y))), InMemory(Rows(output, y)).target_variance)


class Noting(Callback):
    """Writes down when it was called."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def on_train_begin(self, run: Run) -> None:
        self.calls.append("begin")

    def on_batch_end(self, run: Run, batch: int, loss: float) -> None:
        assert math.isfinite(loss)
        self.calls.append(f"batch {batch}")

    def on_epoch_end(self, run: Run) -> None:
        self.calls.append(f"epoch {run.history[-1].epoch}")

    def on_train_end(self, run: Run) -> None:
        self.calls.append("end")


class StoppingAt(Callback):
    """Stops at a batch (from 0) of the first epoch, or after an epoch (from 1)."""

    def __init__(self, batch: int | None = None, epoch: int | None = None) -> None:
        self.batch = batch
        self.epoch = epoch

    def on_batch_end(self, run: Run, batch: int, loss: float) -> None:
        if batch == self.batch:
            run.stop("enough")

    def on_epoch_end(self, run: Run) -> None:
        if run.history[-1].epoch == self.epoch:
            run.stop("enough")


# ------------------------------------------------------------------------------------------------------- it learns


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_xor_is_learned(optimizer: str) -> None:
    chosen = Settings(
        optimizer=optimizer,
        learning_rate=0.05 if optimizer == "adam" else None,
        epochs=200,
        batch_size=4,
        dtype="float64",
    )
    trained = train(TWO_CLASSES, XOR, XOR_CLASSES, chosen)
    assert trained.history[-1].metric == 1.0
    assert trained.history[-1].loss < 0.01


def test_xor_is_learned_with_the_original_settings() -> None:
    """Sigmoids, half the mean squared error, one sample at a time."""
    chosen = Settings(
        loss="half_mean_squared_error",
        optimizer="gradient_descent",
        learning_rate=2.0,
        batch_size=1,
        epochs=1500,
        dtype="float64",
        initializer="normal",
        random_state=1,
    )
    trained = train(Structure((2, 4, 1), ("sigmoid", "sigmoid")), XOR, XOR_CLASSES[:, np.newaxis], chosen)
    assert trained.history[-1].loss < 0.005


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_lowers_the_loss(optimizer: str) -> None:
    x, y = blobs()
    trained = train(TWO_CLASSES, x, y, Settings(optimizer=optimizer, epochs=20))
    assert trained.history[-1].loss < trained.history[0].loss


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_schedule_determines_the_recorded_rate(schedule: str) -> None:
    x, y = blobs()
    chosen = Settings(schedule=schedule, learning_rate=0.01, epochs=12, batch_size=20, schedule_settings={"warmup": 2})
    trained = train(TWO_CLASSES, x, y, chosen)
    factors = chosen.resolve_schedule().factors(0, 36, 3, 36)
    assert [epoch.learning_rate for epoch in trained.history] == pytest.approx(0.01 * factors[2::3])


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_can_be_trained(loss: str) -> None:
    x, y = blobs()
    structure = Structure((2, 4, 2), ("tanh", LOSSES[loss].link or "identity"))
    trained = train(structure, x, np.eye(2)[y], Settings(loss=loss, epochs=10, learning_rate=0.01))
    assert trained.history[-1].loss < trained.history[0].loss


# ---------------------------------------------------------------------------------------------------- it is the same


def test_the_same_seed_gives_the_same_bits() -> None:
    x, y = blobs()
    first, same, other = (
        train(TWO_CLASSES, x, y, Settings(epochs=3, dropout=0.3, random_state=s)).vector for s in (5, 5, 6)
    )
    assert first.tobytes() == same.tobytes()
    assert first.tobytes() != other.tobytes()


def test_an_epoch_includes_the_smaller_last_batch() -> None:
    x, y = blobs(10)
    start = np.random.default_rng(0).standard_normal(TWO_CLASSES.n_parameters)
    common = {"optimizer": "gradient_descent", "learning_rate": 0.1, "shuffle": False, "epochs": 1, "dtype": "float64"}
    whole = train(TWO_CLASSES, x, y, Settings(batch_size=4, **common), parameters=start)
    vector = start
    for first in (0, 4, 8):
        part = slice(first, first + 4)
        vector = train(TWO_CLASSES, x[part], y[part], Settings(batch_size=4, **common), parameters=vector).vector
    assert whole.vector.tobytes() == vector.tobytes()
    assert whole.vector.tobytes() != start.tobytes()


def test_a_weight_of_two_equals_a_repeated_row() -> None:
    x, y = blobs(20)
    w = np.where(np.arange(20) < 5, 2.0, 1.0)
    twice = np.concatenate([x, x[:5]]), np.concatenate([y, y[:5]])
    common = {
        "optimizer": "gradient_descent",
        "learning_rate": 0.1,
        "epochs": 5,
        "shuffle": False,
        "batch_size": 25,
        "dtype": "float64",
    }
    weighted = train(TWO_CLASSES, x, y, Settings(**common), sample_weight=w)
    repeated = train(TWO_CLASSES, *twice, Settings(**common))
    np.testing.assert_allclose(weighted.vector, repeated.vector, rtol=1e-12)
    assert weighted.history[-1].loss == pytest.approx(repeated.history[-1].loss)


def test_data_and_initial_parameters_are_not_modified() -> None:
    x, y = blobs()
    start = np.zeros(TWO_CLASSES.n_parameters, np.float32)
    copies = x.copy(), y.copy()
    train(TWO_CLASSES, x, y, Settings(epochs=2), parameters=start)
    assert not start.any()
    np.testing.assert_array_equal(x, copies[0])
    np.testing.assert_array_equal(y, copies[1])


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 9),
    sizes=st.lists(st.integers(1, 6), min_size=2, max_size=7),
    batch_size=st.integers(1, 12),
    dtype=st.sampled_from(["float32", "float64"]),
    seed=st.integers(0, 99),
)
def test_any_shape_and_batch_trains_to_finite_numbers(rows, sizes, batch_size, dtype, seed) -> None:
    rng = np.random.default_rng(seed)
    structure = Structure(sizes, "tanh")
    x = rng.standard_normal((rows, sizes[0]))
    y = rng.standard_normal((rows, sizes[-1]))
    chosen = Settings(loss="huber", batch_size=batch_size, epochs=2, dtype=dtype, dropout=0.2, l1=0.01, l2=0.01)
    trained = train(structure, x, y, chosen, validation=(x, y))
    assert trained.vector.dtype == dtype and np.isfinite(trained.vector).all()
    assert len(trained.history) == 2 and math.isfinite(trained.history[-1].validation_loss)


# --------------------------------------------------------------------------------------------------- what it records


def test_the_history_has_every_value() -> None:
    x, y = blobs()
    trained = train(TWO_CLASSES, x, y, Settings(epochs=3), validation=(x[:9], y[:9]), test=(x[9:20], y[9:20]))
    assert [epoch.epoch for epoch in trained.history] == [1, 2, 3]
    record = trained.history[-1].known()
    for name in ("loss", "metric", "learning_rate", "gradient_norm", "seconds", "validation_loss", "validation_metric"):
        assert math.isfinite(record[name]), name
    assert {"test_loss", "test_metric"} <= set(record)
    assert "test_loss" not in train(TWO_CLASSES, x, y, Settings(epochs=1)).history[0].known()


def test_the_recorded_loss_and_score_are_means_over_the_rows() -> None:
    x, y = blobs(10)
    still = Settings(optimizer="gradient_descent", learning_rate=1e-12, batch_size=3, epochs=1, dtype="float64")
    trained = train(TWO_CLASSES, x, y, still, validation=(x, y))
    record = trained.history[0]
    assert record.loss == pytest.approx(record.validation_loss, rel=1e-9)
    assert record.metric == record.validation_metric


def test_the_penalty_is_part_of_the_training_loss_but_not_of_the_validation_loss() -> None:
    x, y = blobs(10)
    start = np.full(TWO_CLASSES.n_parameters, 0.5)
    still = {"optimizer": "gradient_descent", "learning_rate": 1e-12, "epochs": 1, "batch_size": 10, "dtype": "float64"}
    trained = train(TWO_CLASSES, x, y, Settings(l1=0.1, l2=0.2, **still), parameters=start, validation=(x, y))
    weights = 2 * 8 + 8 * 2
    penalty = 0.1 * weights * 0.5 + 0.2 / 2 * weights * 0.25
    record = trained.history[0]
    assert record.loss == pytest.approx(record.validation_loss + penalty, rel=1e-9)


def test_the_methods_of_callbacks_are_called_in_order() -> None:
    x, y = blobs(10)
    noting = Noting()
    train(TWO_CLASSES, x, y, Settings(epochs=2, batch_size=4), callbacks=[noting])
    epoch = ["batch 0", "batch 1", "batch 2"]
    assert noting.calls == ["begin", *epoch, "epoch 1", *epoch, "epoch 2", "end"]


def test_the_metric_is_r2_for_regression_and_accuracy_for_classification() -> None:
    x = np.linspace(-1, 1, 40)[:, np.newaxis]
    line = train(Structure((1, 1), "identity"), x, 3 * x, Settings(loss="huber", epochs=200, learning_rate=0.05))
    assert line.metric == "r2"
    assert line.history[-1].metric == pytest.approx(1.0, abs=1e-3)
    assert train(TWO_CLASSES, *blobs(), Settings(epochs=1)).metric == "accuracy"


def test_the_accuracy_of_a_single_output_uses_the_threshold_of_a_half() -> None:
    output = np.array([[0.1], [0.4], [0.5], [0.9]])
    assert score("accuracy", output, np.array([[0.0], [1], [1], [1]])) == 0.75
    assert score("accuracy", output, np.array([0.0, 0, 1, 1])) == 1


def test_r2_equals_scikit_learns_and_is_0_for_a_constant_target() -> None:
    rng = np.random.default_rng(0)
    y = 5 * rng.standard_normal((30, 1)) + 2
    output = y + rng.standard_normal((30, 1))
    assert score("r2", output, y) == pytest.approx(r2_score(y, output), rel=1e-12)
    assert score("r2", output, y[:, 0]) == pytest.approx(r2_score(y, output), rel=1e-12)
    both = np.hstack([y, 3 * y]), np.hstack([output, 3 * output + 1])
    expected = r2_score(*both, multioutput="variance_weighted")
    assert score("r2", both[1], both[0]) == pytest.approx(expected, rel=1e-12)
    assert score("r2", output, np.ones((30, 1))) == 0


# ------------------------------------------------------------------------------------------------------ what stops it


@pytest.mark.parametrize("engine", ["reference", "fused"])
def test_non_finite_parameters_are_detected_despite_a_finite_loss(engine: str) -> None:
    class Breaking(Callback):
        def on_batch_end(self, run: Run, batch: int, loss: float) -> None:
            if len(run.history) == 1 and batch == 1:
                run.weights.parameters[0] = np.inf  # tanh of it is 1

    x, y = blobs()
    how = Settings(engine=engine, epochs=4, batch_size=30)
    with pytest.warns(DivergenceWarning, match="at epoch 2"):
        trained = train(TWO_CLASSES, x + 10, y, how, callbacks=[Breaking()])
    assert trained.stop_reason == "diverged" and np.isfinite(trained.vector).all()


def test_early_stopping_waits_and_restores_the_best() -> None:
    x, y = blobs(40)
    wrong = (x, 1 - y)  # the better it learns, the worse on these: the first epoch is the best
    chosen = Settings(epochs=50, patience=3, learning_rate=0.01)
    trained = train(TWO_CLASSES, x, y, chosen, validation=wrong)
    first = train(TWO_CLASSES, x, y, Settings(epochs=1, learning_rate=0.01))
    assert trained.stop_reason == "no better for 3 epochs"
    assert (len(trained.history), trained.best_epoch) == (4, 1)
    assert trained.vector.tobytes() == first.vector.tobytes()


def test_an_improvement_must_exceed_min_delta() -> None:
    x, y = blobs(40)
    easy, hard = (train(TWO_CLASSES, x, y, Settings(epochs=9, patience=3, min_delta=least)) for least in (0.0, 10.0))
    assert all(a.loss > b.loss for a, b in itertools.pairwise(easy.history))
    assert (len(easy.history), easy.best_epoch) == (9, 9)
    assert (len(hard.history), hard.best_epoch) == (4, 1)


def test_without_restore_best_the_last_epoch_is_returned() -> None:
    x, y = blobs(40)
    chosen = Settings(epochs=3, restore_best=False, learning_rate=0.01)
    trained = train(TWO_CLASSES, x, y, chosen, validation=(x, 1 - y))
    assert trained.best_epoch == 3
    assert trained.vector.tobytes() == train(TWO_CLASSES, x, y, chosen).vector.tobytes()


def test_test_rows_have_no_influence() -> None:
    x, y = blobs(40)
    chosen = Settings(epochs=5, patience=2)
    without = train(TWO_CLASSES, x, y, chosen)
    watched = train(TWO_CLASSES, x, y, chosen, test=(x, 1 - y))
    assert without.vector.tobytes() == watched.vector.tobytes()


def test_a_metric_can_be_monitored() -> None:
    x, y = blobs(40)
    chosen = Settings(epochs=30, patience=2, monitor="metric", learning_rate=0.05)
    trained = train(TWO_CLASSES, x, y, chosen, validation=(x, y))
    best = max(epoch.validation_metric for epoch in trained.history)
    assert trained.history[trained.best_epoch - 1].validation_metric == best


def test_a_callback_can_stop_after_an_epoch_and_after_a_batch() -> None:
    x, y = blobs()
    after_epoch = train(TWO_CLASSES, x, y, Settings(epochs=9), callbacks=[StoppingAt(epoch=2)])
    assert (len(after_epoch.history), after_epoch.stop_reason) == (2, "enough")
    after_batch = train(TWO_CLASSES, x, y, Settings(epochs=9, batch_size=4), callbacks=[StoppingAt(batch=1)])
    assert (len(after_batch.history), after_batch.stop_reason) == (0, "enough")


class InterruptingAt(Callback):
    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_batch_end(self, run: Run, batch: int, loss: float) -> None:
        if len(run.history) + 1 == self.epoch:
            raise KeyboardInterrupt


def test_ctrl_c_keeps_the_best_so_far() -> None:
    x, y = blobs(40)
    chosen = Settings(epochs=9, learning_rate=0.01)
    trained = train(TWO_CLASSES, x, y, chosen, validation=(x, 1 - y), callbacks=[InterruptingAt(4)])
    assert trained.stop_reason == "interrupted"
    assert (len(trained.history), trained.best_epoch) == (3, 1)
    first = train(TWO_CLASSES, x, y, Settings(epochs=1, learning_rate=0.01))
    assert trained.vector.tobytes() == first.vector.tobytes()


def test_ctrl_c_keeps_the_last_complete_epoch_without_a_best_one() -> None:
    x, y = blobs(40)
    trained = train(TWO_CLASSES, x, y, Settings(epochs=9), test=(x, y), callbacks=[InterruptingAt(4)])
    three = train(TWO_CLASSES, x, y, Settings(epochs=3), test=(x, y))
    assert (len(trained.history), trained.best_epoch) == (3, 3)
    assert trained.vector.tobytes() == three.vector.tobytes()


@pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal to itself")
def test_a_real_ctrl_c_stops_within_an_epoch() -> None:
    x, y = blobs(2000)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it otherwise
    try:
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        trained = train(TWO_CLASSES, x, y, Settings(epochs=2_000, batch_size=8, engine="reference"))
    finally:
        signal.signal(signal.SIGINT, before)
    assert trained.stop_reason == "interrupted"
    assert np.isfinite(trained.vector).all()


def test_a_non_finite_loss_stops_training_with_the_last_good_parameters() -> None:
    x, y = blobs()
    grows = Settings(
        loss="half_mean_squared_error", optimizer="gradient_descent", learning_rate=50.0, batch_size=60, epochs=99
    )
    with pytest.warns(DivergenceWarning, match=r"epoch \d+, batch 1 of 1 \(learning rate 50\).*ten times smaller"):
        trained = train(Structure((2, 8, 2), "relu"), 10 * x, np.eye(2)[y] * 100, grows)
    assert trained.stop_reason == "diverged"
    assert np.isfinite(trained.vector).all()
    assert all(math.isfinite(epoch.loss) for epoch in trained.history)


class PoisoningAt(Callback):
    """Spoils the parameters after the first batch of an epoch, as an overflow would."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_batch_end(self, run: Run, batch: int, loss: float) -> None:
        if (len(run.history) + 1, batch) == (self.epoch, 0):
            run.weights.parameters[0] = np.nan


def test_divergence_in_a_later_epoch_keeps_the_parameters_after_the_one_before() -> None:
    x, y = blobs()
    with pytest.warns(DivergenceWarning, match=r"epoch 3, batch 2 of 6 .* those after epoch 2"):
        trained = train(TWO_CLASSES, x, y, Settings(batch_size=10), callbacks=[PoisoningAt(3)])
    two = train(TWO_CLASSES, x, y, Settings(batch_size=10, epochs=2))
    assert (len(trained.history), trained.best_epoch) == (2, 2)
    assert trained.vector.tobytes() == two.vector.tobytes()


def test_divergence_in_the_first_epoch_keeps_the_first_parameters() -> None:
    x, y = blobs()
    wild = Settings(
        loss="half_mean_squared_error", optimizer="gradient_descent", learning_rate=1e30, batch_size=1, epochs=3
    )
    with pytest.warns(DivergenceWarning, match="epoch 1, batch .*the initial ones"):
        trained = train(Structure((2, 8, 2), "relu"), x, np.eye(2)[y], wild)
    assert trained.history == ()
    assert trained.best_epoch == 0
    start = train(Structure((2, 8, 2), "relu"), x, np.eye(2)[y], wild, callbacks=[StoppingAt(batch=0)])
    assert trained.vector.tobytes() != start.vector.tobytes() and np.abs(trained.vector).max() < 10


def test_reduce_on_plateau_lowers_the_rate() -> None:
    x, y = blobs()
    stuck = Settings(
        optimizer="gradient_descent",
        learning_rate=1e-9,
        epochs=6,
        reduce_on_plateau={"factor": 0.5, "patience": 1, "threshold": 0.1},
    )
    rates = [epoch.learning_rate for epoch in train(TWO_CLASSES, x, y, stuck).history]
    assert rates == pytest.approx([1e-9, 1e-9, 1e-9, 5e-10, 5e-10, 2.5e-10])


# ---------------------------------------------------------------------------------------------- what keeps it in bounds


def test_the_moving_average_is_used_for_prediction() -> None:
    x, y = blobs()
    plain = {
        "optimizer": "gradient_descent",
        "learning_rate": 0.5,
        "epochs": 1,
        "batch_size": 20,
        "shuffle": False,
        "dtype": "float64",
    }
    steps = []

    class Following(Callback):
        def on_batch_end(self, run: Run, batch: int, loss: float) -> None:
            steps.append(run.weights.parameters.copy())

    start = np.random.default_rng(0).standard_normal(TWO_CLASSES.n_parameters)
    trained = train(TWO_CLASSES, x, y, Settings(ema_decay=0.9, **plain), parameters=start, callbacks=[Following()])
    mean = start
    for step in steps:
        mean = 0.9 * mean + 0.1 * step
    np.testing.assert_allclose(trained.vector, mean, rtol=1e-12)


def test_max_norm_limits_every_unit() -> None:
    x, y = blobs()
    trained = train(TWO_CLASSES, x, y, Settings(epochs=5, learning_rate=0.5, max_norm=0.7))
    lengths = [np.linalg.norm(W, axis=0).max() for name, W in trained.parameters.items() if name.startswith("W")]
    assert max(lengths) <= 0.7 * (1 + 1e-6)
    assert max(lengths) > 0.69


def test_a_clipped_step_is_no_longer_than_the_clip() -> None:
    x, y = blobs()
    start = np.random.default_rng(0).standard_normal(TWO_CLASSES.n_parameters)
    common = {"optimizer": "gradient_descent", "learning_rate": 1.0, "epochs": 1, "batch_size": 60, "dtype": "float64"}
    by_norm = train(TWO_CLASSES, x, y, Settings(clip_norm=0.01, **common), parameters=start)
    by_value = train(TWO_CLASSES, x, y, Settings(clip_value=0.001, **common), parameters=start)
    assert np.linalg.norm(by_norm.vector - start) == pytest.approx(0.01)
    assert np.abs(by_value.vector - start).max() == pytest.approx(0.001)


# ----------------------------------------------------------------------------------------------------- what it refuses


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0; it must be a whole number from 1 to"),
        ({"epochs": 2.5}, "epochs is 2.5"),
        ({"epochs": True}, "epochs is True"),
        ({"random_state": -1}, "random_state is -1"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0; it must be a number above 0"),
        ({"learning_rate": math.nan}, "learning_rate is nan"),
        ({"l2": -0.1}, "l2 is -0.1"),
        ({"ema_decay": 1.0}, "ema_decay is 1.0; it must be a number above 0 and below 1"),
        ({"monitor": "accuracy"}, "monitor is 'accuracy'; it must be 'loss' or 'metric'"),
        ({"dtype": "float16"}, "dtype is 'float16'"),
        ({"loss": "mse"}, "loss 'mse' is not known; .*half_mean_squared_error"),
        ({"optimizer": "adm"}, "optimizer 'adm' is not known; did you mean 'adam'"),
        ({"schedule": "cosin"}, "did you mean 'cosine'"),
        ({"loss_settings": {"delta": 1}}, "loss 'categorical_crossentropy' has no setting 'delta'"),
        ({"optimizer_settings": {"rho": 1}}, "optimizer 'adam' has no setting 'rho'; it has: beta_1"),
        ({"schedule_settings": {"power": 1}}, "schedule 'constant' has no setting 'power'"),
        ({"reduce_on_plateau": {"wait": 3}}, "reduce_on_plateau has no setting 'wait'"),
        ({"optimizer": "lbfgs", "clip_norm": 1.0}, "clip_norm does not go with optimizer 'lbfgs'"),
        ({"optimizer": "lbfgs", "dropout": 0.5}, "dropout does not go with optimizer 'lbfgs'"),
    ],
)
def test_invalid_settings_are_refused_when_created(change: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Settings(**change)


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (np.zeros((3, 5)), [0, 1, 0], {}, r"x has shape \(3, 5\); the structure needs \(samples, 2\)"),
        (np.zeros((0, 2)), [], {}, "x has no rows"),
        ([["a", "b"]], [0], {}, "x has dtype <U1; it must hold numbers"),
        ([[0, np.nan]], [0], {}, r"x\[0, 1\] is nan; every entry must be finite"),
        (XOR, [0, 1, 2, 0], {}, r"y\[2\] is 2; with 2 outputs a class is 0 … 1"),
        (XOR, [0, 1], {}, "y has shape .2,. for 4 rows of x"),
        (XOR, [0.5, 1, 0, 1], {}, "y holds fractions"),
        (XOR, XOR_CLASSES, {"sample_weight": [1, 2]}, r"sample_weight has shape \(2,\); it must be \(4,\)"),
        (XOR, XOR_CLASSES, {"sample_weight": [1, -1, 1, 1]}, r"sample_weight\[1\] is -1.0"),
        (XOR, XOR_CLASSES, {"sample_weight": [0, 0, 0, 0]}, "sample_weight is 0 for every row"),
        (XOR, XOR_CLASSES, {"validation": (XOR[:, :1], XOR_CLASSES)}, r"validation x has shape \(4, 1\)"),
        (XOR, XOR_CLASSES, {"test": (XOR,)}, r"test data has 1 parts; give \(x, y\)"),
        (XOR, XOR_CLASSES, {"metric": "f1"}, "metric 'f1' is not known"),
        (XOR, XOR_CLASSES, {"parameters": np.zeros(3)}, r"the vector has shape \(3,\)"),
    ],
)
def test_invalid_data_are_refused_before_the_first_epoch(x, y, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        train(TWO_CLASSES, x, y, Settings(epochs=1), **options)


def test_an_output_layer_that_the_loss_can_not_use_is_refused() -> None:
    with pytest.raises(InputError, match="does not go with the output activation 'tanh'; use 'softmax'"):
        train(Structure((2, 2), ["tanh"]), XOR, XOR_CLASSES, Settings(epochs=1))
    three = Settings(epochs=1, loss="pinball", loss_settings={"quantiles": (0.1, 0.5, 0.9)})
    with pytest.raises(InputError, match="has 3 quantiles and the structure 2 outputs; give one quantile"):
        train(Structure((2, 2), ["identity"]), XOR, XOR_CLASSES, three)
    with pytest.raises(InputError, match="needs an output for each class"):
        train(Structure((2, 1), ["softmax"]), XOR, XOR_CLASSES, Settings(epochs=1))


def test_dropout_that_does_not_fit_the_layers_is_refused() -> None:
    with pytest.raises(InputError, match="dropout has 3 rates"):
        train(TWO_CLASSES, XOR, XOR_CLASSES, Settings(dropout=(0.1, 0.1, 0.1)))


@pytest.mark.parametrize("engine", ["reference", "fused"])
def test_held_out_rows_equal_rows_passed_separately(engine: str) -> None:
    x, y = blobs(90)
    which = np.arange(3, 90, 4)
    inside = np.setdiff1d(np.arange(90), which)
    w = np.linspace(0.5, 2, 90)
    chosen = Settings(batch_size=8, epochs=3, shuffle=False, engine=engine, alpha=0.1)
    one = train(TWO_CLASSES, x, y, chosen, sample_weight=w, validation=which)
    held_out = (x[which], y[which], w[which])
    other = train(TWO_CLASSES, x[inside], y[inside], chosen, sample_weight=w[inside], validation=held_out)
    assert one.engine == engine
    assert one.vector.tobytes() == other.vector.tobytes()
    for a, b in zip(one.history, other.history, strict=True):
        assert (a.loss, a.metric, a.validation_loss, a.validation_metric) == pytest.approx(
            (b.loss, b.metric, b.validation_loss, b.validation_metric), rel=1e-6
        )


@pytest.mark.parametrize(
    ("which", "match"),
    [([0, 90], "0 … 89, each once"), ([1, 1], "each once"), ([], "names 0 of 90 rows"), ([0.5], "whole numbers")],
)
def test_invalid_row_numbers_to_hold_out_are_refused(which: list[float], match: str) -> None:
    x, y = blobs(90)
    with pytest.raises(InputError, match=match):
        train(TWO_CLASSES, x, y, validation=np.array(which, None if which else np.int64))


@pytest.mark.parametrize("engine", ["reference", "fused"])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"dropout": 0.3, "ema_decay": 0.9},
        {"optimizer": "nadam", "schedule": "step", "schedule_settings": {"step_size": 2, "warmup": 1.5}},
        {"optimizer": "amsgrad", "reduce_on_plateau": {"patience": 1, "threshold": 0.5}},
    ],
)
def test_two_trainings_in_succession_equal_one(engine: str, more: dict) -> None:
    x, y = blobs(90)
    five, ten = (Settings(batch_size=8, epochs=n, engine=engine, random_state=3, **more) for n in (5, 10))
    state = init_state(TWO_CLASSES, five)
    parts = [train(TWO_CLASSES, x, y, five, state=state) for _ in range(2)]
    whole = train(TWO_CLASSES, x, y, ten)
    assert parts[1].vector.tobytes() == whole.vector.tobytes()
    rates = [epoch.learning_rate for part in parts for epoch in part.history]
    assert rates == [epoch.learning_rate for epoch in whole.history]
    assert state.epochs == 10


def test_a_schedule_over_the_training_restarts() -> None:
    x, y = blobs(90)
    chosen = Settings(batch_size=8, epochs=5, schedule="one_cycle")
    state = init_state(TWO_CLASSES, chosen)
    first, second = (train(TWO_CLASSES, x, y, chosen, state=state) for _ in range(2))
    assert [e.learning_rate for e in first.history] == [e.learning_rate for e in second.history]


def test_the_limits_of_lbfgs() -> None:
    x, y = blobs(90)
    loose = Settings(optimizer="lbfgs", optimizer_settings={"gtol": 0.1}, epochs=100)
    assert len(train(TWO_CLASSES, x, y, loose).history) < len(
        train(TWO_CLASSES, x, y, replace(loose, optimizer_settings={})).history
    )
    few = train(TWO_CLASSES, x, y, replace(loose, optimizer_settings={"maxfun": 3}))
    assert "EVALUATIONS" in few.stop_reason
    with pytest.raises(InputError, match="lbfgs has no setting 'tolerance'; it has: gtol"):
        Settings(optimizer="lbfgs", optimizer_settings={"tolerance": 1})


@pytest.mark.parametrize("engine", ["reference", "fused"])
@pytest.mark.parametrize("name", LOSSES)
def test_a_batch_without_weight_changes_nothing(name: str, engine: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((30, 3))
    classes = LOSSES[name].link == "softmax"
    y = rng.integers(0, 2, 30) if classes else rng.integers(0, 2, (30, 1)).astype(float)
    structure = Structure((3, 4, 2 if classes else 1), ("tanh", LOSSES[name].link or "identity"))
    weights = rng.uniform(0.5, 2.0, 30)
    weights[:5] = weights[10:20] = weights[28:] = 0  # batches 0, 2, 3 and part of 5
    common = {"loss": name, "epochs": 3, "batch_size": 5, "shuffle": False, "engine": engine, "dtype": "float64"}
    given = Settings(**common, optimizer="adam", alpha=0.1, schedule="constant")
    whole = train(structure, x, y, given, sample_weight=weights, metric="none")
    selected = weights > 0
    selected[25:] = True
    less = train(structure, x[selected], y[selected], given, sample_weight=weights[selected], metric="none")
    np.testing.assert_array_equal(whole.vector, less.vector)
    for one, other in zip(whole.history, less.history, strict=True):
        assert math.isfinite(one.loss) and one.loss == other.loss and one.gradient_norm == other.gradient_norm


def test_batches_without_weight_are_passed_over_in_any_order_and_after_pauses() -> None:
    x, y = blobs(400)
    weights = np.zeros(400)
    weights[::37] = 1.0

    class Pausing(Callback):
        def on_batch_end(self, run: Run, batch: int, loss: float) -> None:
            run.pause()

        def on_pause(self, run: Run) -> None:
            seen.append(run.state.accumulator.batches)

    given = Settings(epochs=4, batch_size=3, engine="reference")
    plain = train(TWO_CLASSES, x, y, given, sample_weight=weights)
    seen: list[int] = []
    paused = train(TWO_CLASSES, x, y, given, sample_weight=weights, callbacks=[Pausing()])
    np.testing.assert_array_equal(plain.vector, paused.vector)
    assert plain.history[-1].loss == paused.history[-1].loss and len(seen) > 30
    assert all(math.isfinite(epoch.gradient_norm) for epoch in plain.history)

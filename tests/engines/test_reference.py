"""The reference engine: the steps in order, buffers allocated once, and `all_reduce` for a cluster."""

import tracemalloc

import numpy as np
import pytest

from glassnet import Settings, Structure
from glassnet.engines.interface import Rows, Weights
from glassnet.engines.reference import ReferenceEngine
from glassnet.metrics.registry import METRICS
from glassnet.network.backward import backward, loss_input, output_gradient, penalty
from glassnet.network.forward import dropout_masks, forward
from glassnet.network.initializers import initialize
from glassnet.network.optimizers import update

STRUCTURE = Structure((6, 5, 4, 3), ("relu", "tanh", "softmax"))
ACCURACY = METRICS["accuracy"].per_sample


def prepared(settings: Settings, rows: int = 23, structure: Structure = STRUCTURE):
    """Return an engine, weights and rows for a test."""
    rng = np.random.default_rng(3)
    vector = initialize(structure, rng, dtype=settings.dtype)
    weights = Weights(vector, settings.resolve_optimizer().init(vector), None)
    engine = ReferenceEngine(settings.objective(structure), settings.update_rule(), settings.batch_size, settings.dtype)
    x = rng.standard_normal((rows, structure.n_inputs)).astype(settings.dtype)
    return engine, weights, Rows(x, rng.integers(structure.n_outputs, size=rows))


def test_an_epoch_is_the_steps_called_in_order() -> None:
    settings = Settings(optimizer="adam", batch_size=5, dropout=(0.1, 0.2, 0.3), l1=0.01, l2=0.02, dtype="float64")
    engine, weights, rows = prepared(settings)
    vector, state = weights.parameters.copy(), settings.resolve_optimizer().init(weights.parameters)
    order, rates = np.random.default_rng(0).permutation(23), np.linspace(0.01, 0.02, 5)
    figures = engine.train_epoch(weights, rows, order, rates, np.random.default_rng(9), ACCURACY)

    objective, rng, losses = settings.objective(STRUCTURE), np.random.default_rng(9), []
    for batch, rate in enumerate(rates):
        chosen = order[5 * batch : 5 * batch + 5]
        x, y, views = rows.x[chosen], rows.y[chosen], STRUCTURE.views(vector)
        masks = dropout_masks(STRUCTURE, objective.dropout, len(x), rng, np.float64)
        cache = forward(STRUCTURE, views, x, masks=masks)
        loss = objective.loss.mean(loss_input(objective.loss, STRUCTURE, cache), y) + penalty(views, 0.01, 0.02)
        dz = output_gradient(objective.loss, STRUCTURE, cache, y)
        gradient = np.empty_like(vector)
        backward(STRUCTURE, views, cache, dz, l1=0.01, l2=0.02, out=STRUCTURE.views(gradient, "d"))
        update(settings.resolve_optimizer(), STRUCTURE, vector, gradient, state, rate)
        losses.append(loss * len(x))
    assert weights.parameters.tobytes() == vector.tobytes()
    assert figures.loss == pytest.approx(sum(losses) / 23, rel=1e-12)


def test_an_epoch_is_its_train_steps() -> None:
    settings = Settings(optimizer="adam", batch_size=5, dropout=(0.1, 0.2, 0.3), clip_norm=0.1, l1=0.01, ema_decay=None)
    engine, weights, rows = prepared(settings)
    other, stepped, _ = prepared(settings)
    rates = np.linspace(0.01, 0.02, 5)
    epoch = engine.train_epoch(weights, rows, None, rates, np.random.default_rng(9), ACCURACY)
    rng = np.random.default_rng(9)
    steps = []
    gradients = []
    for batch, rate in enumerate(rates):
        part = rows.take(np.arange(5 * batch, min(5 * batch + 5, 23)))
        step = other.train_step(stepped, part, rate, rng, lambda gradient: gradients.append(gradient.copy()))
        steps.append((step.loss * len(part), step.gradient_norm))
        assert step.is_finite
        assert {"a0", "z1", "a1", "h1", "dz1", "da1", "z2", "dz2"} <= set(step.cache)
    assert weights.parameters.tobytes() == stepped.parameters.tobytes()
    assert epoch.loss == pytest.approx(sum(loss for loss, _ in steps) / 23, rel=1e-12)
    assert [np.linalg.norm(gradient) for gradient in gradients] == pytest.approx([norm for _, norm in steps], rel=1e-5)


def test_a_train_step_that_is_not_finite_changes_nothing() -> None:
    engine, weights, rows = prepared(Settings(batch_size=5))
    rows.x[0, 0] = np.nan
    before = weights.parameters.copy()
    step = engine.train_step(weights, rows.take(np.arange(5)), 0.1, np.random.default_rng(0))
    assert not step.is_finite
    assert weights.parameters.tobytes() == before.tobytes() and weights.state.step == 0


def test_rows_in_an_order_equal_rows_copied_in_that_order() -> None:
    settings = Settings(batch_size=4, dtype="float32")
    engine, weights, rows = prepared(settings)
    again, copied_weights, _ = prepared(settings)
    order, rates = np.random.default_rng(1).permutation(23), np.full(6, 0.01)
    engine.train_epoch(weights, rows, order, rates, np.random.default_rng(0), ACCURACY)
    copied = Rows(rows.x[order], rows.y[order])
    again.train_epoch(copied_weights, copied, None, rates, np.random.default_rng(0), ACCURACY)
    assert weights.parameters.tobytes() == copied_weights.parameters.tobytes()


def test_outputs_do_not_depend_on_how_many_rows_go_at_once() -> None:
    engine, weights, rows = prepared(Settings(dtype="float64"), rows=2100)
    together = engine.outputs(weights.parameters, rows.x)
    np.testing.assert_allclose(together[1500:1510], engine.outputs(weights.parameters, rows.x[1500:1510]), rtol=1e-12)
    logits = engine.outputs(weights.parameters, rows.x, pre_activation=True)
    np.testing.assert_allclose(STRUCTURE.activations[-1].function(logits), together, rtol=1e-12)


def test_loss_and_gradients_are_the_objective_and_its_slope() -> None:
    engine, weights, rows = prepared(Settings(l2=0.1, dtype="float64"))
    loss, gradient = engine.loss_and_gradients(weights.parameters, rows)
    step = 1e-6 * gradient
    ahead, _ = engine.loss_and_gradients(weights.parameters + step, rows)
    behind, _ = engine.loss_and_gradients(weights.parameters - step, rows)
    assert (ahead - behind) / 2e-6 == pytest.approx(float(gradient @ gradient), rel=1e-6)
    assert loss == pytest.approx((ahead + behind) / 2, rel=1e-9)


def test_all_reduce_over_two_halves_gives_the_same_step() -> None:
    """For a cluster: each half of the batch computes its gradient, `all_reduce` averages the two."""
    settings = Settings(optimizer="adam", batch_size=10, dtype="float64")
    engine, weights, rows = prepared(settings, rows=10)
    half, half_weights, _ = prepared(Settings(optimizer="adam", batch_size=5, dtype="float64"), rows=10)
    first = Rows(rows.x[:5], rows.y[:5])
    second = Rows(rows.x[5:], rows.y[5:])

    def all_reduce(gradient: np.ndarray) -> None:
        gradient += half.loss_and_gradients(half_weights.parameters, second)[1]
        gradient *= 0.5

    rates, rng = np.array([0.01]), np.random.default_rng(0)
    engine.train_epoch(weights, rows, None, rates, rng, ACCURACY)
    half.train_epoch(half_weights, first, None, rates, rng, ACCURACY, all_reduce=all_reduce)
    np.testing.assert_allclose(half_weights.parameters, weights.parameters, rtol=1e-12)


def test_a_batch_that_is_not_finite_ends_the_epoch_before_its_update() -> None:
    settings = Settings(batch_size=5, dtype="float64")
    engine, weights, rows = prepared(settings)
    rows.x[7, 0] = np.inf  # in the second batch
    with np.errstate(all="ignore"):
        figures = engine.train_epoch(weights, rows, None, np.full(5, 0.01), np.random.default_rng(0), ACCURACY)
    assert figures.bad_batch == 1
    assert np.isfinite(weights.parameters).all()
    assert weights.state.step == 1


def test_the_second_epoch_allocates_next_to_nothing() -> None:
    wide = Structure((300, 400, 10), ("relu", "softmax"))
    settings = Settings(batch_size=64, dropout=0.2)
    engine, weights, rows = prepared(settings, rows=640, structure=wide)
    rates, rng = np.full(10, 0.01), np.random.default_rng(0)
    order = rng.permutation(640)
    engine.train_epoch(weights, rows, order, rates, rng, ACCURACY)
    tracemalloc.start()
    engine.train_epoch(weights, rows, order, rates, rng, ACCURACY)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # one gradient vector for the epoch, masks of z > 0 of a byte each, and the random bits of one dropout mask, twice;
    # a second gradient would be too much
    assert peak < 4 * wide.n_parameters + 64 * 400 * (2 + 2 * 4) + 100_000


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_array_has_the_dtype_asked_for(dtype: str) -> None:
    engine, weights, rows = prepared(Settings(dtype=dtype, dropout=0.5))
    engine.train_epoch(weights, rows, None, np.full(1, 0.01), np.random.default_rng(0), ACCURACY)
    assert weights.parameters.dtype == dtype
    assert engine.outputs(weights.parameters, rows.x).dtype == dtype
    assert engine.loss_and_gradients(weights.parameters, rows)[1].dtype == dtype

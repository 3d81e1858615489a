"""The fused engine's gradients are the slopes of its own loss, found by central differences in float64."""

import itertools

import numpy as np
import pytest

from glassnet import Settings, Structure
from glassnet.engines.fused.engine import FusedEngine
from glassnet.engines.interface import Rows, Weights
from glassnet.metrics.registry import METRICS
from glassnet.network.activations import ACTIVATIONS
from glassnet.network.initializers import initialize
from glassnet.network.losses import LOSSES

from .both_engines import last_activation, make, relative_difference, some_rows

STEP = 1e-5


def slopes(engine: FusedEngine, vector: np.ndarray, rows: Rows) -> np.ndarray:
    """Return the central difference of the loss for each parameter."""
    found = np.empty_like(vector)
    for place in range(len(vector)):
        ahead, behind = vector.copy(), vector.copy()
        ahead[place] += STEP
        behind[place] -= STEP
        found[place] = engine.loss_and_gradients(ahead, rows)[0] - engine.loss_and_gradients(behind, rows)[0]
    return found / (2 * STEP)


def error(settings: Settings, structure: Structure, rows: Rows, seed: int) -> float:
    rng = np.random.default_rng(seed)
    vector = initialize(structure, rng, dtype=settings.dtype)
    vector += rng.uniform(-0.2, 0.2, len(vector))  # biases too
    engine = make(FusedEngine, settings, structure)
    return relative_difference(slopes(engine, vector, rows), engine.loss_and_gradients(vector, rows)[1])


@pytest.mark.sweep(strength=1)
@pytest.mark.parametrize(("activation", "loss"), list(itertools.product(ACTIVATIONS, LOSSES)))
def test_every_gradient_is_the_slope_of_the_loss(activation: str, loss: str) -> None:
    structure = Structure((4, 5, 3, 2), (activation, activation, last_activation(loss)))
    settings = Settings(loss=loss, l1=0.01, l2=0.02, dtype="float64")
    if (activation, loss) == ("exponential", "poisson"):  # of an exponential of an exponential nothing is left
        structure = Structure((4, 5, 2), (activation, "exponential"))
    # a kink may lie within a step; then another seed has none
    errors = (error(settings, structure, some_rows(settings, structure, 5, weighted=True, seed=s), s) for s in range(3))
    assert any(e < 1e-6 for e in errors)


@pytest.mark.parametrize("kind", ["sparse", "csr", "bytes"])
def test_gradients_of_every_kind_of_input_are_slopes(kind: str) -> None:
    structure = Structure((40, 3, 2), ("tanh", "softmax"))
    settings = Settings(dtype="float64")
    assert error(settings, structure, some_rows(settings, structure, 20, kind), 0) < 1e-6


@pytest.mark.parametrize("activation", ["sigmoid", "softmax", "hard_sigmoid"])
@pytest.mark.parametrize("loss", ["half_mean_squared_error", "huber", "log_cosh"])
def test_gradients_through_an_output_without_a_link_are_slopes(activation: str, loss: str) -> None:
    structure = Structure((4, 5, 3), ("tanh", activation))
    settings = Settings(loss=loss, dtype="float64")
    assert error(settings, structure, some_rows(settings, structure, 6), 0) < 1e-6


@pytest.mark.parametrize("sizes", [(3, 70, 2), (70, 2), (1, 1, 1), (9, 17, 18, 2)])
def test_gradients_of_odd_sizes_are_slopes(sizes: tuple[int, ...]) -> None:
    structure = Structure(sizes, "silu")
    settings = Settings(loss="huber", dtype="float64")
    assert error(settings, structure, some_rows(settings, structure, 11), 0) < 1e-6


def test_the_step_of_plain_descent_is_the_slope() -> None:
    """What training does with a batch, not only what `loss_and_gradients` says of it."""
    structure = Structure((12, 9, 3), ("gelu", "softmax"))
    settings = Settings(optimizer="gradient_descent", batch_size=10, dtype="float64", l2=0.1)
    rows = some_rows(settings, structure, 10)
    engine = make(FusedEngine, settings, structure)
    vector = initialize(structure, np.random.default_rng(0), dtype="float64")
    weights = Weights(vector.copy(), settings.resolve_optimizer().init(vector), None)
    rng = np.random.default_rng(0)
    engine.train_epoch(weights, rows, None, np.array([0.5]), rng, METRICS["accuracy"].per_sample)
    assert relative_difference(slopes(engine, vector, rows), (vector - weights.parameters) / 0.5) < 1e-6


def test_a_loss_that_is_not_finite_has_no_gradient_of_earlier_rows() -> None:
    structure = Structure((3, 2), ("exponential",))
    settings = Settings(loss="half_mean_squared_error", dtype="float64")
    rows = some_rows(settings, structure, 4)
    engine = make(FusedEngine, settings, structure)
    assert np.isfinite(engine.loss_and_gradients(np.zeros(8), rows)[1]).all()
    loss, gradient = engine.loss_and_gradients(np.full(8, 1e3), rows)
    assert not np.isfinite(loss) and not np.isfinite(gradient).any()

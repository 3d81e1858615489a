"""The learning rate of each step: base rate × scale × schedule."""

import numpy as np
import pytest

from glassnet import Settings, Structure
from glassnet.training import Epoch
from glassnet.training.learning_rate import base_learning_rate, learning_rates, reduce_on_plateau, set_learning_rate
from glassnet.training.state import init_state

STRUCTURE = Structure((2, 3, 2), ("tanh", "softmax"))


def epoch(loss: float, validation_loss: float | None = None) -> Epoch:
    return Epoch(1, loss, None, 0.1, 1.0, 0.0, validation_loss)


def test_the_base_rate_is_the_optimizers_if_none_is_given() -> None:
    assert base_learning_rate(Settings(optimizer="lion")) == 0.0001
    assert base_learning_rate(Settings(optimizer="lion", learning_rate=0.5)) == 0.5


def test_schedule_and_scale_are_multiplied() -> None:
    settings = Settings(learning_rate=0.5, schedule="step", schedule_settings={"step_size": 1, "gamma": 0.1}, epochs=3)
    state = init_state(STRUCTURE, settings)
    state.epochs, state.rate_scale = 2, 0.5
    np.testing.assert_allclose(learning_rates(settings, state, 0, 4), np.full(4, 0.5 * 0.5 * 0.01), rtol=1e-15)


def test_a_schedule_over_the_training_counts_its_own_epochs_only() -> None:
    settings = Settings(learning_rate=1.0, schedule="polynomial", epochs=2)
    state = init_state(STRUCTURE, settings)
    state.epochs = 7
    np.testing.assert_allclose(learning_rates(settings, state, 1, 2), [0.5, 0.25])


def test_a_plateau_lowers_the_scale_by_the_validation_loss() -> None:
    settings = Settings(reduce_on_plateau={"factor": 0.5, "patience": 0})
    state = init_state(STRUCTURE, settings)
    for loss, validation_loss, scale in ((1.0, 1.0, 1.0), (0.5, 1.0, 0.5), (2.0, 0.5, 0.5)):
        reduce_on_plateau(state, epoch(loss, validation_loss))
        assert state.rate_scale == scale
    reduce_on_plateau(state, epoch(0.6))
    assert state.rate_scale == 0.25


def test_a_new_rate_keeps_the_steps_of_the_velocity() -> None:
    settings = Settings(optimizer="momentum", learning_rate=0.5)
    state = init_state(STRUCTURE, settings)
    velocity = state.weights.state.moments["v"]
    velocity[...] = 3.0
    set_learning_rate(settings, state, 0.1)
    assert state.rate_scale == pytest.approx(0.2)
    np.testing.assert_allclose(0.1 * velocity, 0.5 * 3.0, rtol=1e-6)

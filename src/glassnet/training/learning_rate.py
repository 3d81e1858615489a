"""The learning rate of every step: base rate × scale × schedule.

The schedule (`glassnet.network.schedules`) depends on the step alone. The scale, `TrainingState.rate_scale`, is what
reacts to the training: `reduce_on_plateau`, and scikit-learn's ``adaptive`` and ``invscaling`` in the estimators.
"""

from __future__ import annotations

from glassnet._utils.arrays import Array
from glassnet.training.history import Epoch
from glassnet.training.settings import Settings
from glassnet.training.state import TrainingState


def base_learning_rate(settings: Settings) -> float:
    """Return the rate that scale and schedule multiply: the one in the settings, else the optimizer's default."""
    return settings.learning_rate or settings.resolve_optimizer().learning_rate


def learning_rates(settings: Settings, state: TrainingState, epoch: int, n_batches: int) -> Array:
    """Return the learning rate of each batch of the next epoch, float64 (n_batches,).

    Parameters
    ----------
    settings : Settings
        Learning rate and schedule.
    state : TrainingState
        The epochs done over all trainings, and the scale.
    epoch : int
        The epochs done in this training, which schedules over a whole training go by.
    n_batches : int
        The number of batches in an epoch.
    """
    schedule = settings.resolve_schedule()
    first = (epoch if schedule.needs_total_steps else state.epochs) * n_batches
    factors = schedule.factors(first, n_batches, n_batches, settings.epochs * n_batches)
    return base_learning_rate(settings) * state.rate_scale * factors


def reduce_on_plateau(state: TrainingState, record: Epoch) -> None:
    """Update the scale after an epoch, where ``reduce_on_plateau`` is set: by the validation loss if there is one."""
    if state.plateau is not None:
        state.rate_scale = state.plateau.step(record.loss if record.validation_loss is None else record.validation_loss)


def set_learning_rate(settings: Settings, state: TrainingState, rate: float) -> None:
    """Set the current rate, before the schedule; steps that a momentum has accumulated keep their size.

    scikit-learn's velocity holds steps, so that an accumulated step keeps the rate at which it was taken. Here the
    velocity holds gradients (as in PyTorch) and is rescaled to the same steps.
    """
    base = base_learning_rate(settings)
    before = base * state.rate_scale
    state.rate_scale = rate / base
    velocity = state.weights.state.moments.get("v")
    if velocity is not None and rate > 0:
        velocity *= before / rate

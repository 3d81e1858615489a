"""Where a training stands: all that it takes to go on as if it had never ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from glassnet.engines.interface import Weights
from glassnet.network.activations import Array
from glassnet.network.initializers import initialize
from glassnet.network.optimizers import find_optimizer
from glassnet.network.schedules import Plateau
from glassnet.network.structure import Structure
from glassnet.training.settings import Settings

#: ``shuffle(rows) -> rows`` in the order of the next epoch.
Shuffle: TypeAlias = Callable[[Array], Array]


@dataclass
class Standing:
    """What moves while a network learns, and what the next epoch starts from. Training changes it in place.

    Parameters
    ----------
    weights : Weights
        The parameters, the optimizer's memory, the running average.
    rng : numpy.random.Generator
        Where orders and dropout masks are drawn from.
    shuffle : callable
        Gives each epoch its order; drawn from ``rng`` if not given.
    epochs : int
        Epochs done so far.
    rate_scale : float
        What the learning rates of the schedule are multiplied by; callbacks may change it.
    plateau : Plateau, optional
        How far `reduce_on_plateau` has come.
    """

    weights: Weights
    rng: np.random.Generator
    shuffle: Shuffle | None = None
    epochs: int = 0
    rate_scale: float = 1.0
    plateau: Plateau | None = field(default=None)

    def order(self, rows: Array) -> Array:
        """Return the rows in the order of the next epoch."""
        return self.shuffle(rows) if self.shuffle is not None else self.rng.permutation(rows)


def begin(
    structure: Structure, settings: Settings, parameters: Array | None = None, shuffle: Shuffle | None = None
) -> Standing:
    """Return where a training begins: parameters as given, or drawn from the seed, and an optimizer without memory."""
    dtype: Any = np.dtype(settings.dtype)
    rng = np.random.default_rng(settings.random_state)
    if parameters is None:
        vector = initialize(structure, rng, settings.initializer, dtype)
    else:
        structure.views(parameters)  # its shape is right, or an error
        vector = structure.new_vector(dtype)
        vector[...] = parameters
    # L-BFGS keeps its own memory; gradient descent stands in for the rule it does not use
    optimizer = find_optimizer("gradient_descent") if settings.full_batch else settings.found_optimizer()
    average = vector.copy() if settings.average is not None else None
    return Standing(Weights(vector, optimizer.start(vector), average), rng, shuffle, plateau=settings.plateau())

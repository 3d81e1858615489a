"""Where a training stands: all that it takes to go on as if it had never ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.engines.interface import EpochAccumulator, Weights
from glassnet.errors import InputError
from glassnet.network.initializers import initialize
from glassnet.network.optimizers import find_optimizer
from glassnet.network.schedules import Plateau
from glassnet.network.structure import Structure
from glassnet.training.settings import Settings
from glassnet.training.source import Part, Source
from glassnet.training.state_dict import StateDict, Stateful, set_stream_state, stream_state


class Shuffle(Stateful, Protocol):
    """An order for each epoch, by rules of its own."""

    def __call__(self, rows: Array) -> Array:
        """Return these rows in the order of the next epoch."""


@dataclass
class TrainingState:
    """What moves while a network learns, and what the next epoch starts from. Training changes it in place.

    Parameters
    ----------
    weights : Weights
        The parameters, the optimizer's memory, the running average.
    rng : numpy.random.Generator
        Where orders and dropout masks are drawn from.
    shuffle : Shuffle, optional
        Gives each epoch its order; drawn from ``rng`` if not given.
    epochs : int
        Epochs done so far.
    rate_scale : float
        What the learning rates of the schedule are multiplied by; callbacks may change it.
    plateau : Plateau, optional
        How far `reduce_on_plateau` has come.
    accumulator : EpochAccumulator
        What the epoch that has begun has come to so far.
    """

    weights: Weights
    rng: np.random.Generator
    shuffle: Shuffle | None = None
    epochs: int = 0
    rate_scale: float = 1.0
    plateau: Plateau | None = None
    accumulator: EpochAccumulator = field(default_factory=EpochAccumulator)
    _draws_began: StateDict | None = field(default=None, repr=False)

    def order(self, rows: Array) -> Array:
        """Return the rows in the order of the next epoch."""
        return self.shuffle(rows) if self.shuffle is not None else self.rng.permutation(rows)

    def seed(self) -> int:
        """Return a seed for the next epoch."""
        return int(self.rng.integers(2**63))

    def parts(self, source: Source, batch_size: int, shuffle: bool, may_pause: bool = True) -> Iterator[Part]:
        """Begin an epoch, or go on where one was left: return what is left of its rows, in its order."""
        if self.accumulator.batches == 0:
            self._draws_began = self._draws() if shuffle and may_pause else None
            return source.parts(batch_size, self if shuffle else None)
        now = self._draws()
        if self._draws_began is not None:
            self._set_draws(self._draws_began)  # the same order once more
        parts = source.parts(batch_size, self if shuffle else None, self.accumulator.batches)
        self._set_draws(now)
        return parts

    def end_epoch(self) -> None:
        """Count an epoch that is over."""
        self.epochs += 1
        self.accumulator, self._draws_began = EpochAccumulator(), None

    def state_dict(self) -> StateDict:
        """Return all of it."""
        state, began = self.weights.state, self._draws_began
        arrays = {"parameters": self.weights.parameters.copy()}
        if self.weights.ema is not None:
            arrays["ema"] = self.weights.ema.copy()
        arrays |= {f"moments.{name}": moment.copy() for name, moment in state.moments.items()}
        draws = self._draws()
        arrays |= draws.add_prefix("draws").arrays | (
            began.add_prefix("draws_began").arrays if began is not None else {}
        )
        told = {
            "step": state.step,
            "scalars": dict(state.scalars),
            "epochs": self.epochs,
            "rate_scale": self.rate_scale,
            "plateau": None if self.plateau is None else asdict(self.plateau),
            "accumulator": asdict(self.accumulator),
            "draws": draws.metadata,
            "draws_began": None if began is None else began.metadata,
        }
        return StateDict(arrays, told)

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Go back to where it stood: everything is as when `memory` was called, to the last bit.

        Raises
        ------
        InputError
            If that was another network's or optimizer's.
        """
        weights, told = self.weights, state_dict.metadata
        vectors = {"parameters": weights.parameters}
        vectors |= {f"moments.{name}": moment for name, moment in weights.state.moments.items()}
        if weights.ema is not None:
            vectors["ema"] = weights.ema
        theirs = {name for name in state_dict.arrays if name in ("parameters", "ema") or name.startswith("moments.")}
        for name in sorted(theirs ^ vectors.keys()):
            raise InputError(f"{name} is {'not ' if name in vectors else ''}there, unlike in this training")
        for name, vector in vectors.items():
            found = state_dict.arrays[name]
            if (found.shape, found.dtype) != (vector.shape, vector.dtype):
                raise InputError(f"{name} is not that of this network: it holds {found.shape} {found.dtype}")
        for name, vector in vectors.items():
            vector[...] = state_dict.arrays[name]
        weights.state.step, weights.state.scalars = told["step"], dict(told["scalars"])
        self.epochs, self.rate_scale = told["epochs"], told["rate_scale"]
        self.plateau = None if told["plateau"] is None else Plateau(**told["plateau"])
        self.accumulator = EpochAccumulator(**told["accumulator"])
        self._set_draws(state_dict.strip_prefix("draws", told["draws"]))
        began = told["draws_began"]
        self._draws_began = None if began is None else state_dict.strip_prefix("draws_began", began)

    def _draws(self) -> StateDict:
        """Return where orders and masks are drawn from."""
        told = {"rng": stream_state(self.rng)}
        if self.shuffle is None:
            return StateDict({}, told)
        own = self.shuffle.state_dict()
        return StateDict(own.add_prefix("shuffle").arrays, told | {"shuffle": own.metadata})

    def _set_draws(self, draws: StateDict) -> None:
        set_stream_state(self.rng, draws.metadata["rng"])
        if self.shuffle is not None:
            self.shuffle.load_state_dict(draws.strip_prefix("shuffle", draws.metadata["shuffle"]))


def init_state(
    structure: Structure, settings: Settings, parameters: Array | None = None, shuffle: Shuffle | None = None
) -> TrainingState:
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
    optimizer = find_optimizer("gradient_descent") if settings.full_batch else settings.resolve_optimizer()
    average = vector.copy() if settings.ema_decay is not None else None
    return TrainingState(Weights(vector, optimizer.init(vector), average), rng, shuffle, plateau=settings.plateau())

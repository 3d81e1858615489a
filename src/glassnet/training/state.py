"""The state of a training: everything that changes while it runs, and what it takes to resume it."""

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
from glassnet.network.schedules import ReduceOnPlateau
from glassnet.network.structure import Structure
from glassnet.training.settings import Settings
from glassnet.training.source import Part, Source
from glassnet.training.state_dict import StateDict, Stateful, rng_state, set_rng_state


class Shuffler(Stateful, Protocol):
    """Draws an order for each epoch by its own rules."""

    def __call__(self, rows: Array) -> Array:
        """Return these row numbers in the order of the next epoch."""


@dataclass
class TrainingState:
    """What the next epoch starts from; training updates it in place.

    Parameters
    ----------
    weights : Weights
        The parameters, the optimizer's state and the moving average.
    rng : numpy.random.Generator
        Draws orders and dropout masks.
    shuffle : Shuffler, optional
        Draws the order of each epoch; drawn from ``rng`` if not given.
    epochs : int
        The number of epochs done.
    rate_scale : float
        The factor of the schedule's learning rates; callbacks may change it.
    plateau : ReduceOnPlateau, optional
        The state of `Settings.reduce_on_plateau`.
    accumulator : EpochAccumulator
        The sums of the unfinished epoch.
    """

    weights: Weights
    rng: np.random.Generator
    shuffle: Shuffler | None = None
    epochs: int = 0
    rate_scale: float = 1.0
    plateau: ReduceOnPlateau | None = None
    accumulator: EpochAccumulator = field(default_factory=EpochAccumulator)
    _epoch_start_random: StateDict | None = field(default=None, repr=False)

    def order(self, rows: Array) -> Array:
        """Return the row numbers in the order of the next epoch."""
        return self.shuffle(rows) if self.shuffle is not None else self.rng.permutation(rows)

    def seed(self) -> int:
        """Return a seed for the next epoch."""
        return int(self.rng.integers(2**63))

    def parts(self, source: Source, batch_size: int, shuffle: bool, may_pause: bool = True) -> Iterator[Part]:
        """Return the rows of the next epoch in its order, or the remaining rows of an unfinished one.

        Parameters
        ----------
        source : Source
            The training rows.
        batch_size : int
            Rows in a batch.
        shuffle : bool
            Whether to draw the order; else rows keep their own.
        may_pause : bool
            Whether the epoch may be left unfinished, so that its order has to be drawn again.
        """
        sampler = self if shuffle else None
        if self.accumulator.batches == 0:
            self._epoch_start_random = self._random_state() if shuffle and may_pause else None
            return source.parts(batch_size, sampler)
        current = self._random_state()
        if self._epoch_start_random is not None:
            self._set_random_state(self._epoch_start_random)  # draws the same order again
        parts = source.parts(batch_size, sampler, self.accumulator.batches)
        self._set_random_state(current)
        return parts

    def end_epoch(self) -> None:
        """Count a finished epoch."""
        self.epochs += 1
        self.discard_unfinished_epoch()

    def discard_unfinished_epoch(self) -> None:
        """Start the next epoch from its first batch, on other rows perhaps."""
        self.accumulator = EpochAccumulator()
        self._epoch_start_random = None

    def state_dict(self) -> StateDict:
        """Return the whole state."""
        optimizer_state = self.weights.state
        arrays = {"parameters": self.weights.parameters.copy()}
        if self.weights.ema is not None:
            arrays["ema"] = self.weights.ema.copy()
        arrays |= {f"moments.{name}": moment.copy() for name, moment in optimizer_state.moments.items()}
        random = self._random_state()
        arrays |= random.add_prefix("random").arrays
        epoch_start = self._epoch_start_random
        if epoch_start is not None:
            arrays |= epoch_start.add_prefix("epoch_start_random").arrays
        metadata = {
            "step": optimizer_state.step,
            "scalars": dict(optimizer_state.scalars),
            "epochs": self.epochs,
            "rate_scale": self.rate_scale,
            "plateau": None if self.plateau is None else asdict(self.plateau),
            "accumulator": asdict(self.accumulator),
            "random": random.metadata,
            "epoch_start_random": None if epoch_start is None else epoch_start.metadata,
        }
        return StateDict(arrays, metadata)

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Restore the state, bit for bit.

        Raises
        ------
        InputError
            If it is the state of another network or optimizer.
        """
        weights = self.weights
        metadata = state_dict.metadata
        vectors = {"parameters": weights.parameters}
        vectors |= {f"moments.{name}": moment for name, moment in weights.state.moments.items()}
        if weights.ema is not None:
            vectors["ema"] = weights.ema
        found_names = {
            name for name in state_dict.arrays if name in ("parameters", "ema") or name.startswith("moments.")
        }
        for name in sorted(found_names ^ vectors.keys()):
            raise InputError(f"{name} is {'missing' if name in vectors else 'not part of this training'}")
        for name, vector in vectors.items():
            found = state_dict.arrays[name]
            if (found.shape, found.dtype) != (vector.shape, vector.dtype):
                raise InputError(
                    f"{name} is {found.dtype} {found.shape}; this network needs {vector.dtype} {vector.shape}"
                )
        for name, vector in vectors.items():
            vector[...] = state_dict.arrays[name]
        weights.state.step = metadata["step"]
        weights.state.scalars = dict(metadata["scalars"])
        self.epochs = metadata["epochs"]
        self.rate_scale = metadata["rate_scale"]
        self.plateau = None if metadata["plateau"] is None else ReduceOnPlateau(**metadata["plateau"])
        self.accumulator = EpochAccumulator(**metadata["accumulator"])
        self._set_random_state(state_dict.strip_prefix("random", metadata["random"]))
        epoch_start = metadata["epoch_start_random"]
        self._epoch_start_random = (
            None if epoch_start is None else state_dict.strip_prefix("epoch_start_random", epoch_start)
        )

    def _random_state(self) -> StateDict:
        """Return the state of the random streams that orders and masks are drawn from."""
        metadata = {"rng": rng_state(self.rng)}
        if self.shuffle is None:
            return StateDict({}, metadata)
        shuffle = self.shuffle.state_dict()
        return StateDict(shuffle.add_prefix("shuffle").arrays, metadata | {"shuffle": shuffle.metadata})

    def _set_random_state(self, random: StateDict) -> None:
        set_rng_state(self.rng, random.metadata["rng"])
        if self.shuffle is not None:
            self.shuffle.load_state_dict(random.strip_prefix("shuffle", random.metadata["shuffle"]))


def init_state(
    structure: Structure, settings: Settings, parameters: Array | None = None, shuffle: Shuffler | None = None
) -> TrainingState:
    """Return the state before the first epoch.

    Parameters
    ----------
    structure, settings : Structure, Settings
        What is trained, and how.
    parameters : array (n_parameters,), optional
        Initial parameters, copied; drawn by ``settings.initializer`` and ``settings.random_state`` if not given.
    shuffle : Shuffler, optional
        Draws the order of each epoch.
    """
    dtype: Any = np.dtype(settings.dtype)
    rng = np.random.default_rng(settings.random_state)
    if parameters is None:
        vector = initialize(structure, rng, settings.initializer, dtype)
    else:
        structure.views(parameters)  # raises if the shape is wrong
        vector = structure.new_vector(dtype)
        vector[...] = parameters
    # L-BFGS keeps its own state; gradient descent takes the place of an optimizer
    optimizer = find_optimizer("gradient_descent") if settings.full_batch else settings.resolve_optimizer()
    ema = vector.copy() if settings.ema_decay is not None else None
    weights = Weights(vector, optimizer.init(vector), ema)
    return TrainingState(weights, rng, shuffle, plateau=settings.resolve_plateau())

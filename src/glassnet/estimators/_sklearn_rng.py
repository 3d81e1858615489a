"""scikit-learn's random numbers: initial weights and shuffling, so that the same seed gives the same network."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.network.initializers import EMBEDDING_LIMIT
from glassnet.network.structure import Structure
from glassnet.training.state_dict import StateDict, rng_state, set_rng_state

#: The squared limit is 6 / (fan_in + fan_out) (Glorot & Bengio 2010); scikit-learn uses 2 for the sigmoid.
GLOROT, GLOROT_SIGMOID = 6.0, 2.0


def init_weights(structure: Structure, random_state: np.random.RandomState, dtype: Any, sigmoid: bool) -> Array:
    """Draw weights and biases as scikit-learn does: uniform, layer after layer, each W before its b.

    Parameters
    ----------
    structure : Structure
        The layers.
    random_state : numpy.random.RandomState
        Source of the random numbers.
    dtype : float32 or float64
        Dtype of the result.
    sigmoid : bool
        Whether the activation of the hidden layers is the sigmoid.

    Returns
    -------
    array (n_parameters,)
        The parameters.
    """
    vector = structure.new_vector(dtype)
    views = structure.views(vector)
    for table in range(1, len(structure.embeddings) + 1):
        E = views[f"E{table}"]
        E[...] = random_state.uniform(-EMBEDDING_LIMIT, EMBEDDING_LIMIT, E.shape)
    for layer, before, units in structure.layers():
        limit = np.sqrt((GLOROT_SIGMOID if sigmoid else GLOROT) / (before + units))
        views[f"W{layer}"][...] = random_state.uniform(-limit, limit, (before, units))
        views[f"b{layer}"][...] = random_state.uniform(-limit, limit, units)
    return vector


class EpochShuffler:
    """Order of the rows in each epoch: the previous order, shuffled, as in scikit-learn.

    Parameters
    ----------
    random_state : numpy.random.RandomState
        Source of the random numbers.
    shuffle : bool
        Whether to shuffle; else the order stays.
    """

    def __init__(self, random_state: np.random.RandomState, shuffle: bool) -> None:
        self.random_state = random_state
        self.shuffle = shuffle
        self._rows = self.last = np.empty(0, np.int64)

    def set_indices(self, rows: Array) -> None:
        """Set the rows, and reset the order if they are not the same as before."""
        if len(rows) != len(self._rows) or not np.array_equal(rows, self._rows):
            self._rows = self.last = rows

    def __call__(self, rows: Array) -> Array:
        """Return the order of the next epoch."""
        if self.shuffle:
            self.last = self.random_state.permutation(self.last)
        return self.last

    def state_dict(self) -> StateDict:
        """Return the order and the state of the random stream."""
        return StateDict({"last": self.last}, {"stream": rng_state(self.random_state), "shuffle": self.shuffle})

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Restore the state, for the same rows.

        Raises
        ------
        InputError
            If the state is of other rows.
        """
        last = state_dict.arrays["last"]
        if last.dtype != self._rows.dtype or not np.array_equal(np.sort(last), np.sort(self._rows)):
            raise InputError("the order of the rows is not one of these rows")
        set_rng_state(self.random_state, state_dict.metadata["stream"])
        self.last = last
        self.shuffle = state_dict.metadata["shuffle"]

"""scikit-learn's random numbers: initial weights and shuffling, so that the same seed gives the same network."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.network.initializers import EMBEDDING_LIMIT
from glassnet.network.structure import Structure
from glassnet.training.state_dict import StateDict, rng_state, set_rng_state

#: The squared limit is 6 / (fan_in + fan_out) (Glorot & Bengio 2010); scikit-learn uses 2 for the sigmoid.
GLOROT, GLOROT_SIGMOID = 6.0, 2.0
#: Rows whose order a pickle holds; an order of more rows is drawn again. A random stream takes as much space.
MAX_PICKLED_ORDER = 1000


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

    A pickle holds no order of many rows: it is drawn again when training resumes on the same rows.

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
        #: The last order; None after unpickling, until it is drawn again.
        self.last: Array | None = None
        self._rows_checksum: int | None = None
        self._drawn = 0  # orders since `begin` took other rows
        self._start: dict[str, Any] | None = None  # state of the stream before the first of them
        self._end = 0  # checksum of the state after the last of them

    def begin(self, rows: Array) -> None:
        """Start from the rows in this order, or resume from the last order of the same rows."""
        checksum = crc32(np.ascontiguousarray(rows).data)
        if checksum != self._rows_checksum:
            self.last = rows
            self._rows_checksum = checksum
            self._drawn = 0
            self._start = None
        elif self.last is None:
            self.last = self._draw_again(rows)

    def __call__(self, rows: Array) -> Array:
        """Return the order of the next epoch."""
        assert self.last is not None
        if not self.shuffle:
            return self.last
        if len(self.last) <= MAX_PICKLED_ORDER:
            self.last = self.random_state.permutation(self.last)
        else:
            before = rng_state(self.random_state)
            if self._drawn == 0:
                self._start = before
            elif self._start is not None and _stream_checksum(before) != self._end:
                self._start = None  # others draw from this stream as well
            self.last = self.random_state.permutation(self.last)
            self._end = _stream_checksum(rng_state(self.random_state))
            self._drawn += 1
        return self.last

    def _draw_again(self, rows: Array) -> Array:
        if self._start is None:
            return rows
        stream = np.random.RandomState()
        set_rng_state(stream, self._start)
        for _ in range(self._drawn):
            rows = stream.permutation(rows)
        return rows

    def __getstate__(self) -> dict[str, Any]:
        can_draw_again = self._start is not None or self._drawn == 0
        last = self.last
        if last is not None and len(last) > MAX_PICKLED_ORDER and can_draw_again:
            last = None
        return self.__dict__ | {"last": None if last is None else last.astype(np.min_scalar_type(last.max(initial=0)))}

    def __setstate__(self, state: dict[str, Any]) -> None:
        last = state["last"]
        self.__dict__.update(state, last=None if last is None else last.astype(np.int64))

    def state_dict(self) -> StateDict:
        """Return the order and the state of the random stream."""
        assert self.last is not None
        return StateDict({"last": self.last}, {"stream": rng_state(self.random_state), "shuffle": self.shuffle})

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Restore the state, for the same rows.

        Raises
        ------
        InputError
            If the state is of other rows.
        """
        assert self.last is not None
        last = state_dict.arrays["last"]
        if last.dtype != self.last.dtype or not np.array_equal(np.sort(last), np.sort(self.last)):
            raise InputError("the order of the rows is not one of these rows")
        set_rng_state(self.random_state, state_dict.metadata["stream"])
        self.last = last
        self.shuffle = state_dict.metadata["shuffle"]
        self._drawn = 1  # from an unknown state of the stream
        self._start = None
        self._end = _stream_checksum(rng_state(self.random_state))


def _stream_checksum(state: dict[str, Any]) -> int:
    return crc32(state["state"]["key"].data, state["state"]["pos"])

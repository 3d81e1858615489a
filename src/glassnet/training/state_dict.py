"""State dictionaries: arrays and plain values from which a training, or a part of it, can be resumed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError

#: Larger integers are written as text: not every JSON reader keeps them exact.
_MAX_EXACT_INTEGER = 2**53

#: The number of words in the state of a Mersenne Twister; its position is at most this.
_MT19937_WORDS = 624


@dataclass(frozen=True)
class StateDict:
    """A state as arrays and metadata.

    Parameters
    ----------
    arrays : dict of str to array
        Float32, float64 or integer arrays.
    metadata : dict of str to values
        Numbers, strings, None, and lists and mappings of these; `to_json_values` converts them to JSON.
    """

    arrays: dict[str, Array] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)

    def add_prefix(self, prefix: str) -> StateDict:
        """Return a copy with ``prefix.`` before the name of each array."""
        return StateDict({f"{prefix}.{name}": array for name, array in self.arrays.items()}, self.metadata)

    def strip_prefix(self, prefix: str, metadata: dict[str, Any]) -> StateDict:
        """Return the arrays whose names start with ``prefix.``, without it, and this metadata."""
        start = f"{prefix}."
        return StateDict({n.removeprefix(start): a for n, a in self.arrays.items() if n.startswith(start)}, metadata)


class Stateful(Protocol):
    """An object whose state can be saved and restored."""

    def state_dict(self) -> StateDict:
        """Return the state."""

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Restore the state."""


def rng_state(rng: np.random.Generator | np.random.RandomState) -> dict[str, Any]:
    """Return the state of a random stream."""
    return dict(rng.get_state(legacy=False) if isinstance(rng, np.random.RandomState) else rng.bit_generator.state)


def set_rng_state(rng: np.random.Generator | np.random.RandomState, state: dict[str, Any]) -> None:
    """Restore the state of a random stream.

    Raises
    ------
    InputError
        If it is the state of another kind of stream, or invalid.
    """
    try:
        if isinstance(rng, np.random.RandomState):
            position = state["state"]["pos"]
            if not 0 <= position <= _MT19937_WORDS:  # NumPy does not check it
                raise ValueError(f"its position is {position} of {_MT19937_WORDS}")
            rng.set_state(state)
        else:
            rng.bit_generator.state = state
    except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
        raise InputError(f"the state of the random stream can't be used: {error}") from None


def to_json_values(value: Any) -> Any:
    """Convert values to ones that every JSON reader keeps exact; `from_json_values` is the inverse.

    A number that is not finite, or an integer beyond 2**53, becomes a string with ``#`` before it, and so does a string
    that starts with ``#``. An array of integers becomes a mapping with the single key ``#``.
    """
    if isinstance(value, dict):
        return {name: to_json_values(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [to_json_values(inner) for inner in value]
    if isinstance(value, np.ndarray):
        return {"#": to_json_values(value.tolist())}
    if isinstance(value, str):
        return f"#{value}" if value.startswith("#") else value
    if isinstance(value, float) and not math.isfinite(value):
        return f"#{value}"
    return f"#{value}" if isinstance(value, int) and abs(value) > _MAX_EXACT_INTEGER else value


def from_json_values(value: Any) -> Any:
    """Return what `to_json_values` was given; raise a ValueError for any other content."""
    if isinstance(value, dict):
        if value.keys() == {"#"}:
            return np.array(from_json_values(value["#"]), np.uint64)
        return {name: from_json_values(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [from_json_values(inner) for inner in value]
    if not isinstance(value, str) or not value.startswith("#"):
        return value
    if value.startswith("##"):
        return value[1:]
    return float(value[1:]) if value[1:] in ("nan", "inf", "-inf") else int(value[1:])

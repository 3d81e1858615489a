"""What a training knows at a moment between two batches: all that it takes to go on as if it had never stopped."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError

#: Numbers above this are written as text: not every reader of JSON takes them as they are.
_LARGEST = 2**53

#: Numbers in the state of a Mersenne twister, through which its place goes.
_LENGTH = 624


@dataclass(frozen=True)
class StateDict:
    """Arrays by name, and everything else: numbers, texts, None, lists and mappings of these (`plain` makes them JSON).

    Parameters
    ----------
    arrays : dict of str to array
        Vectors, float32 or float64, or whole numbers.
    metadata : dict of str to values
        The rest.
    """

    arrays: dict[str, Array] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)

    def add_prefix(self, prefix: str) -> StateDict:
        """Return it with the prefix before each array's name."""
        return StateDict({f"{prefix}.{name}": array for name, array in self.arrays.items()}, self.metadata)

    def strip_prefix(self, prefix: str, metadata: dict[str, Any]) -> StateDict:
        """Return the arrays whose names have the prefix, without it."""
        start = f"{prefix}."
        return StateDict({n.removeprefix(start): a for n, a in self.arrays.items() if n.startswith(start)}, metadata)


class Stateful(Protocol):
    """Whoever has something to know of a training to go on in another process."""

    def state_dict(self) -> StateDict:
        """Return it."""

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Take it over."""


def stream_state(rng: np.random.Generator | np.random.RandomState) -> dict[str, Any]:
    """Return where a random stream stands."""
    return dict(rng.get_state(legacy=False) if isinstance(rng, np.random.RandomState) else rng.bit_generator.state)


def set_stream_state(rng: np.random.Generator | np.random.RandomState, state: dict[str, Any]) -> None:
    """Bring a random stream to where `stream_state` found one of its kind.

    Raises
    ------
    InputError
        If it is of another kind, or no such state.
    """
    try:
        if isinstance(rng, np.random.RandomState):
            if not 0 <= state["state"]["pos"] <= _LENGTH:  # which NumPy does not look at
                raise ValueError(f"it stands at {state['state']['pos']} of {_LENGTH}")
            rng.set_state(state)
        else:
            rng.bit_generator.state = state
    except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
        raise InputError(f"the state of the random stream can't be used: {error}") from None


def plain(value: Any) -> Any:
    """Return values as any reader of JSON takes them.

    A number that is not finite, or beyond 2**53, is written as a text with ``#`` before it, and so is a text that
    begins with ``#``; an array of whole numbers is a mapping with one entry, ``#``.
    """
    if isinstance(value, dict):
        return {name: plain(inside) for name, inside in value.items()}
    if isinstance(value, list):
        return [plain(inside) for inside in value]
    if isinstance(value, np.ndarray):
        return {"#": plain(value.tolist())}
    if isinstance(value, str):
        return f"#{value}" if value.startswith("#") else value
    if isinstance(value, float) and not math.isfinite(value):
        return f"#{value}"
    return f"#{value}" if isinstance(value, int) and abs(value) > _LARGEST else value


def restored(value: Any) -> Any:
    """Return what `plain` was given; a ValueError if it is none of its making."""
    if isinstance(value, dict):
        if value.keys() == {"#"}:
            return np.array(restored(value["#"]), np.uint64)
        return {name: restored(inside) for name, inside in value.items()}
    if isinstance(value, list):
        return [restored(inside) for inside in value]
    if not isinstance(value, str) or not value.startswith("#"):
        return value
    if value.startswith("##"):
        return value[1:]
    return float(value[1:]) if value[1:] in ("nan", "inf", "-inf") else int(value[1:])

"""The validation split: decided by a hash, so that it is the same in every pass and on every machine."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError


def hash_rows(first: int, count: int) -> Array:
    """Return a hash of each of the rows ``first`` … ``first + count - 1``, uint64: splitmix64 of its number.

    Steele, Lea & Flood (2014), "Fast splittable pseudorandom number generators", as in Vigna's ``splitmix64.c``.
    """
    z = np.arange(first, first + count, dtype=np.uint64) + np.uint64(1)
    z *= np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def hash_groups(values: Array) -> Array:
    """Return a hash of each value of a group column, uint64: BLAKE2b of its text; 3.0 is written as 3."""
    unique, inverse = np.unique(values.astype(str) if values.dtype.kind == "O" else values, return_inverse=True)
    hashes = np.array([_hash_value(value) for value in unique.tolist()], np.uint64)
    return hashes[inverse.reshape(-1)]


def _hash_value(value: Any) -> int:
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def is_validation(hashes: Array, fraction: float) -> Array:
    """Return a mask of the rows for validation; a larger fraction selects the same rows and more."""
    return hashes < np.uint64(int(fraction * 2**64))


def check_fraction(fraction: float) -> None:
    """Check that the validation fraction leaves rows for training.

    Raises
    ------
    InputError
        If it is not in [0, 1).
    """
    if not 0 <= fraction < 1:
        raise InputError(f"validation_fraction is {fraction!r}; it must be at least 0 and below 1")

"""The list of attacks.

An attack is a function of a folder that it may use. It raises an exception if the program did not hold. To add one,
write the function in a module of `MODULES` and decorate it with `attack`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

#: Modules of this package that register attacks.
MODULES = ("connections", "requests", "work", "files", "tables", "training")


@dataclass(frozen=True)
class Attack:
    """An attack.

    Parameters
    ----------
    name : str
        ``area: what is tried``.
    function : callable
        Tries it.
    seconds : float
        Time after which the program counts as hanging.
    """

    name: str
    function: Callable[[Path], None]
    seconds: float


_ATTACKS: dict[str, Attack] = {}


def attack(name: str, seconds: float = 120.0) -> Callable[[Callable[[Path], None]], Callable[[Path], None]]:
    """Register a function as an attack."""

    def register(function: Callable[[Path], None]) -> Callable[[Path], None]:
        assert name not in _ATTACKS, name
        _ATTACKS[name] = Attack(name, function, seconds)
        return function

    return register


def all_attacks() -> dict[str, Attack]:
    """Return all attacks by name."""
    for module in MODULES:
        importlib.import_module(f"tests.attack.{module}")
    return _ATTACKS

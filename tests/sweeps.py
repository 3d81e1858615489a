"""Which cases of a large parametrized test are quick: a sample that is always the same, not chance.

``@pytest.mark.sweep`` marks a test whose cases are all run by ``make test-all``. ``make test`` runs some of them:

- ``sweep(strength=1)``: every value of every parameter at least once (each-choice coverage);
- ``sweep(strength=2)``: every pair of values of two parameters at least once (pairwise coverage);
- ``sweep(only=["id", …])``: the cases with these ids.

The other cases get the marker ``slow``.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import pytest

#: The values of one case's parameters.
Case = tuple[Hashable, ...]


def covering_sample(cases: Sequence[Case], strength: int) -> list[int]:
    """Return the positions of cases that together cover every combination of `strength` parameters.

    The greedy algorithm: take the first case that covers the most combinations not yet covered, until none is left.
    """
    if not cases:
        return []
    columns = list(itertools.combinations(range(len(cases[0])), min(strength, len(cases[0]))))
    combinations = [{(of, tuple(case[column] for column in of)) for of in columns} for case in cases]
    uncovered = set().union(*combinations)
    chosen = []
    while uncovered:
        best = max(range(len(cases)), key=lambda position: len(combinations[position] & uncovered))
        uncovered -= combinations[best]
        chosen.append(best)
    return sorted(chosen)


def mark_slow_cases(items: Iterable[pytest.Item]) -> None:
    """Add the marker ``slow`` to the cases of sweeps that are not in their sample.

    Raises
    ------
    pytest.UsageError
        If a test with the marker is not parametrized, or ``only`` names a case that does not exist.
    """
    tests: dict[str, list[pytest.Function]] = {}
    for item in items:
        if isinstance(item, pytest.Function) and item.get_closest_marker("sweep"):
            tests.setdefault(item.nodeid.split("[")[0], []).append(item)
    for name, cases in tests.items():
        sample = _sample(name, cases)
        for position, item in enumerate(cases):
            if position not in sample:
                item.add_marker(pytest.mark.slow)


def _key(value: Any) -> Hashable:
    """Return what tells a value from others: 1 is not True, and an array is itself only."""
    return (type(value), value) if isinstance(value, Hashable) and not isinstance(value, tuple) else id(value)


def _sample(name: str, items: Sequence[pytest.Function]) -> set[int]:
    marker = items[0].get_closest_marker("sweep")
    if not all(hasattr(item, "callspec") for item in items):
        raise pytest.UsageError(f"{name} is marked as a sweep and is not parametrized")
    only = marker.kwargs.get("only")
    if only is None:
        cases = [tuple(_key(value) for _, value in sorted(item.callspec.params.items())) for item in items]
        return set(covering_sample(cases, marker.kwargs["strength"]))
    sample = {position for position, item in enumerate(items) if item.callspec.id in only}
    if len(sample) != len(only):
        raise pytest.UsageError(f"{name}: only={only} names {len(sample)} of its cases; it has {len(items)}")
    return sample

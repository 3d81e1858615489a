"""Timing in turns: each library runs once per round, so that other load on the machine slows all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

#: Seconds of rest before each turn: threads of the previous library (OpenBLAS, OpenMP) keep spinning for a while after
#: their work and would slow the next one.
REST = 0.3


@dataclass
class Times:
    """Seconds of one library: the warm-up run, and one run per round."""

    warm_up: float = 0.0
    rounds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.rounds)

    @property
    def minimum(self) -> float:
        """The shortest round."""
        return min(self.rounds)

    def times(self, other: Times) -> float:
        """Return the ratio of these times to others: the median of the ratios of the rounds."""
        return statistics.median(a / b for a, b in zip(self.rounds, other.rounds, strict=True))

    def __str__(self) -> str:
        return f"{seconds(self.median)} ({seconds(self.minimum)})"


def take_turns(
    contenders: Mapping[str, Callable[[], object]], rounds: int, scales: Mapping[str, float] | None = None
) -> dict[str, Times]:
    """Run every contender once to warm up, then once in every round.

    Parameters
    ----------
    contenders : mapping of str to callable
        The functions to time.
    rounds : int
        The number of rounds that count.
    scales : mapping of str to float, optional
        A factor for the seconds of a function that gets only a part of the rows.
    """
    found = {name: Times() for name in contenders}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            time.sleep(REST)
            began = time.perf_counter()
            run()
            took = (time.perf_counter() - began) * (scales or {}).get(name, 1.0)
            if number:
                found[name].rounds.append(took)
            else:
                found[name].warm_up = took
    return found


def seconds(value: float) -> str:
    """Format seconds with three significant digits."""
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"


def head(columns: Sequence[str]) -> None:
    """Print the header of a table."""
    print("| " + " | ".join(columns) + " |")
    print("| --- " * len(columns) + "|", flush=True)


def line(cells: Sequence[object]) -> None:
    """Print a row of a table."""
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)

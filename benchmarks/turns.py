"""Taking turns: everybody runs once in each round, so that a machine that others use too slows them all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

#: Seconds of rest before each turn: threads of the one before (OpenBLAS, OpenMP) go on spinning for a while after
#: their work, and would take the cores from whoever is next.
REST = 0.3


@dataclass
class Times:
    """Seconds of one contender: its first, uncounted run, and one for each round."""

    warm_up: float = 0.0
    rounds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.rounds)

    @property
    def least(self) -> float:
        """The shortest round."""
        return min(self.rounds)

    def times(self, other: Times) -> float:
        """Return how many times as long as another this takes: the median over the rounds of the ratio in each."""
        return statistics.median(a / b for a, b in zip(self.rounds, other.rounds, strict=True))

    def __str__(self) -> str:
        return f"{seconds(self.median)} ({seconds(self.least)})"


def take_turns(
    contenders: Mapping[str, Callable[[], object]], rounds: int, scales: Mapping[str, float] | None = None
) -> dict[str, Times]:
    """Run every contender once to warm up, then once in every round.

    Parameters
    ----------
    contenders : mapping of str to callable
        What is timed.
    rounds : int
        How many count.
    scales : mapping of str to float, optional
        What the seconds of a contender are multiplied by, where it was given only a share of the rows.
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
    """Write seconds with three digits that count."""
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"


def head(columns: Sequence[str]) -> None:
    """Print the head of a table."""
    print("| " + " | ".join(columns) + " |")
    print("| --- " * len(columns) + "|", flush=True)


def line(cells: Sequence[object]) -> None:
    """Print a line of a table."""
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)

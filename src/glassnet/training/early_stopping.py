"""Early stopping: when a monitored value counts as better, and how many epochs without that end a training."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class EarlyStopping:
    """The criteria of early stopping; the best value and the counter are kept by the caller.

    Prechelt 1998, "Early Stopping - But When?". The defaults are Keras' rule, which `Settings` uses: only a gain of
    more than ``tol`` makes a new best value. scikit-learn's rule is ``best_tol=0, inclusive=True``: any gain makes a
    new best value, while the counter is reset by a gain of at least ``tol``.

    Parameters
    ----------
    mode : {"min", "max"}
        Whether a smaller or a larger value is better.
    tol : float
        The gain over the best value that resets the counter.
    patience : float
        Stop after this number of consecutive epochs without such a gain; infinity never stops.
    best_tol : float, optional
        The gain that makes a new best value; ``tol`` if not given.
    inclusive : bool
        Whether a gain of exactly ``tol`` resets the counter, and a value of NaN too, as in scikit-learn.
    """

    mode: Literal["min", "max"] = "min"
    tol: float = 0.0
    patience: float = math.inf
    best_tol: float | None = None
    inclusive: bool = False

    @property
    def worst(self) -> float:
        """The value before the first epoch, which every number beats."""
        return math.inf if self.mode == "min" else -math.inf

    def is_best(self, value: float, best: float) -> bool:
        """Check whether a value is better than the best one so far, by more than ``best_tol``."""
        sign = 1 if self.mode == "min" else -1
        return sign * value < sign * best - (self.tol if self.best_tol is None else self.best_tol)

    def count(self, value: float, best: float, waited: int) -> int:
        """Return the number of epochs without a gain, this one included.

        Parameters
        ----------
        value, best : float
            The value of this epoch and the best one of those before.
        waited : int
            The number before this epoch.
        """
        sign = 1 if self.mode == "min" else -1
        threshold = sign * best - self.tol
        gained = not sign * value > threshold if self.inclusive else sign * value < threshold
        return 0 if gained else waited + 1

    def should_stop(self, waited: int) -> bool:
        """Check whether the patience is used up after this number of epochs without a gain."""
        return waited >= self.patience

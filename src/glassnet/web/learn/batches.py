"""Training data, batch by batch: the training waits before each batch until the page lets it continue.

The training loop asks a source for its rows part by part, and a part may be one batch. So loop, engine and random
streams are those of any other training, and the results have the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Self

import numpy as np

from glassnet.engines.interface import Rows
from glassnet.training.source import InMemory, Part, Sampler, Source


class SessionStopped(KeyboardInterrupt):
    """Raised inside the training loop to stop it; the loop handles it like Ctrl-C."""


def no_wait(batch: Rows) -> None:
    """Continue at once."""


class BatchSource(InMemory):
    """Rows in memory that yield each batch as a separate part.

    Parameters
    ----------
    rows, indices
        As for `InMemory`.
    """

    #: Called with each batch before it is used.
    before_batch: Callable[[Rows], None]

    @classmethod
    def of(cls, source: Source) -> Self:
        """Return a source of the same rows."""
        assert isinstance(source, InMemory)
        made = cls(source.rows, source.indices)
        made.before_batch = no_wait
        return made

    def parts(self, batch_size: int, sampler: Sampler | None, first: int = 0) -> Iterator[Part]:
        """Yield the rows from batch ``first`` on, one batch after another."""
        (whole,) = super().parts(batch_size, sampler, first)  # draws the order of the whole epoch, as the loop expects
        return self._split(whole, batch_size)

    def _split(self, whole: Part, batch_size: int) -> Iterator[Part]:
        for start in range(0, len(whole), batch_size):
            part = slice(start, start + batch_size)
            if whole.order is None:
                rows = whole.rows
                w = rows.sample_weight
                batch = Rows(rows.x[part], rows.y[part], None if w is None else w[part], rows.scale)
            else:
                batch = whole.rows.take(whole.order[part])
            self.before_batch(batch)
            yield Part(batch)

    def sample(self, count: int) -> Rows:
        """Return the first rows of the training data."""
        first = np.arange(min(len(self.rows), count)) if self.indices is None else self.indices[:count]
        return self.rows.take(first)

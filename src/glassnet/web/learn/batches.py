"""The rows of a training, batch by batch: before each, the training waits here until the page lets it go on.

`glassnet.training.loop` asks a source for its rows part by part, and a part may be one batch. So the loop, its engine
and its random stream need not know that anybody is watching, and compute the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Self

from glassnet.engines.interface import Rows
from glassnet.training.source import InMemory, Part, Sampler, Source


class Halt(KeyboardInterrupt):
    """The page wants the training to end now; the loop takes it as it takes Ctrl-C, and ends in order."""


def no_waiting(batch: Rows) -> None:
    """Let a training go on."""


class Batches(InMemory):
    """Rows in memory, of which each batch is a part of its own.

    Parameters
    ----------
    rows, chosen
        As `InMemory` has them.
    """

    #: Called with each batch before it is trained on.
    before: Callable[[Rows], None]

    @classmethod
    def of(cls, source: Source) -> Self:
        """Return the same rows, batch by batch."""
        assert isinstance(source, InMemory)
        made = cls(source.rows, source.indices)
        made.before = no_waiting
        return made

    def parts(self, batch_size: int, sampler: Sampler | None, first: int = 0) -> Iterator[Part]:
        """Return the rows from batch ``first`` on, one batch after another."""
        (whole,) = super().parts(batch_size, sampler, first)  # all is drawn here, as it should be
        return self._cut(whole, batch_size)

    def _cut(self, whole: Part, batch_size: int) -> Iterator[Part]:
        for start in range(0, len(whole), batch_size):
            here = slice(start, start + batch_size)
            if whole.order is None:
                rows, order = whole.rows, None
                w = rows.sample_weight
                batch = Rows(rows.x[here], rows.y[here], None if w is None else w[here], rows.scale)
            else:
                order = whole.order[here]
                batch = whole.rows.take(order)
            self.before(batch)
            yield Part(batch)

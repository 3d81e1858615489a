"""Where an epoch's rows come from: arrays in memory, a stream of files, or anything else that answers the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.engines.interface import Rows


@dataclass(frozen=True)
class Part:
    """Rows in memory, and which of them to take in which order; all as they stand if there is none."""

    rows: Rows
    order: Array | None = None

    def __len__(self) -> int:
        return len(self.rows) if self.order is None else len(self.order)


class Draws(Protocol):
    """Where a source draws from."""

    def order(self, rows: Array) -> Array:
        """Return these row numbers in an order of the epoch."""

    def seed(self) -> int:
        """Return a seed of the epoch."""


@runtime_checkable
class Source(Protocol):
    """Rows to learn from or to be judged on, as many as ever there are, met part by part."""

    def __len__(self) -> int:
        """How many rows an epoch has."""

    def spread(self) -> float:
        """Return Σ over the outputs of the variance of y, which R² compares errors with."""

    def fingerprint(self) -> str:
        """Return a digest of the rows: the same rows, the same digest."""

    def parts(self, batch_size: int, draws: Draws | None, first: int = 0) -> Iterator[Part]:
        """Return an epoch's rows from batch ``first`` on, in the drawn order, or as they stand without ``draws``.

        All is drawn at the call itself, before the first part is asked for. Each part but the last holds whole batches.
        A part is good until the next one is asked for. The order is the same whatever ``first`` is.
        """


class InMemory:
    """Rows in memory, of which each epoch is one part.

    Parameters
    ----------
    rows : Rows
        Checked (`glassnet.training.rows`).
    chosen : array of int, optional
        Which of them to take, where the others are set aside.
    """

    def __init__(self, rows: Rows, chosen: Array | None = None) -> None:
        self.rows, self.chosen = rows, chosen

    def __len__(self) -> int:
        return len(self.rows) if self.chosen is None else len(self.chosen)

    @cached_property
    def _spread(self) -> float:
        y = self.rows.y if self.chosen is None else self.rows.y[self.chosen]
        return float(np.sum(np.var(y.reshape(len(y), -1), axis=0, dtype=np.float64)))

    def spread(self) -> float:
        """Return Σ over the outputs of the variance of y."""
        return self._spread

    def fingerprint(self) -> str:
        """Return how many rows are taken, and a digest of the rows and of which these are."""
        digest = hashlib.blake2b(digest_size=16)
        rows, x = self.rows, self.rows.x
        parts: tuple[Any, ...] = (x,) if isinstance(x, np.ndarray) else (x.data, x.indices, x.indptr)
        digest.update(f"{x.shape} {rows.scale!r}".encode())
        for array in (*parts, rows.y, rows.sample_weight, rows.only, self.chosen):
            if array is None:
                digest.update(b"none")
            else:
                digest.update(f"{array.dtype} {array.shape}".encode())
                digest.update(np.ascontiguousarray(array).data)
        return f"{len(self):,} rows: {digest.hexdigest()}"

    def parts(self, batch_size: int, draws: Draws | None, first: int = 0) -> Iterator[Part]:
        """Return the rows from batch ``first`` on, as one part."""
        order = self.chosen
        if draws is not None:
            order = draws.order(np.arange(len(self.rows)) if order is None else order)
        if first:
            order = (np.arange(len(self.rows)) if order is None else order)[first * batch_size :]
        return iter((Part(self.rows, order),))

    def whole(self) -> Rows:
        """Return all the rows at once."""
        return self.rows if self.chosen is None else self.rows.take(self.chosen)

"""Sources of training rows: arrays in memory, a stream of files, or anything else with the same interface."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.engines.interface import Rows


@dataclass(frozen=True)
class Part:
    """Rows in memory, and the row numbers in the order to take them; all rows in their own order without it."""

    rows: Rows
    order: Array | None = None

    def __len__(self) -> int:
        return len(self.rows) if self.order is None else len(self.order)

    def order_of(self, start: int, stop: int) -> Array | None:
        """Return the row numbers from a position up to another; None for all rows in their own order."""
        if start == 0 and stop >= len(self):
            return self.order
        return (np.arange(len(self)) if self.order is None else self.order)[start:stop]

    def weightless_batches(self, batch_size: int) -> Array:
        """Return the numbers of the batches, from 0, in which every row has the weight 0."""
        w = self.rows.sample_weight
        if w is None or w.all():
            return np.empty(0, np.int64)
        in_order = w if self.order is None else w[self.order]
        return np.flatnonzero(~np.logical_or.reduceat(in_order != 0, np.arange(0, len(self), batch_size)))


class Sampler(Protocol):
    """Draws the order of an epoch."""

    def order(self, rows: Array) -> Array:
        """Return these row numbers in the order of the epoch."""

    def seed(self) -> int:
        """Return a seed for the epoch."""


@runtime_checkable
class Source(Protocol):
    """Rows to train or evaluate on, any number of them, read part by part."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def target_variance(self) -> float:
        """Return the sum over the outputs of the variance of y, the denominator of R²."""

    def fingerprint(self) -> str:
        """Return a digest of the rows; equal rows have equal digests."""

    def parts(self, batch_size: int, sampler: Sampler | None, first: int = 0) -> Iterator[Part]:
        """Return the rows of an epoch, part by part.

        Parameters
        ----------
        batch_size : int
            Each part but the last holds whole batches of this size.
        sampler : Sampler, optional
            Draws the order, entirely during this call; rows keep their own order without it.
        first : int
            The batch to begin with; the order does not depend on it.

        Returns
        -------
        iterator of Part
            A part is valid until the next one is requested.
        """


@contextmanager
def closing_parts(parts: Iterator[Part]) -> Iterator[Iterator[Part]]:
    """Close the parts however the block ends: a stream prefetches on its own thread."""
    try:
        yield parts
    finally:
        getattr(parts, "close", lambda: None)()


class InMemory(Source):
    """The in-memory implementation of `Source`; an epoch is a single part.

    Parameters
    ----------
    rows : Rows
        Validated (`glassnet.training.rows`).
    indices : array of int, optional
        The rows to use; all if not given.
    """

    def __init__(self, rows: Rows, indices: Array | None = None) -> None:
        self.rows = rows
        self.indices = indices

    def __len__(self) -> int:
        return len(self.rows) if self.indices is None else len(self.indices)

    @cached_property
    def _target_variance(self) -> float:
        y = self.rows.y if self.indices is None else self.rows.y[self.indices]
        return float(np.sum(np.var(y.reshape(len(y), -1), axis=0, dtype=np.float64)))

    def target_variance(self) -> float:
        """Return the sum over the outputs of the variance of y."""
        return self._target_variance

    def fingerprint(self) -> str:
        """Return the number of rows, and a digest of the rows and of ``indices``."""
        digest = hashlib.blake2b(digest_size=16)
        rows = self.rows
        x = rows.x
        parts: tuple[Any, ...] = (x,) if isinstance(x, np.ndarray) else (x.data, x.indices, x.indptr)
        digest.update(f"{x.shape} {rows.scale!r}".encode())
        for array in (*parts, rows.y, rows.sample_weight, rows.only, self.indices):
            if array is None:
                digest.update(b"none")
            else:
                digest.update(f"{array.dtype} {array.shape}".encode())
                digest.update(np.ascontiguousarray(array).data)
        return f"{len(self):,} rows: {digest.hexdigest()}"

    def parts(self, batch_size: int, sampler: Sampler | None, first: int = 0) -> Iterator[Part]:
        """Return the rows from batch ``first`` on, as one part."""
        order = self.indices
        if sampler is not None:
            order = sampler.order(np.arange(len(self.rows)) if order is None else order)
        return iter((Part(self.rows, Part(self.rows, order).order_of(first * batch_size, len(self))),))

    def all_rows(self) -> Rows:
        """Return all the rows at once."""
        return self.rows if self.indices is None else self.rows.take(self.indices)

"""A stream as a source of batches: `glassnet.training.source.Source` over files of any size."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.preprocessing.scaling import BYTE_SCALE, Scaling
from glassnet.streaming.buffers import DenseRooms, SparseRooms
from glassnet.streaming.order import Buffer, buffers, count_of, most_rows
from glassnet.streaming.prefetch import SLOTS, Ahead
from glassnet.streaming.reading import CachePass, Pass, TextPass
from glassnet.streaming.scan import Survey
from glassnet.training.source import Draws, Part

#: Bytes of the rows in a buffer; there are two buffers.
BUFFER_BYTES = 2**26


@dataclass(frozen=True)
class Preparing:
    """How raw rows become what the engines take.

    Parameters
    ----------
    scaling : Scaling
        Of the features.
    encode : callable
        ``encode(stored (rows,)) -> y``, int64 (rows,) or numbers (rows, 1).
    dtype : float32 or float64
        Of what is not bytes.
    key : str
        What the scaling and the targets' encoding depend on, in words, for the fingerprint.
    """

    scaling: Scaling
    encode: Callable[[Array], Array]
    dtype: Any
    key: str


class StreamSource:
    """One side of a data set, read part by part; see `glassnet.training.source.Source`.

    Parameters
    ----------
    found : Survey
        What is known of the files.
    side : int
        `TRAINING` or `VALIDATION`.
    preparing : Preparing
        Scaling and encoding.
    spread : float
        Σ over the outputs of the variance of y.
    buffer_bytes : int
        Of the rows in a buffer: with more, shuffling comes closer to a full shuffle. Rows that all fit are read once.
    """

    def __init__(
        self, found: Survey, side: int, preparing: Preparing, spread: float, buffer_bytes: int = BUFFER_BYTES
    ) -> None:
        self._found, self._side, self._preparing, self._spread = found, side, preparing, spread
        self._rows = np.array(found.sides[side].rows, np.int64)
        self._sparse = found.sparse and not preparing.scaling.offset.any()
        self._as_bytes = not found.sparse and preparing.scaling.kind == "bytes" and found.sides[side].features.all_bytes
        self._free: list[DenseRooms | SparseRooms] = []
        all_rows = max(1, sum(len(each) for each in found.sides))
        if self._sparse:
            row_bytes = 12 * found.entries / all_rows
        else:
            row_bytes = found.columns * (1 if self._as_bytes else np.dtype(preparing.dtype).itemsize)
        per_block = (row_bytes + 16) * int(self._rows.max(initial=1))
        self._blocks_at_once = max(1, int(buffer_bytes / per_block))

    def __len__(self) -> int:
        return int(self._rows.sum())

    def spread(self) -> float:
        """Return Σ over the outputs of the variance of y."""
        return self._spread

    def fingerprint(self) -> str:
        """Return their number, a digest of the rows and how they are scaled, and what else their order depends on.

        That is said in words, since nobody may have asked for it (a full disk leaves no cache): rows that do not fit
        into one buffer come in another order with other buffers, or without a cache.
        """
        scaling, found = self._preparing.scaling, self._found
        digest = hashlib.sha256(found.sides[self._side].digest.encode())
        digest.update(np.ascontiguousarray(scaling.offset).data)
        digest.update(np.ascontiguousarray(scaling.scale).data)
        digest.update(repr((found.names, self._preparing.key, str(self._preparing.dtype))).encode())
        told = f"{len(self):,} streamed rows: {digest.hexdigest()[:32]}"
        if len(self._rows) <= self._blocks_at_once:
            return told
        return f"{told}, {self._blocks_at_once} blocks at once{', without a cache' if found.cache is None else ''}"

    def parts(self, batch_size: int, draws: Draws | None, first: int = 0) -> Iterator[Part]:
        """Return an epoch's rows from batch ``first`` on, read ahead on a thread of its own."""
        seed = None if draws is None else draws.seed()
        rooms = self._rooms(batch_size)
        return Ahead(
            lambda closed: self._parts(rooms, batch_size, seed, first, closed), lambda: self._free.append(rooms)
        )

    def _rooms(self, batch_size: int) -> DenseRooms | SparseRooms:
        """Return memory for buffers: what an earlier pass has left, if it suits."""
        most = most_rows(self._rows, self._blocks_at_once, batch_size)
        count = min(SLOTS, count_of(self._rows, self._blocks_at_once, batch_size))
        while self._free:
            rooms = self._free.pop()
            if (rooms.count, rooms.most) == (count, most):
                return rooms
        if self._sparse:
            return SparseRooms(count, most)
        dtype, scale = (np.dtype(np.uint8), BYTE_SCALE) if self._as_bytes else (self._preparing.dtype, 1.0)
        return DenseRooms(count, most, self._found.columns, dtype, scale)

    def _parts(
        self,
        rooms: DenseRooms | SparseRooms,
        batch_size: int,
        seed: int | None,
        first: int,
        closed: Callable[[], bool],
    ) -> Iterator[Part]:
        cache = self._found.cache
        reading: Pass = TextPass(self._found, self._side) if cache is None else CachePass(cache, self._side)
        number = 0
        try:
            for buffer in buffers(self._rows, self._blocks_at_once, batch_size, seed, cache is not None):
                wanted = buffer.batches + -(-len(buffer.order) // batch_size) > first
                if not wanted and cache is not None:
                    continue  # a text is read from its beginning, whatever comes first
                if not rooms.holds_all:
                    before = (number - 1) % rooms.count if number else None
                    if not self._fill(reading, buffer, rooms, number % rooms.count, before, closed):
                        return
                    if isinstance(rooms, DenseRooms):
                        rooms.fill_others()
                    rooms.holds_all = rooms.count == 1
                number += 1
                if wanted:
                    skip = max(0, first - buffer.batches) * batch_size
                    yield rooms.part(buffer.order[skip:], buffer.shuffled)
        finally:
            reading.close()

    def _fill(
        self,
        reading: Pass,
        buffer: Buffer,
        rooms: DenseRooms | SparseRooms,
        room: int,
        before: int | None,
        closed: Callable[[], bool],
    ) -> bool:
        """Read a buffer's rows into a room; False if nobody wants them any more."""
        rooms.begin(room)
        if before is not None:
            rooms.carry(before, buffer.places)
        else:
            self._add_single(reading, buffer.carried, rooms)
        for block in buffer.blocks.tolist():
            if closed():
                return False
            if isinstance(rooms, SparseRooms):
                raw = reading.block(block)
                rooms.add(self._scaled_sparse(raw.x), self._encoded(raw.y))
            else:
                space = rooms.space(int(self._rows[block]))
                if self._as_bytes:
                    rooms.add(self._encoded(reading.read_bytes(block, space)))
                else:
                    raw = reading.block(block)
                    self._scale(raw.x, space)
                    rooms.add(self._encoded(raw.y))
        if isinstance(rooms, SparseRooms):
            rooms.end()
        return True

    def _add_single(self, reading: Pass, ids: Array, rooms: DenseRooms | SparseRooms) -> None:
        """Read rows that a buffer carries over from one that was not read, less than a batch of them."""
        ends = np.cumsum(self._rows)
        blocks = np.searchsorted(ends, ids, side="right")
        for row, block in zip(ids.tolist(), blocks.tolist(), strict=True):
            raw = reading.block(block)
            place = row - int(ends[block] - self._rows[block])
            here = slice(place, place + 1)
            if isinstance(rooms, SparseRooms):
                rooms.add(self._scaled_sparse(raw.x[here]), self._encoded(raw.y[here]))
            else:
                self._scale(raw.x[here], rooms.space(1))
                rooms.add(self._encoded(raw.y[here]))

    def _scale(self, raw: Any, out: Array) -> None:
        if self._as_bytes:
            out[...] = raw
            return
        if not isinstance(raw, np.ndarray):
            raw = raw.toarray()
        scaling = self._preparing.scaling
        np.multiply(raw - scaling.offset, scaling.scale, out=out, casting="same_kind")

    def _scaled_sparse(self, raw: Any) -> Any:
        return self._preparing.scaling.transform(raw, self._preparing.dtype).copy()  # the block's memory is used again

    def _encoded(self, stored: Array) -> Array:
        try:
            return self._preparing.encode(stored)
        except KeyError as error:
            raise InputError(f"the rows hold the class {error.args[0]!r}, which the first pass did not find") from None

"""One reading of a side's blocks: from the cache in any order, or from the text from its beginning."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.streaming.blocks import TARGET_KINDS, Block, Packer, block_rows
from glassnet.streaming.cache_file import ENTRIES, KIND, LENGTH, ROWS, SIDE, TARGET_KIND, CacheFile, DamagedCache
from glassnet.streaming.scan import Survey, labelled_rows, sided_blocks


class Pass(Protocol):
    """One reading of the blocks of a side."""

    def block(self, number: int) -> Block:
        """Return a raw block, good until the next one."""

    def read_bytes(self, number: int, x: Array) -> Array:
        """Read the bytes (rows, columns) of a block to where they are wanted; return its targets."""

    def close(self) -> None:
        """End it."""


class CachePass:
    """Blocks from the cache, in any order."""

    def __init__(self, cache: CacheFile, side: int) -> None:
        self._cache = cache
        own = np.flatnonzero(cache.index[:, SIDE] == side)
        self._numbers: list[int] = own.tolist()
        self._facts = cache.index[own].tolist()
        self._content = np.empty(max((facts[LENGTH] for facts in self._facts), default=0), np.uint8)
        self._check()

    def block(self, number: int) -> Block:
        """Return a raw block; see `Pass`."""
        try:
            return self._cache.block(self._numbers[number], self._content)
        except DamagedCache as error:
            raise self._told(error) from None

    def read_bytes(self, number: int, x: Array) -> Array:
        """Read the bytes of a block straight to where they are wanted; see `Pass`."""
        facts = self._facts[number]
        try:
            if facts[KIND] != 0 or x.shape[0] != facts[ROWS] or facts[ENTRIES] != x.size:
                raise DamagedCache("a block holds no bytes")
            y: Array = self._content[: facts[LENGTH] - x.size].view(TARGET_KINDS[facts[TARGET_KIND]])
            self._cache.read(self._numbers[number], x, y)
            return y
        except DamagedCache as error:
            raise self._told(error) from None

    def close(self) -> None:
        """Make sure that what was read is what was written; the file stays open for the next pass."""
        self._check()

    def _check(self) -> None:
        try:
            self._cache.check_unchanged()
        except DamagedCache as error:
            raise self._told(error) from None

    def _told(self, error: DamagedCache) -> InputError:
        """Take a damaged cache away, so that the next start makes it anew, and return what a person is told."""
        with contextlib.suppress(OSError):
            self._cache.path.unlink()
        return InputError(
            f"{self._cache.path}: the cache was damaged while it was in use ({error}); it is removed: start again, and "
            "it is made anew"
        )


class TextPass:
    """Blocks from the files themselves, one after the other, cut as the first pass cut them."""

    def __init__(self, found: Survey, side: int) -> None:
        self._found, self._side = found, side
        self._blocks = self._read()
        self._next = 0

    def _read(self) -> Iterator[Block]:
        found = self._found
        rows = block_rows(found.columns)
        packers = (Packer(rows), Packer(rows))
        for x, y, aside, _ in labelled_rows(found.files, found.wanted, found.text):
            for side, block in sided_blocks(x, _stored(found, y), aside, packers):
                if side == self._side:
                    yield block
        yield from packers[self._side].rest()

    def block(self, number: int) -> Block:
        """Return the next raw block; see `Pass`."""
        block = next(self._blocks, None) if number == self._next else None
        self._next += 1
        if block is None or len(block.y) != self._found.sides[self._side].rows[number]:
            raise InputError("the files have changed since the first pass; start again")
        return block

    def read_bytes(self, number: int, x: Array) -> Array:
        """Copy the bytes of the next block to where they are wanted; see `Pass`."""
        block = self.block(number)
        if block.x.dtype != np.uint8:
            raise InputError("the files have changed since the first pass; start again")
        x[...] = block.x
        return block.y

    def close(self) -> None:
        """Close the files."""
        self._blocks.close()  # type: ignore[attr-defined]  # a generator


def _stored(found: Survey, y: Array) -> Array:
    """Return targets as the first pass stored them."""
    try:
        return found.values.stored(y)
    except KeyError as error:
        raise InputError(
            f"{error.args[0]!r} was not there in the first pass: the files have changed; start again"
        ) from None

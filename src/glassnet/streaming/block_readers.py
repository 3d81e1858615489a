"""Readers of the blocks of a split: from the cache in any order, or from the files sequentially."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.streaming.blocks import Y_DTYPES, Block, BlockBuilder, block_rows
from glassnet.streaming.cache_file import ENTRIES, LENGTH, ROWS, SPLIT, X_CODE, Y_CODE, CacheFile, DamagedCache
from glassnet.streaming.profile import DatasetProfile
from glassnet.streaming.scan import build_blocks, read_tables


class BlockReader(Protocol):
    """Reads the blocks of a split once."""

    def block(self, number: int) -> Block:
        """Return a raw block, valid until the next one is read."""

    def read_bytes(self, number: int, x: Array) -> Array:
        """Read the rows of a block of bytes into ``x`` (rows, columns), and return its targets."""

    def close(self) -> None:
        """End the reading."""


class CacheBlockReader:
    """Reads blocks from the cache, in any order."""

    def __init__(self, cache: CacheFile, split: int) -> None:
        self._cache = cache
        numbers = np.flatnonzero(cache.index[:, SPLIT] == split)
        self._numbers: list[int] = numbers.tolist()
        self._index = cache.index[numbers].tolist()
        self._buffer = np.empty(max((entry[LENGTH] for entry in self._index), default=0), np.uint8)
        self._check_unchanged()

    def block(self, number: int) -> Block:
        """Return a raw block: see `BlockReader`."""
        try:
            return self._cache.block(self._numbers[number], self._buffer)
        except DamagedCache as error:
            raise self._remove(error) from None

    def read_bytes(self, number: int, x: Array) -> Array:
        """Read a block of bytes without a copy: see `BlockReader`."""
        entry = self._index[number]
        try:
            if entry[X_CODE] != 0 or x.shape[0] != entry[ROWS] or entry[ENTRIES] != x.size:
                raise DamagedCache("a block does not hold bytes")
            y: Array = self._buffer[: entry[LENGTH] - x.size].view(Y_DTYPES[entry[Y_CODE]])
            self._cache.read(self._numbers[number], x, y)
            return y
        except DamagedCache as error:
            raise self._remove(error) from None

    def close(self) -> None:
        """Check that the file has not changed; it stays open for the next epoch."""
        self._check_unchanged()

    def _check_unchanged(self) -> None:
        try:
            self._cache.check_unchanged()
        except DamagedCache as error:
            raise self._remove(error) from None

    def _remove(self, error: DamagedCache) -> InputError:
        """Remove a damaged cache, so that the next start recreates it, and return the error to raise."""
        self._cache.remove()
        return InputError(
            f"{self._cache.path}: the cache was damaged while it was in use ({error}); it has been removed: start "
            "again to recreate it"
        )


def open_reader(profile: DatasetProfile, split: int) -> BlockReader:
    """Return a reader of the blocks of a split: from the cache, if there is one."""
    return FileBlockReader(profile, split) if profile.cache is None else CacheBlockReader(profile.cache, split)


def read_rows(profile: DatasetProfile, split: int) -> Iterator[Any]:
    """Yield the coded rows of each block of a split, valid until the next one."""
    reader = open_reader(profile, split)
    try:
        for number in range(len(profile.splits[split].block_lengths)):
            yield reader.block(number).x
    finally:
        reader.close()


class FileBlockReader:
    """Reads blocks from the files themselves, sequentially, split as in the first pass."""

    def __init__(self, profile: DatasetProfile, split: int) -> None:
        self._profile = profile
        self._split = split
        self._blocks = self._read()
        self._next = 0

    def _read(self) -> Iterator[Block]:
        profile = self._profile
        rows = block_rows(profile.n_features)
        builders = (BlockBuilder(rows), BlockBuilder(rows))
        for x, y, in_validation, _ in read_tables(profile.files, profile.options, profile.text_columns, profile.coding):
            for split, block in build_blocks(x, _stored_targets(profile, y), in_validation, builders):
                if split == self._split:
                    yield block
        yield from builders[self._split].flush()

    def block(self, number: int) -> Block:
        """Return the next raw block: see `BlockReader`."""
        block = next(self._blocks, None) if number == self._next else None
        self._next += 1
        if block is None or len(block.y) != self._profile.splits[self._split].block_lengths[number]:
            raise InputError("the files have changed since the first pass; start again")
        return block

    def read_bytes(self, number: int, x: Array) -> Array:
        """Copy the rows of the next block, which are bytes: see `BlockReader`."""
        block = self.block(number)
        if block.x.dtype != np.uint8:
            raise InputError("the files have changed since the first pass; start again")
        x[...] = block.x
        return block.y

    def close(self) -> None:
        """Close the files."""
        self._blocks.close()  # type: ignore[attr-defined]  # a generator


def _stored_targets(profile: DatasetProfile, y: Array) -> Array:
    """Return targets as the first pass stored them."""
    try:
        return profile.target_profile.encode(y)
    except KeyError as error:
        raise InputError(
            f"{error.args[0]!r} was not found in the first pass: the files have changed; start again"
        ) from None

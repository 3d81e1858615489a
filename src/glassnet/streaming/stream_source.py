"""Batches from files of any size: the streamed implementation of `glassnet.training.source.Source`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.preprocessing.base import Preprocessor
from glassnet.preprocessing.scaling import BYTE_SCALE, Scaling
from glassnet.streaming.block_readers import BlockReader, open_reader
from glassnet.streaming.buffers import DenseBuffers, SparseBuffers
from glassnet.streaming.column_coding import ColumnCoding
from glassnet.streaming.order import BufferPlan, count_buffers, max_buffer_rows, plan_buffers
from glassnet.streaming.prefetch import SLOTS, Prefetcher
from glassnet.streaming.profile import DatasetProfile
from glassnet.training.source import Part, Sampler, Source

#: Default size of the rows in a buffer in bytes; there are two buffers.
BUFFER_BYTES = 2**26


@dataclass(frozen=True)
class RowTransform:
    """The transformation of raw rows to the input and target of the network.

    Parameters
    ----------
    preprocessor : Preprocessor
        From raw rows to the inputs of the network.
    encode : callable
        ``encode(stored (rows,)) -> y``, int64 (rows,) or float (rows, 1).
    dtype : float32 or float64
        Type of rows that are not bytes.
    key : str
        A text that identifies the target's encoding, for the fingerprint.
    coding : ColumnCoding, optional
        How the columns are written as numbers in the blocks; without it, the rows are numbers.
    columns : tuple of int, optional
        The positions of the columns that the preprocessor takes; all if not given.
    """

    preprocessor: Preprocessor
    encode: Callable[[Array], Array]
    dtype: Any
    key: str
    coding: ColumnCoding | None = None
    columns: tuple[int, ...] | None = None

    @property
    def keeps_zeros(self) -> bool:
        """Whether sparse rows stay sparse."""
        return isinstance(self.preprocessor, Scaling) and not self.preprocessor.offset.any()

    def write_inputs(self, raw: Any, out: Array) -> None:
        """Write the inputs of the network for raw rows (rows, all columns) into out (rows, inputs)."""
        if not isinstance(raw, np.ndarray):
            raw = raw.toarray()
        if not isinstance(self.preprocessor, Scaling):
            assert self.coding is not None and self.columns is not None
            out[...] = self.preprocessor.transform(self.coding.table(raw, self.columns), self.dtype)
            return
        rows = raw if self.columns is None else raw[:, self.columns]
        np.multiply(rows - self.preprocessor.offset, self.preprocessor.scale, out=out, casting="same_kind")

    def digest(self) -> bytes:
        """Return what identifies the preprocessing, for the fingerprint."""
        digest = hashlib.sha256(json.dumps([self.preprocessor.to_dict(), self.columns]).encode())
        for name, array in sorted(self.preprocessor.arrays().items()):
            digest.update(name.encode() + np.ascontiguousarray(array).tobytes())
        return digest.digest()


class StreamSource(Source):
    """One split of a dataset in files, read part by part. It implements `glassnet.training.source.Source`.

    Parameters
    ----------
    profile : DatasetProfile
        Profile of the files.
    split : int
        `TRAINING` or `VALIDATION`.
    transform : RowTransform
        Scaling and encoding.
    target_variance : float
        Sum over the outputs of the variance of y.
    buffer_bytes : int
        Size of the rows in a buffer. The larger it is, the closer the order comes to a full shuffle. If all rows fit
        into one buffer they are read only once.
    """

    def __init__(
        self,
        profile: DatasetProfile,
        split: int,
        transform: RowTransform,
        target_variance: float,
        buffer_bytes: int = BUFFER_BYTES,
    ) -> None:
        self._profile = profile
        self._split = split
        self._transform = transform
        self._target_variance = target_variance
        split_profile = profile.splits[split]
        self._block_lengths = np.array(split_profile.block_lengths, np.int64)
        self._sparse = profile.sparse and transform.keeps_zeros
        is_bytes = transform.preprocessor.kind == "bytes" and transform.columns is None
        self._as_bytes = not profile.sparse and is_bytes and split_profile.features.all_bytes
        self._n_inputs = transform.preprocessor.n_inputs
        self._unused_buffers: list[DenseBuffers | SparseBuffers] = []
        all_rows = max(1, sum(len(each) for each in profile.splits))
        if self._sparse:
            row_bytes = 12 * profile.entries / all_rows
        else:
            row_bytes = self._n_inputs * (1 if self._as_bytes else np.dtype(transform.dtype).itemsize)
        block_bytes = (row_bytes + 16) * int(self._block_lengths.max(initial=1))
        self._blocks_per_buffer = max(1, int(buffer_bytes / block_bytes))

    def __len__(self) -> int:
        return int(self._block_lengths.sum())

    def target_variance(self) -> float:
        """Return Σ over the outputs of the variance of y."""
        return self._target_variance

    def fingerprint(self) -> str:
        """Return the number of rows, a digest of the transformed rows, and what else determines their order.

        Rows that do not fit into one buffer are in another order if the size of the buffer differs or there is no
        cache. That is written in words, since the user may not have chosen it (with a full disk there is no cache).
        """
        profile = self._profile
        digest = hashlib.sha256(profile.splits[self._split].digest.encode())
        digest.update(self._transform.digest())
        digest.update(repr((profile.feature_names, self._transform.key, str(self._transform.dtype))).encode())
        fingerprint = f"{len(self):,} streamed rows: {digest.hexdigest()[:32]}"
        if len(self._block_lengths) <= self._blocks_per_buffer:
            return fingerprint
        no_cache = ", without a cache" if profile.cache is None else ""
        return f"{fingerprint}, {self._blocks_per_buffer} blocks per buffer{no_cache}"

    def parts(self, batch_size: int, sampler: Sampler | None, first: int = 0) -> Iterator[Part]:
        """Return an epoch's rows from batch ``first`` on, prefetched on a background thread."""
        seed = None if sampler is None else sampler.seed()
        buffers = self._allocate(batch_size)
        return Prefetcher(
            lambda closed: self._read_parts(buffers, batch_size, seed, first, closed),
            lambda: self._unused_buffers.append(buffers),
        )

    def _allocate(self, batch_size: int) -> DenseBuffers | SparseBuffers:
        """Return buffers: those of an earlier epoch if they have the right size, else new ones."""
        max_rows = max_buffer_rows(self._block_lengths, self._blocks_per_buffer, batch_size)
        count = min(SLOTS, count_buffers(self._block_lengths, self._blocks_per_buffer, batch_size))
        while self._unused_buffers:
            buffers = self._unused_buffers.pop()
            if (buffers.count, buffers.max_rows) == (count, max_rows):
                return buffers
        if self._sparse:
            return SparseBuffers(count, max_rows)
        if self._as_bytes:
            return DenseBuffers(count, max_rows, self._n_inputs, np.dtype(np.uint8), BYTE_SCALE)
        return DenseBuffers(count, max_rows, self._n_inputs, self._transform.dtype, 1.0)

    def _read_parts(
        self,
        buffers: DenseBuffers | SparseBuffers,
        batch_size: int,
        seed: int | None,
        first: int,
        closed: Callable[[], bool],
    ) -> Iterator[Part]:
        profile = self._profile
        sequential = profile.cache is None
        reader = open_reader(profile, self._split)
        number = 0
        try:
            for plan in plan_buffers(self._block_lengths, self._blocks_per_buffer, batch_size, seed, not sequential):
                is_needed = plan.first_batch + -(-len(plan.order) // batch_size) > first
                if not is_needed and not sequential:
                    continue  # without a cache the files must be read from the start
                if not buffers.holds_all:
                    index = number % buffers.count
                    previous = (number - 1) % buffers.count if number else None
                    if not self._fill(reader, plan, buffers, index, previous, closed):
                        return
                    if isinstance(buffers, DenseBuffers):
                        buffers.fill_unused()
                    buffers.holds_all = buffers.count == 1
                number += 1
                if is_needed:
                    skipped = max(0, first - plan.first_batch) * batch_size
                    yield buffers.part(plan.order[skipped:], plan.shuffled)
        finally:
            reader.close()

    def _fill(
        self,
        reader: BlockReader,
        plan: BufferPlan,
        buffers: DenseBuffers | SparseBuffers,
        index: int,
        previous: int | None,
        closed: Callable[[], bool],
    ) -> bool:
        """Read the rows of a buffer; return False if no more are needed."""
        buffers.select(index)
        if previous is not None:
            buffers.copy_rows(previous, plan.carried_from)
        else:
            self._read_rows(reader, plan.carried, buffers)
        for block in plan.blocks.tolist():
            if closed():
                return False
            if isinstance(buffers, SparseBuffers):
                raw = reader.block(block)
                buffers.append(self._scale_sparse(raw.x), self._encode(raw.y))
                continue
            reserved = buffers.reserve(int(self._block_lengths[block]))
            if self._as_bytes:
                buffers.append(self._encode(reader.read_bytes(block, reserved)))
            else:
                raw = reader.block(block)
                self._scale(raw.x, reserved)
                buffers.append(self._encode(raw.y))
        if isinstance(buffers, SparseBuffers):
            buffers.finish()
        return True

    def _read_rows(self, reader: BlockReader, ids: Array, buffers: DenseBuffers | SparseBuffers) -> None:
        """Read single rows, less than a batch, that are carried over from a buffer that was skipped."""
        ends = np.cumsum(self._block_lengths)
        blocks = np.searchsorted(ends, ids, side="right")
        for row, block in zip(ids.tolist(), blocks.tolist(), strict=True):
            raw = reader.block(block)
            row_in_block = row - int(ends[block] - self._block_lengths[block])
            one = slice(row_in_block, row_in_block + 1)
            if isinstance(buffers, SparseBuffers):
                buffers.append(self._scale_sparse(raw.x[one]), self._encode(raw.y[one]))
            else:
                self._scale(raw.x[one], buffers.reserve(1))
                buffers.append(self._encode(raw.y[one]))

    def _scale(self, raw: Any, out: Array) -> None:
        if self._as_bytes:
            out[...] = raw
            return
        self._transform.write_inputs(raw, out)

    def _scale_sparse(self, raw: Any) -> Any:
        return self._transform.preprocessor.transform(raw, self._transform.dtype).copy()  # the block's memory is reused

    def _encode(self, stored: Array) -> Array:
        try:
            return self._transform.encode(stored)
        except KeyError as error:
            raise InputError(f"the rows hold the class {error.args[0]!r}, which the first pass did not find") from None

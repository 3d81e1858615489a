"""The scan of files before training: their profile comes from a valid cache, or from a first pass that writes one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet._version import __version__
from glassnet.data import Files, Matrix, Table, target_values
from glassnet.data.file_set import repeat_until_settled
from glassnet.errors import InputError
from glassnet.preprocessing.column_choice import follow_rise, is_counter_name
from glassnet.preprocessing.statistics import ColumnStatistics
from glassnet.streaming.blocks import Block, BlockBuilder, block_rows, encode_block
from glassnet.streaming.cache_file import CacheWriter
from glassnet.streaming.column_coding import ColumnCoding
from glassnet.streaming.fingerprint import Fingerprint, cache_paths
from glassnet.streaming.profile import DatasetProfile, ScanOptions, SplitProfile
from glassnet.streaming.profile_cache import finish_cache, load_profile, open_writer
from glassnet.streaming.splitting import check_fraction, hash_groups, hash_rows, is_validation
from glassnet.streaming.target_profile import TRAINING, VALIDATION, TargetProfile

#: Version of the metadata in a cache.
_CACHE_VERSION = 3


def scan_files(
    files: Files, options: ScanOptions, cache: bool = True, progress: Callable[[int], None] | None = None
) -> DatasetProfile:
    """Scan files: return the profile in a valid cache, or make a pass over all rows that writes one.

    Parameters
    ----------
    files : Files
        See `glassnet.data.open_files`.
    options : ScanOptions
        Target, group, validation fraction.
    cache : bool
        Whether to look for a cache, and to write one.
    progress : callable, optional
        Called with the number of rows read so far.

    Raises
    ------
    InputError
        If an entry is invalid (file, row and column are named), a column is missing, or a split has no rows.
    """
    check_fraction(options.validation_fraction)
    files.require(options.target, *([options.group] if options.group else []))
    if options.group and options.group not in files.names:
        raise InputError(f"{files.source}: there is no column {options.group!r} to group rows by")
    key = (
        __version__, _CACHE_VERSION, options.target, options.group, options.validation_fraction, options.on_bad_row,
        options.features, repr(options.columns), files.reading_key,
    )  # fmt: skip
    paths = cache_paths(files.files, key) if cache and files.files else []
    for path in paths:
        cached = load_profile(files, options, path)
        if cached is not None:
            return cached
    text = (options.group,) if options.group else ()  # 7 and 007 are two groups in every block
    profile = repeat_until_settled(lambda: _FirstPass(files, options, text, paths).run(progress))
    profile.validate()
    return profile


def read_tables(
    files: Files, options: ScanOptions, text: Sequence[str], coding: ColumnCoding
) -> Generator[tuple[Any, Array, Array, Table], None, None]:
    """Yield the features, the targets, a mask of the validation rows, and the table itself, for each table."""
    rows_before = 0
    fraction = options.validation_fraction
    for table in files.blocks(text):
        x = coding.encode(table)
        y = target_values(table, options.target)
        if fraction == 0:
            in_validation = np.zeros(len(y), bool)
        elif options.group:
            in_validation = is_validation(hash_groups(target_values(table, options.group)), fraction)
        else:
            in_validation = is_validation(hash_rows(rows_before, len(y)), fraction)
        rows_before += len(y)
        yield x, y, in_validation, table


def build_blocks(
    x: Any, y: Array, in_validation: Array, builders: tuple[BlockBuilder, BlockBuilder]
) -> Iterator[tuple[int, Block]]:
    """Add rows to the builders of the two splits, and yield every full block with its split."""
    if not in_validation.any():
        yield from ((TRAINING, block) for block in builders[TRAINING].add(x, y))
        return
    for split, rows in ((TRAINING, np.flatnonzero(~in_validation)), (VALIDATION, np.flatnonzero(in_validation))):
        if len(rows):
            yield from ((split, block) for block in builders[split].add(x[rows], y[rows]))


class _FirstPass:
    """One pass over all rows, which fills a profile and writes the cache."""

    def __init__(self, files: Files, options: ScanOptions, text: tuple[str, ...], paths: list[Path]) -> None:
        names = options.feature_names(files.names)
        if not names:
            raise InputError(f"{files.source}: there is no column beside the target; add at least one feature")
        splits = (SplitProfile(ColumnStatistics(len(names))), SplitProfile(ColumnStatistics(len(names))))
        coding = ColumnCoding(names, options.columns.kinds())
        rising = [is_counter_name(name) for name in names]
        self._profile = DatasetProfile(
            files, options, names, splits, TargetProfile(), text_columns=text, coding=coding, rising=rising
        )
        self._last: Array | None = None
        self._paths = paths
        self._digests = (hashlib.sha256(), hashlib.sha256())
        self._writer: CacheWriter | None = None

    def run(self, progress: Callable[[int], None] | None) -> DatasetProfile:
        """Read all rows, and return the profile."""
        profile = self._profile
        files = profile.files
        rows = block_rows(profile.n_features)
        builders = (BlockBuilder(rows), BlockBuilder(rows))
        fingerprint = Fingerprint(files.paths)
        self._writer, profile.cache_error = open_writer(self._paths, fingerprint)
        rows_read = 0
        try:
            with closing(read_tables(files, profile.options, profile.text_columns, profile.coding)) as tables:
                for x, y, in_validation, table in tables:
                    profile.sparse = not isinstance(x, np.ndarray)
                    profile.is_matrix = isinstance(table, Matrix)
                    stored = self._add_targets(y, in_validation, table)
                    for split, block in build_blocks(x, stored, in_validation, builders):
                        self._add_block(split, block)
                    rows_read += len(y)
                    if self._writer is not None:
                        fingerprint.update(_text_size(x))
                    if progress is not None:
                        progress(rows_read)
            for split in (TRAINING, VALIDATION):
                for block in builders[split].flush():
                    self._add_block(split, block)
                profile.splits[split].digest = self._digests[split].hexdigest()
            profile.bad_rows = list(files.bad_rows)
            profile.n_bad_rows = files.bad_count
            if self._writer is not None:
                finish_cache(profile, self._writer, fingerprint)
        finally:
            fingerprint.close()
            if self._writer is not None:
                self._writer.abandon()
        return profile

    def _add_block(self, split: int, block: Block) -> None:
        """Add a block to the profile and the cache; where that can't be written, go on without one."""
        profile = self._profile
        profile.splits[split].features.add(block.x)
        profile.splits[split].block_lengths.append(len(block.y))
        if split == TRAINING:
            self._last = follow_rise(profile.rising, block.x, self._last)
        x_code, y_code, entries, arrays = encode_block(block)
        profile.entries += entries
        digest = self._digests[split]
        digest.update(f"{len(block.y)} {x_code} {y_code} {entries}".encode())
        for array in arrays:
            digest.update(np.ascontiguousarray(array).data)
        if self._writer is not None:
            try:
                self._writer.write(split, block)
            except OSError as error:
                profile.cache_error = f"{self._writer.path}: can't be written: {error.strerror or error}"
                self._writer.abandon()
                self._writer = None

    def _add_targets(self, y: Array, in_validation: Array, table: Table) -> Array:
        """Add the targets of a table to the profile, and return them as blocks store them."""
        profile = self._profile
        where = f"{table.source}: the target column {profile.options.target!r}"
        stored: Array | None = None
        for split, rows in ((TRAINING, ~in_validation), (VALIDATION, in_validation)):
            if not rows.any():
                continue
            values = profile.target_profile.add(y[rows], split, where)
            if stored is None:
                stored = np.empty(len(y), values.dtype)
            stored[rows] = values
            if values.dtype != np.int32:
                profile.splits[split].target.add(values.astype(np.float64)[:, np.newaxis])
        return y if stored is None else stored


def _text_size(x: Any) -> int:
    """Return about how many bytes of text the rows were read from."""
    return 2 * int(x.nbytes if isinstance(x, np.ndarray) else x.data.nbytes + x.indices.nbytes)

"""Writing of a dataset's profile to its cache, and reading it back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from glassnet.data import Files
from glassnet.preprocessing.statistics import ColumnStatistics
from glassnet.streaming.cache_file import (
    ROWS,
    SPLIT,
    CacheFile,
    CacheWriter,
    DamagedCache,
    remove_other_caches,
    remove_unfinished,
)
from glassnet.streaming.column_coding import ColumnCoding
from glassnet.streaming.fingerprint import Fingerprint
from glassnet.streaming.profile import DatasetProfile, ScanOptions, SplitProfile
from glassnet.streaming.target_profile import TargetProfile

#: Number of statistics of a column in each split: see `ColumnStatistics.to_array`.
_N_STATISTICS = 6


def open_writer(paths: Sequence[Path], fingerprint: Fingerprint) -> tuple[CacheWriter | None, str]:
    """Return a writer of the cache at the first path that is writable; or None, and why none is."""
    reason = ""
    for path in paths:
        try:
            remove_unfinished(path.parent)
            return CacheWriter(path, fingerprint.mode), ""
        except OSError as error:
            reason = reason or f"{path.parent}: can't be written: {error.strerror or error}"
    return None, reason


def finish_cache(profile: DatasetProfile, writer: CacheWriter, fingerprint: Fingerprint) -> None:
    """Write the profile to the cache, close it, and open it for reading as the profile's cache."""
    metadata = {
        "columns": profile.n_features,
        "names": profile.feature_names,
        "fingerprint": fingerprint.finish(),
        "values": profile.target_profile.to_dict(),
        "sparse": profile.sparse,
        "is_matrix": profile.is_matrix,
        "coding": profile.coding.to_dict(),
        "rising": profile.rising,
        "missing": profile.has_missing,
        "entries": profile.entries,
        "bad_rows": profile.bad_rows,
        "n_bad_rows": profile.n_bad_rows,
        "text_columns": list(profile.text_columns),
        "splits": [
            {
                "rows": len(split),
                "all_bytes": split.features.all_bytes,
                "digest": split.digest,
                "target": [split.target.rows, *split.target.to_array()[:, 0].tolist()],
            }
            for split in profile.splits
        ],
    }
    try:
        handle = writer.finish(metadata, np.concatenate([split.features.to_array() for split in profile.splits]))
        profile.cache = CacheFile(writer.path, fingerprint.owners, handle)
        remove_other_caches(writer.path)
    except (OSError, DamagedCache) as error:
        profile.cache_error = f"{writer.path}: can't be written: {getattr(error, 'strerror', None) or error}"


def load_profile(files: Files, options: ScanOptions, path: Path) -> DatasetProfile | None:
    """Return the profile in a cache; None if the cache does not exist, is damaged, or not of these files."""
    if not path.exists():
        return None
    fingerprint = Fingerprint(files.paths)
    cache = None
    try:
        cache = CacheFile(path, fingerprint.owners)
        profile = _read_profile(files, options, cache)
        if fingerprint.matches(cache.metadata["fingerprint"]):
            cache.check_blocks()
            return profile
    except (DamagedCache, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        pass  # it will be recreated
    finally:
        fingerprint.close()
    if cache is not None:
        cache.close()
    return None


def _read_profile(files: Files, options: ScanOptions, cache: CacheFile) -> DatasetProfile:
    """Read the profile from a cache; raise an error if its metadata is invalid."""
    metadata = cache.metadata
    names = options.feature_names(files.names)
    if metadata["names"] != names or cache.columns != len(names) or cache.statistics.shape[0] != 2 * _N_STATISTICS:
        raise ValueError("the columns differ")
    if len(metadata["splits"]) != 2 or type(metadata["entries"]) is not int or not np.isfinite(cache.statistics).all():
        raise ValueError("the statistics are invalid")
    splits = []
    for number, stored in enumerate(metadata["splits"]):
        statistics = cache.statistics[_N_STATISTICS * number : _N_STATISTICS * (number + 1)]
        features = ColumnStatistics.from_array(statistics, _checked_count(stored["rows"]), bool(stored["all_bytes"]))
        target_rows, *target_statistics = stored["target"]
        target = ColumnStatistics.from_array(
            np.array(target_statistics, np.float64).reshape(_N_STATISTICS, 1), _checked_count(target_rows)
        )
        index = cache.index[cache.index[:, SPLIT] == number]
        splits.append(SplitProfile(features, target, index[:, ROWS].tolist(), str(stored["digest"])))
        if len(splits[-1]) != stored["rows"]:
            raise ValueError("the counts do not add up")
    profile = DatasetProfile(
        files=files,
        options=options,
        feature_names=names,
        splits=(splits[0], splits[1]),
        target_profile=TargetProfile.from_dict(metadata["values"]),
        sparse=bool(metadata["sparse"]),
        entries=metadata["entries"],
        cache=cache,
        coding=ColumnCoding.from_dict(names, metadata["coding"]),
        is_matrix=bool(metadata["is_matrix"]),
        rising=[bool(rises) for rises in metadata["rising"]],
        bad_rows=[(str(file), int(row), str(reason)) for file, row, reason in metadata["bad_rows"]],
        n_bad_rows=int(metadata["n_bad_rows"]),
        text_columns=tuple(str(name) for name in metadata["text_columns"]),
    )
    profile.validate()
    return profile


def _checked_count(count: Any) -> int:
    if type(count) is not int or count < 0:
        raise ValueError("invalid count")
    return count

"""Where the cache of files is stored, and whether it still belongs to them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from glassnet._utils.cache_folder import user_cache_folder
from glassnet.errors import InputError
from glassnet.streaming.cache_file import EXTENSION

#: Name of the cache folder next to the files.
FOLDER = ".glassnet"
#: Number of bytes that are hashed at once.
CHUNK_BYTES = 2**20


class Fingerprint:
    """Names, sizes and modification times of files, and a hash of their contents, computed while they are read.

    Parameters
    ----------
    files : sequence of Path
        In the order in which they are read.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = tuple(files)
        self._stats = [path.stat() for path in self.files]
        folder = _common_folder(self.files) if self.files else Path()
        # the folder of an image is its class
        self._names = [os.path.relpath(path.absolute(), folder) for path in self.files]
        self._digest = hashlib.sha256()
        self._index = -1
        self._open: BinaryIO | None = None
        self._next()

    def update(self, bytes_read: int) -> None:
        """Hash about as many more bytes as were just read, so that they are still in the system's cache."""
        while bytes_read > 0 and self._open is not None:
            content = self._open.read(min(bytes_read, CHUNK_BYTES))
            self._digest.update(content)
            bytes_read -= len(content)
            if not content:
                self._next()

    def finish(self) -> dict[str, Any]:
        """Hash the rest, and return the fingerprint as JSON values of a fixed size.

        Raises
        ------
        InputError
            If a file was modified in the meantime.
        """
        while self._open is not None:
            self.update(CHUNK_BYTES)
        for path, before in zip(self.files, self._stats, strict=True):
            now = path.stat()
            if (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
                raise InputError(f"{path}: the file was modified while it was read; start again when it is complete")
        return {"times": self._stats_hash(True), "sizes": self._stats_hash(False), "hash": self._digest.hexdigest()}

    def matches(self, stored: dict[str, Any]) -> bool:
        """Check whether a stored fingerprint is that of these files: by modification times, else by contents."""
        if stored.get("times") == self._stats_hash(True):
            return True
        if stored.get("sizes") != self._stats_hash(False):
            return False
        return bool(self.finish()["hash"] == stored.get("hash"))  # the files may only have been copied or touched

    def close(self) -> None:
        """Close the file that is open."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _stats_hash(self, times: bool) -> str:
        """Return a hash of the files' names and sizes, and optionally of their modification times."""
        files = zip(self._names, self._stats, strict=True)
        return _short_hash([(name, s.st_size, s.st_mtime_ns if times else 0) for name, s in files])

    def _next(self) -> None:
        self.close()
        self._index += 1
        if self._index < len(self.files):
            self._digest.update(f"{self._stats[self._index].st_size} ".encode())
            self._open = open(self.files[self._index], "rb")  # noqa: SIM115 closed by `close`

    @property
    def owners(self) -> set[int]:
        """User ids that may own a cache of these files: the owners of the files, this user, and root."""
        trusted = {os.getuid(), 0} if hasattr(os, "getuid") else set()
        return trusted | {s.st_uid for s in self._stats}

    @property
    def mode(self) -> int:
        """Permissions of a cache: readable by those who can read every file, writable by its owner."""
        mode = 0o644
        for stat in self._stats:
            mode &= stat.st_mode | 0o200
        return mode & 0o666


def cache_paths(files: Sequence[Path], key: Sequence[Any]) -> list[Path]:
    """Return the candidate paths of a cache, the preferred first: next to the files, then in the user's cache folder.

    Parameters
    ----------
    files : sequence of Path
        At least one.
    key : sequence
        The options that the cache depends on; different ones have different caches.
    """
    folder = _common_folder(files)
    names = [os.path.relpath(path.absolute(), folder) for path in files]
    ending = f"{_short_hash(key)}{EXTENSION}"
    return [
        folder / FOLDER / f"{_short_hash(names)}-{ending}",
        user_cache_folder() / "data" / f"{_short_hash([str(folder), *names])}-{ending}",
    ]


def _common_folder(files: Sequence[Path]) -> Path:
    return Path(os.path.commonpath([path.absolute().parent for path in files]))


def _short_hash(parts: Sequence[Any]) -> str:
    return hashlib.sha256(repr(list(parts)).encode()).hexdigest()[:16]

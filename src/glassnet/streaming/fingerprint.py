"""Where a cache lies, which files it is of, and whether it is still of them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import platformdirs

from glassnet.errors import InputError
from glassnet.streaming.cache_file import ENDING

#: The folder beside the files.
FOLDER = ".glassnet"
#: Bytes of a file that are hashed at once.
AT_ONCE = 2**20


class Fingerprint:
    """Names, sizes and times of change of files, and a hash of what stands in them, made while they are read.

    Parameters
    ----------
    files : sequence of Path
        In the order in which they are read.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = tuple(files)
        self._stats = [path.stat() for path in self.files]
        folder = _common_folder(self.files) if self.files else Path()
        # the folder of a picture tells its class
        self._names = [os.path.relpath(path.absolute(), folder) for path in self.files]
        self._digest, self._at = hashlib.sha256(), -1
        self._open: BinaryIO | None = None
        self._next()

    def follow(self, bytes_read: int) -> None:
        """Hash on by about as much as was just read, so that the system still has it in memory."""
        while bytes_read > 0 and self._open is not None:
            content = self._open.read(min(bytes_read, AT_ONCE))
            self._digest.update(content)
            bytes_read -= len(content)
            if not content:
                self._next()

    def finish(self) -> dict[str, Any]:
        """Hash what is left, and return all as plain values, few however many files there are.

        Raises
        ------
        InputError
            If a file was changed meanwhile.
        """
        while self._open is not None:
            self.follow(AT_ONCE)
        for path, before in zip(self.files, self._stats, strict=True):
            now = path.stat()
            if (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
                raise InputError(f"{path}: the file was changed while it was read; start again when it is finished")
        return {"times": self._listed(True), "sizes": self._listed(False), "hash": self._digest.hexdigest()}

    def is_of(self, told: dict[str, Any]) -> bool:
        """Say whether what `finish` once returned is true of these files: by their times, or else by what they hold."""
        if told.get("times") == self._listed(True):
            return True
        if told.get("sizes") != self._listed(False):
            return False
        return bool(self.finish()["hash"] == told.get("hash"))  # copied or touched, perhaps nothing more

    def close(self) -> None:
        """Close the file that is open."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _listed(self, times: bool) -> str:
        """Return a hash of the files' names and sizes, and perhaps of the times at which they were changed."""
        every = zip(self._names, self._stats, strict=True)
        return _short_hash([(name, s.st_size, s.st_mtime_ns if times else 0) for name, s in every])

    def _next(self) -> None:
        self.close()
        self._at += 1
        if self._at < len(self.files):
            self._digest.update(f"{self._stats[self._at].st_size} ".encode())
            self._open = open(self.files[self._at], "rb")  # noqa: SIM115 closed by `close`

    @property
    def owners(self) -> set[int]:
        """Who may have written a cache of these files: whoever owns them, we, or the system."""
        ours = {os.getuid(), 0} if hasattr(os, "getuid") else set()
        return ours | {s.st_uid for s in self._stats}

    @property
    def mode(self) -> int:
        """The permissions of a cache: nobody reads it who can't read every file; only we write it."""
        mode = 0o644
        for found in self._stats:
            mode &= found.st_mode | 0o200
        return mode & 0o666


def places(files: Sequence[Path], purpose: Sequence[Any]) -> list[Path]:
    """Return where a cache may lie, the first choice first: beside the files, or in the user's folder for caches.

    Parameters
    ----------
    files : sequence of Path
        At least one.
    purpose : sequence
        What else the cache depends on; each has a cache of its own.
    """
    folder = _common_folder(files)
    names = [os.path.relpath(path.absolute(), folder) for path in files]
    ending = f"{_short_hash(purpose)}{ENDING}"
    return [
        folder / FOLDER / f"{_short_hash(names)}-{ending}",
        _user_folder() / f"{_short_hash([str(folder), *names])}-{ending}",
    ]


def remove_older(path: Path) -> None:
    """Remove other caches of the same files: they are large, and made anew when they are wanted again."""
    for other in path.parent.glob(f"{path.name.partition('-')[0]}-*{ENDING}"):
        if other != path:
            with contextlib.suppress(OSError):
                other.unlink()


def _common_folder(files: Sequence[Path]) -> Path:
    return Path(os.path.commonpath([path.absolute().parent for path in files]))


def _user_folder() -> Path:
    """Return GLASSNET_CACHE_DIR, the system's place for a user's caches, or a folder of our own if that is closed."""
    asked = os.environ.get("GLASSNET_CACHE_DIR")
    place = Path(asked).absolute() if asked else platformdirs.user_cache_path("glassnet", appauthor=False)
    with contextlib.suppress(OSError):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not os.access(place, os.W_OK):
        place = Path(tempfile.gettempdir()) / f"glassnet-{os.getuid() if hasattr(os, 'getuid') else 'cache'}"
    return place / "data"


def _short_hash(parts: Sequence[Any]) -> str:
    return hashlib.sha256(repr(list(parts)).encode()).hexdigest()[:16]

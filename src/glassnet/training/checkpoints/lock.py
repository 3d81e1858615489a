"""One training at a time in a folder: a lock that the system takes back when its process ends, however it ends."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
import warnings
from pathlib import Path
from typing import IO

from glassnet.errors import InputError
from glassnet.training import CallbackWarning

#: The file that is held open and locked; it tells who holds it.
NAME = "lock"
#: Where Windows locks: behind what is written, since nobody else may read what is locked there.
_BEHIND = 2**20


class FolderLock:
    """The right to write checkpoints in a folder, which is made if need be.

    Raises
    ------
    InputError
        If another training holds it (its process and machine are named), or the folder can't be written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: IO[str] | None = None
        self.take()

    def take(self) -> None:
        """Take it, if it is not held already."""
        path = self.folder / NAME
        while not self.held:
            self.release()
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._file = open(path, "a+", encoding="utf-8")  # noqa: SIM115  # held open as long as it is locked
            except OSError as error:
                raise InputError(f"{path}: can't be written: {error.strerror or error}; name another folder") from None
            try:
                _lock(self._file)
            except (BlockingIOError, PermissionError):
                holder = _holder(self._file)
                self.release()
                raise InputError(
                    f"{self.folder}: another training writes its checkpoints there ({holder}); wait for its end, stop "
                    "it, or name another folder"
                ) from None
            except OSError as error:
                warnings.warn(
                    f"{path}: can't be locked ({error.strerror or error}); no other training may write there",
                    CallbackWarning,
                    stacklevel=2,
                )
            with contextlib.suppress(OSError):  # on a full disk it is locked all the same, without a word
                self._file.truncate(0)
                self._file.write(json.dumps({"pid": os.getpid(), "host": platform.node()}))
                self._file.flush()

    @property
    def held(self) -> bool:
        """Whether it is held, and is still the one that others find: the folder may have been removed meanwhile."""
        if self._file is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), os.stat(self.folder / NAME))
        except OSError:
            return False

    def release(self) -> None:
        """Give it back; the file stays."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # words that a full disk did not take
                self._file.close()
            self._file = None


def _lock(file: IO[str]) -> None:
    if sys.platform == "win32":
        import msvcrt

        file.seek(_BEHIND)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _holder(file: IO[str]) -> str:
    """Return who holds it, as far as the file tells."""
    try:
        file.seek(0)
        told = json.loads(file.read(1000))
        return f"process {int(told['pid'])} on {str(told['host'])[:100]!r}"
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return "it does not say which"

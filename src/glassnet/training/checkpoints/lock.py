"""A lock on a folder of checkpoints, which the operating system releases when the process ends for any reason."""

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

#: The file that is held open and locked; it names the process that holds it.
NAME = "lock"
#: The locked byte on Windows: beyond the content, since locked bytes can't be read.
_LOCKED_BYTE = 2**20


class FolderLock:
    """The lock on a folder, which is created if it does not exist.

    Raises
    ------
    InputError
        If another training holds it (names its process and machine), or the folder can't be written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: IO[str] | None = None
        self.acquire()

    def acquire(self) -> None:
        """Acquire the lock, if it is not held already."""
        path = self.folder / NAME
        while not self.held:
            self.release()
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._file = open(path, "a+", encoding="utf-8")  # noqa: SIM115  # open as long as it is locked
            except OSError as error:
                raise InputError(f"{path}: can't be written: {error.strerror or error}; name another folder") from None
            try:
                _lock(self._file)
            except (BlockingIOError, PermissionError):
                holder = _holder(self._file)
                self.release()
                raise InputError(
                    f"{self.folder}: another training writes its checkpoints there ({holder}); wait for it to end, "
                    "stop it, or name another folder"
                ) from None
            except OSError as error:
                warnings.warn(
                    f"{path}: can't be locked ({error.strerror or error}); make sure that no other training "
                    "writes there",
                    CallbackWarning,
                    stacklevel=2,
                )
            with contextlib.suppress(OSError):  # disk full: locked without content
                self._file.truncate(0)
                self._file.write(json.dumps({"pid": os.getpid(), "host": platform.node()}))
                self._file.flush()

    @property
    def held(self) -> bool:
        """Whether the lock is held and its file is still in the folder, which may have been removed."""
        if self._file is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), os.stat(self.folder / NAME))
        except OSError:
            return False

    def release(self) -> None:
        """Release the lock; the file stays."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # disk full: content that could not be flushed
                self._file.close()
            self._file = None


def _lock(file: IO[str]) -> None:
    if sys.platform == "win32":
        import msvcrt

        file.seek(_LOCKED_BYTE)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _holder(file: IO[str]) -> str:
    """Return a description of the process that holds the lock."""
    try:
        file.seek(0)
        content = json.loads(file.read(1000))
        return f"process {int(content['pid'])} on {str(content['host'])[:100]!r}"
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return "unknown process"

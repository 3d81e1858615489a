"""A lock on a folder of checkpoints, which the operating system releases when the process ends for any reason."""

from __future__ import annotations

import contextlib
import io
import json
import os
import platform
import sys
import warnings
from pathlib import Path

from glassnet._utils.safe_folder import open_or_create
from glassnet.errors import InputError
from glassnet.training import CallbackWarning

#: The file that is held open and locked; it names the process that holds it.
NAME = "lock"
#: The start of its content, and its maximum size: another file of this name is not overwritten.
_START, _MAX_BYTES = b'{"pid": ', 1000
#: The locked byte on Windows: beyond the content, since locked bytes can't be read.
_LOCKED_BYTE = 2**20


class FolderLock:
    """The lock on a folder, which is created if it does not exist. A context manager that releases it.

    Raises
    ------
    InputError
        If another training holds it (names its process and machine), the folder can't be written to, or something else
        has the name of the lock: a link, a pipe, a file with other content.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: io.FileIO | None = None
        self.acquire()

    def __enter__(self) -> FolderLock:
        return self

    def __exit__(self, *error: object) -> None:
        self.release()

    def acquire(self) -> None:
        """Acquire the lock, if it is not held already."""
        path = self.folder / NAME
        while not self.held:
            self.release()
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._file = io.FileIO(open_or_create(path), "r+")  # open as long as it is locked
            except OSError as error:
                raise InputError(f"{path}: can't be written: {error.strerror or error}; name another folder") from None
            try:
                self._lock(self._file)
            except BaseException:
                self.release()
                raise

    def _lock(self, file: io.FileIO) -> None:
        """Lock the open file and write this process into it."""
        path = self.folder / NAME
        try:
            _lock_file(file)
        except (BlockingIOError, PermissionError):
            raise InputError(
                f"{self.folder}: another training writes its checkpoints there ({_holder(file)}); wait for it to "
                "end, stop it, or name another folder"
            ) from None
        except OSError as error:
            warnings.warn(
                f"{path}: can't be locked ({error.strerror or error}); make sure that no other training writes there",
                CallbackWarning,
                stacklevel=4,
            )
        content = _content(file)
        if len(content) > _MAX_BYTES or not content.startswith(_START[: len(content)]):
            raise InputError(f"{path}: this file was not written by glassnet; remove it, or name another folder")
        with contextlib.suppress(OSError):  # disk full: locked without content
            file.truncate(0)
            file.seek(0)
            file.write(json.dumps({"pid": os.getpid(), "host": platform.node()[:100]}).encode())

    @property
    def held(self) -> bool:
        """Whether the lock is held and its file is still in the folder, which may have been removed."""
        if self._file is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), os.lstat(self.folder / NAME))
        except OSError:
            return False

    def release(self) -> None:
        """Release the lock; the file stays."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None


def _lock_file(file: io.FileIO) -> None:
    if sys.platform == "win32":
        import msvcrt

        file.seek(_LOCKED_BYTE)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _content(file: io.FileIO) -> bytes:
    """Return the content of the lock's file; more than a lock has is not read."""
    try:
        file.seek(0)
        return file.read(_MAX_BYTES + 1)
    except OSError:
        return b""


def _holder(file: io.FileIO) -> str:
    """Return a description of the process that holds the lock."""
    try:
        content = json.loads(_content(file))
        return f"process {int(content['pid'])} on {str(content['host'])[:100]!r}"
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return "unknown process"

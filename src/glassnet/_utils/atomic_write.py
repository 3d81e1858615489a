"""Atomic writes: an interruption leaves the old file intact, and a link is replaced instead of followed."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

from glassnet._utils.safe_folder import OpenFolder, is_link
from glassnet.errors import InputError


def write_atomically(path: str | Path, content: bytes | Iterable[bytes | memoryview]) -> None:
    """Write a temporary file next to the path, flush it to disk, and rename it.

    A file that exists is replaced by a new one with the same permissions; its other names (hard links) keep the old
    content. A symbolic link is replaced too, and the file that it points to is not changed.

    Parameters
    ----------
    path : str or Path
        The file; its folder is created if it does not exist.
    content : bytes or iterable of bytes
        All at once or in pieces. The temporary file is named ``.{name}.{16 hexadecimal digits}``, where a long name is
        shortened.

    Raises
    ------
    InputError
        If the folder can't be made or written to, or the path is a folder, a device or a pipe.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with OpenFolder(path.parent) as folder:
            mode = _mode_to_keep(path, folder)
            _write(folder, path.name, (content,) if isinstance(content, bytes) else content, mode)
    except OSError as error:
        raise InputError(f"{path}: can't be written: {error.strerror or error}; choose another path") from None


def check_writable(path: str | Path) -> None:
    """Check that `write_atomically` can write to a path, before the work whose result goes there.

    Raises
    ------
    InputError
        As `write_atomically`.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with OpenFolder(path.parent) as folder:
            _mode_to_keep(path, folder)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise InputError(f"{path}: can't be written: {error.strerror or error}; choose another path") from None


def _mode_to_keep(path: Path, folder: OpenFolder) -> int | None:
    """Return the permissions of a file to replace; None if there is none, or a link.

    Raises
    ------
    InputError
        If it can't be replaced: a folder, a device, a pipe, or a link to one.
    """
    if path.is_dir():
        raise InputError(f"{path}: this is a folder; name a file in it")
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: this is a device, a pipe or a socket; name a file")
    try:
        status = folder.status(path.name)
    except FileNotFoundError:
        return None
    return None if is_link(status) else stat.S_IMODE(status.st_mode) & 0o777


def _write(folder: OpenFolder, name: str, pieces: Iterable[bytes | memoryview], mode: int | None) -> None:
    """Write a temporary file and rename it; remove it if that fails."""
    handle, temporary = folder.create_temporary(f".{name[:60]}.", mode=0o666 if mode is None else mode & 0o600)
    status = os.fstat(handle)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(pieces)
            file.flush()
            if mode is not None and hasattr(os, "fchmod"):
                os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        folder.replace(temporary, name)
    except BaseException:
        with contextlib.suppress(OSError):
            folder.remove(temporary, status)
        raise
    folder.sync()

"""Atomic writes: an interruption leaves the old file intact."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from glassnet.errors import InputError


def write_atomically(path: str | Path, content: bytes | Iterable[bytes | memoryview]) -> None:
    """Write a temporary file next to the path, flush it to disk, and rename it.

    Parameters
    ----------
    path : str or Path
        The file; its folder is created if it does not exist.
    content : bytes or iterable of bytes
        All at once or in pieces. The temporary file is named ``.{name}.{random}``.

    Raises
    ------
    InputError
        If the folder can't be made or written to.
    """
    path = Path(path)
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise InputError(f"{path}: this is a folder; name a file in it")
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.writelines((content,) if isinstance(content, bytes) else content)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # mkstemp creates files that only their owner can read
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        raise InputError(f"{path}: can't be written: {error.strerror or error}; choose another path") from None
    finally:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)


def check_writable(path: str | Path) -> None:
    """Check that a file can be written to a path, before the work whose result goes there.

    Raises
    ------
    InputError
        If the folder can't be made or written to, or the path is a folder.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: this is a folder; name a file in it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise InputError(f"{path}: can't be written: {error.strerror or error}; choose another path") from None


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to disk, on systems that can open folders."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

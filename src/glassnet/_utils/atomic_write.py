"""Writing files so that an interruption leaves the old one whole."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from glassnet.errors import InputError


def write_atomically(path: str | Path, content: bytes | Iterable[bytes | memoryview]) -> None:
    """Write a file beside its place, bring it to the disk, and only then give it its name.

    The content may come in pieces. While it is written the file is called as `path`, with a dot before and a dot and
    something more behind.

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
        os.chmod(temporary, 0o666 & ~umask)  # mkstemp's own mode shuts everyone else out
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        raise InputError(f"{path}: can't be written: {error.strerror or error}; choose another place") from None
    finally:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)


def check_writable(path: str | Path) -> None:
    """Find out before the work, not after it, that a file can't be written there.

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
        raise InputError(f"{path}: can't be written: {error.strerror or error}; choose another place") from None


def sync_folder(folder: Path) -> None:
    """Bring the new name to the disk too, where the system lets a folder be opened."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

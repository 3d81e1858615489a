"""A folder that is opened once, in which files are created, opened, renamed and removed without following links.

A folder that comes from elsewhere (an unpacked archive, a shared disk) may contain links, through which writing to a
file in it would change another file. Names are looked up relative to the open folder (``openat``), so that exchanging
its path has no effect. Where the system lacks this (Windows), each file is checked before and after it is opened.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path

#: Whether names can be looked up relative to an open folder.
HAS_DIR_FD = {os.open, os.stat, os.unlink, os.rename} <= os.supports_dir_fd and os.listdir in os.supports_fd
#: Flags for every file: don't follow a link, don't wait for the other end of a pipe, don't translate line ends.
SAFE_FLAGS = 0
for _name in ("O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_BINARY"):
    SAFE_FLAGS |= getattr(os, _name, 0)


class OpenFolder:
    """A folder, as a context manager.

    Parameters
    ----------
    path : Path
        The folder, which exists.
    follow : bool
        Whether it may be a symbolic link. A folder that the user named may be; one that was found in another may not.

    Raises
    ------
    OSError
        If it is missing, not a folder, or can't be opened. All methods raise it too, with the reason in ``strerror``.
    """

    def __init__(self, path: Path, follow: bool = True) -> None:
        self.path = path
        self._handle: int | None = None
        status = os.stat(path, follow_symlinks=follow)
        if is_link(status):
            raise PermissionError(errno.EPERM, "it is a symbolic link, which is not followed")
        if not stat.S_ISDIR(status.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if HAS_DIR_FD:
            self._handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | (0 if follow else os.O_NOFOLLOW))
            status = os.fstat(self._handle)
        self._owner = status.st_uid

    def __enter__(self) -> OpenFolder:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the folder; files that were opened in it stay open. Afterwards all methods raise an OSError."""
        if self._handle is not None and self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def names(self) -> list[str]:
        """Return the names of all entries, sorted."""
        return sorted(os.listdir(self.path if self._handle is None else self._handle))

    def status(self, name: str) -> os.stat_result:
        """Return the status of an entry; that of a link itself."""
        return os.stat(self._at(name), dir_fd=self._handle, follow_symlinks=False)

    def create(self, name: str, mode: int = 0o666) -> int:
        """Create a file that does not exist, not even as a dangling link, and return it open for reading and writing.

        Parameters
        ----------
        name : str
            Of the file.
        mode : int
            Its permissions, from which the umask of the process is taken away.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | SAFE_FLAGS
        return os.open(self._at(name), flags, mode, dir_fd=self._handle)

    def create_temporary(self, prefix: str, suffix: str = "", mode: int = 0o666) -> tuple[int, str]:
        """Create a file with 16 random hexadecimal digits between prefix and suffix; return it and its name."""
        while True:
            name = f"{prefix}{secrets.token_hex(8)}{suffix}"
            with contextlib.suppress(FileExistsError):
                return self.create(name, mode), name

    def open(self, name: str, flags: int = os.O_RDWR) -> int:
        """Open a file that exists: a regular file of this user or of the folder's owner, with a single link."""
        before = self.status(name)
        self._check_own(before)
        handle = os.open(self._at(name), flags | SAFE_FLAGS, dir_fd=self._handle)
        try:
            after = os.fstat(handle)
            self._check_own(after)
            if not os.path.samestat(before, after):
                raise PermissionError(errno.EPERM, "it was exchanged while it was opened")
        except OSError:
            os.close(handle)
            raise
        return handle

    def replace(self, source: str, target: str) -> None:
        """Rename a file, atomically; a file or link of the new name is replaced, not what the link points to."""
        os.replace(self._at(source), self._at(target), src_dir_fd=self._handle, dst_dir_fd=self._handle)

    def remove(self, name: str, status: os.stat_result) -> None:
        """Remove an entry if it is still the file with this status."""
        if os.path.samestat(self.status(name), status):
            os.unlink(self._at(name), dir_fd=self._handle)

    def sync(self) -> None:
        """Flush the entries to disk, on systems that can open folders."""
        if self._handle is not None:
            os.fsync(self._handle)

    def _at(self, name: str) -> str:
        return name if self._handle is not None else str(self.path / name)

    def _check_own(self, status: os.stat_result) -> None:
        """Raise a PermissionError if writing to a file, or removing it, could harm more than this file."""
        reason = ""
        if is_link(status):
            reason = "it is a symbolic link, which is not followed"
        elif not stat.S_ISREG(status.st_mode):
            reason = "it is not a regular file"
        elif status.st_nlink > 1:
            reason = f"it is one file under {status.st_nlink} names (hard links), so that another file would change too"
        elif hasattr(os, "geteuid") and status.st_uid not in (os.geteuid(), self._owner):
            reason = "it belongs to another user"
        if reason:
            raise PermissionError(errno.EPERM, reason)


def open_own_file(path: Path, flags: int = os.O_RDWR) -> int:
    """Open a file that exists: see `OpenFolder.open`."""
    with OpenFolder(path.parent) as folder:
        return folder.open(path.name, flags)


def open_or_create(path: Path) -> int:
    """Open a file as `OpenFolder.open` does, or create it if it does not exist; nothing is written to it."""
    with OpenFolder(path.parent) as folder:
        try:
            return folder.create(path.name)
        except FileExistsError:
            return folder.open(path.name)


def is_link(status: os.stat_result) -> bool:
    """Check whether an entry is a symbolic link, or a junction of Windows."""
    junction = getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", None)
    return stat.S_ISLNK(status.st_mode) or (
        junction is not None and getattr(status, "st_reparse_tag", None) == junction
    )


def is_private_folder(path: Path) -> bool:
    """Check that a path is a folder, not a link to one, that only this user and root can write to."""
    try:
        status = os.stat(path, follow_symlinks=False)
    except OSError:
        return False
    if is_link(status) or not stat.S_ISDIR(status.st_mode):
        return False
    return not hasattr(os, "geteuid") or (status.st_uid in (os.geteuid(), 0) and not status.st_mode & 0o022)

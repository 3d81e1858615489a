"""The cache: one file of blocks with an index at its end; written once, read in any order, always validated.

    block, block, …, metadata (JSON), index (blocks, 8), statistics (rows of columns), trailer

All numbers are little-endian. The CRC-32 of every block is in the index, that of metadata, index and statistics in the
trailer, which also has its own. Sizes are compared with that of the file before anything is read.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import struct
import threading
import weakref
import zlib
from array import array
from pathlib import Path
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet._utils.safe_folder import SAFE_FLAGS, OpenFolder
from glassnet.streaming.blocks import MAX_ROWS, SPARSE_FLAG, X_DTYPES, Y_DTYPES, Block, decode_block, encode_block

MAGIC = b"glassnet blocks1"
#: Magic, offset of the footer, sizes of metadata, index and statistics, their CRC-32, CRC-32 of the trailer up to here.
_TRAILER = struct.Struct("<16sQQQQII")
#: Columns of the index.
OFFSET, LENGTH, CRC, ROWS, ENTRIES, SPLIT, X_CODE, Y_CODE = range(8)
#: Maximum size of the metadata in bytes.
MAX_METADATA_BYTES = 2**26
#: Maximum size of metadata, index and statistics.
MAX_FOOTER_BYTES = 2**28
#: Maximum number of bytes read at once.
CHUNK_BYTES = 2**22
EXTENSION, UNFINISHED = ".blocks", ".unfinished"
#: The names of temporary files: see `glassnet._utils.safe_folder.OpenFolder.create_temporary`.
_TEMPORARY_NAME = re.compile(rf".+\.[0-9a-f]{{16}}\{UNFINISHED}", re.DOTALL)


class DamagedCache(Exception):
    """A cache was modified, truncated, or not written by glassnet."""


class CacheWriter:
    """Writes a cache to a temporary file, which is renamed once it is complete.

    Parameters
    ----------
    path : Path
        Path of the cache; its folder is created if it does not exist, and can't be a link.
    mode : int
        Permissions: not wider than those of the files that the rows come from.

    Raises
    ------
    OSError
        If it can't be written.
    """

    def __init__(self, path: Path, mode: int) -> None:
        self.path = path
        self.mode = mode
        self.index = array("Q")
        self._offset = 0
        path.parent.mkdir(mode=0o777, parents=True, exist_ok=True)
        self._folder = OpenFolder(path.parent, follow=False)
        try:
            handle, self.temporary_name = _create_temporary(self._folder, path)
        except BaseException:
            self._folder.close()
            raise
        self._status = os.fstat(handle)
        self._file = os.fdopen(handle, "wb", buffering=2**20)

    def write(self, split: int, block: Block) -> None:
        """Append a block; raise an OSError if it can't be written."""
        x_code, y_code, entries, arrays = encode_block(block)
        crc = length = 0
        for piece in arrays:
            view = np.ascontiguousarray(piece).data.cast("B")
            crc = zlib.crc32(view, crc)
            length += view.nbytes
            self._file.write(view)
        self.index.extend((self._offset, length, crc, len(block.y), entries, split, x_code, y_code))
        self._offset += length

    def finish(self, metadata: dict[str, Any], statistics: Array) -> int | None:
        """Write metadata, index and statistics, sync the file to disk and rename it; raise an OSError on failure.

        Returns
        -------
        int or None
            The file, opened for reading before it is renamed: another training on the same files with other options
            may remove it at once. None where an open file can't be renamed.
        """
        encoded = json.dumps(metadata, ensure_ascii=False, separators=(",", ":")).encode()
        index = np.array(self.index, "<u8").tobytes()
        columns = np.ascontiguousarray(statistics, "<f8").tobytes()
        footer = encoded + index + columns
        if len(encoded) > MAX_METADATA_BYTES or len(footer) > MAX_FOOTER_BYTES:
            raise OSError("the metadata of this data is too large")
        trailer = _TRAILER.pack(MAGIC, self._offset, len(encoded), len(index), len(columns), zlib.crc32(footer), 0)[:-4]
        self._file.write(footer + trailer + struct.pack("<I", zlib.crc32(trailer)))
        self._file.flush()
        if hasattr(os, "fchmod"):
            os.fchmod(self._file.fileno(), self.mode)
        os.fsync(self._file.fileno())
        if os.name == "nt":
            self._file.close()  # Windows can't rename an open file
        handle = None if os.name == "nt" else self._folder.open(self.temporary_name, os.O_RDONLY)
        try:
            self._folder.replace(self.temporary_name, self.path.name)
            self._file.close()
            self._folder.sync()
        except OSError:
            if handle is not None:
                os.close(handle)
            raise
        return handle

    def abandon(self) -> None:
        """Remove the temporary file; only closes it after `finish`."""
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._folder.remove(self.temporary_name, self._status)
        self._folder.close()


def _create_temporary(folder: OpenFolder, path: Path) -> tuple[int, str]:
    """Create a temporary file for a cache. It is locked: an unlocked one was left by a writer that was killed."""
    while True:
        handle, name = folder.create_temporary(f"{path.stem}.", UNFINISHED, 0o600)
        _lock(handle, wait=True)  # another process may hold the lock for a moment, to remove it as one left behind
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), folder.status(name)):
                return handle, name
        os.close(handle)


def remove_unfinished(path: Path) -> None:
    """Remove the temporary files in a folder that killed writers have left."""
    with contextlib.suppress(OSError), OpenFolder(path, follow=False) as folder:
        for name in filter(_TEMPORARY_NAME.fullmatch, folder.names()):
            with contextlib.suppress(OSError):
                handle = folder.open(name)
                try:
                    if _lock(handle):
                        folder.remove(name, os.fstat(handle))
                finally:
                    os.close(handle)


def remove_other_caches(path: Path) -> None:
    """Remove the other caches of the same files: they are large, and recreated when they are needed again."""
    start = f"{path.name.partition('-')[0]}-"
    with contextlib.suppress(OSError), OpenFolder(path.parent, follow=False) as folder:
        for name in folder.names():
            if name.startswith(start) and name.endswith(EXTENSION) and name != path.name:
                with contextlib.suppress(OSError):
                    handle = folder.open(name, os.O_RDONLY)
                    status = os.fstat(handle)
                    os.close(handle)
                    folder.remove(name, status)


def _lock(handle: int, wait: bool = False) -> bool:
    """Lock a file until it is closed, and return whether that succeeded; False where there are no locks."""
    try:
        import fcntl
    except ImportError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


class CacheFile:
    """An open cache; several threads may read its blocks.

    Parameters
    ----------
    path : Path
        The file.
    owners : set of int
        User ids that may own it; not checked where files have no owners.
    handle : int, optional
        The file if it is open for reading already; `close` closes it.

    Attributes
    ----------
    metadata : dict
        As passed to the writer.
    index : array (blocks, 8), int64
        An entry for each block; its columns are `OFFSET`, `LENGTH`, ….
    statistics : array (rows, columns), float64
        As passed to the writer.

    Raises
    ------
    DamagedCache
        If it is not an intact cache: truncated, modified, of another version, of another user, or not a file.
    """

    def __init__(self, path: Path, owners: set[int], handle: int | None = None) -> None:
        self.path = path
        try:
            self._handle = os.open(path, os.O_RDONLY | SAFE_FLAGS) if handle is None else handle
        except OSError as error:
            raise DamagedCache(f"can't be opened: {error.strerror or error}") from None
        self._close = weakref.finalize(self, os.close, self._handle)
        self._seek_lock = threading.Lock()
        try:
            self._open(owners)
        except BaseException:
            self.close()
            raise

    def _open(self, owners: set[int]) -> None:
        status = os.fstat(self._handle)
        if not stat.S_ISREG(status.st_mode):
            raise DamagedCache("not a file")
        if hasattr(os, "getuid") and status.st_uid not in owners:
            raise DamagedCache("it belongs to another user")
        trailer_offset = status.st_size - _TRAILER.size
        if trailer_offset < 0:
            raise DamagedCache("truncated")
        trailer = np.empty(_TRAILER.size, np.uint8)
        self._fill(trailer_offset, trailer)
        magic, self.blocks_end, *sizes, crc, trailer_crc = _TRAILER.unpack(trailer.tobytes())
        if magic != MAGIC or zlib.crc32(trailer[:-4].data) != trailer_crc:
            raise DamagedCache("truncated, or of another version")
        if (
            sum(sizes) > MAX_FOOTER_BYTES
            or sizes[0] > MAX_METADATA_BYTES
            or self.blocks_end + sum(sizes) != trailer_offset
        ):
            raise DamagedCache("its sizes do not add up")
        footer = np.empty(sum(sizes), np.uint8)
        self._fill(self.blocks_end, footer)
        if zlib.crc32(footer.data) != crc:
            raise DamagedCache("its index is damaged")
        metadata, index, statistics = (part.tobytes() for part in np.split(footer, np.cumsum(sizes[:2])))
        try:
            self.metadata: dict[str, Any] = json.loads(metadata)
            self.columns = int(self.metadata["columns"])
            if len(index) % 64 or self.columns < 1 or len(statistics) % (8 * self.columns):
                raise ValueError
            self.statistics: Array = np.frombuffer(statistics, "<f8").reshape(-1, self.columns)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            raise DamagedCache("its metadata is damaged") from None
        raw = np.frombuffer(index, "<u8").reshape(-1, 8)
        if raw.size and raw.max() >= 2**48:
            raise DamagedCache("its index is damaged")
        self.index: Array = raw.astype(np.int64)
        self._check_index()
        self._entries = self.index.tolist()
        self._verified = bytearray(len(self._entries))
        self._status = (status.st_size, status.st_mtime_ns)

    def _check_index(self) -> None:
        offset, length, _, rows, entries, split, x_code, y_code = self.index.T
        sparse = x_code >= SPARSE_FLAG
        valid = (rows >= 1) & (rows <= MAX_ROWS) & (split <= 1) & (y_code < len(Y_DTYPES))
        valid &= (x_code % SPARSE_FLAG < len(X_DTYPES)) & (x_code < 2 * SPARSE_FLAG) & (self.columns < 2**31)
        valid &= np.where(sparse, entries <= rows * self.columns, entries == rows * self.columns)
        if not valid.all():
            raise DamagedCache("its index is damaged")
        item, item_y = (np.array([d.itemsize for d in dtypes]) for dtypes in (X_DTYPES, Y_DTYPES))
        size = entries * item[x_code % SPARSE_FLAG] + rows * item_y[y_code]
        size += np.where(sparse, 4 * (entries + rows + 1), 0)
        ends = np.cumsum(size)
        if not (np.array_equal(size, length) and np.array_equal(offset, ends - size)):
            raise DamagedCache("its index is damaged")
        if self.blocks_end != (int(ends[-1]) if len(ends) else 0):
            raise DamagedCache("its index is damaged")

    def check_unchanged(self) -> None:
        """Raise DamagedCache if the file was modified since it was opened."""
        status = os.fstat(self._handle)
        if (status.st_size, status.st_mtime_ns) != self._status:
            raise DamagedCache("it was modified")

    def check_blocks(self) -> None:
        """Read all blocks once; raise DamagedCache if one was modified."""
        buffer = np.empty(int(self.index[:, LENGTH].max()) if len(self.index) else 0, np.uint8)
        for number in range(len(self.index)):
            self.read(number, buffer[: self.index[number, LENGTH]])

    def block(self, number: int, buffer: Array) -> Block:
        """Return a block, as views of ``buffer`` (bytes,); raise DamagedCache if it was modified.

        The buffer must be large enough for any block; the next block read into it overwrites this one.
        """
        _, length, _, rows, entries, _, x_code, y_code = self._entries[number]
        content = buffer[:length]
        self.read(number, content)
        try:
            return decode_block(
                content, rows, self.columns, x_code, y_code, entries, self.metadata.get("missing") is True
            )
        except ValueError as error:
            raise DamagedCache(f"block {number}: {error}") from None

    def read(self, number: int, *parts: Array) -> None:
        """Fill arrays, one after another, with the bytes of a block; raise DamagedCache if it was modified.

        The checksum is verified when a block is read for the first time; `check_unchanged` detects later changes.
        """
        offset = self._entries[number][OFFSET]
        verified = self._verified[number]
        crc = 0
        for part in parts:
            view = part.reshape(-1).view(np.uint8)
            self._fill(offset, view)
            offset += view.nbytes
            if not verified:
                crc = zlib.crc32(view.data, crc)
        if not verified:
            if crc != self._entries[number][CRC]:
                raise DamagedCache(f"block {number} is damaged")
            self._verified[number] = 1

    def _fill(self, offset: int, content: Array) -> None:
        view = content.data
        while len(view):
            try:
                if hasattr(os, "preadv"):
                    count = os.preadv(self._handle, [view], offset)
                else:
                    with self._seek_lock:
                        os.lseek(self._handle, offset, os.SEEK_SET)
                        some = os.read(self._handle, min(len(view), CHUNK_BYTES))
                    count = len(some)
                    view[:count] = some
            except OSError as error:
                raise DamagedCache(f"can't be read: {error.strerror or error}") from None
            if not count:
                raise DamagedCache("truncated")
            view = view[count:]
            offset += count

    def remove(self) -> None:
        """Remove the file, if its path is still that of this file."""
        with contextlib.suppress(OSError), OpenFolder(self.path.parent, follow=False) as folder:
            folder.remove(self.path.name, os.fstat(self._handle))

    def close(self) -> None:
        """Close the file."""
        self._close()

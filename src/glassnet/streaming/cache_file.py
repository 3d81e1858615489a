"""The cache: one file of blocks with an index at its end, written once, read in any order, never trusted.

    block, block, …, facts (JSON), index (blocks, 8), figures (rows of columns), trailer

All numbers are little-endian. Every block has its CRC-32 in the index; facts, index and figures have one in the
trailer, and the trailer has its own. Sizes are compared with the file's before anything is read.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import struct
import tempfile
import threading
import weakref
import zlib
from array import array
from pathlib import Path
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet._utils.atomic_write import sync_folder
from glassnet.streaming.blocks import KINDS, MAX_ROWS, SPARSE, TARGET_KINDS, Block, decoded, encoded

MAGIC = b"glassnet blocks1"
#: magic, where the footer begins, bytes of facts, index and figures, their CRC-32, that of all before it here
_TRAILER = struct.Struct("<16sQQQQII")
#: What the columns of the index hold.
AT, LENGTH, CRC, ROWS, ENTRIES, SIDE, KIND, TARGET_KIND = range(8)
#: Bytes of facts that are read at most, and of the footer in all.
MAX_FACTS, MAX_FOOTER = 2**26, 2**28
#: How it is opened for reading: a link is not followed, a pipe is not waited for.
_READING = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
#: Bytes checked at once.
AT_ONCE = 2**22
ENDING, UNFINISHED = ".blocks", ".unfinished"


class DamagedCache(Exception):
    """A cache is not what was written, or was not written by us."""


class CacheWriter:
    """Writes a cache beside its place, and gives it its name once it is whole.

    Parameters
    ----------
    path : Path
        Its place.
    mode : int
        Its permissions: no wider than those of the files that its rows come from.

    Raises
    ------
    OSError
        If it can't be written.
    """

    def __init__(self, path: Path, mode: int) -> None:
        self.path, self.mode, self.index = path, mode, array("Q")
        self._at = 0
        path.parent.mkdir(mode=0o777, parents=True, exist_ok=True)
        handle, self._temporary = _own_file(path)
        self._file = os.fdopen(handle, "wb", buffering=2**20)

    def write(self, side: int, block: Block) -> None:
        """Append a block; an OSError if there is no room."""
        kind, target_kind, entries, arrays = encoded(block)
        crc = length = 0
        for piece in arrays:
            view = np.ascontiguousarray(piece).data.cast("B")
            crc, length = zlib.crc32(view, crc), length + view.nbytes
            self._file.write(view)
        self.index.extend((self._at, length, crc, len(block.y), entries, side, kind, target_kind))
        self._at += length

    def finish(self, facts: dict[str, Any], figures: Array) -> int | None:
        """Write what is known of the blocks, bring all to the disk and give the file its name; an OSError if not.

        Returns
        -------
        int or None
            The file opened for reading before it had its name: another training that asks something else of the same
            files may take it away at once. None where a file that is open can't be renamed.
        """
        told = json.dumps(facts, ensure_ascii=False, separators=(",", ":")).encode()
        index = np.array(self.index, "<u8").tobytes()
        columns = np.ascontiguousarray(figures, "<f8").tobytes()
        footer = told + index + columns
        if len(told) > MAX_FACTS or len(footer) > MAX_FOOTER:
            raise OSError("the facts of this data take too much room")
        trailer = _TRAILER.pack(MAGIC, self._at, len(told), len(index), len(columns), zlib.crc32(footer), 0)[:-4]
        self._file.write(footer + trailer + struct.pack("<I", zlib.crc32(trailer)))
        self._file.flush()
        os.fsync(self._file.fileno())
        os.chmod(self._temporary, self.mode)
        if os.name == "nt":
            self._file.close()  # Windows renames no open file
        handle = None if os.name == "nt" else os.open(self._temporary, _READING)
        try:
            os.replace(self._temporary, self.path)
            self._file.close()
            sync_folder(self.path.parent)
        except OSError:
            if handle is not None:
                os.close(handle)
            raise
        return handle

    def abandon(self) -> None:
        """Leave nothing behind; harmless where all is finished."""
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._temporary.unlink()


def _own_file(path: Path) -> tuple[int, Path]:
    """Make a file to write a cache in; whoever finds it unlocked knows that its writer is gone."""
    while True:
        handle, name = tempfile.mkstemp(prefix=f"{path.stem}.", suffix=UNFINISHED, dir=path.parent)
        _lock(handle, wait=True)  # another may hold it for the moment in which it takes it for one left behind
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), os.stat(name)):
                return handle, Path(name)
        os.close(handle)


def remove_unfinished(folder: Path) -> None:
    """Remove what writers that were killed have left in a folder."""
    for path in folder.glob(f"*{UNFINISHED}"):
        with contextlib.suppress(OSError):
            handle = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
            try:
                if _lock(handle):
                    path.unlink()
            finally:
                os.close(handle)


def _lock(handle: int, wait: bool = False) -> bool:
    """Take the lock of a file until it is closed; say whether nobody else has it. Without locks nobody knows."""
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
    """An open cache, whose blocks may be read by several threads.

    Parameters
    ----------
    path : Path
        The file.
    owners : set of int
        Who may have written it; everybody where the system knows no owners.
    handle : int, optional
        The file where it is open for reading already; it is closed with this.

    Attributes
    ----------
    facts : dict
        What the writer told of the data.
    index : array (blocks, 8), int64
        See `AT` and those after it.
    figures : array (rows, columns), float64
        As they were written.

    Raises
    ------
    DamagedCache
        If it is not a whole cache: cut, changed, of another version, somebody else's, or no file at all.
    """

    def __init__(self, path: Path, owners: set[int], handle: int | None = None) -> None:
        self.path = path
        try:
            self._handle = os.open(path, _READING) if handle is None else handle
        except OSError as error:
            raise DamagedCache(f"can't be opened: {error.strerror or error}") from None
        self._close = weakref.finalize(self, os.close, self._handle)
        self._turn = threading.Lock()
        try:
            self._open(owners)
        except BaseException:
            self.close()
            raise

    def _open(self, owners: set[int]) -> None:
        found = os.fstat(self._handle)
        if not stat.S_ISREG(found.st_mode):
            raise DamagedCache("no file")
        if hasattr(os, "getuid") and found.st_uid not in owners:
            raise DamagedCache("it belongs to somebody else")
        begins = found.st_size - _TRAILER.size
        if begins < 0:
            raise DamagedCache("cut")
        trailer = np.empty(_TRAILER.size, np.uint8)
        self._fill(begins, trailer)
        magic, self.blocks_end, *sizes, crc, own = _TRAILER.unpack(trailer.tobytes())
        if magic != MAGIC or zlib.crc32(trailer[:-4].data) != own:
            raise DamagedCache("cut, or of another version")
        if sum(sizes) > MAX_FOOTER or sizes[0] > MAX_FACTS or self.blocks_end + sum(sizes) != begins:
            raise DamagedCache("its sizes do not add up")
        footer = np.empty(sum(sizes), np.uint8)
        self._fill(self.blocks_end, footer)
        if zlib.crc32(footer.data) != crc:
            raise DamagedCache("its index is damaged")
        told, index, figures = (part.tobytes() for part in np.split(footer, np.cumsum(sizes[:2])))
        try:
            self.facts: dict[str, Any] = json.loads(told)
            self.columns = int(self.facts["columns"])
            if len(index) % 64 or self.columns < 1 or len(figures) % (8 * self.columns):
                raise ValueError
            self.figures: Array = np.frombuffer(figures, "<f8").reshape(-1, self.columns)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            raise DamagedCache("its facts are damaged") from None
        raw = np.frombuffer(index, "<u8").reshape(-1, 8)
        if raw.size and raw.max() >= 2**48:
            raise DamagedCache("its index is damaged")
        self.index: Array = raw.astype(np.int64)
        self._check_index()
        self._places = self.index.tolist()
        self._right = bytearray(len(self._places))
        self._written = found.st_size, found.st_mtime_ns

    def _check_index(self) -> None:
        at, length, _, rows, entries, side, kind, target = self.index.T
        sparse = kind >= SPARSE
        right = (rows >= 1) & (rows <= MAX_ROWS) & (side <= 1) & (target < len(TARGET_KINDS))
        right &= (kind % SPARSE < len(KINDS)) & (kind < 2 * SPARSE) & (self.columns < 2**31)
        right &= np.where(sparse, entries <= rows * self.columns, entries == rows * self.columns)
        if not right.all():
            raise DamagedCache("its index is damaged")
        item, item_y = (np.array([d.itemsize for d in dtypes]) for dtypes in (KINDS, TARGET_KINDS))
        size = entries * item[kind % SPARSE] + np.where(sparse, 4 * (entries + rows + 1), 0) + rows * item_y[target]
        ends = np.cumsum(size)
        if not (np.array_equal(size, length) and np.array_equal(at, ends - size)):
            raise DamagedCache("its index is damaged")
        if self.blocks_end != (int(ends[-1]) if len(ends) else 0):
            raise DamagedCache("its index is damaged")

    def check_unchanged(self) -> None:
        """Refuse a file that was written to since it was opened: a DamagedCache."""
        found = os.fstat(self._handle)
        if (found.st_size, found.st_mtime_ns) != self._written:
            raise DamagedCache("somebody has written to it")

    def check_blocks(self) -> None:
        """Read all of it once; a DamagedCache if a block is not as it was written."""
        room = np.empty(int(self.index[:, LENGTH].max()) if len(self.index) else 0, np.uint8)
        for number in range(len(self.index)):
            self.read(number, room[: self.index[number, LENGTH]])

    def block(self, number: int, room: Array) -> Block:
        """Return a block, as views of ``room`` (bytes,), which is large enough for each; a DamagedCache if it is not.

        The next block that is read into the room takes its place.
        """
        _, length, _, rows, entries, _, kind, target = self._places[number]
        content = room[:length]
        self.read(number, content)
        try:
            return decoded(content, rows, self.columns, kind, target, entries)
        except ValueError as error:
            raise DamagedCache(f"block {number}: {error}") from None

    def read(self, number: int, *parts: Array) -> None:
        """Fill arrays, one after the other, with the bytes of a block; a DamagedCache if they are not as written.

        That is found out when a block is read for the first time; `check_unchanged` says whether it may be another now.
        """
        at, crc, right = self._places[number][AT], 0, self._right[number]
        for part in parts:
            view = part.reshape(-1).view(np.uint8)
            self._fill(at, view)
            at += view.nbytes
            if not right:
                crc = zlib.crc32(view.data, crc)
        if not right:
            if crc != self._places[number][CRC]:
                raise DamagedCache(f"block {number} is damaged")
            self._right[number] = 1

    def _fill(self, at: int, content: Array) -> None:
        view = content.data
        while len(view):
            try:
                if hasattr(os, "preadv"):
                    count = os.preadv(self._handle, [view], at)
                else:
                    with self._turn:
                        os.lseek(self._handle, at, os.SEEK_SET)
                        some = os.read(self._handle, min(len(view), AT_ONCE))
                    count = len(some)
                    view[:count] = some
            except OSError as error:
                raise DamagedCache(f"can't be read: {error.strerror or error}") from None
            if not count:
                raise DamagedCache("cut")
            view, at = view[count:], at + count

    def close(self) -> None:
        """Close the file."""
        self._close()

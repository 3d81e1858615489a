"""Text of a file as a stream of UTF-8: decompressed, out of a .zip, decoded; an Excel sheet as CSV."""

from __future__ import annotations

import codecs
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from glassnet.data.base_file import open_stream
from glassnet.data.formatting import first_line, format_names
from glassnet.data.text.excel import WORKBOOK, excel_rows
from glassnet.errors import InputError

#: Number of bytes that the encoding is detected from.
START_BYTES = 1 << 16
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: The encoding of text that is not UTF-8: Windows' for western Europe, which includes Latin-1.
FALLBACK = "cp1252"
_CONTROL = bytes([*range(9), *range(14, 27), *range(28, 32), 127])


@contextmanager
def open_text(path: Path, encoding: str | None = None) -> Iterator[tuple[Any, str]]:
    """Open the text of a file.

    Parameters
    ----------
    path : Path
        A text file, plain or compressed, a .zip of one, or an Excel file.
    encoding : str, optional
        Its encoding; detected if not given.

    Yields
    ------
    stream, str
        A stream of UTF-8 without a byte order mark, and the encoding.

    Raises
    ------
    InputError
        If it can't be read, when opened or later.
    """
    with _open_bytes(path) as stream:
        start = stream.read(START_BYTES)
        found = encoding or detect_encoding(start)
        if codecs.lookup(found).name in ("utf-8", "utf-8-sig"):
            yield _StartedStream(start.removeprefix(codecs.BOM_UTF8), stream), "utf-8"
        else:
            yield PieceStream(_decoded(path, _with_start(start, stream), found)), found


def detect_encoding(start: bytes) -> str:
    """Return the encoding of text, from its first bytes: by its mark, else UTF-8 if it is valid, else CP1252."""
    for mark, name in _BYTE_ORDER_MARKS:
        if start.startswith(mark):
            return name
    if b"\0" in start:  # every other byte of UTF-16 is 0 in most languages
        even = start[0:4096:2].count(0)
        odd = start[1:4096:2].count(0)
        if max(even, odd) > 8 * min(even, odd) and 3 * max(even, odd) > len(start[:4096]):
            return "utf-16-le" if odd > even else "utf-16-be"
    return encoding_of(start)


def encoding_of(text: bytes) -> str:
    """Return the encoding that the first character beyond ASCII has: UTF-8, or else CP1252."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(text)
    except UnicodeDecodeError as error:
        return FALLBACK if text[: error.start].isascii() else "utf-8"
    return "utf-8"


def is_binary(start: bytes, encoding: str) -> bool:
    """Check whether the first bytes, as UTF-8, are no text: they hold zeros, or control codes without being UTF-8."""
    control = len(start) - len(start.translate(None, _CONTROL))
    return b"\0" in start or (encoding != "utf-8" and 100 * control > len(start))


@contextmanager
def _open_bytes(path: Path) -> Iterator[Any]:
    """Open the bytes of a text file, or of the only file in a .zip, or of an Excel sheet as CSV."""
    with path.open("rb") as file:
        is_zip = file.read(4) == b"PK\x03\x04"
    if not is_zip:
        with open_stream(path) as stream:
            yield stream
        return
    try:
        with zipfile.ZipFile(path) as archive:
            if WORKBOOK in archive.namelist():
                yield PieceStream(excel_rows(path))
            else:
                with archive.open(_only_member(path, archive)) as member:
                    yield member
    except (OSError, ValueError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: can't be read: {first_line(error)}; is the file complete?") from None


def _only_member(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """Return the only file in an archive, beside hidden ones."""
    members = [info for info in archive.infolist() if not info.is_dir() and not _is_hidden(info.filename)]
    if len(members) == 1:
        return members[0]
    found = format_names([info.filename for info in members], 4) if members else "no file"
    raise InputError(f"{path}: the archive holds {found}; it must hold one CSV file: unpack it, and name the file")


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in name.split("/"))


class _StartedStream:
    """A stream of which the first bytes were read already."""

    def __init__(self, start: bytes, stream: Any) -> None:
        self._start = start
        self._stream = stream

    def read(self, size: int) -> bytes:
        """Return the next bytes."""
        if not self._start:
            text: bytes = self._stream.read(size)
            return text
        start = self._start[:size]
        self._start = self._start[size:]
        return start


class PieceStream:
    """A stream of the bytes that an iterator yields."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Return the next bytes: `size` of them, or fewer at the end."""
        parts = [self._rest]
        length = len(self._rest)
        while length < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            parts.append(piece)
            length += len(piece)
        text = b"".join(parts)
        self._rest = text[size:]
        return text[:size]


def _with_start(start: bytes, stream: Any) -> Iterator[bytes]:
    yield start
    while piece := stream.read(START_BYTES):
        yield piece


def _decoded(path: Path, pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Yield text in some encoding as UTF-8."""
    # five bytes of CP1252 are not assigned
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace" if encoding == FALLBACK else "strict")
    try:
        yield decoder.decode(next(pieces)).removeprefix("\ufeff").encode()
        for piece in pieces:
            yield decoder.decode(piece).encode()
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError as error:
        raise InputError(
            f"{path}: can't be decoded as {encoding}: {first_line(error)}; is the file complete? "
            "--encoding takes another"
        ) from None

"""The first sheet of an Excel workbook (.xlsx) as the text of a CSV file."""

from __future__ import annotations

import csv
import io
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from glassnet.errors import InputError

#: The member of the archive by which a workbook is recognized.
WORKBOOK = "xl/workbook.xml"
#: Maximum size of all that is not rows, unpacked.
MAX_TEXT_BYTES = 1 << 28
#: Rows that are written at once.
_ROWS = 1000


def excel_rows(path: Path) -> Iterator[bytes]:
    """Yield the rows of a workbook's first sheet as CSV in UTF-8, some at a time; formulas as their stored values.

    Raises
    ------
    InputError
        If openpyxl is not installed, or the workbook can't be read.
    """
    try:
        import openpyxl
    except ImportError:
        raise InputError(
            f"{path}: reading Excel files needs openpyxl: pip install 'glassnet[excel]', or save the sheet as CSV"
        ) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions that do not matter here
            _check_size(path)
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
            if not book.worksheets:
                raise InputError(f"{path}: the workbook has no sheet with rows")
            yield from _as_csv(book.worksheets[0].iter_rows(values_only=True))
            book.close()
    except InputError:
        raise
    except Exception as error:  # openpyxl and its XML parser raise many kinds for a damaged file
        raise InputError(f"{path}: can't be read as an Excel workbook: {error!s:.200}; save the sheet as CSV") from None


def _check_size(path: Path) -> None:
    """Check the unpacked size of the texts and styles, which are held in memory; the rows are not.

    Raises
    ------
    InputError
        If they are too large.
    """
    with zipfile.ZipFile(path) as archive:
        size = sum(info.file_size for info in archive.infolist() if "/worksheets/" not in info.filename)
    if size > MAX_TEXT_BYTES:
        raise InputError(
            f"{path}: texts and styles of the workbook take {size:,} bytes, more than {MAX_TEXT_BYTES:,}; save the "
            "sheet as CSV"
        )


def _as_csv(rows: Any) -> Iterator[bytes]:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    width = 0
    for number, row in enumerate(rows, start=1):
        cells = [_cell(value) for value in row]
        while cells and not cells[-1]:
            cells.pop()
        width = width or len(cells)
        if cells:
            writer.writerow(cells + [""] * (width - len(cells)))
        if number % _ROWS == 0:
            yield buffer.getvalue().encode(errors="replace")
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode(errors="replace")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat(" ") if hasattr(value, "hour") and hasattr(value, "year") else str(value)

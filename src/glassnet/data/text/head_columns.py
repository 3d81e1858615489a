"""What the first rows of a CSV file say about its columns: header or data, names, forms of numbers and dates."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from typing import TypeAlias

from glassnet.data.formatting import format_names
from glassnet.data.text.csv_format import MISSING_MARKS

Rows: TypeAlias = list[list[str]]

_WHOLE = re.compile(r"\d{1,18}")
_LOCAL_DATE = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2\d{4}( \d{1,2}:\d{2}(:\d{2})?)?")
NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,']\d{3})*[.,]?\d*|[.,]\d+)(?:[eE][+-]?\d+)?%?")
CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?"
DATE = re.compile(rf"\d{{1,4}}[-/.]\d{{1,2}}[-/.]\d{{1,4}}(?:[T ]{CLOCK}(?:Z|[+-]\d{{2}}:?\d{{2}})?)?")


def has_header(rows: Rows, expected: Collection[str]) -> bool:
    """Return whether the first row holds names of columns.

    It does if it has a name that is expected, or no numbers where a column below has numbers, or only different texts
    that are not repeated below. It does not if it has a number, unless its numbers count up by one, as in the columns
    1, 2, 3 or 2019, 2020, 2021.
    """
    first = rows[0]
    data = rows[1:]
    named = [name for name in expected if not re.fullmatch(r"x\d+", name)]
    if set(first).intersection(named):
        return True
    numbers = [cell for cell in first if _is_value(cell)]
    if numbers:
        return _count_up(numbers) and bool(data) and not _count_up([cell for cell in data[0] if _is_value(cell)])
    columns = columns_of(data, len(first))
    if any(cell not in MISSING_MARKS and _are_values(column) for cell, column in zip(first, columns, strict=True)):
        return True
    if expected and not named:  # a model that was trained on rows without a header
        return False
    filled = [cell for cell in first if cell]
    if not data:  # a name may occur twice
        return bool(filled)
    repeated = any(cell and cell in column for cell, column in zip(first, columns, strict=True))
    return len(set(filled)) == len(filled) > 0 and not repeated and not set(filled).intersection(MISSING_MARKS)


def _is_value(cell: str) -> bool:
    """Return whether a cell is a number or a date."""
    return bool(NUMBER.fullmatch(cell) or DATE.fullmatch(cell))


def _are_values(column: Sequence[str]) -> bool:
    """Return whether nearly all cells are numbers or dates, and at least one is."""
    filled = [cell for cell in column if cell and cell not in MISSING_MARKS]
    values = sum(_is_value(cell) for cell in filled)
    return values > 0 and 10 * values >= 9 * len(filled)


def _count_up(cells: Sequence[str]) -> bool:
    """Return whether there are at least three whole numbers, each by one larger than the one before."""
    if len(cells) < 3 or not all(_WHOLE.fullmatch(cell) for cell in cells):
        return False
    return all(int(cell) == int(cells[0]) + index for index, cell in enumerate(cells))


def columns_of(rows: Rows, width: int) -> list[list[str]]:
    """Return the cells of the first `width` columns, of the rows that have them."""
    columns: list[list[str]] = [[] for _ in range(width)]
    for row in rows:
        for column, cell in zip(columns, row, strict=False):
            column.append(cell)
    return columns


def name_columns(
    first: Sequence[str], data: Rows, header: bool, expected: Collection[str]
) -> tuple[tuple[str, ...], tuple[str, ...], list[str]]:
    """Return a name for every cell of a row, the columns to leave out, and notes."""
    widths = Counter(map(len, data))
    width = widths.most_common(1)[0][0] if data else len(first)
    names = list(first) if header else [""] * (len(first) if len(first) in widths or not data else width)
    if header and data and width == len(first) + 1 and widths[width] == len(data):
        if not any(row[-1] for row in data):
            names = [*names, ""]
        elif len(first) > 1 or _is_counter([row[0] for row in data]):  # a single cell may be a title
            names = ["", *names]
    cells = columns_of(data, len(names))
    notes: list[str] = []
    dropped: list[int] = []
    if header and len(names) > 1 and not names[0] and "x1" not in expected and _is_counter(cells[0]):
        dropped.append(0)
        notes.append("the first column has no name and numbers the rows: it is left out")
    if len(names) > 1 and not names[-1] and not any(cells[-1]) and (header or len(data) > 1):
        dropped.append(len(names) - 1)
        notes.append("each line ends with a delimiter, which is no column")
    double = [name for name, count in Counter(names).items() if name and count > 1]
    if double:
        notes.append(f"{format_names(double, 4)} names several columns: the later ones are called {double[0]}_2, …")
    names = _make_unique(names)
    return tuple(names), tuple(names[index] for index in dropped), notes


def _make_unique(names: Sequence[str]) -> list[str]:
    """Return names with those of unnamed columns, x1, x2, …, and a number after repeated ones."""
    taken = {name for name in names if name}
    seen: Counter[str] = Counter()
    result = []
    for index, name in enumerate(names):
        seen[name] += 1
        if name and seen[name] == 1:
            result.append(name)
            continue
        number = seen[name] if name else 1
        unique = f"{name}_{number}" if name else f"x{index + 1}"
        while unique in taken:
            number += 1
            unique = f"{name or f'x{index + 1}'}_{number}"
        if name:
            seen[name] = number
        taken.add(unique)
        result.append(unique)
    return result


def _is_counter(cells: Sequence[str]) -> bool:
    """Return whether cells are whole numbers, all different."""
    return all(_WHOLE.fullmatch(cell) for cell in cells) and len(set(cells)) == len(cells) > 0


def are_codes(cells: Sequence[str], missing: Collection[str]) -> bool:
    """Return whether cells are whole numbers of one width, some with leading zeros."""
    filled = [cell for cell in cells if cell and cell not in missing]
    return (
        len({len(cell) for cell in filled}) == 1
        and len(filled[0]) > 1
        and any(cell[0] == "0" for cell in filled)
        and all(cell.isascii() and cell.isdigit() for cell in filled)
    )


def detect_thousands(columns: Sequence[Sequence[str]], decimal: str) -> str:
    """Return the separator of thousands, if a column has several numbers that can't be read otherwise."""
    for separator in ("," if decimal == "." else ".", "'"):
        group = rf"[+-]?\d{{1,3}}(?:[{separator}]\d{{3}})"
        clear = re.compile(rf"{group}+[{decimal}]\d+|{group}{{2,}}")
        for cells in columns:
            if sum(separator in cell and clear.fullmatch(cell) is not None for cell in cells) > 1:
                return separator
    return ""


def detect_date_formats(columns: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return the formats of columns of dates beside ISO 8601: 31.01.2024, 31/01/2024 or 01/31/2024."""
    formats = []
    for cells in columns:
        matches = [_LOCAL_DATE.fullmatch(cell) for cell in cells if cell and cell not in MISSING_MARKS]
        dates = [match for match in matches if match is not None]
        if not dates or len(dates) < len(matches) or len({match[2] for match in dates}) > 1:
            continue
        sign = dates[0][2]
        day_first = sign == "." or any(int(match[1]) > 12 for match in dates)
        day = f"%d{sign}%m{sign}%Y" if day_first else f"%m{sign}%d{sign}%Y"
        time = ""
        if dates[0][4]:
            time = " %H:%M:%S" if dates[0][5] else " %H:%M"
        formats.append(day + time)
    return tuple(dict.fromkeys(formats))

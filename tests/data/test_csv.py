"""CSV block by block: rows, row numbers and types do not depend on where a block ends."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from glassnet import InputError
from glassnet.data import CsvFormat, Files, features, open_files, read_table, target_values
from glassnet.data.text import csv_file, lines

ROWS = [f"{row % 256},{row / 8},{'xyz'[row % 3]}" for row in range(1, 2001)]


def write(folder: Path, rows: list[str], header: str = "a,b,label", name: str = "t.csv", newline: str = "\n") -> Path:
    path = folder / name
    path.write_bytes(newline.join([header, *rows]).encode())
    return path


@pytest.fixture(params=[64, 1 << 10, 1 << 22], ids=["tiny", "small", "usual"])
def size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Set the block size in bytes."""
    cut = lines.split_rows
    monkeypatch.setattr(csv_file, "split_rows", lambda stream, **how: cut(stream, request.param, 1 << 20, **how))
    return int(request.param)


def row_locations(files: Files) -> list[tuple[str, int]]:
    """Return the file and number of every row of the blocks."""
    files.settle()
    return [block.locate(index) for block in files.blocks() for index in range(len(block))]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_blocks_hold_every_row_once_in_order(size: int, newline: str, tmp_path: Path) -> None:
    path = write(tmp_path, ROWS, newline=newline)
    files = open_files(path)
    for _ in range(2):
        blocks = list(files.blocks())
        assert (len(blocks) <= 2) == (size == 1 << 22)  # a last row without a newline comes alone
        np.testing.assert_array_equal(
            np.concatenate([features(block, ["b", "a"]) for block in blocks]),
            [[row / 8, row % 256] for row in range(1, 2001)],
        )
        assert [label for block in blocks for label in target_values(block, "label")] == list("yzx" * 667)[:2000]
    assert row_locations(files) == [(str(path), row) for row in range(1, 2001)]


@pytest.mark.sweep(strength=1)
@pytest.mark.parametrize("row", [1, 777, 2000])
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("1,oops,x", "column 'b' is 'oops', which is not a number"),
        ("1,,x", "column 'b' is empty"),
        ("1,nan,x", "column 'b' is empty"),
        ("1,inf,x", "column 'b' is inf"),
        ("1,2", "has 2 columns and the header 3; fix the row '1,2'"),
        ("1,2,3,4", "has 4 columns and the header 3"),
    ],
)
def test_an_invalid_row_is_reported_by_its_number_or_skipped(
    size: int, row: int, bad: str, message: str, tmp_path: Path
) -> None:
    rows = list(ROWS)
    rows[row - 1] = bad
    path = write(tmp_path, rows)
    with pytest.raises(InputError, match=rf"t\.csv: row {row},? {message}"):
        features(read_table(path), ["a", "b"])
    files = open_files(path, on_bad_row="skip")
    files.require(*files.names)
    assert row_locations(files) == [(str(path), number) for number in range(1, 2001) if number != row]
    assert files.bad_count == 1 and files.bad_rows == [(str(path), row, message.split(";")[0].split(", which")[0])]
    assert len(files.table()) == 1999


def test_row_numbers_stay_correct_around_invalid_rows_of_every_kind(size: int, tmp_path: Path) -> None:
    rows = list(ROWS)
    worse = {3: "1,x,y", 4: "1,2", 5: "", 700: "1,inf,x", 701: "1,1e999,x", 702: ",1,x", 1999: "1,2,", 2000: "1,2,3,4"}
    for row, text in worse.items():
        rows[row - 1] = text
    files = open_files(write(tmp_path, rows), on_bad_row="skip")
    files.require(*files.names)
    table = files.table()
    found = [row for _, row, _ in files.bad_rows]
    # an empty line is not a row: the numbers below it are smaller by one
    assert found == [3, 4, 699, 700, 701, 1998, 1999]
    assert [table.locate(index)[1] for index in range(len(table))] == [n for n in range(1, 2000) if n not in found]
    x = features(table, ["b"])[:, 0]
    assert x[1] == 2 / 8 and x[2] == 6 / 8 and x[-1] == 1998 / 8


def test_a_file_of_invalid_rows_only_is_rejected(tmp_path: Path) -> None:
    path = write(tmp_path, ["1,2", "x", ""])
    with pytest.raises(InputError, match=r"none of the 2 rows is valid; row 1: has 2 columns and the header 3"):
        read_table(path, on_bad_row="skip")
    with pytest.raises(InputError, match="on_bad_row is 'ignore'; it must be 'error'"):
        open_files(path, on_bad_row="ignore")


def test_column_types_get_wider_and_never_narrower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "split_rows", lambda stream, **how: lines.split_rows(stream, 1, 1 << 20, **how))
    cells = ["", "7", "300", "2", "0.5", "9", "007", "1", "true", "false"]
    files = open_files(write(tmp_path, [f"{cell},{index}" for index, cell in enumerate(cells)], "a,b"))
    types = [str(block.columns["a"].type) for block in files.blocks(settle=False)]
    assert types == ["null", "uint8", "int64", "int64", "double", "double", "double", "double", "string", "string"]
    # a column that turned out to be text is read again as text, so that 007 stays 007
    assert files.table().columns["a"].to_pylist() == [None, *cells[1:]]
    assert {str(block.columns["a"].type) for block in files.blocks()} == {"string"}


@pytest.mark.parametrize("cells", [["1", "true"], ["2024-01-31", "5"], ["5", "12:30"], ["true", "0"], ["1", "x"]])
def test_the_type_of_a_column_does_not_depend_on_the_blocks(
    cells: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, cells, "y")
    whole = target_values(read_table(path), "y").tolist()
    monkeypatch.setattr(csv_file, "split_rows", lambda stream, **how: lines.split_rows(stream, 1, 1 << 20, **how))
    assert target_values(read_table(path), "y").tolist() == whole == cells


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    "rows",
    [
        [["1", "a\nb"], ["2", "c"]],
        [["1", 'say "hi",\n\nyou'], ["2", '"'], ["3", "\r\n"]],
        [['"', '""'], [",\n", "x"]] * 50,
        [["5", "x\n" * 100]] * 5,
    ],
)
def test_newlines_and_commas_inside_quotes_do_not_end_a_row(
    rows: list[list[str]], size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_file, "split_rows", lambda stream, **how: lines.split_rows(stream, size, 1 << 20, **how))
    quoted = [",".join('"' + text.replace('"', '""') + '"' for text in row) for row in rows]
    table = read_table(write(tmp_path, quoted, '"a\n,",b'))
    assert table.names == ["a\n,", "b"]
    assert target_values(table, "b").tolist() == [row[1] for row in rows]
    assert table.locate(len(rows) - 1)[1] == len(rows)


@pytest.mark.parametrize("size", [1, 16, 1 << 20])
def test_a_quote_in_the_middle_of_a_cell_is_literal(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "split_rows", lambda stream, **how: lines.split_rows(stream, size, 1 << 20, **how))
    table = read_table(write(tmp_path, ['1,5" pipe', '2,"a ""b"" \n c"', '3,2" by 4"'] * 20, "a,b"))
    assert target_values(table, "b").tolist() == ['5" pipe', 'a "b" \n c', '2" by 4"'] * 20


def test_an_unclosed_quote_and_a_too_long_row_are_reported_by_row(size: int, tmp_path: Path) -> None:
    path = write(tmp_path, [*ROWS, '1,2,"open', *ROWS[:50]])
    with pytest.raises(InputError, match=r"t\.csv: row 2001 opens a quote that is never closed"):
        read_table(path)
    path = write(tmp_path, [*ROWS, '1,2,"' + "x" * (1 << 23)])
    with pytest.raises(InputError, match=r"t\.csv: row 2001 (is longer than|opens a quote)"):
        read_table(path)


def test_bytes_that_are_not_utf8_are_read_as_cp1252_unless_others_are(size: int, tmp_path: Path) -> None:
    path = write(tmp_path, ROWS)
    plain = path.read_bytes()
    path.write_bytes(plain + b"\n1,2,caf\xe9\n3,4,x\n")
    assert target_values(read_table(path), "label")[2000] == "café"
    path.write_bytes(plain + "\n1,2,ü".encode() + b"\n1,2,caf\xe9\n3,4,x\n")
    with pytest.raises(InputError, match=r"row 2002 has in column 'label' 'caf\ufffd', which is not UTF-8 text; give"):
        read_table(path)
    files = open_files(path, on_bad_row="skip")
    assert len(files.table()) == 2002
    assert files.bad_rows == [(str(path), 2002, "column 'label' is 'caf\ufffd'")]
    assert target_values(read_table(path, csv_format=CsvFormat(encoding="latin-1")), "label")[2001] == "café"


def row_ends(text: str) -> tuple[list[int], bool]:
    """Return where rows end, and whether the text ends inside quotes, parsed character by character."""
    ends = []
    inside = False
    begins = True
    position = 0
    while position < len(text):
        character = text[position]
        if inside and text[position : position + 2] == '""':
            position += 1
        elif inside:
            inside = character != '"'
        elif character == '"' and begins:
            inside = True
        elif character == "\n":
            ends.append(position + 1)
        begins = not inside and character in ",\n"
        position += 1
    return ends, inside


@settings(deadline=None)
@given(st.text('a,"\n', max_size=40), st.integers(1, 9))
@example('"a"\n"b', 1)
@example('"a""\n"\n', 1)
def test_rows_end_where_a_character_by_character_parser_ends_them(text: str, size: int) -> None:
    ends, inside = row_ends(text)
    code = text.encode()
    assert lines.end_of_rows(code) == (ends[-1] if ends else 0)
    assert lines.end_of_rows(code, first=True) == (ends[0] if ends else 0)
    blocks = []
    try:
        for block in lines.split_rows(io.BytesIO(code), size, 100):
            blocks.append(block)
        assert not inside and b"".join(blocks) == code
    except lines.UnclosedQuote:
        assert inside and b"".join(blocks) == code[: lines.end_of_rows(code)]
    assert set(np.cumsum([len(block) for block in blocks])) <= {*ends, len(code)}


@pytest.mark.parametrize("header", [True, False])
def test_a_small_file_of_many_columns_needs_a_permission(header: bool, tmp_path: Path) -> None:
    row = ",".join(["1"] * 30_000)
    path = tmp_path / "t.csv"
    path.write_text((",".join(f"c{column}" for column in range(30_000)) + "\n") * header + f"{row}\n" * 4)
    with pytest.raises(InputError, match=r"the file has 30,000 columns, more than 25,000.*--max-columns 30000"):
        open_files(path)
    assert open_files(path, max_columns=30_000).table().shape == (4, 30_000)

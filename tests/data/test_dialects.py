"""CSV files are read as people write them; what was detected is reported, and each option overrides it."""

import datetime
import gzip
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glassnet import InputError
from glassnet.data import CsvFormat, open_files, read_table
from glassnet.data.text.head_columns import NUMBER

TABLES = Path(os.environ.get("GLASSNET_TABLES", "/work/shared/tables"))


def write(folder: Path, text: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def rows(path: Path, **options: Any) -> dict[str, list[Any]]:
    return read_table(path, **options).to_arrow().columns.to_pydict()


def notes(path: Path, **options: Any) -> str:
    return "\n".join(open_files(path, **options).notes)


PLAIN = {"a": [1, 2, 3], "b": [0.5, 1.25, -2.0], "label": ["x", "y", "x"]}
LINES = ["a,b,label", "1,0.5,x", "2,1.25,y", "3,-2.0,x"]


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("\n".join(LINES), ""),
        ("\r\n".join(LINES) + "\r\n", ""),
        ("\r".join(LINES) + "\r", ""),
        ("\ufeff" + "\n".join(LINES), ""),
        ("\n\n" + "\n\n".join(LINES), ""),
        ("\n".join(LINES).replace(",", ";"), "the delimiter is ';'"),
        ("\n".join(LINES).replace(",", "\t"), "the delimiter is a tab"),
        ("\n".join(LINES).replace(",", "|"), "the delimiter is '|'"),
        ("sep=;\n" + "\n".join(LINES).replace(",", ";"), "the delimiter is ';'"),
        ("\n".join(LINES).replace(",", ";").replace(".", ","), "decimals have a comma"),
        ("\n".join(LINES).replace(",", ", "), ""),
        ("\n".join(f'"{line}"' for line in LINES).replace(",", '","'), ""),
        ("\n".join(f"'{line}'" for line in LINES).replace(",", "','"), "quoted with '"),
        ("\n".join(f'"{line}"' for line in LINES).replace(",", '" , "'), ""),
        ("\n".join(f"{line}," for line in LINES), "ends with a delimiter"),
        ("\n".join([LINES[0], *(f"{line}," for line in LINES[1:])]), "ends with a delimiter"),
        ("# made by a program\n# on a day\n" + "\n".join(LINES), "begin with #"),
        ("\n".join([*LINES[:2], "", *LINES[2:]]), ""),
        ("\n".join(LINES).encode("utf-16"), "encoded in utf-16"),
        ("\n".join(LINES).encode("utf-16-le"), "encoded in utf-16-le"),
        ("\n".join(LINES).encode("utf-32"), "encoded in utf-32"),
    ],
)
def test_a_dialect_is_detected_and_reported(text: str | bytes, note: str, tmp_path: Path) -> None:
    path = write(tmp_path, text)
    assert rows(path) == PLAIN
    assert note in notes(path)
    assert bool(note) == bool(notes(path))


def test_accents_are_read_in_every_encoding(tmp_path: Path) -> None:
    text = "größe,stadt\n1,Köln\n2,Málaga\n"
    for encoding in ("utf-8", "cp1252", "utf-16", "utf-16-be"):
        assert rows(write(tmp_path, text.encode(encoding)))["stadt"] == ["Köln", "Málaga"]
    path = write(tmp_path, text.encode("cp1252"))
    assert "encoded in cp1252 (--encoding takes another)" in notes(path)
    path = write(tmp_path, "a,b\n1,Ω\n".encode("iso8859-7"))
    assert rows(path, csv_format=CsvFormat(encoding="iso8859-7"))["b"] == ["Ω"]
    with pytest.raises(InputError, match="can't be decoded as utf-16"):
        rows(write(tmp_path, "a,b\n1,x\n".encode("utf-16")[:-1]))


@pytest.mark.parametrize(
    ("text", "names", "first"),
    [
        ("5,0.5\n6,1\n", ["x1", "x2"], [5, 0.5]),
        ("5.1,3.5,setosa\n4.9,3.0,setosa\n", ["x1", "x2", "x3"], [5.1, 3.5, "setosa"]),
        ("1,1,0\n2,2,1\n", ["x1", "x2", "x3"], [1, 1, 0]),  # equal values in the first line are no repeated names
        ("M,0.4,15\nF,0.3,7\n", ["x1", "x2", "x3"], ["M", 0.4, 15]),
        ("red,yes\nblue,no\nred,yes\nblue,yes\n", ["x1", "x2"], ["red", "yes"]),
        ("?,audi,4\n?,bmw,5\n", ["x1", "x2", "x3"], [None, "audi", 4]),
        ("name,city\nAnn,Rome\nBob,Oslo\n", ["name", "city"], ["Ann", "Rome"]),
        ("0,1,2,3\n5.5,2,1,0\n1,2,7,3\n", ["0", "1", "2", "3"], [5.5, 2, 1, 0]),
        ("country,2019,2020,2021\nA,1,4,3\nB,4,5,6\n", ["country", "2019", "2020", "2021"], ["A", 1, 4, 3]),
        ("a,b\n,\n1,2\n", ["a", "b"], [None, None]),
    ],
)
def test_a_header_is_told_from_data(text: str, names: list[str], first: list[Any], tmp_path: Path) -> None:
    path = write(tmp_path, text)
    table = rows(path)
    assert list(table) == names
    assert [column[0] for column in table.values()] == first
    assert ("first line looks like data" in notes(path)) == (names[0] == "x1")


def test_the_header_can_be_given(tmp_path: Path) -> None:
    path = write(tmp_path, "1,2\n3,4\n5,6\n")
    assert rows(path, csv_format=CsvFormat(header=True)) == {"1": [3, 5], "2": [4, 6]}
    path = write(tmp_path, "a,b\nc,d\n")
    assert rows(path, csv_format=CsvFormat(header=False)) == {"x1": ["a", "c"], "x2": ["b", "d"]}
    path = write(tmp_path, "u,v\nw,u\n")
    assert list(rows(path, expected=["v", "other"])) == ["u", "v"]
    assert list(rows(path, expected=["x1", "x2"])) == ["x1", "x2"]


def test_repeated_and_missing_names_are_made_unique(tmp_path: Path) -> None:
    path = write(tmp_path, "a,,a,b,a_2,a\n1,2,3,4,5,6\n7,8,9,0,1,2\n")
    assert list(rows(path)) == ["a", "x2", "a_3", "b", "a_2", "a_4"]
    assert "'a' names several columns" in notes(path)


@pytest.mark.parametrize("start", [0, 1])
def test_an_unnamed_counter_is_left_out(start: int, tmp_path: Path) -> None:
    lines = [f"{row},{row / 2},k{row % 3}" for row in range(start, 50)]
    for header in (",v,k", '"","v","k"', "v,k"):  # pandas, R's write.csv, R's write.table
        path = write(tmp_path, "\n".join([header, *lines]))
        assert list(rows(path)) == ["v", "k"]
        assert "numbers the rows: it is left out" in notes(path)
    path = write(tmp_path, "\n".join(["id,v,k", *lines]))  # one with a name is the user's
    assert list(rows(path)) == ["id", "v", "k"]


@pytest.mark.parametrize("mark", ["", "?", "NA", "N/A", "nan", "NaN", "null", "None", "-", "."])
@pytest.mark.parametrize(
    "cells", [["1", "2.5", "7"], ["2024-01-31", "2024-02-01", "2024-02-02"], ["true", "false", "true"]]
)
def test_marks_are_missing_values_where_the_rest_has_another_kind(mark: str, cells: list[str], tmp_path: Path) -> None:
    path = write(tmp_path, "\n".join(["a,b", f"{mark},1", *(f"{cell},2" for cell in cells), f" {mark},3"]))
    values = rows(path)["a"]
    assert values[0] is None and values[-1] is None and None not in values[1:-1]
    assert not isinstance(values[1], str)


def test_marks_are_text_in_a_column_of_text_unless_they_are_given(tmp_path: Path) -> None:
    path = write(tmp_path, "a,b\nNone,1\n,2\nsevere,-999\nmild,4\n")
    assert rows(path) == {"a": ["None", None, "severe", "mild"], "b": [1, 2, -999, 4]}
    given = CsvFormat(missing=("None", "-999"))
    assert rows(path, csv_format=given) == {"a": [None, None, "severe", "mild"], "b": [1, 2, None, 4]}


def test_a_title_above_the_table_is_an_error_not_a_column(tmp_path: Path) -> None:
    path = write(tmp_path, "Report of sales\n\nname,price\nA,1\nB,2\n")
    with pytest.raises(InputError, match=r"row 1 has 2 columns and the header 1; fix the row 'name,price'"):
        read_table(path)


def test_text_is_trimmed(tmp_path: Path) -> None:
    assert rows(write(tmp_path, 'a,b\n red,1\nred ,2\n" red\t",3\n'))["a"] == ["red"] * 3


@pytest.mark.parametrize("cell", ["n/a (broken)", "<1.0", '"1,250.5"', "12 kg", "1e", "--", "true", "2024-01-31"])
@pytest.mark.parametrize("row", [1, 200, 400])
def test_an_odd_cell_does_not_outvote_a_column(cell: str, row: int, tmp_path: Path) -> None:
    prices = [str(100 + 7 * number) for number in range(400)]
    prices[row - 1] = cell
    path = write(tmp_path, "\n".join(["id,price", *(f"{number},{price}" for number, price in enumerate(prices))]))
    with pytest.raises(InputError) as raised:
        read_table(path)
    message = str(raised.value)
    assert message.startswith(f"{path}: row {row}, column 'price' is {cell.strip(chr(34))!r}, which is not a number")
    assert all(way in message for way in ("--missing", "--thousands", "--on-bad-row skip", "--categorical"))
    files = open_files(path, on_bad_row="skip")
    assert len(files.table()) == 399 and files.bad_rows[0][1] == row
    assert rows(path, kinds={"price": "text"})["price"][row - 1] == cell.strip('"')


@pytest.mark.parametrize("share", [0.01, 0.05, 0.06, 0.5, 0.95, 1.0])
@pytest.mark.parametrize("at_start", [False, True])
def test_many_texts_make_a_column_text_wherever_they_are(share: float, at_start: bool, tmp_path: Path) -> None:
    n_text = round(2000 * share)
    cells = [f"k{number % 7}" for number in range(n_text)] + [f"{number}.0" for number in range(2000 - n_text)]
    cells = cells if at_start else cells[::-1]
    path = write(tmp_path, "\n".join(["a,b", *(f"{cell},{'z' * 100}" for cell in cells)]))
    if share <= 0.05:
        with pytest.raises(InputError, match=r"column 'a' is 'k\d', which is not a number"):
            read_table(path)
    else:
        assert rows(path)["a"] == cells
        files = open_files(path)
        files.settle()
        assert [value for block in files.blocks() for value in block.to_arrow().columns["a"].to_pylist()] == cells


def test_one_rule_holds_for_all_files_of_a_set(tmp_path: Path) -> None:
    for number in range(4):
        cells = ["1", "2", "3"] if number != 2 else ["1", "b", "c"]
        write(tmp_path, "\n".join(["a,y", *(f"{cell},{number}" for cell in cells)]), f"{number}.csv")
    assert rows(tmp_path)["a"] == ["1", "2", "3"] * 2 + ["1", "b", "c"] + ["1", "2", "3"]


@pytest.mark.parametrize(
    ("cells", "options", "values"),
    [
        (['"1,250.50"', '"12,000.00"', "7.5"], {}, [1250.5, 12000, 7.5]),
        (['"1,250"', '"12,000"', "7"], {"thousands": ","}, [1250, 12000, 7]),
        (["1250", "+7", "-3"], {}, [1250, 7, -3]),
        (["1 250", "12 000", "7"], {"thousands": " "}, [1250, 12000, 7]),
        (["1'250.5", "12'000", "7"], {"thousands": "'"}, [1250.5, 12000, 7]),
        (["1'250.5", "12'000.25", "7"], {}, [1250.5, 12000.25, 7]),
    ],
)
def test_numbers_with_separators_of_thousands(
    cells: list[str], options: dict[str, Any], values: list[float], tmp_path: Path
) -> None:
    path = write(tmp_path, "\n".join(["a,b", *(f"{number},{cell}" for number, cell in enumerate(cells))]))
    assert rows(path, csv_format=CsvFormat(**options))["b"] == values


def test_thousands_and_decimal_comma(tmp_path: Path) -> None:
    path = write(tmp_path, "a;b\n1.250,5;x\n12.000,75;y\n7,5;x\n")
    assert rows(path)["a"] == [1250.5, 12000.75, 7.5]
    assert "'.' separates thousands" in notes(path)


@pytest.mark.parametrize(
    ("cells", "first"),
    [
        (["2024-01-31", "2024-02-01"], datetime.datetime(2024, 1, 31)),
        (["2024-01-31 12:30", "2024-02-01 00:00"], datetime.datetime(2024, 1, 31, 12, 30)),
        (["2024-01-31T12:30:00Z", "2024-02-01T00:00:00Z"], datetime.datetime(2024, 1, 31, 12, 30)),
        (["31.01.2024", "01.02.2024"], datetime.datetime(2024, 1, 31)),
        (["31/01/2024", "01/02/2024"], datetime.datetime(2024, 1, 31)),
        (["01/31/2024", "02/01/2024"], datetime.datetime(2024, 1, 31)),
        (["31.01.2024 12:30", "01.02.2024 00:00"], datetime.datetime(2024, 1, 31, 12, 30)),
    ],
)
def test_dates_are_timestamps(cells: list[str], first: datetime.datetime, tmp_path: Path) -> None:
    path = write(tmp_path, "\n".join(["day,v", *(f"{cell},1" for cell in cells)]))
    assert rows(path)["day"][0] == first
    assert rows(path, kinds={"day": "date"})["day"][0] == first
    assert rows(path, kinds={"day": "text"})["day"] == cells


def test_whole_numbers_with_leading_zeros_are_text(tmp_path: Path) -> None:
    path = write(tmp_path, "\n".join(["zip,v", *(f"{number:05},0{number}" for number in range(990, 1010))]))
    table = rows(path)
    assert table["zip"][0] == "00990" and table["v"][0] == 990
    assert rows(path, kinds={"zip": "number"})["zip"][0] == 990


def test_columns_are_left_out(tmp_path: Path) -> None:
    path = write(tmp_path, "id,a,b\nx1,1,2\n17,3,4\n18,3,4\n19,3,4\n20,3,4\n")  # id would be an error
    assert rows(path, ignore=["id"]) == {"a": [1, 3, 3, 3, 3], "b": [2, 4, 4, 4, 4]}
    with pytest.raises(InputError, match="all columns are ignored"):
        rows(path, ignore=["id", "a", "b"])
    with pytest.raises(InputError, match="--ignore names the column 'idd', which is not there; did you mean 'id'"):
        open_files(path).check_columns("--ignore", ["idd"])


def test_a_zip_with_one_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/t.csv", "\n".join(LINES))
        archive.writestr("__MACOSX/folder/._t.csv", "rubbish")
    assert rows(path) == PLAIN
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("folder/other.csv", "\n".join(LINES))
    with pytest.raises(InputError, match=r"the archive holds 'folder/t.csv', 'folder/other.csv'; it must hold one CSV"):
        rows(path)


def test_an_excel_sheet_is_read(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["id", "when", "ok", "price", "label"])
    for row in range(1, 31):
        price = None if row == 7 else row * 1.5
        sheet.append([row, datetime.datetime(2024, 1, row), row % 2 == 0, price, "ab"[row % 2]])
    path = tmp_path / "book.xlsx"
    book.save(path)
    table = rows(path)
    assert table["when"][2] == datetime.datetime(2024, 1, 3) and table["ok"][:2] == [False, True]
    assert table["price"][6] is None and table["price"][7] == 12 and table["label"][0] == "b"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"book\.xlsx"):
        rows(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.xls", b"\xd0\xcf\x11\xe0" + bytes(100), r"an old Excel workbook \(.xls\); save it as .xlsx or CSV"),
        ("t.csv", b"<!DOCTYPE html><html></html>", "a web page, not a table"),
        ("t.json", b'{"a": [1, 2]}', "a JSON file"),
        ("t.csv", b"%PDF-1.7", "a PDF document"),
        ("t.h5", b"\x89HDF\r\n", "an HDF5 file"),
        ("t.pkl", b"\x80\x04\x95", "a pickle"),
        ("t.arff", b"@relation iris\n", "an ARFF file"),
        ("t.csv.xz", b"\xfd7zXZ\x00", "compressed by xz"),
        ("t.sqlite", b"SQLite format 3\x00", "an SQLite database"),
        ("t.csv", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
    ],
)
def test_other_formats_are_named_with_the_way_out(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        read_table(write(tmp_path, content, name))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delimiter": ";;"}, "delimiter is ';;'"),
        ({"delimiter": '"'}, "delimiter is"),
        ({"decimal": ";"}, "decimal is ';'"),
        ({"encoding": "klingon"}, "encoding 'klingon' is not known"),
        ({"thousands": "x"}, "thousands is 'x'"),
        ({"thousands": ",", "decimal": ","}, "thousands and decimal are both ','"),
    ],
)
def test_options_that_are_not_possible_are_rejected(options: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        CsvFormat(**options)


def test_a_format_comes_back_from_its_dict() -> None:
    given = CsvFormat(delimiter="tab", missing=("x", ""), header=False)
    assert CsvFormat.from_dict(given.to_dict()) == given
    assert given.delimiter == "\t"


@pytest.mark.skipif(not TABLES.is_dir(), reason="no folder of real tables; set GLASSNET_TABLES to it")
@pytest.mark.parametrize(
    ("name", "shape", "texts"),
    [
        ("abalone.csv", (4177, 9), 1),
        ("adult-train.csv.gz", (32561, 15), 9),
        ("adult-test.csv.gz", (16281, 15), 9),
        ("auto_imports.csv", (201, 26), 10),
        ("breast-cancer.csv", (286, 10), 9),
        ("german.csv", (1000, 21), 13),
        ("haberman.csv", (306, 4), 0),
        ("horse-colic.csv", (300, 28), 2),
        ("housing.csv", (506, 14), 0),
        ("wheat-seeds.csv", (210, 8), 0),
        ("winequality-white.csv", (4898, 12), 0),
    ],
)
def test_real_tables_are_read(name: str, shape: tuple[int, int], texts: int) -> None:
    table = read_table(TABLES / name).to_arrow().columns
    assert table.shape == shape and table.column_names[0] == "x1"
    assert sum(str(type_) == "string" for type_ in table.schema.types) == texts


def test_a_compressed_file_has_the_same_dialect(tmp_path: Path) -> None:
    text = "\n".join(LINES).replace(",", ";")
    assert rows(write(tmp_path, gzip.compress(text.encode()), "t.csv.gz")) == PLAIN


CELLS = st.one_of(
    st.integers(-(10**6), 10**6).map(str),
    st.floats(-1e6, 1e6).map(lambda number: f"{number:.3f}"),
)
WORDS = st.text("abcxyzäß -", min_size=1, max_size=8).map(str.strip).filter(lambda word: len(word) > 1 and word != "--")


@st.composite
def written_tables(draw: st.DrawFn) -> tuple[dict[str, list[Any]], bytes, str, bool]:
    """Return columns, and the bytes of a file in some dialect, its encoding, and whether it has a header."""
    n = draw(st.integers(12, 30))
    columns: dict[str, list[Any]] = {}
    texts = set()
    for number in range(draw(st.integers(2, 4))):
        kind = draw(st.sampled_from(["number", "text", "date"]))
        if kind == "number":
            cells = draw(st.lists(CELLS, min_size=n, max_size=n))
        elif kind == "date":
            cells = [f"2024-{draw(st.integers(1, 12)):02}-{draw(st.integers(1, 28)):02}" for _ in range(n)]
        else:
            texts.add(f"col{number}")
            cells = draw(st.lists(WORDS, min_size=n, max_size=n))
        columns[f"col{number}"] = cells
    columns["size"] = [f"{row}.5" for row in range(n)]  # what makes a header certain
    delimiter = draw(st.sampled_from([",", ";", "\t", "|"]))
    comma = delimiter != "," and draw(st.booleans())
    header = draw(st.booleans())
    mark = draw(st.sampled_from(["", "?", "NA", "null"]))
    quote = draw(st.sampled_from(["", '"', "'"]))
    lines = [list(columns)] if header else []
    written = {name: list(cells) for name, cells in columns.items()}
    for name, cells in written.items():
        for row in draw(st.sets(st.integers(0, n - 1), max_size=2)) if name != "size" else ():
            if name not in texts:
                cells[row] = mark
                columns[name][row] = None
    for row in range(n):
        cells = [cells[row] for cells in written.values()]
        if comma:
            cells = [cell.replace(".", ",") if NUMBER.fullmatch(cell) else cell for cell in cells]
        lines.append(cells)
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    last = draw(st.sampled_from(["", delimiter]))
    blank = draw(st.sampled_from(["", " "])) if delimiter in ",;|" else ""
    text = end.join((delimiter + blank).join(f"{quote}{cell}{quote}" for cell in line) + last for line in lines) + end
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]))
    return columns, text.encode(encoding), encoding, header


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=written_tables())
def test_every_dialect_gives_the_same_table(
    written: tuple[dict[str, list[Any]], bytes, str, bool], tmp_path: Path
) -> None:
    columns, content, _, header = written
    table = rows(write(tmp_path, content))
    names = list(columns) if header else [f"x{number}" for number in range(1, len(columns) + 1)]
    assert list(table) == names
    for found, expected in zip(table.values(), columns.values(), strict=True):
        if isinstance(found[-1] if found[-1] is not None else found[0], str):
            assert found == expected
        else:
            assert [None if cell is None else as_written(cell) for cell in found] == [
                None if cell is None else as_written(parse(cell)) for cell in expected
            ]


def parse(cell: str) -> Any:
    return datetime.datetime.fromisoformat(cell) if cell[4:5] == "-" else float(cell)


def as_written(value: Any) -> Any:
    return value if isinstance(value, datetime.datetime) else round(float(value), 3)

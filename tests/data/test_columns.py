"""Files to arrays; errors name the row and column."""

import gzip
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from glassnet import InputError
from glassnet.data import ArrowTable, choose_target, features, read_table, target_values
from glassnet.data.provenance import RowSpan

GOOD = "a,b,label\n1,2.5,x\n3,4,y\n5,-6e3,x\n"


def write(folder: Path, text: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize("ending", ["", ".gz", ".bz2", ".zst"])
def test_a_file_is_read_plain_or_compressed(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"t.csv{ending}"
    with pa.output_stream(str(path), compression="detect") as stream:
        stream.write(GOOD.encode())
    table = read_table(path)
    assert table.names == ["a", "b", "label"] and len(table) == 3
    np.testing.assert_array_equal(features(table, ["b", "a"]), [[2.5, 1], [4, 3], [-6000, 5]])
    assert target_values(table, "label").tolist() == ["x", "y", "x"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty; it needs rows, with a header that names the columns"),
        (" \n\n", "the file is empty"),
        ("a,b,label\n", "has a header but no rows"),
        ("a,b\n1,2\n3\n4,5\n", "row 2 has 1 columns and the header 2; fix the row '3'"),
        ("a,b\n1,2\n1,2,3\n", "row 2 has 3 columns and the header 2"),
        (b"a,\0\r\n\x1a\n\0\0\0\rIHDR", "this is a binary file, not CSV text"),
        (b"\xff\xd9\xff\xe0,\n\xce,\xf3\xca,\x11\n", "this is a binary file, not CSV text"),
        ("a,b\n1,2\né,ü,ß\n", "row 2 has 3 columns and the header 2; fix the row 'é,ü,ß'"),
    ],
)
def test_a_file_that_is_not_a_table_is_rejected(content: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        features(read_table(write(tmp_path, content)), ["a"])


def test_missing_files_folders_and_broken_compression_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing.csv: there is no such file"):
        read_table(tmp_path / "nothing.csv")
    with pytest.raises(InputError, match="there is no file in this folder"):
        read_table(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.csv")
        with pytest.raises(InputError, match="pipe.csv: this is a pipe or a device, .* write it to a file first"):
            read_table(tmp_path / "pipe.csv")
    whole = gzip.compress(GOOD.encode() * 100)
    for content in (whole[: len(whole) // 2], b"no gzip at all, just text"):
        with pytest.raises(InputError, match=r"t.csv.gz: .*(complete|not CSV)"):
            read_table(write(tmp_path, content, "t.csv.gz"))


@pytest.mark.parametrize("row", [1, 2, 60_001])
@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("oops", "column 'b' is 'oops', which is not a number"),
        ("", "column 'b' is empty"),
        ("NaN", "column 'b' is empty"),
        ("NA", "column 'b' is empty"),
        ("inf", "column 'b' is inf"),
        ("2024-01-31", "column 'b' is '2024-01-31', which is not a number"),
    ],
)
def test_a_cell_that_is_not_a_number_is_reported_by_row_and_column(
    row: int, cell: str, message: str, tmp_path: Path
) -> None:
    lines = ["a,b,label"] + ["1,2.5,x"] * (row + 5)
    lines[row] = f"1,{cell},x"
    with pytest.raises(InputError, match=f"row {row}, {message}"):
        features(read_table(write(tmp_path, "\n".join(lines))), ["a", "b"])


@pytest.mark.parametrize("cells", [[-1, 5], [0, 256], [-1, -300], [0, 2**40]])
def test_integers_that_are_not_bytes_keep_their_value(cells: list[int], tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "a\n" + "\n".join(map(str, cells))))
    assert features(table, ["a"])[:, 0].tolist() == cells


def test_an_empty_column_and_an_empty_target_are_reported_as_empty(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "a,day,label\n,2024-01-31,x\n,2024-02-01,\n"))
    with pytest.raises(InputError, match="row 1, column 'a' is empty; every feature must be a number"):
        features(table, ["a"])
    with pytest.raises(InputError, match="row 1, column 'day' is 2024-01-31 00:00:00; every feature must be a number"):
        features(table, ["day"])
    with pytest.raises(InputError, match="row 2, target column 'label' is empty; every row needs a target"):
        target_values(table, "label")


def test_rows_are_counted_correctly_beyond_the_first_block(tmp_path: Path) -> None:
    filler = "1" * 200
    lines = ["a,b"] + [f"{filler},2"] * 90_000  # more than two blocks of 8 MB
    lines[88_123] = f"{filler},2,3"
    with pytest.raises(InputError, match="row 88123 has 3 columns"):
        read_table(write(tmp_path, "\n".join(lines)))


def test_files_written_by_spreadsheets_are_read(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, '\ufeff"a, first","b",label\r\n1,true,"x, ""quoted"""\r\n2,false,y\r\n'))
    assert table.names == ["a, first", "b", "label"]
    np.testing.assert_array_equal(features(table, ["a, first", "b"]), [[1, 1], [2, 0]])
    assert target_values(table, "label")[0] == 'x, "quoted"'


def test_bytes_stay_bytes_and_other_numbers_become_float64(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "p,q,r\n0,255,0.5\n7,256,1\n"))
    assert features(table, ["p"]).dtype == np.uint8
    assert features(table, ["q"]).dtype == np.float64
    mixed = features(table, ["p", "q", "r"])
    assert mixed.dtype == np.float64 and mixed.tolist() == [[0, 255, 0.5], [7, 256, 1]]


def test_missing_columns_are_named(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, GOOD))
    with pytest.raises(InputError, match="column 'c', 'd' is missing; it has 'b', 'label' instead"):
        features(table, ["a", "c", "d"])
    with pytest.raises(InputError, match="no column beside the target"):
        features(table, [])
    with pytest.raises(InputError, match="the target column 'z' is missing"):
        target_values(table, "z")


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("y,label,target", "label"),
        ("class,y,target", "target"),
        ("y,class", "class"),
        ("x,y", "y"),
        ("Class,x", "Class"),
        ("LABEL,label,x", "LABEL"),
        ("age,species", "species"),
        ("y1,targets", "targets"),
    ],
)
def test_the_target_is_found_by_its_usual_name_or_is_the_last(header: str, chosen: str, tmp_path: Path) -> None:
    row = ",".join("1" for _ in header.split(","))
    table = read_table(write(tmp_path, f"{header}\n{row}\n"))
    assert choose_target(table) == chosen
    assert choose_target(table, header.split(",")[-1]) == header.split(",")[-1]
    with pytest.raises(InputError, match="there is no column 'price'; the columns are"):
        choose_target(table, "price")


def test_a_mistyped_target_is_suggested_and_the_last_column_listed(tmp_path: Path) -> None:
    header = [f"x{number}" for number in range(12)] + ["Survived"]
    table = read_table(write(tmp_path, f"{','.join(header)}\n{','.join('1' for _ in header)}\n"))
    for name in ("survived", "Surived", "SURVIVED"):
        with pytest.raises(InputError, match=rf"no column '{name}'; did you mean 'Survived'\?.*the last is 'Survived'"):
            choose_target(table, name)


@pytest.mark.parametrize("cell", ["", "nan", "inf"])
def test_every_row_needs_a_target(cell: str, tmp_path: Path) -> None:
    table = read_table(write(tmp_path, f"a,y\n1,0.5\n2,{cell}\n"))
    with pytest.raises(InputError, match="row 2, target column 'y' is .*every row needs a target"):
        target_values(table, "y")


def test_mnist_as_kaggle_csv_is_read_as_bytes(mnist: Path) -> None:
    table = read_table(mnist / "mnist_train.csv.gz")
    assert choose_target(table) == "label"
    assert target_values(table, "label")[:5].tolist() == [5, 0, 4, 1, 9]
    x = features(table, [name for name in table.names if name != "label"])
    assert (x.shape, x.dtype, int(x.max())) == ((60_000, 784), np.uint8, 255)


@pytest.mark.parametrize("runs", [(), (RowSpan(0, "a", 3), RowSpan(2, "a", 9), RowSpan(5, "b", 1))])
def test_selected_rows_keep_their_file_and_row_number(runs) -> None:
    whole = ArrowTable("a", pa.table({"x": np.arange(9)}), first_row=4, spans=runs)
    chosen = np.array([0, 1, 2, 5, 6, 4, 8])
    some = ArrowTable("a", whole.columns.take(chosen), spans=whole.spans_of(chosen))
    expected = [whole.locate(row) for row in chosen]
    assert [some.locate(row) for row in range(len(some))] == expected
    assert list(zip(*whole.locate_many(chosen), strict=True)) == expected
    assert len(whole.spans_of(np.arange(9))) == max(len(runs), 1)  # rows that follow each other are one run

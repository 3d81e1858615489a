"""Files are found by path, folder and pattern, and form one table."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet
import pytest

from glassnet import InputError
from glassnet.data import (
    as_files,
    features,
    open_files,
    read_table,
)
from tests.data.sample_formats import as_arrow_stream, as_csv, as_feather, as_npz, as_parquet


def test_files_without_an_extension_are_detected_by_their_first_bytes(tmp_path: Path) -> None:
    x = np.arange(6.0).reshape(3, 2)
    y = np.arange(3)
    for write in (as_parquet, as_feather, as_arrow_stream, as_npz, as_csv):
        path = write(tmp_path, x, y).rename(tmp_path / "data")
        np.testing.assert_array_equal(features(read_table(path), ["x1", "x2"]), x)


def test_a_folder_or_pattern_is_one_table_and_rows_are_reported_by_file(tmp_path: Path) -> None:
    for number in range(1, 12):
        names = ["a", "b", "y"] if number % 2 else ["y", "b", "a"]
        values = {"a": [number] * 3, "b": [0.5, float("nan") if number == 7 else 1.5, 2.5], "y": ["u", "v", "w"]}
        table = pa.table({name: values[name] for name in names})
        pa.parquet.write_table(table, tmp_path / f"part-{number:02}.parquet")
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / ".hidden.csv").touch()
    for named in (tmp_path, tmp_path / "part-*.parquet", sorted(tmp_path.glob("part-*"))):
        files = open_files(named)
        assert [path.name for path in files.files] == [f"part-{number:02}.parquet" for number in range(1, 12)]
        assert files.size == sum(path.stat().st_size for path in files.files)
        table = files.table()
        assert features(table, ["a"])[:, 0].tolist() == np.repeat(np.arange(1, 12), 3).tolist()
        with pytest.raises(InputError, match=r"part-07\.parquet: row 2, column 'b' is nan"):
            features(table, ["a", "b"])
    skipping = open_files(tmp_path, on_bad_row="skip")
    skipping.require("b")
    table = skipping.table()
    assert len(table) == 32 and skipping.bad_rows == [(str(tmp_path / "part-07.parquet"), 2, "column 'b' is nan")]
    assert [table.locate(index)[1] for index in range(18, 21)] == [1, 3, 1]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"a": [1], "y": [1]}, "b.parquet: column 'b' is missing, which .*a.parquet has"),
        ({"a": [1], "b": [1], "c": [2], "y": [1]}, "b.parquet: column 'c' is not in .*a.parquet"),
        ({"a": ["text"], "b": [1], "y": [1]}, "b.parquet: column 'a' holds string, and in .*a.parquet int64"),
    ],
)
def test_files_with_different_columns_are_rejected(other: dict[str, list[Any]], message: str, tmp_path: Path) -> None:
    pa.parquet.write_table(pa.table({"a": [1], "b": [2], "y": [3]}), tmp_path / "a.parquet")
    pa.parquet.write_table(pa.table(other), tmp_path / "b.parquet")
    with pytest.raises(InputError, match=message):
        read_table(tmp_path)


def test_files_of_several_formats_are_rejected(tmp_path: Path) -> None:
    as_parquet(tmp_path, np.ones((2, 2)), np.ones(2))
    as_csv(tmp_path, np.ones((2, 2)), np.ones(2))
    with pytest.raises(InputError, match=r"t\.parquet: this is Parquet, and .*t\.csv is CSV; name files of one format"):
        read_table(tmp_path)
    with pytest.raises(InputError, match="paths is empty; name at least one file"):
        open_files([])


def test_as_files_takes_paths_and_files_as_they_are(tmp_path: Path) -> None:
    path = as_csv(tmp_path, np.ones((3, 2)), np.arange(3))
    files = as_files(path)
    assert as_files(files) is files and len(as_files([str(path)]).table()) == 3

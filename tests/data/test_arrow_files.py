"""Parquet and Arrow files: types, and text that is not UTF-8."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet
import pytest

from glassnet import InputError
from glassnet.data import (
    features,
    read_table,
    target_values,
)


def test_other_arrow_types_are_cast_to_plain_types(tmp_path: Path) -> None:
    table = pa.table(
        {
            "kind": pa.array(["u", "v", "u"]).dictionary_encode(),
            "long": pa.array(["p", "q", "r"], pa.large_string()),
            "price": pa.array([1, 2, 3]).cast(pa.decimal128(38, 2)),
            "flag": [True, False, True],
            "day": pa.array([1, 2, 3], pa.date32()),
            "list": [[1], [2], [3]],
        }
    )
    pa.parquet.write_table(table, tmp_path / "t.parquet")
    read = read_table(tmp_path / "t.parquet")
    assert target_values(read, "kind").tolist() == ["u", "v", "u"] and target_values(read, "long").tolist() == list(
        "pqr"
    )
    assert features(read, ["price", "flag"]).tolist() == [[1, 1], [2, 0], [3, 1]]
    for name, shown in (("day", "1970-01-02"), ("list", r"\[1\]"), ("kind", "'u'")):
        with pytest.raises(InputError, match=f"row 1, column '{name}' is {shown}; every feature must be a number"):
            features(read, [name])


def test_float16_columns_are_read(tmp_path: Path) -> None:
    halves = pa.array(np.array([0.5, 1.5, -2.0], np.float16))
    path = tmp_path / "halves.parquet"
    pyarrow.parquet.write_table(pa.table({"a": halves, "b": pa.array([1.0, 2.0, 3.0]), "label": halves}), path)
    table = read_table(path)
    np.testing.assert_array_equal(features(table, ["a", "b"]), [[0.5, 1], [1.5, 2], [-2, 3]])
    np.testing.assert_array_equal(target_values(table, "label"), [0.5, 1.5, -2])


def test_text_that_is_not_utf8_is_rejected(tmp_path: Path) -> None:
    offsets = pa.py_buffer(np.array([0, 1, 2], np.int32).tobytes())
    text = pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"a\xff")])
    pa.parquet.write_table(pa.table({"x": [1, 2], "label": text}), tmp_path / "t.parquet")
    with pytest.raises(InputError, match="UTF8|UTF-8"):
        read_table(tmp_path / "t.parquet")

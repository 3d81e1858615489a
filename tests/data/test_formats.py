"""Every format gives the same rows; damaged and malicious files are errors that name the file."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.sparse import issparse

from glassnet import InputError
from glassnet.data import (
    base_file,
    features,
    open_files,
    read_table,
    target_values,
)
from tests.data.sample_formats import (
    Writer,
    as_arrow_stream,
    as_csv,
    as_csv_gz,
    as_feather,
    as_npz,
    as_npz_compressed,
    as_npz_of_columns,
    as_parquet,
    as_svmlight,
)

WRITERS = [
    as_csv,
    as_csv_gz,
    as_parquet,
    as_feather,
    as_arrow_stream,
    as_npz,
    as_npz_compressed,
    as_npz_of_columns,
    as_svmlight,
]


def dense(x: Any) -> np.ndarray:
    return x.toarray() if issparse(x) else x


def names_of(x: np.ndarray) -> list[str]:
    return [f"x{column + 1}" for column in range(x.shape[1])]


def tables() -> st.SearchStrategy[tuple[np.ndarray, np.ndarray]]:
    cells = {
        "u1": st.integers(0, 255),
        "i8": st.integers(-(2**53), 2**53),
        "f4": st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False),
        "f8": st.floats(allow_nan=False, allow_infinity=False),
    }

    def build(drawn: tuple[str, int, int]) -> st.SearchStrategy[tuple[np.ndarray, np.ndarray]]:
        kind, rows, width = drawn
        x = st.lists(st.lists(cells[kind], min_size=width, max_size=width), min_size=rows, max_size=rows)
        y = st.lists(st.integers(-9, 9), min_size=rows, max_size=rows)
        return st.tuples(x.map(lambda v: np.array(v, kind)), y.map(lambda v: np.array(v, np.int64)))

    return st.tuples(st.sampled_from(list(cells)), st.integers(1, 20), st.integers(1, 18)).flatmap(build)


@pytest.mark.parametrize("write", WRITERS, ids=lambda writer: writer.__name__)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=tables(), block=st.sampled_from([1, 100, 1 << 22]))
def test_rows_come_back_as_they_were_written(
    write: Writer, rows: tuple[np.ndarray, np.ndarray], block: int, tmp_path: Path
) -> None:
    x, y = rows
    path = write(tmp_path, x, y)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base_file, "BLOCK_BYTES", block)
        files = open_files(path)
        blocks = list(files.blocks())
        whole = files.table()
    if write is as_svmlight:  # the last columns may hold nothing but zeros, which are not written
        names = [name for name in files.names if name != "y"]
        assert names == names_of(x)[: len(names)] and not x[:, len(names) :].any()
    names = names_of(x)
    assert [block.locate(0)[1] for block in blocks] == np.cumsum([1, *map(len, blocks)])[:-1].tolist()
    if files.names == ["y"]:
        return
    for read in (whole, *([] if len(blocks) < 2 else [None])):
        got = dense(features(read, names)) if read else np.concatenate([dense(features(b, names)) for b in blocks])
        expected = x.astype(np.float64)
        np.testing.assert_allclose(got.astype(np.float64), expected, rtol=1e-7 if x.dtype == "f4" else 1e-15)
        truth = target_values(read, "y") if read else np.concatenate([target_values(b, "y") for b in blocks])
        assert truth.tolist() == y.tolist() and truth.dtype == np.int64
    if write not in (as_svmlight, as_csv, as_csv_gz):
        expected_type = np.float64
        if x.dtype == "f4":
            expected_type = np.float32
        elif x.dtype.kind in "iu" and x.min() >= 0 and x.max() < 256:
            expected_type = np.uint8
        assert features(whole, names).dtype == expected_type
    elif x.dtype == "u1" and write is not as_svmlight:
        assert features(whole, names).dtype == np.uint8


@pytest.mark.parametrize("write", WRITERS, ids=lambda writer: writer.__name__)
def test_a_number_that_is_not_finite_is_reported_or_skipped(write: Writer, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    y = np.arange(60) % 2
    x[41, 1] = np.nan
    x[57, 2] = np.inf
    path = write(tmp_path, x, y)
    with pytest.raises(InputError, match=r"t\.\w+(\.gz)?: row 42, column 'x2' is (nan|empty); every feature must be"):
        features(read_table(path), ["x1", "x2", "x3"])
    files = open_files(path, on_bad_row="skip")
    files.require(*files.names)
    table = files.table()
    selected = [row for row in range(60) if row not in (41, 57)]
    np.testing.assert_array_equal(dense(features(table, ["x1", "x2", "x3"])), x[selected])
    assert target_values(table, "y").tolist() == y[selected].tolist()
    assert [table.locate(index) for index in range(58)] == [(str(path), row + 1) for row in selected]
    assert [(row, reason.split(" is ")[0]) for _, row, reason in files.bad_rows] == [
        (42, "column 'x2'"),
        (58, "column 'x3'"),
    ]


@pytest.mark.parametrize("write", WRITERS, ids=lambda writer: writer.__name__)
def test_a_truncated_file_is_an_error_that_names_it(write: Writer, tmp_path: Path) -> None:
    whole = write(tmp_path, np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 3).read_bytes()
    path = next(tmp_path.glob("t.*")) if write is not as_csv_gz else tmp_path / "t.csv.gz"
    text = write in (as_csv, as_svmlight)
    for end in range(0, len(whole), max(1, len(whole) // 60)):
        path.write_bytes(whole[:end])
        try:
            table = read_table(path)
            features(table, ["x1", "x2", "x3"])
            target_values(table, "y")
        except InputError as error:
            assert re.search(r"t\.[^\n]*$", str(error))  # noqa: PT017  # it need not fail
        else:  # a truncated text is valid, and a stream of batches has no end marker
            assert text or write is as_arrow_stream


@pytest.mark.parametrize("write", WRITERS, ids=lambda writer: writer.__name__)
def test_corrupted_bytes_give_an_error_or_numbers(write: Writer, tmp_path: Path) -> None:
    whole = write(tmp_path, np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 3).read_bytes()
    path = tmp_path / ("t.csv.gz" if write is as_csv_gz else next(tmp_path.glob("t.*")).name)
    rng = np.random.default_rng(1)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), rng.integers(1, 4)):
            damaged[place] = rng.integers(0, 256)
        path.write_bytes(damaged)
        try:
            table = read_table(path)
            assert np.isfinite(dense(features(table, ["x1", "x2", "x3"])).astype(np.float64)).all()
            target_values(table, "y")
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017  # it need not fail

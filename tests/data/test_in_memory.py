"""Rows in memory are read like files: arrays, pairs, frames, batches; without needless copies."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy.sparse import csr_matrix, issparse

from glassnet import InputError
from glassnet.data import ArrowTable, Matrix, as_files, base_file, features, target_values

X = np.arange(24.0).reshape(8, 3)
Y = np.arange(8) % 2


class InterchangeFrame:
    """A data frame of a library that knows only ``__dataframe__``."""

    def __dataframe__(self, **options: Any) -> Any:
        return pa.table({"x1": X[:, 0], "x2": X[:, 1], "x3": X[:, 2], "y": Y}).__dataframe__(**options)


def frame() -> dict[str, np.ndarray]:
    return {"x1": X[:, 0], "x2": X[:, 1], "x3": X[:, 2], "y": Y}


@pytest.mark.parametrize(
    "make",
    [
        lambda: (X, Y),
        lambda: (csr_matrix(X), Y),
        lambda: (X.reshape(8, 3, 1)[..., 0], Y[:, None]),
        lambda: pd.DataFrame(frame()),
        lambda: pd.DataFrame(frame(), index=list("abcdefgh")),
        lambda: pl.DataFrame(frame()),
        lambda: pa.table(frame()),
        lambda: InterchangeFrame(),
        lambda: ArrowTable("mine", pa.table(frame())),
        lambda: Matrix("mine", X, Y, ("x1", "x2", "x3")),
        lambda: [(X[:3], Y[:3]), (X[3:], Y[3:])],
        lambda: (part for part in [(X[:3], Y[:3]), (X[3:], Y[3:])]),
        lambda: lambda: (part for part in [pd.DataFrame(frame())[:2], pl.DataFrame(frame())[2:]]),
    ],
)
@pytest.mark.parametrize("block", [1, 1 << 22])
def test_rows_are_the_same_from_every_source(
    make: Callable[[], Any], block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base_file, "BLOCK_BYTES", block)
    files = as_files(make())
    assert files.names == ["x1", "x2", "x3", "y"] and files.files == ()
    blocks = list(files.blocks())
    assert len(blocks) == 8 if block == 1 else len(blocks) <= 2
    x = [features(each, ["x1", "x2", "x3"]) for each in blocks]
    np.testing.assert_array_equal(np.vstack([part.toarray() if issparse(part) else part for part in x]), X)
    assert np.concatenate([target_values(each, "y") for each in blocks]).tolist() == Y.tolist()
    whole = as_files(make()).table()
    assert target_values(whole, "y").tolist() == Y.tolist() and len(whole) == 8


def test_arrays_and_memory_maps_are_not_copied(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X.astype(np.float32))
    for x in (X, np.load(tmp_path / "x.npy", mmap_mode="r"), X.astype(np.uint8)):
        files = as_files(x)
        assert files.size == x.nbytes
        assert np.shares_memory(features(files.table(), files.names), x)
        assert all(np.shares_memory(features(block, files.names), x) for block in files.blocks())
    frame = pl.DataFrame({"a": np.arange(100_000.0)})
    column = as_files(frame).table().columns["a"].chunk(0)
    assert column.buffers()[1].address == frame.to_arrow()["a"].chunk(0).buffers()[1].address


def test_invalid_rows_in_memory_are_reported_or_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_file, "BLOCK_BYTES", 50)
    x = X.copy()
    x[[2, 6], 1] = np.nan, np.inf
    for data, name in (((x, Y), "the data"), (pl.DataFrame({"x1": x[:, 0], "x2": x[:, 1], "y": Y}), "the data")):
        with pytest.raises(InputError, match=f"{name}: row 3, column 'x2' is nan"):
            features(as_files(data).table(), ["x1", "x2"])
        files = as_files(data, on_bad_row="skip")
        files.require(*files.names)
        assert features(files.table(), ["x1"])[:, 0].tolist() == [0, 3, 9, 12, 15, 21]
        assert files.bad_rows == [(name, 3, "column 'x2' is nan"), (name, 7, "column 'x2' is inf")]
    files = as_files([(x[:4], Y[:4]), (csr_matrix(x[4:]).toarray(), Y[4:])], on_bad_row="skip")
    assert [len(block) for block in files.blocks()] == [1] * 0 + [len(b) for b in files.blocks()]
    assert files.bad_rows == [("batch 1", 3, "column 'x2' is nan"), ("batch 2", 3, "column 'x2' is inf")]
    sparse = as_files((csr_matrix(x), Y), on_bad_row="skip")
    assert sparse.table().x.shape == (6, 3) and sparse.bad_count == 2


def test_batches_that_can_not_be_restarted_are_reported_at_the_second_pass() -> None:
    def batches() -> Iterator[Any]:
        yield X, Y
        yield X, Y

    files = as_files(batches())
    assert sum(map(len, files.blocks())) == 16
    with pytest.raises(InputError, match="can be iterated over only once; give a list, or a function"):
        next(files.blocks())
    again = as_files(batches)
    assert [sum(map(len, again.blocks())) for _ in range(3)] == [16] * 3


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (5, "the data is int; give a path, an array"),
        ([], "the data has no batch"),
        ([5], "batch 1 is int; it must be an array"),
        ((X, Y[:3]), r"the data: y has shape \(3,\) for 8 rows of x"),
        ((X, X), r"the data: y has shape \(8, 3\) for 8 rows"),
        (Y, r"the data: x has shape \(8,\)"),
        (np.array([["a"]]), "the data: x has shape .* and dtype <U1"),
        (pd.DataFrame({"a": [{1}, 2]}), "the data: its columns can't be read"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "the data: .*"),
        (pa.table([[1], [2]], names=["a", "a"]), "the data: column 'a' occurs 2 times"),
        (X[:0], "^the data: there are no rows; add at least one"),
        (pd.Series(Y, name="y"), "^the data is one column; give a data frame"),
        ((pd.DataFrame(X), pd.Series(Y, name="y")), "^batch 2 is one column; give a data frame, or a pair"),
        (pd.DataFrame({"a": [1, "b"]}), r"^the data: its columns can't be read: Could not convert 'b' .*; .* column a"),
    ],
)
def test_data_that_is_not_a_table_is_rejected(data: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        as_files(data).table()
    with pytest.raises(InputError, match=message):
        list(as_files(data).blocks())


def test_masked_entries_are_missing_values() -> None:
    masked = np.ma.masked_array(np.arange(24).reshape(8, 3), mask=np.arange(24).reshape(8, 3) == 10)
    names = ["x1", "x2", "x3"]
    with pytest.raises(InputError, match="row 4, column 'x2' is nan"):
        features(as_files(masked).table(), names)
    left = as_files(masked, on_bad_row="skip")
    np.testing.assert_array_equal(features(left.table(), names), np.delete(X, 3, axis=0))
    assert left.bad_count == 1
    plain = np.ma.masked_array(X, mask=False)
    np.testing.assert_array_equal(features(as_files(plain).table(), names), X)


def test_batches_with_different_columns_are_rejected() -> None:
    with pytest.raises(InputError, match="batch 2: its columns are not those of batch 1"):
        as_files([(X, Y), (X[:, :2], Y)]).table()

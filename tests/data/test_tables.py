"""Tables: every storage gives the same columns, kinds and rows."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import sparse

from glassnet.data import ArrowTable, Matrix, Table, as_files, as_table, choose_target, features
from glassnet.data.provenance import RowSpan

COLUMNS = {"a": [1.0, 2.0, 0.0], "b": [3.0, 0.0, 4.0]}
ROWS = np.column_stack(list(COLUMNS.values()))
STORAGES: dict[str, Any] = {
    "pandas": pd.DataFrame(COLUMNS),
    "arrow": pa.table(COLUMNS),
    "array": ROWS,
    "csr": sparse.csr_array(ROWS),
    "csc": sparse.csc_matrix(ROWS),
    "lists": ROWS.tolist(),
}


@pytest.mark.parametrize("data", STORAGES.values(), ids=STORAGES)
def test_every_storage_has_the_same_columns(data: Any) -> None:
    table = as_table(data)
    assert isinstance(table, Table) and as_table(table) is table
    assert (len(table), table.shape) == (3, (3, 2)) and table.names in (["a", "b"], [])
    assert [table.kind(position) for position in range(2)] == ["number", "number"]
    np.testing.assert_array_equal(table.matrix([1]), ROWS[:, [1]])
    codes, values = table.factorize(1)
    assert [values[code] for code in codes] == [3, 0, 4]
    some = table.take(np.array([2, 0]))
    np.testing.assert_array_equal(some.matrix([0, 1]), ROWS[[2, 0]])
    assert [some.locate(row) for row in range(2)] == [("X", 3), ("X", 1)]
    assert table.take(np.array([2, 0]), keep_provenance=False).spans == ()


@pytest.mark.parametrize("kind", ["pandas", "arrow"])
def test_features_of_a_named_table(kind: str) -> None:
    table = as_table(STORAGES[kind])
    np.testing.assert_array_equal(features(table, ["b", "a"]), ROWS[:, ::-1])
    assert isinstance(table.to_arrow(), ArrowTable)


@pytest.mark.parametrize("data", STORAGES.values(), ids=STORAGES)
def test_every_storage_can_be_read_as_files(data: Any) -> None:
    files = as_files(as_table(data))
    assert files.names in (["a", "b"], ["x1", "x2"])
    (block,) = files.blocks()
    x = features(block, files.names)
    np.testing.assert_array_equal(x.toarray() if sparse.issparse(x) else x, ROWS)


def test_a_matrix_becomes_arrow_columns() -> None:
    spans = (RowSpan(0, "a", 5), RowSpan(2, "b", 1))
    for x in (ROWS, sparse.csr_array(ROWS)):
        matrix = Matrix("t", x, np.array([1, 0, 1]), ("a", "b"), "price", spans=spans)
        table = matrix.to_arrow()
        assert table.names == matrix.names == ["a", "b", "price"] and table.describe_row(2) == "b: row 1"
        assert table.columns.to_pydict() == {**COLUMNS, "price": [1, 0, 1]}
        assert choose_target(matrix) == "price" and choose_target(matrix, "b") == "b"

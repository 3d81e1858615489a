"""SVMlight files: sparse rows, with the column numbers of the file."""

from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import issparse

from glassnet import InputError
from glassnet.data import (
    Matrix,
    features,
    open_files,
    read_table,
    target_values,
)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            "1 1:2\n0 99999999:1\n",
            "row 2 is '0 99999999:1', which can't be read: column 99,999,999 is more .*--max-columns 99999999",
        ),
        ("1 1:2\n0 99999999999999999999999:1\n", "row 2 is '0 9+:1', which can't be read"),
        ("1 1:2\n\n# nothing\n0 1:2 # said\n0 3:x\n", "row 3 is '0 3:x', which can't be read"),
        ("1 1:2\n0 2:1 1:3\n", "row 2 is '0 2:1 1:3', which can't be read: .*sorted"),
        ("a 1:2\n0 2:1\n", "row 1 is 'a 1:2', which can't be read"),
        ("1 -3:2\n", "row 1 is '1 -3:2'"),
        ("1 1:2\n1,2 1:3\n", "row 2 is '1,2 1:3'"),
        ("1 1:2\n0 1\n", "row 2 is '0 1'"),
        ("", "no rows"),
    ],
)
def test_an_invalid_line_of_svmlight_is_reported_or_skipped(lines: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "t.svm"
    path.write_text(lines)
    with pytest.raises(InputError, match=rf"t\.svm: .*{message}"):
        read_table(path)
    if path.read_bytes() and lines.count("\n") == 1:  # there are no columns, and the reason is reported
        with pytest.raises(InputError, match=message):
            open_files(path)
    if lines.count("\n") > 1:
        files = open_files(path, on_bad_row="skip")
        assert len(files.table()) == lines.count("\n") - 1 - 2 * ("#" in lines)
        assert files.bad_count == 1


def test_columns_of_svmlight_keep_the_numbers_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.svm").write_text("1 0:2 3:1\n0 1:5\n")
    (tmp_path / "b.svm").write_text("1 7:3\n-1\n")
    table = read_table(tmp_path / "*.svm")
    assert table.names == [*(f"x{column}" for column in range(8)), "y"] and isinstance(table, Matrix)
    x = features(table, table.names[:-1])
    assert issparse(x) and x.format == "csr"
    np.testing.assert_array_equal(
        x.toarray(), [[2, 0, 0, 1, 0, 0, 0, 0], [0, 5, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 3], [0] * 8]
    )
    assert target_values(table, "y").tolist() == [1, 0, 1, -1]
    assert table.locate(3) == (str(tmp_path / "b.svm"), 2)
    # a model knows more columns than these rows have, or fewer
    np.testing.assert_array_equal(
        features(table, ["x9", "x3", "x7"]).toarray(), [[0, 1, 0], [0, 0, 0], [0, 0, 3], [0] * 3]
    )


def test_a_small_file_of_many_columns_needs_a_permission(tmp_path: Path) -> None:
    path = tmp_path / "t.svm"
    path.write_text("1 1:2\n0 600000:1\n" * 3)
    with pytest.raises(InputError, match=r"row 2 .*column 600,000 is more than 500,000.*--max-columns 600000"):
        read_table(path)
    assert read_table(path, max_columns=600_000).shape == (6, 600_000)

"""Invalid tables and arguments are rejected with what to do."""

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import sparse

from glassnet import InputError
from glassnet.preprocessing import (
    CategoricalColumn,
    NumericColumn,
    fit_preprocessor,
)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([1.0, 2.0], "X has 1 dimensions; it must have two"),
        (np.zeros((2, 2, 2)), "X has 3 dimensions"),
        (None, "X is a NoneType"),
        ({"a": [1]}, "X is a dict"),
        ([[1.0], [1.0, 2.0]], "can't be read as rows and columns"),
        (np.empty((0, 2)), "there is no training row among X's 0 rows"),
        (np.empty((2, 0)), "X has no columns"),
        (pd.Series([1.0]), "X has 1 dimensions"),
        (pa.array([1.0]), "X has 1 dimensions"),
        ([[1.0, np.inf]], r"X\[0, 1\] \(column 'x1'\) is inf; every entry must be a finite number, or missing"),
        ([[1, 2], [3, "a"]], r"X\[1, 1\] \(column 'x1'\) is 'a', which is not a number; .*categorical_features"),
        (np.array([[1, 2], [3, {4}]]), r"X\[1, 1\] \(column 'x1'\) is \{4\}, which is not a number"),
        (np.array([["1"], [""]]), r"X\[1, 0\] \(column 'x0'\) is ''"),
        (np.array([["inf"]]), r"X\[0, 0\] \(column 'x0'\) is inf"),
        ([[10**400]], r"X\[0, 0\]"),
        ([[1.7e308], [1.5e308]], r"X's column 0 \('x0'\) holds numbers too large for a mean"),
        (np.array([[1j]]), r"X's column 0 \('x0'\) is of dtype complex128; convert it to numbers"),
        (np.array([[b"a"]]), "is of dtype .S1; convert it to numbers or text"),
        (np.array([[1]], "m8[D]"), r"is of dtype timedelta64\[D\]; convert"),
        (np.ma.masked_array([[1.0]], [[True]]), "X is a masked array"),
        (sparse.csr_array([[1j]]), "X is a sparse matrix of complex128"),
        (pd.DataFrame({"d": pd.to_timedelta([1])}), "is of dtype timedelta64"),
        (pd.DataFrame({"z": pd.Series([1j, "a"], dtype=object)}), "holds 1j, of type complex; convert it to text"),
        (pd.DataFrame({"l": [[1], [2]]}), r"X\[0, 0\] \(column 'l'\) is a list; convert it to numbers or text"),
        (pd.DataFrame({"k": ["a", b"b"]}), "holds b'b', of type bytes"),
        (pd.DataFrame({"k": pd.Series(["\ud800"], dtype=object)}), "not valid Unicode"),
        (pd.DataFrame({"k": pd.Series([2**64, "a"], dtype=object)}), "does not fit in 64 bits"),
        (pd.DataFrame({"k": pd.Series([np.inf, "a"], dtype=object)}), "holds inf, which is not a finite number"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "X's column 'a' occurs 2 times"),
        (pa.table({"d": pa.array([1], pa.duration("s"))}), r"X's column 0 \('d'\) is of type duration\[s\]; convert"),
        (pa.table({"l": [[1]]}), "is of type list<.*>; convert it to numbers or text"),
        (pa.table({"b": [b"a"]}), "is of type binary"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_invalid_tables_are_rejected(x: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        fit_preprocessor(x)


def test_unsupported_polars_types_are_rejected() -> None:
    pl = pytest.importorskip("polars", reason="compares with polars")
    for values, message in (
        ([datetime.timedelta(1)], "is of type duration"),
        ([[1, 2]], "is of type large_list"),
        ([{"b": 1}], "is of type struct"),
    ):
        with pytest.raises(InputError, match=message):
            fit_preprocessor(pl.DataFrame({"a": values}))
    with pytest.raises(InputError, match=r"X's column 0 \('a'\) is of type fixed_size_binary"):
        fit_preprocessor(pl.DataFrame({"a": pl.Series([object()], dtype=pl.Object)}))
    with pytest.raises(InputError, match=r"X is a lazy frame.*X.collect\(\)"):
        fit_preprocessor(pl.LazyFrame({"a": [1]}))
    with pytest.raises(InputError, match="X has 1 dimensions"):
        fit_preprocessor(pl.Series([1.0]))


def test_frames_of_other_libraries_are_read_through_arrow_or_rejected() -> None:
    class Other:
        columns = ("a",)

        def __init__(self, table: Any) -> None:
            self.table = table

        def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
            if self.table is None:
                raise NotImplementedError("a column of colours")
            return self.table.__arrow_c_stream__(requested_schema)

    assert fit_preprocessor(Other(pa.table({"a": [1, 3]}))).transform(Other(pa.table({"a": [3]}))).tolist() == [[1]]
    with pytest.raises(InputError, match="X, a Other, can't be read as a table: a column of colours; convert"):
        fit_preprocessor(Other(None))


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ("a", "categorical_features is 'a'; it must be 'from_dtype', or an array-like"),
        (3, "categorical_features is 3"),
        ([[0]], "categorical_features is"),
        ([0.5], "must be an array-like of bool, int or str, got: float64."),
        (np.array(["a", 1], object), "must be an array-like of bool, int or str, got: int, str."),
        ([3], r"set as integer indices must be in \[0, n_features - 1\], got: \[3\]; X has 3 features"),
        ([-1], "set as integer indices must be in"),
        ([True], r"set as a boolean mask must have shape \(n_features,\), got: \(1,\)"),
        (["z"], "has an item value 'z' which is not a valid feature name of the training data. Observed .*'a', 'b'"),
    ],
)
def test_invalid_categorical_features_are_rejected_with_scikit_learns_messages(features: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        fit_preprocessor(pd.DataFrame(np.eye(3), columns=list("abc")), features)


def test_categorical_features_by_name_need_names() -> None:
    with pytest.raises(InputError, match="should be passed as an array of integers or as a boolean mask"):
        fit_preprocessor(np.eye(3), ["x0"])


def test_categorical_features_of_sparse_matrices_are_rejected() -> None:
    with pytest.raises(InputError, match="categorical_features names the column 'x1' of a sparse matrix"):
        fit_preprocessor(sparse.eye_array(3, format="csr"), [1])


@pytest.mark.parametrize("features", [None, "from_dtype", [], np.array([], int), [False, False]])
def test_without_categorical_features_the_types_decide(features: Any) -> None:
    assert [type(c) for c in fit_preprocessor(pd.DataFrame({"a": [1, 2], "b": ["u", "v"]}), features).columns] == [
        NumericColumn,
        CategoricalColumn,
    ]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "there is no training row"),
        ([False] * 3, "there is no training row"),
        ([3], "rows holds 3; the indices of X's 3 rows start from 0"),
        ([-1], "rows holds -1"),
        ([True], r"rows is an array of bool with shape \(1,\)"),
        ([0.5], "rows is an array of float64"),
        (0, "rows is an array of int"),
    ],
)
def test_invalid_rows_are_rejected(rows: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        fit_preprocessor(np.eye(3), rows=rows)


def test_invalid_names_are_rejected() -> None:
    for names, message in ((["a"], "feature_names has 1 names: 'a'; it must name X's 2"), (["a", "a"], "'a' occurs")):
        with pytest.raises(InputError, match=message):
            fit_preprocessor(np.eye(2), feature_names=names)
    with pytest.raises(InputError, match="feature_names"):
        fit_preprocessor(pd.DataFrame({"a": [1], "b": [2]}), feature_names=["b", "a"])
    with pytest.raises(InputError, match="not valid Unicode"):
        fit_preprocessor(np.eye(1), feature_names=["\ud800"])

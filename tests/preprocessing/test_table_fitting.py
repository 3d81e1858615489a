"""Fitting a preprocessor: numbers and categories, from the training rows only."""

import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from glassnet import InputError
from glassnet.preprocessing import (
    CODES,
    MAX_ONE_HOT,
    ONE_HOT,
    CategoricalColumn,
    NumericColumn,
    embedding_width,
    fit_preprocessor,
)
from glassnet.preprocessing.column_choice import ColumnOptions, LeftOutColumn
from tests.preprocessing.sample_tables import NAN, every_frame, through_json


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 30), st.integers(1, 6), st.integers(0, 2**32 - 1), st.sampled_from([0, 0.1, 0.5]))
def test_numbers_are_transformed_as_by_scikit_learns_imputer_and_scaler(
    rows: int, columns: int, seed: int, share: float
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, columns)) * 10 ** rng.uniform(-5, 5, columns) + rng.standard_normal(columns)
    x[rng.random(x.shape) < share] = np.nan
    x[0] = np.where(np.isnan(x).all(axis=0), 1.0, x[0])  # a column missing throughout is another matter
    preprocessor = fit_preprocessor(x)
    medians = SimpleImputer(strategy="median", add_indicator=True)
    filled = medians.fit_transform(x)
    expected = np.hstack([StandardScaler().fit_transform(filled[:, :columns]), filled[:, columns:]])
    np.testing.assert_allclose(preprocessor.transform(x, np.float64), expected, rtol=1e-9, atol=1e-9)
    assert preprocessor.median.tolist() == medians.statistics_.tolist()
    assert preprocessor.n_inputs == expected.shape[1] == len(preprocessor.get_feature_names_out())


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int64", "uint16", "longdouble", ">f4"])
def test_numbers_of_every_dtype_are_standardized(dtype: str) -> None:
    x = np.arange(24).reshape(8, 3).astype(dtype)
    out = fit_preprocessor(x).transform(x)
    assert out.dtype == np.float32 and out.flags.c_contiguous
    np.testing.assert_allclose(out, StandardScaler().fit_transform(np.asarray(x, float)), rtol=1e-6)


def test_pixels_are_divided_by_255() -> None:
    x = np.random.default_rng(0).integers(0, 256, (30, 16), np.uint8)
    np.testing.assert_allclose(fit_preprocessor(x).transform(x), x / 255, rtol=1e-6)


@pytest.mark.parametrize("value", [0.0, 5.0, 0.1, -1e300, 1e-310])
def test_a_constant_column_becomes_0_for_any_value(value: float) -> None:
    x = np.column_stack([np.full(7, value), np.arange(7.0)])
    preprocessor = fit_preprocessor(x)
    assert not preprocessor.transform(x)[:, 0].any()
    assert not preprocessor.transform([[123.0, 1], [NAN, 1]])[:, 0].any()


def test_an_empty_column_becomes_0_without_an_indicator() -> None:
    x = np.array([[NAN, 1], [NAN, 2]])
    preprocessor = fit_preprocessor(x)
    assert preprocessor.transform(x).tolist() == [[0, -1], [0, 1]]
    assert preprocessor.transform([[1e30, 1]]).tolist() == [[0, -1]]


@pytest.mark.filterwarnings("ignore:column .* of the values are categories that the training rows did not have")
def test_a_single_training_row_is_enough() -> None:
    preprocessor = fit_preprocessor(pd.DataFrame({"a": [3.0], "b": [None], "c": ["x"], "d": [True]}))
    out = preprocessor.transform(
        pd.DataFrame({"a": [4.0, NAN], "b": [None, "new"], "c": ["x", "y"], "d": [False, True]})
    )
    assert np.isfinite(out).all() and out.shape == (2, preprocessor.n_inputs)


def test_a_value_missing_only_at_prediction_is_imputed_by_the_median() -> None:
    preprocessor = fit_preprocessor([[1.0, 0], [2.0, 0], [9.0, 1]])
    np.testing.assert_array_equal(preprocessor.transform([[NAN, 0]]), preprocessor.transform([[2.0, 0]]))


def test_no_rows_are_transformed_to_no_rows() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]})
    for prediction in (frame[:0], pa.Table.from_pandas(frame)[:0]):
        assert fit_preprocessor(frame).transform(prediction).shape == (0, 3)


def test_large_offsets_keep_their_digits_in_float32() -> None:
    x = 1.7e9 + 60.0 * np.arange(100)[:, np.newaxis]
    assert len(np.unique(fit_preprocessor(x).transform(x))) == 100


def test_many_rows_are_transformed_as_one_by_one() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((9000, 3))
    x[rng.random(x.shape) < 0.1] = np.nan
    preprocessor = fit_preprocessor(x)
    whole = preprocessor.transform(x)
    for row in (0, 4095, 4096, 8999):
        np.testing.assert_array_equal(whole[row], preprocessor.transform(x[[row]])[0])
    x[8192, 1] = np.inf
    with pytest.raises(InputError, match=r"X\[8192, 1\] \(column 'x1'\) is inf"):
        preprocessor.transform(x)
    with pytest.raises(InputError, match=r"X\[8192, 1\] \(column 'x1'\) is inf"):
        fit_preprocessor(x, rows=np.arange(8000, 9000))  # the row's number in X, not among the training rows


@every_frame
def test_booleans_are_0_and_1(frame: Any) -> None:
    table = frame({"b": [True, False, None, True], "c": [True, False, False, False]})
    preprocessor = fit_preprocessor(table)
    assert preprocessor.get_feature_names_out() == ("b", "c", "b is missing")
    assert preprocessor.transform(table).tolist() == [[1, 1, 0], [0, 0, 0], [1, 0, 1], [1, 0, 0]]
    assert [column.boolean for column in preprocessor.columns] == [True, True]
    assert fit_preprocessor(np.array([[True], [False]])).transform([[True], [False]]).tolist() == [[1], [0]]


@every_frame
def test_few_categories_are_encoded_as_by_scikit_learns_one_hot_encoder(frame: Any) -> None:
    values = [f"k{number * 7 % 30}" for number in range(100)]
    table = frame({"k": values})
    expected = OneHotEncoder(sparse_output=False).fit_transform(np.array(values)[:, np.newaxis])
    np.testing.assert_array_equal(fit_preprocessor(table).transform(table), expected)


@every_frame
def test_a_missing_category_has_a_column_and_an_unknown_one_is_the_average_row(frame: Any) -> None:
    preprocessor = fit_preprocessor(frame({"k": ["b", "a", None, "b"]}))
    assert preprocessor.get_feature_names_out() == ("k = a", "k = b", "k is missing")
    with pytest.warns(UserWarning, match="column 'k': 33% of the values are categories that .*, such as 'new'"):
        out = preprocessor.transform(frame({"k": ["a", "b", "new", None]}))
    assert out.tolist() == [[1, 0, 0], [0, 1, 0], [0.25, 0.5, 0.25], [0, 0, 1]]
    preprocessor.transform(frame({"k": ["new", "new"]}))  # it warns once


def test_rare_categories_and_unknown_ones_share_a_column() -> None:
    values = [f"k{number % 30}" for number in range(3000)] + ["rare 1", "rare 2", "rare 3"]
    preprocessor = fit_preprocessor(pd.DataFrame({"k": values}))
    assert preprocessor.n_inputs == 31 and preprocessor.get_feature_names_out()[-1] == "k = other"
    out = preprocessor.transform(pd.DataFrame({"k": ["k0", "k1", "k2", "k3", "rare 2"]}))
    assert out[-1].tolist() == [0] * 30 + [1] and not out[:-1, -1].any()


@pytest.mark.parametrize(
    ("fitted", "used"),
    [
        (["3", "1", "2", "1"], [3, 1, 2, 1]),
        ([3, 1, 2, 1], ["3", "1", "2", "1"]),
        ([3, 1, 2, 1], [" 3", "1.0", "2 ", "1"]),
        (["a", "b", "c", "b"], ["a ", " b", "c\t", "b"]),
        ([" a", "b", "c", "b"], ["a", "b", "c", "b"]),
        (["001", "1", "3", "1"], ["001", "1", 3, 1]),
        (["001", "02", "3", "02"], [1, 2, 3, 2]),
        ([0.5, 1.5, 2.0, 1.5], ["0.5", "1.5", "2", "1.50"]),
        ([True, False, True, False], ["true", "false", "True", "FALSE"]),
    ],
    ids=str,
)
def test_categories_are_matched_by_value_whatever_type_they_come_in(fitted: list, used: list) -> None:
    preprocessor = fit_preprocessor(pd.DataFrame({"k": pd.Series(fitted, dtype=object)}), ["k"])
    expected = preprocessor.transform(pd.DataFrame({"k": pd.Series(fitted, dtype=object)}))
    assert preprocessor.n_inputs == len(set(fitted))
    np.testing.assert_array_equal(preprocessor.transform(pd.DataFrame({"k": pd.Series(used, dtype=object)})), expected)


@every_frame
def test_dates_become_year_month_day_weekday_and_hour(frame: Any) -> None:
    when = datetime.datetime
    table = frame({"d": [when(2024, 12, 31, 18), when(2025, 1, 1, 0), None, when(2025, 7, 16, 6)]})
    preprocessor = fit_preprocessor(table)
    names = preprocessor.get_feature_names_out()
    assert names[0] == "d year" and names[-1] == "d is missing" and len(names) == 10
    raw = preprocessor.transform(table, np.float64)[:, :-1] / preprocessor.scale + preprocessor.offset
    parts = dict(zip(names, raw.T, strict=False))
    np.testing.assert_allclose(parts["d year"][[0, 1, 3]], [2024, 2025, 2025])
    for part, fractions in (
        ("month", [11 / 12, 0, 6 / 12]),
        ("day", [30 / 31, 0, 15 / 31]),
        ("weekday", [1 / 7, 2 / 7, 2 / 7]),  # Tuesday, Wednesday, Wednesday
        ("hour", [0.75, 0, 0.25]),
    ):
        angle = 2 * np.pi * np.array(fractions)
        np.testing.assert_allclose(parts[f"d {part} (sin)"][[0, 1, 3]], np.sin(angle), atol=1e-12)
        np.testing.assert_allclose(parts[f"d {part} (cos)"][[0, 1, 3]], np.cos(angle), atol=1e-12)
    assert preprocessor.transform(table)[:, -1].tolist() == [0, 0, 1, 0]
    assert through_json(preprocessor).transform(table).tobytes() == preprocessor.transform(table).tobytes()


def test_text_is_dates_where_the_user_says_so() -> None:
    table = pd.DataFrame({"d": ["2024-12-31", "2025-01-01 12:30", None, ""], "x": [1, 2, 3, 4]})
    preprocessor = fit_preprocessor(table, options=ColumnOptions(dates=("d",)))
    np.testing.assert_allclose(preprocessor.transform(table)[:2, 1], [-1.0, 1.0], rtol=0.5)
    with pytest.raises(InputError, match=r"X\[0, 0\] \(column 'd'\) is 'soon', which is not a date; write it like"):
        preprocessor.transform(pd.DataFrame({"d": ["soon"], "x": [1]}))


@every_frame
def test_columns_that_say_nothing_are_left_out(frame: Any) -> None:
    rows = range(40)
    columns = {
        "id": list(rows),
        "x": [float(row % 7) for row in rows],
        "name": [f"n{row}" for row in rows],
        "same": [3] * 40,
        "only": ["a"] * 40,
        "day": list(rows),
        "city": [f"c{row % 9}" for row in rows],
    }
    preprocessor = fit_preprocessor(frame(columns))
    assert [(column.name, column.reason.split()[0]) for column in preprocessor.left_out] == [
        ("id", "numbers"), ("name", "is"), ("same", "holds"), ("only", "holds")
    ]  # fmt: skip
    assert preprocessor.get_feature_names_out()[:2] == ("x", "day")
    kept = ColumnOptions(numeric=("id", "same"), categorical=("name",), ignore=("day",))
    preprocessor = fit_preprocessor(frame(columns), options=kept)
    assert [column.name for column in preprocessor.left_out] == ["only", "day"]
    slim = preprocessor.without_left_out()
    assert slim.names == ("id", "x", "name", "same", "city") and not slim.left_out
    fewer = frame({name: columns[name] for name in slim.names})
    expected = preprocessor.transform(frame(columns))
    np.testing.assert_array_equal(slim.transform(fewer), expected)
    np.testing.assert_array_equal(preprocessor.transform(fewer), expected)
    assert through_json(slim).columns == slim.columns


def test_nothing_is_left_out_of_an_array() -> None:
    x = np.column_stack([np.arange(9), np.ones(9), np.arange(9) % 2])
    assert fit_preprocessor(x, feature_names=["id", "one", "x"]).n_inputs == 3


def test_a_table_without_a_column_that_says_something_is_rejected() -> None:
    with pytest.raises(InputError, match="no column is left as an input: column 'a' holds a single value"):
        fit_preprocessor(pd.DataFrame({"a": [1, 1]}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ignore": ("z",)}, "ignore names the column 'z'; the columns are 'a', 'b'"),
        ({"ignore": ("a",), "numeric": ("a",)}, "column 'a' is given in ignore and in numeric"),
        ({"scaling": "maximal"}, "scaling is 'maximal'; it must be one of auto, standard"),
        ({"numeric": ("b",)}, r"X\[0, 1\] \(column 'b'\) is 'u', which is not a number"),
    ],
)
def test_options_that_do_not_fit_are_rejected(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        fit_preprocessor(pd.DataFrame({"a": [1, 2], "b": ["u", "v"]}), options=ColumnOptions(**options))


def test_categories_are_what_pandas_says_they_are() -> None:
    bins = pd.cut([1, 2, 3, 9, 9], 2)
    table = pd.DataFrame({"bin": bins, "when": pd.period_range("2020", periods=5, freq="Y")})
    preprocessor = fit_preprocessor(table, ["when"])
    assert preprocessor.categories[0].categories == ("(0.992, 5.0]", "(5.0, 9.0]")
    assert preprocessor.categories[1].categories == ("2020", "2021", "2022", "2023", "2024")
    assert preprocessor.transform(table).sum() == 10


def test_an_unknown_category_is_the_average_row_if_no_training_row_had_one() -> None:
    preprocessor = fit_preprocessor(pd.DataFrame({"k": ["b", "a", "b", "b"]}))
    assert preprocessor.get_feature_names_out() == ("k = a", "k = b")
    with pytest.warns(UserWarning, match="column 'k': 33%"):
        out = preprocessor.transform(pd.DataFrame({"k": ["a", "b", "new", None]}))
    assert out.tolist() == [[1, 0], [0, 1], [0.25, 0.75], [0.25, 0.75]]


@every_frame
def test_many_categories_become_codes_in_the_last_columns(frame: Any) -> None:
    keys = [f"k{number:02}" for number in range(40)] * 2 + ["rare", None]
    table = frame({"k": keys, "x": list(range(82)), "c": ["u", "v"] * 41})
    preprocessor = fit_preprocessor(table)
    assert preprocessor.get_feature_names_out() == ("x", "c = u", "c = v", "k")
    assert preprocessor.embedding_shapes == ((42, embedding_width(42)),)
    codes = preprocessor.transform(table)[:, -1]
    assert codes.tolist() == [*range(1, 41), *range(1, 41), 0, 41]
    new = frame({"k": ["k07", "k08", "k09", "k10", "new", None], "x": [1] * 6, "c": ["u"] * 6})
    assert preprocessor.transform(new)[:, -1].tolist() == [8, 9, 10, 11, 0, 41]


def test_code_columns_are_in_the_tables_order() -> None:
    x = np.column_stack([np.arange(200) % 50, np.arange(200), np.arange(200) % 100])
    preprocessor = fit_preprocessor(x, [0, 2])
    assert preprocessor.get_feature_names_out() == ("x1", "x0", "x2")
    assert [length for length, _ in preprocessor.embedding_shapes] == [
        50,
        100,
    ]  # the rarest is code 0 where nothing else is


def test_code_0_always_has_training_rows() -> None:
    values = np.array([*range(40), *range(39)])[:, np.newaxis].repeat(2, axis=0)
    preprocessor = fit_preprocessor(values, [0])
    codes = preprocessor.transform(values)[:, 0]
    assert (codes == 0).sum() == 2 and 39 not in preprocessor.categories[0].categories


def test_up_to_max_one_hot_categories_are_one_hot() -> None:
    for count, encoding in ((MAX_ONE_HOT, ONE_HOT), (MAX_ONE_HOT + 1, CODES)):
        values = np.arange(count).repeat(3)[:, np.newaxis]
        assert fit_preprocessor(values, [0]).categories[0].encoding == encoding


def test_embedding_widths_follow_fastais_rule_up_to_50() -> None:
    assert [embedding_width(length) for length in (1, 2, 34, 101, 1000, 10**6)] == [2, 2, 12, 21, 50, 50]


@pytest.mark.parametrize(
    "values",
    [
        ["Ärger", "=cmd()", "1", "a b"],
        [0, -5, 2**53 + 1, -(2**63), 2**64 - 1],
        [True, False],
        [0.1, -2.5, 1e300, 5e-324, 3.0],
        ["1", 3, 2.5, "True"],
    ],
    ids=str,
)
def test_categories_are_restored_from_json_exactly(values: list) -> None:
    column = np.fromiter(values * 2, object, 2 * len(values))[:, np.newaxis]
    preprocessor = fit_preprocessor(column, [0])
    (saved,) = preprocessor.to_dict()["categories"]
    assert all(abs(value) <= 2**53 for value in saved["categories"] if isinstance(value, int | float) and value < 1e300)
    again = through_json(preprocessor)
    kept = again.categories[0].categories
    assert kept == preprocessor.categories[0].categories and set(kept) == set(values)
    assert {(type(value), value) for value in kept} == {(type(value), value) for value in values}
    np.testing.assert_array_equal(again.transform(column), np.eye(len(values))[[kept.index(v) for v in values] * 2])


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint64", "float32", "float64", "bool", "U3", "O"])
def test_columns_of_arrays_named_in_categorical_features_are_categories(dtype: str) -> None:
    x = np.array([[1, 0], [0, 1], [1, 1], [0, 0]]).astype(dtype)
    for chosen in ([1], np.array([False, True]), ["b"]):
        preprocessor = fit_preprocessor(x, chosen, feature_names=["a", "b"])
        assert [type(column) for column in preprocessor.columns] == [NumericColumn, CategoricalColumn]
        np.testing.assert_array_equal(preprocessor.transform(x)[:, 1:], [[1, 0], [0, 1], [0, 1], [1, 0]])


def test_equal_numbers_are_one_category_whatever_their_type() -> None:
    preprocessor = fit_preprocessor(pd.DataFrame({"k": [1, 2, 1]}), ["k"])
    out = preprocessor.transform(
        pd.DataFrame({"k": [1.0, NAN, 2.0]})
    )  # a missing value makes floats of pandas' integers
    out = preprocessor.transform(pd.DataFrame({"k": [1.0, NAN, 2.0]}))
    np.testing.assert_allclose(out, [[1, 0], [2 / 3, 1 / 3], [0, 1]], rtol=1e-6)


@pytest.mark.parametrize("kind", ["category", "ordered", "str", "object", "string", "string[pyarrow]"])
def test_every_text_of_pandas_is_a_category(kind: str) -> None:
    values = ["b", "a", None, "b"]
    dtype = pd.CategoricalDtype(["z", "b", "a"], ordered=True) if kind == "ordered" else kind
    table = pd.DataFrame({"k": pd.Series(values, dtype=dtype)})
    preprocessor = fit_preprocessor(table)
    assert preprocessor.categories[0].categories == ("a", "b", None)  # z is met in no row
    assert preprocessor.transform(table).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0]]


@pytest.mark.parametrize("dtype", ["Int64", "Float32", "boolean", "int64[pyarrow]", "double[pyarrow]", "bool[pyarrow]"])
def test_pandas_own_numbers_may_be_missing(dtype: str) -> None:
    table = pd.DataFrame({"x": pd.array([1, 0, None, 1], dtype=dtype)})
    preprocessor = fit_preprocessor(table)
    assert isinstance(preprocessor.columns[0], NumericColumn) and preprocessor.get_feature_names_out() == (
        "x",
        "x is missing",
    )
    assert preprocessor.transform(table)[:, 1].tolist() == [0, 0, 1, 0]


def test_polars_categories_are_categories() -> None:
    pl = pytest.importorskip("polars", reason="compares with polars")
    values = ["b", "a", None, "b"]
    for dtype in (pl.String, pl.Categorical, pl.Enum(["z", "b", "a"])):
        table = pl.DataFrame({"k": pl.Series(values, dtype=dtype)})
        assert fit_preprocessor(table).transform(table).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0]]


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["b", "a", None, "b"]).dictionary_encode(),
        pa.chunked_array([pa.array(["b", "a"]).dictionary_encode(), pa.array([None, "b"]).dictionary_encode()]),
        pa.chunked_array([["b"], ["a", None, "b"]], pa.large_string()),
        pa.array(["b", "a", None, "b"], pa.string_view()),
    ],
    ids=lambda column: str(column.type).partition("<")[0],
)
def test_every_text_of_arrow_is_a_category(column: Any) -> None:
    table = pa.table({"k": column})
    assert fit_preprocessor(table).transform(table).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0]]


@pytest.mark.parametrize("kind", [pa.float16(), pa.decimal128(9, 2), pa.uint8(), pa.float32(), pa.int64()], ids=str)
def test_every_number_of_arrow_is_a_number(kind: Any) -> None:
    make = {pa.float16(): np.float16, pa.decimal128(9, 2): Decimal}.get(kind, int)
    table = pa.table({"x": pa.array([make(1), make(3), None, make(2)], kind)})
    np.testing.assert_allclose(
        fit_preprocessor(table).transform(table), [[-(2**0.5), 0], [2**0.5, 0], [0, 1], [0, 0]], rtol=1e-6
    )


def test_the_kind_of_an_object_column_is_that_of_its_values() -> None:
    table = pd.DataFrame(
        {
            "whole": pd.Series([1, 2, None], dtype=object),
            "decimal": pd.Series([Decimal("1.5"), None, Decimal(2)], dtype=object),
            "truth": pd.Series([True, NAN, False], dtype=object),
            "text": pd.Series(["a", "b", 1], dtype=object),
            "nothing": pd.Series([None, NAN, pd.NA], dtype=object),
        }
    )
    columns = fit_preprocessor(table).columns
    assert [type(column) for column in columns] == [*[NumericColumn] * 3, CategoricalColumn, LeftOutColumn]
    assert [column.boolean for column in columns[:3]] == [False, False, True]


def test_lists_of_text_and_numbers_are_read_column_by_column() -> None:
    rows = [["a", 1.5, None], ["b", "2.5", 1], ["a", 3.5, 3]]
    preprocessor = fit_preprocessor(rows, [0])
    np.testing.assert_allclose(
        preprocessor.transform(rows)[:, [0, 2, 3, 4]],
        [[-1.2247449, 1, 1, 0], [0, 0, 0, 1], [1.2247449, 0, 1, 0]],
        rtol=1e-6,
        atol=1e-12,
    )
    np.testing.assert_array_equal(preprocessor.transform(np.array(rows, object)), preprocessor.transform(rows))

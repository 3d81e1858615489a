"""Preprocessing: what each column becomes, learned from the training rows alone, and brought back from a file."""

import copy
import datetime
import json
import pickle
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from glassnet import InputError
from glassnet.preprocessing import (
    CODES,
    MAX_ONE_HOT,
    ONE_HOT,
    CategoricalColumn,
    NumericColumn,
    TablePreprocessor,
    embedding_width,
    fit_preprocessor,
    preprocessor_from_dict,
)

NAN = float("nan")


def polars_frame(columns: dict) -> Any:
    return pytest.importorskip("polars", reason="compares with polars").DataFrame(columns)


FRAMES = {"pandas": pd.DataFrame, "polars": polars_frame, "arrow": pa.table}
every_frame = pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)


def through_json(preprocessor: TablePreprocessor) -> TablePreprocessor:
    text = json.dumps(preprocessor.to_dict(), allow_nan=False)
    arrays = {name: np.frombuffer(array.tobytes()) for name, array in preprocessor.arrays().items()}
    return preprocessor_from_dict(json.loads(text), arrays)


def same(one: TablePreprocessor, other: TablePreprocessor) -> bool:
    return one.to_dict() == other.to_dict() and all(
        array.tobytes() == other.arrays()[name].tobytes() for name, array in one.arrays().items()
    )


# --------------------------------------------------------------------------------------------------------- numbers


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 30), st.integers(1, 6), st.integers(0, 2**32 - 1), st.sampled_from([0, 0.1, 0.5]))
def test_numbers_become_what_scikit_learns_imputer_and_scaler_make_of_them(
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
def test_numbers_of_every_dtype_are_standardised(dtype: str) -> None:
    x = np.arange(24).reshape(8, 3).astype(dtype)
    out = fit_preprocessor(x).transform(x)
    assert out.dtype == np.float32 and out.flags.c_contiguous
    np.testing.assert_allclose(out, StandardScaler().fit_transform(np.asarray(x, float)), rtol=1e-6)


def test_pixels_are_divided_by_255() -> None:
    x = np.array([[0, 255], [3, 128], [7, 7]], np.uint8)
    np.testing.assert_allclose(fit_preprocessor(x).transform(x), x / 255, rtol=1e-6)


@pytest.mark.parametrize("value", [0.0, 5.0, 0.1, -1e300, 1e-310])
def test_a_column_of_one_value_stays_0_whatever_comes(value: float) -> None:
    x = np.column_stack([np.full(7, value), np.arange(7.0)])
    preprocessor = fit_preprocessor(x)
    assert not preprocessor.transform(x)[:, 0].any()
    assert not preprocessor.transform([[123.0, 1], [NAN, 1]])[:, 0].any()


def test_a_column_missing_throughout_stays_0_and_has_no_indicator() -> None:
    x = np.array([[NAN, 1], [NAN, 2]])
    preprocessor = fit_preprocessor(x)
    assert preprocessor.transform(x).tolist() == [[0, -1], [0, 1]]
    assert preprocessor.transform([[1e30, 1]]).tolist() == [[0, -1]]


def test_one_row_is_enough() -> None:
    preprocessor = fit_preprocessor(pd.DataFrame({"a": [3.0], "b": [None], "c": ["x"], "d": [True]}))
    out = preprocessor.transform(
        pd.DataFrame({"a": [4.0, NAN], "b": [None, "new"], "c": ["x", "y"], "d": [False, True]})
    )
    assert np.isfinite(out).all() and out.shape == (2, preprocessor.n_inputs)


def test_a_value_missing_only_at_prediction_is_the_median() -> None:
    preprocessor = fit_preprocessor([[1.0, 0], [2.0, 0], [9.0, 1]])
    np.testing.assert_array_equal(preprocessor.transform([[NAN, 0]]), preprocessor.transform([[2.0, 0]]))


def test_no_rows_become_no_rows() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]})
    for prediction in (frame[:0], pa.Table.from_pandas(frame)[:0]):
        assert fit_preprocessor(frame).transform(prediction).shape == (0, 3)


def test_large_offsets_keep_their_digits_in_float32() -> None:
    x = 1.7e9 + 60.0 * np.arange(100)[:, np.newaxis]
    assert len(np.unique(fit_preprocessor(x).transform(x))) == 100


def test_many_rows_are_prepared_as_one_by_one() -> None:
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


# ------------------------------------------------------------------------------------------------------ categories


@every_frame
def test_a_few_categories_become_what_scikit_learns_encoder_makes_of_them(frame: Any) -> None:
    values = [f"k{number * 7 % 30}" for number in range(100)]
    table = frame({"k": values})
    expected = OneHotEncoder(sparse_output=False).fit_transform(np.array(values)[:, np.newaxis])
    np.testing.assert_array_equal(fit_preprocessor(table).transform(table), expected)


@every_frame
def test_missing_categories_have_a_place_that_unknown_ones_share(frame: Any) -> None:
    preprocessor = fit_preprocessor(frame({"k": ["b", "a", None, "b"]}))
    assert preprocessor.get_feature_names_out() == ("k = a", "k = b", "k = other")
    out = preprocessor.transform(frame({"k": ["a", "b", "new", None]}))
    assert out.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]]


def test_an_unknown_category_is_the_average_row_where_no_training_row_had_one() -> None:
    preprocessor = fit_preprocessor(pd.DataFrame({"k": ["b", "a", "b", "b"]}))
    assert preprocessor.get_feature_names_out() == ("k = a", "k = b")
    out = preprocessor.transform(pd.DataFrame({"k": ["a", "b", "new", None]}))
    assert out.tolist() == [[1, 0], [0, 1], [0.25, 0.75], [0.25, 0.75]]


@every_frame
def test_many_categories_become_codes_in_the_last_columns(frame: Any) -> None:
    keys = [f"k{number:02}" for number in range(40)] * 2 + ["rare", None]
    table = frame({"k": keys, "x": list(range(82)), "c": ["u", "v"] * 41})
    preprocessor = fit_preprocessor(table)
    assert preprocessor.get_feature_names_out() == ("x", "c = u", "c = v", "k")
    assert preprocessor.embedding_shapes == ((41, embedding_width(41)),)
    codes = preprocessor.transform(table)[:, -1]
    assert codes.tolist() == [*range(1, 41), *range(1, 41), 0, 0]
    new = frame({"k": ["k07", "new", None], "x": [1, 2, 3], "c": ["u", "u", "u"]})
    assert preprocessor.transform(new)[:, -1].tolist() == [8, 0, 0]


def test_several_code_columns_stand_in_the_tables_order() -> None:
    x = np.column_stack([np.arange(200) % 50, np.arange(200), np.arange(200) % 100])
    preprocessor = fit_preprocessor(x, [0, 2])
    assert preprocessor.get_feature_names_out() == ("x1", "x0", "x2")
    assert [length for length, _ in preprocessor.embedding_shapes] == [
        50,
        100,
    ]  # the rarest is code 0 where nothing else is


def test_code_0_always_has_training_rows_to_learn_from() -> None:
    values = np.array([*range(40), *range(39)])[:, np.newaxis].repeat(2, axis=0)
    preprocessor = fit_preprocessor(values, [0])
    codes = preprocessor.transform(values)[:, 0]
    assert (codes == 0).sum() == 2 and 39 not in preprocessor.categories[0].categories


def test_a_column_of_names_that_come_once_each_says_nothing() -> None:
    table = pd.DataFrame({"name": [f"n{number}" for number in range(50)]})
    preprocessor = fit_preprocessor(table)
    assert preprocessor.get_feature_names_out() == ("name = other",)
    assert preprocessor.transform(table[:2]).tolist() == [[1], [1]]


def test_so_many_categories_are_one_hot_and_one_more_are_codes() -> None:
    for count, encoding in ((MAX_ONE_HOT, ONE_HOT), (MAX_ONE_HOT + 1, CODES)):
        values = np.arange(count).repeat(3)[:, np.newaxis]
        assert fit_preprocessor(values, [0]).categories[0].encoding == encoding


def test_widths_follow_fastais_rule_up_to_50() -> None:
    assert [embedding_width(length) for length in (1, 2, 34, 101, 1000, 10**6)] == [2, 2, 12, 21, 50, 50]


@pytest.mark.parametrize(
    "values",
    [
        ["Ärger", "=cmd()", "", "1", " "],
        [0, -5, 2**53 + 1, -(2**63), 2**64 - 1],
        [True, False],
        [0.1, -2.5, 1e300, 5e-324, 3.0],
        ["1", 1, 2.5, "True"],
    ],
    ids=str,
)
def test_categories_come_back_from_json_exactly(values: list) -> None:
    column = np.fromiter(values * 2, object, 2 * len(values))[:, np.newaxis]
    preprocessor = fit_preprocessor(column, [0])
    (told,) = preprocessor.to_dict()["categories"]
    assert all(abs(value) <= 2**53 for value in told["categories"] if isinstance(value, int | float) and value < 1e300)
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
    assert preprocessor.categories[0].categories == ("a", "b")  # z is met in no row
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


def test_objects_are_what_they_hold() -> None:
    table = pd.DataFrame(
        {
            "whole": pd.Series([1, 2, None], dtype=object),
            "decimal": pd.Series([Decimal("1.5"), None, Decimal(2)], dtype=object),
            "truth": pd.Series([True, NAN, False], dtype=object),
            "text": pd.Series(["a", None, 1], dtype=object),
            "nothing": pd.Series([None, NAN, pd.NA], dtype=object),
        }
    )
    columns = fit_preprocessor(table).columns
    assert [isinstance(column, NumericColumn) for column in columns] == [True, True, True, False, False]
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


# --------------------------------------------------------------------------------------------------------- any frame

#: Values of a column, by what it holds.
CELLS = {
    # no tiny deviations, from which another value is too far for float32
    "number": st.floats(-1e6, 1e6).map(lambda value: round(value, 3)),
    "whole": st.integers(-(2**40), 2**40),
    "truth": st.booleans(),
    "text": st.text(st.characters(exclude_categories=["Cs"]), max_size=2),
    "letter": st.sampled_from("abc"),
    "many": st.integers(0, 2**32 - 1),  # the seed of the column's values
    "constant": st.just(7.5),
    "missing": st.none(),
}
TYPES = {
    "pandas": {"number": "float64", "whole": "Int64", "truth": "boolean", "constant": "float64"},
    "polars": {"number": "Float64", "whole": "Int64", "truth": "Boolean", "constant": "Float64", "missing": "Float64"},
}


@st.composite
def cells(draw: Any) -> tuple[dict[str, str], dict[str, list], dict[str, list]]:
    """Return the columns' kinds, training rows, and rows to predict, in which other categories stand."""
    kinds = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=5))
    named = {f"c{place}": kind for place, kind in enumerate(kinds)}
    tables = []
    for rows in (draw(st.sampled_from([180, 1, 2, 3, 8])), draw(st.integers(0, 5))):
        columns = {}
        for name, kind in named.items():
            if kind == "many":
                numbers = np.random.default_rng(draw(CELLS[kind])).integers(0, 60, rows)
                columns[name] = [f"m{number}" if number else None for number in numbers]
                continue
            cell = CELLS[kind] if draw(st.booleans()) else st.none() | CELLS[kind]
            few = draw(st.lists(cell, min_size=min(rows, 8), max_size=min(rows, 8)))
            columns[name] = (few * rows)[:rows]
        tables.append(columns)
    return named, *tables


def frame_of(library: str, kinds: dict[str, str], columns: dict[str, list]) -> Any:
    if library == "pandas":
        types = {name: TYPES["pandas"].get(kind, "object") for name, kind in kinds.items()}
        return pd.DataFrame({name: pd.Series(values, dtype=types[name]) for name, values in columns.items()})
    pl = pytest.importorskip("polars", reason="compares with polars")
    types = {name: getattr(pl, TYPES["polars"].get(kind, "String")) for name, kind in kinds.items()}
    return pl.DataFrame(columns, schema=types)


@pytest.mark.parametrize("library", ["pandas", "polars"])
@settings(max_examples=80, deadline=None)
@given(cells())
def test_any_frame_becomes_finite_numbers_in_the_promised_columns(library: str, drawn: Any) -> None:
    kinds, training, new = drawn
    frames = [frame_of(library, kinds, columns) for columns in (training, new)]
    preprocessor = fit_preprocessor(frames[0])
    again = through_json(preprocessor)
    for frame in frames:
        out = preprocessor.transform(frame)
        assert out.dtype == np.float32 and np.isfinite(out).all()
        assert (
            out.shape == (len(frame), preprocessor.n_inputs) == (len(frame), len(preprocessor.get_feature_names_out()))
        )
        assert again.transform(frame).tobytes() == out.tobytes()
        for (length, width), codes in zip(reversed(preprocessor.embedding_shapes), reversed(out.T), strict=False):
            assert ((codes == np.floor(codes)) & (codes >= 0) & (codes < length)).all() and width >= 1
    fitted = preprocessor.transform(frames[0], np.float64)[:, : len(preprocessor.numbers)]
    scaled = fitted[:, ~preprocessor.boolean]
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-6)
    deviations = scaled.std(axis=0)
    assert ((deviations == 0) | (abs(deviations - 1) < 1e-6)).all()
    assert len(preprocessor.columns) == len(kinds)
    assert [column.position for column in preprocessor.columns] == list(range(len(kinds)))


@settings(max_examples=60, deadline=None)
@given(cells())
def test_pandas_and_polars_become_the_same(drawn: Any) -> None:
    kinds, training, new = drawn
    results = []
    for library in ("pandas", "polars"):
        preprocessor = fit_preprocessor(frame_of(library, kinds, training))
        out = preprocessor.transform(frame_of(library, kinds, new))
        results.append((preprocessor.get_feature_names_out(), preprocessor.embedding_shapes, out.tobytes()))
    missing = {name for name, kind in kinds.items() if kind == "missing" or set(training[name]) == {None}}
    if not missing:  # pandas' objects that are all missing may be anything, polars' have a type
        assert results[0] == results[1]


@settings(max_examples=60, deadline=None)
@given(cells(), st.sampled_from(["pandas", "polars"]), st.randoms(use_true_random=False))
def test_rows_outside_the_training_rows_change_nothing(drawn: Any, library: str, random: Any) -> None:
    kinds, training, new = drawn
    alone = fit_preprocessor(frame_of(library, kinds, training))
    rows = len(training["c0"])
    together = {name: [*new[name], *values] for name, values in training.items()}
    order = list(range(len(together["c0"])))
    random.shuffle(order)
    mixed = {name: [values[place] for place in order] for name, values in together.items()}
    chosen = np.array([order.index(len(order) - rows + row) for row in range(rows)])
    assert same(alone, fit_preprocessor(frame_of(library, kinds, mixed), rows=chosen))


def test_a_planted_row_outside_the_training_rows_changes_nothing() -> None:
    x = np.column_stack([np.arange(9.0), np.arange(9) % 2])
    planted = np.vstack([x, [[np.inf, 77]], [[NAN, NAN]]])
    mask = np.arange(11) < 9
    for rows in (range(9), mask):
        assert same(fit_preprocessor(planted, [1], rows), fit_preprocessor(x, [1]))
    matrix = sparse.csr_array(np.vstack([x, [[1e9, 77]]]))
    for fmt in ("csr", "csc"):
        assert same(fit_preprocessor(matrix.asformat(fmt), rows=range(9)), fit_preprocessor(sparse.csr_array(x)))
    text = np.array([["1"], ["2"], ["no number"]])
    assert same(fit_preprocessor(text, rows=[0, 1]), fit_preprocessor(text[:2]))


# ---------------------------------------------------------------------------------------------------------- sparse


@pytest.mark.parametrize("kind", ["csr_array", "csc_array", "csr_matrix", "csc_matrix", "coo_array"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_sparse_rows_are_scaled_and_stay_sparse(kind: str, dtype: type) -> None:
    rng = np.random.default_rng(0)
    dense = np.rint(rng.standard_normal((50, 6)) * 10 ** np.arange(6.0)) * (rng.random((50, 6)) < 0.4)
    dense[:, 2] = 0
    matrix = getattr(sparse, kind)(dense.astype(dtype))
    before = matrix.copy()
    preprocessor = fit_preprocessor(matrix)
    out = preprocessor.transform(matrix, np.float64)
    expected = StandardScaler(with_mean=False).fit_transform(dense.astype(dtype))
    assert sparse.issparse(out) and out.dtype == np.float64 and out.format == kind[:3].replace("coo", "csr")
    np.testing.assert_allclose(out.toarray(), expected, rtol=1e-6)
    np.testing.assert_allclose(preprocessor.transform(dense, np.float64), expected, rtol=1e-6)
    np.testing.assert_array_equal(through_json(preprocessor).transform(matrix, np.float64).toarray(), out.toarray())
    assert (matrix != before).nnz == 0


def test_sparse_columns_of_one_value_become_0_and_huge_ones_do_no_harm() -> None:
    matrix = sparse.csr_array([[0.1, 1e300, 1e-200, 5e-324], [0.1, 0, 0, 0], [0.1, 1e300, 1e-200, 0]])
    out = fit_preprocessor(matrix).transform(matrix, np.float64).toarray()
    np.testing.assert_allclose(out[:, :3].std(axis=0), [0, 1, 1])
    assert np.isfinite(out).all()


def test_sparse_entries_that_stand_there_twice_are_summed() -> None:
    matrix = sparse.csr_array((np.array([1.0, 2, 5]), np.array([0, 0, 0]), np.array([0, 2, 3])), shape=(2, 1))
    preprocessor = fit_preprocessor(matrix)
    out = preprocessor.transform(matrix)
    out.sum_duplicates()
    assert out.toarray().tolist() == [[3], [5]] and matrix.toarray().tolist() == [[3], [5]]


def test_sorting_what_came_of_sparse_rows_leaves_those_alone() -> None:
    matrix = sparse.csr_array((np.array([1.0, 2, 5]), np.array([1, 0, 0]), np.array([0, 2, 3])), shape=(2, 2))
    fit_preprocessor(matrix).transform(matrix).sort_indices()
    assert matrix.toarray().tolist() == [[2, 1], [5, 0]]


def test_sparse_rows_of_a_dense_preparation_become_dense() -> None:
    x = np.eye(4)
    preprocessor = fit_preprocessor(x, [3])
    np.testing.assert_array_equal(preprocessor.transform(sparse.csc_array(x)), preprocessor.transform(x))


@pytest.mark.parametrize("fmt", ["csr", "csc"])
def test_sparse_entries_at_fault_are_named(fmt: str) -> None:
    good = sparse.csr_array([[0, 1.0, 0], [2.0, 0, 3.0]]).asformat(fmt)
    preprocessor = fit_preprocessor(good)
    for value in (NAN, np.inf):
        bad = sparse.csr_array([[0, 1.0, 0], [2.0, 0, value]]).asformat(fmt)
        for use in (fit_preprocessor, preprocessor.transform):
            with pytest.raises(InputError, match=rf"X\[1, 2\] \(column 'x2'\) is {value}; every entry of a sparse"):
                use(bad)
    with pytest.raises(InputError, match=r"X\[0, 1\] \(column 'x1'\) is 1e\+60; that is too far .* float32"):
        preprocessor.transform(good * sparse.csr_array([[0, 1e60, 0]] * 2))
    with pytest.raises(InputError, match=r"X\[0, 1\].* is nan; no entry may be missing"):
        preprocessor.transform([[0, NAN, 0]])


# ----------------------------------------------------------------------------------------------------- wrong input


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
        (np.array([["2020-01-01"]], "M8[D]"), r"is of dtype datetime64\[D\]; convert it to numbers \(year"),
        (np.array([[datetime.date(2020, 1, 1)]]), r"X\[0, 0\].* is datetime.date\(2020, 1, 1\), which is not a number"),
        (np.ma.masked_array([[1.0]], [[True]]), "X is a masked array"),
        (sparse.csr_array([[1j]]), "X is a sparse matrix of complex128"),
        (pd.DataFrame({"d": pd.to_datetime(["2020-01-01"])}), r"X's column 0 \('d'\) is of dtype datetime64.*year"),
        (
            pd.DataFrame({"d": [datetime.date(2020, 1, 1)]}),
            r"column 0 \('d'\) holds .*of type date; convert it",
        ),
        (pd.DataFrame({"d": pd.to_timedelta([1])}), "is of dtype timedelta64"),
        (pd.DataFrame({"d": pd.period_range("2020", periods=2, freq="D")}), "holds Period.*of type Period"),
        (pd.DataFrame({"i": pd.cut([1, 2, 3], 2)}), "holds Interval.* of type Interval; convert it to text"),
        (pd.DataFrame({"l": [[1], [2]]}), r"X\[0, 0\] \(column 'l'\) is a list; convert it to numbers or text"),
        (pd.DataFrame({"k": ["a", b"b"]}), "holds b'b', of type bytes"),
        (pd.DataFrame({"k": pd.Series(["\ud800"], dtype=object)}), "not valid Unicode"),
        (pd.DataFrame({"k": pd.Series([2**64, "a"], dtype=object)}), "does not fit in 64 bits"),
        (pd.DataFrame({"k": pd.Series([np.inf, "a"], dtype=object)}), "holds inf, which is not a finite number"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "X's column 'a' occurs 2 times"),
        (pa.table({"d": pa.array([1], pa.timestamp("s"))}), r"X's column 0 \('d'\) is of type timestamp\[s\]; .*year"),
        (pa.table({"l": [[1]]}), "is of type list<.*>; convert it to numbers or text"),
        (pa.table({"b": [b"a"]}), "is of type binary"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_what_is_no_table_of_numbers_and_categories_is_named(x: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        fit_preprocessor(x)


def test_what_polars_can_hold_and_we_can_not_is_named() -> None:
    pl = pytest.importorskip("polars", reason="compares with polars")
    for values, message in (
        ([datetime.date(2020, 1, 1)], r"X's column 0 \('a'\) is of type date32.*year"),
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


def test_frames_of_other_libraries_come_through_arrow_or_say_why() -> None:
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
def test_wrong_categorical_features_are_named_as_scikit_learn_names_them(features: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        fit_preprocessor(pd.DataFrame(np.eye(3), columns=list("abc")), features)


def test_categories_by_name_need_names() -> None:
    with pytest.raises(InputError, match="should be passed as an array of integers or as a boolean mask"):
        fit_preprocessor(np.eye(3), ["x0"])


def test_categories_of_dates_or_sparse_matrices_are_refused() -> None:
    with pytest.raises(InputError, match="datetime64"):
        fit_preprocessor(pd.DataFrame({"d": pd.to_datetime(["2020-01-01"])}), ["d"])
    with pytest.raises(InputError, match="categorical_features names the column 'x1' of a sparse matrix"):
        fit_preprocessor(sparse.eye_array(3, format="csr"), [1])


@pytest.mark.parametrize("features", [None, "from_dtype", [], np.array([], int), [False, False]])
def test_no_categorical_features_leave_it_to_the_types(features: Any) -> None:
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
def test_wrong_rows_are_named(rows: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        fit_preprocessor(np.eye(3), rows=rows)


def test_wrong_names_are_named() -> None:
    for names, message in ((["a"], "feature_names has 1 names: 'a'; it must name X's 2"), (["a", "a"], "'a' occurs")):
        with pytest.raises(InputError, match=message):
            fit_preprocessor(np.eye(2), feature_names=names)
    with pytest.raises(InputError, match="feature_names"):
        fit_preprocessor(pd.DataFrame({"a": [1], "b": [2]}), feature_names=["b", "a"])
    with pytest.raises(InputError, match="not valid Unicode"):
        fit_preprocessor(np.eye(1), feature_names=["\ud800"])


@every_frame
def test_columns_that_are_not_those_of_the_training_rows_are_named(frame: Any) -> None:
    preprocessor = fit_preprocessor(frame({"a": [1, 2], "b": [3, 4]}))
    for columns, message in (
        ({"a": [1]}, "X lacks the column 'b' of the training rows$"),
        ({"a": [1], "c": [1]}, "X lacks the column 'b' of the training rows; it has 'c' instead"),
        ({"a": [1], "b": [1], "c": [1]}, "X has the column 'c', which the training rows did not have"),
        ({"b": [1], "a": [1]}, "X's column 0 is 'b'; in the training rows it was 'a': bring the columns into that"),
    ):
        with pytest.raises(InputError, match=message):
            preprocessor.transform(frame(columns))
    with pytest.raises(InputError, match="X has 3 columns; the training rows had 2"):
        preprocessor.transform(np.eye(3))
    assert preprocessor.transform(np.eye(2)).shape == (2, 2)  # an array has no names to compare
    assert fit_preprocessor(np.eye(2)).transform(frame({"any": [1], "name": [2]})).shape == (1, 2)


def test_wrong_entries_at_prediction_are_named() -> None:
    preprocessor = fit_preprocessor(pd.DataFrame({"a": [1.0, 2.0], "b": ["u", "v"]}))
    for a, message in (
        (np.inf, r"X\[1, 0\] \(column 'a'\) is inf; every entry must be a finite number, or missing"),
        ("u", r"X\[1, 0\] \(column 'a'\) is 'u', which is not a number"),
        (1e300, r"X\[1, 0\] \(column 'a'\) is 1e\+300; that is too far from the training rows for float32"),
        (datetime.datetime(2020, 1, 1), r"X\[1, 0\] \(column 'a'\) is datetime"),
    ):
        with pytest.raises(InputError, match=message):
            preprocessor.transform(pd.DataFrame({"a": pd.Series([1.5, a], dtype=object), "b": ["u", "v"]}))
    with pytest.raises(InputError, match=r"X\[0, 0\] \(column 'a'\) is Timestamp"):
        preprocessor.transform(pd.DataFrame({"a": pd.to_datetime(["2020-01-01"]), "b": ["u"]}))
    with pytest.raises(InputError, match=r"dtype is .*int.*; it must be float32 or float64"):
        preprocessor.transform(pd.DataFrame({"a": [1.0], "b": ["u"]}), int)


# ------------------------------------------------------------------------------------------------------- the file


def example() -> tuple[TablePreprocessor, pd.DataFrame]:
    rows = np.arange(120)
    table = pd.DataFrame(
        {
            "x": np.where(rows % 5 == 0, NAN, rows * 1.5),
            "b": rows % 2 == 0,
            "k": np.array(["r", "g"])[rows % 2],
            "z": rows % 40 + 2**53,
        }
    )
    return fit_preprocessor(table, ["z"]), table


def test_columns_are_described_for_other_programs() -> None:
    """What an exporter would do with the descriptions gives the same inputs."""
    preprocessor, table = example()
    values, indicators, one_hot, codes = [], [], [], []
    for column in preprocessor.columns:
        raw = table.iloc[:, column.position]
        assert raw.name == column.name
        if isinstance(column, NumericColumn):
            filled = raw.astype(float).fillna(column.median)
            values.append((filled - column.offset) * column.scale)
            indicators += [raw.isna()] if column.indicator else []
        else:
            found = [column.categories.index(v) + 1 if v in column.categories else 0 for v in raw]
            (codes if column.encoding == CODES else one_hot).append(column.vectors[found])
    expected = np.column_stack([*values, *indicators, *one_hot, *codes])
    np.testing.assert_array_equal(preprocessor.transform(table, np.float64), expected)


def test_a_preparation_can_be_pickled_and_copied() -> None:
    preprocessor, table = example()
    out = preprocessor.transform(table)
    for again in (pickle.loads(pickle.dumps(preprocessor)), copy.deepcopy(preprocessor), through_json(preprocessor)):
        assert same(again, preprocessor) and again.transform(table).tobytes() == out.tobytes()
        assert again.get_feature_names_out() == preprocessor.get_feature_names_out()
        assert again.embedding_shapes == preprocessor.embedding_shapes
        assert again.columns == preprocessor.columns
    assert "4 columns become 6 inputs, 1 of them codes" in repr(preprocessor)


def put(path: tuple, value: Any):
    def damage(description: Any, arrays: dict) -> None:
        for key in path[:-1]:
            description = description[key]
        if value is KeyError:
            del description[path[-1]]
        else:
            description[path[-1]] = value

    return damage


def put_array(name: str, value: Any):
    def damage(description: Any, arrays: dict) -> None:
        if value is KeyError:
            del arrays[name]
        else:
            arrays[name] = value

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (put(("names",), KeyError), "preprocessor is .*; it must be an object with kind, names, named"),
        (put(("extra",), 1), "it must be an object with"),
        (put(("names",), "xbkz"), "preprocessor.names is 'xbkz', which is of the wrong type"),
        (put(("names", 0), 5), r"preprocessor.names\[0\] is 5"),
        (put(("names", 0), []), r"preprocessor.names\[0\] is \[\]"),
        (put(("names", 0), "b"), "4 names, of which 3 differ"),
        (put(("names",), []), "0 names"),
        (put(("named",), 1), "preprocessor.named is 1"),
        (put(("centred",), None), "preprocessor.centred is None"),
        (put(("centred",), False), "is of sparse rows"),
        (put(("booleans",), [2]), r"booleans\[0\] is 2, which is not a column of numbers"),
        (put(("booleans",), [True]), "is True"),
        (put(("booleans",), [[]]), r"is \[\]"),
        (put(("booleans",), [1, 1]), "names a column twice"),
        (put(("indicators",), [-1]), r"indicators\[0\] is -1"),
        (put(("indicators",), [10**30]), "not a column of numbers"),
        (put(("categories",), {}), "preprocessor.categories is"),
        (put(("categories", 0), 5), r"preprocessor.categories\[0\] is 5"),
        (put(("categories", 0, "column"), 4), r"categories\[0\].column is 4; there are 4 columns"),
        (put(("categories", 0, "column"), -1), "column is -1"),
        (put(("categories", 0, "column"), True), "column is True"),
        (put(("categories", 0, "column"), 3), "each must come once, in order"),
        (put(("categories", 0, "column"), 0), "not a column of numbers"),
        (put(("categories", 0, "encoding"), "evil"), "encoding is 'evil'"),
        (put(("categories", 0, "encoding"), CODES), r"categories\[0\].shares"),
        (put(("categories", 0, "categories"), ["g"]), "shares has 2 entries for 1 categories"),
        (put(("categories", 0, "categories"), ["g", "g"]), "holds a category twice"),
        (put(("categories", 0, "categories"), [1, True]), "holds a category twice"),
        (put(("categories", 0, "categories", 0), None), r"categories\[0\].categories\[0\] is None"),
        (put(("categories", 0, "categories", 0), NAN), "is nan"),
        (put(("categories", 0, "categories", 0), ["g"]), r"is \['g'\]"),
        (put(("categories", 0, "categories", 0), {"int": 5}), "is {'int': 5}"),
        (put(("categories", 0, "categories", 0), {"int": "1e5"}), "1e5"),
        (put(("categories", 0, "categories", 0), {"int": "9" * 5000}), "999"),
        (put(("categories", 0, "categories", 0), {"int": "٣"}), "int"),
        (put(("categories", 0, "shares"), "ab"), "shares is 'ab'"),
        (put(("categories", 0, "shares"), [0.5]), "shares has 1 entries"),
        (put(("categories", 0, "shares"), [0.5, NAN]), "shares holds nan"),
        (put(("categories", 0, "shares"), [0.5, 2.0]), "shares holds 2.0"),
        (put(("categories", 0, "shares"), [0.5, 0.25]), "add up to 0.75"),
        (put(("categories", 0, "shares"), [0.5, "a"]), "shares holds 'a'"),
        (put(("categories", 1, "encoding"), ONE_HOT), "39 categories one-hot; the most is 32"),
        (put_array("median", KeyError), "must be median, offset, scale"),
        (put_array("more", np.zeros(2)), "must be median, offset, scale"),
        (put_array("offset", np.zeros(3)), "offset is .*; it must be float64 of shape"),
        (put_array("offset", np.zeros(2, np.float32)), "must be float64"),
        (put_array("offset", [0.0, 0.0]), "offset is list"),
        (put_array("offset", np.array([0, NAN])), "offset holds NaN"),
        (put_array("scale", np.array([0, -1.0])), "negative scale"),
        (put_array("scale", np.array([0, np.inf])), "scale holds NaN, infinity"),
    ],
)
def test_what_does_not_fit_together_is_refused(damage: Any, message: str) -> None:
    preprocessor, _ = example()
    description, arrays = copy.deepcopy(preprocessor.to_dict()), preprocessor.arrays()
    preprocessor_from_dict(description, arrays)
    damage(description, arrays)
    with pytest.raises(InputError, match=message):
        preprocessor_from_dict(description, arrays)


def test_no_object_is_no_preprocessor() -> None:
    for nothing in (None, [], "x", 5):
        with pytest.raises(InputError, match="it must be an object"):
            preprocessor_from_dict(nothing, {})
    with pytest.raises(InputError, match="the arrays of the preprocessor"):
        preprocessor_from_dict(example()[0].to_dict(), None)

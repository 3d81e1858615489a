"""Transforming tables of any library, sparse rows, and invalid rows at prediction."""

import copy
import datetime
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.preprocessing import StandardScaler

from glassnet import InputError
from glassnet.preprocessing import (
    CODES,
    NumericColumn,
    fit_preprocessor,
)
from tests.preprocessing.sample_tables import NAN, every_frame, example, same, through_json

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
def tables(draw: Any) -> tuple[dict[str, str], dict[str, list], dict[str, list]]:
    """Return the columns' kinds, training rows, and rows to predict, which have other categories."""
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


def says_something(kinds: dict[str, str], columns: dict[str, list]) -> bool:
    """Return whether a column says something; a table of others is rejected."""
    try:
        fit_preprocessor(frame_of("pandas", kinds, columns))
    except InputError as error:
        if "no column is left" not in str(error):
            raise
        return False
    return True


pytestmark = pytest.mark.filterwarnings("ignore:column .* of the values are categories that the training rows did not")


@pytest.mark.parametrize("library", ["pandas", "polars"])
@settings(max_examples=80, deadline=None)
@given(tables())
def test_any_frame_is_transformed_to_finite_numbers_in_the_named_columns(library: str, drawn: Any) -> None:
    kinds, training, new = drawn
    assume(says_something(kinds, training))
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
@given(tables())
def test_pandas_and_polars_frames_give_the_same_inputs(drawn: Any) -> None:
    kinds, training, new = drawn
    assume(says_something(kinds, training))
    results = []
    for library in ("pandas", "polars"):
        preprocessor = fit_preprocessor(frame_of(library, kinds, training))
        out = preprocessor.transform(frame_of(library, kinds, new))
        results.append((preprocessor.get_feature_names_out(), preprocessor.embedding_shapes, out.tobytes()))
    missing = {name for name, kind in kinds.items() if kind == "missing" or set(training[name]) == {None}}
    if not missing:  # pandas' objects that are all missing may be anything, polars' have a type
        assert results[0] == results[1]


@settings(max_examples=60, deadline=None)
@given(tables(), st.sampled_from(["pandas", "polars"]), st.randoms(use_true_random=False))
def test_rows_outside_the_training_rows_change_nothing(drawn: Any, library: str, random: Any) -> None:
    kinds, training, new = drawn
    assume(says_something(kinds, training))
    alone = fit_preprocessor(frame_of(library, kinds, training))
    rows = len(training["c0"])
    together = {name: [*new[name], *values] for name, values in training.items()}
    order = list(range(len(together["c0"])))
    random.shuffle(order)
    mixed = {name: [values[place] for place in order] for name, values in together.items()}
    chosen = np.array([order.index(len(order) - rows + row) for row in range(rows)])
    assert same(alone, fit_preprocessor(frame_of(library, kinds, mixed), rows=chosen))


def test_an_outlier_outside_the_training_rows_changes_nothing() -> None:
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


def test_constant_sparse_columns_become_0_and_huge_ones_do_not_overflow() -> None:
    matrix = sparse.csr_array([[0.1, 1e300, 1e-200, 5e-324], [0.1, 0, 0, 0], [0.1, 1e300, 1e-200, 0]])
    out = fit_preprocessor(matrix).transform(matrix, np.float64).toarray()
    np.testing.assert_allclose(out[:, :3].std(axis=0), [0, 1, 1])
    assert np.isfinite(out).all()


def test_duplicate_sparse_entries_are_summed() -> None:
    matrix = sparse.csr_array((np.array([1.0, 2, 5]), np.array([0, 0, 0]), np.array([0, 2, 3])), shape=(2, 1))
    preprocessor = fit_preprocessor(matrix)
    out = preprocessor.transform(matrix)
    out.sum_duplicates()
    assert out.toarray().tolist() == [[3], [5]] and matrix.toarray().tolist() == [[3], [5]]


def test_sorting_transformed_sparse_rows_does_not_change_x() -> None:
    matrix = sparse.csr_array((np.array([1.0, 2, 5]), np.array([1, 0, 0]), np.array([0, 2, 3])), shape=(2, 2))
    fit_preprocessor(matrix).transform(matrix).sort_indices()
    assert matrix.toarray().tolist() == [[2, 1], [5, 0]]


def test_sparse_rows_become_dense_if_the_training_rows_were_dense() -> None:
    x = np.eye(4)
    preprocessor = fit_preprocessor(x, [3])
    np.testing.assert_array_equal(preprocessor.transform(sparse.csc_array(x)), preprocessor.transform(x))


@pytest.mark.parametrize("fmt", ["csr", "csc"])
def test_invalid_sparse_entries_are_named(fmt: str) -> None:
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


@every_frame
def test_columns_are_matched_by_name_and_others_are_ignored(frame: Any) -> None:
    preprocessor = fit_preprocessor(frame({"a": [1, 2], "b": [3, 5]}))
    expected = preprocessor.transform(frame({"a": [2], "b": [3]}))
    np.testing.assert_array_equal(preprocessor.transform(frame({"b": [3], "a": [2]})), expected)
    with pytest.warns(UserWarning, match="the columns 'c' are ignored: the training rows had no such ones"):
        found = preprocessor.transform(frame({"c": ["x"], "b": [3], "a": [2]}))
    np.testing.assert_array_equal(found, expected)
    preprocessor.transform(frame({"c": ["x"], "b": [3], "a": [2]}))  # it warns once


def test_booleans_may_be_text_at_prediction() -> None:
    preprocessor = fit_preprocessor(pd.DataFrame({"b": [True, False, True], "x": [1.0, 2.0, 4.0]}))
    expected = preprocessor.transform(pd.DataFrame({"b": [True, False, None], "x": [1.0, 2.0, 4.0]}))
    for column in (["true", "FALSE", None], ["True ", "0", ""], [1, 0, None]):
        table = pd.DataFrame({"b": pd.Series(column, dtype=object), "x": [1.0, 2.0, 4.0]})
        np.testing.assert_array_equal(preprocessor.transform(table), expected)
        np.testing.assert_array_equal(preprocessor.transform(table.astype(object).to_numpy()), expected)
    with pytest.raises(InputError, match=r"X\[1, 0\] \(column 'b'\) is 'maybe', which is neither true nor false"):
        preprocessor.transform(pd.DataFrame({"b": ["true", "maybe"], "x": [1.0, 2.0]}))


@every_frame
def test_missing_columns_and_other_numbers_of_columns_are_rejected(frame: Any) -> None:
    preprocessor = fit_preprocessor(frame({"a": [1, 2], "b": [3, 4]}))
    for columns, message in (
        ({"a": [1]}, "X lacks the column 'b' of the training rows$"),
        ({"a": [1], "c": [1]}, "X lacks the column 'b' of the training rows; it has 'c' instead"),
    ):
        with pytest.raises(InputError, match=message):
            preprocessor.transform(frame(columns))
    with pytest.raises(InputError, match="X has 3 columns; the training rows had 2"):
        preprocessor.transform(np.eye(3))
    assert preprocessor.transform(np.eye(2)).shape == (2, 2)  # an array has no names to compare
    assert fit_preprocessor(np.eye(2)).transform(frame({"any": [1], "name": [2]})).shape == (1, 2)


def test_invalid_entries_at_prediction_are_named() -> None:
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


def test_the_description_of_the_columns_is_enough_to_transform_rows() -> None:
    """What an exporter would do with the descriptions gives the same inputs."""
    preprocessor, table = example()
    values: list = []
    indicators: list = []
    one_hot: list = []
    codes: list = []
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


def test_a_preprocessor_can_be_pickled_and_copied() -> None:
    preprocessor, table = example()
    out = preprocessor.transform(table)
    for again in (pickle.loads(pickle.dumps(preprocessor)), copy.deepcopy(preprocessor), through_json(preprocessor)):
        assert same(again, preprocessor) and again.transform(table).tobytes() == out.tobytes()
        assert again.get_feature_names_out() == preprocessor.get_feature_names_out()
        assert again.embedding_shapes == preprocessor.embedding_shapes
        assert again.columns == preprocessor.columns
    assert "4 columns become 6 inputs, 1 of them codes" in repr(preprocessor)

"""X and y of every kind: scikit-learn's messages with and without preprocessing, targets of Python objects, notes."""

import decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import neural_network as sklearn_mlp

from glassnet import InputError, MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.default_rng(0).normal(size=(40, 3))
Y = (X[:, 0] > 0).astype(int)
PREPROCESS = [None, "scale", "auto"]


def classifier(**params: Any) -> MLPClassifier:
    return MLPClassifier(**{"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0, **params})


def message(call: Any) -> str:
    with pytest.raises(ValueError) as found:
        call()
    return str(found.value)


WRONG_SHAPES: dict[str, Any] = {
    "one row as a 1-d array": X[0],
    "three dimensions": X[np.newaxis],
    "a number": 3.0,
    "a list of numbers": X[0].tolist(),
    "a Series": pd.Series(X[0]),
    "no rows": X[:0],
    "one column too few": X[:, :2],
    "no columns": X[:, :0],
}


@pytest.mark.parametrize("preprocess", PREPROCESS)
@pytest.mark.parametrize("shape", WRONG_SHAPES)
def test_rows_of_a_wrong_shape_raise_sklearns_message(shape: str, preprocess: str | None) -> None:
    rows = WRONG_SHAPES[shape]
    mine = classifier(preprocess=preprocess).fit(X, Y)
    other = sklearn_mlp.MLPClassifier((4,), max_iter=3, random_state=0).fit(X, Y)
    expected = message(lambda: other.predict(rows))
    for call in (mine.predict, mine.predict_proba, mine.explain, lambda rows: mine.score(rows, Y[:1])):
        assert message(lambda call=call: call(rows)) == expected
    if shape != "one column too few":
        expected = message(lambda: sklearn_mlp.MLPClassifier((4,)).fit(rows, Y))
        assert message(lambda: classifier(preprocess=preprocess).fit(rows, Y)) == expected


@pytest.mark.parametrize("rows", ["abc", None, {"a": [1.0]}])
def test_what_has_no_rows_is_refused_with_preprocessing(rows: Any) -> None:
    fitted = classifier(preprocess="auto").fit(X, Y)
    for call in (fitted.predict, lambda rows: classifier(preprocess="auto").fit(rows, Y)):
        assert "Expected 2D array, got scalar array instead" in message(lambda call=call: call(rows))


@pytest.mark.parametrize("preprocess", PREPROCESS)
def test_frames_without_rows_and_validation_rows_of_a_wrong_shape(preprocess: str | None) -> None:
    frame = pd.DataFrame(X, columns=list("abc"))
    mine = classifier(preprocess=preprocess).fit(frame, Y)
    assert "Found array with 0 sample(s) (shape=(0, 3))" in message(lambda: mine.predict(frame.iloc[:0]))
    assert "Found array with 0 sample(s)" in message(lambda: classifier(preprocess=preprocess).fit(frame[:0], Y[:0]))
    assert "requires y to be passed" in message(lambda: classifier(preprocess=preprocess).fit(frame, None))
    given = (X[0], Y[:1])
    assert "Expected 2D array" in message(lambda: classifier(preprocess=preprocess).fit(X, Y, validation_data=given))


def test_nested_lists_are_rows_with_preprocessing() -> None:
    assert classifier(preprocess="auto").fit(X.tolist(), Y.tolist()).predict(X[:2].tolist()).shape == (2,)


@pytest.mark.parametrize("preprocess", [None, "scale"])
@pytest.mark.parametrize(
    "column",
    [
        ["a", "b"] * 20,
        pd.Categorical(["a", "b"] * 20),
        [None, 1.0] * 20,
        pd.array([1, None] * 20, dtype="Int64"),
        pd.array(["a", None] * 20, dtype="string"),
        pd.date_range("2020", periods=40),
        pd.cut(X[:, 0], 3),
    ],
)
def test_columns_that_are_no_numbers_keep_sklearns_error_and_name_the_way_out(
    column: Any, preprocess: str | None
) -> None:
    frame = pd.DataFrame({"a": X[:, 0], "b": column})
    with pytest.raises((ValueError, TypeError)) as theirs:
        sklearn_mlp.MLPClassifier().fit(frame, Y)
    with pytest.raises((ValueError, TypeError)) as found:
        classifier(preprocess=preprocess).fit(frame, Y)
    if preprocess is None:
        assert type(found.value) is type(theirs.value)
        assert str(found.value).replace("glassnet", "sklearn") == str(theirs.value)
    assert any("preprocess='auto'" in note for note in found.value.__notes__)


def test_notes_about_the_target_do_not_blame_the_rows() -> None:
    with pytest.raises(ValueError, match="could not convert") as found:
        MLPRegressor().fit(X, np.array(["a", "b"] * 20, object))
    assert found.value.__notes__ == ["y holds text; a classifier takes it: MLPClassifier."]
    with pytest.raises(ValueError, match="Input y contains NaN") as found:
        MLPRegressor().fit(X, np.where(Y > 0, np.nan, 1.0))
    assert found.value.__notes__ == ["A row without a target can't be trained on; leave it out."]
    with pytest.raises(ValueError, match="infinity") as found:
        classifier().fit(np.where(X > 2, np.inf, X), Y)
    assert not hasattr(found.value, "__notes__")


CLASSES: dict[str, tuple[Any, list[Any]]] = {
    "numbers as objects": (np.array([3, 4], object), [3, 4]),
    "booleans as objects": (np.array([False, True], object), [False, True]),
    "decimals": (np.array([decimal.Decimal(3), decimal.Decimal(4)], object), [3, 4]),
    "text as objects": (np.array(["a", "b"], object), ["a", "b"]),
}


@pytest.mark.parametrize("preprocess", [None, "auto"])
@pytest.mark.parametrize("kind", CLASSES)
def test_classes_of_dtype_object_are_the_numbers_and_texts_that_they_hold(kind: str, preprocess: str | None) -> None:
    values, classes = CLASSES[kind]
    fitted = classifier(preprocess=preprocess).fit(X, values[Y])
    assert fitted.classes_.tolist() == classes
    assert set(fitted.predict(X).tolist()) <= set(classes)
    same = classifier(preprocess=preprocess).fit(X, Y)
    np.testing.assert_array_equal(fitted.coefs_[0], same.coefs_[0])


def test_intervals_of_pandas_cut_are_classes_by_their_text() -> None:
    bins = pd.cut(X[:, 0], 2)
    expected = [str(interval) for interval in bins.categories]
    assert classifier().fit(X, bins).classes_.tolist() == sorted(expected)
    assert classifier().fit(X, pd.Series(bins)).classes_.tolist() == sorted(expected)
    holes = pd.Series(bins)
    holes[7] = None
    with pytest.raises(InputError, match=r"Input y contains NaN: y\[7\] is missing"):
        classifier().fit(X, holes)


def test_decimals_of_arrow_are_values() -> None:
    pa = pytest.importorskip("pyarrow")
    values = [decimal.Decimal(f"{number:.2f}") for number in X[:, 0]]
    series = pd.Series(values, dtype=pd.ArrowDtype(pa.decimal128(8, 2)))
    plain = np.array([float(value) for value in values])
    for y in (series, values):
        one, other = (MLPRegressor(hidden_layer_sizes=(4,), max_iter=3, random_state=0) for _ in range(2))
        np.testing.assert_array_equal(one.fit(X, y).predict(X), other.fit(X, plain).predict(X))


def test_a_missing_class_is_named_with_its_row() -> None:
    y = np.array(["a", "b"] * 20, object)
    y[5] = None
    with pytest.raises(InputError, match=r"Input y contains NaN: y\[5\] is None; leave out rows without a target"):
        classifier().fit(X, y)


@pytest.mark.parametrize("sizes", [(10.5,), (10.0,), np.array([10.5]), (4, 2.5)])
def test_hidden_layers_need_whole_numbers(sizes: Any) -> None:
    with pytest.raises(TypeError, match="hidden_layer_sizes has .*an integer is required"):
        classifier(hidden_layer_sizes=sizes).fit(X, Y)
    assert classifier(hidden_layer_sizes=np.array([3, 2])).fit(X, Y).coefs_[1].shape == (3, 2)


def test_decimals_of_arrow_are_numbers_in_a_table() -> None:
    pa = pytest.importorskip("pyarrow")
    decimals = pd.array(
        [decimal.Decimal("1.5"), None, decimal.Decimal("2.5"), decimal.Decimal("7")] * 10,
        dtype=pd.ArrowDtype(pa.decimal128(5, 2)),
    )
    plain = pd.array([1.5, np.nan, 2.5, 7.0] * 10, dtype="Float64")
    one, other = (classifier(preprocess="auto").fit(pd.DataFrame({"n": column}), Y) for column in (decimals, plain))
    assert one.input_names == other.input_names
    np.testing.assert_array_equal(one.coefs_[0], other.coefs_[0])

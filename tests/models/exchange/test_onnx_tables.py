"""ONNX files of networks for tables preprocess rows as glassnet does: missing values, categories, embeddings."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from glassnet import InputError, Structure
from glassnet.models.exchange import Portable, to_onnx, to_sklearn
from glassnet.models.exchange.onnx_file import onnx_bytes
from glassnet.network.forward import forward
from glassnet.preprocessing import CODES, TablePreprocessor, fit_preprocessor
from glassnet.preprocessing.column_choice import LeftOutColumn
from glassnet.preprocessing.scaling import Scaling
from tests.models.exchange.networks import CLOSE

pytest.importorskip("onnx", reason="ONNX files are made with the package onnx, which is not here")
ort = pytest.importorskip("onnxruntime", reason="ONNX files are read by onnxruntime, which is not here")

DTYPES = ("float32", "float64")


def frame(rows: int = 200) -> pd.DataFrame:
    """Return numbers with gaps, booleans, text few and many, whole numbers and fractions as categories, odd names."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "z1": rng.standard_normal(rows) * 1e3 + 1.6e9,  # also the name of an array of the graph
            "town": np.array([f"Ort {i} ß" for i in range(40)])[rng.integers(0, 40, rows)],  # with a learned vector
            "has \n gaps": rng.standard_normal(rows),
            "member": rng.integers(0, 2, rows).astype(bool),
            "colour": np.array(["red", "green", ""])[rng.integers(0, 3, rows)],
            "W1": rng.integers(-2, 3, rows) * 10**12,
            "size": np.array([0.5, 1.0, 1e-3])[rng.integers(0, 3, rows)],
            "constant": np.ones(rows),
            "shop": rng.integers(0, 50, rows),  # with a learned vector
        }
    )
    table.loc[::7, "has \n gaps"] = np.nan
    table.loc[::9, "colour"] = None
    return table


MARKED = ["town", "colour", "W1", "size", "shop"]


def network_for(
    preparation: TablePreprocessor, dtype: str, outputs: int = 3, kind: str = "regression", **more: Any
) -> Portable:
    numbers = preparation.n_inputs - len(preparation.embedding_shapes)
    width = numbers + sum(size for _, size in preparation.embedding_shapes)
    activation = {"regression": "identity", "multiclass": "softmax"}[kind]
    structure = Structure((width, 6, outputs), ("gelu", activation), preparation.embedding_shapes)
    rng = np.random.default_rng(1)
    vector = rng.standard_normal(structure.n_parameters).astype(dtype) / 2
    return Portable(structure, vector, kind, preparation=preparation, **more)


def glassnet_output(exported: Portable, table: Any) -> np.ndarray:
    inputs = exported.preparation.transform(table, exported.vector.dtype)
    return forward(exported.structure, exported.parameters, inputs)[f"a{exported.structure.n_layers}"]


def feed(exported: Portable, table: pd.DataFrame, dtype: str, missing: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return what onnxruntime is given: text, int64, doubles and numbers, each (rows, 1)."""
    given = {}
    for column in exported.preparation.columns:
        values = table[column.name]
        categories = getattr(column, "categories", None)
        if isinstance(column, LeftOutColumn):
            continue
        if categories is None:
            kind: Any = dtype
        elif isinstance(categories[0], str):
            kind, values = object, values.where(values.notna(), "")
        else:
            kind = "float64" if isinstance(categories[-1], float) else "int64"
        given[column.name] = values.to_numpy(dtype=kind).reshape(-1, 1)
    return given


def session(exported: Portable, **options: Any) -> Any:
    return ort.InferenceSession(onnx_bytes(exported, **options), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_table_with_every_kind_of_column(dtype: str) -> None:
    table = frame()
    preparation = fit_preprocessor(table, categorical_features=MARKED)
    assert [c.name for c in preparation.categories if c.encoding == CODES] == ["town", "shop"]
    exported = network_for(preparation, dtype)
    read = session(exported, input_dtype="float64")
    inputs = {value.name: (value.type, value.shape) for value in read.get_inputs()}
    number = ("tensor(double)", ["rows", 1])
    assert inputs == {
        "z1": number,
        "town": ("tensor(string)", ["rows", 1]),
        "has \n gaps": number,
        "member": number,
        "colour": ("tensor(string)", ["rows", 1]),
        "W1": ("tensor(int64)", ["rows", 1]),
        "size": number,
        "shop": ("tensor(int64)", ["rows", 1]),
    }
    for rows in (table, table[:1], table[:0]):
        found = read.run(["variable"], feed(exported, rows, "float64"))[0]
        assert found.dtype == dtype and found.shape == (len(rows), 3)
        assert np.allclose(found, glassnet_output(exported, rows), **CLOSE[dtype])


@pytest.mark.filterwarnings("ignore:column .* of the values are categories that the training rows did not have")
@pytest.mark.parametrize("dtype", DTYPES)
def test_new_rows_with_values_that_no_training_row_had(dtype: str) -> None:
    table = frame()
    exported = network_for(fit_preprocessor(table, categorical_features=MARKED), dtype)
    new = table[:6].reset_index(drop=True)
    new["town"] = [None, "Ort 3 ß", "ort 3 ß", "", "no such text", "Ort 39 ß"]
    new["colour"] = ["blue", "", None, "red", "Red", "green"]
    new["W1"] = [0, 1, -(10**12), 10**12 + 1, -(2**63), 2**63 - 1]
    new["size"] = [np.nan, 1.0, 0.5000000001, -1e300, 1e-3, 0.0]
    new["has \n gaps"] = [np.nan, 1e6, -1e6, 0.0, np.nan, 1e-30]
    new["member"] = pd.array([None, True, False, True, None, False], "boolean")
    new["constant"] = [np.nan, 1.0, 7.0, -1e6, 0.0, 1.0]
    given = feed(
        exported, new.assign(member=new["member"].astype("Float64").to_numpy(float, na_value=np.nan)), "float64"
    )
    found = session(exported, input_dtype="float64").run(["variable"], given)[0]
    assert np.isfinite(found).all()
    assert np.allclose(
        found, glassnet_output(exported, new), rtol=CLOSE[dtype]["rtol"], atol=CLOSE[dtype]["atol"] * 1e3
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_float32_columns_lose_only_what_float32_loses(dtype: str) -> None:
    table = frame()
    table["z1"] = table["z1"].astype(np.float32)
    exported = network_for(fit_preprocessor(table, categorical_features=MARKED), dtype)
    given = feed(exported, table, "float32")
    rounded = table.assign(**{"has \n gaps": table["has \n gaps"].astype(np.float32)})
    found = session(exported, input_dtype="float32").run(["variable"], given)[0]
    assert np.allclose(found, glassnet_output(exported, rounded), **CLOSE[dtype])


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("make", [np.asarray, pd.DataFrame], ids=["array", "frame"])
def test_columns_of_numbers_alone_are_one_input(make: Any, gaps: bool) -> None:
    x = np.random.default_rng(0).standard_normal((50, 4)) * [1, 1e5, 1e-5, 1] + 1e3
    if gaps:
        x[::5, 1] = np.nan
    exported = network_for(fit_preprocessor(make(x)), "float64")
    read = session(exported)
    assert [(value.name, value.shape) for value in read.get_inputs()] == [("X", ["rows", 4])]
    assert exported.feature_names == (("0", "1", "2", "3") if make is pd.DataFrame else ())
    x[3] = np.nan
    assert np.allclose(read.run(None, {"X": x})[0], glassnet_output(exported, make(x)), **CLOSE["float64"])


def test_sparse_rows_are_one_input() -> None:
    from scipy import sparse

    x = sparse.random_array((50, 6), density=0.3, rng=np.random.default_rng(0), format="csr")
    exported = network_for(fit_preprocessor(x), "float64")
    found = session(exported).run(None, {"X": x.toarray()})[0]
    assert np.allclose(found, glassnet_output(exported, x.toarray()), **CLOSE["float64"])


def test_a_table_of_categories_alone() -> None:
    table = pd.DataFrame({"a": ["x", "y"] * 10, "b": list("abcde") * 4})
    exported = network_for(fit_preprocessor(table), "float32")
    given = {name: table[[name]].to_numpy(object) for name in table}
    assert np.allclose(session(exported).run(None, given)[0], glassnet_output(exported, table), **CLOSE["float32"])


def test_a_column_that_was_always_missing_changes_nothing() -> None:
    table = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": pd.Series([None] * 3, dtype=object)})
    exported = network_for(fit_preprocessor(table, categorical_features=["b"]), "float64")
    given = {"a": table[["a"]].to_numpy(), "b": np.array([["any"], [""], ["text"]], object)}
    assert np.allclose(session(exported).run(None, given)[0], glassnet_output(exported, table), **CLOSE["float64"])


def test_classes_of_a_table() -> None:
    table = frame()
    preparation = fit_preprocessor(table, categorical_features=MARKED)
    exported = network_for(preparation, "float32", kind="multiclass", classes=np.array(["x", "y", "z"]))
    label, probabilities = session(exported, input_dtype="float64").run(None, feed(exported, table, "float64"))
    expected = glassnet_output(exported, table)
    assert label.tolist() == exported.classes[expected.argmax(axis=1)].tolist()
    assert np.allclose(probabilities, expected, **CLOSE["float32"])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("numbers", [0, 1, 3])
def test_codes_without_a_preparation_are_the_last_columns_of_x(numbers: int, dtype: str) -> None:
    structure = Structure((numbers + 5, 4, 2), "relu", [(7, 2), (4, 3)])
    rng = np.random.default_rng(0)
    vector = rng.standard_normal(structure.n_parameters).astype(dtype)
    figures = np.zeros(numbers + 2), np.ones(numbers + 2)
    x = np.column_stack([rng.standard_normal((20, numbers)), rng.integers(0, 7, 20), rng.integers(0, 4, 20)]).astype(
        dtype
    )
    expected = forward(structure, structure.views(vector), x)["a2"]
    for scaling in (None, Scaling("standard", *figures)):
        exported = Portable(structure, vector, "regression", scaling=scaling)
        read = session(exported)
        assert np.allclose(read.run(None, {"X": x})[0], expected, **CLOSE[dtype])
        x_wrong = x.copy()
        x_wrong[3, -1] = 4
        with pytest.raises(Exception, match="indices element out of data bounds"):
            read.run(None, {"X": x_wrong})


# ------------------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize("name", ["label", "probabilities", "scores", "variable", ""])
def test_a_column_with_the_name_of_an_output_is_rejected(name: str) -> None:
    exported = network_for(fit_preprocessor(pd.DataFrame({name: ["a", "b"] * 5, "x": np.arange(10.0)})), "float64")
    with pytest.raises(InputError, match=f"column '{name}' is empty or the name of an output"):
        onnx_bytes(exported)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["a", 1], "column 'c' has categories of text and of numbers"),
        ([2**63, 1], "column 'c' has a category above 2⁶³"),
    ],
)
def test_mixed_or_too_large_categories_are_rejected(values: list, message: str) -> None:
    table = pd.DataFrame({"c": pd.Series(values * 5, dtype=object)})
    exported = network_for(fit_preprocessor(table, categorical_features=["c"]), "float64")
    with pytest.raises(InputError, match=message):
        onnx_bytes(exported)


def test_parts_that_do_not_match_the_preparation_are_rejected(tmp_path: Any) -> None:
    preparation = fit_preprocessor(frame(), categorical_features=MARKED)
    exported = network_for(preparation, "float64")
    plain = Structure((3, 2), "relu")
    with pytest.raises(
        InputError, match=r"the preparation makes inputs and embeddings \(\d+, \(\(.*; the structure has \(3, "
    ):
        Portable(plain, np.zeros(plain.n_parameters), "regression", preparation=preparation)
    columns = exported.structure.n_inputs
    scaling = Scaling("standard", np.zeros(columns), np.ones(columns))
    with pytest.raises(InputError, match="scaling and preparation are both given"):
        Portable(exported.structure, exported.vector, "regression", preparation=preparation, scaling=scaling)
    with pytest.raises(InputError, match="the feature names are not those of the preparation"):
        Portable(exported.structure, exported.vector, "regression", preparation=preparation, feature_names=("a",))
    with pytest.raises(InputError, match="scikit-learn's networks do not"):
        to_sklearn(exported)
    to_onnx(exported, tmp_path / "m.onnx")

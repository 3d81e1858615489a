"""Streamed tables: medians, codes of columns, and the preprocessor, as of the same rows in memory."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import glassnet
from glassnet import InputError
from glassnet.data import as_files, open_files
from glassnet.data.tables import ArrowTable
from glassnet.models.fitting_files import fit_files
from glassnet.preprocessing import fit_preprocessor
from glassnet.streaming import column_coding
from glassnet.streaming.column_coding import ColumnCoding
from glassnet.streaming.medians import streamed_medians
from glassnet.streaming.profile import ScanOptions
from glassnet.streaming.scan import scan_files
from glassnet.streaming.stream_inputs import fit_stream_inputs

FEW = glassnet.Settings(epochs=1, engine="reference", loss="categorical_crossentropy")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.floats(width=64, allow_infinity=False) | st.none(), min_size=3, max_size=3), max_size=40),
    st.lists(st.integers(0, 40), max_size=3),
)
def test_streamed_medians_are_numpys(rows: list, cuts: list) -> None:
    x = np.array([[np.nan if value is None else value for value in row] for row in rows]).reshape(-1, 3)
    blocks = np.split(x, sorted(cut % (len(x) + 1) for cut in cuts))
    found = streamed_medians(lambda: blocks, (~np.isnan(x)).sum(axis=0))
    for column in range(3):
        values = x[~np.isnan(x[:, column]), column]
        with np.errstate(over="ignore"):
            assert found[column] == (np.median(values) if len(values) else 0)


def table(rows: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "id": range(rows),
            "size": rng.normal(50, 3, rows),
            "kind": rng.choice(["a", "b ", "c"], rows),
            "when": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 10**8, rows), "s"),
            "flag": rng.random(rows) < 0.3,
            "town": [f"t{number}" for number in rng.integers(0, 60, rows)],
            "key": [f"key {number}" for number in range(rows)],
            "late": [None] * (rows - 20) + ["x", "y"] * 10,
            "label": rng.choice(["p", "q"], rows),
        }
    )
    frame.loc[::7, "size"] = np.nan
    frame.loc[::11, "kind"] = None
    frame.loc[::13, "when"] = None
    return frame


@pytest.mark.filterwarnings("ignore:column '(id|key)' is left out")
@pytest.mark.parametrize("cache", [True, False])
def test_a_streamed_table_has_the_preprocessor_of_one_in_memory(cache: bool, tmp_path: Path) -> None:
    frame = table()
    path = tmp_path / "t.parquet"
    frame.to_parquet(path, row_group_size=37)
    x = frame.drop(columns="label")
    expected = fit_preprocessor(x).without_left_out()
    options = ScanOptions("label")
    for _ in range(2):  # from the files, then from the cache
        found = fit_stream_inputs(scan_files(open_files(path), options, cache))
        assert found.preprocessor.to_dict() == expected.to_dict()
        for name, array in expected.arrays().items():
            np.testing.assert_allclose(found.preprocessor.arrays()[name], array, rtol=1e-12)
        assert [column.name for column in found.left_out] == ["id", "key"]
    streamed = fit_files(path, validation_fraction=0.2, settings=FEW, cache=cache, test=path)
    assert streamed.structure.embeddings and streamed.history[-1].test_loss > 0
    np.testing.assert_allclose(streamed.evaluate(x, frame["label"])[0], streamed.history[-1].test_loss, rtol=1e-5)
    assert streamed.predict(x).shape == (400,)


@pytest.mark.filterwarnings("ignore:column 'same' is left out")
def test_a_streamed_table_of_numbers_keeps_a_scaling() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=300), "same": 1.5, "b": rng.integers(0, 9, 300), "label": [0, 1] * 150})
    model = fit_files(frame, validation_fraction=0, settings=FEW)
    memory = glassnet.fit(frame[["a", "same", "b"]], frame["label"], settings=FEW)
    assert model.feature_names == memory.feature_names == ("a", "b")
    np.testing.assert_allclose(model.scaling.scale, memory.scaling.scale, rtol=1e-12)
    np.testing.assert_allclose(model.scaling.offset, memory.scaling.offset, rtol=1e-12)


def test_codes_grow_with_the_rows_and_are_restored() -> None:
    coding = ColumnCoding(["k", "n"])
    blocks = [
        pa.table({"k": pa.array([None, None], pa.string()), "n": [1.0, None]}),
        pa.table({"k": ["b", "a "], "n": [2.0, 3.0]}),
        pa.table({"k": ["a", "c"], "n": [None, 4.0]}),
    ]
    coded = [coding.encode(ArrowTable("t", block)) for block in blocks]
    np.testing.assert_array_equal(
        np.vstack(coded), [[np.nan, 1], [np.nan, np.nan], [0, 2], [1, 3], [1, np.nan], [2, 4]]
    )
    again = ColumnCoding.from_dict(["k", "n"], coding.to_dict())
    assert (
        (again.kinds, again.values) == (coding.kinds, coding.values) == (["category", "number"], [["b", "a", "c"], []])
    )
    np.testing.assert_array_equal(again.encode(ArrowTable("t", blocks[2])), coded[2])
    rows = again.table(np.vstack(coded), [0, 1])
    assert rows.kind(0) == "category" and rows.factorize(0)[0].tolist() == [-1, -1, 0, 1, 1, 2]
    assert rows.select(["n"]).names == ["n"] and rows.take(np.array([2])).x.tolist() == [[0, 2]]
    assert rows.to_arrow().shape == (6, 2)
    for damage in ({"kinds": ["category"]}, {"kinds": ["evil", "number"]}, {"values": [[["x"]], []]}, {"values": 3}):
        with pytest.raises((ValueError, TypeError)):
            ColumnCoding.from_dict(["k", "n"], coding.to_dict() | damage)


@pytest.mark.filterwarnings("ignore:column 'k' is left out")
def test_a_column_of_too_many_texts_is_left_out_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column_coding, "MAX_VALUES", 50)
    frame = pd.DataFrame({"k": [f"k{n % 70}" for n in range(700)], "n": np.arange(700) % 9, "label": ["p", "q"] * 350})
    model = fit_files(frame, validation_fraction=0, settings=FEW)
    assert model.feature_names == ("n",) and model.metadata["left_out"][0][0] == "k"


def test_an_infinite_entry_of_a_streamed_table_is_named(tmp_path: Path) -> None:
    frame = table().assign(size=1.5)
    frame.loc[300, "size"] = np.inf
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=50)
    with pytest.raises(InputError, match=r"t.parquet: row 301, column 'size' is inf; every entry must be a finite"):
        fit_files(tmp_path / "t.parquet", settings=FEW)


def test_a_streamed_test_file_may_have_other_categories_in_another_order(tmp_path: Path) -> None:
    frame = table()[["kind", "size", "label"]]
    frame.to_parquet(tmp_path / "a.parquet")
    other = frame[::-1].reset_index(drop=True)
    other.to_parquet(tmp_path / "b.parquet")
    model = fit_files(tmp_path / "a.parquet", validation_fraction=0, settings=FEW, test=tmp_path / "b.parquet")
    loss, _ = model.evaluate(other.drop(columns="label"), other["label"])
    np.testing.assert_allclose(model.history[-1].test_loss, loss, rtol=1e-5)
    assert as_files(frame).names == ["kind", "size", "label"]


def test_negative_counts_and_an_id_as_the_target_are_noticed_in_streams() -> None:
    frame = pd.DataFrame({"a": np.arange(300) % 7, "y": np.arange(300) - 1.0})
    with pytest.raises(InputError, match="the target column 'y' holds -1; loss 'poisson' is for counts"):
        fit_files(frame, settings=glassnet.Settings(loss="poisson", epochs=1, engine="reference"))
    with pytest.warns(UserWarning, match="is it an id or a name rather than the target"):
        fit_files(frame.assign(y=[f"k{n}" for n in range(300)]), settings=FEW, validation_fraction=0)

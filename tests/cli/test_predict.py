"""``glassnet predict``: columns that are kept, rows that can't be predicted, quantiles."""

import csv
import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest

from glassnet import MLPRegressor, load

from .test_cli import flowers, glassnet, houses, model

__all__ = ["flowers", "glassnet", "houses", "model"]


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    """Return a CSV of 1,000 rows with an id, of which five can't be predicted: two cells, three rows."""
    rng = np.random.default_rng(0)
    lines = [f"{number:05d},{a:.3f},{b:.3f}" for number, (a, b) in enumerate(rng.standard_normal((1000, 2)))]
    lines[4] = "00004,oops,1.0"
    lines[500] = "00500,1.0,n.a."
    for number in (0, 700, 999):
        lines[number] += ",1,2"
    path = tmp_path / "orders.csv"
    path.write_text("\n".join(["id,length,größe", *lines]) + "\n", encoding="utf-8")
    return path


BAD = [0, 4, 500, 700, 999]


def test_kept_columns_come_first_as_they_are_written(glassnet, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text("id,größe,length,label\n001,1.50,2.0,x\n002,5,5e0,y\n", encoding="utf-8")
    code, out, err = glassnet("predict", model, path, "--keep", "id,length", "--proba")
    assert (code, err) == (0, "")
    assert list(read(out)[0]) == ["id", "length", "label", "probability_daisy", "probability_tulip"]
    assert [row["id"] for row in read(out)] == ["001", "002"]
    _, out, _ = glassnet("predict", model, path, "--keep", "all")
    assert list(read(out)[0]) == ["id", "größe", "length", "label", "predicted_label"]
    assert [row["label"] for row in read(out)] == ["x", "y"]
    assert {row["predicted_label"] for row in read(out)} <= {"daisy", "tulip"}
    glassnet("predict", model, path, "--keep", "id", "--out", tmp_path / "p.parquet")
    assert parquet.read_table(tmp_path / "p.parquet").column("id").to_pylist() == ["001", "002"]


def test_a_row_that_can_not_be_predicted_is_an_error_by_default(glassnet, model: Path, orders: Path) -> None:
    code, out, err = glassnet("predict", model, orders)
    assert (code, out) == (2, "") and "row 1 has 5 columns" in err


def test_skip_leaves_such_rows_out(glassnet, model: Path, orders: Path) -> None:
    code, out, err = glassnet("predict", model, orders, "--on-bad-row", "skip", "--keep", "id")
    assert code == 0 and err.startswith("glassnet: 5 of 1,000 rows left out; the first: ")
    assert [int(row["id"]) for row in read(out)] == [number for number in range(1000) if number not in BAD]
    assert all(row["label"] for row in read(out))


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_blank_keeps_their_place(glassnet, model: Path, orders: Path, ending: str, tmp_path: Path) -> None:
    out = tmp_path / f"p{ending}"
    code, _, err = glassnet("predict", model, orders, "--on-bad-row", "blank", "--keep", "id", "--out", out)
    assert code == 0 and "5 of 1,000 rows without a prediction" in err
    rows = read(out.read_text(encoding="utf-8")) if ending == ".csv" else parquet.read_table(out).to_pylist()
    assert len(rows) == 1000
    assert [number for number, row in enumerate(rows) if not row["label"]] == BAD
    # of a row with other columns nothing is known
    assert [row["id"] or "" for row in rows] == ["" if n in (0, 700, 999) else f"{n:05d}" for n in range(1000)]


def test_good_rows_are_predicted_as_without_bad_ones(glassnet, model: Path, orders: Path, tmp_path: Path) -> None:
    lines = orders.read_text(encoding="utf-8").splitlines()
    good = tmp_path / "good.csv"
    good.write_text("\n".join(line for n, line in enumerate(lines) if n - 1 not in BAD) + "\n", encoding="utf-8")
    _, expected, _ = glassnet("predict", model, good, "--proba")
    _, found, _ = glassnet("predict", model, orders, "--proba", "--on-bad-row", "skip")
    assert found == expected


def test_an_empty_cell_is_blank_for_a_model_that_imputes_nothing(glassnet, houses: Path, tmp_path: Path) -> None:
    x = np.random.default_rng(0).uniform(0, 10, (80, 2))
    path = tmp_path / "m.glassnet"
    MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", max_iter=20).fit(x, x[:, 0]).save(path)
    rows = tmp_path / "rows.csv"
    rows.write_text("x1,x2\n1,2\n,2\n3,inf\n4,5\n")
    code, out, err = glassnet("predict", path, rows, "--on-bad-row", "blank", "--keep", "all")
    assert code == 0, err
    predicted = list(read(out)[0])[-1]
    assert [bool(row[predicted]) for row in read(out)] == [True, False, False, True]
    assert [row["x1"] for row in read(out)] == ["1", "", "3", "4"]


def test_a_file_without_a_row_to_predict_is_an_error(glassnet, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("length,größe\nno,2\nno,3\n", encoding="utf-8")
    code, _, err = glassnet("predict", model, path, "--on-bad-row", "blank")
    assert code == 2 and "no row can be predicted; the first: " in err and "row 1" in err
    path.write_text("width,größe\n1,2\n", encoding="utf-8")
    code, _, err = glassnet("predict", model, path, "--on-bad-row", "skip")
    assert code == 2 and "'length'" in err


def test_quantiles_are_columns_with_their_names(glassnet, tmp_path: Path) -> None:
    x = np.random.default_rng(0).uniform(0, 10, (80, 2))
    path = tmp_path / "m.glassnet"
    fitted = MLPRegressor(
        quantiles=[0.05, 0.95], max_iter=300, tol=0, n_iter_no_change=np.inf, learning_rate="one_cycle"
    )
    fitted.fit(x, x[:, 0]).save(path)
    rows = tmp_path / "rows.csv"
    rows.write_text("x1,x2\n1,2\n3,4\n")
    _, out, _ = glassnet("predict", path, rows)
    target = load(path).target_name
    assert list(read(out)[0]) == [f"{target}_quantile_0.05", f"{target}_quantile_0.95"]
    np.testing.assert_allclose([list(map(float, row.values())) for row in read(out)], fitted.predict([[1, 2], [3, 4]]))

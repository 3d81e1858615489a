"""The command line takes every format; sparse rows stay sparse all the way."""

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from PIL import Image
from scipy.sparse import csr_matrix, issparse, random

import glassnet
from glassnet import InputError
from glassnet.cli import main
from glassnet.data import features, read_table
from glassnet.models import load, save
from glassnet.preprocessing.scaling import fit_scaling

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 3))
Y = np.where(X[:, 0] > 0, "high", "low")
COLUMNS = pa.table({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "label": Y})


def run(*arguments: Any) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def parquet(folder: Path) -> Path:
    for part in range(3):
        pa.parquet.write_table(COLUMNS.slice(30 * part, 30), folder / f"part-{part}.parquet")
    return folder / "part-*.parquet"


def feather(folder: Path) -> Path:
    pa.feather.write_feather(COLUMNS, str(folder / "t.feather"))
    return folder / "t.feather"


def npz(folder: Path) -> Path:
    np.savez(folder / "t.npz", x=X, y=Y)
    return folder / "t.npz"


def npz_of_columns(folder: Path) -> Path:
    np.savez(folder / "t.npz", a=X[:, 0], b=X[:, 1], c=X[:, 2], label=Y)
    return folder / "t.npz"


def svmlight(folder: Path) -> Path:
    rows = [" ".join(f"{place}:{value!r}" for place, value in enumerate(row, 1)) for row in X.tolist()]
    (folder / "t.svm").write_text("\n".join(f"{int(y == 'high')} {row}" for y, row in zip(Y, rows, strict=True)))
    return folder / "t.svm"


def idx(folder: Path) -> Path:
    images = np.clip(128 + 60 * X, 0, 255).astype(np.uint8).reshape(90, 1, 3)
    content = b"\0\0\x08\x03" + struct.pack(">3I", 90, 1, 3) + images.tobytes()
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(content))
    labels = b"\0\0\x08\x01" + struct.pack(">I", 90) + (Y == "high").astype(np.uint8).tobytes()
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    return folder / "train-images-idx3-ubyte.gz"


def pictures(folder: Path) -> Path:
    for row, (x, y) in enumerate(zip(np.clip(128 + 60 * X, 0, 255).astype(np.uint8), Y, strict=True)):
        (folder / y).mkdir(exist_ok=True)
        Image.fromarray(x[None]).save(folder / y / f"{row}.png")
    return folder


@pytest.mark.parametrize(
    "write",
    [parquet, feather, npz, npz_of_columns, svmlight, idx, pictures],
    ids=lambda writer: writer.__name__,
)
@pytest.mark.parametrize("stream", ["--no-stream", "--stream"])
def test_a_model_is_trained_evaluated_and_used_on_every_format(
    write: Any, stream: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").mkdir()
    data = write(tmp_path / "data")
    model = tmp_path / "m.glassnet"
    assert run("train", data, "--hidden", "8", "--test", data, stream, "--out", model, "--quiet") == 0
    assert run("evaluate", model, data) == 0
    assert float(capsys.readouterr().out.split("accuracy ")[1].split()[0]) > 90
    assert run("predict", model, data, "--out", tmp_path / "p.csv") == 0
    predicted = (tmp_path / "p.csv").read_text().split()
    assert len(predicted) == 91
    assert run("show", model) == 0
    assert "features scaled" in capsys.readouterr().out or write not in (svmlight, idx, pictures)


def test_sparse_rows_stay_sparse_from_the_file_to_the_network(tmp_path: Path) -> None:
    x = random(200, 5000, density=0.002, random_state=0, format="csr") + csr_matrix(np.eye(200, 5000))
    y = np.arange(200) % 2
    lines = [
        f"{y[row]} "
        + " ".join(
            f"{column + 1}:{value!r}"
            for column, value in sorted(zip(part.indices.tolist(), part.data.tolist(), strict=True))
        )
        for row, part in enumerate(x[row] for row in range(200))
    ]
    (tmp_path / "t.svm").write_text("\n".join(lines))
    table = read_table(tmp_path / "t.svm")
    read = features(table, [name for name in table.names if name != "y"])
    assert issparse(read)
    model = glassnet.fit(read, y, hidden=(4,))
    assert issparse(model.inputs(read)) and model.scaling.kind == "largest"
    np.testing.assert_allclose(model.outputs(read), model.outputs(read.toarray()), rtol=1e-5, atol=1e-6)
    save(model, tmp_path / "m.glassnet")
    np.testing.assert_array_equal(load(tmp_path / "m.glassnet").predict(read), model.predict(read))
    scaled = fit_scaling(read).transform(read, np.float64)
    assert np.max(abs(scaled)) == 1 and scaled.nnz == read.nnz
    # a network of dense rows takes sparse ones too
    dense = glassnet.fit(read.toarray(), y, hidden=(4,))
    np.testing.assert_array_equal(dense.predict(read), dense.predict(read.toarray()))
    read.data[7] = np.inf
    row, column = (int(place[7]) for place in read.nonzero())
    with pytest.raises(InputError, match=rf"x\[{row}, {column}\] \(column 'x{column + 1}'\) is inf"):
        model.inputs(read)


def test_an_unknown_class_is_reported_by_file_and_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").mkdir()
    data = parquet(tmp_path / "data")
    model = tmp_path / "m.glassnet"
    assert run("train", data, "--hidden", "4", "--epochs", "1", "--out", model, "--quiet") == 0
    odd = COLUMNS.slice(30, 30).set_column(3, "label", pa.array([*Y[:4], "odd", *Y[5:30]]))
    pa.parquet.write_table(odd, tmp_path / "data" / "part-1.parquet")
    for command in (["evaluate", model, data], ["train", tmp_path / "data" / "part-0.parquet", "--test", data]):
        capsys.readouterr()
        assert run(*command) == 2
        assert "part-1.parquet: row 5 has the class 'odd'" in capsys.readouterr().err

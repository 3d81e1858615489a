"""The formats that are fuzzed: good files to corrupt, and everything that a user does with a file."""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse

from glassnet import InputError, Settings, Structure, fit, load, load_parameters, save, train
from glassnet.models import Model
from glassnet.models.target import Target
from glassnet.preprocessing.scaling import Scaling
from glassnet.training.parameters_file import save_parameters
from tests.fuzz.checks import Violation, check_finite, run_command


class Format(NamedTuple):
    """How files of a format are written and used.

    Parameters
    ----------
    make : callable
        ``make(folder) -> paths`` of valid files, with the same bytes each time.
    use : callable
        ``use(path, which, number) -> outcome``: uses a file as users do. An `InputError` is a clear error, any other
        error is a fault.
    """

    make: Callable[[Path], list[Path]]
    use: Callable[[Path, int, int], str]


# -------------------------------------------------------------------------------------------------- files of networks


def make_models(folder: Path) -> list[Path]:
    """Write models, estimators and parameters of every kind."""
    import pandas as pd

    from glassnet import MLPClassifier, MLPRegressor

    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 3))
    quick = Settings(epochs=2, optimizer="adam", random_state=3)
    values = Settings(epochs=2, loss="huber", loss_settings={"delta": 2.0}, dropout=(0.1, 0.2))
    shares = {"quantiles": (0.1, 0.9)}
    quantiles = Settings(epochs=2, loss="pinball", loss_settings=shares, reduce_on_plateau={"patience": 2})
    text = np.array(["Ärger", "=cmd()", "<b>"])[np.arange(60) % 3]
    names = ("a", "b ü", "c")
    models = [
        fit(x, np.arange(60) % 3, hidden=(5,), settings=quick, validation_fraction=0.2, feature_names=names),
        fit(x, text, hidden=(4, 3), activation="gelu", settings=quick, feature_names=names, test=(x, text)),
        fit(x, x[:, 0] * 1e5, hidden=(5,), settings=values, feature_names=names),
        fit(x, x[:, 0], hidden=(5,), settings=quantiles, feature_names=names),
        fit(rng.integers(0, 256, (60, 16)), np.arange(60) % 2, hidden=(4,), settings=quick),
    ]
    structure = Structure((1 + 3 + 1, 4, 3), ("relu", "softmax"), embeddings=[(7, 3), (2, 1)])
    scaling = Scaling("standard", np.array([5.0, 0, 0]), np.array([0.5, 1, 1]))
    rows = np.column_stack([x[:, 0], rng.integers(7, size=60), rng.integers(2, size=60)])
    vector = train(structure, rows, np.arange(60) % 3, Settings(epochs=2, dtype="float64")).vector
    models.append(Model(structure, vector, scaling, ("a", "b", "c"), Target.of_classes((0, 1, 2))))
    paths = [folder / f"{place}.model" for place in range(len(models))]
    for model, path in zip(models, paths, strict=True):
        history = tuple(replace(epoch, seconds=0.5) for epoch in model.history)
        save(replace(model, history=history), path)
    save_parameters(structure, vector, folder / "a.parameters", 3)
    save_parameters(Structure((3, 4, 2), "tanh"), rng.standard_normal(26), folder / "b.parameters")

    frame = pd.DataFrame({"size": x[:, 0], "kind": ["red", "green", "blue"] * 20, "flat": [True, False] * 30})
    frame["street"] = [f"no {place}" for place in range(40)] * 1 + ["no 1"] * 20
    narrow = x.astype(np.float32)
    fixed: dict[str, Any] = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0, "engine": "reference"}
    estimators = [
        MLPClassifier(**fixed).fit(x, np.arange(60) % 3),
        MLPClassifier(**fixed).fit(x, np.array(["no", "yes"])[np.arange(60) % 2]),
        MLPClassifier(**fixed, early_stopping=True, class_weight={0: 1.5, 1: 2}).fit(narrow, np.arange(60) % 2),
        MLPClassifier(**fixed).fit(x, rng.integers(0, 2, (60, 3))),
        MLPClassifier(**fixed, preprocess="auto").fit(frame, np.arange(60) % 3),
        MLPRegressor(**fixed, target_transform="standardize").fit(x, x[:, :2]),
        MLPRegressor(**fixed, quantiles=(0.1, 0.9), preprocess="auto").fit(frame, x[:, 0]),
    ]
    for place, estimator in enumerate(estimators):
        estimator.history_[:] = [replace(epoch, seconds=0.5) for epoch in estimator.history_]
        paths.append(folder / f"{place}.{type(estimator).__name__}")
        estimator.save(paths[-1])
    return [*paths, folder / "a.parameters", folder / "b.parameters"]


def use_model(path: Path, which: int, number: int) -> str:
    """Load a model, predict, explain, and run every command on it, the slow ones only for some numbers."""
    import glassnet

    kind = path.suffix[1:]
    if kind == "parameters":
        found = load_parameters(path)
        check_finite(found.vector, found.structure.n_parameters)
        return "works"
    if kind != "model":
        return _use_estimator(getattr(glassnet, kind).load(path), number)
    model = load(path)
    x = np.random.default_rng(0).integers(0, 2, (3, len(model.feature_names)))
    try:
        answers = model.predict(x)
    except InputError:  # parameters too large for any row
        run_command(["predict", str(path), str(table_of(model, x, path))])
        return "rejected when it predicts"
    if len(answers) != 3 or (model.classes and not set(answers.tolist()) <= set(model.classes)):
        raise Violation(f"predictions {answers!r:.200}")
    if not model.classes:
        check_finite(answers)
    check_finite(model.outputs(x), 3 * model.structure.n_outputs)
    save(model, path.with_suffix(".again"))
    if number % 4 == 0:
        run_command(["show", str(path), *(["--json"] if number % 8 else [])])
        run_command(["predict", str(path), str(table_of(model, x, path)), *(["--proba"] if number % 12 else [])])
        run_command(
            ["evaluate", str(path), str(table_of(model, x, path, answers)), *(["--json"] if number % 16 else [])]
        )
    if number % 100 == 0:
        run_command(
            ["plot", str(path), "--out", str(path.parent / "plots"), "--data", str(table_of(model, x, path, answers))]
        )
    return "works"


def _use_estimator(estimator: Any, number: int) -> str:
    import pandas as pd

    x = np.random.default_rng(0).integers(0, 2, (3, estimator.n_features_in_))
    names = getattr(estimator, "feature_names_in_", None)
    rows = x.astype(float) if names is None else pd.DataFrame(x, columns=names)
    try:
        answers = estimator.predict(rows)
    except InputError:
        return "rejected when it predicts"
    except ValueError as error:
        if "feature names" in str(error) or "features" in str(error):  # scikit-learn's own clear errors
            return "rejected when it predicts"
        raise
    if len(answers) != 3:
        raise Violation(f"predictions {answers!r:.200}")
    if answers.dtype.kind == "f":
        check_finite(answers)
    with contextlib.suppress(InputError):
        estimator.explain(rows)
        estimator.saliency(rows, output=0)
    if number % 10 == 0:
        page = estimator._repr_html_()
        if "<script>" in page.split("</style>")[-1].replace("<script>\n", "") and "owned" in page:
            raise Violation("a name runs on the page")
        repr(estimator)
    return "works"


def table_of(model: Model, x: np.ndarray, path: Path, answers: Any = None) -> Path:
    """Write rows to a CSV file with the model's columns."""
    import pyarrow as pa
    from pyarrow import csv

    names = list(model.feature_names)
    columns = list(x.T)
    if answers is not None:
        names.append(model.target_name)
        columns.append(answers if answers.ndim == 1 else answers[:, 0])
    csv.write_csv(pa.table([pa.array(values) for values in columns], names=names), path.with_suffix(".csv"))
    return path.with_suffix(".csv")


# ------------------------------------------------------------------------------------------------------------ tables


def make_csv(folder: Path) -> list[Path]:
    """Write tables of numbers, text and bytes in several dialects and encodings, compressed, and in archives."""
    import bz2
    import gzip
    import zipfile

    rng = np.random.default_rng(0)
    rows = [",".join([*(f"{value:.3f}" for value in rng.standard_normal(3)), "abc"[row % 3]]) for row in range(40)]
    numbers = "a,b ü,c,label\n" + "\n".join(rows) + "\n"
    pixels = "y," + ",".join(f"p{place}" for place in range(9)) + "\n"
    pixels += "".join(f"{row % 2}," + ",".join(map(str, rng.integers(0, 256, 9))) + "\n" for row in range(30))
    quoted = 'label,"a ""b""",z\n' + "".join(f'"x, {row}",{row}.5,{row % 2}\r\n' for row in range(20))
    empty = "a,b,y\n1,,0\n,2,1\n3,4,\n5,6,1\n"
    foreign = "".join(f"{row},5;{row % 28 + 1:02}.03.2024;k{row % 3};?;00{row % 10}\n" for row in range(30))
    commented = "# by a program\na, b, label,\n" + "".join(f'{row}, "x, {row % 3}", {row % 2},\n' for row in range(30))
    for name, members in (("one.zip", {"t.csv": numbers}), ("book.xlsx", _workbook())):
        with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, text in members.items():
                archive.writestr(zipfile.ZipInfo(member), text, zipfile.ZIP_DEFLATED)
    contents = {
        "foreign.csv": foreign.encode(),
        "latin.csv": foreign.replace("k1", "é").encode("cp1252"),
        "wide.csv": ("sep=;\n" + foreign).encode("utf-16"),
        "commented.csv": commented.encode(),
        "numbers.csv": numbers.encode(),
        "pixels.csv": pixels.encode(),
        "quoted.csv": quoted.encode(),
        "empty.csv": b"\xef\xbb\xbf" + empty.encode(),
        "packed.csv.gz": gzip.compress(numbers.encode(), mtime=0),
        "packed.csv.bz2": bz2.compress(pixels.encode()),
    }
    paths = [_written(folder / name, content) for name, content in contents.items()]
    return [*paths, folder / "one.zip", folder / "book.xlsx"]


def _workbook() -> dict[str, str]:
    """Return the members of an Excel workbook with one sheet."""
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    mime = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    text = '<c t="inlineStr"><is><t>{}</t></is></c>'
    names = "".join(text.format(name) for name in ("a", "b", "label"))
    rows = "".join(
        f"<row><c><v>{row / 2}</v></c>{text.format(f'k{row % 3}')}<c><v>{row % 2}</v></c></row>" for row in range(20)
    )
    return {
        "[Content_Types].xml": f'{head}<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{mime}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{mime}.worksheet+xml"/></Types>',
        "_rels/.rels": f'{head}<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'{head}<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="rows" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'{head}<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'{head}<worksheet xmlns="{main}"><sheetData><row>{names}</row>{rows}</sheetData>'
        "</worksheet>",
    }


def use_table(path: Path, which: int, number: int) -> str:
    """Read a table, get its features and target, and for some numbers train on it, in memory and streamed."""
    from glassnet.data import choose_target, features, read_table, target_values
    from glassnet.models.target_rule import choose_task

    training = ["train", str(path), "--epochs", "1", "--hidden", "2", "--engine", "reference"]
    training += ["--out", str(path.parent / "m.glassnet")]
    if number % 10 == 5:
        run_command([*training, "--stream", *(["--no-cache"] if number % 20 == 5 else ["--on-bad-row", "skip"])])
    table = read_table(path)
    names = list(table.names)
    if not names or len(set(names)) != len(names) or len(table) < 1:
        raise Violation(f"{len(table)} rows of {names!r:.200}")
    table.to_arrow().columns.validate(full=True)
    target = choose_target(table)
    y = target_values(table, target)
    whole = _columns_of_numbers(table, target)
    if whole:
        x = features(table, whole)
        check_finite(x.data, None) if issparse(x) else check_finite(x, len(table) * len(whole))
    if len(y) != len(table):
        raise Violation(f"{len(y)} targets of {len(table)} rows")
    choose_task(y)
    if number % 50 == 0:
        run_command([*training, "--quiet"])
    return "works"


def _columns_of_numbers(table: Any, target: str) -> list[str]:
    """Return the features that hold numbers and no missing values."""
    import pyarrow as pa

    names = [name for name in table.names if name != target]
    if not hasattr(table, "columns"):
        return names
    types = pa.types
    found = {
        name
        for name, column in zip(table.columns.column_names, table.columns.columns, strict=True)
        if (types.is_integer(column.type) or types.is_floating(column.type)) and not column.null_count
    }
    return [name for name in names if name in found]


def make_parquet(folder: Path) -> list[Path]:
    """Write Parquet files with different encodings and compressions."""
    from pyarrow import parquet

    table = _columns()
    ways: tuple[dict[str, Any], ...] = (
        {},
        {"compression": "none", "use_dictionary": False},
        {"compression": "gzip", "row_group_size": 7, "data_page_version": "2.0"},
        {"compression": "zstd", "data_page_size": 64, "write_statistics": False, "column_encoding": None},
        {"compression": "none", "use_dictionary": False, "use_byte_stream_split": ["a"], "write_page_index": True},
    )
    paths = [folder / f"{place}.parquet" for place in range(len(ways))]
    for path, way in zip(paths, ways, strict=True):
        parquet.write_table(table, path, **way)
    return paths


def make_arrow(folder: Path) -> list[Path]:
    """Write Arrow files and streams, plain and compressed, with dictionaries."""
    import pyarrow as pa
    from pyarrow import feather

    table = _columns()
    coded = table.set_column(3, "label", table["label"].dictionary_encode())
    feather.write_feather(table, str(folder / "a.feather"), compression="uncompressed")
    feather.write_feather(coded, str(folder / "b.feather"), compression="lz4", chunksize=9)
    with pa.ipc.new_stream(str(folder / "c.arrows"), coded.schema) as stream:
        stream.write_table(coded, max_chunksize=10)
    return [folder / name for name in ("a.feather", "b.feather", "c.arrows")]


def make_numpy(folder: Path) -> list[Path]:
    """Write NumPy files: an array in C and Fortran order, and archives of arrays in each way of compressing."""
    table = _columns()
    x = np.column_stack([table["a"], table["b"], table["c"]])
    np.save(folder / "a.npy", x)
    np.save(folder / "b.npy", np.asfortranarray(x))
    np.savez(folder / "c.npz", x=x.astype(np.float32), y=np.arange(40) % 3)
    np.savez_compressed(folder / "d.npz", a=x[:, 0], b=x[:, 1] > 0, label=np.array(table["label"].to_pylist()))
    for name, method in (("e.npz", zipfile.ZIP_LZMA), ("f.npz", zipfile.ZIP_BZIP2)):
        with zipfile.ZipFile(folder / name, "w", method) as archive:
            for column, values in (("x", x), ("y", np.arange(40) % 3)):
                content = io.BytesIO()
                np.save(content, values)
                archive.writestr(zipfile.ZipInfo(f"{column}.npy"), content.getvalue(), method)
    return [folder / name for name in ("a.npy", "b.npy", "c.npz", "d.npz", "e.npz", "f.npz")]


def make_svmlight(folder: Path) -> list[Path]:
    """Write a plain and a compressed SVMlight file."""
    import gzip

    rows = "".join(f"{row % 3} 1:{row / 8} {row % 5 + 2}:-1.5 # row {row}\n" for row in range(30)).encode()
    packed = gzip.compress(rows, mtime=0)
    return [_written(folder / "a.svm", rows), _written(folder / "b.svm.gz", packed)]


def make_idx(folder: Path) -> list[Path]:
    """Write images, plain, compressed and of floats, and their labels."""
    import gzip

    pixels = np.random.default_rng(0).integers(0, 256, (20, 4, 5), np.uint8)
    head = (20).to_bytes(4, "big") + (4).to_bytes(4, "big") + (5).to_bytes(4, "big")
    images = b"\0\0\x08\x03" + head + pixels.tobytes()
    fractions = b"\0\0\x0d\x03" + head + pixels.astype(">f4").tobytes()
    labels = b"\0\0\x08\x01" + (20).to_bytes(4, "big") + bytes(range(10)) * 2
    contents = {
        "x-images-idx3-ubyte": images,
        "x-images-idx3-ubyte.gz": gzip.compress(images, mtime=0),
        "x-images-idx3-float": fractions,
        "x-labels-idx1-ubyte": labels,
    }
    return [_written(folder / name, content) for name, content in contents.items()]


def use_idx(path: Path, which: int, number: int) -> str:
    """Read images with their labels; one of the two files is corrupted."""
    names = ["x-images-idx3-ubyte", "x-images-idx3-ubyte.gz", "x-images-idx3-float", "x-labels-idx1-ubyte"]
    good = path.parent / "good" if (path.parent / "good").is_dir() else path.parent
    folder = path.parent / "pair"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*-idx*"):
        old.unlink()
    images = names[which if which < 3 else 0]
    labels = "x-labels-idx1-float" if which == 2 else names[3]
    (folder / labels).write_bytes((path if which == 3 else good / names[3]).read_bytes())
    (folder / images).write_bytes((good / images if which == 3 else path).read_bytes())
    return use_table(folder / images, which, number)


def _columns() -> Any:
    import pyarrow as pa

    rng = np.random.default_rng(0)
    numbers = {
        "a": rng.standard_normal(40),
        "b": rng.standard_normal(40).astype(np.float32),
        "c": rng.integers(0, 9, 40),
    }
    return pa.table({**numbers, "label": ["no", "yes", "Ärger", "=cmd()"] * 10})


# ------------------------------------------------------------------------------------------------------- checkpoints


def make_checkpoints(folder: Path) -> list[Path]:
    """Write checkpoints of training runs with much and with little state."""
    paths = []
    for which in range(len(_TRAININGS)):
        train_with_checkpoints(which, folder / f"training{which}", epochs=2, resume=False)
        paths.append(folder / f"{which}.checkpoint")
        max((folder / f"training{which}").glob("*.checkpoint")).rename(paths[-1])
    return paths


def use_checkpoint(path: Path, which: int, number: int) -> str:
    """Resume from a checkpoint, for one more epoch."""
    folder = path.parent / "checkpoints"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    (folder / "epoch-0002.checkpoint").write_bytes(path.read_bytes())
    trained = train_with_checkpoints(which, folder, epochs=3, resume=True)
    if trained.stop_reason == "diverged":  # the parameters or moments are too large
        return "rejected when it trains"
    check_finite(trained.vector, trained.structure.n_parameters)
    if len(trained.history) > 3:
        raise Violation(f"{len(trained.history)} epochs of 3")
    return "works"


_TRAININGS: tuple[dict[str, Any], ...] = (
    {"optimizer": "momentum"},
    {
        "optimizer": "adam", "ema_decay": 0.9, "patience": 5, "dropout": (0.0, 0.2), "schedule": "cosine",
        "schedule_settings": {"t_0": 2},
        "reduce_on_plateau": True, "dtype": "float64",
    },
)  # fmt: skip


def train_with_checkpoints(which: int, folder: Path, epochs: int, resume: bool) -> Any:
    """Train for a few epochs, with checkpoints."""
    from glassnet import Checkpoint

    x = np.random.default_rng(0).standard_normal((40, 3))
    settings = Settings(epochs=epochs, batch_size=8, engine="reference", **_TRAININGS[which])
    structure = Structure((3, 4, 2), ("tanh", "softmax"))
    return train(structure, x, np.arange(40) % 2, settings, callbacks=[Checkpoint(folder, resume=resume)])


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


FORMATS = {
    "model": Format(make_models, use_model),
    "csv": Format(make_csv, use_table),
    "parquet": Format(make_parquet, use_table),
    "idx": Format(make_idx, use_idx),
    "checkpoint": Format(make_checkpoints, use_checkpoint),
    "arrow": Format(make_arrow, use_table),
    "numpy": Format(make_numpy, use_table),
    "svmlight": Format(make_svmlight, use_table),
}

"""Every format gives the same rows; damaged and malicious files are errors that name the file."""

import gzip
import re
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.sparse import issparse

from glassnet import InputError
from glassnet.data import (
    ArrowTable,
    Matrix,
    as_files,
    choose_target,
    features,
    file,
    open_files,
    read_table,
    target_values,
)

Writer = Callable[[Path, np.ndarray, np.ndarray], Path]


def columns(x: np.ndarray, y: np.ndarray) -> pa.Table:
    names = [f"x{column + 1}" for column in range(x.shape[1])]
    return pa.table({name: x[:, place] for place, name in enumerate(names)} | {"y": y})


def as_csv(folder: Path, x: np.ndarray, y: np.ndarray) -> Path:
    pa.csv.write_csv(columns(x, y), folder / "t.csv")
    return folder / "t.csv"


def as_csv_gz(folder: Path, x: np.ndarray, y: np.ndarray) -> Path:
    (folder / "t.csv.gz").write_bytes(gzip.compress(as_csv(folder, x, y).read_bytes()))
    return folder / "t.csv.gz"


def as_parquet(folder: Path, x: np.ndarray, y: np.ndarray) -> Path:
    pa.parquet.write_table(columns(x, y), folder / "t.parquet", row_group_size=7)
    return folder / "t.parquet"


def as_feather(folder: Path, x: np.ndarray, y: np.ndarray) -> Path:
    pa.feather.write_feather(columns(x, y), str(folder / "t.feather"))
    return folder / "t.feather"


def as_arrow_stream(folder: Path, x: np.ndarray, y: np.ndarray) -> Path:
    table = columns(x, y)
    with pa.OSFile(str(folder / "t.arrows"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=5)
    return folder / "t.arrows"


def as_npz(folder: Path, x: np.ndarray, y: np.ndarray) -> Path:
    np.savez(folder / "t.npz", x=x, y=y)
    return folder / "t.npz"


def as_npz_compressed(folder: Path, x: np.ndarray, y: np.ndarray) -> Path:
    np.savez_compressed(folder / "t.npz", x=np.asfortranarray(x), y=y[:, None])
    return folder / "t.npz"


def as_npz_of_columns(folder: Path, x: np.ndarray, y: np.ndarray) -> Path:
    np.savez(folder / "t.npz", **{f"x{place + 1}": x[:, place] for place in range(x.shape[1])}, y=y)
    return folder / "t.npz"


def as_svmlight(folder: Path, x: np.ndarray, y: np.ndarray) -> Path:
    entries = [" ".join(f"{place + 1}:{value!r}" for place, value in enumerate(row) if value) for row in x.tolist()]
    (folder / "t.svm").write_text("".join(f"{target} {row}\n" for target, row in zip(y, entries, strict=True)))
    return folder / "t.svm"


WRITERS = [
    as_csv,
    as_csv_gz,
    as_parquet,
    as_feather,
    as_arrow_stream,
    as_npz,
    as_npz_compressed,
    as_npz_of_columns,
    as_svmlight,
]


def dense(x: Any) -> np.ndarray:
    return x.toarray() if issparse(x) else x


def names_of(x: np.ndarray) -> list[str]:
    return [f"x{column + 1}" for column in range(x.shape[1])]


def tables() -> st.SearchStrategy[tuple[np.ndarray, np.ndarray]]:
    cells = {
        "u1": st.integers(0, 255),
        "i8": st.integers(-(2**53), 2**53),
        "f4": st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False),
        "f8": st.floats(allow_nan=False, allow_infinity=False),
    }

    def build(drawn: tuple[str, int, int]) -> st.SearchStrategy[tuple[np.ndarray, np.ndarray]]:
        kind, rows, width = drawn
        x = st.lists(st.lists(cells[kind], min_size=width, max_size=width), min_size=rows, max_size=rows)
        y = st.lists(st.integers(-9, 9), min_size=rows, max_size=rows)
        return st.tuples(x.map(lambda v: np.array(v, kind)), y.map(lambda v: np.array(v, np.int64)))

    return st.tuples(st.sampled_from(list(cells)), st.integers(1, 20), st.integers(1, 18)).flatmap(build)


@pytest.mark.parametrize("write", WRITERS, ids=lambda writer: writer.__name__)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=tables(), block=st.sampled_from([1, 100, 1 << 22]))
def test_rows_come_back_as_they_were_written(
    write: Writer, rows: tuple[np.ndarray, np.ndarray], block: int, tmp_path: Path
) -> None:
    x, y = rows
    path = write(tmp_path, x, y)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file, "BLOCK_BYTES", block)
        files = open_files(path)
        blocks = list(files.blocks())
        whole = files.table()
    if write is as_svmlight:  # the last columns may hold nothing but zeros, which are not written
        names = [name for name in files.names if name != "y"]
        assert names == names_of(x)[: len(names)] and not x[:, len(names) :].any()
    names = names_of(x)
    assert [block.locate(0)[1] for block in blocks] == np.cumsum([1, *map(len, blocks)])[:-1].tolist()
    if files.names == ["y"]:
        return
    for read in (whole, *([] if len(blocks) < 2 else [None])):
        got = dense(features(read, names)) if read else np.concatenate([dense(features(b, names)) for b in blocks])
        expected = x.astype(np.float64)
        np.testing.assert_allclose(got.astype(np.float64), expected, rtol=1e-7 if x.dtype == "f4" else 1e-15)
        truth = target_values(read, "y") if read else np.concatenate([target_values(b, "y") for b in blocks])
        assert truth.tolist() == y.tolist() and truth.dtype == np.int64
    if write not in (as_svmlight, as_csv, as_csv_gz):
        expected_type = np.float64
        if x.dtype == "f4":
            expected_type = np.float32
        elif x.dtype.kind in "iu" and x.min() >= 0 and x.max() < 256:
            expected_type = np.uint8
        assert features(whole, names).dtype == expected_type
    elif x.dtype == "u1" and write is not as_svmlight:
        assert features(whole, names).dtype == np.uint8


@pytest.mark.parametrize("write", WRITERS, ids=lambda writer: writer.__name__)
def test_a_number_that_is_not_finite_is_reported_or_skipped(write: Writer, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    y = np.arange(60) % 2
    x[41, 1] = np.nan
    x[57, 2] = np.inf
    path = write(tmp_path, x, y)
    with pytest.raises(InputError, match=r"t\.\w+(\.gz)?: row 42, column 'x2' is (nan|empty); every feature must be"):
        features(read_table(path), ["x1", "x2", "x3"])
    files = open_files(path, on_bad_row="skip")
    table = files.table()
    kept = [row for row in range(60) if row not in (41, 57)]
    np.testing.assert_array_equal(dense(features(table, ["x1", "x2", "x3"])), x[kept])
    assert target_values(table, "y").tolist() == y[kept].tolist()
    assert [table.locate(index) for index in range(58)] == [(str(path), row + 1) for row in kept]
    assert [(row, reason.split(" is ")[0]) for _, row, reason in files.bad_rows] == [
        (42, "column 'x2'"),
        (58, "column 'x3'"),
    ]


@pytest.mark.parametrize("write", WRITERS, ids=lambda writer: writer.__name__)
def test_a_truncated_file_is_an_error_that_names_it(write: Writer, tmp_path: Path) -> None:
    whole = write(tmp_path, np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 3).read_bytes()
    path = next(tmp_path.glob("t.*")) if write is not as_csv_gz else tmp_path / "t.csv.gz"
    text = write in (as_csv, as_svmlight)
    for end in range(0, len(whole), max(1, len(whole) // 60)):
        path.write_bytes(whole[:end])
        try:
            table = read_table(path)
            features(table, ["x1", "x2", "x3"])
            target_values(table, "y")
        except InputError as error:
            assert re.search(r"t\.[^\n]*$", str(error))  # noqa: PT017  # it need not fail
        else:  # a shorter text is a text, and a stream of batches has no end of its own
            assert text or write is as_arrow_stream


@pytest.mark.parametrize("write", WRITERS, ids=lambda writer: writer.__name__)
def test_corrupted_bytes_give_an_error_or_numbers(write: Writer, tmp_path: Path) -> None:
    whole = write(tmp_path, np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 3).read_bytes()
    path = tmp_path / ("t.csv.gz" if write is as_csv_gz else next(tmp_path.glob("t.*")).name)
    rng = np.random.default_rng(1)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), rng.integers(1, 4)):
            damaged[place] = rng.integers(0, 256)
        path.write_bytes(damaged)
        try:
            table = read_table(path)
            assert np.isfinite(dense(features(table, ["x1", "x2", "x3"])).astype(np.float64)).all()
            target_values(table, "y")
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017  # it need not fail


def npy(shape: str, dtype: str = "'<f8'", body: bytes = b"", fortran: bool = False) -> bytes:
    header = f"{{'descr': {dtype}, 'fortran_order': {fortran}, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (npy("(2, 2)", body=b"\0" * 31), r"shape \(2, 2\) of float64 takes 32 bytes, and there are 31"),
        (npy("(2, 2)", body=b"\0" * 33), "takes 32 bytes, and there are 33"),
        (npy("(1000000000000, 1000000000000)"), "takes 8,000,000,000,000,000,000,000,000 bytes, and there are 0"),
        (npy("(4611686018427387904, 4)"), "and there are 0"),
        (npy("(1000000000000, 0)"), "there must be at least one row and one column"),
        (npy("(1000000000,)", "'<U0'"), "it must hold numbers or text"),
        (npy("(-1, 8)"), "not a NumPy array|at least one row"),
        (npy("()", body=b"\0" * 8), "at least one row"),
        (
            npy("(1, 1)", "'|O'", b"cos\nsystem\n(S'true'\ntR."),
            "Python objects, which are not loaded: they may run",
        ),
        (npy("(1, 1)", "'<c16'", b"\0" * 16), "it holds complex128; it must hold numbers or text"),
        (npy("(1,)", "[('a', '<f8')]", b"\0" * 8), "it must hold numbers or text"),
        (npy("(2,)", "'<U3'", b"\0" * 24), "it holds text"),
        (npy("(1, 9000000)", "'|u1'", b"\0" * 9_000_000), "have more than 4,000,000 numbers"),
        (b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 70_000, "not a NumPy array"),
        (b"\x93NUMPY\x09\x00", r"version \(9, 0\) of NumPy's format is not supported|not a NumPy array"),
        (b"\x93NUMPY", "not a NumPy array"),
        (b"", "not a NumPy array"),
    ],
)
def test_the_header_of_an_npy_file_is_validated_against_its_size(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "t.npy"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"t\.npy: .*({message})"):
        read_table(path)
    with zipfile.ZipFile(tmp_path / "t.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", content)
    if "have more" not in message and "holds text" not in message:
        with pytest.raises(InputError, match=rf"t\.npz: array 'x': .*({message})"):
            read_table(tmp_path / "t.npz")


def test_an_npy_file_keeps_its_numbers_and_has_its_columns_as_targets(tmp_path: Path) -> None:
    x = np.arange(60, dtype=">i4").reshape(5, 3, 4)
    np.save(tmp_path / "t.npy", x)
    table = read_table(tmp_path / "t.npy")
    assert isinstance(table, Matrix) and table.names[:5] == ["1x1", "1x2", "1x3", "1x4", "2x1"]
    np.testing.assert_array_equal(features(table, table.names), x.reshape(5, 12))
    assert target_values(table, "3x4").tolist() == [11, 23, 35, 47, 59]
    np.testing.assert_array_equal(features(table, ["2x1", "1x1"]), x.reshape(5, 12)[:, [4, 0]])
    for missing, message in ((["x1"], "column 'x1' is missing; it has '1x1'"), ([], "no column beside the target")):
        with pytest.raises(InputError, match=message):
            features(table, missing)
    with pytest.raises(InputError, match="no column is called label"):
        choose_target(table)
    np.save(tmp_path / "t.npy", np.arange(5.0))
    assert read_table(tmp_path / "t.npy").names == ["x1"]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.ones((3, 2)), "y": np.ones(2)}, r"array 'y' has 2 rows, and 'x' has 3"),
        (
            {"x_train": np.ones((3, 2)), "y_train": np.ones(3)},
            r"array 'x_train' has shape \(3, 2\); an archive holds x",
        ),
        ({"x": np.ones((3, 2)), "y": np.ones((3, 2))}, r"array 'y' has shape \(3, 2\)"),
        ({"x": np.array([["a"], ["b"]])}, "array 'x' holds text; features must be numbers"),
        ({"x": np.array([{}, {}])}, "it holds Python objects"),
        ({"x": np.ones((0, 2))}, "at least one row"),
    ],
)
def test_archives_with_incompatible_arrays_are_rejected(
    arrays: dict[str, np.ndarray], message: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "t.npz", **arrays)
    with pytest.raises(InputError, match=rf"t\.npz: {message}|t\.npz: array '\w+': .*{message}"):
        read_table(tmp_path / "t.npz")


def test_text_in_archives_is_a_target_or_a_column(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", x=np.ones((3, 2)), y=np.array(["a", "b", "a"]))
    assert target_values(read_table(tmp_path / "t.npz"), "y").tolist() == ["a", "b", "a"]
    np.savez(tmp_path / "t.npz", size=np.arange(3), kind=np.array(["a", "b", "a"]))
    table = read_table(tmp_path / "t.npz")
    assert isinstance(table, ArrowTable) and target_values(table, "kind").tolist() == ["a", "b", "a"]
    for members in (["x.npy", "x.npy"], ["x.txt"], []):
        with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # zipfile's own, of a name that stands there twice
            for member in members:
                archive.writestr(member, npy("(1, 1)", body=b"\0" * 8))
        with pytest.raises(InputError, match=r"t\.npz: ('x.*' is not an array, or its name is|it holds 0 arrays)"):
            read_table(tmp_path / "t.npz")


@pytest.mark.slow
def test_a_zip_bomb_is_read_as_a_stream(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", npy("(1000000, 400)", "'|u1'", b"\0" * 400_000_000))
    blocks = open_files(tmp_path / "t.npz").blocks()
    assert next(blocks).x.nbytes <= 1 << 22
    blocks.close()
    with zipfile.ZipFile(tmp_path / "t.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", npy("(1000000, 600)", "'|u1'", b"\0" * 600_000_000, fortran=True))
    with pytest.raises(InputError, match="it is in Fortran order; save it in C order"):
        read_table(tmp_path / "t.npz")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            "1 1:2\n0 99999999:1\n",
            "row 2 is '0 99999999:1', which can't be read: column 99,999,999 is more than 4,000,000",
        ),
        ("1 1:2\n0 99999999999999999999999:1\n", "row 2 is '0 9+:1', which can't be read"),
        ("1 1:2\n\n# nothing\n0 1:2 # said\n0 3:x\n", "row 3 is '0 3:x', which can't be read"),
        ("1 1:2\n0 2:1 1:3\n", "row 2 is '0 2:1 1:3', which can't be read: .*sorted"),
        ("a 1:2\n0 2:1\n", "row 1 is 'a 1:2', which can't be read"),
        ("1 -3:2\n", "row 1 is '1 -3:2'"),
        ("1 1:2\n1,2 1:3\n", "row 2 is '1,2 1:3'"),
        ("1 1:2\n0 1\n", "row 2 is '0 1'"),
        ("", "no rows"),
    ],
)
def test_an_invalid_line_of_svmlight_is_reported_or_skipped(lines: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "t.svm"
    path.write_text(lines)
    with pytest.raises(InputError, match=rf"t\.svm: .*{message}"):
        read_table(path)
    if path.read_bytes() and lines.count("\n") == 1:  # no column is known, and it is told why
        with pytest.raises(InputError, match=message):
            open_files(path)
    if lines.count("\n") > 1:
        files = open_files(path, on_bad_row="skip")
        assert len(files.table()) == lines.count("\n") - 1 - 2 * ("#" in lines)
        assert files.bad_count == 1


def test_columns_of_svmlight_keep_the_numbers_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.svm").write_text("1 0:2 3:1\n0 1:5\n")
    (tmp_path / "b.svm").write_text("1 7:3\n-1\n")
    table = read_table(tmp_path / "*.svm")
    assert table.names == [*(f"x{column}" for column in range(8)), "y"] and isinstance(table, Matrix)
    x = features(table, table.names[:-1])
    assert issparse(x) and x.format == "csr"
    np.testing.assert_array_equal(
        x.toarray(), [[2, 0, 0, 1, 0, 0, 0, 0], [0, 5, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 3], [0] * 8]
    )
    assert target_values(table, "y").tolist() == [1, 0, 1, -1]
    assert table.locate(3) == (str(tmp_path / "b.svm"), 2)
    # a model knows more columns than these rows have, or fewer
    np.testing.assert_array_equal(
        features(table, ["x9", "x3", "x7"]).toarray(), [[0, 1, 0], [0, 0, 0], [0, 0, 3], [0] * 3]
    )


def idx(array: np.ndarray, code: int = 8) -> bytes:
    return bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("name", ["train-{}-idx{}-ubyte", "train-{}.idx{}-ubyte"])
def test_the_original_mnist_files_are_read_with_their_labels(name: str, ending: str, tmp_path: Path) -> None:
    pack = gzip.compress if ending else bytes
    images = np.random.default_rng(0).integers(0, 256, (50, 4, 3), np.uint8)
    path = tmp_path / (name.format("images", 3) + ending)
    path.write_bytes(pack(idx(images)))
    assert read_table(path).names[-1] == "4x3"
    labels = tmp_path / (name.format("labels", 1) + ending)
    labels.write_bytes(pack(idx(np.arange(50, dtype=np.uint8) % 10)))
    for named in (path, tmp_path, tmp_path / "train-*"):
        table = read_table(named)
        assert table.names[0] == "1x1" and table.names[-2:] == ["4x3", "label"] and choose_target(table) == "label"
        x = features(table, table.names[:-1])
        assert x.dtype == np.uint8 and np.array_equal(x, images.reshape(50, 12))
        assert target_values(table, "label").tolist() == (np.arange(50) % 10).tolist()
    labels.write_bytes(pack(idx(np.arange(49, dtype=np.uint8))))
    with pytest.raises(InputError, match=r"labels.*: its shape is \(49,\), and .* has 50 images"):
        read_table(path)
    with pytest.raises(InputError, match="this file holds only labels"):
        read_table(labels)
    (tmp_path / ("t10k-images-idx3-ubyte" + ending)).write_bytes(pack(idx(images)))
    with pytest.raises(InputError, match=r"t10k.*this is the test set; to train, name .*train.* alone"):
        read_table(tmp_path)


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\0\0\x08\x03" + struct.pack(">3I", 2**32 - 1, 28, 28), "takes|it ends in row 1 of 4294967295"),
        (b"\0\0\x08\x03" + struct.pack(">3I", 1, 2**31, 2**31), "have more than 4,000,000 numbers|takes"),
        (b"\0\0\x08\x03" + struct.pack(">3I", 2, 2, 2) + bytes(7), "takes 24 bytes.*has 23|it ends in row 2 of 2"),
        (b"\0\0\x08\x03" + struct.pack(">3I", 2, 2, 2) + bytes(9), "takes|continues after the 2 rows"),
        (b"\0\0\x08\x03" + struct.pack(">2I", 2, 2), "it ends in its header"),
        (b"\0\0\x08\x03" + struct.pack(">3I", 0, 28, 28), "there must be at least one row"),
        (b"\0\0\x07\x03" + bytes(12), "this is not an IDX file"),
        (b"\0\0\x08", "this is not an IDX file"),
        (b"", "this is not an IDX file"),
    ],
)
def test_the_header_of_an_idx_file_is_validated_against_its_size(
    content: bytes, message: str, ending: str, tmp_path: Path
) -> None:
    path = tmp_path / f"x-idx3-ubyte{ending}"
    path.write_bytes(gzip.compress(content) if ending else content)
    with pytest.raises(InputError, match=f"x-idx3-ubyte.*({message})"):
        read_table(path)


def test_files_without_an_extension_are_detected_by_their_first_bytes(tmp_path: Path) -> None:
    x = np.arange(6.0).reshape(3, 2)
    y = np.arange(3)
    for write in (as_parquet, as_feather, as_arrow_stream, as_npz, as_csv):
        path = write(tmp_path, x, y).rename(tmp_path / "data")
        np.testing.assert_array_equal(features(read_table(path), ["x1", "x2"]), x)


def test_a_folder_or_pattern_is_one_table_and_rows_are_reported_by_file(tmp_path: Path) -> None:
    for number in range(1, 12):
        names = ["a", "b", "y"] if number % 2 else ["y", "b", "a"]
        values = {"a": [number] * 3, "b": [0.5, float("nan") if number == 7 else 1.5, 2.5], "y": ["u", "v", "w"]}
        table = pa.table({name: values[name] for name in names})
        pa.parquet.write_table(table, tmp_path / f"part-{number:02}.parquet")
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / ".hidden.csv").touch()
    for named in (tmp_path, tmp_path / "part-*.parquet", sorted(tmp_path.glob("part-*"))):
        files = open_files(named)
        assert [path.name for path in files.files] == [f"part-{number:02}.parquet" for number in range(1, 12)]
        assert files.size == sum(path.stat().st_size for path in files.files)
        table = files.table()
        assert features(table, ["a"])[:, 0].tolist() == np.repeat(np.arange(1, 12), 3).tolist()
        with pytest.raises(InputError, match=r"part-07\.parquet: row 2, column 'b' is nan"):
            features(table, ["a", "b"])
    skipping = open_files(tmp_path, on_bad_row="skip")
    table = skipping.table()
    assert len(table) == 32 and skipping.bad_rows == [(str(tmp_path / "part-07.parquet"), 2, "column 'b' is nan")]
    assert [table.locate(index)[1] for index in range(18, 21)] == [1, 3, 1]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"a": [1], "y": [1]}, "b.parquet: column 'b' is missing, which .*a.parquet has"),
        ({"a": [1], "b": [1], "c": [2], "y": [1]}, "b.parquet: column 'c' is not in .*a.parquet"),
        ({"a": ["text"], "b": [1], "y": [1]}, "b.parquet: column 'a' holds string, and in .*a.parquet int64"),
    ],
)
def test_files_with_different_columns_are_rejected(other: dict[str, list[Any]], message: str, tmp_path: Path) -> None:
    pa.parquet.write_table(pa.table({"a": [1], "b": [2], "y": [3]}), tmp_path / "a.parquet")
    pa.parquet.write_table(pa.table(other), tmp_path / "b.parquet")
    with pytest.raises(InputError, match=message):
        read_table(tmp_path)


def test_files_of_several_formats_are_rejected(tmp_path: Path) -> None:
    as_parquet(tmp_path, np.ones((2, 2)), np.ones(2))
    as_csv(tmp_path, np.ones((2, 2)), np.ones(2))
    with pytest.raises(InputError, match=r"t\.parquet: this is Parquet, and .*t\.csv is CSV; name files of one format"):
        read_table(tmp_path)
    with pytest.raises(InputError, match="paths is empty; name at least one file"):
        open_files([])


def test_other_arrow_types_are_cast_to_plain_types(tmp_path: Path) -> None:
    table = pa.table(
        {
            "kind": pa.array(["u", "v", "u"]).dictionary_encode(),
            "long": pa.array(["p", "q", "r"], pa.large_string()),
            "price": pa.array([1, 2, 3]).cast(pa.decimal128(38, 2)),
            "flag": [True, False, True],
            "day": pa.array([1, 2, 3], pa.date32()),
            "list": [[1], [2], [3]],
        }
    )
    pa.parquet.write_table(table, tmp_path / "t.parquet")
    read = read_table(tmp_path / "t.parquet")
    assert target_values(read, "kind").tolist() == ["u", "v", "u"] and target_values(read, "long").tolist() == list(
        "pqr"
    )
    assert features(read, ["price", "flag"]).tolist() == [[1, 1], [2, 0], [3, 1]]
    for name, shown in (("day", "1970-01-02"), ("list", r"\[1\]"), ("kind", "'u'")):
        with pytest.raises(InputError, match=f"row 1, column '{name}' is {shown}; every feature must be a number"):
            features(read, [name])


def test_float16_columns_are_read(tmp_path: Path) -> None:
    halves = pa.array(np.array([0.5, 1.5, -2.0], np.float16))
    path = tmp_path / "halves.parquet"
    pyarrow.parquet.write_table(pa.table({"a": halves, "b": pa.array([1.0, 2.0, 3.0]), "label": halves}), path)
    table = read_table(path)
    np.testing.assert_array_equal(features(table, ["a", "b"]), [[0.5, 1], [1.5, 2], [-2, 3]])
    np.testing.assert_array_equal(target_values(table, "label"), [0.5, 1.5, -2])


def test_text_that_is_not_utf8_is_rejected(tmp_path: Path) -> None:
    offsets = pa.py_buffer(np.array([0, 1, 2], np.int32).tobytes())
    text = pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"a\xff")])
    pa.parquet.write_table(pa.table({"x": [1, 2], "label": text}), tmp_path / "t.parquet")
    with pytest.raises(InputError, match="UTF8|UTF-8"):
        read_table(tmp_path / "t.parquet")


def test_as_files_takes_paths_and_files_as_they_are(tmp_path: Path) -> None:
    path = as_csv(tmp_path, np.ones((3, 2)), np.arange(3))
    files = as_files(path)
    assert as_files(files) is files and len(as_files([str(path)]).table()) == 3

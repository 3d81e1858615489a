"""NumPy files: arrays and archives, validated before they are read."""

import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from glassnet import InputError
from glassnet.data import (
    ArrowTable,
    Matrix,
    choose_target,
    features,
    open_files,
    read_table,
    target_values,
)
from tests.data.sample_formats import npy


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
    assert choose_target(table) == "3x4"
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
            warnings.simplefilter("ignore")  # zipfile warns about a duplicate name
            for member in members:
                archive.writestr(member, npy("(1, 1)", body=b"\0" * 8))
        with pytest.raises(InputError, match=r"t\.npz: ('x.*' is not an array, or its name is|it holds no array)"):
            read_table(tmp_path / "t.npz")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("damage", ["cut", "noise"])
def test_a_damaged_archive_of_any_compression_is_rejected(method: int, damage: str, tmp_path: Path) -> None:
    path = tmp_path / "t.npz"
    noise = np.random.default_rng(0).bytes(8000)
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("x.npy", npy("(1000, 1)", body=noise))
    whole = path.read_bytes()
    assert len(read_table(path)) == 1000
    for at in range(200, len(whole) - 300, 400):
        # the directory at the end is intact, so that the damage is found late
        path.write_bytes(whole[:at] + (b"\xff" * 100 + whole[at + 100 :] if damage == "noise" else whole[at + 100 :]))
        with pytest.raises(InputError, match=r"t\.npz: .*(can't be read as .npz|not a NumPy array)"):
            read_table(path)


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

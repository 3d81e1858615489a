"""Folders of images: a subfolder per class, one size, grayscale or color."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glassnet import InputError
from glassnet.data import Matrix, base_file, choose_target, features, open_files, read_table, target_values


def save_image(path: Path, pixels: np.ndarray, mode: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    (image if mode is None else image.convert(mode)).save(path)
    return path


def grayscale(seed: int, height: int = 3, width: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)


def test_grayscale_images_are_rows_of_bytes_and_their_folder_the_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base_file, "BLOCK_BYTES", 25)  # two pictures
    for number in range(7):
        save_image(tmp_path / ("cat" if number < 4 else "dog") / f"{number}.png", grayscale(number))
    (tmp_path / "cat" / "notes.txt").touch()
    (tmp_path / ".cache").mkdir()
    files = open_files(tmp_path)
    assert [len(block) for block in files.blocks()] == [2, 2, 2, 1]
    table = files.table()
    assert isinstance(table, Matrix) and choose_target(table) == "label"
    assert table.names == [*(f"{row}x{column}" for row in (1, 2, 3) for column in (1, 2, 3, 4)), "label"]
    x = features(table, table.names[:-1])
    assert x.dtype == np.uint8
    np.testing.assert_array_equal(x, [grayscale(number).reshape(-1) for number in range(7)])
    assert target_values(table, "label").tolist() == ["cat"] * 4 + ["dog"] * 3
    assert table.locate(5) == (str(tmp_path / "dog" / "5.png"), 1)
    assert files.size == sum(path.stat().st_size for path in tmp_path.rglob("*.png"))
    # pictures to predict need no classes
    flat = read_table(tmp_path / "cat")
    assert flat.names == table.names[:-1] and len(flat) == 4


def test_color_images_have_three_numbers_per_pixel(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 2, 3), np.uint8)
    save_image(tmp_path / "a" / "1.png", pixels)
    save_image(tmp_path / "a" / "2.png", pixels, "RGBA")
    save_image(tmp_path / "b" / "3.png", grayscale(0, 2, 2))
    save_image(tmp_path / "b" / "4.png", np.full((2, 2), 7, np.uint8), "P")
    save_image(tmp_path / "b" / "5.jpg", np.full((2, 2, 3), 90, np.uint8))
    table = read_table(tmp_path)
    assert table.names[:4] == ["1x1x1", "1x1x2", "1x1x3", "1x2x1"]
    x = features(table, table.names[:-1])
    np.testing.assert_array_equal(x[0], pixels.reshape(-1))
    np.testing.assert_array_equal(x[1], x[0])
    np.testing.assert_array_equal(x[2], np.repeat(grayscale(0, 2, 2).reshape(-1), 3))
    assert set(x[3]) == {7} and set(x[4]) == {90}


def png(width: int, height: int, body: bytes = b"") -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def sixteen() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.zeros((3, 4), np.uint16)).save(stream, "png")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (png(100_000, 100_000, zlib.compress(bytes(1 << 20))), "it has 100000×100000 pixels, more than 4,000,000"),
        (png(4, 3, zlib.compress(bytes(3))), "it can't be read as PNG or JPEG"),
        (png(4, 3), "it can't be read as PNG or JPEG"),
        (png(5, 3, zlib.compress(bytes(18))), "it has 5×3 pixels, the first image 4×3; resize it"),
        (sixteen(), "it has mode I;16; save it with 8 bits per channel"),
        (b"", "it can't be read as PNG or JPEG"),
        (b"GIF89a", "it can't be read as PNG or JPEG"),
        (b"\xff\xd8\xff\xe0", "it can't be read as PNG or JPEG"),
    ],
)
def test_an_invalid_image_is_reported_by_its_name_or_skipped(content: bytes, message: str, tmp_path: Path) -> None:
    save_image(tmp_path / "a" / "1.png", grayscale(0))
    save_image(tmp_path / "b" / "3.png", grayscale(1))
    wrong = tmp_path / "a" / "2.png"
    wrong.write_bytes(content)
    with pytest.raises(InputError, match=rf"a.2\.png: {message}"):
        read_table(tmp_path)
    files = open_files(tmp_path, on_bad_row="skip")
    table = files.table()
    assert [Path(table.locate(index)[0]).name for index in range(len(table))] == ["1.png", "3.png"]
    assert [(Path(source).name, row) for source, row, _ in files.bad_rows] == [("2.png", 1)]
    (tmp_path / "a" / "1.png").unlink()
    if "the first image" not in message:  # the first decides what the others are to be
        with pytest.raises(InputError, match=rf"a.2\.png: {message}"):
            open_files(tmp_path)


def test_ambiguous_folders_are_rejected(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(InputError, match="there is no file in this folder"):
        open_files(tmp_path)
    save_image(tmp_path / "1.png", grayscale(0))
    save_image(tmp_path / "a" / "2.png", np.zeros((3, 4, 3), np.uint8))
    with pytest.raises(InputError, match="there are images both in it and in its subfolders; give each class"):
        open_files(tmp_path)
    (tmp_path / "1.png").rename(tmp_path / "a" / "1.png")
    with pytest.raises(InputError, match=r"2\.png: it is a color image, and the first one is grayscale; convert all"):
        read_table(tmp_path)

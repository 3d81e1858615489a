"""IDX files: images with their labels, validated against the size of the file."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from glassnet import InputError
from glassnet.data import (
    choose_target,
    features,
    read_table,
    target_values,
)
from tests.data.sample_formats import (
    idx,
)


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

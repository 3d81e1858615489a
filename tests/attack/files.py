"""Attacks by files: links in a folder that is written to, bombs, cut and corrupted files."""

from __future__ import annotations

import gzip
import io
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.attack.registry import attack
from tests.attack.targets import command, refused
from tests.fuzz.formats import FORMATS
from tests.fuzz.supervisor import fuzz

PRECIOUS = b"a file of the user\n"
#: Corrupted files of each format.
N_CORRUPTED = 40
LINKS: dict[str, Callable[[Path, Path], None]] = {
    "a symbolic link": lambda place, target: place.symlink_to(target),
    "a hard link": lambda place, target: os.link(target, place),
    "a dangling link": lambda place, target: place.symlink_to(target.with_name("absent")),
}


@attack("files: links named lock in a folder of checkpoints")
def links(folder: Path) -> None:
    for number, make in enumerate(LINKS.values()):
        place = folder / str(number)
        place.mkdir()
        precious = folder / f"precious{number}"
        precious.write_bytes(PRECIOUS)
        make(place / "lock", precious)
        command("train", "--epochs", "1", "--hidden", "4", "--checkpoint", place, "--out", folder / "m.glassnet")
        assert precious.read_bytes() == PRECIOUS
        assert not (folder / "absent").exists(), "the target of a dangling link was made"


def _register_corruption(kind: str) -> None:
    @attack(f"files: {N_CORRUPTED} corrupted files: {kind}", 240)
    def run(folder: Path) -> None:
        faults = fuzz(kind, range(N_CORRUPTED), seed=14).faults
        assert not faults, next(iter(faults.values()))


for _kind in FORMATS:
    _register_corruption(_kind)


@attack("files: a gzip bomb of 2 GB")
def gzip_bomb(folder: Path) -> None:
    path = folder / "bomb.csv.gz"
    with gzip.open(path, "wb", 1) as file:
        for _ in range(2**7):
            file.write(b"0" * 2**24)
    refused("train", path)


@attack("files: an archive that declares more than it has, or packs 1 GB of zeros")
def archive_bombs(folder: Path) -> None:
    path = folder / "bomb.npz"
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (2**40, 8)})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x.npy", header.getvalue() + bytes(800))
        file.writestr("y.npy", header.getvalue() + bytes(800))
    refused("train", path)


@attack("files: an archive compressed by LZMA, cut at many places")
def lzma_archive(folder: Path) -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_LZMA) as file:
        for name, array in (("x", np.random.default_rng(0).normal(size=(50, 3))), ("y", np.arange(50) % 2)):
            content = io.BytesIO()
            np.save(content, array)
            file.writestr(f"{name}.npy", content.getvalue())
    data = whole.getvalue()
    path = folder / "cut.npz"
    for end in (len(data) // 4, len(data) // 2):
        path.write_bytes(data[:end])
        refused("train", path)
        path.write_bytes(data[:end] + bytes(64) + data[end + 64 :])  # the directory at the end is whole
        refused("train", path)


@attack("files: images that declare 4 billion pixels")
def idx_bomb(folder: Path) -> None:
    images = folder / "train-images-idx3-ubyte"
    images.write_bytes(struct.pack(">4I", 2051, 2**31, 2**15, 2**15) + bytes(1000))
    (folder / "train-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 2049, 2**31) + bytes(10))
    refused("train", images)

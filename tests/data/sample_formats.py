"""Writers of sample files in every format."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet

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


def npy(shape: str, dtype: str = "'<f8'", body: bytes = b"", fortran: bool = False) -> bytes:
    header = f"{{'descr': {dtype}, 'fortran_order': {fortran}, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body


def idx(array: np.ndarray, code: int = 8) -> bytes:
    return bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()

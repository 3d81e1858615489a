"""Attacks by tables: quadratic time, small files that cost much, values of the wrong kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import glassnet
from tests.attack.registry import attack
from tests.attack.targets import command, refused, refuses

N_COLUMNS = 99_999


@attack("tables: 99,999 columns, one name twice")
def duplicate_name(folder: Path) -> None:
    path = folder / "names.csv"
    names = [f"c{number}" for number in range(N_COLUMNS - 1)]
    path.write_text(",".join([*names, names[-1]]) + "\n" + ",".join("1" * N_COLUMNS) + "\n")
    refused("train", path)  # one row, and more columns than are read


@attack("tables: 200 kB of bad SVMlight lines")
def bad_lines(folder: Path) -> None:
    path = folder / "bad.svm"
    path.write_text("1 1:x\n" * 33_000)
    refused("train", path)


@attack("tables: 1.6 MB with 99,999 columns and 4 rows", 240)
def wide(folder: Path) -> None:
    path = folder / "wide.csv"
    header = ",".join(f"c{number}" for number in range(N_COLUMNS))
    rows = "".join(",".join(str((row + column) % 2) for column in range(N_COLUMNS)) + "\n" for row in range(4))
    path.write_text(f"{header}\n{rows}")
    refused("train", path)


@attack("tables: 600 bytes of SVMlight with an index of 4 million", 240)
def far_index(folder: Path) -> None:
    path = folder / "far.svm"
    path.write_text("".join(f"{row % 2} 1:1 {3_999_999 if row == 20 else 2}:1\n" for row in range(40)))
    refused("train", path)


@attack("tables: rows that are no numbers")
def odd_types(folder: Path) -> None:
    y = np.arange(6) % 2
    for x in (
        np.full((6, 2), "a", object),
        np.full((6, 2), None, object),
        np.full((6, 2), object()),
        np.zeros((6, 2), complex),
        np.zeros((6, 2), "timedelta64[s]"),
        np.zeros((6, 2), "S3"),
        np.zeros(6, [("a", "f8"), ("b", "f8")]),
        np.zeros((6, 0)),
        np.zeros((0, 2)),
        None,
    ):
        refuses(glassnet.fit, x, y, hidden=(2,))


@attack("tables: NaN and infinity are found where they are")
def not_finite(folder: Path) -> None:
    for value in (np.nan, np.inf, -np.inf):
        x = np.random.default_rng(0).normal(size=(50, 3))
        x[37, 1] = value
        message = refuses(glassnet.fit, x, np.arange(50) % 2, hidden=(2,))
        assert "37" in message, message


@attack("tables: negative targets of a Poisson loss")
def poisson(folder: Path) -> None:
    settings = glassnet.Settings(loss="poisson", epochs=2, engine="reference")
    y = np.linspace(-1, 1, 50)
    refuses(glassnet.fit, np.random.default_rng(0).normal(size=(50, 3)), y, hidden=(2,), settings=settings)


@attack("tables: an id column as target")
def id_target(folder: Path) -> None:
    path = folder / "ids.csv"
    path.write_text("a,id\n" + "".join(f"{row % 7},user{row}\n" for row in range(3000)))
    code, out, error = command("train", path, "--target", "id", "--epochs", "1", "--out", folder / "m.glassnet")
    assert code == 2 or "class" in (out + error).lower(), out + error

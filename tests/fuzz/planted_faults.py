"""Planted faults, which the fuzzing must detect: each occurs at one file only."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np

from glassnet import InputError
from tests.fuzz.checks import run_command
from tests.fuzz.formats import Format

#: The number of the file at which they occur.
AT = 6


def dies(path: Path) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def hangs(path: Path) -> None:
    while True:
        pass


def raises(path: Path) -> None:
    raise KeyError("unexpected")


def has_an_empty_message(path: Path) -> None:
    raise InputError("")


def grows(path: Path) -> None:
    np.ones(1_600_000_000, np.uint8)


def runs_code(path: Path) -> None:
    os.system("true")


class Reduced:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path, ("here",)


def opens_a_pickle(path: Path) -> None:
    pickle.loads(pickle.dumps(Reduced()))


def writes_elsewhere(path: Path) -> None:
    (path.parents[2] / "elsewhere").write_text("owned")


def prints_control_characters(path: Path) -> None:
    import glassnet.cli.app

    plain = glassnet.cli.app.escape_control_chars
    glassnet.cli.app.escape_control_chars = lambda text, most: text  # type: ignore[assignment]  # planted
    try:
        run_command(["show", f"{path}\x1b[2J"])
    finally:
        glassnet.cli.app.escape_control_chars = plain


FAULTS: tuple[Callable[[Path], None], ...] = (
    dies, hangs, raises, has_an_empty_message, grows, runs_code, opens_a_pickle, writes_elsewhere,
    prints_control_characters,
)  # fmt: skip


def make(folder: Path) -> list[Path]:
    """Write a valid file."""
    (folder / "t.csv").write_text("a,y\n1,0\n2,1\n")
    return [folder / "t.csv"]


def using(fault: Callable[[Path], None]) -> Callable[[Path, int, int], str]:
    """Return a function that uses every file without a fault, except one."""

    def use(path: Path, which: int, number: int) -> str:
        if number == AT:
            fault(path)
        return "works"

    return use


PLANTED = {fault.__name__: Format(make, using(fault)) for fault in FAULTS}

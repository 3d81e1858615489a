"""Faults on purpose, by which it is tested that the watch sees them: each strikes at one file and at no other."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np

from glassnet import InputError
from tests.fuzz.formats import Format, told

#: The number of the file at which they strike.
AT = 6


def dies(path: Path) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def hangs(path: Path) -> None:
    while True:
        pass


def raises(path: Path) -> None:
    raise KeyError("nobody thought of this")


def says_nothing(path: Path) -> None:
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


def acts_on_the_terminal(path: Path) -> None:
    import glassnet.cli.app

    plain, glassnet.cli.app.visible = glassnet.cli.app.visible, lambda text, most: text  # type: ignore[assignment]  # planted
    try:
        told(["show", f"{path}\x1b[2J"])
    finally:
        glassnet.cli.app.visible = plain


FAULTS: tuple[Callable[[Path], None], ...] = (
    dies, hangs, raises, says_nothing, grows, runs_code, opens_a_pickle, writes_elsewhere, acts_on_the_terminal,
)  # fmt: skip


def make(folder: Path) -> list[Path]:
    """Return a good file."""
    (folder / "t.csv").write_text("a,y\n1,0\n2,1\n")
    return [folder / "t.csv"]


def using(fault: Callable[[Path], None]) -> Callable[[Path, int, int], str]:
    """Return what uses every file well, but one."""

    def use(path: Path, which: int, number: int) -> str:
        if number == AT:
            fault(path)
        return "works"

    return use


PLANTED = {fault.__name__: Format(make, using(fault)) for fault in FAULTS}

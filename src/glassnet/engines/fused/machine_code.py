"""The machine code of the compiled loop: object files, found and verified.

An object serves the processors of one level (`processor.LEVELS`) and one dtype. It lies in the package, where a wheel
or an installation from source put it, or in the user's cache folder, where it was compiled on this machine. Beside it
lies a JSON file with its SHA-256 and that of the sources that it was compiled from: a damaged object, or one of another
version, is not run. Loading needs llvmlite alone (`loader`); compiling needs Numba, in a process of its own
(`build`).
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from glassnet._utils.cache_folder import user_cache_folder
from glassnet._utils.safe_folder import is_private_folder, open_own_file
from glassnet.engines.fused.processor import ASKED_VECTOR_BYTES, CHECKED, LEVEL, Level

#: Name of the function in the object.
ENTRY = "glassnet_run"
#: The objects that were installed with the package.
PACKAGED = Path(__file__).with_name("objects")
#: The modules that the code is compiled from, relative to ``glassnet``.
SOURCES = (
    *(f"engines/fused/{name}.py" for name in (
        "arrays", "barrier", "codes", "compiler", "epoch_loop", "exponentials", "formulas", "kernel", "kernel_args",
        "layout", "loss_kernels", "online", "output_loss", "phases", "processor", "records", "sparsity",
        "update",
    )),
    "network/activations.py",
)  # fmt: skip


@dataclass(frozen=True)
class MachineCode:
    """An object file that may be run."""

    path: Path
    facts: dict[str, Any]  # what the JSON file beside it says
    code: bytes


@cache
def source_hash() -> str:
    """Return the SHA-256 of the sources that the code is compiled from."""
    found = hashlib.sha256()
    for name in SOURCES:
        source = Path(__file__).parents[2] / name
        found.update(source.read_bytes().replace(b"\r\n", b"\n") if source.is_file() else b"")
    return found.hexdigest()


def object_name(dtype: Any, level: Level = LEVEL) -> str:
    """Return the name of the object for a level, and this process's vectors and switches."""
    vector_bytes = ASKED_VECTOR_BYTES or level.vector_bytes
    vectors = "" if vector_bytes == level.vector_bytes else f"-{8 * vector_bytes}"
    checked = "-checked" if CHECKED else ""
    return f"{level.name}{vectors}{checked}-{np.dtype(dtype).name}.o"


def compiled_folder() -> Path:
    """Return the folder of objects that were compiled on this machine from these sources."""
    return user_cache_folder() / source_hash()[:16]


def read_object(path: Path, read: Callable[[Path], bytes] = Path.read_bytes) -> MachineCode | None:
    """Return the object of a file, or None if it is missing, damaged or of another version."""
    try:
        facts = json.loads(read(path.with_suffix(".json")))
        code = read(path)
    except (OSError, ValueError):
        return None
    fits = isinstance(facts, dict) and facts.get("sources") == source_hash()
    return MachineCode(path, facts, code) if fits and facts.get("sha256") == hashlib.sha256(code).hexdigest() else None


def find_object(dtype: Any) -> MachineCode | None:
    """Return the object that this process can run: that of the package, or one compiled here; None if there is none."""
    found = read_object(PACKAGED / object_name(dtype)) if LEVEL.name != "native" else None
    if found is None and is_private_folder(compiled_folder()):
        found = read_object(compiled_folder() / object_name(dtype), _read_private)
    return found


def _read_private(path: Path) -> bytes:
    """Read a regular file, not a link, of this user, which no other user can write to."""
    with open(open_own_file(path, os.O_RDONLY), "rb") as file:
        if hasattr(os, "getuid") and os.fstat(file.fileno()).st_mode & 0o022:
            raise PermissionError(errno.EPERM, "others can write to it")
        return file.read()


def can_compile() -> bool:
    """Check whether objects can be compiled here: Numba is installed, and Python can be started."""
    return bool(sys.executable) and find_spec("numba") is not None

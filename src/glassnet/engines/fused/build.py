"""Compiling objects in advance, each in a process of its own: for a wheel, at an installation, or on demand.

python -m glassnet.engines.fused.build --folder FOLDER --all-levels
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from glassnet._utils.atomic_write import write_atomically
from glassnet._utils.safe_folder import is_private_folder, open_or_create
from glassnet.engines.fused.machine_code import (
    PACKAGED,
    MachineCode,
    compiled_folder,
    object_name,
    read_object,
    source_hash,
)
from glassnet.engines.fused.processor import LEVEL, LEVELS, Level, usable_cores
from glassnet.errors import InputError

DTYPES = ("float32", "float64")


def build_objects(folder: Path, dtypes: Sequence[str] = DTYPES, level: Level = LEVEL) -> list[MachineCode]:
    """Compile the objects of one level, two at a time; those that the folder has already are left as they are.

    Parameters
    ----------
    folder : Path
        Created if it does not exist. Processes that build the same object wait for each other.
    dtypes : sequence of str
        Compile for networks of these.
    level : Level, optional
        The processors that it is for; this one if not given.

    Raises
    ------
    InputError
        If the folder can't be written to, or the compiler fails.
    """
    with ThreadPoolExecutor(min(2, usable_cores(), len(dtypes))) as pool:
        return list(pool.map(lambda dtype: _build(folder, dtype, level), dtypes))


def _build(folder: Path, dtype: str, level: Level) -> MachineCode:
    """Compile one object, unless the folder has it."""
    path = folder / object_name(dtype, level)
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{folder}: can't be made: {error.strerror}; set GLASSNET_CACHE_DIR to a folder that you can write to"
        ) from None
    if folder == compiled_folder() and not is_private_folder(folder):
        raise InputError(
            f"{folder}: other users can write to it, so that its code would not be run; set GLASSNET_CACHE_DIR to a "
            "folder of your own"
        )
    with _lock(path.with_suffix(".lock")):
        found = read_object(path)
        if found is None:
            found = replace(compile_object(dtype, level), path=path)
            write_atomically(path, found.code)
            write_atomically(path.with_suffix(".json"), json.dumps(found.facts, indent=1).encode())
            for written in (path, path.with_suffix(".json")):
                written.chmod(0o644)  # others may not write to it, whatever the umask
    return found


def compile_object(dtype: str, level: Level = LEVEL) -> MachineCode:
    """Compile an object in a process of its own.

    Raises
    ------
    InputError
        If the compiler fails.
    """
    environment = {**os.environ, "GLASSNET_PROCESSOR": level.name}
    environment["PYTHONPATH"] = os.pathsep.join(part for part in sys.path if part)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / object_name(dtype, level)
        command = [sys.executable, "-m", "glassnet.engines.fused.compiler", dtype, str(path)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
            raise InputError(f"the machine code {path.name} could not be compiled: {last}")
        code = path.read_bytes()
    compiler = ", ".join(f"{part} {importlib.metadata.version(part)}" for part in ("numba", "llvmlite"))
    facts = {"sources": source_hash(), "sha256": hashlib.sha256(code).hexdigest(), "compiler": compiler}
    return MachineCode(path, facts, code)


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold a lock between processes; on Windows each compiles for itself."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    try:
        handle = open_or_create(path)
    except OSError as error:
        raise InputError(f"{path}: can't be written: {error.strerror or error}; remove it") from None
    with open(handle, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> None:
    """Compile the objects that a folder lacks, of the package if none is given, for this processor or all levels."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--folder", type=Path, default=PACKAGED)
    parser.add_argument("--all-levels", action="store_true", help="for wheels: for every processor of this kind")
    arguments = parser.parse_args()
    levels = [level for level in LEVELS if platform.machine().lower() in level.machines]
    for level in levels if arguments.all_levels else [LEVEL]:
        paths = [arguments.folder / object_name(dtype, level) for dtype in DTYPES]
        if all(read_object(path) for path in paths):
            continue
        print(f"compiling the fused engine for {level.name}, about 20 s, in {arguments.folder}", flush=True)
        began = time.perf_counter()
        build_objects(arguments.folder, level=level)
        print(f"compiled in {time.perf_counter() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()

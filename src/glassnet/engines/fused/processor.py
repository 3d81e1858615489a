"""The processor's vector registers and cores, and the compiler options of this package."""

from __future__ import annotations

import os
import platform
from typing import Any, NamedTuple

import llvmlite.binding
import numpy as np

#: GLASSNET_CHECKED=1 runs every kernel as a plain loop with its bounds checked: slow, for finding mistakes.
CHECKED = os.environ.get("GLASSNET_CHECKED", "") not in ("", "0")


class Level(NamedTuple):
    """A set of processors that run the same machine code.

    Parameters
    ----------
    name : str
        Of the objects; "native": for the processor at hand and no other.
    cpu : str
        LLVM's name of the processor.
    machines : tuple of str
        Its names for `platform.machine`, in lower case.
    features : tuple of str
        LLVM's names of the features that a processor needs to run the code.
    vector_bytes : int
        Size of its vector registers.
    tuning : str
        Options for LLVM that change no result.
    """

    name: str
    cpu: str
    machines: tuple[str, ...]
    features: tuple[str, ...]
    vector_bytes: int
    tuning: str = ""


_X86, _ARM = ("x86_64", "amd64"), ("aarch64", "arm64")
_V3 = ("avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe", "popcnt", "sse4.2", "xsave")
_V4 = (*_V3, "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")
#: The levels that machine code can be built for in advance, the widest vectors first.
LEVELS = (
    Level("x86-64-v4", "x86-64-v4", _X86, _V4, 64, "-prefer-256-bit"),
    Level("x86-64-v3", "x86-64-v3", _X86, _V3, 32),
    Level("aarch64", "generic", _ARM, ("neon",), 16),
)


def _choose_level() -> Level:
    """Return the best level of this processor, or the level that GLASSNET_PROCESSOR names."""
    machine = platform.machine().lower()
    levels = [level for level in LEVELS if machine in level.machines]
    asked = os.environ.get("GLASSNET_PROCESSOR")
    if asked:
        names = [level.name for level in levels]
        if asked not in (*names, "native"):
            raise ValueError(f"GLASSNET_PROCESSOR is {asked!r}; here it can be {', '.join([*names, 'native'])}")
        levels = [level for level in levels if level.name == asked]
        return levels[0] if levels else _native_level()
    host = llvmlite.binding.get_host_cpu_features()
    return next((level for level in levels if all(host.get(name) for name in level.features)), _native_level())


def _native_level() -> Level:
    host = llvmlite.binding.get_host_cpu_features()
    bytes_of = (("avx512f", 64), ("avx2", 32))
    vector_bytes = next((size for name, size in bytes_of if host.get(name)), 16)
    return Level("native", llvmlite.binding.get_host_cpu_name(), (platform.machine().lower(),), (), vector_bytes)


def _asked_vector_bytes() -> int | None:
    asked = os.environ.get("GLASSNET_VECTOR_BYTES") or None
    if asked not in (None, "16", "32", "64"):
        raise ValueError(f"GLASSNET_VECTOR_BYTES is {asked!r}; it must be 16, 32 or 64")
    return None if asked is None else int(asked)


#: The processor to compute on: this one, or the level that GLASSNET_PROCESSOR names.
LEVEL = _choose_level()
#: GLASSNET_VECTOR_BYTES=16, 32 or 64, if it is set.
ASKED_VECTOR_BYTES = _asked_vector_bytes()
#: Bytes of the vectors to compute with.
VECTOR_BYTES = ASKED_VECTOR_BYTES or LEVEL.vector_bytes
#: AVX-512 and ARM have 32 vector registers, older x86 has 16.
_MANY_REGISTERS = VECTOR_BYTES == 64 or platform.machine().lower() in _ARM

#: Width of a panel of a matrix, and of a tile, in vectors.
PANEL_VECTORS = 2
#: Rows of a dense tile: its accumulators, the vectors of a row and one number fit into the registers.
TILE_ROWS = 8 if _MANY_REGISTERS else 4
#: Rows of a tile that skips zeros, and its width in panels: fewer rows share more zeros.
SPARSE_ROWS, SPARSE_PANELS = 4, 2 if _MANY_REGISTERS else 1

#: Options of every compiled function: no GIL, NumPy's division, sums in order. Optimizations that the compiler may
#: apply to one copy of a function and not to another ("contract", "arcp", "reassoc") are off: code just compiled and
#: the same code loaded from disk are different copies, and must give the same bits. The kernels call fused
#: multiply-add themselves.
COMPILED: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"nsz"},
    "boundscheck": CHECKED,
}
#: Options of functions that only compiled functions call: no wrappers for Python, no counts of references.
INNER: dict[str, Any] = {**COMPILED, "no_cpython_wrapper": True, "no_cfunc_wrapper": True, "_nrt": False}


#: Environment variables that limit the threads of numerical libraries. joblib, Dask and Ray set some of them in the
#: processes that they start, so that together these don't use more cores than there are.
THREAD_VARIABLES = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def lanes(dtype: Any) -> int:
    """Return how many numbers of a dtype fill a vector register."""
    return VECTOR_BYTES // np.dtype(dtype).itemsize


def usable_cores() -> int:
    """Return how many cores this process may use: by its affinity, `THREAD_VARIABLES`, and a quota (Linux)."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:
        cores = os.cpu_count() or 1
    try:
        with open("/sys/fs/cgroup/cpu.max") as quota:
            share, period = quota.read().split()
        if share != "max":
            cores = min(cores, max(1, int(share) // int(period)))
    except (OSError, ValueError):
        pass
    limits = [os.environ.get(name, "").split(",")[0].strip() for name in THREAD_VARIABLES]
    return max(1, min([cores, *(int(limit) for limit in limits if limit.isdigit())]))

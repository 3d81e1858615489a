"""The processor's vector registers and cores, and the compiler options of this package."""

from __future__ import annotations

import os
import platform
from typing import Any

import llvmlite.binding
import numpy as np

#: GLASSNET_CHECKED=1 runs every kernel as a plain loop with its bounds checked: slow, for finding mistakes.
CHECKED = os.environ.get("GLASSNET_CHECKED", "") not in ("", "0")


def _native_vector_bytes() -> int:
    """Return the bytes of a vector register of the processor that Numba compiles for.

    This is the host, unless NUMBA_CPU_NAME or NUMBA_CPU_FEATURES name another one: then a sum of vectors is compiled
    for it, and the registers that the assembly uses are its widest.
    """
    name, features = os.environ.get("NUMBA_CPU_NAME"), os.environ.get("NUMBA_CPU_FEATURES")
    if not name and not features:
        host = llvmlite.binding.get_host_cpu_features()
        return _register_bytes(bool(host.get("avx512f")), bool(host.get("avx2")))
    llvmlite.binding.initialize_native_target()
    llvmlite.binding.initialize_native_asmprinter()
    host_features = llvmlite.binding.get_host_cpu_features().flatten()
    machine = llvmlite.binding.Target.from_default_triple().create_target_machine(
        cpu=name or llvmlite.binding.get_host_cpu_name(), features=host_features if features is None else features
    )
    vector = "<16 x i32>"
    code = f"define {vector} @add({vector} %a, {vector} %b) {{ %c = add {vector} %a, %b\n ret {vector} %c }}"
    assembly = machine.emit_assembly(llvmlite.binding.parse_assembly(code))
    return _register_bytes("zmm" in assembly, "ymm" in assembly)


def _register_bytes(avx512: bool, avx2: bool) -> int:
    if avx512:
        return 64
    return 32 if avx2 else 16


def _vector_bytes() -> int:
    """Return the bytes of the vectors to compute with: GLASSNET_VECTOR_BYTES=16, 32 or 64, or the processor's."""
    asked = os.environ.get("GLASSNET_VECTOR_BYTES")
    if asked:
        if asked not in ("16", "32", "64"):
            raise ValueError(f"GLASSNET_VECTOR_BYTES is {asked!r}; it must be 16, 32 or 64")
        return int(asked)
    return NATIVE_VECTOR_BYTES


NATIVE_VECTOR_BYTES = _native_vector_bytes()
VECTOR_BYTES = _vector_bytes()
#: AVX-512 and ARM have 32 vector registers, older x86 has 16.
_MANY_REGISTERS = VECTOR_BYTES == 64 or platform.machine().lower() in ("aarch64", "arm64")

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
#: Options of functions that only compiled functions call: no wrappers for Python.
INNER: dict[str, Any] = {**COMPILED, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


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

"""The machine: cores and threads of the libraries, the processor, and the versions.

`get_ready` must run before NumPy is imported, so this module does not import it, directly or indirectly.
"""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

CONTENDERS = {"NumPy": "numpy", "scikit-learn": "scikit-learn", "PyTorch": "torch", "JAX": "jaxlib", "Numba": "numba"}
#: Variables from which the libraries of NumPy and PyTorch read the number of threads.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def get_ready(threads: int) -> None:
    """Give all libraries the same number of threads and, if the system supports affinity, the same cores."""
    for name in THREADS:
        os.environ[name] = str(threads)
    # JAX has no setting for threads: it uses all cores that the process may use
    if hasattr(os, "sched_setaffinity") and threads < usable_cores():
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    # If set, these make OpenBLAS, and therefore NumPy, use kernels for older processors
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        os.environ.pop(name, None)
    os.environ["JAX_PLATFORMS"] = "cpu"


def installed(package: str) -> bool:
    """Check whether a package is installed, without importing it."""
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def describe(threads: int) -> str:
    """Describe the machine, the threads and the versions."""
    from glassnet.engines.fused.processor import VECTOR_BYTES

    found = {name: version(package) for name, package in CONTENDERS.items() if installed(package)}
    missing = [name for name in CONTENDERS if name not in found]
    lines = [
        f"{processor()}, {usable_cores()} usable cores, {threads} threads each, "
        f"vectors of {8 * VECTOR_BYTES} bits, {platform.system()} {platform.machine()}",
        f"Python {sys.version.split()[0]}, glassnet {version('glassnet')}, "
        + ", ".join(f"{name} {number}" for name, number in found.items()),
    ]
    if missing:
        lines.append(f"not installed, and therefore omitted: {', '.join(missing)}")
    return "\n".join(lines)


def processor() -> str:
    """Return the name of the processor, if the system reports it."""
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown processor"

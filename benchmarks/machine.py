"""The machine that is measured: how many cores everybody gets, what it is called, which versions run on it.

`get_ready` comes before NumPy is imported, so this module imports neither it nor anything else that does.
"""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

CONTENDERS = {"NumPy": "numpy", "scikit-learn": "scikit-learn", "PyTorch": "torch", "JAX": "jaxlib", "Numba": "numba"}
#: What NumPy's and PyTorch's libraries read their number of threads from.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def usable_cores() -> int:
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def get_ready(threads: int) -> None:
    """Give everybody the same number of threads; where the system knows affinity, the same cores too."""
    for name in THREADS:
        os.environ[name] = str(threads)
    # JAX counts the cores that it may use and has no setting of its own
    if hasattr(os, "sched_setaffinity") and threads < usable_cores():
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    # Some machines set these for another program; they make OpenBLAS, and so NumPy, run kernels for older processors
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        os.environ.pop(name, None)
    os.environ["JAX_PLATFORMS"] = "cpu"


def installed(package: str) -> bool:
    """Say whether a package is there; nothing is imported."""
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def describe(threads: int) -> str:
    """Return the machine, its threads and the versions, for the top of the output."""
    from glassnet.engines.fused.processor import VECTOR_BYTES

    found = {name: version(package) for name, package in CONTENDERS.items() if installed(package)}
    missing = [name for name in CONTENDERS if name not in found]
    lines = [
        f"{processor()}, {usable_cores()} usable cores, {threads} threads for everybody, "
        f"vectors of {8 * VECTOR_BYTES} bits, {platform.system()} {platform.machine()}",
        f"Python {sys.version.split()[0]}, glassnet {version('glassnet')}, "
        + ", ".join(f"{name} {number}" for name, number in found.items()),
    ]
    if missing:
        lines.append(f"not installed, so left out: {', '.join(missing)}")
    return "\n".join(lines)


def processor() -> str:
    """Return the processor's name, as far as the system tells."""
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown processor"

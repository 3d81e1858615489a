"""Estimates of the memory that files need, and of the memory available."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

#: Upper estimates of the memory for reading and training, as multiples of the size on disk. A digit and a comma of text
#: become a number of 8 bytes and its scaled copy; compressed text and columns are decompressed first.
TEXT, COMPRESSED, COLUMNAR, BINARY = 8, 40, 16, 3
_FACTORS = dict.fromkeys((".gz", ".zst", ".bz2", ".zip", ".xlsx", ".png", ".jpg", ".jpeg"), COMPRESSED)
_FACTORS |= {".parquet": COLUMNAR, ".npy": BINARY, ".npz": COLUMNAR}


#: Files with the limit and the usage of memory of a control group, versions 2 and 1.
_CGROUP_FILES = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def fits_in_memory(paths: Sequence[Path]) -> bool:
    """Check whether training on these files in memory takes at most half of the available memory.

    True if the available memory is unknown.
    """
    available = available_memory()
    return available is None or estimate_memory(paths) <= available // 2


def estimate_memory(paths: Sequence[Path]) -> int:
    """Estimate how many bytes of memory reading and training on these files takes."""
    return sum(path.stat().st_size * _FACTORS.get(path.suffix.lower(), TEXT) for path in paths)


def available_memory() -> int | None:
    """Return the bytes of memory available to this process: of the machine and, on Linux, of its control group."""
    found = [_machine_memory(), *(_cgroup_memory(*names) for names in _CGROUP_FILES)]
    known = [size for size in found if size is not None]
    return max(0, min(known)) if known else None


def _machine_memory() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _cgroup_memory(limit: str, usage: str) -> int | None:
    """Return the memory that the control group has left; None without a control group or limit."""
    try:
        maximum = Path(limit).read_text().strip()
        current = int(Path(usage).read_text())
        return None if maximum == "max" else int(maximum) - current
    except (OSError, ValueError):
        return None

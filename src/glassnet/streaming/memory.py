"""Whether files fit into memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

#: How many times its size on disk a file takes in memory while it is read and trained on, at most or nearly: text of
#: one digit and a comma becomes a number of 8 bytes, and its copy scaled; packed text and columns grow before that.
TEXT, PACKED, COLUMNS, BINARY = 8, 40, 16, 3
_GROWTH = dict.fromkeys((".gz", ".zst", ".bz2", ".png", ".jpg", ".jpeg"), PACKED)
_GROWTH |= {".parquet": COLUMNS, ".npy": BINARY, ".npz": COLUMNS}


class OnDisk(Protocol):
    """What is asked of files."""

    paths: tuple[Path, ...]


def fit_into_memory(files: OnDisk) -> bool:
    """Say whether training on these files in memory leaves half of what is free to others; True if nobody knows."""
    free = free_memory()
    return free is None or memory_needed(files) <= free // 2


def memory_needed(files: OnDisk) -> int:
    """Return about how many bytes the files' rows take while they are read and trained on."""
    return sum(path.stat().st_size * _GROWTH.get(path.suffix.lower(), TEXT) for path in files.paths)


def free_memory() -> int | None:
    """Return how many bytes this process may still take: of the machine's, and on Linux of its group's."""
    found = [_of_machine(), *(_of_group(*names) for names in _GROUPS)]
    known = [size for size in found if size is not None]
    return max(0, min(known)) if known else None


_GROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def _of_machine() -> int | None:
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


def _of_group(limit: str, usage: str) -> int | None:
    """Return what a control group leaves; None where there is none, or no limit."""
    try:
        most, now = Path(limit).read_text().strip(), int(Path(usage).read_text())
        return None if most == "max" else int(most) - now
    except (OSError, ValueError):
        return None

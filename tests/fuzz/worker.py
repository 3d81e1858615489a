"""The worker process: uses corrupted files, and reports the number of each beforehand, in case it crashes."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

#: Maximum additional memory of a file in bytes.
MAX_MEMORY = 10**9
#: Audit events that reading a file must never cause.
FORBIDDEN = (
    "os.system", "os.exec", "os.spawn", "os.posix_spawn", "subprocess.Popen", "socket.connect", "pickle.find_class",
    "os.remove", "os.rename", "shutil.rmtree", "ctypes.dlopen", "marshal.loads",
)  # fmt: skip


def work(kind: str, seed: int, numbers: range, folder: Path) -> None:
    """Mutate and use the files of these numbers; write a line of JSON before each and for each fault."""
    from glassnet import InputError
    from tests.fuzz.formats import FORMATS
    from tests.fuzz.mutations import mutate
    from tests.fuzz.planted_faults import PLANTED

    format_ = (FORMATS | PLANTED)[kind]
    warnings.simplefilter("ignore")
    (folder / "good").mkdir(parents=True)
    paths = format_.make(folder / "good")
    good = [path.read_bytes() for path in paths]
    for which, path in enumerate(paths):  # import everything before events are watched
        for number in (0, 1):
            with contextlib.suppress(InputError):  # a valid table may have a column of text
                format_.use(path, which, number)
    events: list[str] = []
    sys.addaudithook(lambda event, arguments: _watch(event, arguments, folder, events))
    _limit()
    outcome = ""
    for number in numbers:
        which, content = mutate(good, number, seed, kind)
        path = folder / (
            paths[which].name if "idx" in paths[which].name else f"mutated{''.join(paths[which].suffixes)}"
        )
        path.write_bytes(content)
        _write({"at": number, "before": outcome})
        events.clear()
        start = time.process_time()
        memory_before = _peak_memory()
        fault = ""
        try:
            outcome = format_.use(path, which, number)
        except InputError as error:
            outcome = "rejected"
            if not str(error) or len(str(error)) > 50_000:
                fault = f"an error of {len(str(error))} characters: {str(error)[:200]}"
        except BaseException as error:  # a panic of Rust code is not an Exception
            fault = "".join(traceback.format_exception(error)[-6:])
        grown = _peak_memory() - memory_before
        if events:
            fault += f" did {events[:3]}"
        if grown > MAX_MEMORY:
            fault += f" took {grown:,} bytes"
        if (seconds := time.process_time() - start) > 5:
            fault += f" took {seconds:.1f} s"
        if fault:
            outcome = "fault"
            _write({"fault": number, "why": fault})
    _write({"before": outcome})


def _watch(event: str, arguments: tuple[Any, ...], folder: Path, found: list[str]) -> None:
    if event == "marshal.loads" and sys._getframe(2).f_code.co_filename.startswith("<frozen importlib"):
        return  # a module that is imported late
    if event in ("os.remove", "os.rename"):
        paths = _full_paths(arguments)
        if not all(os.path.abspath(path).startswith(str(folder)) for path in paths):
            found.append(f"{event} {paths!r:.200}")
    elif event.startswith(FORBIDDEN) and not any(str(folder) in str(a) for a in arguments):
        found.append(f"{event} {arguments!r:.200}")
    elif event == "open" and isinstance(arguments[0], str) and isinstance(arguments[1], str):
        writes = set(arguments[1]) & set("wax+")
        if writes and not os.path.abspath(arguments[0]).startswith(str(folder)):
            found.append(f"open {arguments!r:.200}")


def _full_paths(arguments: tuple[Any, ...]) -> tuple[str, ...]:
    """Return the paths of os.remove (path, folder) and os.rename (source, target, folder, folder): open folders."""
    names = arguments[: len(arguments) // 2]
    handles = arguments[len(arguments) // 2 :]
    folders = [os.readlink(f"/proc/self/fd/{handle}") if handle >= 0 else "" for handle in handles]
    return tuple(os.path.join(at, os.fspath(name)) for at, name in zip(folders, names, strict=True))


def _peak_memory() -> int:
    """Return the peak memory of this process in bytes; ru_maxrss would include that of its parent."""
    if os.path.exists("/proc/self/status"):
        fields = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()
        if fields:
            return 1024 * int(fields[0])
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _limit() -> None:
    """Limit the additional address space of the process, and disable core dumps."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if os.path.exists("/proc/self/statm"):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + 2 * MAX_MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _write(content: dict[str, Any]) -> None:
    os.write(PIPE, json.dumps(content).encode() + b"\n")


if __name__ == "__main__":
    PIPE = os.dup(1)
    os.dup2(2, 1)
    work(sys.argv[1], int(sys.argv[2]), range(*map(int, sys.argv[3:6])), Path(sys.argv[6]))

"""A process that uses broken files, one after another, and says of each what it is at: if it dies, that is known."""

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

#: Bytes that a file may take beside what the process had before.
MAX_MEMORY = 10**9
#: What a file that is read must never lead to.
FORBIDDEN = (
    "os.system", "os.exec", "os.spawn", "os.posix_spawn", "subprocess.Popen", "socket.connect", "pickle.find_class",
    "os.remove", "os.rename", "shutil.rmtree", "ctypes.dlopen", "marshal.loads",
)  # fmt: skip


def work(kind: str, seed: int, numbers: range, folder: Path) -> None:
    """Break and use the files of these numbers; a line of JSON before each, and for what was found."""
    from tests.fuzz.formats import FORMATS, InputError
    from tests.fuzz.mutating import broken
    from tests.fuzz.planted import PLANTED

    format_ = (FORMATS | PLANTED)[kind]
    warnings.simplefilter("ignore")
    (folder / "good").mkdir(parents=True)
    paths = format_.make(folder / "good")
    good = [path.read_bytes() for path in paths]
    for which, path in enumerate(paths):  # everything is imported before it is watched
        for number in (0, 1):
            with contextlib.suppress(InputError):  # a table with a column of text is a good one, too
                format_.use(path, which, number)
    watched: list[str] = []
    sys.addaudithook(lambda event, arguments: _watch(event, arguments, folder, watched))
    _limit()
    outcome = ""
    for number in numbers:
        which, content = broken(good, number, seed, kind)
        path = folder / (paths[which].name if "idx" in paths[which].name else f"broken{''.join(paths[which].suffixes)}")
        path.write_bytes(content)
        _say({"at": number, "before": outcome})
        watched.clear()
        began, before = time.process_time(), _most_memory()
        fault = ""
        try:
            outcome = format_.use(path, which, number)
        except InputError as error:
            outcome = "refused"
            if not str(error) or len(str(error)) > 50_000:
                fault = f"an error of {len(str(error))} characters: {str(error)[:200]}"
        except BaseException as error:  # a panic of Rust's is none of Exception's
            fault = "".join(traceback.format_exception(error)[-6:])
        grown = _most_memory() - before
        if watched:
            fault += f" did {watched[:3]}"
        if grown > MAX_MEMORY:
            fault += f" took {grown:,} bytes"
        if (seconds := time.process_time() - began) > 5:
            fault += f" took {seconds:.1f} s"
        if fault:
            outcome = "fault"
            _say({"fault": number, "why": fault})
    _say({"before": outcome})


def _watch(event: str, arguments: tuple[Any, ...], folder: Path, found: list[str]) -> None:
    if event == "marshal.loads" and sys._getframe(2).f_code.co_filename.startswith("<frozen importlib"):
        return  # a module that is imported only now
    if event.startswith(FORBIDDEN) and not any(str(folder) in str(a) for a in arguments):
        found.append(f"{event} {arguments!r:.200}")
    elif event == "open" and isinstance(arguments[0], str) and isinstance(arguments[1], str):
        writes = set(arguments[1]) & set("wax+")
        if writes and not os.path.abspath(arguments[0]).startswith(str(folder)):
            found.append(f"open {arguments!r:.200}")


def _most_memory() -> int:
    """Return the most bytes that this program has held; ru_maxrss counts what its starter held before, too."""
    if os.path.exists("/proc/self/status"):
        told = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()
        if told:
            return 1024 * int(told[0])
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _limit() -> None:
    """Let the process have so much more address space than it has now, and leave no core dump."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if os.path.exists("/proc/self/statm"):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + 2 * MAX_MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _say(content: dict[str, Any]) -> None:
    os.write(PIPE, json.dumps(content).encode() + b"\n")


if __name__ == "__main__":
    PIPE = os.dup(1)
    os.dup2(2, 1)
    work(sys.argv[1], int(sys.argv[2]), range(*map(int, sys.argv[3:6])), Path(sys.argv[6]))

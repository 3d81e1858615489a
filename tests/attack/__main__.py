"""``python -m tests.attack``: try each attack in a process of its own, and say which ones held."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.attack.registry import Attack, all_attacks

#: Bytes of address space of an attack's process, and of processes that it starts.
MAX_ADDRESS_SPACE = 8 * 2**30


def try_one(attack: Attack) -> str:
    """Try an attack in a process of its own; return why it did not hold, or an empty text."""
    with tempfile.TemporaryDirectory(prefix="attack") as folder:
        command = [sys.executable, "-m", "tests.attack", "--here", folder, attack.name]
        try:
            ended = subprocess.run(
                command, capture_output=True, text=True, errors="replace", timeout=attack.seconds, check=False
            )
        except subprocess.TimeoutExpired:
            return f"no end within {attack.seconds:g} s"
    if ended.returncode == 0:
        return ""
    lines = ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"]
    return lines[-1][:300]


def try_here(attack: Attack, folder: Path) -> None:
    """Try an attack in this process."""
    try:
        import resource
    except ImportError:
        pass
    else:
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (MAX_ADDRESS_SPACE, hard))
    attack.function(folder)


def main() -> int:
    """Try the attacks whose name contains one of the given words; return 1 if one did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("words", nargs="*", help="try the attacks whose name contains one of these; default: all")
    parser.add_argument("--list", action="store_true", help="print the names")
    parser.add_argument("--here", metavar="FOLDER", help=argparse.SUPPRESS)
    options = parser.parse_args()
    attacks = all_attacks()
    if options.here:
        try_here(attacks[options.words[0]], Path(options.here))
        return 0
    chosen = [a for name, a in attacks.items() if not options.words or any(word in name for word in options.words)]
    if options.list:
        print("\n".join(attack.name for attack in chosen))
        return 0
    failed = 0
    for attack in chosen:
        start = time.monotonic()
        reason = try_one(attack)
        failed += bool(reason)
        print(f"{'FAILED' if reason else 'held'}  {attack.name} ({time.monotonic() - start:.1f} s)", flush=True)
        if reason:
            print(f"        {reason}", flush=True)
    print(f"{len(chosen)} attacks tried, {len(chosen) - failed} held")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())

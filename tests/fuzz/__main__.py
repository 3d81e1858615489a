"""``python -m tests.fuzz``: corrupt many files, and report the outcomes."""

from __future__ import annotations

import argparse
import sys
import time

from tests.fuzz.formats import FORMATS
from tests.fuzz.supervisor import fuzz


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("formats", nargs="*", default=list(FORMATS), help=f"any of {', '.join(FORMATS)}; default: all")
    parser.add_argument(
        "--n", type=int, default=0, help="files of each format; default: 100,000 models, 20,000 of others"
    )
    parser.add_argument(
        "--first", type=int, default=0, help="number of the first file; with --n 1 it reproduces a fault"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed, which determines the bytes of each file")
    options = parser.parse_args()
    n_faults = 0
    for kind in options.formats:
        count = options.n or (100_000 if kind == "model" else 20_000)
        start = time.monotonic()
        outcome = fuzz(
            kind, range(options.first, options.first + count), options.seed, lambda line: print(line, flush=True)
        )
        summary = ", ".join(f"{n:,} {name}" for name, n in sorted(outcome.counts.items()))
        print(f"{kind}: {count:,} files, seed {options.seed}: {summary}; {time.monotonic() - start:.0f} s", flush=True)
        n_faults += len(outcome.faults)
    return 1 if n_faults else 0


if __name__ == "__main__":
    sys.exit(main())

"""``python -m tests.fuzz``: break many files, and say what became of them."""

from __future__ import annotations

import argparse
import sys
import time

from tests.fuzz.formats import FORMATS
from tests.fuzz.running import fuzz


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument(
        "formats", nargs="*", default=list(FORMATS), help=f"of {', '.join(FORMATS)}; all if none is named"
    )
    parser.add_argument("--n", type=int, default=0, help="files of each; 100,000 models and 20,000 of the others if 0")
    parser.add_argument("--first", type=int, default=0, help="number of the first: with --n 1 a finding is seen again")
    parser.add_argument("--seed", type=int, default=0, help="seed, format and number decide the bytes of a file")
    chosen = parser.parse_args()
    wrong = 0
    for kind in chosen.formats:
        count, began = chosen.n or (100_000 if kind == "model" else 20_000), time.monotonic()
        found = fuzz(kind, range(chosen.first, chosen.first + count), chosen.seed, lambda line: print(line, flush=True))
        told = ", ".join(f"{n:,} {outcome}" for outcome, n in sorted(found.counts.items()))
        print(f"{kind}: {count:,} files, seed {chosen.seed}: {told}; {time.monotonic() - began:.0f} s", flush=True)
        wrong += len(found.faults)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""Measure all published figures about speed on this machine.

    make bench
    python benchmarks [epoch] [peak] [shapes] [growth] [target] [compiling] [predicting] [loading] [serving]
        [streaming] [estimators] [options]
    python benchmarks comparison
    python benchmarks tables
    python benchmarks walkthrough

Without a name, all parts of the first command run, in this order. comparison compares scores and writes the table of
docs/comparison.md; tables trains on real tables and writes that of docs/tables.md; walkthrough runs the original
program with ten seeds and prints the table of docs/walkthrough.md.
The rows are MNIST's, from --data, GLASSNET_MNIST or ../shared/mnist next to the checkout. Without them, random bytes
replace them, and the part target is skipped.
"""

from __future__ import annotations

import argparse
import importlib
import time

from machine import describe, get_ready, usable_cores

PARTS = (
    "epoch", "peak", "shapes", "growth", "target", "compiling", "predicting", "loading", "serving", "streaming",
    "estimators",
)  # fmt: skip
BY_NAME = ("comparison", "tables", "walkthrough")


def arguments() -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(
        prog="python benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="part", help=f"one of {', '.join(PARTS + BY_NAME)}")
    parser.add_argument("--quick", action="store_true", help="6,000 rows, 3 rounds, few points: rough figures")
    parser.add_argument(
        "--smoke", action="store_true", help="300 rows, 1 round: test that it runs; the figures mean nothing"
    )
    parser.add_argument(
        "--rows", type=int, help="rows of MNIST, and of the other datasets in proportion (default: 60,000)"
    )
    parser.add_argument("--rounds", type=int, help="rounds after one warm-up round (default: 7)")
    parser.add_argument(
        "--threads", type=int, default=usable_cores(), help="threads of each library (default: all usable cores)"
    )
    parser.add_argument("--batches", default="1,32,128,512", help="batch sizes of the main table")
    parser.add_argument("--data", help="a CSV file in Kaggle's MNIST layout")
    parser.add_argument("--out", default="bench", help="folder for the picture (default: bench)")
    parser.add_argument("--search", action="store_true", help="target, comparison: try all candidate settings")
    parser.add_argument(
        "--sections",
        help="estimators: fits,small,first,predictions,grid,memory; streaming: epochs,first,sorted,memory",
    )
    parser.add_argument(
        "--gigabytes", type=float, default=6.0, help="streaming: size of the synthetic files (default: 6)"
    )
    options = parser.parse_args()
    unknown = [part for part in options.parts if part not in PARTS + BY_NAME]
    if unknown:
        parser.error(f"unknown part {unknown[0]!r}; the parts are {', '.join(PARTS + BY_NAME)}")
    options.quick = options.quick or options.smoke
    options.rows = options.rows or (300 if options.smoke else 6_000 if options.quick else 60_000)
    options.rounds = options.rounds or (1 if options.smoke else 3 if options.quick else 7)
    options.batches = [int(size) for size in options.batches.split(",")]
    return options


def main() -> None:
    """Run the parts."""
    options = arguments()
    get_ready(options.threads)
    print(describe(options.threads))
    for name in options.parts or PARTS:
        part = importlib.import_module(name)
        print(f"\n## {part.__doc__.splitlines()[0]}\n", flush=True)
        began = time.perf_counter()
        part.run(options)
        print(f"\n({time.perf_counter() - began:.0f} s)", flush=True)


if __name__ == "__main__":
    main()

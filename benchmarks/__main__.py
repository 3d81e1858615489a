"""Everything that is claimed about speed, measured on your machine.

    make bench
    python benchmarks [epoch] [peak] [shapes] [growth] [target] [compiling] [predicting] [loading] [serving]
        [streaming] [estimators] [options]
    python benchmarks comparison
    python benchmarks walkthrough

Without a name, all parts of the first command run, in this order. comparison is of scores, not of speed, and writes the
table of docs/comparison.md; walkthrough runs the original program with five seeds: the table of docs/walkthrough.md.
The rows are MNIST's, from --data, GLASSNET_MNIST or ../shared/mnist beside the checkout; else random bytes stand in for
them, and there is no time to 98 %.
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
BY_NAME = ("comparison", "walkthrough")


def arguments() -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(
        prog="python benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS + BY_NAME)}")
    parser.add_argument("--quick", action="store_true", help="6,000 rows, 3 rounds, few points: rough figures")
    parser.add_argument("--smoke", action="store_true", help="300 rows, 1 round: whether it runs, no figures at all")
    parser.add_argument("--rows", type=int, help="of MNIST, and in proportion of the others; 60,000 if not given")
    parser.add_argument("--rounds", type=int, help="that count, after one to warm up; 7 if not given")
    parser.add_argument("--threads", type=int, default=usable_cores(), help="for everybody; all usable cores")
    parser.add_argument("--batches", default="1,32,128,512", help="of the main table")
    parser.add_argument("--data", help="a CSV in Kaggle's MNIST layout, instead of the one that is looked for")
    parser.add_argument("--out", default="bench", help="the folder for the picture")
    parser.add_argument("--search", action="store_true", help="of target: try all settings on the validation rows")
    parser.add_argument(
        "--sections",
        help="of estimators: fits,small,first,predictions,grid,memory; of streaming: epochs,first,sorted,memory",
    )
    parser.add_argument("--gigabytes", type=float, default=6.0, help="of the synthetic files of streaming; 6")
    options = parser.parse_args()
    unknown = [part for part in options.parts if part not in PARTS + BY_NAME]
    if unknown:
        parser.error(f"there is no part {unknown[0]!r}; there are {', '.join(PARTS + BY_NAME)}")
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

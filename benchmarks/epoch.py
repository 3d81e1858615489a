"""Seconds an epoch of 784-128-64-10 on MNIST, everybody on the same work; what Adam and dropout cost."""

from __future__ import annotations

import functools
from argparse import Namespace

import contenders
from problems import mnist
from turns import head, line, seconds, take_turns

#: What one row at a time is too slow for to go through all rows: these get so many, and their seconds are scaled.
SLICE = 3_000


def run(options: Namespace) -> None:
    """Print the tables."""
    problem = mnist(options.rows, options.data)
    zeros = (problem.x_bytes == 0).mean()
    print(
        f"784-128-64-10, ReLU, cross-entropy, plain gradient descent, float32; {problem.rows:,} rows: {problem.name},"
    )
    print(f"{zeros:.0%} of it zeros. Seconds an epoch: median (least) of {options.rounds} rounds, taking turns;")
    print("ours record loss, accuracy and the length of the gradient. JAX drops the last, smaller batch.")
    if 1 in options.batches:
        print(f"Batch 1: all but the fused engine take {min(SLICE, problem.rows):,} rows, scaled up; JAX is left out.")
    print()
    names = contenders.there()
    head(["batch", *names])
    ratios, warm_ups = [], []
    for batch in options.batches:
        runs, scales = {}, {}
        for name in names:
            if batch == 1 and name == contenders.JAX:
                continue
            ours = name in (contenders.FUSED, contenders.BYTES)
            some = problem if batch > 1 or ours else problem.first(SLICE)
            scales[name] = problem.rows / some.rows
            runs[name] = contenders.ALL[name](some, batch, options.threads)
        times = take_turns(runs, options.rounds, scales)
        line([batch, *(times.get(name, "–") for name in names)])
        fused = times[contenders.FUSED]
        ratios.append([batch, *(f"{times[name].times(fused):.2f}" if name in times else "–" for name in names)])
        warm_ups.append([batch, *(seconds(times[name].warm_up) if name in times else "–" for name in names)])
    print("\nHow many times as long as the fused engine: median over the rounds of the ratio in each\n")
    head(["batch", *names])
    for cells in ratios:
        line(cells)
    print("\nThe warm-up round, left out above; compiling, or loading what was compiled, is in it\n")
    head(["batch", *names])
    for cells in warm_ups:
        line(cells)

    print("\nThe fused engine at batch 128 with more to do, as a multiple of plain gradient descent\n")
    ours = functools.partial(contenders.glassnet_epoch, problem, 128, options.threads)
    times = take_turns(
        {
            "gradient descent": ours(),
            "Adam": ours(optimizer="adam"),
            "dropout .2": ours(dropout=0.2),
            "Adam, dropout .2": ours(optimizer="adam", dropout=0.2),
        },
        options.rounds,
    )
    plain = times["gradient descent"]
    head(["", "seconds", "ratio"])
    for name, found in times.items():
        line([name, found, f"{found.times(plain):.2f}"])

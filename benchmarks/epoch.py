"""Seconds per epoch of 784-128-64-10 on MNIST for all libraries; the cost of Adam and dropout."""

from __future__ import annotations

import functools
from argparse import Namespace

import contenders
from problems import mnist
from turns import head, line, seconds, take_turns

#: Rows at batch 1 for all libraries but the fused engine, which would take too long; their seconds are scaled up.
SLICE = 3_000


def run(options: Namespace) -> None:
    """Print the tables."""
    problem = mnist(options.rows, options.data)
    zeros = (problem.x_bytes == 0).mean()
    print(
        f"784-128-64-10, ReLU, cross-entropy, plain gradient descent, float32; {problem.rows:,} rows: {problem.name},"
    )
    print(f"{zeros:.0%} of the values are 0. Seconds per epoch: median (minimum) of {options.rounds} rounds, in turns;")
    print("glassnet records loss, accuracy and gradient norm. JAX drops the last, smaller batch.")
    if 1 in options.batches:
        print(f"Batch 1 is not comparable: others train on {min(SLICE, problem.rows):,} rows, scaled up; without JAX.")
    print()
    names = contenders.available()
    head(["batch", *names])
    ratios, warm_ups = [], []
    for batch in options.batches:
        runs, scales = {}, {}
        for name in names:
            if batch == 1 and name == contenders.JAX:
                continue
            is_glassnet = name in (contenders.FUSED, contenders.BYTES)
            some = problem if batch > 1 or is_glassnet else problem.first(SLICE)
            scales[name] = problem.rows / some.rows
            runs[name] = contenders.ALL[name](some, batch, options.threads)
        times = take_turns(runs, options.rounds, scales)
        line([batch, *(times.get(name, "–") for name in names)])
        fused = times[contenders.FUSED]
        ratios.append([batch, *(f"{times[name].times(fused):.2f}" if name in times else "–" for name in names)])
        warm_ups.append([batch, *(seconds(times[name].warm_up) if name in times else "–" for name in names)])
    print("\nRatio to the fused engine: median of the ratios of the rounds\n")
    head(["batch", *names])
    for cells in ratios:
        line(cells)
    print("\nThe warm-up round, not counted above; it includes compilation, or loading compiled code\n")
    head(["batch", *names])
    for cells in warm_ups:
        line(cells)

    print("\nAdditional work of the fused engine at batch 128, as a multiple of plain gradient descent\n")
    glassnet = functools.partial(contenders.glassnet_epoch, problem, 128, options.threads)
    times = take_turns(
        {
            "gradient descent": glassnet(),
            "Adam": glassnet(optimizer="adam"),
            "dropout .2": glassnet(dropout=0.2),
            "Adam, dropout .2": glassnet(optimizer="adam", dropout=0.2),
        },
        options.rounds,
    )
    plain = times["gradient descent"]
    head(["", "seconds", "ratio"])
    for name, found in times.items():
        line([name, found, f"{found.times(plain):.2f}"])

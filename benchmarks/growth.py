"""Scaling: rows per second by batch size, width and threads, compared with PyTorch; printed and drawn."""

from __future__ import annotations

import itertools
from argparse import Namespace
from pathlib import Path

import contenders
import numpy as np
from machine import usable_cores
from problems import MNIST_SIZES, Problem, mnist
from turns import head, line, take_turns

BATCHES = tuple(2**power for power in range(14))
WIDTHS = tuple(2**power for power in range(4, 13))
#: Largest number of multiplications and steps of a measurement, which limits the rows.
MULTIPLICATIONS, STEPS = 4e9, 3_000


def run(options: Namespace) -> None:
    """Print the tables and draw the picture."""
    batches, widths = (BATCHES[::4], WIDTHS[::3]) if options.quick else (BATCHES, WIDTHS)
    budget = MULTIPLICATIONS * min(1, options.rows / 60_000)
    threads = sorted({1, options.threads, *(t for t in (2, 4, 8, 16, 32, 64) if t < options.threads)})
    whole = mnist(options.rows, options.data)
    names = contenders.available(contenders.FUSED, contenders.PYTORCH)
    lines = [(name, number) for name in names for number in threads]
    labels = [f"{name}, {number} thread{'s' if number > 1 else ''}" for name, number in lines]

    print(f"Rows per second, the median of {options.rounds} rounds; 784-128-64-10 on {whole.name}, by batch size\n")
    head(["batch", *labels])
    by_batch = [_speeds(whole, MNIST_SIZES, batch, lines, budget, options.rounds) for batch in batches]
    for batch, speeds in zip(batches, by_batch, strict=True):
        line([f"{batch:,}", *(f"{speed:,.0f}" for speed in speeds)])
    print("\n784-width-width-10 at batch 128, by width\n")
    head(["width", *labels])
    by_width = [_speeds(whole, (784, width, width, 10), 128, lines, budget, options.rounds) for width in widths]
    for width, speeds in zip(widths, by_width, strict=True):
        line([f"{width:,}", *(f"{speed:,.0f}" for speed in speeds)])
    path = Path(options.out) / "growth.png"
    _draw(path, lines, labels, [("rows per batch", batches, by_batch), ("units of a hidden layer", widths, by_width)])
    print(f"\ndrawn: {path}; usable cores: {usable_cores()}")


def _speeds(
    whole: Problem, sizes: tuple[int, ...], batch: int, lines: list[tuple[str, int]], budget: float, rounds: int
) -> list[float]:
    """Return the rows per second of each line of the plot at one point."""
    weights = sum(before * after for before, after in itertools.pairwise(sizes))
    rows = int(np.clip(min(budget / (3 * weights), STEPS * batch), min(2 * batch, whole.rows), whole.rows))
    first = whole.first(rows)
    problem = Problem(whole.name, sizes, first.x, first.y, rate=0.01)
    runs = {f"{name} {number}": contenders.ALL[name](problem, batch, number) for name, number in lines}
    return [rows / found.median for found in take_turns(runs, rounds).values()]


def _draw(path: Path, lines: list[tuple[str, int]], labels: list[str], panels: list) -> None:
    """Draw both tables side by side: one colour per library, stronger lines for more threads."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    colours = {contenders.FUSED: "#1764ab", contenders.PYTORCH: "#d1610f"}
    most = max(number for _, number in lines)
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    for axes, (what, points, found) in zip(figure.subplots(1, 2), panels, strict=True):
        for place, ((name, number), label) in enumerate(zip(lines, labels, strict=True)):
            speeds = [speed[place] for speed in found]
            style = "-" if number == most else "--" if number == 1 else ":"
            axes.plot(points, speeds, style, color=colours[name], marker="o", markersize=3.5, label=label)
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.set_xlabel(what)
        axes.set_ylabel("rows a second")
        axes.grid(True, which="both", linewidth=0.3)
    figure.axes[0].set_title("784-128-64-10")
    figure.axes[1].set_title("784-width-width-10, batch 128")
    figure.axes[0].legend(fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)

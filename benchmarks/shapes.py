"""Other shapes: wide, deep, small, sparse; compared with PyTorch, JAX and scikit-learn. Slower cells are marked."""

from __future__ import annotations

import functools
from argparse import Namespace

import contenders
from problems import Problem, deep, digits, mnist, sparse, table
from turns import head, line, take_turns

SPARSE_PYTORCH = "PyTorch, sparse"


def run(options: Namespace) -> None:
    """Print the table."""
    share = options.rows / 60_000
    problems = [
        mnist(max(300, int(6_000 * share)), options.data, (784, 1024, 1024, 10)),
        deep(max(300, int(20_000 * share))),
        digits(),
        table(max(300, int(20_000 * share))),
        sparse(max(300, int(2_000 * share))),
    ]
    print("Seconds per epoch, median (minimum), and the ratio to the fused engine; float32, plain gradient")
    print("descent. scikit-learn takes CSR rows, JAX dense rows, PyTorch whichever is faster.\n")
    others = contenders.available(contenders.PYTORCH, contenders.JAX, contenders.SKLEARN)
    head(["rows", "network", "batch", contenders.FUSED, *others])
    slower = []
    for problem in problems:
        for batch in (32, 128):
            slower += _compare(problem, batch, others, options)
    print(f"\nThe fused engine is slower in {len(slower)} cells{': ' + '; '.join(slower) if slower else ''}.")


def _compare(problem: Problem, batch: int, others: list[str], options: Namespace) -> list[str]:
    """Print one line; return the cells in which the fused engine is slower."""
    prepare = {name: contenders.ALL[name] for name in (contenders.FUSED, *others)}
    if hasattr(problem.x, "toarray") and contenders.PYTORCH in others:
        prepare[SPARSE_PYTORCH] = functools.partial(contenders.pytorch, keep_sparse=True)
    times = take_turns(
        {name: set_up(problem, batch, options.threads) for name, set_up in prepare.items()}, options.rounds
    )
    kind = dict.fromkeys(others, "")
    if SPARSE_PYTORCH in times:
        sparse_times = times.pop(SPARSE_PYTORCH)
        if sparse_times.median < times[contenders.PYTORCH].median:
            times[contenders.PYTORCH], kind[contenders.PYTORCH] = sparse_times, ", sparse"
    fused, slower, cells = times[contenders.FUSED], [], []
    network = _short(problem.sizes)
    for name in others:
        ratio = times[name].times(fused)
        cells.append(f"{times[name]}{kind[name]}, {ratio:.2f}{' **slower**' if ratio < 1 else ''}")
        if ratio < 1:
            slower.append(f"{network} at batch {batch} than {name} ({ratio:.2f})")
    line([f"{problem.rows:,} {problem.name}", network, batch, fused, *cells])
    return slower


def _short(sizes: tuple[int, ...]) -> str:
    """Format the sizes, 100-64×8-1 for equal hidden layers."""
    inside = sizes[1:-1]
    return f"{sizes[0]}-{inside[0]}×{len(inside)}-{sizes[-1]}" if len(set(inside)) == 1 else "-".join(map(str, sizes))

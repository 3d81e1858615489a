"""Dense random rows, without zeros to skip: the share of the machine's peak performance that an epoch reaches.

The peak is measured in the same rounds: a loop of fused multiply-adds on registers, on all threads.
"""

from __future__ import annotations

import statistics
import threading
from argparse import Namespace
from typing import Any

import contenders
import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from problems import Problem, dense
from turns import Times, head, line, seconds, take_turns

from glassnet.engines.fused.processor import TILE_ROWS, lanes

BATCHES = (32, 128, 512)
LANES = lanes(np.float32)
#: Independent sums: enough to hide the latency of an addition, and few enough to stay in registers.
SUMS = 24 if TILE_ROWS == 8 else 12
TURNS = 8_000_000


@intrinsic
def _multiply_and_add(context: Any, turns: Any) -> Any:
    """sums ← sums · a + b on SUMS vectors, `turns` times; return a number that depends on all of them."""
    signature = types.float32(turns)

    def generate(target: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> Any:
        vector, count = ir.VectorType(ir.FloatType(), LANES), ir.IntType(64)
        kind = ir.FunctionType(vector, [vector] * 3)
        fma = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{LANES}f32")
        a, b = (ir.Constant(vector, [number] * LANES) for number in (0.999, 0.001))
        before, loop = builder.block, builder.append_basic_block("loop")
        after = builder.append_basic_block("after")
        builder.branch(loop)
        builder.position_at_end(loop)
        turn, sums = builder.phi(count), [builder.phi(vector) for _ in range(SUMS)]
        new = [builder.call(fma, [total, a, b]) for total in sums]
        next_turn = builder.add(turn, ir.Constant(count, 1))
        turn.add_incoming(ir.Constant(count, 0), before)
        turn.add_incoming(next_turn, loop)
        for number, (total, updated) in enumerate(zip(sums, new, strict=True)):
            total.add_incoming(ir.Constant(vector, [float(number)] * LANES), before)
            total.add_incoming(updated, loop)
        builder.cbranch(builder.icmp_signed("<", next_turn, values[0]), loop, after)
        builder.position_at_end(after)
        together = new[0]
        for updated in new[1:]:
            together = builder.fadd(together, updated)
        return builder.extract_element(together, ir.Constant(ir.IntType(32), 0))

    return signature, generate


@njit(nogil=True)
def peak_loop(turns):
    """Run the loop on one thread."""
    return _multiply_and_add(turns)


def on_all(threads: int, turns: int) -> None:
    """Run the loop on all threads at once."""
    others = [threading.Thread(target=peak_loop, args=(turns,)) for _ in range(threads - 1)]
    for other in others:
        other.start()
    peak_loop(turns)
    for other in others:
        other.join()


def work(problem: Problem) -> float:
    """Return the floating-point operations of an epoch: 2 per weight and row for forward, dW and, except for W1, da."""
    weights = [before * after for before, after in zip(problem.sizes, problem.sizes[1:], strict=False)]
    return 2.0 * problem.rows * (3 * sum(weights) - weights[0])


def run(options: Namespace) -> None:
    """Print the table."""
    problem = dense(options.rows)
    turns = max(1, TURNS * options.rows // 60_000)
    amount, peak_work = work(problem), 2.0 * LANES * SUMS * turns * options.threads
    print(f"784-128-64-10 on {problem.rows:,} rows of {problem.name}: {amount / 1e9:.1f} GFLOP per epoch.")
    print("The peak is of fused multiply-adds on all threads, measured in the same rounds.")
    print("A share is the median over the rounds; in brackets the share by the minimum times.\n")
    names = contenders.available(contenders.FUSED, contenders.PYTORCH, contenders.JAX)
    head(["batch", "peak, GFLOP/s", *(f"{name}: seconds, GFLOP/s, share of the peak" for name in names)])
    for batch in BATCHES[:1] if options.smoke else BATCHES:
        runs = {name: contenders.ALL[name](problem, batch, options.threads) for name in names}
        times = take_turns({"peak": lambda: on_all(options.threads, turns), **runs}, options.rounds)
        line(
            [
                batch,
                f"{peak_work / times['peak'].median / 1e9:.0f}",
                *(_cell(times, n, amount, peak_work) for n in names),
            ]
        )


def _cell(times: dict[str, Times], name: str, amount: float, peak_work: float) -> str:
    """Format seconds, GFLOP/s, the median of the shares of the rounds, and the share by the minimum times."""
    found, peak = times[name], times["peak"]
    pairs = zip(found.rounds, peak.rounds, strict=True)
    share = statistics.median(amount / mine / (peak_work / most) for mine, most in pairs)
    of_minimum = amount / found.minimum / (peak_work / peak.minimum)
    return f"{seconds(found.median)}, {amount / found.median / 1e9:.0f}, {share:.0%} ({of_minimum:.0%})"

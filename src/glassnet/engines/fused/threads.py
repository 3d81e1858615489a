"""Threads: the barrier between them, how they are started, and what happens when one of them fails."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from glassnet._utils.arrays import Array
from glassnet.engines.fused.processor import INNER

#: Indices in the array of flags that the threads share, in separate cache lines: arrivals, and whether to give up.
ARRIVALS, ABORT, FLAGS = 0, 8, 16
#: Polls of a barrier before a thread yields its core.
SPINS = 1000

_I64, _I32 = ir.IntType(64), ir.IntType(32)


@intrinsic
def _arrive(context: Any, flags: Any) -> Any:
    """Increment flags[ARRIVALS] atomically."""
    signature = types.void(flags)

    def generate(target: Any, builder: Any, signature: Any, values: Any) -> Any:
        pointer = target.make_array(signature.args[0])(target, builder, values[0]).data
        builder.atomic_rmw("add", pointer, ir.Constant(_I64, 1), "acq_rel")
        return target.get_dummy_value()

    return signature, generate


@intrinsic
def _load_flag(context: Any, flags: Any, place: Any) -> Any:
    """Return the current value of flags[place]: an atomic load."""
    signature = types.int64(flags, place)

    def generate(target: Any, builder: Any, signature: Any, values: Any) -> Any:
        pointer = target.make_array(signature.args[0])(target, builder, values[0]).data
        return builder.load_atomic(builder.gep(pointer, [values[1]]), "acquire", 8)

    return signature, generate


@intrinsic
def _pause(context: Any) -> Any:
    """Tell the processor that this is a waiting loop."""

    def generate(target: Any, builder: Any, signature: Any, values: Any) -> Any:
        machine = llvmlite.binding.get_process_triple().split("-")[0]
        if machine in ("x86_64", "i386", "i686"):
            kind = ir.FunctionType(ir.VoidType(), [])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.sse2.pause"), [])
        elif machine in ("aarch64", "arm64"):
            kind = ir.FunctionType(ir.VoidType(), [_I32])
            hint = cgutils.get_or_insert_function(builder.module, kind, "llvm.aarch64.hint")
            builder.call(hint, [ir.Constant(_I32, 1)])
        return target.get_dummy_value()

    return types.void(), generate


@intrinsic
def _yield_core(context: Any) -> Any:
    """Yield the core to another thread."""

    def generate(target: Any, builder: Any, signature: Any, values: Any) -> Any:
        word = "SwitchToThread" if sys.platform == "win32" else "sched_yield"
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(_I32, []), word)
        builder.call(function, [])
        return target.get_dummy_value()

    return types.void(), generate


@njit(**INNER)
def barrier(flags, arrived, threads):
    """Wait until all threads have called this once more.

    ``arrived`` is what the call before returned, at first 0. Returns -1 if a thread has given up.
    """
    _arrive(flags)
    arrived += threads
    turns = 0
    while _load_flag(flags, ARRIVALS) < arrived:
        if _load_flag(flags, ABORT) != 0:
            return -1
        turns += 1
        if turns < SPINS:
            _pause()
        else:
            _yield_core()
    return arrived if _load_flag(flags, ABORT) == 0 else -1


class _ActiveTrainings:
    """Counts the trainings of this process that run at the same time: they share its cores."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    def __enter__(self) -> int:
        with self._lock:
            self._count += 1
            return self._count

    def __exit__(self, *problem: object) -> None:
        with self._lock:
            self._count -= 1


#: Entered by each training while it computes; returns the number of running trainings.
ACTIVE_TRAININGS = _ActiveTrainings()


def run_threads(work: Callable[[int], None], threads: int, flags: Array) -> None:
    """Call work(0) … work(threads - 1) at once, work(0) here; the first error ends them all and is raised.

    Parameters
    ----------
    work : callable
        Compiled, without the GIL; it waits for the others with `barrier`.
    threads : int
        How many; one starts no thread.
    flags : array (FLAGS,) of int64
        Shared by the threads; set to 0 here.
    """
    flags[:] = 0
    errors: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # raised below
            flags[ABORT] = 1
            errors.append(error)

    others = [threading.Thread(target=guarded, args=(number,), daemon=True) for number in range(1, threads)]
    started: list[threading.Thread] = []
    try:
        for thread in others:
            thread.start()
            started.append(thread)
        guarded(0)
    except BaseException as error:  # no thread to be had, or Ctrl-C between two lines
        flags[ABORT] = 1
        errors.append(error)
    while started:
        try:
            started[-1].join()
            started.pop()
        except BaseException as error:  # Ctrl-C while waiting: the other threads are stopped, and joined
            flags[ABORT] = 1
            errors.append(error)
    if errors:
        raise errors[0]

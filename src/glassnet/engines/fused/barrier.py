"""The barrier between the threads of a run, compiled."""

from __future__ import annotations

import sys
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from glassnet.engines.fused.arrays import I32, I64
from glassnet.engines.fused.layout import ABORT, ARRIVALS
from glassnet.engines.fused.processor import INNER

#: Polls of a barrier before a thread yields its core.
SPINS = 1000


@intrinsic
def _arrive(context: Any, flags: Any) -> Any:
    """Increment flags[ARRIVALS] atomically."""
    signature = types.void(flags)

    def generate(target: Any, builder: Any, signature: Any, values: Any) -> Any:
        pointer = target.make_array(signature.args[0])(target, builder, values[0]).data
        builder.atomic_rmw("add", pointer, ir.Constant(I64, 1), "acq_rel")
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
            kind = ir.FunctionType(ir.VoidType(), [I32])
            hint = cgutils.get_or_insert_function(builder.module, kind, "llvm.aarch64.hint")
            builder.call(hint, [ir.Constant(I32, 1)])
        return target.get_dummy_value()

    return types.void(), generate


@intrinsic
def _yield_core(context: Any) -> Any:
    """Yield the core to another thread."""

    def generate(target: Any, builder: Any, signature: Any, values: Any) -> Any:
        word = "SwitchToThread" if sys.platform == "win32" else "sched_yield"
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(I32, []), word)
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

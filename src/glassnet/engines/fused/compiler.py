"""The compiler: the whole loop as one object file, for this process's level and vectors and one dtype. It needs Numba.

Numba types and lowers each function and is kept from optimizing: it would optimize a function again in each of its
callers, and generate code for each. Instead everything is linked into one module, optimized once as a whole, and
emitted once, for the processors of `processor.LEVEL` and no others. Whatever the module calls is in the C library.

    python -m glassnet.engines.fused.compiler float32 FILE
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.codegen import AOTCodeLibrary, AOTCPUCodegen
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.extending import intrinsic
from numba.np.numpy_support import from_dtype

from glassnet.engines.fused.arrays import I64
from glassnet.engines.fused.epoch_loop import run
from glassnet.engines.fused.kernel_args import ARGUMENTS, KernelArgs, argument_dtypes
from glassnet.engines.fused.machine_code import ENTRY
from glassnet.engines.fused.processor import INNER, LEVEL


class _Library(AOTCodeLibrary):
    """The unoptimized code of one function and of those that it calls."""

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        pass

    def get_pointer_to_function(self, name: str) -> int:
        return 0  # it is never run here


class _CodeGenerator(AOTCPUCodegen):
    _library_class = _Library

    def set_env(self, name: str, env: Any) -> None:
        """Do nothing: there is no Python environment to find."""


def _array_at(dtype: Any) -> Any:
    """Return an intrinsic: the array of a dtype whose address and length are numbers 2i and 2i + 1 of a table."""
    kind = types.Array(from_dtype(np.dtype(dtype)), 1, "C")

    @intrinsic
    def array_at(context: Any, table: Any, index: Any) -> Any:
        def generate(target: Any, builder: Any, signature: Any, values: Any) -> Any:
            first = builder.mul(target.cast(builder, values[1], signature.args[1], types.int64), ir.Constant(I64, 2))
            table = builder.inttoptr(values[0], I64.as_pointer())
            address, size = (
                builder.load(builder.gep(table, [builder.add(first, ir.Constant(I64, offset))])) for offset in range(2)
            )
            number = target.get_data_type(kind.dtype)
            item = target.get_constant(types.intp, target.get_abi_sizeof(number))
            array = target.make_array(kind)(target, builder)
            target.populate_array(
                array,
                data=builder.inttoptr(address, number.as_pointer()),
                shape=cgutils.pack_array(builder, [size]),
                strides=cgutils.pack_array(builder, [item]),
                itemsize=item,
                meminfo=None,
            )
            return array._getvalue()

        return kind(table, index), generate

    return array_at


def _entry(dtype: Any) -> Any:
    """Return the Numba function (thread, threads, address of the table), compiled but not optimized."""
    names = {f"{name}_at": _array_at(kind) for name, kind in zip(ARGUMENTS, argument_dtypes(dtype), strict=True)}
    arrays = ", ".join(f"{name}(table, {index})" for index, name in enumerate(names))
    space = {**names, "run": run, "KernelArgs": KernelArgs}
    # Numba has no loop over values of different types
    exec(f"def entry(thread, threads, table):\n    return run(thread, threads, KernelArgs({arrays}))", space)
    function = njit(**INNER)(space["entry"])
    signature = (types.int64,) * 3
    function.compile(signature)
    return function.overloads[signature]


def _c_function(name: str) -> str:
    """Return LLVM IR of a C function that calls a Numba function: its result is 1 or 0, or -1 after an exception."""
    return f"""
        declare i32 @"{name}"(ptr, ptr, i64, i64, i64)
        define i64 @{ENTRY}(i64 %thread, i64 %threads, i64 %table) {{
            %answer = alloca i8
            %error = alloca ptr
            %status = call i32 @"{name}"(ptr %answer, ptr %error, i64 %thread, i64 %threads, i64 %table)
            %value = load i8, ptr %answer
            %wide = zext i8 %value to i64
            %fine = icmp eq i32 %status, 0
            %result = select i1 %fine, i64 %wide, i64 -1
            ret i64 %result
        }}
    """


def _target_machine() -> Any:
    features = LEVEL.tuning if LEVEL.name != "native" else llvmlite.binding.get_host_cpu_features().flatten()
    target = llvmlite.binding.Target.from_triple(llvmlite.binding.get_process_triple())
    return target.create_target_machine(cpu=LEVEL.cpu, features=features, opt=3, reloc="pic", codemodel="small")


@global_compiler_lock
def compile_object(dtype: Any) -> bytes:
    """Return the object file of the loop for networks of a dtype. The Numba of this process is of no use afterwards."""
    context = cpu_target.target_context
    context._internal_codegen = _CodeGenerator("glassnet")
    compiled = _entry(dtype)
    library = compiled.library
    library.finalize()  # links what it calls
    name = compiled.fndesc.llvm_func_name
    module = llvmlite.binding.parse_bitcode(library.emit_bitcode())
    module.link_in(llvmlite.binding.parse_assembly(_c_function(name)))
    for value in _own_values(module):
        value.linkage = "internal"
    machine = _target_machine()
    options = llvmlite.binding.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = True
    builder = llvmlite.binding.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    for number, value in enumerate(_own_values(module)):
        value.name = f"{number}"  # Numba's names are long, and not the same each time
    return bytes(machine.emit_object(module))


def _own_values(module: Any) -> list[Any]:
    """Return the functions and variables that a module defines, apart from the entry."""
    values = [*module.functions, *module.global_variables]
    return [value for value in values if not value.is_declaration and value.name != ENTRY]


def main() -> None:
    """Write an object file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("dtype", choices=["float32", "float64"])
    parser.add_argument("file", type=Path)
    arguments = parser.parse_args()
    arguments.file.write_bytes(compile_object(np.dtype(arguments.dtype)))


if __name__ == "__main__":
    main()

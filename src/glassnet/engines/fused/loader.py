"""Loading the compiled loop into this process, by llvmlite alone; compiling it first where there is no object."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from glassnet.engines.fused.build import build_objects, compile_object
from glassnet.engines.fused.machine_code import (
    ENTRY,
    MachineCode,
    can_compile,
    compiled_folder,
    find_object,
    object_name,
)
from glassnet.errors import InputError

#: ``loop(thread, threads, address of the table of arguments)``: 1, or 0 where it ended early; -1 after an exception.
Loop = Callable[[int, int, int], int]


def check_can_compile(dtype: Any) -> None:
    """Check that an object can be compiled here.

    Raises
    ------
    InputError
        If it can't.
    """
    if not can_compile():
        raise InputError(
            f"there is no machine code for this processor ({object_name(dtype)}), and Numba, which compiles it, is not "
            "installed: `pip install 'glassnet[build]'` and `glassnet engine build`, or use engine='reference'"
        )


@cache
def say_once(message: str) -> None:
    """Print a line on stderr, once in a process."""
    print(f"glassnet: {message}", file=sys.stderr)


_LOADING = threading.Lock()
_FOUND: dict[str, MachineCode] = {}
_LOADED: dict[str, tuple[Loop, object]] = {}


def has_machine_code(dtype: Any) -> bool:
    """Check whether the compiled loop for networks of a dtype is loaded, or there is an object of it."""
    name = object_name(dtype)
    with _LOADING:
        if name in _LOADED or name in _FOUND:
            return True
        found = find_object(dtype)
        if found is not None:
            _FOUND[name] = found
        return found is not None


def load_loop(dtype: Any) -> Loop:
    """Return the compiled loop for networks of a dtype, loaded once; compile it first if there is no object.

    Raises
    ------
    InputError
        If there is no object, and none can be compiled.
    """
    name = object_name(dtype)
    with _LOADING:
        if name not in _LOADED:
            found = _FOUND.pop(name, None) or find_object(dtype) or _compile(dtype)
            _LOADED[name] = _link(found.code, name)
        return _LOADED[name][0]


def _compile(dtype: Any) -> MachineCode:
    """Compile an object on demand, and say so."""
    check_can_compile(dtype)
    say_once(
        f"compiling the training loop for this processor ({object_name(dtype)}), once, about 20 s; "
        "`glassnet engine build` does it in advance"
    )
    name = np.dtype(dtype).name
    try:
        return build_objects(compiled_folder(), [name])[0]
    except InputError:  # the folder can't be written to: use the code in this process alone
        return compile_object(name)


def _link(code: bytes, name: str) -> tuple[Loop, object]:
    """Link an object into this process; return its entry, which releases the GIL, and what must stay alive."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    compiler = llvm.create_lljit_compiler()
    builder = llvm.JITLibraryBuilder().add_object_img(code).add_current_process().export_symbol(ENTRY)
    library = builder.link(compiler, name)
    entry = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)(library[ENTRY])
    return entry, (compiler, library)

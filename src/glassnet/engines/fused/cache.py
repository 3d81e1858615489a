"""The cache of compiled code on disk: its folder, and when it is valid.

Numba keys code by the types of its arguments and the processor's name and features. This code depends on more: every
module that it was compiled from, the vector length, the switches; so a hash of all of them names the folder. A folder
that can't be read or written, or holds a damaged file, costs a compilation and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator

from glassnet._utils.cache_folder import user_cache_folder
from glassnet._utils.safe_folder import is_private_folder
from glassnet.engines.fused.processor import CHECKED, COMPILED, VECTOR_BYTES
from glassnet.network import activations, losses, optimizers


@cache
def code_folder() -> Path:
    """Return the folder for code compiled from these sources, with these versions and switches."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    sources += [Path(str(module.__file__)) for module in (activations, losses, optimizers)]
    parts = [source.read_bytes() for source in sources]
    facts = (
        sys.version, numba.__version__, llvmlite.__version__, np.__version__, VECTOR_BYTES, CHECKED,
        platform.machine(), os.environ.get("NUMBA_CPU_NAME"), os.environ.get("NUMBA_CPU_FEATURES"),
    )  # fmt: skip
    parts.append(repr(facts).encode())
    return user_cache_folder() / hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def has_cached_code() -> bool:
    """Check whether there is compiled code for the next process."""
    return is_private_folder(code_folder()) and any(code_folder().glob("*.nbc"))


class _Locator(_CacheLocator):
    """Tell Numba the folder of the compiled code."""

    def get_cache_path(self) -> str:
        return str(code_folder())

    def get_source_stamp(self) -> str:
        return code_folder().name

    def get_disambiguator(self) -> str:
        return "fused"

    def ensure_cache_path(self) -> None:
        code_folder().mkdir(mode=0o700, parents=True, exist_ok=True)

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> _Locator:
        return cls()


class _Implementation(CompileResultCacheImpl):
    def __init__(self, function: Any) -> None:
        locators: Any = [_Locator]
        self._locator_classes = locators  # instead of Numba's: beside the source and in the user's home folder
        super().__init__(function)


class _Cache(FunctionCache):
    """Numba's cache of a function; problems with files are never errors."""

    _impl_class = _Implementation

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        if not is_private_folder(code_folder()):  # the code in it is executed
            return None
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # damaged: compile and write it again
            with contextlib.suppress(Exception):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            self._impl.locator.ensure_cache_path()
            if is_private_folder(code_folder()):
                super().save_overload(sig, data)
        except Exception:
            return  # it will be compiled again, next time


def cached_njit(function: Callable[..., Any]) -> Any:
    """Compile a function at its first call, and cache the code on disk."""
    compiled = numba.njit(**COMPILED)(function)
    compiled._cache = _Cache(function)
    return compiled

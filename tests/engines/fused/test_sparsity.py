"""The lists of nonzero inputs that sparse tiles walk."""

import platform

import llvmlite.binding
import pytest

from .both_engines import python

HAS_AVX2 = platform.machine().lower() in ("x86_64", "amd64") and llvmlite.binding.get_host_cpu_features().get("avx2")

#: Variables that restrict compiled code to AVX2.
AVX2 = {"GLASSNET_PROCESSOR": "x86-64-v3"}

LISTS = """
import numpy as np
from numba import njit
from glassnet.engines.fused.layout import PREFETCH_DISTANCE
from glassnet.engines.fused.processor import COMPILED
from glassnet.engines.fused.sparsity import list_rows

@njit(**COMPILED)
def lists(bits, words, w, rows, terms, step, counts_at, square):
    list_rows(bits, np.int64(0), words, w, rows, terms, np.int64(0), step, counts_at, square)

rng, words = np.random.default_rng(0), 2
for rows in (1, 7, 63, 64, 65, 200):
    whole = -(-rows // 64) * 64
    for share in (0.0, 0.05, 0.5, 1.0):
        nonzero = rng.random((rows, 64 * words)) < share
        bits = np.packbits(nonzero, axis=1, bitorder="little").view(np.uint64).ravel()
        step = whole + 2 * PREFETCH_DISTANCE
        terms = np.zeros(64 * words * (step + 1), np.int32)
        counts_at = 64 * words * step
        for w in range(words):
            lists(bits, words, w, rows, terms, step, counts_at, np.zeros(64, np.uint64))
        listed, counts = terms[:counts_at].reshape(64 * words, step), terms[counts_at:]
        for block in range(64 * words):
            assert listed[block, :counts[block]].tolist() == np.flatnonzero(nonzero[:, block]).tolist()
        # a tile reads entries beyond the end of a list, to prefetch: they must be valid row numbers
        assert ((listed >= 0) & (listed < rows)).all(), (rows, share, listed.min(), listed.max())
"""


@pytest.mark.parametrize("vector_bytes", ["16", "64"])
@pytest.mark.parametrize(
    "processor",
    [
        pytest.param({}, id="this processor"),
        pytest.param(AVX2, id="AVX2", marks=pytest.mark.skipif(not HAS_AVX2, reason="this processor has no AVX2")),
    ],
)
def test_lists_of_rows_hold_valid_row_numbers_beyond_their_end_too(
    processor: dict[str, str], vector_bytes: str
) -> None:
    python(LISTS, **processor, GLASSNET_VECTOR_BYTES=vector_bytes)


@pytest.mark.skipif(not HAS_AVX2, reason="this processor has no AVX2")
def test_vectors_are_as_long_as_the_registers_of_the_level() -> None:
    code = "from glassnet.engines.fused.processor import VECTOR_BYTES; print(VECTOR_BYTES)"
    assert python(code, **AVX2, GLASSNET_VECTOR_BYTES="").stdout.strip() == "32"

"""Vectors of 16, 8 and 4 lanes, and every kernel with its bounds checked: the engine in processes of their own."""

from pathlib import Path

import pytest

from .both_engines import python

CASES = """
from dataclasses import replace

import numpy as np
import pytest

from glassnet import Settings, Structure
import glassnet.engines.fused.engine as engine
from glassnet.engines.fused.processor import CHECKED, VECTOR_BYTES
from glassnet.network.optimizers import OPTIMIZERS
from tests.engines.fused.both_engines import assert_agree, some_rows

engine.WORK_PER_THREAD = 1


def agree(kinds, dtypes):
    for dtype in dtypes:
        for kind in kinds:
            for sizes in ((3, 1), (5, 1, 2), (37, 33, 4), (70, 128, 65, 3), (9, 260, 10), (784, 16, 3)):
                structure = Structure(sizes, (*["silu"] * (len(sizes) - 2), "identity"))
                for batch, n, threads, skips in (
                    (1, 5, 1, True), (1, 3, 2, False), (7, 30, 2, True), (33, 70, 3, False), (64, 130, 2, None)
                ):
                    settings = Settings(
                        loss="huber", optimizer="momentum", learning_rate=0.01, batch_size=batch, dtype=dtype
                    )
                    rows = some_rows(settings, structure, n, kind)
                    assert_agree(settings, structure, rows, threads=threads, skip_zeros=skips)
        for optimizer in OPTIMIZERS.values():
            structure = Structure((40, 33, 17, 4), ("tanh", "gelu", "softmax"))
            settings = Settings(
                optimizer=optimizer.name, learning_rate=0.1 * optimizer.learning_rate, batch_size=32, dtype=dtype,
                clip_norm=0.2, ema_decay=0.9, max_norm=0.9, dropout=(0.1, 0.2, 0.3), l1=0.001, l2=0.002,
            )
            for kind in kinds:
                rows = some_rows(settings, structure, 70, kind, weighted=True)
                assert_agree(settings, structure, rows, threads=2)
                plain = replace(settings, dropout=0.0, clip_norm=None)
                assert_agree(plain, structure, rows, threads=3, skip_zeros=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("vector_bytes", "dtypes"), [("64", ["float32", "float64"]), ("32", ["float32"]), ("16", ["float64"])]
)
def test_vectors_of_every_length_agree_with_the_reference_engine(vector_bytes: str, dtypes: list[str]) -> None:
    """Of float32, 64 bytes are 16 lanes, 32 are 8; of float64, 64 are 8 and 16 are 2."""
    check = f"assert VECTOR_BYTES == {vector_bytes}\nagree(['dense', 'sparse', 'csr'], {dtypes})"
    python(CASES + check, 300, GLASSNET_VECTOR_BYTES=vector_bytes)


@pytest.mark.slow
def test_vectors_of_four_lanes_agree_with_the_reference_engine() -> None:
    python(CASES + "agree(['dense', 'sparse', 'csr'], ['float32'])", 300, GLASSNET_VECTOR_BYTES="16")


@pytest.mark.slow
@pytest.mark.parametrize("kinds", [["dense", "sparse", "csr"], ["bytes"]])
def test_no_kernel_reads_or_writes_beyond_its_arrays(kinds: list[str]) -> None:
    python(CASES + f"assert CHECKED\nagree({kinds}, ['float32'])", 300, GLASSNET_CHECKED="1")


def test_another_length_of_vectors_is_an_error_that_names_the_lengths() -> None:
    done = python("import glassnet.engines.fused.engine", check=False, GLASSNET_VECTOR_BYTES="48")
    assert "GLASSNET_VECTOR_BYTES is '48'; it must be 16, 32 or 64" in done.stderr


def test_the_kernels_agree_with_numpy_in_short_vectors_with_their_bounds_checked() -> None:
    """A quick sample of the slow tests above."""
    options = ["-q", "-p", "no:cacheprovider", "-k", "tile or transpose or sums"]
    run = f"import sys, pytest; sys.exit(pytest.main({[*options, str(Path(__file__).with_name('test_kernel.py'))]!r}))"
    python(run, 300, GLASSNET_VECTOR_BYTES="16", GLASSNET_CHECKED="1")

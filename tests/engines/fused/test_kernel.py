"""The emitted pieces: the tile, the transpose and the sums do what one line of NumPy says; so do the lists of zeros."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from glassnet.engines.fused.kernel import (
    ALL_TERMS,
    ALL_TERMS_PREFETCH,
    sum_of_magnitudes,
    sum_of_squares,
    tile,
    transpose,
)
from glassnet.engines.fused.processor import PANEL_VECTORS, SPARSE_ROWS, TILE_ROWS, lanes
from glassnet.engines.fused.records import LeftOperand, Panels, Terms
from glassnet.engines.fused.sparsity import list_features, list_rows

WIDTH = PANEL_VECTORS * lanes(np.float64)


def _callable(across: bool):
    compute = tile(TILE_ROWS, PANEL_VECTORS, across)

    @njit
    def call(a, table, rows, column, terms, listed, count, b, c, more):
        left = LeftOperand(a, table, 0, rows, 0, column)
        compute(left, Terms(terms, listed, count), Panels(b, 0, WIDTH, 0), Panels(c, 0, WIDTH, 0), more)

    return call


@pytest.mark.parametrize("of_bytes", [False, True])
@pytest.mark.parametrize("across", [False, True])
def test_a_tile_is_a_product_of_matrices(across: bool, of_bytes: bool) -> None:
    call, rng, k, column = _callable(across), np.random.default_rng(0), 23, 3
    A = rng.integers(0, 256, (40, 50)).astype(np.uint8) if of_bytes else rng.standard_normal((40, 50))
    table = rng.standard_normal(256)
    numbers = table[A] if of_bytes else A
    B, before = rng.standard_normal((k, WIDTH)), rng.standard_normal((TILE_ROWS, WIDTH))
    chosen = rng.permutation(40)
    rows = np.concatenate([chosen * 50, np.zeros(16, np.int64)]).astype(np.int64)  # and some to fetch ahead
    some = np.flatnonzero(rng.random(k) < 0.5)
    terms = np.concatenate([some, np.zeros(16)]).astype(np.int32)
    walks = [(ALL_TERMS, np.arange(k)), (0, some)] + ([] if across else [(ALL_TERMS_PREFETCH, np.arange(k))])
    for listed, ks in walks:
        for more in (0, 1):
            C = before.copy()
            call(A.ravel(), table, rows, column, terms, listed, len(ks), B.ravel(), C.ravel(), more)
            if across:
                taken = numbers[chosen[ks], column : column + TILE_ROWS].T
            else:
                taken = numbers[chosen[:TILE_ROWS]][:, column + ks]
            np.testing.assert_allclose(C, more * before + taken @ B[ks], rtol=1e-12, atol=1e-13)


@njit
def _transposed(source, target, s_step, t_step):
    transpose(source, 5, s_step, target, 3, t_step)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_transpose_turns_a_square_and_leaves_the_rest_alone(dtype: str) -> None:
    n = lanes(dtype)
    source = np.random.default_rng(0).standard_normal((n, n + 6)).astype(dtype)
    target = np.zeros((n, n + 4), dtype)
    _transposed(source.ravel(), target.ravel(), n + 6, n + 4)
    expected = np.zeros_like(target)
    square = source.ravel()[5 : 5 + n * (n + 6)]
    for i in range(n):
        for j in range(n):
            expected.ravel()[3 + j * (n + 4) + i] = square[i * (n + 6) + j]
    assert np.array_equal(target, expected)


@njit
def _both_sums(values):
    return sum_of_squares(values), sum_of_magnitudes(values)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [1, 2, 65])
def test_sums_are_sums(rows: int, dtype: str) -> None:
    values = np.random.default_rng(0).standard_normal(rows * PANEL_VECTORS * lanes(dtype)).astype(dtype)
    squares, sizes = _both_sums(values)
    precise = values.astype(float)
    assert squares == pytest.approx(np.sum(precise**2), rel=1e-6)
    assert sizes == pytest.approx(np.sum(np.abs(precise)), rel=1e-6)


# ----------------------------------------------------------------------------------------------- lists of no zeros


@njit
def _list_features(x, rows, n, features, terms, bits, block_words):
    return list_features(x, rows, 0, n, 0, features, terms, 2, bits, 1, block_words)


@njit
def _list_rows(bits, block_words, w, rows, terms, step, counts_at):
    list_rows(bits, 1, block_words, w, rows, terms, 0, step, counts_at, np.empty(64, np.uint64))


@settings(max_examples=60, deadline=None)
@given(
    features=st.integers(SPARSE_ROWS, 300), n=st.integers(1, 70), share=st.sampled_from([0.0, 0.02, 0.3, 1.0]),
    dtype=st.sampled_from(["float64", "uint8"]), seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_lists_hold_what_is_not_zero(features: int, n: int, share: float, dtype: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = (rng.integers(1, 200, (n, features)) * (rng.random((n, features)) < share)).astype(dtype)
    rows = rng.permutation(n) * features
    x_taken = x[rows // features]
    blocks = -(-features // SPARSE_ROWS)
    block_words = -(-blocks // 64)
    terms, bits = np.full(features + 80, -1, np.int32), np.zeros(1 + n * block_words, np.uint64)
    and_ahead = np.concatenate([rows, rows[:1].repeat(SPARSE_ROWS)])
    count = _list_features(x.ravel(), and_ahead, n, features, terms, bits, block_words)
    assert terms[2 : 2 + count].tolist() == np.flatnonzero(x_taken.any(axis=0)).tolist()
    assert (terms[:2] == -1).all()
    assert (terms[2 + 64 * (-(-features // 64)) :] == -1).all()

    # the last block reaches back, so as to be whole
    firsts = np.minimum(np.arange(blocks) * SPARSE_ROWS, features - SPARSE_ROWS)
    needed = np.array([x_taken[:, first : first + SPARSE_ROWS].any(axis=1) for first in firsts])
    step, counts_at = 64 * (-(-n // 64)) + 16, 64 * block_words * (64 * (-(-n // 64)) + 16)
    lists = np.zeros(counts_at + 64 * block_words, np.int32)
    for w in range(block_words):
        _list_rows(bits, block_words, w, n, lists, step, counts_at)
    for block in range(blocks):
        length, listed = lists[counts_at + block], lists[block * step :]
        expected = np.flatnonzero(needed[block])
        assert listed[:length].tolist() == expected.tolist()

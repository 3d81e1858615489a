"""Contributions: the largest terms of all."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from glassnet.inspection import (
    top_contributions,
)


@settings(max_examples=150, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 30)),
    count=st.integers(0, 60),
    seed=st.integers(0, 2**31),
    zero_share=st.floats(0, 1),
    known=st.booleans(),
)
def test_the_top_contributions_are_the_largest_of_all_terms(shape, count, seed, zero_share, known) -> None:
    rng = np.random.default_rng(seed)
    a = rng.standard_normal(shape[0]) * (rng.random(shape[0]) > zero_share)
    W = rng.standard_normal(shape)
    W *= np.exp(3 * rng.standard_normal((shape[0], 1)))  # some rows are far larger than others
    i, j, terms = top_contributions(a, W, count, np.abs(W).max(axis=1) if known else None)
    everything = a[:, np.newaxis] * W
    largest_first = np.sort(np.abs(everything), axis=None)[::-1][:count]
    np.testing.assert_array_equal(np.abs(terms), largest_first[largest_first > 0])
    np.testing.assert_array_equal(terms, everything[i, j])
    assert len({*zip(i.tolist(), j.tolist(), strict=True)}) == len(terms)


def test_equal_terms_keep_their_order_and_nan_counts_as_zero() -> None:
    i, j, terms = top_contributions(np.ones(3), np.array([[1.0, -1.0], [2.0, 1.0], [0.0, 1.0]]), 3)
    assert (i.tolist(), j.tolist(), terms.tolist()) == ([1, 0, 0], [0, 0, 1], [2, 1, -1])
    i, j, terms = top_contributions(np.array([np.nan, 1.0]), np.array([[5.0], [2.0]]), 5)
    assert (i.tolist(), j.tolist(), terms.tolist()) == ([1], [0], [2])
    assert len(top_contributions(np.zeros(4), np.ones((4, 4)), 5)[2]) == 0

"""Statistics of blocks merge to those of all rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from glassnet.preprocessing.scaling import choose_scaling, fit_scaling, fit_standard_scaling, standard_scaling
from glassnet.preprocessing.statistics import ColumnStatistics, are_bytes


def of(*blocks) -> ColumnStatistics:
    statistics = ColumnStatistics(blocks[0].shape[1])
    for block in blocks:
        statistics.add(block)
    return statistics


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 1000),
    st.lists(st.integers(0, 1000), max_size=5),
    st.sampled_from([0.0, 1.0, 1e9, -1e12, 1e-30]),
    st.sampled_from([1.0, 1e-6, 1e-150, 1e150]),
    st.integers(0, 2**32 - 1),
)
def test_blocks_of_any_size_merge_to_numpys_statistics(rows, cuts, centre, unit, seed):
    x = np.random.default_rng(seed).standard_normal((rows, 3)) * unit + centre
    blocks = np.split(x, sorted(cut % (rows + 1) for cut in cuts))
    found = of(*blocks)
    one = of(*blocks[: len(blocks) // 2], blocks[-1][:0])
    other = of(*blocks[len(blocks) // 2 :])
    one.merge(other)
    for statistics in (found, one):
        assert statistics.rows == rows and (statistics.count == rows).all()
        shifted = (x - x[0]) / unit  # NumPy's own sums lose digits where the centre is far off
        expected = x[0] + shifted.mean(axis=0) * unit
        np.testing.assert_allclose(statistics.mean, expected, rtol=1e-12, atol=1e-13 * unit)
        np.testing.assert_allclose(
            statistics.deviation, shifted.std(axis=0) * unit, rtol=1e-9, atol=1e-15 * (abs(centre) + unit)
        )
        np.testing.assert_array_equal([statistics.min, statistics.max], [x.min(axis=0), x.max(axis=0)])


def test_a_small_deviation_far_from_zero_keeps_its_digits():
    x = 1e9 + np.random.default_rng(0).uniform(0, 1e-3, (10_000, 2))
    found = of(*np.array_split(x, 37))
    expected = (x - 1e9).std(axis=0)
    np.testing.assert_allclose(found.deviation, expected, rtol=1e-5)  # the mean itself ends at 1e-7
    naive = np.mean(x**2, axis=0) - np.mean(x, axis=0) ** 2
    assert not np.allclose(np.sqrt(np.abs(naive)), expected, rtol=0.5)


def test_bytes_add_up_exactly():
    x = np.random.default_rng(0).integers(0, 256, (3000, 5), np.uint8)
    x[:, 0] = 255  # the largest sums of squares that there are
    found = of(*np.array_split(x, 7))
    np.testing.assert_allclose(found.deviation, x.std(axis=0, dtype=np.float64), rtol=1e-14, atol=0)
    np.testing.assert_allclose(found.mean, x.mean(axis=0, dtype=np.float64), rtol=1e-15)
    assert found.all_bytes and found.deviation[0] == 0


@pytest.mark.parametrize("kind", ["bytes", "small bytes", "whole numbers", "fractions", "constant"])
def test_the_scaling_of_blocks_is_that_of_rows_in_memory(kind):
    rng = np.random.default_rng(1)
    x = {
        "bytes": rng.integers(0, 256, (700, 16)).astype(np.uint8),
        "small bytes": rng.integers(0, 17, (700, 16)).astype(np.uint8),
        "whole numbers": rng.integers(-5, 300, (700, 4)).astype(np.float64),
        "fractions": rng.normal(3, 2, (700, 4)),
        "constant": np.column_stack([np.full(700, 0.1), rng.normal(size=700)]),
    }[kind]
    found = choose_scaling(of(*np.array_split(x, 9)))
    expected = fit_scaling(x)
    assert found.kind == expected.kind == ("bytes" if kind == "bytes" else "standard")
    np.testing.assert_allclose(found.scale, expected.scale, rtol=1e-12)
    np.testing.assert_allclose(found.offset, expected.offset, rtol=1e-12)
    if kind == "constant":
        assert found.scale[0] == 1 and found.offset[0] == 0.1


def test_one_number_that_is_not_a_byte_is_noticed_in_any_block():
    x = np.full((600, 2), 200, np.uint8)
    late = np.full((1, 2), 200.5)
    assert of(x).all_bytes and not of(x, late).all_bytes and not of(late, x).all_bytes
    assert of(x.astype(np.float64)).all_bytes
    one = of(x)
    other = of(late)
    one.merge(other)
    assert not one.all_bytes and choose_scaling(one).kind == "standard"


@pytest.mark.parametrize("wrong", [-1.0, 256.0, 0.5, np.nan, np.inf])
def test_bytes_are_whole_numbers_from_0_to_255(wrong):
    assert are_bytes(np.array([[0.0, 255.0]])) and are_bytes(np.empty((0, 2)))
    assert not are_bytes(np.array([[0.0], [wrong]]))


def test_sparse_rows_have_the_statistics_of_dense_ones():
    rng = np.random.default_rng(2)
    x = sparse.random(500, 8, 0.3, "csr", rng=rng)
    x.data -= 0.3
    found = of(x[:123], x[123:])
    dense = of(x.toarray())
    for name in ("mean", "deviation", "min", "max"):
        np.testing.assert_allclose(getattr(found, name), getattr(dense, name), rtol=1e-12, atol=1e-15, err_msg=name)
    np.testing.assert_allclose(standard_scaling(found).scale, fit_standard_scaling(x.toarray()).scale, rtol=1e-12)
    for name in ("kind", "offset", "scale"):
        np.testing.assert_array_equal(getattr(choose_scaling(found, sparse=True), name), getattr(fit_scaling(x), name))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 700), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.2, 0.9, 1.0]))
def test_missing_values_are_left_out_and_counted(rows, seed, share):
    rng = np.random.default_rng(seed)
    x = rng.normal(5, 2, (rows, 3))
    x[rng.random(x.shape) < share] = np.nan
    found = of(*np.array_split(x, 4))
    for column in range(3):
        values = x[~np.isnan(x[:, column]), column]
        assert (found.count[column], found.missing[column]) == (len(values), rows - len(values))
        if len(values):
            np.testing.assert_allclose(found.mean[column], values.mean(), rtol=1e-12)
            np.testing.assert_allclose(found.deviation[column], values.std(), rtol=1e-9, atol=1e-12)
            assert (found.min[column], found.max[column]) == (values.min(), values.max())
    filled = found.fill_missing(np.array([1.0, 2.0, 3.0]))
    expected = np.where(np.isnan(x), [1.0, 2.0, 3.0], x)
    np.testing.assert_allclose(filled.mean, expected.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(filled.deviation, expected.std(axis=0), rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal([filled.min, filled.max], [expected.min(axis=0), expected.max(axis=0)])
    assert not filled.missing.any() and (found.missing == np.isnan(x).sum(axis=0)).all()


def test_an_array_of_five_rows_restores_the_statistics():
    found = of(np.random.default_rng(0).normal(size=(50, 3)))
    again = ColumnStatistics.from_array(found.to_array(), 50, found.all_bytes)
    assert vars(again).keys() == vars(found).keys()
    for name, value in vars(found).items():
        np.testing.assert_array_equal(getattr(again, name), value)
    assert np.isfinite(ColumnStatistics(3).to_array()).all()

"""Scaling fitted to training rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from glassnet.preprocessing.scaling import fit_scaling, fit_standard_scaling


def pixels(columns: int = 16) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, columns))


def test_pixels_are_divided_by_255() -> None:
    for dtype in (np.uint8, np.float64, np.int64):
        raw = pixels().astype(dtype)
        scaling = fit_scaling(raw)
        assert scaling.kind == "bytes"
        np.testing.assert_allclose(scaling.transform(raw), raw / 255, rtol=1e-6)


def test_dark_and_constant_columns_are_pixels_beside_bright_ones() -> None:
    raw = pixels(20)
    raw[:, :4] = 0
    raw[:, 4] = 255
    raw[:, 5:10] //= 10
    assert fit_scaling(raw).kind == "bytes"


def test_few_columns_or_columns_of_different_scales_are_no_pixels() -> None:
    assert fit_scaling(pixels(15)).kind == "standard"
    mixed = pixels()
    mixed[:, :12] %= 2
    assert fit_scaling(mixed).kind == "standard"


@pytest.mark.parametrize("kind", ["standard", "range", "bytes", "identity"])
def test_a_scaling_can_be_chosen(kind: str) -> None:
    for raw in (pixels(), np.array([[1.0, 5.0], [3.0, 5.0]])):
        scaling = fit_scaling(raw, kind)
        assert scaling.kind == kind
        low, high = {"range": (0, 1), "bytes": (0, 1), "identity": (0, 255)}.get(kind, (-5, 5))
        scaled = scaling.transform(raw)
        assert scaled.min() >= low and scaled.max() <= high


@pytest.mark.parametrize("rows", [[[0, 1], [1, 0]], [[0, 16], [3, 12]], [[0, 255.5], [1, 2]], [[-1, 255], [0, 3]]])
def test_other_numbers_are_standardized(rows: list) -> None:
    raw = np.array(rows, float)
    scaled = fit_scaling(raw).transform(raw, np.float64)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(axis=0), 1)


@pytest.mark.parametrize("value", [0.0, 5.0, 0.1, 1e9, -1e-9])
def test_a_constant_column_becomes_0(value: float) -> None:
    raw = np.column_stack([np.full(1000, value), np.arange(1000.0)])
    scaled = fit_scaling(raw).transform(raw, np.float64)
    np.testing.assert_allclose(scaled[:, 0], 0, atol=1e-6)
    assert np.isfinite(fit_scaling(raw).transform(raw + 1)).all()


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_tiny_and_huge_numbers_keep_their_shape(size: float) -> None:
    raw = size * np.arange(9.0)[:, np.newaxis]
    scaling = fit_standard_scaling(raw)
    np.testing.assert_allclose(scaling.transform(raw, np.float64).std(), 1)
    np.testing.assert_allclose(scaling.inverse_transform(scaling.transform(raw, np.float64)), raw, rtol=1e-12)
    assert np.isfinite(fit_standard_scaling(np.array([[0.0], [5e-324]])).scale).all()  # one too small to be divided by


def test_large_offsets_keep_their_digits() -> None:
    """Seconds since 1970 in steps of a minute: equal in float32."""
    raw = 1.7e9 + 60.0 * np.arange(100)[:, np.newaxis]
    scaled = fit_standard_scaling(raw).transform(raw, np.float32)
    assert len(np.unique(scaled)) == 100


@settings(max_examples=60, deadline=None)
@given(arrays.arrays(np.float64, st.tuples(st.integers(1, 9), st.integers(1, 4)), elements=st.floats(-1e6, 1e6)))
def test_inverse_transform_restores_the_raw_values(raw: np.ndarray) -> None:
    scaling = fit_scaling(raw)
    np.testing.assert_allclose(scaling.inverse_transform(scaling.transform(raw, np.float64)), raw, rtol=1e-9, atol=1e-6)

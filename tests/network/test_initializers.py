"""Initial weights: the distribution of each initializer, the same for the same seed."""

import functools

import numpy as np
import pytest

from glassnet import InputError, Structure
from glassnet.network.initializers import INITIALIZERS, constant, initialize

FAN_IN, FAN_OUT = 300, 200
VARIANCE = {
    "glorot_uniform": 2 / 500,
    "glorot_normal": 2 / 500,
    "he_uniform": 2 / 300,
    "he_normal": 2 / 300,
    "lecun_uniform": 1 / 300,
    "lecun_normal": 1 / 300,
    "orthogonal": 1 / 300,
    "normal": 1.0,
    "zeros": 0.0,
    "constant": 0.0,
}


@pytest.mark.parametrize("name", INITIALIZERS)
def test_the_spread_is_the_papers(name: str) -> None:
    W = INITIALIZERS[name](np.random.default_rng(0), (FAN_IN, FAN_OUT))
    assert W.shape == (FAN_IN, FAN_OUT) and W.dtype == np.float64
    assert W.var() == pytest.approx(VARIANCE[name], rel=0.02, abs=1e-30)
    if name.endswith("uniform"):
        reach = np.sqrt(3 * VARIANCE[name])
        assert 0.999 * reach < np.abs(W).max() <= reach
    if name.endswith("normal"):
        within = np.mean(np.abs(W) < np.sqrt(VARIANCE[name]))
        assert within == pytest.approx(0.6827, abs=0.01)


@pytest.mark.parametrize("shape", [(7, 4), (4, 7), (5, 5), (1, 3), (3, 1)])
def test_orthogonal_is_orthogonal(shape: tuple[int, int]) -> None:
    W = INITIALIZERS["orthogonal"](np.random.default_rng(0), shape)
    small = W if shape[0] <= shape[1] else W.T
    np.testing.assert_allclose(small @ small.T, np.eye(min(shape)), atol=1e-12)


def test_orthogonal_favours_no_sign() -> None:
    """A bare QR decomposition always gives a first entry of the same sign."""
    rng = np.random.default_rng(0)
    corners = [INITIALIZERS["orthogonal"](rng, (3, 3))[0, 0] for _ in range(300)]
    assert abs(np.mean(corners)) < 0.13  # four deviations of their mean, √(1/3 / 300) = 0.033


def test_auto_suits_each_layers_activation_and_biases_are_zero() -> None:
    structure = Structure((400, 300, 200, 100), ("relu", "selu", "softmax"))
    views = structure.views(initialize(structure, np.random.default_rng(0)))
    assert views["W1"].var() == pytest.approx(2 / 400, rel=0.03)
    assert views["W2"].var() == pytest.approx(1 / 300, rel=0.03)
    assert views["W3"].var() == pytest.approx(2 / 300, rel=0.03)
    assert not any(views[f"b{layer}"].any() for layer in (1, 2, 3))


def test_the_seed_decides_and_float32_is_the_same_draw_rounded() -> None:
    structure = Structure((5, 4, 3), "relu")
    first, same, other = (initialize(structure, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()
    single = initialize(structure, np.random.default_rng(1), dtype=np.float32)
    np.testing.assert_array_equal(single, first.astype(np.float32))


def test_a_custom_initializer_can_be_passed() -> None:
    structure = Structure((2, 2), ["relu"])
    vector = initialize(structure, np.random.default_rng(0), functools.partial(constant, value=0.5))
    np.testing.assert_array_equal(vector, [0.5, 0.5, 0.5, 0.5, 0, 0])
    with pytest.raises(InputError, match=r"gave shape \(2,\) for W1; it needs \(2, 2\)"):
        initialize(structure, np.random.default_rng(0), lambda rng, shape: np.zeros(2))
    with pytest.raises(InputError, match="initializer 'he' is not known; .*he_uniform"):
        initialize(structure, np.random.default_rng(0), "he")

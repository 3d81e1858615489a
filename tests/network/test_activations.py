"""Activations: values, large inputs, and writing to out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from glassnet.network.activations import ACTIVATIONS, Activation

TORCH = {
    "identity": lambda torch, z: z * 1,
    "sigmoid": lambda torch, z: torch.sigmoid(z),
    "tanh": lambda torch, z: torch.tanh(z),
    # torch.nn.functional.hardsigmoid has a slope of 1/6 in float32, whatever the dtype
    "hard_sigmoid": lambda torch, z: torch.clamp(z / 6 + 0.5, 0, 1),
    "relu": lambda torch, z: torch.relu(z),
    "leaky_relu": lambda torch, z: torch.nn.functional.leaky_relu(z, 0.01),
    "elu": lambda torch, z: torch.nn.functional.elu(z),
    "selu": lambda torch, z: torch.selu(z),
    "softplus": lambda torch, z: torch.logaddexp(z, torch.zeros_like(z)),
    "exponential": lambda torch, z: torch.exp(z),
    "gelu": lambda torch, z: torch.nn.functional.gelu(z),
    "gelu_tanh": lambda torch, z: torch.nn.functional.gelu(z, approximate="tanh"),
    "silu": lambda torch, z: torch.nn.functional.silu(z),
    "mish": lambda torch, z: torch.nn.functional.mish(z),
    "softmax": lambda torch, z: torch.softmax(z, dim=-1),
}
every = pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=lambda activation: activation.name)


@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_out_all_is_finite_silent_and_of_its_dtype(activation: Activation, dtype: type) -> None:
    z = np.array([[-1e4, -700, -90, -30, -3, -1e-7], [0, 1e-7, 3, 30, 700, 1e4]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        a = activation.function(z)
        dz = activation.derivative(np.ones_like(z), z, a)
    assert a.dtype == dz.dtype == dtype
    assert np.isfinite(a).all() and np.isfinite(dz).all()


@every
def test_values_and_gradients_are_pytorchs(activation: Activation) -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    rng = np.random.default_rng(0)
    z = 4 * rng.standard_normal((40, 7))
    da = rng.standard_normal((40, 7))
    tensor = torch.from_numpy(z.copy()).requires_grad_()
    expected = TORCH[activation.name](torch, tensor)
    expected.backward(torch.from_numpy(da))
    a = activation.function(z)
    np.testing.assert_allclose(a, expected.detach().numpy(), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(activation.derivative(da, z, a), tensor.grad.numpy(), rtol=1e-11, atol=1e-13)


@every
def test_the_slope_at_zero_is_pytorchs(activation: Activation) -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    z = np.zeros((1, 3))
    tensor = torch.zeros((1, 3), dtype=torch.float64, requires_grad=True)
    TORCH[activation.name](torch, tensor)[0, 0].backward()
    da = np.array([[1.0, 0, 0]])
    np.testing.assert_allclose(activation.derivative(da, z, activation.function(z)), tensor.grad.numpy(), atol=1e-15)


@every
def test_the_derivative_is_the_slope(activation: Activation) -> None:
    """Central differences between the kinks, which all lie at whole numbers."""
    z = np.arange(-6, 6) + np.random.default_rng(1).uniform(0.2, 0.8, (5, 12))
    da = np.random.default_rng(2).standard_normal(z.shape)
    step = 1e-6
    expected = np.zeros_like(z)
    for column in range(z.shape[1]):
        moved = np.zeros_like(z)
        moved[:, column] = step
        change = activation.function(z + moved) - activation.function(z - moved)
        expected[:, column] = np.sum(da * change, axis=1) / (2 * step)
    found = activation.derivative(da, z, activation.function(z))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


@every
@settings(max_examples=20, deadline=None)
@given(
    z=arrays.arrays(
        st.sampled_from([np.float32, np.float64]),
        arrays.array_shapes(min_dims=1, max_dims=2, max_side=6),
        elements=st.floats(-50, 50, width=32),
    )
)
def test_they_write_into_out_and_change_nothing_else(activation: Activation, z: np.ndarray) -> None:
    da = np.ones_like(z)
    kept = z.copy()
    a = activation.function(z)
    out = np.full_like(z, 7)
    assert activation.function(z, out=out) is out
    np.testing.assert_array_equal(out, a)
    dz = activation.derivative(da, z, a)
    out = np.full_like(z, 7)
    assert activation.derivative(da, z, a, out=out) is out
    np.testing.assert_array_equal(out, dz)
    np.testing.assert_array_equal(z, kept)
    np.testing.assert_array_equal(da, 1)
    np.testing.assert_array_equal(a, activation.function(z))


def test_softmax_is_a_distribution_that_a_shift_does_not_change() -> None:
    z = np.random.default_rng(0).standard_normal((4, 5))
    a = ACTIVATIONS["softmax"].function(z)
    np.testing.assert_allclose(a.sum(axis=1), 1)
    np.testing.assert_allclose(ACTIVATIONS["softmax"].function(z + 1000), a)


@pytest.mark.parametrize("rows", [1, 16, 17, 150])
@pytest.mark.parametrize("units", [1, 2, 7, 8, 64, 65])
def test_softmax_of_few_rows_and_of_many_is_the_same_to_the_bit(rows: int, units: int) -> None:
    z = 3 * np.random.default_rng(rows).standard_normal((rows, units))
    a = ACTIVATIONS["softmax"].function(z)
    for row in range(rows):
        np.testing.assert_array_equal(a[row], ACTIVATIONS["softmax"].function(z[row]))


def test_every_activation_has_its_own_name_and_a_repr_that_says_it() -> None:
    assert all(name == activation.name for name, activation in ACTIVATIONS.items())
    assert repr(ACTIVATIONS["relu"]) == "Activation('relu')"

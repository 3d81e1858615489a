"""The gradient check: correct gradients pass, and planted errors are detected."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassnet import InputError, Structure, check_gradients
from glassnet.network import activations, backward, gradient_check, losses
from glassnet.network.activations import ACTIVATIONS, Activation
from glassnet.network.initializers import INITIALIZERS
from glassnet.network.losses import LOSSES, Loss


@pytest.mark.sweep(strength=2)
@pytest.mark.parametrize("initializer", INITIALIZERS)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_gradient_agrees_with_central_differences(activation: str, loss: str, initializer: str) -> None:
    found = check_gradients(
        Structure((3, 4, 2), (activation, activation)),
        loss,
        initializer=initializer,
        dropout=(0.2, 0.3),
        l1=0.01,
        l2=0.02,
        weighted=True,
    )
    assert found.ok, str(found)
    assert set(found.errors) == {"W1", "b1", "W2", "b2", "x"}


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 5), min_size=2, max_size=6),
    samples=st.integers(1, 4),
    loss=st.sampled_from(sorted(set(LOSSES) - {"categorical_crossentropy", "focal"})),
    activation=st.sampled_from(["tanh", "silu", "softplus", "sigmoid"]),
    seed=st.integers(0, 2**32),
)
def test_any_shape_is_right(sizes: list[int], samples: int, loss: str, activation: str, seed: int) -> None:
    structure = Structure(sizes, [activation] * (len(sizes) - 1))
    found = check_gradients(structure, loss, samples=samples, seed=seed)
    # deep and narrow sigmoids leave gradients of 1e-9, of which central differences see only their own rounding
    assert found.error < 1e-5, str(found)


def wrong_sign(da, z, a, out=None):
    return activations.d_tanh(-da, z, a, out)


def forgets_the_function(da, z, a, out=None):
    return np.multiply(da, 1 - z * z, out=out)


@pytest.mark.parametrize("derivative", [wrong_sign, forgets_the_function])
def test_a_wrong_derivative_is_found(derivative) -> None:
    planted = Activation("planted", activations.tanh, derivative)
    found = check_gradients(Structure((3, 4, 2), (planted, "identity")), "huber")
    assert not found
    assert "WRONG" in str(found) and found.worst.split("[")[0] in {"dW1", "db1", "dx"}


@pytest.mark.parametrize("factor", [-1.0, 2.0, 1.001])
def test_a_wrong_loss_gradient_is_found(factor: float) -> None:
    cost = LOSSES["log_cosh"]
    planted = Loss("planted", cost.per_sample, lambda o, y: factor * cost.derivative(o, y))
    found = check_gradients(Structure((3, 4, 2), "tanh"), planted)
    assert not found and found.error > 1e-4


def test_a_missing_mean_over_the_samples_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    mean_gradient = losses.Loss.gradient
    monkeypatch.setattr(losses.Loss, "gradient", lambda self, o, y, w=None: len(o) * mean_gradient(self, o, y, w))
    assert not check_gradients(Structure((3, 4, 2), "tanh"), "half_mean_squared_error")


def test_a_transposed_weight_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def transposed(structure, parameters, *rest, **options):
        square = {name: p.T if name == "W2" else p for name, p in parameters.items()}
        return backward.backward(structure, square, *rest, **options)

    monkeypatch.setattr(gradient_check, "backward", transposed)
    found = check_gradients(Structure((3, 3, 3), "tanh"), "half_mean_squared_error")
    assert not found and {name for name, error in found.errors.items() if error > 1e-6} == {"W1", "b1", "x"}


@pytest.mark.parametrize("forgotten", ["l1", "l2"])
def test_a_forgotten_penalty_is_found(monkeypatch: pytest.MonkeyPatch, forgotten: str) -> None:
    def without(*arguments, **options):
        return backward.backward(*arguments, **{**options, forgotten: 0.0})

    monkeypatch.setattr(gradient_check, "backward", without)
    assert not check_gradients(Structure((3, 4, 2), "tanh"), "huber", **{forgotten: 0.1})


def test_a_forgotten_mask_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def unmasked(structure, parameters, cache, dz, **options):
        cache = {name: a for name, a in cache.items() if not name.startswith("mask")}
        return backward.backward(structure, parameters, cache, dz, **options)

    monkeypatch.setattr(gradient_check, "backward", unmasked)
    assert not check_gradients(Structure((3, 8, 2), "tanh"), "huber", dropout=0.5)


def test_a_custom_activation_is_checked_too() -> None:
    cube = Activation(
        "cube",
        lambda z, out=None: np.multiply(z * z, z, out=out),
        lambda da, z, a, out=None: np.multiply(da, 3 * z * z, out=out),
    )
    assert check_gradients(Structure((3, 4, 2), (cube, "identity")), "log_cosh").error < 1e-7


def test_where_there_is_no_smooth_point_it_says_so() -> None:
    steps = replace(ACTIVATIONS["tanh"], derivative=lambda da, z, a, out=None: da * (np.floor(z * 500) % 2))
    with pytest.raises(InputError, match="no point away from the kinks.*use fewer units"):
        check_gradients(Structure((3, 4, 2), (steps, "identity")), "log_cosh")

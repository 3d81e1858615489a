"""The backward pass: every intermediate and gradient by name against PyTorch's autograd."""

import numpy as np
import pytest

from glassnet import Structure
from glassnet.network.activations import ACTIVATIONS
from glassnet.network.backward import backward, loss_input, output_gradient, penalty
from glassnet.network.forward import dropout_masks, forward
from glassnet.network.losses import CLASSIFICATION, LOSSES

from .test_activations import TORCH as TORCH_ACTIVATIONS
from .test_losses import TORCH as TORCH_LOSSES

SIZES = (5, 4, 6, 3)
ROWS = 7


def example(activation: str, output: str, loss: str):
    """Return a structure, its parameters as a vector, rows, truth and weights."""
    structure = Structure(SIZES, (activation, activation, output))
    rng = np.random.default_rng(11)
    vector = 0.5 * rng.standard_normal(structure.n_parameters)
    x = rng.standard_normal((ROWS, SIZES[0]))
    y = np.eye(3)[rng.integers(3, size=ROWS)] if loss in CLASSIFICATION else rng.poisson(2, (ROWS, 3)) + 0.3
    return structure, vector, x, y, rng.random(ROWS)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_number_is_pytorchs(activation: str, loss: str) -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    link = LOSSES[loss].link
    structure, vector, x, y, w = example(activation, link or activation, loss)
    masks = dropout_masks(structure, (0.2, 0.3, 0.4), ROWS, np.random.default_rng(3), np.float64)
    l1, l2 = 0.03, 0.05

    parameters = structure.views(vector)
    cache = forward(structure, parameters, x, masks=masks)
    dz = output_gradient(LOSSES[loss], structure, cache, y, w)
    found = backward(structure, parameters, cache, dz, l1=l1, l2=l2, need_dx=True) | cache
    value = LOSSES[loss].mean(loss_input(LOSSES[loss], structure, cache), y, w) + penalty(parameters, l1, l2)

    tensors = {name: torch.from_numpy(p.copy()).requires_grad_() for name, p in parameters.items()}
    tensors["x"] = a = torch.from_numpy(x.copy()).requires_grad_()
    for layer, used in enumerate(structure.activations, start=1):
        heard = a * torch.from_numpy(masks[f"mask{layer - 1}"])
        tensors[f"z{layer}"] = z = heard @ tensors[f"W{layer}"] + tensors[f"b{layer}"]
        tensors[f"a{layer}"] = a = TORCH_ACTIVATIONS[used.name](torch, z)
        z.retain_grad()
        a.retain_grad()
    each = TORCH_LOSSES[loss](torch, z if link else a, torch.from_numpy(y))
    weights = [tensors[f"W{layer}"] for layer in (1, 2, 3)]
    total = (each * torch.from_numpy(w)).sum() / w.sum()
    total = total + sum(l1 * W.abs().sum() + l2 / 2 * (W**2).sum() for W in weights)
    total.backward()

    assert value == pytest.approx(total.item(), rel=1e-12)
    for layer in (1, 2, 3):
        for name in (f"z{layer}", f"a{layer}"):
            np.testing.assert_allclose(found[name], tensors[name].detach().numpy(), rtol=1e-11, err_msg=name)
    compared = [f"{kind}{layer}" for layer in (1, 2, 3) for kind in "Wbz"] + ["a1", "a2", "x"]
    for name in compared:
        expected = tensors[name].grad.numpy()
        scale = max(np.abs(expected).max(), 1e-6)
        np.testing.assert_allclose(found[f"d{name}"], expected, rtol=1e-9, atol=1e-11 * scale, err_msg=f"d{name}")


def test_it_writes_to_out() -> None:
    structure, vector, x, y, _ = example("relu", "identity", "huber")
    gradient = np.full_like(vector, np.nan)
    room = structure.views(gradient, "d") | {
        f"{n}{k}": np.empty((ROWS, SIZES[k])) for n in ("da", "dz") for k in (1, 2)
    }
    cache = forward(structure, structure.views(vector), x)
    gradients = backward(
        structure, structure.views(vector), cache, output_gradient(LOSSES["huber"], structure, cache, y), out=room
    )
    assert np.isfinite(gradient).all()
    assert all(gradients[name] is room[name] for name in gradients)
    assert cache["dz1"] is room["dz1"] and cache["da2"] is room["da2"]


@pytest.mark.parametrize("loss", ["half_mean_squared_error", "categorical_crossentropy"])
def test_a_single_sample_is_a_batch_of_one(loss: str) -> None:
    structure, vector, x, y, _ = example("tanh", LOSSES[loss].link or "sigmoid", loss)
    parameters = structure.views(vector)
    found = []
    for rows, truth in ((x[0], y[0]), (x[:1], y[:1])):
        cache = forward(structure, parameters, rows)
        dz = output_gradient(LOSSES[loss], structure, cache, truth)
        found.append(backward(structure, parameters, cache, dz, need_dx=True))
    for name, gradient in found[0].items():
        np.testing.assert_allclose(gradient, found[1][name].reshape(gradient.shape), rtol=1e-12, err_msg=name)
    assert found[0]["dx"].shape == (5,)


def test_a_batch_is_the_mean_of_its_samples() -> None:
    structure, vector, x, y, _ = example("silu", "identity", "log_cosh")
    parameters = structure.views(vector)
    total = 0.0
    for rows, truth in [(x, y), *zip(x, y, strict=True)]:
        cache = forward(structure, parameters, rows)
        gradients = backward(structure, parameters, cache, output_gradient(LOSSES["log_cosh"], structure, cache, truth))
        if rows is x:
            whole = gradients["dW1"]
        else:
            total = total + gradients["dW1"] / ROWS
    np.testing.assert_allclose(total, whole, rtol=1e-12)


def test_the_penalty_leaves_biases_alone() -> None:
    parameters = {"W1": np.array([[1.0, -2]]), "b1": np.array([100.0, 100])}
    assert penalty(parameters, l1=0.1, l2=0.2) == pytest.approx(0.1 * 3 + 0.1 * 5)
    assert penalty(parameters) == 0

"""Activations, gradients and saliency: equal to central differences and PyTorch's."""

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from glassnet import InputError, Structure
from glassnet.inspection import (
    activations,
    gradients,
    integrated_gradients,
    outputs,
    saliency,
)
from glassnet.network.activations import ACTIVATIONS
from glassnet.network.forward import forward
from glassnet.network.losses import CLASSIFICATION, LOSSES
from tests.network.test_activations import TORCH as TORCH_ACTIVATIONS
from tests.network.test_losses import TORCH as TORCH_LOSSES

from .helpers import SMOOTH, differences, example, largest, values, with_embeddings


def test_the_activations_are_those_of_the_forward_pass_by_name() -> None:
    structure, vector, x = example("relu")
    found = activations(structure, vector, x)
    cache = forward(structure, structure.views(vector), x)
    assert list(found) == ["z1", "a1", "z2", "a2", "z3", "a3"]
    for name, array in found.items():
        np.testing.assert_array_equal(array, cache[name])


# BLAS, multiplying whole vectors, may meet what lies beside a small matrix, and say so; the test itself asserts that
# every result is a number
@pytest.mark.filterwarnings("ignore:invalid value encountered in matmul:RuntimeWarning")
@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 5), min_size=2, max_size=5),
    rows=st.integers(1, 9),
    dtype=st.sampled_from([np.float32, np.float64]),
    given_dtype=st.sampled_from([np.float32, np.float64, np.int16, np.uint8, bool]),
    activation=st.sampled_from(SMOOTH),
    sparse=st.booleans(),
    at_once=st.integers(1, 5),
)
def test_results_have_the_dtype_of_the_parameters_for_any_shape_and_dtype(
    sizes, rows, dtype, given_dtype, activation, sparse, at_once
) -> None:
    structure, vector, x = example(activation, "identity", sizes, rows, dtype)
    x = (4 * np.abs(x)).astype(given_dtype)
    given_x = scipy.sparse.csc_matrix(x) if sparse else x
    numbers = x.astype(dtype)
    rtol = 1e-4 if dtype is np.float32 else 1e-10
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outputs, "MAX_ROWS", at_once)
        layers = activations(structure, vector, given_x)
        input_gradients = saliency(structure, vector, given_x)
        attributions = integrated_gradients(structure, vector, given_x)
        loss_gradients = gradients(structure, vector, "huber", given_x, np.zeros((rows, sizes[-1])))
    cache = forward(structure, structure.views(vector), numbers)
    for name, array in layers.items():
        assert array.dtype == dtype
        np.testing.assert_allclose(array, cache[name], rtol=rtol, atol=rtol)
    assert (
        input_gradients.shape == attributions.shape == x.shape and input_gradients.dtype == attributions.dtype == dtype
    )
    whole = gradients(structure, vector, "huber", numbers, np.zeros((rows, sizes[-1])))
    for name, array in loss_gradients.items():
        assert array.dtype == dtype
        np.testing.assert_allclose(array, whole[name], rtol=rtol, atol=rtol)
    assert all(
        np.isfinite(array).all()
        for array in (*layers.values(), *loss_gradients.values(), input_gradients, attributions)
    )
    np.testing.assert_allclose(input_gradients, saliency(structure, vector, numbers), rtol=rtol, atol=rtol)
    np.testing.assert_allclose(attributions, integrated_gradients(structure, vector, numbers), rtol=rtol, atol=rtol)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_gradients_are_pytorchs(loss: str, weighted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    monkeypatch.setattr(outputs, "MAX_ROWS", 3)  # several chunks, the last one smaller
    link = LOSSES[loss].link
    structure, vector, x = example("silu", link or "tanh")
    rng = np.random.default_rng(1)
    y = np.eye(3)[rng.integers(3, size=7)] if loss in CLASSIFICATION else rng.poisson(2, (7, 3)) + 0.3
    w = rng.random(7) if weighted else None
    if w is not None:
        w[3:6] = 0  # a chunk without any weight
    found = gradients(structure, vector, loss, x, y, w)
    assert list(found) == ["dW1", "db1", "dW2", "db2", "dW3", "db3", "dx"]

    tensors = {name: torch.from_numpy(p.copy()).requires_grad_() for name, p in structure.views(vector).items()}
    tensors["x"] = a = torch.from_numpy(x.copy()).requires_grad_()
    for layer, used in enumerate(structure.activations, start=1):
        z = a @ tensors[f"W{layer}"] + tensors[f"b{layer}"]
        a = TORCH_ACTIVATIONS[used.name](torch, z)
    each = TORCH_LOSSES[loss](torch, z if link else a, torch.from_numpy(y))
    weights = torch.ones(7, dtype=torch.float64) if w is None else torch.from_numpy(w)
    ((each * weights).sum() / weights.sum()).backward()
    for name, gradient in found.items():
        expected = tensors[name[1:]].grad.numpy()
        np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-12, err_msg=name)


def test_the_gradient_with_respect_to_the_input_agrees_with_central_differences() -> None:
    structure, vector, x = example()
    y = np.arange(7) % 3
    loss = LOSSES["categorical_crossentropy"]

    def of_each(rows: np.ndarray) -> np.ndarray:
        z = forward(structure, structure.views(vector), rows)["z3"]
        return loss.per_sample(z, np.eye(3)[y], **loss.settings) / 7

    found = gradients(structure, vector, "categorical_crossentropy", x, y)["dx"]
    np.testing.assert_allclose(found, differences(of_each, x), rtol=1e-6, atol=1e-9)


def test_wrong_input_of_the_gradients_is_named() -> None:
    structure, vector, x = example()
    y = np.arange(7) % 3
    with pytest.raises(InputError, match="loss 'crossentropy' is not known; did you mean"):
        gradients(structure, vector, "crossentropy", x, y)
    with pytest.raises(InputError, match="loss 'poisson' does not go with the output activation 'softmax'"):
        gradients(structure, vector, "poisson", x, y)
    with pytest.raises(InputError, match=r"y\[3\] is 9; with 3 outputs a class is 0 … 2"):
        gradients(structure, vector, "focal", x, [0, 1, 2, 9, 0, 0, 0])
    with pytest.raises(InputError, match=r"sample_weight has shape \(2,\); it must be \(7,\)"):
        gradients(structure, vector, "focal", x, y, [1, 1])


@pytest.mark.sweep(strength=2)
@pytest.mark.parametrize("of", ["output", "probability", "logit"])
@pytest.mark.parametrize("last", ["softmax", "sigmoid"])
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_the_saliency_agrees_with_central_differences(hidden: str, last: str, of: str) -> None:
    structure, vector, x = example(hidden, last, rows=4, seed=3)
    vector *= 0.7
    kind = "z" if of == "logit" else "a"
    for output, chosen in ((None, largest(structure, vector, x)), (1, 1), ([2, 0, 1, 2], [2, 0, 1, 2])):
        found = saliency(structure, vector, x, output, of)
        expected = differences(lambda rows, c=chosen: values(structure, vector, rows, c, kind), x)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("last", ["softmax", "identity", "exponential", "relu"])
def test_the_saliency_is_pytorchs(last: str) -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    structure, vector, x = example("gelu", last)
    tensor = a = torch.from_numpy(x.copy()).requires_grad_()
    for layer, used in enumerate(structure.activations, start=1):
        parameters = structure.views(vector)
        z = a @ torch.from_numpy(parameters[f"W{layer}"]) + torch.from_numpy(parameters[f"b{layer}"])
        a = TORCH_ACTIVATIONS[used.name](torch, z)
    (expected,) = torch.autograd.grad(a[:, 2].sum(), tensor)
    np.testing.assert_allclose(saliency(structure, vector, x, 2), expected.numpy(), rtol=1e-10, atol=1e-14)


def test_the_gradient_of_the_logit_does_not_vanish_where_softmax_saturates() -> None:
    structure, vector, x = example(dtype=np.float32)
    vector *= 30
    assert (
        np.abs(saliency(structure, vector, x)).max() < 1e-3 < np.abs(saliency(structure, vector, x, of="logit")).max()
    )


def test_memory_is_bounded_by_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    structure, vector, x = example("relu", "softmax", (50, 20, 3), 500)
    shapes = []

    def recording(structure, parameters, rows, **options):
        shapes.append(rows.shape)
        return forward(structure, parameters, rows, **options)

    for module in ("outputs", "layers"):
        monkeypatch.setattr(f"glassnet.inspection.{module}.forward", recording)
    monkeypatch.setattr(outputs, "MAX_NUMBERS", (50 + 20 + 3) * 64)
    sparse = scipy.sparse.csr_array(x)
    activations(structure, vector, sparse)
    saliency(structure, vector, sparse)
    gradients(structure, vector, "focal", sparse, np.zeros(500, int))
    integrated_gradients(structure, vector, sparse)
    assert max(rows for rows, _ in shapes) == 64


def test_the_gradients_of_embeddings_are_those_of_all_rows_whatever_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    structure, vector, x = with_embeddings()
    y = np.arange(7) % 3
    whole = gradients(structure, vector, "focal", x, y)
    assert set(whole) == {"dE1", "dE2", "dW1", "db1", "dW2", "db2", "dx"}
    monkeypatch.setattr(outputs, "MAX_ROWS", 2)
    for name, gradient in gradients(structure, vector, "focal", x, y).items():
        np.testing.assert_allclose(gradient, whole[name], atol=1e-14)
    with pytest.raises(InputError, match="baseline x"):
        integrated_gradients(structure, vector, x, [0, 0, 0, 9, 0])


@pytest.mark.parametrize("explain", [saliency, integrated_gradients])
def test_an_output_that_is_not_there_is_named(explain) -> None:
    structure, vector, x = example()
    for output, message in (
        (3, r"output is 3; with 3 outputs it is one of 0 … 2"),
        (-1, "output is -1"),
        ([0, 1, 2, 0, 1, 7, 0], r"output\[5\] is 7; with 3 outputs"),
        ([0, 1], r"output has shape \(2,\); give one number, or \(7,\)"),
        ("cat", "output is 'cat'; it must be a whole number"),
        (1.0, "output is 1.0; it must be a whole number"),
        (True, "output is True"),
    ):
        with pytest.raises(InputError, match=message):
            explain(structure, vector, x, output=output)
    with pytest.raises(InputError, match="of is 'logits'; it must be one of output, probability, logit"):
        explain(structure, vector, x, of="logits")
    structure, vector, x = example(last="identity")
    with pytest.raises(InputError, match="'probability', but the output activation 'identity' gives no probability"):
        explain(structure, vector, x, of="probability")


@pytest.mark.parametrize("explain", [activations, saliency, integrated_gradients])
def test_rows_that_do_not_fit_are_named(explain) -> None:
    structure, vector, x = example()
    for rows, message in (
        (x[:, :4], r"x has shape \(7, 4\); the structure needs \(samples, 5\)"),
        (x[0], r"x has shape \(5,\)"),
        (x[:0], "x has no rows"),
        (np.where(x == x[2, 3], np.nan, x), r"x\[2, 3\] is nan; every entry must be finite"),
        (scipy.sparse.csr_array(np.where(x == x[2, 3], np.inf, x)), r"x\[2, 3\] is inf"),
        ([["a"] * 5], "x has dtype"),
    ):
        with pytest.raises(InputError, match=message):
            explain(structure, vector, rows)
    with pytest.raises(InputError, match=r"the vector has shape \(3,\)"):
        explain(structure, vector[:3], x)


@pytest.mark.parametrize(("layer", "unit"), [(1, 0), (1, 5), (2, 3), (3, 2)])
@pytest.mark.parametrize("of", ["output", "logit"])
def test_the_saliency_of_a_hidden_unit_agrees_with_central_differences(layer, unit, of) -> None:
    structure, vector, x = example()
    kind = "z" if of == "logit" else "a"
    found = saliency(structure, vector, x, unit, of, layer=layer)
    expected = differences(lambda rows: activations(structure, vector, rows)[f"{kind}{layer}"][:, unit], x)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


def test_the_saliency_of_a_hidden_unit_with_embeddings() -> None:
    structure = Structure((2 + 3, 4, 2), ("tanh", "softmax"), embeddings=[(5, 3)])
    rng = np.random.default_rng(0)
    vector = rng.standard_normal(structure.n_parameters)
    x = np.column_stack([rng.standard_normal((6, 2)), np.arange(6) % 5])
    found = saliency(structure, vector, x, 3, "logit", layer=1)
    np.testing.assert_allclose(found[:, :2], np.tile(structure.views(vector)["W1"][:2, 3], (6, 1)))
    np.testing.assert_array_equal(found[:, 2], 0)


@pytest.mark.parametrize("layer", [0, 4, -1, 1.5, "1", True])
def test_a_layer_that_is_not_there_is_refused(layer) -> None:
    with pytest.raises(InputError, match=r"it must be one of 1 … 3"):
        saliency(*example(), 0, layer=layer)


def test_a_unit_that_the_layer_does_not_have_is_refused() -> None:
    with pytest.raises(InputError, match="with 4 outputs it is one of 0 … 3"):
        saliency(*example(), 5, layer=2)

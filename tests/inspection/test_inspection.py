"""Inspection: gradients equal central differences and PyTorch's, and attributions add up."""

import importlib

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from glassnet import InputError, Structure
from glassnet.inspection import (
    CompletenessWarning,
    activations,
    completeness_gap,
    gradients,
    integrated_gradients,
    outputs,
    saliency,
    top_contributions,
)
from glassnet.network.activations import ACTIVATIONS, Activation
from glassnet.network.forward import forward
from glassnet.network.losses import CLASSIFICATION, LOSSES
from tests.network.test_activations import TORCH as TORCH_ACTIVATIONS
from tests.network.test_losses import TORCH as TORCH_LOSSES

STEP = 1e-6
SMOOTH = ["tanh", "silu", "softplus", "sigmoid", "gelu", "mish"]


def example(hidden: str = "tanh", last: str = "softmax", sizes=(5, 6, 4, 3), rows: int = 7, dtype=np.float64, seed=0):
    """Return a structure, parameters and rows."""
    structure = Structure(sizes, (*[hidden] * (len(sizes) - 2), last))
    rng = np.random.default_rng(seed)
    vector = rng.standard_normal(structure.n_parameters).astype(dtype)
    return structure, vector, rng.standard_normal((rows, sizes[0])).astype(dtype)


def values(structure: Structure, vector: np.ndarray, x: np.ndarray, chosen, kind: str = "a") -> np.ndarray:
    seen = forward(structure, structure.views(vector), x)[f"{kind}{structure.n_layers}"]
    return seen[np.arange(len(x)), chosen]


def largest(structure: Structure, vector: np.ndarray, x: np.ndarray) -> np.ndarray:
    return forward(structure, structure.views(vector), x)[f"a{structure.n_layers}"].argmax(axis=1)


def differences(objective, x: np.ndarray) -> np.ndarray:
    """(f(x + h) - f(x - h)) / 2h of one number for each row, by each column."""
    result = np.empty(x.shape)
    for column in range(x.shape[1]):
        step = np.zeros(x.shape[1])
        step[column] = STEP
        result[:, column] = (objective(x + step) - objective(x - step)) / (2 * STEP)
    return result


# --------------------------------------------------------------------------------------------------- activations


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
    handed = scipy.sparse.csc_matrix(x) if sparse else x
    numbers = x.astype(dtype)
    rtol = 1e-4 if dtype is np.float32 else 1e-10
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outputs, "MAX_ROWS", at_once)
        layers = activations(structure, vector, handed)
        slopes = saliency(structure, vector, handed)
        attributions = integrated_gradients(structure, vector, handed)
        changes = gradients(structure, vector, "huber", handed, np.zeros((rows, sizes[-1])))
    cache = forward(structure, structure.views(vector), numbers)
    for name, array in layers.items():
        assert array.dtype == dtype
        np.testing.assert_allclose(array, cache[name], rtol=rtol, atol=rtol)
    assert slopes.shape == attributions.shape == x.shape and slopes.dtype == attributions.dtype == dtype
    whole = gradients(structure, vector, "huber", numbers, np.zeros((rows, sizes[-1])))
    for name, array in changes.items():
        assert array.dtype == dtype
        np.testing.assert_allclose(array, whole[name], rtol=rtol, atol=rtol)
    assert all(np.isfinite(array).all() for array in (*layers.values(), *changes.values(), slopes, attributions))
    np.testing.assert_allclose(slopes, saliency(structure, vector, numbers), rtol=rtol, atol=rtol)
    np.testing.assert_allclose(attributions, integrated_gradients(structure, vector, numbers), rtol=rtol, atol=rtol)


# ----------------------------------------------------------------------------------------------------- gradients


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

    theirs = {name: torch.from_numpy(p.copy()).requires_grad_() for name, p in structure.views(vector).items()}
    theirs["x"] = a = torch.from_numpy(x.copy()).requires_grad_()
    for layer, used in enumerate(structure.activations, start=1):
        z = a @ theirs[f"W{layer}"] + theirs[f"b{layer}"]
        a = TORCH_ACTIVATIONS[used.name](torch, z)
    each = TORCH_LOSSES[loss](torch, z if link else a, torch.from_numpy(y))
    weights = torch.ones(7, dtype=torch.float64) if w is None else torch.from_numpy(w)
    ((each * weights).sum() / weights.sum()).backward()
    for name, gradient in found.items():
        expected = theirs[name[1:]].grad.numpy()
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


# ------------------------------------------------------------------------------------------------------ saliency


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
    theirs = a = torch.from_numpy(x.copy()).requires_grad_()
    for layer, used in enumerate(structure.activations, start=1):
        parameters = structure.views(vector)
        z = a @ torch.from_numpy(parameters[f"W{layer}"]) + torch.from_numpy(parameters[f"b{layer}"])
        a = TORCH_ACTIVATIONS[used.name](torch, z)
    (expected,) = torch.autograd.grad(a[:, 2].sum(), theirs)
    np.testing.assert_allclose(saliency(structure, vector, x, 2), expected.numpy(), rtol=1e-10, atol=1e-14)


def test_the_gradient_of_the_logit_does_not_vanish_where_softmax_saturates() -> None:
    structure, vector, x = example(dtype=np.float32)
    vector *= 30
    assert (
        np.abs(saliency(structure, vector, x)).max() < 1e-3 < np.abs(saliency(structure, vector, x, of="logit")).max()
    )


# ------------------------------------------------------------------------------------------ integrated gradients


@pytest.mark.sweep(strength=2)
@pytest.mark.parametrize("of", ["output", "logit"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_the_attributions_add_up_to_the_difference_of_the_outputs(hidden: str, dtype: type, of: str) -> None:
    structure, vector, x = example(hidden, "softmax", (20, 30, 10, 3), 40, dtype)
    vector *= 0.1 if hidden == "exponential" else 0.3  # exp(exp(…)) is too steep for any number of steps
    rng = np.random.default_rng(1)
    kind = "z" if of == "logit" else "a"
    for baseline in (None, rng.standard_normal(20), rng.standard_normal((40, 20))):
        start = np.zeros(20, dtype) if baseline is None else baseline.astype(dtype)
        start = np.broadcast_to(start, x.shape)
        for output in (None, 0, np.arange(40) % 3):
            chosen = largest(structure, vector, x) if output is None else np.broadcast_to(output, 40)
            found = integrated_gradients(structure, vector, x, baseline, output, of)
            ends = [values(structure, vector, rows, chosen, kind) for rows in (x, start)]
            wanted = ends[0] - ends[1]
            path = [values(structure, vector, start + t * (x - start), chosen, kind) for t in np.linspace(0, 1, 9)]
            scale = np.abs(path).max(axis=0)
            assert (np.abs(found.sum(axis=1) - wanted) <= 1.01e-3 * scale + 1e-5).all()
            gap = completeness_gap(structure, vector, found, x, baseline, output, of)
            np.testing.assert_allclose(gap, wanted - found.sum(axis=1), atol=1e-5)


@pytest.mark.parametrize("hidden", ["relu", "tanh", "hard_sigmoid"])
def test_each_attribution_is_the_integral(hidden: str) -> None:
    structure, vector, x = example(hidden, "softmax", (6, 12, 8, 3), 10)
    chosen = largest(structure, vector, x)
    middles = (np.arange(20_000) + 0.5) / 20_000
    expected = np.stack(
        [
            row * saliency(structure, vector, middles[:, np.newaxis] * row, int(c)).mean(axis=0)
            for row, c in zip(x, chosen, strict=True)
        ]
    )
    found = integrated_gradients(structure, vector, x, tolerance=1e-5, steps=2**16)
    np.testing.assert_allclose(found, expected, atol=3e-4)


def test_the_attributions_of_a_linear_network_are_exact_and_unused_inputs_have_none() -> None:
    structure, vector, x = example(sizes=(4, 3), last="identity")
    W = structure.views(vector)["W1"]
    W[2] = 0
    found = integrated_gradients(structure, vector, x, np.ones(4), 1)
    np.testing.assert_allclose(found, (x - 1) * W[:, 1], rtol=1e-12, atol=1e-14)
    assert (found[:, 2] == 0).all()
    assert (integrated_gradients(structure, vector, x, x) == 0).all()


def test_the_steps_are_bounded_and_an_error_above_the_tolerance_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    structure, vector, x = example("relu", "identity", (6, 40, 40, 2), 3)
    taken = []

    def counting(structure, parameters, rows, *arguments):
        taken.append(len(rows))
        return outputs.output_gradients(structure, parameters, rows, *arguments)

    module = importlib.import_module("glassnet.inspection.integrated_gradients")  # the package has a function so named
    monkeypatch.setattr(module, "output_gradients", counting)
    with pytest.warns(
        CompletenessWarning, match=r"of \d of 3 rows do not add up.*error of row \d is .* more steps than"
    ):
        integrated_gradients(structure, vector, x, tolerance=1e-9, steps=64)
    assert sum(taken) <= 3 * 64
    taken.clear()
    integrated_gradients(structure, vector, x, tolerance=1e-9, steps=10**6)
    assert sum(taken) > 3 * 64


def test_outputs_that_are_not_finite_warn() -> None:
    structure, vector, _ = example("identity", "identity", (2, 3, 2), 2, np.float32)
    vector[...] = 3e38
    with pytest.warns(CompletenessWarning, match=r"error of row \d is nan"):
        integrated_gradients(structure, vector, np.array([[0.0, 0], [1, 1]]), output=0)


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


def with_tables():
    structure = Structure((3 + 4 + 2, 8, 3), ("tanh", "softmax"), tables=[(5, 4), (3, 2)])
    rng = np.random.default_rng(0)
    vector = rng.standard_normal(structure.n_parameters)
    x = np.column_stack([rng.standard_normal((7, 3)), rng.integers(5, size=7), rng.integers(3, size=7)])
    return structure, vector, x


def test_embedded_columns_have_no_gradient_and_the_attribution_of_their_embedding() -> None:
    structure, vector, x = with_tables()
    assert list(activations(structure, vector, x)) == ["z1", "a1", "z2", "a2"]
    assert (saliency(structure, vector, x)[:, 3:] == 0).all() and (saliency(structure, vector, x)[:, :3] != 0).all()
    baseline = np.array([0.5, 0, -1, 4, 2])
    found = integrated_gradients(structure, vector, x, baseline, 1)
    assert np.abs(completeness_gap(structure, vector, found, x, baseline, 1)).max() < 1e-3
    assert (found[x[:, 3] == 4, 3] == 0).all() and (found[x[:, 3] != 4, 3] != 0).all()
    # the same network without tables, given the embeddings
    E1, E2 = structure.views(vector)["E1"], structure.views(vector)["E2"]
    plain = Structure((9, 8, 3), ("tanh", "softmax"))
    rest = plain.flatten({name: p for name, p in structure.views(vector).items() if name[0] != "E"})

    def embedded(rows):
        return np.hstack([rows[:, :3], E1[rows[:, 3].astype(int)], E2[rows[:, 4].astype(int)]])

    whole = integrated_gradients(plain, rest, embedded(x), embedded(baseline[np.newaxis])[0], 1)
    np.testing.assert_allclose(found[:, :3], whole[:, :3], atol=1e-12)
    np.testing.assert_allclose(found[:, 3], whole[:, 3:7].sum(axis=1), atol=1e-12)
    np.testing.assert_allclose(found[:, 4], whole[:, 7:].sum(axis=1), atol=1e-12)


def test_the_gradients_of_tables_are_those_of_all_rows_whatever_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    structure, vector, x = with_tables()
    y = np.arange(7) % 3
    whole = gradients(structure, vector, "focal", x, y)
    assert set(whole) == {"dE1", "dE2", "dW1", "db1", "dW2", "db2", "dx"}
    monkeypatch.setattr(outputs, "MAX_ROWS", 2)
    for name, gradient in gradients(structure, vector, "focal", x, y).items():
        np.testing.assert_allclose(gradient, whole[name], atol=1e-14)
    with pytest.raises(InputError, match="baseline x"):
        integrated_gradients(structure, vector, x, [0, 0, 0, 9, 0])


# --------------------------------------------------------------------------------------------------- wrong input


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


def test_a_baseline_that_does_not_fit_is_named() -> None:
    structure, vector, x = example()
    for baseline, message in (
        (np.zeros(4), r"baseline has shape \(4,\); it must be \(5,\) or that of x, \(7, 5\)"),
        (np.zeros((2, 5)), r"baseline has shape \(2, 5\)"),
        (0.0, r"baseline has shape \(\)"),
        ([0, 0, np.nan, 0, 0], r"baseline x\[0, 2\] is nan"),
        (["a"] * 5, "baseline x has dtype"),
    ):
        with pytest.raises(InputError, match=message):
            integrated_gradients(structure, vector, x, baseline)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tolerance": 0}, "tolerance is 0; it must be a number above 0"),
        ({"tolerance": "small"}, "tolerance is 'small'"),
        ({"tolerance": np.nan}, "tolerance is nan"),
        ({"steps": 8}, "steps is 8; it must be a whole number, 32 or more"),
        ({"steps": 64.0}, "steps is 64.0"),
    ],
)
def test_a_tolerance_or_steps_that_can_not_be_used_are_named(options: dict, message: str) -> None:
    structure, vector, x = example()
    with pytest.raises(InputError, match=message):
        integrated_gradients(structure, vector, x, **options)


def test_attributions_of_other_rows_are_refused() -> None:
    structure, vector, x = example()
    with pytest.raises(InputError, match=r"attributions has shape \(7, 4\) and x \(7, 5\)"):
        completeness_gap(structure, vector, x[:, :4], x)


def test_a_custom_activation_is_explained_too() -> None:
    sine = Activation(
        "sine",
        lambda z, out=None: np.sin(z, out=out),
        lambda da, z, a, out=None: np.multiply(da, np.cos(z), out=out),
    )
    structure, vector, x = example(sine, "softmax")
    gap = completeness_gap(structure, vector, integrated_gradients(structure, vector, x), x)
    assert np.abs(gap).max() < 1e-3


# --------------------------------------------------------------------------------------------------------- ablation


def without(structure: Structure, vector: np.ndarray, layer: int, factors: dict[int, float]) -> np.ndarray:
    """Return the parameters of a network in which the weights that lead away from some units are scaled instead."""
    changed = vector.copy()
    W = structure.views(changed)[f"W{layer + 1}"]
    for unit, factor in factors.items():
        W[unit] *= factor
    return changed


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_scaled_unit_is_one_whose_weights_to_the_next_layer_are_scaled(layer) -> None:
    structure, vector, x = example()
    factors = {0: 0.0, 2: 1.5, 3: -1.0}
    found = activations(structure, vector, x, {f"a{layer}": factors})
    expected = activations(structure, without(structure, vector, layer, factors), x)
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-12, err_msg=name)
    inputs = x if layer == 0 else found[f"a{layer}"]
    np.testing.assert_array_equal(found[f"h{layer}"], inputs * [0, 1, 1.5, -1, *[1] * (inputs.shape[1] - 4)])
    assert set(found) == {*expected, f"h{layer}"}


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_the_saliency_with_scaled_units_is_that_of_the_changed_network(layer) -> None:
    structure, vector, x = example()
    changed = without(structure, vector, layer, {1: 0.0, 3: 2.0})
    found = saliency(structure, vector, x, 1, scale={f"a{layer}": {"1": 0, "3": 2}})
    expected = saliency(structure, changed, x, 1)
    if layer == 0:  # an input that is silenced has no slope
        np.testing.assert_array_equal(found[:, 1], 0)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14)


def test_several_layers_can_be_scaled_and_an_empty_scale_changes_nothing() -> None:
    structure, vector, x = example("relu")
    both = activations(structure, vector, x, {"a1": {0: 0.0}, "a2": {1: 0.0}})
    changed = without(structure, without(structure, vector, 1, {0: 0.0}), 2, {1: 0.0})
    np.testing.assert_allclose(both["a3"], activations(structure, changed, x)["a3"], rtol=1e-12)
    as_is = activations(structure, vector, x)
    for nothing in (None, {}, {"a1": {}}):
        assert list(activations(structure, vector, x, nothing)) == list(as_is)


@pytest.mark.parametrize(
    ("scale", "words"),
    [
        ({"a3": {0: 0.0}}, "scale has 'a3'; the layers that can be scaled are a0, a1, a2"),
        ({"W1": {0: 0.0}}, "scale has 'W1'"),
        ({1: {0: 0.0}}, "scale has 1"),
        ({"a1": {6: 0.0}}, "scale of a1 has the unit 6; there are 0 … 5"),
        ({"a1": {-1: 0.0}}, "the unit -1"),
        ({"a1": {"five": 0.0}}, "the unit 'five'"),
        ({"a1": {"²": 0.0}}, "the unit '²'"),
        ({"a1": {True: 0.0}}, "the unit True"),
        ({"a1": {0.5: 0.0}}, "the unit 0.5"),
        ({"a1": {5: "0"}}, r"scale of a1\[5\] is '0'"),
        ({"a1": {5: None}}, r"scale of a1\[5\] is None"),
        ({"a1": {5: True}}, r"scale of a1\[5\] is True"),
        ({"a1": {5: np.nan}}, r"scale of a1\[5\] is nan"),
        ({"a1": {5: 101}}, "a number from -100 to 100"),
        ({"a1": [0.0]}, r"scale of a1 is \[0.0\]"),
        ([0.0], r"scale is \[0.0\]"),
    ],
)
def test_a_scale_with_an_unknown_layer_or_unit_or_an_invalid_factor_is_refused(scale, words) -> None:
    structure, vector, x = example()
    for ask in (activations, lambda *row, scale: saliency(*row, scale=scale)):
        with pytest.raises(InputError, match=words):
            ask(structure, vector, x, scale=scale)


# ------------------------------------------------------------------------------------------------------ hidden units


@pytest.mark.parametrize(("layer", "unit"), [(1, 0), (1, 5), (2, 3), (3, 2)])
@pytest.mark.parametrize("of", ["output", "logit"])
def test_the_saliency_of_a_hidden_unit_agrees_with_central_differences(layer, unit, of) -> None:
    structure, vector, x = example()
    kind = "z" if of == "logit" else "a"
    found = saliency(structure, vector, x, unit, of, layer=layer)
    expected = differences(lambda rows: activations(structure, vector, rows)[f"{kind}{layer}"][:, unit], x)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


def test_the_saliency_of_a_hidden_unit_with_embeddings() -> None:
    structure = Structure((2 + 3, 4, 2), ("tanh", "softmax"), tables=[(5, 3)])
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


# -------------------------------------------------------------------------------------------------- top contributions


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

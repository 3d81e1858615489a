"""Integrated gradients: the attributions are the integral and add up to the difference."""

import importlib

import numpy as np
import pytest

from glassnet import InputError, Structure
from glassnet.inspection import (
    CompletenessWarning,
    activations,
    completeness_gap,
    integrated_gradients,
    outputs,
    saliency,
)
from glassnet.network.activations import ACTIVATIONS, Activation

from .helpers import example, largest, values, with_embeddings


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
            difference = ends[0] - ends[1]
            path = [values(structure, vector, start + t * (x - start), chosen, kind) for t in np.linspace(0, 1, 9)]
            scale = np.abs(path).max(axis=0)
            assert (np.abs(found.sum(axis=1) - difference) <= 1.01e-3 * scale + 1e-5).all()
            gap = completeness_gap(structure, vector, found, x, baseline, output, of)
            np.testing.assert_allclose(gap, difference - found.sum(axis=1), atol=1e-5)


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


def test_embedded_columns_have_no_gradient_and_the_attribution_of_their_embedding() -> None:
    structure, vector, x = with_embeddings()
    assert list(activations(structure, vector, x)) == ["z1", "a1", "z2", "a2"]
    assert (saliency(structure, vector, x)[:, 3:] == 0).all() and (saliency(structure, vector, x)[:, :3] != 0).all()
    baseline = np.array([0.5, 0, -1, 4, 2])
    found = integrated_gradients(structure, vector, x, baseline, 1)
    assert np.abs(completeness_gap(structure, vector, found, x, baseline, 1)).max() < 1e-3
    assert (found[x[:, 3] == 4, 3] == 0).all() and (found[x[:, 3] != 4, 3] != 0).all()
    # the same network without embeddings, given the embeddings
    E1 = structure.views(vector)["E1"]
    E2 = structure.views(vector)["E2"]
    plain = Structure((9, 8, 3), ("tanh", "softmax"))
    rest = plain.flatten({name: p for name, p in structure.views(vector).items() if name[0] != "E"})

    def embedded(rows):
        return np.hstack([rows[:, :3], E1[rows[:, 3].astype(int)], E2[rows[:, 4].astype(int)]])

    whole = integrated_gradients(plain, rest, embedded(x), embedded(baseline[np.newaxis])[0], 1)
    np.testing.assert_allclose(found[:, :3], whole[:, :3], atol=1e-12)
    np.testing.assert_allclose(found[:, 3], whole[:, 3:7].sum(axis=1), atol=1e-12)
    np.testing.assert_allclose(found[:, 4], whole[:, 7:].sum(axis=1), atol=1e-12)


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

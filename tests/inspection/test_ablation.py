"""Ablation: a scaled unit equals scaled weights to the next layer."""

import numpy as np
import pytest

from glassnet import InputError, Structure
from glassnet.inspection import (
    activations,
    saliency,
)

from .helpers import example


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

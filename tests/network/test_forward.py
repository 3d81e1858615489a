"""The forward pass and dropout."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassnet import InputError, Structure
from glassnet.network.forward import dropout_masks, dropout_rates, forward
from glassnet.network.initializers import initialize


def network(*sizes: int, activation: str = "tanh", dtype: str = "float64"):
    structure = Structure(sizes, activation)
    vector = initialize(structure, np.random.default_rng(0), dtype=dtype)
    vector += np.random.default_rng(1).standard_normal(len(vector)).astype(dtype)
    return structure, structure.views(vector)


@settings(max_examples=50, deadline=None)
@given(sizes=st.lists(st.integers(1, 9), min_size=2, max_size=8), rows=st.integers(1, 7), dtype=st.sampled_from("fd"))
def test_a_batch_is_its_samples_one_by_one(sizes: list[int], rows: int, dtype: str) -> None:
    structure, parameters = network(*sizes, dtype=np.dtype(dtype).name)
    x = np.random.default_rng(2).standard_normal((rows, sizes[0])).astype(dtype)
    batch = forward(structure, parameters, x)
    assert list(batch) == ["a0", *(f"{kind}{layer}" for layer in range(1, len(sizes)) for kind in "za")]
    for row in range(rows):
        alone = forward(structure, parameters, x[row])
        for name, array in alone.items():
            assert array.shape == batch[name].shape[1:] and array.dtype == np.dtype(dtype)
            np.testing.assert_allclose(array, batch[name][row], rtol=1e-4 if dtype == "f" else 1e-10, atol=1e-6)


def test_it_writes_to_out() -> None:
    structure, parameters = network(3, 4, 2)
    x = np.ones((5, 3))
    room = {"z1": np.empty((5, 4)), "a1": np.empty((5, 4)), "z2": np.empty((5, 2)), "h0": np.empty((5, 3))}
    cache = forward(structure, parameters, x, masks={"mask0": np.full((5, 3), 2.0)}, out=room)
    assert all(cache[name] is array for name, array in room.items())
    assert cache["a0"] is x
    np.testing.assert_array_equal(cache["h0"], 2)


def test_a_mask_is_applied_to_the_input_of_the_next_layer() -> None:
    structure, parameters = network(3, 4, 2)
    x = np.random.default_rng(0).standard_normal((5, 3))
    mask = np.random.default_rng(1).integers(0, 2, (5, 4)) * 2.0
    cache = forward(structure, parameters, x, masks={"mask1": mask})
    np.testing.assert_array_equal(cache["h1"], cache["a1"] * mask)
    np.testing.assert_allclose(cache["z2"], (cache["a1"] * mask) @ parameters["W2"] + parameters["b2"])
    assert "h0" not in cache


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_drops_its_share_and_lets_the_rest_stand_for_it(rate: float) -> None:
    structure = Structure((200, 300, 5), "relu")
    masks = dropout_masks(structure, (rate, 0.0), 500, np.random.default_rng(0), np.float64)
    assert list(masks) == ["mask0"]
    mask = masks["mask0"]
    assert mask.shape == (500, 200)
    assert set(np.unique(mask)) == {0, 1 / (1 - rate)}
    assert np.mean(mask == 0) == pytest.approx(rate, abs=0.01)
    assert mask.mean() == pytest.approx(1, abs=0.03)


def test_masks_come_from_the_random_stream_into_the_room_given() -> None:
    structure = Structure((4, 3, 2), "relu")
    room = {"mask0": np.empty((6, 4), np.float32), "mask1": np.empty((6, 3), np.float32)}
    masks = dropout_masks(structure, (0.5, 0.5), 6, np.random.default_rng(3), np.float32, out=room)
    again = dropout_masks(structure, (0.5, 0.5), 6, np.random.default_rng(3), np.float32)
    for name, mask in masks.items():
        assert mask is room[name]
        np.testing.assert_array_equal(mask, again[name])


def test_rates_are_for_the_hidden_layers_or_for_each_layer() -> None:
    structure = Structure((4, 3, 3, 2), "relu")
    assert dropout_rates(structure, 0.2) == (0.0, 0.2, 0.2)
    assert dropout_rates(structure, [0.1, 0.2, 0.3]) == (0.1, 0.2, 0.3)
    with pytest.raises(InputError, match="dropout has 2 rates; give one, or 3"):
        dropout_rates(structure, (0.1, 0.2))
    for wrong in (1.0, -0.1, float("nan")):
        with pytest.raises(InputError, match="must be at least 0 and below 1"):
            dropout_rates(structure, wrong)

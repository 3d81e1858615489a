"""The structure: shapes, names, and views of one vector."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassnet import InputError, Structure
from glassnet.network.activations import ACTIVATIONS

SIZES = st.lists(st.integers(1, 30), min_size=2, max_size=9)


@given(SIZES)
def test_the_views_cover_the_vector_once_and_in_order(sizes: list[int]) -> None:
    structure = Structure(sizes, "relu")
    vector = np.arange(float(structure.n_parameters))
    views = structure.views(vector)
    assert list(views) == [f"{kind}{layer}" for layer in range(1, len(sizes)) for kind in "Wb"]
    np.testing.assert_array_equal(np.concatenate([view.ravel() for view in views.values()]), vector)
    assert all(np.shares_memory(view, vector) for view in views.values())
    assert structure.n_parameters == sum((a + 1) * b for a, b in pairwise(sizes))


@given(SIZES)
def test_flatten_is_the_inverse_of_views(sizes: list[int]) -> None:
    structure = Structure(sizes, "relu")
    vector = np.random.default_rng(0).standard_normal(structure.n_parameters)
    again = structure.flatten(structure.views(vector))
    np.testing.assert_array_equal(again, vector)
    assert not np.shares_memory(again, vector)


def test_writing_to_a_name_writes_to_the_vector() -> None:
    structure = Structure((2, 3, 1), "tanh")
    vector = np.zeros(13)
    structure.views(vector)["W2"][1, 0] = 5
    assert vector[10] == 5
    assert list(structure.views(vector, "d")) == ["dW1", "db1", "dW2", "db2"]


def test_one_activation_is_for_the_hidden_layers_and_the_output_is_plain() -> None:
    assert [a.name for a in Structure((2, 3, 4, 1), "tanh").activations] == ["tanh", "tanh", "identity"]
    assert Structure((2, 1), ["sigmoid"]).activations == (ACTIVATIONS["sigmoid"],)


def test_it_describes_itself_to_a_person() -> None:
    assert str(Structure((784, 128, 10), ("relu", "softmax"))).splitlines() == [
        "layer  units  activation  weights             parameters",
        "input    784",
        "1        128  relu        W1 784×128, b1 128     100,480",
        "2         10  softmax     W2 128×10, b2 10         1,290",
        "total                                            101,770",
    ]


def test_equal_structures_are_equal() -> None:
    assert Structure([2, np.int64(3)], ["relu"]) == Structure((2, 3), ("relu",))
    assert Structure((2, 3), ["relu"]) != Structure((2, 3), ["tanh"])


@pytest.mark.parametrize(
    ("sizes", "activations", "message"),
    [
        ((4,), "relu", "layer_sizes has 1 numbers"),
        ((4, 0, 2), "relu", r"layer_sizes\[1\] is 0; a layer has a whole number of units, 1 or more"),
        ((4, 2.5), "relu", r"layer_sizes\[1\] is 2.5"),
        ((4, True), "relu", r"layer_sizes\[1\] is True"),
        ((4, "3"), "relu", r"layer_sizes\[1\] is '3'"),
        ((4, 3, 2), ["relu"], "activations has 1 entries for 2 layers"),
        ((4, 3), ["rellu"], "activation 'rellu' is not known; did you mean 'relu'"),
        ((10**6, 10**6), ["relu"], "make 1,000,001,000,000 parameters"),
    ],
)
def test_what_makes_no_network_is_refused(sizes, activations, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Structure(sizes, activations)


def test_vectors_and_arrays_of_another_shape_are_refused() -> None:
    structure = Structure((2, 1), ["relu"])
    with pytest.raises(InputError, match=r"shape \(4,\); this structure needs \(3,\)"):
        structure.views(np.zeros(4))
    with pytest.raises(InputError, match="parameter b1 is missing"):
        structure.flatten({"W1": np.zeros((2, 1))})
    with pytest.raises(InputError, match=r"parameter W1 has shape \(1, 2\); the structure needs \(2, 1\)"):
        structure.flatten({"W1": np.zeros((1, 2)), "b1": np.zeros(1)})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_new_vector_begins_on_a_cache_line(dtype: str) -> None:
    kept = [Structure((2, units), "relu").new_vector(dtype) for units in range(1, 60)]
    assert all(vector.ctypes.data % 64 == 0 and not vector.any() for vector in kept)

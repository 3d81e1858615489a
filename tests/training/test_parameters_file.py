"""Files of parameters: round trips keep every bit, and invalid files are refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save as to_bytes

from glassnet import InputError, Structure, fit, load, load_parameters, save
from glassnet.network.activations import ACTIVATIONS, Activation
from glassnet.training.parameters_file import KEY, save_parameters

STRUCTURE = Structure((3 + 2, 4, 2), ("gelu", "softmax"), embeddings=[(6, 2)])
OWN = Activation("sine", lambda z, out=None: np.sin(z, out=out), lambda da, z, a, out=None: da * np.cos(z))


def drawn(structure: Structure, dtype: type = np.float32) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(structure.n_parameters).astype(dtype)


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 6), min_size=2, max_size=5),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    dtype=st.sampled_from([np.float32, np.float64]),
    epoch=st.integers(0, 10**6),
)
def test_saved_parameters_are_loaded(tmp_path_factory, sizes, activation, dtype, epoch) -> None:
    path = tmp_path_factory.mktemp("p") / "p.safetensors"
    structure = Structure(sizes, [activation] * (len(sizes) - 1))
    vector = drawn(structure, dtype)
    save_parameters(structure, vector, path, epoch)
    found = load_parameters(path)
    assert (found.structure, found.epoch) == (structure, epoch)
    assert found.vector.tobytes() == vector.tobytes() and found.vector.dtype == dtype
    np.testing.assert_array_equal(found.parameters["W1"], structure.views(vector)["W1"])
    assert load_parameters(path, structure).vector.tobytes() == vector.tobytes()


def test_embeddings_and_custom_activations_are_restored(tmp_path: Path) -> None:
    path = tmp_path / "p"
    save_parameters(STRUCTURE, drawn(STRUCTURE), path)
    assert load_parameters(path).structure == STRUCTURE
    own = Structure((3, 4, 2), (OWN, "identity"))
    save_parameters(own, drawn(own), path)
    with pytest.raises(InputError, match="activation 'sine' is not known.*a custom activation needs structure="):
        load_parameters(path)
    assert load_parameters(path, own).structure is own


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        (Structure((3, 4, 2), ("gelu", "softmax")), r"layer_sizes is \(5, 4, 2\), expected \(3, 4, 2\)"),
        (
            Structure((5, 4, 2), ("relu", "softmax"), embeddings=[(6, 2)]),
            r"activations is \('gelu', 'softmax'\), expected",
        ),
        (Structure((5, 4, 2), ("gelu", "softmax")), r"embeddings is \(\(6, 2\),\), expected \(\)"),
    ],
)
def test_parameters_of_another_structure_are_refused(expected: Structure, message: str, tmp_path: Path) -> None:
    save_parameters(STRUCTURE, drawn(STRUCTURE), tmp_path / "p")
    with pytest.raises(InputError, match=f"p: the parameters can't be used: it has another structure: {message}"):
        load_parameters(tmp_path / "p", expected)


def description() -> dict:
    return {
        "format_version": 2,
        "layer_sizes": [5, 4, 2],
        "activations": ["gelu", "softmax"],
        "embeddings": [[6, 2]],
        "epoch": 3,
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 1}, "its format is 1, and this glassnet reads 2"),
        ({"format_version": "1"}, "parameters.format_version is '1'"),
        ({"format_version": None}, "format_version is None"),
        ({"layer_sizes": [5, 10**9, 2]}, "parameters; the most is"),
        ({"layer_sizes": [5, 40_000, 2]}, "W1 has shape"),
        ({"layer_sizes": [5, 4, 4, 2]}, "activations has 2 entries for 3 layers"),
        ({"layer_sizes": "542"}, "parameters.layer_sizes is '542'"),
        ({"layer_sizes": [5, True, 2]}, r"layer_sizes\[1\] is True"),
        ({"activations": ["evil", "softmax"]}, "activation 'evil' is not known"),
        ({"embeddings": [[6]]}, "embeddings"),
        ({"embeddings": [[6, 9]]}, "the embeddings have 9 units"),
        ({"embeddings": 1}, "parameters.embeddings is 1"),
        ({"epoch": -1}, "epoch is -1"),
        ({"epoch": 1.5}, "parameters.epoch is 1.5"),
        ({"epoch": 10**30}, "it must be at most"),
        ({"epoch": 10**400}, "a number of 401 digits"),
        ({"epoch": float("nan")}, "the number NaN"),
        ("[" * 100_000, "can't be used"),
        ("[]", "parameters is not a JSON object"),
        ("{}", "'format_version' is missing"),
    ],
)
def test_an_invalid_description_is_refused(change, message: str, tmp_path: Path) -> None:
    text = change if isinstance(change, str) else json.dumps(description() | change)
    (tmp_path / "p").write_bytes(to_bytes(dict(STRUCTURE.views(drawn(STRUCTURE))), {KEY: text}))
    with pytest.raises(InputError, match=message) as raised:
        load_parameters(tmp_path / "p")
    assert str(raised.value).startswith(str(tmp_path / "p"))


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("W1", np.zeros((5, 3), np.float32), r"W1 has shape \(5, 3\); it must be \(5, 4\)"),
        ("W1", np.zeros((5, 4), np.float64), "has dtype"),
        ("b2", np.zeros(2, np.int32), "'b2'.dtype is 'I32'"),
        ("b2", np.array([0, np.nan], np.float32), "b2 holds NaN or infinity"),
        ("W3", np.zeros(1, np.float32), "the arrays are not those of layers .*W3"),
        ("E1", None, "the arrays are not those of layers .*E1"),
    ],
)
def test_invalid_arrays_are_refused(name: str, array, message: str, tmp_path: Path) -> None:
    arrays = dict(STRUCTURE.views(drawn(STRUCTURE)))
    if array is None:
        del arrays[name]
    else:
        arrays[name] = array
    (tmp_path / "p").write_bytes(to_bytes(arrays, {KEY: json.dumps(description())}))
    with pytest.raises(InputError, match=message):
        load_parameters(tmp_path / "p")


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        load_parameters(tmp_path / "nothing")
    with pytest.raises(InputError, match="this is a folder"):
        load_parameters(tmp_path)
    for content in (b"", b"text", b"\xff" * 100):
        (tmp_path / "p").write_bytes(content)
        with pytest.raises(InputError, match="this is no glassnet model, or it is cut short"):
            load_parameters(tmp_path / "p")
    save_parameters(STRUCTURE, drawn(STRUCTURE), tmp_path / "p")
    with pytest.raises(InputError, match="but no glassnet model"):
        load(tmp_path / "p")
    (tmp_path / "p").write_bytes((tmp_path / "p").read_bytes()[:-1])
    with pytest.raises(InputError, match="cut short"):
        load_parameters(tmp_path / "p")
    save(fit(np.eye(6), np.arange(6) % 2, hidden=(2,)), tmp_path / "m")
    with pytest.raises(InputError, match="holds no glassnet parameters; of a model, use glassnet.load"):
        load_parameters(tmp_path / "m")


def test_invalid_parameters_are_not_saved(tmp_path: Path) -> None:
    vector = drawn(STRUCTURE)
    vector[3] = np.inf
    with pytest.raises(InputError, match="holds NaN or infinity"):
        save_parameters(STRUCTURE, vector, tmp_path / "p")
    with pytest.raises(InputError, match="float16; it must be float32 or float64"):
        save_parameters(STRUCTURE, drawn(STRUCTURE, np.float16), tmp_path / "p")
    assert not list(tmp_path.iterdir())


@settings(max_examples=100, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255))
def test_a_damaged_byte_is_refused_or_harmless(tmp_path_factory, place: float, value: int) -> None:
    path = tmp_path_factory.mktemp("p") / "p"
    save_parameters(STRUCTURE, drawn(STRUCTURE), path)
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] = value
    path.write_bytes(content)
    try:
        found = load_parameters(path)
    except InputError:
        return
    assert np.isfinite(found.vector).all() and len(found.vector) == found.structure.n_parameters

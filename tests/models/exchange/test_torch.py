"""PyTorch modules give the outputs of glassnet, and a round trip keeps every bit."""

import copy
import io
import pickle
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glassnet import InputError, Settings, Structure, fit
from glassnet.models.exchange import from_torch, to_torch
from glassnet.network.activations import ACTIVATIONS, Activation
from glassnet.network.forward import forward
from tests.models.exchange.networks import CLOSE, network, odd_rows

torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not here")
nn = torch.nn

DTYPES = ("float32", "float64")


def outputs(module: Any, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return module(torch.from_numpy(x.copy())).numpy()


def glassnets(structure: Structure, vector: np.ndarray, x: np.ndarray) -> np.ndarray:
    with np.errstate(under="ignore"):
        return forward(structure, structure.views(vector), x)[f"a{structure.n_layers}"]


# ----------------------------------------------------------------------------------------------------------- to_torch


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_agrees_on_extreme_numbers(name: str, dtype: str) -> None:
    z = np.concatenate([np.linspace(-12, 12, 4801), [-1e4, -88, -30, 19.9, 20.1, 30, 39.9, 40.1, 88, 1e4, -1e-30]])
    z = z.reshape(-1, 2).astype(dtype)
    structure = Structure((2, 2), (name,))
    vector = structure.flatten({"W1": np.eye(2), "b1": np.zeros(2)}, dtype)
    with np.errstate(under="ignore"):
        expected = ACTIVATIONS[name].function(z)
    found = outputs(to_torch(structure, vector), z)
    assert found.dtype == dtype
    grain = np.finfo(dtype).eps
    ordinary = np.abs(expected) < np.sqrt(np.finfo(dtype).max)
    error = np.abs(found - expected)
    assert np.all(error[ordinary] <= (4 * grain * (1 + np.abs(z)) + 32 * grain * np.abs(expected))[ordinary])
    assert np.allclose(found[~ordinary], expected[~ordinary], rtol=1e-3)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes", [(1, 1), (4, 2), (1, 1, 1), (5, 7, 4, 3), (6, *[5] * 10, 2)])
def test_any_sizes_agree(sizes: tuple[int, ...], dtype: str) -> None:
    structure, vector = network(sizes, [*["tanh"] * (len(sizes) - 2), "softmax"], dtype)
    module, x = to_torch(structure, vector), odd_rows(sizes[0], dtype)
    for rows in (x, x[:1], x[:0]):
        assert np.allclose(outputs(module, rows), glassnets(structure, vector, rows), **CLOSE[dtype])


def test_the_module_is_a_sequence_of_pytorch_modules() -> None:
    module = to_torch(*network((3, 4, 4, 2), ("gelu", "identity", "softmax"), "float32"))
    assert type(module) is nn.Sequential
    children = [(name, type(part).__module__.split(".")[0], repr(part)) for name, part in module.named_children()]
    assert children == [
        ("layer1", "torch", "Linear(in_features=3, out_features=4, bias=True)"),
        ("activation1", "torch", "GELU(approximate='none')"),
        ("layer2", "torch", "Linear(in_features=4, out_features=4, bias=True)"),
        ("layer3", "torch", "Linear(in_features=4, out_features=2, bias=True)"),
        ("activation3", "torch", "Softmax(dim=-1)"),
    ]


def test_parameters_are_copies() -> None:
    structure, vector = network((3, 4, 1), "relu")
    before, module = vector.copy(), to_torch(structure, vector)
    module(torch.ones(2, 3, dtype=torch.float64)).sum().backward()
    assert all(parameter.grad is not None for parameter in module.parameters())
    with torch.no_grad():
        module.layer1.weight.zero_()
    assert vector.tobytes() == before.tobytes()
    vector[:] = 0
    assert module.layer2.weight.detach().numpy().any()


def test_the_random_state_of_pytorch_is_not_changed() -> None:
    before = torch.get_rng_state()
    to_torch(*network((3, 4, 1), "relu"))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("name", ["hard_sigmoid", "exponential"])
def test_the_added_modules_can_be_pickled_saved_and_copied(name: str) -> None:
    module = to_torch(*network((3, 4, 1), (name, "identity")))
    x = odd_rows(3, "float64")[:9]
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    for again in (pickle.loads(pickle.dumps(module)), copy.deepcopy(module), torch.load(file, weights_only=False)):
        assert np.array_equal(outputs(again, x), outputs(module, x))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("numbers", [0, 3])
def test_learned_embeddings_are_looked_up(numbers: int, dtype: str) -> None:
    structure = Structure((numbers + 5, 4, 2), "relu", [(7, 2), (4, 3)])
    rng = np.random.default_rng(0)
    vector = rng.standard_normal(structure.n_parameters).astype(dtype)
    codes = rng.integers(0, 7, 20), rng.integers(0, 4, 20)
    x = np.column_stack([rng.standard_normal((20, numbers)), *codes]).astype(dtype)
    before = torch.get_rng_state()
    module = to_torch(structure, vector)
    assert torch.equal(before, torch.get_rng_state())
    assert np.allclose(outputs(module, x), glassnets(structure, vector, x), **CLOSE[dtype])
    assert all(parameter.requires_grad for parameter in module.parameters())
    again, back = from_torch(pickle.loads(pickle.dumps(module)))
    assert again == structure and back.tobytes() == vector.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_model_takes_raw_rows(dtype: str) -> None:
    x = np.random.default_rng(0).standard_normal((60, 3)) * [1, 1e3, 1e-3] + 1e3
    chosen = Settings(loss="categorical_crossentropy", epochs=3, dtype=dtype)
    model = fit(x, np.arange(60) % 3, hidden=(5,), settings=chosen)
    assert np.allclose(outputs(model.to_torch(), x), model.predict_proba(x), **CLOSE[dtype])
    y = np.column_stack([x[:, 0], x[:, 1] * 1e5])
    model = fit(x, y, hidden=(5,), task="regression", settings=Settings(loss="huber", epochs=3, dtype=dtype))
    module = model.to_torch()
    error = np.abs(outputs(module, x) - model.predict(x)) * model.target.scaling.scale
    assert error.max() < (1e-3 if dtype == "float32" else 1e-11)  # the first column is a thousand deviations from 0
    assert module(torch.from_numpy(x)).dtype == getattr(torch, dtype)
    again = to_torch(model.structure, model.vector)
    again.load_state_dict({k: v for k, v in module.state_dict().items() if "scaling" not in k})


def test_a_custom_activation_is_rejected() -> None:
    own = Activation("mine", np.sin, lambda da, z, a, out=None: da * np.cos(z))
    structure = Structure((2, 3, 1), (own, "identity"))
    with pytest.raises(InputError, match="layer 1 has the activation 'mine'"):
        to_torch(structure, np.zeros(structure.n_parameters))


# --------------------------------------------------------------------------------------------------------- from_torch


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_round_trip_keeps_every_bit(name: str, dtype: str) -> None:
    structure, vector = network((4, 1, 5, 3), (name, "identity", name), dtype)
    again, back = from_torch(to_torch(structure, vector))
    assert again == structure and back.dtype == dtype and back.tobytes() == vector.tobytes()


def test_a_module_made_in_pytorch() -> None:
    torch.manual_seed(0)
    shared = nn.ReLU()  # one module may be used several times
    module = nn.Sequential(
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Sequential(nn.Linear(6, 5), shared, nn.AlphaDropout()),
        nn.Linear(5, 4, bias=False),
        nn.Identity(),
        shared,
        nn.Dropout1d(),
        nn.Linear(4, 3),
    ).eval()
    structure, vector = from_torch(module)
    assert structure == Structure((6, 5, 4, 3), ("relu", "relu", "identity")) and vector.dtype == np.float32
    assert not structure.views(vector)["b2"].any()
    x = odd_rows(6, "float32")
    assert np.allclose(glassnets(structure, vector, x), outputs(module, x), **CLOSE["float32"])


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (lambda: nn.Softplus(), "softplus"),
        (lambda: nn.Hardsigmoid(), "hard_sigmoid"),
        (lambda: nn.GELU("tanh"), "gelu_tanh"),
        (lambda: nn.LeakyReLU(), "leaky_relu"),
        (lambda: nn.SiLU(inplace=True), "silu"),
        (lambda: nn.Softmax(dim=1), "softmax"),
    ],
)
def test_activations_of_pytorch_with_default_arguments(part: Any, name: str) -> None:
    module = nn.Sequential(nn.Linear(3, 4), part())
    structure, vector = from_torch(module)
    assert structure.activations[0].name == name
    x = odd_rows(3, "float32")
    assert np.allclose(glassnets(structure, vector, x), outputs(module, x), **CLOSE["float32"])


def test_a_single_linear_layer_and_logits_with_an_output_activation() -> None:
    layer = nn.Linear(3, 2)
    structure, vector = from_torch(layer, output="softmax")
    assert structure == Structure((3, 2), ("softmax",))
    x = odd_rows(3, "float32")
    assert np.allclose(
        glassnets(structure, vector, x), torch.softmax(torch.from_numpy(outputs(layer, x)), 1), atol=1e-6
    )


def test_weight_normalization_is_evaluated() -> None:
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    structure, vector = from_torch(nn.Sequential(layer))
    x = odd_rows(3, "float32")
    assert np.allclose(glassnets(structure, vector, x), outputs(layer, x), **CLOSE["float32"])


def test_the_vector_is_a_copy() -> None:
    layer = nn.Linear(3, 2)
    _, vector = from_torch(layer)
    vector[:] = 0
    assert layer.weight.detach().numpy().any() and layer.bias.detach().numpy().any()


class CustomLinear(nn.Linear):
    def forward(self, x: Any) -> Any:
        return super().forward(x) * 2


class CustomSequential(nn.Sequential):
    def forward(self, x: Any) -> Any:
        return super().forward(x) * 2


class CustomDropout(nn.Dropout):
    def forward(self, x: Any) -> Any:
        return x * 2


def with_hook() -> Any:
    layer = nn.Linear(3, 2)
    layer.register_forward_hook(lambda *_: None)
    return nn.Sequential(layer)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (
            lambda: nn.Sequential(nn.Conv2d(1, 2, 3)),
            r"module 0 is Conv2d\(1, 2, .*can't be imported; supported are Lin",
        ),
        (lambda: nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)), r"module 1 is BatchNorm1d\(2, "),
        (lambda: nn.Sequential(nn.Sequential(nn.Linear(3, 2), nn.PReLU())), "module 0.1 is PReLU"),
        (lambda: nn.Sequential(nn.Linear(3, 2), nn.LeakyReLU(0.2)), r"module 1 is LeakyReLU\(negative_slope=0.2\)"),
        (lambda: nn.Sequential(nn.Linear(3, 2), nn.ELU(2.0)), r"ELU\(alpha=2.0\)"),
        (lambda: nn.Sequential(nn.Linear(3, 2), nn.Softplus(beta=2)), "Softplus"),
        (lambda: nn.Sequential(nn.Linear(3, 2), nn.Softmax(dim=0)), r"Softmax\(dim=0\)"),
        (lambda: nn.Sequential(nn.Linear(3, 2), nn.LogSoftmax(dim=1)), "LogSoftmax"),
        (lambda: nn.Sequential(CustomLinear(3, 2)), r"module 0 is CustomLinear\("),
        (lambda: nn.Sequential(nn.Linear(3, 2), CustomDropout()), r"module 1 is CustomDropout\("),
        (lambda: CustomSequential(nn.Linear(3, 2)), r"module itself is CustomSequential\("),
        (lambda: nn.Bilinear(2, 2, 2), r"module itself is Bilinear\("),
        (with_hook, r"module 0 \(Linear\) has hooks"),
        (lambda: nn.Sequential(nn.Linear(3, 2), nn.Flatten()), r"module 1 is Flatten\(.*before the first layer"),
        (lambda: nn.Sequential(nn.Flatten(0), nn.Linear(3, 2)), r"module 0 is Flatten\(start_dim=0"),
        (lambda: nn.Sequential(nn.ReLU(), nn.Linear(3, 2)), r"module 0 is ReLU\(\), before the first layer"),
        (lambda: nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.ReLU()), r"ReLU\(\), after the activation 'tanh'"),
        (lambda: nn.Sequential(nn.Linear(3, 2), nn.Linear(3, 2)), "after a layer of 2 units; they do not match"),
        (lambda: nn.Sequential(), "no linear layer"),
        (lambda: nn.Linear(3, 2).half(), r"with torch.float16; .* module.float\(\)"),
        (lambda: nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1).double()), r"dtypes float32, float64; .*module.float"),
        (lambda: nn.Linear(3, 2, device="meta"), "meta device"),
        (lambda: nn.Sequential(nn.Embedding(4, 2), nn.Linear(2, 1)), r"module 0 is Embedding\(4, 2\)"),
        (lambda: nn.Linear, "module is <class .*; give an nn.Sequential"),
        (lambda: None, "module is None"),
    ],
)
def test_an_unsupported_module_is_named(module: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_torch(module())


def test_an_invalid_output_activation_is_rejected() -> None:
    with pytest.raises(InputError, match="output 'softmx' is not known; did you mean 'softmax'"):
        from_torch(nn.Linear(3, 2), output="softmx")
    with pytest.raises(InputError, match="output is 'softmax', but the module ends with the activation 'tanh'"):
        from_torch(nn.Sequential(nn.Linear(3, 2), nn.Tanh()), output="softmax")


def test_without_pytorch_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for call in (lambda: to_torch(*network((2, 1), "relu")), lambda: from_torch(None)):
        with pytest.raises(InputError, match="this needs torch, which can't be imported .*; install PyTorch as"):
            call()


def test_the_code_of_the_documentation_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks that need PyTorch, after those before them; tests/test_docs.py runs the others."""
    pytest.importorskip("onnxruntime", reason="the page begins with ONNX files, read by onnxruntime, which is not here")
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[3] / "docs" / "export.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for block in re.findall(r"^```py(?:thon)?\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        exec(compile(block, "export.md", "exec"), names)
    assert names["structure"] == Structure((4, 8, 3), ("gelu", "softmax"))

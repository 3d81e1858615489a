"""Export to and import from PyTorch: a network as an `nn.Sequential`, and back."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet._utils.registry import lookup
from glassnet.errors import InputError
from glassnet.models.exchange.portable import check_network, import_optional
from glassnet.network.activations import ACTIVATIONS, LEAKY_SLOPE
from glassnet.network.structure import Structure
from glassnet.preprocessing.scaling import Scaling

INSTALL_HINT = "install PyTorch as https://pytorch.org/get-started says"


def _always(module: Any) -> bool:
    return True


#: Activation of glassnet; class of PyTorch or of `torch_modules`; its arguments on export; whether an imported module
#: computes the same. Export uses the first entry of an activation. Softplus is log(1 + exp(z)) up to the threshold
#: and z above, which differ by exp(-threshold): nothing in float64 for 40, 2e-9 for PyTorch's default of 20.
ACTIVATION_MODULES: tuple[tuple[str, str, dict[str, Any], Callable[[Any], bool]], ...] = (
    ("identity", "Identity", {}, _always),
    ("sigmoid", "Sigmoid", {}, _always),
    ("tanh", "Tanh", {}, _always),
    ("hard_sigmoid", "HardSigmoid", {}, _always),
    ("hard_sigmoid", "Hardsigmoid", {}, _always),
    ("relu", "ReLU", {}, _always),
    ("leaky_relu", "LeakyReLU", {"negative_slope": LEAKY_SLOPE}, lambda part: part.negative_slope == LEAKY_SLOPE),
    ("elu", "ELU", {}, lambda part: part.alpha == 1),
    ("selu", "SELU", {}, _always),
    ("softplus", "Softplus", {"threshold": 40.0}, lambda part: part.beta == 1 and part.threshold >= 20),
    ("exponential", "Exponential", {}, _always),
    ("gelu", "GELU", {}, lambda part: part.approximate == "none"),
    ("gelu_tanh", "GELU", {"approximate": "tanh"}, lambda part: part.approximate == "tanh"),
    ("silu", "SiLU", {}, _always),
    ("mish", "Mish", {}, _always),
    ("softmax", "Softmax", {"dim": -1}, lambda part: part.dim in (-1, 1)),
)
#: Modules that do nothing at prediction.
NO_OP_MODULES = ("Identity", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout")


def to_torch(
    structure: Structure, vector: Array, *, scaling: Scaling | None = None, target_scaling: Scaling | None = None
) -> Any:
    """Return an `nn.Sequential` with the same outputs a_L, including the last activation.

    Parameters
    ----------
    structure : Structure
        The layers.
    vector : array (n_parameters,)
        The parameters, float32 or float64; they are copied, and the module has their dtype.
    scaling, target_scaling : Scaling, optional
        Added before the first and after the last layer, so that the module takes raw rows and returns raw values.

    Returns
    -------
    nn.Sequential
        With ``layer1`` (`nn.Linear`), ``activation1``, ``layer2``, …; an identity has no module. Weights are W
        transposed, as in PyTorch. Learned embeddings come first, as ``embeddings``. PyTorch's random state does not
        change.

    Raises
    ------
    InputError
        If PyTorch is not installed or an activation is custom.
    """
    torch = import_optional("torch", INSTALL_HINT)
    from glassnet.models.exchange.torch_modules import EmbeddingLookup, Scale, Unscale

    check_network(structure, vector)
    parameters = structure.views(vector)
    dtype = getattr(torch, vector.dtype.name)
    modules: OrderedDict[str, Any] = OrderedDict()

    def offset_and_scale(scaling: Scaling) -> tuple[Any, Any]:
        return torch.tensor(scaling.offset, dtype=torch.float64), torch.tensor(scaling.scale, dtype=torch.float64)

    if scaling is not None:
        modules["scaling"] = Scale(*offset_and_scale(scaling), dtype)
    if structure.embeddings:
        embeddings = [torch.tensor(parameters[f"E{t}"]) for t in range(1, len(structure.embeddings) + 1)]
        modules["embeddings"] = EmbeddingLookup(structure.n_numbers, embeddings)
    for layer, before, units in structure.layers():
        linear = torch.nn.utils.skip_init(torch.nn.Linear, before, units, dtype=dtype)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(parameters[f"W{layer}"].T))
            linear.bias.copy_(torch.tensor(parameters[f"b{layer}"]))
        modules[f"layer{layer}"] = linear
        activation = structure.activations[layer - 1].name
        if activation != "identity":
            modules[f"activation{layer}"] = _new_module(torch, activation)
    if target_scaling is not None:
        modules["target_scaling"] = Unscale(*offset_and_scale(target_scaling), dtype)
    return torch.nn.Sequential(modules)


def from_torch(module: Any, *, output: str | None = None) -> tuple[Structure, Array]:
    """Import the network of an `nn.Sequential` of linear layers and activations.

    Dropout of any kind and `nn.Identity` do nothing at prediction and are skipped; so is `nn.Flatten` from the first
    dimension on, before the first layer, since rows are flat. Nested sequences are read in order. A layer without
    biases gets zeros. All other modules are rejected.

    Parameters
    ----------
    module : nn.Sequential or nn.Linear
        It is not changed; its parameters are copied, from any device.
    output : str, optional
        The activation of the last layer if the module ends with a linear one: PyTorch's classifiers return logits,
        which ``"softmax"`` or ``"sigmoid"`` turns into probabilities.

    Returns
    -------
    structure : Structure
        The layers.
    vector : array (n_parameters,)
        The parameters, bit for bit, float32 or float64 as in the module.

    Raises
    ------
    InputError
        If a module is of another kind, has settings that no activation of glassnet has, or layers do not match; the
        module's name, its kind and the supported kinds are named.
    """
    torch = import_optional("torch", INSTALL_HINT)
    from glassnet.models.exchange.torch_modules import EmbeddingLookup

    nn = torch.nn
    embeddings: list[Array] = []
    weights: list[tuple[Array, Array]] = []
    activations: list[str] = []
    for name, part in _parts(nn, module, ""):
        where = f"module {name or 'itself'} is {part!r}"
        if _computes_like(part, nn.Linear):
            if weights and len(activations) < len(weights):
                activations.append("identity")
            weights.append(_arrays(torch, part, where))
            before = weights[-2][1].size if len(weights) > 1 else len(weights[-1][0])
            if len(weights[-1][0]) != before:
                raise InputError(f"{where}, after a layer of {before} units; they do not match")
        elif _computes_like(part, EmbeddingLookup) and not weights and not embeddings:
            embeddings = [_array(torch, embedding.weight, where) for embedding in part.embeddings]
        elif isinstance(part, nn.Flatten):
            if weights or (part.start_dim, part.end_dim) != (1, -1):
                raise InputError(f"{where}; only a Flatten() before the first layer can be skipped")
        elif not any(_computes_like(part, getattr(nn, kind)) for kind in NO_OP_MODULES):
            activation = _activation_of(torch, part)
            if activation is None:
                known = ", ".join(dict.fromkeys(kind for _, kind, *_ in ACTIVATION_MODULES))
                raise InputError(f"{where}, which can't be imported; supported are Linear, Dropout, Flatten, {known}")
            if len(activations) >= len(weights):
                what = "before the first layer" if not weights else f"after the activation {activations[-1]!r}"
                raise InputError(f"{where}, {what}; each linear layer can have one activation")
            activations.append(activation)
    if not weights:
        raise InputError("the module has no linear layer; give an nn.Sequential with at least one nn.Linear")
    if len(activations) < len(weights):
        activations.append(output or "identity")
    elif output is not None:
        raise InputError(
            f"output is {output!r}, but the module ends with the activation {activations[-1]!r}; leave output out"
        )
    lookup(ACTIVATIONS, activations[-1], "output")
    dtypes = {array.dtype.name for arrays in (embeddings, *weights) for array in arrays}
    if len(dtypes) > 1:
        raise InputError(f"the layers have the dtypes {', '.join(sorted(dtypes))}; convert them to one: module.float()")
    sizes = (len(weights[0][0]), *(b.size for _, b in weights))
    structure = Structure(sizes, activations, [embedding.shape for embedding in embeddings])
    named = {
        f"{letter}{layer}": a for layer, pair in enumerate(weights, 1) for letter, a in zip("Wb", pair, strict=True)
    }
    named |= {f"E{t}": embedding for t, embedding in enumerate(embeddings, start=1)}
    return structure, structure.flatten(named, dtypes.pop())


def _parts(nn: Any, module: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the modules in the order of the forward pass, with their dotted names."""
    if not isinstance(module, nn.Module):
        raise InputError(f"module is {module!r:.80}; give an nn.Sequential or an nn.Linear")
    if module._forward_hooks or module._forward_pre_hooks:
        raise InputError(f"module {name or 'itself'} ({type(module).__name__}) has hooks, which may change its result")
    if _computes_like(module, nn.Sequential):
        for key, part in module._modules.items():  # named_children omits a repeated module
            yield from _parts(nn, part, f"{name}.{key}" if name else key)
    else:
        yield name, module


def _computes_like(module: Any, kind: Any) -> bool:
    """Return whether a module computes what its class does; a subclass that overrides forward does not."""
    return isinstance(module, kind) and type(module).forward is kind.forward


def _arrays(torch: Any, linear: Any, where: str) -> tuple[Array, Array]:
    """Return W (units before, units) and b (units,) of a linear layer."""
    W = _array(torch, linear.weight, where).T
    return W, np.zeros(W.shape[1], W.dtype) if linear.bias is None else _array(torch, linear.bias, where)


def _array(torch: Any, tensor: Any, where: str) -> Array:
    if tensor.dtype not in (torch.float32, torch.float64):
        raise InputError(f"{where} with {tensor.dtype}; convert it first: module.float()")
    if tensor.is_meta:
        raise InputError(f"{where} on the meta device, which has no values; load its parameters first")
    return tensor.detach().cpu().numpy()


def _new_module(torch: Any, activation: str) -> Any:
    """Return a new module for an activation of glassnet."""
    import glassnet.models.exchange.torch_modules as torch_modules

    kind, settings = next((kind, settings) for name, kind, settings, _ in ACTIVATION_MODULES if name == activation)
    return (getattr(torch_modules, kind, None) or getattr(torch.nn, kind))(**settings)


def _activation_of(torch: Any, part: Any) -> str | None:
    """Return the name of the activation that computes what a module does, if there is one."""
    import glassnet.models.exchange.torch_modules as torch_modules

    for name, kind, _, matches in ACTIVATION_MODULES:
        module_class = getattr(torch_modules, kind, None) or getattr(torch.nn, kind)
        if _computes_like(part, module_class) and matches(part):
            return name
    return None

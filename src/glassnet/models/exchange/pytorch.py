"""PyTorch: a network as an `nn.Sequential`, and back."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet._utils.registry import lookup
from glassnet.errors import InputError
from glassnet.models.exchange.portable import check_network, needed
from glassnet.network.activations import ACTIVATIONS, LEAKY_SLOPE
from glassnet.network.structure import Structure
from glassnet.preprocessing.scaling import Scaling

HOW_TO_INSTALL = "install PyTorch as https://pytorch.org/get-started says"


def _always(part: Any) -> bool:
    return True


#: Our name; PyTorch's (or ours, in `torch_modules`); the settings to make one with; whether one that we are given
#: computes the same. The first of a name is the one that is made. Softplus is log(1 + exp(z)) up to the threshold and z
#: above, which differ by exp(-threshold): nothing in float64 for 40, 2e-9 for PyTorch's default of 20.
KINDS: tuple[tuple[str, str, dict[str, Any], Callable[[Any], bool]], ...] = (
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
#: What does nothing at prediction.
IDLE = ("Identity", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout")


def to_torch(
    structure: Structure, vector: Array, *, scaling: Scaling | None = None, target_scaling: Scaling | None = None
) -> Any:
    """Return an `nn.Sequential` with the same outputs a_L, last activation included.

    Parameters
    ----------
    structure : Structure
        The layers.
    vector : array (n_parameters,)
        The parameters, float32 or float64; they are copied, and the module has their dtype.
    scaling, target_scaling : Scaling, optional
        Put before the first and after the last layer, so that the module takes raw rows and gives raw values.

    Returns
    -------
    nn.Sequential
        Of ``layer1`` (`nn.Linear`), ``activation1``, ``layer2``, …; an identity has no module of its own. Weights are
        W transposed, as PyTorch has them. Learned embeddings come before, as ``tables``. PyTorch's random stream is
        left where it was.

    Raises
    ------
    InputError
        If PyTorch is not installed or an activation is one's own.
    """
    torch = needed("torch", HOW_TO_INSTALL)
    from glassnet.models.exchange.torch_modules import LookUp, Scale, Unscale

    check_network(structure, vector)
    parameters, dtype = structure.views(vector), getattr(torch, vector.dtype.name)
    modules: OrderedDict[str, Any] = OrderedDict()

    def figures(of: Scaling) -> tuple[Any, Any]:
        return torch.tensor(of.offset, dtype=torch.float64), torch.tensor(of.scale, dtype=torch.float64)

    if scaling is not None:
        modules["scaling"] = Scale(*figures(scaling), dtype)
    if structure.tables:
        tables = [torch.tensor(parameters[f"E{t}"]) for t in range(1, len(structure.tables) + 1)]
        modules["tables"] = LookUp(structure.n_numbers, tables)
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
        modules["target_scaling"] = Unscale(*figures(target_scaling), dtype)
    return torch.nn.Sequential(modules)


def from_torch(module: Any, *, output: str | None = None) -> tuple[Structure, Array]:
    """Take the network out of an `nn.Sequential` of linear layers and activations.

    Dropout of any kind and `nn.Identity` do nothing at prediction and are passed over, wherever they stand; so is
    `nn.Flatten` from the first dimension on, before the first layer, since our rows are flat. Sequences inside
    sequences are read in order. A layer without biases gets zeros. Everything else is refused.

    Parameters
    ----------
    module : nn.Sequential or nn.Linear
        It is not changed; its parameters are copied, from whatever device.
    output : str, optional
        The activation of the last layer if the module ends with a linear one: PyTorch's classifiers give logits, and
        ``"softmax"`` or ``"sigmoid"`` makes probabilities of them.

    Returns
    -------
    structure : Structure
        The layers.
    vector : array (n_parameters,)
        The parameters, bit for bit, float32 or float64 as they were.

    Raises
    ------
    InputError
        If a module is of another kind, has settings that no activation of ours has, or layers do not fit together: the
        module's name, its kind and what can be taken are told.
    """
    torch = needed("torch", HOW_TO_INSTALL)
    from glassnet.models.exchange.torch_modules import LookUp

    nn = torch.nn
    tables: list[Array] = []
    weights: list[tuple[Array, Array]] = []
    activations: list[str] = []
    for name, part in _parts(nn, module, ""):
        where = f"module {name or 'itself'} is {part!r}"
        if _is(part, nn.Linear):
            if weights and len(activations) < len(weights):
                activations.append("identity")
            weights.append(_arrays(torch, part, where))
            before = weights[-2][1].size if len(weights) > 1 else len(weights[-1][0])
            if len(weights[-1][0]) != before:
                raise InputError(f"{where}, after a layer of {before} units; they do not fit together")
        elif _is(part, LookUp) and not weights and not tables:
            tables = [_array(torch, table.weight, where) for table in part.tables]
        elif isinstance(part, nn.Flatten):
            if weights or (part.start_dim, part.end_dim) != (1, -1):
                raise InputError(f"{where}; only a Flatten() before the first layer can be passed over")
        elif not any(_is(part, getattr(nn, kind)) for kind in IDLE):
            activation = _activation_of(torch, part)
            if activation is None:
                known = ", ".join(dict.fromkeys(kind for _, kind, *_ in KINDS))
                raise InputError(f"{where}, which can't be taken over; what can is Linear, Dropout, Flatten, {known}")
            if len(activations) >= len(weights):
                what = "before the first layer" if not weights else f"after the activation {activations[-1]!r}"
                raise InputError(f"{where}, {what}; each linear layer can have one activation")
            activations.append(activation)
    if not weights:
        raise InputError("the module has no linear layer; give an nn.Sequential with at least one nn.Linear")
    if len(activations) < len(weights):
        activations.append(output or "identity")
    elif output is not None:
        raise InputError(f"output is {output!r}, but the module ends with {activations[-1]!r} of its own; leave it out")
    lookup(ACTIVATIONS, activations[-1], "output")
    dtypes = {array.dtype.name for arrays in (tables, *weights) for array in arrays}
    if len(dtypes) > 1:
        raise InputError(f"the layers have the dtypes {', '.join(sorted(dtypes))}; bring them to one: module.float()")
    sizes = (len(weights[0][0]), *(b.size for _, b in weights))
    structure = Structure(sizes, activations, [table.shape for table in tables])
    named = {
        f"{letter}{layer}": a for layer, pair in enumerate(weights, 1) for letter, a in zip("Wb", pair, strict=True)
    }
    named |= {f"E{t}": table for t, table in enumerate(tables, start=1)}
    return structure, structure.flatten(named, dtypes.pop())


def _parts(nn: Any, module: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Go through the modules in the order in which rows pass them, by their dotted names."""
    if not isinstance(module, nn.Module):
        raise InputError(f"module is {module!r:.80}; give an nn.Sequential or an nn.Linear")
    if module._forward_hooks or module._forward_pre_hooks:
        raise InputError(f"module {name or 'itself'} ({type(module).__name__}) has hooks, which may change anything")
    if _is(module, nn.Sequential):
        for key, part in module._modules.items():  # named_children leaves out a module that stands there twice
            yield from _parts(nn, part, f"{name}.{key}" if name else key)
    else:
        yield name, module


def _is(module: Any, kind: Any) -> bool:
    """Say whether a module computes what its kind does; a subclass with a forward of its own does not."""
    return isinstance(module, kind) and type(module).forward is kind.forward


def _arrays(torch: Any, linear: Any, where: str) -> tuple[Array, Array]:
    """Return W (units before, units) and b (units,) of a linear layer."""
    W = _array(torch, linear.weight, where).T
    return W, np.zeros(W.shape[1], W.dtype) if linear.bias is None else _array(torch, linear.bias, where)


def _array(torch: Any, tensor: Any, where: str) -> Array:
    if tensor.dtype not in (torch.float32, torch.float64):
        raise InputError(f"{where} with {tensor.dtype}; bring it to one of ours first: module.float()")
    if tensor.is_meta:
        raise InputError(f"{where} on the meta device, where there are no numbers; load its parameters first")
    return tensor.detach().cpu().numpy()


def _new_module(torch: Any, activation: str) -> Any:
    """Return a new module that computes one of our activations."""
    import glassnet.models.exchange.torch_modules as torch_modules

    kind, settings = next((kind, settings) for ours, kind, settings, _ in KINDS if ours == activation)
    return (getattr(torch_modules, kind, None) or getattr(torch.nn, kind))(**settings)


def _activation_of(torch: Any, part: Any) -> str | None:
    """Return the name of our activation that computes what a module does, if there is one."""
    import glassnet.models.exchange.torch_modules as torch_modules

    for ours, kind, _, same in KINDS:
        theirs = getattr(torch_modules, kind, None) or getattr(torch.nn, kind)
        if _is(part, theirs) and same(part):
            return ours
    return None

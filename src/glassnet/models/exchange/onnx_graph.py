"""Builder of ONNX graphs: nodes with named values, and every activation as nodes.

The activations are composed of basic operators instead of ONNX's activation operators (LeakyRelu, Selu, HardSigmoid,
…): those store their constants as float32, which is inexact in a float64 network, and runtimes lack some in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.network.activations import GELU_CUBE, LEAKY_SLOPE, SELU_ALPHA, SELU_SCALE

#: The operator set with LabelEncoder.
CATEGORIES_DOMAIN = "ai.onnx.ml"


class Graph:
    """A graph under construction: nodes and constants.

    Parameters
    ----------
    dtype : float32 or float64
        Dtype of the network and of the constants in its formulas.
    """

    def __init__(self, dtype: Any) -> None:
        self.dtype = np.dtype(dtype)
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}
        self._numbers: dict[Any, str] = {}
        #: Names of the inputs, not available to other values.
        self.reserved = {"X"}

    def __call__(self, operator: str, *inputs: str | float, name: str = "", outputs: int = 1, **attributes: Any) -> str:
        """Add a node and return the name of its first value; numbers among the inputs become constants."""
        from onnx import helper

        name = self._unique_name(name or f"{operator}_{len(self.nodes)}")
        output_names = [name, *(f"{name}_{index}" for index in range(1, outputs))]
        names = [value if isinstance(value, str) else self.number(value) for value in inputs]
        self.nodes.append(helper.make_node(operator, names, output_names, name=f"to_{name}", **attributes))
        return name

    def constant(self, name: str, value: Array) -> str:
        """Add an array, or text, under a name, and return the name."""
        from onnx import TensorProto, helper, numpy_helper

        name = self._unique_name(name)
        if value.dtype.kind == "O":
            texts = [text.encode() for text in value]
            self.constants[name] = helper.make_tensor(name, TensorProto.STRING, value.shape, texts)
        else:
            self.constants[name] = numpy_helper.from_array(np.asarray(value, order="C"), name)
        return name

    def number(self, value: float, dtype: Any = None) -> str:
        """Return the name of a constant number of the network's dtype, or of another."""
        scalar = np.asarray(value, dtype or self.dtype)
        key = (scalar.dtype, scalar.tobytes())
        if key not in self._numbers:
            self._numbers[key] = self.constant(f"number_{len(self._numbers)}", scalar)
        return self._numbers[key]

    def axes(self, axis: int) -> str:
        """Return the name of a constant list with one axis."""
        if f"axes_{axis}" not in self.constants:
            return self.constant(f"axes_{axis}", np.array([axis], np.int64))
        return f"axes_{axis}"

    def cast(self, value: str, dtype: Any, before: Any = None) -> str:
        """Cast a value to a dtype, unless ``before`` says that it has that dtype."""
        return value if before is not None and before == dtype else self("Cast", value, to=element_type(dtype))

    def _unique_name(self, name: str) -> str:
        """Return the name, with underscores appended if an input has it."""
        while name in self.reserved:
            name += "_"
        return name


def element_type(dtype: Any) -> int:
    """Return ONNX's type number of a NumPy dtype; object is text."""
    from onnx import TensorProto, helper

    dtype = np.dtype(dtype)
    return int(TensorProto.STRING if dtype.kind == "O" else helper.np_dtype_to_tensor_dtype(dtype))


# ------------------------------------------------------------- activations: the formulas of network/activations.py


def _sigmoid(add: Graph, z: str) -> str:
    """1 / (1 + exp(-z)): exact for small probabilities, unlike onnxruntime's Sigmoid."""
    return add("Div", 1.0, add("Add", add("Exp", add("Neg", z)), 1.0))


def _hard_sigmoid(add: Graph, z: str) -> str:
    return add("Min", add("Max", add("Add", add("Mul", z, 1 / 6), 0.5), 0.0), 1.0)


def _leaky_relu(add: Graph, z: str) -> str:
    return add("Max", z, add("Mul", z, LEAKY_SLOPE))


def _elu(add: Graph, z: str) -> str:
    return add("Add", _expm1_negative(add, z), add("Relu", z))


def _selu(add: Graph, z: str) -> str:
    return add("Mul", add("Add", add("Mul", _expm1_negative(add, z), SELU_ALPHA), add("Relu", z)), SELU_SCALE)


def _expm1_negative(add: Graph, z: str) -> str:
    """exp(z) - 1 where z < 0, else 0."""
    return add("Sub", add("Exp", add("Min", z, 0.0)), 1.0)


def _softplus(add: Graph, z: str) -> str:
    log_term = add("Log", add("Add", add("Exp", add("Neg", add("Abs", z))), 1.0))
    return add("Add", add("Relu", z), log_term)


def _exponential(add: Graph, z: str) -> str:
    return add("Exp", add("Min", z, math.log(float(np.finfo(add.dtype).max)) - 1e-3))


def _gelu(add: Graph, z: str) -> str:
    if add.dtype == np.float32:
        normal = add("Mul", add("Add", add("Erf", add("Mul", z, math.sqrt(0.5))), 1.0), 0.5)
    else:
        normal = _normal_distribution(add, z)
    return add("Mul", z, normal)


def _normal_distribution(add: Graph, z: str) -> str:
    """Φ(z) in float64, for which onnxruntime has no Erf.

    With x = |z| / √2 and t = 2 / (2 + x), erfc(x) = t exp(p(2t - 1) - x²), where p is smooth: the polynomial that
    interpolates log(erfcx(x) / t) at the Chebyshev points is accurate to 1e-15 for every z (Press et al., Numerical
    Recipes, section 6.2.2).
    """
    x = add("Mul", add("Abs", z), math.sqrt(0.5))
    t = add("Div", 2.0, add("Add", x, 2.0))
    u = add("Sub", add("Mul", t, 2.0), 1.0)
    coefficients = _tail_coefficients()
    p: str | float = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        p = add("Add", add("Mul", u, p), coefficient)
    tail = add("Mul", add("Mul", t, 0.5), add("Exp", add("Sub", p, add("Mul", x, x))))
    above = add("Greater", z, 0.0)
    return add("Where", above, add("Sub", 1.0, tail), tail)


def _tail_coefficients(degree: int = 24) -> list[float]:
    """Return the coefficients of the polynomial of `_normal_distribution`, the constant first."""
    from numpy.polynomial import chebyshev
    from scipy.special import erfcx

    def smooth(u: Any) -> Any:
        t = (u + 1) / 2
        return np.log(erfcx(2 / t - 2) / t)

    return [float(number) for number in chebyshev.cheb2poly(chebyshev.chebinterpolate(smooth, degree))]


def _gelu_tanh(add: Graph, z: str) -> str:
    cubic = add("Mul", add("Add", add("Mul", add("Mul", z, z), GELU_CUBE), 1.0), z)
    t = add("Tanh", add("Mul", cubic, math.sqrt(2 / math.pi)))
    return add("Mul", add("Mul", add("Add", t, 1.0), z), 0.5)


def _silu(add: Graph, z: str) -> str:
    return add("Mul", _sigmoid(add, z), z)


def _mish(add: Graph, z: str) -> str:
    return add("Mul", add("Tanh", _softplus(add, z)), z)


#: By the names of `glassnet.network.activations.ACTIVATIONS`: each adds its nodes and returns the name of a = f(z).
NODES: dict[str, Callable[[Graph, str], str]] = {
    "identity": lambda add, z: z,
    "sigmoid": _sigmoid,
    "tanh": lambda add, z: add("Tanh", z),
    "hard_sigmoid": _hard_sigmoid,
    "relu": lambda add, z: add("Relu", z),
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "selu": _selu,
    "softplus": _softplus,
    "exponential": _exponential,
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "silu": _silu,
    "mish": _mish,
    "softmax": lambda add, z: add("Softmax", z, axis=-1),
}

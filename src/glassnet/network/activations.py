r"""Activations: functions a = f(z), each next to its derivative, which returns dz = da · f'(z).

Arrays are (..., units), float32 or float64. Every function takes ``out``, an array to write into that must not be one
of the other arguments. All are finite and raise no warnings for \|z\| up to 1e4 in float32. At a kink the derivative
from the left is used, as in PyTorch. The rest of the library reads the table `ACTIVATIONS`.

NumPy's and SciPy's functions are called through their dispatch protocols, so that arrays of a GPU library with NumPy's
interface stay on their device.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, ndtr

from glassnet._utils.arrays import Array

LEAKY_SLOPE = 0.01
SELU_SCALE = 1.0507009873554804934193349852946
SELU_ALPHA = 1.6732632423543772848170429916717
GELU_CUBE = 0.044715


@dataclass(frozen=True)
class Activation:
    """A function and its derivative.

    Parameters
    ----------
    name : str
        Its name in `ACTIVATIONS`, settings, model files and messages.
    function : callable
        ``function(z, out=None) -> a``, both (..., units).
    derivative : callable
        ``derivative(da, z, a, out=None) -> dz``: the gradient with respect to z, given the gradient with respect to a.
    initializer : str
        Its default initializer (`glassnet.network.initializers`).
    """

    name: str
    function: Callable[..., Array]
    derivative: Callable[..., Array]
    initializer: str = "glorot_uniform"

    def __repr__(self) -> str:
        return f"Activation({self.name!r})"


# ------------------------------------------------------------------------------------------ linear and bounded


def identity(z: Array, out: Array | None = None) -> Array:
    """a = z."""
    return np.positive(z, out=out)


def d_identity(da: Array, z: Array, a: Array, out: Array | None = None) -> Array:
    """dz = da."""
    return np.positive(da, out=out)


def sigmoid(z: Array, out: Array | None = None) -> Array:
    """a = 1 / (1 + exp(-z)), the logistic function."""
    return expit(z, out=out)


def d_sigmoid(da: Array, z: Array, a: Array, out: Array | None = None) -> Array:
    """dz = da · a (1 - a)."""
    out = np.subtract(1, a, out=out)
    out *= a
    out *= da
    return out


def tanh(z: Array, out: Array | None = None) -> Array:
    """a = tanh(z)."""
    return np.tanh(z, out=out)


def d_tanh(da: Array, z: Array, a: Array, out: Array | None = None) -> Array:
    """dz = da · (1 - a²)."""
    out = np.multiply(a, a, out=out)
    np.subtract(1, out, out=out)
    out *= da
    return out


def hard_sigmoid(z: Array, out: Array | None = None) -> Array:
    """a = min(max(z / 6 + 1/2, 0), 1): the piecewise linear sigmoid of Howard et al. 2019 (arXiv:1905.02244)."""
    out = np.multiply(z, 1 / 6, out=out)
    out += 0.5
    return np.clip(out, 0, 1, out=out)


def d_hard_sigmoid(da: Array, z: Array, a: Array, out: Array | None = None) -> Array:
    """dz = da / 6 where -3 < z < 3, else 0."""
    out = np.multiply(da, (z > -3) & (z < 3), out=out)
    out *= 1 / 6
    return out


# ------------------------------------------------------------------------------------------ the ReLU and its variants


def relu(z: Array, out: Array | None = None) -> Array:
    """a = max(z, 0) (Nair & Hinton 2010)."""
    out = np.empty_like(z) if out is None else out
    out.fill(0)  # NumPy's maximum is twice as fast with two arrays as with an array and a scalar
    return np.maximum(z, out, out=out)


def d_relu(da: Array, z: Array, a: Array, out: Array | None = None) -> Array:
    """dz = da where z > 0, else 0."""
    return np.multiply(da, z > 0, out=out)


def leaky_relu(z: Array, out: Array | None = None) -> Array:
    """a = max(z, 0.01 z) (Maas et al. 2013)."""
    out = np.multiply(z, LEAKY_SLOPE, out=out)
    return np.maximum(z, out, out=out)


def d_leaky_relu(da: Array, z: Array, a: Array, out: Array | None = None) -> Array:
    """dz = da where z > 0, else 0.01 da."""
    out = np.multiply(z > 0, z.dtype.type(1 - LEAKY_SLOPE), out=out)
    out += LEAKY_SLOPE
    out *= da
    return out


def elu(z: Array, out: Array | None = None) -> Array:
    """a = z where z > 0, else exp(z) - 1 (Clevert et al. 2015, arXiv:1511.07289)."""
    out = np.minimum(z, 0, out=out)
    np.expm1(out, out=out)
    out += np.maximum(z, 0)
    return out


def d_elu(da: Array, z: Array, a: Array, out: Array | None = None) -> Array:
    """dz = da where z > 0, else da · (a + 1)."""
    out = np.minimum(a, 0, out=out)
    out += 1
    out *= da
    return out


def selu(z: Array, out: Array | None = None) -> Array:
    """a = s z where z > 0, else s α (exp(z) - 1), with s and α of Klambauer et al. 2017 (arXiv:1706.02515)."""
    out = np.minimum(z, 0, out=out)
    np.expm1(out, out=out)
    out *= SELU_ALPHA
    out += np.maximum(z, 0)
    out *= SELU_SCALE
    return out


def d_selu(da: Array, z: Array, a: Array, out: Array | None = None) -> Array:
    """dz = s da where z > 0, else da · (a + s α)."""
    out = np.add(a, SELU_SCALE * SELU_ALPHA, out=out)
    np.copyto(out, SELU_SCALE, where=z > 0)
    out *= da
    return out


def softplus(z: Array, out: Array | None = None) -> Array:
    """a = log(1 + exp(z)) (Dugas et al. 2001), as max(z, 0) + log(1 + exp(-|z|))."""
    out = np.abs(z, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.log1p(out, out=out)
    out += np.maximum(z, 0)
    return out


def d_softplus(da: Array, z: Array, a: Array, out: Array | None = None) -> Array:
    """dz = da · sigmoid(z)."""
    out = sigmoid(z, out=out)
    out *= da
    return out


def exponential(z: Array, out: Array | None = None) -> Array:
    """a = exp(z), clipped to the largest finite number: the rate of a Poisson output."""
    out = np.minimum(z, math.log(float(np.finfo(z.dtype).max)) - 1e-3, out=out)
    return np.exp(out, out=out)


def d_exponential(da: Array, z: Array, a: Array, out: Array | None = None) -> Array:
    """dz = da · a."""
    return np.multiply(da, a, out=out)


# ------------------------------------------------------------------------------------------------ self-gated


def gelu(z: Array, out: Array | None = None) -> Array:
    """a = z Φ(z), with Φ the normal distribution function (Hendrycks & Gimpel 2016, arXiv:1606.08415)."""
    out = ndtr(z, out=out)
    out *= z
    return out


def d_gelu(da: Array, z: Array, a: Array, out: Array | None = None) -> Array:
    """dz = da · (Φ(z) + z φ(z)), with φ the normal density."""
    density = np.exp(-0.5 * z * z)
    density *= z
    density *= 1 / math.sqrt(2 * math.pi)
    out = ndtr(z, out=out)
    out += density
    out *= da
    return out


def gelu_tanh(z: Array, out: Array | None = None) -> Array:
    """a = z/2 (1 + tanh(√(2/π) (z + 0.044715 z³))): the approximation in the same paper."""
    out = _gelu_tanh(z, out)
    out += 1
    out *= z
    out *= 0.5
    return out


def d_gelu_tanh(da: Array, z: Array, a: Array, out: Array | None = None) -> Array:
    """dz = da · ½ (1 + t + z (1 - t²) √(2/π) (1 + 3 · 0.044715 z²)), with t = tanh(√(2/π) (z + 0.044715 z³))."""
    t = _gelu_tanh(z, None)
    inner = 1 + (3 * GELU_CUBE) * z * z
    inner *= math.sqrt(2 / math.pi)
    inner *= z
    out = np.multiply(t, t, out=out)
    np.subtract(1, out, out=out)
    out *= inner
    out += t
    out += 1
    out *= 0.5
    out *= da
    return out


def _gelu_tanh(z: Array, out: Array | None) -> Array:
    out = np.multiply(z, z, out=out)
    out *= GELU_CUBE
    out += 1
    out *= z
    out *= math.sqrt(2 / math.pi)
    return np.tanh(out, out=out)


def silu(z: Array, out: Array | None = None) -> Array:
    """a = z · sigmoid(z), also called swish (Elfwing et al. 2017, arXiv:1702.03118)."""
    out = sigmoid(z, out=out)
    out *= z
    return out


def d_silu(da: Array, z: Array, a: Array, out: Array | None = None) -> Array:
    """dz = da · (s + a (1 - s)), with s = sigmoid(z)."""
    s = sigmoid(z)
    out = np.subtract(1, s, out=out)
    out *= a
    out += s
    out *= da
    return out


def mish(z: Array, out: Array | None = None) -> Array:
    """a = z tanh(softplus(z)) (Misra 2019, arXiv:1908.08681)."""
    out = softplus(z, out=out)
    np.tanh(out, out=out)
    out *= z
    return out


def d_mish(da: Array, z: Array, a: Array, out: Array | None = None) -> Array:
    """dz = da · (t + z (1 - t²) sigmoid(z)), with t = tanh(softplus(z))."""
    t = np.tanh(softplus(z))
    out = np.multiply(t, t, out=out)
    np.subtract(1, out, out=out)
    out *= z
    out *= sigmoid(z)
    out += t
    out *= da
    return out


# ------------------------------------------------------------------------------------------ over the whole layer


def row_max(z: Array) -> Array:
    """Return the maximum over the last axis, (…, 1)."""
    return _column_major(z, 64).max(axis=-1, keepdims=True)


def row_sum(z: Array) -> Array:
    """Return the sum over the last axis, (…, 1)."""
    return _column_major(z, 7).sum(axis=-1, keepdims=True)  # NumPy sums 8 or more values in another order


def _column_major(z: Array, max_units: int) -> Array:
    """Return a column-major copy if rows are so short (a few classes) that reductions over them are then faster."""
    return z.copy("F") if z.ndim == 2 and 1 < z.shape[1] <= max_units and len(z) > 16 else z


def softmax(z: Array, out: Array | None = None) -> Array:
    """a_i = exp(z_i) / Σ_j exp(z_j) over the last axis, after subtracting the maximum."""
    out = np.subtract(z, row_max(z), out=out)
    np.exp(out, out=out)
    out /= row_sum(out)
    return out


def d_softmax(da: Array, z: Array, a: Array, out: Array | None = None) -> Array:
    """dz_i = a_i (da_i - Σ_j da_j a_j)."""
    out = np.multiply(da, a, out=out)
    total = np.sum(out, axis=-1, keepdims=True)
    np.subtract(da, total, out=out)
    out *= a
    return out


ACTIVATIONS: dict[str, Activation] = {
    activation.name: activation
    for activation in (
        Activation("identity", identity, d_identity),
        Activation("sigmoid", sigmoid, d_sigmoid),
        Activation("tanh", tanh, d_tanh),
        Activation("hard_sigmoid", hard_sigmoid, d_hard_sigmoid),
        Activation("relu", relu, d_relu, "he_uniform"),
        Activation("leaky_relu", leaky_relu, d_leaky_relu, "he_uniform"),
        Activation("elu", elu, d_elu, "he_uniform"),
        Activation("selu", selu, d_selu, "lecun_normal"),
        Activation("softplus", softplus, d_softplus, "he_uniform"),
        Activation("exponential", exponential, d_exponential),
        Activation("gelu", gelu, d_gelu, "he_uniform"),
        Activation("gelu_tanh", gelu_tanh, d_gelu_tanh, "he_uniform"),
        Activation("silu", silu, d_silu, "he_uniform"),
        Activation("mish", mish, d_mish, "he_uniform"),
        Activation("softmax", softmax, d_softmax),
    )
}

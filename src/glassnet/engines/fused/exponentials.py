"""exp, expm1, tanh and the logistic function of one number, by nothing but sums and products: so whole vectors at once.

z = n ln 2 + r with n whole and |r| ≤ ln 2 / 2; then exp z = 2ⁿ (1 + q), with q = r + r²/2! + r³/3! + … to the last bit
of the dtype (Cody & Waite 1980). ln 2 is taken off in two parts, of which the first has few bits, so that n times it is
exact. The results are within 3 units in the last place.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, overload

from glassnet.engines.fused.processor import INNER

# ln 2 in two parts, the terms of q, and where exp would leave the dtype's numbers, for each dtype
_LN_2 = {32: (0.693359375, -2.12194440e-4), 64: (0.693147180369123816490, 1.90821492927058770002e-10)}
_TERMS = {32: 7, 64: 13}
# added and taken off again, these leave the nearest whole number
_ROUNDER = {32: 1.5 * 2.0**23, 64: 1.5 * 2.0**52}
_LEAST, _MOST, _TOP = {32: -87.3, 64: -708.3}, {32: 88.722, 64: 709.782}, {32: 127, 64: 1023}

_OPTIONS: Any = INNER


@intrinsic
def _power_of_2(context: Any, n: Any) -> Any:
    """Return 2ⁿ: n, an int32 or int64, goes into the exponent of a float32 or float64."""
    number = types.float32 if n == types.int32 else types.float64

    def generate(target: Any, builder: Any, signature: Any, values: Any) -> Any:
        bias, mantissa = (127, 23) if signature.args[0] == types.int32 else (1023, 52)
        kind = target.get_value_type(signature.args[0])
        shifted = builder.shl(builder.add(values[0], ir.Constant(kind, bias)), ir.Constant(kind, mantissa))
        return builder.bitcast(shifted, target.get_value_type(signature.return_type))

    return number(n), generate


power_of_2: Any = _power_of_2


def reduced(z: Any) -> Any:
    """Return q and 2ⁿ, so that exp z = 2ⁿ q + 2ⁿ."""
    raise NotImplementedError("for compiled code")


@overload(reduced, jit_options=_OPTIONS)
def _reduced(z: Any) -> Any:
    bits = z.bitwidth
    T, whole = (np.float32, np.int32) if bits == 32 else (np.float64, np.int64)
    high, low = (T(part) for part in _LN_2[bits])
    least, most, rounder, per_ln_2 = T(_LEAST[bits]), T(_MOST[bits]), T(_ROUNDER[bits]), T(1 / math.log(2))
    zero, top = T(0), T(_TOP[bits])
    terms = tuple(T(1 / math.factorial(k)) for k in range(_TERMS[bits], 0, -1))
    if bits == 32:
        c7, c6, c5, c4, c3, c2, c1 = terms

        def reduce(z: Any) -> Any:
            z = least if z < least else z
            z = most if z > most else z
            n = (z * per_ln_2 + rounder) - rounder
            n = top if n > top else n  # r is a little longer then, and 2ⁿ still a number
            r = (z - n * high) - n * low
            q = ((((((c7 * r + c6) * r + c5) * r + c4) * r + c3) * r + c2) * r + c1) * r
            return q, power_of_2(whole(n if n == n else zero))  # what is no number stays none, by q

        return reduce
    d13, d12, d11, d10, d9, d8, d7, d6, d5, d4, d3, d2, d1 = terms

    def reduce_64(z: Any) -> Any:
        z = least if z < least else z
        z = most if z > most else z
        n = (z * per_ln_2 + rounder) - rounder
        n = top if n > top else n  # r is a little longer then, and 2ⁿ still a number
        r = (z - n * high) - n * low
        q = ((((((d13 * r + d12) * r + d11) * r + d10) * r + d9) * r + d8) * r + d7) * r + d6
        q = (((((q * r + d5) * r + d4) * r + d3) * r + d2) * r + d1) * r
        return q, power_of_2(whole(n if n == n else zero))  # what is no number stays none, by q

    return reduce_64


@njit(**INNER)
def exp_of(z):
    """Return exp z; where it would leave the numbers of the dtype, the last one inside."""
    q, power = reduced(z)
    return power * q + power


@njit(**INNER)
def expm1_of(z):
    """Return exp z - 1, exact near 0 too."""
    q, power = reduced(z)
    return power * q + (power - like(1, z))


@njit(**INNER)
def logistic_of(z):
    """Return 1 / (1 + exp(-z)), stable on both sides."""
    e = exp_of(-abs(z))
    return (like(1, z) if z >= 0 else e) / (like(1, z) + e)


@njit(**INNER)
def tanh_of(z):
    """Return tanh z = (exp 2|z| - 1) / (exp 2|z| + 1) with the sign of z; beyond 20 it is ±1."""
    size = abs(z)
    size = like(20, z) if size > like(20, z) else size
    e = expm1_of(size + size)
    t = e / (e + like(2, z))
    return -t if z < 0 else t


def like(value: Any, z: Any) -> Any:
    """Return a whole number in the dtype of z."""
    raise NotImplementedError("for compiled code")


@overload(like, jit_options=_OPTIONS)
def _like(value: Any, z: Any) -> Any:
    T = np.float32 if z.bitwidth == 32 else np.float64

    def convert(value: Any, z: Any) -> Any:
        return T(value)

    return convert

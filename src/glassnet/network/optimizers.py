"""The update: optimizers, from gradient descent to adaptive methods.

An optimizer turns the gradient g into a direction u, and `update` takes the step:

    u ← u + weight_decay · W            decoupled weight decay, not of biases (Loshchilov & Hutter 2017)
    u ← u · |W| / |u|  of each array    the trust ratio (LAMB only)
    w ← w - learning_rate · u

So Adam with decay is AdamW, and LAMB is AdamW with a trust ratio. All operations are in place, on flat vectors. Where
implementations differ, PyTorch's is followed; the tests compare with it step by step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet._utils.constraints import check_settings
from glassnet._utils.registry import lookup
from glassnet.network.setting_constraints import OPTIMIZER_SETTINGS
from glassnet.network.structure import Structure


@dataclass
class OptimizerState:
    """The state of an optimizer between steps.

    Parameters
    ----------
    moments : dict of str to array (n_parameters,)
        The running vectors by name; 0 at the start.
    scratch : two arrays (n_parameters,)
        Buffers for intermediate results; empty between steps.
    step : int
        The number of steps taken.
    scalars : dict of str to float
        The running numbers by name.
    """

    moments: dict[str, Array]
    scratch: tuple[Array, Array]
    step: int = 0
    scalars: dict[str, float] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        scratch = self.scratch[0]
        return {**self.__dict__, "scratch": (scratch.shape, scratch.dtype)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        shape, dtype = state["scratch"]
        self.__dict__.update(state, scratch=(np.zeros(shape, dtype), np.zeros(shape, dtype)))


@dataclass(frozen=True)
class Optimizer:
    """An update rule, or a named special case of one.

    Parameters
    ----------
    name : str
        Its name in `OPTIMIZERS`.
    direction : callable
        ``direction(w, g, state, slices, **settings) -> u``, all vectors (n_parameters,); u may be g itself or
        ``state.scratch[0]``, and g may be overwritten. ``slices`` holds the position of each array.
    learning_rate : float
        The default learning rate.
    moments : tuple of str
        The names of its running vectors.
    settings : mapping
        Hyperparameters.
    weight_decay : float
        Default decoupled weight decay: 0.01 for AdamW and LAMB, else 0.
    trust : bool
        Whether each array's direction is scaled to the norm of the array (LAMB).
    """

    name: str
    direction: Callable[..., Array]
    learning_rate: float
    moments: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    weight_decay: float = 0.0
    trust: bool = False

    def __repr__(self) -> str:
        return f"Optimizer({self.name!r}{''.join(f', {k}={v!r}' for k, v in self.settings.items())})"

    def init(self, vector: Array) -> OptimizerState:
        """Return the state before the first step, for parameters of this shape and dtype."""
        moments = {name: np.zeros_like(vector) for name in self.moments}
        return OptimizerState(moments, (np.zeros_like(vector), np.zeros_like(vector)))

    def with_settings(self, **settings: Any) -> Optimizer:
        """Return the same rule with other numbers.

        Raises
        ------
        InputError
            If it has no such setting, or one is of another kind.
        """
        check_settings(settings, self.settings, f"optimizer {self.name!r}", OPTIMIZER_SETTINGS)
        chosen = {**self.settings, **settings}
        if "amsgrad" not in chosen:
            return replace(self, settings=chosen)
        moments = ("m", "v", "v_max") if chosen["amsgrad"] else ("m", "v")
        return replace(self, settings=chosen, moments=moments)


#: Steps between two flushes of subnormal moments; 0.9 to this power is above the margin of the flush limit.
FLUSH_EVERY = 64

Slices = Mapping[str, slice]


def gradient_descent(w: Array, g: Array, state: OptimizerState, slices: Slices) -> Array:
    """u = g (Cauchy 1847; on batches, Robbins & Monro 1951)."""
    return g


def momentum(w: Array, g: Array, state: OptimizerState, slices: Slices, *, momentum: float, nesterov: bool) -> Array:
    """v ← μ v + g; u = v (Polyak 1964), or g + μ v (Nesterov 1983, as in Sutskever et al. 2013)."""
    v = state.moments["v"]
    v *= momentum
    v += g
    if not nesterov:
        return v
    u = np.multiply(v, momentum, out=state.scratch[0])
    u += g
    return u


def lars(
    w: Array,
    g: Array,
    state: OptimizerState,
    slices: Slices,
    *,
    momentum: float,
    trust_coefficient: float,
    coupled_weight_decay: float,
) -> Array:
    """Momentum on g + λ W scaled by η |W| / (|g| + λ |W|), array by array (You et al. 2017, arXiv:1708.03888)."""
    for name, position in slices.items():
        gradient = g[position]
        weights = w[position]
        decay = coupled_weight_decay if name.startswith("W") else 0.0
        weight_norm = _norm(weights)
        gradient_norm = _norm(gradient)
        if decay:
            gradient += np.multiply(weights, decay, out=state.scratch[0][position])
        if weight_norm > 0 and gradient_norm > 0:
            gradient *= trust_coefficient * weight_norm / (gradient_norm + decay * weight_norm)
    v = state.moments["v"]
    v *= momentum
    v += g
    return v


def adagrad(w: Array, g: Array, state: OptimizerState, slices: Slices, *, epsilon: float) -> Array:
    """s ← s + g²; u = g / (√s + ε) (Duchi et al. 2011)."""
    u = state.scratch[0]
    s = state.moments["s"]
    s += np.multiply(g, g, out=u)
    return _divide(g, s, 1.0, epsilon, u)


def rmsprop(w: Array, g: Array, state: OptimizerState, slices: Slices, *, rho: float, epsilon: float) -> Array:
    """s ← ρ s + (1 - ρ) g²; u = g / (√s + ε) (Tieleman & Hinton 2012, lecture 6.5)."""
    _average_square(state.moments["s"], g, rho, state.scratch[0])
    return _divide(g, state.moments["s"], 1.0, epsilon, state.scratch[0])


def adadelta(w: Array, g: Array, state: OptimizerState, slices: Slices, *, rho: float, epsilon: float) -> Array:
    """u = g √(d + ε) / √(s + ε), with s and d the running means of g² and u² (Zeiler 2012, arXiv:1212.5701)."""
    s = state.moments["s"]
    d = state.moments["d"]
    u, scratch = state.scratch
    _average_square(s, g, rho, u)
    np.add(s, epsilon, out=scratch)
    np.add(d, epsilon, out=u)
    u /= scratch
    np.sqrt(u, out=u)
    u *= g
    _average_square(d, u, rho, scratch)
    return u


def adam(
    w: Array, g: Array, state: OptimizerState, slices: Slices,
    *, beta_1: float, beta_2: float, epsilon: float, amsgrad: bool, epsilon_hat: bool,
) -> Array:  # fmt: skip
    """u = m̂ / (√v̂ + ε), with m and v the running means of g and g², hats their start-up corrections.

    Kingma & Ba 2014 (arXiv:1412.6980); AMSGrad keeps the largest v (Reddi et al. 2018, arXiv:1904.09237). With
    ``epsilon_hat``, ε is added to √v before its correction, the paper's faster form: as scikit-learn and TensorFlow do.
    """
    m = state.moments["m"]
    v = state.moments["v"]
    _average(m, g, beta_1, state.scratch[0])
    _average_square(v, g, beta_2, state.scratch[0])
    if amsgrad:
        v = np.maximum(state.moments["v_max"], v, out=state.moments["v_max"])
    correction = 1 - beta_2**state.step
    u = _divide(m, v, correction, epsilon / math.sqrt(correction) if epsilon_hat else epsilon, state.scratch[0])
    u *= 1 / (1 - beta_1**state.step)
    return u


def nadam(
    w: Array, g: Array, state: OptimizerState, slices: Slices,
    *, beta_1: float, beta_2: float, epsilon: float, momentum_decay: float,
) -> Array:  # fmt: skip
    """Adam with Nesterov momentum: u = (c₁ g + c₂ m) / (√v̂ + ε) (Dozat 2016).

    With μ_t = β₁ (1 - ½ 0.96^(t ψ)): c₁ = (1 - μ_t) / (1 - Π μ) and c₂ = μ_{t+1} / (1 - Π μ · μ_{t+1}).
    """
    m = state.moments["m"]
    v = state.moments["v"]
    t = state.step
    now, after = (beta_1 * (1 - 0.5 * 0.96 ** (s * momentum_decay)) for s in (t, t + 1))
    product = state.scalars["product"] = state.scalars.get("product", 1.0) * now
    u = state.scratch[0]
    _average(m, g, beta_1, u)
    _average_square(v, g, beta_2, u)
    g *= (1 - now) / (1 - product)
    g += np.multiply(m, after / (1 - product * after), out=u)
    return _divide(g, v, 1 - beta_2**t, epsilon, u)


def lion(w: Array, g: Array, state: OptimizerState, slices: Slices, *, beta_1: float, beta_2: float) -> Array:
    """u = sign(β₁ m + (1 - β₁) g); m ← β₂ m + (1 - β₂) g (Chen et al. 2023, arXiv:2302.06675)."""
    m = state.moments["m"]
    u, scratch = state.scratch
    np.multiply(m, beta_1, out=u)
    u += np.multiply(g, 1 - beta_1, out=scratch)
    np.sign(u, out=u)
    _average(m, g, beta_2, scratch)
    return u


def _flush_subnormals(state: OptimizerState) -> None:
    """Set moments to 0 that have decayed to nearly 0.

    A moment whose gradients stay 0 decays to subnormal numbers, which processors handle up to a hundred times slower.
    The limit is far below anything that could change a parameter.
    """
    for moment in state.moments.values():
        limits = np.finfo(moment.dtype)
        np.copyto(moment, 0, where=np.abs(moment, out=state.scratch[0]) < limits.tiny / limits.eps)


def _average(mean: Array, value: Array, rate: float, scratch: Array) -> None:
    """mean ← rate · mean + (1 - rate) · value."""
    mean *= rate
    mean += np.multiply(value, 1 - rate, out=scratch)


def _average_square(mean: Array, value: Array, rate: float, scratch: Array) -> None:
    """mean ← rate · mean + (1 - rate) · value²."""
    mean *= rate
    np.multiply(value, value, out=scratch)
    mean += np.multiply(scratch, 1 - rate, out=scratch)


def _divide(numerator: Array, square: Array, correction: float, epsilon: float, out: Array) -> Array:
    """Return numerator / (√(square / correction) + ε)."""
    np.sqrt(square, out=out)
    if correction != 1:
        out *= 1 / math.sqrt(correction)
    out += epsilon
    return np.divide(numerator, out, out=out)


def _norm(vector: Array) -> float:
    return math.sqrt(float(np.dot(vector, vector)))


_ADAM = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "amsgrad": False, "epsilon_hat": False}

OPTIMIZERS: dict[str, Optimizer] = {
    rule.name: rule
    for rule in (
        Optimizer("gradient_descent", gradient_descent, 0.1),
        Optimizer("momentum", momentum, 0.05, ("v",), {"momentum": 0.9, "nesterov": False}),
        Optimizer("nesterov", momentum, 0.05, ("v",), {"momentum": 0.9, "nesterov": True}),
        Optimizer(
            "lars", lars, 1.0, ("v",), {"momentum": 0.9, "trust_coefficient": 0.001, "coupled_weight_decay": 0.0}
        ),
        Optimizer("adagrad", adagrad, 0.01, ("s",), {"epsilon": 1e-10}),
        Optimizer("rmsprop", rmsprop, 0.001, ("s",), {"rho": 0.99, "epsilon": 1e-8}),
        Optimizer("adadelta", adadelta, 1.0, ("s", "d"), {"rho": 0.9, "epsilon": 1e-6}),
        Optimizer("adam", adam, 0.001, ("m", "v"), _ADAM),
        Optimizer("amsgrad", adam, 0.001, ("m", "v", "v_max"), {**_ADAM, "amsgrad": True}),
        Optimizer("adamw", adam, 0.001, ("m", "v"), _ADAM, weight_decay=0.01),
        Optimizer(
            "nadam",
            nadam,
            0.002,
            ("m", "v"),
            {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "momentum_decay": 0.004},
        ),
        Optimizer("lamb", adam, 0.002, ("m", "v"), {**_ADAM, "epsilon": 1e-6}, 0.01, trust=True),
        Optimizer("lion", lion, 0.0001, ("m",), {"beta_1": 0.9, "beta_2": 0.99}),
    )
}


def find_optimizer(optimizer: str | Optimizer, **settings: Any) -> Optimizer:
    """Return the optimizer with this name and these settings.

    Raises
    ------
    InputError
        If there is no such optimizer or it has no such setting.
    """
    found = optimizer if isinstance(optimizer, Optimizer) else lookup(OPTIMIZERS, optimizer, "optimizer")
    return found.with_settings(**settings)


def update(
    optimizer: Optimizer,
    structure: Structure,
    w: Array,
    g: Array,
    state: OptimizerState,
    learning_rate: float,
    weight_decay: float | None = None,
) -> None:
    """Take one optimizer step, in place.

    Parameters
    ----------
    optimizer : Optimizer
        The update rule.
    structure : Structure
        The layers.
    w : array (n_parameters,)
        The parameters; updated in place.
    g : array (n_parameters,)
        The gradient of the mean loss; may be overwritten.
    state : OptimizerState
        The optimizer's state; updated in place.
    learning_rate : float
        The learning rate.
    weight_decay : float, optional
        Decoupled weight decay; the optimizer's default if not given.
    """
    state.step += 1
    if state.step % FLUSH_EVERY == 0:
        _flush_subnormals(state)
    u = optimizer.direction(w, g, state, structure.slices, **optimizer.settings)
    decay = optimizer.weight_decay if weight_decay is None else weight_decay
    if decay or optimizer.trust:
        if u is not state.scratch[0]:
            u = np.positive(u, out=state.scratch[0])  # the direction may be a moment, which must not change
        for name, position in structure.slices.items():
            part = u[position]
            weights = w[position]
            if decay and name.startswith("W"):
                part += np.multiply(weights, decay, out=state.scratch[1][position])
            if optimizer.trust:
                weight_norm = _norm(weights)
                direction_norm = _norm(part)
                if weight_norm > 0 and direction_norm > 0:
                    part *= weight_norm / direction_norm
    w -= np.multiply(u, float(learning_rate), out=g)  # a NumPy float64 would convert float32 to float64


def clip_gradient(g: Array, norm: float | None = None, value: float | None = None) -> float:
    """Clip a gradient in place: first each entry to [-value, value], then its norm.

    Returns
    -------
    float
        The norm before it is clipped (Pascanu et al. 2013, arXiv:1211.5063).
    """
    if value is not None:
        np.clip(g, -value, value, out=g)
    length = _norm(g)
    if norm is not None and length > norm:
        g *= norm / length
    return length


def apply_max_norm(structure: Structure, w: Array, max_norm: float) -> None:
    """Scale the incoming weights of each unit in place to a norm of at most ``max_norm`` (Srebro et al. 2005)."""
    for name, W in structure.views(w).items():
        if name.startswith("W"):
            norms = np.sqrt(np.sum(np.square(W), axis=0))
            W *= np.minimum(1, max_norm / np.maximum(norms, max_norm))


def update_ema(mean: Array, w: Array, decay: float, scratch: Array) -> None:
    """mean ← decay · mean + (1 - decay) · w, in place: the exponential moving average (Polyak & Juditsky 1992)."""
    _average(mean, w, decay, scratch)

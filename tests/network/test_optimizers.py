"""Optimizers: 50 steps compared with PyTorch, or with the formula of the paper."""

import math
import tracemalloc

import numpy as np
import pytest

from glassnet import InputError, Structure
from glassnet.network.optimizers import OPTIMIZERS, apply_max_norm, clip_gradient, find_optimizer, update, update_ema

STRUCTURE = Structure((3, 4, 2), "relu")
STEPS = 50


def start() -> np.ndarray:
    return np.random.default_rng(0).standard_normal(STRUCTURE.n_parameters)


def gradients(vector: np.ndarray, step: int) -> np.ndarray:
    """Return the slope of a bowl, with noise of the step's own: it depends on where one is, as a network's does."""
    noise = np.random.default_rng(step).standard_normal(len(vector))
    return np.linspace(0.5, 3, len(vector)) * vector + 0.3 * noise


def glassnets(name: str, rate: float, weight_decay: float | None = None, **options) -> np.ndarray:
    optimizer = find_optimizer(name, **options)
    w = start()
    state = optimizer.init(w)
    for step in range(STEPS):
        update(optimizer, STRUCTURE, w, gradients(w, step), state, rate, weight_decay)
    return w


def pytorchs(torch, kind: str, decay: float = 0.0, **options) -> np.ndarray:
    """Return what torch.optim makes of the same start and gradients; decay is for the weights, not the biases."""
    w = start()
    tensors = {name: torch.from_numpy(view.copy()).requires_grad_() for name, view in STRUCTURE.views(w).items()}
    groups = [
        {
            "params": [t for name, t in tensors.items() if name.startswith(kind_)],
            **({"weight_decay": d} if decay else {}),
        }
        for kind_, d in (("W", decay), ("b", 0.0))
    ]
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # NAdam's running product has the default dtype, whatever the parameters'
    optimizer = getattr(torch.optim, kind)(groups, **options)
    for step in range(STEPS):
        flat = STRUCTURE.flatten({name: t.detach().numpy() for name, t in tensors.items()})
        for name, view in STRUCTURE.views(gradients(flat, step)).items():
            tensors[name].grad = torch.from_numpy(view.copy())
        optimizer.step()
    torch.set_default_dtype(usual)
    return STRUCTURE.flatten({name: t.detach().numpy() for name, t in tensors.items()})


@pytest.mark.parametrize(
    ("name", "rate", "options", "kind", "torch_options"),
    [
        ("gradient_descent", 0.1, {}, "SGD", {}),
        ("momentum", 0.05, {"momentum": 0.8}, "SGD", {"momentum": 0.8}),
        ("nesterov", 0.05, {}, "SGD", {"momentum": 0.9, "nesterov": True}),
        ("adagrad", 0.1, {}, "Adagrad", {}),
        ("rmsprop", 0.01, {}, "RMSprop", {}),
        ("rmsprop", 0.01, {"rho": 0.9, "epsilon": 1e-3}, "RMSprop", {"alpha": 0.9, "eps": 1e-3}),
        ("adadelta", 1.0, {}, "Adadelta", {}),
        ("adam", 0.02, {}, "Adam", {}),
        ("adam", 0.02, {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-4}, "Adam", {"betas": (0.8, 0.95), "eps": 1e-4}),
        ("amsgrad", 0.02, {}, "Adam", {"amsgrad": True}),
        ("nadam", 0.02, {}, "NAdam", {}),
    ],
)
def test_fifty_steps_are_pytorchs(name: str, rate: float, options: dict, kind: str, torch_options: dict) -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    np.testing.assert_allclose(
        glassnets(name, rate, **options), pytorchs(torch, kind, lr=rate, **torch_options), rtol=1e-10
    )


@pytest.mark.parametrize("decay", [0.01, 0.3])
def test_adamw_is_pytorchs_with_decay_of_the_weights_alone(decay: float) -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    expected = pytorchs(torch, "AdamW", decay, lr=0.02)
    np.testing.assert_allclose(glassnets("adamw", 0.02, decay), expected, rtol=1e-10)
    np.testing.assert_allclose(glassnets("adam", 0.02, decay), expected, rtol=1e-10)
    if decay == 0.01:
        np.testing.assert_allclose(glassnets("adamw", 0.02), expected, rtol=1e-10)


def test_lion_is_the_papers() -> None:
    """Chen et al. 2023, algorithm 2."""
    w = start()
    m = np.zeros(STRUCTURE.n_parameters)
    for step in range(STEPS):
        g = gradients(w, step)
        direction = np.sign(0.9 * m + 0.1 * g)
        m = 0.99 * m + 0.01 * g
        w = w - 0.01 * (direction + 0.1 * is_weight() * w)
    np.testing.assert_allclose(glassnets("lion", 0.01, 0.1), w, rtol=1e-10)


def test_lars_is_the_papers() -> None:
    """You et al. 2017, algorithm 1, the learning rate outside the momentum as in PyTorch's."""
    w = start()
    v = np.zeros(STRUCTURE.n_parameters)
    for step in range(STEPS):
        g = gradients(w, step)
        for name, place in STRUCTURE.slices.items():
            decay = 0.05 if name.startswith("W") else 0.0
            length = np.linalg.norm(w[place])
            grad_scale = np.linalg.norm(g[place])
            local = 0.02 * length / (grad_scale + decay * length)
            v[place] = 0.9 * v[place] + local * (g[place] + decay * w[place])
        w = w - 0.5 * v
    np.testing.assert_allclose(glassnets("lars", 0.5, trust_coefficient=0.02, coupled_weight_decay=0.05), w, rtol=1e-10)


def test_lamb_is_the_papers() -> None:
    """You et al. 2020, algorithm 2, with φ the identity."""
    w = start()
    m = np.zeros_like(w)
    v = np.zeros_like(w)
    for step in range(STEPS):
        g = gradients(w, step)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        ratio = m / (1 - 0.9 ** (step + 1)) / (np.sqrt(v / (1 - 0.999 ** (step + 1))) + 1e-6)
        ratio += 0.01 * is_weight() * w
        for place in STRUCTURE.slices.values():
            w[place] -= 0.02 * np.linalg.norm(w[place]) / np.linalg.norm(ratio[place]) * ratio[place]
    np.testing.assert_allclose(glassnets("lamb", 0.02), w, rtol=1e-10)


def is_weight() -> np.ndarray:
    mask = np.zeros(STRUCTURE.n_parameters)
    for name, view in STRUCTURE.views(mask).items():
        view[...] = name.startswith("W")
    return mask


def test_without_trust_and_decay_lamb_is_adam() -> None:
    plain = find_optimizer("lamb", epsilon=1e-8)
    assert plain.direction is OPTIMIZERS["adam"].direction and plain.settings == OPTIMIZERS["adam"].settings


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_parameters_of_zero_and_gradients_of_zero_are_survived(name: str) -> None:
    w = np.zeros(STRUCTURE.n_parameters, np.float32)
    state = OPTIMIZERS[name].init(w)
    for g in (np.zeros_like(w), np.ones_like(w), np.zeros_like(w)):
        update(OPTIMIZERS[name], STRUCTURE, w, g, state, 0.1)
    assert np.isfinite(w).all() and w.dtype == np.float32
    assert state.step == 3


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("decay", [None, 0.1])
def test_a_step_allocates_nothing_of_the_parameters_size(name: str, decay: float | None) -> None:
    big = Structure((400, 500, 10), "relu")
    w = np.random.default_rng(0).standard_normal(big.n_parameters).astype(np.float32)
    state = OPTIMIZERS[name].init(w)
    g = w.copy()
    update(OPTIMIZERS[name], big, w, g, state, 0.01, decay)
    tracemalloc.start()
    update(OPTIMIZERS[name], big, w, g, state, 0.01, decay)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < w.nbytes / 20


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_rule_finds_the_bottom_of_a_bowl(name: str) -> None:
    w = start()
    state = OPTIMIZERS[name].init(w)
    far = np.linalg.norm(w)
    for _ in range(2000):
        update(OPTIMIZERS[name], STRUCTURE, w, w.copy(), state, 0.01, 0.0)
    assert np.linalg.norm(w) < 0.9 * far


def test_clipping_is_pytorchs() -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    g = 3 * np.random.default_rng(0).standard_normal(50)
    for most in (0.5, 1e3):
        tensor = torch.zeros(50, dtype=torch.float64, requires_grad=True)
        tensor.grad = torch.from_numpy(g.copy())
        expected_norm = torch.nn.utils.clip_grad_norm_([tensor], most).item()
        clipped = g.copy()
        assert clip_gradient(clipped, norm=most) == pytest.approx(expected_norm, rel=1e-12)
        np.testing.assert_allclose(clipped, tensor.grad.numpy(), rtol=1e-5)  # PyTorch adds 1e-6 to the norm
    clipped = g.copy()
    length = clip_gradient(clipped, value=1.5)
    np.testing.assert_array_equal(clipped, np.clip(g, -1.5, 1.5))
    assert length == pytest.approx(math.sqrt(np.sum(clipped**2)))


def test_max_norm_shortens_only_what_is_too_long() -> None:
    w = start()
    before = {name: view.copy() for name, view in STRUCTURE.views(w).items()}
    apply_max_norm(STRUCTURE, w, 1.2)
    for name, view in STRUCTURE.views(w).items():
        if name.startswith("b"):
            np.testing.assert_array_equal(view, before[name])
        else:
            lengths = np.linalg.norm(before[name], axis=0)
            assert (lengths > 1.2).any() and (lengths < 1.2).any()
            np.testing.assert_allclose(view, before[name] * np.minimum(1, 1.2 / lengths), rtol=1e-12)


def test_the_moving_average_is_updated() -> None:
    mean = np.array([1.0, 2.0])
    w = np.array([3.0, 0.0])
    update_ema(mean, w, 0.75, np.empty(2))
    np.testing.assert_array_equal(mean, [1.5, 1.5])
    np.testing.assert_array_equal(w, [3, 0])


def test_unknown_names_and_settings_are_refused() -> None:
    with pytest.raises(InputError, match="optimizer 'sgd' is not known; .*gradient_descent"):
        find_optimizer("sgd")
    with pytest.raises(InputError, match="optimizer 'adam' has no setting 'momentum'; it has: beta_1, beta_2"):
        find_optimizer("adam", momentum=0.9)
    assert repr(find_optimizer("lion", beta_1=0.5)) == "Optimizer('lion', beta_1=0.5, beta_2=0.99)"


def test_moments_that_decay_to_subnormals_become_0() -> None:
    """Left alone they would stay the smallest subnormal numbers for ever, which are slow."""
    w = np.ones(STRUCTURE.n_parameters, np.float32)
    adam = OPTIMIZERS["adam"]
    state = adam.init(w)
    update(adam, STRUCTURE, w, np.ones_like(w), state, 0.01)
    for _ in range(1500):
        update(adam, STRUCTURE, w, np.zeros_like(w), state, 0.01)
    assert not state.moments["m"].any()
    assert state.moments["v"].all()


def test_amsgrad_is_also_a_setting_of_adam() -> None:
    assert find_optimizer("adam", amsgrad=True).moments == find_optimizer("amsgrad").moments
    assert find_optimizer("amsgrad", amsgrad=False).moments == find_optimizer("adam").moments

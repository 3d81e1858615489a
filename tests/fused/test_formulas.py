"""The compiled formulas are those of `glassnet.network`, number by number, for extreme inputs too."""

import itertools

import numpy as np
import pytest
from numba import njit

from glassnet.engines.fused.formulas import ACTIVATION, LOSS, RULE, activate, derive, direction, judge, rule_numbers
from glassnet.engines.fused.phases import scrambled
from glassnet.network.activations import ACTIVATIONS
from glassnet.network.forward import random_bits
from glassnet.network.losses import LOSSES
from glassnet.network.optimizers import OPTIMIZERS

#: Relative and absolute.
CLOSE = {"float64": {"rtol": 1e-12, "atol": 1e-14}, "float32": {"rtol": 2e-5, "atol": 2e-6}}
DTYPES = ["float32", "float64"]
EXTREME = [0.0, 1e-30, 1e-8, 0.5, 2.9999, 3.0001, 17.0, 87.0, 88.6, 89.0, 100.0, 708.0, 711.0, 1e3, 1e4]


@njit
def _activate(kind, z, a):
    activate(kind, z, a)


@njit
def _derive(kind, d, z, a):
    derive(kind, d, z, a)


@njit
def _judge(kind, settings, o, y, d):
    return judge(kind, settings, o.size, o, y, d, d)


@njit
def _direction(kind, k, g, m, v, v_most):
    direction(kind, k, g, m, v, v_most)


@njit
def _scrambled(key, count):
    bits = np.empty(count, np.uint32)
    for place in range(count):
        bits[place] = scrambled(place, key)
    return bits


def inputs(dtype: str) -> np.ndarray:
    """Return z in rows of 8, up to ±1e4, none at a kink."""
    rng = np.random.default_rng(0)
    z = np.concatenate([EXTREME, np.negative(EXTREME), rng.standard_normal(40), 10 * rng.standard_normal(26)])
    return rng.permutation(z).reshape(-1, 8).astype(dtype)


def same(expected: np.ndarray, got: np.ndarray, dtype: str, scale: float = 1.0) -> None:
    close = CLOSE[dtype]
    np.testing.assert_allclose(got, expected, rtol=close["rtol"], atol=close["atol"] * scale)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_and_its_derivative_are_the_networks(name: str, dtype: str) -> None:
    activation, z = ACTIVATIONS[name], inputs(dtype)
    a, da = np.empty_like(z), np.random.default_rng(1).uniform(-1, 1, z.shape).astype(dtype)
    dz = da.copy()
    for place in range(len(z)):
        _activate(ACTIVATION[name], z[place], a[place])
        _derive(ACTIVATION[name], dz[place], z[place], a[place])
    with np.errstate(all="ignore"):
        expected = activation.function(z)
        same(expected, a, dtype)
        same(activation.derivative(da, z, expected), dz, dtype)
    assert np.isfinite(a).all() and np.isfinite(dz).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("name", "chosen"),
    [(name, {}) for name in LOSSES]
    + [("huber", {"delta": 3.0}), ("pinball", {"quantiles": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.9)}),
       ("binary_crossentropy", {"label_smoothing": 0.1}), ("categorical_crossentropy", {"label_smoothing": 0.1}),
       ("focal", {"gamma": 0.0}), ("focal", {"gamma": 0.5}), ("focal", {"gamma": 5.0})],
)  # fmt: skip
def test_every_loss_and_its_gradient_are_the_networks(name: str, chosen: dict, dtype: str) -> None:
    loss, o = LOSSES[name].with_settings(**chosen), inputs(dtype)
    if name == "poisson":  # an expected count of exp(89) is not finite, there as here
        o = np.clip(o, -1e4, 80)
    y = np.random.default_rng(1).integers(0, 2, o.shape).astype(dtype)
    if loss.link == "softmax":
        y = np.eye(8, dtype=dtype)[np.arange(len(o)) % 8]
    values = loss.settings.values()
    settings = np.array([v for s in values for v in (s if isinstance(s, tuple) else (s,))] or [0.0], dtype)
    each, d = np.empty(len(o), dtype), np.empty_like(o)
    for place in range(len(o)):
        each[place] = _judge(LOSS[name], settings, o[place], y[place], d[place])
    with np.errstate(all="ignore"):
        expected, slope = loss.samples(o, y, **loss.settings), loss.derivative(o, y, **loss.settings)
    finite = np.isfinite(expected) & np.isfinite(slope).all(axis=1)
    assert finite.any()
    same(expected[finite], each[finite], dtype, 10)
    same(slope[finite], d[finite], dtype)


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name not in ("lars", "lamb")])
def test_every_direction_is_the_networks(name: str) -> None:
    """LARS and LAMB look at whole arrays besides: `test_agreement` holds them."""
    rule, rng, n = OPTIMIZERS[name], np.random.default_rng(0), 40
    w, steps = rng.standard_normal(n), 6
    state, product = rule.start(w), 1.0
    numbers, product = rule_numbers(rule, np.full(steps, 0.1), 0, product)
    moments = [np.zeros(n) for _ in rule.moments]
    given = moments + [np.zeros(n)] * (3 - len(moments))
    for step, scale in enumerate((1.0, 1e-9, 0.0, 1e6, 1.0, 1e-3)):
        g = scale * rng.standard_normal(n)
        u = g.copy()
        state.step += 1
        expected = rule.direction(w, g, state, {"W1": slice(0, n)}, **rule.settings)
        _direction(RULE[rule.direction.__name__], numbers[step], u, *given)
        np.testing.assert_allclose(u, expected, rtol=1e-10, atol=1e-14)
        for moment, of in zip(moments, rule.moments, strict=True):
            np.testing.assert_allclose(moment, state.moments[of], rtol=1e-10, atol=1e-14)
    assert product == pytest.approx(state.numbers.get("product", 1.0), rel=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_numbers_of_a_rule_do_not_depend_on_the_pieces_that_they_are_made_in(name: str) -> None:
    rule, rates = OPTIMIZERS[name], np.linspace(1, 2, 9)
    whole, product = rule_numbers(rule, rates, 5, 0.9)
    first, between = rule_numbers(rule, rates[:4], 5, 0.9)
    rest, end = rule_numbers(rule, rates[4:], 9, between)
    np.testing.assert_allclose(np.concatenate([first, rest]), whole, rtol=1e-14)
    assert end == pytest.approx(product, rel=1e-14)


@pytest.mark.parametrize("key", [0, 1, 0xDEADBEEF, 2**32 - 1])
def test_the_random_bits_of_dropout_are_the_networks(key: int) -> None:
    assert np.array_equal(_scrambled(np.uint32(key), 5000), random_bits(np.uint32(key), 5000))


def test_the_tables_give_every_entry_a_number_of_its_own() -> None:
    for numbers, table in ((ACTIVATION, ACTIVATIONS), (LOSS, LOSSES)):
        assert set(numbers) == set(table)
    assert set(RULE) == {rule.direction.__name__ for rule in OPTIMIZERS.values()}
    for numbers in (ACTIVATION, LOSS, RULE):
        assert all(one != other for one, other in itertools.combinations(numbers.values(), 2))

"""The compiled formulas are those of `glassnet.network`, number by number, for extreme inputs too."""

import itertools

import numpy as np
import pytest
from numba import njit

from glassnet.engines.fused.codes import ACTIVATION, LOSS, NO_SCORE, RULE, SCORE, score_code, step_constants
from glassnet.engines.fused.formulas import activate, derive, direction
from glassnet.engines.fused.layout import LOSS_ROWS, SCRATCH
from glassnet.engines.fused.loss_kernels import loss_and_grad, score
from glassnet.engines.fused.phases import random_bits_at
from glassnet.metrics import per_sample as scores
from glassnet.metrics.per_sample import accuracy_per_sample, squared_error_per_sample
from glassnet.metrics.registry import METRICS
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
def _loss_and_grad(kind, settings, n, o, y, d, p, each, room):
    loss_and_grad(kind, settings, n, o, y, d, p, each, room)


@njit
def _score(kind, n, a, y, each, room):
    score(kind, n, a, y, each, room)


@njit
def _direction(kind, k, g, m, v, v_most):
    direction(kind, k, g, m, v, v_most)


@njit
def _random_bits(key, count):
    bits = np.empty(count, np.uint32)
    for place in range(count):
        bits[place] = random_bits_at(place, key)
    return bits


def inputs(dtype: str) -> np.ndarray:
    """Return z in rows of 8, up to ±1e4, none at a kink."""
    rng = np.random.default_rng(0)
    z = np.concatenate([EXTREME, np.negative(EXTREME), rng.standard_normal(40), 10 * rng.standard_normal(26)])
    return rng.permutation(z).reshape(-1, 8).astype(dtype)


def beside(rows: np.ndarray) -> np.ndarray:
    """Return up to LOSS_ROWS rows side by side, and what isn't there as NaN."""
    block = np.full((rows.shape[1], LOSS_ROWS), np.nan, rows.dtype)
    block[:, : len(rows)] = rows.T
    return block.ravel()


def below(block: np.ndarray, count: int) -> np.ndarray:
    """Return them as rows again."""
    return block.reshape(-1, LOSS_ROWS)[:, :count].T


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
    each, d, p = np.empty(len(o), dtype), np.empty_like(o), np.empty_like(o)
    for first in range(0, len(o), LOSS_ROWS):
        here = slice(first, first + LOSS_ROWS)
        blocks = [beside(rows[here]) for rows in (o, y, d, p)]
        found = np.empty(LOSS_ROWS, dtype)
        _loss_and_grad(LOSS[name], settings, o.shape[1], *blocks, found, np.empty(SCRATCH, dtype))
        count = len(o[here])
        each[here], d[here], p[here] = (found[:count], *(below(block, count) for block in blocks[2:]))
    with np.errstate(all="ignore"):
        expected, slope = loss.per_sample(o, y, **loss.settings), loss.derivative(o, y, **loss.settings)
    finite = np.isfinite(expected) & np.isfinite(slope).all(axis=1)
    assert finite.any()
    same(expected[finite], each[finite], dtype, 10)
    same(slope[finite], d[finite], dtype)
    if loss.link:
        with np.errstate(all="ignore"):
            same(ACTIVATIONS[loss.link].function(o), p, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("name", SCORE)
def test_every_score_is_the_networks(name: str, k: int, dtype: str) -> None:
    rng = np.random.default_rng(0)
    a, y = (np.round(rng.random((LOSS_ROWS, k)), 1).astype(dtype) for _ in range(2))  # some equal, some at ½
    each = np.empty(LOSS_ROWS, dtype)
    _score(SCORE[name], k, beside(a), beside(y), each, np.empty(SCRATCH, dtype))
    expected = getattr(scores, name)(a, y)
    np.testing.assert_allclose(each, expected.astype(dtype), rtol=1e-6)


def test_a_metric_is_known_by_its_function_and_where_the_truth_fits() -> None:
    classes, columns = np.arange(3), np.zeros((3, 4))
    for metric in METRICS.values():
        assert score_code(metric.per_sample, columns, 4) == SCORE[metric.per_sample.__name__]
    assert score_code(accuracy_per_sample, classes, 4) == SCORE["accuracy_per_sample"]
    assert (
        score_code(accuracy_per_sample, classes, 1)
        == score_code(accuracy_per_sample, classes * 1.0, 1)
        == SCORE["accuracy_per_sample"]
    )
    assert score_code(squared_error_per_sample, classes * 1.0, 1) == SCORE["squared_error_per_sample"]
    assert score_code(squared_error_per_sample, columns[:, :1], 4) == NO_SCORE
    assert score_code(accuracy_per_sample, columns[:, :1], 4) == NO_SCORE
    assert score_code(accuracy_per_sample, classes * 1.0, 4) == NO_SCORE
    assert score_code(squared_error_per_sample, classes, 4) == NO_SCORE
    assert score_code(lambda output, y: output[:, 0], columns, 4) == NO_SCORE

    def right_too(output, y):
        return accuracy_per_sample(output, y)

    right_too.__name__ = "accuracy_per_sample"
    assert score_code(right_too, columns, 4) == NO_SCORE


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name not in ("lars", "lamb")])
def test_every_direction_is_the_networks(name: str) -> None:
    """LARS and LAMB look at whole arrays besides: `test_agreement` holds them."""
    rule, rng, n = OPTIMIZERS[name], np.random.default_rng(0), 40
    w, steps = rng.standard_normal(n), 6
    state, product = rule.init(w), 1.0
    numbers, product = step_constants(rule, np.full(steps, 0.1), 0, product)
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
    assert product == pytest.approx(state.scalars.get("product", 1.0), rel=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_numbers_of_a_rule_do_not_depend_on_the_pieces_that_they_are_made_in(name: str) -> None:
    rule, rates = OPTIMIZERS[name], np.linspace(1, 2, 9)
    whole, product = step_constants(rule, rates, 5, 0.9)
    first, between = step_constants(rule, rates[:4], 5, 0.9)
    rest, end = step_constants(rule, rates[4:], 9, between)
    np.testing.assert_allclose(np.concatenate([first, rest]), whole, rtol=1e-14)
    assert end == pytest.approx(product, rel=1e-14)


@pytest.mark.parametrize("key", [0, 1, 0xDEADBEEF, 2**32 - 1])
def test_the_random_bits_of_dropout_are_the_networks(key: int) -> None:
    assert np.array_equal(_random_bits(np.uint32(key), 5000), random_bits(np.uint32(key), 5000))


def test_the_tables_give_every_entry_a_number_of_its_own() -> None:
    for numbers, table in ((ACTIVATION, ACTIVATIONS), (LOSS, LOSSES)):
        assert set(numbers) == set(table)
    assert set(RULE) == {rule.direction.__name__ for rule in OPTIMIZERS.values()}
    assert set(SCORE) == {metric.per_sample.__name__ for metric in METRICS.values()}
    for numbers in (ACTIVATION, LOSS, RULE, SCORE):
        assert all(one != other for one, other in itertools.combinations(numbers.values(), 2))

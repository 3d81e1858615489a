"""Losses: values and gradients against PyTorch and the formulas, weights, labels, and large inputs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassnet import InputError
from glassnet.network.activations import ACTIVATIONS
from glassnet.network.losses import CLASSIFICATION, LOSSES, Loss, find_loss

every = pytest.mark.parametrize("name", LOSSES)


def focal(torch, o, y):
    log_p = torch.log_softmax(o, -1)
    return -(y * (1 - log_p.exp()) ** 2 * log_p).sum(-1)


def pinball(torch, o, y):
    e = y - o
    return torch.maximum(0.5 * e, -0.5 * e).mean(-1)


def softmax_entropy(torch, o, y):
    return torch.nn.functional.cross_entropy(o, y, reduction="none")


def sigmoid_entropy(torch, o, y):
    return torch.nn.functional.binary_cross_entropy_with_logits(o, y, reduction="none").sum(-1)


TORCH = {
    "half_mean_squared_error": lambda torch, o, y: torch.nn.functional.mse_loss(o, y, reduction="none").mean(-1) / 2,
    "mean_absolute_error": lambda torch, o, y: torch.nn.functional.l1_loss(o, y, reduction="none").mean(-1),
    "huber": lambda torch, o, y: torch.nn.functional.huber_loss(o, y, reduction="none").mean(-1),
    "log_cosh": lambda torch, o, y: torch.log(torch.cosh(o - y)).mean(-1),
    "pinball": pinball,
    "poisson": lambda torch, o, y: torch.nn.functional.poisson_nll_loss(o, y, reduction="none").mean(-1),
    "binary_crossentropy": sigmoid_entropy,
    "categorical_crossentropy": softmax_entropy,
    "focal": focal,
    "hinge": lambda torch, o, y: torch.relu(1 - (2 * y - 1) * o).mean(-1),
}


def outputs_and_truth(name: str, rows: int = 12, k: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    o = 2 * rng.standard_normal((rows, k))
    if name in CLASSIFICATION:
        return o, np.eye(k)[rng.integers(k, size=rows)]
    return o, rng.poisson(2, (rows, k)).astype(float)


@every
def test_values_and_gradients_are_pytorchs(name: str) -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    o, y = outputs_and_truth(name)
    w = np.random.default_rng(0).random(len(o))
    for weights in (None, w):
        tensor = torch.from_numpy(o.copy()).requires_grad_()
        each = TORCH[name](torch, tensor, torch.from_numpy(y))
        expected = each.mean() if weights is None else (each * torch.from_numpy(w)).sum() / w.sum()
        expected.backward()
        assert LOSSES[name].mean(o, y, weights) == pytest.approx(expected.item(), rel=1e-12)
        np.testing.assert_allclose(LOSSES[name].gradient(o, y, weights), tensor.grad.numpy(), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("epsilon", [0.1, 0.5])
def test_label_smoothing_is_pytorchs(epsilon: float) -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    o, y = outputs_and_truth("categorical_crossentropy")
    tensor = torch.from_numpy(o.copy()).requires_grad_()
    expected = torch.nn.functional.cross_entropy(tensor, torch.from_numpy(y), label_smoothing=epsilon)
    expected.backward()
    smooth = find_loss("categorical_crossentropy", label_smoothing=epsilon)
    assert smooth.mean(o, y) == pytest.approx(expected.item(), rel=1e-12)
    np.testing.assert_allclose(smooth.gradient(o, y), tensor.grad.numpy(), rtol=1e-10)


def test_binary_label_smoothing_moves_the_truth_towards_a_half() -> None:
    o, y = outputs_and_truth("binary_crossentropy")
    smooth = find_loss("binary_crossentropy", label_smoothing=0.2)
    plain = LOSSES["binary_crossentropy"]
    assert smooth.mean(o, y) == pytest.approx(plain.mean(o, 0.8 * y + 0.1))


def test_the_settings_change_the_formula() -> None:
    o = np.array([[3.0]])
    y = np.array([[0.0]])
    assert find_loss("huber", delta=2.0).mean(o, y) == 2 * (3 - 1)
    assert find_loss("pinball", quantiles=(0.9,)).mean(o, y) == pytest.approx(0.1 * 3)
    assert find_loss("pinball", quantiles=(0.9,)).mean(y, o) == pytest.approx(0.9 * 3)
    logits = np.array([[0.0, np.log(3)]])
    truth = np.array([[0.0, 1.0]])
    assert find_loss("focal", gamma=0.0).mean(logits, truth) == pytest.approx(-np.log(0.75))
    assert find_loss("focal", gamma=3.0).mean(logits, truth) == pytest.approx(-(0.25**3) * np.log(0.75))


def test_quantiles_are_found_by_pinball() -> None:
    """The constant with the least pinball loss is the quantile; one column of truth serves all of them."""
    y = np.random.default_rng(0).exponential(size=(2001, 1))
    loss = find_loss("pinball", quantiles=(0.1, 0.5, 0.9))
    best = np.quantile(y, [0.1, 0.5, 0.9])
    slope = loss.gradient(np.tile(best, (2001, 1)), y).sum(axis=0)
    np.testing.assert_allclose(slope, 0, atol=1e-3)


@every
@settings(max_examples=25, deadline=None)
@given(counts=st.lists(st.integers(0, 4), min_size=3, max_size=8).filter(any), dtype=st.sampled_from(["f", "d"]))
def test_a_weight_is_as_good_as_repeating_the_row(name: str, counts: list[int], dtype: str) -> None:
    o, y = (array.astype(dtype) for array in outputs_and_truth(name, rows=len(counts)))
    loss = LOSSES[name]
    w = np.array(counts, dtype)
    repeated = np.repeat(o, counts, axis=0), np.repeat(y, counts, axis=0)
    assert loss.mean(o, y, w) == pytest.approx(loss.mean(*repeated), rel=1e-5)
    gradient = loss.gradient(o, y, w)
    assert gradient.dtype == np.dtype(dtype)
    each = loss.gradient(*repeated)
    for row, first in enumerate(np.cumsum([0, *counts[:-1]])):
        expected = each[first : first + counts[row]].sum(axis=0)
        np.testing.assert_allclose(gradient[row], expected, rtol=1e-4, atol=1e-7)


@every
def test_rows_without_weight_do_not_count(name: str) -> None:
    o, y = outputs_and_truth(name)
    w = np.array([1.0, 0] * 6)
    assert LOSSES[name].mean(o, y, w) == pytest.approx(LOSSES[name].mean(o[::2], y[::2]))
    assert not LOSSES[name].gradient(o, y, w)[1::2].any()
    assert LOSSES[name].mean(o, y, 0 * w) == 0
    assert not LOSSES[name].gradient(o, y, 0 * w).any()


@every
def test_a_single_sample_is_a_batch_of_one(name: str) -> None:
    o, y = outputs_and_truth(name)
    assert LOSSES[name].mean(o[0], y[0]) == pytest.approx(LOSSES[name].mean(o[:1], y[:1]))
    np.testing.assert_allclose(LOSSES[name].gradient(o[0], y[0]), LOSSES[name].gradient(o[:1], y[:1])[0])


@every
@pytest.mark.parametrize("rows", [12, 40])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_loss_and_gradient_at_once_are_those_one_by_one(name: str, rows: int, smoothing: float) -> None:
    loss = LOSSES[name]
    (o, y) = outputs_and_truth(name, rows)
    if smoothing:
        if "label_smoothing" not in loss.settings:
            return
        loss = loss.with_settings(label_smoothing=smoothing)
    for w in (None, np.random.default_rng(1).random(rows)):
        a = np.full_like(o, np.nan)
        value, gradient = loss.mean_and_gradient(o, y, w, a)
        assert value == loss.mean(o, y, w)
        np.testing.assert_array_equal(gradient, loss.gradient(o, y, w))
        if loss.value_and_grad is not None:
            np.testing.assert_array_equal(a, ACTIVATIONS[loss.link].function(o))


@pytest.mark.parametrize("name", CLASSIFICATION)
@pytest.mark.parametrize("k", [4, 70])
def test_whole_numbers_name_the_class(name: str, k: int) -> None:
    o, y = outputs_and_truth(name, k=k)
    numbers = y.argmax(axis=1)
    assert LOSSES[name].mean(o, numbers) == LOSSES[name].mean(o, y)
    np.testing.assert_array_equal(LOSSES[name].gradient(o, numbers), LOSSES[name].gradient(o, y))


@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_out_all_is_finite_and_silent(name: str, dtype: type) -> None:
    o = np.array([[-1e4, 0, 1e4], [1e4, -1e4, 0]], dtype)
    if LOSSES[name].link == "exponential":
        o = np.array([[-1e4, 0, 80], [80, -1e4, 0]], dtype)  # the logarithm of a count
    y = np.array([[1, 0, 0], [1, 0, 0]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        value = LOSSES[name].mean(o, y)
        gradient = LOSSES[name].gradient(o, y)
    assert np.isfinite(value) and np.isfinite(gradient).all()
    assert gradient.dtype == dtype


@every
def test_a_perfect_answer_costs_nothing_more(name: str) -> None:
    """The loss is least, and its slope about 0, where the output says what is true."""
    y = np.eye(3)
    answers = {"exponential": np.log(np.maximum(y, 1e-30)), "softmax": 1e3 * y, "sigmoid": 1e3 * (2 * y - 1)}
    o = answers.get(LOSSES[name].link, 2 * y - 1 if name == "hinge" else y)
    np.testing.assert_allclose(LOSSES[name].gradient(o, y), 0, atol=1e-12)
    worse = o + np.random.default_rng(0).uniform(-0.5, 0.5, o.shape)
    assert LOSSES[name].mean(worse, y) >= LOSSES[name].mean(o, y)


def test_unknown_names_settings_and_shapes_are_refused() -> None:
    with pytest.raises(InputError, match="loss 'hubber' is not known; did you mean 'huber'"):
        find_loss("hubber")
    with pytest.raises(InputError, match="loss 'huber' has no setting 'gamma'; it has: delta"):
        find_loss("huber", gamma=1)
    with pytest.raises(InputError, match="loss 'log_cosh' has no setting 'delta'; it has: none"):
        LOSSES["log_cosh"].with_settings(delta=1)
    with pytest.raises(InputError, match=r"the target has shape \(2, 2\) and the output \(2, 3\)"):
        LOSSES["huber"].mean(np.zeros((2, 3)), np.zeros((2, 2)))


def test_a_custom_loss_needs_two_functions() -> None:
    quartic = Loss("quartic", lambda o, y: np.sum((o - y) ** 4, axis=-1), lambda o, y: 4 * (o - y) ** 3)
    assert quartic.mean(np.array([[2.0], [1.0]]), np.zeros((2, 1))) == 8.5
    assert repr(find_loss("huber")) == "Loss('huber', delta=1.0)"

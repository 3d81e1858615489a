"""Schedules: every step compared with PyTorch."""

import math

import numpy as np
import pytest

from glassnet import InputError
from glassnet.network.schedules import SCHEDULES, ReduceOnPlateau, find_schedule

TOTAL = 60


def pytorchs(torch, make, steps: int = TOTAL) -> list[float]:
    """Return the factors of a torch.optim.lr_scheduler, one step at a time."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = make(torch.optim.lr_scheduler, optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize(
    ("name", "settings", "make"),
    [
        ("constant", {}, lambda s, o: s.ConstantLR(o, factor=1.0)),
        ("inverse_scaling", {"power": 0.7}, lambda s, o: s.LambdaLR(o, lambda t: (t + 1) ** -0.7)),
        ("step", {"step_size": 7, "gamma": 0.3}, lambda s, o: s.StepLR(o, 7, 0.3)),
        ("exponential", {"gamma": 0.9}, lambda s, o: s.ExponentialLR(o, 0.9)),
        ("polynomial", {"power": 2.0}, lambda s, o: s.PolynomialLR(o, TOTAL, 2.0)),
        ("cosine", {}, lambda s, o: s.CosineAnnealingLR(o, TOTAL)),
        ("cosine", {"t_0": 10}, lambda s, o: s.CosineAnnealingWarmRestarts(o, 10)),
        ("cosine", {"t_0": 5, "t_mult": 2, "eta_min": 0.1}, lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, 2, 0.1)),
        ("one_cycle", {}, lambda s, o: s.OneCycleLR(o, 1.0, TOTAL)),
        (
            "one_cycle",
            {"pct_start": 0.4, "div_factor": 10, "final_div_factor": 100},
            lambda s, o: s.OneCycleLR(o, 1.0, TOTAL, pct_start=0.4, div_factor=10, final_div_factor=100),
        ),
    ],
)
def test_every_step_is_pytorchs(name: str, settings: dict, make) -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    factors = find_schedule(name, **settings).factors(0, TOTAL, 1, TOTAL)
    np.testing.assert_allclose(factors, pytorchs(torch, make), rtol=1e-10, atol=1e-12)


def test_reduce_on_plateau_is_pytorchs() -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    losses = [1.0, 0.9, 0.95, 0.95, 0.91, 0.9, 0.9, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.4999999, 0.6] * 4
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    torch_plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=2, min_lr=0.01)
    plateau = ReduceOnPlateau(factor=0.5, patience=2, min_factor=0.01)
    for loss in losses:
        torch_plateau.step(loss)
        assert plateau.step(loss) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-10)
    assert plateau.scale < 0.1


def test_flat_cosine_is_flat_and_then_half_a_cosine() -> None:
    factors = find_schedule("flat_cosine", pct_start=0.5).factors(0, TOTAL, 10, TOTAL)
    expected = [1.0] * 30 + [(1 + math.cos(math.pi * t / 30)) / 2 for t in range(30)]
    np.testing.assert_allclose(factors, expected, rtol=1e-12)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_warm_up_goes_in_front_of_any(name: str) -> None:
    warm = find_schedule(name, warmup=2).factors(0, TOTAL, 5, TOTAL)
    np.testing.assert_allclose(warm[:10], np.arange(1, 11) / 11)
    np.testing.assert_allclose(warm[10:], SCHEDULES[name].factors(0, TOTAL - 10, 5, TOTAL - 10))


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("total", [1, 2, 3, 17])
def test_every_factor_is_between_nought_and_one_however_short_the_training(name: str, total: int) -> None:
    factors = SCHEDULES[name].factors(0, total, 1, total)
    assert factors.shape == (total,) and np.all((factors >= 0) & (factors <= 1))
    assert np.array_equal(factors[1:], SCHEDULES[name].factors(1, total - 1, 1, total))


def test_lengths_are_in_epochs() -> None:
    factors = find_schedule("step", step_size=2, gamma=0.5).factors(0, 12, 3, 12)
    np.testing.assert_array_equal(factors, [1] * 6 + [0.5] * 6)


def test_unknown_names_and_settings_are_refused() -> None:
    with pytest.raises(InputError, match="schedule 'onecycle' is not known; did you mean 'one_cycle'"):
        find_schedule("onecycle")
    with pytest.raises(InputError, match="schedule 'step' has no setting 'decay'; it has: step_size, gamma, warmup"):
        find_schedule("step", decay=0.1)
    assert repr(find_schedule("polynomial")) == "Schedule('polynomial', power=1.0)"

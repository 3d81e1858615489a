"""Schedules: the learning rate over time, as a factor of the base rate.

Each is a function of the step t = 0, 1, …, the number of steps in an epoch and in the whole training. Settings that are
durations are in epochs. A linear warm-up can precede each schedule, and `ReduceOnPlateau` lowers the rate
when the loss has stopped falling. Formulas and settings are PyTorch's where it has the schedule.
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
from glassnet.errors import InputError
from glassnet.network.setting_constraints import SCHEDULE_SETTINGS


@dataclass(frozen=True)
class Schedule:
    """A factor of the learning rate for every step.

    Parameters
    ----------
    name : str
        Its name in `SCHEDULES`.
    factor : callable
        ``factor(t, per_epoch, total, **settings) -> float``.
    settings : mapping
        Hyperparameters.
    warmup : float
        Epochs of linear warm-up from nearly 0, before the schedule.
    spans_training : bool
        Whether the factor depends on the number of steps in the whole training.
    """

    name: str
    factor: Callable[..., float]
    settings: Mapping[str, Any] = field(default_factory=dict)
    warmup: float = 0.0
    spans_training: bool = False

    @property
    def needs_total_steps(self) -> bool:
        """Whether it depends on the length of the training; a cosine with a period ``t_0`` does not."""
        return self.spans_training and not self.settings.get("t_0")

    def __repr__(self) -> str:
        return f"Schedule({self.name!r}{''.join(f', {k}={v!r}' for k, v in self.settings.items())})"

    def factors(self, first: int, count: int, per_epoch: int, total: int) -> Array:
        """Return the factors of the steps first … first + count - 1, float64 (count,).

        Parameters
        ----------
        first : int
            The number of steps taken before.
        count : int
            The number of factors.
        per_epoch, total : int
            Steps in an epoch and in the whole training, with the warm-up.
        """
        warmup_steps = round(self.warmup * per_epoch)
        return np.array(
            [
                (t + 1) / (warmup_steps + 1)
                if t < warmup_steps
                else self.factor(t - warmup_steps, per_epoch, max(total - warmup_steps, 1), **self.settings)
                for t in range(first, first + count)
            ]
        )

    def with_settings(self, warmup: float | None = None, **settings: Any) -> Schedule:
        """Return the same schedule with other settings.

        Raises
        ------
        InputError
            If it has no such setting, or one is of another kind.
        """
        epochs = self.warmup if warmup is None else warmup
        check_settings(
            {**settings, "warmup": epochs},
            {**self.settings, "warmup": 0.0},
            f"schedule {self.name!r}",
            SCHEDULE_SETTINGS,
        )
        return replace(self, settings={**self.settings, **settings}, warmup=epochs)


def constant(t: int, per_epoch: int, total: int) -> float:
    """1."""
    return 1.0


def inverse_scaling(t: int, per_epoch: int, total: int, *, power: float) -> float:
    """1 / (t + 1)^power."""
    return _power(t + 1, -power)


def step(t: int, per_epoch: int, total: int, *, step_size: int, gamma: float) -> float:
    """gamma^⌊epoch / step_size⌋."""
    return _power(gamma, t // per_epoch // step_size)


def exponential(t: int, per_epoch: int, total: int, *, gamma: float) -> float:
    """gamma^epoch, the epoch a whole number."""
    return _power(gamma, t // per_epoch)


def polynomial(t: int, per_epoch: int, total: int, *, power: float) -> float:
    """(1 - t / total)^power."""
    return _power(1 - min(t, total) / total, power)


def cosine(t: int, per_epoch: int, total: int, *, t_0: float, t_mult: int, eta_min: float) -> float:
    """From 1 to ``eta_min`` by half a cosine, again in each period, each ``t_mult`` times as long as the one before.

    ``t_0`` is the length of the first period in epochs; 0 makes the whole training one period. SGDR, Loshchilov &
    Hutter 2016 (arXiv:1608.03983).
    """
    length = t_0 * per_epoch or total
    if t_0 and length < 1:  # a period within a step
        raise InputError(
            f"schedule 'cosine' has t_0 {t_0}; it must be at least one of the {per_epoch} steps of an epoch"
        )
    elapsed = float(t)
    if t_0 and t_mult == 1:
        elapsed = math.fmod(elapsed, length)
    while elapsed >= length and t_0:  # each period is at least twice as long as the one before
        elapsed -= length
        length *= t_mult
    return eta_min + (1 - eta_min) * (1 + math.cos(math.pi * min(elapsed / length, 1.0))) / 2


def one_cycle(
    t: int, per_epoch: int, total: int, *, pct_start: float, div_factor: float, final_div_factor: float
) -> float:
    """From 1 / div_factor to 1 in the share ``pct_start`` of the steps, then to 1 / (div_factor · final_div_factor).

    Both parts follow half a cosine. Smith & Topin 2017 (arXiv:1708.07120), with the settings of PyTorch's OneCycleLR.
    """
    start = 1 / div_factor
    end = 1 / (div_factor * final_div_factor)
    top = pct_start * total - 1
    last = total - 1
    if t <= top:
        return _half_cosine(start, 1.0, t / top if top > 0 else 1.0)
    return _half_cosine(1.0, end, min((t - top) / (last - top), 1.0) if last > top else 1.0)


def flat_cosine(t: int, per_epoch: int, total: int, *, pct_start: float) -> float:
    """1 for the share ``pct_start`` of the steps, then down to 0 by half a cosine (Howard's fit_flat_cos, fastai)."""
    down = pct_start * total
    return 1.0 if t < down else _half_cosine(1.0, 0.0, min((t - down) / max(total - down, 1), 1.0))


def _power(base: float, exponent: float) -> float:
    """base^exponent, infinity where that is too large: a rate at which a training diverges, with a message."""
    try:
        return float(base**exponent)
    except OverflowError:
        return math.inf


def _half_cosine(start: float, end: float, fraction: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * fraction)) / 2


SCHEDULES: dict[str, Schedule] = {
    schedule.name: schedule
    for schedule in (
        Schedule("constant", constant),
        Schedule("inverse_scaling", inverse_scaling, {"power": 0.5}),
        Schedule("step", step, {"step_size": 10, "gamma": 0.1}),
        Schedule("exponential", exponential, {"gamma": 0.95}),
        Schedule("polynomial", polynomial, {"power": 1.0}, spans_training=True),
        Schedule("cosine", cosine, {"t_0": 0, "t_mult": 1, "eta_min": 0.0}, spans_training=True),
        Schedule(
            "one_cycle",
            one_cycle,
            {"pct_start": 0.3, "div_factor": 25.0, "final_div_factor": 10000.0},
            spans_training=True,
        ),
        Schedule("flat_cosine", flat_cosine, {"pct_start": 0.72}, spans_training=True),
    )
}


def find_schedule(schedule: str | Schedule, **settings: Any) -> Schedule:
    """Return the schedule with this name and these settings.

    Raises
    ------
    InputError
        If there is no such schedule or it has no such setting.
    """
    found = schedule if isinstance(schedule, Schedule) else lookup(SCHEDULES, schedule, "schedule")
    return found.with_settings(**settings)


@dataclass
class ReduceOnPlateau:
    """Reduce the learning rate when the loss has stopped falling, as PyTorch's ReduceLROnPlateau.

    Parameters
    ----------
    factor : float
        The factor of the rate at each reduction.
    patience : int
        Number of epochs without improvement before reducing the rate.
    threshold : float
        A loss below (1 - threshold) · best is an improvement.
    min_factor : float
        The lower bound of ``scale``.
    scale : float
        The product of all factors so far.
    best : float
        The lowest loss so far.
    num_bad_epochs : int
        Epochs without improvement since the best one or the last reduction.
    """

    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    min_factor: float = 0.0
    scale: float = 1.0
    best: float = math.inf
    num_bad_epochs: int = 0

    def step(self, loss: float) -> float:
        """Take an epoch's loss into account and return the scale of the rate for the next epoch."""
        if loss < self.best * (1 - self.threshold):
            self.best = loss
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.num_bad_epochs > self.patience:
            self.scale = max(self.scale * self.factor, self.min_factor)
            self.num_bad_epochs = 0
        return self.scale

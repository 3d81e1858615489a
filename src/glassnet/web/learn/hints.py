"""Detect common training problems, each with the numbers that show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from glassnet.training import Epoch
from glassnet.web.learn.diagnostics import LayerDiagnostics

#: The loss is increasing if it exceeds its minimum by this factor in two successive epochs.
INCREASE = 1.25
#: Share of the hidden units that may be dead.
MAX_DEAD = 0.4
#: Overfitting: the validation loss has exceeded its minimum by this factor for this number of epochs, while the
#: training loss has kept falling.
OVERFIT = 1.2
OVERFIT_EPOCHS = 5
#: No overfitting hint if the validation accuracy is above this, whatever the loss.
GOOD_ACCURACY = 0.95
#: Plateau: the loss has changed by less than this share over this number of epochs.
PLATEAU = 0.01
PLATEAU_EPOCHS = 10
#: Share of saturated units above which saturation is the reason of a plateau.
MAX_SATURATED = 0.5
#: Training is considered successful above this accuracy or R²: a plateau is then expected.
SOLVED = 0.9
#: Ratio of update to weights below which the learning rate is too low.
MIN_UPDATE_RATIO = 1e-3
#: Ratio to the first epoch's gradient norm below which the gradient has vanished.
MIN_GRADIENT_RATIO = 1e-3


@dataclass(frozen=True)
class Hint:
    """A detected problem.

    Parameters
    ----------
    code : str
        The page has a text ``learn.hint.<code>`` for it.
    evidence : dict
        Values for the placeholders of that text.
    """

    code: str
    evidence: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"code": self.code, "evidence": self.evidence}


def find_hints(
    history: Sequence[Epoch], layers: Sequence[LayerDiagnostics], stop_reason: str, rate: float | None
) -> list[Hint]:
    """Return the detected problems.

    Parameters
    ----------
    history : sequence of Epoch
        The epochs so far.
    layers : sequence of LayerDiagnostics
        The current state of the layers.
    stop_reason : str
        Why the training ended, or "".
    rate : float, optional
        The learning rate of the settings; None if the optimizer has none.
    """
    found = []
    if stop_reason == "diverged":
        found.append(Hint("diverged", {"rate": rate}))
    else:
        found += _loss_increasing(history, rate)
    found += _dead_units(layers)
    found += _plateau(history, layers, rate)
    if not found:
        found += _overfitting(history)
    return found


def _loss_increasing(history: Sequence[Epoch], rate: float | None) -> list[Hint]:
    if len(history) < 3 or rate is None:
        return []
    best = min(history, key=lambda epoch: epoch.loss)
    if min(history[-1].loss, history[-2].loss) <= INCREASE * best.loss or best.epoch >= history[-2].epoch:
        return []
    if _is_solved(history):  # small oscillations near the minimum
        return []
    evidence = {"best": best.loss, "best_epoch": best.epoch, "now": history[-1].loss, "epoch": len(history)}
    return [Hint("loss_increasing", evidence | {"rate": rate})]


def _dead_units(layers: Sequence[LayerDiagnostics]) -> list[Hint]:
    hidden = layers[:-1]
    units = sum(layer.units for layer in hidden)
    dead = sum(layer.dead for layer in hidden)
    if not units or dead < MAX_DEAD * units:
        return []
    worst = max(range(len(hidden)), key=lambda index: hidden[index].dead / hidden[index].units)
    evidence = {"dead": dead, "units": units, "share": dead / units, "layer": worst + 1}
    return [Hint("dead_units", evidence | {"layer_dead": hidden[worst].dead, "layer_units": hidden[worst].units})]


def _plateau(history: Sequence[Epoch], layers: Sequence[LayerDiagnostics], rate: float | None) -> list[Hint]:
    if len(history) < PLATEAU_EPOCHS:
        return []
    before = history[-PLATEAU_EPOCHS].loss
    now = history[-1].loss
    warming_up = history[-1].learning_rate > history[-2].learning_rate
    if abs(before - now) > PLATEAU * abs(before) or _is_solved(history) or warming_up:
        return []
    units = sum(layer.units for layer in layers[:-1])
    saturated = sum(layer.saturated for layer in layers[:-1])
    update_ratio = max((layer.update / layer.weights for layer in layers if layer.weights), default=0.0)
    evidence = {"epochs": PLATEAU_EPOCHS, "before": before, "now": now, "update_ratio": update_ratio, "rate": rate}
    if units and saturated >= MAX_SATURATED * units:
        return [Hint("saturated", evidence | {"saturated": saturated, "units": units})]
    if _gradient_vanished(history, layers):
        return [Hint("vanishing_gradient", evidence | {"gradient": max(layer.gradient for layer in layers)})]
    if rate is not None and update_ratio < MIN_UPDATE_RATIO:
        return [Hint("learning_rate_too_low", evidence)]
    return [Hint("plateau", evidence)]


def _is_solved(history: Sequence[Epoch]) -> bool:
    return (history[-1].metric or 0.0) > SOLVED


def _gradient_vanished(history: Sequence[Epoch], layers: Sequence[LayerDiagnostics]) -> bool:
    return max(layer.gradient for layer in layers) < MIN_GRADIENT_RATIO * max(history[0].gradient_norm, 1e-6)


def _overfitting(history: Sequence[Epoch]) -> list[Hint]:
    evaluated = [(epoch, epoch.validation_loss) for epoch in history if epoch.validation_loss is not None]
    if len(evaluated) <= OVERFIT_EPOCHS:
        return []
    best, lowest = min(evaluated, key=lambda pair: pair[1])
    now, loss = evaluated[-1]
    recent = [value for _, value in evaluated[-OVERFIT_EPOCHS:]]
    if min(recent) <= OVERFIT * lowest or now.loss >= best.loss or loss <= OVERFIT * now.loss:
        return []
    if (now.validation_metric or 0.0) > GOOD_ACCURACY:
        return []
    evidence = {"best": lowest, "best_epoch": best.epoch, "now": loss, "training": now.loss, "epoch": now.epoch}
    return [Hint("overfitting", evidence)]

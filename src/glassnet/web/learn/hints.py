"""What is off, said plainly, each with its evidence: the numbers that it was seen by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from glassnet.training import Epoch
from glassnet.web.learn.diagnostics import LayerHealth

#: The loss has risen if it is above its lowest by this factor, two epochs in a row.
RISEN = 1.25
#: Share of the units of the hidden layers that may be dead.
MAX_DEAD = 0.4
#: Validation has parted from training if its loss is above its best by this factor, and has been for so many epochs,
#: while the training loss has gone on falling.
PARTED, PARTED_EPOCHS = 1.2, 5
#: With such an accuracy on validation rows nobody need worry, whatever the loss does.
FINE = 0.95
#: Nothing moves if after so many epochs the loss has changed by less than this share of what it was.
STILL, STILL_EPOCHS = 0.01, 10
#: Share of the units that are saturated where saturation is why nothing moves.
MAX_SATURATED = 0.5
#: With an accuracy, or an R², like this it has been learned: small changes then mean that little is left to do.
LEARNED = 0.9


@dataclass(frozen=True)
class Hint:
    """One thing that is off.

    Parameters
    ----------
    code : str
        The page has a text ``learn.hint.<code>`` for it.
    evidence : dict
        What that text puts in.
    """

    code: str
    evidence: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"code": self.code, "evidence": self.evidence}


def hints(history: Sequence[Epoch], layers: Sequence[LayerHealth], stop_reason: str, rate: float | None) -> list[Hint]:
    """Return what is off.

    Parameters
    ----------
    history : sequence of Epoch
        So far.
    layers : sequence of LayerHealth
        As they are now.
    stop_reason : str
        Why the training ended, if it did.
    rate : float, optional
        The learning rate that was asked for; None where the optimizer chooses its steps.
    """
    found = []
    if stop_reason == "diverged":
        found.append(Hint("diverged", {"rate": rate}))
    else:
        found += _loss_rises(history, rate)
    found += _dead_units(layers)
    found += _nothing_moves(history, layers, rate)
    if not found:
        found += _validation_parts(history)
    return found


def _loss_rises(history: Sequence[Epoch], rate: float | None) -> list[Hint]:
    if len(history) < 3 or rate is None:
        return []
    best = min(history, key=lambda epoch: epoch.loss)
    if min(history[-1].loss, history[-2].loss) <= RISEN * best.loss or best.epoch >= history[-2].epoch:
        return []
    if _learned(history):  # it hops about near the bottom
        return []
    evidence = {"best": best.loss, "best_epoch": best.epoch, "now": history[-1].loss, "epoch": len(history)}
    return [Hint("loss_rises", evidence | {"rate": rate})]


def _dead_units(layers: Sequence[LayerHealth]) -> list[Hint]:
    hidden = layers[:-1]
    units, dead = sum(layer.units for layer in hidden), sum(layer.dead for layer in hidden)
    if not units or dead < MAX_DEAD * units:
        return []
    worst = max(range(len(hidden)), key=lambda place: hidden[place].dead / hidden[place].units)
    evidence = {"dead": dead, "units": units, "layer": worst + 1, "share": dead / units}
    return [Hint("dead_units", evidence | {"of_layer": hidden[worst].dead, "layer_units": hidden[worst].units})]


def _nothing_moves(history: Sequence[Epoch], layers: Sequence[LayerHealth], rate: float | None) -> list[Hint]:
    if len(history) < STILL_EPOCHS:
        return []
    then, now = history[-STILL_EPOCHS].loss, history[-1].loss
    rising = history[-1].learning_rate > history[-2].learning_rate  # the schedule has only begun
    if abs(then - now) > STILL * abs(then) or _learned(history) or rising:
        return []
    units = sum(layer.units for layer in layers[:-1])
    saturated = sum(layer.saturated for layer in layers[:-1])
    moved = max((layer.update / layer.weights for layer in layers if layer.weights), default=0.0)
    evidence = {"epochs": STILL_EPOCHS, "before": then, "now": now, "moved": moved, "rate": rate}
    if units and saturated >= MAX_SATURATED * units:
        return [Hint("saturated", evidence | {"saturated": saturated, "units": units})]
    if _outputs_flat(history, layers):
        return [Hint("no_gradient", evidence | {"gradient": max(layer.gradient for layer in layers)})]
    if rate is not None and moved < 1e-3:
        return [Hint("rate_too_low", evidence)]
    return [Hint("stuck", evidence)]


def _learned(history: Sequence[Epoch]) -> bool:
    return (history[-1].metric or 0.0) > LEARNED


def _outputs_flat(history: Sequence[Epoch], layers: Sequence[LayerHealth]) -> bool:
    """Say whether hardly any gradient is left, though the loss is still what it was."""
    return max(layer.gradient for layer in layers) < 1e-3 * max(history[0].gradient_norm, 1e-6)


def _validation_parts(history: Sequence[Epoch]) -> list[Hint]:
    judged = [(epoch, epoch.validation_loss) for epoch in history if epoch.validation_loss is not None]
    if len(judged) <= PARTED_EPOCHS:
        return []
    (best, least), (now, loss) = min(judged, key=lambda pair: pair[1]), judged[-1]
    recent = [value for _, value in judged[-PARTED_EPOCHS:]]
    if min(recent) <= PARTED * least or now.loss >= best.loss or loss <= PARTED * now.loss:
        return []
    if (now.validation_metric or 0.0) > FINE:
        return []
    evidence = {"best": least, "best_epoch": best.epoch, "now": loss, "training": now.loss, "epoch": now.epoch}
    return [Hint("validation_parts", evidence)]

"""The reference engine: the seven steps called in order, in NumPy. It is the definition of what training computes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.engines.interface import (
    Combine,
    EpochAccumulator,
    EpochMetrics,
    Objective,
    OnBatch,
    Pause,
    RowMetric,
    Rows,
    UpdateRule,
    Weights,
    numbers,
    rows_at_once,
)
from glassnet.network.backward import backward, loss_and_output_gradient, loss_computes_output, penalty
from glassnet.network.forward import dropout_masks, forward
from glassnet.network.optimizers import apply_max_norm, clip_gradient, update, update_ema

#: Rows that go forward at once where nothing is learned: their activations stay in the cache of a core.
ROWS_AT_ONCE = 1024
#: Rows whose gradients are computed at once where all are wanted: few products, and no array as long as the data.
GRADIENTS_AT_ONCE = 4096


class ReferenceEngine:
    """See `glassnet.engines.interface.Engine`.

    Parameters
    ----------
    objective : Objective
        What is minimised.
    rule : UpdateRule
        How the parameters change.
    batch_size : int
        Rows a batch.
    dtype : float32 or float64
        Of every array.
    """

    name = "reference"

    def __init__(self, objective: Objective, rule: UpdateRule, batch_size: int, dtype: Any) -> None:
        self.objective, self.rule, self.batch_size = objective, rule, batch_size
        self.dtype = np.dtype(dtype)
        self._rooms: dict[int, dict[str, Array]] = {}

    def outputs(self, parameters: Array, x: Any, pre_activation: bool = False, scale: float = 1.0) -> Array:
        """Return a_L, or z_L, for each row: (samples, outputs)."""
        structure = self.objective.structure
        views = structure.views(parameters)
        last = f"{'z' if pre_activation else 'a'}{structure.n_layers}"
        samples = x.shape[0]
        result = np.empty((samples, structure.n_outputs), self.dtype)
        rows = rows_at_once(structure, ROWS_AT_ONCE)
        for first in range(0, samples, rows):
            chunk = slice(first, first + rows)
            result[chunk] = forward(structure, views, numbers(x[chunk], scale, self.dtype))[last]
        return result

    def loss_and_gradients(self, parameters: Array, rows: Rows) -> tuple[float, Array]:
        """Return the objective over all rows, without dropout, and its gradient (n_parameters,)."""
        aim, structure, samples = self.objective, self.objective.structure, len(rows)
        views, gradient = structure.views(parameters), np.empty_like(parameters)
        part = np.empty_like(parameters) if samples > GRADIENTS_AT_ONCE else gradient
        total, links = _weight(rows.sample_weight, samples), structure.activations[-1].name == aim.loss.link
        l1, l2, last = aim.l1, aim.decay(total), f"a{structure.n_layers}"
        loss = penalty(views, l1, l2)
        for first in range(0, samples, GRADIENTS_AT_ONCE):
            here = slice(first, min(first + GRADIENTS_AT_ONCE, samples))
            room = self._room(here.stop - first, rows)
            x, y, w = _batch(rows, here, None, room)
            share = _weight(w, len(x)) / total if total else 0.0
            cache = forward(structure, views, x, out=room, last=not links)
            mean, dz = loss_and_output_gradient(aim.loss, structure, cache, y, w, room[last])
            loss += mean * share
            if share != 1:
                dz *= share
            target = part if first else gradient
            backward(structure, views, cache, dz, l1=l1, l2=l2, out=structure.views(target, "d") | room)
            if first:
                gradient += part
            l1 = l2 = 0.0  # the penalties are there once
        return loss, gradient

    def train_epoch(
        self,
        weights: Weights,
        rows: Rows,
        order: Array | None,
        learning_rates: Array,
        rng: np.random.Generator,
        metric: RowMetric,
        on_batch: OnBatch | None = None,
        combine: Combine | None = None,
        tally: EpochAccumulator | None = None,
        pause: Pause | None = None,
    ) -> EpochMetrics:
        """Go through the rows once, batch by batch, changing ``weights`` in place."""
        aim, structure, rule = self.objective, self.objective.structure, self.rule
        views, gradient = structure.views(weights.parameters), np.empty_like(weights.parameters)
        gradient_views = structure.views(gradient, "d")
        tally = tally if tally is not None else EpochAccumulator()
        samples, last = len(rows) if order is None else len(order), f"a{structure.n_layers}"

        for batch, learning_rate in enumerate(learning_rates):
            here = slice(batch * self.batch_size, min((batch + 1) * self.batch_size, samples))
            room = self._room(here.stop - here.start, rows)
            x, y, w = _batch(rows, here, order, room)
            masks = dropout_masks(structure, aim.dropout, len(x), rng, self.dtype, out=room)

            cache = forward(
                structure, views, x, masks=masks, out=room, last=not loss_computes_output(aim.loss, structure)
            )
            loss, dz = loss_and_output_gradient(aim.loss, structure, cache, y, w, room[last])
            l2 = aim.decay(_weight(w, len(x)) if aim.alpha else 1.0)
            loss += penalty(views, aim.l1, l2)
            backward(structure, views, cache, dz, l1=aim.l1, l2=l2, out=gradient_views | room)
            if combine is not None:
                combine(gradient)
            norm = clip_gradient(gradient, rule.clip_norm, rule.clip_value)
            if not (math.isfinite(loss) and math.isfinite(norm)):
                return EpochMetrics(loss, math.nan, norm, bad_batch=tally.batches)
            update(
                rule.optimizer, structure, weights.parameters, gradient, weights.state, learning_rate, rule.weight_decay
            )
            if rule.max_norm is not None:
                apply_max_norm(structure, weights.parameters, rule.max_norm)
            if weights.ema is not None and rule.ema_decay is not None:
                update_ema(weights.ema, weights.parameters, rule.ema_decay, weights.state.scratch[0])

            tally.loss += loss * len(x)
            tally.score += float(np.sum(metric(cache[last], y)))
            tally.gradient_norm += norm
            tally.rows += len(x)
            tally.batches += 1
            if on_batch is not None:
                on_batch(tally.batches - 1, loss)
            if pause is not None and pause():
                break
        return tally.figures()

    def _room(self, samples: int, rows: Rows) -> dict[str, Array]:
        """Return the arrays of a batch of that many samples, made once: the batch itself, z, a, dz, da, masks."""
        if samples not in self._rooms:
            structure, rates = self.objective.structure, self.objective.dropout
            room = {"x": np.empty((samples, structure.n_inputs), self.dtype)}
            room["y"] = np.empty((samples, *rows.y.shape[1:]), rows.y.dtype)
            room["w"] = np.empty(samples, self.dtype)
            for layer, _, units in structure.layers():
                for name in ("z", "a", "dz", "da"):
                    room[f"{name}{layer}"] = np.empty((samples, units), self.dtype)
            for name in ("a0", "da0") if structure.tables else ():
                room[name] = np.empty((samples, structure.layer_sizes[0]), self.dtype)
            for layer, rate in enumerate(rates):
                if rate > 0:
                    for name in ("mask", "h"):
                        room[f"{name}{layer}"] = np.empty((samples, structure.layer_sizes[layer]), self.dtype)
            self._rooms[samples] = room
        return self._rooms[samples]


def _weight(sample_weight: Array | None, samples: int) -> float:
    """Return what rows weigh together."""
    return float(samples) if sample_weight is None else float(np.sum(sample_weight))


def _batch(rows: Rows, here: slice, order: Array | None, room: dict[str, Array]) -> tuple[Array, Array, Array | None]:
    """Return x, y and weights of a batch: a view of the rows as they stand, or gathered into the room by the order."""
    w, plain = rows.sample_weight, isinstance(rows.x, np.ndarray) and rows.x.dtype == room["x"].dtype
    if order is None:
        x = rows.x[here] if plain else numbers(rows.x[here], rows.scale, room["x"].dtype)
        return x, rows.y[here], None if w is None else w[here]
    chosen = order[here]
    # mode="clip" lets NumPy write into the room directly; the order holds valid rows only
    if plain:
        x = np.take(rows.x, chosen, axis=0, out=room["x"], mode="clip")
    else:
        x = numbers(rows.x[chosen], rows.scale, room["x"].dtype)
    y = np.take(rows.y, chosen, axis=0, out=room["y"], mode="clip")
    return x, y, None if w is None else np.take(w, chosen, out=room["w"], mode="clip")

"""The reference engine: the steps called in order, in NumPy. It defines what training computes."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from glassnet._utils.arrays import Array
from glassnet._utils.blas_threads import SINGLE_THREADED_BLAS
from glassnet.engines.interface import (
    AllReduce,
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
    rows_per_chunk,
)
from glassnet.network.backward import backward, loss_and_output_gradient, loss_computes_output, penalty
from glassnet.network.forward import dropout_masks, forward
from glassnet.network.optimizers import apply_max_norm, clip_gradient, update, update_ema

#: Rows of a forward pass outside training: their activations stay in the cache of a core.
ROWS_AT_ONCE = 1024
#: Rows whose gradients are computed at once in `loss_and_gradients`: this bounds the size of the buffers.
GRADIENTS_AT_ONCE = 4096


class StepResult(NamedTuple):
    """What one step computed.

    Parameters
    ----------
    loss : float
        The objective: the mean loss plus the penalty.
    mean_loss, penalty : float
        The mean loss over the batch, and l1 Σ|W| + λ/2 Σ W².
    gradient_norm : float
        Length of the gradient before clipping by norm.
    x, y : array
        The batch.
    cache : dict of str to array
        ``a0, z1, a1, …`` of `forward`, with ``dz{l}`` and ``da{l}`` of `backward`.
    """

    loss: float
    mean_loss: float
    penalty: float
    gradient_norm: float
    x: Array
    y: Array
    cache: dict[str, Array]

    @property
    def is_finite(self) -> bool:
        """Whether the loss and the gradient are finite; if not, no update was done."""
        return math.isfinite(self.loss) and math.isfinite(self.gradient_norm)


class ReferenceEngine:
    """See `glassnet.engines.interface.Engine`. In training it uses one BLAS thread, for the same bits on any machine.

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
        self.objective = objective
        self.rule = rule
        self.batch_size = batch_size
        self.dtype = np.dtype(dtype)
        self._buffers_by_size: dict[int, dict[str, Array]] = {}
        self._viewed: tuple[Array, dict[str, Array], Array, dict[str, Array]] | None = None

    def outputs(self, parameters: Array, x: Any, pre_activation: bool = False, scale: float = 1.0) -> Array:
        """Return a_L, or z_L, for each row: (samples, outputs)."""
        structure = self.objective.structure
        views = structure.views(parameters)
        last = f"{'z' if pre_activation else 'a'}{structure.n_layers}"
        samples = x.shape[0]
        result = np.empty((samples, structure.n_outputs), self.dtype)
        rows = rows_per_chunk(structure, ROWS_AT_ONCE)
        for first in range(0, samples, rows):
            chunk = slice(first, first + rows)
            result[chunk] = forward(structure, views, numbers(x[chunk], scale, self.dtype))[last]
        return result

    def loss_and_gradients(self, parameters: Array, rows: Rows) -> tuple[float, Array]:
        """Return the objective over all rows, without dropout, and its gradient (n_parameters,)."""
        aim = self.objective
        structure = self.objective.structure
        samples = len(rows)
        views = structure.views(parameters)
        gradient = np.empty_like(parameters)
        part = np.empty_like(parameters) if samples > GRADIENTS_AT_ONCE else gradient
        total = _weight(rows.sample_weight, samples)
        links = structure.activations[-1].name == aim.loss.link
        l1 = aim.l1
        l2 = aim.decay(total)
        last = f"a{structure.n_layers}"
        loss = penalty(views, l1, l2)
        for first in range(0, samples, GRADIENTS_AT_ONCE):
            here = slice(first, min(first + GRADIENTS_AT_ONCE, samples))
            buffers = self._buffers(here.stop - first, rows.y)
            x, y, w = _batch(rows, here, None, buffers)
            share = _weight(w, len(x)) / total if total else 0.0
            cache = forward(structure, views, x, out=buffers, last=not links)
            mean, dz = loss_and_output_gradient(aim.loss, structure, cache, y, w, buffers[last])
            loss += mean * share
            if share != 1:
                dz *= share
            target = part if first else gradient
            backward(structure, views, cache, dz, l1=l1, l2=l2, out=structure.views(target, "d") | buffers)
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
        all_reduce: AllReduce | None = None,
        accumulator: EpochAccumulator | None = None,
        pause: Pause | None = None,
    ) -> EpochMetrics:
        """Go through the rows once, batch by batch, changing ``weights`` in place."""
        accumulator = accumulator if accumulator is not None else EpochAccumulator()
        samples = len(rows) if order is None else len(order)
        last = f"a{self.objective.structure.n_layers}"
        for batch, learning_rate in enumerate(learning_rates):
            here = slice(batch * self.batch_size, min((batch + 1) * self.batch_size, samples))
            buffers = self._buffers(here.stop - here.start, rows.y)
            x, y, w = _batch(rows, here, order, buffers)
            step = self._train_step(weights, (x, y, w), buffers, learning_rate, rng, all_reduce)
            if not step.is_finite:
                return EpochMetrics(step.loss, math.nan, step.gradient_norm, bad_batch=accumulator.batches)
            accumulator.loss += step.loss * len(x)
            accumulator.score += float(np.sum(metric(step.cache[last], y)))
            accumulator.gradient_norm += step.gradient_norm
            accumulator.rows += len(x)
            accumulator.batches += 1
            if on_batch is not None:
                on_batch(accumulator.batches - 1, step.loss)
            if pause is not None and pause():
                break
        return accumulator.metrics()

    def train_step(
        self,
        weights: Weights,
        batch: Rows,
        learning_rate: float,
        rng: np.random.Generator,
        all_reduce: AllReduce | None = None,
    ) -> StepResult:
        """Take one step: forward, loss, backward, clipping, update, max-norm, averaging.

        Parameters
        ----------
        weights : Weights
            Parameters, optimizer state and average; changed in place, unless the loss or gradient is not finite.
        batch : Rows
            The rows of this batch.
        learning_rate : float
            The learning rate of this step.
        rng : numpy.random.Generator
            Draws the dropout masks.
        all_reduce : callable, optional
            Called with the gradient (n_parameters,) before clipping; may change it in place. The update overwrites it:
            copy it here to look at it.

        Returns
        -------
        StepResult
            What was computed. Its arrays are buffers of the engine, which the next step overwrites.
        """
        buffers = self._buffers(len(batch), batch.y)
        arrays = _batch(batch, slice(0, len(batch)), None, buffers)
        with SINGLE_THREADED_BLAS:
            return self._train_step(weights, arrays, buffers, learning_rate, rng, all_reduce)

    def _train_step(
        self,
        weights: Weights,
        batch: tuple[Array, Array, Array | None],
        buffers: dict[str, Array],
        learning_rate: float,
        rng: np.random.Generator,
        all_reduce: AllReduce | None,
    ) -> StepResult:
        """Take one step on x, y and sample weights: see `train_step`."""
        objective = self.objective
        rule = self.rule
        structure = objective.structure
        loss = objective.loss
        x, y, w = batch
        samples = len(x)
        views, gradient, gradient_views = self._parameter_views(weights.parameters)
        masks = dropout_masks(structure, objective.dropout, samples, rng, self.dtype, out=buffers)

        needs_output = not loss_computes_output(loss, structure)
        cache = forward(structure, views, x, masks=masks, out=buffers, last=needs_output)
        mean_loss, dz = loss_and_output_gradient(loss, structure, cache, y, w, buffers[f"a{structure.n_layers}"])
        l2 = objective.decay(_weight(w, samples) if objective.alpha else 1.0)
        penalized = penalty(views, objective.l1, l2)
        backward(structure, views, cache, dz, l1=objective.l1, l2=l2, out=gradient_views | buffers)
        if all_reduce is not None:
            all_reduce(gradient)
        norm = clip_gradient(gradient, rule.clip_norm, rule.clip_value)
        result = StepResult(mean_loss + penalized, mean_loss, penalized, norm, x, y, cache)
        if not result.is_finite:
            return result

        update(rule.optimizer, structure, weights.parameters, gradient, weights.state, learning_rate, rule.weight_decay)
        if rule.max_norm is not None:
            apply_max_norm(structure, weights.parameters, rule.max_norm)
        if weights.ema is not None and rule.ema_decay is not None:
            update_ema(weights.ema, weights.parameters, rule.ema_decay, weights.state.scratch[0])
        return result

    def _parameter_views(self, parameters: Array) -> tuple[dict[str, Array], Array, dict[str, Array]]:
        """Return views of the parameters by name, a gradient vector, and its views; made once for a vector."""
        if self._viewed is None or self._viewed[0] is not parameters:
            structure = self.objective.structure
            gradient = np.empty_like(parameters)
            self._viewed = (parameters, structure.views(parameters), gradient, structure.views(gradient, "d"))
        return self._viewed[1:]

    def _buffers(self, samples: int, y: Array) -> dict[str, Array]:
        """Return the arrays of a batch of n samples, made once: the batch itself, z, a, dz, da, masks."""
        if samples not in self._buffers_by_size:
            structure = self.objective.structure
            buffers = {"x": np.empty((samples, structure.n_inputs), self.dtype)}
            buffers["y"] = np.empty((samples, *y.shape[1:]), y.dtype)
            buffers["w"] = np.empty(samples, self.dtype)
            for layer, _, units in structure.layers():
                for name in ("z", "a", "dz", "da"):
                    buffers[f"{name}{layer}"] = np.empty((samples, units), self.dtype)
            for name in ("a0", "da0") if structure.embeddings else ():
                buffers[name] = np.empty((samples, structure.layer_sizes[0]), self.dtype)
            for layer, rate in enumerate(self.objective.dropout):
                if rate > 0:
                    for name in ("mask", "h"):
                        buffers[f"{name}{layer}"] = np.empty((samples, structure.layer_sizes[layer]), self.dtype)
            self._buffers_by_size[samples] = buffers
        return self._buffers_by_size[samples]


def _weight(sample_weight: Array | None, samples: int) -> float:
    """Return the sum of the weights of rows."""
    return float(samples) if sample_weight is None else float(np.sum(sample_weight))


def _batch(
    rows: Rows, here: slice, order: Array | None, buffers: dict[str, Array]
) -> tuple[Array, Array, Array | None]:
    """Return x, y and weights of a batch: a view of consecutive rows, or a copy of the rows that `order` names."""
    w = rows.sample_weight
    plain = isinstance(rows.x, np.ndarray) and rows.x.dtype == buffers["x"].dtype
    if order is None:
        x = rows.x[here] if plain else numbers(rows.x[here], rows.scale, buffers["x"].dtype)
        return x, rows.y[here], None if w is None else w[here]
    chosen = order[here]
    # mode="clip" lets NumPy write into the buffers directly; the order holds valid rows only
    if plain:
        x = np.take(rows.x, chosen, axis=0, out=buffers["x"], mode="clip")
    else:
        x = numbers(rows.x[chosen], rows.scale, buffers["x"].dtype)
    y = np.take(rows.y, chosen, axis=0, out=buffers["y"], mode="clip")
    return x, y, None if w is None else np.take(w, chosen, out=buffers["w"], mode="clip")

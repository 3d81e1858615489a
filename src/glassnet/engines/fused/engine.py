"""The fused engine: what the reference engine computes, by one compiled loop on all cores."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.engines.fused.codes import DECAY, N_CONSTANTS, NO_SCORE, score_code, step_constants, supports
from glassnet.engines.fused.layout import RECORD_SIZE, Plan
from glassnet.engines.fused.processor import usable_cores
from glassnet.engines.fused.threads import ACTIVE_TRAININGS
from glassnet.engines.fused.workspace import Workspace
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
    looks_finite,
    numbers,
    rows_per_chunk,
)
from glassnet.network.forward import forward
from glassnet.network.optimizers import FLUSH_EVERY

__all__ = ["FusedEngine", "supports"]

#: Seconds of a run of batches: Ctrl-C is handled between runs.
TARGET_RUN_SECONDS = 0.1
#: Multiplications of the first run, before the speed is measured.
FIRST_RUN_WORK = 1e9
#: Largest number of entries of the outputs of a run, which are stored for the metric.
MAX_OUTPUTS = 2**22
#: Multiplications that make another thread worthwhile.
WORK_PER_THREAD = 2_000_000
#: Forward passes with fewer multiplications run in NumPy: they end before the compiled loop has started.
NUMPY_BELOW = 500_000
#: Rows of a batch where nothing is trained: outputs, or gradients to be added up.
ROWS_AT_ONCE = 512


def profitable_threads(n_parameters: int, batch_size: int, threads: int) -> int:
    """Return the number of threads to use: at most `threads`, and only as many as have enough work.

    A single row is one thread's work, whatever the network: its parameters would travel between the cores at each step.
    """
    if batch_size == 1:
        return 1
    return int(max(1, min(threads, 3 * n_parameters * batch_size // WORK_PER_THREAD)))


class FusedEngine:
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
    threads : int, optional
        How many at most; all usable cores if not given. The result is the same bits.
    skip_zeros : bool, optional
        Whether to leave out zeros of the input; measured if not given. The result is the same bits.
    """

    name = "fused"

    def __init__(
        self,
        objective: Objective,
        rule: UpdateRule,
        batch_size: int,
        dtype: Any,
        threads: int | None = None,
        skip_zeros: bool | None = None,
    ) -> None:
        self.objective, self.rule, self.batch_size = objective, rule, batch_size
        self.dtype = np.dtype(dtype)
        self.threads = threads
        self.skip_zeros = skip_zeros
        self._workspaces: dict[tuple[Any, ...], Workspace] = {}
        self._run_length = max(1, int(FIRST_RUN_WORK / (3.0 * objective.structure.n_parameters * batch_size)))

    def outputs(self, parameters: Array, x: Any, pre_activation: bool = False, scale: float = 1.0) -> Array:
        """Return a_L, or z_L, for each row: (samples, outputs)."""
        structure = self.objective.structure
        rows = Rows(x, np.empty(0, np.int64), scale=scale)
        if len(rows) == 0 or len(rows) * structure.n_parameters < NUMPY_BELOW:
            cache = forward(structure, structure.views(parameters), numbers(x, scale, self.dtype))
            return cache[f"{'z' if pre_activation else 'a'}{structure.n_layers}"]
        outputs = np.empty((len(rows), structure.n_outputs), self.dtype)
        workspace = self._workspace("outputs", min(rows_per_chunk(structure, ROWS_AT_ONCE), len(rows)), rows)
        workspace.plan.pack(parameters, workspace.slot(0))
        workspace.net["logits"] = pre_activation
        batches = -(-len(rows) // int(workspace.net["batch"]))
        keys = np.zeros((batches, structure.n_layers), np.uint32)
        workspace.run(
            workspace.build_args(np.arange(len(rows)), np.empty(0), keys, outputs, np.zeros((1, RECORD_SIZE))),
            0,
            batches,
            0,
        )
        return outputs

    def loss_and_gradients(self, parameters: Array, rows: Rows) -> tuple[float, Array]:
        """Return the objective over all rows, without dropout, and its gradient (n_parameters,)."""
        workspace = self._workspace("gradients", min(ROWS_AT_ONCE, len(rows)), rows)
        workspace.plan.pack(parameters, workspace.slot(0))
        workspace.plan.transpose_weights(workspace.floats)
        batch = int(workspace.net["batch"])
        batches = -(-len(rows) // batch)
        keys = np.zeros((batches, self.objective.structure.n_layers), np.uint32)
        outputs = np.empty(0, self.dtype)
        records = np.zeros((1, RECORD_SIZE))
        counts = self._row_weights(rows, np.arange(len(rows)), batch)
        steps = np.zeros((batches, N_CONSTANTS))
        steps[:, DECAY] = self.objective.decay(counts.sum())
        args = workspace.build_args(np.arange(len(rows)), steps, keys, outputs, records)
        gradient = np.zeros_like(parameters)
        part = np.empty_like(parameters)
        loss = 0.0
        shares = counts / counts.sum() if counts.sum() else counts
        for number, fraction in enumerate(shares):
            workspace.run(args, number, 1, 0)
            workspace.plan.unpack(workspace.slot_at("gradients"), part)
            if not np.isfinite(records[0, 0]):
                part[:] = np.nan  # the loop ended before it came to the gradient, and the slot holds an older one
            gradient += part * part.dtype.type(fraction)
            loss += fraction * (records[0, 0] + records[0, 1])
        return float(loss), gradient

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
        if all_reduce is not None:
            raise NotImplementedError("the fused engine never has the whole gradient; use the reference engine")
        with ACTIVE_TRAININGS as trainings:
            workspace = self._workspace("training", self.batch_size, rows, trainings)
            accumulator = accumulator if accumulator is not None else EpochAccumulator()
            return self._train_epoch(
                workspace, weights, rows, order, learning_rates, rng, metric, on_batch, accumulator, pause
            )

    def _train_epoch(
        self,
        workspace: Workspace,
        weights: Weights,
        rows: Rows,
        order: Array | None,
        learning_rates: Array,
        rng: np.random.Generator,
        metric: RowMetric,
        on_batch: OnBatch | None,
        accumulator: EpochAccumulator,
        pause: Pause | None,
    ) -> EpochMetrics:
        """Go through the rows in runs of batches: `Workspace.run` each, then store the weights."""
        state = weights.state
        batches = len(learning_rates)
        order = np.arange(len(rows)) if order is None else order
        before = state.step
        product = state.scalars.get("product", 1.0)
        steps, _ = step_constants(self.rule.optimizer, learning_rates, before, product)
        n_outputs = self.objective.structure.n_outputs
        score = score_code(metric, rows.y, n_outputs)
        stores_outputs = score == NO_SCORE
        workspace.net["score"] = score
        workspace.net["stores_outputs"] = stores_outputs
        most = max(1, MAX_OUTPUTS // (self.batch_size * n_outputs))
        outputs = np.empty((min(len(order), most * self.batch_size) if stores_outputs else 0, n_outputs), self.dtype)
        records = np.zeros((min(batches, most), RECORD_SIZE))
        if workspace.net["has_l2"]:
            steps[:, DECAY] = [self.objective.decay(w) for w in self._row_weights(rows, order, self.batch_size)]
        keys = np.zeros((batches, self.objective.structure.n_layers), np.uint32)
        args = workspace.build_args(order, steps, keys, outputs, records)
        workspace.net["flush_every"] = FLUSH_EVERY if self.rule.optimizer.moments else 0
        vectors = self._vectors(workspace, weights)
        workspace.load(vectors)
        sizes = np.minimum(self.batch_size, len(order) - np.arange(0, len(order), self.batch_size))
        done = 0
        while done < batches and not (done and pause is not None and pause()):
            length = 1 if on_batch is not None else min(self._run_length, most, batches - done)
            here = slice(done * self.batch_size, min((done + length) * self.batch_size, len(order)))
            records[:] = 0
            self._draw_keys(rng, keys[done : done + length])
            began = time.perf_counter()
            workspace.run(args, done, length, state.step)
            self._adapt_run_length(time.perf_counter() - began, length)
            found = records[:length]
            workspace.store(vectors)
            bad = _first_nonfinite(found[:, :3])  # without the score, which is NaN where there is no metric
            state.step += length if bad is None else bad
            if bad is not None:
                loss = float(found[bad, 0] + found[bad, 1])
                return EpochMetrics(loss, np.nan, float(found[bad, 2]), accumulator.batches + bad)
            objectives = found[:, 0] + found[:, 1]
            scores = found[:, 3]
            if len(outputs):
                each = metric(outputs[: here.stop - here.start], rows.y[order[here]])
                scores = np.add.reduceat(each, np.arange(0, len(each), self.batch_size))
            accumulator.add(objectives, scores, found[:, 2], sizes[done : done + length])
            done += length
            if on_batch is not None:
                on_batch(accumulator.batches - 1, float(objectives[-1]))
                workspace.load(vectors)
        if "product" in state.scalars or self.rule.optimizer.direction.__name__ == "nadam":
            _, state.scalars["product"] = step_constants(self.rule.optimizer, learning_rates[:done], before, product)
        return accumulator.metrics()

    def _workspace(self, purpose: str, batch_size: int, rows: Rows, trainings: int = 1) -> Workspace:
        """Return the workspace for a purpose, made once, bound to these inputs; several trainings share the cores."""
        sparse = not isinstance(rows.x, np.ndarray)
        n_parameters = self.objective.structure.n_parameters
        threads = self.threads or 0
        if not threads:
            most = profitable_threads(n_parameters, batch_size, 2**16)
            threads = max(1, usable_cores() // trainings) if most > 1 else 1
        threads = profitable_threads(n_parameters, batch_size, threads)
        key = (purpose, batch_size, sparse, threads)
        if key not in self._workspaces:
            objective = self.objective
            if purpose != "training":
                no_dropout = (0.0,) * objective.structure.n_layers
                objective = replace(objective, dropout=no_dropout)
            plan = Plan(
                objective, self.rule, batch_size, self.dtype, threads,
                sparse=sparse, only_forward=purpose == "outputs", updates=purpose == "training",
            )  # fmt: skip
            self._workspaces[key] = Workspace(plan, self.skip_zeros)
        self._workspaces[key].bind(rows)
        return self._workspaces[key]

    def _vectors(self, workspace: Workspace, weights: Weights) -> list[tuple[Array, Array]]:
        """Pair parameters, moments and average with their slots."""
        moments = [weights.state.moments[name] for name in self.rule.optimizer.moments]
        pairs = [(vector, workspace.slot(number)) for number, vector in enumerate([weights.parameters, *moments])]
        if weights.ema is not None:
            pairs.append((weights.ema, workspace.slot_at("ema")))
        return pairs

    def _row_weights(self, rows: Rows, order: Array, batch_size: int) -> Array:
        """Return the weight of each batch: its number of rows, or the sum of their weights."""
        starts = np.arange(0, len(order), batch_size)
        if rows.sample_weight is None:
            return np.minimum(batch_size, len(order) - starts).astype(np.float64)
        return np.add.reduceat(rows.sample_weight[order].astype(np.float64), starts)

    def _draw_keys(self, rng: np.random.Generator, keys: Array) -> None:
        """Draw the keys of batches' dropout masks, in the reference engine's order: batch by batch, layer by layer."""
        if not any(self.objective.dropout):
            return
        rates = np.array(self.objective.dropout)
        keys[:, rates > 0] = rng.integers(2**32, size=(len(keys), int(np.sum(rates > 0))), dtype=np.uint32)

    def _adapt_run_length(self, seconds: float, length: int) -> None:
        """Adapt the length of runs to `TARGET_RUN_SECONDS`; the result does not depend on it."""
        if length == self._run_length:
            self._run_length = int(
                np.clip(length * TARGET_RUN_SECONDS / max(seconds, 1e-6), length / 4 + 1, 2 * length)
            )


def _first_nonfinite(records: Array) -> int | None:
    """Return the first batch whose loss or gradient is not finite, or None."""
    if looks_finite(records):
        return None
    wrong = np.flatnonzero(~np.isfinite(records).all(axis=1))
    return int(wrong[0]) if len(wrong) else None

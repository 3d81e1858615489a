"""A running training: what the loop, the callbacks and the screen look at while it goes on."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np
from scipy.optimize import OptimizeResult

from glassnet._utils.arrays import Array
from glassnet.engines.interface import Engine, Weights
from glassnet.errors import InputError
from glassnet.metrics.registry import NO_METRIC, Metric
from glassnet.network.losses import Loss
from glassnet.network.structure import Structure
from glassnet.training.evaluate_rows import evaluate_rows
from glassnet.training.history import Epoch
from glassnet.training.settings import Settings
from glassnet.training.source import Source
from glassnet.training.state import TrainingState
from glassnet.training.state_dict import StateDict, Stateful

#: Reasons to stop that are no end: a training that remembers goes on after them.
INTERRUPTIONS = ("interrupted", "terminated")


class Run:
    """The state of one training.

    Parameters
    ----------
    structure, settings : Structure, Settings
        What is trained, and how.
    engine : Engine
        What computes.
    state : TrainingState
        The parameters and all that moves with them.
    metric : Metric
        What is recorded beside the loss.
    source : Source
        The rows to learn from.
    eval_sets : dict of str to Source
        ``"validation"`` and ``"test"``, where given. Only the validation rows decide anything.
    """

    def __init__(
        self,
        structure: Structure,
        settings: Settings,
        engine: Engine,
        state: TrainingState,
        metric: Metric,
        source: Source,
        eval_sets: dict[str, Source],
    ) -> None:
        self.structure, self.settings, self.engine, self.state = structure, settings, engine, state
        self.metric, self.source, self.eval_sets = metric, source, eval_sets
        self.stateful: Sequence[Stateful] = ()  # callbacks that have a memory; others may come and go
        self.pause_at = math.inf
        self.eval_outputs: dict[str, Array] = {}
        self.lbfgs_result: OptimizeResult | None = None
        self.loss: Loss = settings.resolve_loss()
        self.history: list[Epoch] = []
        self.stop_reason = ""
        self.message = ""
        self.best_epoch = 0
        self._best_figure = math.inf
        self._best = self.weights.eval_parameters.copy()
        self._good = self.weights.eval_parameters.copy()
        self._keeps_best = settings.restore_best and ("validation" in eval_sets or settings.patience is not None)

    @property
    def weights(self) -> Weights:
        """The parameters, the optimizer's memory, the running average."""
        return self.state.weights

    @property
    def parameters(self) -> dict[str, Array]:
        """The parameters that predict at this moment, by name."""
        return self.structure.views(self.weights.eval_parameters)

    @property
    def n_batches(self) -> int:
        """Batches in an epoch."""
        return 1 if self.settings.full_batch else math.ceil(self.n_samples / self.settings.batch_size)

    @property
    def n_samples(self) -> int:
        """How many rows there are to learn from."""
        return len(self.source)

    def stop(self, reason: str) -> None:
        """End the training: after this batch, or this epoch when called at its end."""
        self.stop_reason = self.stop_reason or reason

    def pause(self) -> None:
        """Have `Callback.on_pause` called as soon as a batch is done, 0.1 s from now or so."""
        self.pause_at = -math.inf

    def should_pause(self) -> bool:
        """Say whether it is time for that: because of `pause`, or because ``pause_at`` (`time.monotonic`) has come."""
        return time.monotonic() >= self.pause_at

    def evaluate(self, name: str) -> tuple[float, float | None]:
        """Return loss and metric over judged rows, with the parameters that predict.

        Where they are in memory their outputs are kept for the callbacks, in ``outputs``.
        """
        source, losses, scores, weights = self.eval_sets[name], [], [], []
        for part in source.parts(self.settings.batch_size, None):
            rows = part.rows
            loss, output = evaluate_rows(self.engine, self.structure, self.loss, self.weights.eval_parameters, rows)
            self.eval_outputs[name] = output
            losses.append(loss)
            weights.append((len(rows), len(rows) if rows.sample_weight is None else float(np.sum(rows.sample_weight))))
            if self.metric.name != NO_METRIC:
                scores.append(float(np.mean(self.metric.per_sample(output, rows.y))))
        if len(losses) > 1:
            del self.eval_outputs[name]
        counts, sums = zip(*weights, strict=True)
        score = self.metric.aggregate(_mean(scores, counts), source.spread) if scores else None
        return _mean(losses, sums), score

    def record_epoch(self, record: Epoch) -> None:
        """Record an epoch that went well and decide whether it is the best so far and whether to go on."""
        self.history.append(record)
        np.copyto(self._good, self.weights.eval_parameters)
        figure = self.monitored_value(record)
        if figure < self._best_figure - (self.settings.min_delta if math.isfinite(self._best_figure) else 0):
            self._best_figure, self.best_epoch = figure, record.epoch
            np.copyto(self._best, self.weights.eval_parameters)
        elif self.settings.patience is not None and record.epoch - self.best_epoch >= self.settings.patience:
            self.stop(f"no better for {self.settings.patience} epochs")

    def monitored_value(self, record: Epoch) -> float:
        """Return what early stopping watches, the lower the better."""
        prefix = "validation_" if "validation" in self.eval_sets else ""
        value = float(getattr(record, prefix + self.settings.monitor))
        return value if self.settings.monitor == "loss" else -value

    def state_dict(self) -> StateDict:
        """Return all that it takes to go on, in another process too: see `Callback.on_pause`."""
        state, arrays = self.state.state_dict(), {"best": self._best.copy(), "good": self._good.copy()}
        arrays |= state.add_prefix("state").arrays
        told = []
        for number, callback in enumerate(self.stateful):
            own = callback.state_dict()
            arrays |= own.add_prefix(f"callbacks.{number}").arrays
            told.append({"kind": type(callback).__name__, "told": own.metadata})
        return StateDict(
            arrays,
            {
                "state": state.metadata,
                "history": [epoch.known() for epoch in self.history],
                "best_epoch": self.best_epoch,
                "best_figure": self._best_figure,
                "stop_reason": "" if self.stop_reason in INTERRUPTIONS else self.stop_reason,
                "callbacks": told,
            },
        )

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Take over what a run with the same network, settings, rows and callbacks knew.

        Raises
        ------
        InputError
            If it was another one's.
        """
        told = state_dict.metadata
        kinds = [callback["kind"] for callback in told["callbacks"]]
        here = [type(callback).__name__ for callback in self.stateful]
        if kinds != here:
            raise InputError(
                f"the training had {kinds} as callbacks with a memory, and this one has {here}; give the same ones"
            )
        for name, vector in (("best", self._best), ("good", self._good)):
            found = state_dict.arrays.get(name)
            if found is None or (found.shape, found.dtype) != (vector.shape, vector.dtype):
                raise InputError(f"{name} is not that of this network")
        self.state.load_state_dict(state_dict.strip_prefix("state", told["state"]))
        for vector, name in ((self._best, "best"), (self._good, "good")):
            vector[...] = state_dict.arrays[name]
        self.history[:] = [Epoch(**{**_UNKNOWN, **record}) for record in told["history"]]
        self.best_epoch, self._best_figure = told["best_epoch"], told["best_figure"]
        self.stop_reason = told["stop_reason"]
        for number, callback in enumerate(self.stateful):
            callback.load_state_dict(state_dict.strip_prefix(f"callbacks.{number}", told["callbacks"][number]["told"]))

    def result(self) -> tuple[Array, int]:
        """Return the parameters to keep and the epoch that they come from."""
        if self._keeps_best and self.best_epoch:
            return self._best, self.best_epoch
        # an epoch cut short by Ctrl-C was never judged, and its last update may be half done
        cut_short = self.stop_reason in INTERRUPTIONS and bool(self.history)
        if cut_short or self.stop_reason == "diverged" or not np.isfinite(self.weights.eval_parameters).all():
            return self._good, len(self.history)
        return self.weights.eval_parameters.copy(), len(self.history)

    def stop_diverged(self, epoch: int, where: str, learning_rate: float) -> None:
        """Stop because a number is no longer finite, and go back to the last good parameters."""
        self.stop("diverged")
        kept = f"those after epoch {len(self.history)}" if self.history else "the first ones"
        self.message = (
            f"loss or gradient is no longer a finite number at epoch {epoch}{where} "
            f"(learning rate {learning_rate:.3g}); the last good parameters are kept, {kept}. "
            "Try a learning rate ten times smaller, clip_norm=1, or scaled inputs"
        )


#: What `Epoch.known` leaves out.
_UNKNOWN = {"metric": None}


def _mean(values: Sequence[float], weights: Sequence[float]) -> float:
    """Return the weighted mean; of one value, that value to the last bit."""
    if len(values) == 1:
        return values[0]
    total = math.fsum(weights)
    return math.fsum(v * w for v, w in zip(values, weights, strict=True)) / total if total else math.nan

"""A training in progress: what the loop updates and callbacks read."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult

from glassnet._utils.arrays import Array
from glassnet.engines.interface import Engine, EpochMetrics, Weights
from glassnet.errors import InputError
from glassnet.metrics.registry import NO_METRIC, Metric
from glassnet.network.losses import Loss
from glassnet.network.structure import Structure
from glassnet.training.evaluate_rows import evaluate_rows
from glassnet.training.history import Epoch, Trained
from glassnet.training.settings import Settings
from glassnet.training.source import Source, closing_parts
from glassnet.training.state import TrainingState
from glassnet.training.state_dict import StateDict, Stateful

#: Reasons to stop after which a training can be resumed.
INTERRUPTIONS = ("interrupted", "terminated")


class Run:
    """One training.

    Parameters
    ----------
    structure, settings : Structure, Settings
        What is trained, and how.
    engine : Engine
        Computes outputs, gradients and updates.
    state : TrainingState
        The parameters and everything that changes with them.
    metric : Metric
        Recorded next to the loss.
    source : Source
        The training rows.
    eval_sets : dict of str to Source
        ``"validation"`` and ``"test"``, where given. Early stopping and the best epoch go by the validation rows only.

    Attributes
    ----------
    history : list of Epoch
        A record for each epoch so far.
    stop_reason : str
        Why the training stopped; empty while it runs.
    message : str
        For a diverged training: the epoch, the batch, the learning rate, and what to try.
    best_epoch : int
        The number of the best epoch so far, from 1; 0 before the first.
    eval_outputs : dict of str to array (samples, outputs)
        The outputs for each in-memory evaluation set after the last epoch.
    stateful : sequence of Stateful
        The callbacks whose state is part of `state_dict`.
    fit_folders : dict of Path to Path
        The folders that callbacks of clones created for this fit, by the folder that they are in.
    pause_at : float
        When to pause next, by `time.monotonic`.
    lbfgs_result : scipy.optimize.OptimizeResult, optional
        What SciPy returned, for L-BFGS.
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
        self.structure = structure
        self.settings = settings
        self.engine = engine
        self.state = state
        self.metric = metric
        self.source = source
        self.eval_sets = eval_sets
        self.loss: Loss = settings.resolve_loss()
        self.history: list[Epoch] = []
        self.stop_reason = ""
        self.message = ""
        self.best_epoch = 0
        self.eval_outputs: dict[str, Array] = {}
        self.stateful: Sequence[Stateful] = ()
        self.pause_at = math.inf
        self.fit_folders: dict[Path, Path] = {}
        self.lbfgs_result: OptimizeResult | None = None
        self._early_stopping = settings.early_stopping()
        self._best_value = self._early_stopping.worst
        self._best_parameters = self.weights.eval_parameters.copy()
        self._last_good_parameters = self.weights.eval_parameters.copy()
        self._epoch_started = time.perf_counter()

    @property
    def weights(self) -> Weights:
        """The parameters, the optimizer's state and the moving average."""
        return self.state.weights

    @property
    def parameters(self) -> dict[str, Array]:
        """The current parameters for prediction by name."""
        return self.structure.views(self.weights.eval_parameters)

    @property
    def n_batches(self) -> int:
        """The number of batches in an epoch."""
        return 1 if self.settings.full_batch else math.ceil(self.n_samples / self.settings.batch_size)

    @property
    def n_samples(self) -> int:
        """The number of training rows."""
        return len(self.source)

    def stop(self, reason: str) -> None:
        """Stop the training after this batch, or after this epoch if called at its end."""
        self.stop_reason = self.stop_reason or reason

    def pause(self) -> None:
        """Request `Callback.on_pause` after the current batch, or within about 0.1 s."""
        self.pause_at = -math.inf

    def should_pause(self) -> bool:
        """Check whether a pause is due: after `pause`, or once ``pause_at`` has passed."""
        return time.monotonic() >= self.pause_at

    def start_clock(self) -> None:
        """Start to measure the seconds of the next epoch."""
        self._epoch_started = time.perf_counter()

    def has_finite_parameters(self) -> bool:
        """Check whether all parameters for prediction are finite."""
        vector = self.weights.eval_parameters
        return bool(np.isfinite(np.add.reduce(vector)) or np.isfinite(vector).all())

    def evaluate(self) -> dict[str, float | None]:
        """Return loss and metric on each evaluation set, named as in `Epoch`."""
        scores: dict[str, float | None] = {}
        for name in self.eval_sets:
            scores[f"{name}_loss"], scores[f"{name}_metric"] = self._evaluate_set(name)
        return scores

    def _evaluate_set(self, name: str) -> tuple[float, float | None]:
        """Return loss and metric on one evaluation set; keep the outputs of a set in memory for the callbacks."""
        source = self.eval_sets[name]
        losses = []
        scores = []
        counts = []
        total_weights = []
        with closing_parts(source.parts(self.settings.batch_size, None)) as parts:
            for part in parts:
                rows = part.rows
                loss, output = evaluate_rows(self.engine, self.structure, self.loss, self.weights.eval_parameters, rows)
                self.eval_outputs[name] = output
                losses.append(loss)
                counts.append(len(rows))
                total_weights.append(len(rows) if rows.sample_weight is None else float(np.sum(rows.sample_weight)))
                if self.metric.name != NO_METRIC:
                    scores.append(float(np.mean(self.metric.per_sample(output, rows.y))))
        if len(losses) > 1:
            del self.eval_outputs[name]
        score = self.metric.aggregate(_mean(scores, counts), source.target_variance) if scores else None
        return _mean(losses, total_weights), score

    def record_epoch(self, metrics: EpochMetrics, scores: dict[str, float | None], learning_rate: float) -> None:
        """Append an epoch to the history, keep its parameters if it is the best, and apply early stopping.

        Parameters
        ----------
        metrics : EpochMetrics
            Over the training rows.
        scores : dict of str to float or None
            From `evaluate`.
        learning_rate : float
            Of the last batch.
        """
        score = None
        if self.metric.name != NO_METRIC:
            score = self.metric.aggregate(metrics.score, self.source.target_variance)
        now = time.perf_counter()
        record = Epoch(
            epoch=len(self.history) + 1,
            loss=metrics.loss,
            metric=score,
            learning_rate=learning_rate,
            gradient_norm=metrics.gradient_norm,
            seconds=now - self._epoch_started,
            **scores,
        )
        self._epoch_started = now
        self.history.append(record)
        np.copyto(self._last_good_parameters, self.weights.eval_parameters)
        self._stop_early(record)

    def _stop_early(self, record: Epoch) -> None:
        """Keep the parameters if this epoch is the best so far; stop if the patience is used up."""
        value = self.monitored_value(record)
        waited = self._early_stopping.count(value, self._best_value, record.epoch - 1 - self.best_epoch)
        if self._early_stopping.is_best(value, self._best_value):
            self._best_value = value
            self.best_epoch = record.epoch
            np.copyto(self._best_parameters, self.weights.eval_parameters)
        elif self._early_stopping.should_stop(waited):
            self.stop(f"no better for {self.settings.patience} epochs")

    def monitored_value(self, record: Epoch) -> float:
        """Return what early stopping monitors: of the validation rows if there are any, else of the training rows."""
        prefix = "validation_" if "validation" in self.eval_sets else ""
        return float(getattr(record, prefix + self.settings.monitor))

    def stop_diverged(self, epoch: int, where: str, learning_rate: float) -> None:
        """Stop because a number became non-finite; `result` returns the last good parameters."""
        self.stop("diverged")
        kept = f"those after epoch {len(self.history)}" if self.history else "the initial ones"
        self.message = (
            f"loss or gradient is no longer a finite number at epoch {epoch}{where} "
            f"(learning rate {learning_rate:.3g}); the last good parameters are kept, {kept}. "
            "Try a learning rate ten times smaller, clip_norm=1, or scaled inputs"
        )

    def result(self) -> tuple[Array, int]:
        """Return the final parameters (n_parameters,) and the epoch that they come from."""
        monitors = "validation" in self.eval_sets or self.settings.patience is not None
        if self.settings.restore_best and monitors and self.best_epoch:
            return self._best_parameters, self.best_epoch
        # an epoch that Ctrl-C cut short was not evaluated, and its last update may be incomplete
        cut_short = self.stop_reason in INTERRUPTIONS and bool(self.history)
        if cut_short or self.stop_reason == "diverged" or not np.isfinite(self.weights.eval_parameters).all():
            return self._last_good_parameters, len(self.history)
        return self.weights.eval_parameters.copy(), len(self.history)

    def trained(self) -> Trained:
        """Return what `glassnet.train` returns."""
        vector, best_epoch = self.result()
        return Trained(
            structure=self.structure,
            vector=vector,
            history=tuple(self.history),
            settings=self.settings,
            metric=self.metric.name,
            engine=self.engine.name,
            best_epoch=best_epoch,
            stop_reason=self.stop_reason,
            message=self.message,
        )

    def state_dict(self) -> StateDict:
        """Return what it takes to resume, in another process too; complete during `Callback.on_pause`."""
        state = self.state.state_dict()
        arrays = {
            "best_parameters": self._best_parameters.copy(),
            "last_good_parameters": self._last_good_parameters.copy(),
        }
        arrays |= state.add_prefix("state").arrays
        callbacks = []
        for number, callback in enumerate(self.stateful):
            callback_state = callback.state_dict()
            arrays |= callback_state.add_prefix(f"callbacks.{number}").arrays
            callbacks.append({"class": type(callback).__name__, "metadata": callback_state.metadata})
        metadata: dict[str, Any] = {
            "state": state.metadata,
            "history": [epoch.known() for epoch in self.history],
            "best_epoch": self.best_epoch,
            "best_value": self._best_value,
            "stop_reason": "" if self.stop_reason in INTERRUPTIONS else self.stop_reason,
            "callbacks": callbacks,
        }
        return StateDict(arrays, metadata)

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Restore the state of a run with the same network, settings, rows and callbacks.

        Raises
        ------
        InputError
            If it is the state of another run.
        """
        metadata = state_dict.metadata
        classes = [callback["class"] for callback in metadata["callbacks"]]
        expected = [type(callback).__name__ for callback in self.stateful]
        if classes != expected:
            raise InputError(
                f"the training had the callbacks with state {classes}, and this one has {expected}; give the same ones"
            )
        vectors = {"best_parameters": self._best_parameters, "last_good_parameters": self._last_good_parameters}
        for name, vector in vectors.items():
            found = state_dict.arrays.get(name)
            if found is None or (found.shape, found.dtype) != (vector.shape, vector.dtype):
                raise InputError(f"{name} does not have the shape and dtype of this network")
        self.state.load_state_dict(state_dict.strip_prefix("state", metadata["state"]))
        for name, vector in vectors.items():
            vector[...] = state_dict.arrays[name]
        self.history[:] = [Epoch(**{"metric": None, **record}) for record in metadata["history"]]
        self.best_epoch = metadata["best_epoch"]
        self._best_value = metadata["best_value"]
        self.stop_reason = metadata["stop_reason"]
        for number, callback in enumerate(self.stateful):
            callback_metadata = metadata["callbacks"][number]["metadata"]
            callback.load_state_dict(state_dict.strip_prefix(f"callbacks.{number}", callback_metadata))


def _mean(values: Sequence[float], weights: Sequence[float]) -> float:
    """Return the weighted mean; for a single value, exactly that value."""
    if len(values) == 1:
        return values[0]
    total = math.fsum(weights)
    return math.fsum(v * w for v, w in zip(values, weights, strict=True)) / total if total else math.nan

"""A running training: what the loop, the callbacks and the screen look at while it goes on."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import OptimizeResult

from glassnet.engines.interface import Engine, Rows, Weights
from glassnet.network.activations import Array
from glassnet.network.losses import Loss
from glassnet.network.structure import Structure
from glassnet.training.history import Epoch
from glassnet.training.metrics import NO_METRIC, Metric, judge
from glassnet.training.settings import Settings
from glassnet.training.standing import Standing


class Run:
    """The state of one training.

    Parameters
    ----------
    structure, settings : Structure, Settings
        What is trained, and how.
    engine : Engine
        What computes.
    standing : Standing
        The parameters and all that moves with them.
    metric : Metric
        What is recorded beside the loss.
    rows : Rows
        To learn from.
    judged : dict of str to Rows
        ``"validation"`` and ``"test"``, where given. Only the validation rows decide anything.
    chosen : array of int, optional
        The rows to learn from, where some are set aside.
    """

    def __init__(
        self,
        structure: Structure,
        settings: Settings,
        engine: Engine,
        standing: Standing,
        metric: Metric,
        rows: Rows,
        judged: dict[str, Rows],
        chosen: Array | None = None,
    ) -> None:
        self.structure, self.settings, self.engine, self.standing = structure, settings, engine, standing
        self.metric, self.rows, self.judged, self.chosen = metric, rows, judged, chosen
        self.outputs: dict[str, Array] = {}
        self.minimum: OptimizeResult | None = None
        self.loss: Loss = settings.found_loss()
        self.history: list[Epoch] = []
        self.stop_reason = ""
        self.message = ""
        self.best_epoch = 0
        self._best_figure = math.inf
        self._best = self.weights.in_use.copy()
        self._good = self.weights.in_use.copy()
        self._keeps_best = settings.restore_best and ("validation" in judged or settings.patience is not None)

    @property
    def weights(self) -> Weights:
        """The parameters, the optimizer's memory, the running average."""
        return self.standing.weights

    @property
    def parameters(self) -> dict[str, Array]:
        """The parameters that predict at this moment, by name."""
        return self.structure.views(self.weights.in_use)

    @property
    def batches(self) -> int:
        """Batches in an epoch."""
        return 1 if self.settings.full_batch else math.ceil(self.samples / self.settings.batch_size)

    @property
    def samples(self) -> int:
        """How many rows there are to learn from."""
        return len(self.rows) if self.chosen is None else len(self.chosen)

    def stop(self, reason: str) -> None:
        """End the training: after this batch, or this epoch when called at its end."""
        self.stop_reason = self.stop_reason or reason

    def evaluate(self, name: str) -> tuple[float, float | None]:
        """Return loss and metric over judged rows, with the parameters that predict; keep the outputs for callbacks."""
        rows = self.judged[name]
        loss, output = judge(self.engine, self.structure, self.loss, self.weights.in_use, rows)
        self.outputs[name] = output
        return loss, None if self.metric.name == NO_METRIC else self.metric.score(output, rows.y)

    def note_epoch(self, record: Epoch) -> None:
        """Record an epoch that went well and decide whether it is the best so far and whether to go on."""
        self.history.append(record)
        np.copyto(self._good, self.weights.in_use)
        figure = self.monitored(record)
        if figure < self._best_figure - (self.settings.min_delta if math.isfinite(self._best_figure) else 0):
            self._best_figure, self.best_epoch = figure, record.epoch
            np.copyto(self._best, self.weights.in_use)
        elif self.settings.patience is not None and record.epoch - self.best_epoch >= self.settings.patience:
            self.stop(f"no better for {self.settings.patience} epochs")

    def monitored(self, record: Epoch) -> float:
        """Return what early stopping watches, the lower the better."""
        prefix = "validation_" if "validation" in self.judged else ""
        value = float(getattr(record, prefix + self.settings.monitor))
        return value if self.settings.monitor == "loss" else -value

    def result(self) -> tuple[Array, int]:
        """Return the parameters to keep and the epoch that they come from."""
        if self._keeps_best and self.best_epoch:
            return self._best, self.best_epoch
        # an epoch cut short by Ctrl-C was never judged, and its last update may be half done
        cut_short = self.stop_reason == "interrupted" and bool(self.history)
        if cut_short or self.stop_reason == "diverged" or not np.isfinite(self.weights.in_use).all():
            return self._good, len(self.history)
        return self.weights.in_use.copy(), len(self.history)

    def diverge(self, epoch: int, where: str, learning_rate: float) -> None:
        """Stop because a number is no longer finite, and go back to the last good parameters."""
        self.stop("diverged")
        kept = f"those after epoch {len(self.history)}" if self.history else "the first ones"
        self.message = (
            f"loss or gradient is no longer a finite number at epoch {epoch}{where} "
            f"(learning rate {learning_rate:.3g}); the last good parameters are kept, {kept}. "
            "Try a learning rate ten times smaller, clip_norm=1, or scaled inputs"
        )

"""Metrics: how well a network answers, beside the loss it was trained by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from glassnet.engines.interface import Engine, RowMetric, Rows
from glassnet.network.activations import Array
from glassnet.network.losses import Loss
from glassnet.network.names import entry
from glassnet.network.structure import Structure

#: Rows that are copied at once where only some of x are judged.
ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Metric:
    """A figure that grows as the network gets better.

    Parameters
    ----------
    name : str
        What it is called.
    row : callable
        ``row(output (samples, outputs), y) -> (samples,)``.
    of_mean : callable
        ``of_mean(mean of row over the rows, y of all rows) -> float``: the figure itself.
    """

    name: str
    row: RowMetric
    of_mean: Callable[[float, Array], float]

    def score(self, output: Array, y: Array) -> float:
        """Return the figure over all rows."""
        return self.of_mean(float(np.mean(self.row(output, y))), y)


def _right(output: Array, y: Array) -> Array:
    """Whether the class of the row is right: the largest output, or the side of ½ of the only one."""
    if output.shape[-1] == 1:
        return np.equal(output[:, 0] >= 0.5, y.reshape(len(y)) >= 0.5)
    return np.equal(np.argmax(output, axis=-1), y if y.ndim == 1 else np.argmax(y, axis=-1))


def _all_right(output: Array, y: Array) -> Array:
    """Whether each yes-or-no question of the row is answered right."""
    return np.all(np.equal(output >= 0.5, y.reshape(len(y), -1) >= 0.5), axis=-1)


def _squared_error(output: Array, y: Array) -> Array:
    return np.sum(np.square(output - y.reshape(len(y), -1)), axis=-1)


def _r2(mean_squared_error: float, y: Array) -> float:
    """1 - Σ(o - y)² / Σ(y - ȳ)², over all outputs together; 0 where y does not vary."""
    spread = float(np.sum(np.var(y.reshape(len(y), -1), axis=0, dtype=np.float64)))
    return 1 - mean_squared_error / spread if spread > 0 else 0.0


def judge(engine: Engine, structure: Structure, loss: Loss, vector: Array, rows: Rows) -> tuple[float, Array]:
    """Return the mean loss over rows, and the outputs a_L that it comes from (samples, outputs)."""
    last = structure.activations[-1]
    if rows.only is None:
        z = engine.outputs(vector, rows.x, pre_activation=True, scale=rows.scale)
    else:
        z = np.concatenate(
            [
                engine.outputs(
                    vector, rows.x[rows.only[first : first + ROWS_AT_ONCE]], pre_activation=True, scale=rows.scale
                )
                for first in range(0, len(rows), ROWS_AT_ONCE)
            ]
        )
    output = last.function(z)
    return loss.mean(z if last.name == loss.link else output, rows.y, rows.sample_weight), output


#: The metric of who wants none: NaN for every row.
NO_METRIC = "none"

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", _right, lambda mean, y: mean),
        Metric("subset_accuracy", _all_right, lambda mean, y: mean),
        Metric("r2", _squared_error, _r2),
        Metric(NO_METRIC, lambda output, y: np.full(len(output), np.nan), lambda mean, y: mean),
    )
}


def find_metric(metric: str) -> Metric:
    """Return the metric of that name; a ValueError names them all if there is none."""
    return entry(METRICS, metric, "metric")

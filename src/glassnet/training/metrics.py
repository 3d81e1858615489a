"""Metrics: how well a network answers, beside the loss it was trained by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from glassnet._utils.arrays import Array
from glassnet._utils.registry import lookup
from glassnet.engines.interface import Engine, RowMetric, Rows
from glassnet.metrics.per_sample import (
    accuracy_per_sample,
    no_metric,
    squared_error_per_sample,
    subset_accuracy_per_sample,
)
from glassnet.network.losses import Loss
from glassnet.network.structure import Structure
from glassnet.training.source import Source

#: Rows that are copied at once where only some of x are judged.
ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Metric:
    """A figure that grows as the network gets better.

    Parameters
    ----------
    name : str
        What it is called.
    per_sample : callable
        ``per_sample(output (samples, outputs), y) -> (samples,)``.
    aggregate : callable
        ``aggregate(mean of per_sample over the rows, source of the rows) -> float``: the figure itself.
    """

    name: str
    per_sample: RowMetric
    aggregate: Callable[[float, Source], float]


def _r2(mean_squared_error: float, source: Source) -> float:
    """1 - Σ(o - y)² / Σ(y - ȳ)², over all outputs together; 0 where y does not vary."""
    spread = source.spread()
    return 1 - mean_squared_error / spread if spread > 0 else 0.0


def judge(engine: Engine, structure: Structure, loss: Loss, vector: Array, rows: Rows) -> tuple[float, Array]:
    """Return the mean loss over rows, and the outputs a_L that it comes from (samples, outputs)."""
    seen, output = judged(engine, structure, loss, vector, rows)
    return loss.mean(seen, rows.y, rows.sample_weight), output


def judged(engine: Engine, structure: Structure, loss: Loss, vector: Array, rows: Rows) -> tuple[Array, Array]:
    """Return what a loss looks at, z_L or a_L, and the outputs a_L, each (samples, outputs)."""
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
    return z if last.name == loss.link else output, output


#: The metric of who wants none: NaN for every row.
NO_METRIC = "none"

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", accuracy_per_sample, lambda mean, source: mean),
        Metric("subset_accuracy", subset_accuracy_per_sample, lambda mean, source: mean),
        Metric("r2", squared_error_per_sample, _r2),
        Metric(NO_METRIC, no_metric, lambda mean, source: mean),
    )
}


def find_metric(metric: str) -> Metric:
    """Return the metric of that name; a ValueError names them all if there is none."""
    return lookup(METRICS, metric, "metric")

"""The metrics that a training can record beside its loss, by name: the mean of a value per row, then one formula."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from glassnet._utils.arrays import Array
from glassnet._utils.registry import lookup
from glassnet.metrics.per_sample import (
    accuracy_per_sample,
    no_metric,
    squared_error_per_sample,
    subset_accuracy_per_sample,
)

#: The metric that records nothing: NaN for every row.
NO_METRIC = "none"


@dataclass(frozen=True)
class Metric:
    """A metric that increases as the network improves.

    Parameters
    ----------
    name : str
        Its name in `METRICS`.
    per_sample : callable
        ``per_sample(output (samples, outputs), y) -> (samples,)``.
    aggregate : callable
        ``aggregate(mean, target_spread) -> float``: the metric, from the mean of ``per_sample`` over the rows.
        ``target_spread()`` returns Σ(y - ȳ)² divided by the number of rows; it is only called where it is needed.
    """

    name: str
    per_sample: Callable[[Array, Array], Array]
    aggregate: Callable[[float, Callable[[], float]], float]


def _mean(mean: float, target_spread: Callable[[], float]) -> float:
    return mean


def _r2(mean_squared_error: float, target_spread: Callable[[], float]) -> float:
    """Return 1 - Σ(a - y)² / Σ(y - ȳ)², over all outputs together; 0 for a constant target."""
    spread = target_spread()
    return 1 - mean_squared_error / spread if spread > 0 else 0.0


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", accuracy_per_sample, _mean),
        Metric("subset_accuracy", subset_accuracy_per_sample, _mean),
        Metric("r2", squared_error_per_sample, _r2),
        Metric(NO_METRIC, no_metric, _mean),
    )
}


def find_metric(name: str) -> Metric:
    """Return a metric by its name.

    Raises
    ------
    InputError
        If there is no such metric; the message lists the names.
    """
    return lookup(METRICS, name, "metric")

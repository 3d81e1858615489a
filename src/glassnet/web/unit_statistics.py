"""Activations of the model's units over the example rows: computed once per model, with bounded memory and work."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from fastapi import Depends
from scipy.sparse import issparse
from starlette.requests import HTTPConnection

from glassnet import inspection
from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.models import Model
from glassnet.models.target import CLASSIFICATION
from glassnet.web.app_state import AppState, Examples, app_singleton
from glassnet.web.work import acquire, require_memory

#: Activations that are stored, over all units and rows, and multiplications to compute them. Larger data are sampled
#: at regular intervals.
MAX_ACTIVATIONS = 2**24
MAX_WORK = 2**34
#: Rows used for the activation scale of each layer.
N_SCALE_ROWS = 256
#: Bins of a histogram.
BINS = 32
#: Rows with the largest activations of a unit.
N_TOP_ROWS = 12


class UnitStatistics:
    """Statistics of the units of one model over its example rows.

    Parameters
    ----------
    version : int
        Version of the model in `AppState`.
    model, examples
        The model and its rows.
    """

    def __init__(self, version: int, model: Model, examples: Examples | None) -> None:
        self.version = version
        self.model = model
        self.examples = examples
        self._lock = threading.Lock()
        self._activations: dict[str, Array] | None = None

    @cached_property
    def rows(self) -> Array:
        """Indices of the rows that are used: all, or a regular sample."""
        count = n_rows(self.examples)
        structure = self.model.structure
        limit = min(MAX_ACTIVATIONS // sum(structure.layer_sizes[1:]), MAX_WORK // structure.n_parameters)
        return (
            np.unique(np.linspace(0, count - 1, max(1, min(count, limit))).astype(np.intp)) if count else np.arange(0)
        )

    @property
    def activations(self) -> dict[str, Array]:
        """``a1 … aL`` of those rows, each (rows, units); computed on first use by one thread."""
        with acquire(self._lock):
            if self._activations is None:
                self._activations = self._compute(self.rows)
            return self._activations

    @cached_property
    def activation_scale(self) -> dict[str, float] | None:
        """The largest absolute activation of each layer over a few rows; None if there are no rows."""
        if not len(self.rows):
            return None
        sample = self.rows[:: max(1, len(self.rows) // N_SCALE_ROWS)][:N_SCALE_ROWS]
        return {name: float(np.abs(np.nan_to_num(values)).max()) for name, values in self._compute(sample).items()}

    @cached_property
    def max_weights(self) -> dict[str, Array]:
        """max_j |W[i, j]| of every W, for `glassnet.inspection.top_contributions`."""
        return {name: np.abs(W).max(axis=1) for name, W in self.model.parameters.items() if name[0] == "W"}

    @cached_property
    def class_numbers(self) -> Array | None:
        """The class index of each row, (rows,); None if there are no classes or no targets."""
        y = None if self.examples is None else self.examples.y
        return None if y is None or self.model.task != CLASSIFICATION else self.model.encode(y)

    def memory(self, rows: int) -> int:
        """Estimate the bytes for a number of rows, and their pre-activations and activations."""
        model = self.model
        units = sum(model.structure.layer_sizes)
        return rows * (32 * len(model.feature_names) + 3 * units * model.vector.itemsize)

    def unit(self, layer: int, unit: int) -> dict[str, Any] | None:
        """Return the histogram of a unit's activations and the rows with the largest; None if there are no rows."""
        if not len(self.rows):
            return None
        a = np.nan_to_num(self.activations[f"a{layer}"][:, unit].astype(np.float64))
        counts, edges = np.histogram(a, BINS)
        top = np.argsort(-a, kind="stable")[:N_TOP_ROWS]
        return {
            "rows": len(self.rows),
            "total_rows": n_rows(self.examples),
            "low": edges[0],
            "high": edges[-1],
            "counts": counts,
            "percentiles": np.percentile(a, np.arange(100), method="lower"),
            "mean": a.mean(),
            "zeros": np.count_nonzero(a == 0),
            "top_rows": self.rows[top],
            "top_activations": a[top],
        }

    def describe_rows(self, chosen: Array) -> list[dict[str, Any]]:
        """Return position, values, target and prediction of rows, given their indices (rows,).

        ``row`` is the index from 0; ``number`` is its number in the ``file``, which is given if there are several.
        """
        examples = self.examples
        if examples is None or not len(chosen):
            return []
        require_memory(self.memory(len(chosen)) + 200 * len(chosen) * examples.x.shape[1])
        values = to_dense(examples.x[chosen])
        try:
            predictions = self.model.predict(values).tolist()
        except InputError:  # the network has diverged
            predictions = [None] * len(values)
        targets = [None] * len(values) if examples.y is None else [to_plain(value) for value in examples.y[chosen]]
        rows = values.tolist() if values.dtype == object else values
        columns = zip(examples.locate(chosen), targets, predictions, rows, strict=True)
        return [
            location | {"target": target, "prediction": to_plain(prediction), "values": row}
            for location, target, prediction, row in columns
        ]

    def connections(self, layers: Mapping[str, Any], count: int) -> list[dict[str, Array]]:
        """Return the strongest terms a[i] · W[i, j] of each layer: source unit, target unit, value.

        Parameters
        ----------
        layers : mapping of str to array (units,)
            Activations of one row: ``x`` (or ``a0`` with embeddings), ``a1``, …, and ``h0``, … if the next layer
            receives scaled activations.
        count : int
            Maximum number per layer.
        """
        parameters = self.model.parameters
        inputs = {"a0": layers["x"], **layers}
        found = []
        for layer, _, _ in self.model.structure.layers():
            a = inputs.get(f"h{layer - 1}", inputs[f"a{layer - 1}"])
            i, j, terms = inspection.top_contributions(a, parameters[f"W{layer}"], count, self.max_weights[f"W{layer}"])
            found.append({"from": i, "to": j, "terms": terms})
        return found

    def _compute(self, rows: Array) -> dict[str, Array]:
        assert self.examples is not None
        model = self.model
        require_memory(self.memory(len(rows)))
        inputs = model.inputs(to_dense(self.examples.x[rows]))
        with np.errstate(over="ignore", invalid="ignore"):  # the network may have diverged
            found = inspection.activations(model.structure, model.vector, inputs)
        return {name: values for name, values in found.items() if name[0] == "a"}


class UnitStatisticsCache:
    """Holds the statistics of the current model; computes new ones when the model is replaced."""

    def __init__(self, state: AppState) -> None:
        self._state = state
        self._lock = threading.Lock()
        self._statistics: UnitStatistics | None = None

    def get(self) -> UnitStatistics:
        """Return the statistics of the current model."""
        with self._lock:
            if self._statistics is None or self._statistics.version != self._state.version:
                snapshot = self._state.snapshot()
                self._statistics = UnitStatistics(snapshot.version, snapshot.model, snapshot.examples)
            return self._statistics


def n_rows(examples: Examples | None) -> int:
    """Return the number of example rows."""
    return 0 if examples is None else int(examples.x.shape[0])


def to_dense(x: Any) -> Array:
    """Return dense or sparse rows as an array."""
    return x.toarray() if issparse(x) else np.asarray(x)


def to_plain(value: Any) -> Any:
    """Return a target as a plain value; an integral float becomes an int."""
    if isinstance(value, np.generic):
        value = value.item()
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def get_unit_statistics(connection: HTTPConnection) -> UnitStatistics:
    """Return the unit statistics of the current model."""
    return app_singleton(connection, UnitStatisticsCache).get()


#: Dependency of an endpoint: ``def endpoint(statistics: UnitStatisticsDep)``.
UnitStatisticsDep = Annotated[UnitStatistics, Depends(get_unit_statistics)]

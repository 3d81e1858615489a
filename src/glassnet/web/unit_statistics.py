"""What the units of the model answer to the rows at hand: taken once for each model, in bounded memory and work."""

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
from glassnet.web.app_state import AppState, Examples, made_once

#: Numbers that are kept of all units and rows together, and multiplications that they may take: more rows than that are
#: looked at in even steps.
MAX_NUMBERS, MAX_WORK = 2**24, 2**34
#: Rows from which it is known how loud the units of a layer get.
FEW_ROWS = 256
#: Parts of a histogram, and rows that excite a unit most.
BINS, MAX_EXCITING = 32, 12


class Survey:
    """Of one model, with the rows that are its own.

    Parameters
    ----------
    version : int
        Of the workshop's model.
    model, examples
        As the workshop held them then.
    """

    def __init__(self, version: int, model: Model, examples: Examples | None) -> None:
        self.version, self.model, self.examples = version, model, examples
        self._taking = threading.Lock()
        self._layers: dict[str, Array] | None = None

    @cached_property
    def rows(self) -> Array:
        """The numbers of the rows that are looked at, from 0: all, or some in even steps."""
        count, structure = row_count(self.examples), self.model.structure
        most = min(MAX_NUMBERS // sum(structure.layer_sizes[1:]), MAX_WORK // structure.n_parameters)
        return np.unique(np.linspace(0, count - 1, max(1, min(count, most))).astype(np.intp)) if count else np.arange(0)

    @property
    def layers(self) -> dict[str, Array]:
        """``a1 … aL`` of those rows, each (rows, units): taken when first asked for, by one thread."""
        with self._taking:
            if self._layers is None:
                self._layers = self._answers(self.rows)
            return self._layers

    @cached_property
    def reach(self) -> dict[str, float] | None:
        """The size that the loudest activation of each layer has for a few rows; None where there are no rows."""
        if not len(self.rows):
            return None
        few = self.rows[:: max(1, len(self.rows) // FEW_ROWS)][:FEW_ROWS]
        return {name: float(np.abs(np.nan_to_num(values)).max()) for name, values in self._answers(few).items()}

    @cached_property
    def weight_reach(self) -> dict[str, Array]:
        """max_j |W[i, j]| of every W, for `glassnet.inspection.top_contributions`."""
        return {name: np.abs(W).max(axis=1) for name, W in self.model.parameters.items() if name[0] == "W"}

    @cached_property
    def class_numbers(self) -> Array | None:
        """The number of each row's class among the model's, (rows,); None where no classes are known."""
        y = None if self.examples is None else self.examples.y
        return None if y is None or self.model.task != CLASSIFICATION else self.model.encode(y)

    def unit(self, layer: int, unit: int) -> dict[str, Any] | None:
        """Tell how a unit answers to the rows at hand: a histogram, and the numbers of the rows that excite it most."""
        if not len(self.rows):
            return None
        a = np.nan_to_num(self.layers[f"a{layer}"][:, unit].astype(np.float64))
        counts, edges = np.histogram(a, BINS)
        best = np.argsort(-a, kind="stable")[:MAX_EXCITING]
        return {
            "rows": len(self.rows),
            "of": row_count(self.examples),
            "low": edges[0],
            "high": edges[-1],
            "counts": counts,
            "percentiles": np.percentile(a, np.arange(100), method="lower"),
            "mean": a.mean(),
            "zeros": np.count_nonzero(a == 0),
            "exciting": self.rows[best],
            "excited": a[best],
        }

    def told(self, chosen: Array) -> list[dict[str, Any]]:
        """Tell rows at hand: where they stand, their values and targets, and what the model says of them.

        ``row`` counts the rows at hand, from 0; ``number`` is its number in the ``file``, which is told where there are
        several.
        """
        examples = self.examples
        if examples is None or not len(chosen):
            return []
        values = dense(examples.x[chosen])
        try:
            said = self.model.predict(values).tolist()
        except InputError:  # a network that has diverged says nothing
            said = [None] * len(values)
        truth = [None] * len(values) if examples.y is None else [named(value) for value in examples.y[chosen]]
        return [
            place | {"target": target, "prediction": named(answer), "values": raw}
            for place, target, answer, raw in zip(examples.places(chosen), truth, said, values, strict=True)
        ]

    def connections(self, layers: Mapping[str, Any], count: int) -> list[dict[str, Array]]:
        """Tell the strongest terms a[i] · W[i, j] of each layer: from which unit, to which, and how much.

        Parameters
        ----------
        layers : mapping of str to array (units,)
            What the layers answer to a row: ``x`` (or, with tables, ``a0``), ``a1``, …, and ``h0``, … where the next
            layer hears something else.
        count : int
            Of each layer, at most.
        """
        structure, parameters, told = self.model.structure, self.model.parameters, []
        heard = {"a0": layers["x"], **layers}
        for layer, _, _ in structure.layers():
            a = heard.get(f"h{layer - 1}", heard[f"a{layer - 1}"])
            i, j, terms = inspection.top_contributions(
                a, parameters[f"W{layer}"], count, self.weight_reach[f"W{layer}"]
            )
            told.append({"from": i, "to": j, "terms": terms})
        return told

    def _answers(self, rows: Array) -> dict[str, Array]:
        assert self.examples is not None
        model = self.model
        inputs = model.inputs(dense(self.examples.x[rows]))
        with np.errstate(over="ignore", invalid="ignore"):  # a network that has diverged is looked at too
            found = inspection.activations(model.structure, model.vector, inputs)
        return {name: values for name, values in found.items() if name[0] == "a"}


class Surveys:
    """The survey of one server's model, made anew when another model takes its place."""

    def __init__(self, workshop: AppState) -> None:
        self._workshop, self._lock = workshop, threading.Lock()
        self._kept: Survey | None = None

    def now(self) -> Survey:
        """Return that of the model that answers now."""
        with self._lock:
            if self._kept is None or self._kept.version != self._workshop.version:
                now = self._workshop.state()
                self._kept = Survey(now.version, now.model, now.examples)
            return self._kept


def row_count(examples: Examples | None) -> int:
    """Return how many rows are at hand."""
    return 0 if examples is None else int(examples.x.shape[0])


def dense(x: Any) -> Array:
    """Return rows as an array, sparse or not."""
    return x.toarray() if issparse(x) else np.asarray(x)


def named(value: Any) -> Any:
    """Return a target as it is shown: a class's name as text, a whole number without a point, None as it is."""
    if isinstance(value, np.generic):
        value = value.item()
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def survey_of(connection: HTTPConnection) -> Survey:
    """Return the survey of the model that answers now, a new one where that has changed."""
    return made_once(connection, Surveys).now()


#: How an endpoint asks for it: ``def endpoint(survey: TheSurvey)``.
TheSurvey = Annotated[Survey, Depends(survey_of)]

"""Endpoints of Think: static properties of the model, example rows, one unit."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from glassnet._utils.arrays import Array
from glassnet.models.target import CLASSIFICATION
from glassnet.web.errors import ApiError, truncate
from glassnet.web.responses import to_json
from glassnet.web.think.drawing import drawing_parameters
from glassnet.web.unit_statistics import UnitStatistics, UnitStatisticsDep, n_rows, to_dense
from glassnet.web.work import require_memory, run_work

router = APIRouter(tags=["think"])

#: Rows per response.
MAX_ROWS = 200
#: Numbers per response.
MAX_VALUES = 400_000
#: Rows from which the range of each column is estimated.
N_RANGE_ROWS = 20_000


@router.get("/api/think")
async def initial_data(request: Request, statistics: UnitStatisticsDep) -> Response:
    """Return what is constant for a model: biases, activation scales, an initial row, drawing parameters."""
    content = await run_work(request, lambda: to_json(describe_network(statistics)))
    return Response(content, media_type="application/json")


@router.get("/api/rows")
async def rows(
    request: Request,
    statistics: UnitStatisticsDep,
    first: Annotated[int, Query(alias="from", ge=0, description="Index of the first row, among those selected.")] = 0,
    count: Annotated[int, Query(ge=1, le=MAX_ROWS)] = 24,
    class_: Annotated[str | None, Query(alias="class", description="Select the rows of this class.")] = None,
    row: Annotated[int | None, Query(ge=0, description="Index of the first row among all rows; replaces from.")] = None,
    number: Annotated[int | None, Query(description="The same, by the row's number in its file.")] = None,
) -> Response:
    """Return example rows: ``row`` (from 0), ``number`` (in the file), ``target``, ``prediction``, raw ``values``."""

    def work() -> bytes:
        chosen = rows_of_class(statistics, class_)
        first_row = row if number is None else row_by_number(statistics, number)
        start = min(first, len(chosen)) if first_row is None else _position(statistics, chosen, first_row)
        limit = max(1, min(count, MAX_VALUES // len(statistics.model.feature_names)))
        described = statistics.describe_rows(chosen[start : start + limit])
        total = n_rows(statistics.examples)
        head = {"version": statistics.version, "total": total, "matching": len(chosen), "from": start}
        return to_json({**head, "rows": described})

    return Response(await run_work(request, work), media_type="application/json")


@router.get("/api/unit")
async def unit(
    request: Request,
    statistics: UnitStatisticsDep,
    layer: Annotated[int, Query(description="From 1.")],
    unit: Annotated[int, Query(description="From 0.")],
) -> Response:
    """Return a unit's weights and bias and, if there are example rows, its histogram and the rows that activate it."""
    structure = statistics.model.structure
    if not 1 <= layer <= structure.n_layers:
        raise _invalid("layer", layer, f"a layer, 1 … {structure.n_layers}")
    if not 0 <= unit < structure.layer_sizes[layer]:
        raise _invalid("unit", unit, f"a unit of layer {layer}, 0 … {structure.layer_sizes[layer] - 1}")

    def work() -> bytes:
        parameters = statistics.model.parameters
        found = statistics.unit(layer, unit)
        if found is not None:
            described = statistics.describe_rows(found.pop("top_rows"))
            activations = found.pop("top_activations")
            found["top_rows"] = [entry | {"a": float(a)} for entry, a in zip(described, activations, strict=True)]
        weights = np.ascontiguousarray(parameters[f"W{layer}"][:, unit])
        head = {"version": statistics.version, "layer": layer, "unit": unit}
        return to_json({**head, "weights": weights, "b": parameters[f"b{layer}"][unit], "statistics": found})

    return Response(await run_work(request, work), media_type="application/json")


def describe_network(statistics: UnitStatistics) -> dict[str, Any]:
    """Return what is constant for a model."""
    model = statistics.model
    examples = statistics.examples
    structure = model.structure
    count = n_rows(examples)
    sample = None
    require_memory(min(count, 2 * N_RANGE_ROWS) * 24 * len(model.feature_names))
    if examples is not None and count and model.takes_numbers:
        sample = to_dense(examples.x[:: max(1, count // N_RANGE_ROWS)]).astype(np.float64)
    initial_row: Any = np.zeros(structure.n_inputs)
    if not model.takes_numbers:
        initial_row = examples.x[0].tolist() if examples is not None and count else [None] * len(model.feature_names)
    elif sample is not None:
        initial_row = sample[0]
    elif model.scaling is not None and model.scaling.kind == "standard":
        initial_row[: structure.n_numbers] = model.scaling.offset[: structure.n_numbers]
    return {
        "version": statistics.version,
        "biases": {name: values for name, values in model.parameters.items() if name[0] == "b"},
        "activation_scale": statistics.activation_scale,
        "initial_row": initial_row,
        "target_range": target_range(statistics),
        "column_ranges": None if sample is None else {"low": sample.min(axis=0), "high": sample.max(axis=0)},
        "drawing": drawing_parameters(model, sample),
    }


def target_range(statistics: UnitStatistics) -> dict[str, float] | None:
    """Return the smallest and largest target; None for classification or without targets."""
    y = None if statistics.examples is None else statistics.examples.y
    if statistics.model.task == CLASSIFICATION or y is None or not len(y):
        return None
    return {"low": float(np.min(y)), "high": float(np.max(y))}


def rows_of_class(statistics: UnitStatistics, label: str | None) -> Array:
    """Return the indices of the rows of a class, or of all rows."""
    if label is None:
        return np.arange(n_rows(statistics.examples))
    if statistics.class_numbers is None:
        message = "there are no rows with known classes; omit class"
        raise ApiError(422, "invalid_input", message, value=label, expected="no class")
    known = [str(name) for name in statistics.model.classes]
    if label not in known:
        raise _invalid("class", label, f"one of {', '.join(known[:12])}" + (" …" if len(known) > 12 else ""))
    return np.flatnonzero(statistics.class_numbers == known.index(label))


def row_by_number(statistics: UnitStatistics, number: int) -> int:
    """Return the index of the row with a number in its file."""
    examples = statistics.examples
    found = None if examples is None else examples.table.find_row(number, n_rows(examples))
    if found is None:
        expected = "the number of a row in its file" if examples is not None else "rows of data: --data FILE"
        message = f"there is no row with the number {number}; give {expected}"
        raise ApiError(422, "invalid_input", message, value=number, expected=expected)
    return found


def _position(statistics: UnitStatistics, chosen: Array, row: int) -> int:
    """Return the position of a row among the selected rows."""
    position = int(np.searchsorted(chosen, row))
    if position == len(chosen) or chosen[position] != row:
        count = n_rows(statistics.examples)
        expected = f"a row of the class, 0 … {count - 1}" if count else "rows of data: --data FILE"
        message = f"there is no row {row}; give {expected}"
        raise ApiError(422, "invalid_input", message, value=row, expected=expected)
    return position


def _invalid(name: str, value: Any, expected: str) -> ApiError:
    message = f"{name} is {truncate(value)!r}; give {expected}"
    return ApiError(422, "invalid_input", message, value=value, expected=expected)

"""What Think asks for: what it needs to know of a model once, the rows at hand, a unit."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from glassnet._utils.arrays import Array
from glassnet.models.target import CLASSIFICATION
from glassnet.web.app_state import AppStateDep
from glassnet.web.errors import ApiError, shown
from glassnet.web.responses import as_json
from glassnet.web.think.pen import pen_for
from glassnet.web.threads import apart
from glassnet.web.unit_statistics import Survey, TheSurvey, dense, row_count

router = APIRouter(tags=["think"])

#: Rows, and numbers in them, that are told at once.
MAX_ROWS, MAX_VALUES = 200, 400_000
#: Rows from which the range of each column is known.
FEW_ROWS = 20_000


@router.get("/api/think")
async def begin(request: Request, survey: TheSurvey, workshop: AppStateDep) -> Response:
    """Tell what is needed once for a model: every ``b``, how loud each layer gets, a row to begin with, the pen."""
    return Response(
        await apart(request, lambda: as_json(beginning(survey)), workshop.limits.seconds), media_type="application/json"
    )


@router.get("/api/rows")
async def rows(
    request: Request,
    survey: TheSurvey,
    workshop: AppStateDep,
    first: Annotated[int, Query(alias="from", ge=0, description="The first one, among those of the class.")] = 0,
    count: Annotated[int, Query(ge=1, le=MAX_ROWS)] = 24,
    class_: Annotated[str | None, Query(alias="class", description="Rows of this class alone.")] = None,
    row: Annotated[int | None, Query(ge=0, description="Begin where this row stands, instead of at from.")] = None,
    number: Annotated[int | None, Query(description="The same, by its number in its file.")] = None,
) -> Response:
    """Tell rows at hand: ``row`` (from 0), ``number`` (in its file), ``target``, ``prediction`` and raw ``values``."""

    def work() -> bytes:
        chosen = matching(survey, class_)
        wanted = row if number is None else numbered(survey, number)
        start = min(first, len(chosen)) if wanted is None else _place(survey, chosen, wanted)
        most = max(1, min(count, MAX_VALUES // len(survey.model.feature_names)))
        told = survey.told(chosen[start : start + most])
        head = {"version": survey.version, "total": row_count(survey.examples), "matching": len(chosen), "from": start}
        return as_json({**head, "rows": told})

    return Response(await apart(request, work, workshop.limits.seconds), media_type="application/json")


@router.get("/api/unit")
async def unit(
    request: Request,
    survey: TheSurvey,
    workshop: AppStateDep,
    layer: Annotated[int, Query(description="From 1.")],
    number: Annotated[int, Query(alias="unit", description="From 0.")],
) -> Response:
    """Tell a unit: its weights and bias; and, where rows are at hand, which excite it most, and how it answers them."""
    structure = survey.model.structure
    if not 1 <= layer <= structure.n_layers:
        expected = f"a layer, 1 … {structure.n_layers}"
        raise ApiError(422, "input", f"layer is {shown(layer)}; give {expected}", value=layer, expected=expected)
    if not 0 <= number < structure.layer_sizes[layer]:
        expected = f"a unit of layer {layer}, 0 … {structure.layer_sizes[layer] - 1}"
        raise ApiError(422, "input", f"unit is {shown(number)}; give {expected}", value=number, expected=expected)

    def work() -> bytes:
        parameters, data = survey.model.parameters, survey.unit(layer, number)
        if data is not None:
            excited = zip(survey.told(data.pop("exciting")), data.pop("excited"), strict=True)
            data["exciting"] = [told | {"a": float(a)} for told, a in excited]
        weights = np.ascontiguousarray(parameters[f"W{layer}"][:, number])
        head = {"version": survey.version, "layer": layer, "unit": number}
        return as_json({**head, "weights": weights, "b": parameters[f"b{layer}"][number], "data": data})

    return Response(await apart(request, work, workshop.limits.seconds), media_type="application/json")


def beginning(survey: Survey) -> dict[str, Any]:
    """Return what the page needs to know of a model once."""
    model, examples = survey.model, survey.examples
    structure = model.structure
    count = row_count(examples)
    few = None
    if examples is not None and count:
        few = dense(examples.x[:: max(1, count // FEW_ROWS)]).astype(np.float64)
    start = np.zeros(structure.n_inputs)
    if few is not None:
        start = few[0]
    elif model.scaling is not None and model.scaling.kind == "standard":
        start[: structure.n_numbers] = model.scaling.offset[: structure.n_numbers]
    return {
        "version": survey.version,
        "biases": {name: values for name, values in model.parameters.items() if name[0] == "b"},
        "reach": survey.reach,
        "start": start,
        "target": target_range(survey),
        "columns": None if few is None else {"low": few.min(axis=0), "high": few.max(axis=0)},
        "pen": pen_for(model, few),
    }


def target_range(survey: Survey) -> dict[str, float] | None:
    """Return the least and the largest value at hand, where values are predicted."""
    y = None if survey.examples is None else survey.examples.y
    if survey.model.task == CLASSIFICATION or y is None or not len(y):
        return None
    return {"low": float(np.min(y)), "high": float(np.max(y))}


def matching(survey: Survey, wanted: str | None) -> Array:
    """Return the numbers of the rows of a class, or of all."""
    if wanted is None:
        return np.arange(row_count(survey.examples))
    if survey.class_numbers is None:
        told = "there are no rows with classes at hand; leave class out"
        raise ApiError(422, "input", told, value=wanted, expected="no class")
    known = [str(label) for label in survey.model.classes]
    if wanted not in known:
        expected = f"one of {', '.join(known[:12])}" + (" …" if len(known) > 12 else "")
        raise ApiError(422, "input", f"class is {shown(wanted)!r}; give {expected}", value=wanted, expected=expected)
    return np.flatnonzero(survey.class_numbers == known.index(wanted))


def numbered(survey: Survey, number: int) -> int:
    """Return which row at hand has a number in its file."""
    examples = survey.examples
    found = None if examples is None else examples.table.find_row(number, row_count(examples))
    if found is None:
        expected = "the number of a row in its file" if examples is not None else "rows at hand: --data FILE"
        told = f"there is no row with the number {number} here; give {expected}"
        raise ApiError(422, "input", told, value=number, expected=expected)
    return found


def _place(survey: Survey, chosen: Array, row: int) -> int:
    """Return where a row stands among those that were chosen."""
    place = int(np.searchsorted(chosen, row))
    if place == len(chosen) or chosen[place] != row:
        count = row_count(survey.examples)
        expected = f"a row of the class, 0 … {count - 1}" if count else "rows at hand: --data FILE"
        raise ApiError(422, "input", f"there is no row {row} here; give {expected}", value=row, expected=expected)
    return place

"""Everything inside the network for one row: ``POST /api/explain``."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from glassnet import inspection
from glassnet._utils.arrays import Array
from glassnet.engines.interface import check_finite
from glassnet.errors import InputError
from glassnet.inspection.outputs import OUTPUT_KINDS, check_outputs
from glassnet.models import Model
from glassnet.network.embeddings import look_up
from glassnet.web.app_state import workshop_of
from glassnet.web.errors import ApiError, shown
from glassnet.web.predict import said_of
from glassnet.web.request_rows import ROW, read_json, rows_of, takes, told_by_place
from glassnet.web.responses import as_json, counted
from glassnet.web.threads import apart
from glassnet.web.unit_statistics import survey_of

router = APIRouter(tags=["predictions"])

#: Connections of each layer that one explanation tells.
MAX_CONNECTIONS = 1000

_ONE = {
    "type": "object",
    "required": ["row"],
    "properties": {
        "row": ROW,
        "output": {"type": "integer", "minimum": 0, "description": "Which output; the largest if not given."},
        "of": {"enum": list(OUTPUT_KINDS), "default": "output"},
        "scale": {
            "type": "object",
            "additionalProperties": {"type": "object", "additionalProperties": {"type": "number"}},
            "description": 'Units that are silenced, or made louder: {"a1": {"5": 0.0}}.',
        },
        "strongest": {
            "type": "integer",
            "minimum": 0,
            "maximum": MAX_CONNECTIONS,
            "default": 0,
            "description": "How many connections of each layer are told: the largest a[i] · W[i, j].",
        },
        "saliency": {"type": "boolean", "default": True, "description": "Whether it is wanted; it takes longest."},
        "unit": {
            "type": "array",
            "items": {"type": "integer"},
            "minItems": 2,
            "maxItems": 2,
            "description": "A layer, from 1, and a unit, from 0: how its z hangs on each input of the network.",
        },
    },
}


@router.post("/api/explain", openapi_extra=takes(_ONE))
async def explain(request: Request) -> Response:
    """Tell everything that happens inside the network for one row: every z and a by name, and the saliency.

    ``saliency`` is the derivative of the chosen output with respect to each input of the network, a scaled column.
    With ``scale`` everything is told as it is with those units silenced or louder; ``without`` is the answer without
    that. ``connections`` are the ``strongest`` of each layer, ``unit_slope`` is that of the ``unit``.
    """
    workshop, body = workshop_of(request), await request.body()
    survey, limits = survey_of(request), workshop.limits
    model = survey.model

    def work() -> tuple[int, bytes]:
        content = read_json(body)
        if "row" not in content:
            raise ApiError(422, "input", 'row is missing; give one: {"row": […]}', expected="a row")
        x = rows_of({"rows": [content["row"]]}, model, 1)
        with told_by_place(x, model):
            wanted = Wanted.read(content)
            told = explanation(model, x, wanted)
            if wanted.strongest:
                told["connections"] = survey.connections(told, wanted.strongest)
            return 1, as_json({"version": survey.version} | told)

    return counted(request, *await apart(request, work, limits.seconds))


@dataclass(frozen=True)
class Wanted:
    """What is wanted of an explanation.

    Parameters
    ----------
    output : int, optional
        Which output; the largest if not given.
    of : str
        What the saliency is of: see `glassnet.inspection.saliency`.
    scale : mapping, optional
        Units that are silenced, or louder: see `glassnet.inspection.ablation`.
    strongest : int
        Connections of each layer.
    saliency : bool
        Whether it is wanted.
    unit : (int, int), optional
        The layer and the unit whose slope is wanted.
    """

    output: Any = None
    of: Any = "output"
    scale: Any = None
    strongest: int = 0
    saliency: bool = True
    unit: Any = None

    @classmethod
    def read(cls, content: dict[str, Any]) -> Wanted:
        """Read a request; what only the model can judge is left to it."""
        wanted = cls(**{each.name: content[each.name] for each in fields(cls) if each.name in content})
        count, unit = wanted.strongest, wanted.unit
        if not _is_whole(count) or not 0 <= count <= MAX_CONNECTIONS:
            expected = f"a whole number, 0 … {MAX_CONNECTIONS}"
            raise ApiError(422, "input", f"strongest is {shown(count)!r}; give {expected}", expected=expected)
        if not isinstance(wanted.saliency, bool):
            expected = "true or false"
            raise ApiError(422, "input", f"saliency is {shown(wanted.saliency)!r}; give {expected}", expected=expected)
        if unit is not None and not (isinstance(unit, list) and len(unit) == 2 and all(map(_is_whole, unit))):
            expected = "a layer and a unit: [1, 5]"
            raise ApiError(422, "input", f"unit is {shown(unit)!r}; give {expected}", expected=expected)
        if not isinstance(wanted.of, str):
            raise ApiError(
                422, "input", f"of is {shown(wanted.of)!r}; give one of {', '.join(OUTPUT_KINDS)}", expected="a name"
            )
        return wanted


def explanation(model: Model, x: Array, wanted: Wanted | None = None) -> dict[str, Any]:
    """Return everything that a network computes for one raw row, x (1, features)."""
    wanted = Wanted() if wanted is None else wanted
    structure, vector, scaled = model.structure, model.vector, model.inputs(x)
    output, scale = wanted.output, wanted.scale
    if output is not None and not _is_whole(output):
        raise InputError(f"output is {shown(output)!r}; it must be a whole number, 0 … {structure.n_outputs - 1}")
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is told below
        layers = inspection.activations(structure, vector, scaled, scale)
    last = layers[f"a{structure.n_layers}"]
    check_outputs(structure, output, 1)
    chosen = int(np.argmax(last[0])) if output is None else output
    told = {"row": dict(zip(model.feature_names, x[0].tolist(), strict=True)), "x": scaled[0]}
    if structure.tables:
        told["a0"] = look_up(structure, model.parameters, scaled[0])[0]
    told |= {name: values[0] for name, values in layers.items()}
    told |= {"output": chosen, "of": wanted.of}
    check_finite(last)
    said = said_of(model, last.copy())
    if scale is not None:
        as_is = model.outputs(x)
        told["without"] = {"outputs": as_is[0].copy()} | _answer(said_of(model, as_is))
    if wanted.saliency:
        slope = inspection.saliency(structure, vector, scaled, chosen, wanted.of, scale=scale)
        told["saliency"] = dict(zip(model.feature_names, slope[0], strict=True))
    if wanted.unit is not None:
        layer, unit = wanted.unit
        slope = inspection.saliency(structure, vector, scaled, unit, "logit", layer=layer, scale=scale)
        told["unit_slope"] = slope[0]
    return {"target": model.target_name, "classes": model.classes} | _answer(said) | told


def _answer(said: dict[str, Any]) -> dict[str, Any]:
    """Return what is said of the one row."""
    sureness = said["probabilities"][0] if "probabilities" in said else None
    return {"prediction": said["predictions"][0], "probabilities": sureness}


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)

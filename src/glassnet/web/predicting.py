"""Predictions: ``POST /api/predict`` for many rows, ``POST /api/explain`` for everything inside the network for one."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np
from anyio import to_thread
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from glassnet import explaining
from glassnet.engines.interface import check_finite
from glassnet.errors import InputError
from glassnet.explaining.outputs import OF, check_outputs
from glassnet.models import Model
from glassnet.network.activations import Array
from glassnet.network.embeddings import look_up
from glassnet.web.answers import as_json
from glassnet.web.incoming import read_json, rows_of, told_by_place
from glassnet.web.refusals import Refusal, shown, told
from glassnet.web.survey import survey_of
from glassnet.web.workshop import workshop_of

router = APIRouter(tags=["predictions"])
Result = TypeVar("Result")

PREDICT = "/api/predict"
#: Bytes of a body, and multiplications, below which a request is answered on the spot: handing it to a thread and back
#: would take longer than that.
LITTLE_BODY, LITTLE_WORK = 2**15, 2**20
#: Multiplications between two looks at the clock.
WORK_AT_ONCE = 2**28
#: Connections of each layer that one explanation tells.
MOST_CONNECTIONS = 1000

_ROW: dict[str, Any] = {
    "oneOf": [
        {"type": "array", "items": {"type": "number"}, "description": "One number a column, in the model's order."},
        {"type": "object", "additionalProperties": True, "description": "A number for each column by its name."},
    ]
}
_ROWS = {
    "type": "object",
    "required": ["rows"],
    "properties": {"rows": {"type": "array", "items": _ROW, "minItems": 1}},
}
_ONE = {
    "type": "object",
    "required": ["row"],
    "properties": {
        "row": _ROW,
        "output": {"type": "integer", "minimum": 0, "description": "Which output; the largest if not given."},
        "of": {"enum": list(OF), "default": "output"},
        "scale": {
            "type": "object",
            "additionalProperties": {"type": "object", "additionalProperties": {"type": "number"}},
            "description": 'Units that are silenced, or made louder: {"a1": {"5": 0.0}}.',
        },
        "strongest": {
            "type": "integer",
            "minimum": 0,
            "maximum": MOST_CONNECTIONS,
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


def _takes(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what the OpenAPI description says of a body that FastAPI does not read itself."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


@router.post(PREDICT, openapi_extra=_takes(_ROWS))
async def predict(request: Request) -> Response:
    """Predict the target of each row: classes and, where the model has them, probabilities; or values."""
    workshop, body = workshop_of(request), await request.body()
    model, limits = workshop.model, workshop.limits
    until = time.monotonic() + limits.seconds

    def work() -> tuple[int, bytes]:
        x = rows_of(read_json(body), model, limits.rows)
        with told_by_place(x, model):
            return len(x), as_json(predictions(model, x, until))

    # a number and its comma take two bytes, which bounds the rows before they are read
    rows_at_most = 1 + len(body) // (2 * len(model.feature_names))
    if len(body) <= LITTLE_BODY and rows_at_most * model.structure.n_parameters <= LITTLE_WORK:
        return _counted(request, *work())
    return _counted(request, *await apart(request, work, limits.seconds))


@router.post("/api/explain", openapi_extra=_takes(_ONE))
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
            raise Refusal(422, "input", 'row is missing; give one: {"row": […]}', expected="a row")
        x = rows_of({"rows": [content["row"]]}, model, 1)
        with told_by_place(x, model):
            wanted = Wanted.read(content)
            told = explanation(model, x, wanted)
            if wanted.strongest:
                told["connections"] = survey.connections(told, wanted.strongest)
            return 1, as_json({"version": survey.version} | told)

    return _counted(request, *await apart(request, work, limits.seconds))


class Quick:
    """Answers ``POST /api/predict`` before FastAPI does, whose way to the same function takes as long as a prediction.

    Parameters
    ----------
    app : ASGI app
        What answers everything else.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] != "http" or scope["path"] != PREDICT or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await predict(request)
        except (Refusal, InputError) as error:
            response = told(request, error)
        await response(scope, receive, send)


def predictions(model: Model, x: Array, until: float = math.inf) -> dict[str, Any]:
    """Return what a model says of raw rows (samples, features), as `Model.predict` and `Model.predict_proba` do.

    Raises
    ------
    Refusal
        503 if the clock (`time.monotonic`) passes ``until`` before all rows are done.
    """
    parts, step = [], max(1, WORK_AT_ONCE // model.structure.n_parameters)
    for first in range(0, len(x), step):
        parts.append(model.outputs(x[first : first + step]))
        if time.monotonic() > until:
            raise _too_long()
    return said_of(model, parts[0] if len(parts) == 1 else np.concatenate(parts))


def said_of(model: Model, output: Array) -> dict[str, Any]:
    """Return what a model says by its outputs (samples, outputs), which are changed."""
    said = {"target": model.target_name, "predictions": model.answers(output)}
    if model.gives_probabilities:
        said |= {"classes": model.classes, "probabilities": model.probabilities(output)}
    return said


@dataclass(frozen=True)
class Wanted:
    """What is wanted of an explanation.

    Parameters
    ----------
    output : int, optional
        Which output; the largest if not given.
    of : str
        What the saliency is of: see `glassnet.explaining.saliency`.
    scale : mapping, optional
        Units that are silenced, or louder: see `glassnet.explaining.silencing`.
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
        if not _is_whole(count) or not 0 <= count <= MOST_CONNECTIONS:
            expected = f"a whole number, 0 … {MOST_CONNECTIONS}"
            raise Refusal(422, "input", f"strongest is {shown(count)!r}; give {expected}", expected=expected)
        if not isinstance(wanted.saliency, bool):
            expected = "true or false"
            raise Refusal(422, "input", f"saliency is {shown(wanted.saliency)!r}; give {expected}", expected=expected)
        if unit is not None and not (isinstance(unit, list) and len(unit) == 2 and all(map(_is_whole, unit))):
            expected = "a layer and a unit: [1, 5]"
            raise Refusal(422, "input", f"unit is {shown(unit)!r}; give {expected}", expected=expected)
        if not isinstance(wanted.of, str):
            raise Refusal(422, "input", f"of is {shown(wanted.of)!r}; give one of {', '.join(OF)}", expected="a name")
        return wanted


def explanation(model: Model, x: Array, wanted: Wanted | None = None) -> dict[str, Any]:
    """Return everything that a network computes for one raw row, x (1, features)."""
    wanted = Wanted() if wanted is None else wanted
    structure, vector, scaled = model.structure, model.vector, model.inputs(x)
    output, scale = wanted.output, wanted.scale
    if output is not None and not _is_whole(output):
        raise InputError(f"output is {shown(output)!r}; it must be a whole number, 0 … {structure.n_outputs - 1}")
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is told below
        layers = explaining.activations(structure, vector, scaled, scale)
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
        slope = explaining.saliency(structure, vector, scaled, chosen, wanted.of, scale=scale)
        told["saliency"] = dict(zip(model.feature_names, slope[0], strict=True))
    if wanted.unit is not None:
        layer, unit = wanted.unit
        slope = explaining.saliency(structure, vector, scaled, unit, "logit", layer=layer, scale=scale)
        told["unit_slope"] = slope[0]
    return {"target": model.target_name, "classes": model.classes} | _answer(said) | told


def _answer(said: dict[str, Any]) -> dict[str, Any]:
    """Return what is said of the one row."""
    sureness = said["probabilities"][0] if "probabilities" in said else None
    return {"prediction": said["predictions"][0], "probabilities": sureness}


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


async def apart(request: Request, work: Callable[[], Result], seconds: float) -> Result:
    """Let a thread do what takes long, so that others are answered meanwhile; not more threads than cores."""
    try:
        async with asyncio.timeout(seconds):
            return await to_thread.run_sync(work, limiter=request.app.state.workers, abandon_on_cancel=True)
    except TimeoutError:
        raise _too_long() from None


def _counted(request: Request, rows: int, content: bytes) -> Response:
    """Return the answer, its rows counted."""
    request.scope["glassnet.rows"] = rows
    return Response(content, media_type="application/json")


def _too_long() -> Refusal:
    return Refusal(503, "too_long", "the answer takes too long; send fewer rows at once, or try again later")

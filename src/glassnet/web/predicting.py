"""Predictions: ``POST /api/predict`` for many rows, ``POST /api/explain`` for everything inside the network for one."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from anyio import to_thread
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from glassnet import explaining
from glassnet.errors import InputError
from glassnet.explaining.outputs import OF
from glassnet.models import Model
from glassnet.network.activations import Array
from glassnet.web.answers import as_json
from glassnet.web.incoming import read_json, rows_of, told_by_place
from glassnet.web.refusals import Refusal, shown, told
from glassnet.web.workshop import workshop_of

router = APIRouter(tags=["predictions"])
Result = TypeVar("Result")

PREDICT = "/api/predict"
#: Bytes of a body, and multiplications, below which a request is answered on the spot: handing it to a thread and back
#: would take longer than that.
LITTLE_BODY, LITTLE_WORK = 2**15, 2**20
#: Multiplications between two looks at the clock.
WORK_AT_ONCE = 2**28

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
    """
    workshop, body = workshop_of(request), await request.body()
    model, limits = workshop.model, workshop.limits

    def work() -> tuple[int, bytes]:
        content = read_json(body)
        if "row" not in content:
            raise Refusal(422, "input", 'row is missing; give one: {"row": […]}', expected="a row")
        x = rows_of({"rows": [content["row"]]}, model, 1)
        with told_by_place(x, model):
            return 1, as_json(explanation(model, x, content.get("output"), content.get("of", "output")))

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
    output = parts[0] if len(parts) == 1 else np.concatenate(parts)
    said = {"target": model.target_name, "predictions": model.answers(output)}
    if model.gives_probabilities:
        said |= {"classes": model.classes, "probabilities": model.probabilities(output)}
    return said


def explanation(model: Model, x: Array, output: Any = None, of: Any = "output") -> dict[str, Any]:
    """Return everything that a network computes for one raw row, x (1, features)."""
    structure, scaled = model.structure, model.inputs(x)
    if output is not None and (not isinstance(output, int) or isinstance(output, bool)):
        raise InputError(f"output is {shown(output)!r}; it must be a whole number, 0 … {structure.n_outputs - 1}")
    layers = explaining.activations(structure, model.vector, scaled)
    last = layers[f"a{structure.n_layers}"]
    chosen = int(np.argmax(last[0])) if output is None else output
    slope = explaining.saliency(structure, model.vector, scaled, chosen, of)
    said = predictions(model, x)
    return {
        "target": model.target_name,
        "prediction": said["predictions"][0],
        "classes": model.classes,
        "probabilities": said["probabilities"][0] if "probabilities" in said else None,
        "row": dict(zip(model.feature_names, x[0].tolist(), strict=True)),
        "x": scaled[0],
        **{name: values[0] for name, values in layers.items()},
        "output": chosen,
        "of": of,
        "saliency": dict(zip(model.feature_names, slope[0], strict=True)),
    }


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

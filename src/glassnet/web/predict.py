"""Predictions: ``POST /api/predict``."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.models import Model
from glassnet.web.app_state import workshop_of
from glassnet.web.errors import ApiError, told
from glassnet.web.request_rows import ROW, read_json, rows_of, takes, told_by_place
from glassnet.web.responses import as_json, counted
from glassnet.web.threads import apart, too_long

router = APIRouter(tags=["predictions"])

PREDICT = "/api/predict"
#: Bytes of a body, and multiplications, below which a request is answered on the spot: handing it to a thread and back
#: would take longer than that.
LITTLE_BODY, LITTLE_WORK = 2**15, 2**20
#: Multiplications between two looks at the clock.
WORK_AT_ONCE = 2**28

_ROWS = {
    "type": "object",
    "required": ["rows"],
    "properties": {"rows": {"type": "array", "items": ROW, "minItems": 1}},
}


@router.post(PREDICT, openapi_extra=takes(_ROWS))
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
        return counted(request, *work())
    return counted(request, *await apart(request, work, limits.seconds))


class PredictFastPath:
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
        except (ApiError, InputError) as error:
            response = told(request, error)
        await response(scope, receive, send)


def predictions(model: Model, x: Array, until: float = math.inf) -> dict[str, Any]:
    """Return what a model says of raw rows (samples, features), as `Model.predict` and `Model.predict_proba` do.

    Raises
    ------
    ApiError
        503 if the clock (`time.monotonic`) passes ``until`` before all rows are done.
    """
    parts, step = [], max(1, WORK_AT_ONCE // model.structure.n_parameters)
    for first in range(0, len(x), step):
        parts.append(model.outputs(x[first : first + step]))
        if time.monotonic() > until:
            raise too_long()
    return said_of(model, parts[0] if len(parts) == 1 else np.concatenate(parts))


def said_of(model: Model, output: Array) -> dict[str, Any]:
    """Return what a model says by its outputs (samples, outputs), which are changed."""
    said = {"target": model.target_name, "predictions": model.decode(output)}
    if model.gives_probabilities:
        said |= {"classes": model.classes, "probabilities": model.probabilities(output)}
    return said

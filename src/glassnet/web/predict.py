"""Predictions: ``POST /api/predict``."""

from __future__ import annotations

from typing import Any

import numpy as np
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.models import Model
from glassnet.web.app_state import get_state
from glassnet.web.errors import ApiError, error_response
from glassnet.web.request_rows import ROW_SCHEMA, json_memory, locate_errors, parse_rows, read_json, request_schema
from glassnet.web.responses import counted_response, to_json
from glassnet.web.work import checkpoint, require_memory, run_work

router = APIRouter(tags=["predictions"])

PREDICT = "/api/predict"
#: Requests with fewer body bytes and multiplications are computed on the event loop: passing them to a thread would
#: take longer than the computation.
MAX_INLINE_BODY = 2**15
MAX_INLINE_WORK = 2**20
#: Multiplications between two checks whether the client still waits.
CHUNK_WORK = 2**28
#: Bytes of the activations that an engine computes at once.
ACTIVATION_MEMORY = 2**25

_SCHEMA = {
    "type": "object",
    "required": ["rows"],
    "properties": {"rows": {"type": "array", "items": ROW_SCHEMA, "minItems": 1}},
}


@router.post(PREDICT, openapi_extra=request_schema(_SCHEMA))
async def predict(request: Request) -> Response:
    """Predict the target of each row: classes and, if the model has them, probabilities; or values."""
    state = get_state(request)
    body = await request.body()
    model = state.model
    limits = state.limits

    def work() -> tuple[int, bytes]:
        x = parse_rows(read_json(body), model, limits.rows)
        require_memory(predict_memory(model, len(x)))
        with locate_errors(x, model):
            return len(x), to_json(predict_rows(model, x))

    # A number and its comma take at least two bytes, which bounds the number of rows before parsing.
    max_rows = 1 + len(body) // (2 * len(model.feature_names))
    if len(body) <= MAX_INLINE_BODY and max_rows * model.structure.n_parameters <= MAX_INLINE_WORK:
        return counted_response(request, *work())
    return counted_response(request, *await run_work(request, work, json_memory(body)))


class PredictFastPath:
    """Answer ``POST /api/predict`` before FastAPI, whose routing takes as long as a one-row prediction.

    Parameters
    ----------
    app : ASGI app
        The app that answers all other requests.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a prediction request, or pass the request on."""
        if scope["type"] != "http" or scope["path"] != PREDICT or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await predict(request)
        except (ApiError, InputError) as error:
            response = error_response(request, error)
        await response(scope, receive, send)


def predict_memory(model: Model, rows: int) -> int:
    """Estimate the bytes for rows, scaled rows, outputs and their JSON, without the activations of a chunk."""
    entry = 24 if model.takes_numbers else 200
    return rows * (entry * len(model.feature_names) + 64 * model.structure.n_outputs + 100) + ACTIVATION_MEMORY


def predict_rows(model: Model, x: Array) -> dict[str, Any]:
    """Return the predictions for raw rows (samples, features), as `Model.predict` and `Model.predict_proba`."""
    chunks = []
    step = max(1, CHUNK_WORK // model.structure.n_parameters)
    for start in range(0, len(x), step):
        checkpoint()
        chunks.append(model.outputs(x[start : start + step]))
    return format_outputs(model, chunks[0] if len(chunks) == 1 else np.concatenate(chunks))


def format_outputs(model: Model, output: Array) -> dict[str, Any]:
    """Return predictions and probabilities of the model's outputs (samples, outputs), which are overwritten."""
    content = {"target": model.target_name, "predictions": model.decode(output)}
    if model.gives_probabilities:
        content |= {"classes": model.classes, "probabilities": model.probabilities(output)}
    return content

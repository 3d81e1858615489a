"""Answers in JSON: arrays as they are, what is not finite as null."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
from starlette.requests import Request
from starlette.responses import Response

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


def as_json(content: Any) -> bytes:
    """Write plain values and arrays of NumPy as JSON; NaN and infinity become null.

    float32 is written with the few digits that give the same float32 again.
    """
    return orjson.dumps(content, default=_other, option=_OPTIONS)


def answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response that holds content as JSON.

    An endpoint that returns it spares itself FastAPI's own encoder, which knows no arrays and is slow.
    """
    return Response(as_json(content), status, headers, "application/json")


def _other(value: Any) -> Any:
    """Turn into plain values what orjson leaves: arrays that are not contiguous, of text, or of rare dtypes."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} can't be written as JSON")


def counted(request: Request, rows: int, content: bytes) -> Response:
    """Return the answer, its rows counted."""
    request.scope["glassnet.rows"] = rows
    return Response(content, media_type="application/json")

"""JSON responses: arrays are supported, and non-finite numbers become null."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
from starlette.requests import Request
from starlette.responses import Response

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


def to_json(content: Any) -> bytes:
    """Serialize plain values and NumPy arrays; NaN and infinity become null.

    A float32 is written with the fewest digits that parse to the same float32.
    """
    return orjson.dumps(content, default=_fallback, option=_OPTIONS)


def json_response(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON response.

    It bypasses FastAPI's encoder, which is slow and does not support arrays.
    """
    return Response(to_json(content), status, headers, "application/json")


def counted_response(request: Request, rows: int, content: bytes) -> Response:
    """Return a JSON response and record its number of rows for the metrics."""
    request.scope["glassnet.rows"] = rows
    return Response(content, media_type="application/json")


def _fallback(value: Any) -> Any:
    """Convert what orjson does not support: arrays that are non-contiguous, of text, or of rare dtypes."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} can't be written as JSON")

"""Errors of the API as JSON, never as a traceback.

Every error has the form ``{"error": {"code": "too_large", "message": "…", …}}``. ``code`` is a stable identifier, for
which the page has a text in each language; ``message`` is one line for people. An invalid row is described by ``row``
(from 0), ``column``, ``value`` and ``expected``.
"""

from __future__ import annotations

from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from glassnet.errors import InputError
from glassnet.web.responses import json_response

#: Codes of errors that the framework raises.
_CODES = {404: "not_found", 405: "method_not_allowed"}
#: Statuses that ask to try again, and the seconds of their header Retry-After.
_TEMPORARY = (429, 503)
RETRY_AFTER = 2
#: Values in responses are truncated to this number of characters.
_MAX_VALUE_LENGTH = 80


class ApiError(HTTPException):
    """An error response.

    Parameters
    ----------
    status : int
        HTTP status code.
    code : str
        Identifier; the page has a text ``error.<code>`` for it.
    message : str
        One line: what is wrong, what was expected, what to do.
    **details
        Further fields: row, column, value, expected.
    """

    def __init__(self, status: int, code: str, message: str, **details: Any) -> None:
        super().__init__(status, message)
        self.code = code
        self.details = details

    def response(self, headers: dict[str, str] | None = None) -> Response:
        """Return the error as a response."""
        details = {name: truncate(value) for name, value in self.details.items()}
        content = {"error": {"code": self.code, "message": self.detail, **details}}
        if self.status_code in _TEMPORARY:
            headers = {"retry-after": str(RETRY_AFTER), **(headers or {})}
        return json_response(content, self.status_code, headers)


def install(app: FastAPI) -> None:
    """Register the exception handlers."""
    app.add_exception_handler(HTTPException, error_response)
    app.add_exception_handler(InputError, error_response)
    app.add_exception_handler(RequestValidationError, _validation_response)


def error_response(request: Request, error: Exception) -> Response:
    """Return the response for an exception."""
    if isinstance(error, InputError):
        error = ApiError(422, "invalid_input", str(error))
    if isinstance(error, ApiError):
        return error.response()
    other = cast(HTTPException, error)
    code = _CODES.get(other.status_code, "http_error")
    messages = {
        "not_found": "there is nothing at this address",
        "method_not_allowed": f"{request.method} is not supported here",
    }
    message = messages.get(code, other.detail)
    return ApiError(other.status_code, code, message).response(dict(other.headers or {}))


def _validation_response(request: Request, error: Exception) -> Response:
    """Return the response for the first violation of an endpoint's declaration."""
    first = cast(RequestValidationError, error).errors()[0]
    field = ".".join(str(part) for part in first["loc"] if part != "body") or "the body"
    expected = str(first["msg"])
    if first["type"] == "json_invalid":
        reason = str(first.get("ctx", {}).get("error", "truncated"))
        return ApiError(422, "invalid_json", f"the body is not valid JSON: {reason}").response()
    value = truncate(first.get("input"))
    message = f"{field} is {value!r}: {expected}"
    return ApiError(422, "invalid_input", message, field=field, value=value, expected=expected).response()


def truncate(value: Any) -> Any:
    """Return a value that is safe to send back: a number, a boolean, None, or the beginning of its text."""
    if value is None or isinstance(value, (bool, float)) or (isinstance(value, int) and abs(value) < 2**53):
        return value
    text = value if isinstance(value, str) else _summary(value)
    return text if len(text) <= _MAX_VALUE_LENGTH else text[: _MAX_VALUE_LENGTH - 1] + "…"


def _summary(value: Any) -> str:
    """Return a short text for a value that is neither a number nor a string."""
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"an object of {len(value)}"
    return str(value) if isinstance(value, int) and abs(value) < 10**40 else type(value).__name__

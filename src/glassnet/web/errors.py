"""What cannot be done, told so that a person and a program can mend it; never a traceback.

Every error has the same form: ``{"error": {"code": "too_large", "message": "…", …}}``. ``code`` is one word for
programs, for which the page has a text in each language; ``message`` is a line for people; where a row is at fault,
``row`` (from 0), ``column``, ``value`` and ``expected`` say which.
"""

from __future__ import annotations

from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from glassnet.errors import InputError
from glassnet.web.responses import answer

#: The codes of errors that the framework raises by itself.
_CODES = {404: "not_found", 405: "not_allowed"}
#: A value longer than this is cut: it is shown, not sent back.
_LONGEST_VALUE = 80


class ApiError(HTTPException):
    """A request that is not answered.

    Parameters
    ----------
    status : int
        Of HTTP.
    code : str
        One word for programs; the page has a text ``error.<code>`` for it.
    message : str
        One line: what is wrong, what was expected, what to do.
    **about
        What else there is to say: row, column, value, expected.
    """

    def __init__(self, status: int, code: str, message: str, **about: Any) -> None:
        super().__init__(status, message)
        self.code, self.about = code, about

    def response(self, headers: dict[str, str] | None = None) -> Response:
        """Return what is sent."""
        about = {name: shown(value) for name, value in self.about.items()}
        told = {"error": {"code": self.code, "message": self.detail, **about}}
        return answer(told, self.status_code, headers)


def install(app: FastAPI) -> None:
    """Let the app tell every error in that form."""
    app.add_exception_handler(HTTPException, told)
    app.add_exception_handler(InputError, told)
    app.add_exception_handler(RequestValidationError, _validation)


def told(request: Request, error: Exception) -> Response:
    """Return what is sent for an error."""
    if isinstance(error, InputError):
        error = ApiError(422, "input", str(error))
    if isinstance(error, ApiError):
        return error.response()
    other = cast(HTTPException, error)
    code = _CODES.get(other.status_code, "refused")
    words = {
        "not_found": "there is nothing under this address",
        "not_allowed": f"{request.method} is not answered here",
    }
    return ApiError(other.status_code, code, words.get(code, other.detail)).response(dict(other.headers or {}))


def _validation(request: Request, error: Exception) -> Response:
    """Tell the first thing that does not fit what an endpoint declares."""
    first = cast(RequestValidationError, error).errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part != "body") or "the body"
    expected = str(first["msg"])
    if first["type"] == "json_invalid":
        why = str(first.get("ctx", {}).get("error", "cut short"))
        return ApiError(422, "no_json", f"the body is no JSON: {why}").response()
    value = shown(first.get("input"))
    return ApiError(
        422, "input", f"{place} is {value!r}: {expected}", where=place, value=value, expected=expected
    ).response()


def shown(value: Any) -> Any:
    """Return a value as it may be sent back: a number, a truth, a name, or the beginning of its text."""
    if value is None or isinstance(value, (bool, float)) or (isinstance(value, int) and abs(value) < 2**53):
        return value
    text = value if isinstance(value, str) else _text(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def _text(value: Any) -> str:
    """Return something else as text, without spelling out what is long."""
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"an object of {len(value)}"
    return str(value) if isinstance(value, int) and abs(value) < 10**40 else type(value).__name__

"""Run slow work on a thread so that the event loop stays responsive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from anyio import to_thread
from starlette.requests import Request

from glassnet.web.errors import ApiError

Result = TypeVar("Result")


async def run_in_thread(request: Request, work: Callable[[], Result], seconds: float) -> Result:
    """Run a function on a worker thread (at most one per core).

    Raises
    ------
    ApiError
        503 if it takes longer than the given seconds.
    """
    try:
        async with asyncio.timeout(seconds):
            return await to_thread.run_sync(work, limiter=request.app.state.workers, abandon_on_cancel=True)
    except TimeoutError:
        raise timeout_error() from None


def timeout_error() -> ApiError:
    """Return the error for a response that takes too long."""
    return ApiError(503, "timeout", "the response takes too long; send fewer rows at once, or try again later")

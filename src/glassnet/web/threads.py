"""What takes long is done by a thread, so that others are answered meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from anyio import to_thread
from starlette.requests import Request

from glassnet.web.errors import ApiError

Result = TypeVar("Result")


async def apart(request: Request, work: Callable[[], Result], seconds: float) -> Result:
    """Let a thread do the work, not more threads than there are cores; a ApiError, 503, if it takes too long."""
    try:
        async with asyncio.timeout(seconds):
            return await to_thread.run_sync(work, limiter=request.app.state.workers, abandon_on_cancel=True)
    except TimeoutError:
        raise too_long() from None


def too_long() -> ApiError:
    """Return the error that tells that something takes too long."""
    return ApiError(503, "too_long", "the answer takes too long; send fewer rows at once, or try again later")

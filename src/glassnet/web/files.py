"""The page's files, sent as they lie in the package."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from importlib import resources
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

#: What is sent, by the end of its name; a file of another kind is a mistake, and is not sent.
TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}


def page_files() -> dict[str, tuple[bytes, str]]:
    """Return content and type of each of the page's files by its path, ``/`` being ``index.html``.

    They are read once: no request can ask for a file that is not among them.
    """
    found: dict[str, tuple[bytes, str]] = {}
    _gather(resources.files("glassnet.web") / "page", "/", found)
    found["/"] = found.pop("/index.html")
    return found


def routes(files: dict[str, tuple[bytes, str]]) -> list[Route]:
    """Return the routes that send them; a browser that has a file asks only whether it is still the same."""
    return [Route(path, _sender(content, kind), methods=["GET"]) for path, (content, kind) in files.items()]


def _gather(folder: Traversable, prefix: str, found: dict[str, tuple[bytes, str]]) -> None:
    for entry in folder.iterdir():
        if entry.is_dir():
            _gather(entry, f"{prefix}{entry.name}/", found)
        elif (ending := entry.name.rpartition(".")[2]) in TYPES:
            found[prefix + entry.name] = entry.read_bytes(), TYPES[ending]


def _sender(content: bytes, kind: str) -> Callable[[Request], Awaitable[Response]]:
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"etag": tag, "cache-control": "no-cache"}

    async def send(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type=kind)

    return send

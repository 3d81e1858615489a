"""Static files of the page."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from importlib import resources
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

#: Media types by file extension; files with other extensions are not served.
MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}


def page_files() -> dict[str, tuple[bytes, str]]:
    """Return content and media type of each file by its URL path; ``/`` is ``index.html``.

    The files are read once, so a request can't reach any other file.
    """
    found: dict[str, tuple[bytes, str]] = {}
    _collect(resources.files("glassnet.web") / "page", "/", found)
    found["/"] = found.pop("/index.html")
    return found


def routes(files: dict[str, tuple[bytes, str]]) -> list[Route]:
    """Return the routes that serve the files; browsers revalidate cached files by their ETag."""
    return [
        Route(path, _endpoint(content, media_type), methods=["GET"]) for path, (content, media_type) in files.items()
    ]


def _collect(folder: Traversable, prefix: str, found: dict[str, tuple[bytes, str]]) -> None:
    for entry in folder.iterdir():
        if entry.is_dir():
            _collect(entry, f"{prefix}{entry.name}/", found)
        elif (extension := entry.name.rpartition(".")[2]) in MEDIA_TYPES:
            found[prefix + entry.name] = entry.read_bytes(), MEDIA_TYPES[extension]


def _endpoint(content: bytes, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"etag": tag, "cache-control": "no-cache"}

    async def send(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type=media_type)

    return send

"""The guard at the door: who may come in, how much they may bring, and what a browser is told about the page.

A request is refused whose Host is none of the server's names, so that a foreign name that is made to point here (DNS
rebinding) leads nowhere; whose Origin is another site; or that lacks the token where there is one. Its body is taken in
whole before anything else happens, within a size and a time, so that a slow or cut one never reaches an endpoint.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from glassnet.web.app_state import Limits
from glassnet.web.errors import ApiError

#: What a browser is told with every answer: everything from here, nothing inline, no markup from text, no frame.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = tuple(
    (name.encode(), value.encode())
    for name, value in {
        "content-security-policy": POLICY,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY",
        "cross-origin-resource-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=()",
    }.items()
)
#: The subprotocols by which a browser, which can't set headers of a WebSocket, says that it is us, and the token.
PROTOCOL, TOKEN_PROTOCOL = "glassnet", "token."


@dataclass(frozen=True)
class AccessPolicy:
    """Where a server listens and whom it lets in.

    Parameters
    ----------
    host : str
        The address it listens on.
    token : str, optional
        What every request must bring, but for `open_paths`.
    names : frozenset of str
        Further names that it is called by.
    open_paths : frozenset of str
        What may be had without the token: the page's files, whether the server is well.
    """

    host: str = "127.0.0.1"
    token: str | None = None
    names: frozenset[str] = frozenset()
    open_paths: frozenset[str] = frozenset()

    def knows(self, host: str) -> bool:
        """Say whether a Host header, ``name`` or ``name:port``, names this server.

        On loopback only its own names do. Elsewhere every numeric address does as well: a browser that has one in its
        address bar was led here by no name.
        """
        try:
            name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
            _ = urlsplit(f"//{host}").port
        except ValueError:
            return False
        if name == "localhost" or name in self.names:
            return True
        address = _address(name)
        if address is None:
            return not is_loopback(self.host) and name == socket.gethostname().lower()
        return address.is_loopback or not is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Say whether an address can be reached from this machine only."""
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


class SecurityMiddleware:
    """The first thing that a request meets, and the last that its answer does.

    Parameters
    ----------
    app : ASGI app
        What is guarded.
    door : AccessPolicy
        Who may come in.
    limits : Limits
        How much, and how slowly, they may bring.
    """

    def __init__(self, app: ASGIApp, door: AccessPolicy, limits: Limits) -> None:
        self.app, self.door, self.limits = app, door, limits
        self.knows = lru_cache(256)(door.knows)  # nearly all requests name the same host
        self.held = 0  # bytes of bodies that are on their way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or refuse it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                message["headers"] = [*message.get("headers", ()), *HEADERS]
                if scope["path"].startswith("/api/"):
                    message["headers"].append((b"cache-control", b"no-store"))
            await send(message)

        try:
            given = _headers(scope["headers"])
            self._check(scope, given)
            if scope["type"] == "http" and (b"content-length" in given or b"transfer-encoding" in given):
                receive = await self._body(given.get(b"content-length"), receive)
        except ApiError as refusal:
            await _refuse(refusal, scope, receive, with_headers)
        except _GoneError:
            pass  # nobody is there to be told
        else:
            await self.app(scope, receive, with_headers)

    def _check(self, scope: Scope, given: dict[bytes, bytes]) -> None:
        """Refuse who may not come in."""
        host = given.get(b"host", b"").decode("latin-1").lower()
        if not self.knows(host):
            raise ApiError(
                403, "foreign_host", f"the Host {host!r} is no name of this server; --name lets it in", value=host
            )
        origin = given.get(b"origin")
        if origin is not None:
            scheme, _, authority = origin.decode("latin-1").lower().partition("://")
            if scheme not in ("http", "https") or authority != host:
                raise ApiError(403, "foreign_origin", "a page of another site may not ask this server")
        elif (
            given.get(b"sec-fetch-site") in (b"cross-site", b"same-site") and scope["path"] not in self.door.open_paths
        ):
            raise ApiError(403, "foreign_origin", "a page of another site may not ask this server")
        if self.door.token is not None and scope["path"] not in self.door.open_paths:
            said = _token(scope, given)
            if not hmac.compare_digest(said, self.door.token.encode()):
                why = "the token is wrong" if said else "the token is missing"
                raise ApiError(401, "no_token", f"{why}; send 'Authorization: Bearer TOKEN', as printed at the start")

    async def _body(self, declared: bytes | None, receive: Receive) -> Receive:
        """Take the body in, and return what hands it on at once."""
        limit, chunks, size = self.limits.body, list[bytes](), 0
        if declared is not None and int(declared) > limit:  # a number: the parser of HTTP sees to that
            raise _too_large(limit)
        try:
            async with asyncio.timeout(self.limits.seconds):
                more = True
                while more:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise _GoneError
                    chunk, more = message.get("body", b""), message.get("more_body", False)
                    size, self.held = size + len(chunk), self.held + len(chunk)
                    chunks.append(chunk)
                    if size > limit:
                        raise _too_large(limit)
                    if self.held > self.limits.bodies and more:
                        raise ApiError(503, "overloaded", "too many large requests at once; try again in a moment")
        except TimeoutError:
            raise ApiError(
                408, "too_slow", f"the body did not arrive within {self.limits.seconds:g} s; send it faster"
            ) from None
        finally:
            self.held -= size
        whole: Message | None = {"type": "http.request", "body": b"".join(chunks), "more_body": False}

        async def handed_on() -> Message:
            nonlocal whole
            if whole is None:
                return await receive()
            message, whole = whole, None
            return message

        return handed_on


class _GoneError(Exception):
    """The client went away before its body was whole."""


async def _refuse(refusal: ApiError, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": refusal.detail[:120]})
        return
    headers = {"connection": "close"}  # the rest of the request is not waited for
    if refusal.status_code == 401:
        headers["www-authenticate"] = "Bearer"
    await refusal.response(headers)(scope, receive, send)


def _headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return headers by name; a request that says Host or Origin twice means to be taken for another."""
    found: dict[bytes, bytes] = {}
    for name, value in pairs:
        if name in (b"host", b"origin", b"authorization") and name in found:
            raise ApiError(400, "bad_request", f"the header {name.decode()} stands there twice")
        found[name] = value
    return found


def _token(scope: Scope, given: dict[bytes, bytes]) -> bytes:
    scheme, _, said = given.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return said.strip()
    for protocol in scope.get("subprotocols", ()):
        if protocol.startswith(TOKEN_PROTOCOL):
            return str(protocol).removeprefix(TOKEN_PROTOCOL).encode()
    return b""


def _too_large(limit: int) -> ApiError:
    return ApiError(413, "too_large", f"the body is larger than {limit:,} bytes; send fewer rows at once")


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return None

"""Security middleware: host, origin, token and body-size checks, and security headers.

A request is refused if its Host is not a name of the server (protection against DNS rebinding), if its Origin is
another site, or if it lacks the required token. The body is read completely before the endpoint is called, within
limits of size and time, so that a slow or truncated body never reaches an endpoint.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from glassnet.web.app_state import Limits
from glassnet.web.errors import ApiError

#: Content-Security-Policy: same-origin resources only, no inline code, no markup from text, no framing.
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
_LABEL = "[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?"
_HOST = re.compile(rf"(\[(?P<ipv6>[0-9a-f:.]+)\]|(?P<name>{_LABEL}(\.{_LABEL})*\.?))(:(?P<port>[0-9]{{1,5}}))?")
#: Seconds in which a refused client may send the rest of its body.
LINGER_SECONDS = 2.0
#: WebSocket subprotocols: the name of the protocol, and the prefix of the token (browsers can't set other headers).
PROTOCOL = "glassnet"
TOKEN_PROTOCOL = "token."


@dataclass(frozen=True)
class AccessPolicy:
    """Which requests a server accepts.

    Parameters
    ----------
    host : str
        The address that it listens on.
    token : str, optional
        Required in every request, except for `open_paths`.
    names : frozenset of str
        Additional host names.
    open_paths : frozenset of str
        Paths that need no token: the files of the page, the health check.
    """

    host: str = "127.0.0.1"
    token: str | None = None
    names: frozenset[str] = frozenset()
    open_paths: frozenset[str] = frozenset()

    def allows_host(self, host: str) -> bool:
        """Check whether a Host header, ``name`` or ``name:port``, is a name of this server.

        On loopback only known names are. Elsewhere numeric addresses are too: DNS rebinding needs a name.
        """
        name = host_name(host)
        if name is None:
            return False
        if name == "localhost" or name in self.names:
            return True
        address = _address(name)
        if address is None:
            return not is_loopback(self.host) and name == socket.gethostname().lower()
        return address.is_loopback or not is_loopback(self.host)


def host_name(host: str) -> str | None:
    """Return the name in a Host header, in lower case, without brackets, port and final dot; None if it is malformed.

    A name or an IPv4 address, or an IPv6 address in brackets without a zone; and nothing else, such as user names or
    paths (RFC 9110, section 7.2).
    """
    found = _HOST.fullmatch(host.lower())
    if found is None or not 0 < int(found["port"] or 1) < 2**16:
        return None
    if found["ipv6"] is None:
        return found["name"].removesuffix(".")
    address = _address(found["ipv6"])
    return found["ipv6"] if isinstance(address, ipaddress.IPv6Address) else None


def is_loopback(host: str) -> bool:
    """Check whether an address is reachable from this machine only."""
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


class SecurityMiddleware:
    """Check each request and add security headers to each response.

    Parameters
    ----------
    app : ASGI app
        The wrapped app.
    policy : AccessPolicy
        Which requests are accepted.
    limits : Limits
        Limits of size and time of the body.
    """

    def __init__(self, app: ASGIApp, policy: AccessPolicy, limits: Limits) -> None:
        self.app = app
        self.policy = policy
        self.limits = limits
        self._allows_host = lru_cache(256)(policy.allows_host)  # nearly all requests have the same host
        self._buffered = 0  # bytes of all bodies that are being received or worked at

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                message["headers"] = [*message.get("headers", ()), *HEADERS]
                if scope["path"].startswith("/api/"):
                    message["headers"].append((b"cache-control", b"no-store"))
            await send(message)

        size = 0
        try:
            headers = _headers(scope["headers"])
            self._check(scope, headers)
            if scope["type"] == "http" and (b"content-length" in headers or b"transfer-encoding" in headers):
                receive, size = await self._read_body(headers.get(b"content-length"), receive)
        except ApiError as error:
            await self._refuse(error, scope, receive, with_headers)
        except _DisconnectError:
            pass  # no client is left to answer
        else:
            try:
                await self.app(scope, receive, with_headers)
            finally:
                self._buffered -= size

    def _check(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        """Raise ApiError if the host, the origin or the token is not accepted."""
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if not self._allows_host(host):
            message = f"the Host {host!r} is not a name of this server; add it with --name"
            raise ApiError(403, "host_not_allowed", message, value=host)
        origin = headers.get(b"origin")
        if origin is not None:
            scheme, _, authority = origin.decode("latin-1").lower().partition("://")
            if scheme not in ("http", "https") or authority != host:
                raise _origin_error()
        if scope["path"] in self.policy.open_paths:
            return
        if origin is None and headers.get(b"sec-fetch-site") in (b"cross-site", b"same-site"):
            raise _origin_error()
        if self.policy.token is not None:
            token = _token(scope, headers)
            if not hmac.compare_digest(token, self.policy.token.encode()):
                reason = "the token is wrong" if token else "the token is missing"
                message = f"{reason}; send 'Authorization: Bearer TOKEN', as printed at the start"
                raise ApiError(401, "unauthorized", message)

    async def _read_body(self, declared: bytes | None, receive: Receive) -> tuple[Receive, int]:
        """Read the whole body; return a receive function that yields it as one message, and its size.

        The size stays in ``_buffered`` if no exception is raised.
        """
        limit = self.limits.body
        chunks: list[bytes] = []
        size = 0
        if declared is not None and int(declared) > limit:  # the HTTP parser ensures that it is a number
            raise _too_large(limit)
        try:
            async with asyncio.timeout(self.limits.seconds):
                more = True
                while more:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise _DisconnectError
                    chunk = message.get("body", b"")
                    more = message.get("more_body", False)
                    size += len(chunk)
                    self._buffered += len(chunk)
                    chunks.append(chunk)
                    if size > limit:
                        raise _too_large(limit)
                    if self._buffered > self.limits.bodies and more:
                        raise ApiError(503, "overloaded", "too many large requests at once; try again in a moment")
        except BaseException as error:
            self._buffered -= size
            if isinstance(error, TimeoutError):
                message_text = f"the body did not arrive within {self.limits.seconds:g} s; send it faster"
                raise ApiError(408, "request_timeout", message_text) from None
            raise
        whole: Message | None = {"type": "http.request", "body": b"".join(chunks), "more_body": False}

        async def receive_body() -> Message:
            nonlocal whole
            if whole is None:
                return await receive()
            message, whole = whole, None
            return message

        return receive_body, size

    async def _refuse(self, error: ApiError, scope: Scope, receive: Receive, send: Send) -> None:
        """Send an error; read and discard what is left of a body of moderate size, so that a sending client reads it.

        To close a connection with unread bytes resets it, and the response is lost.
        """
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": error.detail[:120]})
            return
        headers = {"connection": "close"}
        if error.status_code == 401:
            headers["www-authenticate"] = "Bearer"
        response = error.response(headers)
        await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
        await send({"type": "http.response.body", "body": response.body, "more_body": True})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                await _discard_body(scope, receive, 2 * self.limits.body)
        await send({"type": "http.response.body", "body": b""})


class _DisconnectError(Exception):
    """The client disconnected before its body was complete."""


async def _discard_body(scope: Scope, receive: Receive, limit: int) -> None:
    """Read a body until its end, unless it is larger than a number of bytes."""
    headers = dict(scope["headers"])
    declared = headers.get(b"content-length")
    if (declared is None and b"transfer-encoding" not in headers) or int(declared or 0) > limit:
        return
    more = True
    while more and limit > 0:
        message = await receive()
        limit -= len(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)


def _headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return headers by name; repeated security-relevant headers are refused, as they are ambiguous."""
    found: dict[bytes, bytes] = {}
    for name, value in pairs:
        if name in (b"host", b"origin", b"authorization") and name in found:
            raise ApiError(400, "bad_request", f"the header {name.decode()} is repeated")
        found[name] = value
    return found


def _token(scope: Scope, headers: dict[bytes, bytes]) -> bytes:
    """Return the token of a request: from its Authorization header, or from a WebSocket subprotocol."""
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return token.strip()
    for protocol in scope.get("subprotocols", ()):
        if protocol.startswith(TOKEN_PROTOCOL):
            return str(protocol).removeprefix(TOKEN_PROTOCOL).encode()
    return b""


def _origin_error() -> ApiError:
    return ApiError(403, "origin_not_allowed", "pages of other sites may not send requests to this server")


def _too_large(limit: int) -> ApiError:
    return ApiError(413, "too_large", f"the body is larger than {limit:,} bytes; send fewer rows at once")


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return None

"""Connections with limits of size, time and number, which hold before the app sees a request.

uvicorn's protocols have no limit for the size of heads and trailers, none for the number of connections of an address,
and no deadline for heads, bodies, handshakes and unread responses. The two subclasses count bytes around the parser and
know the state that a connection is in; `Server` calls `enforce_limits` about ten times a second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from glassnet.web.errors import ApiError
from glassnet.web.security import HEADERS

#: Bytes of a request that are not content: request line, headers, chunk sizes and trailers. Chunk sizes may take as
#: many bytes as the content in addition.
MAX_HEAD_BYTES = 2**16
MAX_HEADERS = 100
#: Bytes of a line of a WebSocket handshake; websockets' own limits are 8,192 bytes and 128 headers.
MAX_HANDSHAKE_LINE = 8000
#: Requests that a client may send before it has read the response of the first.
MAX_PIPELINED = 16
#: Bytes that are parsed between two checks of the limits.
SLICE = 2**12
#: Seconds to receive a head; the backstop for a body, which `SecurityMiddleware` limits; and to read a response: in
#: each such period a client must read `MIN_READ_BYTES`, or all that is left.
HEAD_SECONDS = 10.0
BODY_SECONDS = 60.0
READ_SECONDS = 10.0
MIN_READ_BYTES = 2**13
#: Bytes of the responses of all clients that are not read yet.
MAX_UNREAD_BYTES = 2**28
#: Bytes and seconds of what a client still sends after it has been refused, so that it can read the response.
LINGER_BYTES = 2**20
LINGER_SECONDS = 2.0
#: Bytes of a WebSocket message; number of its fragments; messages that wait while one is worked at.
MAX_MESSAGE = 2**16
MAX_FRAGMENTS = 64
MAX_QUEUED_MESSAGES = 64
#: Connections of all clients and share of them for one address; fewer if the process may open few files.
MAX_CONNECTIONS = 1000
ADDRESS_SHARE = 0.75


@dataclass(frozen=True)
class ConnectionLimits:
    """Number of simultaneous connections: of all clients, and of one address."""

    total: int
    per_address: int

    @classmethod
    def of_process(cls) -> ConnectionLimits:
        """Return limits below the number of files that the process may open."""
        total = MAX_CONNECTIONS
        try:
            import resource
        except ImportError:  # Windows has no such limit
            pass
        else:
            files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
            if files != resource.RLIM_INFINITY:
                total = max(4, min(total, files - max(64, files // 4)))
        return cls(total, max(2, int(total * ADDRESS_SHARE)))


class State(Enum):
    """State of an HTTP connection."""

    HEAD = "head"  # connected, or receiving a request line and headers
    BODY = "body"  # receiving a body and trailers
    RESPONSE = "response"  # the request is complete
    IDLE = "idle"  # the response is complete; uvicorn's keep-alive timer runs
    LINGER = "linger"  # refused; what still arrives is discarded


class WriteProgress:
    """Checks that a client reads what is sent to it."""

    def __init__(self) -> None:
        self._unread = 0
        self._since = 0.0

    def has_stalled(self, unread: int, now: float) -> bool:
        """Check whether fewer than `MIN_READ_BYTES` were read in `READ_SECONDS`, given the bytes that are left."""
        if not unread or not self._unread or unread > self._unread or unread <= self._unread - MIN_READ_BYTES:
            self._unread = unread
            self._since = now
        return unread > 0 and now - self._since > READ_SECONDS


class HttpConnection(HttpToolsProtocol):
    """A connection that speaks HTTP."""

    #: Set by `glassnet.web.server_runtime.server_config`.
    limits = ConnectionLimits(MAX_CONNECTIONS, MAX_CONNECTIONS)

    state = State.HEAD
    since = 0.0
    address: Any = None
    _refusal: ApiError | None = None
    _overhead = 0  # bytes of the request so far that are not content
    _content = 0
    _upgraded = False

    # ------------------------------------------------------------------------------------------- events of the socket

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """Accept the connection, or refuse it if there are too many."""
        self._progress = WriteProgress()
        self._enter(State.HEAD)
        self.address = peer_address(transport)
        if not self._has_place():
            self.transport = transport
            transport.write(raw_response(ApiError(503, "overloaded", "too many connections; try again in a moment")))
            transport.close()
            return
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Pass the bytes to the parser in small slices, and check the limits after each."""
        if self._is_refused:
            self._overhead += len(data)
            if self._overhead > LINGER_BYTES:
                self.transport.close()
            return
        if self.state is State.IDLE:
            self._enter(State.HEAD)
        for part in slices(data):
            self._overhead += len(part)
            super().data_received(part)
            if self._upgraded or self._is_refused or self.transport.is_closing():
                return
            if self._overhead > MAX_HEAD_BYTES + self._content:
                message = f"request line, headers and trailers have more than {MAX_HEAD_BYTES:,} bytes"
                self._refuse(ApiError(431, "headers_too_large", message))
                return

    def enforce_deadlines(self, now: float) -> None:
        """Refuse or close the connection if it has been too long in its state."""
        if self._progress.has_stalled(self.transport.get_write_buffer_size(), now):
            self.transport.abort()
            return
        elapsed = now - self.since
        if self.state is State.HEAD and elapsed > HEAD_SECONDS:
            self._refuse(ApiError(408, "request_timeout", f"no request within {HEAD_SECONDS:g} s"))
        elif self.state is State.BODY and elapsed > BODY_SECONDS:
            self._refuse(ApiError(408, "request_timeout", f"no complete body within {BODY_SECONDS:g} s"))
        elif self.state is State.LINGER and elapsed > LINGER_SECONDS:
            self.transport.close()

    # ------------------------------------------------------------------------------------------- events of the parser

    def on_message_begin(self) -> None:
        """Begin to count."""
        self._enter(State.HEAD)
        self._overhead = 0
        self._content = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; ignore a trailer, which could change what has been checked."""
        if self.state is not State.HEAD:
            return
        super().on_header(name, value)
        if len(self.headers) > MAX_HEADERS:
            self._stop_parser(ApiError(431, "headers_too_large", f"there are more than {MAX_HEADERS} headers"))

    def on_headers_complete(self) -> None:
        """Check what must be right before anything is kept: a handshake, the number of waiting requests."""
        self._enter(State.BODY)
        if self.parser.should_upgrade() and self._should_upgrade():
            version = self.parser.get_http_version()
            if problem := handshake_problem(self.parser.get_method(), version, self.url, self.headers):
                self._stop_parser(ApiError(400, "bad_request", f"this is no WebSocket handshake: {problem}"))
        elif len(self.pipeline) >= MAX_PIPELINED:
            self._stop_parser(ApiError(429, "overloaded", "too many requests before the first response was read"))
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count the content."""
        self._content += len(body)
        self._overhead -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait for the response, without a deadline here: the app has one."""
        answered = self.cycle is None or self.cycle.response_complete
        self._enter(State.IDLE if answered else State.RESPONSE)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        if self.state is State.RESPONSE:
            self._enter(State.IDLE)
        super().on_response_complete()

    def handle_websocket_upgrade(self) -> None:
        """Pass the connection to `WebSocketConnection`."""
        self._upgraded = True
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """Refuse a request that can't be parsed, or that a callback of the parser has refused."""
        self._refuse(self._refusal or ApiError(400, "bad_request", "this is no HTTP request"))

    # --------------------------------------------------------------------------------------------------------- helpers

    @property
    def is_waiting(self) -> bool:
        """Whether it can be closed to make place: it is refused, or no request is being received or answered."""
        answered = self.cycle is None or self.cycle.response_complete
        return self._is_refused or (answered and self.state in (State.HEAD, State.IDLE))

    @property
    def _is_refused(self) -> bool:
        return self.state is State.LINGER

    def _enter(self, state: State) -> None:
        self.state = state
        self.since = time.monotonic()

    def _has_place(self) -> bool:
        """Check the number of connections; close one that has waited longest without a request, if there are too many.

        So clients that only connect can't keep others out.
        """
        others = [other for other in self.connections if isinstance(other, (HttpConnection, WebSocketConnection))]
        same = [other for other in others if other.address == self.address]
        if len(same) < self.limits.per_address and len(others) < self.limits.total:
            return True
        crowd = same if len(same) >= self.limits.per_address else others
        waiting = [other for other in crowd if isinstance(other, HttpConnection) and other.is_waiting]
        if not waiting:
            return False
        oldest = min(waiting, key=lambda other: other.since)
        self.connections.discard(oldest)
        oldest.transport.abort()
        return True

    def _stop_parser(self, error: ApiError) -> None:
        """Raise an exception inside a callback; the parser stops, and `send_400_response` is called."""
        self._refusal = error
        raise error

    def _refuse(self, error: ApiError) -> None:
        """Send an error and end the connection, but let the client read the error first."""
        if self.transport.is_closing():
            return
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started or self.pipeline or self.state is State.HEAD:  # another response is due first
                self.pipeline.clear()
                self.transport.close()
                return
        self._enter(State.LINGER)
        self._overhead = 0
        self.flow.resume_reading()
        self._unset_keepalive_if_required()
        self.transport.write(raw_response(error))
        self.transport.write_eof()


class WebSocketConnection(WebSocketsSansIOProtocol):
    """A connection that speaks the WebSocket protocol; its handshake was complete when it was made."""

    address: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the deadline of the handshake."""
        super().connection_made(transport)
        self._progress = WriteProgress()
        self.address = peer_address(self.transport)
        self.since = time.monotonic()

    def data_received(self, data: bytes) -> None:
        """Parse frames in small slices; close if more messages arrive than are worked at."""
        for part in slices(data):
            super().data_received(part)
            if not self.handshake_initiated:
                self.transport.abort()
            if self.transport.is_closing() or self.close_sent:
                return
            if self.queue.qsize() > MAX_QUEUED_MESSAGES:
                self._fail(f"more than {MAX_QUEUED_MESSAGES} messages while one is worked at")
            elif len(self.frames) > MAX_FRAGMENTS:
                self._fail(f"a message of more than {MAX_FRAGMENTS} fragments")

    def handle_ping(self) -> None:
        """Answer a ping, unless the client does not read."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()  # discard the pong

    def enforce_deadlines(self, now: float) -> None:
        """Close the connection if the app has not answered the handshake, or if the client does not read."""
        if self._progress.has_stalled(self.transport.get_write_buffer_size(), now) or (
            not self.handshake_complete and now - self.since > HEAD_SECONDS
        ):
            self.transport.abort()

    def _fail(self, reason: str) -> None:
        self.conn.fail(1008, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": 1008, "reason": reason})
        self.transport.close()


def enforce_limits(connections: Iterable[Any]) -> None:
    """Enforce the deadline of each connection, and the limit of what all have not read.

    Above it, those with the largest responses are closed.
    """
    now = time.monotonic()
    unread = {}
    for connection in tuple(connections):
        if isinstance(connection, (HttpConnection, WebSocketConnection)):
            connection.enforce_deadlines(now)
            unread[connection] = connection.transport.get_write_buffer_size()
    excess = sum(unread.values()) - MAX_UNREAD_BYTES
    for connection in sorted(unread, key=lambda connection: -unread[connection]):
        if excess <= 0:
            break
        connection.transport.abort()
        excess -= unread[connection]


def handshake_problem(method: bytes, version: str, url: bytes, headers: list[tuple[bytes, bytes]]) -> str:
    """Return what is wrong with a request for an upgrade to WebSocket; an empty text if nothing is."""
    names = [name for name, _ in headers]
    if method != b"GET" or version != "1.1":
        return "it must be a GET of HTTP/1.1"
    if b"content-length" in names or b"transfer-encoding" in names:
        return "it must not have a body"
    if names.count(b"sec-websocket-key") != 1:
        return "it needs one header Sec-WebSocket-Key"
    if max(len(url), *(len(name) + len(value) for name, value in headers)) > MAX_HANDSHAKE_LINE:
        return f"a line has more than {MAX_HANDSHAKE_LINE:,} bytes"
    return ""


def peer_address(transport: asyncio.Transport) -> Any:
    """Return the address of a client, without its port."""
    peer = transport.get_extra_info("peername")
    return peer[0] if isinstance(peer, tuple) else peer


def slices(data: bytes) -> Iterator[bytes]:
    """Yield the bytes in parts of at most `SLICE`."""
    if len(data) <= SLICE:
        yield data
        return
    for start in range(0, len(data), SLICE):
        yield data[start : start + SLICE]


def raw_response(error: ApiError) -> bytes:
    """Return an error as the bytes of an HTTP response."""
    response = error.response({"connection": "close"})
    lines = [b"%s: %s\r\n" % header for header in (*response.raw_headers, *HEADERS)]
    return b"".join((STATUS_LINE[error.status_code], *lines, b"\r\n", bytes(response.body)))

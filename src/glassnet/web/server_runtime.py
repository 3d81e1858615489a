"""Run the server: sockets, connection limits, graceful shutdown."""

from __future__ import annotations

import asyncio
import gc
import socket
import webbrowser
from collections.abc import Sequence
from types import FrameType

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from glassnet.errors import InputError

#: Seconds that requests in progress get to finish at shutdown.
GRACE = 10
#: Simultaneous connections; further ones receive 503.
MAX_CONNECTIONS = 1000
#: Bytes of the request line and headers, and seconds to receive them; uvicorn has no timeout.
MAX_HEADER_BYTES = 2**16
HEADER_TIMEOUT = 10
#: Bytes of a WebSocket message.
MAX_MESSAGE = 2**20


def listen(host: str, port: int) -> list[socket.socket]:
    """Bind the address and listen, before the address is printed.

    Raises
    ------
    InputError
        If the address is not available.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host.strip("[]"), port))
        bound.listen()  # clients that connect before the server has started wait instead of being refused
    except OSError as error:
        bound.close()
        reason = error.strerror or str(error)
        message = f"can't listen on {host}, port {port}: {reason}; choose another with --host or --port"
        raise InputError(message) from None
    return [bound]


def run(app: FastAPI, sockets: Sequence[socket.socket], page_url: str | None = None) -> None:
    """Serve until a signal arrives; then requests in progress get `GRACE` seconds to finish.

    Parameters
    ----------
    app : FastAPI
        The app of `create_app`.
    sockets : sequence of socket
        The sockets of `listen`.
    page_url : str, optional
        Address to open in the browser once the server has started.
    """
    Server(server_config(app), page_url).run(list(sockets))


def server_config(app: FastAPI) -> uvicorn.Config:
    """Return the configuration of uvicorn."""
    return uvicorn.Config(
        app,
        http=Connection,
        access_log=False,  # the app writes its own log, with rows and times
        log_level="warning",
        server_header=False,
        date_header=False,
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=GRACE,
    )


class Connection(HttpToolsProtocol):
    """A connection that limits size and time of the request headers."""

    _timer: asyncio.TimerHandle | None = None
    _header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """Start the timer of the first request."""
        super().connection_made(transport)
        self._start_timer()

    def on_message_begin(self) -> None:
        """Start the timer of the next request."""
        super().on_message_begin()
        if self._timer is None:
            self._start_timer()

    def on_headers_complete(self) -> None:
        """Stop the timer; `SecurityMiddleware` limits the body."""
        self._stop_timer()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Count the bytes until the headers are complete."""
        super().data_received(data)
        if self._timer is not None:
            self._header_bytes += len(data)
            if self._header_bytes > MAX_HEADER_BYTES:
                self._refuse(b"431 Request Header Fields Too Large")

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._stop_timer()
        super().connection_lost(exc)

    def _start_timer(self) -> None:
        self._header_bytes = 0
        self._timer = self.loop.call_later(HEADER_TIMEOUT, self._refuse, b"408 Request Timeout")

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, status: bytes) -> None:
        self._stop_timer()
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            self.transport.close()


class Server(uvicorn.Server):
    """A server that can open the page in the browser and signals its shutdown to running trainings."""

    def __init__(self, config: uvicorn.Config, page_url: str | None = None) -> None:
        super().__init__(config)
        self.page_url = page_url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start; then open the page."""
        await super().startup(sockets)
        # Exclude the objects made so far from garbage collection: scanning them takes a tenth of a second each time,
        # during which no request is answered.
        gc.collect()
        gc.freeze()
        if self.page_url is not None and self.started:
            webbrowser.open(self.page_url)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """First signal: graceful shutdown; second: immediate."""
        app = self.config.app
        if isinstance(app, FastAPI):
            app.state.app_state.closing.set()
        super().handle_exit(sig, frame)

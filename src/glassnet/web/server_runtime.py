"""Running the server: its sockets, and an end that lets what has begun be finished."""

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

#: Seconds that are given to what has begun when the server is told to stop.
GRACE = 10
#: Connections at once; those beyond are told 503.
MAX_CONNECTIONS = 1000
#: Bytes of a request's first lines, and seconds for them to arrive; uvicorn itself waits for ever.
MAX_HEAD, SECONDS_FOR_HEAD = 2**16, 10
#: Bytes of a message over a WebSocket.
MAX_MESSAGE = 2**20


def listen(host: str, port: int) -> list[socket.socket]:
    """Take the address before anything is announced.

    Raises
    ------
    InputError
        If it can't be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    taken = socket.socket(family)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((host.strip("[]"), port))
        taken.listen()  # who comes between the announcement and the first answer waits instead of being turned away
    except OSError as error:
        taken.close()
        why = error.strerror or str(error)
        raise InputError(f"can't listen on {host}, port {port}: {why}; choose another with --host or --port") from None
    return [taken]


def run(app: FastAPI, sockets: Sequence[socket.socket], opened: str | None = None) -> None:
    """Serve until a signal ends it: then no more is accepted, and what has begun gets `GRACE` seconds.

    Parameters
    ----------
    app : FastAPI
        As `create_app` made it.
    sockets : sequence of socket
        As by `listen`.
    opened : str, optional
        An address to open in the browser once the server answers.
    """
    Server(server_settings(app), opened).run(list(sockets))


def server_settings(app: FastAPI) -> uvicorn.Config:
    """Return how uvicorn is to run an app."""
    return uvicorn.Config(
        app,
        http=Connection,
        access_log=False,  # the app has a log of its own, with rows and times
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
    """A connection on which a request's first lines may be neither endless nor slow without end."""

    _clock: asyncio.TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._begin()

    def on_message_begin(self) -> None:
        """Begin to wait for the rest of the next one."""
        super().on_message_begin()
        if self._clock is None:
            self._begin()

    def on_headers_complete(self) -> None:
        """Wait no more: the body is the guard's business."""
        self._end()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Take what came, and count it as long as the head is not whole."""
        super().data_received(data)
        if self._clock is not None:
            self._head += len(data)
            if self._head > MAX_HEAD:
                self._refuse(b"431 Request Header Fields Too Large")

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._end()
        super().connection_lost(exc)

    def _begin(self) -> None:
        self._head = 0
        self._clock = self.loop.call_later(SECONDS_FOR_HEAD, self._refuse, b"408 Request Timeout")

    def _end(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _refuse(self, status: bytes) -> None:
        self._end()
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            self.transport.close()


class Server(uvicorn.Server):
    """A server that opens its page, and tells the workshop at once when it is to end."""

    def __init__(self, config: uvicorn.Config, opened: str | None = None) -> None:
        super().__init__(config)
        self.opened = opened

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        # what is there now stays: without this the collector goes through all of it again and again, a tenth of a
        # second each time, in which nobody is answered
        gc.collect()
        gc.freeze()
        if self.opened is not None and self.started:
            webbrowser.open(self.opened)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take the first signal as the wish to end, the second as the order."""
        app = self.config.app
        if isinstance(app, FastAPI):
            app.state.workshop.closing.set()
        super().handle_exit(sig, frame)

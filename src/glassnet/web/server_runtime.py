"""Run the server: sockets, connection limits, graceful shutdown."""

from __future__ import annotations

import gc
import socket
import webbrowser
from collections.abc import Sequence
from types import FrameType

import uvicorn
from fastapi import FastAPI

from glassnet.errors import InputError
from glassnet.web.connections import MAX_MESSAGE, ConnectionLimits, HttpConnection, WebSocketConnection, enforce_limits

#: Seconds that requests in progress get to finish at shutdown.
GRACE = 10
#: Seconds between two requests of a connection.
KEEP_ALIVE = 30


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
    """Return the configuration of uvicorn.

    httptools and websockets' sans-I/O parser, both inside protocols of `glassnet.web.connections`. h11 limits heads and
    trailers itself, but has no deadlines, keeps unfinished handshakes too, and serves half as many requests.
    """
    http = type("LimitedHttpConnection", (HttpConnection,), {"limits": ConnectionLimits.of_process()})
    return uvicorn.Config(
        app,
        http=http,
        access_log=False,  # the app writes its own log, with rows and times
        log_level="warning",
        server_header=False,
        date_header=False,
        ws=WebSocketConnection,
        ws_max_size=MAX_MESSAGE,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
    )


class Server(uvicorn.Server):
    """A server that ends connections at their deadlines, can open the page, and signals its shutdown to trainings."""

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

    async def on_tick(self, counter: int) -> bool:
        """Enforce the limits of all connections; uvicorn calls it ten times a second."""
        enforce_limits(self.server_state.connections)
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """First signal: graceful shutdown; second: immediate."""
        app = self.config.app
        if isinstance(app, FastAPI):
            app.state.app_state.closing.set()
        super().handle_exit(sig, frame)

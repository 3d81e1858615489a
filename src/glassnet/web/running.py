"""Running the server: its sockets, and an end that lets what has begun be finished."""

from __future__ import annotations

import socket
import webbrowser
from collections.abc import Sequence
from types import FrameType

import uvicorn
from fastapi import FastAPI

from glassnet.errors import InputError

#: Seconds that are given to what has begun when the server is told to stop.
GRACE = 10
#: Connections at once; those beyond are told 503.
MOST_CONNECTIONS = 1000
#: Bytes of a message over a WebSocket.
MOST_MESSAGE = 2**20


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
        Bound, as by `listen`.
    opened : str, optional
        An address to open in the browser once the server answers.
    """
    Server(server_settings(app), opened).run(list(sockets))


def server_settings(app: FastAPI) -> uvicorn.Config:
    """Return how uvicorn is to run an app."""
    return uvicorn.Config(
        app,
        access_log=False,  # the app has a log of its own, with rows and times
        log_level="warning",
        server_header=False,
        date_header=False,
        ws="websockets-sansio",
        ws_max_size=MOST_MESSAGE,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=GRACE,
    )


class Server(uvicorn.Server):
    """A server that opens its page, and tells the workshop at once when it is to end."""

    def __init__(self, config: uvicorn.Config, opened: str | None = None) -> None:
        super().__init__(config)
        self.opened = opened

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        if self.opened is not None and self.started:
            webbrowser.open(self.opened)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take the first signal as the wish to end, the second as the order."""
        app = self.config.app
        if isinstance(app, FastAPI):
            app.state.workshop.closing.set()
        super().handle_exit(sig, frame)

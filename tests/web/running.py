"""Run a server on a thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI

from glassnet.web.server_runtime import Server, listen, server_config

#: How clients call the server.
HERE = "http://127.0.0.1"


@contextmanager
def running(app: FastAPI) -> Iterator[str]:
    """Run an app on a free port of the loopback address; yield ``http://127.0.0.1:PORT``."""
    sockets = listen("127.0.0.1", 0)
    server = Server(server_config(app))
    thread = threading.Thread(target=server.run, args=(sockets,), daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started:
        assert thread.is_alive() and time.monotonic() < until, "the server did not start"
        time.sleep(0.01)
    try:
        yield f"{HERE}:{sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive(), "the server did not end"

"""Run a server: on a thread, or with ``glassnet serve`` as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from glassnet.web.server_runtime import Server, listen, server_config

SOURCE = Path(__file__).parents[2] / "src"
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


def serve_process(*options: object, port: int = 0, setup: str = "pass") -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """Run ``glassnet serve`` with options; return the process, and the object that it prints.

    ``setup`` are statements that are executed in the process before it.
    """
    code = f"import sys; {setup}; from glassnet.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, "serve", "--port", str(port), "--json", *map(str, options)]
    environment = os.environ | {"PYTHONPATH": str(SOURCE), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None and process.stderr is not None
    line = process.stdout.readline()
    if not line:
        raise AssertionError(process.stderr.read())
    return process, json.loads(line)

"""The server under load: predictions of one row per second, latency, memory, slow clients and truncated bodies."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from problems import digits, mnist
from turns import head, line

import glassnet

HERE = "127.0.0.1"
#: Connections that the generator keeps busy.
CONNECTIONS = (1, 16, 64, 200)
#: Requests in an hour at 2,000 per second.
AN_HOUR = 3600 * 2000
SLOW, CUT_EVERY = 50, 0.05

_SERVE = "import sys; from glassnet.cli import main; main(sys.argv[1:])"
#: The same model in a hand-written FastAPI app with a pydantic model; and uvicorn alone, the upper limit.
_OTHERS = """
import socket, sys
import uvicorn
if sys.argv[1] == "FastAPI, by hand":
    import glassnet
    from fastapi import FastAPI
    from pydantic import BaseModel
    model = glassnet.load(sys.argv[2])
    class Rows(BaseModel):
        rows: list[list[float]]
    app = FastAPI()
    @app.post("/api/predict")
    def predict(body: Rows):
        chances = model.predict_proba(body.rows)
        return {"predictions": model.predict(body.rows).tolist(), "probabilities": chances.tolist()}
else:
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            return
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})
taken = socket.socket()
taken.bind(("127.0.0.1", 0))
print('{"address": "http://127.0.0.1:%d/"}' % taken.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False, lifespan="off")).run([taken])
"""
#: The requests of wrk, and its report.
_SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [==[%s]==]
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT [%%d, %%d, %%d, %%d, %%d]\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
"""


@dataclass(frozen=True)
class Load:
    """Results of one run of the generator; times in microseconds."""

    requests: int
    duration: int
    median: int
    p99: int
    errors: int
    generator: float
    server: float

    @property
    def per_second(self) -> float:
        """Requests per second."""
        return 1e6 * self.requests / self.duration


def run(options: Namespace) -> None:
    """Print the tables."""
    if shutil.which("wrk") is None:
        print("wrk is not installed, so nothing is measured; on Debian: apt-get install wrk")
        return
    seconds = 1 if options.smoke else 5 if options.quick else 10
    print("The generator is wrk with one thread, on the same cores. The processor shares are of one core.\n")
    with tempfile.TemporaryDirectory() as folder:
        problems = [digits()] if options.smoke else [digits(), mnist(min(options.rows, 2000), options.data)]
        connections = CONNECTIONS[::3] if options.smoke else CONNECTIONS
        for problem in problems:
            pixels = problem.x_bytes if problem.x_bytes is not None else problem.x
            settings = glassnet.recommended_settings(problem.rows, epochs=2, engine="reference")
            model = glassnet.fit(pixels, problem.y, hidden=(128, 64), settings=settings)
            path, script = Path(folder, "m.glassnet"), Path(folder, "row.lua")
            glassnet.save(model, path)
            script.write_text(_SCRIPT % json.dumps({"rows": np.asarray(pixels[:1]).tolist()}))
            _throughput(problem.name, path, script, connections, seconds, options.rounds)
        _steadiness(path, script, seconds if options.quick else 120)
        _disturbed(path, script, seconds)


def _throughput(name: str, model: Path, script: Path, at_once: Sequence[int], seconds: int, rounds: int) -> None:
    """Print the throughput of one-row predictions, compared with a hand-written server and with uvicorn alone."""
    kinds = ("glassnet serve", "FastAPI, by hand", "uvicorn alone")
    cells = [
        "requests/s",
        "times uvicorn alone",
        "median ms",
        "p99 ms",
        "errors",
        "server's share",
        "generator's share",
    ]
    head([f"{name}, one row per request", "connections", *cells])
    with contextlib.ExitStack() as stack:
        running = {kind: stack.enter_context(_server(kind, model)) for kind in kinds}
        for connections in at_once:
            rows: dict[str, list[Load]] = {kind: [] for kind in kinds}
            for _ in range(min(rounds, 3)):
                for kind, (address, pid) in running.items():
                    rows[kind].append(_wrk(address, pid, script, connections, max(1, seconds // 2)))
            for kind in kinds:
                ratio = statistics.median(
                    mine.per_second / bare.per_second for mine, bare in zip(rows[kind], rows[kinds[-1]], strict=True)
                )
                result = sorted(rows[kind], key=lambda load: load.per_second)[len(rows[kind]) // 2]
                figures = [
                    f"{result.per_second:,.0f}",
                    f"{ratio:.2f}",
                    f"{result.median / 1e3:.1f}",
                    f"{result.p99 / 1e3:.1f}",
                ]
                figures += [str(sum(load.errors for load in rows[kind]))]
                line([kind, str(connections), *figures, f"{result.server:.0%}", f"{result.generator:.0%}"])
    print()


def _steadiness(model: Path, script: Path, seconds: int) -> None:
    """Print the memory by number of requests."""
    head(["requests so far", "resident memory, MiB"])
    points: list[tuple[int, float]] = []
    with _server("glassnet serve", model) as (address, pid):
        total = _wrk(address, pid, script, 16, max(1, seconds // 6)).requests  # pools and caches fill
        for _ in range(6):
            points.append((total, _resident(pid)))
            line([f"{total:,}", f"{points[-1][1]:.1f}"])
            total += _wrk(address, pid, script, 16, max(1, seconds // 6)).requests
        points.append((total, _resident(pid)))
        line([f"{total:,}", f"{points[-1][1]:.1f}"])
    asked = points[-1][0] - points[0][0]
    slope = float(np.polyfit(*zip(*points, strict=True), 1)[0]) * AN_HOUR if asked else 0.0
    print(
        f"\nExtrapolated linearly to {AN_HOUR:,} requests, an hour at 2,000 per second, the growth "
        f"comes to {slope:+.1f} MiB; {asked:,} requests were sent.\n"
    )


def _disturbed(model: Path, script: Path, seconds: int) -> None:
    """Print latencies while slow clients hold connections and bodies are truncated."""
    head(["200 connections", "requests/s", "median ms", "p99 ms", "errors", "resident memory, MiB"])
    with _server("glassnet serve", model) as (address, pid):
        for name, among in (("alone", contextlib.nullcontext()), ("among slow clients and cut bodies", _bad(address))):
            with among:
                result = _wrk(address, pid, script, 200, seconds)
            figures = [
                f"{result.per_second:,.0f}",
                f"{result.median / 1e3:.1f}",
                f"{result.p99 / 1e3:.1f}",
                str(result.errors),
            ]
            line([name, *figures, f"{_resident(pid):.1f}"])
    print(
        f"\n{SLOW} clients send a byte of a body every tenth of a second, and {1 / CUT_EVERY:.0f} bodies per second "
        "are truncated."
    )


@contextlib.contextmanager
def _server(kind: str, model: Path) -> Iterator[tuple[str, int]]:
    """Run a server until the end of the block."""
    command = ["serve", str(model), "--port", "0", "--log", "none", "--json"]
    code = [_SERVE, *command] if kind.startswith("glassnet") else [_OTHERS, kind, str(model)]
    process = subprocess.Popen([sys.executable, "-c", *code], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["address"]
        port = int(address.rstrip("/").rpartition(":")[2])
        for _ in range(500):
            with contextlib.suppress(OSError), socket.create_connection((HERE, port), timeout=1):
                break
            time.sleep(0.02)
        yield f"http://{HERE}:{port}/api/predict", process.pid
    finally:
        process.terminate()
        process.wait(20)


def _wrk(address: str, pid: int, script: Path, connections: int, seconds: int) -> Load:
    """Run the generator."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(script), address]
    before, server = resource.getrusage(resource.RUSAGE_CHILDREN), _processor_seconds(pid)
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    match = re.search(r"RESULT (\[.*\])", said)
    if match is None:
        raise RuntimeError(f"wrk printed no result: {said}")
    requests, duration, median, p99, errors = json.loads(match[1])
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    wall = duration / 1e6
    return Load(requests, duration, median, p99, errors, spent / wall, (_processor_seconds(pid) - server) / wall)


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


@contextlib.contextmanager
def _bad(address: str) -> Iterator[None]:
    """Hold slow connections and truncate bodies until the end of the block."""
    port = int(address.split(":")[2].split("/")[0])
    start = f"POST /api/predict HTTP/1.1\r\nHost: {HERE}\r\nContent-Length: 100000\r\n\r\n".encode()
    ended = threading.Event()

    def connect() -> socket.socket:
        made = socket.create_connection((HERE, port), timeout=5)
        made.sendall(start)
        return made

    def dawdle() -> None:
        slow: list[socket.socket] = []
        while not ended.wait(0.1):
            while len(slow) < SLOW:
                slow.append(connect())
            for one in list(slow):
                try:
                    one.sendall(b" ")
                except OSError:  # closed by the server; replaced by a new one
                    slow.remove(one)
                    one.close()
        for one in slow:
            one.close()

    def cut() -> None:
        while not ended.wait(CUT_EVERY):
            with contextlib.suppress(OSError), connect() as one:
                one.sendall(b'{"rows": [[1,')

    threads = [threading.Thread(target=dawdle), threading.Thread(target=cut)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()

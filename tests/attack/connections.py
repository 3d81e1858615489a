"""Attacks on connections: heads, trailers, handshakes, queues, unread responses, numbers."""

from __future__ import annotations

import contextlib
import socket
import time
from pathlib import Path

from tests.attack.registry import attack
from tests.attack.targets import FEW_FILES, ask, is_answered, server
from tests.web.sockets import CHUNKED, GET, HANDSHAKE, MUCH, POST, connect, flood, frame, is_closed_while_sending, raw

FLOODS = {
    "an endless address": (b"GET /", b"a" * 50_000),
    "an endless header": (b"GET / HTTP/1.1\r\nX: ", b"a" * 50_000),
    "headers without end": (b"GET / HTTP/1.1\r\n", b"a:b\r\n" * 10_000),
    "blank lines without end": (b"", b"\r\n" * 10_000),
    "an endless trailer": (CHUNKED + b"0\r\nX: ", b"a" * 50_000),
    "trailers without end": (CHUNKED + b"0\r\n", b"a:b\r\n" * 10_000),
    "an endless chunk extension": (CHUNKED + b"1;", b"a" * 50_000),
    "chunks of one byte without end": (CHUNKED, b"1\r\nx\r\n" * 10_000),
    "requests without reading responses": (b"", GET * 1000),
}


def _register_flood(name: str, head: bytes, part: bytes) -> None:
    @attack(f"connections: {name}")
    def run(folder: Path) -> None:
        with server(folder) as target:
            before = target.memory()
            sent, _ = flood(target.at, head, part)
            assert sent < MUCH, f"{sent:,} bytes were taken"
            assert target.memory() < before + 2**26
            assert is_answered(target.at)


for _name, (_head, _part) in FLOODS.items():
    _register_flood(_name, _head, _part)


@attack("connections: unfinished handshakes fill the limit of files")
def unfinished_handshakes(folder: Path) -> None:
    kinds = [
        HANDSHAKE.replace(b"GET", b"POST") + b"Content-Length: 10\r\n\r\nshort",
        HANDSHAKE.replace(b"GET", b"POST").replace(b"localhost", b"evil") + b"Content-Length: 10\r\n\r\nshort",
        HANDSHAKE + b"A: b\r\n" * 200 + b"\r\n",
        HANDSHAKE + b"A: " + b"b" * 20_000 + b"\r\n\r\n",
        HANDSHAKE,
    ]
    with server(folder, few_files=True) as target, contextlib.ExitStack() as stack:
        for number in range(2 * FEW_FILES):
            line = stack.enter_context(connect(target.at))
            with contextlib.suppress(ConnectionError):
                line.sendall(kinds[number % len(kinds)])
        assert is_answered(target.at)


@attack("connections: connections that send nothing, or a byte a second")
def slow_clients(folder: Path) -> None:
    with server(folder, few_files=True) as target, contextlib.ExitStack() as stack:
        lines = [stack.enter_context(connect(target.at)) for _ in range(FEW_FILES)]
        for place in range(5):
            for line in lines:
                with contextlib.suppress(OSError):
                    line.sendall(POST[place : place + 1])
            assert is_answered(target.at)
            time.sleep(1)


@attack("connections: a slow body, and one that never comes")
def slow_body(folder: Path) -> None:
    with server(folder) as target, contextlib.ExitStack() as stack:
        lines = [stack.enter_context(connect(target.at)) for _ in range(50)]
        for line in lines:
            line.sendall(POST + b"Content-Length: 1000\r\n\r\n{")
        assert is_answered(target.at)
        for line in lines:
            line.settimeout(60)
            assert b" 408 " in line.recv(100)


@attack("connections: responses that are not read")
def unread_responses(folder: Path) -> None:
    rows = b'{"rows": [' + b"[0,0,0,0]," * 9000 + b"[0,0,0,0]]}"
    with server(folder) as target, connect(target.at) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        assert is_closed_while_sending(line, POST + b"Content-Length: %d\r\n\r\n" % len(rows) + rows, 0.5)
        assert is_answered(target.at)


@attack("connections: requests are smuggled")
def smuggling(folder: Path) -> None:
    hidden = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
    heads = [
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\n",
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: +0\r\n\r\n",
        POST + b"Content-Length: 0x0\r\n\r\n",
        POST + b"X: y\n Content-Length: 5\r\n\r\n",
    ]
    with server(folder) as target:
        for head in heads:
            heard = raw(target.at, head + hidden, end=True)
            assert b"glassnet_requests_total{" not in heard, head


def wait_for_training(at: str, name: str, seconds: float = 10.0) -> None:
    """Wait until a training has computed an epoch."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and "epoch" not in str(ask(at, f"/api/train/{name}")[2]):
        time.sleep(0.2)


@attack("connections: orders on a WebSocket without end")
def websocket_orders(folder: Path) -> None:
    plan = b'{"plan": {"data": {"kind": "xor"}, "hidden": [4], "activations": ["relu"], "settings": {}}}'
    with server(folder) as target:
        heard = raw(
            target.at, POST.replace(b"predict", b"train") + b"Content-Length: %d\r\n\r\n" % len(plan) + plan, end=False
        )
        name = heard.partition(b'"id":"')[2].partition(b'"')[0]
        assert name, heard[:300]
        wait_for_training(target.at, name)
        before = target.memory()  # of a server that has trained: the engine is loaded
        parts = {
            "orders of 60 kB": frame(b'{"command": "trace", "x": "' + b"x" * 60_000 + b'"}'),
            "orders of 1 MB": frame(b"x" * 2**20),
            "short orders": frame(b'{"command": "trace"}') * 500,
            "fragments": frame(b"", 0, fin=False) * 500,
            "pings": frame(b"p" * 125, 9) * 500,
        }
        for kind, part in parts.items():
            with connect(target.at) as line:
                line.settimeout(5)
                line.sendall(HANDSHAKE.replace(b"/api/echo", b"/api/train/" + name) + b"\r\n")
                with contextlib.suppress(OSError):
                    line.sendall(frame(b"", 1, fin=False) if kind == "fragments" else b"")
                    for _ in range(200):
                        line.sendall(part)
            grown = (target.memory() - before) >> 20
            assert grown < 128, f"{kind}: {grown} MiB more"
            assert is_answered(target.at), kind

"""Requests that end at any byte: head, body, trailers, handshake, frame. The server gives up each of them."""

from __future__ import annotations

import numpy as np
import pytest

import glassnet
from glassnet.web import connections
from glassnet.web.app_state import AppState, Limits
from glassnet.web.server import create_app
from tests.web.running import running
from tests.web.sockets import CHUNKED, HANDSHAKE, POST, connect, frame, is_well, read_all
from tests.web.test_security import with_echo

REQUESTS = {
    "head": POST + b"Content-Length: 2\r\n\r\n{}",
    "trailers": CHUNKED + b"2;a=b\r\n{}\r\n0\r\nA: b\r\nC: d\r\n\r\n",
    "handshake": HANDSHAKE + b"\r\n",
    "frames": HANDSHAKE + b"\r\n" + frame(b"hello") + frame(b"h", fin=False) + frame(b"i", 0) + frame(b"x" * 200, 9),
}
#: Connections that are open at the same time.
GROUP = 100
#: How a server answers: not at all, with an error, or, to a whole handshake, with a WebSocket.
EXPECTED = (b"", b"HTTP/1.1 400", b"HTTP/1.1 408", b"HTTP/1.1 422")


@pytest.mark.sweep(only=["head-9", "trailers-9", "handshake-9"])
@pytest.mark.parametrize("step", [9, 1])
@pytest.mark.parametrize("kind", REQUESTS)
def test_a_request_that_ends_at_any_byte_is_given_up(kind: str, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)
    x = np.arange(80.0).reshape(-1, 2)
    model = glassnet.fit(x, np.arange(40) % 2, hidden=(4,))
    state = AppState(model, limits=Limits(seconds=0.5))
    whole = REQUESTS[kind]
    cuts = [whole[:end] for end in range(0, len(whole), step)]
    with running(with_echo(create_app(state))) as at:
        for first in range(0, len(cuts), GROUP):
            group = cuts[first : first + GROUP]
            lines = [connect(at) for _ in group]
            for data, line in zip(group, lines, strict=True):
                line.sendall(data)
            for data, line in zip(group, lines, strict=True):
                with line:
                    is_open = data.startswith(REQUESTS["handshake"])
                    heard = line.recv(12) if is_open else read_all(line)[:12]  # a timeout if it is kept open
                assert heard in EXPECTED or (is_open and heard == b"HTTP/1.1 101"), (data, heard)
        assert is_well(at)

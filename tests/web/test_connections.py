"""Limits of connections, by raw sockets against a running server: heads, trailers, handshakes, queues, responses."""

import contextlib
import json
import os
import socket
import struct
import threading
import time

import pytest
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.websockets import WebSocket

from glassnet.web import connections, security
from glassnet.web.app_state import Limits
from glassnet.web.connections import ConnectionLimits, HttpConnection
from glassnet.web.server import create_app

from .sockets import (
    CHUNKED,
    GET,
    HANDSHAKE,
    MUCH,
    POST,
    ask,
    connect,
    flood,
    frame,
    is_closed_while_sending,
    is_well,
    open_websocket,
    raw,
    read_all,
    read_head,
)
from .test_security import with_echo


@pytest.fixture
def at(serve, app_state):
    """Return the address of a server that has a WebSocket which repeats what it hears."""
    return serve(with_echo(create_app(app_state)))


# ----------------------------------------------------------------------------------------------------- size of requests


@pytest.mark.parametrize(
    ("head", "part"),
    [
        pytest.param(b"GET /", b"a" * 50_000, id="address"),
        pytest.param(b"GET / HTTP/1.1\r\nX: ", b"a" * 50_000, id="value of a header"),
        pytest.param(b"GET / HTTP/1.1\r\n", b"a" * 50_000, id="name of a header"),
        pytest.param(b"GET / HTTP/1.1\r\n", b"a:b\r\n" * 10_000, id="headers"),
        pytest.param(b"", b"\r\n" * 10_000, id="blank lines"),
        pytest.param(CHUNKED + b"0\r\nX: ", b"a" * 50_000, id="value of a trailer"),
        pytest.param(CHUNKED + b"0\r\n", b"a" * 50_000, id="name of a trailer"),
        pytest.param(CHUNKED + b"0\r\n", b"a:b\r\n" * 10_000, id="trailers"),
        pytest.param(CHUNKED + b"1;", b"a" * 50_000, id="extension of a chunk"),
        pytest.param(CHUNKED, b"1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n" * 1000, id="extensions of chunks"),
        pytest.param(CHUNKED, b"1\r\nx\r\n" * 10_000, id="chunks of one byte"),
    ],
)
def test_what_is_not_content_has_a_limit(at, head, part) -> None:
    sent, heard = flood(at, head, part)
    assert sent < MUCH, "the server took all of it"
    if heard:  # the response is lost if the client sends much more
        assert heard[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 431")
    assert is_well(at)


def test_a_refused_client_that_stops_sending_reads_why(at) -> None:
    for head in (b"GET / HTTP/1.1\r\nX: ", CHUNKED + b"0\r\nX: "):
        heard = raw(at, head + b"a" * 100_000)
        assert heard.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
        assert json.loads(heard.partition(b"\r\n\r\n")[2])["error"]["code"] == "headers_too_large"
        assert b"content-security-policy" in heard


def test_a_long_body_in_chunks_is_taken(at) -> None:
    body = json.dumps({"rows": [[0.123456789012345] * 64] * 500}).encode()
    parts = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in connections.slices(body))
    heard = raw(at, CHUNKED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + parts + b"0\r\nX: y\r\n\r\n")
    assert heard.startswith(b"HTTP/1.1 200") and heard.count(b'"predictions"') == 1


def test_a_trailer_is_no_header(serve, app_state) -> None:
    app = create_app(app_state)
    seen = []

    async def show(request: Request) -> Response:
        await request.body()
        seen.extend(request.headers.raw)
        return Response()

    app.router.routes.insert(0, Route("/api/headers", show, methods=["POST"]))
    at = serve(app)
    head = CHUNKED.replace(b"/api/predict", b"/api/headers").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert raw(at, head + b"0\r\nOrigin: http://evil.example\r\n\r\n").startswith(b"HTTP/1.1 200")
    assert b"host" in dict(seen) and b"origin" not in dict(seen)


def test_requests_that_do_not_wait_for_responses_have_a_limit(at) -> None:
    sent, _ = flood(at, b"", GET.replace(b"\r\n\r\n", b"\r\nX: " + b"a" * 1000 + b"\r\n\r\n") * 50)
    assert sent < MUCH
    heard = raw(at, GET * 10 + GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert heard.count(b"HTTP/1.1 200") == 11
    assert is_well(at)


def test_a_client_that_does_not_wait_for_413_can_read_it(serve, app_state) -> None:
    app_state.limits = Limits(body=2_000_000)
    at = serve(create_app(app_state))
    for size in (2_000_001, 3_900_000):
        status, _, content = ask(at, "/api/predict", "POST", b" " * size)
        assert status == 413 and json.loads(content)["error"]["code"] == "too_large"
    chunks = b"f4240\r\n" + b" " * 1_000_000 + b"\r\n"
    assert b"too_large" in raw(at, CHUNKED, chunks, chunks, chunks, b"0\r\n\r\n")
    assert ask(at, "/api/predict", "POST", b" " * 1_000_000, Host="evil.example")[0] == 403


def test_what_a_refused_client_sends_has_a_limit_too(serve, app_state, monkeypatch) -> None:
    monkeypatch.setattr(security, "LINGER_SECONDS", 30.0)
    app_state.limits = Limits(body=100_000)
    at = serve(create_app(app_state))
    sent, _ = flood(at, CHUNKED, b"ffff\r\n" + b" " * 65535 + b"\r\n")
    assert sent < MUCH


# ------------------------------------------------------------------------------------------------------------ deadlines


def broken_handshakes():
    """Return requests that begin a handshake and can't complete it."""
    short = HANDSHAKE.replace(b"GET", b"POST") + b"Content-Length: 10\r\n\r\nshort"
    return {
        "body of a POST": short,
        "body of a GET": HANDSHAKE + b"Content-Length: 10\r\n\r\nshort",
        "chunks": HANDSHAKE + b"Transfer-Encoding: chunked\r\n\r\n",
        "foreign host": short.replace(b"localhost", b"evil.example"),
        "90 headers": HANDSHAKE.replace(b"Sec-WebSocket-Key", b"X") + b"A: b\r\n" * 85 + b"\r\n",
        "200 headers": HANDSHAKE + b"A: b\r\n" * 200 + b"\r\n",
        "a long header": HANDSHAKE + b"A: " + b"b" * 20_000 + b"\r\n\r\n",
        "a long address": HANDSHAKE.replace(b"/api/echo", b"/" + b"a" * 20_000) + b"\r\n",
        "no key": HANDSHAKE.replace(b"Sec-WebSocket-Key", b"X") + b"\r\n",
        "two keys": HANDSHAKE + b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        "a bad key": HANDSHAKE.replace(b"dGhl", b"????") + b"\r\n",
        "old version": HANDSHAKE.replace(b"13", b"8") + b"\r\n",
        "no Upgrade": HANDSHAKE.replace(b"Connection: Upgrade", b"Connection: close") + b"\r\n",
        "not ASCII": HANDSHAKE + b"\xc3\xa4: b\r\n\r\n",
        "HTTP/1.0": HANDSHAKE.replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n",
        "another path": HANDSHAKE.replace(b"/api/echo", b"/api/nothing") + b"\r\n",
        "a path of HTTP": HANDSHAKE.replace(b"/api/echo", b"/api/model") + b"\r\n",
    }


@pytest.mark.parametrize("name", broken_handshakes())
def test_a_handshake_that_can_not_be_completed_is_refused_at_once(at, name) -> None:
    heard = raw(at, broken_handshakes()[name])
    assert not heard or heard[9:10] in (b"4", b"5"), heard[:100]
    assert is_well(at)


def test_blank_lines_do_not_keep_a_connection(serve, app_state, monkeypatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)
    at = serve(create_app(app_state))
    with connect(at) as line:
        line.sendall(GET)
        read_head(line)
        assert is_closed_while_sending(line, b"\r\n", 0.1)


def test_a_client_that_does_not_read_its_responses_is_disconnected(serve, app_state, monkeypatch) -> None:
    monkeypatch.setattr(connections, "READ_SECONDS", 0.5)
    at = serve(create_app(app_state))
    rows = json.dumps({"rows": [[0] * 64] * 9000}).encode()
    with connect(at) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        assert is_closed_while_sending(line, POST + b"Content-Length: %d\r\n\r\n" % len(rows) + rows, 0.3)
    assert is_well(at)


def test_responses_that_nobody_reads_have_a_limit(serve, app_state, monkeypatch) -> None:
    monkeypatch.setattr(connections, "MAX_UNREAD_BYTES", 2**18)
    at = serve(create_app(app_state))
    rows = json.dumps({"rows": [[0] * 64] * 9000}).encode()
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(connect(at)) for _ in range(3)]
        closed = 0
        for line in lines:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            closed += is_closed_while_sending(line, POST + b"Content-Length: %d\r\n\r\n" % len(rows) + rows, 0.1)
        assert closed == 3
    assert is_well(at)


def test_a_client_that_reads_slowly_gets_all(serve, app_state, monkeypatch) -> None:
    monkeypatch.setattr(connections, "READ_SECONDS", 0.5)
    at = serve(create_app(app_state))
    rows = json.dumps({"rows": [[0] * 64] * 9000}).encode()
    with connect(at) as line:
        line.sendall(POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(rows) + rows)
        heard = b""
        while part := line.recv(65536):
            heard += part
            time.sleep(0.02)
    head, _, body = heard.partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head and json.loads(body)["predictions"]


# ------------------------------------------------------------------------------------------------ number of connections


def test_connections_that_ask_nothing_do_not_keep_others_out(serve, app_state, monkeypatch) -> None:
    monkeypatch.setattr(ConnectionLimits, "of_process", lambda: ConnectionLimits(20, 10))
    at = serve(create_app(app_state))
    lines = [connect(at) for _ in range(30)]
    try:
        assert is_well(at)
        lines.append(connect(at))
        lines[-1].sendall(GET)
        assert read_head(lines[-1]).startswith(b"HTTP/1.1 200")
    finally:
        for line in lines:
            line.close()


def test_connections_at_work_are_kept_and_further_ones_refused(serve, app_state, monkeypatch) -> None:
    monkeypatch.setattr(ConnectionLimits, "of_process", lambda: ConnectionLimits(20, 4))
    at = serve(with_echo(create_app(app_state)))
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(open_websocket(at)) for _ in range(4)]
        heard = raw(at)
        assert heard.startswith(b"HTTP/1.1 503") and b"retry-after: " in heard and b"overloaded" in heard
        lines[0].sendall(frame(b"hello"))
        assert lines[0].recv(100).endswith(b"hello")
    until = time.monotonic() + 20
    while not raw(at, GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")).startswith(b"HTTP/1.1 200"):
        assert time.monotonic() < until


def test_a_process_that_may_open_few_files_answers_among_many_connections(started, model_file) -> None:
    pytest.importorskip("resource", reason="this system has no limit of open files")
    setup = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))"
    process, content = started(model_file, setup=setup)
    at = content["address"].rstrip("/")
    lines = []
    try:
        for _ in range(250):
            with contextlib.suppress(ConnectionError):
                line = connect(at)
                line.sendall(HANDSHAKE.replace(b"GET", b"POST") + b"Content-Length: 10\r\n\r\nshort")
                lines.append(line)
        lines += [connect(at) for _ in range(250)]
        assert is_well(at) and ask(at)[0] == 200
        if os.path.isdir(f"/proc/{process.pid}/fd"):
            assert len(os.listdir(f"/proc/{process.pid}/fd")) < 190
    finally:
        for line in lines:
            line.close()


def test_the_limits_are_below_the_limit_of_files(monkeypatch) -> None:
    resource = pytest.importorskip("resource", reason="this system has no limit of open files")
    for files in (100, 200, 256, 1024, 2**20, resource.RLIM_INFINITY):
        monkeypatch.setattr(resource, "getrlimit", lambda _, files=files: (files, files))
        limits = ConnectionLimits.of_process()
        assert 2 <= limits.per_address < limits.total <= connections.MAX_CONNECTIONS
        assert files == resource.RLIM_INFINITY or limits.total <= files - 64
    assert HttpConnection.limits.total == connections.MAX_CONNECTIONS


# ------------------------------------------------------------------------------------------------------------ WebSocket


@pytest.fixture
def slow_socket(serve, app_state):
    """Return the address of a server whose WebSocket works at its first message until an event is set."""
    app = create_app(app_state)
    proceed = threading.Event()

    @app.websocket("/api/echo")
    async def work(socket: WebSocket) -> None:
        await socket.accept()
        with contextlib.suppress(Exception):
            await socket.receive_text()
            await run_in_threadpool(proceed.wait, 20)
            while True:
                await socket.send_text(await socket.receive_text())

    yield serve(app), proceed
    proceed.set()


def fail_code(heard):
    """Return the code of the close frame at the end of what a server sent."""
    place = heard.rfind(b"\x88")
    return struct.unpack("!H", heard[place + 2 : place + 4])[0]


def test_messages_that_wait_have_a_limit(slow_socket) -> None:
    at, _ = slow_socket
    with open_websocket(at) as line:
        with contextlib.suppress(ConnectionError):
            line.sendall(frame(b"x") * (connections.MAX_QUEUED_MESSAGES + 10))
        assert fail_code(read_all(line)) == 1008
    with open_websocket(at) as line:  # large ones are not read at all before there is room
        line.settimeout(1)
        sent = 0
        with contextlib.suppress(TimeoutError, ConnectionError):
            while sent < MUCH:
                sent += line.send(frame(b"x" * 60_000))
        assert sent < MUCH
    assert is_well(at)


def test_messages_that_wait_are_worked_at(slow_socket) -> None:
    at, proceed = slow_socket
    with open_websocket(at) as line:
        line.sendall(b"".join(frame(b"%d" % number) for number in range(20)))
        proceed.set()
        heard = b""
        while heard.count(b"\x81") < 19:
            heard += line.recv(1000)
        assert heard.endswith(b"\x8219") or heard.endswith(b"\x0219")


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(frame(b"", 0, fin=False) * 500, id="empty fragments"),
        pytest.param(frame(b"x", 0, fin=False) * 500, id="fragments"),
    ],
)
def test_fragments_have_a_limit(at, part) -> None:
    with open_websocket(at) as line:
        sent = 0
        with contextlib.suppress(ConnectionError):
            line.sendall(frame(b"", 1, fin=False))
            while sent < MUCH:
                line.sendall(part)
                sent += len(part)
        assert sent < MUCH
    assert is_well(at)


def test_pings_of_a_client_that_does_not_read_are_not_kept(serve, app_state, monkeypatch) -> None:
    monkeypatch.setattr(connections, "READ_SECONDS", 1.0)
    at = serve(with_echo(create_app(app_state)))
    with open_websocket(at) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with contextlib.suppress(ConnectionError):
            line.sendall(frame(b"p" * 125, 9) * 100_000)
        assert is_closed_while_sending(line, frame(b"p", 9), 0.1)
    assert is_well(at)

"""Requests to a running server, byte by byte."""

import contextlib
import http.client
import json
import socket
import struct
import time

POST = b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
HANDSHAKE = (
    b"GET /api/echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
#: Bytes that a test sends at most where a server must stop it before.
MUCH = 2**24


def ask(at, path="/api/model", method="GET", body=None, **headers):
    """Send a request with exactly these headers, and return status, headers and content."""
    host, port = at.removeprefix("http://").split(":")
    line = http.client.HTTPConnection(host, int(port), timeout=60)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    line.putrequest(method, path, skip_host="Host" in given)
    if body is not None and "Content-Length" not in given:
        line.putheader("Content-Length", str(len(body)))
    for name, value in given.items():
        for one in value if isinstance(value, list) else [value]:
            line.putheader(name, one)
    line.endheaders(body)
    response = line.getresponse()
    content = response.read()
    line.close()
    return response.status, dict(response.getheaders()), content


def code_of(answer):
    return answer[0], json.loads(answer[2])["error"]["code"]


def raw(at, *parts, pause=0.0, end=False):
    """Send bytes as they are, and return what comes back until the server closes."""
    host, port = at.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        heard = b""
        try:
            for part in parts:
                line.sendall(part)
                time.sleep(pause)
            if end:
                line.shutdown(socket.SHUT_WR)
        except ConnectionError:
            pass  # it closed before it had heard all, which it may
        try:
            while part := line.recv(65536):
                heard += part
        except (TimeoutError, ConnectionError):
            pass
    return heard


def is_well(at):
    return ask(at, "/healthz")[0] == 200


def connect(at):
    host, port = at.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def flood(at, head, part):
    """Send a part again and again until the server ends the connection; return the bytes sent and the response."""
    with connect(at) as line:
        sent = 0
        with contextlib.suppress(ConnectionError):
            line.sendall(head)
            while sent < MUCH:
                line.sendall(part)
                sent += len(part)
        return sent, read_all(line)


def read_all(line):
    heard = b""
    with contextlib.suppress(ConnectionError):
        while part := line.recv(65536):
            heard += part
    return heard


def is_closed_while_sending(line, part, pause):
    """Send a part a hundred times; return whether the server closes the connection meanwhile."""
    for _ in range(100):
        try:
            line.sendall(part)
        except ConnectionError:
            return True
        time.sleep(pause)
    return False


def frame(data, opcode=1, fin=True):
    """Return a WebSocket frame as a client sends it, with a mask of zeros."""
    length = len(data)
    if length < 126:
        size = bytes([0x80 | length])
    else:
        size = b"\xfe" + struct.pack("!H", length) if length < 2**16 else b"\xff" + struct.pack("!Q", length)
    return bytes([(0x80 if fin else 0) | opcode]) + size + bytes(4) + data


def read_head(line):
    heard = b""
    while b"\r\n\r\n" not in heard:
        part = line.recv(1)
        assert part, heard
        heard += part
    return heard


def open_websocket(at, path=b"/api/echo"):
    line = connect(at)
    line.sendall(HANDSHAKE.replace(b"/api/echo", path) + b"\r\n")
    assert read_head(line).startswith(b"HTTP/1.1 101")
    return line

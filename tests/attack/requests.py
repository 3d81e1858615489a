"""Attacks by requests: host, origin, token, paths, bodies."""

from __future__ import annotations

import http.client
import json
from pathlib import Path

from tests.attack.registry import attack
from tests.attack.targets import TOKEN, server
from tests.web.sockets import ask, code_of, raw

HOSTS = (
    *("evil.example", "localhost.evil.example", "10.0.0.1", "[::1]evil.com", "evil.com@localhost", "localhost/evil"),
    *("localhost?x", "localhost#x", "localhost:80:80", "localhost:0", "localhost:65536", "localhost..", "[::1%25lo]"),
    *("[127.0.0.1]", "::1", "127.1", "0x7f000001", "2130706433", "", "localhost,evil.example"),
)
BODIES = (
    b"",
    b"[",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"rows": ' + b"[" * 50_000,
    b'{"rows": [[1e999, 0, 0, 0]]}',
    b'{"rows": [[NaN, 0, 0, 0]]}',
    b'{"rows": [[' + b"9" * 100_000 + b", 0, 0, 0]]}",
    b'{"rows": [[null, true, "x", {}]]}',
    b'{"rows": [{"x1": 1}]}',
    b'{"rows": {"0": 1}}',
    b'{"rows": [[1, 2, 3]]}',
    b'{"rows": [' + b"[0,0,0,0]," * 20_000 + b"[0,0,0,0]]}",
    b'{"rows": [["\\ud800", 0, 0, 0]]}',
    b"\xff\xfe\x00",
    b'{"rows": [[0,0,0,0]], "rows": 5}',
)
PLANS = (
    {"data": {"kind": "../../etc/passwd"}},
    {"data": {"kind": "xor", "rows": 10**9}},
    {"data": {"kind": "xor"}, "hidden": [10**9], "activations": ["relu"]},
    {"data": {"kind": "xor"}, "hidden": [1000] * 10, "activations": ["relu"] * 10},
    {"data": {"kind": "xor"}, "hidden": [4], "activations": ["__import__('os')"]},
    {"data": {"kind": "xor"}, "settings": {"batch_size": 2**62, "epochs": 10**9}},
    {"data": {"kind": "xor"}, "settings": {"threads": 10**9}},
    {"data": {"kind": "xor"}, "settings": {"loss": "quantile", "loss_settings": {"quantiles": [0.5] * 100_000}}},
    {"data": {"kind": "xor"}, "settings": {"schedule": "step", "schedule_settings": {"step_size": 0}}},
)


@attack("requests: foreign and malformed hosts")
def hosts(folder: Path) -> None:
    with server(folder) as target:
        for host in HOSTS:
            for path in ("/", "/api/model", "/healthz", "/metrics"):
                assert code_of(ask(target.at, path, Host=host)) == (403, "host_not_allowed"), host
        assert ask(target.at, Host="[::1]:8000")[0] == 200


@attack("requests: pages of other sites")
def origins(folder: Path) -> None:
    with server(folder) as target:
        for origin in ("http://evil.example", "null", "http://localhost:1", "file://", ""):
            answer = ask(target.at, "/api/predict", "POST", b'{"rows": [[0,0,0,0]]}', Origin=origin)
            assert code_of(answer) == (403, "origin_not_allowed"), origin
        assert code_of(ask(target.at, Sec_Fetch_Site="cross-site"))[0] == 403


@attack("requests: without the token, or with a wrong one")
def tokens(folder: Path) -> None:
    with server(folder, "--token", TOKEN) as target:
        for said in ("", "Bearer", "Bearer x", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}"):
            for path in ("/api/model", "/metrics", "/api/openapi.json", "/nothing"):
                assert code_of(ask(target.at, path, Authorization=said)) == (401, "unauthorized"), said
        assert ask(target.at, Authorization=f"Bearer {TOKEN}")[0] == 200


@attack("requests: files outside of the page")
def traversal(folder: Path) -> None:
    paths = ("/../../../../etc/passwd", "//etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc/passwd", "/..\\x")
    with server(folder) as target:
        for path in (*paths, "/shared/../../app_state.py", "/.git/config", "/index.html%00.css"):
            heard = raw(target.at, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            assert not heard.startswith(b"HTTP/1.1 200") and b"root:" not in heard, path


@attack("requests: hostile bodies")
def bodies(folder: Path) -> None:
    with server(folder) as target:
        for path in ("/api/predict", "/api/explain", "/api/train", "/api/train/preview", "/api/train/rows"):
            for body in BODIES:
                status, _, content = ask(target.at, path, "POST", body)
                assert status in (200, 413, 422), (path, body[:50], status)
                assert status == 200 or set(json.loads(content)) == {"error"}
        for plan in PLANS:
            status, _, content = ask(target.at, "/api/train/preview", "POST", json.dumps(plan).encode())
            assert status in (200, 413, 422), (plan, status, content)
        assert b'status="500"' not in ask(target.at, "/metrics")[2]


@attack("requests: a client that does not wait for 413 can read it")
def too_large(folder: Path) -> None:
    with server(folder) as target:
        host, port = target.at.removeprefix("http://").split(":")
        for size in (8 * 2**20 + 1, 15 * 2**20):
            line = http.client.HTTPConnection(host, int(port), timeout=30)
            line.request("POST", "/api/predict", b" " * size)
            assert line.getresponse().status == 413, size
            line.close()


@attack("requests: changes to a read-only server")
def read_only(folder: Path) -> None:
    with server(folder, "--read-only") as target:
        for path in ("/api/train", "/api/evaluate/label-errors", "/api/evaluate/label-errors/stop"):
            assert code_of(ask(target.at, path, "POST", b"{}")) == (403, "read_only"), path


@attack("requests: 3,000 of them without growth")
def growth(folder: Path) -> None:
    with server(folder) as target:
        host, port = target.at.removeprefix("http://").split(":")
        line = http.client.HTTPConnection(host, int(port), timeout=30)
        sizes = []
        for number in range(3000):
            line.request("POST", f"/api/{'predict' if number % 3 else number}", b'{"rows": [[0, 0, 0, 0]]}')
            line.getresponse().read()
            if number in (1000, 2999):
                sizes.append(target.memory())
        assert sizes[1] < sizes[0] + 2**24, sizes

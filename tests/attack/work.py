"""Attacks by work: previews, predictions and searches at the same time, of clients that leave."""

from __future__ import annotations

import contextlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from glassnet.web.app_state import default_memory
from tests.attack.registry import attack
from tests.attack.targets import Target, is_answered, server
from tests.web.sockets import POST, ask, connect

#: Bytes that a server takes for itself.
OWN_MEMORY = 2**30
LARGE = json.dumps(
    {"data": {"kind": "xor"}, "hidden": [1000] * 5, "activations": ["relu"] * 5, "settings": {"dtype": "float64"}}
).encode()
SMALL = json.dumps({"data": {"kind": "xor"}, "hidden": [4], "activations": ["relu"]}).encode()


def _check(target: Target) -> None:
    peak = target.memory("VmHWM")
    assert peak < default_memory() + OWN_MEMORY, f"it took {peak / 2**20:,.0f} MiB"
    assert is_answered(target.at)


def _flood(folder: Path, path: str, body: bytes, *options: str) -> None:
    with server(folder, *options) as target, ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(lambda _: ask(target.at, path, "POST", body, Connection="close"), range(30)))
        assert {answer[0] for answer in answers} <= {200, 429, 503}, {answer[0] for answer in answers}
        _check(target)


@attack("work: 30 previews of large networks at once", 240)
def previews(folder: Path) -> None:
    _flood(folder, "/api/train/preview", LARGE)


@attack("work: 30 previews at once of a read-only server", 240)
def read_only_previews(folder: Path) -> None:
    _flood(folder, "/api/train/preview", LARGE, "--read-only")


@attack("work: 30 predictions of many rows at once", 240)
def predictions(folder: Path) -> None:
    _flood(folder, "/api/predict", b'{"rows": [' + b"[0,0,0,0]," * 9999 + b"[0,0,0,0]]}")


@attack("work: 60 previews of clients that leave", 240)
def leaving(folder: Path) -> None:
    head = POST.replace(b"predict", b"train/preview") + b"Content-Length: %d\r\n\r\n" % len(LARGE)
    with server(folder) as target:
        for _ in range(60):
            with connect(target.at) as line, contextlib.suppress(ConnectionError):
                line.sendall(head + LARGE)
        for _ in range(100):
            if ask(target.at, "/api/train/preview", "POST", SMALL)[0] == 200:
                break
        else:
            raise AssertionError("the work of clients that have left goes on")
        _check(target)

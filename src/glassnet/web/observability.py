"""What the server did: a line for each request, and figures in Prometheus' text format under ``/metrics``."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from fastapi import APIRouter
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from glassnet.web.errors import ApiError
from glassnet.web.responses import as_json

#: What takes the facts of a request.
Log: TypeAlias = Callable[[dict[str, Any]], None]
#: Seconds: from a one-row prediction to what the limit allows.
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})

router = APIRouter()


class Figures:
    """The counts of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        by = ["method", "path"]
        self.requests = Counter("glassnet_requests", "Requests answered.", [*by, "status"], registry=self.registry)
        self.errors = Counter("glassnet_errors", "Requests refused or failed.", ["status"], registry=self.registry)
        self.seconds = Histogram(
            "glassnet_request_seconds", "Time to answer.", ["path"], buckets=BUCKETS, registry=self.registry
        )
        self.rows = Counter("glassnet_rows", "Rows predicted or explained.", registry=self.registry)
        self.open = Gauge("glassnet_requests_open", "Requests being answered now.", registry=self.registry)
        # a metric's child is found by its labels in a microsecond or two, which a dict spares
        self._kept: dict[tuple[str, str, int], tuple[Any, Any]] = {}

    def note(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count a request."""
        key = method, path, status
        if key not in self._kept:
            self._kept[key] = self.requests.labels(method, path, str(status)), self.seconds.labels(path)
        counter, histogram = self._kept[key]
        counter.inc()
        histogram.observe(seconds)
        if status >= 400:
            self.errors.labels(str(status)).inc()


class Recorder:
    """The outermost layer: sees every request and every answer, the guard's too.

    Parameters
    ----------
    app : ASGI app
        What is watched.
    figures : Figures
        What is counted into.
    labels : mapping of str to str
        What paths are counted as: all of the page's files as one.
    log : callable
        What is told of each request.
    """

    def __init__(self, app: ASGIApp, figures: Figures, labels: Mapping[str, str], log: Log) -> None:
        self.app, self.figures, self.labels, self.log = app, figures, labels, log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; note how long it took and what came of it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self.figures.open.inc()
        try:
            await self.app(scope, receive, seen)
        except Exception:
            traceback.print_exc(file=sys.stderr)  # for whoever runs the server; whoever asked is not shown it
            if status:
                raise
            fault = ApiError(500, "fault", "the server made a mistake, which is ours to mend; its log says more")
            await fault.response()(scope, receive, seen)
        finally:
            self.figures.open.dec()
            seconds = time.perf_counter() - began
            self._note(scope, status or 499, seconds)  # 499: the client went away before there was an answer

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        path, method = scope["path"], scope["method"]
        # never what was asked for: whoever asks for a thousand paths must not make a thousand figures
        label = self.labels.get(path) or str(getattr(scope.get("route"), "path", "other"))
        if (rows := scope.get("glassnet.rows")) is not None:
            self.figures.rows.inc(rows)
        self.figures.note(method if method in METHODS else "other", label, status, seconds)
        if self.log is not no_log:
            client = scope.get("client")
            told = {"method": method, "path": path, "status": status, "ms": round(1e3 * seconds, 3)}
            self.log(told | {"rows": rows, "client": client[0] if client else None})


def no_log(told: dict[str, Any]) -> None:
    """Say nothing."""


def log_json(told: dict[str, Any]) -> None:
    """Write a line of JSON to standard error."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    sys.stderr.write(as_json({"time": stamp} | told).decode() + "\n")


def log_plain(told: dict[str, Any]) -> None:
    """Write a line for people to standard error; what is no plain character of a path is written as its code."""
    path = told["path"].encode("unicode_escape").decode()
    rows = f" {told['rows']} rows" if told["rows"] is not None else ""
    sys.stderr.write(
        f"{time.strftime('%H:%M:%S')} {told['status']} {told['method']} {path} {told['ms']:.1f} ms{rows}\n"
    )


@router.get("/healthz", tags=["server"])
async def healthz() -> dict[str, str]:
    """Say that the server is well."""
    return {"status": "ok"}


@router.get("/metrics", tags=["server"])
async def metrics(request: Request) -> Response:
    """Tell the figures in Prometheus' text format."""
    return Response(generate_latest(request.app.state.figures.registry), media_type=CONTENT_TYPE_LATEST)

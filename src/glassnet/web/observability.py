"""Access log and metrics in Prometheus' text format (``/metrics``)."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from fastapi import APIRouter
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from glassnet.web.errors import ApiError
from glassnet.web.responses import to_json

#: A function that takes the log record of a request.
Log: TypeAlias = Callable[[dict[str, Any]], None]
#: Histogram buckets in seconds: from a one-row prediction to the time limit.
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})
#: The status logged if the client disconnects before the response (nginx' convention).
CLIENT_CLOSED_REQUEST = 499

router = APIRouter()


class ServerMetrics:
    """The metrics of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ["method", "path", "status"]
        self.requests = Counter("glassnet_requests", "Requests answered.", labels, registry=self.registry)
        self.errors = Counter("glassnet_errors", "Error responses.", ["status"], registry=self.registry)
        self.seconds = Histogram(
            "glassnet_request_seconds", "Response time.", ["path"], buckets=BUCKETS, registry=self.registry
        )
        self.rows = Counter("glassnet_rows", "Rows predicted or explained.", registry=self.registry)
        self.open = Gauge("glassnet_requests_open", "Requests in progress.", registry=self.registry)
        # Looking up a metric by its labels takes one or two microseconds; a dict avoids that.
        self._by_labels: dict[tuple[str, str, int], tuple[Any, Any]] = {}

    def observe(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count a request."""
        key = method, path, status
        if key not in self._by_labels:
            self._by_labels[key] = self.requests.labels(method, path, str(status)), self.seconds.labels(path)
        counter, histogram = self._by_labels[key]
        counter.inc()
        histogram.observe(seconds)
        if status >= 400:
            self.errors.labels(str(status)).inc()


class MetricsMiddleware:
    """The outermost middleware: counts and logs every request, including those that `SecurityMiddleware` refuses.

    Parameters
    ----------
    app : ASGI app
        The wrapped app.
    metrics : ServerMetrics
        Where requests are counted.
    labels : mapping of str to str
        Labels of paths: all files of the page share one.
    log : callable
        Called with the log record of each request.
    """

    def __init__(self, app: ASGIApp, metrics: ServerMetrics, labels: Mapping[str, str], log: Log) -> None:
        self.app = app
        self.metrics = metrics
        self.labels = labels
        self.log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; record its duration and status."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        async def record_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self.metrics.open.inc()
        try:
            await self.app(scope, receive, record_status)
        except ClientDisconnect:
            pass
        except Exception:
            traceback.print_exc(file=sys.stderr)  # for the operator; the client does not see it
            if status:
                raise
            error = ApiError(500, "internal_error", "internal server error; see the server's log")
            await error.response()(scope, receive, record_status)
        finally:
            self.metrics.open.dec()
            self._record(scope, status or CLIENT_CLOSED_REQUEST, time.perf_counter() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        path = scope["path"]
        method = scope["method"]
        # Label with the route, not the requested path: a client must not be able to create any number of time series.
        label = self.labels.get(path) or str(getattr(scope.get("route"), "path", "other"))
        if (rows := scope.get("glassnet.rows")) is not None:
            self.metrics.rows.inc(rows)
        self.metrics.observe(method if method in METHODS else "other", label, status, seconds)
        if self.log is not no_log:
            client = scope.get("client")
            record = {"method": method, "path": path, "status": status, "ms": round(1e3 * seconds, 3)}
            self.log(record | {"rows": rows, "client": client[0] if client else None})


def no_log(record: dict[str, Any]) -> None:
    """Write nothing."""


def log_json(record: dict[str, Any]) -> None:
    """Write a line of JSON to standard error."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    sys.stderr.write(to_json({"time": stamp} | record).decode() + "\n")


def log_plain(record: dict[str, Any]) -> None:
    """Write a line of text to standard error; special characters in the path are escaped."""
    path = record["path"].encode("unicode_escape").decode()
    rows = f" {record['rows']} rows" if record["rows"] is not None else ""
    stamp = time.strftime("%H:%M:%S")
    sys.stderr.write(f"{stamp} {record['status']} {record['method']} {path} {record['ms']:.1f} ms{rows}\n")


@router.get("/healthz", tags=["server"])
async def healthz() -> dict[str, str]:
    """Report that the server is running."""
    return {"status": "ok"}


@router.get("/metrics", tags=["server"])
async def metrics(request: Request) -> Response:
    """Return the metrics in Prometheus' text format."""
    return Response(generate_latest(request.app.state.metrics.registry), media_type=CONTENT_TYPE_LATEST)

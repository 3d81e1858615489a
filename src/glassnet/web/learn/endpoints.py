"""What the page asks for: ``/api/train`` and below, and the WebSocket by which a training is watched and steered."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable
from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from glassnet.errors import InputError
from glassnet.web.errors import ApiError
from glassnet.web.learn.codegen import csv
from glassnet.web.learn.manager import TheStudio, model_file, studio_of
from glassnet.web.learn.plan import MAX_EPOCHS, MAX_LAYERS, MAX_UNITS, read_plan
from glassnet.web.learn.presets import start, usual_losses
from glassnet.web.learn.rows import rows_to_learn, tasks
from glassnet.web.learn.session import Session
from glassnet.web.learn.step_trace import Walk, walk
from glassnet.web.learn.tables import tables
from glassnet.web.responses import answer, as_json
from glassnet.web.security import PROTOCOL

router = APIRouter()
#: The WebSocket is closed with this code where there is no such training.
NO_SUCH_TRAINING = 4404


@router.get("/api/train", tags=["learn"])
def choices(studio: TheStudio) -> Response:
    """Tell what there is to choose from, the plan to begin with, and the training that runs, if one does."""
    current = studio.current
    return answer(
        {
            "tasks": tasks(studio.own),
            "usual_losses": usual_losses(),
            "own": None if studio.own is None else studio.own.examples.table.source.replace("\\", "/").split("/")[-1],
            "tables": tables(),
            "start": start(),
            "most": {"layers": MAX_LAYERS, "units": MAX_UNITS, "epochs": MAX_EPOCHS},
            "read_only": studio.workshop.read_only,
            "running": None if current is None or current.is_over else current.id,
        }
    )


@router.post("/api/train/plan", tags=["learn"])
async def plan(request: Request, studio: TheStudio) -> Response:
    """Check a plan and tell what it comes to: the network before its first step, the rows, the same run as code."""
    content = await _content(request)
    return answer(await run_in_threadpool(studio.preview, content))


@router.post("/api/train/rows", tags=["learn"])
async def rows(request: Request, studio: TheStudio) -> Response:
    """Return the rows of a plan as a CSV file, which the command line reads."""
    content = await _content(request)

    def written() -> bytes:
        return csv(rows_to_learn(read_plan(content).data, studio.own))

    return _file(await run_in_threadpool(written), "text/csv; charset=utf-8")


@router.post("/api/train", tags=["learn"])
async def train(request: Request, studio: TheStudio) -> Response:
    """Begin a training, which waits before its first batch; ``{"plan": {…}, "instead_of": "its id"}``.

    There is one at a time: 409 if another runs. It is steered over the WebSocket ``/api/train/ID``.
    """
    content = await _content(request)
    instead = content.get("instead_of")
    session = await run_in_threadpool(studio.begin, content.get("plan"), instead if isinstance(instead, str) else None)
    return answer({"id": session.id, "engine": session.run.engine.name}, 201)


@router.get("/api/train/{number}", tags=["learn"])
def how_it_stands(number: str, studio: TheStudio) -> Response:
    """Tell how a training stands: the latest frame and all epochs."""
    session = studio.session(number)
    told = {"id": session.id, "plan": session.plan.as_json(), "frame": session.frame}
    return answer(told | {"history": session.looks.history(0)})


@router.get("/api/train/{number}/model", tags=["learn"])
def model(number: str, studio: TheStudio) -> Response:
    """Return the model as it stands, as a .glassnet file."""
    return _file(model_file(studio.session(number).model()), "application/octet-stream")


@router.post("/api/train/{number}/use", tags=["learn"])
def use(number: str, studio: TheStudio) -> Response:
    """Let the model answer in the other tabs and to ``/api/predict``."""
    studio.use(studio.session(number))
    return answer({"name": studio.workshop.name, "version": studio.workshop.version})


@router.post("/api/train/{number}/end", tags=["learn"])
def end(number: str, studio: TheStudio) -> Response:
    """End a training."""
    studio.workshop.check_writable()
    session = studio.session(number)
    session.end()
    return answer({"id": session.id, "state": session.state})


@router.websocket("/api/train/{number}")
async def live(socket: WebSocket, number: str) -> None:
    """Tell each new frame, and take orders: ``{"do": "play", "pace": 20}``, pause, epoch, batch, walk, end."""
    asked = socket.scope.get("subprotocols", ())
    await socket.accept(PROTOCOL if PROTOCOL in asked else None)
    studio = studio_of(socket)
    try:
        session = studio.session(number)
    except ApiError as refusal:
        await socket.send_text(as_json({"error": {"code": refusal.code, "message": refusal.detail}}).decode())
        await socket.close(NO_SUCH_TRAINING)
        return
    await _Line(socket, session, studio.workshop.read_only).serve()


class _Line:
    """A page that looks at a training."""

    def __init__(self, socket: WebSocket, session: Session, read_only: bool) -> None:
        self.socket, self.session, self.read_only = socket, session, read_only
        self.walked: Walk | None = None
        self.told_epochs = self.told_frames = 0

    async def serve(self) -> None:
        """Look until one side goes away."""
        loop, news = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the server is gone
                loop.call_soon_threadsafe(news.set)

        leave = self.session.watch(wake)
        news.set()
        telling = asyncio.create_task(self._tell(news))
        try:
            while True:
                order = await self.socket.receive_text()
                try:
                    told = await run_in_threadpool(self._obey, order)
                except (InputError, ApiError, TimeoutError) as error:
                    told = {"error": {"code": getattr(error, "code", "input"), "message": _words(error)}}
                if told is not None:
                    await self.socket.send_text(as_json(told).decode())
        except (WebSocketDisconnect, RuntimeError, KeyError):  # a frame of bytes is a KeyError
            pass
        finally:
            telling.cancel()
            await run_in_threadpool(leave)

    async def _tell(self, news: asyncio.Event) -> None:
        """Send the latest frame whenever there is a new one; a slow page misses those between."""
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await news.wait()
                news.clear()
                told = await run_in_threadpool(self._news)
                if told is not None:
                    await self.socket.send_text(told)

    def _news(self) -> str | None:
        session = self.session
        if session.frames == self.told_frames:
            return None
        self.told_frames, frame = session.frames, session.frame
        history = session.looks.history(self.told_epochs)[: frame["epoch"] - self.told_epochs]
        first, self.told_epochs = self.told_epochs, self.told_epochs + len(history)
        told = {"frame": frame, "history": history, "first": first}
        if self.walked is not None and frame["state"] != "going":
            agrees = session.at_rest(self._agrees)
            if agrees is not None:
                self.walked = None
                told["agrees"] = agrees
        return as_json(told).decode()

    def _agrees(self) -> bool | None:
        return None if self.walked is None else self.walked.agrees(self.session.run)

    def _obey(self, text: str) -> dict[str, Any] | None:
        """Do what the page says; return what it is told at once, besides the frames."""
        try:
            order = orjson.loads(text)
            do = order["do"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise InputError('an order looks like this: {"do": "play"}') from None
        if self.read_only:
            raise ApiError(403, "read_only", "this server was started with --read-only; nothing can be changed on it")
        orders: dict[str, Callable[[], dict[str, Any] | None]] = {
            "play": lambda: self.session.go(math.inf, self._pace(order.get("pace"))),
            "pause": self.session.wait,
            "epoch": self.session.go_to_epoch_end,
            "batch": lambda: self.session.go(1),
            "walk": self._walk,
            "end": self.session.end,
        }
        if not isinstance(do, str) or do not in orders:
            raise InputError(f"there is no order {do!r}; there are {', '.join(orders)}")
        return orders[do]()

    def _pace(self, epochs: Any) -> float:
        """Return batches a second, of epochs a second; infinity for as fast as it can."""
        if epochs is None:
            return math.inf
        if isinstance(epochs, bool) or not isinstance(epochs, (int, float)) or not 0 < epochs < 1e6:
            raise InputError(f"pace is {epochs!r}; it must be a number of epochs a second")
        return float(epochs * self.session.run.n_batches)

    def _walk(self) -> dict[str, Any]:
        """Take the next step on copies, and tell all of its numbers."""
        session = self.session
        session.wait()
        self.walked = session.at_rest(lambda: walk(session.run, session.next))
        return {"walk": self.walked.told}


async def _content(request: Request) -> dict[str, Any]:
    try:
        content = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise ApiError(422, "no_json", f"the body is no JSON: {error}") from None
    if not isinstance(content, dict):
        raise ApiError(422, "input", "the body must be an object")
    return content


def _file(content: bytes, kind: str) -> Response:
    return Response(content, media_type=kind, headers={"content-disposition": "attachment"})


def _words(error: Exception) -> str:
    return str(getattr(error, "detail", "")) or str(error) or "the training did not answer in time"

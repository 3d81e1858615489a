"""Endpoints ``/api/train`` and below, and the WebSocket that watches and controls a training."""

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
from glassnet.web.app_state import file_name
from glassnet.web.errors import ApiError
from glassnet.web.learn.choices import tables
from glassnet.web.learn.codegen import csv
from glassnet.web.learn.manager import TrainingManagerDep, get_training_manager, model_file
from glassnet.web.learn.plan import MAX_EPOCHS, MAX_LAYERS, MAX_UNITS, read_plan
from glassnet.web.learn.presets import default_losses, initial_plan
from glassnet.web.learn.session import TrainingSession
from glassnet.web.learn.step_trace import StepTrace, trace_step
from glassnet.web.learn.training_rows import load_training_rows, tasks
from glassnet.web.responses import json_response, to_json
from glassnet.web.security import PROTOCOL

router = APIRouter()
#: WebSocket close code for an unknown training.
TRAINING_NOT_FOUND = 4404


@router.get("/api/train", tags=["learn"])
def options(manager: TrainingManagerDep) -> Response:
    """Return the available options, the initial plan, and the id of the running training."""
    current = manager.current
    file_rows = manager.file_rows
    return json_response(
        {
            "tasks": tasks(file_rows),
            "default_losses": default_losses(),
            "file": None if file_rows is None else file_name(file_rows.examples.table.source),
            "tables": tables(),
            "initial_plan": initial_plan(),
            "limits": {"layers": MAX_LAYERS, "units": MAX_UNITS, "epochs": MAX_EPOCHS},
            "read_only": manager.state.read_only,
            "running": None if current is None or current.is_finished else current.id,
        }
    )


@router.post("/api/train/preview", tags=["learn"])
async def preview(request: Request, manager: TrainingManagerDep) -> Response:
    """Validate a plan; return the untrained network, the rows, and the same training as code."""
    content = await _content(request)
    return json_response(await run_in_threadpool(manager.preview, content))


@router.post("/api/train/rows", tags=["learn"])
async def rows(request: Request, manager: TrainingManagerDep) -> Response:
    """Return the rows of a plan as a CSV file, which the command line reads."""
    content = await _content(request)

    def work() -> bytes:
        return csv(load_training_rows(read_plan(content).data, manager.file_rows))

    return _file(await run_in_threadpool(work), "text/csv; charset=utf-8")


@router.post("/api/train", tags=["learn"])
async def train(request: Request, manager: TrainingManagerDep) -> Response:
    """Start a training, which is paused before its first batch; ``{"plan": {…}, "replaces": "its id"}``.

    One training runs at a time: 409 if another one is running. It is controlled over the WebSocket ``/api/train/ID``.
    """
    content = await _content(request)
    replaces = content.get("replaces")
    replaces = replaces if isinstance(replaces, str) else None
    session = await run_in_threadpool(manager.start, content.get("plan"), replaces)
    return json_response({"id": session.id, "engine": session.run.engine.name}, 201)


@router.get("/api/train/{session_id}", tags=["learn"])
def status(session_id: str, manager: TrainingManagerDep) -> Response:
    """Return the latest snapshot of a training, and all its epochs."""
    session = manager.session(session_id)
    content = {"id": session.id, "plan": session.plan.as_json(), "snapshot": session.snapshot}
    return json_response(content | {"history": session.snapshots.history(0)})


@router.get("/api/train/{session_id}/model", tags=["learn"])
def model(session_id: str, manager: TrainingManagerDep) -> Response:
    """Return the current model as a .glassnet file."""
    return _file(model_file(manager.session(session_id).model()), "application/octet-stream")


@router.post("/api/train/{session_id}/use", tags=["learn"])
def use(session_id: str, manager: TrainingManagerDep) -> Response:
    """Make the training's model the model of the other tabs and of ``/api/predict``."""
    manager.set_model(manager.session(session_id))
    return json_response({"name": manager.state.name, "version": manager.state.version})


@router.post("/api/train/{session_id}/stop", tags=["learn"])
def stop(session_id: str, manager: TrainingManagerDep) -> Response:
    """Stop a training."""
    manager.state.check_writable()
    session = manager.session(session_id)
    session.stop()
    return json_response({"id": session.id, "state": session.state})


@router.websocket("/api/train/{session_id}")
async def control(socket: WebSocket, session_id: str) -> None:
    """Send each new snapshot; receive commands.

    The commands are ``{"command": "play", "speed": 20}``, pause, epoch, batch, trace and stop.
    """
    protocols = socket.scope.get("subprotocols", ())
    await socket.accept(PROTOCOL if PROTOCOL in protocols else None)
    manager = get_training_manager(socket)
    try:
        session = manager.session(session_id)
    except ApiError as error:
        await socket.send_text(to_json({"error": {"code": error.code, "message": error.detail}}).decode())
        await socket.close(TRAINING_NOT_FOUND)
        return
    await _Connection(socket, session, manager.state.read_only).serve()


class _Connection:
    """The connection of one page to a training."""

    def __init__(self, socket: WebSocket, session: TrainingSession, read_only: bool) -> None:
        self.socket = socket
        self.session = session
        self.read_only = read_only
        self._trace: StepTrace | None = None
        self._sent_epochs = 0
        self._sent_snapshots = 0

    async def serve(self) -> None:
        """Serve until one side disconnects."""
        loop = asyncio.get_running_loop()
        updated = asyncio.Event()

        def notify() -> None:
            with contextlib.suppress(RuntimeError):  # the event loop is closed
                loop.call_soon_threadsafe(updated.set)

        unsubscribe = self.session.subscribe(notify)
        updated.set()
        sender = asyncio.create_task(self._send_updates(updated))
        try:
            while True:
                text = await self.socket.receive_text()
                try:
                    reply = await run_in_threadpool(self._execute, text)
                except (InputError, ApiError, TimeoutError) as error:
                    reply = {"error": {"code": getattr(error, "code", "invalid_input"), "message": _message(error)}}
                if reply is not None:
                    await self.socket.send_text(to_json(reply).decode())
        except (WebSocketDisconnect, RuntimeError, KeyError):  # a binary message raises KeyError
            pass
        finally:
            sender.cancel()
            await run_in_threadpool(unsubscribe)

    async def _send_updates(self, updated: asyncio.Event) -> None:
        """Send the latest snapshot whenever there is a new one; a slow client skips those in between."""
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await updated.wait()
                updated.clear()
                message = await run_in_threadpool(self._update)
                if message is not None:
                    await self.socket.send_text(message)

    def _update(self) -> str | None:
        session = self.session
        if session.n_snapshots == self._sent_snapshots:
            return None
        self._sent_snapshots = session.n_snapshots
        snapshot = session.snapshot
        first = self._sent_epochs
        history = session.snapshots.history(first)[: snapshot["epoch"] - first]
        self._sent_epochs = first + len(history)
        message = {"snapshot": snapshot, "history": history, "first": first}
        if self._trace is not None and snapshot["state"] != "running":
            matches = session.call_between_batches(self._trace_matches)
            if matches is not None:
                self._trace = None
                message["trace_matches"] = matches
        return to_json(message).decode()

    def _trace_matches(self) -> bool | None:
        return None if self._trace is None else self._trace.matches(self.session.run)

    def _execute(self, text: str) -> dict[str, Any] | None:
        """Execute a command; return its immediate reply, if it has one besides the snapshots."""
        try:
            content = orjson.loads(text)
            command = content["command"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise InputError('a command has the form {"command": "play"}') from None
        if self.read_only:
            raise ApiError(403, "read_only", "this server was started with --read-only; nothing can be changed on it")
        commands: dict[str, Callable[[], dict[str, Any] | None]] = {
            "play": lambda: self.session.run_batches(math.inf, self._batch_rate(content.get("speed"))),
            "pause": self.session.pause,
            "epoch": self.session.run_to_epoch_end,
            "batch": lambda: self.session.run_batches(1),
            "trace": self._trace_step,
            "stop": self.session.stop,
        }
        if not isinstance(command, str) or command not in commands:
            raise InputError(f"there is no command {command!r}; choose one of {', '.join(commands)}")
        return commands[command]()

    def _batch_rate(self, speed: Any) -> float:
        """Convert epochs per second to batches per second; None means no limit."""
        if speed is None:
            return math.inf
        if isinstance(speed, bool) or not isinstance(speed, (int, float)) or not 0 < speed < 1e6:
            raise InputError(f"speed is {speed!r}; it must be a number of epochs per second")
        return float(speed * self.session.run.n_batches)

    def _trace_step(self) -> dict[str, Any]:
        """Compute the next step on copies and return all its intermediate results."""
        session = self.session
        session.pause()
        self._trace = session.call_between_batches(lambda: trace_step(session.run, session.next_batch))
        return {"trace": self._trace.content}


async def _content(request: Request) -> dict[str, Any]:
    try:
        content = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise ApiError(422, "invalid_json", f"the body is not valid JSON: {error}") from None
    if not isinstance(content, dict):
        raise ApiError(422, "invalid_input", "the body must be an object")
    return content


def _file(content: bytes, media_type: str) -> Response:
    return Response(content, media_type=media_type, headers={"content-disposition": "attachment"})


def _message(error: Exception) -> str:
    return str(getattr(error, "detail", "")) or str(error) or "the training did not respond in time"

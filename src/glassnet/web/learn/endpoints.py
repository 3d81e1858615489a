"""Endpoints ``/api/train`` and below, and the WebSocket that watches and controls a training."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable
from typing import Any, TypeVar

import orjson
from fastapi import APIRouter, Request
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from glassnet.errors import InputError
from glassnet.web.app_state import file_name
from glassnet.web.errors import ApiError, truncate
from glassnet.web.learn.choices import tables
from glassnet.web.learn.codegen import csv
from glassnet.web.learn.manager import TrainingManagerDep, get_training_manager, model_file
from glassnet.web.learn.plan import MAX_EPOCHS, MAX_LAYERS, MAX_UNITS, read_plan
from glassnet.web.learn.presets import default_losses, initial_plan
from glassnet.web.learn.session import TrainingSession
from glassnet.web.learn.step_trace import StepTrace, trace_step
from glassnet.web.learn.training_rows import load_memory, load_training_rows, tasks
from glassnet.web.request_rows import json_memory, read_json
from glassnet.web.responses import json_response, to_json
from glassnet.web.security import PROTOCOL
from glassnet.web.training_memory import rows_memory
from glassnet.web.work import checkpoint, require_memory, run_work, wait_on_thread

router = APIRouter()
Result = TypeVar("Result")

#: Seconds that a request waits for the end of a batch.
CALL_SECONDS = 20.0
#: Bytes of an epoch's metrics, for each layer, as objects and as JSON.
EPOCH_MEMORY = 1500
#: WebSocket close code for an unknown training.
TRAINING_NOT_FOUND = 4404


@router.get("/api/train", tags=["learn"])
async def options(manager: TrainingManagerDep) -> Response:
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
    body = await request.body()

    def work() -> bytes:
        return to_json(manager.preview(read_json(body)))

    return Response(await run_work(request, work, json_memory(body)), media_type="application/json")


@router.post("/api/train/rows", tags=["learn"])
async def rows(request: Request, manager: TrainingManagerDep) -> Response:
    """Return the rows of a plan as a CSV file, which the command line reads."""
    body = await request.body()

    def work() -> bytes:
        data = read_plan(read_json(body)).data
        require_memory(2 * load_memory(data, manager.file_rows))
        rows = load_training_rows(data, manager.file_rows)
        checkpoint()
        return csv(rows)

    return _file(await run_work(request, work, json_memory(body)), "text/csv; charset=utf-8")


@router.post("/api/train", tags=["learn"])
async def train(request: Request, manager: TrainingManagerDep) -> Response:
    """Start a training, which is paused before its first batch; ``{"plan": {…}, "replaces": "its id"}``.

    One training runs at a time: 409 if another one is running. It is controlled over the WebSocket ``/api/train/ID``.
    """
    manager.state.check_writable()
    body = await request.body()

    def work() -> TrainingSession:
        content = read_json(body)
        replaces = content.get("replaces")
        return manager.start(content.get("plan"), replaces if isinstance(replaces, str) else None)

    session = await run_work(request, work, json_memory(body))
    return json_response({"id": session.id, "engine": session.run.engine.name}, 201)


@router.get("/api/train/{session_id}", tags=["learn"])
async def status(request: Request, session_id: str, manager: TrainingManagerDep) -> Response:
    """Return the latest snapshot of a training, and all its epochs."""
    session = manager.session(session_id)

    def work() -> bytes:
        content = {"id": session.id, "plan": session.plan.as_json(), "snapshot": session.snapshot}
        return to_json(content | {"history": session.snapshots.history(0)})

    memory = EPOCH_MEMORY * len(session.run.history) * session.run.structure.n_layers
    return Response(await run_work(request, work, memory), media_type="application/json")


@router.get("/api/train/{session_id}/model", tags=["learn"])
async def model(request: Request, session_id: str, manager: TrainingManagerDep) -> Response:
    """Return the current model as a .glassnet file."""
    session = manager.session(session_id)
    trained = await _between_batches(request, session, session.current_model)
    memory = 4 * trained.vector.nbytes + EPOCH_MEMORY * len(trained.history)
    return _file(await run_work(request, lambda: model_file(trained), memory), "application/octet-stream")


@router.post("/api/train/{session_id}/use", tags=["learn"])
async def use(request: Request, session_id: str, manager: TrainingManagerDep) -> Response:
    """Make the training's model the model of the other tabs and of ``/api/predict``."""
    manager.state.check_writable()
    session = manager.session(session_id)
    trained = await _between_batches(request, session, session.current_model)
    memory = rows_memory(len(session.rows.y), len(session.rows.names))
    await run_work(request, lambda: manager.set_model(session, trained), memory)
    return json_response({"name": manager.state.name, "version": manager.state.version})


@router.post("/api/train/{session_id}/stop", tags=["learn"])
async def stop(request: Request, session_id: str, manager: TrainingManagerDep) -> Response:
    """Stop a training."""
    manager.state.check_writable()
    session = manager.session(session_id)
    await run_work(request, session.stop)
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
                    reply = await self._execute(text)
                except (InputError, ApiError, TimeoutError) as error:
                    reply = {"error": {"code": getattr(error, "code", "invalid_input"), "message": _message(error)}}
                if reply is not None:
                    await self.socket.send_text(to_json(reply).decode())
        except (WebSocketDisconnect, RuntimeError, KeyError):  # a binary message raises KeyError
            pass
        finally:
            sender.cancel()
            await wait_on_thread(self.socket, unsubscribe)

    async def _send_updates(self, updated: asyncio.Event) -> None:
        """Send the latest snapshot whenever there is a new one; a slow client skips those in between."""
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await updated.wait()
                updated.clear()
                message = await self._update()
                if message is not None:
                    await self.socket.send_text(message)

    async def _update(self) -> str | None:
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
            matches = await _between_batches(self.socket, session, self._trace_matches)
            if matches is not None:
                self._trace = None
                message["trace_matches"] = matches
        return (await wait_on_thread(self.socket, lambda: to_json(message))).decode()

    def _trace_matches(self) -> bool | None:
        return None if self._trace is None else self._trace.matches(self.session.run)

    async def _execute(self, text: str) -> dict[str, Any] | None:
        """Execute a command; return its immediate reply, if it has one besides the snapshots."""
        try:
            content = orjson.loads(text)
            command = content["command"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise InputError('a command has the form {"command": "play"}') from None
        if self.read_only:
            raise ApiError(403, "read_only", "this server was started with --read-only; nothing can be changed on it")
        if command == "trace":
            return await self._trace_step()
        commands: dict[str, Callable[[], None]] = {
            "play": lambda: self.session.run_batches(math.inf, self._batch_rate(content.get("speed"))),
            "pause": self.session.pause,
            "epoch": self.session.run_to_epoch_end,
            "batch": lambda: self.session.run_batches(1),
            "stop": lambda: self.session.request_stop("stopped"),
        }
        if not isinstance(command, str) or command not in commands:
            expected = f"trace, {', '.join(commands)}"
            raise InputError(f"there is no command {truncate(command)!r}; choose one of {expected}")
        await wait_on_thread(self.socket, commands[command])
        return None

    def _batch_rate(self, speed: Any) -> float:
        """Convert epochs per second to batches per second; None means no limit."""
        if speed is None:
            return math.inf
        if isinstance(speed, bool) or not isinstance(speed, (int, float)) or not 0 < speed < 1e6:
            raise InputError(f"speed is {speed!r}; it must be a number of epochs per second")
        return float(speed * self.session.run.n_batches)

    async def _trace_step(self) -> dict[str, Any]:
        """Compute the next step on copies and return all its intermediate results."""
        session = self.session
        session.pause()
        self._trace = await _between_batches(self.socket, session, lambda: trace_step(session.run, session.next_batch))
        return {"trace": self._trace.content}


async def _between_batches(
    connection: HTTPConnection, session: TrainingSession, function: Callable[[], Result]
) -> Result:
    """Call a function on the training's thread between two batches, and wait for its result without a thread."""
    future = await wait_on_thread(connection, lambda: session.submit(function))
    try:
        return await asyncio.wait_for(asyncio.wrap_future(future), CALL_SECONDS)
    except TimeoutError:
        raise ApiError(503, "timeout", "the training did not respond in time; try again in a moment") from None


def _file(content: bytes, media_type: str) -> Response:
    return Response(content, media_type=media_type, headers={"content-disposition": "attachment"})


def _message(error: Exception) -> str:
    return str(getattr(error, "detail", "")) or str(error) or "the training did not respond in time"

"""The trainings of one server: the running one and the finished ones."""

from __future__ import annotations

import gc
import threading
from collections import OrderedDict
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import HTTPConnection

from glassnet.datasets import DIGITS
from glassnet.models import Model, save
from glassnet.models.fitting import PreparedData
from glassnet.training import Run
from glassnet.web.app_state import AppState, app_singleton, digits_examples
from glassnet.web.errors import ApiError
from glassnet.web.learn.codegen import command, python, source
from glassnet.web.learn.plan import TrainingPlan, learning_rates, prepare_training, read_plan
from glassnet.web.learn.presets import presets
from glassnet.web.learn.session import TrainingSession
from glassnet.web.learn.snapshots import SnapshotBuilder
from glassnet.web.learn.training_rows import FileRows, TrainingRows, get_file_rows
from glassnet.web.work import checkpoint, keep_memory

#: Trainings that are kept, so that their models can still be saved and used.
MAX_SESSIONS = 12


class TrainingManager:
    """Starts and stores trainings; there is one per server.

    Parameters
    ----------
    state : AppState
        State of the server.
    """

    def __init__(self, state: AppState) -> None:
        self.state = state
        self.file_rows: FileRows | None = get_file_rows(state)
        self.current: TrainingSession | None = None
        self.sessions: OrderedDict[str, TrainingSession] = OrderedDict()
        self._lock = threading.Lock()

    def preview(self, content: Any) -> dict[str, Any]:
        """Return network, rows, first snapshot and code of a plan, without training."""
        plan = read_plan(content)
        rows, ready, run = self._prepare(plan)
        checkpoint()
        snapshots = SnapshotBuilder(ready, run, rows)
        structure = ready.untrained.structure
        preview = {
            "plan": plan.as_json(),
            "structure": {
                "layer_sizes": list(structure.layer_sizes),
                "activations": [activation.name for activation in structure.activations],
                "shapes": {name: list(shape) for name, shape in structure.shapes.items()},
                "parameters": structure.n_parameters,
                "text": str(structure),
            },
            "task": rows.task,
            "target": rows.target,
            "classes": list(ready.untrained.classes),
            "rows": {"training": len(ready.training_rows), "validation": len(ready.validation_rows)},
            "source": source(rows),
            "engine": run.engine.name,
            "learning_rates": learning_rates(run),
            "samples": snapshots.samples(),
            "targets": snapshots.targets(),
            "snapshot": snapshots.build("paused"),
            "presets": presets(rows, len(ready.training_rows)),
            "code": {"python": python(plan, rows), "command": command(plan, rows)},
        }
        if rows.is_plane:
            preview["points"] = {"x": rows.x, "y": rows.y, "validation": ready.validation_rows}
        return preview

    def start(self, content: Any, replaces: str | None) -> TrainingSession:
        """Start a training that is paused before its first batch.

        Parameters
        ----------
        content : object
            The plan.
        replaces : str, optional
            The id of a training of the same page, which is stopped first.

        Raises
        ------
        ApiError
            409 if another training is running and a client is connected to it.
        InputError
            If the plan is invalid.
        """
        self.state.check_writable()
        plan = read_plan(content)
        parts = self._prepare(plan)
        with self._lock:
            current = self.current
            if current is not None and (current.id == replaces or current.is_abandoned):
                current.stop("replaced by another training")
            with ExitStack() as stack:
                stack.enter_context(self.state.training_lock())
                session = TrainingSession(plan, *parts, stack.pop_all(), self.state.closing)
            session.memory = keep_memory()
            self.current = self.sessions[session.id] = session
            while self._keeps_too_much() and self._drop_oldest():
                pass
            session.start()
        return session

    def _prepare(self, plan: TrainingPlan) -> tuple[TrainingRows, PreparedData, Run]:
        """Prepare a training; if its memory does not fit, drop finished trainings first."""
        while True:
            try:
                return prepare_training(plan, self.file_rows)
            except ApiError as error:
                if error.code != "overloaded" or not self._drop_oldest():
                    raise

    def _keeps_too_much(self) -> bool:
        kept = sum(session.memory.size for session in self.sessions.values())
        return len(self.sessions) > MAX_SESSIONS or kept > self.state.limits.memory // 2

    def _drop_oldest(self) -> bool:
        """Drop the oldest training that has ended and that no client is connected to; return whether there was one."""
        for session in tuple(self.sessions.values()):
            if session.is_finished and not session.is_watched:
                del self.sessions[session.id]
                if self.current is session:
                    self.current = None
                session.memory.release()
                del session
                gc.collect()  # a training and its callbacks refer to each other
                return True
        return False

    def session(self, session_id: str) -> TrainingSession:
        """Return a training by its id.

        Raises
        ------
        ApiError
            404 if there is none.
        """
        if session_id not in self.sessions:
            message = "there is no training with this id; the server may have been restarted"
            raise ApiError(404, "training_not_found", message)
        return self.sessions[session_id]

    def set_model(self, session: TrainingSession, model: Model) -> None:
        """Make the training's model, with its rows, the model of the server."""
        self.state.check_writable()
        rows = session.rows
        ready = session.ready
        known = digits_examples(model) if rows.kind == DIGITS else None
        training = rows.examples(ready.training_rows, model, held_out=False)
        if known is not None:
            examples = known[1]
        elif len(ready.validation_rows):
            examples = rows.examples(ready.validation_rows, model, held_out=True)
        else:
            examples = training
        self.state.set_model(model, source(rows), examples, training)


def model_file(model: Model) -> bytes:
    """Return the content of a model's file."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.glassnet"
        save(model, path)
        return path.read_bytes()


def get_training_manager(connection: HTTPConnection) -> TrainingManager:
    """Return the training manager of the server."""
    return app_singleton(connection, TrainingManager)


#: Dependency of an endpoint: ``def endpoint(manager: TrainingManagerDep)``.
TrainingManagerDep = Annotated[TrainingManager, Depends(get_training_manager)]

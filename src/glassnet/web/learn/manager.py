"""The studio: the trainings of one server, the running one and those that are over."""

from __future__ import annotations

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
from glassnet.web.app_state import AppState, digits_examples, made_once
from glassnet.web.errors import ApiError
from glassnet.web.learn.codegen import command, python, source
from glassnet.web.learn.frames import Looks
from glassnet.web.learn.plan import made, rates, read_plan
from glassnet.web.learn.presets import presets
from glassnet.web.learn.rows import Own, own_rows
from glassnet.web.learn.session import Session

#: Trainings that are over and kept, so that their models can still be saved and used.
MAX_KEPT = 12


class Studio:
    """One for each server.

    Parameters
    ----------
    workshop : AppState
        Of the server.
    """

    def __init__(self, workshop: AppState) -> None:
        self.workshop = workshop
        self.own: Own | None = own_rows(workshop)
        self.current: Session | None = None
        self.sessions: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.Lock()

    def preview(self, content: Any) -> dict[str, Any]:
        """Return what a plan comes to, without training: the first frame, the rows, the code."""
        planned = read_plan(content)
        rows, ready, run = made(planned, self.own)
        looks = Looks(ready, run, rows)
        structure = ready.untrained.structure
        told = {
            "plan": planned.as_json(),
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
            "rates": rates(run),
            "samples": looks.samples(),
            "targets": looks.targets(),
            "frame": looks.frame("waiting"),
            "presets": presets(rows, len(ready.training_rows)),
            "code": {"python": python(planned, rows), "command": command(planned, rows)},
        }
        if rows.is_plane:
            told["points"] = {
                "x": rows.x,
                "y": rows.y,
                "validation": ready.validation_rows,
            }
        return told

    def begin(self, content: Any, instead_of: str | None) -> Session:
        """Begin a training that waits before its first batch.

        Parameters
        ----------
        content : object
            The plan.
        instead_of : str, optional
            A training of the same page, which ends first.

        Raises
        ------
        ApiError
            409 if another is running that somebody looks at.
        InputError
            If the plan can't be carried out.
        """
        self.workshop.check_writable()
        planned = read_plan(content)
        parts = made(planned, self.own)
        with self._lock:
            before = self.current
            if before is not None and (before.id == instead_of or before.is_left):
                before.end("another began")
            with ExitStack() as stack:
                stack.enter_context(self.workshop.only_training())
                session = Session(planned, *parts, stack.pop_all(), self.workshop.closing)
            self.current = self.sessions[session.id] = session
            while len(self.sessions) > MAX_KEPT:
                self.sessions.popitem(last=False)
            session.start()
        return session

    def session(self, number: str) -> Session:
        """Return a training by its id; a ApiError, 404, if it is not known."""
        if number not in self.sessions:
            raise ApiError(404, "no_training", "this training is not known here; the server may have begun anew since")
        return self.sessions[number]

    def use(self, session: Session) -> Model:
        """Let the training's model answer in the other tabs, with its rows."""
        self.workshop.check_writable()
        model, rows, ready = session.model(), session.rows, session.ready
        known = digits_examples(model) if rows.kind == DIGITS else None
        training = rows.examples(ready.training_rows, unseen=False)
        if known is not None:
            shown = known[1]
        elif len(ready.validation_rows):
            shown = rows.examples(ready.validation_rows, unseen=True)
        else:
            shown = training
        self.workshop.use(model, source(rows), shown, training)
        return model


def model_file(model: Model) -> bytes:
    """Return a model as the bytes of its file."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.glassnet"
        save(model, path)
        return path.read_bytes()


def studio_of(connection: HTTPConnection) -> Studio:
    """Return the studio of the server that a request came to."""
    return made_once(connection, Studio)


#: How an endpoint asks for it: ``def endpoint(studio: TheStudio)``.
TheStudio = Annotated[Studio, Depends(studio_of)]

"""The server, put together: the guard, the rooms with their endpoints, the page."""

from __future__ import annotations

import os

from anyio import CapacityLimiter
from fastapi import FastAPI

from glassnet import __version__
from glassnet.web import explaining, files, judging, learning, looking, predicting, recording, refusals, thinking
from glassnet.web.guard import Door, Guard
from glassnet.web.workshop import Workshop

#: The rooms, each with a router of its own; a new one is added here and nowhere else. Their paths begin with ``/api/``.
ROOMS = (predicting, explaining, looking, thinking, learning, judging)


def create_app(
    workshop: Workshop,
    *,
    host: str = "127.0.0.1",
    token: str | None = None,
    names: frozenset[str] = frozenset(),
    log: recording.Log = recording.no_log,
) -> FastAPI:
    """Return the app that serves a workshop.

    Parameters
    ----------
    workshop : Workshop
        The model, the rows, the locks.
    host : str
        The address it will listen on: it decides which Host headers are let in.
    token : str, optional
        What every request must bring.
    names : frozenset of str
        Further names that the server is called by.
    log : callable
        Where a line for each request goes.

    Returns
    -------
    FastAPI
        With the workshop as ``app.state.workshop``.
    """
    app = FastAPI(
        title="glassnet",
        version=__version__,
        description="A network that you can see through: its predictions, and everything inside it.",
        docs_url=None,  # its pages load their scripts from elsewhere
        redoc_url=None,
        openapi_url="/api/openapi.json",
        redirect_slashes=False,
    )
    app.state.workshop, app.state.made = workshop, {}
    app.state.workers = CapacityLimiter(os.cpu_count() or 1)  # threads for predictions that take long
    refusals.install(app)
    for room in ROOMS:
        app.include_router(room.router)
    page = files.page_files()
    app.router.routes.extend(files.routes(page))
    figures = recording.Figures()
    app.include_router(recording.router)
    app.state.figures = figures
    door = Door(host, token, names, frozenset(page) | {"/healthz"})
    app.add_middleware(predicting.Quick)
    app.add_middleware(Guard, door=door, limits=workshop.limits)
    labels = dict.fromkeys(page, "page") | {predicting.PREDICT: predicting.PREDICT}
    app.add_middleware(recording.Recorder, figures=figures, labels=labels, log=log)
    return app

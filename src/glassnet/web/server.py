"""The server, put together: the guard, the rooms with their endpoints, the page."""

from __future__ import annotations

import os

from anyio import CapacityLimiter
from fastapi import FastAPI

from glassnet._version import __version__
from glassnet.web import error_analysis, errors, explain, files, learn, model_info, observability, predict, think
from glassnet.web.app_state import AppState
from glassnet.web.security import AccessPolicy, SecurityMiddleware

#: Modules with an `APIRouter` named ``router``; a new one is added here. Their paths begin with ``/api/``.
ROUTED = (predict, explain, model_info, think, learn, error_analysis)


def create_app(
    workshop: AppState,
    *,
    host: str = "127.0.0.1",
    token: str | None = None,
    names: frozenset[str] = frozenset(),
    log: observability.Log = observability.no_log,
) -> FastAPI:
    """Return the app that serves a workshop.

    Parameters
    ----------
    workshop : AppState
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
    errors.install(app)
    for module in ROUTED:
        app.include_router(module.router)
    page = files.page_files()
    app.router.routes.extend(files.routes(page))
    figures = observability.Figures()
    app.include_router(observability.router)
    app.state.figures = figures
    door = AccessPolicy(host, token, names, frozenset(page) | {"/healthz"})
    app.add_middleware(predict.PredictFastPath)
    app.add_middleware(SecurityMiddleware, door=door, limits=workshop.limits)
    labels = dict.fromkeys(page, "page") | {predict.PREDICT: predict.PREDICT}
    app.add_middleware(observability.Recorder, figures=figures, labels=labels, log=log)
    return app

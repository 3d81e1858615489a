"""Build the app: middleware, endpoints, static files."""

from __future__ import annotations

from fastapi import FastAPI

from glassnet._version import __version__
from glassnet.web import error_analysis, errors, explain, files, learn, model_info, observability, predict, think
from glassnet.web.app_state import AppState
from glassnet.web.security import AccessPolicy, SecurityMiddleware
from glassnet.web.work import WorkBudget

#: Modules with an `APIRouter` named ``router`` whose paths begin with ``/api/``.
API_MODULES = (predict, explain, model_info, think, learn, error_analysis)


def create_app(
    state: AppState,
    *,
    host: str = "127.0.0.1",
    token: str | None = None,
    names: frozenset[str] = frozenset(),
    log: observability.Log = observability.no_log,
) -> FastAPI:
    """Return the app that serves a model.

    Parameters
    ----------
    state : AppState
        Model, rows and locks.
    host : str
        The address that the server will listen on; it determines the accepted Host headers.
    token : str, optional
        Required in every request.
    names : frozenset of str
        Additional host names of the server.
    log : callable
        Called with the log record of each request.

    Returns
    -------
    FastAPI
        The state is ``app.state.app_state``.
    """
    app = FastAPI(
        title="glassnet",
        version=__version__,
        description="A network that you can see through: its predictions, and everything inside it.",
        docs_url=None,  # these pages load scripts from other hosts
        redoc_url=None,
        openapi_url="/api/openapi.json",
        redirect_slashes=False,
    )
    metrics = observability.ServerMetrics()
    app.state.app_state = state
    app.state.singletons = {}
    app.state.metrics = metrics
    app.state.budget = WorkBudget(state.limits)
    errors.install(app)
    for module in API_MODULES:
        app.include_router(module.router)
    page = files.page_files()
    app.router.routes.extend(files.routes(page))
    app.include_router(observability.router)
    policy = AccessPolicy(host, token, names, frozenset(page) | {"/healthz"})
    app.add_middleware(predict.PredictFastPath)
    app.add_middleware(SecurityMiddleware, policy=policy, limits=state.limits)
    labels = dict.fromkeys(page, "page") | {predict.PREDICT: predict.PREDICT}
    app.add_middleware(observability.MetricsMiddleware, metrics=metrics, labels=labels, log=log)
    return app

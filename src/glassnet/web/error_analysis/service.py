"""Evaluations of one server's model, cached until the model is replaced; and the search for label errors."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import HTTPConnection

from glassnet.web.app_state import AppState, Examples, ModelSnapshot, app_singleton, file_name
from glassnet.web.error_analysis.evaluation import Evaluation, evaluate, evaluation_memory
from glassnet.web.error_analysis.search import LabelErrorSearch
from glassnet.web.errors import ApiError
from glassnet.web.training_memory import training_memory
from glassnet.web.work import acquire, keep_memory, require_memory

EXAMPLES, TRAINING = "examples", "training"


class AnalysisService:
    """Error analysis; there is one per server.

    Parameters
    ----------
    state : AppState
        State of the server.
    """

    def __init__(self, state: AppState) -> None:
        self.state = state
        self.search: LabelErrorSearch | None = None
        self._evaluations: dict[str, Evaluation] = {}
        self._lock = threading.Lock()

    def evaluation(self, dataset: str | None = None) -> Evaluation:
        """Return the evaluation on the examples or the training rows; by default on the first that has targets.

        Raises
        ------
        ApiError
            422 if there are no such rows, or they have no targets.
        """
        snapshot = self.state.snapshot()
        available = labelled_datasets(snapshot)
        if dataset is not None and dataset not in (EXAMPLES, TRAINING):
            expected = f"{EXAMPLES} or {TRAINING}"
            message = f"rows is {dataset!r}; it must be {expected}"
            raise ApiError(422, "invalid_input", message, value=dataset, expected=expected)
        if not available:
            raise no_targets_error(snapshot)
        chosen = dataset or next(iter(available))
        if chosen not in available:
            expected = " or ".join(available)
            message = f"rows is {chosen!r}, which has no rows with known targets; available: {expected}"
            raise ApiError(422, "invalid_input", message, value=chosen, expected=expected)
        with acquire(self._lock):  # concurrent requests share one evaluation
            found = self._evaluations.get(chosen)
            if found is None or found.version != snapshot.version:
                self._evaluations = {
                    name: kept for name, kept in self._evaluations.items() if kept.version == snapshot.version
                }
                found = evaluate(snapshot.version, chosen, snapshot.model, available[chosen])
                self._evaluations[chosen] = found
            return found

    def start_search(self, evaluation: Evaluation, folds: int) -> LabelErrorSearch:
        """Start a search for label errors.

        Raises
        ------
        ApiError
            409 if a training or a search is running, 403 if the server is read-only.
        """
        with ExitStack() as stack:
            stack.enter_context(self.state.training_lock())
            require_memory(search_memory(evaluation))
            stack.callback(keep_memory().release)
            search = LabelErrorSearch(evaluation, folds, stack.pop_all(), self.state.closing)
        self.search = search
        search.start()
        return search


def search_memory(evaluation: Evaluation) -> int:
    """Estimate the bytes of a search: a training, and the outputs for all rows."""
    model = evaluation.model
    return training_memory(model.structure, model.settings, len(evaluation)) + evaluation_memory(model, len(evaluation))


def labelled_datasets(snapshot: ModelSnapshot) -> dict[str, Examples]:
    """Return the rows with targets by name; identical rows only once."""
    found = {}
    if snapshot.examples is not None and snapshot.examples.y is not None and len(snapshot.examples):
        found[EXAMPLES] = snapshot.examples
    rows = snapshot.training
    if rows is not None and rows is not snapshot.examples and rows.y is not None and len(rows):
        found[TRAINING] = rows
    return found


def missing_data(snapshot: ModelSnapshot) -> str | None:
    """Return what an evaluation lacks: ``"data"``, ``"target"``, or None."""
    if labelled_datasets(snapshot):
        return None
    return "data" if snapshot.examples is None and snapshot.training is None else "target"


def no_targets_error(snapshot: ModelSnapshot) -> ApiError:
    """Return the error for rows without targets."""
    target = snapshot.model.target_name
    missing = missing_data(snapshot)
    message = f"the rows have no column {target!r}; give a file that has it, with --data FILE"
    if missing == "data":
        message = "there are no rows to evaluate the model on; start the server with --data FILE"
    return ApiError(422, "no_targets", message, target=target, missing=missing)


def training_overlap(snapshot: ModelSnapshot, dataset: str) -> str:
    """Return whether the model was trained on the rows.

    ``"none"``, ``"full"``, ``"likely"`` (it was trained on a file of the same name), or ``"unknown"``.
    """
    rows = labelled_datasets(snapshot)[dataset]
    if rows.held_out:
        return "none"
    source = rows.table.source
    trained_on = str(snapshot.model.metadata.get("source") or "")
    if not trained_on:
        return "unknown"
    if source == trained_on:
        return "full"
    return "likely" if file_name(source) == file_name(trained_on) else "unknown"


def datasets(snapshot: ModelSnapshot) -> list[dict[str, Any]]:
    """Return the rows that the model can be evaluated on."""
    return [
        {
            "name": name,
            "rows": len(rows),
            "source": file_name(rows.table.source),
            "training_overlap": training_overlap(snapshot, name),
        }
        for name, rows in labelled_datasets(snapshot).items()
    ]


def get_analysis_service(connection: HTTPConnection) -> AnalysisService:
    """Return the analysis service of the server."""
    return app_singleton(connection, AnalysisService)


#: Dependency of an endpoint: ``def endpoint(service: AnalysisServiceDep)``.
AnalysisServiceDep = Annotated[AnalysisService, Depends(get_analysis_service)]

"""Endpoints ``/api/evaluate`` and below."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from glassnet._utils.arrays import Array
from glassnet.web.app_state import AppState
from glassnet.web.error_analysis.evaluation import Evaluation, summarize
from glassnet.web.error_analysis.groups import cached_weak_slices, groups_of, metrics_by_group
from glassnet.web.error_analysis.listing import list_rows, row_values
from glassnet.web.error_analysis.search import LabelErrorSearch, list_suspects, suspects_csv
from glassnet.web.error_analysis.service import AnalysisService, AnalysisServiceDep, datasets, missing_data
from glassnet.web.errors import ApiError
from glassnet.web.request_rows import read_json
from glassnet.web.responses import to_json
from glassnet.web.work import run_work

router = APIRouter(prefix="/api/evaluate", tags=["wrong"])

#: Rows per response.
MAX_ROWS = 100
#: Default and largest number of folds of a search for label errors.
FOLDS = 5
MAX_FOLDS = 20

Rows = Annotated[str | None, Query(description="examples or training; default: the first that has targets.")]
First = Annotated[int, Query(ge=0)]
Count = Annotated[int, Query(ge=1, le=MAX_ROWS)]


@dataclass(frozen=True)
class RowFilter:
    """Selection and order of rows: see `get_row_filter`."""

    actual: int | None
    predicted: int | None
    column: str | None
    group: int | None
    wrong: bool
    order: str

    def apply(self, evaluation: Evaluation) -> Array:
        """Return the indices of the selected rows in the requested order."""
        chosen = np.ones(len(evaluation), bool)
        if self.actual is not None:
            _check_class(evaluation, "actual", self.actual)
            chosen &= evaluation.actual == self.actual
        if self.predicted is not None:
            _check_class(evaluation, "predicted", self.predicted)
            chosen &= evaluation.predicted == self.predicted
        if self.column is not None or self.group is not None:
            in_group = np.zeros(len(evaluation), bool)
            in_group[_group_rows(evaluation, self.column, self.group)] = True
            chosen &= in_group
        if self.wrong:
            chosen &= evaluation.wrong
        if self.order not in ("confidence", "loss"):
            expected = "confidence or loss"
            message = f"order is {self.order!r}; it must be {expected}"
            raise ApiError(422, "invalid_input", message, value=self.order, expected=expected)
        found = np.flatnonzero(chosen)
        key = np.abs(evaluation.residuals)
        if evaluation.is_classification:
            key = evaluation.confidence if self.order == "confidence" else evaluation.loss
        return found[np.argsort(-key[found], kind="stable")]


def get_row_filter(
    actual: Annotated[int | None, Query(ge=0, description="Index of the true class.")] = None,
    predicted: Annotated[int | None, Query(ge=0, description="Index of the predicted class.")] = None,
    column: Annotated[str | None, Query(description="With group: the rows of one group of the column.")] = None,
    group: Annotated[int | None, Query(ge=0)] = None,
    wrong: Annotated[bool, Query(description="Only misclassified rows.")] = False,
    order: Annotated[str, Query(description="confidence or loss, descending; of values the absolute error.")] = "loss",
) -> RowFilter:
    """Return the filter of a request."""
    return RowFilter(actual, predicted, column, group, wrong, order)


@router.get("")
async def evaluate(request: Request, service: AnalysisServiceDep, rows: Rows = None) -> Response:
    """Return metrics, confusion matrix and calibration, or residuals; or which data are missing."""

    def work() -> dict[str, Any]:
        snapshot = service.state.snapshot()
        content: dict[str, Any] = {
            "version": snapshot.version,
            "task": snapshot.model.task,
            "target": snapshot.model.target_name,
            "missing": missing_data(snapshot),
            "datasets": datasets(snapshot),
        }
        if content["missing"] is not None:
            return content
        evaluation = service.evaluation(rows)
        model = evaluation.model
        content |= {"version": evaluation.version, "dataset": evaluation.dataset, "rows": len(evaluation)}
        content |= {"classes": list(model.classes), "loss_name": model.settings.resolve_loss().name}
        return content | summarize(evaluation) | {"columns": _columns(evaluation)}

    return await _respond(request, service, work)


@router.get("/rows")
async def rows_of(
    request: Request,
    service: AnalysisServiceDep,
    row_filter: Annotated[RowFilter, Depends(get_row_filter)],
    rows: Rows = None,
    first: First = 0,
    count: Count = 24,
) -> Response:
    """Return a page of rows: of a cell of the confusion matrix, of a group, or all."""

    def work() -> dict[str, Any]:
        evaluation = service.evaluation(rows)
        found = row_filter.apply(evaluation)
        head = {"version": evaluation.version, "total": len(found), "first": first}
        return head | list_rows(evaluation, found[first : first + count])

    return await _respond(request, service, work)


@router.get("/row")
async def row_of(
    request: Request,
    service: AnalysisServiceDep,
    row: Annotated[int, Query(ge=0, description="From 0.")],
    rows: Rows = None,
) -> Response:
    """Return one row as the model takes it: ``values`` in the order of its columns, ``target``, and its location."""

    def work() -> dict[str, Any]:
        evaluation = service.evaluation(rows)
        if row >= len(evaluation):
            raise _invalid("row", row, f"the index of a row, 0 to {len(evaluation) - 1}")
        examples = evaluation.examples
        assert examples.y is not None
        (location,) = examples.locate(np.array([row]))
        return location | {"values": row_values(examples, row), "target": examples.y[row]}

    return await _respond(request, service, work)


@router.get("/groups")
async def groups(
    request: Request,
    service: AnalysisServiceDep,
    column: Annotated[str, Query(description="Any column of the rows.")],
    rows: Rows = None,
) -> Response:
    """Return the metrics of each group of a column."""

    def work() -> dict[str, Any]:
        evaluation = service.evaluation(rows)
        _check_column(evaluation, column)
        return {"version": evaluation.version, "column": column, "groups": metrics_by_group(evaluation, column)}

    return await _respond(request, service, work)


@router.get("/weak-slices")
async def weak_slices(request: Request, service: AnalysisServiceDep, rows: Rows = None) -> Response:
    """Search all columns for groups on which the model is significantly worse than overall."""

    def work() -> dict[str, Any]:
        evaluation = service.evaluation(rows)
        return {"version": evaluation.version} | cached_weak_slices(evaluation)

    return await _respond(request, service, work)


@router.post("/label-errors", status_code=202)
async def start_search(request: Request, service: AnalysisServiceDep) -> Response:
    """Start a search for label errors; ``{"rows": "training", "folds": 5}``, both optional.

    For each fold, a network with the model's settings is trained. 409 if a training or a search is running.
    """
    service.state.check_writable()
    body = await request.body()
    content = read_json(body) if body else {}
    folds = content.get("folds", FOLDS)
    dataset = content.get("rows")
    if isinstance(folds, bool) or not isinstance(folds, int) or not 2 <= folds <= MAX_FOLDS:
        raise _invalid("folds", folds, f"an integer from 2 to {MAX_FOLDS}")
    if dataset is not None and not isinstance(dataset, str):
        raise _invalid("rows", dataset, "examples or training")

    def work() -> dict[str, Any]:
        evaluation = service.evaluation(dataset)
        if len(evaluation) < folds:
            message = f"there are {len(evaluation)} rows, too few for {folds} folds"
            raise ApiError(422, "invalid_input", message, value=folds)
        return _describe_search(service, service.start_search(evaluation, folds))

    return await _respond(request, service, work, 202)


@router.get("/label-errors")
async def search_status(request: Request, service: AnalysisServiceDep, first: First = 0, count: Count = 24) -> Response:
    """Return the progress of the search for label errors and, once it has finished, a page of its results."""

    def work() -> dict[str, Any]:
        search = service.search
        if search is None:
            return {"state": "none"}
        content = _describe_search(service, search)
        return content if search.state != "finished" else content | list_suspects(search, first, count)

    return await _respond(request, service, work)


@router.post("/label-errors/stop")
async def stop_search(request: Request, service: AnalysisServiceDep) -> Response:
    """Stop the search."""
    service.state.check_writable()

    def work() -> dict[str, Any]:
        search = service.search
        if search is None:
            raise ApiError(404, "search_not_found", "there is no search to stop")
        search.stop()
        return _describe_search(service, search)

    return await _respond(request, service, work)


@router.get("/label-errors/csv")
async def search_csv(request: Request, service: AnalysisServiceDep) -> Response:
    """Return the suspected label errors as a CSV file; rows are numbered from 1, below the header of their file."""
    search = service.search
    if search is None or search.state != "finished":
        raise ApiError(404, "search_not_found", "no search for label errors has finished on this server")
    content = await run_work(request, lambda: suspects_csv(search), 400 * len(search.evaluation))
    headers = {"content-disposition": 'attachment; filename="label_errors.csv"'}
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


async def _respond(
    request: Request, service: AnalysisService, work: Callable[[], dict[str, Any]], status: int = 200
) -> Response:
    """Run the work on a thread and return its result as JSON."""
    content = await run_work(request, lambda: to_json(work()), response_memory(service.state))
    return Response(content, status, media_type="application/json")


def response_memory(state: AppState) -> int:
    """Estimate the bytes of a response: indices and metrics of all rows, names of all columns, values of a few rows."""
    snapshot = state.snapshot()
    rows = max(
        (len(examples) for examples in (snapshot.examples, snapshot.training) if examples is not None), default=0
    )
    columns = len(snapshot.model.feature_names) + len(snapshot.model.classes)
    return 100 * rows + 200 * MAX_ROWS * columns


def _describe_search(service: AnalysisService, search: LabelErrorSearch) -> dict[str, Any]:
    evaluation = search.evaluation
    content = {
        "dataset": evaluation.dataset,
        "version": evaluation.version,
        "classes": list(evaluation.model.classes),
        "current": evaluation.version == service.state.version,
    }
    return content | search.progress()


def _columns(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return the columns to group by: first those that the model does not use, then the target, then its features."""
    features = set(evaluation.model.feature_names)
    target = evaluation.model.target_name
    kinds: dict[str, list[str]] = {"other": [], "target": [], "feature": []}
    for name in evaluation.examples.table.names:
        kind = "feature" if name in features else "other"
        kinds["target" if name == target else kind].append(name)
    return [{"name": name, "kind": kind} for kind, names in kinds.items() for name in names]


def _check_class(evaluation: Evaluation, name: str, number: int) -> None:
    classes = len(evaluation.model.classes)
    if number >= classes:
        raise _invalid(
            name,
            number,
            f"the index of a class, 0 to {classes - 1}" if classes else "omitted: the model predicts values",
        )


def _check_column(evaluation: Evaluation, column: str) -> None:
    if column not in evaluation.examples.table.names:
        message = f"there is no column {column!r:.80} in these rows"
        raise ApiError(422, "invalid_input", message, column=column, expected="a column's name")


def _group_rows(evaluation: Evaluation, column: str | None, group: int | None) -> Array:
    """Return the row indices of a group."""
    if column is None or group is None:
        message = "column and group are used together; give both or neither"
        raise ApiError(422, "invalid_input", message, expected="column and group")
    _check_column(evaluation, column)
    found = groups_of(evaluation.examples.table, column)
    if group >= len(found):
        raise _invalid("group", group, f"the index of a group, 0 to {len(found) - 1}", column=column)
    return found[group].rows


def _invalid(name: str, value: Any, expected: str, **details: Any) -> ApiError:
    message = f"{name} is {value!r:.80}; it must be {expected}"
    return ApiError(422, "invalid_input", message, value=value, expected=expected, **details)

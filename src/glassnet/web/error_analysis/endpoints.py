"""What the page asks for: ``/api/judge`` and below."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from glassnet._utils.arrays import Array
from glassnet.web.error_analysis.evaluation import Verdict, overview
from glassnet.web.error_analysis.groups import by_column, groups_of, weakest
from glassnet.web.error_analysis.listing import listed, values_of
from glassnet.web.error_analysis.search import Search, suspects_csv, suspects_listed
from glassnet.web.error_analysis.service import Judge, TheJudge, choices, missing
from glassnet.web.errors import ApiError
from glassnet.web.request_rows import read_json
from glassnet.web.responses import as_json
from glassnet.web.threads import apart

router = APIRouter(prefix="/api/judge", tags=["wrong"])

#: Rows told at once.
MAX_ROWS = 100
#: Folds of a search.
FOLDS, MAX_FOLDS = 5, 20

Rows = Annotated[
    str | None, Query(description="examples or training; the first of them that can be judged if not given.")
]
First = Annotated[int, Query(ge=0)]
Count = Annotated[int, Query(ge=1, le=MAX_ROWS)]


@router.get("")
async def judged(request: Request, judge: TheJudge, rows: Rows = None) -> Response:
    """Tell how good the model is: figures, confusions and calibration, or residuals; or what is missing to say so."""

    def work() -> dict[str, Any]:
        state = judge.workshop.state()
        told: dict[str, Any] = {
            "version": state.version,
            "task": state.model.task,
            "target": state.model.target_name,
            "missing": missing(state),
            "choices": choices(state),
        }
        if told["missing"] is not None:
            return told
        verdict = judge.verdict(rows)
        told |= {"version": verdict.version, "which": verdict.which, "rows": len(verdict)}
        told |= {"classes": list(verdict.model.classes), "loss_name": verdict.model.settings.resolve_loss().name}
        return told | overview(verdict) | {"columns": _columns(verdict)}

    return await _told(request, judge, work)


@router.get("/rows")
async def rows_of(
    request: Request,
    judge: TheJudge,
    rows: Rows = None,
    truth: Annotated[int | None, Query(ge=0, description="The number of the true class.")] = None,
    predicted: Annotated[int | None, Query(ge=0, description="The number of the predicted class.")] = None,
    column: Annotated[str | None, Query(description="With group: the rows of one of the column's groups.")] = None,
    group: Annotated[int | None, Query(ge=0)] = None,
    wrong: Annotated[bool, Query(description="Only the rows that are wrong.")] = False,
    order: Annotated[str, Query(description="sure, the surest prediction first; or loss, the highest first.")] = "loss",
    first: First = 0,
    count: Count = 24,
) -> Response:
    """Tell rows, one part after another: those of a cell of the confusion matrix, of a group, or all."""

    def work() -> dict[str, Any]:
        verdict = judge.verdict(rows)
        chosen = np.ones(len(verdict), bool)
        for name, number, values in (("truth", truth, verdict.truth), ("predicted", predicted, verdict.predicted)):
            if number is not None:
                _check_class(verdict, name, number)
                chosen &= values == number
        if column is not None or group is not None:
            inside = np.zeros(len(verdict), bool)
            inside[_group(verdict, column, group)] = True
            chosen &= inside
        if wrong:
            chosen &= verdict.wrong
        if order not in ("sure", "loss"):
            raise ApiError(
                422, "input", f"order is {order!r}; it must be sure or loss", value=order, expected="sure or loss"
            )
        found = np.flatnonzero(chosen)
        by = {"sure": verdict.sure, "loss": verdict.loss}[order] if verdict.of_classes else np.abs(verdict.off)
        found = found[np.argsort(-by[found], kind="stable")]
        shown = found[first : first + count]
        return {"version": verdict.version, "total": len(found), "first": first} | listed(verdict, shown)

    return await _told(request, judge, work)


@router.get("/row")
async def row_of(
    request: Request, judge: TheJudge, row: Annotated[int, Query(ge=0, description="From 0.")], rows: Rows = None
) -> Response:
    """Tell one row as the model takes it: ``values`` in the order of its columns, ``target``, and where it stands."""

    def work() -> dict[str, Any]:
        verdict = judge.verdict(rows)
        if row >= len(verdict):
            expected = f"a row's number, 0 to {len(verdict) - 1}"
            raise ApiError(422, "input", f"row is {row}; it must be {expected}", value=row, expected=expected)
        examples = verdict.examples
        assert examples.y is not None
        (told,) = examples.places(np.array([row]))
        return told | {"values": values_of(examples, row), "target": examples.y[row]}

    return await _told(request, judge, work)


@router.get("/groups")
async def groups(
    request: Request,
    judge: TheJudge,
    column: Annotated[str, Query(description="Any column of the rows.")],
    rows: Rows = None,
) -> Response:
    """Tell how good the model is for each group of rows that a column makes."""

    def work() -> dict[str, Any]:
        verdict = judge.verdict(rows)
        _check_column(verdict, column)
        return {"version": verdict.version, "column": column, "groups": by_column(verdict, column)}

    return await _told(request, judge, work)


@router.get("/weakest")
async def weakest_groups(request: Request, judge: TheJudge, rows: Rows = None) -> Response:
    """Look through all columns for groups of rows where the model is surely worse than over all."""

    def work() -> dict[str, Any]:
        verdict = judge.verdict(rows)
        return {"version": verdict.version} | weakest(verdict)

    return await _told(request, judge, work)


@router.post("/labels", status_code=202)
async def search(request: Request, judge: TheJudge) -> Response:
    """Begin a search for mislabelled rows; ``{"rows": "training", "folds": 5}``, both may be left out.

    A network like the model's is trained for each fold, one after another. 409 if a training or a search is running.
    """
    judge.workshop.check_writable()
    body = await request.body()
    content = read_json(body) if body else {}
    folds = content.get("folds", FOLDS)
    which = content.get("rows")
    if isinstance(folds, bool) or not isinstance(folds, int) or not 2 <= folds <= MAX_FOLDS:
        expected = f"a whole number from 2 to {MAX_FOLDS}"
        raise ApiError(422, "input", f"folds is {folds!r:.80}; it must be {expected}", value=folds, expected=expected)
    if which is not None and not isinstance(which, str):
        raise ApiError(422, "input", "rows must be examples or training", value=which, expected="examples or training")

    def work() -> dict[str, Any]:
        verdict = judge.verdict(which)
        if len(verdict) < folds:
            raise ApiError(422, "input", f"there are {len(verdict)} rows, too few for {folds} folds", value=folds)
        return _search(judge, judge.begin(verdict, folds))

    return await _told(request, judge, work, 202)


@router.get("/labels")
async def suspects(request: Request, judge: TheJudge, first: First = 0, count: Count = 24) -> Response:
    """Tell how the search for mislabelled rows stands, and when it is over what it found, one part after another."""

    def work() -> dict[str, Any]:
        found = judge.search
        if found is None:
            return {"state": "none"}
        told = _search(judge, found)
        return told if found.state != "over" else told | suspects_listed(found, first, count)

    return await _told(request, judge, work)


@router.post("/labels/end")
async def end(request: Request, judge: TheJudge) -> Response:
    """End the search."""
    judge.workshop.check_writable()

    def work() -> dict[str, Any]:
        found = judge.search
        if found is None:
            raise ApiError(404, "no_search", "there is no search to end")
        found.end()
        return _search(judge, found)

    return await _told(request, judge, work)


@router.get("/labels/csv")
async def suspects_file(request: Request, judge: TheJudge) -> Response:
    """Return the rows that look mislabelled as a CSV file; rows count from 1 below the header of their file."""
    found = judge.search
    if found is None or found.state != "over":
        raise ApiError(404, "no_search", "no search for mislabelled rows has come to its end here")
    content = await apart(request, lambda: suspects_csv(found), judge.workshop.limits.seconds)
    headers = {"content-disposition": 'attachment; filename="mislabelled.csv"'}
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


async def _told(request: Request, judge: Judge, work: Callable[[], dict[str, Any]], status: int = 200) -> Response:
    """Let a thread do the work, and return the answer."""
    content = await apart(request, lambda: as_json(work()), judge.workshop.limits.seconds)
    return Response(content, status, media_type="application/json")


def _search(judge: Judge, search: Search) -> dict[str, Any]:
    verdict = search.verdict
    told = {"which": verdict.which, "version": verdict.version, "classes": list(verdict.model.classes)}
    return told | {"current": verdict.version == judge.workshop.version} | search.progress()


def _columns(verdict: Verdict) -> list[dict[str, Any]]:
    """Return the columns that rows can be parted by: those that the model does not use first, then the target."""
    used, target = set(verdict.model.feature_names), verdict.model.target_name
    names = verdict.examples.table.names
    kinds = {name: "target" if name == target else "used" if name in used else "other" for name in names}
    order = ("other", "target", "used")
    return [
        {"name": name, "kind": kind} for name, kind in sorted(kinds.items(), key=lambda entry: order.index(entry[1]))
    ]


def _check_class(verdict: Verdict, name: str, number: int) -> None:
    classes = len(verdict.model.classes)
    if number >= classes:
        expected = f"a class's number, 0 to {classes - 1}" if classes else "nothing: the model predicts values"
        raise ApiError(422, "input", f"{name} is {number}; it must be {expected}", value=number, expected=expected)


def _check_column(verdict: Verdict, column: str) -> None:
    if column not in verdict.examples.table.names:
        told = f"there is no column {column!r:.80} in these rows"
        raise ApiError(422, "input", told, column=column, expected="a column's name")


def _group(verdict: Verdict, column: str | None, group: int | None) -> Array:
    """Return the rows of a group."""
    if column is None or group is None:
        raise ApiError(422, "input", "column and group go together; give both or neither", expected="column and group")
    _check_column(verdict, column)
    found = groups_of(verdict.examples.table, column)
    if group >= len(found):
        expected = f"a group's number, 0 to {len(found) - 1}"
        raise ApiError(
            422, "input", f"group is {group}; it must be {expected}", column=column, value=group, expected=expected
        )
    return found[group].rows

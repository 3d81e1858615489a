"""The judge of one server: which rows may be judged, the verdict on them, kept until the model changes, the search."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import HTTPConnection

from glassnet.web.app_state import AppState, Examples, TrainingState, last_part, made_once
from glassnet.web.error_analysis.evaluation import Verdict, judge
from glassnet.web.error_analysis.search import Search
from glassnet.web.errors import ApiError

EXAMPLES, TRAINING = "examples", "training"


class Judge:
    """One for each server.

    Parameters
    ----------
    workshop : AppState
        Of the server.
    """

    def __init__(self, workshop: AppState) -> None:
        self.workshop = workshop
        self.search: Search | None = None
        self._verdicts: dict[str, Verdict] = {}
        self._lock = threading.Lock()

    def verdict(self, which: str | None = None) -> Verdict:
        """Return the verdict on the examples or the training rows; the first that can be judged if not named.

        Raises
        ------
        ApiError
            422 if there are no such rows, or their truth is not known.
        """
        state = self.workshop.state()
        known = judgeable(state)
        if which is not None and which not in (EXAMPLES, TRAINING):
            told = f"rows is {which!r}; it must be {EXAMPLES} or {TRAINING}"
            raise ApiError(422, "input", told, value=which, expected=f"{EXAMPLES} or {TRAINING}")
        if not known:
            raise missing_truth(state)
        chosen = which or next(iter(known))
        if chosen not in known:
            there = " or ".join(known)
            told = f"rows is {chosen!r}, and there are none whose truth is known; there are {there}"
            raise ApiError(422, "input", told, value=chosen, expected=there)
        with self._lock:  # two pages that ask at once wait for one answer
            found = self._verdicts.get(chosen)
            if found is None or found.version != state.version:
                self._verdicts = {
                    name: verdict for name, verdict in self._verdicts.items() if verdict.version == state.version
                }
                found = judge(state.version, chosen, state.model, known[chosen])
                self._verdicts[chosen] = found
            return found

    def begin(self, verdict: Verdict, folds: int) -> Search:
        """Begin a search for mislabelled rows.

        Raises
        ------
        ApiError
            409 if a training or a search is running, 403 if nothing may be changed.
        """
        with ExitStack() as stack:
            stack.enter_context(self.workshop.only_training())
            search = Search(verdict, folds, stack.pop_all(), self.workshop.closing)
        self.search = search
        search.start()
        return search


def judgeable(state: TrainingState) -> dict[str, Examples]:
    """Return the rows that can be judged, by their names: those with targets; the same rows only once."""
    found = {}
    if state.examples is not None and state.examples.y is not None and len(state.examples):
        found[EXAMPLES] = state.examples
    rows = state.training
    if rows is not None and rows is not state.examples and rows.y is not None and len(rows):
        found[TRAINING] = rows
    return found


def missing(state: TrainingState) -> str | None:
    """Return what is missing, so that nothing can be judged: ``"data"``, ``"target"``, or None."""
    if judgeable(state):
        return None
    return "data" if state.examples is None and state.training is None else "target"


def missing_truth(state: TrainingState) -> ApiError:
    """Return the error that tells what is missing."""
    if missing(state) == "data":
        told = "there are no rows to judge the model on; start the server with --data FILE"
    else:
        told = f"the rows have no column {state.model.target_name!r}; give a file that has it, with --data FILE"
    return ApiError(422, "no_truth", told, target=state.model.target_name, missing=missing(state))


def familiarity(state: TrainingState, which: str) -> str:
    """Return whether the model has seen rows.

    That is ``"unseen"``, ``"seen"``, ``"likely"`` (it was trained on a file of this name), or ``"unknown"``.
    """
    rows = judgeable(state)[which]
    if rows.unseen:
        return "unseen"
    source, trained_on = rows.table.source, str(state.model.metadata.get("source") or "")
    if not trained_on:
        return "unknown"
    if source == trained_on:
        return "seen"
    return "likely" if last_part(source) == last_part(trained_on) else "unknown"


def choices(state: TrainingState) -> list[dict[str, Any]]:
    """Return which rows there are to choose from."""
    return [
        {
            "which": which,
            "rows": len(rows),
            "source": last_part(rows.table.source),
            "seen": familiarity(state, which),
        }
        for which, rows in judgeable(state).items()
    ]


def judge_of(connection: HTTPConnection) -> Judge:
    """Return the judge of the server that a request came to."""
    return made_once(connection, Judge)


#: How an endpoint asks for it: ``def endpoint(judge: TheJudge)``.
TheJudge = Annotated[Judge, Depends(judge_of)]

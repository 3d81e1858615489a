"""A search for mislabelled rows, on a thread of its own, with its progress; it can be ended."""

from __future__ import annotations

import csv
import io
import threading
import time
from contextlib import ExitStack
from typing import Any

import numpy as np

from glassnet._utils.spreadsheet import spreadsheet_safe
from glassnet.errors import InputError
from glassnet.inspection.label_errors import LabelIssues, find_mislabelled
from glassnet.training import Callback, Run
from glassnet.web.error_analysis.evaluation import Verdict
from glassnet.web.error_analysis.listing import seen


class _EndedError(Exception):
    """It is to end now."""


class Search(Callback):
    """One search.

    Parameters
    ----------
    verdict : Verdict
        The rows, and the model whose like is trained.
    folds : int
        Networks that are trained.
    place : ExitStack
        Holds the one place for a training; closed at the end.
    closing : threading.Event
        Set when the server ends.
    """

    def __init__(self, verdict: Verdict, folds: int, place: ExitStack, closing: threading.Event) -> None:
        self.verdict, self.folds = verdict, folds
        #: "going", "over", "ended" or "failed"; and for the last, in words, why.
        self.state, self.fault = "going", ""
        self.found: LabelIssues | None = None
        self._place, self._closing, self._ended = place, closing, threading.Event()
        self._run: Run | None = None
        self._fold, self._epoch, self._began, self.seconds = 0, 0, time.monotonic(), 0.0
        self._thread = threading.Thread(target=self._work, name="glassnet-search", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self, seconds: float = 10.0) -> None:
        """End, and return when that is done, or so many seconds later."""
        self._ended.set()
        if (run := self._run) is not None:
            run.pause()
        self._thread.join(seconds)

    def progress(self) -> dict[str, Any]:
        """Tell how far it is."""
        epochs = self.verdict.model.settings.epochs
        done = self._fold - 1 + min(self._epoch / epochs, 1.0) if self._fold else 0.0
        return {
            "state": self.state,
            "fault": self.fault,
            "folds": self.folds,
            "fold": self._fold,
            "share": 1.0 if self.state == "over" else done / self.folds,
            "seconds": self.seconds if self.state != "going" else time.monotonic() - self._began,
        }

    # ------------------------------------------------------------------------------------------------ on the thread

    def _work(self) -> None:
        examples = self.verdict.examples
        try:
            self.found = find_mislabelled(self.verdict.model, examples.x, examples.y, cv=self.folds, callbacks=[self])
            self.state = "over"
        except _EndedError:
            self.state = "ended"
        except Exception as error:  # told on the page, as everything that ends a search is
            self.state, self.fault = "failed", str(error) if isinstance(error, InputError) else type(error).__name__
            if not isinstance(error, InputError):
                self.fault += f": {error}"
        finally:
            self.seconds = time.monotonic() - self._began
            self._run = None
            self._place.close()

    def on_train_begin(self, run: Run) -> None:
        """Count the folds."""
        self._fold, self._epoch, self._run = self._fold + 1, 0, run
        self._go_on()

    def on_epoch_end(self, run: Run) -> None:
        """Count the epochs."""
        self._epoch = len(run.history)
        self._go_on()

    def on_pause(self, run: Run) -> None:
        """See whether it is to end."""
        self._go_on()

    def _go_on(self) -> None:
        if self._ended.is_set() or self._closing.is_set():
            raise _EndedError


def suspects_listed(search: Search, first: int, count: int) -> dict[str, Any]:
    """Return what a search found, some of its rows, the most doubtful first."""
    found, verdict = search.found, search.verdict
    assert found is not None
    suspected = int(found.suspected.sum())
    rows = found.order[:suspected][first : first + count]
    shown = seen(verdict, rows)
    for entry, row in zip(shown["rows"], rows.tolist(), strict=True):
        entry |= {"given": _plain(found.given[row]), "suggested": _plain(found.suggested[row])}
        entry |= {"quality": _figure(found.quality, row), "loss": float(found.predictions.loss[row])}
        entry["suggested_sure"] = _suggested(search, row)
    alone = int(np.isnan(found.quality).sum()) if found.quality is not None else 0
    told = {"total": suspected, "first": first, "of": len(verdict), "alone": alone, "held_out": _agreement(search)}
    return told | shown


def _agreement(search: Search) -> dict[str, float]:
    """Return how good the networks were on what they had not seen, the given labels taken for the truth."""
    found, verdict = search.found, search.verdict
    assert found is not None
    answers = found.predictions.outputs
    if verdict.of_classes:
        return {"accuracy": float(np.mean(np.argmax(answers, axis=1) == found.given))}
    return {"rmse": float(np.sqrt(np.mean(np.square(verdict.truth - found.suggested))))}


def suspects_csv(search: Search) -> bytes:
    """Return the suspected rows as a CSV file, the most doubtful first.

    ``row`` counts from 1 below the header of the file that the rows came from, which ``file`` names where there are
    several. Text that a spreadsheet would run is marked as text.
    """
    found, verdict = search.found, search.verdict
    assert found is not None
    rows = found.order[: int(found.suspected.sum())]
    places = verdict.examples.places(rows)
    several = any(place["file"] for place in places)
    written = io.StringIO()
    out = csv.writer(written, lineterminator="\n")
    quality = ["probability_of_given", "probability_of_suggested"] if found.quality is not None else []
    out.writerow([*(["file"] if several else []), "row", "given", "suggested", *quality, "held_out_loss", "fold"])
    for row, place in zip(rows.tolist(), places, strict=True):
        line: list[Any] = [spreadsheet_safe(place["file"])] if several else []
        line += [place["number"], _safe(verdict, found.given[row]), _safe(verdict, found.suggested[row])]
        if found.quality is not None:
            line += [_digits(found.quality[row]), _digits(_suggested(search, row))]
        out.writerow([*line, _digits(found.predictions.loss[row]), int(found.predictions.fold[row]) + 1])
    return written.getvalue().encode()


def _suggested(search: Search, row: int) -> float | None:
    """Return the held-out probability of what is suggested, where there are probabilities."""
    found = search.found
    assert found is not None
    return None if found.quality is None else float(found.predictions.outputs[row, int(found.suggested[row])])


def _safe(verdict: Verdict, value: Any) -> Any:
    """Return a class's name, or a value, as it may stand in a file."""
    if not verdict.of_classes:
        return _digits(value)
    name = verdict.name(value)
    return spreadsheet_safe(name) if isinstance(name, str) else name


def _plain(value: Any) -> int | float:
    return int(value) if isinstance(value, np.integer) else float(value)


def _figure(values: Any, row: int) -> float | None:
    return None if values is None else float(values[row])


def _digits(value: Any) -> str:
    return f"{float(value):.6g}"

"""A search for label errors that runs on a thread, reports its progress and can be stopped."""

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
from glassnet.web.error_analysis.evaluation import Evaluation
from glassnet.web.error_analysis.listing import render_rows


class _StopSearchError(Exception):
    """Raised inside a training to stop the search."""


class LabelErrorSearch(Callback):
    """A search for label errors.

    Parameters
    ----------
    evaluation : Evaluation
        The rows, and the model whose settings are used for training.
    folds : int
        Number of folds; one network is trained for each.
    lock : ExitStack
        Holds the training lock; closed when the search ends.
    closing : threading.Event
        Set when the server shuts down.
    """

    def __init__(self, evaluation: Evaluation, folds: int, lock: ExitStack, closing: threading.Event) -> None:
        self.evaluation = evaluation
        self.folds = folds
        #: "running", "finished", "stopped" or "failed"; `error` is the reason of a failure.
        self.state = "running"
        self.error = ""
        self.result: LabelIssues | None = None
        self.seconds = 0.0
        self._lock = lock
        self._closing = closing
        self._stopping = threading.Event()
        self._run: Run | None = None
        self._fold = 0
        self._epoch = 0
        self._started = time.monotonic()
        self._thread = threading.Thread(target=self._work, name="glassnet-search", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, seconds: float = 10.0) -> None:
        """Stop the search; return when it has stopped, or after the given seconds."""
        self._stopping.set()
        if (run := self._run) is not None:
            run.pause()
        self._thread.join(seconds)

    def progress(self) -> dict[str, Any]:
        """Return state and progress."""
        epochs = self.evaluation.model.settings.epochs
        done = self._fold - 1 + min(self._epoch / epochs, 1.0) if self._fold else 0.0
        return {
            "state": self.state,
            "error": self.error,
            "folds": self.folds,
            "fold": self._fold,
            "progress": 1.0 if self.state == "finished" else done / self.folds,
            "seconds": self.seconds if self.state != "running" else time.monotonic() - self._started,
        }

    # ------------------------------------------------------------------------------------------------ on the thread

    def _work(self) -> None:
        examples = self.evaluation.examples
        try:
            self.result = find_mislabelled(
                self.evaluation.model, examples.x, examples.y, cv=self.folds, callbacks=[self]
            )
            self.state = "finished"
        except _StopSearchError:
            self.state = "stopped"
        except InputError as error:
            self.state = "failed"
            self.error = str(error)
        except Exception as error:  # shown on the page
            self.state = "failed"
            self.error = f"{type(error).__name__}: {error}"
        finally:
            self.seconds = time.monotonic() - self._started
            self._run = None
            self._lock.close()

    def on_train_begin(self, run: Run) -> None:
        """Count the folds."""
        self._fold += 1
        self._epoch = 0
        self._run = run
        self._check_stop()

    def on_epoch_end(self, run: Run) -> None:
        """Count the epochs."""
        self._epoch = len(run.history)
        self._check_stop()

    def on_pause(self, run: Run) -> None:
        """Stop if requested."""
        self._check_stop()

    def _check_stop(self) -> None:
        if self._stopping.is_set() or self._closing.is_set():
            raise _StopSearchError


def _finished(search: LabelErrorSearch) -> LabelIssues:
    assert search.result is not None, "the search has not finished"
    return search.result


def list_suspects(search: LabelErrorSearch, first: int, count: int) -> dict[str, Any]:
    """Return a page of the suspected rows, the least plausible labels first."""
    found = _finished(search)
    evaluation = search.evaluation
    total = int(found.suspected.sum())
    rows = found.order[:total][first : first + count]
    content = render_rows(evaluation, rows)
    for entry, row in zip(content["rows"], rows.tolist(), strict=True):
        entry |= {"given": _number(found.given[row]), "suggested": _number(found.suggested[row])}
        entry["quality"] = None if found.quality is None else float(found.quality[row])
        entry["loss"] = float(found.predictions.loss[row])
        entry["suggested_probability"] = _suggested_probability(found, row)
    n_unscored = int(np.isnan(found.quality).sum()) if found.quality is not None else 0
    head = {"total": total, "first": first, "n_rows": len(evaluation), "n_unscored": n_unscored}
    return head | {"held_out": _held_out_score(search)} | content


def _held_out_score(search: LabelErrorSearch) -> dict[str, float]:
    """Return the score of the networks on their held-out rows, against the given labels."""
    found = _finished(search)
    evaluation = search.evaluation
    if evaluation.is_classification:
        return {"accuracy": float(np.mean(np.argmax(found.predictions.outputs, axis=1) == found.given))}
    return {"rmse": float(np.sqrt(np.mean(np.square(evaluation.actual - found.suggested))))}


def suspects_csv(search: LabelErrorSearch) -> bytes:
    """Return the suspected rows as a CSV file, the least plausible labels first.

    ``row`` is the row's number, from 1, below the header of its file; ``file`` is given if there are several. Text that
    a spreadsheet would evaluate is escaped.
    """
    found = _finished(search)
    evaluation = search.evaluation
    rows = found.order[: int(found.suspected.sum())]
    locations = evaluation.examples.locate(rows)
    several = any(location["file"] for location in locations)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    quality = ["probability_of_given", "probability_of_suggested"] if found.quality is not None else []
    writer.writerow([*(["file"] if several else []), "row", "given", "suggested", *quality, "held_out_loss", "fold"])
    for row, location in zip(rows.tolist(), locations, strict=True):
        line: list[Any] = [spreadsheet_safe(location["file"])] if several else []
        line += [location["number"], _label(evaluation, found.given[row]), _label(evaluation, found.suggested[row])]
        if found.quality is not None:
            line += [_format(found.quality[row]), _format(_suggested_probability(found, row))]
        writer.writerow([*line, _format(found.predictions.loss[row]), int(found.predictions.fold[row]) + 1])
    return file.getvalue().encode()


def _suggested_probability(found: LabelIssues, row: int) -> float | None:
    """Return the held-out probability of the suggested class, if there are probabilities."""
    return None if found.quality is None else float(found.predictions.outputs[row, int(found.suggested[row])])


def _label(evaluation: Evaluation, value: Any) -> Any:
    """Return a class name, or a value, as a CSV cell."""
    if not evaluation.is_classification:
        return _format(value)
    name = evaluation.class_name(value)
    return spreadsheet_safe(name) if isinstance(name, str) else name


def _number(value: Any) -> int | float:
    return int(value) if isinstance(value, np.integer) else float(value)


def _format(value: Any) -> str:
    return f"{float(value):.6g}"

"""``glassnet train`` on files that do not fit into memory, and the list of rows that were left out."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from glassnet._utils.atomic_write import write_atomically
from glassnet.cli.checkpointing import before_the_training
from glassnet.cli.console import Screen
from glassnet.data import Files, choose_target
from glassnet.errors import InputError
from glassnet.models import Model
from glassnet.models.fitting import check_task
from glassnet.models.fitting_files import fit_stream, scan_test_files, task_of
from glassnet.streaming.memory_estimate import available_memory, estimate_memory, fits_in_memory
from glassnet.streaming.profile import ScanOptions
from glassnet.streaming.scan import scan_files
from glassnet.training import Callback, Settings


class Streamed(NamedTuple):
    """What came of a streamed training: the model, the rows left out and how many, whether a cache was not kept."""

    model: Model
    bad: list[Any]
    n_bad: int
    unwritten: bool


def is_streamed(screen: Screen, files: Files, asked: bool | None, group: str) -> bool:
    """Decide whether files are streamed: if it is asked for, if rows stay together, or if they would not fit."""
    if asked is not None or group:
        return bool(asked or group)
    if fits_in_memory(files.paths):
        return False
    needed = estimate_memory(files.paths) / 1e9
    screen.say(
        f"the rows would take about {needed:.1f} GB of the {(available_memory() or 0) / 1e9:.1f} GB of memory that are "
        "free, so they are streamed; --no-stream reads them into memory all the same"
    )
    return True


def train_streamed(
    screen: Screen,
    files: Files,
    *,
    target: str | None,
    task: str | None,
    loss: str | None,
    group: str,
    validation_fraction: float,
    cache: bool,
    on_bad_row: str,
    test: str | None,
    settings: Callable[[int, str], Settings],
    hidden: Sequence[int],
    activation: str | Sequence[str],
    callbacks: Iterable[Callback],
) -> Streamed:
    """Look through the files, say what they are, and train."""
    options = ScanOptions(choose_target(files, target), group, validation_fraction, on_bad_row)
    with before_the_training(screen):
        profile = scan_files(files, options, cache)
        held_out = None if test is None else scan_test_files(profile, test, cache)
    task = task or task_of(profile)
    if loss is not None:
        check_task(task, loss)
    training, validation = (len(side) for side in profile.splits)
    how = "" if target else " (by its name; --target takes another)"
    rows = f"{training:,} rows" + (f" and {validation:,} set aside" if validation else "")
    screen.say(f"{task}: predicting {options.target!r}{how} from {profile.n_features:,} columns of {rows}, streamed")
    if profile.cache is not None:
        screen.say(f"{profile.cache.path}: the rows in binary form, for later passes; it may be removed at any time")
    notes = [each.cache_error for each in (profile, held_out) if each is not None and each.cache_error]
    for note in notes:
        screen.warn(f"no cache is kept, so every epoch reads the files again: {note}")
    model = fit_stream(
        profile,
        hidden=hidden,
        activation=activation,
        task=task,
        settings=settings(training, task),
        test=held_out,
        callbacks=callbacks,
    )
    bad = [*profile.bad_rows, *(held_out.bad_rows if held_out is not None else [])]
    count = profile.n_bad_rows + (held_out.n_bad_rows if held_out is not None else 0)
    return Streamed(model, bad, count, bool(notes))


def list_bad_rows(screen: Screen, bad: Sequence[Sequence[Any]], count: int, out: str | None) -> dict[str, Any]:
    """Write down which rows were left out, say so, and return what a JSON object tells of it."""
    if not count:
        return {}
    path = Path(out).with_suffix(".bad_rows.csv") if out is not None else Path("glassnet.bad_rows.csv")
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["file", "row", "reason"])
    writer.writerows(bad)
    rows = f"{count:,} row{'s' if count > 1 else ''} could not be used and {'are' if count > 1 else 'is'} left out"
    try:
        write_atomically(path, text.getvalue().encode("utf-8", "replace"))
    except InputError as error:  # after a long training it is no reason to lose the model
        screen.warn(f"{rows}; the list was not kept: {error}")
        return {"bad_rows": count, "bad_rows_file": None}
    only = f", the first {len(bad):,} of them" if len(bad) < count else ""
    screen.say(f"{rows}; {path} lists {'them' if count > 1 else 'it'}{only}")
    return {"bad_rows": count, "bad_rows_file": str(path)}

"""The same run as code: Python, and a line for the shell, that come to the same parameters, to the last bit."""

from __future__ import annotations

import json
import shlex
from dataclasses import fields
from typing import Any

from glassnet.datasets import DIGITS, GENERATORS
from glassnet.training import Settings
from glassnet.web.learn.plan import Plan
from glassnet.web.learn.rows import RowsToLearn

#: Settings that have an option of their own, by its name.
_OPTIONS = {
    "loss": "--loss",
    "optimizer": "--optimizer",
    "learning_rate": "--learning-rate",
    "schedule": "--schedule",
    "batch_size": "--batch-size",
    "epochs": "--epochs",
    "l2": "--l2",
    "weight_decay": "--weight-decay",
    "patience": "--patience",
    "random_state": "--seed",
    "engine": "--engine",
}
#: Those of them that the command line would choose itself: they are always said.
_ALWAYS = ("loss", "optimizer", "learning_rate", "schedule", "batch_size", "epochs", "weight_decay")
_LINE = 100


def python(plan: Plan, rows: RowsToLearn) -> str:
    """Return a Python program that ends with ``model``, the same that the page's run comes to."""
    settings = [f"{name}={value!r}" for name, value in _changed(plan.settings).items()]
    arguments = [
        "x",
        "y",
        f"hidden={plan.hidden!r}",
        f"activation={plan.activations!r}",
        f"task={rows.task!r}",
        "settings=settings",
        f"validation_fraction={plan.validation_fraction!r}",
        "feature_names=columns",
        f"target_name={rows.target!r}",
    ]
    return "\n".join(
        [
            *_python_rows(rows),
            _wrapped("settings = glassnet.Settings(", settings),
            _wrapped("model = glassnet.fit(", arguments),
            "print(model.history[-1])",
            f"glassnet.save(model, {_stem(rows) + '.glassnet'!r})",
            "",
        ]
    )


def command(plan: Plan, rows: RowsToLearn) -> str:
    """Return a line for the shell; the plane's points must lie in the file that it names."""
    settings = plan.settings.as_json()
    words = ["glassnet", "train"]
    if rows.kind != DIGITS:
        words += [_file(rows), "--target", rows.target, "--task", rows.task]
    words += ["--hidden", ",".join(map(str, plan.hidden))]
    if plan.activations:
        words += ["--activation", ",".join(plan.activations)]
    words += ["--validation-fraction", repr(plan.validation_fraction)]
    changed = _changed(plan.settings)
    for name, option in _OPTIONS.items():
        skipped = plan.settings.full_batch and name in ("learning_rate", "schedule", "weight_decay")
        if not skipped and (name in changed or name in _ALWAYS) and settings[name] is not None:
            words += [option, str(settings[name])]
    for name, value in changed.items():
        if name not in _OPTIONS:
            words += ["--set", f"{name}={json.dumps(value)}"]
    words += ["--out", _stem(rows) + ".glassnet"]
    return shlex.join(words)


def csv(rows: RowsToLearn) -> bytes:
    """Return the rows as a CSV file, every number with all of its digits."""
    import io

    import pyarrow.csv

    written = io.BytesIO()
    pyarrow.csv.write_csv(rows.table.columns, written)
    return written.getvalue()


def _python_rows(rows: RowsToLearn) -> list[str]:
    """Return the lines that fetch x, y and columns."""
    if rows.is_plane:
        make, drawn = GENERATORS[rows.kind].__name__, rows.drawn
        return [
            "import glassnet",
            f"from glassnet.datasets import {make}",
            "",
            f"x, y = {make}({drawn['rows']!r}, noise={drawn['noise']!r}, random_state={drawn['seed']!r})",
            f"columns = {rows.names!r}",
        ]
    if rows.kind == DIGITS:
        imports = ["from glassnet.data import features, target_values", "from glassnet.datasets import load_digits"]
        read = "table, test = load_digits()"
    else:
        imports = ["from glassnet.data import features, read_table, target_values"]
        read = f"table = read_table({_file(rows)!r})"
    return [
        "import glassnet",
        *imports,
        "",
        read,
        f"columns = [name for name in table.names if name != {rows.target!r}]",
        f"x, y = features(table, columns), target_values(table, {rows.target!r})",
    ]


def _changed(settings: Settings) -> dict[str, Any]:
    """Return the settings that are not the library's own."""
    plain, default = settings.as_json(), Settings().as_json()
    return {f.name: plain[f.name] for f in fields(Settings) if plain[f.name] != default[f.name]}


def _wrapped(start: str, arguments: list[str]) -> str:
    """Return a call on one line, or with a line for each few arguments where that is too long."""
    line = start + ", ".join(arguments) + ")"
    return line if len(line) <= _LINE else start + "\n    " + ",\n    ".join(arguments) + ",\n)"


def _stem(rows: RowsToLearn) -> str:
    return rows.kind if rows.is_plane or rows.kind == DIGITS else _file(rows).split(".")[0] or "model"


def _file(rows: RowsToLearn) -> str:
    """Return the name of the file; where it lies is nobody's business."""
    return f"{rows.kind}.csv" if rows.is_plane else rows.table.source.replace("\\", "/").rpartition("/")[2]


def source(rows: RowsToLearn) -> str:
    """Return what the rows are called: the plane's kind, the digits, or the file's name without its folders."""
    return _stem(rows) if rows.is_plane or rows.kind == DIGITS else _file(rows)

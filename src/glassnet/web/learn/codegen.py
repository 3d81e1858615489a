"""Generate code for a plan: a Python program and a shell command that train the same parameters, bit for bit."""

from __future__ import annotations

import json
import shlex
from dataclasses import fields
from typing import Any

from glassnet.datasets import DIGITS, GENERATORS
from glassnet.training import Settings
from glassnet.web.app_state import file_name
from glassnet.web.learn.plan import TrainingPlan
from glassnet.web.learn.training_rows import TrainingRows

#: Command-line options of settings; all others are given with --set.
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
#: Settings whose default the command line chooses by the data: always given.
_ALWAYS = ("loss", "optimizer", "learning_rate", "schedule", "batch_size", "epochs", "weight_decay")
_LINE = 100


def python(plan: TrainingPlan, rows: TrainingRows) -> str:
    """Return a Python program that trains the same ``model`` as the page."""
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
            *_load_rows_code(rows),
            _wrapped("settings = glassnet.Settings(", settings),
            _wrapped("model = glassnet.fit(", arguments),
            "print(model.history[-1])",
            f"glassnet.save(model, {_stem(rows) + '.glassnet'!r})",
            "",
        ]
    )


def command(plan: TrainingPlan, rows: TrainingRows) -> str:
    """Return a shell command; generated points must be saved to the file that it names."""
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


def csv(rows: TrainingRows) -> bytes:
    """Return the rows as a CSV file with full precision."""
    import io

    import pyarrow.csv

    file = io.BytesIO()
    pyarrow.csv.write_csv(rows.table.columns, file)
    return file.getvalue()


def _load_rows_code(rows: TrainingRows) -> list[str]:
    """Return the lines that define x, y and columns."""
    if rows.is_plane:
        make = GENERATORS[rows.kind].__name__
        options = rows.options
        return [
            "import glassnet",
            f"from glassnet.datasets import {make}",
            "",
            f"x, y = {make}({options['rows']!r}, noise={options['noise']!r}, random_state={options['seed']!r})",
            f"columns = {rows.names!r}",
        ]
    if rows.kind == DIGITS:
        imports = ["from glassnet.data import target_values", "from glassnet.datasets import load_digits"]
        read = "table, test = load_digits()"
    else:
        imports = ["from glassnet.data import read_table, target_values"]
        read = f"table = read_table({_file(rows)!r})"
    return [
        "import glassnet",
        *imports,
        "",
        read,
        f"columns = [name for name in table.names if name != {rows.target!r}]",
        f"x, y = table.select(columns), target_values(table, {rows.target!r})",
    ]


def _changed(settings: Settings) -> dict[str, Any]:
    """Return the settings that differ from the library's defaults."""
    values = settings.as_json()
    defaults = Settings().as_json()
    return {f.name: values[f.name] for f in fields(Settings) if values[f.name] != defaults[f.name]}


def _wrapped(start: str, arguments: list[str]) -> str:
    """Return a call on one line, or with one argument per line if that is too long."""
    line = start + ", ".join(arguments) + ")"
    return line if len(line) <= _LINE else start + "\n    " + ",\n    ".join(arguments) + ",\n)"


def _stem(rows: TrainingRows) -> str:
    return rows.kind if rows.is_plane or rows.kind == DIGITS else _file(rows).split(".")[0] or "model"


def _file(rows: TrainingRows) -> str:
    """Return the name of the file, without its folders."""
    return f"{rows.kind}.csv" if rows.is_plane else file_name(rows.table.source)


def source(rows: TrainingRows) -> str:
    """Return the name of the data: the kind of generated points, the digits, or the file name."""
    return _stem(rows) if rows.is_plane or rows.kind == DIGITS else _file(rows)

"""Frequent mistakes on the command line, each with the line that helps."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from glassnet.errors import InputError
from glassnet.models import Model, load
from glassnet.network.activations import ACTIVATIONS

#: Options that other programs have, and what they are called here.
_OPTIONS = {
    "--lr": "--learning-rate", "--rate": "--learning-rate", "--layers": "--hidden", "--units": "--hidden",
    "--hidden-layers": "--hidden", "--hidden-layer-sizes": "--hidden", "--batch": "--batch-size",
    "--bs": "--batch-size",
    "--epoch": "--epochs", "--max-iter": "--epochs", "--output": "--out", "--save": "--out", "-o": "--out",
    "--random-state": "--seed", "--random-seed": "--seed", "--label": "--target", "--early-stopping": "--patience",
    "--solver": "--optimizer", "--optim": "--optimizer", "--val": "--validation-fraction",
    "--validation-split": "--validation-fraction", "--probabilities": "--proba", "--exclude": "--ignore",
    "--drop": "--ignore", "--columns": "--keep", "--alpha": "--l2", "--n-jobs": "--threads", "--jobs": "--threads",
}  # fmt: skip
#: Options for what is an argument here.
_ARGUMENTS = {"--data": "DATA", "--input": "DATA", "--file": "DATA", "--train": "DATA", "--model": "MODEL"}
#: The arguments of each command.
_USAGE = {
    "train": "glassnet train DATA", "evaluate": "glassnet evaluate MODEL DATA",
    "predict": "glassnet predict MODEL DATA",
    "export": "glassnet export MODEL --to FILE.onnx", "show": "glassnet show MODEL", "plot": "glassnet plot MODEL",
    "report": "glassnet report MODEL", "serve": "glassnet serve MODEL",
}  # fmt: skip
#: Options that take a list separated by commas, and whether a text is an entry of it.
_LISTS: dict[str, Callable[[str], Any]] = {
    "--hidden": re.compile(r"-?\d+,?").fullmatch,
    "--dropout": re.compile(r"\d*\.?\d+,?").fullmatch,
    "--activation": lambda text: text.rstrip(",") in ACTIVATIONS,
}
#: Endings of tables, which are no models.
_TABLES = (".csv", ".tsv", ".txt", ".parquet", ".feather", ".arrow", ".npy", ".npz", ".xlsx", ".gz", ".zip", ".svm")
#: Endings that say of which format a file is.
_FORMATS = {
    *_TABLES, ".pkl", ".pickle", ".joblib", ".pt", ".pth", ".h5", ".hdf5", ".keras", ".onnx", ".safetensors", ".json",
    ".html", ".pdf", ".png", ".svg", ".glassnet",
}  # fmt: skip


def check_lists(typed: Sequence[str]) -> None:
    """Check that lists are separated by commas, not by blanks.

    Raises
    ------
    InputError
        If one is not: the option is named as it should be.
    """
    for place, option in enumerate(typed):
        is_entry = _LISTS.get(option)
        if is_entry is None:
            continue
        entries: list[str] = []
        for text in typed[place + 1 :]:
            if not is_entry(text) or (entries and Path(text).exists()):
                break
            entries.append(text)
        if len(entries) > 1:
            right = ",".join(entry.rstrip(",") for entry in entries)
            raise InputError(f"{option} {' '.join(entries)}: separate the entries by commas: {option} {right}")


def explain(error: Any, typed: Sequence[str]) -> str:
    """Return the message of an error of the parser, with what to do about it where that is known."""
    message: str = error.format_message()
    command = next((text for text in typed if not text.startswith("-")), "")
    usage = _USAGE.get(command, "")
    option = str(getattr(error, "option_name", "") or "")
    plain = message.partition(" (Possible options")[0]
    if _OPTIONS.get(option) in _options_of(error):
        return f"{plain}; it is called {_OPTIONS[option]} here"
    if option in _ARGUMENTS and usage:
        return f"{plain}; give the file without an option: {usage}"
    if message.startswith("No such command") and (Path(command).exists() or command.endswith(_TABLES)):
        return f"{message} To train on a file: glassnet train {command}"
    if usage and message.startswith(("Missing argument", "Got unexpected extra argument")):
        return f"{message.rstrip('.')}; write it like {usage}"
    return message


def _options_of(error: Any) -> set[str]:
    """Return the options of the command that an error is about."""
    command = getattr(getattr(error, "ctx", None), "command", None)
    return {name for parameter in getattr(command, "params", ()) for name in parameter.opts}


def load_model(model: str, data: str | None = None, command: str = "") -> Model:
    """Load the model that a command is given.

    Raises
    ------
    InputError
        If it can't be loaded; if it is exchanged with the file of rows, or is a table, what to write.
    """
    try:
        return load(model)
    except InputError:
        if data is not None and data.endswith(".glassnet"):
            raise InputError(
                f"{model} and {data} are exchanged: the model comes first: glassnet {command} {data} {model}"
            ) from None
        if Path(model).is_file() and model.lower().endswith(_TABLES):
            raise InputError(
                f"{model} is a table, and a model is expected; train one: glassnet train {model} --out m.glassnet"
            ) from None
        raise


def check_ending(option: str, path: str | None, allowed: Sequence[str], advice: str) -> None:
    """Check that the name of an output file has no ending of another format.

    Raises
    ------
    InputError
        If it has one that is none of ``allowed``; a name without an ending, or an unknown one, is accepted.
    """
    ending = "" if path is None else Path(path).suffix.lower()
    if ending in _FORMATS and ending not in allowed:
        raise InputError(f"{option} {path}: {advice}; end the name with {' or '.join(allowed)}")


def free_path(path: str) -> str:
    """Return a path that does not exist: the given one, or with a number before its ending."""
    given = Path(path)
    number = 1
    while Path(path).exists():
        number += 1
        path = str(given.with_name(f"{given.stem}-{number}{given.suffix}"))
    return path

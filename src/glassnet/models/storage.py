"""The model file: a safetensors file with the arrays by name and everything else as JSON in its metadata.

``docs/model-file.md`` describes it. Loading runs no code and believes nothing: every name, type, shape and value is
checked, and what does not fit together is refused.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet._utils.json_fields import FAULTS, Fields, fault, read_json
from glassnet._utils.safetensors_file import MAX_HEADER_BYTES, read_arrays, write_arrays
from glassnet._version import __version__
from glassnet.errors import InputError
from glassnet.models.model import CLASSIFICATION, REGRESSION, Model
from glassnet.network.serialization import read_layer_sizes, validate_arrays
from glassnet.network.structure import Structure
from glassnet.preprocessing.scaling import Scaling
from glassnet.training.history import Epoch
from glassnet.training.settings import Settings

#: The entry of the metadata that holds the JSON, and the version of what it says.
KEY, FORMAT_VERSION = "glassnet", 1
#: Facts that are whole numbers, and those that are text.
_COUNTS = ("best_epoch", "training_rows", "validation_rows")
_WORDS = ("metric", "engine", "stop_reason", "message", "source", "glassnet")
#: Classes that are numbers are whole ones of 64 bits, or fractions.
_MIN_CLASS, _MAX_CLASS = -(2**63), 2**63 - 1


def save(model: Model, path: str | Path) -> None:
    """Write a model to a file, atomically: an interruption leaves the old file whole.

    Parameters
    ----------
    model : Model
        What to keep.
    path : str or Path
        The file, ``.glassnet`` by custom; its folder is made if need be.

    Raises
    ------
    InputError
        If it can't be written, or the model uses a function of one's own, which no file can hold.
    """
    description = _describe(model)
    arrays = dict(model.parameters)
    for prefix, scaling in (("scaling", model.scaling), ("target_scaling", model.target_scaling)):
        if scaling is not None:
            arrays[f"{prefix}.shift"], arrays[f"{prefix}.factor"] = scaling.offset, scaling.scale
    _rebuild(description, arrays)  # what could not be loaded is not written
    write_arrays(path, arrays, KEY, description)


class HoldsEstimator(InputError):
    """The file is an estimator's."""


def load(path: str | Path) -> Model:
    """Read a model from a file that `save` wrote.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    Model
        It predicts bit for bit what the saved one did.

    Raises
    ------
    InputError
        If the file is missing, is no model file, is cut short, is of a newer format, or does not fit together.
    """
    texts, arrays = read_arrays(path)
    if KEY not in texts and "glassnet-estimator" in texts:
        raise HoldsEstimator(f"{path}: this file holds an estimator; use MLPClassifier.load or MLPRegressor.load")
    if not texts.get(KEY):
        raise InputError(f"{path}: this is a safetensors file but no glassnet model; name one that glassnet saved")
    try:
        description = read_json(texts[KEY], MAX_HEADER_BYTES)
        version = Fields(description, "model").value("format_version", int)
        if version < 1:
            raise InputError(f"format_version is {version}; it must be 1 or more")
        if version <= FORMAT_VERSION:
            return _rebuild(description, arrays)
    except FAULTS as error:
        raise InputError(f"{path}: the model does not fit together: {fault(error)}; save it again") from None
    raise InputError(
        f"{path}: the model's format is {version}, newer than this glassnet {__version__} reads "
        f"({FORMAT_VERSION}); install a newer glassnet"
    )


def _describe(model: Model) -> dict[str, Any]:
    """Return everything but the arrays as plain values."""
    # written only where there are some: files without stay what they always were
    tables = {"tables": [list(table) for table in model.structure.tables]} if model.structure.tables else {}
    return {
        "format_version": FORMAT_VERSION,
        "layer_sizes": list(model.structure.layer_sizes),
        **tables,
        "activations": [activation.name for activation in model.structure.activations],
        "task": model.task,
        "feature_names": list(model.feature_names),
        "target_name": model.target_name,
        "classes": list(model.classes),
        "scaling": model.scaling.kind,
        "target_scaling": model.target_scaling.kind if model.target_scaling is not None else None,
        "settings": model.settings.as_json(),
        "history": [
            {name: value for name, value in epoch.known().items() if math.isfinite(value)} for epoch in model.history
        ],
        "facts": dict(model.facts),
    }


def _rebuild(description: Any, arrays: dict[str, Array]) -> Model:
    """Check every piece and put the model together."""
    told = Fields(description, "model")
    sizes = read_layer_sizes(told, arrays)
    tables = told.list_of("tables", list) if "tables" in told.content else []
    # checked before anything of that size is made: the sizes must be those of the arrays in the file
    structure = Structure(sizes, told.list_of("activations", str), tables)
    expected: dict[str, tuple[int, ...]] = dict(structure.shapes)
    kinds = {"scaling": structure.n_inputs}
    if told.value("target_scaling", str, type(None)) is not None:
        # several quantiles of one target share its scaling
        shared = arrays.get("target_scaling.shift", np.empty(0)).shape == (1,)
        kinds["target_scaling"] = 1 if shared else structure.n_outputs
    for prefix, columns in kinds.items():
        expected |= {f"{prefix}.shift": (columns,), f"{prefix}.factor": (columns,)}
    validate_arrays(arrays, expected, structure)
    shift, factor = (arrays[f"scaling.{part}"][structure.n_numbers :] for part in ("shift", "factor"))
    if shift.any() or (factor != 1).any():
        raise InputError("scaling would change the codes of a table, by which its rows are looked up")

    task = told.one_of("task", (CLASSIFICATION, REGRESSION))
    feature_names = told.list_of("feature_names", str)
    classes = _classes(told)
    if len(feature_names) != structure.n_inputs:
        raise InputError(f"{len(feature_names)} feature names for {structure.n_inputs} inputs")
    if len(set(feature_names)) != len(feature_names) or len(set(classes)) != len(classes):
        raise InputError("a feature or class stands there twice")
    if len(classes) != (structure.n_outputs if task == CLASSIFICATION else 0):
        raise InputError(f"{len(classes)} classes for {structure.n_outputs} outputs of a {task} model")
    scalings = {
        prefix: Scaling(
            told.one_of(prefix, ("bytes", "standard", "largest")), arrays[f"{prefix}.shift"], arrays[f"{prefix}.factor"]
        )
        for prefix in kinds
    }
    parameters = {name: arrays[name] for name in structure.shapes}
    settings = _settings(told.value("settings", dict))
    settings.objective(structure)
    history = tuple(read_epoch(record) for record in told.list_of("history", dict))
    return Model(
        structure,
        structure.flatten(parameters, parameters["W1"].dtype),
        scalings["scaling"],
        tuple(feature_names),
        told.value("target_name", str),
        task,
        tuple(classes),
        scalings.get("target_scaling"),
        settings,
        history,
        _facts(told.value("facts", dict)),
    )


def read_epoch(record: dict[str, Any]) -> Epoch:
    """Check a record of the history: numbers, of which the epoch's is a whole one, 1 or more."""
    told = Fields(record, "history")
    known = {"metric": None, **told.known(Epoch, int, float)}
    if told.value("epoch", int) < 1:
        raise InputError(f"history.epoch is {known['epoch']}; it must be 1 or more")
    return Epoch(**known)


def _classes(told: Fields) -> list[Any]:
    """Check the classes: all text, or all numbers that an array holds."""
    classes: list[Any] = told.list_of("classes", str, int, float)
    if len({isinstance(label, str) for label in classes}) > 1:
        raise InputError("some classes are text and some numbers; they must be all text or all numbers")
    for label in classes:
        if isinstance(label, int) and not _MIN_CLASS <= label <= _MAX_CLASS:
            raise InputError(f"the class {label} does not fit in 64 bits")
    return classes


def _settings(content: dict[str, Any]) -> Settings:
    """Check the settings; whole numbers, but for the seed, are those that a float tells apart."""
    told = Fields(content, "settings")
    settings = Settings(**told.known(Settings))
    for name, value in content.items():
        if isinstance(value, int) and name != "random_state":
            told.value(name, int, bool)
    return settings


def _facts(facts: dict[str, Any]) -> dict[str, Any]:
    """Check the facts that are shown; a model need not have them, and may have others."""
    told = Fields(facts, "facts")
    for kind, keys in ((int, _COUNTS), (str, _WORDS)):
        for key in set(facts).intersection(keys):
            told.value(key, kind)
    return facts

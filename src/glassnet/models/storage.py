"""The model file: a safetensors file with the arrays by name and everything else as JSON in its metadata.

``docs/model-file.md`` describes it. Loading runs no code and believes nothing: every name, type, shape and value is
checked, and what does not fit together is refused.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from glassnet import __version__
from glassnet.atomic import write_atomically
from glassnet.errors import InputError
from glassnet.models.fields import Fields, finite_number
from glassnet.models.model import CLASSIFICATION, REGRESSION, Model
from glassnet.network.activations import Array
from glassnet.network.structure import Structure
from glassnet.scaling import Scaling
from glassnet.training.history import Epoch
from glassnet.training.settings import Settings

#: The entry of the metadata that holds the JSON, and the version of what it says.
KEY, FORMAT_VERSION = "glassnet", 1
#: Facts that are whole numbers, and those that are text.
_COUNTS = ("best_epoch", "training_rows", "validation_rows")
_WORDS = ("metric", "engine", "stop_reason", "message", "source", "glassnet")
#: The metadata of a model of a thousand epochs and ten thousand columns is about 1 MB.
MOST_METADATA = 64 * 2**20


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
    from safetensors.numpy import save as to_bytes

    description = _describe(model)
    arrays = {name: np.ascontiguousarray(array) for name, array in model.parameters.items()}
    for prefix, scaling in (("scaling", model.scaling), ("target_scaling", model.target_scaling)):
        if scaling is not None:
            arrays[f"{prefix}.shift"], arrays[f"{prefix}.factor"] = scaling.shift, scaling.factor
    _rebuild(description, arrays)  # what could not be loaded is not written
    text = json.dumps(description, ensure_ascii=False, allow_nan=False)
    write_atomically(path, to_bytes(arrays, {KEY: text}))  # one entry: several would stand in any order


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
    text, arrays = read_arrays(path, KEY)
    if text is None and read_arrays(path, "glassnet-estimator")[0] is not None:
        raise InputError(f"{path}: this file holds an estimator; use MLPClassifier.load or MLPRegressor.load")
    if text is None:
        raise InputError(f"{path}: this is a safetensors file but no glassnet model; name one that glassnet saved")
    try:
        if len(text) > MOST_METADATA:
            raise InputError(f"its metadata is longer than {MOST_METADATA} characters")
        description = json.loads(text, parse_float=finite_number, parse_constant=finite_number)
        version = Fields(description, "model").value("format_version", int)
        if version <= FORMAT_VERSION:
            return _rebuild(description, arrays)
    except (InputError, ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise InputError(f"{path}: the model does not fit together: {reason}; save it again") from None
    raise InputError(
        f"{path}: the model's format is {version}, newer than this glassnet {__version__} reads "
        f"({FORMAT_VERSION}); install a newer glassnet"
    )


def read_arrays(path: str | Path, key: str) -> tuple[str | None, dict[str, Array]]:
    """Return the metadata's entry of that key, None if there is none, and the arrays of a safetensors file.

    Raises
    ------
    InputError
        If the file is missing, is no such file, or is cut short.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        what = "this is a folder" if path.is_dir() else "there is no such file"
        raise InputError(f"{path}: {what}; name a model file that glassnet saved")
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(key)
            return text, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
    except (SafetensorError, OSError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: this is no glassnet model, or it is cut short ({error}); save it again") from None


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
    sizes = told.list_of("layer_sizes", int)
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
    _check_arrays(arrays, expected, structure)
    shift, factor = (arrays[f"scaling.{part}"][structure.n_numbers :] for part in ("shift", "factor"))
    if shift.any() or (factor != 1).any():
        raise InputError("scaling would change the codes of a table, by which its rows are looked up")

    task = told.one_of("task", (CLASSIFICATION, REGRESSION))
    feature_names = told.list_of("feature_names", str)
    classes = told.list_of("classes", str, int, float)
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
    settings = Settings(**Fields(told.value("settings", dict), "settings").known(Settings))
    settings.objective(structure)
    history = tuple(
        Epoch(**Fields(record, "history").known(Epoch, int, float)) for record in told.list_of("history", dict)
    )
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


def _facts(facts: dict[str, Any]) -> dict[str, Any]:
    """Check the facts that are shown; a model need not have them, and may have others."""
    told = Fields(facts, "facts")
    for kind, keys in ((int, _COUNTS), (str, _WORDS)):
        for key in set(facts).intersection(keys):
            told.value(key, kind)
    return facts


def _check_arrays(arrays: dict[str, Array], expected: dict[str, tuple[int, ...]], structure: Structure) -> None:
    if set(arrays) != set(expected):
        odd = ", ".join(sorted(set(arrays) ^ set(expected))[:8])
        raise InputError(f"the arrays are not those of layers {structure.layer_sizes}: {odd}")
    for name, shape in expected.items():
        array = arrays[name]
        if array.shape != shape:
            raise InputError(f"{name} has shape {array.shape}; it must be {shape}")
        wanted = ("float64",) if "." in name else ("float32", "float64")
        if array.dtype.name not in wanted or ("." not in name and array.dtype != arrays["W1"].dtype):
            raise InputError(
                f"{name} has dtype {array.dtype}; it must be {' or '.join(wanted)}, the same for all layers"
            )
        if not np.isfinite(array).all():
            raise InputError(f"{name} holds NaN or infinity")
        if name.endswith(".factor") and not array.all():
            raise InputError(f"{name} holds 0, by which no value can be scaled back")

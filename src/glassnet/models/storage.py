"""The file of a model: a safetensors file with the arrays by name and everything else as JSON in its metadata.

``docs/model-file.md`` describes it. Loading never executes code and validates all fields: every name, type, shape and
value is checked, and an inconsistent file is refused.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet._utils.json_fields import FAULTS, Fields, fault, read_json
from glassnet._utils.safetensors_file import MAX_HEADER_BYTES, read_arrays, write_arrays
from glassnet._version import __version__
from glassnet.errors import InputError
from glassnet.models.model import Model
from glassnet.models.target import KINDS, MULTICLASS, Target
from glassnet.network.serialization import read_layer_sizes, validate_arrays
from glassnet.network.structure import Structure
from glassnet.preprocessing import Preprocessor, Scaling, preprocessor_from_dict
from glassnet.training.history import Epoch
from glassnet.training.settings import Settings

#: The entry of the safetensors metadata that holds the JSON, and the version of its format.
KEY, FORMAT_VERSION = "glassnet", 3
#: Entries of `Model.metadata` that are whole numbers, and those that are text.
_COUNTS = ("best_epoch", "training_rows", "validation_rows")
_TEXTS = ("metric", "engine", "stop_reason", "message", "source", "glassnet")
#: Classes that are whole numbers have 64 bits.
_MIN_CLASS = -(2**63)
_MAX_CLASS = 2**64 - 1
#: The dtypes that the array of classes may have.
_CLASS_DTYPE = re.compile(
    r"object|[<>|=][biuf]([1248]|16)|[<>]U(\d{1,7})|[<>][mM]8\[\d{0,6}(?:Y|M|W|D|h|m|s|ms|us|ns)\]", re.ASCII
)
#: The dtype, by kind, whose values JSON holds: booleans as 0 and 1, dates and durations as the integers that they are.
_JSON_DTYPES = {"b": np.int64, "f": np.float64, "m": np.int64, "M": np.int64}
#: Prefixes of the names of arrays that are not parameters.
_PREPROCESSOR, _TARGET = "preprocessor.", "target."


@dataclass(frozen=True)
class SavedModel:
    """The content of a file.

    Parameters
    ----------
    model : Model
        The trained network.
    estimator : Fields or None
        The fields of the estimator that wrote the file, not validated yet; None if `save` wrote it.
    """

    model: Model
    estimator: Fields | None


def save(model: Model, path: str | Path) -> None:
    """Write a model to a file, atomically: an interruption leaves the old file intact.

    Parameters
    ----------
    model : Model
        The trained network; for an estimator, pass its ``model_``.
    path : str or Path
        The file, ``.glassnet`` by convention; its folder is created if necessary.

    Raises
    ------
    InputError
        If the file can't be written, or the model uses a custom function.
    """
    if not isinstance(model, Model):
        hint = "; save its model_, or call its save" if hasattr(model, "model_") else ""
        raise InputError(f"model is {model!r:.80}; it must be a glassnet.Model{hint}")
    write_model(model, path)


def load(path: str | Path) -> Model:
    """Read a model from a file that `save`, an estimator, the command line or the page wrote.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    Model
        The model. Its predictions equal those of the saved model bit for bit.

    Raises
    ------
    InputError
        If the file is missing, not a model file, truncated, of another format version, or inconsistent.
    """
    return read_model(path).model


def write_model(model: Model, path: str | Path, estimator: dict[str, Any] | None = None) -> None:
    """Write a model and, if given, the fields of the estimator that holds it."""
    description = _describe(model)
    arrays = dict(model.parameters)
    arrays |= {_PREPROCESSOR + name: array for name, array in model.preprocessor.arrays().items()}
    if model.target.scaling is not None:
        arrays |= {_TARGET + name: array for name, array in model.target.scaling.arrays().items()}
    _rebuild(description, dict(arrays))  # raise before writing a file that could not be loaded
    if estimator is not None:
        description["estimator"] = estimator
    write_arrays(path, arrays, KEY, description)


def read_model(path: str | Path) -> SavedModel:
    """Read a model file, including the fields of an estimator; see `load`."""
    texts, arrays = read_arrays(path)
    if not texts.get(KEY):
        raise InputError(f"{path}: this is a safetensors file but no glassnet model; name one that glassnet saved")
    try:
        description = read_json(texts[KEY], MAX_HEADER_BYTES)
        version = Fields(description, "model").value("format_version", int)
        if version < 1:
            raise InputError(f"format_version is {version}; it must be 1 or more")
        if version == FORMAT_VERSION:
            estimator = description.pop("estimator", None)
            model = _rebuild(description, arrays)
            return SavedModel(model, None if estimator is None else Fields(estimator, "estimator"))
    except FAULTS as error:
        raise InputError(f"{path}: the model does not fit together: {fault(error)}; save it again") from None
    if version > FORMAT_VERSION:
        raise InputError(
            f"{path}: the model's format is {version}, newer than this glassnet {__version__} reads "
            f"({FORMAT_VERSION}); install a newer glassnet"
        )
    raise InputError(
        f"{path}: the model's format is {version}, of a glassnet before its first release; this one reads "
        f"{FORMAT_VERSION}: train the model again"
    )


def _describe(model: Model) -> dict[str, Any]:
    """Return the model without its arrays as JSON values."""
    return {
        "format_version": FORMAT_VERSION,
        "layer_sizes": list(model.structure.layer_sizes),
        "embeddings": [list(shape) for shape in model.structure.embeddings],
        "activations": [activation.name for activation in model.structure.activations],
        "feature_names": list(model.feature_names),
        "preprocessor": model.preprocessor.to_dict(),
        "target": _describe_target(model.target),
        "settings": model.settings.as_json(),
        "history": [
            {name: value for name, value in epoch.known().items() if math.isfinite(value)} for epoch in model.history
        ],
        "metadata": dict(model.metadata),
    }


def _describe_target(target: Target) -> dict[str, Any]:
    classes = target.classes
    return {
        "kind": target.kind,
        "name": target.name,
        "classes": {
            "dtype": "object" if classes.dtype.kind == "O" else classes.dtype.str,
            "values": classes.astype(_JSON_DTYPES.get(classes.dtype.kind, classes.dtype)).tolist(),
        },
        "scaling": None if target.scaling is None else target.scaling.to_dict(),
        "quantiles": list(target.quantiles),
        "threshold": target.threshold,
    }


def _rebuild(description: Any, arrays: dict[str, Array]) -> Model:
    """Validate every part and build the model."""
    saved = Fields(description, "model")
    preprocessor_arrays = _take(arrays, _PREPROCESSOR)
    target_arrays = _take(arrays, _TARGET)
    sizes = read_layer_sizes(saved, arrays)
    # checked before anything of that size is allocated: the sizes must be those of the arrays in the file
    structure = Structure(sizes, saved.list_of("activations", str), saved.list_of("embeddings", list))
    validate_arrays(arrays, dict(structure.shapes), structure)
    preprocessor = preprocessor_from_dict(saved.value("preprocessor", dict), preprocessor_arrays)
    feature_names = saved.list_of("feature_names", str)
    _check_inputs(structure, preprocessor, feature_names)
    target = _rebuild_target(Fields(saved.value("target", dict), "target"), target_arrays, structure)
    settings = _settings(saved.value("settings", dict))
    settings.objective(structure)
    parameters = {name: arrays[name] for name in structure.shapes}
    return Model(
        structure,
        structure.flatten(parameters, parameters["W1"].dtype),
        preprocessor,
        tuple(feature_names),
        target,
        settings,
        tuple(read_epoch(record) for record in saved.list_of("history", dict)),
        _metadata(saved.value("metadata", dict)),
    )


def _take(arrays: dict[str, Array], prefix: str) -> dict[str, Array]:
    """Remove the arrays with the prefix, and return them without it."""
    return {name.removeprefix(prefix): arrays.pop(name) for name in list(arrays) if name.startswith(prefix)}


def _check_inputs(structure: Structure, preprocessor: Preprocessor, feature_names: list[str]) -> None:
    """Raise InputError if preprocessor, columns and the network's inputs do not fit together."""
    if len(set(feature_names)) != len(feature_names):
        raise InputError("a feature is listed twice")
    if len(feature_names) != preprocessor.n_features_in:
        raise InputError(f"{len(feature_names)} feature names for {preprocessor.n_features_in} columns")
    if preprocessor.n_inputs != structure.n_inputs:
        raise InputError(
            f"the preprocessor makes {preprocessor.n_inputs} inputs for {structure.n_inputs} of the network"
        )
    if isinstance(preprocessor, Scaling):
        offset = preprocessor.offset[structure.n_numbers :]
        scale = preprocessor.scale[structure.n_numbers :]
        if offset.any() or (scale != 1).any():
            raise InputError("scaling would change the codes of an embedding")
    elif structure.embeddings != preprocessor.embedding_shapes:  # else codes could be outside the embedding
        raise InputError(f"the embeddings {structure.embeddings!r:.80} are not those of the preprocessor")


def _rebuild_target(saved: Fields, arrays: dict[str, Array], structure: Structure) -> Target:
    """Validate the fields of the target and return it."""
    scaling = saved.value("scaling", dict, type(None))
    if scaling is None and arrays:
        raise InputError(f"the arrays {sorted(arrays)[:8]} belong to no scaling of the target")
    restored = None if scaling is None else preprocessor_from_dict(scaling, arrays)
    if not isinstance(restored, Scaling | None):
        raise InputError("the target's scaling is no scaling")
    kind = saved.one_of("kind", KINDS)
    quantiles = tuple(float(quantile) for quantile in saved.list_of("quantiles", int, float))
    if not all(0 < quantile < 1 for quantile in quantiles):
        raise InputError(f"target.quantiles is {quantiles!r:.80}; each must be above 0 and below 1")
    target = Target(
        kind,
        saved.value("name", str),
        _classes(Fields(saved.value("classes", dict), "target.classes"), kind),
        restored,
        quantiles,
        float(saved.value("threshold", int, float)),
    )
    target.check(structure)
    return target


def _classes(saved: Fields, kind: str) -> Array:
    """Validate the classes: all text, or all numbers that fit the dtype."""
    values: list[Any] = saved.list_of("values", str, int, float)
    if len({isinstance(label, str) for label in values}) > 1:
        raise InputError("some classes are text and some numbers; they must be all text or all numbers")
    for label in values:
        if isinstance(label, int) and not _MIN_CLASS <= label <= _MAX_CLASS:
            raise InputError(f"the class {label} does not fit in 64 bits")
    dtype = saved.value("dtype", str)
    written = _CLASS_DTYPE.fullmatch(dtype)
    if not written:
        raise InputError(f"target.classes.dtype is {dtype!r:.80}")
    # NumPy allocates the length of the dtype for every entry, so the longest class must have that length
    if written[2] and int(written[2]) > max([1, *(len(str(value)) for value in values)]):
        raise InputError(f"target.classes.dtype is {dtype!r}, and the longest class has fewer characters")
    if dtype[1] in "mM" and not all(type(value) is int and abs(value) < -_MIN_CLASS for value in values):
        raise InputError("some classes are no dates or durations; they must be integers of 64 bits")
    if kind == MULTICLASS and not values:
        raise InputError("target.classes has no class")
    if dtype[1] in "mM":
        return np.array(values, np.int64).astype(dtype)
    return np.array(values, dtype=object if dtype == "object" else dtype)


def read_epoch(record: dict[str, Any]) -> Epoch:
    """Validate a record of the history: numbers; ``epoch`` is an integer, 1 or more."""
    saved = Fields(record, "history")
    known = {"metric": None, **saved.known(Epoch, int, float)}
    if saved.value("epoch", int) < 1:
        raise InputError(f"history.epoch is {known['epoch']}; it must be 1 or more")
    return Epoch(**known)


def _settings(content: dict[str, Any]) -> Settings:
    """Validate the settings; integers, except the seed, must be exact as floats."""
    saved = Fields(content, "settings")
    settings = Settings(**saved.known(Settings))
    for name, value in content.items():
        if isinstance(value, int) and name != "random_state":
            saved.value(name, int, bool)
    return settings


def _metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    """Validate the known entries, all of which are optional; other entries are allowed."""
    saved = Fields(metadata, "metadata")
    for kind, keys in ((int, _COUNTS), (str, _TEXTS)):
        for key in set(metadata).intersection(keys):
            saved.value(key, kind)
    return metadata

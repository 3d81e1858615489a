"""An estimator's file: a safetensors file with the arrays by name and everything else as JSON in its metadata.

``docs/model-file.md`` describes it. Loading runs no code and believes nothing: every name, type, shape and value is
checked, and what does not fit together is refused.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet._utils.json_fields import FAULTS, Fields, fault, read_json
from glassnet._utils.safetensors_file import MAX_HEADER_BYTES, read_arrays, write_arrays
from glassnet._version import __version__
from glassnet.errors import InputError
from glassnet.estimators._sklearn_names import spoken
from glassnet.models.storage import read_epoch
from glassnet.network.activations import ACTIVATIONS
from glassnet.network.serialization import read_layer_sizes
from glassnet.network.structure import Structure
from glassnet.preprocessing import TablePreprocessor, preprocessor_from_dict
from glassnet.preprocessing.scaling import Scaling
from glassnet.training.history import History

#: The entry of the metadata that holds the JSON, and the version of what it says.
KEY, FORMAT_VERSION = "glassnet-estimator", 1
#: Parameters that matter only to training, and of which a file holds no object or function.
_OF_TRAINING = ("callbacks", "scoring", "random_state", "initializer", "loss")
#: What `fit` leaves behind besides the network, as plain numbers, text, or lists of numbers.
_FACTS: dict[str, tuple[type, ...]] = {
    "n_iter_": (int,), "t_": (int,), "loss_": (int, float), "best_loss_": (int, float, type(None)),
    "best_validation_score_": (int, float, type(None)), "loss_curve_": (list,),
    "validation_scores_": (list, type(None)), "engine_": (str,), "out_activation_": (str,),
}  # fmt: skip
#: Stands for what no file can hold.
_LEFT_OUT = {"left out": True}
_ESTIMATORS = ("MLPClassifier", "MLPRegressor")
#: Kinds of classes that a file can hold, and how the dtypes of their arrays are written.
_KINDS = ("binary", "multiclass", "multilabel-indicator")
_DTYPE = re.compile(r"object|[<>|=][biuf]([1248]|16)|[<>]U(\d{1,7})", re.ASCII)


class _Other(Exception):
    """The file is whole, and holds another estimator."""


def save(est: Any, path: str | Path) -> None:
    """Write a fitted estimator to a file, atomically.

    Raises
    ------
    InputError
        If it is not fitted, has a function of one's own that predicts, or can't be written.
    """
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(est)
    structure, vector = est._structure, est._vector_in_use()
    for activation in structure.activations:
        if ACTIVATIONS.get(activation.name) is not activation:
            raise InputError(f"activation {activation.name!r} is your own function, which no file can hold; pickle it")
    arrays = structure.views(vector)
    described: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "estimator": type(est).__name__,
        "glassnet": __version__,
        "params": _described_params(est.get_params(deep=False)),
        "layer_sizes": list(structure.layer_sizes),
        "activations": [activation.name for activation in structure.activations],
        "tables": [list(table) for table in structure.tables],
        "n_features_in_": int(est.n_features_in_),
        "feature_names_in_": list(est.feature_names_in_) if hasattr(est, "feature_names_in_") else None,
        "facts": {name: _plain(getattr(est, name), name) for name in _FACTS if hasattr(est, name)},
        "history": [{k: v for k, v in epoch.known().items() if math.isfinite(v)} for epoch in est.history_],
        "preparation": None,
    }
    if est._preparation is not None:
        described["preparation"] = est._preparation.to_dict()
        arrays |= {f"preparation.{name}": array for name, array in est._preparation.arrays().items()}
    if hasattr(est, "classes_"):
        described["classes"] = {"kind": est._kind, **_described_classes(est.classes_)}
    scaling = getattr(est, "_target_scaling", None)
    if scaling is not None:
        arrays |= {"target.shift": scaling.offset, "target.factor": scaling.scale}
    write_arrays(path, arrays, KEY, described)


def kind_in(path: str | Path) -> str:
    """Return the name of the estimator that a file holds, which nothing but its loading believes.

    Raises
    ------
    InputError
        If it holds none that there is.
    """
    texts, _ = read_arrays(path)
    try:
        return Fields(read_json(texts.get(KEY, ""), MAX_HEADER_BYTES), "estimator").one_of("estimator", _ESTIMATORS)
    except FAULTS as error:
        raise InputError(f"{path}: the estimator does not fit together: {fault(error)}; save it again") from None


def load(kind: type, path: str | Path) -> Any:
    """Read an estimator from a file that `save` wrote.

    Raises
    ------
    InputError
        If the file is missing, is none of this estimator, is cut short, is of a newer format, or does not fit together.
    """
    texts, arrays = read_arrays(path)
    if KEY not in texts:
        raise InputError(f"{path}: this file holds no estimator; glassnet.load reads models")
    try:
        told = Fields(read_json(texts[KEY], MAX_HEADER_BYTES), "estimator")
        version = told.value("format_version", int)
        if not 1 <= version <= FORMAT_VERSION:
            raise InputError(f"its format is {version}, and this glassnet {__version__} reads {FORMAT_VERSION}")
        if told.value("estimator", str) != kind.__name__:
            held = told.value("estimator", str)
            advice = f"; use {held}.load" if held in _ESTIMATORS else ""
            raise _Other(f"{path}: it holds {held!r:.80}, and {kind.__name__} is asked for{advice}")
        return _rebuild(kind, told, arrays)
    except _Other as error:
        raise InputError(str(error)) from None
    except FAULTS as error:
        raise InputError(f"{path}: the estimator does not fit together: {fault(error)}; save it again") from None


def _rebuild(kind: type, told: Fields, arrays: dict[str, Array]) -> Any:
    est = kind()
    params = Fields({name: _value(value) for name, value in told.value("params", dict).items()}, "params")
    for name in params.content:
        if name not in est.get_params(deep=False):
            raise InputError(f"params has no parameter {name!r:.80}")
    est.set_params(**params.content)
    est._validate_params()
    tables = tuple((int(a), int(b)) for a, b in told.list_of("tables", list))
    # checked before anything of that size is made: the sizes must be those of the arrays in the file
    structure = Structure(read_layer_sizes(told, arrays), told.list_of("activations", str), tables)
    preparation = told.value("preparation", dict, type(None))
    if preparation is not None:
        own = {name.removeprefix("preparation."): arrays.pop(name) for name in list(arrays) if "preparation." in name}
        preparation = preprocessor_from_dict(preparation, own)
        if not isinstance(preparation, TablePreprocessor):
            raise InputError(f"preparation is of kind {preparation.kind!r:.80}")
    scaling = _target_scaling(arrays, structure)
    if set(arrays) != set(structure.shapes):
        raise InputError(f"the arrays {sorted(arrays)[:8]} are not those of layers {structure.layer_sizes}")
    dtype = arrays["W1"].dtype
    for name, shape in structure.shapes.items():
        array = arrays[name]
        if array.shape != shape or array.dtype != dtype or dtype not in (np.float32, np.float64):
            raise InputError(f"{name} is {array.dtype} {array.shape}; it must be float32 or float64 {shape}")
        if not np.isfinite(array).all():
            raise InputError(f"{name} holds NaN or infinity")
    # a code that no table has would be looked up outside of it
    if structure.tables != (() if preparation is None else preparation.embedding_shapes):
        raise InputError(f"the tables {structure.tables!r:.80} are not those of the preparation")
    features = told.value("n_features_in_", int)
    if preparation is not None and features != len(preparation.names):
        raise InputError(f"{features} features, and the preparation is of {len(preparation.names)} columns")
    if structure.n_inputs != (features if preparation is None else preparation.n_inputs):
        raise InputError(f"{features} features for a network of {structure.n_inputs} inputs")
    est.n_features_in_ = features
    names = told.value("feature_names_in_", list, type(None))
    if names is not None:
        if len(told.list_of("feature_names_in_", str)) != features:
            raise InputError(f"{len(names)} feature names for {features} features")
        if len(set(names)) != features:
            raise InputError("a feature's name stands there twice")
        est.feature_names_in_ = np.array(names, dtype=object)
    history = [read_epoch(record) for record in told.list_of("history", dict)]
    est._restore(structure, structure.flatten({n: arrays[n] for n in structure.shapes}, dtype), preparation, scaling)
    facts = Fields(told.value("facts", dict), "facts")
    for name in facts.content:
        if name not in _FACTS:
            raise InputError(f"facts has no {name!r:.80}")
        value = _value(facts.value(name, *_FACTS[name], dict))
        if not isinstance(value, _FACTS[name]):
            raise InputError(f"facts.{name} is {value!r:.80}")
        if isinstance(value, list) and not all(isinstance(entry, (int, float)) for entry in value):
            raise InputError(f"facts.{name} holds what is no number")
        setattr(est, name, value)
    if facts.value("engine_", str) not in ("reference", "fused"):
        raise InputError(f"facts.engine_ is {est.engine_!r:.80}")
    if est.out_activation_ != spoken(structure.activations[-1]):
        raise InputError(f"facts.out_activation_ is {est.out_activation_!r:.80}, and the last activation another")
    if getattr(est, "quantiles", None) is not None:
        est._loss_for(structure.n_outputs, dtype)  # refuses what are no quantiles
        if len(est.quantiles) != structure.n_outputs:
            raise InputError(f"{len(est.quantiles)} quantiles for {structure.n_outputs} outputs")
    est.history_ = History(history)
    est._go_on_counting()
    if est._classifies:
        classes = Fields(told.value("classes", dict), "classes")
        est._restore_classes(classes.one_of("kind", _KINDS), _classes(classes))
    return est


def _target_scaling(arrays: dict[str, Array], structure: Structure) -> Scaling | None:
    if "target.shift" not in arrays:
        return None
    shift, factor = arrays.pop("target.shift"), arrays.pop("target.factor")
    for array in (shift, factor):
        if array.dtype != np.float64 or array.shape not in ((1,), (structure.n_outputs,)):
            raise InputError(f"target scaling is {array.dtype} {array.shape}")
        if not np.isfinite(array).all():
            raise InputError("target scaling holds NaN or infinity")
    if not factor.all():
        raise InputError("target.factor holds 0, by which no value can be scaled back")
    return Scaling("standard", shift, factor)


def _described_params(params: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters but for objects and functions that only training needs: loaded, they are the default."""
    plain = {name: _plain(value, name) for name, value in params.items()}
    return {name: value for name, value in plain.items() if value != _LEFT_OUT}


def _described_classes(classes: Array) -> dict[str, Any]:
    dtype = "object" if classes.dtype.kind == "O" else classes.dtype.str
    return {"dtype": dtype, "values": [_plain(value, "classes") for value in classes.tolist()]}


def _classes(told: Fields) -> Array:
    values = [_value(value) for value in told.list_of("values", str, int, float, dict)]
    for value in values:
        if not isinstance(value, (str, int, float)) or (isinstance(value, float) and not math.isfinite(value)):
            raise InputError(f"classes.values holds {value!r:.80}; a class is text, a finite number or a boolean")
    dtype = told.value("dtype", str)
    written = _DTYPE.fullmatch(dtype)
    if not written:
        raise InputError(f"classes.dtype is {dtype!r:.80}")
    # room is made for the longest text in every place of the array: it must be as long as the dtype says
    if written[2] and int(written[2]) > max(1, *(len(str(value)) for value in values), 1):
        raise InputError(f"classes.dtype is {dtype!r}, and the longest class has fewer characters")
    classes = np.array(values, dtype=object if dtype == "object" else dtype)
    if len(set(classes.tolist())) != len(classes) or not len(classes):
        raise InputError("a class stands there twice, or there is none")
    return classes


def _plain(value: Any, name: str) -> Any:
    """Return a value as JSON has it: what JSON lacks becomes an object with one entry that says what it is."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, str)):
        return {"bool": value} if isinstance(value, bool) else value
    if isinstance(value, int) and abs(value) <= 2**53:
        return value
    if isinstance(value, int):
        return {"int": str(value)}
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)) and not any(callable(entry) for entry in value):
        entries = [_plain(entry, name) for entry in value]
        return {"tuple": entries} if isinstance(value, tuple) else entries
    if isinstance(value, dict):
        return {"dict": [[_plain(key, name), _plain(entry, name)] for key, entry in value.items()]}
    if name in _OF_TRAINING:
        return _LEFT_OUT
    raise InputError(f"{name} is {value!r:.80}, which no file can hold; pickle the estimator")


def _value(plain: Any) -> Any:
    """Return what `_plain` was given."""
    if isinstance(plain, list):
        return [_value(entry) for entry in plain]
    if not isinstance(plain, dict):
        return plain
    if len(plain) != 1:
        raise InputError(f"{plain!r:.80} is no value")
    ((kind, held),) = plain.items()
    if kind == "bool":
        return bool(held)
    if kind == "int" and isinstance(held, str) and len(held) < 40:
        return int(held)
    if kind == "float" and held in ("inf", "-inf", "nan"):
        return float(held)
    if kind == "tuple" and isinstance(held, list):
        return tuple(_value(entry) for entry in held)
    if kind == "dict" and isinstance(held, list):
        return {_value(key): _value(entry) for key, entry in held}
    raise InputError(f"{plain!r:.80} is no value")

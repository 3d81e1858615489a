"""An estimator in a model's file: its parameters and scikit-learn's attributes beside the model.

``docs/model-file.md`` describes it. Every name, type and value is checked.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from glassnet._utils.json_fields import FAULTS, Fields, fault
from glassnet.errors import InputError
from glassnet.estimators._sklearn_names import sklearn_name
from glassnet.models.model import Model
from glassnet.models.storage import write_model
from glassnet.network.activations import ACTIVATIONS, Activation
from glassnet.network.losses import LOSSES, Loss
from glassnet.preprocessing import Scaling
from glassnet.training.settings import ENGINES

#: Parameters that matter only to training, whose objects and functions a file leaves out.
_TRAINING_PARAMS = ("callbacks", "scoring", "random_state", "initializer", "loss")
#: The attributes of a fitted estimator that are plain numbers, text, or lists of numbers.
_ATTRIBUTES: dict[str, tuple[type, ...]] = {
    "n_iter_": (int,), "t_": (int,), "loss_": (int, float), "best_loss_": (int, float, type(None)),
    "best_validation_score_": (int, float, type(None)), "loss_curve_": (list,),
    "validation_scores_": (list, type(None)), "engine_": (str,), "out_activation_": (str,),
}  # fmt: skip
#: Marks a parameter whose value no file can hold.
_OMITTED = {"omitted": True}
_CLASSES = ("MLPClassifier", "MLPRegressor")


class _WrongClassError(Exception):
    """The file is valid, and holds another estimator."""


@dataclass(frozen=True)
class SavedEstimator:
    """The description of an estimator in a file, checked.

    Parameters
    ----------
    params : dict
        Parameters of the constructor.
    has_feature_names : bool
        Whether the estimator was fitted to rows with column names.
    attributes : dict
        scikit-learn's attributes that are numbers, text or lists of numbers.
    """

    params: dict[str, Any]
    has_feature_names: bool
    attributes: dict[str, Any]


def save(est: Any, path: str | Path) -> None:
    """Write a fitted estimator to a model's file, atomically.

    Raises
    ------
    InputError
        If it is not fitted, predicts by a custom function, or can't be written.
    """
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(est)
    model: Model = est.model_
    for activation in model.structure.activations:
        if ACTIVATIONS.get(activation.name) is not activation:
            raise InputError(f"activation {activation.name!r} is a custom function, which no file can hold; pickle it")
    described = {
        "class": type(est).__name__,
        "params": _describe_params(est.get_params(deep=False)),
        "has_feature_names": hasattr(est, "feature_names_in_"),
        "attributes": {name: _to_json(getattr(est, name), name) for name in _ATTRIBUTES if hasattr(est, name)},
    }
    write_model(_without_custom_functions(model), path, described)


@contextmanager
def naming_file(path: str | Path) -> Iterator[None]:
    """Turn the errors of an inconsistent description into an InputError that names the file."""
    try:
        yield
    except _WrongClassError as error:
        raise InputError(f"{path}: {error}") from None
    except FAULTS as error:
        raise InputError(f"{path}: the estimator is not consistent: {fault(error)}; save it again") from None


def read_estimator(saved: Fields, model: Model, class_name: str, known_params: Collection[str]) -> SavedEstimator:
    """Check the description of an estimator.

    Parameters
    ----------
    saved : Fields
        The description, as read from the file.
    model : Model
        The model of the file.
    class_name : str
        The expected class of the estimator.
    known_params : collection of str
        The names of its parameters.

    Raises
    ------
    InputError
        If a field is missing, unknown, of a wrong type, or does not fit to the model.
    """
    held = saved.value("class", str)
    if held != class_name:
        hint = f"; use {held}.load" if held in _CLASSES else ""
        raise _WrongClassError(f"it holds {held!r:.80}, and {class_name} is expected{hint}")
    params = {name: _from_json(value) for name, value in saved.value("params", dict).items()}
    for name in params:
        if name not in known_params:
            raise InputError(f"params has no parameter {name!r:.80}")
    if params.get("preprocess") != _preprocess_of(model):
        raise InputError("params.preprocess does not match the preprocessor of the model")
    attributes = _read_attributes(Fields(saved.value("attributes", dict), "attributes"))
    out_activation = sklearn_name(model.structure.activations[-1])
    if attributes.get("out_activation_", out_activation) != out_activation:
        raise InputError("attributes.out_activation_ is not the activation of the last layer")
    return SavedEstimator(params, saved.value("has_feature_names", bool), attributes)


def _without_custom_functions(model: Model) -> Model:
    """Return the model with a loss of the library instead of a custom one, which no file can hold."""
    loss = model.settings.resolve_loss()
    if loss.name in LOSSES:
        return replace(model, settings=replace(model.settings, loss_settings=_changed_settings(loss)))
    settings = replace(model.settings, loss="half_mean_squared_error", loss_settings={})
    return replace(model, settings=settings)


def _changed_settings(loss: Loss) -> dict[str, Any]:
    """Return the settings of a loss that are not its default."""
    default = LOSSES[loss.name].settings
    changed = {name: value for name, value in loss.settings.items() if value != default[name]}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in changed.items()}


def _read_attributes(saved: Fields) -> dict[str, Any]:
    """Check the attributes: numbers, text, or lists of numbers."""
    attributes: dict[str, Any] = {}
    for name in saved.content:
        if name not in _ATTRIBUTES:
            raise InputError(f"attributes has no {name!r:.80}")
        value = _from_json(saved.value(name, *_ATTRIBUTES[name], dict))
        if not isinstance(value, _ATTRIBUTES[name]):
            raise InputError(f"attributes.{name} is {value!r:.80}")
        if isinstance(value, list) and not all(isinstance(entry, (int, float)) for entry in value):
            raise InputError(f"attributes.{name} holds a value that is not a number")
        attributes[name] = value
    saved.one_of("engine_", ENGINES)
    return attributes


def _preprocess_of(model: Model) -> str | None:
    """Return the parameter ``preprocess`` of an estimator that holds this model."""
    if not isinstance(model.preprocessor, Scaling):
        return "auto"
    return None if model.preprocessor.is_identity else "scale"


def _describe_params(params: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters, without objects and functions that only training needs; loading sets their defaults."""
    plain = {name: _to_json(value, name) for name, value in params.items()}
    return {name: value for name, value in plain.items() if value != _OMITTED}


def _to_json(value: Any, name: str) -> Any:
    """Return a value for JSON; a value that JSON lacks becomes an object with one entry that names its type."""
    value = _plain_value(value)
    if value is None or isinstance(value, (bool, str)):
        return {"bool": value} if isinstance(value, bool) else value
    if isinstance(value, int):
        return value if abs(value) <= 2**53 else {"int": str(value)}
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, (list, tuple)) and not any(callable(entry) for entry in value):
        entries = [_to_json(entry, name) for entry in value]
        if _OMITTED in entries:
            return _OMITTED
        return {"tuple": entries} if isinstance(value, tuple) else entries
    if isinstance(value, dict):
        return {"dict": [[_to_json(key, name), _to_json(entry, name)] for key, entry in value.items()]}
    if name in _TRAINING_PARAMS:
        return _OMITTED
    raise InputError(f"{name} is {value!r:.80}, which no file can hold; pickle the estimator")


def _plain_value(value: Any) -> Any:
    """Return arrays, series, ranges and NumPy's numbers as lists and numbers, and dtypes by their names."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, type) and issubclass(value, np.generic):
        return np.dtype(value).name
    if isinstance(value, Activation) and ACTIVATIONS.get(value.name) is value:
        return value.name
    if isinstance(value, (str, bytes, list, tuple, dict)) or callable(value):
        return value
    if hasattr(value, "__array__") or isinstance(value, range):
        return np.asarray(value).tolist()
    return value


def _from_json(plain: Any) -> Any:
    """Return the value that `_to_json` encoded."""
    if isinstance(plain, list):
        return [_from_json(entry) for entry in plain]
    if not isinstance(plain, dict):
        return plain
    if len(plain) != 1:
        raise InputError(f"{plain!r:.80} is not a value")
    ((kind, held),) = plain.items()
    if kind == "bool":
        return bool(held)
    if kind == "int" and isinstance(held, str) and len(held) < 40:
        return int(held)
    if kind == "float" and held in ("inf", "-inf", "nan"):
        return float(held)
    if kind == "tuple" and isinstance(held, list):
        return tuple(_from_json(entry) for entry in held)
    if kind == "dict" and isinstance(held, list):
        return {_from_json(key): _from_json(entry) for key, entry in held}
    raise InputError(f"{plain!r:.80} is not a value")

"""An estimator in a model's file: its parameters and scikit-learn's attributes beside the model.

``docs/model-file.md`` describes it. Every name, type and value is checked.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from glassnet._utils.json_fields import FAULTS, Fields, fault
from glassnet.errors import InputError
from glassnet.estimators._sklearn_names import sklearn_name
from glassnet.models.model import Model
from glassnet.models.storage import read_model, write_model
from glassnet.network.activations import ACTIVATIONS
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
#: The value of a parameter that no file can hold.
_LEFT_OUT = {"left out": True}
_CLASSES = ("MLPClassifier", "MLPRegressor")


class _WrongClass(Exception):
    """The file is valid, and holds another estimator."""


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


def load(cls: Any, path: str | Path) -> Any:
    """Read an estimator from a file; of a file without one, make it from the model.

    Raises
    ------
    InputError
        If the file is missing, is no model's, is cut short, of another format, or does not fit together.
    """
    saved = read_model(path)
    if saved.estimator is None:
        return cls.from_model(saved.model)
    try:
        return _rebuild(cls, saved.estimator, saved.model)
    except _WrongClass as error:
        raise InputError(f"{path}: {error}") from None
    except FAULTS as error:
        raise InputError(f"{path}: the estimator does not fit together: {fault(error)}; save it again") from None


def _without_custom_functions(model: Model) -> Model:
    """Return the model with the library's own loss where it was trained with a custom one, which no file can hold."""
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


def _rebuild(cls: Any, saved: Fields, model: Model) -> Any:
    held = saved.value("class", str)
    if held != cls.__name__:
        hint = f"; use {held}.load" if held in _CLASSES else ""
        raise _WrongClass(f"it holds {held!r:.80}, and {cls.__name__} is expected{hint}")
    est = cls()
    params = Fields({name: _from_json(value) for name, value in saved.value("params", dict).items()}, "params")
    for name in params.content:
        if name not in est.get_params(deep=False):
            raise InputError(f"params has no parameter {name!r:.80}")
    est.set_params(**params.content)
    est._validate_params()
    est._set_from_model(model, saved.value("has_feature_names", bool))
    _set_attributes(est, Fields(saved.value("attributes", dict), "attributes"))
    if est.out_activation_ != sklearn_name(model.structure.activations[-1]):
        raise InputError("attributes.out_activation_ is not the activation of the last layer")
    if _preprocess_of(model) != (None if est.preprocess is None else est.preprocess):
        raise InputError("params.preprocess does not belong to the preprocessor of the model")
    est._resume_counting()
    return est


def _set_attributes(est: Any, attributes: Fields) -> None:
    for name in attributes.content:
        if name not in _ATTRIBUTES:
            raise InputError(f"attributes has no {name!r:.80}")
        value = _from_json(attributes.value(name, *_ATTRIBUTES[name], dict))
        if not isinstance(value, _ATTRIBUTES[name]):
            raise InputError(f"attributes.{name} is {value!r:.80}")
        if isinstance(value, list) and not all(isinstance(entry, (int, float)) for entry in value):
            raise InputError(f"attributes.{name} holds a value that is not a number")
        setattr(est, name, value)
    if attributes.value("engine_", str) not in ENGINES:
        raise InputError(f"attributes.engine_ is {est.engine_!r:.80}")


def _preprocess_of(model: Model) -> str | None:
    """Return the parameter ``preprocess`` of an estimator that holds this model."""
    if not isinstance(model.preprocessor, Scaling):
        return "auto"
    return None if model.preprocessor.is_identity else "scale"


def _describe_params(params: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters but for objects and functions that only training needs: loaded, they are the default."""
    plain = {name: _to_json(value, name) for name, value in params.items()}
    return {name: value for name, value in plain.items() if value != _LEFT_OUT}


def _to_json(value: Any, name: str) -> Any:
    """Return a value as JSON has it; what JSON lacks becomes an object with one entry that names its type."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, str)):
        return {"bool": value} if isinstance(value, bool) else value
    if isinstance(value, int):
        return value if abs(value) <= 2**53 else {"int": str(value)}
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)) and not any(callable(entry) for entry in value):
        entries = [_to_json(entry, name) for entry in value]
        return {"tuple": entries} if isinstance(value, tuple) else entries
    if isinstance(value, dict):
        return {"dict": [[_to_json(key, name), _to_json(entry, name)] for key, entry in value.items()]}
    if name in _TRAINING_PARAMS:
        return _LEFT_OUT
    raise InputError(f"{name} is {value!r:.80}, which no file can hold; pickle the estimator")


def _from_json(plain: Any) -> Any:
    """Return the value that `_to_json` was given."""
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

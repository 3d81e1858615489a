"""scikit-learn's private functions that glassnet uses, in one place: the module to check when scikit-learn changes."""

from __future__ import annotations

from inspect import Parameter, signature
from typing import Any

from sklearn.base import _fit_context as fit_context
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    InvalidParameterError,
    Options,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.multiclass import _check_partial_fit_first_call as check_partial_fit_first_call
from sklearn.utils.optimize import _check_optimize_result as check_optimize_result
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import _check_y as check_y

__all__ = [
    "HasMethods",
    "Interval",
    "Options",
    "StrOptions",
    "accepts_sample_weight",
    "check_optimize_result",
    "check_partial_fit_first_call",
    "check_sample_weight",
    "check_y",
    "fit_context",
    "is_valid_parameter",
    "safe_indexing",
]


def is_valid_parameter(estimator: Any, name: str, value: Any) -> bool:
    """Return whether scikit-learn's validation accepts a value for a parameter of its estimator."""
    constraints = {name: estimator._parameter_constraints[name]}
    try:
        validate_parameter_constraints(constraints, {name: value}, caller_name=type(estimator).__name__)
    except InvalidParameterError:
        return False
    return True


def accepts_sample_weight(scorer: Any) -> bool:
    """Return whether a scorer, or the function that it was made of, takes ``sample_weight``."""
    try:
        parameters = signature(getattr(scorer, "_score_func", scorer)).parameters
    except (ValueError, TypeError):  # a function without a signature
        return False
    return "sample_weight" in parameters or any(p.kind is Parameter.VAR_KEYWORD for p in parameters.values())

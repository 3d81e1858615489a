"""Constraints of the parameters, in scikit-learn's form: an invalid value raises scikit-learn's error."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np

from glassnet._utils.sklearn_private import HasMethods, Interval, Options, StrOptions
from glassnet.estimators._sklearn_names import ACTIVATION, LOSS, SCHEDULE
from glassnet.network.activations import ACTIVATIONS, Activation
from glassnet.network.initializers import INITIALIZERS
from glassnet.network.losses import CLASSIFICATION, LOSSES, Loss
from glassnet.network.optimizers import OPTIMIZERS
from glassnet.network.schedules import SCHEDULES
from glassnet.training.settings import ENGINES

_ACTIVATION = StrOptions({*ACTIVATIONS, *ACTIVATION})
_NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
_POSITIVE = Interval(Real, 0, None, closed="neither")
_FRACTION = Interval(Real, 0, 1, closed="left")
_COUNT = Interval(Integral, 1, None, closed="left")

CONSTRAINTS: dict[str, list[Any]] = {
    # scikit-learn's
    "hidden_layer_sizes": ["array-like", _COUNT],
    "activation": [_ACTIVATION, list, tuple, Activation],
    "solver": [StrOptions({"lbfgs", "sgd", *OPTIMIZERS})],
    "alpha": [_NOT_NEGATIVE],
    "batch_size": [StrOptions({"auto", "recommended"}), _COUNT],
    "learning_rate": [StrOptions({*SCHEDULES, *SCHEDULE})],
    "learning_rate_init": [_POSITIVE],
    "power_t": [_NOT_NEGATIVE],
    "max_iter": [_COUNT, StrOptions({"recommended"})],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [_NOT_NEGATIVE],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [_FRACTION],
    "beta_1": [_FRACTION],
    "beta_2": [_FRACTION],
    "epsilon": [_POSITIVE],
    "n_iter_no_change": [_COUNT, Options(Real, {np.inf})],
    "max_fun": [_COUNT],
    # beyond them
    "loss_params": [dict, None],
    "out_activation": [_ACTIVATION, tuple, Activation, None],
    "initializer": [StrOptions({"auto", *INITIALIZERS}), callable, None],
    "dropout": [_FRACTION, "array-like"],
    "l1": [_NOT_NEGATIVE],
    "weight_decay": [_NOT_NEGATIVE, None],
    "max_norm": [_POSITIVE, None],
    "clip_norm": [_POSITIVE, None],
    "ema_decay": [Interval(Real, 0, 1, closed="neither"), None],
    "solver_params": [dict, None],
    "learning_rate_params": [dict, None],
    "stratify": ["boolean", None],
    "scoring": [str, callable, None],
    "restore_best_weights": ["boolean", None],
    "min_delta": [_NOT_NEGATIVE, None],
    "patience": [_COUNT, None],
    "callbacks": ["array-like", HasMethods(["on_epoch_end"]), None],
    "preprocess": [StrOptions({"auto", "scale"}), None],
    "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
    "engine": [StrOptions(set(ENGINES))],
    "n_jobs": [Integral, None],
    "dtype": [StrOptions({"float32", "float64"}), Options(type, {np.float32, np.float64}), None],
}

CLASSIFIER: dict[str, list[Any]] = {
    **CONSTRAINTS,
    "loss": [StrOptions({"log_loss", "half_mean_squared_error", *CLASSIFICATION}), tuple, Loss],
    "label_smoothing": [_FRACTION],
    "class_weight": [dict, list, StrOptions({"balanced"}), None],
}

REGRESSOR: dict[str, list[Any]] = {
    **CONSTRAINTS,
    "loss": [
        StrOptions({"squared_error", *LOSS, *(name for name in LOSSES if name not in CLASSIFICATION)}),
        tuple,
        Loss,
    ],
    "quantiles": ["array-like", None],
    "target_transform": [StrOptions({"standardize"}), None],
}

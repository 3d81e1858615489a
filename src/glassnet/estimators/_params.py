"""Convert between parameters of an estimator and settings; check the combinations of parameters."""

from __future__ import annotations

import warnings
from numbers import Integral
from typing import Any

import numpy as np

from glassnet.errors import InputError
from glassnet.estimators._sklearn_names import find_optimizer, find_schedule, sklearn_name
from glassnet.models.model import Model
from glassnet.models.recommended import (
    ACTIVATION,
    HIDDEN,
    LEARNING_RATE,
    OPTIMIZER,
    SCHEDULE,
    WEIGHT_DECAY,
    recommended_batch_size,
    recommended_epochs,
    recommended_loss,
)
from glassnet.models.target import CLASSIFICATION, REGRESSION
from glassnet.network.losses import LOSSES, Loss
from glassnet.network.schedules import SCHEDULES
from glassnet.preprocessing import Scaling
from glassnet.training import Settings
from glassnet.training.settings import LBFGS, MAX_THREADS

#: Value of ``batch_size`` and ``max_iter``: the recommended settings for the number of rows.
RECOMMENDED = "recommended"
#: scikit-learn's ``batch_size="auto"``.
AUTO_BATCH = 200
#: scikit-learn uses SciPy's default of the relative reduction of the loss at which L-BFGS stops.
LBFGS_LOSS_TOLERANCE = 2.2204460492503131e-09


def to_settings(est: Any, loss: Loss, samples: int, dtype: str, incremental: bool) -> Settings:
    """Return the settings of one fit.

    Parameters
    ----------
    est : MLPClassifier or MLPRegressor
        The estimator.
    loss : Loss
        The loss.
    samples : int
        Number of training rows.
    dtype : str
        ``"float32"`` or ``"float64"``.
    incremental : bool
        Whether this is a call of `partial_fit`: one epoch of an unknown number.

    Raises
    ------
    InputError
        If two parameters are incompatible; the message names both.
    """
    _check_param_combinations(est, incremental)
    batch_size = batch_size_of(est.batch_size, samples) if est.solver != LBFGS else max(1, samples)
    epochs = 1 if incremental else epochs_of(est.max_iter, samples, batch_size)
    common: dict[str, Any] = {
        "loss": loss, "epochs": epochs, "shuffle": bool(est.shuffle), "l1": float(est.l1), "alpha": float(est.alpha),
        "max_norm": est.max_norm, "clip_norm": est.clip_norm, "ema_decay": est.ema_decay,
        "dropout": dropout_of(est.dropout), "restore_best": False, "dtype": dtype, "engine": est.engine,
        "threads": threads_of(est.n_jobs),
        "initializer": est.initializer if isinstance(est.initializer, str) else "auto",
    }  # fmt: skip
    if est.solver == LBFGS:
        limits = {
            "gtol": float(est.tol),
            "ftol": LBFGS_LOSS_TOLERANCE,
            "maxfun": int(est.max_fun),
        }
        return Settings(optimizer=LBFGS, optimizer_settings=limits, batch_size=batch_size, **common)
    schedule, schedule_settings = find_schedule(est.learning_rate, est.learning_rate_params or {})
    rule = find_optimizer(
        est.solver,
        est.solver_params or {},
        float(est.momentum),
        bool(est.nesterovs_momentum),
        beta_1=float(est.beta_1),
        beta_2=float(est.beta_2),
        epsilon=float(est.epsilon),
    )
    return Settings(
        optimizer=rule, learning_rate=float(est.learning_rate_init), weight_decay=est.weight_decay, schedule=schedule,
        schedule_settings=schedule_settings, batch_size=batch_size, **common,
    )  # fmt: skip


def has_partial_fit(est: Any) -> bool:
    """Return True if the solver supports partial_fit.

    Raises
    ------
    AttributeError
        With lbfgs, with scikit-learn's message.
    """
    if est.solver == LBFGS:
        raise AttributeError(
            f"partial_fit is only available for stochastic optimizers. {est.solver} is not stochastic."
        )
    return True


def batch_size_of(batch_size: Any, samples: int) -> int:
    """Return the number of rows per batch; warn as scikit-learn does if there are fewer rows."""
    if isinstance(batch_size, str):
        return recommended_batch_size(samples) if batch_size == RECOMMENDED else min(AUTO_BATCH, samples)
    if batch_size > samples:
        warnings.warn(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=2
        )
    return int(np.clip(batch_size, 1, samples))


def epochs_of(max_iter: int | str, samples: int, batch_size: int) -> int:
    """Return the number of epochs."""
    return recommended_epochs(samples, batch_size) if max_iter == RECOMMENDED else int(max_iter)


def hidden_sizes_of(sizes: Any) -> list[int]:
    """Return the number of units of each hidden layer; raise scikit-learn's errors, and TypeError for fractions."""
    sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
    if any(isinstance(size, (bool, np.bool_)) for size in sizes):
        raise TypeError("an integer is required")
    if np.any(np.array(sizes) <= 0):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    for size in sizes:
        if not isinstance(size, Integral):
            raise TypeError(
                f"hidden_layer_sizes has {size!r:.40}, and an integer is required; give the number of units of each "
                "hidden layer, such as (100,) or (64, 32)"
            )
    return [int(size) for size in sizes]


def dropout_of(dropout: Any) -> float | tuple[float, ...]:
    """Return the rates as plain numbers."""
    return float(dropout) if np.ndim(dropout) == 0 else tuple(float(rate) for rate in dropout)


def threads_of(n_jobs: int | None) -> int | None:
    """Return the number of threads for ``n_jobs``: None for all usable cores (None or -1), -2 for all but one.

    Raises
    ------
    InputError
        If it is 0 or above the limit.
    """
    if n_jobs is None or n_jobs == -1:
        return None
    if n_jobs == 0:
        raise InputError("n_jobs is 0; give the number of threads, or -1 for all cores")
    if n_jobs > MAX_THREADS:
        raise InputError(f"n_jobs is {n_jobs}; it must be at most {MAX_THREADS}, or -1 for all cores")
    if n_jobs > 0:
        return int(n_jobs)
    from joblib import cpu_count

    return max(1, cpu_count() + 1 + int(n_jobs))


def _check_param_combinations(est: Any, incremental: bool) -> None:
    if est.categorical_features is not None and est.preprocess is None:
        raise InputError("categorical_features goes with preprocess='auto'; give both, or encode the columns yourself")
    if est.scoring is not None and not est.early_stopping:
        raise InputError("scoring goes with early_stopping=True, which it decides; give both")
    if getattr(est, "target_transform", None) and est.out_activation not in (None, "identity"):
        raise InputError(
            f"target_transform='standardize' gives values on both sides of 0, of any size, and out_activation="
            f"{est.out_activation!r} may not reach them; leave one of them out"
        )
    if getattr(est, "target_transform", None) and est.loss == "poisson":
        raise InputError("target_transform='standardize' makes counts negative, and loss='poisson' needs 0 or more")
    if est.solver == LBFGS:
        unlike = {"dropout": 0.0, "clip_norm": None, "max_norm": None, "ema_decay": None, "weight_decay": None}
        for name, left_out in unlike.items():
            value = getattr(est, name)
            if (value != left_out) if np.ndim(value) == 0 else np.any(value):
                raise InputError(
                    f"{name}={value!r} does not go with solver='lbfgs', which chooses its own steps on a loss that "
                    "must not change; leave it out, or take solver='adam'"
                )
        for name in ("solver_params", "learning_rate_params"):
            if getattr(est, name):
                raise InputError(f"{name} does not go with solver='lbfgs'; it has tol, max_iter and max_fun")
    if est.learning_rate_params and est.learning_rate not in SCHEDULES:
        raise InputError(
            f"learning_rate_params does not go with learning_rate={est.learning_rate!r}, whose only number is power_t"
        )
    if incremental and est.learning_rate in SCHEDULES and SCHEDULES[est.learning_rate].needs_total_steps:
        raise InputError(
            f"learning_rate={est.learning_rate!r} must know how many epochs there will be, and partial_fit does not; "
            "use fit, or 'constant', 'exponential', 'step', 'inverse_scaling'"
        )


def recommended_params(is_classifier: bool) -> dict[str, Any]:
    """Return the parameters with which an estimator trains as `glassnet.fit` does by default, to the same bits."""
    common: dict[str, Any] = {
        "hidden_layer_sizes": HIDDEN,
        "activation": ACTIVATION,
        "solver": OPTIMIZER,
        "alpha": 0.0,
        "batch_size": RECOMMENDED,
        "learning_rate": SCHEDULE,
        "learning_rate_init": LEARNING_RATE,
        "weight_decay": WEIGHT_DECAY,
        "max_iter": RECOMMENDED,
        "tol": 0.0,
        "n_iter_no_change": np.inf,
        "initializer": "auto",
        "preprocess": "scale",
        "dtype": "float32",
        "random_state": Settings().random_state,
    }
    if is_classifier:
        return common | {"loss": recommended_loss(CLASSIFICATION)}
    return common | {"loss": recommended_loss(REGRESSION), "target_transform": "standardize"}


def params_of(model: Model, cls: Any) -> dict[str, Any]:
    """Return the parameters of an estimator that would train a model's network as its settings say.

    Settings without a parameter (``l2``, ``clip_value``, ``reduce_on_plateau``) are omitted.
    """
    settings = model.settings
    structure = model.structure
    names = [sklearn_name(activation) for activation in structure.activations]
    loss = settings.resolve_loss()
    params: dict[str, Any] = {
        "hidden_layer_sizes": structure.layer_sizes[1:-1],
        "activation": names[0] if len(set(names[:-1])) == 1 else names[:-1],
        "out_activation": names[-1],
        "loss": loss.name if loss.name in LOSSES else loss,
        "loss_params": dict(settings.loss_settings) or None,
        "alpha": settings.alpha,
        "l1": settings.l1,
        "batch_size": settings.batch_size,
        "max_iter": settings.epochs,
        "shuffle": settings.shuffle,
        "random_state": settings.random_state,
        "initializer": settings.initializer,
        "dtype": settings.dtype,
        "engine": settings.engine,
        "n_jobs": settings.threads,
        "tol": settings.min_delta,
        "n_iter_no_change": np.inf if settings.patience is None else settings.patience,
        "preprocess": None,
    }
    if not structure.n_layers > 1:
        params.pop("activation")
    if not isinstance(model.preprocessor, Scaling):
        params["preprocess"] = "auto"
    elif not model.preprocessor.is_identity:
        params["preprocess"] = "scale"
    if settings.full_batch:
        params["solver"] = LBFGS
        params["batch_size"] = "auto"
    else:
        rule = settings.resolve_optimizer()
        schedule = settings.resolve_schedule()
        rate = settings.learning_rate
        params |= {
            "solver": rule.name,
            "solver_params": dict(settings.optimizer_settings) or None,
            "learning_rate": schedule.name,
            "learning_rate_params": dict(settings.schedule_settings) or None,
            "learning_rate_init": rule.learning_rate if rate is None else rate,
            "dropout": settings.dropout,
            "weight_decay": settings.weight_decay,
            "max_norm": settings.max_norm,
            "clip_norm": settings.clip_norm,
            "ema_decay": settings.ema_decay,
        }
    if model.target.quantiles:
        params["quantiles"] = model.target.quantiles
    if model.target.scaling is not None:
        params["target_transform"] = "standardize"
    known = cls().get_params(deep=False)
    return {name: value for name, value in params.items() if name in known}


def model_settings(output_activation: str) -> Settings:
    """Return settings for a network that another library trained: a loss that matches its output layer."""
    losses = {"softmax": "categorical_crossentropy", "sigmoid": "binary_crossentropy"}
    return Settings(loss=losses.get(output_activation, "half_mean_squared_error"))

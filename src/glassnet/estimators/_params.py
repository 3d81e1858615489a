"""From an estimator's parameters to the library's settings, with everything that does not go together named."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from glassnet.errors import InputError
from glassnet.estimators._sklearn_names import find_optimizer, find_schedule
from glassnet.network.losses import Loss
from glassnet.network.schedules import SCHEDULES
from glassnet.training import Settings
from glassnet.training.settings import LBFGS

#: scikit-learn's ``batch_size="auto"``.
AUTO_BATCH = 200
#: scikit-learn lets L-BFGS rest when the loss falls by less than SciPy's own default.
LBFGS_LOSS_TOLERANCE = 2.2204460492503131e-09


def to_settings(est: Any, loss: Loss, samples: int, epochs: int, dtype: str, continues: bool) -> Settings:
    """Return the settings of one fit.

    Parameters
    ----------
    est : MLPClassifier or MLPRegressor
        Whose parameters are read.
    loss : Loss
        What is minimised.
    samples : int
        Rows to learn from.
    epochs : int
        At most so many.
    dtype : str
        ``"float32"`` or ``"float64"``.
    continues : bool
        Whether this is one of several calls of `partial_fit`, whose number nobody knows.

    Raises
    ------
    InputError
        If two parameters do not go together: the message names both.
    """
    _check_together(est, continues)
    common: dict[str, Any] = {
        "loss": loss, "epochs": epochs, "shuffle": bool(est.shuffle), "l1": float(est.l1), "alpha": float(est.alpha),
        "max_norm": est.max_norm, "clip_norm": est.clip_norm, "ema_decay": est.ema_decay,
        "dropout": dropout_of(est.dropout), "restore_best": False, "dtype": dtype, "engine": est.engine,
        "threads": threads_of(est.n_jobs),
    }  # fmt: skip
    if est.solver == LBFGS:
        limits = {
            "gtol": float(est.tol),
            "ftol": LBFGS_LOSS_TOLERANCE,
            "maxfun": int(est.max_fun),
        }
        return Settings(optimizer=LBFGS, optimizer_settings=limits, batch_size=max(1, samples), **common)
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
        schedule_settings=schedule_settings, batch_size=batch_size_of(est.batch_size, samples), **common,
    )  # fmt: skip


def has_partial_fit(est: Any) -> bool:
    """Say that there is a partial_fit.

    Raises
    ------
    AttributeError
        With lbfgs, which knows none; in scikit-learn's words.
    """
    if est.solver == LBFGS:
        raise AttributeError(
            f"partial_fit is only available for stochastic optimizers. {est.solver} is not stochastic."
        )
    return True


def batch_size_of(batch_size: Any, samples: int) -> int:
    """Return how many rows a batch has, with scikit-learn's warning where there are not so many."""
    if isinstance(batch_size, str):
        return min(AUTO_BATCH, samples)
    if batch_size > samples:
        warnings.warn(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=2
        )
    return int(np.clip(batch_size, 1, samples))


def dropout_of(dropout: Any) -> float | tuple[float, ...]:
    """Return the rates as plain numbers."""
    return float(dropout) if np.ndim(dropout) == 0 else tuple(float(rate) for rate in dropout)


def threads_of(n_jobs: int | None) -> int | None:
    """Return how many threads ``n_jobs`` allows: None for all usable cores, and so does -1, -2 for all but one.

    Raises
    ------
    InputError
        If it is 0.
    """
    if n_jobs is None or n_jobs == -1:
        return None
    if n_jobs == 0:
        raise InputError("n_jobs is 0; give the number of threads, or -1 for all cores")
    if n_jobs > 0:
        return int(n_jobs)
    from joblib import cpu_count

    return max(1, cpu_count() + 1 + int(n_jobs))


def _check_together(est: Any, continues: bool) -> None:
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
    if continues and est.learning_rate in SCHEDULES and SCHEDULES[est.learning_rate].needs_total_steps:
        raise InputError(
            f"learning_rate={est.learning_rate!r} must know how many epochs there will be, and partial_fit does not; "
            "use fit, or 'constant', 'exponential', 'step', 'inverse_scaling'"
        )

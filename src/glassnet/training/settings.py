"""The settings of a training: plain data, checked when created, stored in the model file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from numbers import Integral
from typing import Any

import numpy as np

from glassnet._utils.constraints import (
    BOOLEAN,
    MAPPING,
    NON_NEGATIVE,
    POSITIVE,
    Constraint,
    check_settings,
    check_value,
    is_bool,
    is_number,
    one_of,
    optional,
    whole_number_from,
)
from glassnet._utils.json_fields import MAX_NUMBER
from glassnet._utils.registry import lookup
from glassnet.engines.interface import Objective, UpdateRule
from glassnet.errors import InputError
from glassnet.network.forward import dropout_rates
from glassnet.network.losses import Loss, find_loss
from glassnet.network.optimizers import Optimizer, find_optimizer
from glassnet.network.schedules import ReduceOnPlateau, Schedule, find_schedule
from glassnet.network.setting_constraints import PLATEAU_SETTINGS
from glassnet.network.structure import Structure
from glassnet.training.early_stopping import EarlyStopping

#: SciPy's L-BFGS evaluates all rows at once and chooses its own step size (Liu & Nocedal 1989).
LBFGS = "lbfgs"
#: Its settings, as in SciPy: stop at this largest gradient entry, relative decrease, and number of evaluations (0:
#: auto).
LBFGS_DEFAULTS = {"gtol": 1e-8, "ftol": 1e-15, "maxfun": 0}

#: The most threads: more than any machine has cores.
MAX_THREADS = 1024
#: The choices of ``engine``.
ENGINES = ("auto", "reference", "fused")


@dataclass(frozen=True)
class Settings:
    """How to train a network.

    Parameters
    ----------
    loss : str or Loss
        A name in `glassnet.network.losses.LOSSES`; its settings in ``loss_settings`` (``{"delta": 2.0}``).
    optimizer : str or Optimizer
        A name in `glassnet.network.optimizers.OPTIMIZERS`, or ``"lbfgs"`` for full batches (one iteration an epoch);
        its settings in ``optimizer_settings``.
    learning_rate : float, optional
        The base rate, multiplied by the schedule; the optimizer's default if not given.
    schedule : str or Schedule
        A name in `glassnet.network.schedules.SCHEDULES`; its settings in ``schedule_settings``, with ``warmup`` for
        the epochs of linear warm-up before it.
    reduce_on_plateau : bool or mapping
        Whether to lower the rate when the validation loss (else the training loss) has stopped falling; a mapping sets
        ``factor``, ``patience``, ``threshold`` and ``min_factor`` of `ReduceOnPlateau`.
    batch_size, epochs : int
        Rows in a batch, and passes over the rows.
    shuffle : bool
        Whether to shuffle the rows in each epoch.
    l1, l2 : float
        Strength of the penalty l1 Σ|W| + l2/2 Σ W², added to the mean loss.
    alpha : float
        scikit-learn's penalty: adds alpha / Σ w to l2, where w are the sample weights of the batch.
    weight_decay : float, optional
        Decoupled weight decay (AdamW); the optimizer's default if not given.
    dropout : float or sequence of float
        The dropout rate of every hidden layer, or L rates: the input's, then each hidden layer's.
    clip_norm, clip_value : float, optional
        The maximum norm of the gradient, and the maximum absolute value of its entries.
    max_norm : float, optional
        The maximum norm of the incoming weights of a unit.
    ema_decay : float, optional
        Decay of an exponential moving average of the parameters, which is then used for prediction.
    patience : int, optional
        Number of epochs without improvement of the monitored value after which to stop.
    min_delta : float
        The minimum improvement of the monitored value.
    monitor : str
        The monitored value, ``"loss"`` or ``"metric"``: of the validation rows, else of the training rows.
    restore_best : bool
        Whether to return the parameters of the best epoch, if there are validation rows or ``patience``.
    initializer : str
        A name in `glassnet.network.initializers.INITIALIZERS`, or ``"auto"``.
    dtype : str
        ``"float32"`` or ``"float64"``.
    random_state : int
        The seed of initial weights, order and dropout.
    engine : str
        ``"fused"`` (compiled, all cores), ``"reference"`` (NumPy), or ``"auto"``: fused, where it is compiled.
        Settings that the fused engine does not support run on the reference engine; the result names the engine.
    threads : int, optional
        Threads of the fused engine; all available cores if not given. The bits do not depend on it.

    Raises
    ------
    InputError
        If a value is invalid: names the setting, the value and what is expected.
    """

    loss: str | Loss = "categorical_crossentropy"
    loss_settings: Mapping[str, Any] = field(default_factory=dict)
    optimizer: str | Optimizer = "adam"
    optimizer_settings: Mapping[str, Any] = field(default_factory=dict)
    learning_rate: float | None = None
    schedule: str | Schedule = "constant"
    schedule_settings: Mapping[str, Any] = field(default_factory=dict)
    reduce_on_plateau: bool | Mapping[str, float] = False
    batch_size: int = 32
    epochs: int = 10
    shuffle: bool = True
    l1: float = 0.0
    l2: float = 0.0
    alpha: float = 0.0
    weight_decay: float | None = None
    dropout: float | Sequence[float] = 0.0
    clip_norm: float | None = None
    clip_value: float | None = None
    max_norm: float | None = None
    ema_decay: float | None = None
    patience: int | None = None
    min_delta: float = 0.0
    monitor: str = "loss"
    restore_best: bool = True
    initializer: str = "auto"
    dtype: str = "float32"
    random_state: int = 0
    engine: str = "auto"
    threads: int | None = None

    def __post_init__(self) -> None:
        for setting in fields(self):
            object.__setattr__(self, setting.name, _python_value(getattr(self, setting.name)))
        for name, constraint in _CONSTRAINTS.items():
            check_value(name, getattr(self, name), constraint)
        lookup(dict.fromkeys(ENGINES), self.engine, "engine")
        self.resolve_loss()
        self.resolve_schedule()
        self.resolve_plateau()
        if self.full_batch:
            self._check_lbfgs()
        else:
            self.resolve_optimizer()

    def _check_lbfgs(self) -> None:
        """Refuse settings that L-BFGS has no use for."""
        check_settings(self.optimizer_settings, LBFGS_DEFAULTS, "lbfgs")
        for name in ("clip_norm", "clip_value", "max_norm", "ema_decay", "weight_decay", "learning_rate"):
            if getattr(self, name) is not None:
                raise InputError(f"{name} does not go with optimizer 'lbfgs', which chooses its steps; leave it out")
        if self.dropout:
            raise InputError("dropout does not go with optimizer 'lbfgs', which needs a loss that does not change")

    @property
    def full_batch(self) -> bool:
        """Whether each step uses all rows (L-BFGS)."""
        return self.optimizer == LBFGS

    def resolve_loss(self) -> Loss:
        """Return the loss with its settings."""
        return find_loss(self.loss, **self.loss_settings)

    def resolve_optimizer(self) -> Optimizer:
        """Return the optimizer with its settings."""
        return find_optimizer(self.optimizer, **self.optimizer_settings)

    def resolve_schedule(self) -> Schedule:
        """Return the schedule with its settings."""
        return find_schedule(self.schedule, **self.schedule_settings)

    def resolve_plateau(self) -> ReduceOnPlateau | None:
        """Return the initial state of ``reduce_on_plateau``; None if it is off."""
        if not self.reduce_on_plateau:
            return None
        settings: Mapping[str, Any] = self.reduce_on_plateau if isinstance(self.reduce_on_plateau, Mapping) else {}
        defaults = {"factor": 0.1, "patience": 10, "threshold": 1e-4, "min_factor": 0.0}
        check_settings(settings, defaults, "reduce_on_plateau", PLATEAU_SETTINGS)
        return ReduceOnPlateau(**settings)

    def early_stopping(self) -> EarlyStopping:
        """Return the criteria of early stopping; without ``patience`` they only choose the best epoch."""
        patience = math.inf if self.patience is None else self.patience
        return EarlyStopping("min" if self.monitor == "loss" else "max", self.min_delta, patience)

    def objective(self, structure: Structure) -> Objective:
        """Return the objective for a structure; raise an InputError if loss or dropout do not fit it."""
        loss = self.resolve_loss()
        check_output(structure, loss)
        return Objective(structure, loss, dropout_rates(structure, self.dropout), self.l1, self.l2, self.alpha)

    def update_rule(self) -> UpdateRule:
        """Return the update rule."""
        return UpdateRule(
            self.resolve_optimizer(), self.weight_decay, self.clip_norm, self.clip_value, self.max_norm, self.ema_decay
        )

    def as_json(self) -> dict[str, Any]:
        """Return the settings as JSON values; custom losses, optimizers and schedules by their name."""
        plain = asdict(self)
        for name in ("loss", "optimizer", "schedule"):
            plain[name] = getattr(getattr(self, name), "name", getattr(self, name))
        return {name: _json_value(value) for name, value in plain.items()} | {"random_state": self.random_state}


def _python_value(value: Any) -> Any:
    """Return NumPy's numbers, also within mappings and sequences, as Python's; custom rules may take arrays."""
    if isinstance(value, Mapping):
        return {name: v if isinstance(v, np.ndarray) else _python_value(v) for name, v in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(_python_value, value))
    return value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value


def _json_value(value: Any) -> Any:
    """Return what JSON can hold: no infinity, which only sets a default, no whole number that readers would round."""
    if isinstance(value, Mapping):
        return {name: _json_value(v) for name, v in value.items() if not (isinstance(v, float) and v == math.inf)}
    if isinstance(value, np.ndarray):
        return value.tolist()
    return float(value) if isinstance(value, int) and abs(value) > MAX_NUMBER else value


def check_output(structure: Structure, loss: Loss) -> None:
    """Check that a loss fits the output layer.

    Raises
    ------
    InputError
        If the loss has a link and the last activation is neither it nor the identity (logits), if a softmax loss has a
        single output, or if the number of quantiles is neither one nor the number of outputs.
    """
    last = structure.activations[-1].name
    if loss.link and last not in (loss.link, "identity"):
        raise InputError(
            f"loss {loss.name!r} does not go with the output activation {last!r}; "
            f"use {loss.link!r}, or 'identity' for logits"
        )
    if loss.link == "softmax" and structure.n_outputs < 2:
        raise InputError(f"loss {loss.name!r} needs an output for each class, 2 or more; the structure has 1")
    quantiles = len(loss.settings["quantiles"]) if loss.name == "pinball" else 1
    if quantiles not in (1, structure.n_outputs):
        raise InputError(
            f"loss {loss.name!r} has {quantiles} quantiles and the structure {structure.n_outputs} outputs; "
            "give one quantile for all outputs, or one for each"
        )


#: A whole number that every JSON reader keeps exact, so that the model can be saved.
_COUNT = Constraint(lambda v: is_number(v, Integral) and 1 <= v <= MAX_NUMBER, "a whole number from 1 to 2**53")

#: What each setting may be; those that name an entry of a table are looked up instead.
_CONSTRAINTS = {
    "batch_size": _COUNT,
    "epochs": _COUNT,
    "patience": optional(_COUNT),
    "threads": optional(whole_number_from(1, MAX_THREADS)),
    "random_state": Constraint(
        lambda v: is_number(v, Integral) and 0 <= v < 2**128, "a whole number, 0 or more, of at most 128 bits"
    ),
    "learning_rate": optional(POSITIVE),
    "clip_norm": optional(POSITIVE),
    "clip_value": optional(POSITIVE),
    "max_norm": optional(POSITIVE),
    "l1": NON_NEGATIVE,
    "l2": NON_NEGATIVE,
    "alpha": NON_NEGATIVE,
    "min_delta": NON_NEGATIVE,
    "weight_decay": optional(NON_NEGATIVE),
    "ema_decay": optional(
        Constraint(lambda v: is_number(v) and 0 < v < 1, "a number above 0 and below 1, such as 0.999")
    ),
    "monitor": one_of("loss", "metric"),
    "dtype": one_of("float32", "float64"),
    "shuffle": BOOLEAN,
    "restore_best": BOOLEAN,
    "dropout": Constraint(
        lambda v: is_number(v) or (isinstance(v, Sequence) and not isinstance(v, str) and all(map(is_number, v))),
        "a number, or a sequence of numbers",
    ),
    "loss_settings": MAPPING,
    "optimizer_settings": MAPPING,
    "schedule_settings": MAPPING,
    "initializer": Constraint(lambda v: isinstance(v, str), "a name, such as 'auto'"),
    "reduce_on_plateau": Constraint(lambda v: is_bool(v) or isinstance(v, Mapping), "True, False or a mapping"),
}

"""A training plan: data, network and settings; validated before the training starts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from glassnet._utils.registry import lookup
from glassnet.errors import InputError
from glassnet.models.fitting import PreparedData, prepare_data
from glassnet.network.losses import find_loss
from glassnet.network.optimizers import find_optimizer
from glassnet.network.schedules import find_schedule
from glassnet.preprocessing.scaling import BYTE_SCALE
from glassnet.training import Run, Settings
from glassnet.training.loop import build_run
from glassnet.training.state import init_state
from glassnet.web.learn.batches import BatchSource
from glassnet.web.learn.training_rows import FileRows, TrainingRows, load_memory, load_training_rows
from glassnet.web.training_memory import training_memory
from glassnet.web.work import checkpoint, require_memory

#: Limits of networks on the page, for an interactive pace.
MAX_LAYERS = 10
MAX_UNITS = 1000
MAX_PARAMETERS = 5_000_000
MAX_EPOCHS = 100_000
#: Settings that a plan can't change.
_SERVER_SETTINGS = ("threads",)


@dataclass(frozen=True)
class TrainingPlan:
    """A training plan.

    Parameters
    ----------
    data : mapping
        See `glassnet.web.learn.training_rows.load_training_rows`.
    validation_fraction : float
        Share of the rows that are held out for validation.
    hidden : tuple of int
        Units of the hidden layers.
    activations : tuple of str
        One for each hidden layer, and optionally one for the output, if it is not the default of the loss.
    settings : Settings
        Settings with all defaults filled in: learning rate, weight decay.
    """

    data: dict[str, Any]
    validation_fraction: float
    hidden: tuple[int, ...]
    activations: tuple[str, ...]
    settings: Settings

    def as_json(self) -> dict[str, Any]:
        """Return the plan as plain values, with all defaults filled in."""
        output = self.activations[len(self.hidden) :]
        return {
            "data": self.data,
            "validation_fraction": self.validation_fraction,
            "hidden": list(self.hidden),
            "activations": list(self.activations[: len(self.hidden)]),
            "output": output[0] if output else None,
            "settings": {
                name: value for name, value in self.settings.as_json().items() if name not in _SERVER_SETTINGS
            },
        }


def read_plan(content: Any) -> TrainingPlan:
    """Parse and validate a plan.

    Raises
    ------
    InputError
        If a part is invalid; the message names it and what was expected.
    """
    if not isinstance(content, dict):
        raise InputError("the plan must be an object with data, hidden, activations and settings")
    known = ("data", "validation_fraction", "hidden", "activations", "output", "settings")
    for name in content:
        lookup(dict.fromkeys(known), name, "part of the plan:")
    hidden = _list(content, "hidden", int)
    if len(hidden) > MAX_LAYERS or any(not 1 <= units <= MAX_UNITS for units in hidden):
        raise InputError(f"hidden is {hidden}; give at most {MAX_LAYERS} layers of 1 to {MAX_UNITS} units")
    activations = _list(content, "activations", str)
    if len(activations) != len(hidden):
        raise InputError(f"activations names {len(activations)}; give one for each of the {len(hidden)} hidden layers")
    output = content.get("output")
    if output is not None:
        activations.append(str(output))
    fraction = content.get("validation_fraction", 0.25)
    if isinstance(fraction, bool) or not isinstance(fraction, (int, float)) or not 0 <= fraction <= 0.9:
        raise InputError(f"validation_fraction is {fraction!r}; it must be a number from 0 to 0.9")
    settings = _settings(content.get("settings", {}))
    data = content.get("data", {})
    return TrainingPlan(
        data if isinstance(data, dict) else {"kind": data}, fraction, tuple(hidden), tuple(activations), settings
    )


def prepare_training(
    plan: TrainingPlan, file_rows: FileRows | None, batches: type[BatchSource] = BatchSource
) -> tuple[TrainingRows, PreparedData, Run]:
    """Load the rows, prepare the data and set up the run, so that all errors are raised before training.

    Returns
    -------
    TrainingRows, PreparedData, Run
        The source of the run is a `BatchSource`.

    Raises
    ------
    InputError
        If parts of the plan are incompatible.
    """
    require_memory(load_memory(plan.data, file_rows))
    rows = load_training_rows(plan.data, file_rows)
    checkpoint()
    ready = prepare_data(
        rows.x,
        rows.y,
        hidden=plan.hidden,
        activation=plan.activations,
        task=rows.task,
        settings=plan.settings,
        validation_fraction=plan.validation_fraction,
        feature_names=rows.names,
        target_name=rows.target,
        source=rows.table.source,
    )
    structure = ready.untrained.structure
    settings = plan.settings
    if structure.n_parameters > MAX_PARAMETERS:
        raise InputError(f"the network has {structure.n_parameters:,} parameters; the page allows {MAX_PARAMETERS:,}")
    require_memory(training_memory(structure, settings, len(rows.y)))
    checkpoint()
    state = init_state(structure, settings)
    run = build_run(structure, settings, ready.training, ready.validation, None, "", state, BYTE_SCALE)
    run.source = batches.of(run.source)
    _try_settings(run)
    return rows, ready, run


def learning_rates(run: Run, n_points: int = 200) -> list[float]:
    """Return the learning rate over the training at up to n_points steps; empty for L-BFGS, which has none."""
    settings = run.settings
    if settings.full_batch:
        return []
    total = run.n_batches * settings.epochs
    base = settings.learning_rate or settings.resolve_optimizer().learning_rate
    schedule = settings.resolve_schedule()
    steps = np.unique(np.linspace(0, total - 1, min(n_points, total)).astype(int))
    return [base * float(schedule.factors(int(step), 1, run.n_batches, total)[0]) for step in steps]


def _try_settings(run: Run) -> None:
    """Evaluate schedule and optimizer once, to raise the error of an invalid number before training."""
    settings = run.settings
    try:
        with np.errstate(all="ignore"):
            if not all(math.isfinite(rate) for rate in learning_rates(run, 20)):
                raise ArithmeticError("the learning rate is not a finite number")
            if not settings.full_batch:
                w = np.ones(4)
                rule = settings.resolve_optimizer()
                state = rule.init(w)
                state.step = 1
                rule.direction(w, w.copy(), state, {"W1": slice(0, 4)}, **rule.settings)
    except (ArithmeticError, ValueError, TypeError) as error:
        raise InputError(f"these settings can't be computed: {error}; choose other numbers") from None


def _settings(content: Any) -> Settings:
    """Check types and names, and return settings with all defaults filled in."""
    _check_types(content)
    settings = Settings(**content)
    if settings.epochs > MAX_EPOCHS:
        raise InputError(f"epochs is {settings.epochs:,}; the page allows {MAX_EPOCHS:,}")
    _check_like("loss_settings", settings.loss_settings, find_loss(settings.loss).settings, settings.loss)
    if settings.full_batch:
        return replace(settings, schedule="constant", schedule_settings={})
    optimizer = find_optimizer(settings.optimizer)
    schedule = find_schedule(settings.schedule)
    tables = {"optimizer_settings": optimizer.settings, "schedule_settings": {**schedule.settings, "warmup": 0.0}}
    for name, default in tables.items():
        _check_like(name, getattr(settings, name), default, getattr(settings, name.removesuffix("_settings")))
    return replace(
        settings,
        learning_rate=optimizer.learning_rate if settings.learning_rate is None else settings.learning_rate,
        weight_decay=optimizer.weight_decay if settings.weight_decay is None else settings.weight_decay,
    )


def _check_types(content: Any) -> None:
    """Raise InputError if a name is unknown or a value has the wrong JSON type."""
    if not isinstance(content, dict):
        raise InputError(f"settings is {content!r}; it must be an object")
    names = [field.name for field in fields(Settings) if field.name not in _SERVER_SETTINGS]
    for name in content:
        lookup(dict.fromkeys(names), name, "setting")
    for name in ("loss", "optimizer", "schedule", "initializer", "monitor", "dtype", "engine"):
        if name in content and not isinstance(content[name], str):
            raise InputError(f"{name} is {content[name]!r}; it must be a name")
    for name in ("loss_settings", "optimizer_settings", "schedule_settings"):
        if not isinstance(content.get(name, {}), dict):
            raise InputError(f"{name} is {content[name]!r}; it must be an object")
    for name in ("shuffle", "restore_best"):
        if not isinstance(content.get(name, True), bool):
            raise InputError(f"{name} is {content[name]!r}; it must be true or false")
    dropout = content.get("dropout", 0.0)
    for rate in dropout if isinstance(dropout, list) else [dropout]:
        if isinstance(rate, bool) or not isinstance(rate, (int, float)):
            raise InputError(f"dropout is {dropout!r}; it must be a rate, or a list of them")
    plateau = content.get("reduce_on_plateau", False)
    if not isinstance(plateau, bool) and not (isinstance(plateau, dict) and all(map(_is_number, plateau.values()))):
        raise InputError(f"reduce_on_plateau is {plateau!r}; it must be true, false or an object of numbers")


def _check_like(where: str, given: Mapping[str, Any], default: Mapping[str, Any], owner: Any) -> None:
    """Raise InputError if a value's type differs from the default's; the names were checked by the look-up."""
    for name, value in given.items():
        like = default[name]
        if isinstance(like, bool):
            valid = isinstance(value, bool)
            expected = "true or false"
        elif isinstance(like, (tuple, list)):
            valid = all(map(_is_number, value or [value])) if isinstance(value, list) else _is_number(value)
            expected = "a list of numbers"
        else:
            valid = _is_number(value)
            expected = "a number"
        if not valid:
            raise InputError(f"{where}: {name} of {owner} is {value!r}; it must be {expected}")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _list(content: dict[str, Any], name: str, kind: type) -> list[Any]:
    found = content.get(name, [])
    if not isinstance(found, list) or any(not isinstance(v, kind) or isinstance(v, bool) for v in found):
        raise InputError(f"{name} is {found!r}; it must be a list of {'integers' if kind is int else 'names'}")
    return list(found)

"""A plan: what is to be learned, by which network, and how; checked before anything begins."""

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
from glassnet.web.learn.batches import Batches
from glassnet.web.learn.rows import Own, RowsToLearn, rows_to_learn

#: What the page's networks may have; enough for a person's patience.
MAX_LAYERS, MAX_UNITS, MAX_PARAMETERS, MAX_EPOCHS = 10, 1000, 5_000_000, 100_000
#: Settings that are the server's own business.
_NOT_HERE = ("threads",)


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    Parameters
    ----------
    data : mapping
        See `glassnet.web.learn.rows.rows_to_learn`.
    validation_fraction : float
        Share of the rows that are never trained on.
    hidden : tuple of int
        Units of the hidden layers.
    activations : tuple of str
        One for each hidden layer, and one for the output where it is not what the loss wants to see.
    settings : Settings
        With every number that the library would fill in: learning rate, weight decay.
    """

    data: dict[str, Any]
    validation_fraction: float
    hidden: tuple[int, ...]
    activations: tuple[str, ...]
    settings: Settings

    def as_json(self) -> dict[str, Any]:
        """Return it as it was sent, with what was filled in."""
        output = self.activations[len(self.hidden) :]
        return {
            "data": self.data,
            "validation_fraction": self.validation_fraction,
            "hidden": list(self.hidden),
            "activations": list(self.activations[: len(self.hidden)]),
            "output": output[0] if output else None,
            "settings": {name: value for name, value in self.settings.as_json().items() if name not in _NOT_HERE},
        }


def read_plan(content: Any) -> Plan:
    """Check a plan as the page sends it.

    Raises
    ------
    InputError
        If something can't be used: which, what was expected.
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
    return Plan(
        data if isinstance(data, dict) else {"kind": data}, fraction, tuple(hidden), tuple(activations), settings
    )


def made(plan: Plan, own: Own | None, batches: type[Batches] = Batches) -> tuple[RowsToLearn, PreparedData, Run]:
    """Fetch the rows, make them ready, and set up the run, so that whatever does not fit together is told now.

    Returns
    -------
    RowsToLearn, PreparedData, Run
        The run's source is a `Batches`.

    Raises
    ------
    InputError
        If something does not fit.
    """
    rows = rows_to_learn(plan.data, own)
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
    structure, settings = ready.untrained.structure, plan.settings
    if structure.n_parameters > MAX_PARAMETERS:
        raise InputError(f"that makes {structure.n_parameters:,} parameters; here the most is {MAX_PARAMETERS:,}")
    state = init_state(structure, settings)
    run = build_run(structure, settings, ready.training, ready.validation, None, "", state, BYTE_SCALE)
    run.source = batches.of(run.source)
    _try_numbers(run)
    return rows, ready, run


def rates(run: Run, most: int = 200) -> list[float]:
    """Return the learning rate over the training, at so many steps at most; empty for L-BFGS, which has none."""
    settings = run.settings
    if settings.full_batch:
        return []
    total = run.n_batches * settings.epochs
    base = settings.learning_rate or settings.resolve_optimizer().learning_rate
    schedule, steps = settings.resolve_schedule(), np.unique(np.linspace(0, total - 1, min(most, total)).astype(int))
    return [base * float(schedule.factors(int(step), 1, run.n_batches, total)[0]) for step in steps]


def _try_numbers(run: Run) -> None:
    """Try the settings of the tables' entries once, where a number that can't be used would else be met midway."""
    settings = run.settings
    try:
        with np.errstate(all="ignore"):
            if not all(math.isfinite(rate) for rate in rates(run, 20)):
                raise ArithmeticError("the learning rate is no finite number")
            if not settings.full_batch:
                w = np.ones(4)
                rule = settings.resolve_optimizer()
                state = rule.init(w)
                state.step = 1
                rule.direction(w, w.copy(), state, {"W1": slice(0, 4)}, **rule.settings)
    except (ArithmeticError, ValueError, TypeError) as error:
        raise InputError(f"these settings can't be computed with: {error}; choose other numbers") from None


def _settings(content: Any) -> Settings:
    if not isinstance(content, dict):
        raise InputError(f"settings is {content!r}; it must be an object")
    names = [field.name for field in fields(Settings) if field.name not in _NOT_HERE]
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
    settings = Settings(**content)
    if settings.epochs > MAX_EPOCHS:
        raise InputError(f"epochs is {settings.epochs:,}; here the most is {MAX_EPOCHS:,}")
    _check_like("loss_settings", settings.loss_settings, find_loss(settings.loss).settings, settings.loss)
    if settings.full_batch:
        return replace(settings, schedule="constant", schedule_settings={})
    optimizer, schedule = find_optimizer(settings.optimizer), find_schedule(settings.schedule)
    tables = {"optimizer_settings": optimizer.settings, "schedule_settings": {**schedule.settings, "warmup": 0.0}}
    for name, default in tables.items():
        _check_like(name, getattr(settings, name), default, getattr(settings, name.removesuffix("_settings")))
    return replace(
        settings,
        learning_rate=optimizer.learning_rate if settings.learning_rate is None else settings.learning_rate,
        weight_decay=optimizer.weight_decay if settings.weight_decay is None else settings.weight_decay,
    )


def _check_like(where: str, given: Mapping[str, Any], default: Mapping[str, Any], whose: Any) -> None:
    """Refuse a value of another kind than the table's own; the names were checked when the entry was looked up."""
    for name, value in given.items():
        like = default[name]
        is_truth, is_list = isinstance(like, bool), isinstance(like, (tuple, list))
        values = value if is_list and isinstance(value, list) and value else [value]
        right = isinstance(value, bool) if is_truth else all(_is_number(v) for v in values)
        if not right or isinstance(value, list) != (is_list and isinstance(value, list)):
            what = "true or false" if is_truth else "a list of numbers" if is_list else "a number"
            raise InputError(f"{where}: {name} of {whose} is {value!r}; it must be {what}")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _list(content: dict[str, Any], name: str, kind: type) -> list[Any]:
    found = content.get(name, [])
    if not isinstance(found, list) or any(not isinstance(v, kind) or isinstance(v, bool) for v in found):
        raise InputError(f"{name} is {found!r}; it must be a list of {'whole numbers' if kind is int else 'names'}")
    return list(found)

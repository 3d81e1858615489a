"""Compare the training of a checkpoint with the current one: resuming is exact only if they agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from glassnet._version import __version__
from glassnet.network.losses import Loss
from glassnet.network.optimizers import Optimizer
from glassnet.network.schedules import Schedule
from glassnet.network.serialization import structure_fields
from glassnet.training import Run, Settings

#: Settings that may differ: threads do not change the bits, the engine that ran is compared, epochs may grow.
_IGNORED_SETTINGS = ("threads", "engine", "epochs")


def describe(run: Run) -> dict[str, Any]:
    """Return what decides the bits of a training, as JSON values: structure, settings, metric, engine and rows."""
    settings = run.settings
    fingerprints = {"training": run.source.fingerprint()}
    fingerprints |= {name: source.fingerprint() for name, source in run.eval_sets.items()}
    return {
        "glassnet": __version__,
        "structure": structure_fields(run.structure),
        "settings": {name: _to_json(getattr(settings, name)) for name in settings.__dataclass_fields__},
        "metric": run.metric.name,
        "engine": run.engine.name,
        "epochs_before": run.state.epochs,
        "rows": fingerprints,
    }


def differences(saved: dict[str, Any], current: dict[str, Any]) -> list[str]:
    """Return a sentence for each difference between the training of a checkpoint and this one.

    Parameters
    ----------
    saved : dict
        From a file, by `describe` if the file is genuine.
    current : dict
        From `describe`.
    """
    found = []
    for part in ("structure", "settings"):
        before = _as_mapping(saved.get(part))
        now = current[part]
        for name in dict.fromkeys([*before, *now]):
            if name not in _IGNORED_SETTINGS and before.get(name) != now.get(name):
                found.append(f"{name} was {_shorten(before.get(name))} and is {_shorten(now.get(name))}")
    for name in ("metric", "engine"):
        if saved.get(name) != current[name]:
            found.append(f"the {name} was {_shorten(saved.get(name))} and is {_shorten(current[name])}")
    if saved.get("epochs_before") != current["epochs_before"]:
        found.append(
            f"it began after {_shorten(saved.get('epochs_before'))} epochs of an earlier training, and this one after "
            f"{current['epochs_before']}"
        )
    before = _as_mapping(saved.get("rows"))
    now = current["rows"]
    for name in dict.fromkeys([*before, *now]):
        if name not in now or name not in before:
            found.append(f"it had {'no' if name not in before else 'some'} {name} rows, unlike this one")
        elif before[name] != now[name]:
            found.append(
                f"the {name} rows differ (their fingerprint was {_shorten(before[name])} and is {_shorten(now[name])})"
            )
    return found


def epochs_difference(saved: dict[str, Any], settings: Settings, epochs_done: int) -> str:
    """Return why the number of epochs can't be changed to that of these settings; an empty string if it can."""
    before = _as_mapping(saved.get("settings")).get("epochs")
    now = settings.epochs
    if before == now:
        return ""
    schedule = settings.resolve_schedule()
    if schedule.needs_total_steps:
        return (
            f"epochs was {_shorten(before)} and is {now}, and the schedule {schedule.name!r} depends on the number of "
            "epochs from the beginning"
        )
    return f"epochs is {now}, and {epochs_done} are done already" if now < epochs_done else ""


def _to_json(value: Any) -> Any:
    if isinstance(value, (Loss, Optimizer, Schedule)):  # custom, or with custom settings
        warmup = {"warmup": value.warmup} if isinstance(value, Schedule) else {}
        return {"name": value.name, **warmup, "settings": _to_json(value.settings)}
    if isinstance(value, Mapping):
        return {str(name): _to_json(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json(inner) for inner in value]
    value = value.item() if isinstance(value, np.generic) else value
    return value if value is None or isinstance(value, (bool, int, float, str)) else repr(value)[:200]


def _as_mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _shorten(value: Any) -> str:
    return f"{value!r:.120}"

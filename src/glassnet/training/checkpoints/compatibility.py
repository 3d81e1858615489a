"""What a training is, in plain values, and where another one differs: going on is exact only with the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from glassnet._version import __version__
from glassnet.network.losses import Loss
from glassnet.network.optimizers import Optimizer
from glassnet.network.schedules import Schedule
from glassnet.training import Run, Settings

#: Settings that do not change the bits: threads; which engine ran is compared itself; epochs have rules of their own.
_FREE = ("threads", "engine", "epochs")


def describe(run: Run) -> dict[str, Any]:
    """Return what decides the bits of a training that has not begun, as JSON has it."""
    structure = run.structure
    settings = run.settings
    return {
        "glassnet": __version__,
        "structure": {
            "layer_sizes": list(structure.layer_sizes),
            "activations": [activation.name for activation in structure.activations],
            "tables": [list(table) for table in structure.tables],
        },
        "settings": {name: _plain(getattr(settings, name)) for name in settings.__dataclass_fields__},
        "metric": run.metric.name,
        "engine": run.engine.name,
        "epochs_before": run.state.epochs,
        "rows": {"training": run.source.fingerprint()}
        | {name: source.fingerprint() for name, source in run.eval_sets.items()},
    }


def differences(there: dict[str, Any], here: dict[str, Any]) -> list[str]:
    """Return in words what differs between the training of a checkpoint and this one; nothing if they are the same.

    Parameters
    ----------
    there, here : dict
        By `describe`; ``there`` comes from a file.
    """
    found = []
    for part in ("structure", "settings"):
        before = _mapping(there.get(part))
        now = here[part]
        for name in dict.fromkeys([*before, *now]):
            if name not in _FREE and before.get(name) != now.get(name):
                found.append(f"{name} was {_shown(before.get(name))} and is {_shown(now.get(name))}")
    for name in ("metric", "engine"):
        if there.get(name) != here[name]:
            found.append(f"the {name} was {_shown(there.get(name))} and is {_shown(here[name])}")
    if there.get("epochs_before") != here["epochs_before"]:
        found.append(
            f"it began after {_shown(there.get('epochs_before'))} epochs of an earlier training, and this one after "
            f"{here['epochs_before']}"
        )
    before = _mapping(there.get("rows"))
    now = here["rows"]
    for name in dict.fromkeys([*before, *now]):
        if name not in now or name not in before:
            found.append(f"it had {'no' if name not in before else 'some'} {name} rows, unlike this one")
        elif before[name] != now[name]:
            found.append(
                f"the {name} rows are others (their fingerprint was {_shown(before[name])} and is {_shown(now[name])})"
            )
    return found


def epochs_differ(there: dict[str, Any], settings: Settings, done: int) -> str:
    """Return in words why the number of epochs can't be changed to that of these settings; nothing if it can."""
    before = _mapping(there.get("settings")).get("epochs")
    now = settings.epochs
    if before == now:
        return ""
    schedule = settings.resolve_schedule()
    if schedule.needs_total_steps:
        return (
            f"epochs was {_shown(before)} and is {now}, and the schedule {schedule.name!r} must know from the "
            "beginning how many there are"
        )
    return f"epochs is {now}, and {done} are done already" if now < done else ""


def _plain(value: Any) -> Any:
    if isinstance(value, (Loss, Optimizer, Schedule)):  # of one's own, or with numbers of its own
        more = {"warmup": value.warmup} if isinstance(value, Schedule) else {}
        return {"name": value.name, **more, "settings": _plain(value.settings)}
    if isinstance(value, Mapping):
        return {str(name): _plain(inside) for name, inside in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inside) for inside in value]
    value = value.item() if isinstance(value, np.generic) else value
    return value if value is None or isinstance(value, (bool, int, float, str)) else repr(value)[:200]


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _shown(value: Any) -> str:
    return f"{value!r:.120}"

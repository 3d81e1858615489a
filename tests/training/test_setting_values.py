"""Each setting at and beyond its limits: an error when it is given, or a training that ends and is saved."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glassnet import InputError, MLPClassifier, Settings, fit, load, save
from glassnet.models import Model
from glassnet.network.losses import LOSSES
from glassnet.network.optimizers import OPTIMIZERS
from glassnet.network.schedules import SCHEDULES, find_schedule
from glassnet.training.settings import LBFGS, LBFGS_DEFAULTS

VALUES: tuple[Any, ...] = (
    0, 1, -1, 2, 0.5, -0.5, 1e308, -1e308, 5e-324, 2**53, 2**62, 10**30, 10**400, np.int64(3), np.float32(0.5), True,
    "a", None, [], (1,), math.inf, math.nan,
)  # fmt: skip
QUICK = {"epochs": 3, "batch_size": 8, "engine": "reference"}
X = np.random.default_rng(0).standard_normal((40, 3))
CLASSES = np.arange(40) % 2


def cases() -> dict[str, tuple[dict[str, Any], str, str]]:
    """Return other settings, the setting and the entry in it, by name; the entry is empty for the setting itself."""
    found: dict[str, tuple[dict[str, Any], str, str]] = {}
    for kind, table in (("schedule", SCHEDULES), ("optimizer", OPTIMIZERS), ("loss", LOSSES)):
        for name, rule in table.items():
            entries = [*rule.settings, *(["warmup"] if kind == "schedule" else [])]
            found |= {f"{name}.{entry}": ({kind: name}, f"{kind}_settings", entry) for entry in entries}
    for entry in LBFGS_DEFAULTS:
        found[f"lbfgs.{entry}"] = ({"optimizer": LBFGS}, "optimizer_settings", entry)
    for entry in ("factor", "patience", "threshold", "min_factor"):
        found[f"reduce_on_plateau.{entry}"] = ({}, "reduce_on_plateau", entry)
    for setting in dataclasses.fields(Settings):
        if setting.name != "epochs":
            found[setting.name] = ({}, setting.name, "")
    return found


CASES = cases()


def trained(content: dict[str, Any]) -> Model:
    settings = Settings(**(QUICK | content))
    target = CLASSES if settings.resolve_loss().link == "softmax" else X[:, 0]
    return fit(X, target, hidden=(4,), settings=settings, validation_fraction=0.2)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.sweep(strength=1)
@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{value!r:.20}")
@pytest.mark.parametrize("name", CASES)
def test_a_value_is_refused_or_works(name: str, value: Any, tmp_path: Path) -> None:
    others, setting, entry = CASES[name]
    try:
        model = trained({**others, setting: {entry: value} if entry else value})
    except InputError:
        return
    save(model, tmp_path / "a.glassnet")
    loaded = load(tmp_path / "a.glassnet").settings.as_json()
    assert json.dumps(loaded) == json.dumps(model.settings.as_json())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"schedule": "step", "schedule_settings": {"step_size": 0}},
            "'step_size' of schedule 'step' is 0; it must",
        ),
        ({"schedule": "cosine", "schedule_settings": {"t_mult": 0}}, "'t_mult' of schedule 'cosine' is 0"),
        (
            {"schedule": "one_cycle", "schedule_settings": {"div_factor": 0}},
            "'div_factor' of schedule 'one_cycle'",
        ),
        ({"schedule_settings": {"warmup": 1e308}}, "'warmup' of schedule 'constant' is 1e.308"),
        ({"optimizer_settings": {"beta_2": 1}}, "'beta_2' of optimizer 'adam' is 1; .* at least 0 and below 1"),
        ({"loss": "huber", "loss_settings": {"delta": 0}}, "'delta' of loss 'huber' is 0; it must be a number above 0"),
        ({"loss": "pinball", "loss_settings": {"quantiles": (0.5, 1)}}, "'quantiles' of loss 'pinball'"),
        ({"reduce_on_plateau": {"factor": -1}}, "'factor' of reduce_on_plateau is -1"),
        ({"batch_size": 2**62}, r"batch_size is 4611686018427387904; it must be a whole number from 1 to 2\*\*53"),
        ({"threads": 10**9}, "threads is 1000000000; it must be a whole number from 1 to 1024"),
        ({"random_state": 2**128}, "random_state is .*; it must be a whole number, 0 or more, of at most 128 bits"),
        ({"dropout": None}, "dropout is None; it must be a number, or a sequence of numbers"),
        ({"l1": 10**400}, "l1 is 1000.*; it must be a number, 0 or more"),
    ],
)
def test_the_message_names_what_is_expected(content: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Settings(**content)


@pytest.mark.parametrize("engine", ["reference", "fused"])
def test_a_batch_may_be_larger_than_any_memory(engine: str) -> None:
    if engine == "fused":
        pytest.importorskip("numba")
    whole, huge = (trained({"batch_size": size, "engine": engine}) for size in (36, 2**53))
    assert whole.vector.tobytes() == huge.vector.tobytes()


def test_n_jobs_has_a_limit() -> None:
    with pytest.raises(InputError, match="n_jobs is 1000000000; it must be at most 1024"):
        MLPClassifier(n_jobs=10**9, max_iter=1).fit(X, CLASSES)


def test_a_schedule_of_many_short_periods_takes_no_longer_at_its_end() -> None:
    schedule = find_schedule("cosine", t_0=1)
    first = schedule.factors(0, 10, 10, 10**9)
    np.testing.assert_array_equal(schedule.factors(10**12, 10, 10, 10**9), first)  # 10**11 periods later

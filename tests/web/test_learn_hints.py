"""Each hint of the tab Learn is given for a training with that problem, and none for a successful one."""

import json
import re
from importlib import resources
from pathlib import Path

import pytest

from glassnet.network.activations import ACTIVATIONS, Activation, identity
from glassnet.training import Callback
from glassnet.training.loop import run_training
from glassnet.web.learn import hints, presets
from glassnet.web.learn.diagnostics import max_derivative, saturates
from glassnet.web.learn.plan import prepare_training, read_plan
from glassnet.web.learn.snapshots import SnapshotBuilder
from glassnet.web.learn.training_rows import load_training_rows

SPIRAL = {"kind": "spiral", "rows": 120, "noise": 0.05, "seed": 1}


def hints_of(data=SPIRAL, hidden=(8, 8), activation="tanh", output=None, **settings):
    """Train; return every hint that was ever said, by its code: the epoch, the evidence."""
    content = {
        "data": data,
        "hidden": list(hidden),
        "activations": [activation] * len(hidden),
        "output": output,
        "settings": {"epochs": 20, "batch_size": 16, "engine": "reference", "optimizer": "gradient_descent"} | settings,
    }
    rows, ready, run = prepare_training(read_plan(content), None)
    snapshots, found = SnapshotBuilder(ready, run, rows), {}
    run.source.before_batch = lambda batch: snapshots.record_batch()

    class Listen(Callback):
        def on_epoch_end(self, run):
            for hint in snapshots.build("running")["hints"]:
                found.setdefault(hint["code"], (len(run.history), hint["evidence"]))

        def on_train_end(self, run):
            for hint in snapshots.build("finished")["hints"]:
                found.setdefault(hint["code"], (len(run.history), hint["evidence"]))

    run_training(run, [Listen()])
    return found


PROVOKED = {
    "loss_increasing": {"optimizer": "momentum", "learning_rate": 3.0},
    "dead_units": {"activation": "relu", "learning_rate": 5.0},
    "learning_rate_too_low": {"learning_rate": 1e-6},
    "overfitting": {
        "data": {"kind": "spiral", "rows": 60, "noise": 0.25, "seed": 1},
        "hidden": (64, 64),
        "activation": "relu",
        "optimizer": "adam",
        "learning_rate": 0.02,
        "epochs": 100,
    },
    "plateau": {"learning_rate": 0.1, "epochs": 30},
    "diverged": {
        "activation": "relu",
        "learning_rate": 1e30,
        "loss": "half_mean_squared_error",
    },
}


#: What the original program's preset for one step an epoch comes to, by what it learns.
STALLED = {"digits": "saturated", "spiral": "vanishing_gradient"}


@pytest.mark.parametrize("code", PROVOKED)
def test_each_hint_is_provoked(code) -> None:
    found = hints_of(**PROVOKED[code])
    assert code in found
    evidence = found[code][1]
    for language in ("en", "ko"):
        file = resources.files("glassnet.web") / "page" / "texts" / f"{language}.json"
        texts = json.loads(file.read_text(encoding="utf-8"))
        for part in ("", ".evidence", ".advice"):
            words = texts[f"learn.hint.{code}{part}"]
            assert set(re.findall(r"\{(\w+)\}", words)) <= set(evidence)


def test_every_hint_is_provoked() -> None:
    file = resources.files("glassnet.web") / "page" / "texts" / "en.json"
    in_texts = set(re.findall(r'"learn\.hint\.(\w+)"', file.read_text(encoding="utf-8")))
    in_code = set(re.findall(r'Hint\("(\w+)"', Path(hints.__file__).read_text(encoding="utf-8")))
    assert in_texts == in_code == set(PROVOKED) | set(STALLED.values())


def test_evidence_has_the_measured_values() -> None:
    rises = hints_of(**PROVOKED["loss_increasing"])["loss_increasing"][1]
    assert rises["now"] > 1.25 * rises["best"] and rises["rate"] == 3.0
    dead = hints_of(**PROVOKED["dead_units"])["dead_units"][1]
    assert dead["units"] == 16 and dead["dead"] >= 0.4 * 16
    parts = hints_of(**PROVOKED["overfitting"])["overfitting"][1]
    assert parts["now"] > 1.2 * parts["best"] and parts["training"] < parts["best"]


@pytest.mark.parametrize(("kind", "code"), STALLED.items())
def test_the_full_batch_original_stalls_with_a_hint(kind, code) -> None:
    found = hints_of(**of_preset(kind, "original_full_batch"))
    assert code in found


@pytest.mark.parametrize("kind", ["digits", "spiral"])
@pytest.mark.parametrize("name", ["recommended", "original"])
def test_successful_trainings_have_no_hints(kind, name) -> None:
    settings = of_preset(kind, name)
    settings["epochs"] = min(settings["epochs"], 30 if kind == "digits" else 150)
    assert hints_of(**settings) == {}


def test_the_initial_plan_has_no_hints() -> None:
    initial = presets.initial_plan()
    assert hints_of(initial["data"], initial["hidden"], initial["activations"][0], **initial["settings"]) == {}


def of_preset(kind, name):
    data = {"kind": kind}
    rows = load_training_rows(data, None)
    preset = presets.PRESETS[name](rows, len(rows.x) * 3 // 4)
    return {
        "data": data,
        "hidden": preset["hidden"],
        "activation": preset["activations"][0],
        "output": preset["output"],
    } | preset["settings"]


def test_only_activations_that_are_flat_on_both_sides_saturate() -> None:
    flat = {name for name, activation in ACTIVATIONS.items() if saturates(activation)}
    assert {"sigmoid", "tanh", "hard_sigmoid"} <= flat and not flat & {"relu", "identity", "leaky_relu", "elu"}
    assert max_derivative(ACTIVATIONS["sigmoid"]) == pytest.approx(0.25)
    assert max_derivative(Activation("nothing", identity, lambda da, z, a, out=None: 0 * da)) == 1.0

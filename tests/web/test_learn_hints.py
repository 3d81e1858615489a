"""Each hint of the tab Learn is provoked by a training that deserves it, and none is said of one that goes well."""

import json
import re
from importlib import resources
from pathlib import Path

import pytest

from glassnet.network.activations import ACTIVATIONS, Activation, identity
from glassnet.training import Callback
from glassnet.training.loop import run_training
from glassnet.web.learn import hints, presets
from glassnet.web.learn.diagnostics import is_flat_on_both_sides, steepest
from glassnet.web.learn.frames import Looks
from glassnet.web.learn.plan import made, read_plan
from glassnet.web.learn.rows import rows_to_learn

SPIRAL = {"kind": "spiral", "rows": 120, "noise": 0.05, "seed": 1}


def said(data=SPIRAL, hidden=(8, 8), activation="tanh", output=None, **settings):
    """Train; return every hint that was ever said, by its code: the epoch, the evidence."""
    content = {
        "data": data,
        "hidden": list(hidden),
        "activations": [activation] * len(hidden),
        "output": output,
        "settings": {"epochs": 20, "batch_size": 16, "engine": "reference", "optimizer": "gradient_descent"} | settings,
    }
    rows, ready, run = made(read_plan(content), None)
    looks, found = Looks(ready, run, rows), {}
    run.source.before = lambda batch: looks.note_batch()

    class Listen(Callback):
        def on_epoch_end(self, run):
            for hint in looks.frame("going")["hints"]:
                found.setdefault(hint["code"], (len(run.history), hint["evidence"]))

        def on_train_end(self, run):
            for hint in looks.frame("over")["hints"]:
                found.setdefault(hint["code"], (len(run.history), hint["evidence"]))

    run_training(run, [Listen()])
    return found


PROVOKED = {
    "loss_rises": {"optimizer": "momentum", "learning_rate": 3.0},
    "dead_units": {"activation": "relu", "learning_rate": 5.0},
    "rate_too_low": {"learning_rate": 1e-6},
    "validation_parts": {
        "data": {"kind": "spiral", "rows": 60, "noise": 0.25, "seed": 1},
        "hidden": (64, 64),
        "activation": "relu",
        "optimizer": "adam",
        "learning_rate": 0.02,
        "epochs": 100,
    },
    "stuck": {"learning_rate": 0.1, "epochs": 30},
    "diverged": {
        "activation": "relu",
        "learning_rate": 1e30,
        "loss": "half_mean_squared_error",
    },
}


#: What the original program's preset for one step an epoch comes to, by what it learns.
STALLED = {"digits": "saturated", "spiral": "no_gradient"}


@pytest.mark.parametrize("code", PROVOKED)
def test_each_hint_is_provoked(code) -> None:
    found = said(**PROVOKED[code])
    assert code in found
    evidence = found[code][1]
    for language in ("en", "ko"):
        file = resources.files("glassnet.web") / "page" / "texts" / f"{language}.json"
        texts = json.loads(file.read_text(encoding="utf-8"))
        for part in ("", ".seen", ".try"):
            words = texts[f"learn.hint.{code}{part}"]
            assert set(re.findall(r"\{(\w+)\}", words)) <= set(evidence)


def test_no_hint_is_left_unprovoked() -> None:
    file = resources.files("glassnet.web") / "page" / "texts" / "en.json"
    told = set(re.findall(r'"learn\.hint\.(\w+)"', file.read_text(encoding="utf-8")))
    said_by = set(re.findall(r'Hint\("(\w+)"', Path(hints.__file__).read_text(encoding="utf-8")))
    assert told == said_by == set(PROVOKED) | set(STALLED.values())


def test_evidence_is_what_was_seen() -> None:
    rises = said(**PROVOKED["loss_rises"])["loss_rises"][1]
    assert rises["now"] > 1.25 * rises["best"] and rises["rate"] == 3.0
    dead = said(**PROVOKED["dead_units"])["dead_units"][1]
    assert dead["units"] == 16 and dead["dead"] >= 0.4 * 16
    parts = said(**PROVOKED["validation_parts"])["validation_parts"][1]
    assert parts["now"] > 1.2 * parts["best"] and parts["training"] < parts["best"]


@pytest.mark.parametrize(("kind", "code"), STALLED.items())
def test_the_original_as_its_comments_say_stalls_and_one_is_told_why(kind, code) -> None:
    found = said(**of_preset(kind, "original_at_once"))
    assert code in found


@pytest.mark.parametrize("kind", ["digits", "spiral"])
@pytest.mark.parametrize("name", ["today", "original"])
def test_nothing_is_said_of_what_goes_well(kind, name) -> None:
    settings = of_preset(kind, name)
    settings["epochs"] = min(settings["epochs"], 30 if kind == "digits" else 150)
    assert said(**settings) == {}


def test_nothing_is_said_of_what_the_page_opens_with() -> None:
    start = presets.start()
    assert said(start["data"], start["hidden"], start["activations"][0], **start["settings"]) == {}


def of_preset(kind, name):
    data = {"kind": kind}
    rows = rows_to_learn(data, None)
    preset = presets.PRESETS[name](rows, len(rows.x) * 3 // 4)
    return {
        "data": data,
        "hidden": preset["hidden"],
        "activation": preset["activations"][0],
        "output": preset["output"],
    } | preset["settings"]


def test_saturation_is_a_matter_of_activations_that_are_flat_on_both_sides() -> None:
    flat = {name for name, activation in ACTIVATIONS.items() if is_flat_on_both_sides(activation)}
    assert {"sigmoid", "tanh", "hard_sigmoid"} <= flat and not flat & {"relu", "identity", "leaky_relu", "elu"}
    assert steepest(ACTIVATIONS["sigmoid"]) == pytest.approx(0.25)
    assert steepest(Activation("nothing", identity, lambda da, z, a, out=None: 0 * da)) == 1.0

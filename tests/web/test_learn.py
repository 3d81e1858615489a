"""Trainings of the server: plans, controls and displayed values, compared with the library."""

import shlex
import time
from contextlib import ExitStack

import numpy as np
import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

import glassnet
from glassnet.cli import main
from glassnet.network import activations, backward, forward, optimizers
from glassnet.network.losses import LOSSES
from glassnet.network.schedules import SCHEDULES, Schedule
from glassnet.web.app_state import AppState, Examples
from glassnet.web.learn import presets
from glassnet.web.learn.plan import prepare_training, read_plan
from glassnet.web.learn.session import TrainingSession
from glassnet.web.learn.training_rows import get_file_rows
from glassnet.web.server import create_app

from .conftest import HERE

SHORT = {"epochs": 3, "batch_size": 32, "optimizer": "adam", "learning_rate": 0.01, "engine": "reference"}


def plan(kind="spiral", hidden=(6, 4), activations=("tanh", "tanh"), **changes):
    drawn = {} if kind in ("digits", "file") else {"rows": 120, "noise": 0.05, "seed": 1}
    return {
        "data": {"kind": kind, **drawn},
        "validation_fraction": 0.25,
        "hidden": list(hidden),
        "activations": list(activations),
        "output": None,
        "settings": SHORT,
    } | changes


def with_settings(**settings):
    return plan(settings=SHORT | settings)


def finished(client, content):
    """Train to the end over the WebSocket; return the id, all epochs and the last frame."""
    number = client.post("/api/train", json={"plan": content}).raise_for_status().json()["id"]
    history = []
    with client.websocket_connect(f"/api/train/{number}", headers={"host": "127.0.0.1"}) as line:
        line.send_json({"command": "play"})
        while True:
            content = line.receive_json()
            if "snapshot" not in content:
                continue
            assert content["first"] == len(history)
            history += content["history"]
            if content["snapshot"]["state"] == "finished":
                return number, history, content["snapshot"]


def next_frame(line, state, **figures):
    """Wait for a frame of that state and figures; those between may be missed, as a slow page misses them."""
    while True:
        content = line.receive_json()
        frame = content.get("snapshot", {})
        if frame.get("state") == state and figures.items() <= frame.items():
            return content


# ------------------------------------------------------------------------------------------------------------- choices


def test_every_registered_name_is_a_choice(client, monkeypatch) -> None:
    new = activations.Activation("cube", lambda z, out=None: np.power(z, 3, out=out), activations.d_identity)
    monkeypatch.setitem(activations.ACTIVATIONS, "cube", new)
    monkeypatch.setitem(SCHEDULES, "halved", Schedule("halved", lambda t, per_epoch, total, *, by: by, {"by": 0.5}))
    tables = client.get("/api/train").json()["tables"]
    assert [entry["name"] for entry in tables["activations"]] == list(activations.ACTIVATIONS)
    assert [entry["name"] for entry in tables["losses"]] == list(LOSSES)
    assert [entry["name"] for entry in tables["optimizers"]] == [*optimizers.OPTIMIZERS, "lbfgs"]
    assert {entry["name"]: entry["settings"] for entry in tables["schedules"]}["halved"] == {"by": 0.5, "warmup": 0.0}
    _, history, _ = finished(client, plan(activations=("cube", "tanh"), settings=SHORT | {"schedule": "halved"}))
    assert history[-1]["learning_rate"] == pytest.approx(0.005)


@pytest.mark.parametrize("name", activations.ACTIVATIONS)
def test_every_activation_can_be_previewed(client, name) -> None:
    content = client.post("/api/train/preview", json=plan(activations=(name, name))).json()
    assert content["structure"]["activations"] == [name, name, "softmax"]


@pytest.mark.parametrize("name", [*optimizers.OPTIMIZERS, "lbfgs"])
def test_every_optimizer_trains(client, name) -> None:
    _, history, frame = finished(client, with_settings(optimizer=name, learning_rate=None))
    assert (len(history), frame["state"], frame["error"]) == (3, "finished", "")


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_trains_or_says_why_not(client, name) -> None:
    if name in ("poisson", "pinball"):
        refused = client.post("/api/train/preview", json=with_settings(loss=name))
        assert refused.status_code == 422 and "is for values" in refused.json()["error"]["message"]
    else:
        _, history, frame = finished(client, with_settings(loss=name))
        assert len(history) == 3 and frame["error"] == ""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (plan("spirals"), "did you mean 'spiral'"),
        (plan("file"), "data kind 'file' is not known"),
        (plan(data={"kind": "xor", "rows": 5}), "rows is 5"),
        (plan(data={"kind": "xor", "noise": "much"}), "noise is 'much'"),
        (plan(data={"kind": "xor", "path": "/etc/passwd"}), "'path' is not known"),
        (plan(data=[]), "data kind"),
        (plan(hidden=(0, 4)), "hidden is [0, 4]"),
        (plan(hidden=(4, 5000)), "1 to 1000 units"),
        (plan(hidden=(4.5, 2)), "integers"),
        (plan(activations=("tanh",)), "activations names 1"),
        (plan(activations=("tanhh", "tanh")), "did you mean 'tanh'"),
        (plan(output="relu"), "does not go with the output activation 'relu'"),
        (plan(validation_fraction=1), "validation_fraction is 1"),
        (plan(settings=7), "settings is 7"),
        (plan(more=1), "'more' is not known"),
        (with_settings(optimiser="adam"), "did you mean 'optimizer'"),
        (with_settings(optimizer="adma"), "did you mean 'adam'"),
        (with_settings(optimizer=["adam"]), "it must be a name"),
        (with_settings(optimizer_settings={"beta_1": "big"}), "'beta_1' of optimizer 'adam' is 'big'; it must be"),
        (with_settings(optimizer_settings={"amsgrad": 1}), "it must be True or False"),
        (with_settings(optimizer_settings={"momentum": 1}), "no setting 'momentum'"),
        (with_settings(schedule="step", schedule_settings={"step_size": 0}), "step_size"),
        (with_settings(learning_rate=-1), "learning_rate is -1"),
        (with_settings(batch_size=0), "batch_size is 0"),
        (with_settings(epochs=10**7), "the page allows 100,000"),
        (with_settings(dropout=[0.5]), "dropout has 1 rates"),
        (with_settings(dropout="half"), "dropout is 'half'"),
        (with_settings(reduce_on_plateau={"factor": "x"}), "reduce_on_plateau is"),
        (with_settings(threads=64), "setting 'threads' is not known"),
        (with_settings(restore_best="yes"), "it must be true or false"),
    ],
)  # fmt: skip
def test_invalid_plans_are_refused(client, content, words) -> None:
    for path, body in (("/api/train/preview", content), ("/api/train", {"plan": content})):
        refused = client.post(path, json=body)
        assert refused.status_code == 422, refused.text
        assert words in refused.json()["error"]["message"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'"plan"'])
def test_bodies_that_are_not_objects_are_refused(client, body) -> None:
    for path in ("/api/train/preview", "/api/train", "/api/train/rows"):
        assert client.post(path, content=body).status_code == 422


# --------------------------------------------------------------------------------------------------------- bit for bit

RUNS = {
    "spiral": plan(),
    "everything": plan(
        "moons",
        hidden=(7, 5, 3),
        activations=("relu", "gelu", "tanh"),
        settings={
            "loss": "focal", "loss_settings": {"gamma": 1.5}, "optimizer": "nadam", "learning_rate": 0.02,
            "optimizer_settings": {"beta_1": 0.8}, "schedule": "cosine", "schedule_settings": {"warmup": 0.5},
            "batch_size": 16, "epochs": 4, "l1": 0.0001, "l2": 0.001, "weight_decay": 0.01, "dropout": [0.1, 0.2, 0, 0],
            "clip_norm": 1.0, "clip_value": 0.5, "max_norm": 3.0, "ema_decay": 0.9,
            "reduce_on_plateau": {"patience": 1},
            "initializer": "orthogonal", "dtype": "float64", "random_state": 5, "engine": "reference",
        },
    ),
    "no hidden layer": plan("circles", hidden=(), activations=()),
    "digits": plan("digits", hidden=(16,), activations=("relu",)),
    "own file": plan("file", hidden=(5,), activations=("elu",)),
    "lbfgs": with_settings(optimizer="lbfgs", learning_rate=None, epochs=6),
}  # fmt: skip
for name in presets.PRESETS:
    RUNS[f"preset {name}"] = name


@pytest.fixture
def file_state(tmp_path):
    """Return an app state whose rows are those of a file of regression."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3))
    lines = [f"{a!r},{b!r},{c!r},{a * b - c!r}" for a, b, c in x.tolist()]
    file = tmp_path / "mine.csv"
    file.write_text("\n".join(["u,v,w,y", *lines]) + "\n", encoding="utf-8")
    from glassnet.data import features, read_table

    table = read_table(file)
    model = glassnet.fit(features(table, ["u", "v", "w"]), table.columns["y"].to_numpy(), feature_names=("u", "v", "w"))
    examples = Examples(table, features(table, ["u", "v", "w"]), table.columns["y"].to_numpy())
    return AppState(model, "mine", examples, examples)


@pytest.mark.parametrize("name", RUNS)
def test_the_python_code_and_the_command_give_the_same_bits(app_state, file_state, name, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    content = RUNS[name]
    with TestClient(create_app(file_state if name == "own file" else app_state), base_url=HERE) as client:
        if isinstance(content, str):
            preview = client.post("/api/train/preview", json=plan()).json()
            content = plan(**preview["presets"][content])
            content["settings"]["epochs"] = 3
        if name == "own file":
            content = content | {"settings": SHORT | {"loss": "huber", "loss_settings": {"delta": 0.5}}}
        code = client.post("/api/train/preview", json=content).raise_for_status().json()["code"]
        number, _, frame = finished(client, content)
        assert frame["error"] == ""
        (tmp_path / "page.glassnet").write_bytes(client.get(f"/api/train/{number}/model").content)
        if name not in ("digits", "own file"):
            (tmp_path / f"{content['data']['kind']}.csv").write_bytes(
                client.post("/api/train/rows", json=content).content
            )
    page = glassnet.load(tmp_path / "page.glassnet")
    inside = {}
    exec(compile(code["python"], "copied.py", "exec"), inside)
    words = shlex.split(code["command"])
    assert words[0] == "glassnet"
    with pytest.raises(SystemExit) as ended:
        main([*words[1:], "--quiet"])
    assert ended.value.code == 0
    by_command = glassnet.load(words[words.index("--out") + 1])
    for model in (inside["model"], by_command):
        assert model.structure == page.structure and model.vector.dtype == page.vector.dtype
        assert np.array_equal(model.vector, page.vector)
        assert np.array_equal(model.scaling.offset, page.scaling.offset)
        assert [epoch.loss for epoch in model.history] == [epoch.loss for epoch in page.history]


def test_regression_targets_and_predictions_are_returned(file_state, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    content = plan("file", hidden=(5,), activations=("elu",), settings=SHORT | {"loss": "half_mean_squared_error"})
    with TestClient(create_app(file_state), base_url=HERE) as client:
        options = client.get("/api/train").json()
        assert options["tasks"] == dict.fromkeys(["xor", "circles", "moons", "spiral", "digits"], "classification") | {
            "file": "regression"
        }
        assert options["default_losses"] == {
            "classification": "categorical_crossentropy",
            "regression": "half_mean_squared_error",
        }
        preview = client.post("/api/train/preview", json=content).json()
        number, _, frame = finished(client, content)
        model = client.get(f"/api/train/{number}/model").content
        classes = client.post("/api/train/preview", json=plan()).json()
    (tmp_path / "page.glassnet").write_bytes(model)
    rows = prepare_training(read_plan(content), get_file_rows(file_state))
    shown = rows[1].validation_rows
    assert len(shown) == 20 and preview["targets"] == rows[0].y[shown].tolist()
    said = glassnet.load("page.glassnet").predict(rows[0].x.take(shown))
    np.testing.assert_allclose(frame["predictions"], said, rtol=1e-6)
    assert preview["samples"] is None and classes["targets"] is None and "predictions" not in classes["snapshot"]


# ------------------------------------------------------------------------------------------------------------ steering


def test_one_batch_one_epoch_pause_and_play(client) -> None:
    number = client.post("/api/train", json={"plan": plan()}).json()["id"]
    with client.websocket_connect(f"/api/train/{number}", headers={"host": "127.0.0.1"}) as line:
        first = next_frame(line, "paused")["snapshot"]
        assert (first["epoch"], first["batch"], first["batches"]) == (0, 0, 3)
        line.send_json({"command": "batch"})
        assert next_frame(line, "paused", batch=1)["snapshot"]["epoch"] == 0
        line.send_json({"command": "epoch"})
        content = next_frame(line, "paused", epoch=1)
        assert (content["snapshot"]["batch"], content["first"], len(content["history"])) == (0, 0, 1)
        assert {"loss", "metric", "validation_loss", "gradient", "update"} <= set(content["history"][0])
        line.send_json({"command": "epoch"})
        assert next_frame(line, "paused", epoch=2)["snapshot"]["batch"] == 0
        line.send_json({"command": "play"})
        over = next_frame(line, "finished")["snapshot"]
        assert (over["epoch"], over["stop_reason"]) == (3, "all epochs done")
        content = client.get(f"/api/train/{number}").json()
        assert over["final_epoch"] == min(content["history"], key=lambda epoch: epoch["validation_loss"])["epoch"]


def test_the_speed_is_limited(client) -> None:
    number = client.post("/api/train", json={"plan": plan()}).json()["id"]
    with client.websocket_connect(f"/api/train/{number}", headers={"host": "127.0.0.1"}) as line:
        began = time.monotonic()
        line.send_json({"command": "play", "speed": 10})
        next_frame(line, "finished")
        assert 0.25 < time.monotonic() - began < 5


def test_a_second_training_is_refused(client) -> None:
    number = client.post("/api/train", json={"plan": plan()}).json()["id"]
    with client.websocket_connect(f"/api/train/{number}", headers={"host": "127.0.0.1"}) as line:
        next_frame(line, "paused")
        content = client.post("/api/train", json={"plan": plan()})
        assert content.status_code == 409 and content.json()["error"]["code"] == "busy"
        assert client.get("/api/train").json()["running"] == number
        other = client.post("/api/train", json={"plan": plan(), "replaces": number})
        assert other.status_code == 201
        assert next_frame(line, "finished")["snapshot"]["stop_reason"] == "replaced by another training"
    assert client.post(f"/api/train/{other.json()['id']}/stop").json()["state"] == "finished"
    assert client.get("/api/train").json()["running"] is None


def test_a_training_without_clients_pauses_and_can_be_replaced(client) -> None:
    number = client.post("/api/train", json={"plan": with_settings(epochs=5000)}).json()["id"]
    with client.websocket_connect(f"/api/train/{number}", headers={"host": "127.0.0.1"}) as line:
        line.send_json({"command": "play"})
        next_frame(line, "running")
    until = time.monotonic() + 5
    while client.get(f"/api/train/{number}").json()["snapshot"]["state"] != "paused":
        assert time.monotonic() < until
    assert client.post("/api/train", json={"plan": plan()}).status_code == 201
    assert client.get(f"/api/train/{number}").json()["snapshot"]["state"] == "finished"


def test_an_abandoned_training_stops(app_state) -> None:
    stack = ExitStack()
    stack.enter_context(app_state.training_lock())
    content = read_plan(plan())
    session = TrainingSession(content, *prepare_training(content, None), stack, app_state.closing, abandoned_after=0.2)
    session.start()
    session._thread.join(5)
    assert session.is_finished and session.run.stop_reason == "no client connected"
    with app_state.training_lock():  # the place is free again
        pass


@pytest.mark.parametrize("error", [RuntimeError, SystemExit, GeneratorExit, KeyboardInterrupt])
def test_however_a_training_fails_its_lock_is_released(app_state, error, monkeypatch) -> None:
    stack = ExitStack()
    stack.enter_context(app_state.training_lock())
    content = read_plan(plan())
    session = TrainingSession(content, *prepare_training(content, None), stack, app_state.closing)

    def fail() -> None:
        raise error("planted")

    monkeypatch.setattr(session.snapshots, "record_batch", fail)
    session.start()
    session.run_batches(3)
    session._thread.join(5)
    assert session.is_finished and not session._thread.is_alive()
    assert session.error == ("" if error is KeyboardInterrupt else f"{error.__name__}: planted")
    with app_state.training_lock():
        pass


def test_server_shutdown_stops_the_training(app_state) -> None:
    with TestClient(create_app(app_state), base_url=HERE) as client:
        number = client.post("/api/train", json={"plan": with_settings(epochs=100_000)}).json()["id"]
        with client.websocket_connect(f"/api/train/{number}", headers={"host": "127.0.0.1"}) as line:
            line.send_json({"command": "play"})
            next_frame(line, "running")
            app_state.closing.set()
            assert next_frame(line, "finished")["snapshot"]["stop_reason"] == "server shutdown"
    with app_state.training_lock():  # its place is free
        pass


def test_a_read_only_server_does_not_train(digits_model) -> None:
    with TestClient(create_app(AppState(digits_model, read_only=True)), base_url=HERE) as client:
        assert client.post("/api/train/preview", json=plan()).status_code == 200
        assert client.post("/api/train", json={"plan": plan()}).json()["error"]["code"] == "read_only"


def test_unknown_trainings_and_commands_are_errors(client) -> None:
    assert client.get("/api/train/nothing").status_code == 404
    with client.websocket_connect("/api/train/nothing", headers={"host": "127.0.0.1"}) as line:
        assert line.receive_json()["error"]["code"] == "training_not_found"
        with pytest.raises(WebSocketDisconnect):
            line.receive_json()
    number = client.post("/api/train", json={"plan": plan()}).json()["id"]
    with client.websocket_connect(f"/api/train/{number}", headers={"host": "127.0.0.1"}) as line:
        for order in (
            "",
            "{}",
            "[]",
            '{"command": "dance"}',
            '{"command": ["play"]}',
            '{"command": "play", "speed": -1}',
        ):
            line.send_text(order)
            while "error" not in (content := line.receive_json()):
                pass
            assert content["error"]["message"]


def test_a_diverged_training_keeps_the_last_finite_parameters(client) -> None:
    content = with_settings(
        optimizer="gradient_descent", learning_rate=1e30, loss="half_mean_squared_error", shuffle=False
    )
    number, _, frame = finished(client, content | {"activations": ["relu", "relu"]})
    assert frame["stop_reason"] == "diverged" and "learning rate" in frame["message"]
    assert frame["hints"][0]["code"] == "diverged"
    assert client.get(f"/api/train/{number}/model").status_code == 200


# -------------------------------------------------------------------------------------------------- one step, slowly


def numbers_of(content, name):
    return np.array(content["arrays"][name]["values"])


@pytest.mark.parametrize(
    "content",
    [
        plan(),
        with_settings(optimizer="gradient_descent", weight_decay=0.0),
        with_settings(dropout=0.3, clip_norm=0.01, l1=0.01, l2=0.1, optimizer="momentum", ema_decay=0.9, max_norm=1.0),
        with_settings(loss="half_mean_squared_error") | {"output": "sigmoid"},
        plan("digits", hidden=(8,), activations=("relu",)),
    ],
)
def test_a_traced_step_equals_the_step_of_the_training(client, content) -> None:
    number = client.post("/api/train", json={"plan": content}).json()["id"]
    with client.websocket_connect(f"/api/train/{number}", headers={"host": "127.0.0.1"}) as line:
        for _ in range(4):  # over the end of an epoch
            line.send_json({"command": "trace"})
            while "trace" not in (content := line.receive_json()):
                pass
            trace = content["trace"]
            line.send_json({"command": "batch"})
            while "trace_matches" not in (content := line.receive_json()):
                pass
            assert content["trace_matches"] is True
        names = [stage["name"] for stage in trace["stages"]]
        layers = len(trace["activations"])
        assert names[:2] == ["z1", "a1"] and names[2 * layers] == "loss" and names[2 * layers + 1] == f"dz{layers}"
        assert names.index("dW1") < names.index("W1") and names[-1] == f"b{layers}"
        assert set(names) - {"loss"} <= set(trace["arrays"])


def test_the_arrays_of_a_traced_step_equal_the_librarys(client) -> None:
    number = client.post("/api/train", json={"plan": with_settings(optimizer="gradient_descent")}).json()["id"]
    with client.websocket_connect(f"/api/train/{number}", headers={"host": "127.0.0.1"}) as line:
        line.send_json({"command": "trace"})
        while "trace" not in (content := line.receive_json()):
            pass
    trace = content["trace"]
    structure = glassnet.Structure(trace["layers"], trace["activations"])
    parameters = {
        name: numbers_of(trace, name).reshape(shape).astype(np.float32) for name, shape in structure.shapes.items()
    }
    x, y = numbers_of(trace, "x").astype(np.float32), numbers_of(trace, "y").argmax(axis=1)
    cache = forward.forward(structure, parameters, x)
    for name in ("z1", "a1", "z2", "a2", "z3", "a3"):
        np.testing.assert_allclose(numbers_of(trace, name), cache[name], rtol=1e-5, atol=1e-6)
    loss = LOSSES["categorical_crossentropy"]
    each = loss.per_sample(cache["z3"], np.eye(2, dtype=np.float32)[y], **loss.settings)
    np.testing.assert_allclose(numbers_of(trace, "loss_per_sample")[:, 0], each, rtol=1e-5)
    assert trace["rows"] == 32 and len(each) == 24  # the first rows are content
    dz = backward.output_gradient(loss, structure, cache, y)
    np.testing.assert_allclose(numbers_of(trace, "dz3"), dz * 24 / 32, rtol=1e-4, atol=1e-7)
    for name in ("W1", "b1", "W2"):
        after, change = numbers_of(trace, f"{name}.after"), numbers_of(trace, f"{name}.change")
        np.testing.assert_allclose(
            after, numbers_of(trace, name) - trace["learning_rate"] * numbers_of(trace, f"d{name}"), atol=1e-7
        )
        np.testing.assert_allclose(change, -trace["learning_rate"] * numbers_of(trace, f"d{name}"), atol=1e-7)


def test_lbfgs_steps_can_not_be_traced(client) -> None:
    number = client.post("/api/train", json={"plan": with_settings(optimizer="lbfgs", learning_rate=None)}).json()["id"]
    with client.websocket_connect(f"/api/train/{number}", headers={"host": "127.0.0.1"}) as line:
        line.send_json({"command": "trace"})
        while "error" not in (content := line.receive_json()):
            pass
        assert "L-BFGS" in content["error"]["message"]


# ---------------------------------------------------------------------------------------------- the model, afterwards


def test_a_model_can_be_saved_and_used_in_the_other_tabs(client, app_state, tmp_path) -> None:
    number, _, _ = finished(client, plan())
    file = client.get(f"/api/train/{number}/model")
    (tmp_path / "m.glassnet").write_bytes(file.content)
    model = glassnet.load(tmp_path / "m.glassnet")
    assert model.feature_names == ("x1", "x2") and file.headers["content-disposition"] == "attachment"
    assert client.post(f"/api/train/{number}/use").json()["version"] == 2
    assert client.get("/api/model").json()["name"] == "spiral"
    assert app_state.examples.held_out and len(app_state.examples) == 30 and len(app_state.training) == 90
    assert np.array_equal(app_state.model.predict(app_state.examples.x), model.predict(app_state.examples.x))
    # the digits can still be learned, and the server's file_state rows are those that it began with
    assert client.post("/api/train/preview", json=plan("digits")).status_code == 200


def test_a_model_can_be_saved_during_training(client) -> None:
    number = client.post("/api/train", json={"plan": with_settings(epochs=100_000)}).json()["id"]
    with client.websocket_connect(f"/api/train/{number}", headers={"host": "127.0.0.1"}) as line:
        line.send_json({"command": "play"})
        next_frame(line, "running")
        assert client.get(f"/api/train/{number}/model").status_code == 200
        line.send_json({"command": "stop"})
        assert next_frame(line, "finished")["snapshot"]["stop_reason"] == "stopped"

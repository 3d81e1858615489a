"""The trainings of the server: plans, steering, what is shown, and that all of it is the library's own."""

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
from glassnet.web.learn.plan import made, read_plan
from glassnet.web.learn.rows import own_rows
from glassnet.web.learn.session import Session
from glassnet.web.server import create_app

from .conftest import HERE

SHORT = {"epochs": 3, "batch_size": 32, "optimizer": "adam", "learning_rate": 0.01, "engine": "reference"}


def plan(kind="spiral", hidden=(6, 4), activations=("tanh", "tanh"), **changes):
    drawn = {} if kind in ("digits", "own") else {"rows": 120, "noise": 0.05, "seed": 1}
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
        line.send_json({"do": "play"})
        while True:
            told = line.receive_json()
            if "frame" not in told:
                continue
            assert told["first"] == len(history)
            history += told["history"]
            if told["frame"]["state"] == "over":
                return number, history, told["frame"]


def next_frame(line, state, **figures):
    """Wait for a frame of that state and figures; those between may be missed, as a slow page misses them."""
    while True:
        told = line.receive_json()
        frame = told.get("frame", {})
        if frame.get("state") == state and figures.items() <= frame.items():
            return told


# ------------------------------------------------------------------------------------------------------------- choices


def test_every_entry_of_the_tables_is_a_choice(client, monkeypatch) -> None:
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
    told = client.post("/api/train/plan", json=plan(activations=(name, name))).json()
    assert told["structure"]["activations"] == [name, name, "softmax"]


@pytest.mark.parametrize("name", [*optimizers.OPTIMIZERS, "lbfgs"])
def test_every_optimizer_trains(client, name) -> None:
    _, history, frame = finished(client, with_settings(optimizer=name, learning_rate=None))
    assert (len(history), frame["state"], frame["fault"]) == (3, "over", "")


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_trains_or_says_why_not(client, name) -> None:
    if name in ("poisson", "pinball"):
        refused = client.post("/api/train/plan", json=with_settings(loss=name))
        assert refused.status_code == 422 and "is for values" in refused.json()["error"]["message"]
    else:
        _, history, frame = finished(client, with_settings(loss=name))
        assert len(history) == 3 and frame["fault"] == ""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (plan("spirals"), "did you mean 'spiral'"),
        (plan("own"), "data kind 'own' is not known"),
        (plan(data={"kind": "xor", "rows": 5}), "rows is 5"),
        (plan(data={"kind": "xor", "noise": "much"}), "noise is 'much'"),
        (plan(data={"kind": "xor", "path": "/etc/passwd"}), "'path' is not known"),
        (plan(data=[]), "data kind"),
        (plan(hidden=(0, 4)), "hidden is [0, 4]"),
        (plan(hidden=(4, 5000)), "1 to 1000 units"),
        (plan(hidden=(4.5, 2)), "whole numbers"),
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
        (with_settings(schedule="step", schedule_settings={"step_size": 0}), "can't be computed"),
        (with_settings(learning_rate=-1), "learning_rate is -1"),
        (with_settings(batch_size=0), "batch_size is 0"),
        (with_settings(epochs=10**7), "the most is 100,000"),
        (with_settings(dropout=[0.5]), "dropout has 1 rates"),
        (with_settings(dropout="half"), "dropout is 'half'"),
        (with_settings(reduce_on_plateau={"factor": "x"}), "reduce_on_plateau is"),
        (with_settings(threads=64), "setting 'threads' is not known"),
        (with_settings(restore_best="yes"), "it must be true or false"),
    ],
)  # fmt: skip
def test_a_plan_that_can_not_be_carried_out_is_refused_with_what_to_do(client, content, words) -> None:
    for path, body in (("/api/train/plan", content), ("/api/train", {"plan": content})):
        refused = client.post(path, json=body)
        assert refused.status_code == 422, refused.text
        assert words in refused.json()["error"]["message"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'"plan"'])
def test_a_body_that_is_no_object_is_refused(client, body) -> None:
    for path in ("/api/train/plan", "/api/train", "/api/train/rows"):
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
    "own file": plan("own", hidden=(5,), activations=("elu",)),
    "lbfgs": with_settings(optimizer="lbfgs", learning_rate=None, epochs=6),
}  # fmt: skip
for name in presets.PRESETS:
    RUNS[f"preset {name}"] = name


@pytest.fixture
def own(tmp_path):
    """Return a workshop whose rows are those of a file of regression."""
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
def test_the_python_and_the_command_come_to_the_same_parameters_to_the_last_bit(
    workshop, own, name, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = RUNS[name]
    with TestClient(create_app(own if name == "own file" else workshop), base_url=HERE) as client:
        if isinstance(content, str):
            preview = client.post("/api/train/plan", json=plan()).json()
            content = plan(**preview["presets"][content])
            content["settings"]["epochs"] = 3
        if name == "own file":
            content = content | {"settings": SHORT | {"loss": "huber", "loss_settings": {"delta": 0.5}}}
        code = client.post("/api/train/plan", json=content).raise_for_status().json()["code"]
        number, _, frame = finished(client, content)
        assert frame["fault"] == ""
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


def test_values_are_told_beside_what_the_network_says_of_them(own, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    content = plan("own", hidden=(5,), activations=("elu",), settings=SHORT | {"loss": "half_mean_squared_error"})
    with TestClient(create_app(own), base_url=HERE) as client:
        told = client.get("/api/train").json()
        assert told["tasks"] == dict.fromkeys(["xor", "circles", "moons", "spiral", "digits"], "classification") | {
            "own": "regression"
        }
        assert told["usual_losses"] == {
            "classification": "categorical_crossentropy",
            "regression": "half_mean_squared_error",
        }
        preview = client.post("/api/train/plan", json=content).json()
        number, _, frame = finished(client, content)
        model = client.get(f"/api/train/{number}/model").content
        classes = client.post("/api/train/plan", json=plan()).json()
    (tmp_path / "page.glassnet").write_bytes(model)
    rows = made(read_plan(content), own_rows(own))
    shown = rows[1].validation_rows
    assert len(shown) == 20 and preview["targets"] == rows[0].y[shown].tolist()
    said = glassnet.load("page.glassnet").predict(rows[0].x[shown])
    np.testing.assert_allclose(frame["answers"], said, rtol=1e-6)
    assert preview["samples"] is None and classes["targets"] is None and "answers" not in classes["frame"]


# ------------------------------------------------------------------------------------------------------------ steering


def test_one_batch_one_epoch_pause_and_play(client) -> None:
    number = client.post("/api/train", json={"plan": plan()}).json()["id"]
    with client.websocket_connect(f"/api/train/{number}", headers={"host": "127.0.0.1"}) as line:
        first = next_frame(line, "waiting")["frame"]
        assert (first["epoch"], first["batch"], first["batches"]) == (0, 0, 3)
        line.send_json({"do": "batch"})
        assert next_frame(line, "waiting", batch=1)["frame"]["epoch"] == 0
        line.send_json({"do": "epoch"})
        told = next_frame(line, "waiting", epoch=1)
        assert (told["frame"]["batch"], told["first"], len(told["history"])) == (0, 0, 1)
        assert {"loss", "metric", "validation_loss", "gradient", "update"} <= set(told["history"][0])
        line.send_json({"do": "epoch"})
        assert next_frame(line, "waiting", epoch=2)["frame"]["batch"] == 0
        line.send_json({"do": "play"})
        over = next_frame(line, "over")["frame"]
        assert (over["epoch"], over["stop_reason"]) == (3, "all epochs done")
        told = client.get(f"/api/train/{number}").json()
        assert over["kept_epoch"] == min(told["history"], key=lambda epoch: epoch["validation_loss"])["epoch"]


def test_a_pace_is_kept(client) -> None:
    number = client.post("/api/train", json={"plan": plan()}).json()["id"]
    with client.websocket_connect(f"/api/train/{number}", headers={"host": "127.0.0.1"}) as line:
        began = time.monotonic()
        line.send_json({"do": "play", "pace": 10})
        next_frame(line, "over")
        assert 0.25 < time.monotonic() - began < 5


def test_the_second_training_is_told_that_there_is_one(client) -> None:
    number = client.post("/api/train", json={"plan": plan()}).json()["id"]
    with client.websocket_connect(f"/api/train/{number}", headers={"host": "127.0.0.1"}) as line:
        next_frame(line, "waiting")
        told = client.post("/api/train", json={"plan": plan()})
        assert told.status_code == 409 and told.json()["error"]["code"] == "busy"
        assert client.get("/api/train").json()["running"] == number
        other = client.post("/api/train", json={"plan": plan(), "instead_of": number})
        assert other.status_code == 201
        assert next_frame(line, "over")["frame"]["stop_reason"] == "another began"
    assert client.post(f"/api/train/{other.json()['id']}/end").json()["state"] == "over"
    assert client.get("/api/train").json()["running"] is None


def test_a_training_whose_page_is_closed_waits_and_gives_way_to_the_next(client) -> None:
    number = client.post("/api/train", json={"plan": with_settings(epochs=5000)}).json()["id"]
    with client.websocket_connect(f"/api/train/{number}", headers={"host": "127.0.0.1"}) as line:
        line.send_json({"do": "play"})
        next_frame(line, "going")
    until = time.monotonic() + 5
    while client.get(f"/api/train/{number}").json()["frame"]["state"] != "waiting":
        assert time.monotonic() < until
    assert client.post("/api/train", json={"plan": plan()}).status_code == 201
    assert client.get(f"/api/train/{number}").json()["frame"]["state"] == "over"


def test_a_training_that_is_left_alone_ends_by_itself(workshop) -> None:
    stack = ExitStack()
    stack.enter_context(workshop.only_training())
    content = read_plan(plan())
    session = Session(content, *made(content, None), stack, workshop.closing, left_alone=0.2)
    session.start()
    session._thread.join(5)
    assert session.is_over and session.run.stop_reason == "left alone"
    with workshop.only_training():  # the place is free again
        pass


def test_the_end_of_the_server_ends_the_training(workshop) -> None:
    with TestClient(create_app(workshop), base_url=HERE) as client:
        number = client.post("/api/train", json={"plan": with_settings(epochs=100_000)}).json()["id"]
        with client.websocket_connect(f"/api/train/{number}", headers={"host": "127.0.0.1"}) as line:
            line.send_json({"do": "play"})
            next_frame(line, "going")
            workshop.closing.set()
            assert next_frame(line, "over")["frame"]["stop_reason"] == "the server ended"
    with workshop.only_training():  # its place is free
        pass


def test_where_nothing_may_be_changed_nothing_is_trained(digits_model) -> None:
    with TestClient(create_app(AppState(digits_model, read_only=True)), base_url=HERE) as client:
        assert client.post("/api/train/plan", json=plan()).status_code == 200
        assert client.post("/api/train", json={"plan": plan()}).json()["error"]["code"] == "read_only"


def test_an_unknown_training_and_an_unknown_order_are_told(client) -> None:
    assert client.get("/api/train/nothing").status_code == 404
    with client.websocket_connect("/api/train/nothing", headers={"host": "127.0.0.1"}) as line:
        assert line.receive_json()["error"]["code"] == "no_training"
        with pytest.raises(WebSocketDisconnect):
            line.receive_json()
    number = client.post("/api/train", json={"plan": plan()}).json()["id"]
    with client.websocket_connect(f"/api/train/{number}", headers={"host": "127.0.0.1"}) as line:
        for order in ("", "{}", "[]", '{"do": "dance"}', '{"do": ["play"]}', '{"do": "play", "pace": -1}'):
            line.send_text(order)
            while "error" not in (told := line.receive_json()):
                pass
            assert told["error"]["message"]


def test_a_training_that_diverges_says_so_and_keeps_the_last_good_parameters(client) -> None:
    content = with_settings(
        optimizer="gradient_descent", learning_rate=1e30, loss="half_mean_squared_error", shuffle=False
    )
    number, _, frame = finished(client, content | {"activations": ["relu", "relu"]})
    assert frame["stop_reason"] == "diverged" and "learning rate" in frame["message"]
    assert frame["hints"][0]["code"] == "diverged"
    assert client.get(f"/api/train/{number}/model").status_code == 200


# -------------------------------------------------------------------------------------------------- one step, slowly


def numbers_of(told, name):
    return np.array(told["arrays"][name]["values"])


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
def test_a_slow_step_is_the_step_that_the_training_takes(client, content) -> None:
    number = client.post("/api/train", json={"plan": content}).json()["id"]
    with client.websocket_connect(f"/api/train/{number}", headers={"host": "127.0.0.1"}) as line:
        for _ in range(4):  # over the end of an epoch
            line.send_json({"do": "walk"})
            while "walk" not in (told := line.receive_json()):
                pass
            walk = told["walk"]
            line.send_json({"do": "batch"})
            while "agrees" not in (told := line.receive_json()):
                pass
            assert told["agrees"] is True
        names = [stage["name"] for stage in walk["stages"]]
        layers = len(walk["activations"])
        assert names[:2] == ["z1", "a1"] and names[2 * layers] == "loss" and names[2 * layers + 1] == f"dz{layers}"
        assert names.index("dW1") < names.index("W1") and names[-1] == f"b{layers}"
        assert set(names) - {"loss"} <= set(walk["arrays"])


def test_the_numbers_of_a_slow_step_are_the_librarys(client) -> None:
    number = client.post("/api/train", json={"plan": with_settings(optimizer="gradient_descent")}).json()["id"]
    with client.websocket_connect(f"/api/train/{number}", headers={"host": "127.0.0.1"}) as line:
        line.send_json({"do": "walk"})
        while "walk" not in (told := line.receive_json()):
            pass
    walk = told["walk"]
    structure = glassnet.Structure(walk["layers"], walk["activations"])
    parameters = {
        name: numbers_of(walk, name).reshape(shape).astype(np.float32) for name, shape in structure.shapes.items()
    }
    x, y = numbers_of(walk, "x").astype(np.float32), numbers_of(walk, "y").argmax(axis=1)
    cache = forward.forward(structure, parameters, x)
    for name in ("z1", "a1", "z2", "a2", "z3", "a3"):
        np.testing.assert_allclose(numbers_of(walk, name), cache[name], rtol=1e-5, atol=1e-6)
    loss = LOSSES["categorical_crossentropy"]
    each = loss.per_sample(cache["z3"], np.eye(2, dtype=np.float32)[y], **loss.settings)
    np.testing.assert_allclose(numbers_of(walk, "each")[:, 0], each, rtol=1e-5)
    assert walk["rows"] == 32 and len(each) == 24  # the first rows are told
    dz = backward.output_gradient(loss, structure, cache, y)
    np.testing.assert_allclose(numbers_of(walk, "dz3"), dz * 24 / 32, rtol=1e-4, atol=1e-7)
    for name in ("W1", "b1", "W2"):
        after, change = numbers_of(walk, f"{name}.after"), numbers_of(walk, f"{name}.change")
        np.testing.assert_allclose(
            after, numbers_of(walk, name) - walk["rate"] * numbers_of(walk, f"d{name}"), atol=1e-7
        )
        np.testing.assert_allclose(change, -walk["rate"] * numbers_of(walk, f"d{name}"), atol=1e-7)


def test_lbfgs_has_no_step_by_batch_and_says_why(client) -> None:
    number = client.post("/api/train", json={"plan": with_settings(optimizer="lbfgs", learning_rate=None)}).json()["id"]
    with client.websocket_connect(f"/api/train/{number}", headers={"host": "127.0.0.1"}) as line:
        line.send_json({"do": "walk"})
        while "error" not in (told := line.receive_json()):
            pass
        assert "L-BFGS" in told["error"]["message"]


# ---------------------------------------------------------------------------------------------- the model, afterwards


def test_a_model_can_be_kept_and_used_in_the_other_tabs(client, workshop, tmp_path) -> None:
    number, _, _ = finished(client, plan())
    file = client.get(f"/api/train/{number}/model")
    (tmp_path / "m.glassnet").write_bytes(file.content)
    model = glassnet.load(tmp_path / "m.glassnet")
    assert model.feature_names == ("x1", "x2") and file.headers["content-disposition"] == "attachment"
    assert client.post(f"/api/train/{number}/use").json()["version"] == 2
    assert client.get("/api/model").json()["name"] == "spiral"
    assert workshop.examples.unseen and len(workshop.examples) == 30 and len(workshop.training) == 90
    assert np.array_equal(workshop.model.predict(workshop.examples.x), model.predict(workshop.examples.x))
    # the digits can still be learned, and the server's own rows are those that it began with
    assert client.post("/api/train/plan", json=plan("digits")).status_code == 200


def test_a_model_can_be_kept_while_it_learns(client) -> None:
    number = client.post("/api/train", json={"plan": with_settings(epochs=100_000)}).json()["id"]
    with client.websocket_connect(f"/api/train/{number}", headers={"host": "127.0.0.1"}) as line:
        line.send_json({"do": "play"})
        next_frame(line, "going")
        assert client.get(f"/api/train/{number}/model").status_code == 200
        line.send_json({"do": "end"})
        assert next_frame(line, "over")["frame"]["stop_reason"] == "stopped"

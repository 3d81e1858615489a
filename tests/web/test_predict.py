"""Predictions over HTTP: the same numbers as in Python, and errors that name the invalid entry."""

import time
from dataclasses import replace

import numpy as np
import pytest
from starlette.testclient import TestClient

import glassnet
from glassnet import inspection
from glassnet.models.target import Target
from glassnet.web import observability
from glassnet.web.app_state import AppState, Limits
from glassnet.web.errors import ApiError
from glassnet.web.predict import predict_rows
from glassnet.web.responses import to_json
from glassnet.web.server import create_app
from tests.web.conftest import HERE


def client_of(model, **settings):
    return TestClient(create_app(AppState(model, **settings)), base_url=HERE)


@pytest.fixture(scope="module")
def flowers():
    """Return a model whose classes are text, with two columns."""
    rng = np.random.default_rng(0)
    kind = np.arange(80) % 2
    x = rng.standard_normal((80, 2)) + 4 * kind[:, np.newaxis]
    names = np.array(["<b>daisy</b>", "tulip"], dtype=object)
    settings = glassnet.recommended_settings(80, epochs=20, engine="reference")
    return glassnet.fit(x, names[kind], hidden=(6,), settings=settings, feature_names=["length", "größe"])


@pytest.fixture(scope="module")
def houses():
    """Return a model of a value."""
    x = np.random.default_rng(0).uniform(0, 10, (80, 2))
    settings = glassnet.recommended_settings(80, "regression", epochs=20, engine="reference")
    return glassnet.fit(x, 1000 * x[:, 0] + 0.5, hidden=(6,), task="regression", settings=settings, target_name="price")


def refused(response, status=422):
    assert response.status_code == status, response.text
    assert "Traceback" not in response.text
    return response.json()["error"]


# -------------------------------------------------------------------------------------------------------------- predict


def test_rows_as_lists_get_the_predictions_of_the_model(client, app_state) -> None:
    x = app_state.examples.x[:50]
    content = client.post("/api/predict", json={"rows": x.tolist()}).json()
    assert content["predictions"] == app_state.model.predict(x).tolist()
    assert content["classes"] == list(range(10)) and content["target"] == "label"
    assert np.array_equal(np.array(content["probabilities"], np.float32), app_state.model.predict_proba(x))


def test_rows_as_objects_are_matched_by_column_names(flowers) -> None:
    rows = [{"größe": 4.5, "length": 3.5, "colour": "red"}, {"length": -1, "größe": True}]
    content = client_of(flowers).post("/api/predict", json={"rows": rows}).json()
    assert content["predictions"] == flowers.predict([[3.5, 4.5], [-1, 1]]).tolist()
    assert content["classes"] == ["<b>daisy</b>", "tulip"]


def test_a_model_of_one_column_takes_objects_too() -> None:
    settings = glassnet.recommended_settings(40, epochs=3, engine="reference")
    model = glassnet.fit(np.arange(40.0).reshape(-1, 1), np.arange(40) % 2, hidden=(), settings=settings)
    content = client_of(model).post("/api/predict", json={"rows": [{"x1": 3}, {"x1": 4.0}]}).json()
    assert content["predictions"] == model.predict([[3], [4.0]]).tolist()


def test_values_are_in_the_unit_of_the_target(houses) -> None:
    content = client_of(houses).post("/api/predict", json={"rows": [[1, 2], [3.5, 4]]}).json()
    assert content == {"target": "price", "predictions": houses.predict([[1, 2], [3.5, 4]]).tolist()}


def test_a_large_request_is_answered_by_a_thread_with_the_same_numbers(client, app_state) -> None:
    x = np.tile(app_state.examples.x, (20, 1))
    content = client.post("/api/predict", json={"rows": x.tolist()}).json()
    assert content["predictions"] == app_state.model.predict(x).tolist()


@pytest.mark.parametrize(
    ("row", "about", "words"),
    [
        ([1, "a"], {"column": "größe", "value": "a", "expected": "a finite number"}, "rows[1], column 'größe' is 'a'"),
        ([None, 1], {"column": "length", "value": None}, "is null"),
        ([[1], 1], {"column": "length", "value": "a list of 1"}, "a list of 1"),
        ([1e300, 1], {"column": "length", "value": 1e300}, "within float32"),
        ({"length": 1}, {"column": "größe", "value": None}, "has no column 'größe'"),
        ({"length": 1, "größe": {}}, {"column": "größe", "value": "an object of 0"}, "column 'größe'"),
        ([1, 2, 3], {"value": 3, "expected": "2 numbers"}, "has 3 entries; this model takes 2"),
        ([], {"value": 0}, "has 0 entries"),
        ("1,2", {"expected": "a list of 2 numbers, or an object with the columns' names"}, "rows[1] is 1,2"),
    ],
)
def test_an_invalid_entry_is_reported_with_row_column_and_value(flowers, row, about, words) -> None:
    content = refused(client_of(flowers).post("/api/predict", json={"rows": [[1, 2], row]}))
    assert {"code": "invalid_input", "row": 1} | about == {key: content[key] for key in {"code", "row", *about}}
    assert words in content["message"]


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (b"", "invalid_json", "empty"),
        (b'{"rows": [[1, NaN]]}', "invalid_json", "not valid JSON"),
        (b'{"rows": [[1, 1e999]]}', "invalid_json", "infinity"),
        (b'{"rows": [[1, 2]', "invalid_json", "not valid JSON"),
        (b"\xff\xfe", "invalid_json", "not valid JSON"),
        (b"[" * 100_000, "invalid_json", "not valid JSON"),
        (b"[[1, 2]]", "invalid_input", "give an object"),
        (b"{}", "invalid_input", "rows is missing"),
        (b'{"rows": []}', "invalid_input", "an empty list"),
        (b'{"rows": {"length": 1}}', "invalid_input", "an object of 1"),
        (b'{"rows": 7}', "invalid_input", "rows is 7"),
        (b'{"rows": [7]}', "invalid_input", "rows[0] is 7"),
    ],
)
def test_an_invalid_body_is_reported(flowers, body, code, words) -> None:
    content = refused(client_of(flowers).post("/api/predict", content=body))
    assert content["code"] == code and words in content["message"]


def test_an_embedding_code_without_a_category_is_reported() -> None:
    structure = glassnet.Structure((1 + 2, 2), ("softmax",), embeddings=[(4, 2)])
    scaling = glassnet.fit([[0.0], [1.0]] * 4, [0, 1] * 4, hidden=()).scaling
    scaling = type(scaling)("standard", np.zeros(2), np.ones(2))
    vector = np.ones(structure.n_parameters, np.float32)
    model = glassnet.Model(structure, vector, scaling, ("size", "colour"), Target.of_classes((0, 1)))
    content = refused(client_of(model).post("/api/predict", json={"rows": [[0.5, 3], [0.5, 4]]}))
    assert (content["row"], content["column"], content["value"]) == (1, "colour", 4)
    assert "an integer from 0 to 3" in content["expected"]
    assert client_of(model).post("/api/predict", json={"rows": [[0.5, 3]]}).status_code == 200


def test_more_rows_than_the_limit_are_refused(houses) -> None:
    client = client_of(houses, limits=Limits(rows=3))
    assert client.post("/api/predict", json={"rows": [[1, 2]] * 3}).status_code == 200
    content = refused(client.post("/api/predict", json={"rows": [[1, 2]] * 4}), 413)
    assert content["code"] == "too_many_rows" and content["limit"] == 3


def test_a_slow_prediction_times_out(houses, monkeypatch) -> None:
    slow = predict_rows

    def sleeps(*given):
        time.sleep(1)
        return slow(*given)

    monkeypatch.setattr("glassnet.web.predict.predict_rows", sleeps)
    client = client_of(houses, limits=Limits(seconds=0.2))
    assert refused(client.post("/api/predict", json={"rows": [[1, 2]] * 9000}), 503)["code"] == "timeout"


def test_a_long_value_is_truncated_in_the_error(flowers) -> None:
    content = refused(client_of(flowers).post("/api/predict", json={"rows": [[1, "x" * 10_000]]}))
    assert len(content["value"]) == 80 and len(content["message"]) < 300


# -------------------------------------------------------------------------------------------------------------- explain


@pytest.mark.parametrize("of", ["output", "logit", "probability"])
def test_explain_returns_every_z_and_a_and_the_saliency(client, app_state, of) -> None:
    model, x = app_state.model, app_state.examples.x[:1]
    content = client.post("/api/explain", json={"row": x[0].tolist(), "of": of}).json()
    layers = inspection.activations(model.structure, model.vector, model.inputs(x))
    for name, values in layers.items():
        assert np.array_equal(np.array(content[name], np.float32), values[0]), name
    assert np.array_equal(np.array(content["x"], np.float32), model.inputs(x)[0])
    assert content["prediction"] == model.predict(x)[0] and content["output"] == int(np.argmax(layers["a3"]))
    slope = inspection.saliency(model.structure, model.vector, model.inputs(x), of=of)
    assert np.array_equal(np.array(list(content["saliency"].values()), np.float32), slope[0])
    assert list(content["saliency"]) == list(model.feature_names) == list(content["row"])


def test_explain_takes_an_object_and_an_output(flowers, houses) -> None:
    content = client_of(flowers).post("/api/explain", json={"row": {"größe": 1, "length": 2}, "output": 0}).json()
    assert content["output"] == 0 and content["row"] == {"length": 2.0, "größe": 1.0}
    content = client_of(houses).post("/api/explain", json={"row": [1, 2]}).json()
    assert content["prediction"] == houses.predict([[1, 2]])[0] and content["probabilities"] is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"rows": [[1, 2]]}, "row is missing"),
        ({"row": [[1, 2], [3, 4]]}, "column 'length' is 'a list of 2'"),
        ({"row": [1, 2], "output": 2}, "one of 0 … 1"),
        ({"row": [1, 2], "output": True}, "an integer"),
        ({"row": [1, 2], "output": 10**30}, "an integer"),
        ({"row": [1, 2], "of": "nothing"}, "of is 'nothing'"),
        ({"row": [1, 2], "of": [1]}, "of is"),
        ({"row": [1, 1e300]}, "within float32"),
    ],
)
def test_invalid_explain_requests_are_refused(flowers, body, words) -> None:
    assert words in refused(client_of(flowers).post("/api/explain", json=body))["message"]


# ------------------------------------------------------------------------------------------------ the model, the server


def test_the_model_is_described(client, app_state) -> None:
    content = client.get("/api/model").json()
    assert content["layer_sizes"] == [64, 16, 12, 10] and content["activations"] == ["relu", "relu", "softmax"]
    assert content["image_shape"] == [8, 8] and content["examples"] == {
        "source": "digits",
        "rows": 360,
        "has_target": True,
        "held_out": True,
    }
    assert len(content["history"]) == 5 and content["parameters"] == app_state.model.structure.n_parameters


def test_responses_contain_no_folders(flowers) -> None:
    secret = replace(flowers, metadata={**flowers.metadata, "source": "/home/ann/secret/flowers.csv"})
    text = client_of(secret).get("/api/model").text
    assert '"source":"flowers.csv"' in text and "secret" not in text


def test_openapi_describes_the_endpoints_and_no_page_loads_from_other_hosts(client) -> None:
    content = client.get("/api/openapi.json").json()
    assert {"/api/predict", "/api/explain", "/api/model", "/healthz", "/metrics"} <= set(content["paths"])
    assert content["paths"]["/api/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    for path in (
        "/docs",
        "/redoc",
        "/openapi.json",
        "/%2e%2e/pyproject.toml",
        "/..%2fstyle.css",
        "/page/index.html",
        "/server.py",
    ):
        assert refused(client.get(path), 404)["code"] == "not_found"


def test_no_endpoint_takes_a_path(client) -> None:
    paths = client.get("/api/openapi.json").json()["paths"]
    for path, methods in paths.items():
        assert ":path" not in path
        for method in methods.values():
            for parameter in method.get("parameters", ()):
                assert not {"path", "file", "folder", "filename"} & set(parameter["name"].lower().split("_")), path


def test_metrics_count_requests_rows_and_errors(client, app_state) -> None:
    rows = app_state.examples.x[:7].tolist()
    client.post("/api/predict", json={"rows": rows})
    client.post("/api/predict", json={"rows": rows})
    client.post("/api/predict", json={"rows": "none"})
    client.get("/shared/style.css")
    client.get("/nowhere/1")
    client.get("/nowhere/2")
    content = client.get("/metrics")
    assert content.headers["content-type"].startswith("text/plain; version=")
    for line in (
        'glassnet_requests_total{method="POST",path="/api/predict",status="200"} 2.0',
        'glassnet_requests_total{method="POST",path="/api/predict",status="422"} 1.0',
        'glassnet_requests_total{method="GET",path="page",status="200"} 1.0',
        'glassnet_requests_total{method="GET",path="other",status="404"} 2.0',
        "glassnet_rows_total 14.0",
        'glassnet_errors_total{status="422"} 1.0',
        'glassnet_request_seconds_bucket{le="+Inf",path="/api/predict"} 3.0',
        "glassnet_requests_open 1.0",
    ):
        assert line in content.text, line
    assert client.get("/healthz").json() == {"status": "ok"}


def test_an_internal_error_is_logged_with_a_traceback_and_sent_without(client, app_state, capsys) -> None:
    app_state.model = None
    content = refused(client.post("/api/predict", json={"rows": [[1]]}), 500)
    assert content["code"] == "internal_error" and "NoneType" not in content["message"]
    assert "NoneType" in capsys.readouterr().err
    assert 'status="500"} 1.0' in client.get("/metrics").text


def test_a_request_is_one_escaped_line_in_the_log(app_state) -> None:
    lines = []
    with TestClient(create_app(app_state, log=lines.append), base_url=HERE) as client:
        client.post("/api/predict?x=secret", json={"rows": app_state.examples.x[:3].tolist()})
        client.get("/a%0A200 GET /b")
    assert [(line["method"], line["path"], line["status"], line["rows"]) for line in lines] == [
        ("POST", "/api/predict", 200, 3),
        ("GET", "/a\n200 GET /b", 404, None),
    ]


@pytest.mark.parametrize("log", [observability.log_plain, observability.log_json])
def test_a_log_entry_is_one_line(log, capsys) -> None:
    log({"method": "GET", "path": "/a\n200 \x1b[31m", "status": 404, "ms": 1.25, "rows": 2, "client": "::1"})
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "\x1b" not in said and "404" in said


def test_a_second_training_returns_409(app_state) -> None:
    with app_state.training_lock():
        with pytest.raises(ApiError, match="already running") as refusal, app_state.training_lock():
            pass
        assert refusal.value.status_code == 409
    with app_state.training_lock():
        pass
    app_state.read_only = True
    with pytest.raises(ApiError, match="--read-only"), app_state.training_lock():
        pass


def test_json_contains_arrays_and_no_nan() -> None:
    content = to_json({"a": np.array([1.5, np.nan, -np.inf]), "b": np.arange(6).reshape(2, 3).T, "c": np.float32(0.1)})
    assert content == b'{"a":[1.5,null,null],"b":[[0,3],[1,4],[2,5]],"c":0.1}'
    assert to_json(np.array(["x", 1], dtype=object)) == b'["x",1]'
    with pytest.raises(TypeError, match="serializable: set"):
        to_json({"a": {1}})

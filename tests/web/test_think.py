"""Think over HTTP: rows, units and explanations equal the library's, and invalid requests are errors."""

import threading
import time
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_matrix
from starlette.testclient import TestClient

import glassnet
from glassnet import Structure, inspection
from glassnet.data import ArrowTable
from glassnet.data.provenance import RowSpan
from glassnet.models import Model
from glassnet.models.target import Target
from glassnet.preprocessing.scaling import Scaling
from glassnet.web import unit_statistics
from glassnet.web.app_state import AppState, Examples, Limits, make_examples
from glassnet.web.server import create_app
from glassnet.web.think.drawing import MNIST_BOX, box_share, drawing_parameters
from glassnet.web.unit_statistics import UnitStatistics
from tests.web.conftest import HERE


def client_of(app_state):
    return TestClient(create_app(app_state), base_url=HERE)


def refused(response, status=422):
    assert response.status_code == status, response.text
    assert "Traceback" not in response.text
    return response.json()["error"]


@pytest.fixture(scope="module")
def houses():
    """Return an app state with a model of a value, and its rows."""
    x = np.random.default_rng(0).uniform(0, 10, (80, 2))
    y = 1000 * x[:, 0] + 0.5
    settings = glassnet.recommended_settings(80, "regression", epochs=20, engine="reference")
    model = glassnet.fit(x, y, hidden=(6,), task="regression", settings=settings, target_name="price")
    table = ArrowTable("houses.csv", pa.table({"x1": x[:, 0], "x2": x[:, 1], "price": y}))
    return AppState(model, "houses", make_examples(table, model))


@pytest.fixture(scope="module")
def embedded():
    """Return an app state with a model that has a table of embeddings, and its rows."""
    structure = Structure((1 + 3, 5, 2), ("tanh", "softmax"), embeddings=[(4, 3)])
    rng = np.random.default_rng(0)
    vector = rng.standard_normal(structure.n_parameters).astype(np.float32)
    scaling = Scaling("standard", np.zeros(2), np.ones(2))
    model = Model(structure, vector, scaling, ("size", "colour"), Target.of_classes(("a", "b"), "kind"))
    x = np.column_stack([rng.standard_normal(20), np.arange(20) % 4])
    table = ArrowTable("rows.csv", pa.table({"size": x[:, 0], "colour": x[:, 1]}))
    return AppState(model, "embedded", Examples(table, x, None))


# -------------------------------------------------------------------------------------------------------------- explain


def ask(client, **question):
    response = client.post("/api/explain", json=question)
    assert response.status_code == 200, response.text
    return response.json()


def test_scaled_units_equal_the_librarys_ablation(client, app_state) -> None:
    model, x = app_state.model, app_state.examples.x[:1]
    scale = {"a1": {"5": 0.0, "3": 1.5}, "a2": {"0": 0}}
    content = ask(client, row=x[0].tolist(), scale=scale, of="logit", output=4)
    layers = inspection.activations(model.structure, model.vector, model.inputs(x), scale)
    assert set(layers) == {"z1", "a1", "h1", "z2", "a2", "h2", "z3", "a3"}
    for name, values in layers.items():
        np.testing.assert_array_equal(np.array(content[name], np.float32), values[0], err_msg=name)
    slope = inspection.saliency(model.structure, model.vector, model.inputs(x), 4, "logit", scale=scale)
    np.testing.assert_array_equal(np.array(list(content["saliency"].values()), np.float32), slope[0])
    assert content["prediction"] == model.decode(layers["a3"])[0]
    np.testing.assert_array_equal(np.array(content["probabilities"], np.float32), layers["a3"][0])
    as_is = model.predict_proba(x)[0]
    np.testing.assert_array_equal(np.array(content["original"]["probabilities"], np.float32), as_is)
    assert content["original"]["prediction"] == model.predict(x)[0]
    assert np.abs(np.array(content["probabilities"]) - as_is).max() > 1e-3


def test_without_a_scale_there_is_no_original_prediction(client, app_state) -> None:
    content = ask(client, row=app_state.examples.x[0].tolist())
    assert not {"original", "h1", "connections", "unit_gradient"} & set(content)
    assert content["version"] == app_state.version
    assert "saliency" in content and "saliency" not in ask(client, row=app_state.examples.x[0].tolist(), saliency=False)


def test_values_are_in_the_unit_of_the_target(houses) -> None:
    x, client = houses.examples.x[:1], client_of(houses)
    content = ask(client, row=x[0].tolist(), scale={"a1": {str(unit): 0 for unit in range(6)}})
    b2 = houses.model.parameters["b2"][np.newaxis]
    assert content["prediction"] == pytest.approx(float(houses.model.decode(b2)[0]), rel=1e-6)
    assert content["original"]["prediction"] == pytest.approx(float(houses.model.predict(x)[0]), rel=1e-6)
    assert content["probabilities"] is None and content["original"]["probabilities"] is None


@pytest.mark.parametrize("scale", [None, {"a1": {"2": 0.0}}])
def test_connections_are_the_largest_terms_of_each_layer(client, app_state, scale) -> None:
    model, x = app_state.model, app_state.examples.x[:1]
    content = ask(client, row=x[0].tolist(), n_connections=7, **({} if scale is None else {"scale": scale}))
    layers = inspection.activations(model.structure, model.vector, model.inputs(x), scale)
    inputs = [model.inputs(x), layers.get("h1", layers["a1"]), layers["a2"]]
    assert len(content["connections"]) == 3
    for layer, (given, found) in enumerate(zip(inputs, content["connections"], strict=True), start=1):
        terms = given[0][:, np.newaxis] * model.parameters[f"W{layer}"]
        largest = np.sort(np.abs(terms), axis=None)[::-1][:7]
        np.testing.assert_array_equal(np.abs(np.array(found["terms"], np.float32)), largest)
        np.testing.assert_array_equal(np.array(found["terms"], np.float32), terms[found["from"], found["to"]])
    assert scale is None or 2 not in content["connections"][1]["from"]


def test_embeddings_are_inputs_of_the_first_layer(embedded) -> None:
    content = ask(client_of(embedded), row=[0.5, 3], n_connections=3, unit=[1, 2], scale={"a0": {"1": 0}})
    E, W = embedded.model.parameters["E1"], embedded.model.parameters["W1"]
    a0 = np.concatenate([np.float32([0.5]), E[3]])
    np.testing.assert_array_equal(np.array(content["a0"], np.float32), a0)
    inputs = a0 * np.float32([1, 0, 1, 1])
    np.testing.assert_array_equal(np.array(content["h0"], np.float32), inputs)
    terms = inputs[:, np.newaxis] * W
    np.testing.assert_array_equal(
        np.abs(np.array(content["connections"][0]["terms"], np.float32)),
        np.sort(np.abs(terms), axis=None)[::-1][:3],
    )
    assert content["unit_gradient"] == pytest.approx([float(W[0, 2]), 0])


def test_the_gradient_of_a_unit_is_that_of_its_z(client, app_state) -> None:
    model, x = app_state.model, app_state.examples.x[:1]
    content = ask(client, row=x[0].tolist(), unit=[2, 3], saliency=False)
    slope = inspection.saliency(model.structure, model.vector, model.inputs(x), 3, "logit", layer=2)
    np.testing.assert_array_equal(np.array(content["unit_gradient"], np.float32), slope[0])


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"scale": {"a3": {"0": 0}}}, "scale has 'a3'"),
        ({"scale": {"a1": {"16": 0}}}, "there are 0 … 15"),
        ({"scale": {"a1": {"0": "x"}}}, "scale of a1[0] is 'x'"),
        ({"scale": {"a1": 3}}, "scale of a1 is 3"),
        ({"scale": 3}, "scale is 3"),
        ({"n_connections": -1}, "n_connections is -1; give an integer, 0 … 1000"),
        ({"n_connections": 1001}, "n_connections is 1001"),
        ({"n_connections": True}, "n_connections is True"),
        ({"n_connections": "7"}, "n_connections is '7'"),
        ({"saliency": 1}, "saliency is 1; give true or false"),
        ({"unit": [1]}, "give a layer and a unit"),
        ({"unit": "1,2"}, "give a layer and a unit"),
        ({"unit": [1, True]}, "give a layer and a unit"),
        ({"unit": [4, 0]}, "layer is 4; it must be one of 1 … 3"),
        ({"unit": [1, 99]}, "output is 99"),
        ({"unit": [1, -1]}, "output is -1"),
        ({"of": ["logit"]}, "of is 'a list of 1'"),
        ({"output": "3"}, "output is '3'"),
        ({"output": 10, "saliency": False}, "output is 10; with 10 outputs it is one of 0 … 9"),
        ({"output": 10**30}, "output is 1e+30"),
    ],
)
def test_invalid_explain_options_are_refused(client, app_state, about, words) -> None:
    content = refused(client.post("/api/explain", json={"row": app_state.examples.x[0].tolist()} | about))
    assert content["code"] == "invalid_input" and words in content["message"]


# ----------------------------------------------------------------------------------------------------------------- rows


def test_rows_come_with_target_prediction_and_raw_values(client, app_state) -> None:
    examples = app_state.examples
    content = client.get("/api/rows?from=10&count=5").json()
    assert [row["row"] for row in content["rows"]] == [10, 11, 12, 13, 14]
    assert content["total"] == content["matching"] == len(examples) and content["from"] == 10
    assert np.array_equal([row["values"] for row in content["rows"]], examples.x[10:15])
    assert [row["target"] for row in content["rows"]] == examples.y[10:15].tolist()
    assert [row["prediction"] for row in content["rows"]] == app_state.model.predict(examples.x[10:15]).tolist()


def test_rows_of_a_class_are_indexed_within_the_class(client, app_state) -> None:
    threes = np.flatnonzero(app_state.examples.y == 3)
    content = client.get("/api/rows?class=3&from=2&count=4").json()
    assert [row["row"] for row in content["rows"]] == threes[2:6].tolist()
    assert content["matching"] == len(threes) and content["total"] == len(app_state.examples)
    around = client.get(f"/api/rows?class=3&row={threes[7]}&count=1").json()
    assert (around["from"], around["rows"][0]["row"]) == (7, threes[7])
    assert client.get(f"/api/rows?from={len(app_state.examples)}").json()["rows"] == []


def test_rows_are_found_by_their_number_in_the_file(houses) -> None:
    client = client_of(houses)
    content = client.get("/api/rows?from=3&count=2").json()["rows"]
    assert [(row["number"], row["file"]) for row in content] == [(4, None), (5, None)]
    assert client.get("/api/rows?number=80&count=1").json()["rows"][0]["row"] == 79
    runs = (RowSpan(0, "/home/me/a.csv", 1), RowSpan(10, "/home/me/a.csv", 13), RowSpan(50, "/home/me/b.csv", 7))
    table = replace(houses.examples.table, spans=runs)
    client = client_of(AppState(houses.model, "houses", replace(houses.examples, table=table)))
    content = client.get("/api/rows?from=49&count=2").json()["rows"]
    assert [(row["number"], row["file"]) for row in content] == [(52, "a.csv"), (7, "b.csv")]
    for number, row in ((1, 0), (10, 9), (13, 10), (7, 6), (36, 33), (52, 49)):  # the first of several
        assert client.get(f"/api/rows?number={number}&count=1").json()["rows"][0]["row"] == row
    for number in (0, -3, 53, 10**30):
        assert f"no row with the number {number}" in refused(client.get(f"/api/rows?number={number}"))["message"]
    assert "--data FILE" in refused(client_of(AppState(houses.model)).get("/api/rows?number=1"))["message"]


def test_regression_rows_have_no_classes(houses) -> None:
    client = client_of(houses)
    content = client.get("/api/rows?count=1").json()["rows"][0]
    assert content["target"] == houses.examples.y[0] and isinstance(content["prediction"], float)
    assert "no rows with known classes" in refused(client.get("/api/rows?class=3"))["message"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("class=11", "class is '11'; give one of 0, 1, 2"),
        ("class=", "class is ''"),
        ("row=360", "there is no row 360; give a row of the class, 0 … 359"),
        ("count=0", "greater than or equal to 1"),
        ("count=201", "less than or equal to 200"),
        ("from=-1", "greater than or equal to 0"),
        ("from=x", "valid integer"),
        ("row=1.5", "valid integer"),
        ("row=99999999999999999999999", "there is no row"),
        ("from=99999999999999999999999&count=3", None),
    ],
)
def test_missing_rows_are_refused(client, query, words) -> None:
    response = client.get(f"/api/rows?{query}")
    if words is None:  # beyond the last one there are none
        assert response.json()["rows"] == []
    else:
        assert words in refused(response)["message"]


def test_a_row_of_another_class_is_refused(client, app_state) -> None:
    row = int(np.flatnonzero(app_state.examples.y == 4)[0])
    assert f"no row {row}" in refused(client.get(f"/api/rows?class=3&row={row}"))["message"]


def test_without_rows_the_response_says_how_to_provide_them(app_state) -> None:
    client = client_of(AppState(app_state.model, "alone"))
    assert client.get("/api/rows").json() == {"version": 1, "total": 0, "matching": 0, "from": 0, "rows": []}
    assert "--data FILE" in refused(client.get("/api/rows?row=0"))["message"]
    content = client.get("/api/think").json()
    assert content["activation_scale"] is content["column_ranges"] is content["target_range"] is None
    assert content["initial_row"] == app_state.model.scaling.offset.tolist()
    assert client.get("/api/unit?layer=1&unit=0").json()["statistics"] is None


# ---------------------------------------------------------------------------------------------------------------- units


@pytest.mark.parametrize(("layer", "unit"), [(1, 3), (2, 0), (3, 9)])
def test_a_unit_has_its_weights_and_statistics(client, app_state, layer, unit) -> None:
    model, examples = app_state.model, app_state.examples
    content = client.get(f"/api/unit?layer={layer}&unit={unit}").json()
    np.testing.assert_array_equal(np.array(content["weights"], np.float32), model.parameters[f"W{layer}"][:, unit])
    assert np.float32(content["b"]) == model.parameters[f"b{layer}"][unit]
    inputs = model.inputs(examples.x)
    a = inspection.activations(model.structure, model.vector, inputs)[f"a{layer}"][:, unit].astype(float)
    data = content["statistics"]
    assert (data["rows"], data["total_rows"]) == (len(examples), len(examples))
    assert data["zeros"] == np.count_nonzero(a == 0) and data["mean"] == pytest.approx(a.mean())
    counts, edges = np.histogram(a, 32)
    assert data["counts"] == counts.tolist() and [data["low"], data["high"]] == [edges[0], edges[-1]]
    assert data["percentiles"] == np.percentile(a, range(100), method="lower").tolist()
    assert [row["a"] for row in data["top_rows"]] == np.sort(a)[::-1][:12].tolist()
    for row in data["top_rows"]:
        assert row["a"] == a[row["row"]] and row["target"] == examples.y[row["row"]]
        assert row["values"] == examples.x[row["row"]].tolist()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("layer=0&unit=0", "layer is 0; give a layer, 1 … 3"),
        ("layer=4&unit=0", "layer is 4"),
        ("layer=1&unit=16", "unit is 16; give a unit of layer 1, 0 … 15"),
        ("layer=1&unit=-1", "unit is -1"),
        ("layer=1", "query.unit is None"),
        ("unit=1", "query.layer is None"),
        ("layer=one&unit=1", "valid integer"),
        ("layer=1&unit=99999999999999999999999", "give a unit of layer 1"),
    ],
)
def test_a_missing_unit_is_refused(client, query, words) -> None:
    assert words in refused(client.get(f"/api/unit?{query}"))["message"]


def test_large_data_are_sampled_at_regular_intervals(app_state, monkeypatch) -> None:
    monkeypatch.setattr(unit_statistics, "MAX_ACTIVATIONS", 38 * 90)
    client = client_of(app_state)
    data = client.get("/api/unit?layer=1&unit=0").json()["statistics"]
    assert (data["rows"], data["total_rows"]) == (90, 360) and sum(data["counts"]) == 90
    monkeypatch.setattr(unit_statistics, "MAX_WORK", 1374 * 10)
    rows = UnitStatistics(1, app_state.model, app_state.examples).rows
    assert len(rows) == 10 and (rows[0], rows[-1]) == (0, 359) and set(np.diff(rows)) <= {39, 40}


def test_unit_statistics_are_computed_once_per_model(app_state, monkeypatch) -> None:
    taken = []
    real = UnitStatistics._compute

    def slowly(self, rows):
        taken.append((self.version, len(rows)))
        time.sleep(0.05)
        return real(self, rows)

    monkeypatch.setattr(UnitStatistics, "_compute", slowly)
    with client_of(app_state) as client:
        content = []
        threads = [
            threading.Thread(target=lambda: content.append(client.get("/api/unit?layer=2&unit=1").text))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(content)) == 1 and taken == [(1, 360)]
        app_state.set_model(replace(app_state.model, vector=app_state.model.vector * 2), "other", app_state.examples)
        assert client.get("/api/unit?layer=2&unit=1").json()["version"] == 2
        assert taken == [(1, 360), (2, 360)]


def test_slow_unit_statistics_time_out(app_state, monkeypatch) -> None:
    monkeypatch.setattr(UnitStatistics, "_compute", lambda self, rows: time.sleep(0.5))
    app_state.limits = Limits(seconds=0.1)
    assert refused(client_of(app_state).get("/api/unit?layer=1&unit=0"), 503)["code"] == "timeout"


def test_a_diverged_network_can_be_inspected(app_state) -> None:
    vector = app_state.model.vector.copy()
    vector[:100] = np.inf
    client = client_of(AppState(replace(app_state.model, vector=vector), "ran away", app_state.examples))
    assert client.get("/api/think").status_code == 200
    content = client.get("/api/unit?layer=1&unit=0").json()
    assert content["weights"][0] is None and content["statistics"]["top_rows"]
    response = client.get("/api/rows?count=1")
    assert response.status_code == 200, response.text
    assert response.json()["rows"][0]["prediction"] is None


def test_sparse_rows_equal_dense_rows(houses) -> None:
    x = houses.examples.x * (houses.examples.x > 5)
    sparse = AppState(houses.model, "sparse", Examples(houses.examples.table, csr_matrix(x), houses.examples.y))
    full = AppState(houses.model, "sparse", Examples(houses.examples.table, x, houses.examples.y))
    for path in ("/api/think", "/api/rows", "/api/unit?layer=1&unit=2"):
        assert client_of(sparse).get(path).json() == client_of(full).get(path).json()


# ---------------------------------------------------------------------------------------------- what is needed to begin


def test_the_initial_data_of_the_page(client, app_state, houses) -> None:
    content, model = client.get("/api/think").json(), app_state.model
    for name, values in content["biases"].items():
        np.testing.assert_array_equal(np.array(values, np.float32), model.parameters[name])
    assert list(content["biases"]) == ["b1", "b2", "b3"]
    assert set(content["activation_scale"]) == {"a1", "a2", "a3"} and content["activation_scale"]["a3"] <= 1
    assert content["initial_row"] == app_state.examples.x[0].tolist()
    assert content["column_ranges"]["high"] == app_state.examples.x.max(axis=0).tolist()
    content = client_of(houses).get("/api/think").json()
    y = houses.examples.y
    assert content["target_range"] == {"low": y.min(), "high": y.max()} and content["drawing"] is None


def test_drawing_parameters_are_measured_on_the_rows(app_state) -> None:
    x = app_state.examples.x.astype(float)
    drawing = drawing_parameters(app_state.model, x)
    assert (drawing["side"], drawing["low"], drawing["high"], drawing["box"], drawing["measured"]) == (
        8,
        0,
        16,
        1,
        True,
    )
    np.testing.assert_array_equal(drawing["max_ink"], x.max(axis=0))  # each pixel has a scale of its own
    alone = drawing_parameters(app_state.model, None)
    assert alone["box"] == MNIST_BOX and not alone["measured"] and alone["max_ink"] is None
    assert alone["high"] > 8


def test_bytes_are_drawn_from_0_to_255_and_other_rows_have_no_drawing(app_state, houses) -> None:
    scaling = Scaling("bytes", np.zeros(64), np.full(64, 1 / 255))
    model = replace(app_state.model, preprocessor=scaling)
    assert drawing_parameters(model, None) == {
        "side": 8, "max_ink": None, "measured": False, "low": 0.0, "high": 255.0, "box": MNIST_BOX,
    }  # fmt: skip
    assert drawing_parameters(model, app_state.examples.x.astype(float))["max_ink"] is None
    assert drawing_parameters(houses.model, houses.examples.x) is None


def test_the_box_share_is_the_median_of_the_longer_extent() -> None:
    pictures = np.zeros((4, 28, 28), bool)
    pictures[0, 4:24, 10:18] = True  # 20 high
    pictures[1, 12:14, 3:23] = True  # 20 wide
    pictures[2, 5, 5] = True
    assert box_share(pictures) == 20 / 28  # the empty one does not count
    assert box_share(np.zeros((3, 28, 28), bool)) == MNIST_BOX


def test_openapi_describes_the_endpoints(client) -> None:
    content = client.get("/api/openapi.json").json()
    assert {"/api/think", "/api/rows", "/api/unit"} <= set(content["paths"])
    asked = content["paths"]["/api/explain"]["post"]["requestBody"]["content"]["application/json"]["schema"][
        "properties"
    ]
    assert {"scale", "n_connections", "saliency", "unit"} <= set(asked)

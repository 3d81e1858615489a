"""A file of an estimator is served like any other: binary outputs, tables with categories and missing values."""

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

import glassnet
from glassnet import MLPClassifier
from glassnet.data import read_table
from glassnet.training.loop import run_training
from glassnet.web.app_state import AppState, make_examples
from glassnet.web.learn.codegen import python
from glassnet.web.learn.plan import prepare_training, read_plan
from glassnet.web.learn.training_rows import get_file_rows
from glassnet.web.server import create_app

from .conftest import HERE


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Return a model of a table, loaded from an estimator's file, and its rows as a CSV file."""
    folder = tmp_path_factory.mktemp("people")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": np.where(rng.random(80) < 0.2, np.nan, rng.normal(size=80)),
            "kind": rng.choice(["a", "b", "c"], 80),
            "street": rng.choice([f"no {number}" for number in range(40)], 80),
        }
    )
    y = pd.Series(np.where(frame["kind"] == "a", "yes", "no"), name="answer")
    estimator = MLPClassifier((6,), preprocess="auto", max_iter=60, learning_rate_init=0.02, tol=0, random_state=0)
    with pytest.warns(UserWarning, match="hasn't converged"):
        estimator.fit(frame, y)
    estimator.save(folder / "people.glassnet")
    frame.assign(answer=y).to_csv(folder / "people.csv", index=False)
    return estimator, frame, folder


@pytest.fixture
def state(people):
    _, _, folder = people
    model = glassnet.load(folder / "people.glassnet")
    examples = make_examples(read_table(folder / "people.csv"), model)
    return AppState(model, "people", examples, examples)


@pytest.fixture
def client(state):
    with TestClient(create_app(state), base_url=HERE) as client:
        yield client


def test_predictions_are_those_of_the_estimator(client, people) -> None:
    estimator, frame, _ = people
    rows = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
    response = client.post("/api/predict", json={"rows": rows}).json()
    assert response["predictions"] == estimator.predict(frame).tolist() and response["classes"] == ["no", "yes"]
    np.testing.assert_allclose(response["probabilities"], estimator.predict_proba(frame), rtol=1e-5)


def test_entries_may_be_missing_and_unknown_but_no_lists(client) -> None:
    assert client.post("/api/predict", json={"rows": [{"size": None, "kind": "z", "street": None}]}).status_code == 200
    response = client.post("/api/predict", json={"rows": [[0.5, ["a"], "no 1"]]})
    assert response.status_code == 422 and response.json()["error"]["column"] == "kind"
    assert "text, a finite number, true, false or null" in response.json()["error"]["message"]
    response = client.post("/api/predict", json={"rows": [["wide", "a", "no 1"]]})
    assert response.status_code == 422 and "size" in response.json()["error"]["message"]


def test_an_explanation_names_the_inputs_that_columns_became(client, state) -> None:
    response = client.post("/api/explain", json={"row": [0.5, "a", "no 1"]}).json()
    assert tuple(response["saliency"]) == state.model.input_names
    assert response["row"] == {"size": 0.5, "kind": "a", "street": "no 1"}
    assert client.get("/api/model").json()["inputs"] == list(state.model.input_names)


def test_rows_are_shown_with_their_entries(client, people) -> None:
    _, frame, _ = people
    rows = client.get("/api/rows?count=5").json()["rows"]
    assert [row["values"][1:] for row in rows] == frame[["kind", "street"]].head(5).to_numpy().tolist()


def test_the_page_shows_and_edits_a_row_of_a_table(visit, serve, state) -> None:
    page = visit("#think", at=serve(create_app(state)), width=1440)
    page.get_by_text("Values", exact=True).click()
    fields = page.locator(".think-fields input")
    assert fields.nth(1).input_value() in ("a", "b", "c")
    fields.nth(1).fill("a")
    page.locator(".think-prediction", has_text="yes").wait_for()
    fields.nth(1).fill("b")
    page.locator(".think-prediction", has_text="no").wait_for()
    assert page.locator(".think-bar-name", has_text="kind = a").count() == 1


def test_the_page_trains_on_a_table_as_the_command_line_does(tmp_path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"id": range(90), "city": rng.choice(["Bern", "Rome"], 90), "age": rng.integers(20, 60, 90)})
    frame["age"] = frame["age"].where(frame["age"] > 22)
    frame["answer"] = np.where(frame["city"] == "Bern", "yes", "no")
    path = tmp_path / "t.csv"
    frame.to_csv(path, index=False)
    settings = glassnet.Settings(epochs=2, engine="reference", loss="categorical_crossentropy", batch_size=16)
    table = read_table(path)
    with pytest.warns(UserWarning, match="column 'id' is left out"):
        expected = glassnet.fit(
            table.select(["id", "city", "age"]), frame["answer"], hidden=(4,), settings=settings, target_name="answer"
        )
    state = AppState(expected, "t", None, make_examples(table, expected))
    content = {
        "data": {"kind": "file"},
        "validation_fraction": 0,
        "hidden": [4],
        "activations": ["relu"],
        "settings": {"epochs": 2, "engine": "reference", "loss": "categorical_crossentropy", "batch_size": 16},
    }
    with pytest.warns(UserWarning, match="column 'id' is left out"):
        rows, ready, run = prepare_training(read_plan(content), get_file_rows(state))
    run_training(run)
    model = ready.build_model(run.result()[0], run.history)
    np.testing.assert_array_equal(model.vector, expected.vector)
    assert model.feature_names == ("city", "age")
    examples = rows.examples(np.arange(5), model, held_out=False)
    assert len(examples) == 5 and model.predict(examples.x).tolist() == expected.predict(frame.head(5)).tolist()
    program = python(read_plan(content), rows)
    assert "x, y = table.select(columns), target_values(table, 'answer')" in program

"""Error analysis over HTTP: metrics, confusion matrix, calibration, groups, residuals and label errors."""

import csv
import io
import time
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import confusion_matrix, log_loss, mean_absolute_error, root_mean_squared_error
from starlette.testclient import TestClient

import glassnet
from glassnet.data import ArrowTable, features, target_values
from glassnet.data.provenance import RowSpan
from glassnet.datasets import load_digits
from glassnet.errors import InputError
from glassnet.metrics.classification import wilson_interval
from glassnet.web.app_state import AppState, Examples, make_examples
from glassnet.web.error_analysis.groups import cached_weak_slices, groups_of
from glassnet.web.error_analysis.service import AnalysisService
from glassnet.web.server import create_app

HERE = "http://127.0.0.1"
NAMES = ["age", "income"]


def client_of(app_state):
    return TestClient(create_app(app_state), base_url=HERE)


def refused(answer, status, code):
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["code"] == code
    return error


def wait_for(client, **query):
    """Wait until the search is no longer going; return what it content at the end."""
    until = time.monotonic() + 60
    while (content := client.get("/api/evaluate/label-errors", params=query).json())["state"] == "running":
        assert time.monotonic() < until
        time.sleep(0.02)
    return content


@pytest.fixture(scope="module")
def people():
    """Return a table of people with columns that no model uses: where they live, and who they are."""
    rng = np.random.default_rng(0)
    rows = 500
    age, income = rng.integers(18, 80, rows), rng.normal(40, 12, rows)
    region = rng.choice(["north", "south", "west"], rows, p=[0.5, 0.3, 0.2])
    score = 0.06 * (age - 45) + 0.04 * (income - 40) + rng.normal(0, 1, rows) * np.where(region == "west", 3.0, 0.3)
    height = np.where(rng.random(rows) < 0.1, np.nan, rng.normal(170, 9, rows))
    columns = {"age": age, "income": income, "region": region, "id": [f"p{row}" for row in range(rows)]}
    columns |= {"height": height, "buys": np.where(score > 0, "yes", "no"), "score": score + 50}
    return ArrowTable("/home/user/people.csv", pa.table(columns))


def shop_of(people, target, **about):
    """Return an app state of a model of people that buy, or of their scores, and its rows."""
    x, y = features(people, NAMES), target_values(people, target)
    task = "regression" if target == "score" else "classification"
    settings = glassnet.recommended_settings(len(x), task, epochs=6, engine="reference")
    names = {"feature_names": NAMES, "target_name": target, "source": "elsewhere.csv"}
    model = glassnet.fit(x, y, hidden=(8,), settings=settings, task=task, **names)
    rows = make_examples(people, model)
    return AppState(model, "people", rows, rows, **about)


@pytest.fixture
def buyers(people):
    return shop_of(people, "buys")


@pytest.fixture
def scores(people):
    return shop_of(people, "score")


# ------------------------------------------------------------------------------------------------------------- figures


def test_classification_metrics_equal_scikit_learns(client, app_state) -> None:
    content = client.get("/api/evaluate").json()
    x, y = app_state.examples.x, app_state.examples.y
    said, probabilities = app_state.model.predict(x), app_state.model.predict_proba(x).astype(float)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    assert content["metrics"]["accuracy"] == np.mean(said == y)
    assert content["metrics"]["errors"] == np.sum(said != y) and content["rows"] == len(y)
    assert content["metrics"]["log_loss"] == pytest.approx(log_loss(y, probabilities), rel=1e-5)
    assert content["metrics"]["interval"] == list(wilson_interval(int(np.sum(said == y)), len(y)))
    majority = content["metrics"]["majority_class"]
    assert majority["share"] == np.mean(y == majority["class"]) == max(np.bincount(y)) / len(y)
    matrix = confusion_matrix(y, said)
    assert content["confusion_matrix"]["counts"] == matrix.tolist() and content["confusion_matrix"]["complete"]
    wrong = [(pair["actual"], pair["predicted"]) for pair in content["confused_pairs"]]
    assert [pair["rows"] for pair in content["confused_pairs"]] == [matrix[pair] for pair in wrong]
    assert sum(pair["rows"] for pair in content["confused_pairs"]) == content["metrics"]["errors"]
    assert content["by_class"][8]["recall"] == matrix[8, 8] / matrix[8].sum()
    sure = probabilities.max(axis=1)
    bins = content["calibration"]["bins"]
    assert [one["rows"] for one in bins] == np.histogram(sure, np.linspace(0, 1, 11))[0].tolist()
    last = sure >= 0.9
    assert bins[-1]["accuracy"] == pytest.approx(np.mean((said == y)[last])) and bins[-1][
        "confidence"
    ] == pytest.approx(sure[last].mean())
    gaps = sum(one["rows"] * abs(one["accuracy"] - one["confidence"]) for one in bins if one["rows"])
    assert content["calibration"]["ece"] == pytest.approx(gaps / len(y))


def test_regression_metrics_equal_scikit_learns(scores) -> None:
    with client_of(scores) as client:
        content = client.get("/api/evaluate").json()
        y, said = scores.examples.y, scores.model.predict(scores.examples.x)
        figures = content["metrics"]
        assert figures["rmse"] == pytest.approx(root_mean_squared_error(y, said))
        assert figures["mae"] == pytest.approx(mean_absolute_error(y, said))
        assert figures["mean_error"] == pytest.approx(np.mean(y - said))
        points, histogram = content["residuals"]["points"], content["residuals"]["histogram"]
        assert points["residual"][7] == pytest.approx(y[7] - said[7]) and points["row"][7] == 7
        assert sum(histogram["counts"]) == len(y) and content["quantiles"] is None
        worst = client.get("/api/evaluate/rows?count=3").json()
        off = np.abs(y - said)
        assert [row["row"] for row in worst["rows"]] == np.argsort(-off, kind="stable")[:3].tolist()
        assert worst["columns"] == NAMES and worst["rows"][0]["cells"] == [
            people_cell(scores, name, worst["rows"][0]["row"]) for name in NAMES
        ]


def people_cell(app_state, name, row):
    return app_state.examples.table.columns[name][row].as_py()


def test_quantiles_are_evaluated_by_the_middle_one_and_by_coverage(people) -> None:
    x, y = features(people, NAMES), target_values(people, "score")
    loss = {"loss": "pinball", "loss_settings": {"quantiles": (0.1, 0.5, 0.9)}}
    settings = glassnet.Settings(**loss, epochs=10, batch_size=32)
    model = glassnet.fit(
        x, y, hidden=(8,), settings=settings, task="regression", feature_names=NAMES, target_name="score"
    )
    shop = AppState(model, "bands", make_examples(people, model))
    with client_of(shop) as client:
        content = client.get("/api/evaluate").json()
        said = model.predict(x)
        assert content["metrics"]["rmse"] == pytest.approx(root_mean_squared_error(y, said[:, 1]))
        assert [one["quantile"] for one in content["quantiles"]] == [0.1, 0.5, 0.9]
        assert [one["below"] for one in content["quantiles"]] == np.mean(y[:, np.newaxis] <= said, axis=0).tolist()


@pytest.mark.filterwarnings("ignore:the target 'kind' has .* different classes")
def test_of_many_classes_the_most_confused_are_shown() -> None:
    rng = np.random.default_rng(1)
    centres, y = rng.normal(size=(150, 5)), rng.integers(0, 150, 900)
    x = centres[y] + rng.normal(size=(900, 5))
    labels = np.array([f"kind {number:03}" for number in y], object)
    settings = glassnet.recommended_settings(900, epochs=2, engine="reference")
    names = [f"c{number}" for number in range(5)]
    model = glassnet.fit(x, labels, hidden=(8,), settings=settings, feature_names=names, target_name="kind")
    table = ArrowTable("kinds.csv", pa.table(dict(zip(names, x.T, strict=True)) | {"kind": list(labels)}))
    with client_of(AppState(model, "kinds", make_examples(table, model))) as client:
        content = client.get("/api/evaluate").json()
        matrix = content["confusion_matrix"]
        assert len(matrix["classes"]) == 40 and not matrix["complete"] and content["by_class"] is None
        whole = confusion_matrix(labels, model.predict(x), labels=[str(name) for name in model.classes])
        assert matrix["counts"] == whole[np.ix_(matrix["classes"], matrix["classes"])].tolist()
        assert matrix["rows"] == whole.sum(axis=1)[matrix["classes"]].tolist()
        off = whole - np.diag(np.diag(whole))
        mixed = off.sum(axis=0) + off.sum(axis=1)
        assert mixed[matrix["classes"]].min() >= np.delete(mixed, matrix["classes"]).max()
        assert content["n_confused_pairs"] == np.count_nonzero(off) > len(content["confused_pairs"]) == 60


def test_a_model_without_probabilities_has_no_calibration(app_state) -> None:
    x, y = app_state.training.x, app_state.training.y
    settings = glassnet.Settings(loss="hinge", epochs=2)
    names = {"feature_names": app_state.model.feature_names, "target_name": app_state.model.target_name}
    app_state.set_model(glassnet.fit(x, y, hidden=(8,), settings=settings, **names), "hinge", app_state.examples)
    with client_of(app_state) as client:
        content = client.get("/api/evaluate").json()
        assert content["calibration"] is None and content["metrics"]["log_loss"] is None
        row = client.get("/api/evaluate/rows?order=confidence&count=1").json()["rows"][0]
        assert row["actual_probability"] is None
        assert row["confidence"] == pytest.approx(float(app_state.model.outputs(app_state.examples.x).max()), rel=1e-6)


# ---------------------------------------------------------------------------------------------------------------- rows


def test_rows_of_a_cell_are_ordered_by_confidence_and_paginated(client, app_state) -> None:
    x, y = app_state.examples.x, app_state.examples.y
    probabilities = app_state.model.predict_proba(x)
    said = probabilities.argmax(axis=1)
    content = client.get("/api/evaluate").json()
    truth, predicted = content["confused_pairs"][0]["actual"], content["confused_pairs"][0]["predicted"]
    query = {"actual": truth, "predicted": predicted, "order": "confidence"}
    whole = client.get("/api/evaluate/rows", params=query).json()
    expected = np.flatnonzero((y == truth) & (said == predicted))
    expected = expected[np.argsort(-probabilities[expected, predicted])]
    assert [row["row"] for row in whole["rows"]] == expected.tolist() and whole["total"] == len(expected)
    parts = [
        client.get("/api/evaluate/rows", params=query | {"first": n, "count": 1}).json() for n in range(len(expected))
    ]
    assert [part["rows"][0] for part in parts] == whole["rows"]
    first = whole["rows"][0]
    assert first["number"] == first["row"] + 1 and first["confidence"] == pytest.approx(
        float(probabilities[first["row"], predicted])
    )
    assert first["actual_probability"] == pytest.approx(float(probabilities[first["row"], truth]))
    assert whole["side"] == 8
    import base64

    ink = np.frombuffer(base64.b64decode(first["image"]), np.uint8)
    raw = x[first["row"]].astype(float)
    assert np.abs(ink / 255 - raw / raw.max()).max() < 1 / 255


def test_exactly_the_misclassified_rows_are_listed(client, app_state) -> None:
    content = client.get("/api/evaluate/rows?wrong=true&count=100").json()
    said = app_state.model.predict(app_state.examples.x)
    assert {row["row"] for row in content["rows"]} == set(np.flatnonzero(said != app_state.examples.y).tolist())
    losses = [row["loss"] for row in content["rows"]]
    assert losses == sorted(losses, reverse=True)


def test_rows_are_numbered_as_in_their_files(buyers) -> None:
    rows = buyers.examples
    runs = (RowSpan(0, "/data/a.csv", 3), RowSpan(2, "/data/a.csv", 9), RowSpan(5, "/data/b.csv", 1))
    table = ArrowTable(rows.table.source, rows.table.columns, spans=runs)
    expected = [table.locate(index) for index in (0, 1, 2, 4, 5, 77)]
    assert list(zip(*table.locate_many(np.array([0, 1, 2, 4, 5, 77])), strict=True)) == expected
    buyers.set_model(buyers.model, "again", Examples(table, rows.x, rows.y))
    with client_of(buyers) as client:
        shown = {row["row"]: row for row in client.get("/api/evaluate/rows?count=100&first=0").json()["rows"]}
        row = next(number for number in shown if number >= 5)
        assert (shown[row]["file"], shown[row]["number"]) == ("b.csv", row - 4)  # without the folder


def test_a_row_has_the_values_that_the_model_takes(client, app_state) -> None:
    content = client.get("/api/evaluate/row?rows=training&row=11").json()
    assert content["values"] == app_state.training.x[11].tolist() and content["target"] == app_state.training.y[11]
    assert (content["row"], content["number"]) == (11, 12)
    error = refused(client.get("/api/evaluate/row?rows=training&row=99999"), 422, "invalid_input")
    assert error["value"] == 99999 and "0 to 1436" in error["expected"]


@pytest.mark.parametrize(
    ("query", "about"),
    [
        ("rows=test", {"value": "test", "expected": "examples or training"}),
        ("actual=10", {"value": 10, "expected": "the index of a class, 0 to 9"}),
        ("predicted=-1", {"value": "-1"}),
        ("actual=three", {"value": "three"}),
        ("order=best", {"value": "best", "expected": "confidence or loss"}),
        ("count=0", {"value": "0"}),
        ("count=101", {"value": "101"}),
        ("first=-1", {"value": "-1"}),
        ("column=label", {"expected": "column and group"}),
        ("column=label&group=10", {"value": 10, "expected": "the index of a group, 0 to 9"}),
        ("column=nothing&group=0", {"column": "nothing", "expected": "a column's name"}),
    ],
)
def test_invalid_queries_are_refused(client, query, about) -> None:
    error = refused(client.get(f"/api/evaluate/rows?{query}"), 422, "invalid_input")
    assert about.items() <= error.items()


def test_regression_has_no_class_filter(scores) -> None:
    with client_of(scores) as client:
        assert (
            "the model predicts values"
            in refused(client.get("/api/evaluate/rows?actual=0"), 422, "invalid_input")["message"]
        )


# -------------------------------------------------------------------------------------------------------------- groups


def test_groups_of_a_column_that_the_model_does_not_use(buyers, people) -> None:
    with client_of(buyers) as client:
        content = client.get("/api/evaluate").json()
        kinds = [(column["name"], column["kind"]) for column in content["columns"]]
        assert kinds == [
            ("region", "other"), ("id", "other"), ("height", "other"), ("score", "other"), ("buys", "target"),
            ("age", "feature"), ("income", "feature"),
        ]  # fmt: skip
        right = buyers.model.predict(buyers.examples.x) == buyers.examples.y
        region = np.array(people.columns["region"])
        groups = client.get("/api/evaluate/groups?column=region").json()["groups"]
        assert [group["value"] for group in groups] == ["north", "south", "west"]  # the largest first
        for number, group in enumerate(groups):
            here = region == group["value"]
            assert group["rows"] == here.sum() and group["accuracy"] == right[here].mean() and not group["small"]
            assert group["interval"] == list(wilson_interval(int(right[here].sum()), int(here.sum())))
            listed = client.get("/api/evaluate/rows", params={"column": "region", "group": number, "count": 100}).json()
            assert listed["total"] == here.sum() and all(here[row["row"]] for row in listed["rows"])
        error = refused(client.get("/api/evaluate/groups?column=street"), 422, "invalid_input")
        assert error["column"] == "street"
        refused(client.get("/api/evaluate/groups"), 422, "invalid_input")


def test_weak_slices_are_significantly_worse(buyers, scores) -> None:
    for shop in (buyers, scores):
        with client_of(shop) as client:
            content = client.get("/api/evaluate/weak-slices").json()
            first = content["slices"][0]
            assert (first["column"], first["value"]) == ("region", "west")
            assert content["n_columns"] == 6 and content["n_tested"] > 10
            listed = client.get("/api/evaluate/rows", params={"column": "region", "group": first["group"]}).json()
            assert listed["total"] == first["rows"]
    with client_of(scores) as client:
        groups = client.get("/api/evaluate/groups?column=region").json()["groups"]
        for group in groups:
            assert group["interval"][0] < group["rmse"] < group["interval"][1]
            assert group["mean_error_interval"][0] < group["mean_error"] < group["mean_error_interval"][1]


def test_numbers_are_cut_at_quantiles_and_every_row_is_in_one_group(people) -> None:
    for column in people.names:
        groups = groups_of(people, column)
        rows = np.sort(np.concatenate([group.rows for group in groups]))
        assert np.array_equal(rows, np.arange(len(people))), column
    ages = groups_of(people, "age")
    values = np.array(people.columns["age"])
    assert len(ages) == 6 and {group.kind for group in ages} == {"range"}
    assert max(len(group.rows) for group in ages) < 1.6 * min(len(group.rows) for group in ages)
    for group, above in zip(ages, [*ages[1:], None], strict=True):
        assert (group.low, group.high) == (values[group.rows].min(), values[group.rows].max())
        assert above is None or group.high < above.low
    missing = groups_of(people, "height")[-1]
    assert missing.kind == "missing" and len(missing.rows) == np.isnan(np.array(people.columns["height"])).sum()
    (others,) = groups_of(people, "id")
    assert (others.kind, others.n_values) == ("others", 500)


def test_columns_of_every_kind_can_be_grouped() -> None:
    import datetime

    day = datetime.date(2024, 2, 29)
    columns = {
        "few": [1, 2, 2, 3], "one": [7, 7, 7, 7], "truth": [True, False, None, True], "empty": pa.nulls(4),
        "day": [day, None, day, day], "list": [[1], [1], [2], None], "far": [1e300, -1e300, float("inf"), 0.0],
        "sorted": pa.array(["a", "b", "a", None]).dictionary_encode(),
    }  # fmt: skip
    table = ArrowTable("kinds", pa.table(columns))
    groups = {
        name: [(group.kind, group.value, len(group.rows)) for group in groups_of(table, name)] for name in table.names
    }
    assert groups["few"] == [("value", 1, 1), ("value", 2, 2), ("value", 3, 1)]
    assert groups["one"] == [("value", 7, 4)]
    assert groups["truth"] == [("value", True, 2), ("value", False, 1), ("missing", None, 1)]
    assert groups["empty"] == [("missing", None, 4)]
    assert groups["day"] == [("value", "2024-02-29", 3), ("missing", None, 1)]
    assert groups["list"] == [("value", "[1]", 2), ("value", "[2]", 1), ("missing", None, 1)]
    assert len(groups["far"]) == 4
    assert groups["sorted"] == [("value", "a", 2), ("value", "b", 1), ("missing", None, 1)]


def test_the_rarest_values_form_one_group_and_small_groups_are_marked(buyers) -> None:
    rows = buyers.examples
    names = [f"city {min(row, 30 + row % 5) if row > 100 else row}" for row in range(500)]
    table = ArrowTable("t", rows.table.columns.append_column("city", pa.array(names)))
    groups = groups_of(table, "city")
    assert [group.kind for group in groups] == ["value"] * 5 + ["others"]
    assert groups[-1].n_values == 96 and len(groups[-1].rows) == 96
    buyers.set_model(buyers.model, "again", Examples(table, rows.x[:30], rows.y[:30]))
    small = ArrowTable("t", rows.table.columns.slice(0, 30))
    buyers.set_model(buyers.model, "small", Examples(small, rows.x[:30], rows.y[:30]))
    with client_of(buyers) as client:
        content = client.get("/api/evaluate/groups?column=region").json()["groups"]
        assert all(group["small"] == (group["rows"] < 20) for group in content) and any(
            group["small"] for group in content
        )


# ---------------------------------------------------------------------------------------------------------- which rows


def test_datasets_and_their_overlap_with_the_training_data(client, app_state, buyers) -> None:
    content = client.get("/api/evaluate").json()
    assert [(one["name"], one["rows"], one["training_overlap"]) for one in content["datasets"]] == [
        ("examples", 360, "none"), ("training", 1437, "full"),
    ]  # fmt: skip
    assert content["dataset"] == "examples"
    training = client.get("/api/evaluate?rows=training").json()
    assert (training["dataset"], training["rows"]) == ("training", 1437)
    assert training["metrics"]["accuracy"] == np.mean(
        app_state.model.predict(app_state.training.x) == app_state.training.y
    )
    sources = {
        "elsewhere.csv": "unknown",
        "/home/user/people.csv": "full",
        "C:\\data\\people.csv": "likely",
        "": "unknown",
    }
    for source, overlap in sources.items():
        buyers.set_model(replace(buyers.model, metadata={"source": source}), "people", buyers.examples, buyers.examples)
        with client_of(buyers) as other:
            (choice,) = other.get("/api/evaluate").json()["datasets"]  # the same rows are listed once
            assert choice["training_overlap"] == overlap and choice["source"] == "people.csv"
            error = refused(other.get("/api/evaluate?rows=training"), 422, "invalid_input")
            assert error["expected"] == "examples"


def test_missing_rows_or_targets_are_reported(buyers, people) -> None:
    shop = AppState(buyers.model, "people")
    with client_of(shop) as client:
        content = client.get("/api/evaluate").json()
        assert content["missing"] == "data" and content["target"] == "buys" and content["datasets"] == []
        error = refused(client.get("/api/evaluate/rows"), 422, "no_targets")
        assert "--data FILE" in error["message"] and error["missing"] == "data"
        refused(client.post("/api/evaluate/label-errors"), 422, "no_targets")
    bare = ArrowTable("bare.csv", people.columns.select(NAMES))
    with client_of(AppState(buyers.model, "people", make_examples(bare, buyers.model))) as client:
        assert client.get("/api/evaluate").json()["missing"] == "target"
        assert (
            "no column 'buys'" in refused(client.get("/api/evaluate/groups?column=age"), 422, "no_targets")["message"]
        )


def test_an_evaluation_is_cached_until_the_model_changes(app_state) -> None:
    service = AnalysisService(app_state)
    first = service.evaluation("examples")
    assert service.evaluation("examples") is first and service.evaluation() is first
    assert service.evaluation("training") is not first
    assert cached_weak_slices(first) is cached_weak_slices(service.evaluation("examples"))
    model = replace(app_state.model, vector=-app_state.model.vector)
    app_state.set_model(model, "other", app_state.examples, app_state.training)
    second = service.evaluation("examples")
    assert cached_weak_slices(second) is not cached_weak_slices(first)
    assert second.model is model and second.version == first.version + 1
    assert not np.array_equal(second.predicted, first.predicted)


# ---------------------------------------------------------------------------------------------------------- mislabelled


@pytest.fixture
def planted(digits_model):
    """Return an app state of digits of which 20 have another's label, and which they are."""
    table, _ = load_digits()
    rng = np.random.default_rng(5)
    target = digits_model.target_name
    labels = np.array(table.columns[target]).copy()
    which = rng.choice(len(labels), 20, replace=False)
    labels[which] = (labels[which] + rng.integers(1, 10, 20)) % 10
    place = table.names.index(target)
    swapped = ArrowTable("swapped.csv", table.columns.set_column(place, target, pa.array(labels)))
    names = {"feature_names": digits_model.feature_names, "target_name": target, "source": swapped.source}
    settings = replace(digits_model.settings, epochs=10)
    x = features(swapped, digits_model.feature_names)
    model = glassnet.fit(x, labels.astype(int), hidden=(48,), settings=settings, **names)
    rows = make_examples(swapped, model)
    app_state = AppState(model, "digits", rows, rows)
    yield app_state, set(which.tolist()), labels
    app_state.closing.set()


def test_planted_labels_are_among_the_first_that_are_found(planted) -> None:
    app_state, which, labels = planted
    with client_of(app_state) as client:
        assert client.get("/api/evaluate/label-errors").json() == {"state": "none"}
        refused(client.get("/api/evaluate/label-errors/csv"), 404, "search_not_found")
        started = client.post("/api/evaluate/label-errors", json={"folds": 4})
        assert started.status_code == 202 and started.json()["state"] == "running" and started.json()["folds"] == 4
        content = wait_for(client, count=25)
        assert (
            content["state"] == "finished" and content["progress"] == 1 and content["current"] and content["fold"] == 4
        )
        found = [row["row"] for row in content["rows"]]
        assert len(which & set(found)) >= 17
        assert content["total"] < 80 and content["n_rows"] == 1437 and content["held_out"]["accuracy"] > 0.85
        for row in content["rows"]:
            assert row["given"] == labels[row["row"]] != row["suggested"]
            assert 0 <= row["quality"] < 0.5 and row["image"] and row["number"] == row["row"] + 1
        second = client.get("/api/evaluate/label-errors?first=1&count=2").json()
        assert [row["row"] for row in second["rows"]] == found[1:3]

        file = client.get("/api/evaluate/label-errors/csv")
        assert file.headers["content-type"] == "text/csv; charset=utf-8"
        assert file.headers["content-disposition"] == 'attachment; filename="label_errors.csv"'
        lines = list(csv.DictReader(io.StringIO(file.text)))
        assert len(lines) == content["total"]
        assert [int(line["row"]) - 1 for line in lines[:25]] == found
        assert list(lines[0]) == [
            "row", "given", "suggested", "probability_of_given", "probability_of_suggested", "held_out_loss", "fold",
        ]  # fmt: skip
        assert {line["fold"] for line in lines} == {"1", "2", "3", "4"}
        # another model takes its place: what was found is of the one before
        app_state.set_model(app_state.model, "again", app_state.examples)
        assert not client.get("/api/evaluate/label-errors").json()["current"]


def test_there_is_one_training_or_search_at_a_time_and_a_search_can_be_ended(planted) -> None:
    app_state, *_ = planted
    app_state.model = replace(app_state.model, settings=replace(app_state.model.settings, epochs=50_000))
    with client_of(app_state) as client:
        refused(client.post("/api/evaluate/label-errors/stop"), 404, "search_not_found")
        assert client.post("/api/evaluate/label-errors").status_code == 202
        refused(client.post("/api/evaluate/label-errors"), 409, "busy")
        plan = client.get("/api/train").json()["initial_plan"]
        refused(client.post("/api/train", json={"plan": plan}), 409, "busy")
        until = time.monotonic() + 20
        while client.get("/api/evaluate/label-errors").json()["progress"] == 0:
            assert time.monotonic() < until
            time.sleep(0.02)
        assert client.get("/healthz").status_code == 200  # others are answered meanwhile
        ended = client.post("/api/evaluate/label-errors/stop").json()
        assert ended["state"] == "stopped" and 0 < ended["progress"] < 1
        refused(client.get("/api/evaluate/label-errors/csv"), 404, "search_not_found")
        with app_state.training_lock():  # its place is free again
            refused(client.post("/api/evaluate/label-errors"), 409, "busy")


def test_a_search_ends_with_the_server(planted) -> None:
    app_state, *_ = planted
    app_state.model = replace(app_state.model, settings=replace(app_state.model.settings, epochs=50_000))
    with client_of(app_state) as client:
        client.post("/api/evaluate/label-errors")
        app_state.closing.set()
        assert wait_for(client)["state"] == "stopped"


@pytest.mark.parametrize(
    ("error", "words"), [(InputError("too few rows"), "too few rows"), (ArithmeticError("oh"), "ArithmeticError: oh")]
)
def test_a_search_that_fails_says_why(buyers, monkeypatch, error, words) -> None:
    def fail(*args, **settings):
        raise error

    monkeypatch.setattr("glassnet.web.error_analysis.search.find_mislabelled", fail)
    with client_of(buyers) as client:
        client.post("/api/evaluate/label-errors")
        content = wait_for(client)
        assert (content["state"], content["error"]) == ("failed", words)
        refused(client.get("/api/evaluate/label-errors/csv"), 404, "search_not_found")
        with buyers.training_lock():
            pass


def test_a_read_only_server_does_not_search(people) -> None:
    with client_of(shop_of(people, "buys", read_only=True)) as client:
        refused(client.post("/api/evaluate/label-errors"), 403, "read_only")
        refused(client.post("/api/evaluate/label-errors/stop"), 403, "read_only")
        assert client.get("/api/evaluate").status_code == 200


@pytest.mark.parametrize(
    ("body", "about"),
    [
        ({"folds": 1}, {"value": 1, "expected": "an integer from 2 to 20"}),
        ({"folds": True}, {"value": True}),
        ({"folds": "five"}, {"value": "five"}),
        ({"folds": 21}, {"value": 21}),
        ({"rows": "neither"}, {"value": "neither"}),
        ({"rows": 3}, {"value": 3}),
    ],
)
def test_an_invalid_search_is_refused(client, body, about) -> None:
    assert about.items() <= refused(client.post("/api/evaluate/label-errors", json=body), 422, "invalid_input").items()
    assert client.get("/api/evaluate/label-errors").json() == {"state": "none"}


def test_a_body_that_is_no_object_is_refused(client) -> None:
    refused(client.post("/api/evaluate/label-errors", content=b"[1]"), 422, "invalid_input")
    refused(client.post("/api/evaluate/label-errors", content=b"{"), 422, "invalid_json")


def test_class_names_in_csv_are_no_spreadsheet_formulas(people) -> None:
    labels = np.where(np.array(people.columns["age"]) > 45, "=cmd()|'calc'!A0", "+young, or not")
    labels[[3, 4, 5]] = np.where(labels[[3, 4, 5]] == labels[0], "+young, or not", "=cmd()|'calc'!A0")
    table = ArrowTable("t.csv", people.columns.append_column("label", pa.array(labels)))
    shop = shop_of(table, "label")
    with client_of(shop) as client:
        client.post("/api/evaluate/label-errors", json={"folds": 3})
        assert wait_for(client)["total"] > 0
        text = client.get("/api/evaluate/label-errors/csv").text
        lines = list(csv.reader(io.StringIO(text)))
        assert {cell[0] for line in lines[1:] for cell in line[1:3]} == {"'"}


def test_values_that_look_wrong_are_found(scores) -> None:
    rows = scores.examples
    y = rows.y.copy()
    y[[10, 20]] += (60, -60)
    scores.examples = Examples(rows.table, rows.x, y)
    with client_of(scores) as client:
        client.post("/api/evaluate/label-errors", json={"rows": "examples", "folds": 3})
        content = wait_for(client)
        assert {row["row"] for row in content["rows"][:2]} == {10, 20}
        first = content["rows"][0]
        assert first["quality"] is None and first["given"] == y[first["row"]] and abs(first["suggested"] - 50) < 10
        header, line, *_ = client.get("/api/evaluate/label-errors/csv").text.splitlines()
        assert header == "row,given,suggested,held_out_loss,fold" and line.startswith(f"{first['row'] + 1},")

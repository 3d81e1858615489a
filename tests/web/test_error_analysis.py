"""Wrong, asked by requests: figures, confusions, calibration, groups, residuals, and rows that look mislabelled."""

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
from glassnet.web.app_state import AppState, Examples, examples_of
from glassnet.web.error_analysis.groups import groups_of, weakest
from glassnet.web.error_analysis.service import Judge
from glassnet.web.server import create_app

HERE = "http://127.0.0.1"
NAMES = ["age", "income"]


def client_of(workshop):
    return TestClient(create_app(workshop), base_url=HERE)


def refused(answer, status, code):
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["code"] == code
    return error


def wait_for(client, **query):
    """Wait until the search is no longer going; return what it told at the end."""
    until = time.monotonic() + 60
    while (told := client.get("/api/judge/labels", params=query).json())["state"] == "going":
        assert time.monotonic() < until
        time.sleep(0.02)
    return told


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
    return ArrowTable("/home/somebody/people.csv", pa.table(columns))


def shop_of(people, target, **about):
    """Return a workshop of a model of people that buy, or of their scores, and its rows."""
    x, y = features(people, NAMES), target_values(people, target)
    task = "regression" if target == "score" else "classification"
    settings = glassnet.recommended_settings(len(x), task, epochs=6, engine="reference")
    names = {"feature_names": NAMES, "target_name": target, "source": "elsewhere.csv"}
    model = glassnet.fit(x, y, hidden=(8,), settings=settings, task=task, **names)
    rows = examples_of(people, model)
    return AppState(model, "people", rows, rows, **about)


@pytest.fixture
def buyers(people):
    return shop_of(people, "buys")


@pytest.fixture
def scores(people):
    return shop_of(people, "score")


# ------------------------------------------------------------------------------------------------------------- figures


def test_the_figures_are_those_of_scikit_learn(client, workshop) -> None:
    told = client.get("/api/judge").json()
    x, y = workshop.examples.x, workshop.examples.y
    said, probabilities = workshop.model.predict(x), workshop.model.predict_proba(x).astype(float)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    assert told["figures"]["accuracy"] == np.mean(said == y)
    assert told["figures"]["errors"] == np.sum(said != y) and told["rows"] == len(y)
    assert told["figures"]["log_loss"] == pytest.approx(log_loss(y, probabilities), rel=1e-5)
    assert told["figures"]["interval"] == list(wilson_interval(int(np.sum(said == y)), len(y)))
    commonest = told["figures"]["commonest"]
    assert commonest["share"] == np.mean(y == commonest["class"]) == max(np.bincount(y)) / len(y)
    matrix = confusion_matrix(y, said)
    assert told["matrix"]["counts"] == matrix.tolist() and told["matrix"]["whole"]
    wrong = [(pair["truth"], pair["predicted"]) for pair in told["pairs"]]
    assert [pair["rows"] for pair in told["pairs"]] == [matrix[pair] for pair in wrong]
    assert sum(pair["rows"] for pair in told["pairs"]) == told["figures"]["errors"]
    assert told["by_class"][8]["recall"] == matrix[8, 8] / matrix[8].sum()
    sure = probabilities.max(axis=1)
    bins = told["calibration"]["bins"]
    assert [one["rows"] for one in bins] == np.histogram(sure, np.linspace(0, 1, 11))[0].tolist()
    last = sure >= 0.9
    assert bins[-1]["right"] == pytest.approx(np.mean((said == y)[last])) and bins[-1]["sure"] == pytest.approx(
        sure[last].mean()
    )
    gaps = sum(one["rows"] * abs(one["right"] - one["sure"]) for one in bins if one["rows"])
    assert told["calibration"]["error"] == pytest.approx(gaps / len(y))


def test_values_are_told_by_their_residuals(scores) -> None:
    with client_of(scores) as client:
        told = client.get("/api/judge").json()
        y, said = scores.examples.y, scores.model.predict(scores.examples.x)
        figures = told["figures"]
        assert figures["rmse"] == pytest.approx(root_mean_squared_error(y, said))
        assert figures["mae"] == pytest.approx(mean_absolute_error(y, said))
        assert figures["mean_error"] == pytest.approx(np.mean(y - said))
        points, histogram = told["residuals"]["points"], told["residuals"]["histogram"]
        assert points["residual"][7] == pytest.approx(y[7] - said[7]) and points["row"][7] == 7
        assert sum(histogram["counts"]) == len(y) and told["quantiles"] is None
        worst = client.get("/api/judge/rows?count=3").json()
        off = np.abs(y - said)
        assert [row["row"] for row in worst["rows"]] == np.argsort(-off, kind="stable")[:3].tolist()
        assert worst["columns"] == NAMES and worst["rows"][0]["cells"] == [
            people_cell(scores, name, worst["rows"][0]["row"]) for name in NAMES
        ]


def people_cell(workshop, name, row):
    return workshop.examples.table.columns[name][row].as_py()


def test_quantiles_are_judged_by_the_middle_one_and_by_what_they_cover(people) -> None:
    x, y = features(people, NAMES), target_values(people, "score")
    loss = {"loss": "pinball", "loss_settings": {"quantiles": (0.1, 0.5, 0.9)}}
    settings = glassnet.Settings(**loss, epochs=10, batch_size=32)
    model = glassnet.fit(
        x, y, hidden=(8,), settings=settings, task="regression", feature_names=NAMES, target_name="score"
    )
    shop = AppState(model, "bands", examples_of(people, model))
    with client_of(shop) as client:
        told = client.get("/api/judge").json()
        said = model.predict(x)
        assert told["figures"]["rmse"] == pytest.approx(root_mean_squared_error(y, said[:, 1]))
        assert [one["quantile"] for one in told["quantiles"]] == [0.1, 0.5, 0.9]
        assert [one["below"] for one in told["quantiles"]] == np.mean(y[:, np.newaxis] <= said, axis=0).tolist()


def test_of_many_classes_those_that_are_confused_most_are_told() -> None:
    rng = np.random.default_rng(1)
    centres, y = rng.normal(size=(150, 5)), rng.integers(0, 150, 900)
    x = centres[y] + rng.normal(size=(900, 5))
    labels = np.array([f"kind {number:03}" for number in y], object)
    settings = glassnet.recommended_settings(900, epochs=2, engine="reference")
    names = [f"c{number}" for number in range(5)]
    model = glassnet.fit(x, labels, hidden=(8,), settings=settings, feature_names=names, target_name="kind")
    table = ArrowTable("kinds.csv", pa.table(dict(zip(names, x.T, strict=True)) | {"kind": list(labels)}))
    with client_of(AppState(model, "kinds", examples_of(table, model))) as client:
        told = client.get("/api/judge").json()
        matrix = told["matrix"]
        assert len(matrix["classes"]) == 40 and not matrix["whole"] and told["by_class"] is None
        whole = confusion_matrix(labels, model.predict(x), labels=[str(name) for name in model.classes])
        assert matrix["counts"] == whole[np.ix_(matrix["classes"], matrix["classes"])].tolist()
        assert matrix["rows"] == whole.sum(axis=1)[matrix["classes"]].tolist()
        off = whole - np.diag(np.diag(whole))
        mixed = off.sum(axis=0) + off.sum(axis=1)
        assert mixed[matrix["classes"]].min() >= np.delete(mixed, matrix["classes"]).max()
        assert told["n_pairs"] == np.count_nonzero(off) > len(told["pairs"]) == 60


def test_a_model_without_probabilities_has_no_calibration(workshop) -> None:
    x, y = workshop.training.x, workshop.training.y
    settings = glassnet.Settings(loss="hinge", epochs=2)
    names = {"feature_names": workshop.model.feature_names, "target_name": workshop.model.target_name}
    workshop.use(glassnet.fit(x, y, hidden=(8,), settings=settings, **names), "hinge", workshop.examples)
    with client_of(workshop) as client:
        told = client.get("/api/judge").json()
        assert told["calibration"] is None and told["figures"]["log_loss"] is None
        row = client.get("/api/judge/rows?order=sure&count=1").json()["rows"][0]
        assert row["own"] is None
        assert row["sure"] == pytest.approx(float(workshop.model.outputs(workshop.examples.x).max()), rel=1e-6)


# ---------------------------------------------------------------------------------------------------------------- rows


def test_the_rows_of_a_cell_come_the_surest_first_and_part_by_part(client, workshop) -> None:
    x, y = workshop.examples.x, workshop.examples.y
    probabilities = workshop.model.predict_proba(x)
    said = probabilities.argmax(axis=1)
    told = client.get("/api/judge").json()
    truth, predicted = told["pairs"][0]["truth"], told["pairs"][0]["predicted"]
    query = {"truth": truth, "predicted": predicted, "order": "sure"}
    whole = client.get("/api/judge/rows", params=query).json()
    expected = np.flatnonzero((y == truth) & (said == predicted))
    expected = expected[np.argsort(-probabilities[expected, predicted])]
    assert [row["row"] for row in whole["rows"]] == expected.tolist() and whole["total"] == len(expected)
    parts = [
        client.get("/api/judge/rows", params=query | {"first": n, "count": 1}).json() for n in range(len(expected))
    ]
    assert [part["rows"][0] for part in parts] == whole["rows"]
    first = whole["rows"][0]
    assert first["number"] == first["row"] + 1 and first["sure"] == pytest.approx(
        float(probabilities[first["row"], predicted])
    )
    assert first["own"] == pytest.approx(float(probabilities[first["row"], truth]))
    assert whole["side"] == 8
    import base64

    ink = np.frombuffer(base64.b64decode(first["picture"]), np.uint8)
    raw = x[first["row"]].astype(float)
    assert np.abs(ink / 255 - raw / raw.max()).max() < 1 / 255


def test_all_that_is_wrong_is_listed_and_nothing_else(client, workshop) -> None:
    told = client.get("/api/judge/rows?wrong=true&count=100").json()
    said = workshop.model.predict(workshop.examples.x)
    assert {row["row"] for row in told["rows"]} == set(np.flatnonzero(said != workshop.examples.y).tolist())
    losses = [row["loss"] for row in told["rows"]]
    assert losses == sorted(losses, reverse=True)


def test_rows_are_numbered_as_in_their_files(buyers) -> None:
    rows = buyers.examples
    runs = (RowSpan(0, "/data/a.csv", 3), RowSpan(2, "/data/a.csv", 9), RowSpan(5, "/data/b.csv", 1))
    table = ArrowTable(rows.table.source, rows.table.columns, spans=runs)
    expected = [table.locate(index) for index in (0, 1, 2, 4, 5, 77)]
    assert list(zip(*table.locate_many(np.array([0, 1, 2, 4, 5, 77])), strict=True)) == expected
    buyers.use(buyers.model, "again", Examples(table, rows.x, rows.y))
    with client_of(buyers) as client:
        shown = {row["row"]: row for row in client.get("/api/judge/rows?count=100&first=0").json()["rows"]}
        row = next(number for number in shown if number >= 5)
        assert (shown[row]["file"], shown[row]["number"]) == ("b.csv", row - 4)  # no folder is told


def test_a_row_is_told_as_the_model_takes_it(client, workshop) -> None:
    told = client.get("/api/judge/row?rows=training&row=11").json()
    assert told["values"] == workshop.training.x[11].tolist() and told["target"] == workshop.training.y[11]
    assert (told["row"], told["number"]) == (11, 12)
    error = refused(client.get("/api/judge/row?rows=training&row=99999"), 422, "input")
    assert error["value"] == 99999 and "0 to 1436" in error["expected"]


@pytest.mark.parametrize(
    ("query", "about"),
    [
        ("rows=test", {"value": "test", "expected": "examples or training"}),
        ("truth=10", {"value": 10, "expected": "a class's number, 0 to 9"}),
        ("predicted=-1", {"value": "-1"}),
        ("truth=three", {"value": "three"}),
        ("order=best", {"value": "best", "expected": "sure or loss"}),
        ("count=0", {"value": "0"}),
        ("count=101", {"value": "101"}),
        ("first=-1", {"value": "-1"}),
        ("column=label", {"expected": "column and group"}),
        ("column=label&group=10", {"value": 10, "expected": "a group's number, 0 to 9"}),
        ("column=nothing&group=0", {"column": "nothing", "expected": "a column's name"}),
    ],
)
def test_what_can_not_be_asked_is_told(client, query, about) -> None:
    error = refused(client.get(f"/api/judge/rows?{query}"), 422, "input")
    assert about.items() <= error.items()


def test_a_class_is_no_question_where_values_are_predicted(scores) -> None:
    with client_of(scores) as client:
        assert "the model predicts values" in refused(client.get("/api/judge/rows?truth=0"), 422, "input")["message"]


# -------------------------------------------------------------------------------------------------------------- groups


def test_groups_of_a_column_that_the_model_does_not_use(buyers, people) -> None:
    with client_of(buyers) as client:
        told = client.get("/api/judge").json()
        kinds = [(column["name"], column["kind"]) for column in told["columns"]]
        assert kinds == [
            ("region", "other"), ("id", "other"), ("height", "other"), ("score", "other"), ("buys", "target"),
            ("age", "used"), ("income", "used"),
        ]  # fmt: skip
        right = buyers.model.predict(buyers.examples.x) == buyers.examples.y
        region = np.array(people.columns["region"])
        groups = client.get("/api/judge/groups?column=region").json()["groups"]
        assert [group["value"] for group in groups] == ["north", "south", "west"]  # the largest first
        for number, group in enumerate(groups):
            here = region == group["value"]
            assert group["rows"] == here.sum() and group["accuracy"] == right[here].mean() and not group["few"]
            assert group["interval"] == list(wilson_interval(int(right[here].sum()), int(here.sum())))
            listed = client.get("/api/judge/rows", params={"column": "region", "group": number, "count": 100}).json()
            assert listed["total"] == here.sum() and all(here[row["row"]] for row in listed["rows"])
        error = refused(client.get("/api/judge/groups?column=street"), 422, "input")
        assert error["column"] == "street"
        refused(client.get("/api/judge/groups"), 422, "input")


def test_the_weakest_groups_are_those_that_are_surely_worse(buyers, scores) -> None:
    for shop in (buyers, scores):
        with client_of(shop) as client:
            told = client.get("/api/judge/weakest").json()
            first = told["groups"][0]
            assert (first["column"], first["value"]) == ("region", "west")
            assert told["columns"] == 6 and told["looked_at"] > 10
            listed = client.get("/api/judge/rows", params={"column": "region", "group": first["group"]}).json()
            assert listed["total"] == first["rows"]
    with client_of(scores) as client:
        groups = client.get("/api/judge/groups?column=region").json()["groups"]
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
    assert (others.kind, others.values) == ("others", 500)


def test_columns_of_every_kind_can_be_grouped() -> None:
    import datetime

    day = datetime.date(2024, 2, 29)
    columns = {
        "few": [1, 2, 2, 3], "one": [7, 7, 7, 7], "truth": [True, False, None, True], "empty": pa.nulls(4),
        "day": [day, None, day, day], "list": [[1], [1], [2], None], "far": [1e300, -1e300, float("inf"), 0.0],
        "sorted": pa.array(["a", "b", "a", None]).dictionary_encode(),
    }  # fmt: skip
    table = ArrowTable("kinds", pa.table(columns))
    seen = {
        name: [(group.kind, group.value, len(group.rows)) for group in groups_of(table, name)] for name in table.names
    }
    assert seen["few"] == [("value", 1, 1), ("value", 2, 2), ("value", 3, 1)]
    assert seen["one"] == [("value", 7, 4)]
    assert seen["truth"] == [("value", True, 2), ("value", False, 1), ("missing", None, 1)]
    assert seen["empty"] == [("missing", None, 4)]
    assert seen["day"] == [("value", "2024-02-29", 3), ("missing", None, 1)]
    assert seen["list"] == [("value", "[1]", 2), ("value", "[2]", 1), ("missing", None, 1)]
    assert len(seen["far"]) == 4
    assert seen["sorted"] == [("value", "a", 2), ("value", "b", 1), ("missing", None, 1)]


def test_the_rarest_values_are_one_group_and_few_rows_are_told(buyers) -> None:
    rows = buyers.examples
    names = [f"city {min(row, 30 + row % 5) if row > 100 else row}" for row in range(500)]
    table = ArrowTable("t", rows.table.columns.append_column("city", pa.array(names)))
    groups = groups_of(table, "city")
    assert [group.kind for group in groups] == ["value"] * 5 + ["others"]
    assert groups[-1].values == 96 and len(groups[-1].rows) == 96
    buyers.use(buyers.model, "again", Examples(table, rows.x[:30], rows.y[:30]))
    small = ArrowTable("t", rows.table.columns.slice(0, 30))
    buyers.use(buyers.model, "small", Examples(small, rows.x[:30], rows.y[:30]))
    with client_of(buyers) as client:
        told = client.get("/api/judge/groups?column=region").json()["groups"]
        assert all(group["few"] == (group["rows"] < 20) for group in told) and any(group["few"] for group in told)


# ---------------------------------------------------------------------------------------------------------- which rows


def test_which_rows_are_judged_and_whether_the_model_knows_them(client, workshop, buyers) -> None:
    told = client.get("/api/judge").json()
    assert [(one["which"], one["rows"], one["seen"]) for one in told["choices"]] == [
        ("examples", 360, "unseen"), ("training", 1437, "seen"),
    ]  # fmt: skip
    assert told["which"] == "examples"
    training = client.get("/api/judge?rows=training").json()
    assert (training["which"], training["rows"]) == ("training", 1437)
    assert training["figures"]["accuracy"] == np.mean(
        workshop.model.predict(workshop.training.x) == workshop.training.y
    )
    sources = {
        "elsewhere.csv": "unknown",
        "/home/somebody/people.csv": "seen",
        "C:\\data\\people.csv": "likely",
        "": "unknown",
    }
    for source, seen in sources.items():
        buyers.use(replace(buyers.model, metadata={"source": source}), "people", buyers.examples, buyers.examples)
        with client_of(buyers) as other:
            (choice,) = other.get("/api/judge").json()["choices"]  # the same rows are told once
            assert choice["seen"] == seen and choice["source"] == "people.csv"
            error = refused(other.get("/api/judge?rows=training"), 422, "input")
            assert error["expected"] == "examples"


def test_without_rows_or_their_truth_it_is_told_what_to_do(buyers, people) -> None:
    shop = AppState(buyers.model, "people")
    with client_of(shop) as client:
        told = client.get("/api/judge").json()
        assert told["missing"] == "data" and told["target"] == "buys" and told["choices"] == []
        error = refused(client.get("/api/judge/rows"), 422, "no_truth")
        assert "--data FILE" in error["message"] and error["missing"] == "data"
        refused(client.post("/api/judge/labels"), 422, "no_truth")
    bare = ArrowTable("bare.csv", people.columns.select(NAMES))
    with client_of(AppState(buyers.model, "people", examples_of(bare, buyers.model))) as client:
        assert client.get("/api/judge").json()["missing"] == "target"
        assert "no column 'buys'" in refused(client.get("/api/judge/groups?column=age"), 422, "no_truth")["message"]


def test_a_verdict_is_kept_until_the_model_changes(workshop) -> None:
    judge = Judge(workshop)
    first = judge.verdict("examples")
    assert judge.verdict("examples") is first and judge.verdict() is first
    assert judge.verdict("training") is not first
    assert weakest(first) is weakest(judge.verdict("examples"))
    model = replace(workshop.model, vector=-workshop.model.vector)
    workshop.use(model, "other", workshop.examples, workshop.training)
    second = judge.verdict("examples")
    assert weakest(second) is not weakest(first)
    assert second.model is model and second.version == first.version + 1
    assert not np.array_equal(second.predicted, first.predicted)


# ---------------------------------------------------------------------------------------------------------- mislabelled


@pytest.fixture
def planted(digits_model):
    """Return a workshop of digits of which 20 have another's label, and which they are."""
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
    rows = examples_of(swapped, model)
    workshop = AppState(model, "digits", rows, rows)
    yield workshop, set(which.tolist()), labels
    workshop.closing.set()


def test_planted_labels_are_among_the_first_that_are_found(planted) -> None:
    workshop, which, labels = planted
    with client_of(workshop) as client:
        assert client.get("/api/judge/labels").json() == {"state": "none"}
        refused(client.get("/api/judge/labels/csv"), 404, "no_search")
        begun = client.post("/api/judge/labels", json={"folds": 4})
        assert begun.status_code == 202 and begun.json()["state"] == "going" and begun.json()["folds"] == 4
        told = wait_for(client, count=25)
        assert told["state"] == "over" and told["share"] == 1 and told["current"] and told["fold"] == 4
        found = [row["row"] for row in told["rows"]]
        assert len(which & set(found)) >= 17
        assert told["total"] < 80 and told["of"] == 1437 and told["held_out"]["accuracy"] > 0.85
        for row in told["rows"]:
            assert row["given"] == labels[row["row"]] != row["suggested"]
            assert 0 <= row["quality"] < 0.5 and row["picture"] and row["number"] == row["row"] + 1
        second = client.get("/api/judge/labels?first=1&count=2").json()
        assert [row["row"] for row in second["rows"]] == found[1:3]

        file = client.get("/api/judge/labels/csv")
        assert file.headers["content-type"] == "text/csv; charset=utf-8"
        assert file.headers["content-disposition"] == 'attachment; filename="mislabelled.csv"'
        lines = list(csv.DictReader(io.StringIO(file.text)))
        assert len(lines) == told["total"]
        assert [int(line["row"]) - 1 for line in lines[:25]] == found
        assert list(lines[0]) == [
            "row", "given", "suggested", "probability_of_given", "probability_of_suggested", "held_out_loss", "fold",
        ]  # fmt: skip
        assert {line["fold"] for line in lines} == {"1", "2", "3", "4"}
        # another model takes its place: what was found is of the one before
        workshop.use(workshop.model, "again", workshop.examples)
        assert not client.get("/api/judge/labels").json()["current"]


def test_there_is_one_training_or_search_at_a_time_and_a_search_can_be_ended(planted) -> None:
    workshop, *_ = planted
    workshop.model = replace(workshop.model, settings=replace(workshop.model.settings, epochs=50_000))
    with client_of(workshop) as client:
        refused(client.post("/api/judge/labels/end"), 404, "no_search")
        assert client.post("/api/judge/labels").status_code == 202
        refused(client.post("/api/judge/labels"), 409, "busy")
        plan = client.get("/api/train").json()["start"]
        refused(client.post("/api/train", json={"plan": plan}), 409, "busy")
        until = time.monotonic() + 20
        while client.get("/api/judge/labels").json()["share"] == 0:
            assert time.monotonic() < until
            time.sleep(0.02)
        assert client.get("/healthz").status_code == 200  # others are answered meanwhile
        ended = client.post("/api/judge/labels/end").json()
        assert ended["state"] == "ended" and 0 < ended["share"] < 1
        refused(client.get("/api/judge/labels/csv"), 404, "no_search")
        with workshop.only_training():  # its place is free again
            refused(client.post("/api/judge/labels"), 409, "busy")


def test_a_search_ends_with_the_server(planted) -> None:
    workshop, *_ = planted
    workshop.model = replace(workshop.model, settings=replace(workshop.model.settings, epochs=50_000))
    with client_of(workshop) as client:
        client.post("/api/judge/labels")
        workshop.closing.set()
        assert wait_for(client)["state"] == "ended"


@pytest.mark.parametrize(
    ("error", "words"), [(InputError("too few rows"), "too few rows"), (ArithmeticError("oh"), "ArithmeticError: oh")]
)
def test_a_search_that_fails_says_why(buyers, monkeypatch, error, words) -> None:
    def fail(*args, **settings):
        raise error

    monkeypatch.setattr("glassnet.web.error_analysis.search.find_mislabelled", fail)
    with client_of(buyers) as client:
        client.post("/api/judge/labels")
        told = wait_for(client)
        assert (told["state"], told["fault"]) == ("failed", words)
        refused(client.get("/api/judge/labels/csv"), 404, "no_search")
        with buyers.only_training():
            pass


def test_nothing_is_searched_where_nothing_may_be_changed(people) -> None:
    with client_of(shop_of(people, "buys", read_only=True)) as client:
        refused(client.post("/api/judge/labels"), 403, "read_only")
        refused(client.post("/api/judge/labels/end"), 403, "read_only")
        assert client.get("/api/judge").status_code == 200


@pytest.mark.parametrize(
    ("body", "about"),
    [
        ({"folds": 1}, {"value": 1, "expected": "a whole number from 2 to 20"}),
        ({"folds": True}, {"value": True}),
        ({"folds": "five"}, {"value": "five"}),
        ({"folds": 21}, {"value": 21}),
        ({"rows": "neither"}, {"value": "neither"}),
        ({"rows": 3}, {"value": 3}),
    ],
)
def test_a_search_that_can_not_be_is_refused(client, body, about) -> None:
    assert about.items() <= refused(client.post("/api/judge/labels", json=body), 422, "input").items()
    assert client.get("/api/judge/labels").json() == {"state": "none"}


def test_a_body_that_is_no_object_is_refused(client) -> None:
    refused(client.post("/api/judge/labels", content=b"[1]"), 422, "input")
    refused(client.post("/api/judge/labels", content=b"{"), 422, "no_json")


def test_a_spreadsheet_runs_no_class_of_the_file(people) -> None:
    labels = np.where(np.array(people.columns["age"]) > 45, "=cmd()|'calc'!A0", "+young, or not")
    labels[[3, 4, 5]] = np.where(labels[[3, 4, 5]] == labels[0], "+young, or not", "=cmd()|'calc'!A0")
    table = ArrowTable("t.csv", people.columns.append_column("label", pa.array(labels)))
    shop = shop_of(table, "label")
    with client_of(shop) as client:
        client.post("/api/judge/labels", json={"folds": 3})
        assert wait_for(client)["total"] > 0
        text = client.get("/api/judge/labels/csv").text
        lines = list(csv.reader(io.StringIO(text)))
        assert {cell[0] for line in lines[1:] for cell in line[1:3]} == {"'"}


def test_values_that_look_wrong_are_found(scores) -> None:
    rows = scores.examples
    y = rows.y.copy()
    y[[10, 20]] += (60, -60)
    scores.examples = Examples(rows.table, rows.x, y)
    with client_of(scores) as client:
        client.post("/api/judge/labels", json={"rows": "examples", "folds": 3})
        told = wait_for(client)
        assert {row["row"] for row in told["rows"][:2]} == {10, 20}
        first = told["rows"][0]
        assert first["quality"] is None and first["given"] == y[first["row"]] and abs(first["suggested"] - 50) < 10
        header, line, *_ = client.get("/api/judge/labels/csv").text.splitlines()
        assert header == "row,given,suggested,held_out_loss,fold" and line.startswith(f"{first['row'] + 1},")

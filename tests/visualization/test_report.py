"""`render_report`: its metrics are those of the library, for all kinds of models, rows and names."""

import base64
import io
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn import metrics
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

import glassnet
from glassnet import InputError, MLPClassifier, MLPRegressor, Model, Settings, fit
from glassnet.models.evaluation import evaluate
from glassnet.visualization.charts import MAX_SCATTER_POINTS, ticks
from glassnet.visualization.i18n import LANGUAGES, Translator, format_number, format_percent
from glassnet.visualization.images import to_diverging_colors
from glassnet.visualization.report import render_report
from glassnet.visualization.report.network_sections import tile_images
from glassnet.visualization.report.report_data import collect_report_data, highest_loss

from .pages import Page
from .test_show import HOSTILE

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few epochs are enough here
DIGITS, NUMBERS = load_digits(return_X_y=True)
TUMOURS = load_breast_cancer(as_frame=True)
SUGAR = load_diabetes(as_frame=True, scaled=False)
CLASSES = Settings(loss="categorical_crossentropy", epochs=2)


@pytest.fixture(scope="module")
def digits() -> Model:
    return fit(
        DIGITS[:900], NUMBERS[:900], hidden=(24,), settings=CLASSES, validation_fraction=0.2, target_name="digit"
    )


@pytest.fixture(scope="module")
def sugar() -> Model:
    chosen = Settings(loss="half_mean_squared_error", epochs=4)
    names = list(SUGAR.data)
    return fit(SUGAR.data, SUGAR.target, hidden=(9,), task="regression", settings=chosen, feature_names=names)


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, np.ndarray]:
    return DIGITS[900:1300], NUMBERS[900:1300]


def read(page: bytes) -> Page:
    found = Page(page.decode())
    found.check_self_contained()
    return found


def pixels(address: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))))


def cells(page: bytes, caption: str) -> list[list[str]]:
    """Return the cells of the table's body, row by row."""
    table = next(text for text in re.findall("<table.*?</table>", page.decode()) if caption in text)
    body = re.search("<tbody>(.*)</tbody>", table)[1]
    return [re.findall("<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall("<tr>(.*?)</tr>", body)]


# ---------------------------------------------------------------------------------------------- metrics


def test_the_metrics_of_a_classifier_are_those_of_evaluate(digits: Model, rows) -> None:
    found = evaluate(digits, *rows)
    page = render_report(digits, *rows, source="held out.csv")
    text = read(page).text
    assert f"accuracy {format_percent(found['accuracy'])}" in text and f"loss {format_number(found['loss'])}" in text
    assert "400 rows: held out.csv" in text
    wrong = sum(sum(row) for row in found["confusion_matrix"]) - np.trace(found["confusion_matrix"])
    assert f"errors {wrong} of 400 rows" in text
    shown = [[int(c) if c != "·" else 0 for c in row[1:]] for row in cells(page, "Rows by true class")]
    assert shown == found["confusion_matrix"]
    for row, (name, figures) in zip(cells(page, "10 classes"), found["classes"].items(), strict=True):
        assert row == [
            name,
            format_percent(figures["precision"]),
            format_percent(figures["recall"]),
            str(figures["rows"]),
        ]
    most = max((n, -t, -p) for t, row in enumerate(found["confusion_matrix"]) for p, n in enumerate(row) if t != p)
    assert f"“{-most[1]}” predicted as “{-most[2]}”: {most[0]} row" in text


def test_the_worst_rows_have_the_highest_loss(digits: Model, rows) -> None:
    x, y = rows
    page = read(render_report(digits, x, y))
    loss = -np.log(digits.predict_proba(x)[np.arange(len(y)), y])
    order = np.argsort(-loss, kind="stable")[:24]
    shown = [attributes for attributes in page.all("img") if attributes["alt"].startswith("row ")]
    assert [int(re.match(r"row (\d+)", image["alt"])[1]) - 1 for image in shown] == order.tolist()
    first = int(order[0])
    picture = x[first].reshape(8, 8)
    np.testing.assert_array_equal(pixels(shown[0]["src"]), np.round(255 - 255 * picture / picture.max()))
    predicted = digits.predict(x)[first]
    assert (
        f"{y[first]} predicted as {predicted}, confidence {format_percent(digits.predict_proba(x)[first].max())}"
        in shown[0]["alt"]
    )
    assert f"The activations for row {first + 1}," in page.text


def test_the_metrics_of_a_regressor_are_those_of_evaluate(sugar: Model) -> None:
    x = SUGAR.data[:200]
    y = SUGAR.target[:200]
    found = evaluate(sugar, x, y)
    page = render_report(sugar, x, y)
    text = read(page).text
    assert f"R² {format_number(found['r2'])}" in text and f"loss {format_number(found['loss'])}" in text
    assert f"mean absolute error {format_number(found['mean_absolute_error'])}" in text
    assert f"root mean squared error {format_number(found['root_mean_squared_error'])}" in text
    residual = np.asarray(y) - sugar.predict(x)
    assert f"mean {format_number(residual.mean())}, standard deviation {format_number(residual.std())}" in text
    dots = re.search(r'class="dots" d="(.*?)"', page.decode())[1]
    assert dots.count("M") == 200
    worst_first = int(np.argmax(np.abs(residual)))
    row = cells(page, "rows by loss")[0]
    assert row[:4] == [
        str(worst_first + 1), format_number(y[worst_first], 5), format_number(sugar.predict(x)[worst_first], 5),
        format_number(abs(residual[worst_first])),
    ]  # fmt: skip


def test_the_learning_curves_are_the_history(digits: Model, rows) -> None:
    text = read(render_report(digits, *rows)).text
    for kind, field in (("training", "loss"), ("validation", "validation_loss"), ("validation", "validation_metric")):
        first, last = (format_number(getattr(digits.history[n], field)) for n in (0, -1))
        assert f"{kind}: {first} → {last}" in text
    assert f"marks epoch {digits.metadata['best_epoch']}" in text


def test_the_rows_of_the_highest_loss_and_the_ticks_by_hand() -> None:
    assert highest_loss(np.array([1.0, np.nan, 3.0, np.inf, 3.0]), 3).tolist() == [1, 3, 2]
    assert ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1] and ticks(1, 3, integers=True) == [1, 2, 3]
    assert ticks(-1e-7, 1e-7)[0] == pytest.approx(-1e-7)


# --------------------------------------------------------------------------------------------- kinds of models and rows


def test_two_classes_of_an_estimator() -> None:
    X = TUMOURS.data
    y = TUMOURS.target_names[TUMOURS.target]
    network = MLPClassifier((5,), preprocess="auto", max_iter=15, random_state=0).fit(X[:300], y[:300])
    page = render_report(network, X[300:], y[300:])
    text = read(page).text
    y_pred = network.predict(X[300:])
    assert f"accuracy {format_percent(network.score(X[300:], y[300:]))}" in text
    matrix = metrics.confusion_matrix(y[300:], y_pred)
    assert [
        [int(c) if c != "·" else 0 for c in row[1:]] for row in cells(page, "Rows by true class")
    ] == matrix.tolist()
    proba = network.predict_proba(X[300:])
    loss = metrics.log_loss(y[300:], proba)
    assert f"loss {format_number(loss)}" in text
    assert "Only the 8 columns with the largest weights are shown" in text
    worst_first = np.argmin(proba[np.arange(len(proba)), (y[300:] == network.classes_[1]) * 1])
    assert cells(page, "rows by loss")[0][:4] == [
        str(worst_first + 1), y[300 + worst_first], y_pred[worst_first], format_percent(proba[worst_first].max()),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["hinge", "two hinges", "several values", "quantiles", "poisson", "categories"])
def test_other_kinds(kind: str) -> None:
    X = SUGAR.data
    y = SUGAR.target
    if kind in ("hinge", "two hinges"):
        y = pd.qcut(y, 3 if kind == "hinge" else 2, labels=False).to_numpy()
        network = MLPClassifier((4,), loss="hinge", preprocess="auto", max_iter=5, random_state=0).fit(X, y)
        text = read(render_report(network, X, y)).text
        assert f"accuracy {format_percent(network.score(X, y))}" in text and "Calibration" not in text
        return
    if kind == "categories":
        frame = pd.DataFrame({"size": np.arange(400.0), "town": [f"town {i % 90}" for i in range(400)]})
        network = MLPClassifier((4,), preprocess="auto", max_iter=3, random_state=0).fit(frame, np.arange(400) % 2)
        assert "town" in read(render_report(network, frame, np.arange(400) % 2)).text
        return
    extra = {"quantiles": {"quantiles": [0.1, 0.9]}, "poisson": {"loss": "poisson"}}.get(kind, {})
    y = np.c_[y, -y, y] if kind == "several values" else y
    network = MLPRegressor(hidden_layer_sizes=(4,), preprocess="auto", max_iter=20, random_state=0, **extra).fit(X, y)
    page = render_report(network, X, y)
    text = read(page).text
    if kind == "quantiles":
        below = np.mean(np.asarray(y)[:, np.newaxis] <= network.predict(X), axis=0)
        assert [row[1] for row in cells(page, "each predicted quantile")] == [format_percent(share) for share in below]
    else:
        assert f"R² {format_number(network.score(X, y))}" in text
    assert text.count("predicted and true") == {"several values": 3, "quantiles": 2}.get(kind, 1)


def test_one_row(digits: Model, sugar: Model, rows) -> None:
    text = read(render_report(digits, rows[0][:1], rows[1][:1])).text
    assert "of 1 row" in text and "dead units 0" not in text
    assert "R² not defined for one row" in read(render_report(sugar, SUGAR.data[:1], SUGAR.target[:1])).text


def test_without_rows_there_are_curves_and_layers(digits: Model) -> None:
    text = read(render_report(digits)).text
    assert "No rows were given" in text and "Learning curves" in text and "accuracy 9" not in text
    assert "Confusion matrix" not in text


def test_a_model_without_errors() -> None:
    x = np.repeat(np.eye(2) * 8, 30, axis=0)
    model = fit(x, np.repeat([0, 1], 30), settings=Settings(loss="categorical_crossentropy", epochs=30))
    assert "None: every row is predicted correctly" in read(render_report(model, x, np.repeat([0, 1], 30))).text


def test_the_confusion_matrix_of_many_classes_is_an_image() -> None:
    x = np.random.default_rng(0).standard_normal((300, 3))
    model = fit(x, np.arange(300) % 75, hidden=(3,), task="classification", settings=CLASSES)
    page = read(render_report(model, x, np.arange(300) % 75))
    (matrix,) = [image for image in page.all("img") if "true classes" in image["alt"]]
    assert pixels(matrix["src"]).shape == (75, 75)
    assert not page.all("table", class_="matrix")


def test_dead_units_are_listed(digits: Model, rows) -> None:
    vector = digits.vector.copy()
    digits.structure.views(vector)["b1"][[3, 5]] = -1000
    broken = replace(digits, vector=vector)
    a1 = glassnet.inspection.activations(broken.structure, vector, broken.inputs(rows[0]))["a1"]
    assert not a1[:, [3, 5]].any()
    dead = np.flatnonzero(np.ptp(a1, axis=0) == 0).tolist()
    assert f"layer 1: {len(dead)} units ({', '.join(map(str, dead))})" in read(render_report(broken, *rows)).text
    data = collect_report_data(broken, *rows)
    np.testing.assert_allclose(data.predictions.layer_stats[0].mean, a1.mean(axis=0), rtol=1e-5)


def test_the_weights_of_the_first_layer_are_one_image(digits: Model, rows) -> None:
    (image,) = [image for image in read(render_report(digits, *rows)).all("img") if "each as an image" in image["alt"]]
    W1 = digits.parameters["W1"].T.reshape(24, 8, 8)
    shown = pixels(image["src"])
    np.testing.assert_array_equal(shown, to_diverging_colors(tile_images(W1), float(np.quantile(np.abs(W1), 0.995))))
    np.testing.assert_array_equal(tile_images(W1)[:8, 9:17], W1[1])


def test_a_deep_network_and_many_rows_stay_small() -> None:
    x = np.random.default_rng(0).random((64, 784))
    deep = fit(x, np.arange(64) % 10, hidden=(1000,) * 10, settings=Settings(loss="categorical_crossentropy", epochs=1))
    assert len(render_report(deep, x, np.arange(64) % 10)) < 1_100_000
    x = np.random.default_rng(0).standard_normal((20_000, 2))
    line = fit(x, x[:, 0], hidden=(2,), task="regression", settings=Settings(loss="huber", epochs=1, batch_size=1000))
    page = render_report(line, x, x[:, 0])
    assert len(page) < 200_000 and f"{MAX_SCATTER_POINTS:,} of 20,000 rows are drawn" in read(page).text


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e38])
def test_a_network_that_has_diverged_has_a_report(sugar: Model, bad: float) -> None:
    vector = sugar.vector.copy()
    vector[::5] = bad
    page = render_report(replace(sugar, vector=vector))
    assert not re.search(r'(points|d|x|y|width|height)="[^"]*(nan|inf)', page.decode())


# ---------------------------------------------------------------------------------------------- the page


def test_the_page_has_language_headings_and_a_policy(digits: Model, rows) -> None:
    for language in LANGUAGES:
        page = read(render_report(digits, *rows, language=language))
        assert page.all("html")[0]["lang"] == language
        levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
        assert levels[0] == 1 and levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        targets = {attributes["id"] for tag, attributes in page.elements if "id" in attributes}
        assert {link["href"][1:] for link in page.all("a")} <= targets
        (policy,) = page.all("meta", **{"http_equiv": "Content-Security-Policy"})
        assert policy["content"].startswith("default-src 'none'; style-src 'sha256-")
    assert render_report(digits, *rows) == render_report(digits, *rows)


def test_every_language_has_all_texts() -> None:
    english = Translator("glassnet.visualization.report").texts
    code = "".join(
        path.read_text("utf-8") for path in Path(glassnet.visualization.__file__).parent.joinpath("report").glob("*.py")
    )
    asked = set(re.findall(r'translate\(\s*"([^"]+)"', code))
    assert asked and asked <= set(english)
    for language in LANGUAGES:
        texts = Translator("glassnet.visualization.report", language).texts
        assert set(texts) == set(english)
        for key, text in texts.items():
            assert set(re.findall("{(.*?)}", text)) == set(re.findall("{(.*?)}", english[key])), key


@pytest.mark.parametrize(
    ("reason", "english", "korean"),
    [
        ("all epochs done", "all epochs done", "모든 에포크 완료"),
        ("no better for 12 epochs", "no better for 12 epochs", "12에포크 동안 개선 없음"),
        ("no better for 1 epochs", "no better for 1 epoch", "1에포크 동안 개선 없음"),
        ("a callback's own words", "a callback's own words", "a callback's own words"),
    ],
)
def test_the_stop_reason_is_translated(digits: Model, reason: str, english: str, korean: str) -> None:
    ended = replace(digits, metadata={**digits.metadata, "stop_reason": reason})
    for language, expected in (("en", english), ("ko", korean)):
        assert expected in Page(render_report(ended, language=language).decode()).text


def test_markup_in_names_stays_text() -> None:
    x = np.random.default_rng(0).standard_normal((60, 4))
    y = np.array(HOSTILE, dtype=object)[np.arange(60) % 4]
    model = replace(fit(x, y, hidden=(3,), settings=CLASSES), feature_names=tuple(HOSTILE))
    model = replace(model, target=replace(model.target, name=HOSTILE[1]))
    model = replace(model, metadata=dict(model.metadata) | {"source": HOSTILE[0], "stop_reason": HOSTILE[2]})
    page = render_report(model, x, y, source=HOSTILE[0])
    found = read(page)
    assert not found.all("b") and HOSTILE[0] in found.text and HOSTILE[2] in found.text
    assert len(found.all("style")) == 1
    values = fit(x, x[:, 0], hidden=(3,), task="regression", settings=Settings(loss="huber", epochs=1))
    target = replace(values.target, name=HOSTILE[2])
    read(render_report(replace(values, target=target, feature_names=tuple(HOSTILE)), x, x[:, 0]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": None}, "x and y go together"),
        ({"model": object()}, "model is a object; reports are of glassnet.Model, MLPClassifier and MLPRegressor"),
        ({"language": "fr"}, "language is 'fr'; it must be one of en, ko"),
        ({"x": DIGITS[:0], "y": NUMBERS[:0]}, "x has no rows"),
        ({"x": DIGITS[:5]}, "x has 5 rows and y 400; they must be the same"),
        ({"y": NUMBERS[:400] + 10}, "unknown to the model"),
    ],
)
def test_invalid_arguments_are_refused(digits: Model, change: dict, message: str) -> None:
    given = {"model": digits, "x": DIGITS[:400], "y": NUMBERS[:400]} | change
    with pytest.raises(InputError, match=message):
        render_report(**given)


def test_several_labels_are_refused() -> None:
    labels = np.c_[NUMBERS > 4, NUMBERS % 2] * 1
    network = MLPClassifier((3,), max_iter=2).fit(DIGITS, labels)
    with pytest.raises(InputError, match="several labels"):
        render_report(network, DIGITS, labels)

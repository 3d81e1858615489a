"""`glassnet.show`: the picture shows the numbers of the network, is self-contained, and stays small."""

import base64
import hashlib
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.sparse import csr_matrix
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import glassnet
from glassnet import InputError, MLPClassifier, MLPRegressor, Settings, fit, show
from glassnet.visualization.i18n import LANGUAGES, Translator, format_number, format_percent, truncate
from glassnet.visualization.network_layout import MAX_CELLS, MAX_OUTPUTS, MAX_UNITS

from .pages import Page

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few epochs are enough here
DIGITS, NUMBERS = load_digits(return_X_y=True)
IRIS, KIND = load_iris(return_X_y=True, as_frame=True)
HUBER = Settings(loss="huber", epochs=2)
NAMES = load_iris().target_names[KIND]


@pytest.fixture(scope="module")
def digits() -> glassnet.Model:
    chosen = Settings(loss="categorical_crossentropy", epochs=2)
    return fit(DIGITS, NUMBERS, hidden=(40, 12), settings=chosen, target_name="digit")


@pytest.fixture(scope="module")
def flowers() -> MLPClassifier:
    return MLPClassifier((6,), activation="tanh", max_iter=60, random_state=0).fit(IRIS, NAMES)


def units(page: Page) -> list[str]:
    return [attributes["aria-label"] for attributes in page.all("g", class_="gn-unit")]


def value(text: str) -> float:
    return float(text.replace("−", "-"))


# ------------------------------------------------------------------------------------------------------ numbers


def test_every_shown_unit_has_its_numbers(digits: glassnet.Model) -> None:
    page = Page(show(digits, DIGITS, row=7).html)
    layers = glassnet.inspection.activations(digits.structure, digits.vector, digits.inputs(DIGITS[7:8]))
    numbers_of_units = [
        re.findall(r"([zab])(\d)\[(\d+)\] = (?:\w+\(z\) = )?(\S+?)(?:,|$)", unit) for unit in units(page)
    ]
    # the most active units of two hidden layers, and all outputs
    assert len(numbers_of_units) == MAX_UNITS + MAX_UNITS + 10
    for numbers in numbers_of_units:
        assert [kind for kind, *_ in numbers] == ["z", "a", "b"]
        for kind, layer, unit, shown in numbers:
            array = digits.parameters[f"b{layer}"] if kind == "b" else layers[f"{kind}{layer}"][0]
            assert value(shown) == pytest.approx(float(array[int(unit)]), rel=1e-3)
    first = [int(re.search(r"z1\[(\d+)\]", unit)[1]) for unit in units(page)[:MAX_UNITS]]
    assert first == list(np.argsort(-np.abs(layers["a1"][0]), kind="stable")[:MAX_UNITS])


def test_a_formula_adds_up_to_the_unit(digits: glassnet.Model) -> None:
    html = show(digits, DIGITS, row=7).html
    formulas = re.findall(r'<p class="gn-formula">z(\d)\[(\d+)\](.*?)</p>', html)
    assert len(formulas) == 1 + 10 + MAX_UNITS + MAX_UNITS
    for layer, unit, rest in formulas:
        terms = re.findall(r"<span>(.*?)<sub>", rest)
        total = sum(np.prod([value(factor.strip("()")) for factor in term.split("·")]) for term in terms)
        z, a = (value(shown) for shown in re.findall(r"<strong>(.*?)</strong>", rest))
        layers = glassnet.inspection.activations(digits.structure, digits.vector, digits.inputs(DIGITS[7:8]))
        assert z == pytest.approx(float(layers[f"z{layer}"][0, int(unit)]), rel=1e-3)
        assert a == pytest.approx(float(layers[f"a{layer}"][0, int(unit)]), rel=1e-3)
        assert total == pytest.approx(z, abs=5e-3)


def test_a_connection_is_the_contribution_of_its_unit(digits: glassnet.Model) -> None:
    html = show(digits, DIGITS, row=7).html
    layers = glassnet.inspection.activations(digits.structure, digits.vector, digits.inputs(DIGITS[7:8]))
    layers["a0"] = digits.inputs(DIGITS[7:8])
    lines = re.findall(
        r'gn-(up|down)".*?<title>a(\d)\[(\d+)\] · W\d\[\d+, (\d+)\] = (\S+) · (\S+) = (\S+)</title>', html
    )
    assert len(lines) > 60
    for sign, before, i, j, a, W, product in lines:
        assert value(a) == pytest.approx(float(layers[f"a{before}"][0, int(i)]), rel=1e-3)
        assert value(W) == pytest.approx(float(digits.parameters[f"W{int(before) + 1}"][int(i), int(j)]), rel=1e-3)
        assert value(product) == pytest.approx(value(a) * value(W), rel=2e-3)
        assert sign == ("up" if value(product) >= 0 else "down")
    into = [line for line in lines if line[1] == "2" and line[3] == "0"]
    contributions = layers["a2"][0] * digits.parameters["W3"][:, 0]
    shown_units = np.argsort(-np.abs(layers["a2"][0]), kind="stable")[:MAX_UNITS]
    assert [int(line[2]) for line in into] == sorted(shown_units, key=lambda unit: -abs(contributions[unit]))[:3]


def test_the_prediction_is_the_models(digits: glassnet.Model, flowers: MLPClassifier) -> None:
    probabilities = digits.predict_proba(DIGITS[7:8])[0]
    page = Page(show(digits, DIGITS, row=7).html)
    assert f"{digits.predict(DIGITS[7:8])[0]}: {format_percent(float(probabilities.max()))}" in page.text
    assert sum(unit.startswith("prediction: ") for unit in units(page)) == 1
    for row in (0, 60, -1):
        assert (
            f"{flowers.predict(IRIS)[row]}: {format_percent(flowers.predict_proba(IRIS)[row].max())}"
            in Page(show(flowers, IRIS, row=row).html).text
        )


@pytest.mark.parametrize("kind", ["two classes", "labels", "bare", "one class"])
def test_other_kinds_of_outputs(kind: str) -> None:
    y = {"two classes": KIND > 0, "labels": np.c_[KIND > 0, KIND > 1] * 1, "bare": KIND > 0, "one class": KIND * 0}[
        kind
    ]
    loss = {"loss": "hinge"} if kind == "bare" else {}
    network = MLPClassifier((4,), max_iter=20, random_state=0, **loss).fit(IRIS, y)
    text = Page(show(network, IRIS, row=120).html).text
    if kind == "bare":
        assert f"True = {format_number(float(network.decision_function(IRIS)[120]), 6)}" in text
        return
    probabilities = network.predict_proba(IRIS)[120]
    if kind == "two classes":
        no, yes = (format_percent(probability) for probability in probabilities)
        assert f"True: {yes} ; False: {no}" in text and network.predict(IRIS)[120]
    elif kind == "labels":
        assert f"0: {format_percent(probabilities[0])}; 1: {format_percent(probabilities[1])}" in text
    else:
        assert "0:" in text


def test_values_are_in_the_unit_of_the_target() -> None:
    X, y = load_diabetes(return_X_y=True)
    model = fit(X, y, hidden=(12,), task="regression", target_name="progress", settings=HUBER)
    assert f"progress = {format_number(float(model.predict(X[:1])[0]), 6)}" in Page(show(model, X).html).text
    est = MLPRegressor(hidden_layer_sizes=(3,), target_transform="standardize", max_iter=5, random_state=0).fit(X, y)
    assert f"y = {format_number(float(est.predict(X[:1])[0]), 6)}" in Page(show(est, X).html).text
    two = MLPRegressor(hidden_layer_sizes=(3,), max_iter=5, random_state=0).fit(X, np.c_[y, -y])
    assert "y_1 = " in Page(show(two, X).html).text
    bands = MLPRegressor(hidden_layer_sizes=(3,), quantiles=[0.1, 0.9], max_iter=5, random_state=0).fit(X, y)
    assert f"quantile 0.9 = {format_number(float(bands.predict(X[:1])[0, 1]), 6)}" in Page(show(bands, X).html).text


def test_a_column_has_its_raw_and_its_scaled_value() -> None:
    X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    model = fit(X, y, hidden=(3,), task="regression", feature_names=list(X), settings=Settings(loss="huber", epochs=1))
    scaled = float(model.inputs(X[:1])[0, 0])
    assert f"age: {format_number(float(X['age'][0]))} → a0[0] = {format_number(scaled)}" in units(
        Page(show(model, X).html)
    )


# ------------------------------------------------------------------------------------------------------ rows


def test_a_square_row_is_an_image(digits: glassnet.Model) -> None:
    page = Page(show(digits, DIGITS, row=3).html)
    (image,) = page.all("image")
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(image["href"].split(",")[1]))))
    np.testing.assert_array_equal(pixels, np.round(255 - 255 * DIGITS[3].reshape(8, 8) / DIGITS[3].max()))
    assert len(page.all("img")) == MAX_UNITS  # the weights into each unit of the first layer that is shown_units
    assert not Page(show(digits, DIGITS, image=False).html).all("image")
    small = MLPClassifier((3,), max_iter=2, random_state=0).fit(DIGITS[:, :16], NUMBERS)
    assert not Page(show(small, DIGITS[:, :16]).html).all("image")  # sixteen columns may as well be a table's
    assert Page(show(small, DIGITS[:, :16], image=True).html).all("image")


@pytest.mark.parametrize("form", [np.asarray, lambda X: X.to_numpy().tolist(), csr_matrix, pd.DataFrame])
def test_rows_can_have_any_type_that_predict_takes(form) -> None:
    plain = MLPClassifier((6,), max_iter=5, random_state=0).fit(IRIS.to_numpy(), NAMES)
    X = form(IRIS)
    X = X.set_axis(range(4), axis=1) if isinstance(X, pd.DataFrame) else X
    assert show(plain, X, row=77).html == show(plain, IRIS.to_numpy(), row=77).html


def test_a_single_row_can_be_passed_alone(digits: glassnet.Model) -> None:
    assert show(digits, DIGITS[5]).html == show(digits, DIGITS, row=5).html


def test_the_units_of_an_embedding_have_names() -> None:
    frame = pd.DataFrame({"size": np.arange(400.0), "town": [f"town {i % 90}" for i in range(400)]})
    network = MLPClassifier((4,), preprocess="auto", max_iter=3, random_state=0).fit(frame, np.arange(400) % 2)
    assert network.model_.structure.embeddings
    text = " ".join(units(Page(show(network, frame, row=2).html)))
    assert "size: a0[0] = " in text and re.search(r"town \(\d+\): a0\[\d+\] = ", text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"row": 150}, "row is 150, and X has 150 rows; choose 0 … 149"),
        ({"row": 1.5}, "row is 1.5; it must be the number of a row"),
        ({"row": True}, "row is True; it must be the number of a row"),
        ({"X": IRIS.iloc[:0]}, "X has 0 rows; give one"),
        ({"image": True, "X": IRIS.iloc[:, :4]}, None),
        ({"language": "fr"}, "language is 'fr'; it must be one of en, ko"),
        ({"model": StandardScaler()}, "model is a StandardScaler; glassnet.Model, MLPClassifier and MLPRegressor"),
        ({"model": make_pipeline(StandardScaler())}, r"show its last step: show\(pipeline\[-1\]"),
    ],
)
def test_invalid_arguments_are_refused(flowers: MLPClassifier, change: dict, message: str | None) -> None:
    given = {"model": flowers, "X": IRIS} | change
    if message is None:
        show(**given)  # four columns are a square of two by two, if requested
        return
    with pytest.raises(InputError, match=message):
        show(**given)
    with pytest.raises(ValueError):
        show(flowers, IRIS.iloc[:, :3])
    with pytest.raises(InputError, match="which are not a square"):
        show(
            MLPRegressor(hidden_layer_sizes=(2,), max_iter=2).fit(IRIS.iloc[:, :3], KIND), IRIS.iloc[:, :3], image=True
        )


# ------------------------------------------------------------------------------------------------------ the page


def test_the_page_is_self_contained(digits: glassnet.Model, tmp_path: Path) -> None:
    path = show(digits, DIGITS, language="ko").save(tmp_path / "new" / "picture.html")
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    page.check_self_contained()
    assert page.all("html") == [{"lang": "ko"}] and page.all("meta", charset="utf-8")
    (policy,) = page.all("meta", **{"http_equiv": "Content-Security-Policy"})
    style = re.search("<style>(.*?)</style>", text, re.DOTALL)[1]
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy["content"].startswith(f"default-src 'none'; style-src 'sha256-{allowed}'; img-src data:")
    assert "script" not in policy["content"]
    assert show(digits, DIGITS, language="ko").save(path).read_text(encoding="utf-8") == text  # the same every time
    with pytest.raises(InputError, match="this is a folder"):
        show(digits, DIGITS).save(tmp_path)


HOSTILE = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "</title></svg></style><b>",
    "&lt;b&gt; \x00\x1b\ud800\u202e",
]


def test_markup_in_names_stays_text(tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((60, 4))
    y = np.array(HOSTILE, dtype=object)[np.arange(60) % 4]
    model = fit(x, y, hidden=(3,), settings=Settings(loss="categorical_crossentropy", epochs=1))
    target = replace(model.target, name=HOSTILE[0])
    model = replace(model, feature_names=tuple(HOSTILE), target=target)
    html = show(model, x).save(tmp_path / "p.html").read_text(encoding="utf-8")
    page = Page(html)
    page.check_self_contained()
    assert not page.all("b") and len(page.all("title")) > 1
    for name in HOSTILE[:3]:
        assert name in page.text
    assert not re.search("[\x00\x1b\u202e]", html)
    Page(model._repr_html_()).check_self_contained()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e38])
def test_a_network_that_has_diverged_is_shown_with_its_nan(digits: glassnet.Model, bad: float) -> None:
    vector = digits.vector.copy()
    vector[::7] = bad
    broken = replace(digits, vector=vector)
    page = Page(show(broken, DIGITS).html)
    assert "nan" in page.text or "inf" in page.text
    for attributes in page.all("path") + page.all("rect"):
        assert "nan" not in json.dumps(attributes) and "inf" not in json.dumps(attributes)
    Page(broken._repr_html_())


def test_wide_and_deep_networks_stay_small_and_readable() -> None:
    x = np.random.default_rng(0).random((20, 784))
    chosen = Settings(loss="categorical_crossentropy", epochs=1)
    wide = fit(x, np.arange(20) % 10, hidden=(128,), settings=chosen)
    assert len(show(wide, x).html) < 200_000
    deep = fit(x, np.arange(20) % 20, hidden=(1000,) * 10, settings=chosen)
    html = show(deep, x).html
    assert len(html.encode()) < 1_000_000 and len(deep._repr_html_()) < 200_000
    page = Page(html)
    assert len(units(page)) == 10 * MAX_UNITS + MAX_OUTPUTS
    assert len(page.all("path")) <= 12 * 4 * MAX_OUTPUTS
    assert "all 1,000 units, 4 per cell" in page.text
    assert len([1 for a in page.all("rect") if a.get("fill-opacity")]) <= 11 * MAX_CELLS
    assert "units 996 to 999; the most active: z10[" in page.text


def test_a_map_is_colored_by_activation(digits: glassnet.Model) -> None:
    html = show(digits, DIGITS, row=7).html
    a1 = glassnet.inspection.activations(digits.structure, digits.vector, digits.inputs(DIGITS[7:8]))["a1"][0]
    cells = re.findall(r'fill-opacity="([\d.]+)"><title>z1\[(\d+)\]', html)
    assert [int(unit) for _, unit in cells] == list(range(40))
    shades = np.array([float(shade) for shade, _ in cells])
    np.testing.assert_allclose(shades, 0.06 + 0.94 * np.abs(a1) / np.abs(a1).max(), atol=0.006)


# ------------------------------------------------------------------------------------------------------ notebooks


def test_a_notebook_displays_the_weights(digits: glassnet.Model, flowers: MLPClassifier) -> None:
    for model in (digits, flowers):
        html = model._repr_html_()
        assert "glassnet.show(model, X)" in html and "loss:" in html
        assert re.search(r"W1\[\d+, \d+\] = ", html) and "z1[" not in html
    assert show(digits, DIGITS)._repr_html_() == show(digits, DIGITS).html
    assert "sk-top-container" in flowers._repr_html_()  # scikit-learn's own table stays
    assert "Picture of digit" in repr(show(digits, DIGITS))


def test_every_language_has_all_texts() -> None:
    english = Translator("glassnet.visualization").texts
    for language in LANGUAGES:
        texts = Translator("glassnet.visualization", language).texts
        assert set(texts) == set(english)
        for key, text in texts.items():
            assert set(re.findall("{(.*?)}", text)) == set(re.findall("{(.*?)}", english[key])), key


def test_the_format_of_numbers() -> None:
    assert [format_number(x) for x in (0.0, -1.5, 123456.0, 1e-5)] == ["0", "−1.5", "1.235e+05", "1e−05"]
    assert [format_percent(x).replace("\N{NO-BREAK SPACE}", " ") for x in (0, 1e-6, 0.5, 0.99999, 1)] == [
        "0.0 %",
        "< 0.1 %",
        "50.0 %",
        "> 99.9 %",
        "100.0 %",
    ]
    assert truncate("a  long\nname", 6) == "a lon…"

"""Think in a browser: draw a digit and read the prediction; every number equals the library's."""

import json
import re
from importlib import resources

import numpy as np
import pyarrow as pa
import pytest

import glassnet
from glassnet import Structure, inspection
from glassnet.data import ArrowTable
from glassnet.models import Model
from glassnet.models.target import Target
from glassnet.preprocessing.scaling import Scaling
from glassnet.web.app_state import AppState, make_examples
from glassnet.web.server import create_app

from .words import check_words

TEXTS = {
    code: json.loads((resources.files("glassnet.web") / "page" / "texts" / f"{code}.json").read_text(encoding="utf-8"))
    for code in ("en", "ko")
}
SEVEN = [(0.3, 0.25), (0.7, 0.25), (0.45, 0.8)]
ZERO = [(0.5 + 0.2 * np.sin(angle), 0.5 - 0.32 * np.cos(angle)) for angle in np.linspace(0, 2 * np.pi, 25)]


def table_of(name, x, names, target, y):
    return ArrowTable(name, pa.table({**{column: x[:, place] for place, column in enumerate(names)}, target: y}))


@pytest.fixture(scope="module")
def flowers():
    """Return a model of three classes by four columns, one of whose names is markup, and its rows."""
    from sklearn.datasets import load_iris

    data = load_iris()
    names = ["sepal length", "sepal width", "<b>petal</b> length", "petal width"]
    y = np.array([data.target_names[place] for place in data.target], dtype=object)
    settings = glassnet.recommended_settings(150, epochs=30, engine="reference")
    model = glassnet.fit(data.data, y, hidden=(6, 5), settings=settings, feature_names=names, target_name="species")
    return model, make_examples(table_of("iris.csv", data.data, names, "species", y.tolist()), model)


@pytest.fixture(scope="module")
def houses():
    """Return a model of a value by 30 columns, and its rows."""
    x = np.random.default_rng(0).uniform(0, 10, (80, 30))
    y = 1000 * x[:, 0] + 0.5
    names = [f"column {place}" for place in range(30)]
    settings = glassnet.recommended_settings(80, "regression", epochs=20, engine="reference")
    model = glassnet.fit(
        x, y, hidden=(6,), task="regression", settings=settings, feature_names=names, target_name="price"
    )
    return model, make_examples(table_of("houses.csv", x, names, "price", y), model)


@pytest.fixture
def think(visit, serve):
    """Return a function that opens Think for a state (default: the test's) and waits for its picture."""

    def look(app_state=None, **options):
        at = None if app_state is None else serve(create_app(app_state))
        page = visit("#think", at=at, **{"width": 1440} | options)
        page.locator(".think-network-card .think-readout:not(:empty)").wait_for()
        return page

    return look


def draw(page, points, pieces=8):
    """Draw a line on the pad with the mouse."""
    box = page.locator(".think-pad").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=pieces)
    page.mouse.up()


def settled(page):
    """Wait until the network has answered what was done last, and the answer is shown."""
    page.locator("#panel-think[aria-busy=false]").wait_for()


def asked(page):
    """Note what the page asks of ``/api/explain``; the last entry is the latest."""
    questions = []
    page.on("request", lambda ask: questions.append(ask.post_data_json) if ask.url.endswith("/explain") else None)
    return questions


def look_into(page, layer, unit):
    page.locator("#think-layer").select_option(str(layer))
    page.locator("#think-unit").fill(str(unit))
    page.locator("#think-unit").press("Enter")
    page.locator(".think-formula", has_text=f"z{layer}[{unit}]").wait_for()
    settled(page)


def said(page):
    return page.locator(".think-prediction").inner_text()


def bars(page, kind="span:first-child"):
    """Return the exact numbers beside the bars of the answer."""
    return [float(bar.get_attribute("title")) for bar in page.locator(f".think-answer .think-value {kind}").all()]


# ------------------------------------------------------------------------------------------------------------- drawing


@pytest.mark.parametrize(("points", "digit"), [(SEVEN, "7"), (ZERO, "0")])
def test_a_digit_is_drawn_with_the_mouse_and_predicted(think, app_state, points, digit) -> None:
    page = think()
    questions = asked(page)
    draw(page, points)
    settled(page)
    assert said(page) == digit
    page.locator(".think-answer").get_by_text(TEXTS["en"]["think.from.drawn"]).wait_for()
    row = np.array([questions[-1]["row"]])
    assert app_state.model.predict(row)[0] == int(digit)
    assert bars(page) == pytest.approx(app_state.model.predict_proba(row)[0].tolist(), rel=1e-6)
    assert row.min() == 0 and 8 < row.max() <= 16  # the ink of the digits' pictures
    assert (row[0] <= app_state.examples.x.max(axis=0)).all()
    assert len(questions) > 3  # it answered while the line was drawn


def test_strokes_are_undone_one_by_one_and_cleared(think) -> None:
    page = think()
    questions = asked(page)
    draw(page, SEVEN)
    settled(page)
    seven = questions[-1]["row"]
    draw(page, [(0.3, 0.5), (0.7, 0.5)])
    settled(page)
    assert questions[-1]["row"] != seven
    page.get_by_role("button", name="Undo").click()
    settled(page)
    assert questions[-1]["row"] == seven
    page.get_by_role("button", name="Clear").click()
    settled(page)
    assert not any(questions[-1]["row"])
    assert page.get_by_role("button", name="Undo").is_disabled()


def test_the_keyboard_alone_draws(think, app_state) -> None:
    page = think()
    questions = asked(page)
    page.locator(".think-pad").focus()
    for _ in range(8):
        page.keyboard.press("ArrowUp")
    assert questions == []  # the pen is up
    page.keyboard.press("Space")
    page.get_by_text(TEXTS["en"]["think.pad.down"]).wait_for(state="attached")
    for _ in range(16):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    settled(page)
    row = np.array(questions[-1]["row"]).reshape(8, 8)
    assert said(page) == str(app_state.model.predict(row.reshape(1, -1))[0])
    assert (row[:, 3] + row[:, 4] > 8).all() and not row[:, [0, 1, 6, 7]].any()  # a line from above to below
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Backspace")
    settled(page)
    assert not any(questions[-1]["row"])


def test_a_finger_draws(think) -> None:
    page = think(has_touch=True, width=390)
    questions = asked(page)
    pad = page.locator(".think-pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    finger = page.context.new_cdp_session(page)

    def touch(kind, *points):
        places = [{"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]} for x, y in points]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    touch("touchStart", (0.3, 0.25))
    for x, y in [(0.4, 0.25), (0.7, 0.25), (0.6, 0.5), (0.45, 0.8)]:
        touch("touchMove", (x, y))
    touch("touchEnd")
    settled(page)
    assert said(page) == "7" and any(questions[-1]["row"])


RASTERIZE = """async ([strokes, drawing]) => {
    const { rasterize } = await import("/think/rasterize.js");
    return rasterize(strokes, drawing);
}"""
MNIST_DRAWING = {"side": 28, "low": 0, "high": 255, "box": 20 / 28, "max_ink": None}


@pytest.mark.parametrize("points", [SEVEN, ZERO, [(0.5, 0.1), (0.5, 0.9)], [(0.1, 0.5), (0.9, 0.4)]])
def test_a_drawing_is_rasterized_as_in_mnist(think, points) -> None:
    page = think()
    picture = np.array(page.evaluate(RASTERIZE, [[points], MNIST_DRAWING])).reshape(28, 28)
    assert picture.min() == 0 and picture.max() == 255
    assert ((picture > 0) & (picture < 255)).any()  # antialiased
    rows, columns = np.nonzero(picture)
    extents = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert max(extents) == 20  # fitted into 20 by 20
    drawn = np.ptp([y for _, y in points]), np.ptp([x for x, _ in points])
    longest = max(drawn)
    for extent, length in zip(extents, drawn, strict=True):  # the shape is kept; a line is 2.8 thick
        assert extent == pytest.approx(2.8 + 17.2 * length / longest, abs=1.5)
    mass = picture.sum()
    centre = [(picture * np.arange(28)[:, np.newaxis]).sum() / mass, (picture * np.arange(28)).sum() / mass]
    assert centre == pytest.approx([13.5, 13.5], abs=0.51)  # to the nearest pixel


def test_position_and_size_of_a_drawing_make_no_difference(think) -> None:
    page = think()
    large = page.evaluate(RASTERIZE, [[SEVEN], MNIST_DRAWING])
    small = page.evaluate(RASTERIZE, [[[(0.55 + 0.4 * x, 0.02 + 0.4 * y) for x, y in SEVEN]], MNIST_DRAWING])
    np.testing.assert_allclose(large, small, atol=3)
    nothing = page.evaluate(RASTERIZE, [[], {**MNIST_DRAWING, "low": 3}])
    assert nothing == [3] * 784
    dot = np.array(page.evaluate(RASTERIZE, [[[(0.2, 0.2)]], MNIST_DRAWING])).reshape(28, 28)
    assert 1 <= np.count_nonzero(dot) <= 25 and dot[13:15, 13:15].all()


# --------------------------------------------------------------------------------------------------------- every number


@pytest.mark.sweep(only=["2-5"])
@pytest.mark.parametrize(("layer", "unit"), [(1, 3), (2, 5), (3, 7)])
def test_all_numbers_of_a_unit_equal_the_librarys(think, app_state, layer, unit) -> None:
    page = think()
    questions = asked(page)
    draw(page, SEVEN)
    look_into(page, layer, unit)
    model = app_state.model
    x = model.inputs(np.array([questions[-1]["row"]]))
    layers = {name: values[0] for name, values in inspection.activations(model.structure, model.vector, x).items()}
    layers["a0"] = x[0]
    W, b = model.parameters[f"W{layer}"][:, unit], model.parameters[f"b{layer}"][unit]
    formula = page.locator(".think-formula")
    exact = {mark: float(formula.locator(f"[data-exact={mark}]").get_attribute("title")) for mark in "za"}
    assert np.float32(exact["z"]) == layers[f"z{layer}"][unit] and np.float32(exact["a"]) == layers[f"a{layer}"][unit]

    terms = formula.locator(".think-term").all()
    numbers = [float(term.get_attribute("data-term")) for term in terms]
    products = layers[f"a{layer - 1}"].astype(float) * W
    order = np.argsort(-np.abs(products), kind="stable")
    assert numbers[:6] == pytest.approx(products[order[:6]].tolist(), rel=1e-6)
    assert [term.locator("small").inner_text() for term in terms[:6]] == [f"i={place}" for place in order[:6]]
    for term, place in zip(terms[:6], order[:6], strict=True):
        a, w = term.locator("span").inner_text().split("·")
        assert float(a) == pytest.approx(layers[f"a{layer - 1}"][place], rel=1e-3)
        assert float(w.strip("()")) == pytest.approx(W[place], rel=1e-3)
    assert numbers[6] == pytest.approx(products[order[6:]].sum(), rel=1e-5, abs=1e-6)
    assert np.float32(numbers[7]) == b
    assert sum(numbers) == pytest.approx(exact["z"], rel=1e-5, abs=1e-5)

    read = page.locator(".think-network-card .think-readout").inner_text()
    shown = [float(number) for number in re.findall(r"(?:z|a|b) = (-?[\d.e-]+)", read)]
    assert shown == pytest.approx([exact["z"], exact["a"], b], rel=1e-3)


def test_hover_and_keyboard_read_z_a_and_b_of_any_unit(think, app_state) -> None:
    page = think()
    model, x = app_state.model, app_state.examples.x[:1]
    layers = inspection.activations(model.structure, model.vector, model.inputs(x))
    read = page.locator(".think-network-card .think-readout")

    def numbers():
        return [float(number) for number in re.findall(r"(?:z|a|b) = (-?[\d.e-]+)", read.inner_text())]

    units = page.locator(".think-unit")
    for layer, column in ((1, units.nth(1)), (2, units.nth(2)), (3, units.nth(3))):
        box = column.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        read.get_by_text(f"layer {layer}, unit 0").wait_for()
        expected = [layers[f"{kind}{layer}"][0, 0] for kind in "za"] + [model.parameters[f"b{layer}"][0]]
        assert numbers() == pytest.approx(expected, rel=1e-3)
    page.mouse.move(2, 2)

    units.nth(1).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    read.get_by_text("layer 1, unit 2 (relu)").wait_for()
    assert numbers()[0] == pytest.approx(layers["z1"][0, 2], rel=1e-3)
    assert "layer 1, unit 2" in page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.keyboard.press("End")
    read.get_by_text("layer 1, unit 15 (relu)").wait_for()
    page.keyboard.press("ArrowRight")
    read.get_by_text("layer 2, unit").wait_for()
    page.keyboard.press("Home")
    read.get_by_text("layer 2, unit 0 (relu)").wait_for()
    page.keyboard.press("Enter")
    page.locator(".think-formula", has_text="z2[0]").wait_for()
    page.keyboard.press("Enter")
    page.locator(".think-formula").wait_for(state="hidden")
    assert page.locator(".think-unit[tabindex='0']").count() == 1
    while "1x1" not in read.inner_text():  # to the first pixel of the input
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Home")
        page.wait_for_timeout(30)


def test_top_rows_and_histogram_of_a_unit_equal_the_librarys(think, app_state) -> None:
    page = think()
    look_into(page, 2, 4)
    model, x = app_state.model, app_state.examples.x
    a = inspection.activations(model.structure, model.vector, model.inputs(x))["a2"][:, 4]
    rows = [int(row.get_attribute("data-row")) for row in page.locator(".think-top-rows .think-thumb").all()]
    assert rows == np.argsort(-a.astype(float), kind="stable")[:12].tolist()
    counts, _ = np.histogram(a, 32)
    heights = np.array([float(bar.get_attribute("height")) for bar in page.locator(".think-bin").all()])
    np.testing.assert_allclose(heights, 92 * np.sqrt(counts / counts.max()), atol=1e-6)
    below = np.count_nonzero(a < a[0]) / len(a)
    words = page.locator(".think-histogram .hint").inner_text()
    assert int(re.search(r"larger than (\d+)%", words)[1]) == pytest.approx(100 * below, abs=1.01)
    mark = float(page.locator(".think-current").get_attribute("x1"))
    assert mark == pytest.approx(4 + 252 * a[0] / a.max(), abs=0.01)

    page.locator(".think-top-rows .think-thumb").first.click()
    settled(page)
    actual = app_state.examples.y[rows[0]]
    page.locator(".think-answer").get_by_text(f"row {rows[0] + 1}: ").wait_for()
    assert f"{actual}, correct" in page.locator(".think-answer").inner_text()
    # the activation of one row: BLAS may round it differently in a batch
    alone = inspection.activations(model.structure, model.vector, model.inputs(x[rows[:1]].astype(float)))["a2"][0, 4]
    assert page.locator(".think-formula [data-exact=a]").get_attribute("title") == str(float(str(alone)))


def test_the_saliency_of_the_selected_output_equals_the_librarys(think, flowers) -> None:
    model, examples = flowers
    page = think(AppState(model, "iris", examples))
    x = model.inputs(examples.x[:1])
    for chosen in ("", "2"):
        page.locator("#think-output").select_option(chosen)
        settled(page)
        slopes = inspection.saliency(model.structure, model.vector, x, None if chosen == "" else int(chosen), "logit")
        shown = {
            int(bar.get_attribute("data-column")): float(bar.locator(".think-value").get_attribute("title"))
            for bar in page.locator(".think-saliency-card .think-bar").all()
        }
        assert [shown[column] for column in range(4)] == pytest.approx(slopes[0].tolist(), rel=1e-6)
        assert list(shown) == np.argsort(-np.abs(slopes[0])).tolist()
    assert "z3[2] (virginica)" in page.locator(".think-saliency-card").inner_text()


# ---------------------------------------------------------------------------------------------------------- silencing


def test_ablated_units_show_predictions_with_and_without(think, app_state) -> None:
    page = think()
    model, x = app_state.model, app_state.examples.x[:1]
    structure, inputs = model.structure, model.inputs(x)
    look_into(page, 1, 3)
    page.get_by_role("button", name="Ablate").click()
    page.locator(".think-chip", has_text="a1[3] × 0").wait_for()
    settled(page)
    scale = {"a1": {3: 0.0}}
    expected = inspection.activations(structure, model.vector, inputs, scale)
    assert bars(page) == pytest.approx(expected["a3"][0].tolist(), rel=1e-5)
    assert bars(page, ".soft") == pytest.approx(model.predict_proba(x)[0].tolist(), rel=1e-5)
    assert page.locator(".think-formula [data-exact=h]").get_attribute("title") == "0"

    look_into(page, 2, 6)
    slider = page.get_by_label("Scale", exact=True)
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    page.locator(".think-chip", has_text="a2[6] × 1.5").wait_for()
    settled(page)
    scale["a2"] = {6: 1.5}
    expected = inspection.activations(structure, model.vector, inputs, scale)
    assert bars(page) == pytest.approx(expected["a3"][0].tolist(), rel=1e-5)
    assert said(page) == str(expected["a3"][0].argmax())
    term = page.locator(".think-formula")
    look_into(page, 3, 0)
    assert "Σ h2[i]·W3[i,0]" in term.inner_text()
    numbers = [float(part.get_attribute("data-term")) for part in page.locator(".think-term").all()]
    assert sum(numbers) == pytest.approx(expected["z3"][0, 0], rel=1e-5)

    page.locator(".think-chip").first.click()
    page.locator(".think-chip", has_text="a1[3]").wait_for(state="detached")
    settled(page)
    expected = inspection.activations(structure, model.vector, inputs, {"a2": {6: 1.5}})
    assert bars(page) == pytest.approx(expected["a3"][0].tolist(), rel=1e-5)
    page.get_by_role("button", name="Reset all").click()
    settled(page)
    assert bars(page) == pytest.approx(model.predict_proba(x)[0].tolist(), rel=1e-5)
    assert bars(page, ".soft") == [] and page.locator(".think-chip").count() == 0


# -------------------------------------------------------------------------------------------------------- rows, numbers


def test_rows_are_found_by_class_by_number_and_one_after_the_other(think, app_state) -> None:
    page = think(expected=["422"])
    page.get_by_role("button", name="Rows", exact=True).click()
    listed = page.locator(".think-browse .think-thumb")
    listed.first.wait_for()
    assert [int(row.get_attribute("data-row")) for row in listed.all()] == list(range(20))
    page.get_by_label("Class").select_option(label="3")
    page.get_by_text("1–20 of 37").wait_for()
    threes = np.flatnonzero(app_state.examples.y == 3)
    assert [int(row.get_attribute("data-row")) for row in listed.all()] == threes[:20].tolist()
    listed.nth(4).click()
    page.locator(".think-answer").get_by_text(f"row {threes[4] + 1}: ").wait_for()
    assert page.locator(".think-thumb[aria-pressed=true]").get_attribute("data-row") == str(threes[4])
    page.get_by_role("button", name="Next", exact=True).click()
    page.locator(".think-answer").get_by_text(f"row {threes[5] + 1}: ").wait_for()
    page.get_by_role("button", name="Previous", exact=True).click()
    page.locator(".think-answer").get_by_text(f"row {threes[4] + 1}: ").wait_for()
    page.get_by_role("button", name="Next page of rows").click()
    page.get_by_text("21–37 of 37").wait_for()
    page.get_by_role("button", name="Next", exact=True).click()
    page.locator(".think-answer").get_by_text(f"row {threes[20] + 1}: ").wait_for()
    page.get_by_label("Row number").fill("123")
    page.get_by_label("Row number").press("Enter")
    page.locator(".think-answer").get_by_text("row 123: ").wait_for()
    page.get_by_text("121–140 of 360").wait_for()
    page.get_by_label("Row number").fill("361")
    page.get_by_label("Row number").press("Enter")
    page.locator("#think-row[aria-invalid=true]").wait_for()
    page.get_by_role("button", name="Random").click()
    page.locator("#think-row:not([aria-invalid=true])").wait_for()
    settled(page)
    assert re.search(r"row \d+: ", page.locator(".think-answer").inner_text())


def test_edited_values_update_the_prediction(think, flowers) -> None:
    model, examples = flowers
    page = think(AppState(model, "iris", examples), expected=["422"])
    assert said(page) == str(model.predict(examples.x[:1])[0])
    page.get_by_role("button", name="Values").click()
    row = examples.x[0].copy()
    for column, value in ((2, 5.9), (3, 2.3)):
        page.locator(f"input[data-column='{column}']").fill(str(value))
        row[column] = value
    settled(page)
    assert said(page) == str(model.predict([row])[0]) == "virginica"
    assert TEXTS["en"]["think.from.edited"] in page.locator(".think-answer").inner_text()
    field = page.locator("input[data-column='3']")
    field.fill("")
    assert field.get_attribute("aria-invalid") == "true" and said(page) == "virginica"
    field.fill("1e300")
    page.locator(".think-error").wait_for()
    assert (
        "'petal width' is 1e+300; it must be a number that is, scaled, within float32"
        in page.locator(".think-error").inner_text()
    )
    field.fill("2.3")
    page.locator(".think-error").wait_for(state="hidden")
    settled(page)
    assert said(page) == "virginica"
    assert page.get_by_text("<b>petal</b> length", exact=True).first.is_visible()  # a name is text


def test_many_columns_are_searched_and_paginated(think, houses) -> None:
    model, examples = houses
    page = think(AppState(model, "houses", examples))
    page.get_by_role("button", name="Values").click()
    page.get_by_text("1–12 of 30").wait_for()
    page.get_by_role("button", name="Next page of columns").click()
    page.get_by_role("button", name="Next page of columns").click()
    page.get_by_text("25–30 of 30").wait_for()
    page.get_by_label("Search 30 columns").fill("column 0")
    page.get_by_text("1–1 of 1").wait_for()
    page.locator("input[data-column='0']").fill("9.5")
    settled(page)
    row = examples.x[0].copy()
    row[0] = 9.5
    assert float(said(page)) == pytest.approx(float(model.predict([row])[0]), rel=1e-4)
    now = float(page.locator(".think-range-now").get_attribute("cx"))
    low, high = examples.y.min(), examples.y.max()
    assert now == pytest.approx(6 + 288 * (model.predict([row])[0] - low) / (high - low), abs=0.1)
    page.get_by_label("Search 30 columns").fill("nothing like it")
    page.get_by_text(TEXTS["en"]["think.edit.none"]).wait_for()


def test_without_data_the_page_shows_how_to_provide_them(think, flowers) -> None:
    page = think(AppState(flowers[0], "iris"))
    assert TEXTS["en"]["think.from.start"] in page.locator(".think-answer").inner_text()
    page.get_by_role("button", name="Rows", exact=True).click()
    page.locator(".think-input").get_by_text("glassnet serve iris.glassnet --data rows.csv").wait_for()
    look_into(page, 1, 2)
    page.locator(".think-top-rows").get_by_text("--data rows.csv").wait_for()
    assert not page.locator(".think-histogram").is_visible()
    assert page.locator(".think-weights .think-bar").count() == 4


# ------------------------------------------------------------------------------------------------------ with the others

OPENED_BY_ANOTHER = """async (detail) => {
    const { mount } = await import("/think/tab.js");
    const { get } = await import("/shared/api.js");
    const root = document.body.appendChild(document.createElement("div"));
    root.id = "another";
    const fail = (error) => { if (error !== null) root.textContent = String(error); };
    const context = { model: await get("/api/model"), fail, announce() {}, open() {}, reload() {} };
    mount(root, context).show(detail);  // before it is ready
}"""


def test_another_tab_opens_a_row(think, app_state) -> None:
    page = think()
    page.evaluate(OPENED_BY_ANOTHER, {"row": 57})
    page.locator("#another .think-answer").get_by_text("row 58: ").wait_for()
    answer = app_state.model.predict(app_state.examples.x[57:58])[0]
    assert page.locator("#another .think-prediction").inner_text() == str(answer)


def test_another_tab_opens_a_training_row(think, app_state) -> None:
    page = think()
    values = app_state.training.x[5].tolist()
    page.evaluate(OPENED_BY_ANOTHER, {"values": values, "target": 8, "number": 6, "file": None})
    page.locator("#another .think-answer").get_by_text("training row 6: ").wait_for()
    answer = app_state.model.predict([values])[0]
    assert page.locator("#another .think-prediction").inner_text() == str(answer)
    words = "8, correct" if answer == 8 else "wrong, the target is 8"
    assert words in page.locator("#another .think-answer").inner_text()


def test_the_model_is_replaced(think, app_state, flowers) -> None:
    page = think(expected=["422"])  # which the browser notes
    look_into(page, 2, 3)
    app_state.set_model(flowers[0], "iris", flowers[1])
    draw(page, SEVEN)  # a picture that the new model can't take
    page.locator("#summary", has_text="iris").wait_for()
    page.get_by_role("button", name="Values").wait_for()
    page.locator(".think-prediction", has_text="setosa").wait_for()
    assert not page.locator(".think-pad").is_visible() and not page.locator(".think-formula").is_visible()


def test_language_and_theme_change_without_losing_the_row(think) -> None:
    page = think()
    draw(page, SEVEN)
    look_into(page, 2, 3)
    page.get_by_label("Language").select_option("ko")
    page.get_by_role("heading", name=TEXTS["ko"]["think.answer"], exact=True).wait_for()
    assert said(page) == "7" and "z2[3]" in page.locator(".think-formula").inner_text()
    page.locator(".think-answer").get_by_text(TEXTS["ko"]["think.from.drawn"]).wait_for()
    before = page.locator(".think-network canvas").screenshot()
    page.locator("#theme").select_option("dark")
    settled(page)
    assert page.locator(".think-network canvas").screenshot() != before


# --------------------------------------------------------------------------------------------------------------- speed

TIMES = """() => {
    window.took = [];
    const note = (list) => took.push(...list.getEntriesByName("glassnet.think").map(({ duration }) => duration));
    new PerformanceObserver(note).observe({ entryTypes: ["measure"] });
}"""


#: Hidden layers of networks for MNIST's pixels.
HIDDEN = {"mnist": (128, 64), "large": (1000,) * 10}


def for_pixels(hidden):
    """Return a model for pictures of 28 × 28, with random weights."""
    structure = Structure((784, *hidden, 10), (*["relu"] * len(hidden), "softmax"))
    vector = (np.random.default_rng(0).standard_normal(structure.n_parameters) * 0.045).astype(np.float32)
    scaling = Scaling("bytes", np.zeros(784), np.full(784, 1 / 255))
    names = tuple(f"pixel{place}" for place in range(784))
    return Model(structure, vector, scaling, names, Target.of_classes(range(10), "label"))


@pytest.mark.sweep(only=["digits"])
@pytest.mark.parametrize("size", ["digits", *HIDDEN])
def test_the_network_answers_while_drawing_one_request_at_a_time(think, app_state, size, record_property) -> None:
    page = think(app_state if size == "digits" else AppState(for_pixels(HIDDEN[size]), size))
    answers, open_ones, at_once = [], set(), []

    def on_request(ask):
        if ask.url.endswith("/explain"):
            open_ones.add(ask)
            at_once.append(len(open_ones))

    page.on("request", on_request)
    page.on("requestfinished", lambda ask: open_ones.discard(ask))
    page.on("response", lambda got: answers.append(got) if got.url.endswith("/explain") else None)
    page.evaluate(TIMES)
    for _ in range(2):
        draw(page, ZERO, pieces=2)
    page.wait_for_function("took.length > 1")
    settled(page)
    took = sorted(page.evaluate("took"))
    print(f"\n{size}: from stroke to picture {took[len(took) // 2]:.0f} ms in the middle of {len(took)}")
    record_property("stroke_to_picture_ms", took[len(took) // 2])
    assert set(at_once) == {1}
    sizes = [len(got.body()) for got in answers]
    assert max(sizes) < {"digits": 20_000, "mnist": 60_000, "large": 300_000}[size]  # numbers of units, never weights
    if size == "large":
        look_into(page, 10, 999)
        assert page.locator(".think-network canvas").bounding_box()["width"] < 1000
        page.get_by_role("button", name="Ablate").click()
        page.locator(".think-chip", has_text="a10[999] × 0").wait_for()
        settled(page)
        page.locator(".think-saliency").wait_for()


@pytest.mark.sweep(strength=1)
@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("task", ["digits", "houses"])
def test_nothing_overflows_or_lacks_a_text(think, app_state, houses, task, width, language) -> None:
    shop = app_state if task == "digits" else AppState(houses[0], "houses", houses[1])
    page = think(shop, locale={"en": "en-US", "ko": "ko-KR"}[language], width=width)
    look_into(page, 1, 2)
    page.locator(".think-silence").click()
    page.locator(".think-chip").wait_for()
    for way in ("rows", "edit"):
        page.locator(f"[data-mode={way}]").click()
        settled(page)
        page.wait_for_load_state("networkidle")
        check_words(page, "think", language, width)

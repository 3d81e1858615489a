"""Learn in a browser: training, tracing a step, a killed server, languages and widths."""

import io
import json
import re
from importlib import resources
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

import glassnet
from glassnet.data import ArrowTable, target_values
from glassnet.network import backward, forward
from glassnet.network.activations import ACTIVATIONS, Activation
from glassnet.network.losses import LOSSES
from glassnet.web.app_state import AppState, Examples
from glassnet.web.server import create_app

from .words import check_words

TEXTS = {
    code: json.loads((resources.files("glassnet.web") / "page" / "texts" / f"{code}.json").read_text(encoding="utf-8"))
    for code in ("en", "ko")
}


def ready(page):
    page.locator(".learn-progress-text").get_by_text("0").first.wait_for()
    return page.locator("#panel-learn")


def choose(page, name, value):
    """Set a field of the choices and wait until the page has taken it."""
    with page.expect_response(lambda response: response.url.endswith("/api/train/preview")):
        field = page.locator(f"#learn-{name}")
        if field.evaluate("element => element.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
            field.press("Enter")
    page.wait_for_timeout(50)


def wait_until(page, words, timeout=60_000):
    page.locator(".learn-progress-text", has_text=words).wait_for(timeout=timeout)


def test_training_separates_the_spiral(visit) -> None:
    page = visit("#learn", width=1440)
    ready(page)  # what it asked for is answered: an answer that a reload cuts off has no content
    with page.expect_response(lambda response: response.url.endswith("/api/train/preview")) as answered:
        page.reload()
    points = answered.value.json()["points"]
    panel = ready(page)
    page.locator("#learn-speed").select_option("null")
    assert share_on_its_side(page, points) < 0.8
    page.get_by_role("button", name="Train", exact=True).click()
    wait_until(page, TEXTS["en"]["learn.state.finished"])
    assert page.locator(".learn-progress-text").inner_text().endswith("on validation, were restored.")
    accuracy = page.locator(".learn-figures .learn-validation").last.inner_text()
    assert float(accuracy.strip("%")) > 95
    assert share_on_its_side(page, points) > 0.97
    assert panel.locator(".learn-hint").count() == 0
    assert page.locator(".learn-chart polyline").count() >= 6
    assert float(page.locator("progress").get_attribute("value")) == 150


def share_on_its_side(page, points):
    """Return how many of the points lie on ground of their own colour, as the picture of the plane has it."""
    with Image.open(io.BytesIO(page.locator(".learn-plane").screenshot())) as shot:
        pixels = np.asarray(shot.convert("RGB"), int)
    side, reach, right = len(pixels), 1.3, 0
    for (x, y), truth in zip(points["x"], points["y"], strict=True):
        column, row = round(side * (x / reach + 1) / 2), round(side * (1 - (y / reach + 1) / 2))
        around = pixels[max(0, row - 7) : row + 8, max(0, column - 7) : column + 8].reshape(-1, 3)
        blue = around[:, 2] - around[:, 0]
        ground = blue[np.abs(blue) < 150]  # the points themselves are of the full colours, or white at their edge
        right += (np.median(ground) > 0) == (truth == 1)
    return right / len(points["y"])


def test_all_numbers_of_a_traced_step_equal_the_librarys(visit) -> None:
    page = visit("#learn", width=1440)
    ready(page)
    choose(page, "batch_size", "6")
    choose(page, "units-0", "4")
    choose(page, "units-1", "3")
    choose(page, "optimizer", "gradient_descent")
    arrays = {}
    frames = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(json.loads(frame))))
    page.get_by_role("button", name="Trace one step").click()
    page.locator(".learn-step:visible").wait_for()
    headings = [item.inner_text() for item in page.locator(".learn-steps strong").all()]
    walkthrough = (glassnet_docs() / "walkthrough.md").read_text(encoding="utf-8")
    assert headings == [title for _, title in re.findall(r"^## (\d)\. (.+)$", walkthrough, re.M)]

    stages = page.locator(".learn-stage-button").all_inner_texts()
    assert " ".join(stages) == ("z1 a1 z2 a2 z3 a3 loss dz3 dW3 db3 da2 dz2 dW2 db2 da1 dz1 dW1 db1 W1 b1 W2 b2 W3 b3")
    for number, stage in enumerate(stages):
        page.locator(".learn-stage-button[aria-pressed=true]", has_text=re.compile(f"^{stage}$")).wait_for()
        for table in page.locator(".learn-array").all():
            name = table.get_attribute("data-array")
            numbers = [
                [float(cell.replace("e-", "E-")) for cell in row.locator("td").all_inner_texts()]
                for row in table.locator("tr").all()
            ]
            arrays.setdefault(name, np.array(numbers))
        if stage == "loss":
            loss = float(page.locator(".learn-derivation").inner_text().split("=")[1])
        if number + 1 < len(stages):
            page.locator(".learn-next").click()

    structure = glassnet.Structure((2, 4, 3, 2), ("tanh", "tanh", "softmax"))
    trace = next(frame["trace"] for frame in frames if "trace" in frame)
    parameters = {
        name: np.array(trace["arrays"][name]["values"], np.float32).reshape(shape)
        for name, shape in structure.shapes.items()
    }
    x, y = np.array(trace["arrays"]["x"]["values"], np.float32), np.array(trace["arrays"]["y"]["values"]).argmax(axis=1)
    objective = LOSSES["categorical_crossentropy"]
    cache = forward.forward(structure, parameters, x)
    mean, dz = backward.loss_and_output_gradient(objective, structure, cache, y)
    gradients = backward.backward(structure, parameters, cache, dz)
    expected = {"x": x, **parameters, **cache, **gradients}
    rate = 0.1
    for name in structure.shapes:
        expected[f"{name}.after"] = parameters[name] - rate * gradients[f"d{name}"]
    assert loss == pytest.approx(mean, rel=1e-3)
    for name in {*stages} - {"loss"} | {f"{name}.after" for name in structure.shapes}:
        np.testing.assert_allclose(
            arrays[name], np.atleast_2d(expected[name]), rtol=6e-3 if name[0] == "d" else 1e-3, atol=1e-6, err_msg=name
        )

    cell = page.locator("[data-array='W3.after']")
    page.locator(".learn-stage-button", has_text=re.compile("^W3$")).click()
    cell.locator("td").first.click()
    assert page.locator(".learn-derivation").inner_text().startswith("W3[0, 0] = ")
    page.locator(".learn-stage-button").last.click()
    page.get_by_role("button", name="Run the step").click()
    page.get_by_text(TEXTS["en"]["learn.step.matches"]).wait_for()
    wait_until(page, "batch 1 of 50")


def glassnet_docs():
    return Path(__file__).parents[2] / "docs"


def test_a_training_plays_pauses_resumes_and_restarts(visit) -> None:
    page = visit("#learn")
    ready(page)
    page.locator("#learn-speed").select_option("8")
    page.get_by_role("button", name="Train", exact=True).click()
    page.locator(".learn-progress-text", has_text=re.compile(r"Epoch [2-9]")).wait_for()
    page.get_by_role("button", name="Pause").click()
    wait_until(page, TEXTS["en"]["learn.state.paused"])
    stood = page.locator(".learn-progress-text").inner_text()
    page.wait_for_timeout(600)
    assert page.locator(".learn-progress-text").inner_text() == stood
    epoch, batch = map(int, re.search(r"Epoch (\d+) of 150, batch (\d+) of 19", stood).groups())
    page.get_by_role("button", name="One batch").click()
    wait_until(page, f"Epoch {epoch} of 150, batch {batch + 1} of 19" if batch < 18 else f"Epoch {epoch + 1} of 150")
    page.get_by_role("button", name="One epoch").click()
    wait_until(page, f"Epoch {epoch + 1} of 150, batch 0 of 19")
    page.get_by_role("button", name="Reset").click()
    wait_until(page, f"{TEXTS['en']['learn.state.ready']} Epoch 0 of 150, batch 0 of 19")
    assert page.locator(".learn-figures .learn-training").first.inner_text() == "–"


def test_the_keyboard_alone_trains_and_steps(visit) -> None:
    page = visit("#learn")
    ready(page)
    page.locator("#tab-learn").focus()
    for _ in range(2):  # over the panel, which can be scrolled, to the first button
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Train"
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator(".learn-step:visible").wait_for()
    page.keyboard.press("ArrowRight")
    page.locator(".learn-stage-button[aria-pressed=true]", has_text="a1").wait_for()
    page.locator(".learn-table td[tabindex='0']").first.focus()
    page.keyboard.press("ArrowDown")
    assert page.locator("td.chosen").get_attribute("data-i") == "1"
    unit = page.locator(".learn-unit").first
    unit.focus()
    page.keyboard.press("ArrowRight")
    assert "layer 2" in page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.get_by_text("Activation of unit 1, layer 2").wait_for()
    chart = page.locator(".learn-chart").first
    page.get_by_role("button", name="One epoch").click()
    wait_until(page, "Epoch 1 of 150, batch 0 of 19")
    chart.focus()
    page.keyboard.press("ArrowLeft")
    page.get_by_text(re.compile("Epoch 1: Training")).first.wait_for()


@pytest.mark.slow
def test_the_page_reports_a_server_that_was_killed_while_training(visit, started, model_file) -> None:
    process, content = started(model_file, "--log", "none")
    address = content["address"].rstrip("/")
    page = visit("#learn", at=address, expected=("ERR_CONNECTION", "WebSocket", "404"))
    ready(page)
    page.get_by_role("button", name="Train", exact=True).click()
    page.locator(".learn-progress-text", has_text=re.compile(r"Epoch ([5-9]|\d{2,})")).wait_for()
    process.kill()  # no word of goodbye
    process.wait()
    notice = page.locator(".learn-notice")
    notice.get_by_text(TEXTS["en"]["learn.connection.lost"]).wait_for()
    assert page.get_by_role("button", name="Train", exact=True).is_disabled()
    drawn = page.locator(".learn-figures .learn-training").first.inner_text()
    assert drawn != "–"  # what was there stays there
    started(model_file, "--log", "none", port=int(address.rpartition(":")[2]))
    notice.get_by_text(TEXTS["en"]["learn.connection.unknown"]).wait_for()
    assert page.locator(".learn-figures .learn-training").first.inner_text() == drawn
    page.get_by_role("button", name="Train again").click()
    wait_until(page, TEXTS["en"]["learn.state.running"])
    notice.wait_for(state="hidden")
    page.close()


def test_a_second_page_gets_an_error_while_a_training_runs(visit) -> None:
    first = visit("#learn")
    ready(first)
    first.get_by_role("button", name="One batch").click()
    wait_until(first, "batch 1 of 19")
    second = visit("#learn", expected=("409",))
    ready(second)
    second.get_by_role("button", name="Train", exact=True).click()
    second.get_by_text(TEXTS["en"]["error.busy"]).wait_for()
    first.get_by_role("button", name="Reset").click()
    first.wait_for_timeout(300)
    second.get_by_role("button", name="Train", exact=True).click()
    wait_until(second, TEXTS["en"]["learn.state.running"])


def test_an_invalid_plan_is_reported_beside_the_choices(visit) -> None:
    page = visit("#learn", expected=("422",))
    ready(page)
    choose(page, "output", "relu")
    page.locator(".learn-error", has_text="does not go with the output activation").wait_for()
    assert page.get_by_role("button", name="Train", exact=True).is_disabled()
    choose(page, "output", "")
    page.locator(".learn-error").wait_for(state="hidden")
    assert page.get_by_role("button", name="Train", exact=True).is_enabled()


def test_runs_are_listed_compared_saved_and_used(visit, tmp_path) -> None:
    page = visit("#learn", width=1440)
    ready(page)
    page.locator("#learn-speed").select_option("null")
    choose(page, "epochs", "5")
    page.get_by_role("button", name="Train", exact=True).click()
    wait_until(page, TEXTS["en"]["learn.state.finished"])
    page.get_by_role("button", name="Keep this run").click()
    choose(page, "learning_rate", "0.3")
    page.get_by_role("button", name="Train", exact=True).click()
    wait_until(page, TEXTS["en"]["learn.state.finished"])
    table = page.locator(".learn-compare")
    assert table.locator("tbody tr").count() == 2
    assert table.locator("code").all_inner_texts() == ["learning_rate = 0.03", "learning_rate = 0.3"]
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the model").click()
    assert download.value.suggested_filename == "spiral.glassnet"
    download.value.save_as(tmp_path / "spiral.glassnet")
    assert glassnet.load(tmp_path / "spiral.glassnet").settings.learning_rate == 0.3
    code = page.locator(".learn-code pre").first.inner_text()
    assert "learning_rate=0.3" in code and "glassnet.fit(" in code
    page.get_by_role("button", name="Use in the other tabs").click()
    page.get_by_text("The other tabs now use “spiral”.").wait_for()
    page.locator("#summary", has_text="spiral: layers 2–8–8–2").wait_for()
    assert table.locator("tbody tr").count() == 2  # nothing is lost


def test_the_original_stalls_and_the_recommended_settings_do_not(visit) -> None:
    page = visit("#learn", width=1440)
    ready(page)
    choose(page, "kind", "digits")
    page.locator("#learn-speed").select_option("null")
    with page.expect_response(lambda response: response.url.endswith("/api/train/preview")):
        page.locator("#learn-preset-original_full_batch").click()
    page.wait_for_timeout(100)
    page.get_by_role("button", name="Train", exact=True).click()
    wait_until(page, TEXTS["en"]["learn.state.finished"])
    assert "{" not in page.locator(".learn-hint[data-code=saturated]").inner_text()
    assert page.locator(".learn-samples li").count() == 15
    assert page.locator(".learn-samples .wrong").count() > 7
    page.get_by_role("button", name="Keep this run").click()
    with page.expect_response(lambda response: response.url.endswith("/api/train/preview")):
        page.locator("#learn-preset-recommended").click()
    page.wait_for_timeout(100)
    page.get_by_role("button", name="Train", exact=True).click()
    wait_until(page, TEXTS["en"]["learn.state.finished"])
    stalled, today = (
        float(row.locator("td").nth(4).inner_text().strip("%")) for row in page.locator(".learn-compare tbody tr").all()
    )
    assert stalled < 20 and today > 90
    assert page.locator(".learn-samples .right").count() > 12


@pytest.mark.sweep(strength=1)
@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_overflows_or_lacks_a_text(visit, language, width) -> None:
    page = visit("#learn", locale={"en": "en-US", "ko": "ko-KR"}[language], width=width, theme="dark")
    ready(page)
    page.locator(".learn-trace").click()
    page.locator(".learn-step:visible").wait_for()
    for group in page.locator(".learn-choices details").all():
        group.evaluate("element => { element.open = true; }")
    page.wait_for_timeout(100)
    check_words(page, "learn", language, width)


def test_language_and_theme_change_without_losing_the_training(visit) -> None:
    page = visit("#learn")
    ready(page)
    page.get_by_role("button", name="One epoch").click()
    wait_until(page, "Epoch 1 of 150")
    page.get_by_label("Language").select_option("ko")
    wait_until(page, "에포크 1/150")
    page.get_by_role("button", name="한 배치").click()
    wait_until(page, "배치 1/19")


@pytest.fixture
def houses():
    """Return an app state of a model of values, with its rows."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    table = ArrowTable(
        "houses.csv", pa.table({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "price": 3 * x[:, 0] - x[:, 1]})
    )
    names = ("a", "b", "c")
    y = target_values(table, "price")
    model = glassnet.fit(
        x,
        y,
        hidden=(4,),
        settings=glassnet.recommended_settings(200, "regression", epochs=2),
        feature_names=names,
        target_name="price",
    )
    examples = Examples(table, x, y)
    return AppState(model, "houses", examples, examples)


def test_training_for_regression(visit, serve, houses) -> None:
    page = visit("#learn", at=serve(create_app(houses)), width=1440)
    ready(page)
    page.locator("#learn-speed").select_option("null")
    choose(page, "kind", "file")
    page.locator(".learn-values").wait_for()
    assert page.locator("#learn-loss").input_value() == "half_mean_squared_error"  # the spiral's is for classes
    assert page.locator("[id^=learn-preset-][type=button]").count() == 1  # the original program's are for classes
    choose(page, "epochs", "30")
    page.get_by_role("button", name="Train", exact=True).click()
    wait_until(page, TEXTS["en"]["learn.state.finished"])
    assert float(page.locator(".learn-figures .learn-validation").last.inner_text()) > 0.9  # R²
    assert page.locator(".learn-values-row").count() == 50  # the validation rows
    ends = [page.locator(".learn-values-diagonal").get_attribute(name) for name in ("x1", "y1", "x2", "y2")]
    left, bottom, right, top = map(float, ends)
    aside = [
        abs(
            (float(row.get_attribute("cx")) - left) / (right - left)
            - (bottom - float(row.get_attribute("cy"))) / (bottom - top)
        )
        for row in page.locator(".learn-values-row").all()
    ]
    assert np.mean(aside) < 0.05  # they lie along the line on which both are the same
    assert "price" in page.locator(".learn-values").get_attribute("aria-label")
    choose(page, "kind", "moons")
    assert page.locator("#learn-loss").input_value() == "half_mean_squared_error"  # which is for classes too
    choose(page, "kind", "file")
    choose(page, "loss", "pinball")
    choose(page, "kind", "moons")
    assert page.locator("#learn-loss").input_value() == "categorical_crossentropy"


@pytest.mark.parametrize(
    ("locale", "words"), [("en-US", "Early stopping: no improvement for 2 epochs."), ("ko-KR", "2에포크 동안")]
)
def test_the_stop_reason_is_localized(visit, locale, words) -> None:
    page = visit("#learn", locale=locale)
    ready(page)
    for group in page.locator(".learn-choices-body > details").all():
        group.evaluate("details => { details.open = true; }")
    page.locator("#learn-speed").select_option("null")
    choose(page, "patience", "2")
    choose(page, "learning_rate", "0.5")
    page.locator(".learn-play").click()
    wait_until(page, words)


def test_the_code_is_copied_or_selected_without_a_clipboard(visit) -> None:
    page = visit("#learn", permissions=["clipboard-read", "clipboard-write"])
    ready(page)
    page.locator(".learn-copy-command").click()
    page.get_by_text(TEXTS["en"]["learn.code.copied"]).wait_for()
    command = page.locator(".learn-code code").last.text_content()
    assert page.evaluate("navigator.clipboard.readText()") == command and command.startswith("glassnet train spiral")
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")  # as over http from afar
    page.locator(".learn-copy-python").click()
    page.get_by_text(TEXTS["en"]["learn.code.chosen"]).wait_for()
    assert page.evaluate("getSelection().toString()").startswith("import glassnet")


def test_a_newly_registered_name_is_a_choice_on_the_page(visit, monkeypatch) -> None:
    def bent(z, out=None):
        """A = `z` / 2."""
        return np.multiply(z, 0.5, out=out)

    half = Activation("half", bent, lambda da, z, a, out=None: np.multiply(da, 0.5, out=out))
    monkeypatch.setitem(ACTIVATIONS, "half", half)
    page = visit("#learn", width=1440)
    ready(page)
    choose(page, "activation-0", "half")
    layer = page.locator(".learn-layer").first
    layer.get_by_text("A = z / 2").wait_for()  # its formula, without the docstring's marks
    slope, line = (
        [float(pair.split(",")[1]) for pair in drawn.get_attribute("points").split()]
        for drawn in layer.locator(".learn-curve polyline").all()
    )
    assert set(slope) == {-5.0} and line[len(line) // 2] == 0 and line[0] == 16  # upwards is less in SVG; cut at 1.6
    page.locator(".learn-epoch").click()
    wait_until(page, "Epoch 1 of 150")


def test_korean_names_of_the_eight_steps_equal_the_korean_walkthrough(visit) -> None:
    page = visit("#learn", locale="ko-KR")
    ready(page)
    page.locator(".learn-trace").click()
    page.locator(".learn-step:visible").wait_for()
    walkthrough = (glassnet_docs() / "walkthrough.ko.md").read_text(encoding="utf-8")
    headings = [item.inner_text() for item in page.locator(".learn-steps strong").all()]
    assert headings == [title for _, title in re.findall(r"^## (\d)\. (.+)$", walkthrough, re.M)]

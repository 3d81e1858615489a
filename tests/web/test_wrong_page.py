"""Error analysis in a browser: matrix, rows, groups, residuals and the search for label errors."""

import csv
import json
import re
from dataclasses import replace
from importlib import resources

import numpy as np
import pyarrow as pa
import pytest

import glassnet
from glassnet.data import ArrowTable, choose_target, features, target_values
from glassnet.datasets import load_digits
from glassnet.web.app_state import AppState, make_examples
from glassnet.web.server import create_app

from .words import check_words

TEXTS = {
    code: json.loads((resources.files("glassnet.web") / "page" / "texts" / f"{code}.json").read_text(encoding="utf-8"))
    for code in ("en", "ko")
}
EN = TEXTS["en"]
MARKUP = "<img src=x onerror=alert(1)>"


def ready(page):
    page.locator(".wrong-rows :is(li, tbody tr)").first.wait_for()
    page.locator(".wrong-groups-table").wait_for()
    return page.locator("#panel-wrong")


def truth_and_prediction(app_state):
    examples = app_state.examples
    return examples.y, app_state.model.predict(examples.x)


def shop_of(task="classification", classes=3, rows=300):
    """Return an app state of a table whose class names are markup, with a column that the model does not use."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(rows, 3))
    region = np.array([MARKUP, "south"])[(x[:, 1] > 0.4).astype(int)]
    score = x[:, 0] + np.where(region == MARKUP, 0.1, 1.2) * rng.normal(size=rows)
    names = ["width", "height", "depth"]
    columns = dict(zip(names, x.T, strict=True)) | {"region": region}
    if task == "classification":
        cuts = np.quantile(score, np.linspace(0, 1, classes + 1)[1:-1])
        columns["target"] = [f"{MARKUP} {place:02}" for place in np.searchsorted(cuts, score)]
    else:
        columns["target"] = score + 0.5
    table = ArrowTable("/home/user/rows.csv", pa.table(columns))
    settings = glassnet.recommended_settings(rows, task, epochs=15, engine="reference")
    model = glassnet.fit(
        features(table, names),
        target_values(table, "target"),
        hidden=(6,),
        task=task,
        settings=settings,
        feature_names=names,
        target_name="target",
        source="rows.csv",
    )
    rows = make_examples(table, model)
    return AppState(model, "rows", rows, rows)


def test_the_headline_shows_accuracy_and_dataset(visit, app_state) -> None:
    page = visit("#wrong", width=1440)
    panel = ready(page)
    truth, said = truth_and_prediction(app_state)
    right = np.mean(truth == said)
    assert panel.locator(".wrong-metrics strong").first.inner_text() == f"{right:.1%}"
    assert panel.locator(".wrong-metrics strong").nth(1).inner_text() == str(np.sum(truth != said))
    assert panel.locator(".wrong-overlap").inner_text() == EN["wrong.overlap.none"]
    page.get_by_label(EN["wrong.dataset"]).focus()
    page.keyboard.press("ArrowDown")
    panel.locator(".wrong-overlap", has_text="Training rows").wait_for()
    assert page.evaluate("document.activeElement.id") == "wrong-dataset"  # the keyboard is where it was
    of_training = app_state.model.predict(app_state.training.x) == app_state.training.y
    assert panel.locator(".wrong-metrics strong").first.inner_text() == f"{np.mean(of_training):.1%}"


def test_a_cell_lists_its_rows_by_confidence(visit, app_state) -> None:
    page = visit("#wrong", width=1440)
    panel = ready(page)
    truth, said = truth_and_prediction(app_state)
    probabilities = app_state.model.predict_proba(app_state.examples.x)
    grid = page.get_by_role("grid", name=EN["wrong.matrix"])
    assert grid.get_by_role("gridcell").count() == 100
    cells = np.array(grid.locator("tbody td").all_inner_texts()).reshape(10, 10)
    counts = np.where(cells == "·", "0", cells).astype(int)
    assert counts.sum() == len(truth) and counts.trace() == np.sum(truth == said)
    counts[np.diag_indices(10)] = 0
    row, column = (int(place) for place in np.argwhere(counts == counts.max())[0])
    grid.get_by_role("gridcell", name=re.compile(f"^{row}, predicted as {column}: {counts.max()} rows")).click()
    title = EN["wrong.rows.cell"].format(actual=row, predicted=column)
    page.get_by_role("heading", name=title).wait_for()
    chosen = np.flatnonzero((truth == row) & (said == column))
    chosen = chosen[np.argsort(-probabilities[chosen, column])]
    shown = page.locator(".wrong-gallery").first.locator("li")
    assert [text.split("\n")[-1] for text in shown.all_inner_texts()] == [f"row {number + 1}" for number in chosen]
    assert all(f"true: {row}" in text for text in shown.all_inner_texts())
    assert shown.first.locator(".wrong-headline").inner_text() == f"{column}: {probabilities[chosen[0], column]:.1%}"
    assert grid.locator("[aria-selected=true]").count() == 1
    drawn = shown.first.locator("canvas").evaluate(
        "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.join()"
    )
    assert len(set(drawn.split(","))) > 4  # there is a picture in it
    panel.locator(".wrong-all").click()
    page.get_by_role("heading", name=EN["wrong.rows.confident"]).wait_for()
    assert grid.locator("[aria-selected=true]").count() == 0
    surest = np.flatnonzero(truth != said)
    surest = surest[np.argsort(-probabilities[surest, said[surest]])]
    assert shown.first.inner_text().endswith(f"row {surest[0] + 1}")


@pytest.mark.parametrize("which", ["examples", "training"])
def test_a_row_opens_in_think(visit, app_state, which) -> None:
    page = visit("#wrong")
    ready(page)
    rows = app_state.examples
    if which == "training":  # which Think has no list of
        rows = app_state.training
        page.get_by_label(EN["wrong.dataset"]).select_option("training")
        page.locator(".wrong-overlap.warn").wait_for()
        ready(page)
    first = page.locator(".wrong-gallery button").first
    number = int(re.search(r"row ([\d,]+)", first.inner_text())[1].replace(",", ""))
    first.press("Enter")
    page.wait_for_url("**/#think")
    name = EN["think.row" if which == "examples" else "think.from.training"].format(row=number)
    page.locator(".think-answer").get_by_text(f"{name}: ").wait_for()
    said = app_state.model.predict(rows.x[[number - 1]])[0]
    page.locator(".think-prediction", has_text=re.compile(f"^{said}$")).wait_for()
    assert said != rows.y[number - 1]


def test_the_matrix_is_read_with_the_keyboard(visit) -> None:
    page = visit("#wrong")
    ready(page)
    grid = page.get_by_role("grid", name=EN["wrong.matrix"])
    assert grid.locator("td[tabindex='0']").count() == 1
    grid.locator("td[tabindex='0']").focus()
    at = "[document.activeElement.dataset.i, document.activeElement.dataset.j].join()"
    for key, place in [
        ("ArrowRight", "0,1"), ("ArrowDown", "1,1"), ("End", "1,9"), ("ArrowRight", "1,9"), ("Home", "1,0"),
        ("Control+End", "9,9"), ("PageUp", "0,9"), ("Control+Home", "0,0"), ("ArrowUp", "0,0"), ("PageDown", "9,0"),
    ]:  # fmt: skip
        page.keyboard.press(key)
        assert page.evaluate(at) == place, key
        assert grid.locator("td[tabindex='0']").count() == 1
    page.keyboard.press("Control+Home")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=EN["wrong.rows.correct"].format(actual=0)).wait_for()
    assert page.evaluate(at) == "0,0"  # where one was
    assert "rows" in page.locator("#status").inner_text()
    assert page.locator(".wrong-gallery").first.locator("li").count() == 24
    page.get_by_role("button", name="Next").first.press("Enter")
    page.locator(".wrong-page", has_text="25 to").first.wait_for()
    page.get_by_role("button", name="Previous").first.press(" ")
    page.locator(".wrong-page", has_text="1 to 24").first.wait_for()


def test_the_share_of_each_class_is_shown(visit, app_state) -> None:
    page = visit("#wrong")
    ready(page)
    truth, said = truth_and_prediction(app_state)
    page.get_by_role("button", name=EN["wrong.matrix.share"]).click()
    grid = page.get_by_role("grid", name=EN["wrong.matrix"])
    share = np.mean(said[truth == 8] == 8)
    assert grid.locator("[data-i='8'][data-j='8']").inner_text() == f"{round(100 * share)}%"
    page.get_by_text(EN["wrong.by_class"]).click()
    assert page.locator(".wrong-by-class tbody tr").nth(8).locator("td").first.inner_text() == f"{share:.1%}"


def test_many_classes_stay_readable(visit, serve) -> None:
    page = visit("#wrong", at=serve(create_app(shop_of(classes=60, rows=900))), width=900)
    ready(page)
    grid = page.get_by_role("grid", name=EN["wrong.matrix"])
    assert grid.locator("tbody tr").count() == 24
    page.get_by_text("The 24 most confused of 60 classes.").wait_for()
    page.get_by_role("button", name=EN["wrong.matrix.all"]).click()
    assert grid.locator("tbody tr").count() == 60
    grid.locator("td[tabindex='0']").focus()
    page.keyboard.press("Control+End")
    inside = "(() => { const box = document.activeElement.getBoundingClientRect(); return box.right <= innerWidth; })()"
    assert page.evaluate(inside)
    head = grid.locator("thead th").last.bounding_box()
    frame = page.locator(".wrong-matrix-frame").bounding_box()
    assert head["y"] >= frame["y"] - 1 and head["y"] < frame["y"] + 20  # names stay visible
    assert page.evaluate("document.documentElement.scrollWidth") <= 900


def test_calibration_is_drawn_and_shown_in_numbers(visit, app_state) -> None:
    page = visit("#wrong")
    ready(page)
    truth, said = truth_and_prediction(app_state)
    sure = app_state.model.predict_proba(app_state.examples.x).max(axis=1)
    section = page.get_by_role("region", name=EN["wrong.calibration"])
    assert (
        f"Mean confidence {np.mean(sure):.1%}" in section.inner_text()
        and f"{np.mean(truth == said):.1%}" in section.inner_text()
    )
    full = np.flatnonzero(np.histogram(sure, np.linspace(0, 1, 11))[0])
    assert section.locator(".wrong-bar.right").count() == len(full) == section.locator(".wrong-whisker").count()
    section.get_by_text(EN["wrong.numbers"]).click()
    last = section.locator("tbody tr").last.locator("td").all_inner_texts()
    assert last[0] == str(np.sum(sure >= 0.9)) and last[2] == f"{np.mean((truth == said)[sure >= 0.9]):.1%}"
    assert "Expected calibration error" in section.get_by_role("img").first.get_attribute("aria-label")


def test_groups_of_any_column_and_names_that_are_markup(visit, serve) -> None:
    shop = shop_of()
    page = visit("#wrong", at=serve(create_app(shop)))
    panel = ready(page)
    truth, said = truth_and_prediction(shop)
    region = np.array(shop.examples.table.columns["region"])
    table = page.locator(".wrong-groups-table")
    assert page.get_by_label(EN["wrong.groups.column"]).input_value() == "region"
    assert [name.inner_text() for name in table.locator("tbody th").all()] == [MARKUP, "south"]
    shares = [f"{np.mean((truth == said)[region == name]):.1%}" for name in (MARKUP, "south")]
    assert [row.locator("td").nth(1).inner_text() for row in table.locator("tbody tr").all()] == shares
    assert page.locator("#panel-wrong img").count() == 0  # a name is text
    panel.locator(".wrong-weak", has_text="region: south").wait_for()
    table.locator("button", has_text="south").click()
    page.get_by_role("heading", name="region: south").wait_for()
    wrong = np.flatnonzero((truth != said) & (region == "south"))
    assert page.locator(".wrong-page").first.inner_text() == f"1 to {min(12, len(wrong))} of {len(wrong)}"
    page.get_by_label(EN["wrong.groups.column"]).select_option("width")
    table.get_by_text("…").first.wait_for()
    assert table.locator("tbody tr").count() == 6


def test_regression_is_shown_by_residuals(visit, serve) -> None:
    shop = shop_of("regression")
    page = visit("#wrong", at=serve(create_app(shop)))
    panel = ready(page)
    truth, said = truth_and_prediction(shop)
    rmse = float(np.sqrt(np.mean((truth - said) ** 2)))
    assert float(panel.locator(".wrong-metrics strong").first.inner_text()) == pytest.approx(rmse, rel=1e-3)
    assert page.locator(".wrong-cloud").get_attribute("d").count("M") == len(truth)
    bars = page.locator(".wrong-chart").nth(1).locator(".wrong-bar title").all_inner_texts()
    titles = page.locator(".wrong-bar title").evaluate_all("all => all.map((title) => title.textContent)")
    assert sum(int(re.search(r"(\d+) rows", title)[1]) for title in titles) == len(truth) and len(bars) > 5
    first = int(np.argmax(np.abs(truth - said)))
    assert page.locator(".wrong-table tbody button").first.inner_text() == str(first + 1)
    assert page.get_by_role("grid").count() == 0
    assert page.locator(".wrong-groups-table thead").inner_text().startswith("Group")


def test_planted_labels_are_found_and_saved_as_csv(visit, serve, digits_model, tmp_path) -> None:
    table, _ = load_digits()
    target, rng = choose_target(table), np.random.default_rng(5)
    labels = np.array(table.columns[target]).astype(int)
    which = rng.choice(len(labels), 20, replace=False)
    labels[which] = (labels[which] + rng.integers(1, 10, 20)) % 10
    swapped = ArrowTable("swapped.csv", table.columns.set_column(table.names.index(target), target, pa.array(labels)))
    settings = replace(digits_model.settings, epochs=10)
    names = {"feature_names": digits_model.feature_names, "target_name": target, "source": "swapped.csv"}
    model = glassnet.fit(
        features(swapped, digits_model.feature_names), labels, hidden=(48,), settings=settings, **names
    )
    rows = make_examples(swapped, model)
    page = visit("#wrong", at=serve(create_app(AppState(model, "digits", rows, rows))))
    ready(page)
    section = page.get_by_role("region", name=EN["wrong.labels"])
    section.get_by_role("button", name=EN["wrong.labels.start"]).click()
    page.get_by_role("progressbar", name=EN["wrong.labels.progress"]).wait_for()
    section.get_by_text("rows are suspected label errors").wait_for(timeout=60_000)
    shown = section.locator(".wrong-gallery li")
    found = [int(re.search(r"row ([\d,]+)", text)[1].replace(",", "")) - 1 for text in shown.all_inner_texts()]
    assert len(found) <= 24 and len(set(found) & set(which.tolist())) >= 16
    assert (
        section.get_by_text(EN["wrong.labels.many"]).count()
        == section.get_by_text(EN["wrong.labels.weak"]).count()
        == 0
    )
    first = shown.first.inner_text()
    assert f"label {labels[found[0]]}: " in first and "suggested" in first
    with page.expect_download() as download:
        section.get_by_role("button", name=EN["wrong.labels.csv"]).click()
    assert download.value.suggested_filename == "label_errors.csv"
    download.value.save_as(tmp_path / "found.csv")
    lines = list(csv.DictReader((tmp_path / "found.csv").read_text(encoding="utf-8").splitlines()))
    assert [int(line["row"]) - 1 for line in lines[: len(found)]] == found
    page.get_by_label("Language").select_option("ko")  # what was found is not lost
    page.get_by_text(re.compile("레이블이 의심됩니다")).wait_for()


def test_a_search_is_stopped_and_a_second_one_is_refused(visit, serve, app_state) -> None:
    app_state.model = replace(app_state.model, settings=replace(app_state.model.settings, epochs=20_000))
    at = serve(create_app(app_state))
    first = visit("#wrong", at=at)
    ready(first)
    second = visit("#wrong", at=at, expected=("409",))
    ready(second)
    first.get_by_role("button", name=EN["wrong.labels.start"], exact=True).click()
    first.get_by_role("button", name=EN["wrong.labels.stop"]).wait_for()
    second.get_by_role("button", name=EN["wrong.labels.start"], exact=True).click()
    second.locator("#alert", has_text=EN["error.busy"]).wait_for()
    first.locator(".wrong-search-status", has_text="fold 1 of 5").wait_for()
    first.get_by_role("button", name=EN["wrong.labels.stop"]).click()
    first.locator(".wrong-search-status", has_text=EN["wrong.labels.stopped"]).wait_for()
    assert first.get_by_role("button", name=EN["wrong.labels.start"], exact=True).is_enabled()


def test_a_read_only_server_has_no_search(visit, serve, app_state) -> None:
    app_state.read_only = True
    page = visit("#wrong", at=serve(create_app(app_state)))
    ready(page)
    assert page.get_by_role("button", name=EN["wrong.labels.start"], exact=True).is_disabled()
    page.locator(".wrong-labels", has_text=EN["error.read_only"]).wait_for()


@pytest.mark.parametrize("missing", ["data", "target"])
def test_missing_data_are_reported_with_instructions(visit, serve, missing) -> None:
    shop = shop_of()
    rows = None if missing == "data" else replace(shop.examples, y=None)
    page = visit("#wrong", at=serve(create_app(AppState(shop.model, "rows", rows, rows))))
    page.get_by_text(EN[f"wrong.missing.{missing}"].format(target="target")).wait_for()
    page.get_by_text("glassnet serve MODEL --data FILE").wait_for()


def test_another_model_is_evaluated_again(visit, serve, app_state) -> None:
    page = visit("#wrong", at=serve(create_app(app_state)), expected=("422",))  # the evaluated rows are gone
    ready(page)
    before = page.locator(".wrong-metrics strong").first.inner_text()
    page.get_by_label(EN["wrong.dataset"]).select_option("training")
    page.locator(".wrong-overlap.warn").wait_for()
    other = replace(app_state.model, vector=-app_state.model.vector)
    app_state.set_model(other, "other", app_state.examples)  # it brings no training rows
    page.get_by_role("gridcell").first.click()
    page.locator("#summary", has_text="other").wait_for()
    page.locator(".wrong-overlap", has_text=EN["wrong.overlap.none"]).wait_for()
    said = np.mean(other.predict(app_state.examples.x) == app_state.examples.y)
    assert page.locator(".wrong-metrics strong").first.inner_text() == f"{said:.1%}" != before


@pytest.mark.sweep(strength=1)
@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("task", ["digits", "classification", "regression"])
def test_nothing_overflows_or_lacks_a_text(visit, serve, app_state, language, width, task) -> None:
    shop = app_state if task == "digits" else shop_of(task)
    shop.model = replace(shop.model, settings=replace(shop.model.settings, epochs=2))
    page = visit("#wrong", at=serve(create_app(shop)), locale={"en": "en-US", "ko": "ko-KR"}[language], width=width)
    ready(page)
    page.locator(".wrong-search").click()
    page.locator(
        ".wrong-search-status", has_text=re.compile(r"rows are suspected|rows have|의심됩니다|이상치입니다")
    ).wait_for(timeout=60_000)
    for group in page.locator("#panel-wrong details").all():
        group.evaluate("element => { element.open = true; }")
    check_words(page, "wrong", language, width)


def test_a_slow_evaluation_is_awaited(visit, serve, app_state, monkeypatch) -> None:
    import time

    from glassnet.web.error_analysis import service

    def slowly(*args):
        time.sleep(0.7)
        return at_once(*args)

    at_once = service.evaluate
    monkeypatch.setattr(service, "evaluate", slowly)
    app_state.limits = replace(app_state.limits, seconds=0.3)
    page = visit("#wrong", at=serve(create_app(app_state)), expected=("503",))
    ready(page)
    assert page.locator("#alert").is_hidden()


def test_weak_networks_cause_a_warning(visit, serve, app_state) -> None:
    page = visit("#wrong", at=serve(create_app(app_state)))  # 288 examples, the settings of five times as many
    ready(page)
    page.get_by_role("button", name=EN["wrong.labels.start"], exact=True).click()
    page.get_by_text(EN["wrong.labels.weak"]).wait_for()
    section = page.get_by_role("region", name=EN["wrong.labels"])
    total = int(re.match(r"\d+", section.locator(".wrong-search-status").inner_text())[0])
    assert total > 24
    section.get_by_role("button", name=EN["wrong.rows.next"]).press("Enter")
    section.get_by_text(f"25 to {total} of {total}").wait_for()
    assert section.locator(".wrong-gallery li").count() == total - 24
    section.get_by_role("button", name=EN["wrong.rows.back"]).press("Enter")
    section.get_by_text(f"1 to 24 of {total}").wait_for()


def test_a_warning_if_many_labels_are_suspected(visit, serve) -> None:
    page = visit("#wrong", at=serve(create_app(shop_of(classes=12, rows=300))))
    ready(page)
    page.get_by_role("button", name=EN["wrong.labels.start"], exact=True).click()
    page.get_by_text(EN["wrong.labels.many"]).wait_for()

"""The frame of the page in a browser: tabs, languages, themes, the model."""

import json
import re
from importlib import resources

import pytest

PAGE = resources.files("glassnet.web") / "page"
TABS = ["think", "learn", "wrong", "model"]


def files(*endings, folder=PAGE):
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from files(*endings, folder=entry)
        elif entry.name.endswith(endings):
            yield entry


def texts(language):
    return json.loads((PAGE / "texts" / f"{language}.json").read_text(encoding="utf-8"))


# ---------------------------------------------------------------------------------------------------- without a browser


def test_both_languages_have_the_same_keys_order_and_placeholders() -> None:
    english, korean = texts("en"), texts("ko")
    assert list(english) == list(korean)
    for key in english:
        assert set(re.findall(r"\{\w+\}", english[key])) == set(re.findall(r"\{\w+\}", korean[key])), key
        assert english[key].strip() and korean[key].strip()


def test_no_key_is_repeated_in_a_language() -> None:
    for language in ("en", "ko"):
        pairs = json.loads((PAGE / "texts" / f"{language}.json").read_text(encoding="utf-8"), object_pairs_hook=list)
        assert len(pairs) == len({key for key, _ in pairs})


def test_every_text_key_in_a_module_exists() -> None:
    known = texts("en")
    for file in files(".js", ".html"):
        content = file.read_text(encoding="utf-8")
        named = re.findall(r"\bt\(\"([\w.]+)\"", content) + re.findall(r"data-(?:text|label)=\"([\w.]+)\"", content)
        assert [key for key in named if key not in known] == [], file.name


def test_no_file_of_the_page_turns_text_into_markup_or_names_another_host() -> None:
    for file in files(".js", ".html", ".css"):
        content = file.read_text(encoding="utf-8").replace("http://www.w3.org/", "").replace("https://www.w3.org/", "")
        for never in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
            assert never not in content, f"{file.name} has {never}"
        assert not re.search(r"(?:src|href|from|import\(|url\(|fetch\()\s*=?\s*[\"'`]?(?:https?:)?//", content), (
            file.name
        )
        assert not re.search(r"<[^>]+\s(?:style|on\w+)=", content) or not file.name.endswith(".html"), file.name


# --------------------------------------------------------------------------------------------------------- in a browser


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize(("locale", "theme", "width"), [("en-US", "light", 1440), ("ko-KR", "dark", 390)])
def test_each_tab_opens_without_errors_or_overflow(visit, tab, locale, theme, width) -> None:
    page = visit(f"#{tab}", locale=locale, theme=theme, width=width)
    assert page.locator("html").get_attribute("lang") == locale[:2]
    assert page.locator("html").get_attribute("data-theme") == theme
    assert page.get_by_role("tab", selected=True).inner_text() == texts(locale[:2])[f"tab.{tab}"]
    page.locator(f"#panel-{tab} > *").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_keyboard_alone_goes_through_the_tabs(visit) -> None:
    page = visit("#model")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.locator("#tab-model").focus()
    for key, tab in [("ArrowRight", TABS[0]), ("End", TABS[-1]), ("ArrowLeft", TABS[-2]), ("Home", TABS[0])]:
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.id") == f"tab-{tab}"
        assert page.locator("[role=tabpanel]:visible").get_attribute("id") == f"panel-{tab}"
    assert page.locator("[role=tab][tabindex='0']").count() == 1


def test_the_language_is_switched_on_the_page_and_remembered(visit) -> None:
    page = visit("#model")
    page.get_by_role("heading", name="Layers").wait_for()
    page.get_by_label("Language").select_option("ko")
    page.get_by_role("heading", name="층", exact=True).wait_for()
    assert page.get_by_role("tab", selected=True).inner_text() == "모델"
    page.reload()
    page.get_by_role("heading", name="층", exact=True).wait_for()
    assert page.locator("html").get_attribute("lang") == "ko"


def test_the_theme_is_switched_on_the_page_and_remembered(visit) -> None:
    page = visit("#model", theme="light")
    page.get_by_label("Theme").select_option("dark")
    dark = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(dark) == "rgb(18, 24, 30)"
    page.reload()
    page.locator(".card").first.wait_for()
    assert page.evaluate(dark) == "rgb(18, 24, 30)"


def test_the_properties_of_the_model_are_shown(visit, app_state) -> None:
    page = visit("#model")
    panel = page.locator("#panel-model")
    panel.get_by_text("W2 16×12, b2 12").wait_for()
    assert f"{app_state.model.structure.n_parameters:,}" in panel.inner_text()
    assert "softmax" in panel.inner_text() and "0, 1, 2, 3, 4, 5, 6, 7, 8, 9" in panel.inner_text()


def test_the_models_history_is_drawn_and_read_by_the_keyboard(visit, app_state) -> None:
    page = visit("#model")
    loss, accuracy = page.locator("#panel-model .learn-chart").all()
    accuracy.focus()
    page.keyboard.press("Home")
    first = app_state.model.history[0]
    page.get_by_text(f"Epoch 1: Training {100 * first.metric:.1f}".removesuffix(".0")).wait_for()
    assert loss.locator("polyline").count() == 1  # fitted without validation rows
    assert page.locator("#panel-model").get_by_text("Accuracy", exact=True).is_visible()

"""A picture and a report in a browser: nothing is blocked, requested or cut off; the keyboard reads all of it."""

import pytest
from sklearn.datasets import load_digits

from glassnet import Settings, fit, show
from glassnet.visualization.report import write_report

DIGITS, NUMBERS = load_digits(return_X_y=True)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Return the files of a picture and of a report."""
    folder = tmp_path_factory.mktemp("pages")
    chosen = Settings(loss="categorical_crossentropy", epochs=2)
    model = fit(DIGITS, NUMBERS, hidden=(40, 12), settings=chosen, target_name="digit")
    write_report(model, DIGITS[:300], NUMBERS[:300], folder / "report.html", language="ko")
    write_report(model, DIGITS[:300], NUMBERS[:300], folder / "report.en.html")
    return {
        "picture": show(model, DIGITS, row=7).save(folder / "picture.html"),
        "picture in Korean": show(model, DIGITS, row=7, language="ko").save(folder / "picture.ko.html"),
        "report": folder / "report.html",
        "report in English": folder / "report.en.html",
    }


@pytest.fixture
def alone(chromium, pages):
    """Return a function that opens a page, and refuses whatever it says to the console or asks for."""
    contexts, faults = [], []

    def look(name, **options):
        context = chromium.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: faults.append(said.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        own = pages[name].as_uri()
        page.on(
            "request", lambda ask: None if ask.url == own or ask.url.startswith("data:") else faults.append(ask.url)
        )
        page.goto(own)
        return page

    yield look
    for context in contexts:
        context.close()
    assert faults == []


@pytest.mark.sweep(strength=2)
@pytest.mark.parametrize("name", ["picture", "report"])
@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_page_opens_in_any_width_and_theme(alone, name: str, width: int, theme: str) -> None:
    page = alone(name, viewport={"width": width, "height": 900}, color_scheme=theme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width  # wide things scroll within themselves
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 23, 27)"}[theme]  # its style sheet is allowed
    for image in page.locator("img").all():
        assert image.evaluate("image => image.naturalWidth") > 0


@pytest.mark.sweep(strength=1)
@pytest.mark.parametrize("name", ["picture", "picture in Korean", "report", "report in English"])
@pytest.mark.parametrize(("theme", "width"), [("light", 390), ("dark", 1440)])
def test_axe_finds_nothing_serious(alone, findings, name: str, width: int, theme: str) -> None:
    page = alone(name, viewport={"width": width, "height": 900}, color_scheme=theme)
    for folded in page.locator("details").all():
        folded.evaluate("details => { details.open = true; }")
    assert findings(page) == []


def test_the_keyboard_reads_a_unit_and_dims_the_others(alone) -> None:
    page = alone("picture")
    unit, read = page.locator(".gn-chosen"), page.locator(".gn-chosen > .gn-read")
    assert read.evaluate("line => getComputedStyle(line).visibility") == "hidden"
    page.locator(".gn-unit").nth(page.locator(".gn-unit").count() - 1).focus()
    for _ in range(12):
        page.keyboard.press("Shift+Tab")
        if unit.evaluate("group => group === document.activeElement"):
            break
    assert read.evaluate("line => getComputedStyle(line).visibility") == "visible"
    assert "z3[" in read.text_content() and unit.get_attribute("aria-label").startswith("prediction: ")
    own, others = unit.locator(".gn-edge").first, page.locator(".gn-unit").first.locator(".gn-edge").first
    assert float(others.evaluate("edge => getComputedStyle(edge).opacity")) == pytest.approx(0.08)
    assert float(own.evaluate("edge => getComputedStyle(edge).opacity")) > 0.3


def test_the_pointer_reads_a_unit_whose_bar_is_empty(alone) -> None:
    page = alone("picture")
    unit = page.locator(".gn-unit").last  # an unlikely class
    box = unit.locator(".gn-box").bounding_box()
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + box["height"] / 2)
    assert unit.locator(".gn-read").evaluate("line => getComputedStyle(line).visibility") == "visible"


def test_a_page_prints_light_and_complete(alone) -> None:
    page = alone("report", color_scheme="dark", viewport={"width": 700, "height": 900})
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("nav").is_visible() and not page.locator("details").first.is_visible()
    assert page.evaluate("document.querySelector('.gn-net').getBoundingClientRect().right") <= 700
    assert len(page.pdf()) > 20_000

"""Export of a panel in a browser: PNG and SVG show the content of the page and are self-contained."""

import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

import glassnet
from glassnet.web.app_state import AppState
from glassnet.web.server import create_app

from .test_page import TABS

SVG = "{http://www.w3.org/2000/svg}"
#: What an SVG may hold that is only drawn.
DRAWS = re.compile("svg|title|g|rect|line|polyline|circle|path|polygon|ellipse|text|tspan|image|defs|clipPath")
PANELS = ["result", "network", "settings", "curves", "layers", "runs", "code"]


def save(page, panel, kind):
    """Save a panel's picture as a person would; return the file's name and content."""
    menu = panel.locator("> .picture-menu")
    menu.locator("summary").click()
    with page.expect_download() as download:
        menu.get_by_role("button", name=kind, exact=True).click()
    menu.get_by_role("status").filter(has_text=re.compile(".")).wait_for()
    page.keyboard.press("Escape")
    assert not menu.get_attribute("open")
    return download.value.suggested_filename, download.value.path().read_bytes()


def colours(content):
    """Return how many colours there are in a PNG."""
    with Image.open(io.BytesIO(content)) as image:
        return len(image.convert("RGB").resize((200, 200)).getcolors(40_000))


def check_alone(content):
    """Check that an SVG is one, only draws, and refers to nothing outside itself."""
    root = ET.fromstring(content)
    assert root.tag == f"{SVG}svg"
    for node in root.iter():
        assert DRAWS.fullmatch(node.tag.removeprefix(SVG)), node.tag
        for name, value in node.attrib.items():
            assert not name.startswith("on") and name not in ("style", "class")
            if name.endswith("href"):
                assert value.startswith("data:image/png;base64,")
            assert re.fullmatch(r"url\(\"?#[\w-]+\"?\)", value) or "url(" not in value
            assert "var(" not in value
    return root


@pytest.fixture
def learnt(visit):
    """Return a function that opens Learn, trained for two epochs, with a step gone through slowly."""

    def look(**options):
        page = visit("#learn", **options)
        page.locator(".learn-epoch").click()
        page.locator(".learn-progress-text", has_text=re.compile(r"\b1\b.*\b150\b|\b1/150")).wait_for()
        page.locator(".learn-trace").click()
        page.locator(".learn-step:visible").wait_for()
        return page

    return look


@pytest.mark.slow
@pytest.mark.parametrize(("locale", "theme", "width"), [("en-US", "light", 1440), ("ko-KR", "dark", 390)])
def test_each_panel_of_learn_is_saved_as_png_and_as_svg(learnt, locale, theme, width) -> None:
    page = learnt(locale=locale, theme=theme, width=width)
    panels = page.locator("#panel-learn .exportable")
    assert panels.count() == len(PANELS) + 1
    laid_out = page.evaluate("document.body.innerHTML")
    names = []
    for panel in panels.all():
        box = panel.bounding_box()
        words = panel.locator("h2, h3, summary").first.text_content()
        name, drawing = save(page, panel, "SVG")
        root = check_alone(drawing)
        assert words in "".join(root.itertext()) or panel.get_attribute("aria-label") == root.find(f"{SVG}title").text
        wide, high = int(root.get("width")), int(root.get("height"))
        assert wide >= box["width"]
        assert high == pytest.approx(box["height"], abs=1) or wide > box["width"] + 1  # wider where it scrolls
        name_png, points = save(page, panel, "PNG")
        assert name_png == name.replace(".svg", ".png")
        with Image.open(io.BytesIO(points)) as image:
            assert image.format == "PNG" and image.size == (2 * wide, 2 * high)
        assert colours(points) > 20
        names.append(name)
    assert names == [f"glassnet-spiral-{panel}.svg" for panel in ["step", *PANELS]]
    assert page.evaluate("document.body.innerHTML") == laid_out  # nothing is left behind


@pytest.mark.sweep(only=["model"])
@pytest.mark.parametrize("tab", [tab for tab in TABS if tab != "learn"])
def test_each_panel_of_the_other_tabs_is_saved(visit, tab) -> None:
    page = visit(f"#{tab}", locale="ko-KR", theme="dark", width=390)
    page.locator(f"#panel-{tab} .card:visible").first.wait_for()
    page.wait_for_load_state("networkidle")
    names = []
    for panel in page.locator(f"#panel-{tab} .card:visible").all():
        name, drawing = save(page, panel, "SVG")
        root = check_alone(drawing)
        _, points = save(page, panel, "PNG")
        with Image.open(io.BytesIO(points)) as image:
            assert image.size == (2 * int(root.get("width")), 2 * int(root.get("height")))
        assert colours(points) > 20
        names.append(name)
    assert len(names) == len(set(names)) > 2 and all(name.startswith("glassnet-digits-") for name in names)


def test_a_canvas_and_a_chart_are_as_on_the_page(learnt) -> None:
    page = learnt(width=1440)
    panel = page.locator(".learn-network-card")
    _, drawing = save(page, panel, "SVG")
    (canvas,) = check_alone(drawing).iter(f"{SVG}image")
    box, shown = panel.bounding_box(), panel.locator("canvas").bounding_box()
    assert float(canvas.get("x")) == pytest.approx(shown["x"] - box["x"], abs=0.1)
    assert float(canvas.get("width")) == pytest.approx(shown["width"], abs=0.1)
    _, points = save(page, panel, "PNG")
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur()")
    saved = Image.open(io.BytesIO(points)).convert("RGB").resize((int(box["width"]), int(box["height"])))
    shot = Image.open(io.BytesIO(panel.screenshot())).convert("RGB").resize(saved.size)
    difference = np.abs(np.asarray(saved, int) - np.asarray(shot, int)).mean()
    assert difference < 4  # of 255: the menu is missing, and letters are shifted slightly

    _, drawing = save(page, page.locator("#panel-learn .card", has=page.locator(".learn-charts")).first, "SVG")
    lines = list(check_alone(drawing).iter(f"{SVG}polyline"))
    assert {"rgb(11, 98, 164)", "rgb(196, 78, 0)"} <= {line.get("stroke") for line in lines}  # series 1 and 2, light


def test_the_keyboard_alone_saves_a_picture(visit) -> None:
    page = visit("#model")
    summary = page.locator(".picture-menu summary").first
    summary.focus()
    assert summary.evaluate("node => node.ariaLabel") == "Export as image: Model"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename == "glassnet-digits-what.png"
    page.locator(".picture-menu[open]").get_by_text("Saved.").wait_for()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement === document.querySelector('.picture-menu summary')")
    page.keyboard.press("Enter")
    page.locator(".picture-menu[open]").wait_for()
    for _ in range(3):
        page.keyboard.press("Tab")
    page.locator(".picture-menu[open]").wait_for(state="detached")  # who goes on closes it


def test_names_from_a_file_are_text_in_the_picture(visit, serve) -> None:
    names = ["<script>alert(1)</script>", "a & b \x01 c"]
    settings = glassnet.Settings(loss="categorical_crossentropy", epochs=1, engine="reference")
    x = np.random.default_rng(0).normal(size=(20, 2))
    model = glassnet.fit(x, np.array(names)[np.arange(20) % 2], hidden=(3,), settings=settings, feature_names=names)
    page = visit("#model", at=serve(create_app(AppState(model, "</svg> ../x"))))
    name, drawing = save(page, page.locator(".exportable").first, "SVG")
    assert re.fullmatch(r"glassnet-_svg_.*-what\.svg", name) and "/" not in name
    assert "<script>alert(1)</script>, a & b" in " ".join(check_alone(drawing).itertext())


def test_a_scrolling_panel_is_saved_completely(learnt) -> None:
    page = learnt(width=390)
    panel = page.locator(".exportable", has=page.locator(".learn-health"))
    inner = panel.locator(".learn-health").evaluate("table => table.scrollWidth")
    box = panel.bounding_box()
    assert inner > box["width"]  # else it shows nothing
    _, drawing = save(page, panel, "SVG")
    root = check_alone(drawing)
    assert int(root.get("width")) >= inner
    assert all(word in " ".join(root.itertext()) for word in ("Saturated", "Dead"))
    assert max(float(text.get("x")) for text in root.iter(f"{SVG}text")) > box["width"]  # what was cut off is there
    after = panel.bounding_box()
    assert (after["width"], after["height"]) == (box["width"], box["height"])  # and the panel is restored


def test_text_has_the_width_and_position_of_the_page(visit) -> None:
    page = visit("#model")
    panel = page.locator(".exportable").first
    panel.evaluate(
        """panel => {
          const [line, bold, code] = ["p", "strong", "pre"].map((name) => document.createElement(name));
          bold.textContent = "seven";
          line.append("  row 1: ", bold, " , on ".repeat(30));
          line.style.setProperty("width", "200px");
          code.textContent = "if x:\\n    y = m\\u0302";
          panel.append(line, code);
        }"""
    )
    _, drawing = save(page, panel, "SVG")
    texts = {text.text: text for text in check_alone(drawing).iter(f"{SVG}text")}
    row, bold = texts["row 1:"], texts["seven"]
    wide = page.evaluate(
        """() => { const pen = document.createElement("canvas").getContext("2d");
          pen.font = "16px " + getComputedStyle(document.body).fontFamily; return pen.measureText("row 1:").width; }"""
    )
    assert float(row.get("textLength")) == pytest.approx(wide, abs=0.5)
    assert float(bold.get("x")) > float(row.get("x")) + wide + 3 and bold.get("y") == row.get("y")
    assert len([text for text in texts if text.startswith(", on") or text.startswith("on")]) >= 3  # line by line
    first, second = texts["if x:"], texts["y = m\u0302"]
    assert float(second.get("x")) > float(first.get("x")) + 25 and float(second.get("y")) > float(first.get("y"))

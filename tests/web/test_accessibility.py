"""The page, pictures and reports have no serious issue of axe-core in any theme, language and width."""

import re

import pytest

from .test_page import TABS

#: Each theme with each language, and each of these at both widths.
everywhere = pytest.mark.parametrize(
    ("theme", "locale", "width"),
    [("light", "en-US", 1440), ("light", "ko-KR", 390), ("dark", "en-US", 390), ("dark", "ko-KR", 1440)],
)
#: The states of a tab: they take longer.
in_two_ways = pytest.mark.parametrize(("theme", "locale", "width"), [("light", "ko-KR", 390), ("dark", "en-US", 1440)])
each_theme = pytest.mark.parametrize("theme", ["light", "dark"])


@pytest.mark.sweep(strength=1)
@pytest.mark.parametrize("tab", TABS)
@everywhere
def test_each_tab_as_it_opens(visit, findings, tab, theme, locale, width) -> None:
    page = visit(f"#{tab}", theme=theme, locale=locale, width=width)
    page.locator(f"#panel-{tab} .card").first.wait_for()
    page.wait_for_load_state("networkidle")
    assert findings(page) == []


@pytest.mark.sweep(only=["light-ko-KR-390"])
@in_two_ways
def test_think_in_its_states(visit, findings, theme, locale, width) -> None:
    page = visit("#think", theme=theme, locale=locale, width=width, expected=("422",))
    page.locator(".think-readout:not(:empty)").wait_for()
    page.locator("#think-layer").select_option("2")
    page.locator(".think-silence").click()
    page.locator(".think-chip").wait_for()
    page.wait_for_load_state("networkidle")
    page.locator(".think-unit").nth(2).focus()
    assert findings(page) == [], "a unit is looked into, and silenced"
    page.locator("[data-mode=rows]").click()
    page.locator(".think-browse .think-thumb").first.wait_for()
    assert findings(page) == [], "rows are browsed"
    page.locator("[data-mode=edit]").click()
    page.locator("input[data-column]").first.fill("1e300")
    page.locator(".think-error:visible").wait_for()
    assert findings(page) == [], "a number is refused"


@pytest.mark.sweep(only=["light-ko-KR-390"])
@in_two_ways
def test_learn_in_its_states(visit, findings, theme, locale, width) -> None:
    page = visit("#learn", theme=theme, locale=locale, width=width, expected=("409", "422"))
    page.locator(".learn-progress-text strong").wait_for()
    for group in page.locator(".learn-choices details").all():
        group.evaluate("details => { details.open = true; }")
    page.locator(".picture-menu:visible summary").first.click()
    assert findings(page) == [], "all choices and a menu are open"

    page.keyboard.press("Escape")
    page.locator(".learn-trace").click()
    for stage in ("z1", "loss", "dW3", "b3"):
        button = page.locator(".learn-stage-button").get_by_text(stage, exact=True)
        button.click()
        page.locator(".learn-stage-button[aria-pressed=true]").get_by_text(stage, exact=True).wait_for()
        page.locator(".learn-table td").last.click()
        assert findings(page) == [], f"the step is gone through slowly, at {stage}"

    page.locator(".learn-next").click()
    page.locator(".learn-match:not(:empty)").wait_for()
    page.locator(".learn-epoch").click()
    page.locator(".learn-progress-text", has_text=re.compile(r"\b1\b.*\b150\b|\b1/150")).wait_for()
    page.locator(".learn-keep").click()
    page.locator(".learn-unit").first.focus()
    page.locator(".learn-compare").wait_for()
    assert findings(page) == [], "a run is kept"

    second = visit("#learn", theme=theme, locale=locale, width=width, expected=("409",))
    second.locator(".learn-play:enabled").click()
    second.locator("#alert:visible").wait_for()
    assert findings(second) == [], "an error is content"


@pytest.mark.sweep(only=["dark"])
@each_theme
def test_learn_with_messages_of_disabled_controls(visit, findings, theme) -> None:
    page = visit("#learn", theme=theme, expected=("422",))
    page.locator("#learn-output").select_option("relu")
    page.locator(".learn-error:visible").wait_for()
    assert findings(page) == [], "a plan is refused"
    page.locator("#learn-output").select_option("")
    page.locator(".learn-error").wait_for(state="hidden")
    page.locator("#learn-learning_rate").fill("1e9")
    page.keyboard.press("Enter")
    page.locator("#learn-speed").select_option("null")
    page.wait_for_timeout(400)
    page.locator(".learn-play:enabled").click()
    page.locator(".learn-hint").first.wait_for()
    assert findings(page) == [], "a hint is shown"


@pytest.mark.sweep(only=["dark-en-US-1440"])
@in_two_ways
def test_wrong_in_its_states(visit, findings, theme, locale, width) -> None:
    page = visit("#wrong", theme=theme, locale=locale, width=width)
    page.locator(".wrong-groups-table").wait_for()
    for folded in page.locator("#panel-wrong details:not(.picture-menu)").all():
        folded.evaluate("details => { details.open = true; }")
    page.get_by_role("grid").locator("td[tabindex='0']").click()
    page.locator(".wrong-gallery li").first.wait_for()
    page.locator("#panel-wrong [aria-selected=true]").wait_for()
    assert findings(page) == [], "the rows of a cell are shown"


def test_a_planted_violation_is_found(visit, findings) -> None:
    page = visit("#model")
    page.locator(".card").first.wait_for()
    page.evaluate("document.querySelector('#panel-model h2').style.color = 'rgb(200 205 210)'")
    page.evaluate("document.querySelector('.picture-menu summary').ariaLabel = null")
    page.evaluate("document.querySelector('.picture-menu summary').title = ''")
    assert {finding.split(":")[0] for finding in findings(page)} == {"color-contrast", "summary-name"}


#: A state of each tab in which much is there to reach.
OPENED = {
    "think": lambda page: page.locator(".think-network-card .think-readout:not(:empty)").wait_for(),
    "learn": lambda page: (
        page.locator(".learn-trace").press("Enter"),
        page.locator(".learn-step:visible").wait_for(),
    ),
    "wrong": lambda page: page.locator(".wrong-groups-table").wait_for(),
    "model": lambda page: page.locator(".card").first.wait_for(),
}


@pytest.mark.sweep(only=["learn", "model"])
@pytest.mark.parametrize("tab", TABS)
def test_the_tab_key_reaches_every_control_with_a_visible_focus(visit, tab) -> None:
    page = visit(f"#{tab}", width=1440)
    OPENED[tab](page)
    page.wait_for_load_state("networkidle")
    page.locator(f"#tab-{tab}").press("Shift")  # the keyboard is at work
    # a group of things that the arrow keys go through, units and cells for two, is one stop
    stops = page.evaluate(
        """() => [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0'], .scroll")]
            .filter((node) => node.checkVisibility() && !node.disabled && node.tabIndex === 0)
            .filter((node) => !node.closest("details:not([open]) > :not(summary)"))
            .map((node, place) => { node.dataset.stop = place; return node.outerHTML.slice(0, 100); })"""
    )
    assert len(stops) > 8
    reached = []
    page.locator(".skip").focus()
    for _ in range(len(stops) + 40):
        stop = page.evaluate(
            """() => {
              const node = document.activeElement;
              if (node === document.body) return null;
              const style = getComputedStyle(node), box = node.getBoundingClientRect();
              return { stop: node.dataset.stop, markup: node.outerHTML.slice(0, 100), main: node.id === "panels",
                visible: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && box.width > 0 };
            }"""
        )
        if stop is None or (reached and stop["stop"] == reached[0]):
            break  # round once
        assert stop["visible"], stop["markup"]
        if stop["stop"] is not None:
            reached.append(stop["stop"])
        page.keyboard.press("Tab")
    missed = [stops[place] for place in range(len(stops)) if str(place) not in reached]
    assert missed == [] and len(reached) == len(set(reached))  # and none holds the keyboard


@pytest.mark.sweep(only=["learn"])
@pytest.mark.parametrize("tab", TABS)
def test_nothing_is_animated_with_reduced_motion(visit, tab) -> None:
    page = visit(f"#{tab}", reduced_motion="reduce")
    page.locator("#panel-learn .learn-progress-text strong").wait_for() if tab == "learn" else None
    OPENED[tab](page)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(300)
    page.evaluate(
        """() => {
          const sheet = new CSSStyleSheet();
          sheet.replaceSync("@keyframes spin { to { rotate: 1turn } }"
            + ".card { transition: opacity 3s; animation: spin 3s infinite }");
          document.adoptedStyleSheets = [sheet];
        }"""
    )
    assert page.evaluate("document.getAnimations().length") == 0  # whatever a style sheet asks for
    assert page.evaluate("getComputedStyle(document.querySelector('.card')).transitionDuration") == "0s"
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    before = page.screenshot()
    page.wait_for_timeout(500)
    assert page.screenshot() == before  # nothing trains or turns before one plays it

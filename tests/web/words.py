"""Checks of every tab: it fits the window, and its texts are in the language of the page."""

import re

#: What is named for those who hear the page.
NAMED = ":is(button, input, select, progress, canvas[role=img], svg[role=img], [role=region], [role=grid])"


def check_words(page, tab: str, language: str, width: int) -> None:
    """Fail if the tab is wider than the window, a text or a number is missing, or something has no name."""
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    panel = f"#panel-{tab}"
    words = page.locator(panel).inner_text() + " ".join(
        page.eval_on_selector_all(f"{panel} [aria-label]", "all => all.map((e) => e.getAttribute('aria-label'))")
    )
    assert not re.findall(rf"\b{tab}\.[a-z_.]+|\{{\w+\}}", words) and "undefined" not in words and "NaN" not in words
    assert (re.search("[가-힣]", words) is not None) == (language == "ko")
    unnamed = page.eval_on_selector_all(
        f"{panel} {NAMED}",
        "all => all.filter((e) => !(e.textContent.trim() || e.getAttribute('aria-label') || e.labels?.length"
        " || e.closest('[hidden]'))).map((e) => e.outerHTML)",
    )
    assert unnamed == []

"""Building blocks of the report: sections, tables and notes."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from glassnet.visualization.i18n import Translator
from glassnet.visualization.markup import Content, element


def section(key: str, translate: Translator, *content: Content) -> Element:
    """Return a section with its heading, the text ``"{key} title"``."""
    return element("section", element("h2", translate(f"{key} title"), id=key), content)


def table(caption: str, headings: list[str], body: list[Element], class_: str | None = None) -> Element:
    """Return a table with a caption, which scrolls (by keyboard too) if it is wider than the page."""
    head = element("thead", element("tr", [element("th", heading, scope="col") for heading in headings]))
    content = element("table", element("caption", caption), head, element("tbody", body), class_=class_)
    return element("div", content, class_="scroll", tabindex=0, role="region", aria_label=caption)


def table_row(heading: str, cells: list[str]) -> Element:
    """Return a row of a table."""
    return element("tr", element("th", heading, scope="row"), [element("td", cell) for cell in cells])


def note(text: str) -> Element:
    """Return a remark in a muted color."""
    return element("p", text, class_="soft")


def figure(title: str, content: Content, *caption: Content) -> Element:
    """Return a figure with a title above it, and optionally more caption."""
    return element("figure", element("figcaption", element("h3", title), caption), content)

"""SVG: the elements that the network picture, the charts and the sparklines are drawn with, and linear scales."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from glassnet.visualization.markup import Content, element


@dataclass(frozen=True)
class LinearScale:
    """A linear map from data values to pixels, like d3's scaleLinear.

    Parameters
    ----------
    low, high : float
        The data values at both ends; different.
    start, end : float
        Their positions in pixels.
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the position of a data value."""
        return self.start + (self.end - self.start) * (value - self.low) / (self.high - self.low)


def svg_root(
    width: float,
    height: float,
    label: str,
    *content: Content,
    class_: str | None = None,
    role: str = "img",
    responsive: bool = False,
) -> Element:
    """Return the root element of an SVG.

    Parameters
    ----------
    width, height : float
        The size in pixels.
    label : str
        Description for screen readers.
    *content : content
        The children.
    class_ : str, optional
        CSS class.
    role : str
        ARIA role: ``"img"``, or ``"group"`` if children can be focused.
    responsive : bool
        Whether CSS decides the size, instead of the attributes ``width`` and ``height``.
    """
    size = {} if responsive else {"width": width, "height": height}
    view_box = f"0 0 {width} {height:.0f}"
    return element("svg", content, class_=class_, role=role, aria_label=label, **size, viewBox=view_box)


def svg_title(content: str) -> Element:
    """Return a title, which browsers show as a tooltip of the parent element."""
    return element("title", content)


def svg_text(content: str, x: float, y: float, anchor: str | None = None, class_: str | None = None) -> Element:
    """Return a text; ``anchor`` is ``"start"``, ``"middle"`` or ``"end"``."""
    return element("text", content, class_=class_, x=x, y=y, text_anchor=anchor)


def svg_line(class_: str, x1: float, y1: float, x2: float, y2: float) -> Element:
    """Return a straight line."""
    return element("line", class_=class_, x1=x1, x2=x2, y1=y1, y2=y2)


def svg_polyline(class_: str, points: Iterable[tuple[float, float]]) -> Element:
    """Return a line through points (x, y)."""
    return element("polyline", class_=class_, points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points))


def svg_rect(
    class_: str,
    x: float,
    y: float,
    width: float,
    height: float,
    *content: Content,
    radius: float | None = None,
    fill_opacity: float | None = None,
) -> Element:
    """Return a rectangle, with rounded corners if ``radius`` is given; negative sizes become 0."""
    return element(
        "rect", content, class_=class_, x=x, y=y, width=max(width, 0.0), height=max(height, 0.0), rx=radius,
        fill_opacity=fill_opacity,
    )  # fmt: skip

"""Charts as SVG: lines, bars and points between two axes, histograms, and sparklines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.etree.ElementTree import Element

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.visualization.i18n import Translator, format_number
from glassnet.visualization.markup import element
from glassnet.visualization.svg import LinearScale, svg_line, svg_polyline, svg_rect, svg_root, svg_text, svg_title

#: Size of a chart in pixels.
WIDTH, HEIGHT = 520, 280
#: Margins of a chart in pixels.
LEFT, RIGHT, TOP, BOTTOM = 76, 16, 14, 42
#: Maximum number of points of a line, of a scatter plot, and of a sparkline.
MAX_LINE_POINTS, MAX_SCATTER_POINTS, MAX_SPARKLINE_POINTS = 400, 3000, 200
#: Size of a sparkline in pixels.
SPARKLINE_WIDTH, SPARKLINE_HEIGHT = 240, 58


class Chart:
    """Two axes with a grid, and the marks that are drawn between them.

    Parameters
    ----------
    x_range, y_range : (float, float)
        Ends of the axes.
    x_label, y_label : str
        Labels of the axes.
    integer_ticks : bool
        Whether x has ticks at integers only.
    """

    def __init__(
        self,
        x_range: tuple[float, float],
        y_range: tuple[float, float],
        x_label: str,
        y_label: str,
        integer_ticks: bool = False,
    ) -> None:
        self.x = LinearScale(*widen_range(*x_range), LEFT, WIDTH - RIGHT)
        self.y = LinearScale(*widen_range(*y_range), HEIGHT - BOTTOM, TOP)
        self.marks: list[Element] = []
        y_label_position = f"translate(11 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)"
        self.axes = [
            svg_text(x_label, (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, "middle"),
            element("text", y_label, text_anchor="middle", transform=y_label_position),
        ]
        for tick in ticks(self.y.low, self.y.high):
            y = self.y(tick)
            self.axes += [
                svg_line("grid", LEFT, y, WIDTH - RIGHT, y),
                svg_text(_format_tick(tick), LEFT - 6, y + 4, "end"),
            ]
        for tick in ticks(self.x.low, self.x.high, integer_ticks):
            x = self.x(tick)
            self.axes += [
                svg_line("grid", x, TOP, x, HEIGHT - BOTTOM),
                svg_text(_format_tick(tick), x, HEIGHT - BOTTOM + 16, "middle"),
            ]

    def line(self, x: Sequence[float], y: Sequence[float], class_: str) -> None:
        """Draw a line through points in the given order; a single point is drawn as a circle."""
        points = [(self.x(float(x[n])), self.y(float(y[n]))) for n in evenly_spaced(len(x), MAX_LINE_POINTS).tolist()]
        if len(points) == 1:
            self.marks.append(element("circle", class_=f"dot {class_}", cx=points[0][0], cy=points[0][1], r=3.5))
        else:
            self.marks.append(svg_polyline(f"line {class_}", points))

    def vertical_line(self, x: float) -> None:
        """Draw a line from top to bottom."""
        self.marks.append(svg_line("mark", self.x(x), TOP, self.x(x), HEIGHT - BOTTOM))

    def bar(self, left: float, right: float, height: float, tooltip: str, class_: str = "training") -> None:
        """Draw a bar from 0 to a height, between two values of x."""
        x = self.x(left)
        y = self.y(height)
        width = max(self.x(right) - x - 1, 0.5)
        self.marks.append(svg_rect(f"bar {class_}", x, y, width, HEIGHT - BOTTOM - y, svg_title(tooltip)))

    def scatter(self, x: Array, y: Array) -> None:
        """Draw points, as one path."""
        path = "".join(f"M{self.x(a):.1f} {self.y(b):.1f}h0" for a, b in zip(x.tolist(), y.tolist(), strict=True))
        self.marks.append(element("path", class_="dots", d=path))

    def to_svg(self, description: str) -> Element:
        """Return the chart; the description is its tooltip and what screen readers read."""
        content = (svg_title(description), self.axes, element("g", self.marks))
        return svg_root(WIDTH, HEIGHT, description, *content, class_="chart", responsive=True)


def histogram(values: Array, x_label: str, y_label: str, description: str, bins: int = 30) -> Element:
    """Return a histogram of the finite values with bins of equal width."""
    finite = np.asarray(values, np.float64)
    finite = finite[np.isfinite(finite)]
    counts, edges = np.histogram(finite, bins, widen_range(*finite_range(finite)))
    y_range = (0.0, max(float(counts.max()), 1.0))
    chart = Chart((float(edges[0]), float(edges[-1])), y_range, x_label, y_label)
    for count, left, right in zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if count:
            chart.bar(left, right, count, f"{format_number(left)} … {format_number(right)}: {count:,}")
    return chart.to_svg(description)


def sparkline(values: Sequence[float], name: str, translate: Translator) -> Element | None:
    """Return a small curve over the epochs with its first and last value as text; None for fewer than two values."""
    y = np.asarray(values, np.float64)
    y = y[np.isfinite(y)]
    if len(y) < 2:
        return None
    shown = y[np.linspace(0, len(y) - 1, min(len(y), MAX_SPARKLINE_POINTS)).astype(int)]
    low = float(shown.min())
    x_scale = LinearScale(0, len(shown) - 1, 4, SPARKLINE_WIDTH - 4)
    y_scale = LinearScale(low, low + (float(shown.max() - low) or 1.0), SPARKLINE_HEIGHT - 4, 6)
    points = [(x_scale(n), y_scale(value)) for n, value in enumerate(shown.tolist())]
    ends = {"first": format_number(float(y[0])), "last": format_number(float(y[-1]))}
    description = translate("curve", name=name, epochs=len(y), **ends)
    curve = svg_root(SPARKLINE_WIDTH, SPARKLINE_HEIGHT, description, svg_polyline("gn-line", points))
    return element("div", curve, element("div", description), class_="gn-curve")


def ticks(low: float, high: float, integers: bool = False) -> list[float]:
    """Return about five round numbers between two numbers."""
    step = 10 ** math.floor(math.log10((high - low) / 5))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= 6)
    step = max(step, 1) if integers else step
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [0.0 + round(multiple * step, 12) for multiple in range(first, last + 1)]


def _format_tick(tick: float) -> str:
    """Return a tick's label, with thousands separators."""
    return f"{tick:,.6g}".replace("-", "−")


def widen_range(low: float, high: float) -> tuple[float, float]:
    """Return a finite range that is not empty."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return 0.0, 1.0
    if high - low > 1e-9 * max(abs(low), abs(high)):
        return low, high
    margin = abs(low) * 0.1 or 1.0
    return low - margin, high + margin


def finite_range(values: Array) -> tuple[float, float]:
    """Return the smallest and the largest finite value; 0 and 1 if there is none."""
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)


def evenly_spaced(count: int, limit: int) -> Array:
    """Return at most ``limit`` evenly spaced indices below ``count``."""
    return np.unique(np.linspace(0, count - 1, min(count, limit)).astype(int))

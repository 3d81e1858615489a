"""Charts as SVG: small, in the page's own colours, with what they show in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.etree.ElementTree import Element

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.visualization.i18n import number
from glassnet.visualization.markup import element

#: A chart's size, and its margins: left, right, top, bottom.
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 520, 280, 76, 16, 14, 42
#: Points of a line, and of a cloud, at most.
MAX_POINTS, MAX_DOTS = 400, 3000


class Chart:
    """A frame with two axes, into which lines, bars and dots are drawn.

    Parameters
    ----------
    x, y : (float, float)
        Where the axes begin and end.
    x_name, y_name : str
        What they show.
    whole : bool
        Whether x is whole numbers: then its ticks are.
    """

    def __init__(
        self, x: tuple[float, float], y: tuple[float, float], x_name: str, y_name: str, whole: bool = False
    ) -> None:
        self.x, self.y = _widened(*x), _widened(*y)
        self.marks: list[Element] = []
        self.frame = [
            element("text", x_name, x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 6, text_anchor="middle"),
            element(
                "text",
                y_name,
                text_anchor="middle",
                transform=f"translate(11 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)",
            ),
        ]
        for tick in ticks(*self.y):
            at = self.down(tick)
            self.frame += [
                element("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=at, y2=at),
                element("text", _label(tick), x=LEFT - 6, y=at + 4, text_anchor="end"),
            ]
        for tick in ticks(*self.x, whole):
            at = self.right(tick)
            self.frame += [
                element("line", class_="grid", x1=at, x2=at, y1=TOP, y2=HEIGHT - BOTTOM),
                element("text", _label(tick), x=at, y=HEIGHT - BOTTOM + 16, text_anchor="middle"),
            ]

    def right(self, value: float) -> float:
        """Return where a value of x stands."""
        return LEFT + (WIDTH - LEFT - RIGHT) * (value - self.x[0]) / (self.x[1] - self.x[0])

    def down(self, value: float) -> float:
        """Return where a value of y stands."""
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - self.y[0]) / (self.y[1] - self.y[0])

    def line(self, x: Sequence[float], y: Sequence[float], kind: str) -> None:
        """Draw a line through points, in the order given; a single one is a dot."""
        chosen = np.unique(np.linspace(0, len(x) - 1, min(len(x), MAX_POINTS)).astype(int))
        points = [(self.right(float(x[place])), self.down(float(y[place]))) for place in chosen]
        if len(points) == 1:
            self.marks.append(element("circle", class_=f"dot {kind}", cx=points[0][0], cy=points[0][1], r=3.5))
            return
        path = " ".join(f"{across:.1f},{down:.1f}" for across, down in points)
        self.marks.append(element("polyline", class_=f"line {kind}", points=path))

    def upright(self, x: float) -> None:
        """Draw a line from top to bottom."""
        at = self.right(x)
        self.marks.append(element("line", class_="mark", x1=at, x2=at, y1=TOP, y2=HEIGHT - BOTTOM))

    def bar(self, left: float, right: float, height: float, told: str, kind: str = "training") -> None:
        """Draw a bar from 0 up, between two values of x; it tells what it is where the pointer is."""
        x, y = self.right(left), self.down(height)
        rect = element(
            "rect", element("title", told), class_=f"bar {kind}", x=x, y=y,
            width=max(self.right(right) - x - 1, 0.5), height=max(HEIGHT - BOTTOM - y, 0.0),
        )  # fmt: skip
        self.marks.append(rect)

    def dots(self, x: Array, y: Array) -> None:
        """Draw a cloud of points as one path."""
        path = "".join(
            f"M{self.right(a):.1f} {self.down(b):.1f}h0" for a, b in zip(x.tolist(), y.tolist(), strict=True)
        )
        self.marks.append(element("path", class_="dots", d=path))

    def drawn(self, told: str) -> Element:
        """Return the chart; ``told`` is what it shows, for who can't see it."""
        return element(
            "svg", element("title", told), self.frame, element("g", self.marks), class_="chart", role="img",
            aria_label=told, viewBox=f"0 0 {WIDTH} {HEIGHT}",
        )  # fmt: skip


def ticks(low: float, high: float, whole: bool = False) -> list[float]:
    """Return round numbers between two, about five of them."""
    step = 10 ** math.floor(math.log10((high - low) / 5))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= 6)
    step = max(step, 1) if whole else step
    first = math.ceil(low / step - 1e-9)
    return [0.0 + round(place * step, 12) for place in range(first, math.floor(high / step + 1e-9) + 1)]


def _label(tick: float) -> str:
    """Return a round number as it stands beside an axis, thousands marked."""
    return f"{tick:,.6g}".replace("-", "−")


def _widened(low: float, high: float) -> tuple[float, float]:
    """Return two different finite ends."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return 0.0, 1.0
    if high - low > 1e-9 * max(abs(low), abs(high)):
        return low, high
    reach = abs(low) * 0.1 or 1.0
    return low - reach, high + reach


def range_of(values: Array) -> tuple[float, float]:
    """Return the least and the greatest finite number, 0 and 1 if there is none."""
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)


def histogram(values: Array, x_name: str, y_name: str, told: str, bins: int = 30) -> Element:
    """Return a chart of how often values fall between equal steps."""
    finite = np.asarray(values, np.float64)
    finite = finite[np.isfinite(finite)]
    counts, edges = np.histogram(finite, bins, _widened(*range_of(finite)))
    chart = Chart((float(edges[0]), float(edges[-1])), (0.0, max(float(counts.max()), 1.0)), x_name, y_name)
    for count, left, right in zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if count:
            chart.bar(left, right, count, f"{number(left)} … {number(right)}: {count:,}")
    return chart.drawn(told)


def thinned(count: int) -> Array:
    """Return the numbers of the points of a cloud that are drawn: all, or evenly chosen ones."""
    return np.unique(np.linspace(0, count - 1, min(count, MAX_DOTS)).astype(int))

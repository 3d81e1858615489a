"""A curve over the epochs, small enough to stand in a line, with its ends in words."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element

import numpy as np

from glassnet.visualization.i18n import Words, number
from glassnet.visualization.markup import element

#: Points of the curve at most.
MAX_POINTS = 200


def small_curve(values: Sequence[float], name: str, words: Words) -> Element | None:
    """Return a curve, or None where there is none: fewer than two numbers."""
    y = np.asarray(values, np.float64)
    y = y[np.isfinite(y)]
    if len(y) < 2:
        return None
    shown = y[np.linspace(0, len(y) - 1, min(len(y), MAX_POINTS)).astype(int)]
    spread = float(shown.max() - shown.min()) or 1.0
    points = " ".join(
        f"{4 + 232 * place / (len(shown) - 1):.1f},{54 - 48 * (value - shown.min()) / spread:.1f}"
        for place, value in enumerate(shown.tolist())
    )
    told = words("curve", name=name, first=number(float(y[0])), last=number(float(y[-1])), epochs=len(y))
    line = element("polyline", points=points, class_="gn-line")
    drawn = element("svg", line, role="img", aria_label=told, width=240, height=58, viewBox="0 0 240 58")
    return element("div", drawn, element("div", told), class_="gn-curve")

"""An estimator in a notebook: a picture of its network, its sizes and, once it has learned, its history."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

#: Units drawn in a layer at most; the rest is three dots.
MOST_UNITS = 8
#: The picture's height, the distance of two layers, the size of a unit, in pixels.
HEIGHT, ACROSS, RADIUS = 190, 110, 7
#: Points of the curve at most.
MOST_POINTS = 200


def picture_of(sizes: list[int], activations: list[str]) -> str:
    """Return an SVG of layers from left to right, with their sizes and activations below.

    Parameters
    ----------
    sizes : list of int
        The inputs, then the units of each layer.
    activations : list of str
        Of each layer but the input.
    """
    width = ACROSS * len(sizes)
    heights = [[_height(place, min(size, MOST_UNITS)) for place in range(min(size, MOST_UNITS))] for size in sizes]
    parts = []
    for layer in range(len(sizes) - 1):
        x = ACROSS * (layer + 0.5)
        parts += [
            f'<line x1="{x:.0f}" y1="{a:.0f}" x2="{x + ACROSS:.0f}" y2="{b:.0f}" stroke="currentColor" '
            'stroke-opacity="0.15"/>'
            for a in heights[layer]
            for b in heights[layer + 1]
        ]
    for layer, size in enumerate(sizes):
        x = ACROSS * (layer + 0.5)
        for place, y in enumerate(heights[layer]):
            if size > MOST_UNITS and place == MOST_UNITS // 2:
                parts.append(f'<text x="{x:.0f}" y="{y + 5:.0f}" text-anchor="middle">⋮</text>')
            else:
                parts.append(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{RADIUS}" fill="#4c78a8"/>')
        below = ["inputs", *activations][layer]
        parts.append(f'<text x="{x:.0f}" y="{HEIGHT + 16}" text-anchor="middle" font-weight="bold">{size:,}</text>')
        parts.append(f'<text x="{x:.0f}" y="{HEIGHT + 32}" text-anchor="middle">{escape(below)}</text>')
    told = f"a network of {' → '.join(f'{size:,}' for size in sizes)} units"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{told}" width="{width}" '
        f'height="{HEIGHT + 40}" viewBox="0 0 {width} {HEIGHT + 40}" font-family="sans-serif" font-size="12" '
        f'fill="currentColor">{"".join(parts)}</svg>'
    )


def _height(place: int, units: int) -> float:
    return HEIGHT * (place + 1) / (units + 1)


def curve_of(values: list[float], name: str) -> str:
    """Return an SVG of a curve over the epochs, with its first and its last value in words."""
    y = np.asarray(values, np.float64)
    y = y[np.isfinite(y)]
    if len(y) < 2:
        return ""
    shown = y[np.linspace(0, len(y) - 1, min(len(y), MOST_POINTS)).astype(int)]
    spread = float(shown.max() - shown.min()) or 1.0
    points = " ".join(
        f"{10 + 280 * place / (len(shown) - 1):.1f},{90 - 80 * (value - shown.min()) / spread:.1f}"
        for place, value in enumerate(shown)
    )
    words = f"{escape(name)}: {y[0]:.4g} → {y[-1]:.4g} in {len(y):,} epochs"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{words}" width="300" height="120" '
        'viewBox="0 0 300 120" font-family="sans-serif" font-size="12" fill="currentColor">'
        f'<polyline points="{points}" fill="none" stroke="#4c78a8" stroke-width="1.5"/>'
        f'<text x="10" y="112">{words}</text></svg>'
    )


def html_of(est: Any) -> str:
    """Return the picture of a fitted estimator, and what it has learned from, as HTML."""
    structure = est._structure
    sizes = [structure.n_inputs, *structure.layer_sizes[1:]]
    facts = f"{structure.n_parameters:,} parameters · {est.n_iter_:,} epochs · engine {est.engine_}"
    curves = curve_of([epoch.loss for epoch in est.history_], "loss")
    if getattr(est, "validation_scores_", None):
        curves += curve_of(est.validation_scores_, "validation score")
    names = [activation.name for activation in structure.activations]
    return (
        f'<div class="glassnet-network">{picture_of(sizes, names)}<div>{escape(facts)}</div><div>{curves}</div></div>'
    )

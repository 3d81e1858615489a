"""Rows and weights as images: one pixel for each number, embedded in a page as PNG."""

from __future__ import annotations

import base64
import io

import numpy as np

from glassnet._utils.arrays import Array

#: Color of the largest positive weight: blue of Okabe & Ito's palette.
POSITIVE = (0, 114, 178)
#: Color of the largest negative weight: vermilion of Okabe & Ito's palette.
NEGATIVE = (213, 94, 0)


def to_grayscale(values: Array) -> Array:
    """Return gray levels (rows, columns), uint8: 0 (or the smallest value, if negative) is white, the largest black."""
    values = np.nan_to_num(np.asarray(values, np.float64))
    low = min(float(values.min()), 0.0)
    high = float(values.max())
    return np.round(255 - 255 * (values - low) / ((high - low) or 1.0)).astype(np.uint8)


def to_diverging_colors(values: Array, limit: float = 0.0) -> Array:
    """Return colors (rows, columns, 3), uint8: white is 0, blue positive, orange negative.

    Parameters
    ----------
    values : array (rows, columns)
        The weights.
    limit : float
        The absolute value with the full color; by default the largest of the values.
    """
    values = np.nan_to_num(np.asarray(values, np.float64))
    limit = limit or float(np.abs(values).max(initial=0)) or 1.0
    strength = np.clip(np.abs(values) / limit, 0, 1)[..., np.newaxis]
    color = np.where(values[..., np.newaxis] >= 0, POSITIVE, NEGATIVE)
    return np.round(255 * (1 - strength) + color * strength).astype(np.uint8)


def png_data_uri(pixels: Array) -> str:
    """Return pixels, (rows, columns) gray or (rows, columns, 3) colors, as the data URI of a PNG."""
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()

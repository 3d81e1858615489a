"""Rows and weights as pictures inside a page: PNG as data, a pixel for each number."""

from __future__ import annotations

import base64
import io

import numpy as np

from glassnet._utils.arrays import Array

#: What a positive and a negative weight look like at their strongest: Okabe & Ito's blue and vermilion.
PLUS, MINUS = (0, 114, 178), (213, 94, 0)


def ink(values: Array) -> Array:
    """Return grey levels (rows, columns), uint8: the lowest value is paper, the highest ink."""
    values = np.nan_to_num(np.asarray(values, np.float64))
    low, high = float(values.min()), float(values.max())
    low = min(low, 0.0)
    return np.round(255 - 255 * (values - low) / ((high - low) or 1.0)).astype(np.uint8)


def weights(values: Array, reach: float = 0.0) -> Array:
    """Return colours (rows, columns, 3), uint8: white is 0, blue positive, orange negative.

    Parameters
    ----------
    values : array (rows, columns)
        The weights.
    reach : float
        The size that has the full colour; the largest of the values if not given.
    """
    values = np.nan_to_num(np.asarray(values, np.float64))
    reach = reach or float(np.abs(values).max(initial=0)) or 1.0
    strength = np.clip(np.abs(values) / reach, 0, 1)[..., np.newaxis]
    colour = np.where(values[..., np.newaxis] >= 0, PLUS, MINUS)
    return np.round(255 * (1 - strength) + colour * strength).astype(np.uint8)


def as_data(pixels: Array) -> str:
    """Return the address of a PNG that holds the pixels, (rows, columns) grey or (rows, columns, 3) colours."""
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()

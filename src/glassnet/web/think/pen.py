"""What drawing by hand needs to know of a model's pictures: how dark ink is, how large what is drawn stands in them."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.models import Model
from glassnet.visualization.plots import model_image_side

#: MNIST's makers fitted each digit into 20 of 28 pixels (LeCun, Bottou, Bengio & Haffner 1998).
MNIST_BOX = 20 / 28
#: Pictures that are looked at, and the share of full ink from which a pixel counts as inked.
FEW_PICTURES, INKED = 512, 0.25


def pen_for(model: Model, x: Array | None) -> dict[str, Any] | None:
    """Return what a drawn picture is made like; None where rows are no pictures.

    Parameters
    ----------
    model : Model
        What the picture is for.
    x : array (samples, features) or None
        Some of the rows at hand.

    Returns
    -------
    dict
        ``side``; ``low`` and ``high``, the values of paper and of full ink; ``box``, the share of the side that what is
        drawn fills; ``most``, the most ink of each pixel, where each has a scale of its own and more ink than training
        ever saw would shout everything else down, else None; ``measured``, whether that comes from rows at hand.
    """
    side = model_image_side(model)
    if not side:
        return None
    bounds: dict[str, Any] = {"side": side, "most": None, "measured": x is not None and len(x) > 0}
    if x is None or not len(x):
        high = 255.0
        if model.scaling is not None and not model.takes_bytes:
            high = float((model.scaling.offset + 2 / model.scaling.scale).max())
        return bounds | {"low": 0.0, "high": high, "box": MNIST_BOX}
    low, high = float(x.min()), float(x.max())
    if model.preprocessor.kind == "standard":
        bounds["most"] = x.max(axis=0)
    few = x[:: max(1, len(x) // FEW_PICTURES)].reshape(-1, side, side)
    return bounds | {"low": low, "high": high, "box": box_of(few > low + INKED * (high - low))}


def box_of(inked: Array) -> float:
    """Return the share of the side that what is drawn usually fills: the median of its longer extent.

    Parameters
    ----------
    inked : array of bool (pictures, side, side)
        Where there is ink.
    """
    extents = [np.zeros(0)]
    for axis in (1, 2):
        lines = np.max(inked, axis=axis)
        first, last = lines.argmax(axis=1), lines.shape[1] - 1 - lines[:, ::-1].argmax(axis=1)
        extents.append(np.where(np.max(lines, axis=1), last - first + 1, 0))
    longest = np.maximum(extents[1], extents[2])
    longest = longest[longest > 0]
    return float(np.median(longest) / inked.shape[1]) if len(longest) else MNIST_BOX

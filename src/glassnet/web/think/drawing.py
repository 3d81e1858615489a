"""Parameters of the drawing pad: pixel range and size of the drawn digit, measured on the example images."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.models import Model
from glassnet.visualization.plots import model_image_side

#: MNIST's digits were fitted into 20 of 28 pixels (LeCun, Bottou, Bengio & Haffner 1998).
MNIST_BOX = 20 / 28
#: Images that are measured.
N_IMAGES = 512
#: Share of full ink above which a pixel counts as inked.
INK_THRESHOLD = 0.25


def drawing_parameters(model: Model, x: Array | None) -> dict[str, Any] | None:
    """Return how to convert a drawing to a row; None if rows are not images.

    Parameters
    ----------
    model : Model
        The model that receives the image.
    x : array (samples, features) or None
        A sample of the example rows.

    Returns
    -------
    dict
        ``side``; ``low`` and ``high``, the values of paper and of full ink; ``box``, the share of the side that a digit
        fills; ``max_ink``, the largest value of each pixel if pixels are scaled separately (a larger value than in
        training would dominate the others), else None; ``measured``, whether the values come from example rows.
    """
    side = model_image_side(model)
    if not side:
        return None
    parameters: dict[str, Any] = {"side": side, "max_ink": None, "measured": x is not None and len(x) > 0}
    if x is None or not len(x):
        high = 255.0
        if model.scaling is not None and not model.takes_bytes:
            high = float((model.scaling.offset + 2 / model.scaling.scale).max())
        return parameters | {"low": 0.0, "high": high, "box": MNIST_BOX}
    low = float(x.min())
    high = float(x.max())
    if model.preprocessor.kind == "standard":
        parameters["max_ink"] = x.max(axis=0)
    images = x[:: max(1, len(x) // N_IMAGES)].reshape(-1, side, side)
    return parameters | {"low": low, "high": high, "box": box_share(images > low + INK_THRESHOLD * (high - low))}


def box_share(inked: Array) -> float:
    """Return the share of the side that a digit usually fills: the median of its longer extent.

    Parameters
    ----------
    inked : array of bool (images, side, side)
        Whether each pixel is inked.
    """
    extents = []
    for axis in (1, 2):
        lines = np.max(inked, axis=axis)
        first = lines.argmax(axis=1)
        last = lines.shape[1] - 1 - lines[:, ::-1].argmax(axis=1)
        extents.append(np.where(np.max(lines, axis=1), last - first + 1, 0))
    longest = np.maximum(*extents)
    longest = longest[longest > 0]
    return float(np.median(longest) / inked.shape[1]) if len(longest) else MNIST_BOX

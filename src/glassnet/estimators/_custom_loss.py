"""A loss of one's own: what it returns is looked at once, and its gradient is held to central differences."""

from __future__ import annotations

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.network.losses import Loss, as_outputs

#: Rows that are looked at, and half the distance between the two points of a difference.
ROWS, STEP = 16, 1e-5
#: How far a gradient may be off, relative to the largest: a kink near one of the points costs more than rounding.
TOLERANCE = 1e-4


def check_custom_loss(loss: Loss, truth: Array, outputs: int) -> None:
    """Refuse a loss whose gradient is not that of its value.

    Parameters
    ----------
    loss : Loss
        Of one's own.
    truth : array (samples,) or (samples, outputs)
        Of the training rows, as the network is trained on them.
    outputs : int
        Outputs of the network.

    Raises
    ------
    InputError
        If shapes are not (samples,) and (samples, outputs), or the two do not belong together: the entry that is
        furthest off is shown.
    """
    y = truth[:ROWS]
    o = np.random.default_rng(0).uniform(0.1, 0.9, (len(y), outputs))
    y = np.asarray(as_outputs(y, o), np.float64)
    value = np.asarray(loss.per_sample(o, y))
    gradient = np.asarray(loss.derivative(o.copy(), y))
    if value.shape != (len(o),):
        raise InputError(f"your loss returns shape {value.shape} for {len(o)} rows; it must be one number for each row")
    if gradient.shape != o.shape:
        raise InputError(f"the gradient of your loss has shape {gradient.shape}; it must be that of output, {o.shape}")
    expected = np.empty_like(o)
    for column in range(outputs):
        ahead = o.copy()
        behind = o.copy()
        ahead[:, column] += STEP
        behind[:, column] -= STEP
        expected[:, column] = (loss.per_sample(ahead, y) - loss.per_sample(behind, y)) / (2 * STEP)
    difference = np.abs(gradient - expected) / max(float(np.max(np.abs(expected))), 1e-8)
    row, column = divmod(int(np.argmax(difference)), outputs)
    if not difference[row, column] <= TOLERANCE:
        raise InputError(
            f"the gradient of your loss does not belong to its value: for y={y[row].tolist()} and "
            f"output={o[row].tolist()} it says {gradient[row, column]:.6g} for output {column}, and central "
            f"differences of the value say {expected[row, column]:.6g}"
        )

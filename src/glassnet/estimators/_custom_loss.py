"""Custom losses: check the shapes of their results, and their gradient against central differences."""

from __future__ import annotations

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.network.losses import Loss, as_outputs

#: Number of rows to check, and the step of the central differences.
ROWS, STEP = 16, 1e-5
#: Tolerance relative to the largest gradient; it allows for a kink of the loss near one of the points.
TOLERANCE = 1e-4


def check_custom_loss(loss: Loss, truth: Array, outputs: int) -> None:
    """Check a custom loss: raise InputError if its gradient does not match its value.

    Parameters
    ----------
    loss : Loss
        The custom loss.
    truth : array (samples,) or (samples, outputs)
        Encoded targets of the training rows.
    outputs : int
        Number of outputs of the network.

    Raises
    ------
    InputError
        If shapes are not (samples,) and (samples, outputs), or a gradient is wrong: the message shows the entry with
        the largest difference.
    """
    y = truth[:ROWS]
    o = np.random.default_rng(0).uniform(0.1, 0.9, (len(y), outputs))
    y = np.asarray(as_outputs(y, o), np.float64)

    def value_at(output: Array) -> Array:
        return np.asarray(loss.per_sample(output, y, **loss.settings))

    value = value_at(o)
    gradient = np.asarray(loss.derivative(o.copy(), y, **loss.settings))
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
        expected[:, column] = (value_at(ahead) - value_at(behind)) / (2 * STEP)
    difference = np.abs(gradient - expected) / max(float(np.max(np.abs(expected))), 1e-8)
    row, column = divmod(int(np.argmax(difference)), outputs)
    if not difference[row, column] <= TOLERANCE:
        raise InputError(
            f"the gradient of your loss does not match its value: for y={y[row].tolist()} and "
            f"output={o[row].tolist()} it says {gradient[row, column]:.6g} for output {column}, and central "
            f"differences of the value say {expected[row, column]:.6g}"
        )

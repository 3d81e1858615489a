"""Evaluate rows with an engine: outputs and loss, without changing the parameters."""

from __future__ import annotations

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.engines.interface import Engine, Rows
from glassnet.network.losses import Loss
from glassnet.network.structure import Structure

#: Rows that are copied at a time where only some rows of x are evaluated.
ROWS_AT_ONCE = 4096


def evaluate_rows(engine: Engine, structure: Structure, loss: Loss, vector: Array, rows: Rows) -> tuple[float, Array]:
    """Return the mean loss over rows, and the outputs a_L (samples, outputs)."""
    loss_input, output = loss_inputs_and_outputs(engine, structure, loss, vector, rows)
    return loss.mean(loss_input, rows.y, rows.sample_weight), output


def loss_inputs_and_outputs(
    engine: Engine, structure: Structure, loss: Loss, vector: Array, rows: Rows
) -> tuple[Array, Array]:
    """Return the input of the loss, z_L or a_L, and the outputs a_L, each (samples, outputs)."""
    last = structure.activations[-1]
    if rows.only is None:
        z = engine.outputs(vector, rows.x, pre_activation=True, scale=rows.scale)
    else:
        z = np.concatenate(
            [
                engine.outputs(
                    vector, rows.x[rows.only[first : first + ROWS_AT_ONCE]], pre_activation=True, scale=rows.scale
                )
                for first in range(0, len(rows), ROWS_AT_ONCE)
            ]
        )
    output = last.function(z)
    return z if last.name == loss.link else output, output

"""Estimates of the memory of trainings, which are reserved before anything is allocated."""

from __future__ import annotations

import numpy as np

from glassnet.network.structure import Structure
from glassnet.training import Settings

#: Copies of the parameters that a training and its snapshots hold: parameters, gradients, moments, moving average, best
#: and previous ones, temporary ones in float64. L-BFGS keeps pairs of differences in addition.
COPIES = 20
LBFGS_COPIES = 56
#: Copies of a batch's activations: of the training, of diagnostics, and of derivatives.
ACTIVATION_COPIES = 12
#: Rows that diagnostics and full-batch methods evaluate at once at least.
MIN_BATCH = 512


def training_memory(structure: Structure, settings: Settings, rows: int) -> int:
    """Estimate the bytes of a training, without its raw rows.

    Parameters
    ----------
    structure : Structure
        The network.
    settings : Settings
        With ``batch_size``, ``optimizer`` and ``dtype``.
    rows : int
        Training and validation rows.
    """
    itemsize = np.dtype(settings.dtype).itemsize
    parameters = structure.n_parameters * (itemsize * (LBFGS_COPIES if settings.full_batch else COPIES) + 8)
    batch = rows if settings.full_batch else min(rows, max(settings.batch_size, MIN_BATCH))
    activations = batch * sum(structure.layer_sizes) * itemsize * ACTIVATION_COPIES
    return parameters + activations + rows * (structure.n_inputs + structure.n_outputs) * 16


def rows_memory(rows: int, columns: int) -> int:
    """Estimate the bytes of rows: raw, selected, scaled, and split into training and validation."""
    return rows * (columns + 1) * 40

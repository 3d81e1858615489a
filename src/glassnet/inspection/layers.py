"""Activations of every layer, gradients of the loss, and saliency."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.inspection.ablation import Scale, ablation_masks
from glassnet.inspection.outputs import check_layer, check_of, check_outputs, chunks, output_gradients
from glassnet.network.backward import backward, output_gradient
from glassnet.network.forward import forward
from glassnet.network.losses import Loss, find_loss
from glassnet.network.structure import Structure
from glassnet.training.rows import check_inputs, check_rows
from glassnet.training.settings import check_output


def activations(structure: Structure, vector: Array, x: Any, scale: Scale | None = None) -> dict[str, Array]:
    """Return the pre-activations and activations of every layer for each row.

    Parameters
    ----------
    structure : Structure
        The layers.
    vector : array (n_parameters,)
        The parameters, float32 or float64.
    x : array-like or SciPy sparse matrix (samples, features)
        Finite numbers, scaled as in training; integers are not scaled.
    scale : mapping of str to mapping, optional
        Factors of single units: ``{"a1": {5: 0.0}}`` removes unit 5 (`glassnet.inspection.ablation`).

    Returns
    -------
    dict of str to array
        ``z1, a1, …, zL, aL``, each (samples, units) in the dtype of the parameters. With ``scale`` also ``h{l}``,
        the scaled activations, for each layer with a factor.

    Raises
    ------
    InputError
        If x does not fit the structure, a number is not finite (the message names row and column), or ``scale`` names
        a layer or unit that does not exist.
    """
    parameters, x = structure.views(vector), check_inputs(structure, x, vector.dtype)
    masks = ablation_masks(structure, scale, vector.dtype)
    names = [(f"{kind}{layer}", units) for layer, _, units in structure.layers() for kind in "za"]
    names += [(f"h{layer}", units) for layer, units in enumerate(structure.layer_sizes) if f"mask{layer}" in masks]
    result = {name: np.empty((x.shape[0], units), vector.dtype) for name, units in names}
    for chunk, rows in chunks(structure, x, vector.dtype):
        forward(structure, parameters, rows, masks=masks, out={name: array[chunk] for name, array in result.items()})
    return result


def gradients(
    structure: Structure, vector: Array, loss: str | Loss, x: Any, y: Any, sample_weight: Any = None
) -> dict[str, Array]:
    """Return the gradient of the mean loss over the rows, without penalties and dropout.

    Parameters
    ----------
    structure, vector, x
        As for `activations`.
    loss : str or Loss
        A name of `glassnet.network.losses.LOSSES`, or a custom loss.
    y : array-like (samples,) or (samples, outputs)
        Classes as integers from 0, or values.
    sample_weight : array-like (samples,), optional
        The weight of each row in the mean.

    Returns
    -------
    dict of str to array
        ``dW1, db1, …, dWL, dbL`` (and ``dE1, …`` of embeddings), each in the shape of its parameter, and ``dx``
        (samples, features), which is dense and 0 for embedded columns.

    Raises
    ------
    InputError
        If x, y, weights, loss and structure do not fit together.
    """
    loss = find_loss(loss)
    check_output(structure, loss)
    rows = check_rows(structure, loss, (x, y, sample_weight), vector.dtype)
    parameters = structure.views(vector)
    total = np.zeros_like(vector)
    result = structure.views(total, "d") | {"dx": np.empty((len(rows), structure.n_inputs), vector.dtype)}
    weights = rows.sample_weight
    total_weight = len(rows) if weights is None else float(np.sum(weights))
    for chunk, inputs in chunks(structure, rows.x, vector.dtype):
        w = None if weights is None else weights[chunk]
        share = (len(inputs) if w is None else float(np.sum(w))) / total_weight
        cache = forward(structure, parameters, inputs)
        dz = output_gradient(loss, structure, cache, rows.y[chunk], w)
        found = backward(structure, parameters, cache, dz, need_dx=True)
        np.multiply(found.pop("dx"), share, out=result["dx"][chunk])
        for name, gradient in found.items():
            result[name] += share * gradient
    return result


def saliency(
    structure: Structure,
    vector: Array,
    x: Any,
    output: Any = None,
    of: str = "output",
    *,
    layer: int | None = None,
    scale: Scale | None = None,
) -> Array:
    """Return the derivative of one output with respect to each input (Simonyan et al. 2013, arXiv:1312.6034).

    Parameters
    ----------
    structure, vector, x
        As for `activations`.
    output : int or array-like of int (samples,), optional
        Index of the output, from 0, for all rows or for each; by default the largest output of each row.
    of : str
        ``"output"``, the last activation a_L; ``"probability"``, the same, an error if it is no probability;
        ``"logit"``, the last pre-activation z_L, whose gradient does not vanish where a softmax saturates.
    layer : int, optional
        The layer of the unit ``output``, from 1; by default the last layer.
    scale : mapping of str to mapping, optional
        As for `activations`.

    Returns
    -------
    array (samples, features)
        With signs (the paper shows absolute values); 0 for embedded columns. In the dtype of the parameters.

    Raises
    ------
    InputError
        If x does not fit, there is no such layer or output, or ``of`` is not one of these.
    """
    masks = ablation_masks(structure, scale, vector.dtype)
    structure, vector = truncate(structure, vector, check_layer(structure, layer))
    check_of(structure, of)
    parameters, x = structure.views(vector), check_inputs(structure, x, vector.dtype)
    chosen = check_outputs(structure, output, x.shape[0])
    result = np.empty((x.shape[0], structure.n_inputs), vector.dtype)
    for chunk, rows in chunks(structure, x, vector.dtype):
        output_index = None if chosen is None else chosen[chunk]
        result[chunk] = output_gradients(structure, parameters, rows, output_index, of, masks)
    return result


def truncate(structure: Structure, vector: Array, layer: int) -> tuple[Structure, Array]:
    """Return the first layers of a network as a network; their parameters come first in the vector."""
    first = Structure(structure.layer_sizes[: layer + 1], structure.activations[:layer], structure.embeddings)
    return first, vector[: first.n_parameters]

"""The backward pass: cache and targets → dW1, db1, …, dWL, dbL, for embeddings dE1, …, and optionally dx.

For l = L … 1:  dz_l from da_l by the activation's derivative;  dW_l = h_{l-1}ᵀ dz_l;  db_l = Σ dz_l over the samples;
da_{l-1} = dz_l W_lᵀ, times the dropout mask if there is one. (Rumelhart, Hinton & Williams 1986.)
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.network.embeddings import embedding_gradients, input_gradient
from glassnet.network.forward import Cache
from glassnet.network.losses import Loss
from glassnet.network.structure import Structure


def loss_input(loss: Loss, structure: Structure, cache: Cache) -> Array:
    """Return the input of the loss: the logits z_L if the last activation is the loss's link, else a_L."""
    linked = structure.activations[-1].name == loss.link
    return cache[f"{'z' if linked else 'a'}{structure.n_layers}"]


def output_gradient(
    loss: Loss, structure: Structure, cache: Cache, y: Array, sample_weight: Array | None = None
) -> Array:
    """Return dz_L, the gradient of the mean loss with respect to the last pre-activation, with the shape of z_L."""
    return _through_activation(
        structure, cache, loss, loss.gradient(loss_input(loss, structure, cache), y, sample_weight)
    )


def loss_and_output_gradient(
    loss: Loss,
    structure: Structure,
    cache: Cache,
    y: Array,
    sample_weight: Array | None = None,
    out: Array | None = None,
) -> tuple[float, Array]:
    """Return the mean loss and dz_L in one pass.

    Parameters
    ----------
    loss, structure : Loss, Structure
        The loss and the layers.
    cache : dict of str to array
        From `forward`; where `loss_computes_output`, a_L is added to it.
    y : array (samples, outputs) or (samples,)
        The targets.
    sample_weight : array (samples,), optional
        Weights in the mean.
    out : array like z_L, optional
        Where a_L is written.
    """
    o = loss_input(loss, structure, cache)
    a = None
    if loss_computes_output(loss, structure):
        a = cache[f"a{structure.n_layers}"] = np.empty_like(o) if out is None else out
    value, gradient = loss.mean_and_gradient(o, y, sample_weight, a)
    return value, _through_activation(structure, cache, loss, gradient)


def loss_computes_output(loss: Loss, structure: Structure) -> bool:
    """Check whether `loss_and_output_gradient` also computes a_L."""
    return loss.value_and_grad is not None and structure.activations[-1].name == loss.link


def _through_activation(structure: Structure, cache: Cache, loss: Loss, gradient: Array) -> Array:
    last = structure.n_layers
    activation = structure.activations[-1]
    if activation.name in (loss.link, "identity"):
        return gradient
    return activation.derivative(gradient, cache[f"z{last}"], cache[f"a{last}"])


def backward(
    structure: Structure,
    parameters: Mapping[str, Array],
    cache: Cache,
    dz: Array,
    *,
    l1: float = 0.0,
    l2: float = 0.0,
    need_dx: bool = False,
    out: Mapping[str, Array] | None = None,
) -> dict[str, Array]:
    """Return the gradient of the objective with respect to every parameter.

    Parameters
    ----------
    structure : Structure
        The layers.
    parameters : mapping of str to array
        ``W1, b1, …``, as given to `forward`.
    cache : dict of str to array
        From `forward`; ``dz{l}`` and ``da{l}`` of every layer are added to it.
    dz : array like zL
        From `output_gradient`.
    l1, l2 : float
        Add the gradient of the penalty l1 Σ|W| + l2/2 Σ W² over the weights, without biases and embeddings.
    need_dx : bool
        Whether to return the gradient with respect to the input, ``dx``, with the shape of x; 0 for codes.
    out : mapping of str to array, optional
        Arrays to write into, by name: ``dW1, db1, …, dz1, da1, …``; missing ones are allocated.

    Returns
    -------
    dict of str to array
        ``dW{l}`` like W{l} and ``db{l}`` like b{l}, ``dE{t}`` like E{t}, and ``dx`` if ``need_dx``.
    """
    out = out or {}
    gradients: dict[str, Array] = {}
    last = structure.n_layers
    for layer in range(last, 0, -1):
        cache[f"dz{layer}"] = dz
        W = parameters[f"W{layer}"]
        given = cache.get(f"h{layer - 1}", cache[f"a{layer - 1}"])
        dW = _weight_gradient(_rows(given), _rows(dz), out.get(f"dW{layer}"))
        db = _rows(dz).sum(axis=0, out=out.get(f"db{layer}"))
        if l1:
            dW += l1 * np.sign(W)
        if l2:
            dW += l2 * W
        gradients[f"dW{layer}"] = dW
        gradients[f"db{layer}"] = db
        if layer > 1 or need_dx or structure.embeddings:
            da = np.matmul(dz, W.T, out=out.get(f"da{layer - 1}"))
            if f"mask{layer - 1}" in cache:
                da *= cache[f"mask{layer - 1}"]
            cache[f"da{layer - 1}"] = da
        if layer > 1:
            z = cache[f"z{layer - 1}"]
            a = cache[f"a{layer - 1}"]
            dz = structure.activations[layer - 2].derivative(da, z, a, out=out.get(f"dz{layer - 1}"))
    if structure.embeddings:
        gradients |= embedding_gradients(structure, cache["codes"], da, out)
    if need_dx:
        gradients["dx"] = input_gradient(structure, da) if structure.embeddings else da
    return gradients


def penalty(parameters: Mapping[str, Array], l1: float = 0.0, l2: float = 0.0) -> float:
    """Return l1 Σ|W| + l2/2 Σ W², over the weights, without biases and embeddings."""
    weights = [W for name, W in parameters.items() if name.startswith("W")]
    absolute = sum([float(np.abs(W).sum()) for W in weights]) if l1 else 0.0
    square = sum([float(np.vdot(W, W)) for W in weights]) if l2 else 0.0
    return l1 * absolute + l2 / 2 * square


def _weight_gradient(given: Array, dz: Array, out: Array | None) -> Array:
    """Return givenᵀ dz; for a single row an outer product, for which matrix multiplication is slow."""
    if len(given) == 1:
        return np.einsum("i,j->ij", given[0], dz[0], out=out)
    return np.matmul(given.T, dz, out=out)


def _rows(array: Array) -> Array:
    """Return a single sample as a batch of one."""
    return array if array.ndim > 1 else array[np.newaxis]

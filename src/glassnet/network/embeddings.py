"""Embeddings: a learned vector for each category of a column (Guo & Berkhahn 2016, arXiv:1604.06737).

A row of x is [numbers, code_1, code_2, …], and a_0 = [numbers, E_1[code_1], E_2[code_2], …], where E_t[c] is row c of
E_t. This equals a one-hot row times E_t without the multiplications by 0; so dE_t[c] is the sum of da_0, at the
units of E_t, over the samples whose code is c.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.network.structure import Structure

#: Rows whose codes are checked at a time.
CHUNK_ROWS = 4096


def look_up(
    structure: Structure, parameters: Mapping[str, Array], x: Array, out: Array | None = None
) -> tuple[Array, Array]:
    """Replace each code by its embedding.

    Parameters
    ----------
    structure : Structure
        With embeddings.
    parameters : mapping of str to array
        ``E1`` (categories, size), ….
    x : array (samples, columns) or (columns,)
        Numbers, then a column of codes for each embedding, valid by `check_codes`.
    out : array (samples, units of 0), optional
        Where a0 is written.

    Returns
    -------
    a0 : array (samples, units of 0) or (units of 0,)
        The input of the first layer.
    codes : array of int (samples, embeddings) or (embeddings,)
        For `embedding_gradients`.
    """
    numbers = structure.n_numbers
    codes = x[..., numbers:].astype(np.intp)
    if out is None:
        shape = (*x.shape[:-1], structure.layer_sizes[0])
        out = np.empty_like(x, np.result_type(x, parameters["E1"]), shape=shape)
    out[..., :numbers] = x[..., :numbers]
    for t, units in _units(structure):
        out[..., units] = parameters[f"E{t}"][codes[..., t - 1]]
    return out, codes


def embedding_gradients(
    structure: Structure, codes: Array, da0: Array, out: Mapping[str, Array] | None = None
) -> dict[str, Array]:
    """Sum da0 by code.

    Parameters
    ----------
    structure : Structure
        With embeddings.
    codes : array of int (samples, embeddings) or (embeddings,)
        From `look_up`.
    da0 : array (samples, units of 0) or (units of 0,)
        The gradient with respect to a0.
    out : mapping of str to array, optional
        Contiguous arrays to write into, by name; missing ones are allocated.

    Returns
    -------
    dict of str to array
        ``dE{t}`` like E{t}; 0 for categories that do not occur.
    """
    gradients = {}
    for t, units in _units(structure):
        dE = (out or {}).get(f"dE{t}")
        if dE is None:
            dE = np.empty_like(da0, shape=structure.shapes[f"E{t}"])
        dE[...] = 0
        # entry by entry: NumPy's add.at is up to four times slower on whole rows
        entries = codes[..., t - 1, np.newaxis] * dE.shape[1] + np.arange(dE.shape[1])
        np.add.at(dE.reshape(-1), entries.reshape(-1), da0[..., units].reshape(-1))
        gradients[f"dE{t}"] = dE
    return gradients


def input_gradient(structure: Structure, da0: Array) -> Array:
    """Return dx with the shape of x: da0 for the numbers, and 0 for the codes."""
    dx = np.zeros_like(da0, shape=(*da0.shape[:-1], structure.n_inputs))
    dx[..., : structure.n_numbers] = da0[..., : structure.n_numbers]
    return dx


def check_codes(structure: Structure, x: Any, name: str = "x", columns: Sequence[str] = ()) -> None:
    """Check that every code is one of its embedding's categories.

    Parameters
    ----------
    structure : Structure
        With or without embeddings.
    x : array or SciPy CSR matrix (samples, columns)
        Numbers, then a column of codes for each embedding.
    name : str
        The name of x in the message.
    columns : sequence of str, optional
        The names of x's columns, for the message.

    Raises
    ------
    InputError
        If a code is not a whole number from 0 to categories - 1: row, column and value are named.
    """
    if not structure.embeddings:
        return
    categories = np.array([categories for categories, _ in structure.embeddings])
    for first in range(0, x.shape[0], CHUNK_ROWS):
        codes = x[first : first + CHUNK_ROWS, structure.n_numbers :]
        codes = codes.toarray() if hasattr(codes, "toarray") else codes
        wrong = np.argwhere(~((codes >= 0) & (codes < categories) & (codes == np.floor(codes))))
        if len(wrong):
            row, t = (int(index) for index in wrong[0])
            column = structure.n_numbers + t
            named = f" (column {columns[column]!r})" if columns else ""
            raise InputError(
                f"{name}[{first + row}, {column}]{named} is {codes[row, t]}; that column holds the codes of embedding "
                f"E{t + 1}, whole numbers 0 … {categories[t] - 1}: encode the categories first"
            )


def _units(structure: Structure) -> Iterator[tuple[int, slice]]:
    """Yield for each embedding its number t = 1, 2, … and its units in a0."""
    start = structure.n_numbers
    for t, (_, size) in enumerate(structure.embeddings, start=1):
        yield t, slice(start, start + size)
        start += size

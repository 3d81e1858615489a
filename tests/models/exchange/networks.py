"""Networks to export, rows to predict, and the outputs by the reference formulas."""

from typing import Any

import numpy as np

from glassnet import Structure
from glassnet.models.exchange import Portable
from glassnet.network.forward import forward

#: float32 sums in another order, and functions rounded elsewhere, differ by some units in the last place.
CLOSE = {"float32": {"rtol": 2e-5, "atol": 2e-6}, "float64": {"rtol": 1e-11, "atol": 1e-13}}


def network(sizes: Any, activations: Any, dtype: Any = "float64", seed: int = 0) -> tuple[Structure, np.ndarray]:
    structure = Structure(sizes, activations)
    rng = np.random.default_rng(seed)
    parameters = {
        name: rng.standard_normal(shape) / (np.sqrt(shape[0]) if name[0] == "W" else 1)
        for name, shape in structure.shapes.items()
    }
    return structure, structure.flatten(parameters, dtype)


def portable(sizes: Any, activations: Any, kind: str, dtype: Any = "float64", **around: Any) -> Portable:
    return Portable(*network(sizes, activations, dtype), kind, **around)


def odd_rows(columns: int, dtype: Any) -> np.ndarray:
    """Return rows that are ordinary, zero, tiny, subnormal, huge and negative."""
    rng = np.random.default_rng(1)
    ordinary = rng.standard_normal((8, columns))
    signs = np.where(np.arange(columns) % 2, -1.0, 1.0)
    tiny = np.finfo(dtype).tiny
    odd = [np.zeros(columns), signs * 1e-12, signs * tiny, signs * tiny / 4, signs * 30, signs * 1e3, signs * -1e4]
    return np.concatenate([ordinary, odd]).astype(dtype)


def answers(portable: Portable, x: np.ndarray) -> np.ndarray:
    """Return a_L of the reference formulas for inputs x."""
    with np.errstate(under="ignore"):
        return forward(portable.structure, portable.parameters, x)[f"a{portable.structure.n_layers}"]

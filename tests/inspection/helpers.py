"""Networks and numerical gradients for the tests of inspection."""

import numpy as np

from glassnet import Structure
from glassnet.network.forward import forward

STEP = 1e-6
SMOOTH = ["tanh", "silu", "softplus", "sigmoid", "gelu", "mish"]


def example(hidden: str = "tanh", last: str = "softmax", sizes=(5, 6, 4, 3), rows: int = 7, dtype=np.float64, seed=0):
    """Return a structure, parameters and rows."""
    structure = Structure(sizes, (*[hidden] * (len(sizes) - 2), last))
    rng = np.random.default_rng(seed)
    vector = rng.standard_normal(structure.n_parameters).astype(dtype)
    return structure, vector, rng.standard_normal((rows, sizes[0])).astype(dtype)


def values(structure: Structure, vector: np.ndarray, x: np.ndarray, chosen, kind: str = "a") -> np.ndarray:
    outputs = forward(structure, structure.views(vector), x)[f"{kind}{structure.n_layers}"]
    return outputs[np.arange(len(x)), chosen]


def largest(structure: Structure, vector: np.ndarray, x: np.ndarray) -> np.ndarray:
    return forward(structure, structure.views(vector), x)[f"a{structure.n_layers}"].argmax(axis=1)


def differences(objective, x: np.ndarray) -> np.ndarray:
    """(f(x + h) - f(x - h)) / 2h of one number for each row, by each column."""
    result = np.empty(x.shape)
    for column in range(x.shape[1]):
        step = np.zeros(x.shape[1])
        step[column] = STEP
        result[:, column] = (objective(x + step) - objective(x - step)) / (2 * STEP)
    return result


def with_embeddings():
    structure = Structure((3 + 4 + 2, 8, 3), ("tanh", "softmax"), embeddings=[(5, 4), (3, 2)])
    rng = np.random.default_rng(0)
    vector = rng.standard_normal(structure.n_parameters)
    x = np.column_stack([rng.standard_normal((7, 3)), rng.integers(5, size=7), rng.integers(3, size=7)])
    return structure, vector, x

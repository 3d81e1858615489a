"""What there is to see in a model, for `glassnet.show`."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse

from glassnet.picture.sight import Answer, Sight, one_row, square_side, through


@np.errstate(over="ignore", invalid="ignore")  # a network that has diverged is shown as it is
def sight_of(model: Any, X: Any = None, row: int = 0) -> Sight:
    """Return a model's layers and, where X is given, one row's way through them; see `glassnet.picture.sight`."""
    structure, names = model.structure, _output_names(model)
    side = square_side(structure, model.feature_names, model.scaling.kind == "bytes")
    sizes = (structure, model.parameters, model.target_name, model.feature_names, names, side)
    if X is None:
        return Sight(*sizes)
    one = one_row(X, row)
    raw = np.asarray(one.toarray() if issparse(one) else one)
    cache = through(structure, model.parameters, model.inputs(raw))
    output = cache[f"a{structure.n_layers}"][np.newaxis]
    if not model.classes:
        values = np.atleast_1d(model.answers(output)[0])
        answers = [
            Answer(name, float(value), unit, False)
            for unit, (name, value) in enumerate(zip(names, values, strict=True))
        ]
        return Sight(*sizes, cache, raw[0], tuple(answers))
    sure = model.gives_probabilities
    values = model.probabilities(output)[0] if sure else output[0]
    answers = [
        Answer(name, float(value), unit, sure) for unit, (name, value) in enumerate(zip(names, values, strict=True))
    ]
    return Sight(*sizes, cache, raw[0], tuple(answers), int(np.argmax(output[0])))


def _output_names(model: Any) -> tuple[str, ...]:
    outputs = model.structure.n_outputs
    if model.classes:
        return tuple(str(label) for label in model.classes)
    return (model.target_name,) if outputs == 1 else tuple(f"{model.target_name}_{k + 1}" for k in range(outputs))

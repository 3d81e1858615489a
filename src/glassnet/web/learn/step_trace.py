"""One step, slowly: forward, loss, backward, update of the next batch, each with its numbers by its name.

Every number comes from the library's own functions, called on copies; then the training takes the step itself, and
`StepTrace.matches` says whether it came to the same parameters, to the last bit.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.engines.interface import Rows
from glassnet.engines.reference import ReferenceEngine
from glassnet.errors import InputError
from glassnet.network.backward import loss_input
from glassnet.network.losses import as_outputs
from glassnet.network.optimizers import clip_gradient
from glassnet.training import Run
from glassnet.training.learning_rate import learning_rates

#: Rows and columns of an array that are content.
MOST = 24


@dataclass(frozen=True)
class StepTrace:
    """A step that was looked at before it was taken.

    Parameters
    ----------
    content : dict
        What the page shows.
    after : array (n_parameters,)
        The parameters that it must lead to.
    step : int
        Its number in the training, from 1.
    """

    content: dict[str, Any]
    after: Array
    step: int

    def matches(self, run: Run) -> bool | None:
        """Say whether the training, at rest, came to the same parameters; None if it is not just behind this step."""
        if run.weights.state.step != self.step:
            return None
        return bool(np.array_equal(run.weights.parameters, self.after))


def trace_step(run: Run, batch: Rows | None) -> StepTrace:
    """Take the next step on copies.

    Parameters
    ----------
    run : Run
        At rest before the batch.
    batch : Rows
        What comes next.

    Raises
    ------
    InputError
        If the optimizer takes no steps by batches.
    """
    if run.settings.full_batch:
        raise InputError("L-BFGS looks at all rows several times for one step, which can't be shown batch by batch")
    if batch is None:
        raise InputError("the training is over; there is no further step")
    with np.errstate(all="ignore"):
        return _trace(run, batch)


def _trace(run: Run, batch: Rows) -> StepTrace:
    run_engine: Any = run.engine
    objective, rule = run_engine.objective, run_engine.rule
    structure, weights = run.structure, copy.deepcopy(run.weights)
    before = structure.views(run.weights.parameters.copy())
    # an engine for this step alone: its buffers hold the numbers until they are sent
    engine = ReferenceEngine(objective, rule, len(batch), weights.parameters.dtype)
    unclipped = np.empty_like(weights.parameters)
    rate = float(_rate(run))
    step = engine.train_step(
        weights, batch, rate, copy.deepcopy(run.state.rng), lambda gradient: np.copyto(unclipped, gradient)
    )
    x, cache = step.x, step.cache
    y = as_outputs(step.y, cache[f"dz{structure.n_layers}"])
    each = objective.loss.per_sample(loss_input(objective.loss, structure, cache), y, **objective.loss.settings)
    clipped = unclipped.copy()
    clip_gradient(clipped, rule.clip_norm, rule.clip_value)

    last = structure.n_layers
    stages: list[dict[str, Any]] = []
    for layer, activation in enumerate(structure.activations, start=1):
        given = f"h{layer - 1}" if f"h{layer - 1}" in cache else "x" if layer == 1 else f"a{layer - 1}"
        stages.append({"step": "forward", "name": f"z{layer}", "layer": layer, "given": given})
        stages.append({"step": "forward", "name": f"a{layer}", "layer": layer, "activation": activation.name})
    stages.append({"step": "loss", "name": "loss", "layer": last})
    for layer in range(last, 0, -1):
        stages.append({"step": "backward", "name": f"dz{layer}", "layer": layer, "through": _through(run, layer)})
        stages.append({"step": "backward", "name": f"dW{layer}", "layer": layer})
        stages.append({"step": "backward", "name": f"db{layer}", "layer": layer})
        if layer > 1:
            stages.append({"step": "backward", "name": f"da{layer - 1}", "layer": layer})
    for name in structure.shapes:
        stages.append({"step": "update", "name": name, "layer": int(name[1:])})

    arrays = {"x": x, "y": y, "each": each[:, np.newaxis]}
    arrays |= {name: cache[name] for name in cache if name[0] in "hzad" and name != "a0"}
    arrays |= before | structure.views(unclipped, "d")
    after = structure.views(weights.parameters)
    arrays |= {f"{name}.after": after[name] for name in after}
    arrays |= {f"{name}.change": after[name] - before[name] for name in after}
    if rule.clip_norm or rule.clip_value:
        arrays |= {f"{name}.clipped": array for name, array in structure.views(clipped, "d").items()}
    content = {
        "stages": stages,
        "arrays": {name: told_array(array) for name, array in arrays.items()},
        "layers": list(structure.layer_sizes),
        "activations": [activation.name for activation in structure.activations],
        "loss": step.loss,
        "mean_loss": step.mean_loss,
        "penalty": step.penalty,
        "loss_name": objective.loss.name,
        "link": objective.loss.link if structure.activations[-1].name == objective.loss.link else None,
        "optimizer": rule.optimizer.name,
        "plain": rule.optimizer.name == "gradient_descent" and not run.settings.weight_decay and rule.max_norm is None,
        "rate": rate,
        "gradient_length": step.gradient_norm,
        "rows": len(x),
        "epoch": len(run.history) + 1,
        "batch": run.state.accumulator.batches + 1,
        "batches": run.n_batches,
        "step": run.weights.state.step + 1,
    }
    return StepTrace(content, weights.parameters, run.weights.state.step + 1)


def told_array(array: Array) -> dict[str, Any]:
    """Return the first rows and columns of an array, and what there is to say of all of it.

    Returns
    -------
    dict
        ``shape``; ``values``, the first `MOST` rows and columns, row by row; ``least``, ``most``, ``length``.
    """
    table = array if array.ndim > 1 else array[np.newaxis]
    wide = table.astype(np.float64)
    return {
        "shape": list(array.shape),
        "values": table[:MOST, :MOST],
        "least": float(wide.min()),
        "most": float(wide.max()),
        "length": math.sqrt(float(np.sum(wide * wide))),
    }


def _through(run: Run, layer: int) -> str:
    """Say what dz of a layer comes from: the loss's own gradient, or da by an activation's derivative."""
    structure = run.structure
    name = structure.activations[layer - 1].name
    if layer == structure.n_layers and name in (run.loss.link, "identity"):
        return "loss"
    return name


def _rate(run: Run) -> float:
    """Return the learning rate of the next step, as `glassnet.training.loop` has it."""
    rates = learning_rates(run.settings, run.state, len(run.history), run.n_batches)
    return float(rates[run.state.accumulator.batches])

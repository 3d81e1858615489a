"""Trace one training step: forward pass, loss, backward pass and update of the next batch, with all arrays.

The step runs on copies with the reference engine. Afterwards the training takes the step itself, and
`StepTrace.matches` compares the parameters bit for bit.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
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

#: Rows and columns of an array that are returned.
MAX_EXCERPT = 24


@dataclass(frozen=True)
class StepTrace:
    """The trace of a step, made before the training takes it.

    Parameters
    ----------
    content : dict
        Stages and arrays as JSON.
    after : array (n_parameters,)
        The parameters after the step.
    step : int
        Number of the step in the training, from 1.
    """

    content: dict[str, Any]
    after: Array
    step: int

    def matches(self, run: Run) -> bool | None:
        """Check whether the paused training has the same parameters; None if it is not directly after this step."""
        if run.weights.state.step != self.step:
            return None
        return bool(np.array_equal(run.weights.parameters, self.after))


def trace_step(run: Run, batch: Rows | None) -> StepTrace:
    """Compute the next step on copies.

    Parameters
    ----------
    run : Run
        A training that is paused before the batch.
    batch : Rows
        The next batch.

    Raises
    ------
    InputError
        If the optimizer is a full-batch method, or the training is finished.
    """
    if run.settings.full_batch:
        raise InputError("L-BFGS is a full-batch method whose steps can't be traced; choose another optimizer")
    if batch is None:
        raise InputError("the training is finished; there is no next step")
    with np.errstate(all="ignore"):
        return _trace(run, batch)


def _trace(run: Run, batch: Rows) -> StepTrace:
    engine: Any = run.engine
    objective = engine.objective
    rule = engine.rule
    structure = run.structure
    weights = copy.deepcopy(run.weights)
    before = structure.views(run.weights.parameters.copy())
    # a separate engine: its buffers hold the arrays until they are sent
    reference = ReferenceEngine(objective, rule, len(batch), weights.parameters.dtype)
    unclipped = np.empty_like(weights.parameters)
    rate = float(_learning_rate(run))
    rng = copy.deepcopy(run.state.rng)
    step = reference.train_step(weights, batch, rate, rng, lambda gradient: np.copyto(unclipped, gradient))
    cache = step.cache
    y = as_outputs(step.y, cache[f"dz{structure.n_layers}"])
    loss = objective.loss.per_sample(loss_input(objective.loss, structure, cache), y, **objective.loss.settings)

    arrays = {"x": step.x, "y": y, "loss_per_sample": loss[:, np.newaxis]}
    arrays |= {name: cache[name] for name in cache if name[0] in "hzad" and name != "a0"}
    arrays |= before | structure.views(unclipped, "d")
    after = structure.views(weights.parameters)
    arrays |= {f"{name}.after": after[name] for name in after}
    arrays |= {f"{name}.change": after[name] - before[name] for name in after}
    if rule.clip_norm or rule.clip_value:
        clipped = unclipped.copy()
        clip_gradient(clipped, rule.clip_norm, rule.clip_value)
        arrays |= {f"{name}.clipped": array for name, array in structure.views(clipped, "d").items()}
    is_plain = rule.optimizer.name == "gradient_descent" and not run.settings.weight_decay and rule.max_norm is None
    number = run.weights.state.step + 1
    content = {
        "stages": _stages(run, cache),
        "arrays": {name: describe_array(array) for name, array in arrays.items()},
        "layers": list(structure.layer_sizes),
        "activations": [activation.name for activation in structure.activations],
        "loss": step.loss,
        "mean_loss": step.mean_loss,
        "penalty": step.penalty,
        "loss_name": objective.loss.name,
        "link": objective.loss.link if structure.activations[-1].name == objective.loss.link else None,
        "optimizer": rule.optimizer.name,
        "is_plain": is_plain,
        "learning_rate": rate,
        "gradient_norm": step.gradient_norm,
        "rows": len(step.x),
        "epoch": len(run.history) + 1,
        "batch": run.state.accumulator.batches + 1,
        "batches": run.n_batches,
        "step": number,
    }
    return StepTrace(content, weights.parameters, number)


def _stages(run: Run, cache: Mapping[str, Array]) -> list[dict[str, Any]]:
    """Return the stages of the step in the order of computation, each with the array that it computes."""
    structure = run.structure
    last = structure.n_layers
    stages: list[dict[str, Any]] = []
    for layer, activation in enumerate(structure.activations, start=1):
        layer_input = "x" if layer == 1 else f"a{layer - 1}"
        if f"h{layer - 1}" in cache:  # dropout
            layer_input = f"h{layer - 1}"
        stages.append({"step": "forward", "name": f"z{layer}", "layer": layer, "input": layer_input})
        stages.append({"step": "forward", "name": f"a{layer}", "layer": layer, "activation": activation.name})
    stages.append({"step": "loss", "name": "loss", "layer": last})
    for layer in range(last, 0, -1):
        source = _gradient_source(run, layer)
        stages.append({"step": "backward", "name": f"dz{layer}", "layer": layer, "source": source})
        stages.append({"step": "backward", "name": f"dW{layer}", "layer": layer})
        stages.append({"step": "backward", "name": f"db{layer}", "layer": layer})
        if layer > 1:
            stages.append({"step": "backward", "name": f"da{layer - 1}", "layer": layer})
    for name in structure.shapes:
        stages.append({"step": "update", "name": name, "layer": int(name[1:])})
    return stages


def describe_array(array: Array) -> dict[str, Any]:
    """Return an excerpt and summary of an array.

    Returns
    -------
    dict
        ``shape``; ``values``, the first `MAX_EXCERPT` rows and columns; ``min``, ``max`` and ``norm`` of all entries.
    """
    table = array if array.ndim > 1 else array[np.newaxis]
    wide = table.astype(np.float64)
    return {
        "shape": list(array.shape),
        "values": table[:MAX_EXCERPT, :MAX_EXCERPT],
        "min": float(wide.min()),
        "max": float(wide.max()),
        "norm": math.sqrt(float(np.sum(wide * wide))),
    }


def _gradient_source(run: Run, layer: int) -> str:
    """Return what dz of a layer is computed from: ``"loss"``, or the activation whose derivative multiplies da."""
    structure = run.structure
    name = structure.activations[layer - 1].name
    if layer == structure.n_layers and name in (run.loss.link, "identity"):
        return "loss"
    return name


def _learning_rate(run: Run) -> float:
    """Return the learning rate of the next step."""
    rates = learning_rates(run.settings, run.state, len(run.history), run.n_batches)
    return float(rates[run.state.accumulator.batches])

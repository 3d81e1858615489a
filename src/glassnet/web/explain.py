"""All values inside the network for one row: ``POST /api/explain``."""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from glassnet import inspection
from glassnet._utils.arrays import Array
from glassnet.engines.interface import check_finite
from glassnet.errors import InputError
from glassnet.inspection.outputs import OUTPUT_KINDS, check_outputs
from glassnet.models import Model
from glassnet.network.embeddings import look_up
from glassnet.web.errors import ApiError, truncate
from glassnet.web.predict import format_outputs
from glassnet.web.request_rows import ROW_SCHEMA, json_memory, locate_errors, parse_rows, read_json, request_schema
from glassnet.web.responses import counted_response, to_json
from glassnet.web.unit_statistics import get_unit_statistics
from glassnet.web.work import checkpoint, run_work

router = APIRouter(tags=["predictions"])

#: Maximum number of connections per layer in one response.
MAX_CONNECTIONS = 1000

_SCHEMA = {
    "type": "object",
    "required": ["row"],
    "properties": {
        "row": ROW_SCHEMA,
        "output": {"type": "integer", "minimum": 0, "description": "Index of the output; default: the largest."},
        "of": {"enum": list(OUTPUT_KINDS), "default": "output"},
        "scale": {
            "type": "object",
            "additionalProperties": {"type": "object", "additionalProperties": {"type": "number"}},
            "description": 'Factors of activations, 0 to ablate a unit: {"a1": {"5": 0.0}}.',
        },
        "n_connections": {
            "type": "integer",
            "minimum": 0,
            "maximum": MAX_CONNECTIONS,
            "default": 0,
            "description": "Number of connections per layer to return: the largest |a[i] · W[i, j]|.",
        },
        "saliency": {
            "type": "boolean",
            "default": True,
            "description": "Whether to compute it (slow).",
        },
        "unit": {
            "type": "array",
            "items": {"type": "integer"},
            "minItems": 2,
            "maxItems": 2,
            "description": "A layer (from 1) and a unit (from 0): return the gradient of its z w.r.t. the input.",
        },
    },
}


@router.post("/api/explain", openapi_extra=request_schema(_SCHEMA))
async def explain(request: Request) -> Response:
    """Return all values inside the network for one row: every z and a by name, and the saliency.

    ``saliency`` is the gradient of the chosen output with respect to each scaled input. With ``scale``, all values are
    those of the network with the scaled activations, and ``original`` is the prediction without scaling.
    ``connections`` are the ``n_connections`` strongest of each layer, ``unit_gradient`` belongs to ``unit``.
    """
    body = await request.body()
    statistics = get_unit_statistics(request)
    model = statistics.model

    def work() -> tuple[int, bytes]:
        content = read_json(body)
        if "row" not in content:
            raise ApiError(422, "invalid_input", 'row is missing; give one: {"row": […]}', expected="a row")
        x = parse_rows({"rows": [content["row"]]}, model, 1)
        with locate_errors(x, model):
            options = ExplainOptions.parse(content)
            explanation = explain_row(model, x, options)
            checkpoint()
            if options.n_connections:
                explanation["connections"] = statistics.connections(explanation, options.n_connections)
            return 1, to_json({"version": statistics.version} | explanation)

    memory = json_memory(body) + explain_memory(model)
    return counted_response(request, *await run_work(request, work, memory))


@dataclass(frozen=True)
class ExplainOptions:
    """Options of an explanation.

    Parameters
    ----------
    output : int, optional
        Index of the output; default: the largest.
    of : str
        The quantity to differentiate: see `glassnet.inspection.saliency`.
    scale : mapping, optional
        Factors of activations: see `glassnet.inspection.ablation`.
    n_connections : int
        Number of connections per layer.
    saliency : bool
        Whether to compute the saliency.
    unit : (int, int), optional
        Layer and unit whose input gradient is computed.
    """

    output: Any = None
    of: Any = "output"
    scale: Any = None
    n_connections: int = 0
    saliency: bool = True
    unit: Any = None

    @classmethod
    def parse(cls, content: dict[str, Any]) -> ExplainOptions:
        """Parse a request. What depends on the model is validated later."""
        options = cls(**{field.name: content[field.name] for field in fields(cls) if field.name in content})
        count = options.n_connections
        if not _is_integer(count) or not 0 <= count <= MAX_CONNECTIONS:
            raise _invalid("n_connections", count, f"an integer, 0 … {MAX_CONNECTIONS}")
        if not isinstance(options.saliency, bool):
            raise _invalid("saliency", options.saliency, "true or false")
        unit = options.unit
        if unit is not None and not (isinstance(unit, list) and len(unit) == 2 and all(map(_is_integer, unit))):
            raise _invalid("unit", unit, "a layer and a unit: [1, 5]")
        if not isinstance(options.of, str):
            raise _invalid("of", options.of, f"one of {', '.join(OUTPUT_KINDS)}")
        return options


def explain_memory(model: Model) -> int:
    """Estimate the bytes of an explanation: copies of the largest weights, and each value of a row as JSON."""
    sizes = model.structure.layer_sizes
    largest = max(before * after for before, after in pairwise(sizes))
    return 4 * largest * model.vector.itemsize + 500 * sum(sizes) + 200 * len(model.feature_names)


def explain_row(model: Model, x: Array, options: ExplainOptions | None = None) -> dict[str, Any]:
    """Return all values that a network computes for one raw row, x (1, features)."""
    options = ExplainOptions() if options is None else options
    structure = model.structure
    inputs = model.inputs(x)
    output = options.output
    if output is not None and not _is_integer(output):
        raise InputError(f"output is {truncate(output)!r}; it must be an integer, 0 … {structure.n_outputs - 1}")
    with np.errstate(over="ignore", invalid="ignore"):  # non-finite values are reported below
        layers = inspection.activations(structure, model.vector, inputs, options.scale)
    last = layers[f"a{structure.n_layers}"]
    check_outputs(structure, output, 1)
    chosen = int(np.argmax(last[0])) if output is None else output
    content = {"row": dict(zip(model.feature_names, x[0].tolist(), strict=True)), "x": inputs[0]}
    if structure.embeddings:
        content["a0"] = look_up(structure, model.parameters, inputs[0])[0]
    content |= {name: values[0] for name, values in layers.items()}
    content |= {"output": chosen, "of": options.of}
    check_finite(last)
    prediction = _prediction(format_outputs(model, last.copy()))
    if options.scale is not None:
        original = model.outputs(x)
        content["original"] = {"outputs": original[0].copy()} | _prediction(format_outputs(model, original))
    content |= _gradients(model, inputs, chosen, options)
    return {"target": model.target_name, "classes": model.classes} | prediction | content


def _gradients(model: Model, inputs: Array, output: int, options: ExplainOptions) -> dict[str, Any]:
    """Return the requested gradients with respect to the inputs (1, features)."""
    found: dict[str, Any] = {}
    arguments = model.structure, model.vector, inputs
    if options.saliency:
        gradient = inspection.saliency(*arguments, output, options.of, scale=options.scale)
        found["saliency"] = dict(zip(model.input_names, gradient[0], strict=True))
    if options.unit is not None:
        layer, unit = options.unit
        found["unit_gradient"] = inspection.saliency(*arguments, unit, "logit", layer=layer, scale=options.scale)[0]
    return found


def _prediction(formatted: dict[str, Any]) -> dict[str, Any]:
    """Return the prediction of the single row."""
    probabilities = formatted["probabilities"][0] if "probabilities" in formatted else None
    return {"prediction": formatted["predictions"][0], "probabilities": probabilities}


def _invalid(name: str, value: Any, expected: str) -> ApiError:
    message = f"{name} is {truncate(value)!r}; give {expected}"
    return ApiError(422, "invalid_input", message, value=value, expected=expected)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)

"""Description of the model: ``GET /api/model``."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from glassnet._version import __version__
from glassnet.models import Model
from glassnet.visualization.plots import model_image_side
from glassnet.web.app_state import AppState, AppStateDep, Examples, ModelSnapshot, file_name
from glassnet.web.responses import json_response
from glassnet.web.work import run_work

router = APIRouter()


@router.get("/api/model", tags=["model"])
async def model(request: Request, state: AppStateDep) -> Response:
    """Describe the model: columns, classes, layers, settings, training history; and the available rows."""
    snapshot = state.snapshot()
    size = 400 * (
        2 * len(snapshot.model.feature_names) + len(snapshot.model.classes) + 10 * len(snapshot.model.history)
    )
    return await run_work(request, lambda: json_response(describe_snapshot(snapshot, state)), size)


def describe_snapshot(snapshot: ModelSnapshot, state: AppState) -> dict[str, Any]:
    """Return model, rows and limits as plain values."""
    content = {
        "name": snapshot.name,
        "version": snapshot.version,
        "read_only": state.read_only,
        "limits": {"rows": state.limits.rows, "body": state.limits.body},
        "examples": None if snapshot.examples is None else describe_examples(snapshot.examples),
        "training_rows": None if snapshot.training is None else len(snapshot.training),
    }
    return content | describe_model(snapshot.model)


def describe_examples(examples: Examples) -> dict[str, Any]:
    """Return source and number of rows as plain values."""
    return {
        "source": file_name(examples.table.source),
        "rows": len(examples),
        "has_target": examples.y is not None,
        "held_out": examples.held_out,
    }


def describe_model(model: Model) -> dict[str, Any]:
    """Return a model's properties as plain values."""
    structure = model.structure
    side = model_image_side(model)
    return {
        "task": model.task,
        "target": model.target_name,
        "features": list(model.feature_names),
        "inputs": list(model.input_names),
        "classes": list(model.classes),
        "image_shape": [side, side] if side else None,
        "layer_sizes": list(structure.layer_sizes),
        "embeddings": [list(shape) for shape in structure.embeddings],
        "activations": [activation.name for activation in structure.activations],
        "parameters": structure.n_parameters,
        "dtype": model.vector.dtype.name,
        "probabilities": model.gives_probabilities,
        "preprocessing": _preprocessing(model),
        "settings": model.settings.as_json(),
        "history": [epoch.known() for epoch in model.history],
        "metadata": {**model.metadata, "source": file_name(str(model.metadata.get("source", "")))},
        "glassnet": __version__,
    }


def _preprocessing(model: Model) -> dict[str, Any]:
    """Return the kind of preprocessing and, for numeric features, offset and scale of each column."""
    scaling = model.scaling
    if scaling is None:
        return {"kind": model.preprocessor.kind, "offset": None, "scale": None}
    return {"kind": scaling.kind, "offset": scaling.offset, "scale": scaling.scale}

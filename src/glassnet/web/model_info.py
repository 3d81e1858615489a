"""The model as it is: ``GET /api/model``; and whether the server is well: ``GET /healthz``."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from glassnet._version import __version__
from glassnet.models import Model
from glassnet.visualization.plots import model_image_side
from glassnet.web.app_state import AppStateDep, last_part
from glassnet.web.responses import answer

router = APIRouter()


@router.get("/api/model", tags=["model"])
def model(workshop: AppStateDep) -> Response:
    """Tell what model answers here: its columns, classes, layers, how it was trained, and which rows are at hand."""
    examples, training = workshop.examples, workshop.training
    return answer(
        {
            "name": workshop.name,
            "version": workshop.version,
            "read_only": workshop.read_only,
            "limits": {"rows": workshop.limits.rows, "body": workshop.limits.body},
            "examples": None
            if examples is None
            else {
                "source": last_part(examples.table.source),
                "rows": len(examples),
                "has_target": examples.y is not None,
                "unseen": examples.unseen,
            },
            "training_rows": None if training is None else len(training),
        }
        | describe(workshop.model)
    )


def describe(model: Model) -> dict[str, Any]:
    """Return what is known of a model as plain values."""
    structure = model.structure
    side = model_image_side(model)
    return {
        "task": model.task,
        "target": model.target_name,
        "features": list(model.feature_names),
        "classes": list(model.classes),
        "picture": [side, side] if side else None,
        "layer_sizes": list(structure.layer_sizes),
        "tables": [list(table) for table in structure.tables],
        "activations": [activation.name for activation in structure.activations],
        "parameters": structure.n_parameters,
        "dtype": model.vector.dtype.name,
        "probabilities": model.gives_probabilities,
        "scaling": _preprocessing(model),
        "settings": model.settings.as_json(),
        "history": [epoch.known() for epoch in model.history],
        "facts": {**model.metadata, "source": last_part(str(model.metadata.get("source", "")))},
        "glassnet": __version__,
    }


def _preprocessing(model: Model) -> dict[str, Any]:
    """Return the kind of preprocessing and, of numbers, what is subtracted from each column and multiplied by."""
    scaling = model.scaling
    if scaling is None:
        return {"kind": model.preprocessor.kind, "offset": None, "scale": None}
    return {"kind": scaling.kind, "offset": scaling.offset, "scale": scaling.scale}

"""State of a training as JSON for the page: metrics, decision boundary, activations of units, weights."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.data import features
from glassnet.models import Model
from glassnet.models.fitting import PreparedData, take_rows
from glassnet.models.network_view import image_side
from glassnet.network.forward import Cache, forward
from glassnet.training import Run
from glassnet.web.learn.diagnostics import diagnose_layers, diagnostic_rows
from glassnet.web.learn.hints import find_hints
from glassnet.web.learn.training_rows import TrainingRows
from glassnet.web.work import checkpoint

#: Grid points along a side of the plane for the decision boundary, and for the activations of each unit.
BOUNDARY_GRID = 80
UNIT_GRID = 20
#: Grid points that are evaluated at once.
GRID_ROWS = 512
#: Half the side of the square that is drawn.
EXTENT = 1.3
#: Units per layer that are shown, and rows and columns of a weight matrix.
MAX_UNITS = 12
MAX_WEIGHTS = 64
#: First-layer units whose weights are shown as images, and sample rows that are: images of classes, or values.
MAX_WEIGHT_IMAGES = 32
MAX_IMAGE_SAMPLES = 15
MAX_VALUE_SAMPLES = 200


class SnapshotBuilder:
    """Build snapshots of one training.

    Parameters
    ----------
    ready, run, rows
        The training, as returned by `glassnet.web.learn.plan.prepare_training`.
    """

    def __init__(self, ready: PreparedData, run: Run, rows: TrainingRows) -> None:
        self.ready = ready
        self.run = run
        self.rows = rows
        self._diagnostic_rows = diagnostic_rows(run)
        self._before = run.weights.parameters.copy()
        self._has_update = False
        self._norms: list[dict[str, list[float]]] = []
        self._grid = plane_grid(ready.untrained, run) if rows.is_plane else None
        names = ready.untrained.feature_names
        self._side = image_side(run.structure, names, ready.untrained.preprocessor.kind == "bytes")
        candidates = ready.validation_rows if len(ready.validation_rows) else ready.training_rows
        self._samples = candidates[: self._n_samples()]

    def _n_samples(self) -> int:
        if not self.ready.untrained.classes:
            return MAX_VALUE_SAMPLES
        return MAX_IMAGE_SAMPLES if self._side else 0

    def record_batch(self) -> None:
        """Record the parameters before a batch, to compute the update afterwards."""
        np.copyto(self._before, self.run.weights.parameters)
        self._has_update = True

    def record_epoch(self) -> None:
        """Record the norms of gradients and updates at the end of an epoch."""
        layers, _ = diagnose_layers(self.run, self._diagnostic_rows, self._before)
        norms = {name: [getattr(layer, name) for layer in layers] for name in ("gradient", "update", "weights")}
        self._norms.append(norms)

    def build(self, state: str, error: str = "", final: Array | None = None) -> dict[str, Any]:
        """Return a snapshot; the training must be paused.

        Parameters
        ----------
        state, error : str
            State of the session, included as they are.
        final : array (n_parameters,), optional
            The parameters of the finished model; default: the current ones.
        """
        run = self.run
        structure = run.structure
        parameters = run.parameters if final is None else structure.views(final)
        before = self._before if self._has_update else run.weights.parameters
        layers, _ = diagnose_layers(run, self._diagnostic_rows, before)
        accumulator = run.state.accumulator
        settings = run.settings
        rate = None if settings.full_batch else settings.learning_rate
        snapshot = {
            "state": state,
            "error": error,
            "stop_reason": run.stop_reason,
            "message": run.message,
            "epoch": len(run.history),
            "epochs": settings.epochs,
            "batch": accumulator.batches,
            "batches": run.n_batches,
            "best_epoch": run.best_epoch,
            "final_epoch": None if final is None else run.result()[1],
            "running_loss": accumulator.loss / accumulator.rows if accumulator.rows else None,
            "metric": run.metric.name,
            "layers": [layer.as_json() for layer in layers],
            "hints": [hint.as_json() for hint in find_hints(run.history, layers, run.stop_reason, rate)],
            "weights": [_matrix(parameters[f"W{layer}"]) for layer, _, _ in structure.layers()],
            "weight_images": self._weight_images(parameters["W1"]),
        }
        if self._grid is not None:
            snapshot["plane"] = self._plane(parameters, self._grid)
        if len(self._samples):
            snapshot["predictions"] = self._predictions(parameters)
        return snapshot

    def history(self, first: int) -> list[dict[str, Any]]:
        """Return the epochs from an index on (from 0), each with the norms of its layers."""
        epochs = self.run.history[first:]
        return [epoch.known() | norms for epoch, norms in zip(epochs, self._norms[first:], strict=False)]

    def samples(self) -> dict[str, Any] | None:
        """Return sample rows as images, one byte per pixel, with their classes; None if rows are no images."""
        if not len(self._samples) or not self.ready.untrained.classes:
            return None
        model = self.ready.untrained
        x = np.asarray(features(self.rows.table.take(self._samples), model.feature_names), np.float64)
        scale = max(float(np.abs(x).max()), 1e-300)
        classes = model.encode(self.rows.y[self._samples])
        return {"side": self._side, "values": _bytes(255 * np.clip(x / scale, 0, 1)), "actual": classes}

    def targets(self) -> Array | None:
        """Return the targets of the sample rows for regression; None for classes."""
        if not len(self._samples) or self.ready.untrained.classes:
            return None
        return np.asarray(self.rows.y[self._samples], np.float64)

    def _predictions(self, parameters: dict[str, Array]) -> Array:
        """Return the predicted class index, or value, of each sample row."""
        model = self.ready.untrained
        x = model.inputs(take_rows(self.rows.x, self._samples))
        with np.errstate(all="ignore"):
            cache = forward(self.run.structure, parameters, x)
        output = cache[f"a{self.run.structure.n_layers}"]
        if model.classes:
            return np.argmax(output, axis=1)
        with np.errstate(all="ignore"):
            values = output if model.target.scaling is None else model.target.scaling.inverse_transform(output)
        return values[:, values.shape[1] // 2]  # the middle quantile

    def _plane(self, parameters: dict[str, Array], grid: Array) -> dict[str, Any]:
        """Return the outputs and the activations of the hidden units over the plane."""
        structure = self.run.structure
        shown = {f"a{layer}": slice(MAX_UNITS) for layer in range(1, structure.n_layers)}
        shown[f"a{structure.n_layers}"] = slice(None)
        parts: dict[str, list[Array]] = {name: [] for name in shown}
        for start in range(0, len(grid), GRID_ROWS):
            checkpoint()
            with np.errstate(all="ignore"):
                cache = forward(structure, parameters, grid[start : start + GRID_ROWS])
            for name, units in shown.items():
                parts[name].append(cache[name][:, units])
        whole = {name: np.concatenate(arrays) for name, arrays in parts.items()}
        return {
            "side": BOUNDARY_GRID,
            "extent": EXTENT,
            "scores": class_scores(self.ready.untrained, whole),
            "units": [_unit_activations(whole[f"a{layer}"]) for layer in range(1, structure.n_layers)],
        }

    def _weight_images(self, W1: Array) -> dict[str, Any] | None:
        """Return the weights of the first units as images; None if rows are no images."""
        if not self._side:
            return None
        W = W1[:, :MAX_WEIGHT_IMAGES].T
        return {"side": self._side, "count": len(W), "units": W1.shape[1], "values": encode_signed(W)}


def plane_grid(model: Model, run: Run) -> Array:
    """Return the scaled grid points of the plane, row by row from the top: (BOUNDARY_GRID², 2)."""
    axis = np.linspace(-EXTENT, EXTENT, BOUNDARY_GRID)
    x, y = np.meshgrid(axis, axis[::-1])
    return model.preprocessor.transform(np.column_stack([x.ravel(), y.ravel()]), run.weights.parameters.dtype)


def class_scores(model: Model, cache: Cache) -> str:
    """Return the score of the second class at each point, one byte each, 128 if the classes are tied, in base64."""
    last = model.structure.n_layers
    output = np.nan_to_num(cache[f"a{last}"].astype(np.float64))
    if model.structure.activations[-1].name in ("softmax", "sigmoid"):
        score = output[:, 1] / np.maximum(output[:, 0] + output[:, 1], 1e-300)
    else:
        score = (output[:, 1] - output[:, 0] + 1) / 2  # outputs whose targets are 0 and 1
    return _bytes(np.clip(score, 0, 1) * 255)


def encode_signed(rows: Array) -> str:
    """Return each row as bytes around 128, scaled so that its largest absolute entry is 1 or 255, in base64."""
    wide = np.nan_to_num(np.asarray(rows, np.float64))
    scale = np.abs(wide).max(axis=-1, keepdims=True)
    return _bytes(128 + 127 * wide / np.where(scale > 0, scale, 1))


def _unit_activations(activations: Array) -> str:
    """Return activations over the plane, (BOUNDARY_GRID², units), as `encode_signed` rows: (units, UNIT_GRID²)."""
    step = BOUNDARY_GRID // UNIT_GRID
    a = activations.reshape(BOUNDARY_GRID, BOUNDARY_GRID, -1)
    a = a[step // 2 :: step, step // 2 :: step]
    return encode_signed(np.moveaxis(a, -1, 0).reshape(a.shape[-1], -1))


def _matrix(W: Array) -> dict[str, Any]:
    """Return the first rows and columns of a weight matrix as `encode_signed` bytes with a common scale."""
    part = W[:MAX_WEIGHTS, :MAX_WEIGHTS]
    return {
        "total_rows": W.shape[0],
        "total_columns": W.shape[1],
        "rows": part.shape[0],
        "columns": part.shape[1],
        "scale": float(np.abs(part).max()),
        "values": encode_signed(part.reshape(1, -1)),
    }


def _bytes(values: Array) -> str:
    return base64.b64encode(np.rint(values).astype(np.uint8).tobytes()).decode()

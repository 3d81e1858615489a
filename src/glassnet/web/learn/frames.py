"""How a training stands, as the page draws it: figures, the decision boundary, units, weights."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.models import Model
from glassnet.models.fitting import PreparedData
from glassnet.models.network_view import image_side
from glassnet.network.forward import Cache, forward
from glassnet.training import Run
from glassnet.web.learn.diagnostics import layers_of, some_rows
from glassnet.web.learn.hints import hints
from glassnet.web.learn.rows import RowsToLearn

#: Points along a side of the plane, for the boundary and, every fourth of them, for what each unit answers there.
BOUNDARY, UNIT = 80, 20
#: Half the side of the square of the plane that is drawn.
REACH = 1.3
#: Units of a layer that are shown, and rows and columns of a W.
MAX_UNITS, MAX_WEIGHTS = 12, 64
#: Units of the first layer whose weights are shown as pictures, and rows that are, with what the network says of them;
#: and rows whose values are drawn beside what it says of them.
MAX_PICTURES, MAX_SAMPLES, MAX_VALUES = 32, 15, 200


class Looks:
    """Looks at one training.

    Parameters
    ----------
    ready, run, rows
        The training, as `glassnet.web.learn.plan.made` returns it.
    """

    def __init__(self, ready: PreparedData, run: Run, rows: RowsToLearn) -> None:
        self.ready, self.run, self.rows = ready, run, rows
        self._few = some_rows(run)
        self._before = run.weights.parameters.copy()
        self._moved = False
        self._norms: list[dict[str, list[float]]] = []
        self._grid = plane_grid(ready.untrained, run) if rows.is_plane else None
        names, kind = ready.untrained.feature_names, ready.untrained.preprocessor.kind
        self._side = image_side(run.structure, names, kind == "bytes")
        shown = ready.validation_rows if len(ready.validation_rows) else ready.training_rows
        most = MAX_VALUES if not ready.untrained.classes else MAX_SAMPLES if self._side else 0
        self._shown = shown[:most]

    def note_batch(self) -> None:
        """Note the parameters before a batch, with which those after it are compared."""
        np.copyto(self._before, self.run.weights.parameters)
        self._moved = True

    def note_epoch(self) -> None:
        """Note how long gradients and updates are at the end of an epoch."""
        layers, _ = layers_of(self.run, self._few, self._before)
        norms = {name: [getattr(layer, name) for layer in layers] for name in ("gradient", "update", "weights")}
        self._norms.append(norms)

    def frame(self, state: str, fault: str = "", kept: Array | None = None) -> dict[str, Any]:
        """Return how things stand; the training must be at rest.

        Parameters
        ----------
        state, fault : str
            Told as they are.
        kept : array (n_parameters,), optional
            At the end, the parameters that the model has; the present ones if not given.
        """
        run, structure = self.run, self.run.structure
        parameters = run.parameters if kept is None else structure.views(kept)
        before = self._before if self._moved else run.weights.parameters
        layers, _ = layers_of(run, self._few, before)
        accumulator, settings = run.state.accumulator, run.settings
        rate = None if settings.full_batch else settings.learning_rate
        seen = {
            "state": state,
            "fault": fault,
            "stop_reason": run.stop_reason,
            "message": run.message,
            "epoch": len(run.history),
            "epochs": settings.epochs,
            "batch": accumulator.batches,
            "batches": run.n_batches,
            "best_epoch": run.best_epoch,
            "kept_epoch": None if kept is None else run.result()[1],
            "loss_so_far": accumulator.loss / accumulator.rows if accumulator.rows else None,
            "metric": run.metric.name,
            "layers": [layer.as_json() for layer in layers],
            "hints": [hint.as_json() for hint in hints(run.history, layers, run.stop_reason, rate)],
            "weights": [_matrix(parameters[f"W{layer}"]) for layer, _, _ in structure.layers()],
            "pictures": self._pictures(parameters["W1"]),
        }
        if self._grid is not None:
            seen["plane"] = self._plane(parameters)
        if len(self._shown):
            seen["answers"] = self._answers(parameters)
        return seen

    def history(self, first: int) -> list[dict[str, Any]]:
        """Return the epochs from that place on (0 is the first), each with the norms of its layers."""
        known = self.run.history[first:]
        return [epoch.known() | norms for epoch, norms in zip(known, self._norms[first:], strict=False)]

    def samples(self) -> dict[str, Any] | None:
        """Return a few rows as pictures, a byte a pixel, with their classes, where rows are pictures of classes."""
        if not len(self._shown) or not self.ready.untrained.classes:
            return None
        x = np.asarray(self.rows.x[self._shown], np.float64)
        reach = max(float(np.abs(x).max()), 1e-300)
        truth = self.ready.untrained.encode(self.rows.y[self._shown])
        return {"side": self._side, "values": _bytes(255 * np.clip(x / reach, 0, 1)), "truth": truth}

    def targets(self) -> Array | None:
        """Return what a few rows are, where they are values."""
        if not len(self._shown) or self.ready.untrained.classes:
            return None
        return np.asarray(self.rows.y[self._shown], np.float64)

    def _answers(self, parameters: dict[str, Array]) -> Array:
        """Return the number of the class that the network sees in each of `samples`, or the value for `targets`."""
        model = self.ready.untrained
        x = model.preprocessor.transform(np.asarray(self.rows.x[self._shown]), self.run.weights.parameters.dtype)
        with np.errstate(all="ignore"):
            cache = forward(self.run.structure, parameters, x)
        output = cache[f"a{self.run.structure.n_layers}"]
        if model.classes:
            return np.argmax(output, axis=1)
        with np.errstate(all="ignore"):
            values = output if model.target.scaling is None else model.target.scaling.inverse_transform(output)
        return values[:, values.shape[1] // 2]  # of quantiles the middle one

    def _plane(self, parameters: dict[str, Array]) -> dict[str, Any]:
        """Return what the network says all over the plane, and each unit of the hidden layers."""
        structure = self.run.structure
        with np.errstate(all="ignore"):
            cache = forward(structure, parameters, self._grid)  # type: ignore[arg-type]  # there is one: a plane is shown
        units = [_over_the_plane(cache, layer) for layer in range(1, structure.n_layers)]
        return {"side": BOUNDARY, "reach": REACH, "leaning": leaning(self.ready.untrained, cache), "units": units}

    def _pictures(self, W1: Array) -> dict[str, Any] | None:
        """Return the weights into the first units, each as a picture, where a row is one."""
        if not self._side:
            return None
        W = W1[:, :MAX_PICTURES].T
        return {"side": self._side, "count": len(W), "units": W1.shape[1], "values": signed(W)}


def plane_grid(model: Model, run: Run) -> Array:
    """Return the points of the plane at which the network is asked, scaled, row by row from above: (BOUNDARY², 2)."""
    along = np.linspace(-REACH, REACH, BOUNDARY)
    x, y = np.meshgrid(along, along[::-1])
    return model.preprocessor.transform(np.column_stack([x.ravel(), y.ravel()]), run.weights.parameters.dtype)


def leaning(model: Model, cache: Cache) -> str:
    """Return how far each point leans to the second class, a byte each, 128 for neither, in base64."""
    last = model.structure.n_layers
    output = np.nan_to_num(cache[f"a{last}"].astype(np.float64))
    if model.structure.activations[-1].name in ("softmax", "sigmoid"):
        share = output[:, 1] / np.maximum(output[:, 0] + output[:, 1], 1e-300)
    else:
        share = (output[:, 1] - output[:, 0] + 1) / 2  # outputs that aim at 0 and 1
    return _bytes(np.clip(share, 0, 1) * 255)


def signed(rows: Array) -> str:
    """Return each row as bytes about 128, its largest entry, up or down, being 1 or 255, in base64."""
    wide = np.nan_to_num(np.asarray(rows, np.float64))
    reach = np.abs(wide).max(axis=-1, keepdims=True)
    return _bytes(128 + 127 * wide / np.where(reach > 0, reach, 1))


def _over_the_plane(cache: Cache, layer: int) -> str:
    """Return what the first units of a layer answer over the plane: (units, UNIT, UNIT) as `signed` rows."""
    step = BOUNDARY // UNIT
    grid = cache[f"a{layer}"].reshape(BOUNDARY, BOUNDARY, -1)[step // 2 :: step, step // 2 :: step, :MAX_UNITS]
    return signed(np.moveaxis(grid, -1, 0).reshape(grid.shape[-1], -1))


def _matrix(W: Array) -> dict[str, Any]:
    """Return the first rows and columns of a W, as `signed` bytes of the whole of it."""
    cut = W[:MAX_WEIGHTS, :MAX_WEIGHTS]
    reach = float(np.abs(cut).max())
    return {
        "name_rows": W.shape[0],
        "name_columns": W.shape[1],
        "rows": cut.shape[0],
        "columns": cut.shape[1],
        "reach": reach,
        "values": signed(cut.reshape(1, -1)),
    }


def _bytes(values: Array) -> str:
    return base64.b64encode(np.rint(values).astype(np.uint8).tobytes()).decode()

"""A model: the network, the scaling of its features, the names of its columns and classes, and how it came to be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import issparse

from glassnet._utils.arrays import Array
from glassnet.engines.interface import MAX_ACTIVATIONS, check_finite, looks_finite
from glassnet.engines.reference import ReferenceEngine
from glassnet.errors import InputError
from glassnet.models.exchange.portable import MULTICLASS, Portable, as_labels
from glassnet.network.embeddings import check_codes
from glassnet.network.losses import as_outputs
from glassnet.network.structure import Structure
from glassnet.preprocessing.scaling import Scaling
from glassnet.training.evaluate_rows import evaluate_rows, loss_inputs_and_outputs
from glassnet.training.history import Epoch
from glassnet.training.rows import check_rows
from glassnet.training.settings import Settings

if TYPE_CHECKING:
    from glassnet.models.network_view import NetworkView

CLASSIFICATION, REGRESSION = "classification", "regression"


@dataclass(frozen=True)
class Model:
    """A network that takes raw rows.

    Parameters
    ----------
    structure : Structure
        The layers.
    vector : array (n_parameters,)
        The parameters, float32 or float64.
    scaling : Scaling
        From raw features to the network's inputs; it leaves codes of tables as they are.
    feature_names : tuple of str
        The columns, in the order in which `predict` takes them.
    target_name : str
        What is predicted.
    task : str
        ``"classification"`` or ``"regression"``.
    classes : tuple of str or int
        The class of each output; empty for regression.
    target_scaling : Scaling, optional
        For regression: from raw targets to the network's outputs.
    settings : Settings
        How it was trained.
    history : tuple of Epoch
        Every epoch of the training.
    facts : mapping
        What else is known of the training: metric, engine, best epoch, why it ended, rows, the data's source, version.
    """

    structure: Structure
    vector: Array
    scaling: Scaling
    feature_names: tuple[str, ...]
    target_name: str
    task: str
    classes: tuple[str | int, ...] = ()
    target_scaling: Scaling | None = None
    settings: Settings = field(default_factory=Settings)
    history: tuple[Epoch, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, Array]:
        """The parameters by name: ``W1`` (features, units), ``b1`` (units,), …, views of `vector`."""
        return self.structure.views(self.vector)

    def inputs(self, x: Any) -> Array:
        """Check and scale raw rows.

        Parameters
        ----------
        x : array-like or SciPy sparse matrix (samples, features)
            Raw rows, columns as in `feature_names`.

        Returns
        -------
        array or SciPy CSR matrix (samples, features)
            What the first layer is given.

        Raises
        ------
        InputError
            If the shape is another, an entry is not a finite number or a table has no such code (row and column named).
        """
        raw = x.tocsr() if issparse(x) else np.asarray(x)
        wanted = len(self.feature_names)
        if raw.ndim != 2 or raw.shape[1] != wanted:
            raise InputError(f"x has shape {raw.shape}; this model needs (samples, {wanted})")
        if raw.dtype.kind not in "fiub":
            raise InputError(f"x has dtype {raw.dtype}; it must hold numbers")
        scaled = self._scaled(self.scaling, raw)
        if raw.dtype.kind == "f":
            place = _not_finite(scaled)
            if place is not None:
                row, column = place
                name, value = self.feature_names[column], raw[row, column]
                why = f"that is too large for {scaled.dtype}" if np.isfinite(value) else "it must be a finite number"
                raise InputError(f"x[{row}, {column}] (column {name!r}) is {value}; {why}")
        check_codes(self.structure, scaled, "x", self.feature_names)
        return scaled

    def _scaled(self, scaling: Scaling, raw: Array) -> Array:
        """Scale rows to the parameters' dtype; what is too large for it becomes infinite, for the caller to tell."""
        with np.errstate(over="ignore", invalid="ignore"):
            return scaling.transform(raw, self.vector.dtype)

    def outputs(self, x: Any) -> Array:
        """Return the network's outputs a_L for raw rows: (samples, outputs).

        Raises
        ------
        InputError
            As `inputs`, or if an output is not finite.
        """
        return self._outputs(self.inputs(x))

    def _outputs(self, inputs: Array) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):  # told below
            output = self._engine.outputs(self.vector, inputs)
        check_finite(output)
        return output

    def predict_proba(self, x: Any) -> Array:
        """Return the probability of each class: (samples, classes), rows sum to 1.

        A softmax output is that already; separate yes-or-no outputs are scaled to sum to 1, and outputs that are no
        probabilities (hinge, squared error) are refused.

        Raises
        ------
        InputError
            If the model has no probabilities to give.
        """
        if not self.gives_probabilities:
            last = self.structure.activations[-1].name
            raise InputError(f"this {self.task} model with a {last} output gives no probabilities; use predict")
        return self.probabilities(self.outputs(x))

    @property
    def gives_probabilities(self) -> bool:
        """Whether the model has probabilities to give."""
        return self.task == CLASSIFICATION and self.structure.activations[-1].name in ("softmax", "sigmoid")

    def probabilities(self, output: Array) -> Array:
        """Return what `predict_proba` says, of `outputs` that are there already."""
        if self.structure.activations[-1].name == "sigmoid":
            output = np.maximum(output, np.finfo(output.dtype).tiny)
            output /= output.sum(axis=1, keepdims=True)
        return output

    def predict(self, x: Any) -> Array:
        """Return the most likely class of each row (samples,), or its value, (samples, outputs) if it has several."""
        inputs = self.inputs(x)
        if self.task != CLASSIFICATION:
            return self.answers(self._outputs(inputs))
        # the outputs of a few rows at a time: of a million classes those of all rows would fill the memory
        most = max(1, MAX_ACTIVATIONS // len(self.classes))
        best = [np.argmax(self._outputs(inputs[n : n + most]), axis=1) for n in range(0, inputs.shape[0], most)]
        return self.labels[np.concatenate([*best, np.empty(0, np.intp)])]

    def answers(self, output: Array) -> Array:
        """Return what `predict` says, of `outputs` that are there already."""
        if self.task == CLASSIFICATION:
            return self.labels[np.argmax(output, axis=1)]
        values = output
        if self.target_scaling is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                values = self.target_scaling.inverse_transform(output)
            check_finite(values)
        return values[:, 0] if values.shape[1] == 1 else values

    @property
    def labels(self) -> Array:
        """The classes as an array (classes,): numbers, or object for text."""
        return np.array(self.classes, dtype=object if any(isinstance(c, str) for c in self.classes) else None)

    def encode(self, y: Any) -> Array:
        """Turn raw targets into what the network was trained on: class numbers (samples,) or scaled (samples, outputs).

        Raises
        ------
        InputError
            If a class is unknown to the model, or a value too large for its dtype (row named).
        """
        values = np.asarray(y)
        if self.task == REGRESSION:
            values = values.reshape(len(values), -1)
            if self.target_scaling is None:
                return values
            scaled = self._scaled(self.target_scaling, values)
            wrong = np.flatnonzero((np.isinf(scaled) & np.isfinite(values)).any(axis=1))
            if len(wrong):
                row = int(wrong[0])
                raise InputError(f"row {row + 1} has the target {values[row, 0]}; that is too large for {scaled.dtype}")
            return scaled
        return encode_classes(values, self.classes)

    def __str__(self) -> str:
        what = f"{len(self.classes)} classes of" if self.classes else ""
        return f"{self.task}: {len(self.feature_names)} features → {what} {self.target_name!r}\n{self.structure}"

    def network_view(self, X: Any = None, row: int = 0) -> NetworkView:
        """Return what there is to see: the layers and, where X is given, one row's way through them.

        `glassnet.show` draws it.
        """
        from glassnet.models.network_view import network_view

        return network_view(self, X, row)

    def _repr_html_(self) -> str:
        from glassnet.visualization import Picture

        curves = [("loss", [epoch.loss for epoch in self.history])]
        validated = [epoch.validation_loss for epoch in self.history if epoch.validation_loss is not None]
        return Picture(self.network_view(), curves=[*curves, ("validation loss", validated)]).html

    def evaluate(self, x: Any, y: Any) -> tuple[float, Array]:
        """Return the mean loss over raw rows, in the units of training, and what `predict` says of each.

        Parameters
        ----------
        x : array-like (samples, features)
            Raw rows.
        y : array-like (samples,) or (samples, outputs)
            Raw targets.
        """
        loss = self.settings.resolve_loss()
        rows = check_rows(self.structure, loss, (self.inputs(x), self.encode(y)), self.vector.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            mean, output = evaluate_rows(self._engine, self.structure, loss, self.vector, rows)
        check_finite(output)
        if not math.isfinite(mean):
            raise InputError(f"the loss over these rows is {mean}: outputs or targets are too large for {output.dtype}")
        return mean, self.answers(output)

    def losses(self, x: Any, y: Any) -> tuple[Array, Array]:
        """Return the loss of each raw row, in the units of training, (samples,) float64, and the `outputs` for it.

        Parameters
        ----------
        x : array-like (samples, features)
            Raw rows.
        y : array-like (samples,) or (samples, outputs)
            Raw targets.
        """
        loss = self.settings.resolve_loss()
        rows = check_rows(self.structure, loss, (self.inputs(x), self.encode(y)), self.vector.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            seen, output = loss_inputs_and_outputs(self._engine, self.structure, loss, self.vector, rows)
            each = loss.per_sample(seen, as_outputs(rows.y, seen), **loss.settings)
        check_finite(output)
        return np.asarray(each, np.float64), output

    def portable(self) -> Portable:
        """Return what travels to other libraries (`glassnet.models.exchange`): the network and its scaling."""
        kind = MULTICLASS if self.task == CLASSIFICATION else REGRESSION
        names = self.feature_names if self.feature_names != default_names(len(self.feature_names)) else ()
        return Portable(
            self.structure, self.vector, kind, as_labels(self.classes), self.scaling, self.target_scaling, names
        )

    def to_onnx(self, path: str | Path, *, input_dtype: Any = None) -> None:
        """Write the model, scaling included, as an ONNX file: see `glassnet.models.exchange.to_onnx`."""
        from glassnet.models.exchange.onnx_file import to_onnx

        to_onnx(self.portable(), path, input_dtype=input_dtype)

    def to_torch(self) -> Any:
        """Return an `nn.Sequential` that gives `outputs` (values, for regression) for raw rows.

        See `glassnet.models.exchange.to_torch`.
        """
        from glassnet.models.exchange.pytorch import to_torch

        return to_torch(self.structure, self.vector, scaling=self.scaling, target_scaling=self.target_scaling)

    def to_sklearn(self, **settings: Any) -> Any:
        """Return the model as fitted estimators of scikit-learn: see `glassnet.models.exchange.to_sklearn`."""
        from glassnet.models.exchange.scikit import to_sklearn

        return to_sklearn(self.portable(), loss_curve=[epoch.loss for epoch in self.history], **settings)

    @cached_property
    def _engine(self) -> ReferenceEngine:
        settings = Settings()
        objective = self.settings.objective(self.structure)
        return ReferenceEngine(objective, settings.update_rule(), settings.batch_size, self.vector.dtype)


def _not_finite(rows: Any) -> tuple[int, int] | None:
    """Return row and column of the first entry that is not finite, if there is one."""
    if issparse(rows):
        wrong = np.flatnonzero(~np.isfinite(rows.data))[:1].tolist()
        return next(((_row_of(rows, place), int(rows.indices[place])) for place in wrong), None)
    if looks_finite(rows):
        return None
    places = np.argwhere(~np.isfinite(rows))[:1].tolist()
    return next(((row, column) for row, column in places), None)


def _row_of(rows: Any, place: int) -> int:
    """Return the row of a stored entry of CSR."""
    return int(np.searchsorted(rows.indptr, place, side="right")) - 1


def default_names(columns: int) -> tuple[str, ...]:
    """Return the names of columns that have none: x1, x2, …."""
    return tuple(f"x{column + 1}" for column in range(columns))


def encode_classes(values: Array, classes: tuple[str | int, ...]) -> Array:
    """Return the number of each value among the classes, int64 (samples,).

    Raises
    ------
    InputError
        If a value is none of them (row named, counted from 1).
    """
    number = {label: place for place, label in enumerate(classes)}
    by_value: list[Any] = values.tolist()
    if values.dtype.kind == "f":
        by_value = [int(value) if value.is_integer() else value for value in by_value]
    if all(
        isinstance(label, str) for label in classes
    ):  # a file may hold only those of the classes that look like numbers
        by_value = [str(value) for value in by_value]
    encoded = np.array([number.get(value, -1) for value in by_value], np.int64)
    unknown = np.flatnonzero(encoded < 0)
    if len(unknown):
        row, known = int(unknown[0]), ", ".join(repr(label) for label in classes[:12])
        more = f" and {len(classes) - 12} more" if len(classes) > 12 else ""
        raise InputError(
            f"row {row + 1} has the class {by_value[row]!r}, unknown to the model, which knows {known}{more}"
        )
    return encoded

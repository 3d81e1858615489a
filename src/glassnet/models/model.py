"""A trained network with all that it takes to use it on raw rows."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import issparse

from glassnet._utils.arrays import Array
from glassnet.data.column_error import IN_MEMORY, ColumnError
from glassnet.data.conversion import as_table, has_columns
from glassnet.data.formatting import format_names
from glassnet.data.matrices import check_finite_numbers
from glassnet.data.tables import Matrix, Table
from glassnet.engines.interface import MAX_ACTIVATIONS, check_finite, looks_finite
from glassnet.engines.reference import ReferenceEngine
from glassnet.errors import InputError
from glassnet.models.exchange.portable import Portable, as_labels
from glassnet.models.target import BINARY, MULTICLASS, MULTILABEL, REGRESSION, Target
from glassnet.network.embeddings import check_codes
from glassnet.network.losses import as_outputs
from glassnet.network.structure import Structure
from glassnet.preprocessing import Preprocessor, Scaling, TablePreprocessor
from glassnet.preprocessing.column_matching import match_columns
from glassnet.training.evaluate_rows import evaluate_rows, loss_inputs_and_outputs
from glassnet.training.history import Epoch
from glassnet.training.rows import check_rows
from glassnet.training.settings import Settings

if TYPE_CHECKING:
    from glassnet.models.network_view import NetworkView


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network that takes raw rows: the one form in which glassnet keeps, saves and shows what it trained.

    `glassnet.fit`, ``glassnet train``, streams and the page return one; a fitted estimator holds one as ``model_``.

    Parameters
    ----------
    structure : Structure
        The layers.
    vector : array (n_parameters,)
        The parameters, float32 or float64.
    preprocessor : Preprocessor
        From raw rows to the inputs of the network.
    feature_names : tuple of str
        The columns of raw rows, in the order in which `predict` takes them.
    target : Target
        What the outputs mean: classes, labels or values, and how they are encoded.
    settings : Settings
        How it was trained.
    history : tuple of Epoch
        Every epoch of the training.
    metadata : mapping
        What else is known of the training: metric, engine, best epoch, why it ended, rows, the data's source, version.
    """

    structure: Structure
    vector: Array
    preprocessor: Preprocessor
    feature_names: tuple[str, ...]
    target: Target
    settings: Settings = field(default_factory=Settings)
    history: tuple[Epoch, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        # cached views of `vector` are left out: a copy would no longer share its memory
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    @cached_property
    def parameters(self) -> dict[str, Array]:
        """The parameters by name: ``W1`` (features, units), ``b1`` (units,), …, views of `vector`."""
        return self.structure.views(self.vector)

    @property
    def task(self) -> str:
        """``"classification"``, ``"multilabel"`` or ``"regression"``."""
        return self.target.task

    @property
    def classes(self) -> tuple[Any, ...]:
        """The class of each output, or both classes of a single one; empty for regression."""
        return self.target.labels

    @property
    def target_name(self) -> str:
        """The name of what is predicted."""
        return self.target.name

    @property
    def takes_numbers(self) -> bool:
        """Whether raw rows are numbers alone; else they are a table, perhaps with categories and missing values."""
        return isinstance(self.preprocessor, Scaling)

    @property
    def scaling(self) -> Scaling | None:
        """The scaling of raw rows of numbers; None where raw rows are a table that is preprocessed otherwise."""
        return self.preprocessor if isinstance(self.preprocessor, Scaling) else None

    @property
    def takes_bytes(self) -> bool:
        """Whether raw rows are bytes, such as pixels, which are divided by 255."""
        return self.preprocessor.kind == "bytes"

    @property
    def input_names(self) -> tuple[str, ...]:
        """The names of the inputs of the network: the columns, or what the preprocessor makes of them."""
        return self.preprocessor.get_feature_names_out(self.feature_names)

    def inputs(self, x: Any) -> Array:
        """Check raw rows and bring them to the inputs of the network.

        Parameters
        ----------
        x : data frame, table, array-like or SciPy sparse matrix (samples, features)
            Raw rows. Columns are matched by name, others are ignored; without names they are as in `feature_names`.

        Returns
        -------
        array or SciPy CSR matrix (samples, inputs)
            What the first layer is given.

        Raises
        ------
        InputError
            If the shape is another, an entry can't be used or a table has no such code (row and column named).
        """
        raw = self.match_columns(x)
        if not isinstance(self.preprocessor, Scaling):
            rows = self.preprocessor.transform(raw, self.vector.dtype)
            return rows.tocsr() if issparse(rows) else rows
        expected = len(self.feature_names)
        if raw.ndim != 2 or raw.shape[1] != expected:
            raise InputError(f"x has shape {raw.shape}; this model needs (samples, {expected})")
        if raw.dtype.kind not in "fiub":
            raise InputError(f"x has dtype {raw.dtype}; it must hold numbers")
        check_finite_numbers(Matrix(IN_MEMORY, raw, None, self.feature_names))
        with np.errstate(over="ignore", invalid="ignore"):  # checked below
            scaled = self.preprocessor.transform(raw, self.vector.dtype)
        if raw.dtype.kind == "f":
            entry = _find_non_finite(scaled)
            if entry is not None:
                row, column = entry
                name = self.feature_names[column]
                why = f"that is too large for {scaled.dtype}"
                raise InputError(f"x[{row}, {column}] (column {name!r}) is {raw[row, column]}; {why}")
        check_codes(self.structure, scaled, "x", self.feature_names)
        return scaled

    def match_columns(self, x: Any) -> Any:
        """Return raw rows as the preprocessor takes them: those of a frame with the model's columns in its order.

        Returns
        -------
        array or SciPy CSR matrix (samples, features), or Table where the model takes more than numbers
        """
        if has_columns(x):
            table = self._match(x)
            return self._numbers(table) if isinstance(self.preprocessor, Scaling) else table
        if not isinstance(self.preprocessor, Scaling):
            return x
        return x.tocsr() if issparse(x) else np.asarray(x)

    def _match(self, x: Any) -> Table:
        """Return the columns of a data frame or table that the model takes, in its order."""
        names = self.feature_names
        table = as_table(x)
        named = names != default_names(len(names)) or set(names) <= set(table.names)
        table, extra = match_columns(table, names, named)
        known = {self.target_name, *(name for name, _ in self.metadata.get("left_out", ()))}
        extra = [name for name in extra if name not in known]
        if extra and not self._warned:
            self._warned.append("columns")
            message = f"the columns {format_names(extra)} are ignored: the training rows had no such ones"
            warnings.warn(message, UserWarning, stacklevel=5)
        return table

    def _numbers(self, table: Table) -> Any:
        """Return the columns of a table as an array of numbers, without missing values."""
        if isinstance(table, Matrix):
            return table.x
        try:
            numbers = table.matrix(range(table.shape[1]))
        except ColumnError as error:
            raise error.to_input_error(self.feature_names, None, table) from None
        check_finite_numbers(
            Matrix(table.source, numbers, None, self.feature_names, first_row=table.first_row, spans=table.spans)
        )
        return numbers

    @cached_property
    def _warned(self) -> list[str]:
        """What a warning has been given for."""
        return []

    def outputs(self, x: Any) -> Array:
        """Return the network's outputs a_L for raw rows: (samples, outputs).

        Raises
        ------
        InputError
            As `inputs`, or if an output is not finite.
        """
        return self._outputs(self.inputs(x))

    def _outputs(self, inputs: Array) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):  # checked below
            output = self._engine.outputs(self.vector, inputs)
        check_finite(output)
        return output

    def predict_proba(self, x: Any) -> Array:
        """Return the probability of each class: (samples, classes), rows sum to 1; of labels, that of each.

        A softmax output is that already; a single sigmoid becomes two columns, several are scaled to sum to 1, and
        outputs that are no probabilities (hinge, squared error) are refused.

        Raises
        ------
        InputError
            If the outputs of the model are no probabilities.
        """
        if not self.gives_probabilities:
            last = self.structure.activations[-1].name
            raise InputError(f"this {self.task} model with a {last} output gives no probabilities; use predict")
        return self.probabilities(self.outputs(x))

    @property
    def gives_probabilities(self) -> bool:
        """Whether the outputs are probabilities."""
        return self.target.kind != REGRESSION and self.structure.activations[-1].name in ("softmax", "sigmoid")

    def probabilities(self, output: Array) -> Array:
        """Return what `predict_proba` returns, for `outputs` that are computed already."""
        if self.target.kind == MULTICLASS and self.structure.activations[-1].name == "sigmoid":
            output = np.maximum(output, np.finfo(output.dtype).tiny)
            output /= output.sum(axis=1, keepdims=True)
        return self.target.probabilities(output)

    def class_scores(self, output: Array) -> Array:
        """Return a score of each class, (samples, classes), for `outputs`: its probability, or the bare output."""
        if self.gives_probabilities:
            return self.probabilities(output)
        return np.hstack([-output, output]) if self.target.kind == BINARY else output

    def predict(self, x: Any) -> Array:
        """Return the most likely class of each row (samples,), its labels, or its value, (samples, outputs) if several.

        Labels are 0 or 1, (samples, labels).
        """
        inputs = self.inputs(x)
        if self.target.kind != MULTICLASS:
            return self.decode(self._outputs(inputs))
        # a few rows at a time: with a million classes the outputs of all rows would fill the memory
        step = max(1, MAX_ACTIVATIONS // max(1, len(self.target.classes)))
        best = [np.argmax(self._outputs(inputs[n : n + step]), axis=1) for n in range(0, inputs.shape[0], step)]
        return self.target.classes[np.concatenate([*best, np.empty(0, np.intp)])]

    def decode(self, output: Array) -> Array:
        """Return what `predict` returns, for `outputs` that are computed already."""
        return self.target.decode(output)

    def encode(self, y: Any) -> Array:
        """Return raw targets as the network is trained on them: see `Target.encode`."""
        return self.target.encode(y, self.vector.dtype)

    def __str__(self) -> str:
        what = f"{len(self.classes)} classes of" if self.classes else ""
        return f"{self.task}: {len(self.feature_names)} features → {what} {self.target_name!r}\n{self.structure}"

    def network_view(self, X: Any = None, row: int = 0) -> NetworkView:
        """Return the network and, if X is given, the activations for one of its rows, as `glassnet.show` draws them."""
        from glassnet.models.network_view import network_view

        return network_view(self, X, row)

    def _repr_html_(self) -> str:
        # drawing belongs to a layer above this one, which is therefore looked up by name
        html: str = import_module("glassnet.visualization").model_html(self)
        return html

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
        return mean, self.decode(output)

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
            loss_inputs, output = loss_inputs_and_outputs(self._engine, self.structure, loss, self.vector, rows)
            each = loss.per_sample(loss_inputs, as_outputs(rows.y, loss_inputs), **loss.settings)
        check_finite(output)
        return np.asarray(each, np.float64), output

    def portable(self) -> Portable:
        """Return what travels to other libraries (`glassnet.models.exchange`): the network and its preprocessing."""
        target = self.target
        names = self.feature_names
        single = isinstance(self.preprocessor, Scaling)
        return Portable(
            self.structure,
            self.vector,
            target.kind,
            as_labels(target.classes if target.kind not in (MULTILABEL, REGRESSION) else ()),
            self.preprocessor if isinstance(self.preprocessor, Scaling) and not self.preprocessor.is_identity else None,
            target.scaling,
            names if single and names != default_names(len(names)) else (),
            target.threshold,
            self.preprocessor if isinstance(self.preprocessor, TablePreprocessor) else None,
            target.quantiles,
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

        if not isinstance(self.preprocessor, Scaling):
            raise InputError("a PyTorch module takes numbers; this model has columns of categories: use to_onnx")
        return to_torch(self.structure, self.vector, scaling=self.preprocessor, target_scaling=self.target.scaling)

    def to_sklearn(self, **settings: Any) -> Any:
        """Return the model as fitted estimators of scikit-learn: see `glassnet.models.exchange.to_sklearn`."""
        from glassnet.models.exchange.scikit import to_sklearn

        return to_sklearn(self.portable(), loss_curve=[epoch.loss for epoch in self.history], **settings)

    @cached_property
    def _engine(self) -> ReferenceEngine:
        settings = Settings()
        objective = self.settings.objective(self.structure)
        return ReferenceEngine(objective, settings.update_rule(), settings.batch_size, self.vector.dtype)


def _find_non_finite(rows: Any) -> tuple[int, int] | None:
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

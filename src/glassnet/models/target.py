"""Target coding: from raw targets to what the network is trained on, and from its outputs to predictions."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.engines.interface import check_finite
from glassnet.errors import InputError
from glassnet.network.structure import Structure
from glassnet.preprocessing.scaling import Scaling

CLASSIFICATION, REGRESSION = "classification", "regression"
#: One output for two classes; one output for each class; one output for each label; values.
BINARY, MULTICLASS, MULTILABEL = "binary", "multiclass", "multilabel"
KINDS = (BINARY, MULTICLASS, MULTILABEL, REGRESSION)
#: The name of a target that has none.
UNNAMED_TARGET = "y"
#: The two classes that are the same however they are written: true, True, TRUE.
TRUTHS = ("true", "false")
#: How many known classes an error message lists.
MAX_LISTED = 12


@dataclass(frozen=True, eq=False)
class Target:
    """What the outputs of a network mean.

    Parameters
    ----------
    kind : str
        ``"multiclass"``: one output for each class, the largest wins. ``"binary"``: one output, the second class where
        it is above `threshold`. ``"multilabel"``: one output for each label, which is set where it is above
        `threshold`. ``"regression"``: values.
    name : str
        The name of the target column.
    classes : array (classes,)
        The class of each output: numbers, booleans, text, dates or durations. Of ``"binary"`` both classes, or the
        only one; of ``"multilabel"`` the number or name of each label; empty for regression.
    scaling : Scaling, optional
        For regression: from raw targets to outputs of the network.
    quantiles : tuple of float
        For regression, if the outputs are these quantiles: predictions of a row are sorted so that they never cross.
    threshold : float
        See `kind`: 0.5 for probabilities, 0 for outputs without an activation.
    """

    kind: str
    name: str = UNNAMED_TARGET
    classes: Array = field(default_factory=lambda: np.empty(0, object))
    scaling: Scaling | None = None
    quantiles: tuple[float, ...] = ()
    threshold: float = 0.5

    @classmethod
    def of_classes(cls, classes: Any, name: str = UNNAMED_TARGET) -> Target:
        """Return the target of a network with one output for each of these classes, text or numbers."""
        text = any(isinstance(label, str) for label in classes)
        return cls(MULTICLASS, name, np.array(list(classes), dtype=object if text else None))

    @property
    def task(self) -> str:
        """``"classification"``, ``"multilabel"`` or ``"regression"``."""
        return CLASSIFICATION if self.kind in (BINARY, MULTICLASS) else self.kind

    @cached_property
    def labels(self) -> tuple[Any, ...]:
        """The classes as Python's own values; dates and durations as text."""
        is_date = self.classes.dtype.kind in "mM"
        return tuple((self.classes.astype(str) if is_date else self.classes).tolist())

    def output_names(self, outputs: int) -> tuple[str, ...]:
        """Return a name for each output of the network: its class, its label, its quantile, or the target's name."""
        if self.kind == BINARY:
            return (str(self.labels[-1]),)
        if self.kind != REGRESSION:
            return tuple(str(label) for label in self.labels)
        if self.quantiles:
            return tuple(f"quantile {quantile:g}" for quantile in self.quantiles)
        return (self.name,) if outputs == 1 else tuple(f"{self.name}_{output + 1}" for output in range(outputs))

    def check(self, structure: Structure) -> None:
        """Raise InputError if classes, scaling or quantiles do not fit the outputs of the network."""
        outputs = structure.n_outputs
        known = len(self.classes)
        if self.kind not in KINDS:
            raise InputError(f"target.kind is {self.kind!r:.80}; it must be one of {', '.join(KINDS)}")
        expected = {BINARY: (1, 2), MULTICLASS: (outputs,), MULTILABEL: (outputs,), REGRESSION: (0,)}[self.kind]
        if known not in expected or (self.kind == BINARY and outputs != 1):
            raise InputError(f"{known} classes for {outputs} outputs of a {self.kind} model")
        if len(set(self.labels)) != known:
            raise InputError("a class is listed twice")
        if self.scaling is not None and (
            self.kind != REGRESSION or self.scaling.offset.shape not in ((1,), (outputs,))
        ):
            raise InputError(f"the target's scaling does not fit {outputs} outputs of a {self.kind} model")
        if self.quantiles and (self.kind != REGRESSION or len(self.quantiles) != outputs):
            raise InputError(f"{len(self.quantiles)} quantiles for {outputs} outputs of a {self.kind} model")

    def encode(self, y: Any, dtype: Any) -> Array:
        """Return what the network is trained on.

        Parameters
        ----------
        y : array-like (samples,) or (samples, outputs)
            Raw targets.
        dtype : dtype
            Of the network, float32 or float64.

        Returns
        -------
        array (samples,) int64, or (samples, outputs)
            Numbers of classes; 0 or 1 for each label; scaled values.

        Raises
        ------
        InputError
            If a class is unknown, or a value is too large for the dtype (row named).
        """
        values = np.asarray(y)
        if self.kind in (BINARY, MULTICLASS):
            is_date = values.dtype.kind in "mM" and self.classes.dtype.kind in "mM"
            return encode_classes(values.astype(self.classes.dtype).astype(str) if is_date else values, self.labels)
        if self.kind == MULTILABEL:
            return self._check_labels(values)
        values = values.reshape(len(values), -1)
        if self.scaling is None:
            return values
        with np.errstate(over="ignore", invalid="ignore"):  # checked below
            scaled: Array = self.scaling.transform(values, dtype)
        wrong = np.flatnonzero((np.isinf(scaled) & np.isfinite(values)).any(axis=1))
        if len(wrong):
            row = int(wrong[0])
            raise InputError(f"row {row + 1} has the target {values[row, 0]}; that is too large for {scaled.dtype}")
        return scaled

    def decode(self, output: Array) -> Array:
        """Return predictions for outputs of the network (samples, outputs).

        Returns
        -------
        array (samples,) or (samples, outputs)
            The most likely class of each row; whether each label is set, 0 or 1; values in the target's unit.

        Raises
        ------
        InputError
            If a value is not finite once it is scaled back.
        """
        if self.kind == MULTILABEL:
            return (output > self.threshold).astype(int)
        if self.kind != REGRESSION:
            return self.classes[self.class_numbers(output)]
        values = self.values(output)
        if self.scaling is not None:
            check_finite(values)
        return values[:, 0] if values.shape[1] == 1 else values

    def class_numbers(self, output: Array) -> Array:
        """Return the number of the predicted class for outputs of a classifier: (samples,) of int."""
        if self.kind == MULTICLASS:
            return np.argmax(output, axis=1)
        if len(self.classes) == 1:
            return np.zeros(len(output), np.intp)
        return (output[:, 0] > self.threshold).astype(np.intp)

    def values(self, output: Array) -> Array:
        """Return outputs (samples, outputs) in the target's unit, quantiles of each row in their order."""
        values = output
        if self.scaling is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                values = self.scaling.inverse_transform(output)
        if self.quantiles:
            rank = np.argsort(np.argsort(self.quantiles))
            values = np.sort(values, axis=1)[:, rank]
        return values

    def probabilities(self, output: Array) -> Array:
        """Return the probability of each class for outputs that are probabilities: (samples, classes).

        A softmax is that already; one sigmoid output becomes two columns; several are scaled to sum to 1, but not those
        of labels, each of which is a question of its own.
        """
        if self.kind == BINARY:
            return np.hstack([1 - output, output])
        return output

    def _check_labels(self, values: Array) -> Array:
        if values.ndim != 2 or values.shape[1] != len(self.classes) or not np.isin(values, (0, 1)).all():
            raise InputError(f"y has shape {values.shape}; it must be 0 or 1 for each of {len(self.classes)} labels")
        return values.astype(np.int64)


def encode_classes(values: Array, classes: tuple[Any, ...]) -> Array:
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
    if all(isinstance(label, str) for label in classes):  # a file may hold only classes that look like numbers
        by_value = [str(value) for value in by_value]
    encoded = np.array([number.get(value, -1) for value in by_value], np.int64)
    if (encoded < 0).any():
        truths = {str(label).casefold(): place for label, place in number.items() if str(label).casefold() in TRUTHS}
        encoded = np.array([number.get(value, truths.get(str(value).casefold(), -1)) for value in by_value], np.int64)
    unknown = np.flatnonzero(encoded < 0)
    if len(unknown):
        row = int(unknown[0])
        known = ", ".join(repr(label) for label in classes[:MAX_LISTED])
        more = f" and {len(classes) - MAX_LISTED} more" if len(classes) > MAX_LISTED else ""
        raise InputError(
            f"row {row + 1} has the class {by_value[row]!r}, unknown to the model, which knows {known}{more}"
        )
    return encoded

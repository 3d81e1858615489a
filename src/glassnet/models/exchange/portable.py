"""A network with its preprocessing and the meaning of its outputs, independent of any library's format."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.network.activations import ACTIVATIONS
from glassnet.network.structure import Structure
from glassnet.preprocessing import TablePreprocessor
from glassnet.preprocessing.scaling import Scaling

#: Two classes with one output.
BINARY = "binary"
#: One output for each class.
MULTICLASS = "multiclass"
#: One output for each label; a row may have several.
MULTILABEL = "multilabel"
#: Outputs are values.
REGRESSION = "regression"
KINDS = (BINARY, MULTICLASS, MULTILABEL, REGRESSION)


@dataclass(frozen=True)
class Portable:
    """A network, the meaning of its outputs, and the scaling of inputs and targets.

    Parameters
    ----------
    structure : Structure
        The layers; no custom activations.
    vector : array (n_parameters,)
        The parameters, float32 or float64.
    kind : str
        ``"binary"``: one output, class 1 where it is above `threshold`. ``"multiclass"``: one output for each class,
        the largest is predicted. ``"multilabel"``: one output for each label, set where it is above `threshold`.
        ``"regression"``: values.
    classes : array (classes,)
        Text or whole numbers: two (or one) for ``"binary"``, one for each output for ``"multiclass"``; empty otherwise.
    scaling : Scaling, optional
        From raw features to the network's inputs.
    target_scaling : Scaling, optional
        For regression: from raw targets to outputs; its inverse is applied after the network.
    feature_names : tuple of str
        The columns; may be empty.
    threshold : float
        See `kind`.
    preparation : TablePreprocessor, optional
        Instead of `scaling`: from the columns of a table to the network's inputs; `feature_names` are then its columns.
    quantiles : tuple of float
        For regression, if the outputs are these quantiles: each row's are sorted, so that they never cross.

    Raises
    ------
    InputError
        If the parts do not match.
    """

    structure: Structure
    vector: Array
    kind: str
    classes: Array = field(default_factory=lambda: np.empty(0, object))
    scaling: Scaling | None = None
    target_scaling: Scaling | None = None
    feature_names: tuple[str, ...] = ()
    threshold: float = 0.5
    preparation: TablePreprocessor | None = None
    quantiles: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", as_labels(self.classes))
        object.__setattr__(self, "feature_names", tuple(str(name) for name in self.feature_names))
        check_network(self.structure, self.vector)
        if self.preparation is not None:
            self._check_preparation(self.preparation)
        inputs = self.structure.n_inputs
        outputs = self.structure.n_outputs
        n_classes = len(self.classes)
        if self.kind not in KINDS:
            raise InputError(f"kind is {self.kind!r}; it must be one of {', '.join(KINDS)}")
        if self.kind == BINARY and outputs != 1:
            raise InputError(f"kind 'binary' with {outputs} outputs; it has one: use 'multiclass' or 'multilabel'")
        if n_classes not in {BINARY: (1, 2), MULTICLASS: (outputs,)}.get(self.kind, (0,)):
            raise InputError(f"{n_classes} classes do not match {outputs} outputs of a {self.kind} network")
        if self.preparation is None and self.feature_names and len(self.feature_names) != inputs:
            raise InputError(f"{len(self.feature_names)} feature names for {inputs} inputs; give one for each, or none")
        if self.target_scaling is not None and self.kind != REGRESSION:
            raise InputError(f"target_scaling is for regression, and this network is {self.kind}; leave it out")
        if self.quantiles and (self.kind != REGRESSION or len(self.quantiles) != outputs):
            raise InputError(f"{len(self.quantiles)} quantiles do not match {outputs} outputs of a {self.kind} network")
        for name, scaling, sizes in (
            ("scaling", self.scaling, (inputs,)),
            ("target_scaling", self.target_scaling, (outputs, 1)),
        ):
            if scaling is not None and scaling.offset.shape not in {(size,) for size in sizes}:
                raise InputError(f"{name} has shape {scaling.offset.shape}; the network needs ({sizes[0]},)")

    def _check_preparation(self, preparation: TablePreprocessor) -> None:
        """Raise InputError if the preparation does not match the other parts; take its feature names."""
        produced = (preparation.n_inputs, preparation.embedding_shapes)
        expected = (self.structure.n_inputs, self.structure.embeddings)
        if produced != expected:
            raise InputError(f"the preparation makes inputs and embeddings {produced}; the structure has {expected}")
        if self.scaling is not None:
            raise InputError(
                "scaling and preparation are both given; a preparation includes scaling: leave scaling out"
            )
        if self.feature_names not in ((), preparation.names):
            raise InputError("the feature names are not those of the preparation; leave them out")
        object.__setattr__(self, "feature_names", preparation.names if preparation.named else ())

    @property
    def parameters(self) -> dict[str, Array]:
        """The parameters by name, views of `vector`."""
        return self.structure.views(self.vector)


def as_labels(classes: Any) -> Array:
    """Return classes as int64, or as object for text; whole numbers in another form, such as True or 2.0, become int64.

    Raises
    ------
    InputError
        If one is neither, or text and numbers are mixed.
    """
    values = np.asarray(classes, object).ravel()
    if all(isinstance(value, str) for value in values):
        return np.array([str(value) for value in values], object)
    for value in values:
        whole = isinstance(value, (int, float, np.number, np.bool_)) and np.isreal(value) and float(value).is_integer()
        if not whole or not -(2**63) <= int(value) < 2**63:
            raise InputError(f"the class {value!r} can't be exported; all must be text, or all whole numbers (64-bit)")
    return np.array([int(value) for value in values], np.int64)


def check_network(structure: Structure, vector: Array) -> None:
    """Check that a network can be exported.

    Raises
    ------
    InputError
        If an activation is custom (the layer is named), or the parameters have another dtype or shape.
    """
    for layer, activation in enumerate(structure.activations, start=1):
        known = ACTIVATIONS.get(activation.name)
        if known is None or known.function is not activation.function:
            raise InputError(
                f"layer {layer} has the activation {activation.name!r}, a custom function, which can't "
                f"be exported; use one of {', '.join(ACTIVATIONS)}"
            )
    if vector.dtype not in (np.float32, np.float64):
        raise InputError(f"the parameters have dtype {vector.dtype}; it must be float32 or float64")
    structure.views(vector)


def import_optional(package: str, hint: str) -> ModuleType:
    """Import an optional dependency.

    Raises
    ------
    InputError
        If it is not installed; the message ends with the hint.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise InputError(f"this needs {package}, which can't be imported ({error}); {hint}") from None

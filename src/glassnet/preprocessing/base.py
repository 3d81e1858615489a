"""The interface of every preprocessor: from raw rows to the inputs of a network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array


class Preprocessor(ABC):
    """Transform raw rows into the inputs of a network, by statistics of the training rows alone.

    `glassnet.preprocessing.scaling.Scaling` and `glassnet.preprocessing.TablePreprocessor` implement it; both are plain
    data that `to_dict` and `arrays` write and `glassnet.preprocessing.preprocessor_from_dict` restores.
    """

    #: The kind of preprocessing: one of `glassnet.preprocessing.scaling.KINDS`, or ``"table"``.
    kind: str

    @property
    @abstractmethod
    def n_features_in(self) -> int:
        """Number of columns that `transform` takes."""

    @property
    @abstractmethod
    def n_inputs(self) -> int:
        """Number of columns that `transform` returns: the inputs of the network."""

    @property
    def embedding_shapes(self) -> tuple[tuple[int, int], ...]:
        """The shape of each embedding table, (categories + 1, width); its codes are one of the last inputs."""
        return ()

    @abstractmethod
    def transform(self, X: Any, dtype: Any = np.float32) -> Any:
        """Return the inputs (samples, n_inputs) of raw rows (samples, n_features_in): an array, or CSR or CSC."""

    @abstractmethod
    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> tuple[str, ...]:
        """Return the name of each input, (n_inputs,), given the names of the raw columns where it doesn't know them."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return everything but `arrays` as values that JSON holds."""

    @abstractmethod
    def arrays(self) -> dict[str, Array]:
        """Return the arrays to be stored, by name."""

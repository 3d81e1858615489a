"""A fitted network: its parameters by scikit-learn's names, and its outputs for rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn import get_config
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from glassnet._utils.arrays import Array
from glassnet.engines.interface import Objective, UpdateRule, check_finite, looks_finite, rows_per_chunk
from glassnet.engines.reference import ROWS_AT_ONCE
from glassnet.network.forward import forward
from glassnet.network.losses import LOSSES
from glassnet.network.optimizers import OPTIMIZERS
from glassnet.network.structure import Structure
from glassnet.preprocessing import TablePreprocessor
from glassnet.training.dispatch import make_engine

#: The dtypes that a network may have; other numbers become the first.
DTYPES = (np.float64, np.float32)
#: Multiplications so few that either engine would take the steps themselves, but not before it has been made.
FEW = 500_000
#: What prediction needs none of, and an engine wants to be told.
_ANY_LOSS, _ANY_RULE = LOSSES["half_mean_squared_error"], UpdateRule(OPTIMIZERS["gradient_descent"])


class BaseNetwork(BaseEstimator):
    """What a network needs to predict, once it is fitted."""

    _structure: Structure
    _preparation: TablePreprocessor | None

    def _name_parameters(self, vector: Array) -> None:
        """Give the parts of a flat vector scikit-learn's names: coefs_ and intercepts_ are views of it."""
        self._vector, self._views = vector, self._structure.views(vector)
        self.coefs_ = [view for name, view in self._views.items() if name[0] == "W"]
        self.intercepts_ = [view for name, view in self._views.items() if name[0] == "b"]
        if self._structure.tables:
            self.embeddings_ = [view for name, view in self._views.items() if name[0] == "E"]

    def _vector_in_use(self) -> Array:
        """Return the flat vector; where coefs_ or intercepts_ were replaced, with those."""
        named = self._named_weights()
        if all(named.get(name) is view for name, view in self._views.items() if name[0] != "E"):
            return self._vector
        return self._structure.flatten(self._views | named)

    def _named_weights(self) -> dict[str, Array]:
        """Return coefs_ and intercepts_ by the names of the maths."""
        weights = {f"W{layer}": W for layer, W in enumerate(self.coefs_, 1)}
        return weights | {f"b{layer}": b for layer, b in enumerate(self.intercepts_, 1)}

    def _given_weights(self) -> dict[str, Array] | None:
        """Return coefs_ and intercepts_ where somebody has set them and nothing was ever fitted."""
        return self._named_weights() if hasattr(self, "coefs_") and not hasattr(self, "_vector") else None

    def _outputs(self, X: Any) -> Array:
        """Return a_L for each row (samples, outputs), in scikit-learn's dtype."""
        check_is_fitted(self)
        X = self._rows_to_predict(X)
        vector = self._vector_in_use()
        rows = X.astype(vector.dtype, copy=False)
        few = not issparse(rows) and len(rows) * self._structure.n_parameters < FEW
        if few and len(rows) <= rows_per_chunk(self._structure, ROWS_AT_ONCE):
            views = self._views if vector is self._vector else self._structure.views(vector)
            output = forward(self._structure, views, rows)[f"a{self._structure.n_layers}"]
            check_outputs(output)
            return output.astype(np.result_type(X.dtype, vector.dtype), copy=False)
        # an engine of its own for each call: several threads may predict at once
        objective = Objective(self._structure, _ANY_LOSS, (0.0,) * self._structure.n_layers)
        engine = make_engine(self.engine_, objective, _ANY_RULE, 1, vector.dtype)
        output = engine.outputs(vector, rows.tocsr() if issparse(rows) else rows)
        check_outputs(output)
        return output.astype(np.result_type(X.dtype, vector.dtype), copy=False)

    def _rows_to_predict(self, X: Any) -> Any:
        # what is plainly right needs no further look: a single row is looked at longer than it is worked on
        if (
            type(X) is np.ndarray
            and X.ndim == 2
            and X.dtype in DTYPES
            and X.shape[1] == self.n_features_in_
            and len(X)
            and self._preparation is None
            and not hasattr(self, "feature_names_in_")
            and np.isfinite(np.sum(X))
        ):
            return X if X.flags.c_contiguous else np.ascontiguousarray(X)
        if self._preparation is not None:
            validate_data(self, X, reset=False, skip_check_array=True)
            return self._preparation.transform(X, self._vector.dtype)
        X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        return X if issparse(X) else np.ascontiguousarray(X)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "_vector" in state:
            state["_vector"] = self._vector_in_use()
            for name in ("_views", "coefs_", "intercepts_", "embeddings_"):
                state.pop(name, None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "_vector" in state:
            self._name_parameters(self._vector)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_vector")


def check_outputs(output: Array) -> None:
    """Refuse outputs that are not finite, unless scikit-learn was told that nobody is to look."""
    if not looks_finite(output) and not get_config()["assume_finite"]:
        check_finite(output)

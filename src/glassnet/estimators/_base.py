"""A fitted network with scikit-learn's conventions: parameters, outputs for rows, pickling."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn import get_config
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from glassnet._utils.arrays import Array
from glassnet.engines.interface import Objective, UpdateRule, check_finite, looks_finite, rows_per_chunk
from glassnet.engines.reference import ROWS_AT_ONCE
from glassnet.estimators._row_checks import check_table_shape
from glassnet.models.model import Model
from glassnet.network.forward import forward
from glassnet.network.losses import LOSSES
from glassnet.network.optimizers import OPTIMIZERS
from glassnet.preprocessing import Scaling
from glassnet.training.dispatch import make_engine

#: Dtypes of rows that are kept; others are converted to float64.
DTYPES = (np.float64, np.float32)
#: Below this number of multiplications, creating an engine takes longer than computing the outputs.
FEW_MULTIPLICATIONS = 500_000
#: An engine needs a loss and an update rule, which prediction does not use.
_UNUSED_LOSS = LOSSES["half_mean_squared_error"]
_UNUSED_RULE = UpdateRule(OPTIMIZERS["gradient_descent"])


class BaseNetwork(BaseEstimator):
    """Base class of estimators that hold a `glassnet.Model`."""

    _model: Model

    @property
    def model_(self) -> Model:
        """The trained network as a `glassnet.Model`, which shares its parameters with ``coefs_``, ``intercepts_``."""
        if "_model" not in vars(self):
            raise AttributeError(f"this {type(self).__name__} is not fitted yet, so it has no model_; call fit first")
        vector = self._current_vector()
        return self._model if vector is self._model.vector else replace(self._model, vector=vector)

    def _set_model(self, model: Model) -> None:
        """Hold a model; coefs_ and intercepts_ become views of its parameters."""
        self._model = model
        self.coefs_ = [view for name, view in model.parameters.items() if name[0] == "W"]
        self.intercepts_ = [view for name, view in model.parameters.items() if name[0] == "b"]
        if model.structure.embeddings:
            self.embeddings_ = [view for name, view in model.parameters.items() if name[0] == "E"]

    def _set_vector(self, vector: Array) -> None:
        """Replace the parameters of the model (n_parameters,) without a copy."""
        self._set_model(replace(self._model, vector=vector))

    def _current_vector(self) -> Array:
        """Return the parameters (n_parameters,), including coefs_ and intercepts_ that the user replaced."""
        model = self._model
        named = self._named_parameters()
        if all(named.get(name) is view for name, view in model.parameters.items() if name[0] != "E"):
            return model.vector
        return model.structure.flatten(model.parameters | named)

    def _named_parameters(self) -> dict[str, Array]:
        """Return coefs_ and intercepts_ as W1, b1, …."""
        weights = {f"W{layer}": W for layer, W in enumerate(self.coefs_, 1)}
        return weights | {f"b{layer}": b for layer, b in enumerate(self.intercepts_, 1)}

    def _initial_parameters(self) -> dict[str, Array] | None:
        """Return coefs_ and intercepts_ where the user set them on an estimator that was never fitted."""
        return self._named_parameters() if hasattr(self, "coefs_") and "_model" not in vars(self) else None

    def _outputs(self, X: Any) -> Array:
        """Return a_L for each row (samples, outputs), in scikit-learn's dtype."""
        check_is_fitted(self)
        X = self._check_rows_to_predict(X)
        vector = self._current_vector()
        structure = self._model.structure
        rows = X.astype(vector.dtype, copy=False)
        few = not issparse(rows) and len(rows) * structure.n_parameters < FEW_MULTIPLICATIONS
        if few and len(rows) <= rows_per_chunk(structure, ROWS_AT_ONCE):
            views = self._model.parameters if vector is self._model.vector else structure.views(vector)
            output = forward(structure, views, rows)[f"a{structure.n_layers}"]
        else:
            # a new engine for each call: several threads may predict at once
            objective = Objective(structure, _UNUSED_LOSS, (0.0,) * structure.n_layers)
            engine = make_engine(self.engine_, objective, _UNUSED_RULE, 1, vector.dtype)
            output = engine.outputs(vector, rows.tocsr() if issparse(rows) else rows)
        check_outputs(output)
        return output.astype(np.result_type(X.dtype, vector.dtype), copy=False)

    @property
    def _takes_inputs(self) -> bool:
        """Whether rows are given to the network as they are, without preprocessing."""
        preprocessor = self._model.preprocessor
        return isinstance(preprocessor, Scaling) and preprocessor.is_identity

    def _check_rows_to_predict(self, X: Any) -> Any:
        """Return rows as inputs of the network, checked as scikit-learn does."""
        # the common case is decided without scikit-learn's checks, which take longer than a single row's prediction
        if (
            type(X) is np.ndarray
            and X.ndim == 2
            and X.dtype in DTYPES
            and X.shape[1] == self.n_features_in_
            and len(X)
            and self._takes_inputs
            and not hasattr(self, "feature_names_in_")
            and np.isfinite(np.sum(X))
        ):
            return X if X.flags.c_contiguous else np.ascontiguousarray(X)
        if self._takes_inputs:
            X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
            return X if issparse(X) else np.ascontiguousarray(X)
        if isinstance(self._model.preprocessor, Scaling):
            X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        else:
            check_table_shape(X, self)
            validate_data(self, X, reset=False, skip_check_array=True)
        return self._model.inputs(X)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("_plan", None)
        if "_model" in state:
            state["_model"] = self.model_
            for name in ("coefs_", "intercepts_", "embeddings_"):  # views of the model's parameters
                state.pop(name, None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "_model" in state:
            self._set_model(self._model)

    def __sklearn_is_fitted__(self) -> bool:
        return "_model" in vars(self)


def check_outputs(output: Array) -> None:
    """Raise InputError if outputs are not finite, unless scikit-learn is configured to assume that they are."""
    if not looks_finite(output) and not get_config()["assume_finite"]:
        check_finite(output)

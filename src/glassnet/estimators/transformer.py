"""MLPTransformer: activations of a hidden layer as features; without a target, an autoencoder."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted, validate_data

from glassnet._utils.arrays import Array
from glassnet._utils.sklearn_private import HasMethods, Interval, fit_context
from glassnet.errors import InputError
from glassnet.estimators._base import DTYPES
from glassnet.estimators.regressor import MLPRegressor


class MLPTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Transform rows to the activations of a layer of a network.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor, optional
        The network, which is cloned. By default, a regressor with 32 hidden units.
    layer : int, optional
        Number of the layer, from 1. By default, the narrowest hidden layer: the bottleneck of an autoencoder.

    Attributes
    ----------
    estimator_ : MLPClassifier or MLPRegressor
        The fitted network.
    layer_ : int
        Number of the layer.

    Examples
    --------
    >>> from glassnet import MLPRegressor, MLPTransformer
    >>> from sklearn.datasets import load_iris
    >>> X, _ = load_iris(return_X_y=True)
    >>> coder = MLPRegressor(hidden_layer_sizes=(8, 2, 8), activation="tanh", solver="lbfgs", random_state=0)
    >>> MLPTransformer(coder).fit_transform(X).shape
    (150, 2)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "estimator": [HasMethods(["fit", "explain"]), None],
        "layer": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(self, estimator: Any = None, *, layer: int | None = None) -> None:
        self.estimator = estimator
        self.layer = layer

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None, **fit_params: Any) -> MLPTransformer:
        """Train the network.

        Parameters
        ----------
        X : array-like or sparse matrix (samples, features)
            Rows.
        y : array-like, optional
            Targets. By default, X itself: an autoencoder.
        **fit_params
            Passed to the estimator's `fit`.

        Returns
        -------
        MLPTransformer
            The fitted transformer.

        Raises
        ------
        InputError
            If the network has no such layer.
        """
        network = MLPRegressor(hidden_layer_sizes=(32,)) if self.estimator is None else clone(self.estimator)
        X = self._check(X, reset=True)
        if y is None:
            y = X.toarray() if issparse(X) else X
        self.estimator_ = network.fit(X, y, **fit_params)
        sizes = self.estimator_.model_.structure.layer_sizes
        if self.layer is not None and self.layer >= len(sizes):
            raise InputError(f"layer is {self.layer}, and the network has {len(sizes) - 1} layers; choose one of them")
        self.layer_ = int(self.layer or np.argmin(sizes[1:-1] or sizes[1:]) + 1)
        self._n_features_out = sizes[self.layer_]
        return self

    def transform(self, X: Any) -> Array:
        """Return the activations of the layer for each row: (samples, units)."""
        check_is_fitted(self)
        return self.estimator_.explain(self._check(X, reset=False))[f"a{self.layer_}"]

    def _check(self, X: Any, reset: bool) -> Any:
        return validate_data(self, X, accept_sparse=["csr", "csc"], dtype=DTYPES, reset=reset)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

"""MLPRegressor: a drop-in replacement for scikit-learn's, with more options."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import xlogy
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from glassnet._utils.arrays import Array
from glassnet._utils.sklearn_private import fit_context
from glassnet.errors import InputError
from glassnet.estimators._base import check_outputs
from glassnet.estimators._mlp import NeuralNetwork
from glassnet.estimators._parameter_constraints import REGRESSOR
from glassnet.estimators._sklearn_names import find_loss
from glassnet.models.target import REGRESSION, Target
from glassnet.network.losses import Loss
from glassnet.preprocessing.scaling import fit_standard_scaling


class MLPRegressor(RegressorMixin, NeuralNetwork):
    """Multilayer perceptron regressor: a drop-in replacement for scikit-learn's MLPRegressor with more options.

    The same data, parameters and seed give scikit-learn's result up to rounding. The parameters up to ``max_fun`` are
    scikit-learn's; the others are additional, and their defaults do not change the result.

    Parameters
    ----------
    loss : str, Loss, or tuple of two functions, default="squared_error"
        ``"squared_error"``, ``"poisson"`` (y ≥ 0; the output is exponential), a name in
        `glassnet.network.losses.LOSSES` for values, or a custom loss, a pair of functions ``(value(y, output) ->
        (samples,), gradient(y, output) -> (samples, outputs))``.
    quantiles : array-like of float, optional
        Predict these quantiles of a single target with the pinball loss: `predict` returns (samples, quantiles) in the
        given order. Quantiles do not cross (rearrangement, Chernozhukov et al. 2010).
    target_transform : "standardize", optional
        Train on (y - mean) / deviation of the training rows; `predict` inverts it.
    hidden_layer_sizes, activation, solver, alpha, batch_size, learning_rate, learning_rate_init, power_t, max_iter, \
shuffle, random_state, tol, verbose, warm_start, momentum, nesterovs_momentum, early_stopping, validation_fraction, \
beta_1, beta_2, epsilon, n_iter_no_change, max_fun, loss_params, out_activation, initializer, dropout, l1, \
weight_decay, max_norm, clip_norm, ema_decay, solver_params, learning_rate_params, stratify, scoring, \
restore_best_weights, min_delta, patience, callbacks, preprocess, categorical_features, engine, n_jobs, dtype
        See `MLPClassifier`. The default of ``scoring`` is R².

    Attributes
    ----------
    model_, coefs_, intercepts_, loss_, best_loss_, loss_curve_, validation_scores_, best_validation_score_, n_iter_, \
t_, n_layers_, n_outputs_, n_parameters_, out_activation_, n_features_in_, feature_names_in_, history_, engine_
        See `MLPClassifier`.

    Examples
    --------
    >>> from glassnet import MLPRegressor
    >>> from sklearn.datasets import make_regression
    >>> X, y = make_regression(n_samples=200, n_features=20, random_state=1)
    >>> MLPRegressor(random_state=1, max_iter=2000, tol=0.1).fit(X, y).score(X, y) > 0.9
    True
    """

    _parameter_constraints: dict[str, Any] = REGRESSOR
    _is_classifier = False

    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        loss_params: dict[str, Any] | None = None,
        quantiles: Any = None,
        target_transform: str | None = None,
        out_activation: Any = None,
        initializer: Any = None,
        dropout: Any = 0.0,
        l1: float = 0.0,
        weight_decay: float | None = None,
        max_norm: float | None = None,
        clip_norm: float | None = None,
        ema_decay: float | None = None,
        solver_params: dict[str, Any] | None = None,
        learning_rate_params: dict[str, Any] | None = None,
        stratify: bool | None = None,
        scoring: Any = None,
        restore_best_weights: bool | None = None,
        min_delta: float | None = None,
        patience: int | None = None,
        callbacks: Any = None,
        preprocess: str | None = None,
        categorical_features: Any = None,
        engine: str = "auto",
        n_jobs: int | None = None,
        dtype: str | None = None,
    ) -> None:
        self._store_params(locals())

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, validation_data: Any = None, groups: Any = None
    ) -> MLPRegressor:
        """Train the network.

        Parameters
        ----------
        X : array-like or sparse matrix (samples, features)
            Rows; the column names of a data frame are kept.
        y : array-like (samples,) or (samples, outputs)
            Target values.
        sample_weight, validation_data, groups
            See `MLPClassifier.fit`.

        Returns
        -------
        MLPRegressor
            The fitted estimator.
        """
        return self._fit(X, y, sample_weight, validation_data, groups)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Train for one epoch on some rows, resuming the previous training; see `fit`.

        With ``preprocess`` or ``target_transform``, whose statistics are those of the first rows, call `fit` first.
        """
        self._check_partial_fit()
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> Array:
        """Return the predicted value of each row (samples,), or its values (samples, outputs)."""
        values = self._values(self._outputs(X))
        check_outputs(values)  # scaled back, they may be too large for the dtype
        return values[:, 0] if values.shape[1] == 1 else values

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R², or, with quantiles, the negative mean pinball loss; higher is better."""
        if self.quantiles is None:
            return float(super().score(X, y, sample_weight))
        truth = np.asarray(y, np.float64).reshape(-1, 1)
        return self._pinball(self.predict(X).reshape(len(truth), -1), truth, sample_weight)

    def _pinball(self, values: Array, truth: Array, sample_weight: Array | None) -> float:
        e = truth - values
        q = np.asarray(self.quantiles)
        return -float(np.average(np.mean(np.maximum(q * e, (q - 1) * e), axis=1), weights=sample_weight))

    def _values(self, output: Array) -> Array:
        """Return outputs in the target's unit, quantiles in their order."""
        with np.errstate(over="ignore"):
            return self._target.values(output).astype(output.dtype, copy=False)

    # -------------------------------------------------------------------------------------------------- the target

    def _encode(self, y: Any, first: bool, incremental: bool) -> Array:
        if self.loss == "poisson" and np.any(np.asarray(y) < 0):
            row = int(np.flatnonzero((np.asarray(y).reshape(len(y), -1) < 0).any(axis=1))[0])
            raise InputError(f"loss='poisson' needs y of 0 or more, and row {row} has {np.asarray(y)[row]}")
        if first:
            self._target = Target(REGRESSION, quantiles=tuple(float(q) for q in self._quantiles()))
        return np.asarray(y).reshape(len(y), -1)

    def _quantiles(self) -> Any:
        return () if self.quantiles is None else self.quantiles

    def _deviation(self) -> Array:
        """Return the factor from outputs of the network to values, (outputs,) or (1,)."""
        scaling = self._target.scaling
        return np.ones(1) if scaling is None else 1 / scaling.scale

    def _fit_target(self, truth: Array, training: Array | None, first: bool) -> None:
        if first and self.target_transform:
            rows = truth if training is None else truth[training]
            self._target = replace(self._target, scaling=fit_standard_scaling(rows))

    def _scale_target(self, truth: Array) -> Array:
        scaling = self._target.scaling
        return truth if scaling is None else scaling.transform(truth, np.float64)

    def _output_layer(self, truth: Array) -> tuple[int, str, str]:
        if self.quantiles is None:
            return truth.shape[1], "exp" if self.loss == "poisson" else "identity", "r2"
        if truth.shape[1] > 1:
            raise InputError(
                f"quantiles need one target, and y has {truth.shape[1]} columns; fit one estimator for each"
            )
        return len(self.quantiles), "identity", "none"

    def _resolve_loss(self, outputs: int, dtype: Any) -> Loss:
        params = dict(self.loss_params or {})
        if self.quantiles is None:
            return find_loss(self.loss, params, classes=False, binary=False, outputs=outputs)
        quantiles = tuple(float(quantile) for quantile in self.quantiles)
        if not quantiles or not all(0 < quantile < 1 for quantile in quantiles):
            raise InputError(f"quantiles is {self.quantiles!r}; they must be numbers above 0 and below 1")
        if self.loss not in ("squared_error", "pinball"):
            raise InputError(f"quantiles use the pinball loss, and loss is {self.loss!r}; leave one of them out")
        return find_loss("pinball", params | {"quantiles": quantiles}, classes=False, binary=False, outputs=outputs)

    def _constant_loss(self, truth: Array) -> Array | None:
        """Return Σ y log y - y, the constant part of scikit-learn's deviance."""
        if self.loss != "poisson" or truth.shape[1] > 1:  # of several outputs the whole deviance is summed
            return None
        return np.sum(xlogy(truth, truth) - truth, axis=1)

    def _score_outputs(self, output: Array, truth: Array, sample_weight: Array | None) -> float:
        values = self._values(output)
        if self.quantiles is not None:
            return self._pinball(values, truth, sample_weight)
        if not np.isfinite(values).all():
            return np.nan
        return float(r2_score(truth, values, sample_weight=sample_weight))

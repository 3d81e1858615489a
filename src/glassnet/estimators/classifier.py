"""MLPClassifier: scikit-learn's, and what its users asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target

from glassnet._utils.arrays import Array
from glassnet._utils.sklearn_private import check_partial_fit_first_call, fit_context
from glassnet.estimators._class_target import ClassTargetMixin, has_decision_function, has_probabilities
from glassnet.estimators._mlp import NeuralNetwork
from glassnet.estimators._parameter_constraints import CLASSIFIER
from glassnet.estimators._params import has_partial_fit
from glassnet.models.target import BINARY


class MLPClassifier(ClassifierMixin, ClassTargetMixin, NeuralNetwork):
    """A neural network that tells classes apart: scikit-learn's MLPClassifier, faster, and with more to choose.

    The same data, parameters and seed give scikit-learn's result up to rounding. Parameters down to ``max_fun`` are
    scikit-learn's; the others are new, and leave everything as it is unless they are given.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int, default=(100,)
        Units of each hidden layer.
    activation : str, list, tuple of two functions, or Activation, default="relu"
        Of the hidden layers: ``"identity"``, ``"logistic"``, ``"tanh"``, ``"relu"``, or any of
        `glassnet.network.activations.ACTIVATIONS`; a list has one for each layer; two functions ``(f(z) -> a,
        derivative(z) -> da/dz)`` are one's own.
    solver : str, default="adam"
        ``"lbfgs"``, ``"sgd"``, ``"adam"``, or any of `glassnet.network.optimizers.OPTIMIZERS`.
    alpha : float, default=0.0001
        Adds alpha/2 Σ W² / n to the loss, n being the rows (their weights) of the batch.
    batch_size : int or "auto", default="auto"
        Rows a batch; auto is min(200, rows).
    learning_rate : str, default="constant"
        ``"constant"``, or for sgd ``"invscaling"`` (learning_rate_init / t^power_t) or ``"adaptive"`` (divided by 5
        where the loss rests); or, for every solver, any of `glassnet.network.schedules.SCHEDULES`. Those that go down
        over all of max_iter may be stopped before by n_iter_no_change.
    learning_rate_init : float, default=0.001
        The rate that the schedule multiplies.
    power_t : float, default=0.5
        See invscaling.
    max_iter : int, default=200
        Epochs at most; for lbfgs, iterations.
    shuffle : bool, default=True
        Whether each epoch takes the rows in another order.
    random_state : int, RandomState or None, default=None
        Seed of weights, orders, the validation split and dropout.
    tol : float, default=1e-4
        How much better counts as better.
    verbose : bool, default=False
        Whether to print the loss of each epoch.
    warm_start : bool, default=False
        Whether `fit` goes on where it stood, optimizer and random stream included: two fits of 5 epochs are one of 10.
        Where ``coefs_`` were replaced, it begins from those.
    momentum : float, default=0.9
        Of sgd.
    nesterovs_momentum : bool, default=True
        Whether sgd looks ahead.
    early_stopping : bool, default=False
        Whether rows set aside decide when to stop and which epoch is kept.
    validation_fraction : float, default=0.1
        The share of the rows set aside.
    beta_1, beta_2, epsilon : float, default=0.9, 0.999, 1e-8
        Of adam.
    n_iter_no_change : int, default=10
        Epochs without better than tol that are borne.
    max_fun : int, default=15000
        Evaluations of lbfgs at most.
    loss : str, Loss, or tuple of two functions, default="log_loss"
        ``"log_loss"``, any of `glassnet.network.losses.LOSSES` for classes, or one's own ``(value(y, output) ->
        (samples,), gradient(y, output) -> (samples, outputs))``, where y is one-hot.
    loss_params : dict, optional
        The loss's own numbers, such as ``{"gamma": 2.0}``.
    out_activation : str, tuple or Activation, optional
        Of the output layer; the one that suits loss and classes if not given.
    initializer : str or callable, optional
        Of `glassnet.network.initializers.INITIALIZERS`, or ``"auto"``; scikit-learn's if not given.
    dropout : float or array-like, default=0.0
        The rate of every hidden layer, or the input's and then each hidden layer's.
    l1 : float, default=0.0
        Adds l1 Σ|W| to the loss.
    weight_decay : float, optional
        Decoupled decay, as AdamW's; the solver's own if not given.
    max_norm, clip_norm : float, optional
        The longest weights into one unit; the longest gradient.
    label_smoothing : float, default=0.0
        How much of the truth is spread over all classes.
    ema_decay : float, optional
        Decay of a running average of the weights, which then predicts.
    solver_params, learning_rate_params : dict, optional
        The solver's and the schedule's own numbers.
    class_weight : dict, "balanced" or None, default=None
        Multiplies ``sample_weight``.
    stratify : bool, optional
        Whether the validation rows have the classes' shares; scikit-learn does so for two classes.
    scoring : str or callable, optional
        A scorer of scikit-learn's for early stopping; accuracy if not given.
    restore_best_weights : bool, optional
        Whether to end with the parameters of the best epoch; with early stopping if not given.
    min_delta, patience : float, int, optional
        Go before tol and n_iter_no_change: patience 1 stops at the first epoch that is not better.
    callbacks : Callback or list of them, optional
        See `glassnet.training.callbacks.base`.
    preprocess : "auto" or None, default=None
        Whether to scale, fill in and encode columns, by figures of the training rows (`glassnet.preprocessing`).
    categorical_features : array-like or "from_dtype", optional
        Columns that hold categories, for ``preprocess="auto"``.
    engine : "auto", "fused" or "reference", default="auto"
        What computes; auto takes the compiled engine where the work is worth it, by its size alone.
    n_jobs : int, optional
        Threads of the compiled engine; all usable cores if not given. The result does not depend on it.
    dtype : "float32", "float64" or None, default=None
        Of the network; X's if not given.

    Attributes
    ----------
    classes_ : array (n_classes,)
        The classes.
    coefs_, intercepts_ : list of array
        W (units before, units) and b (units,) of each layer.
    loss_, best_loss_, loss_curve_ : float, float, list of float
        The loss of the last epoch, of the best one (None with early stopping), and of each.
    validation_scores_, best_validation_score_ : list of float, float
        With early stopping, else None.
    n_iter_, t_ : int
        Epochs, and rows met.
    n_layers_, n_outputs_, n_parameters_ : int
        Layers with the input, outputs, numbers that were learned.
    out_activation_ : str
        Of the output layer.
    n_features_in_, feature_names_in_ : int, array
        The columns; names where X had some.
    history_ : History
        Every epoch, of all fits; ``history_.to_frame()`` is a data frame.
    engine_ : str
        Which engine ran.

    Examples
    --------
    >>> from glassnet import MLPClassifier
    >>> from sklearn.datasets import make_classification
    >>> X, y = make_classification(n_samples=200, random_state=1)
    >>> MLPClassifier(random_state=1, max_iter=300).fit(X, y).score(X, y) > 0.9
    True
    """

    _parameter_constraints: dict[str, Any] = CLASSIFIER
    _is_classifier = True

    def __init__(
        self,
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
        loss: Any = "log_loss",
        loss_params: dict[str, Any] | None = None,
        out_activation: Any = None,
        initializer: Any = None,
        dropout: Any = 0.0,
        l1: float = 0.0,
        weight_decay: float | None = None,
        max_norm: float | None = None,
        clip_norm: float | None = None,
        label_smoothing: float = 0.0,
        ema_decay: float | None = None,
        solver_params: dict[str, Any] | None = None,
        learning_rate_params: dict[str, Any] | None = None,
        class_weight: Any = None,
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
    ) -> MLPClassifier:
        """Learn from rows.

        Parameters
        ----------
        X : array-like or sparse matrix (samples, features)
            The rows; data frames keep their names.
        y : array-like (samples,) or (samples, labels)
            Classes, numbers or text; or for each label whether it holds.
        sample_weight : array-like (samples,), optional
            The weight of each row.
        validation_data : tuple (X, y) or (X, y, sample_weight), optional
            Rows that are never trained on: reported in ``history_``, and, with early stopping, in the place of
            ``validation_fraction``.
        groups : array-like (samples,), optional
            Rows of one group are set aside together.

        Returns
        -------
        MLPClassifier
            Itself.

        Raises
        ------
        ValueError
            If data or parameters can't be used, or numbers were no longer finite.

        Warns
        -----
        ConvergenceWarning
            If max_iter was reached first.
        """
        return self._fit(X, y, sample_weight, validation_data, groups)

    @available_if(has_partial_fit)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> MLPClassifier:
        """Learn one epoch from some rows, going on where the last call ended.

        Parameters
        ----------
        X, y, sample_weight : array-like
            See `fit`.
        classes : array-like (n_classes,), optional
            All classes that will ever come; needed in the first call.

        Returns
        -------
        MLPClassifier
            Itself.
        """
        if check_partial_fit_first_call(self, classes):
            labels = type_of_target(y).startswith("multilabel")
            self._target = self._target_of(LabelBinarizer().fit(y if labels else classes))
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> Array:
        """Return the most likely class of each row (samples,), or whether each label is set (samples, labels)."""
        output = self._outputs(X)
        return self._target.decode(output)

    @available_if(has_probabilities)
    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, in the order of ``classes_``: (samples, classes).

        There is none where the output layer has no activation, as with loss ``"hinge"``; see `decision_function`.
        """
        output = self._outputs(X)
        return self._model.probabilities(output)

    @available_if(has_probabilities)
    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithm of `predict_proba`."""
        probability = self.predict_proba(X)
        with np.errstate(divide="ignore"):
            return np.log(probability, out=probability)

    @available_if(has_decision_function)
    def decision_function(self, X: Any) -> Array:
        """Return the outputs, where they are no probabilities: (samples,) for two classes, else (samples, classes)."""
        output = self._outputs(X)
        return output[:, 0] if self._target.kind == BINARY else output

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

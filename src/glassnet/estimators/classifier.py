"""MLPClassifier: a drop-in replacement for scikit-learn's, with more options."""

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
from glassnet.estimators._class_weight import BALANCED_NEEDS_ALL_ROWS
from glassnet.estimators._mlp import NeuralNetwork
from glassnet.estimators._parameter_constraints import CLASSIFIER
from glassnet.estimators._params import has_partial_fit
from glassnet.models.target import BINARY


class MLPClassifier(ClassifierMixin, ClassTargetMixin, NeuralNetwork):
    """Multilayer perceptron classifier: a drop-in replacement for scikit-learn's MLPClassifier with more options.

    The same data, parameters and seed give scikit-learn's result up to rounding. The parameters up to ``max_fun`` are
    scikit-learn's; the others are additional, and their defaults do not change the result.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int, default=(100,)
        Number of units of each hidden layer.
    activation : str, list, tuple of two functions, or Activation, default="relu"
        Activation of the hidden layers: ``"identity"``, ``"logistic"``, ``"tanh"``, ``"relu"``, or a name in
        `glassnet.network.activations.ACTIVATIONS`; a list with one for each layer; or a custom activation, a pair of
        functions ``(f(z) -> a, derivative(z) -> da/dz)``.
    solver : str, default="adam"
        ``"lbfgs"``, ``"sgd"``, ``"adam"``, or a name in `glassnet.network.optimizers.OPTIMIZERS`.
    alpha : float, default=0.0001
        Strength of the L2 penalty alpha/2 Σ W² / n, where n is the number of rows (the sum of weights) of the batch.
    batch_size : int, "auto" or "recommended", default="auto"
        Rows per batch. ``"auto"`` is min(200, rows); ``"recommended"`` grows with the number of rows, from 8 to 128.
    learning_rate : str, default="constant"
        Learning-rate schedule: ``"constant"``; for sgd ``"invscaling"`` (learning_rate_init / t^power_t) or
        ``"adaptive"`` (divided by 5 if the loss does not improve); or, for every solver, a name in
        `glassnet.network.schedules.SCHEDULES`.
    learning_rate_init : float, default=0.001
        Initial learning rate, which the schedule multiplies.
    power_t : float, default=0.5
        Exponent of ``"invscaling"``.
    max_iter : int or "recommended", default=200
        Maximum number of epochs, or of iterations of lbfgs. ``"recommended"`` is 15, or more for few rows.
    shuffle : bool, default=True
        Whether to shuffle the rows in each epoch.
    random_state : int, RandomState or None, default=None
        Seed of the initial weights, the shuffling, the validation split and dropout.
    tol : float, default=1e-4
        Minimum improvement of the loss or score.
    verbose : bool, default=False
        Whether to print the loss of each epoch.
    warm_start : bool, default=False
        Whether `fit` resumes the previous training, including the state of the optimizer and of the random stream: two
        fits of 5 epochs equal one of 10. If ``coefs_`` were replaced, training starts from them.
    momentum : float, default=0.9
        Momentum of sgd.
    nesterovs_momentum : bool, default=True
        Whether sgd uses Nesterov's momentum.
    early_stopping : bool, default=False
        Whether to hold out validation rows, stop when their score no longer improves, and restore the best epoch.
    validation_fraction : float, default=0.1
        Fraction of the rows to hold out for early stopping.
    beta_1, beta_2, epsilon : float, default=0.9, 0.999, 1e-8
        Hyperparameters of adam.
    n_iter_no_change : int, default=10
        Number of epochs without an improvement of at least ``tol`` before training stops.
    max_fun : int, default=15000
        Maximum number of loss evaluations of lbfgs.
    loss : str, Loss, or tuple of two functions, default="log_loss"
        ``"log_loss"``, a name in `glassnet.network.losses.LOSSES` for classes, or a custom loss, a pair of functions
        ``(value(y, output) -> (samples,), gradient(y, output) -> (samples, outputs))`` with one-hot y.
    loss_params : dict, optional
        Hyperparameters of the loss, such as ``{"gamma": 2.0}``.
    out_activation : str, tuple or Activation, optional
        Activation of the output layer. By default, it follows from the loss and the classes.
    initializer : str or callable, optional
        Name in `glassnet.network.initializers.INITIALIZERS`, ``"auto"``, or ``f(generator, shape) -> W``. By default,
        scikit-learn's initialization.
    dropout : float or array-like, default=0.0
        Dropout rate of all hidden layers, or one for the input and each hidden layer.
    l1 : float, default=0.0
        Strength of the L1 penalty l1 Σ|W|.
    weight_decay : float, optional
        Decoupled weight decay, as in AdamW. By default, the solver's own.
    max_norm : float, optional
        Maximum norm of the weights into a unit.
    clip_norm : float, optional
        Maximum norm of the gradient.
    label_smoothing : float, default=0.0
        Fraction of each target that is distributed over all classes.
    ema_decay : float, optional
        Decay of the exponential moving average of the weights, which is then used for predictions.
    solver_params, learning_rate_params : dict, optional
        Hyperparameters of the solver and of the schedule.
    class_weight : dict, list of dict, "balanced" or None, default=None
        Weight of each class; multiplies ``sample_weight``. For several labels, a list with a dict for each label.
    stratify : bool, optional
        Whether the validation split is stratified by class. By default, for two classes only, as in scikit-learn.
    scoring : str or callable, optional
        Scorer of scikit-learn for early stopping. By default, the accuracy.
    restore_best_weights : bool, optional
        Whether to restore the parameters of the best epoch. By default, with early stopping only.
    min_delta : float, optional
        Replaces ``tol``.
    patience : int, optional
        Replaces ``n_iter_no_change``: 1 stops at the first epoch without improvement.
    callbacks : Callback or list of Callback, optional
        See `glassnet.training.callbacks.base`.
    preprocess : "auto", "scale" or None, default=None
        ``"auto"`` imputes, scales and encodes the columns of a table; ``"scale"`` scales columns of numbers, as
        `glassnet.fit` does. Both use statistics of the training rows only (`glassnet.preprocessing`).
    categorical_features : array-like or "from_dtype", optional
        Categorical columns, for ``preprocess="auto"``.
    engine : "auto", "fused" or "reference", default="auto"
        Compute engine. ``"auto"`` uses the compiled engine for everything that it supports.
    n_jobs : int, optional
        Number of threads of the compiled engine; all usable cores by default. The result does not depend on it.
    dtype : "float32", "float64" or None, default=None
        Dtype of the network. By default, that of X.

    Attributes
    ----------
    model_ : Model
        The trained network, which shares its parameters with ``coefs_`` and ``intercepts_``.
    classes_ : array (n_classes,)
        Class labels.
    coefs_, intercepts_ : list of array
        W (units before, units) and b (units,) of each layer.
    loss_, best_loss_ : float
        Loss of the last and of the best epoch; the latter is None with early stopping.
    loss_curve_ : list of float
        Loss of each epoch.
    validation_scores_, best_validation_score_ : list of float, float
        Validation score of each epoch, and the best one; None without early stopping.
    n_iter_, t_ : int
        Number of epochs, and of training samples seen.
    n_layers_, n_outputs_, n_parameters_ : int
        Number of layers including the input, of outputs, and of trained parameters.
    out_activation_ : str
        Activation of the output layer.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : array (n_features_in_,)
        Column names, if X had any.
    history_ : History
        Records of all epochs of all fits; ``history_.to_frame()`` is a data frame.
    engine_ : str
        Engine that was used.

    See Also
    --------
    MLPClassifier.recommended : An estimator with the settings of `glassnet.fit`.
    MLPClassifier.from_model : An estimator that holds a trained model.

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
        """Train the network.

        Parameters
        ----------
        X : array-like or sparse matrix (samples, features)
            Rows; the column names of a data frame are kept.
        y : array-like (samples,) or (samples, labels)
            Class labels, numbers or text; or an indicator matrix of labels.
        sample_weight : array-like (samples,), optional
            The weight of each row.
        validation_data : tuple (X, y) or (X, y, sample_weight), optional
            Validation rows: reported in ``history_`` and, with early stopping, used instead of ``validation_fraction``.
        groups : array-like (samples,), optional
            Rows of a group are held out together.

        Returns
        -------
        MLPClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            If data or parameters are invalid, or training diverged.

        Warns
        -----
        ConvergenceWarning
            If max_iter was reached before convergence.
        """
        return self._fit(X, y, sample_weight, validation_data, groups)

    @available_if(has_partial_fit)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> MLPClassifier:
        """Train for one epoch on some rows, resuming the previous training.

        With ``preprocess``, whose statistics are those of the first rows, call `fit` first.

        Parameters
        ----------
        X, y, sample_weight : array-like
            See `fit`.
        classes : array-like (n_classes,), optional
            All classes; required in the first call.

        Returns
        -------
        MLPClassifier
            The fitted estimator.
        """
        if isinstance(self.class_weight, str):
            raise ValueError(BALANCED_NEEDS_ALL_ROWS)
        self._check_partial_fit()
        if check_partial_fit_first_call(self, classes):
            labels = type_of_target(y).startswith("multilabel")
            self._target = self._target_of(LabelBinarizer().fit(y if labels else classes))
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> Array:
        """Return the predicted class of each row (samples,), or 0 or 1 for each label (samples, labels)."""
        output = self._outputs(X)
        return self._target.decode(output)

    @available_if(has_probabilities)
    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, in the order of ``classes_``: (samples, classes).

        It is not available if the output layer has no activation, as with loss ``"hinge"``; see `decision_function`.
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
        """Return the outputs if they are not probabilities: (samples,) for two classes, else (samples, classes)."""
        output = self._outputs(X)
        return output[:, 0] if self._target.kind == BINARY else output

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

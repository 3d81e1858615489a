"""Files of an estimator, and conversion from and to models and other libraries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from glassnet._utils.sklearn_private import is_valid_parameter
from glassnet.errors import InputError
from glassnet.estimators._params import model_settings, params_of
from glassnet.estimators._sklearn_names import sklearn_name
from glassnet.estimators._storage import SavedEstimator, naming_file, read_estimator, save
from glassnet.models import exchange
from glassnet.models.exchange.portable import Portable
from glassnet.models.model import Model, default_names
from glassnet.models.storage import read_model
from glassnet.models.target import BINARY, MULTICLASS, MULTILABEL, REGRESSION, Target
from glassnet.preprocessing.scaling import identity_scaling
from glassnet.training.history import History


class ExportMixin:
    """Files of an estimator, and exchange with models and other libraries."""

    # scikit-learn's attributes that may be None
    best_loss_: float | None
    validation_scores_: list[float] | None
    best_validation_score_: float | None

    def save(self, path: str | Path) -> None:
        """Write the fitted estimator to a file that holds no code, atomically; see ``docs/model-file.md``.

        Parameters
        ----------
        path : str or Path
            The file, ``.glassnet`` by convention. Callbacks, scorers and custom functions for training are omitted.
        """
        save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> Any:
        """Read an estimator from a model file.

        An estimator that `save` wrote predicts bit for bit as before. A file that `glassnet.save`, the command line or
        the page wrote holds a model without an estimator: the result is that of `from_model`.

        Parameters
        ----------
        path : str or Path
            The file.

        Raises
        ------
        InputError
            If the file is missing, is not a model file, holds another estimator, or is not consistent.
        """
        saved = read_model(path)
        if saved.estimator is None:
            return cls.from_model(saved.model)
        est = cls()
        with naming_file(path):
            described = read_estimator(saved.estimator, saved.model, cls.__name__, est.get_params(deep=False))
            est._restore(described, saved.model)
        return est

    @classmethod
    def from_model(cls, model: Model, **params: Any) -> Any:
        """Return a fitted estimator that holds a model, without a copy of its parameters.

        Parameters
        ----------
        model : Model
            From `glassnet.fit`, `glassnet.load` or the ``model_`` of an estimator.
        **params
            Parameters of the estimator. By default, those that correspond to the model's settings.

        Raises
        ------
        InputError
            If the model is for regression and the estimator is a classifier, or vice versa.
        """
        est = cls(**{**params_of(model, cls), **params})
        names = model.feature_names != default_names(len(model.feature_names))
        est._set_from_model(model, names)
        est._set_history(model)
        return est

    def _restore(self, saved: SavedEstimator, model: Model) -> None:
        """Set parameters, model and attributes from a file."""
        self.set_params(**saved.params)
        self._validate_params()
        self._set_from_model(model, saved.has_feature_names)
        for name, value in saved.attributes.items():
            setattr(self, name, value)
        self._resume_counting()

    def to_onnx(self, path: str | Path, *, input_dtype: Any = None) -> None:
        """Write the network with its preprocessing and the scaling of the target as an ONNX file.

        Parameters
        ----------
        path : str or Path
            The file, ``.onnx``. ``docs/export.md`` describes its inputs and outputs.
        input_dtype : float32 or float64, optional
            Dtype of its input. By default, the network's.
        """
        exchange.to_onnx(self._portable(), path, input_dtype=input_dtype)

    def to_torch(self) -> Any:
        """Return a PyTorch `nn.Sequential` with the same outputs for rows as `prepare` returns them."""
        check_is_fitted(self)
        model = self.model_
        return exchange.to_torch(model.structure, model.vector, target_scaling=model.target.scaling)

    def to_sklearn(self) -> Any:
        """Return a fitted scikit-learn estimator with the same predictions, and the same parameters if it has them."""
        import sklearn.neural_network

        target = getattr(sklearn.neural_network, type(self).__name__)()
        set_by_network = ("hidden_layer_sizes", "activation", "loss")
        taken = {
            name: value
            for name, value in self.get_params(deep=False).items()
            if name in target.get_params() and name not in set_by_network and is_valid_parameter(target, name, value)
        }
        return exchange.to_sklearn(self._portable(), loss_curve=getattr(self, "loss_curve_", ()), **taken)

    @classmethod
    def from_sklearn(cls, estimator: Any) -> Any:
        """Return a fitted estimator with the network of a fitted MLP of scikit-learn.

        Raises
        ------
        InputError
            If the estimator is of another class.
        """
        if type(estimator).__name__ != cls.__name__:
            raise InputError(f"estimator is {type(estimator).__name__}, and {cls.__name__} is expected")
        portable = exchange.from_sklearn(estimator)
        made = cls(**estimator.get_params(deep=False))
        made._adopt(portable)
        for name in ("n_iter_", "t_", "loss_", "best_loss_", "loss_curve_", "validation_scores_",
                     "best_validation_score_", "classes_", "feature_names_in_"):  # fmt: skip
            if hasattr(estimator, name):
                setattr(made, name, getattr(estimator, name))
        return made

    @classmethod
    def from_torch(cls, module: Any, *, classes: Any = None, output: str | None = None) -> Any:
        """Return this estimator with the network of a PyTorch `nn.Sequential` of linear layers and activations.

        Parameters
        ----------
        module : nn.Sequential
            The module, which is not changed.
        classes : array-like, optional
            The class of each output, or both classes of a single output. By default, integers from 0.
        output : str, optional
            The activation of the last layer, if the module returns logits. By default, a classifier's identity output
            becomes softmax for several classes and sigmoid for two.
        """
        structure, vector = exchange.from_torch(module, output=output)
        if cls._is_classifier and output is None and structure.activations[-1].name == "identity":
            logits = "softmax" if structure.n_outputs > 1 else "sigmoid"
            structure, vector = exchange.from_torch(module, output=logits)
        names = [sklearn_name(activation) for activation in structure.activations]
        parameters: dict[str, Any] = {
            "hidden_layer_sizes": structure.layer_sizes[1:-1],
            "activation": names[0] if len(set(names[:-1])) == 1 else names[:-1],
            "out_activation": names[-1],
        }
        made = cls(**parameters)
        kind = REGRESSION
        labels = np.empty(0, object)
        if cls._is_classifier:
            kind = BINARY if structure.n_outputs == 1 else MULTICLASS
            labels = np.arange(max(2, structure.n_outputs)) if classes is None else np.asarray(classes)
        made._adopt(Portable(structure, vector, kind, labels))
        return made

    def _portable(self) -> Portable:
        check_is_fitted(self)
        return self.model_.portable()

    def _adopt(self, portable: Portable) -> None:
        """Hold a network from another library."""
        if portable.scaling is not None or portable.target_scaling is not None:
            raise InputError("the estimator is in a pipeline with a scaling; pass the network itself")
        structure = portable.structure
        kind = portable.kind
        classes: Any = np.arange(structure.n_outputs) if kind == MULTILABEL else portable.classes
        names = portable.feature_names or default_names(structure.n_inputs)
        target = Target(kind, classes=np.asarray(classes))
        preprocessor = identity_scaling(structure.n_inputs)
        model = Model(
            structure,
            portable.vector,
            preprocessor,
            tuple(names),
            target,
            model_settings(structure.activations[-1].name),
        )
        self._set_from_model(model, bool(portable.feature_names))

    def _set_from_model(self, model: Model, has_feature_names: bool) -> None:
        """Hold a model as if this estimator had been fitted to it."""
        if self._is_classifier != (model.target.kind != REGRESSION):
            raise InputError(f"the model is for {model.task}, and {type(self).__name__} is not")
        self._target = model.target
        self._preprocess = self.preprocess
        if self._is_classifier:
            self.classes_ = model.target.classes
        self.n_features_in_ = len(model.feature_names)
        if has_feature_names:
            self.feature_names_in_ = np.array(model.feature_names, dtype=object)
        self.n_outputs_ = model.structure.n_outputs
        self._start_attributes(model)
        self.history_ = History(model.history)

    def _set_history(self, model: Model) -> None:
        """Set scikit-learn's attributes from the history of a model that no estimator trained."""
        epochs = len(model.history)
        self.n_iter_ = epochs
        self.t_ = epochs * int(model.metadata.get("training_rows", 0))
        self.engine_ = str(model.metadata.get("engine") or "reference")
        self.loss_curve_ = [epoch.loss for epoch in model.history]
        self.loss_ = self.loss_curve_[-1] if epochs else np.nan
        self.best_loss_ = min(self.loss_curve_, default=np.inf)
        self.validation_scores_ = self.best_validation_score_ = None
        self._resume_counting()

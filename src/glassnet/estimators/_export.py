"""An estimator's files, and its way to other libraries and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from glassnet.errors import InputError
from glassnet.estimators._sklearn_names import spoken
from glassnet.estimators._storage import load, save
from glassnet.models import exchange
from glassnet.models.exchange.portable import MULTICLASS, MULTILABEL, REGRESSION, Portable

#: scikit-learn's word for several yes-or-no questions.
_LABELS = "multilabel-indicator"


class ExportMixin:
    """How an estimator travels."""

    def save(self, path: str | Path) -> None:
        """Write the fitted estimator to a file that holds no code, atomically; see ``docs/model-file.md``.

        Parameters
        ----------
        path : str or Path
            ``.glassnet`` by custom. Callbacks, scorers and functions of one's own for training are left out.
        """
        save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> Any:
        """Read an estimator from a file that `save` wrote; it predicts bit for bit what the saved one did.

        Raises
        ------
        InputError
            If the file is none, holds another estimator, or does not fit together.
        """
        return load(cls, path)

    def to_onnx(self, path: str | Path, *, input_dtype: Any = None) -> None:
        """Write the network, and what prepares its rows and undoes its target, as an ONNX file.

        Parameters
        ----------
        path : str or Path
            ``.onnx``. See ``docs/export.md`` for its inputs and outputs.
        input_dtype : float32 or float64, optional
            Of its input; the network's if not given.
        """
        exchange.to_onnx(self._portable(), path, input_dtype=input_dtype)

    def to_torch(self) -> Any:
        """Return a PyTorch `nn.Sequential` with the same outputs for rows as `prepare` returns them."""
        check_is_fitted(self)
        scaling = getattr(self, "_target_scaling", None)
        return exchange.to_torch(self._structure, self._vector_in_use(), target_scaling=scaling)

    def to_sklearn(self) -> Any:
        """Return scikit-learn's estimator, fitted: the same predictions, and the same parameters where it has them."""
        import sklearn.neural_network

        theirs = getattr(sklearn.neural_network, type(self).__name__)()
        of_the_network = ("hidden_layer_sizes", "activation", "loss")
        taken = {
            name: value
            for name, value in self.get_params(deep=False).items()
            if name in theirs.get_params() and name not in of_the_network and _suits(theirs, name, value)
        }
        return exchange.to_sklearn(self._portable(), loss_curve=getattr(self, "loss_curve_", ()), **taken)

    @classmethod
    def from_sklearn(cls, estimator: Any) -> Any:
        """Return this estimator as if it had been fitted to what one of scikit-learn's MLPs was fitted to.

        Raises
        ------
        InputError
            If it is another kind of estimator.
        """
        if type(estimator).__name__ != cls.__name__:
            raise InputError(f"estimator is {type(estimator).__name__}, and {cls.__name__} is asked for")
        portable = exchange.from_sklearn(estimator)
        made = cls(**estimator.get_params(deep=False))
        made._take(portable)
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
            It is not changed.
        classes : array-like, optional
            The class of each output, or of 0 and 1 for a single one; whole numbers from 0 if not given.
        output : str, optional
            The activation of the last layer, if the module gives logits: softmax for several classes, sigmoid for two.
            A classifier's is taken for that if not given.
        """
        structure, vector = exchange.from_torch(module, output=output)
        if cls._classifies and output is None and structure.activations[-1].name == "identity":
            logits = "softmax" if structure.n_outputs > 1 else "sigmoid"
            structure, vector = exchange.from_torch(module, output=logits)
        names = [spoken(activation) for activation in structure.activations]
        parameters: dict[str, Any] = {
            "hidden_layer_sizes": structure.layer_sizes[1:-1],
            "activation": names[0] if len(set(names[:-1])) == 1 else names[:-1],
            "out_activation": names[-1],
        }
        made = cls(**parameters)
        kind, labels = REGRESSION, np.empty(0, object)
        if cls._classifies:
            kind = "binary" if structure.n_outputs == 1 else MULTICLASS
            labels = np.arange(max(2, structure.n_outputs)) if classes is None else np.asarray(classes)
        made._take(Portable(structure, vector, kind, labels))
        return made

    def _portable(self) -> Portable:
        check_is_fitted(self)
        kind = getattr(self, "_kind", REGRESSION)
        single = self._classifies and self.out_activation_ == "identity"
        return Portable(
            self._structure,
            self._vector_in_use(),
            MULTILABEL if kind == _LABELS else kind,
            self.classes_ if kind in ("binary", MULTICLASS) else np.empty(0, object),
            target_scaling=getattr(self, "_target_scaling", None),
            feature_names=() if self._preparation is not None else tuple(getattr(self, "feature_names_in_", ())),
            threshold=0.0 if single else 0.5,
            preparation=self._preparation,
            quantiles=tuple(getattr(self, "quantiles", None) or ()),
        )

    def _take(self, portable: Portable) -> None:
        """Become the fitted estimator of a network from elsewhere."""
        if portable.scaling is not None or portable.target_scaling is not None:
            raise InputError("the estimator stands in a pipeline with a scaling; take the network itself out of it")
        self.n_features_in_ = portable.structure.n_inputs
        self._restore(portable.structure, portable.vector, None, None)
        if self._classifies:
            kind = _LABELS if portable.kind == MULTILABEL else portable.kind
            labels = np.arange(self.n_outputs_) if kind == _LABELS else portable.classes
            self._restore_classes(kind, np.asarray(labels))


def _suits(theirs: Any, name: str, value: Any) -> bool:
    """Say whether a parameter's value is one that scikit-learn's estimator knows."""
    from sklearn.utils._param_validation import InvalidParameterError, validate_parameter_constraints

    try:
        validate_parameter_constraints(
            {name: theirs._parameter_constraints[name]}, {name: value}, caller_name=type(theirs).__name__
        )
    except InvalidParameterError:
        return False
    return True

"""The target of a classifier: classes, labels, the output layer and the loss that belong to them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.multiclass import unique_labels

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.estimators._class_weight import class_weights_of_rows
from glassnet.estimators._sklearn_names import find_activation, find_loss
from glassnet.models.target import BINARY, MULTICLASS, MULTILABEL, Target
from glassnet.network.losses import LOSSES, Loss


class ClassTargetMixin:
    """Encode the targets of a classifier, and choose its output layer and loss."""

    _target: Target

    def _target_of(self, binarizer: LabelBinarizer) -> Target:
        """Return the target coding for the classes that scikit-learn found."""
        kind = MULTILABEL if binarizer.y_type_.startswith("multilabel") else binarizer.y_type_
        if kind == BINARY and self._has_softmax_loss():
            kind = MULTICLASS
        return Target(kind, classes=binarizer.classes_, threshold=0.0 if self._outputs_are_identity() else 0.5)

    def _has_softmax_loss(self) -> bool:
        """Return whether the loss needs an output for each class, of two classes too."""
        if isinstance(self.loss, str):
            return self.loss in LOSSES and LOSSES[self.loss].link == "softmax"
        return isinstance(self.loss, Loss) and self.loss.link == "softmax"

    def _binarizer(self) -> LabelBinarizer:
        """Return scikit-learn's coder of the fitted classes; its transform raises scikit-learn's errors."""
        binarizer = LabelBinarizer()
        kind = self._target.kind
        classes = self._target.classes
        kinds = {MULTILABEL: "multilabel-indicator", MULTICLASS: MULTICLASS if len(classes) > 2 else BINARY}
        binarizer.classes_ = classes
        binarizer.y_type_ = kinds.get(kind, kind)
        binarizer.sparse_input_ = False
        return binarizer

    def _encode(self, y: Any, first: bool, incremental: bool) -> Array:
        codes = self._known_codes(y) if incremental else None
        if codes is not None:
            return codes
        if first and not incremental:
            self._target = self._target_of(LabelBinarizer().fit(y))
            self.classes_ = self._target.classes
        else:
            self._check_classes(unique_labels(y), incremental)
        if not first or incremental:
            self._binarizer().transform(y[:1])  # raises scikit-learn's error for a target of another kind
        kind = self._target.kind
        if kind == MULTILABEL:
            return np.asarray(self._binarizer().transform(y))
        codes = np.searchsorted(self.classes_, y).astype(np.int64)
        return codes if kind == MULTICLASS else codes.reshape(-1, 1)

    def _known_codes(self, y: Array) -> Array | None:
        """Return the truth where every y is a known class; None where scikit-learn's checks have to decide.

        They take longer than training on a few rows.
        """
        kind = self._target.kind
        if not isinstance(y, np.ndarray) or y.dtype.kind != self.classes_.dtype.kind:
            return None
        if kind == MULTILABEL:
            is_known = y.ndim == 2 and y.shape[1] == len(self.classes_) and bool(((y == 0) | (y == 1)).all())
            return y.astype(np.int64) if is_known else None
        if y.ndim != 1:
            return None
        codes = np.minimum(np.searchsorted(self.classes_, y), len(self.classes_) - 1)
        if not (self.classes_[codes] == y).all():
            return None
        return codes if kind == MULTICLASS else codes.reshape(-1, 1)

    def _check_classes(self, classes: Array, incremental: bool) -> None:
        """Raise ValueError if y has classes that the fitted network does not know."""
        if self.warm_start and not incremental:
            if set(classes) != set(self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                    f"Previously got {self.classes_}, `y` has {classes}"
                )
        elif len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {classes}."
                " Name all classes that will occur in the first call: partial_fit(X, y, classes=…), or fit again."
            )

    def _output_layer(self, truth: Array) -> tuple[int, str, str]:
        kind = self._target.kind
        activation = "softmax" if kind == MULTICLASS else "logistic"
        if isinstance(self.loss, str) and self.loss in ("hinge", "half_mean_squared_error"):
            activation = "identity"
        elif isinstance(self.loss, str) and self.loss == "binary_crossentropy":
            activation = "logistic"
        if kind == MULTICLASS:
            return len(self.classes_), activation, "accuracy"
        return truth.shape[1], activation, "subset_accuracy"

    def _outputs_are_logits(self) -> bool:
        """Return whether the outputs are not probabilities: the output layer is neither softmax nor sigmoid."""
        if self.out_activation is not None:
            return bool(find_activation(self.out_activation).name not in ("softmax", "sigmoid"))
        return isinstance(self.loss, str) and self.loss in ("hinge", "half_mean_squared_error")

    def _outputs_are_identity(self) -> bool:
        """Return whether the output layer has no activation, so that a single output is compared with 0."""
        if self.out_activation is not None:
            return find_activation(self.out_activation).name == "identity"
        return self._outputs_are_logits()

    def _resolve_loss(self, outputs: int, dtype: Any) -> Loss:
        params = dict(self.loss_params or {})
        loss = find_loss(self.loss, params, classes=True, binary=self._target.kind != MULTICLASS, outputs=outputs)
        if self.loss == "log_loss" and not self.label_smoothing and "max_value" not in params:
            # scikit-learn takes no probability for less than its dtype's ε
            return loss.with_settings(max_value=-math.log(np.finfo(dtype).eps))
        if not self.label_smoothing:
            return loss
        if "label_smoothing" not in loss.settings:
            raise InputError(f"label_smoothing does not go with loss {loss.name!r}; it goes with the cross-entropies")
        return loss.with_settings(label_smoothing=float(self.label_smoothing))

    def _row_weights(self, y: Any, sample_weight: Array | None) -> Array | None:
        if self.class_weight is None:
            return sample_weight
        weights = class_weights_of_rows(self.class_weight, y, self.classes_, self._target.kind == MULTILABEL)
        return weights if sample_weight is None else weights * sample_weight

    def _score_outputs(self, output: Array, truth: Array, sample_weight: Array | None) -> float:
        if not np.isfinite(output).all():
            return np.nan
        if self._target.kind == MULTICLASS:
            right = np.argmax(output, axis=1) == truth
        else:
            right = ((output > self._target.threshold) == (truth > 0)).all(axis=1)
        return float(np.average(right, weights=sample_weight))


def has_decision_function(est: Any) -> bool:
    """Return whether a classifier's outputs are scores, not probabilities."""
    return bool(est._outputs_are_logits())


def has_probabilities(est: Any) -> bool:
    """Return True if a classifier's outputs are probabilities.

    Raises
    ------
    AttributeError
        If they are not.
    """
    if est._outputs_are_logits():
        raise AttributeError(
            f"with loss={est.loss!r} and out_activation={est.out_activation!r} the outputs are not probabilities; use "
            "decision_function, or loss='log_loss'"
        )
    return True

"""Inspection of a fitted estimator: activations, gradients and attributions for rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import check_is_fitted

from glassnet import inspection
from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.models.target import BINARY

if TYPE_CHECKING:
    from glassnet.models.network_view import NetworkView


class InspectionMixin:
    """Methods that inspect a fitted estimator, in addition to scikit-learn's."""

    def prepare(self, X: Any) -> Any:
        """Return rows as inputs of the network: checked and preprocessed.

        Returns
        -------
        array or CSR matrix (samples, inputs)
            In the network's dtype; `input_names` names the columns.
        """
        check_is_fitted(self)
        rows = self._check_rows_to_predict(X).astype(self._model.vector.dtype, copy=False)
        return rows.tocsr() if issparse(rows) else rows

    @property
    def input_names(self) -> tuple[str, ...]:
        """Input names: the columns or x0, x1, …; with ``preprocess="auto"``, the encoded columns."""
        check_is_fitted(self)
        if not self._model.takes_numbers:
            return self._model.input_names
        return tuple(getattr(self, "feature_names_in_", [f"x{column}" for column in range(self.n_features_in_)]))

    def explain(self, X: Any) -> dict[str, Array]:
        """Return pre-activations and activations of every unit for each row.

        Returns
        -------
        dict of array (samples, units)
            ``z1``, ``a1``, …: before and after the activation of each layer.
        """
        rows = self.prepare(X)
        return inspection.activations(self._model.structure, self._current_vector(), rows)

    def gradients(self, X: Any, y: Any, sample_weight: Any = None) -> dict[str, Array]:
        """Return the gradients of the mean loss over rows, without penalties.

        Returns
        -------
        dict of array
            ``dW1``, ``db1``, …, of the shapes of the parameters, and ``dx`` (samples, inputs).
        """
        rows = self.prepare(X)
        truth = self._scale_target(self._encode(self._check_rows(X, y, reset=False)[1], False, True))
        loss = self._resolve_loss(self.n_outputs_, self._model.vector.dtype)
        return inspection.gradients(self._model.structure, self._current_vector(), loss, rows, truth, sample_weight)

    def saliency(self, X: Any, output: Any = None, of: str = "output") -> Array:
        """Return the gradient of an output with respect to each input (Simonyan et al. 2013, arXiv:1312.6034).

        Parameters
        ----------
        X : array-like (samples, features)
            Rows.
        output : int, str or array of int (samples,), optional
            Index of the class in ``classes_`` or its name, if that is text; index of the label or value. By default,
            the predicted class of each row; required for several values.
        of : str
            ``"output"``, ``"probability"``, or ``"logit"``: the input of the last activation.

        Returns
        -------
        array (samples, inputs)
        """
        rows = self.prepare(X)
        chosen, scale = self._chosen(X, output)
        return scale * inspection.saliency(self._model.structure, self._current_vector(), rows, chosen, of)

    def integrated_gradients(
        self, X: Any, baseline: Any = None, output: Any = None, of: str = "output", **limits: Any
    ) -> Array:
        """Attribute the difference of an output between a baseline and a row to the inputs.

        See `glassnet.inspection.integrated_gradients` (Sundararajan et al. 2017, arXiv:1703.01365).

        Parameters
        ----------
        X, output, of
            See `saliency`.
        baseline : array-like (inputs,) or (samples, inputs), optional
            Neutral inputs of the network; zeros by default.
        **limits
            ``tolerance`` and ``steps``.

        Returns
        -------
        array (samples, inputs)
            Each row sums to the difference of the output at the row and at the baseline.
        """
        rows = self.prepare(X)
        chosen, scale = self._chosen(X, output)
        return scale * inspection.integrated_gradients(
            self._model.structure, self._current_vector(), rows, baseline, chosen, of, **limits
        )

    def _chosen(self, X: Any, output: Any) -> tuple[Any, Any]:
        """Return the output unit and a factor: -1 for the first of two classes, which has no unit of its own."""
        if not self._is_classifier:
            if output is None and self.n_outputs_ > 1:
                raise InputError(f"output must be the index of one of the {self.n_outputs_} values: 0, 1, …")
            deviation = self._deviation()
            many = len(deviation) > 1 and output is not None
            return output, (deviation[np.asarray(output)].reshape(-1, 1) if many else float(deviation[0]))
        if isinstance(output, str):
            if output not in self.classes_:
                raise InputError(
                    f"output is {output!r}; it must be a class, one of {', '.join(map(str, self.classes_))}"
                )
            output = int(np.flatnonzero(self.classes_ == output)[0])
        if self._target.kind != BINARY:
            return output, 1
        if output is None:
            return 0, np.where(self.predict(X) == self.classes_[-1], 1, -1)[:, np.newaxis]
        classes = np.asarray(output)
        if classes.dtype.kind not in "iu" or classes.ndim > 1 or np.any((classes < 0) | (classes > 1)):
            raise InputError(f"output is {output!r:.80}; with two classes it is 0 or 1, or one of them for each row")
        sign = np.where(classes == 1, 1, -1)
        return 0, sign[:, np.newaxis] if classes.ndim else sign

    def network_view(self, X: Any = None, row: int = 0) -> NetworkView:
        """Return the network and, if X is given, the activations for one of its rows, as `glassnet.show` draws them."""
        check_is_fitted(self)
        return replace(self.model_.network_view(X, row), name=type(self).__name__)

    def _html_repr(self) -> str:
        """Return the HTML for a notebook: scikit-learn's table of parameters and, once fitted, the network."""
        parameters: str = super()._html_repr()  # type: ignore[misc]  # of BaseEstimator, beside it
        if "_model" not in vars(self):
            return parameters
        from glassnet.visualization import Picture

        curves = [("loss", [epoch.loss for epoch in self.history_])]
        if getattr(self, "validation_scores_", None):
            curves.append(("validation score", self.validation_scores_))
        return parameters + Picture(self.network_view(), curves=curves).html

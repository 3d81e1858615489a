"""The rows of a fit: checks, preprocessing, validation rows and their score."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_consistent_length, validate_data

from glassnet._utils.arrays import Array
from glassnet._utils.sklearn_private import accepts_sample_weight, check_sample_weight, check_y, safe_indexing
from glassnet.errors import InputError
from glassnet.estimators._base import DTYPES
from glassnet.estimators._row_checks import add_note, check_table_shape, plain_target
from glassnet.models.fitting import encode_rows
from glassnet.models.model import Model, default_names
from glassnet.models.target import BINARY, Target
from glassnet.network.structure import Structure
from glassnet.preprocessing import Preprocessor, Scaling, fit_preprocessor
from glassnet.preprocessing.scaling import fit_scaling, identity_scaling
from glassnet.training.run import Run
from glassnet.training.settings import LBFGS
from glassnet.training.state_dict import rng_state, set_rng_state
from glassnet.training.validation_split import validation_split


@dataclass(frozen=True)
class ValidationRows:
    """Rows that are validated on: as given, as inputs of the network, their encoded targets and weights."""

    rows: Callable[[], Any]
    x: Any
    y: Array
    truth: Array
    sample_weight: Array | None


@dataclass(frozen=True)
class FitRows:
    """The rows of one call of fit: as given, as inputs of the network, their targets, weights, and their split."""

    raw: Any
    x: Any
    y: Array
    truth: Array
    sample_weight: Array | None
    training: Array | None
    validation: Array | None

    @property
    def n_training(self) -> int:
        """The number of rows that are trained on."""
        return len(self.truth) if self.training is None else len(self.training)


@dataclass(frozen=True)
class HeldOutRows:
    """Which rows of a fit are held out for validation: a resumed fit holds out the same.

    Parameters
    ----------
    n_rows : int
        Number of all rows.
    bits : array of uint8
        `numpy.packbits` of the mask (n_rows,).
    stream : dict
        State of the random stream before the split; it gives the training rows their order.
    """

    n_rows: int
    bits: Array
    stream: dict[str, Any]

    @property
    def mask(self) -> Array:
        """Whether each row is held out, (n_rows,) bool."""
        return np.unpackbits(self.bits, count=self.n_rows).astype(bool)


class FitRowsMixin:
    """Check, preprocess and split the rows that an estimator is fitted to."""

    _held_out: HeldOutRows | None = None  # of a loaded estimator too
    _preprocess: str | None  # the parameter in the first fit

    def _check_rows(self, X: Any, y: Any, reset: bool) -> tuple[Any, Array]:
        """Check rows and targets as scikit-learn does; tables are checked where they are preprocessed."""
        if reset:
            self._preprocess = self.preprocess
        y = plain_target(y)
        if self._preprocess == "auto":
            check_table_shape(X, self)
            validate_data(self, X, y, reset=reset, skip_check_array=True)
            y = check_y(y, multi_output=True, y_numeric=not self._is_classifier, estimator=self)
            check_consistent_length(X, y)
        else:
            dtype = DTYPES if self._preprocess is None else "numeric"
            try:
                X, y = validate_data(
                    self, X, y, accept_sparse=["csr", "csc"], multi_output=True, dtype=dtype, reset=reset,
                    y_numeric=not self._is_classifier,
                )  # fmt: skip
                X = X if X.dtype.kind != "O" else X.astype(np.float64)
            except (ValueError, TypeError) as error:
                add_note(error, X, np.float64)
                raise
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _network_dtype(self, x: Any) -> str:
        """Return the network's dtype: float64 for L-BFGS, else `dtype`, else that of x, float32 for tables."""
        if self.solver == LBFGS:
            return "float64"
        if self.dtype is not None:
            return np.dtype(self.dtype).name
        return str(x.dtype) if getattr(x, "dtype", None) in DTYPES else "float32"

    def _fit_preprocessor(self, X: Any, training: Array | None) -> Preprocessor:
        """Fit the preprocessor that `preprocess` asks for on the training rows."""
        if self.preprocess is None:
            return identity_scaling(X.shape[1])
        if self.preprocess == "auto":
            return fit_preprocessor(X, self.categorical_features, training)
        return fit_scaling(X if training is None else X[training])

    def _transform(self, preprocessor: Preprocessor, X: Any) -> Any:
        """Return rows as inputs of the network, pixels as bytes."""
        if self._preprocess is None:
            return X
        if not isinstance(preprocessor, Scaling):
            return preprocessor.transform(X, self._network_dtype(X))
        dtype = self._network_dtype(X)
        rows = Model(Structure((X.shape[1], 1), ("identity",)), np.empty(0, dtype), preprocessor,
                     default_names(X.shape[1]), Target("regression"))  # fmt: skip
        return encode_rows(rows, X)

    def _split_rows(self, y: Array, groups: Any) -> tuple[Array, Array]:
        """Return the rows to train on and those to validate on, ascending; the same ones where training resumes."""
        before = self._held_out
        if before is not None and before.n_rows == len(y):
            return self._split_again(before, y, groups)
        stream = rng_state(self._random_state)
        training, held_out = self._draw_split(y, groups, self._random_state)
        mask = np.zeros(len(y), bool)
        mask[held_out] = True
        self._held_out = HeldOutRows(len(y), np.packbits(mask), stream)
        return training, np.sort(held_out)

    def _split_again(self, before: HeldOutRows, y: Array, groups: Any) -> tuple[Array, Array]:
        """Hold out the same rows, the others in the same order unless y or groups changed."""
        mask = before.mask
        random_state = np.random.RandomState()
        set_rng_state(random_state, before.stream)
        with suppress(ValueError):
            training, _ = self._draw_split(y, groups, random_state)
            if not mask[training].any() and len(training) == len(mask) - mask.sum():
                return training, np.flatnonzero(mask)
        return np.flatnonzero(~mask), np.flatnonzero(mask)

    def _draw_split(self, y: Array, groups: Any, random_state: np.random.RandomState) -> tuple[Array, Array]:
        # scikit-learn keeps the shares of the classes where there are two of them
        stratify = self.n_outputs_ == 1 if self.stratify is None else self.stratify
        by_class = y if self._is_classifier and stratify and groups is None else None
        if by_class is not None and self._target.kind == BINARY:
            by_class = y[:, np.newaxis] == self.classes_[-1]  # scikit-learn's message lists these: True, False
        try:
            training, held_out = validation_split(
                len(y), self.validation_fraction, random_state, stratify=by_class, groups=groups
            )
        except ValueError as error:
            if "least populated classes" in str(error):
                classes, counts = np.unique(y, return_counts=True)
                error.add_note(f"Classes with one row: {classes[counts == 1].tolist()}")
            raise
        if len(held_out) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        return training, held_out

    def _validation_rows(self, data: Any, rows: FitRows) -> ValidationRows | None:
        """Return the rows that are validated on: given, or held out; None if there are none."""
        held_out = rows.validation
        if held_out is not None:
            w = None if rows.sample_weight is None else rows.sample_weight[held_out]
            if w is not None and not np.any(w):
                raise InputError(
                    f"sample_weight is 0 for all {len(held_out)} rows that early_stopping holds out; hold out more "
                    "(validation_fraction), or give validation_data"
                )
            raw = rows.raw
            return ValidationRows(lambda: safe_indexing(raw, held_out), None, rows.y[held_out], rows.truth[held_out], w)
        if data is None:
            return None
        if not isinstance(data, tuple) or len(data) not in (2, 3):
            raise InputError("validation_data must be a tuple (X, y) or (X, y, sample_weight)")
        X, y = self._check_rows(data[0], data[1], reset=False)
        w = None if len(data) == 2 or data[2] is None else check_sample_weight(data[2], X)
        x = self._transform(self._model.preprocessor, X)
        return ValidationRows(lambda: X, x, y, self._encode(y, False, True), w)

    def _validation_score(self, val_rows: ValidationRows) -> Callable[[Run], float]:
        """Return a function that scores the network on the validation rows."""
        if self.scoring is None:

            def default_score(run: Run) -> float:
                output = run.eval_outputs["validation"]
                score = self._score_outputs(output, val_rows.truth, val_rows.sample_weight)
                # where training diverges, scikit-learn records NaN
                return as_score(score, len(run.history)) if np.isfinite(output).all() else score

            return default_score
        from sklearn.metrics import get_scorer

        scorer = get_scorer(self.scoring) if isinstance(self.scoring, str) else self.scoring
        X = val_rows.rows()
        weights = {"sample_weight": val_rows.sample_weight}
        if val_rows.sample_weight is None or not accepts_sample_weight(scorer):
            weights = {}

        def score(run: Run) -> float:
            self._set_vector(run.weights.eval_parameters)  # scikit-learn's scorers call predict
            return as_score(scorer(self, X, val_rows.y, **weights), len(run.history))

        return score


def as_score(score: Any, epoch: int) -> float:
    """Return the result of a scorer as a number.

    Raises
    ------
    InputError
        If it is no number, or NaN, which early stopping can't compare.
    """
    if not isinstance(score, Real) or np.isnan(float(score)):
        raise InputError(
            f"the scorer returned {score!r:.60} for the validation rows after epoch {epoch}, and early stopping "
            "compares numbers; hold out more rows (validation_fraction) or rows of every class (stratify=True), or "
            "choose another scoring"
        )
    return float(score)

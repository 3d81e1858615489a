"""What a fit sets on an estimator: the model, scikit-learn's attributes, and warnings about how training ended."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any
from zlib import crc32

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from glassnet._utils.arrays import Array
from glassnet._utils.sklearn_private import check_optimize_result
from glassnet._version import __version__
from glassnet.estimators._convergence import Progress
from glassnet.estimators._fit_rows import FitRows
from glassnet.estimators._sklearn_names import sklearn_name
from glassnet.models.model import Model, default_names
from glassnet.models.target import Target
from glassnet.network.schedules import SCHEDULES
from glassnet.network.structure import Structure
from glassnet.preprocessing import Preprocessor, TablePreprocessor
from glassnet.training import Settings
from glassnet.training.history import History
from glassnet.training.loop import DivergenceWarning
from glassnet.training.run import Run

#: Epochs of earlier fits whose losses and records are kept, and calls of partial_fit whose records are kept in
#: ``history_``: training may resume any number of times, and a pickle should not grow with it.
MAX_EARLIER_EPOCHS, MAX_PARTIAL_FITS = 1000, 100


class FittedAttributesMixin:
    """Set the model and scikit-learn's attributes of a fitted estimator."""

    _model: Model
    _target: Target
    _progress: Progress
    _checksum_after_fit: int
    _partial_fits: int = 0  # the last records of history_ that are of partial_fit

    def _new_model(
        self, structure: Structure, vector: Array | None, preprocessor: Preprocessor, settings: Settings
    ) -> Model:
        """Return the model before its first epoch."""
        names: Any = getattr(self, "feature_names_in_", None)
        if isinstance(preprocessor, TablePreprocessor):
            names = preprocessor.names
        elif names is None:
            names = default_names(self.n_features_in_)
        vector = structure.new_vector(settings.dtype) if vector is None else vector
        return Model(structure, vector, preprocessor, tuple(names), self._target, settings)

    def _start_attributes(self, model: Model) -> None:
        """Set what scikit-learn sets before the first epoch."""
        structure = model.structure
        self.n_iter_ = self.t_ = 0
        self.n_layers_ = structure.n_layers + 1
        self.out_activation_ = sklearn_name(structure.activations[-1])
        self.engine_ = "reference"
        self.n_parameters_ = structure.n_parameters
        self.history_ = History()
        self._partial_fits = 0
        self._progress = Progress([] if self.early_stopping else None)
        self._set_model(model)

    def _is_unchanged(self) -> bool:
        """Return whether the parameters are those that the last fit left: then training resumes where it ended."""
        return hasattr(self, "_checksum_after_fit") and _checksum(self._current_vector()) == self._checksum_after_fit

    def _set_fitted_attributes(self, run: Run, rows: FitRows, settings: Settings, incremental: bool) -> Any:
        """Set scikit-learn's attributes and the model from the result of a run, and warn as scikit-learn does."""
        vector, best_epoch = run.result()
        run.weights.eval_parameters[...] = vector  # the last good ones, where the run ended in the middle of an epoch
        if run.message and self._progress.scores is not None:
            self._progress.add_diverged_epoch(vector if self._keeps_best() else None)
        best = self._progress.best_vector
        self._add_history(run, incremental)
        metadata = {
            "metric": run.metric.name,
            "engine": run.engine.name,
            "best_epoch": self._best_epoch(run, best_epoch, best is not None),
            "stop_reason": run.stop_reason,
            "message": run.message,
            "training_rows": rows.n_training,
            "validation_rows": 0 if rows.validation is None else len(rows.validation),
            "source": "",
            "glassnet": __version__,
        }
        self._set_model(
            replace(
                self._model,
                vector=run.weights.eval_parameters if best is None else best,
                target=self._target,
                settings=settings,
                history=tuple(self.history_),
                metadata=metadata,
            )
        )
        self._checksum_after_fit = _checksum(self._model.vector)
        self._set_loss_attributes(run)
        self._warn_about_the_end(run, best is not None, incremental)
        return self

    def _add_history(self, run: Run, incremental: bool) -> None:
        """Append the epochs of a run, and drop the oldest: see `MAX_EARLIER_EPOCHS`."""
        done = self.history_[-1].epoch if self.history_ else 0
        self.history_.extend(replace(epoch, epoch=done + epoch.epoch) if done else epoch for epoch in run.history)
        self._partial_fits = self._partial_fits + len(run.history) if incremental else 0
        if self._partial_fits > MAX_PARTIAL_FITS:
            del self.history_[-self._partial_fits : -MAX_PARTIAL_FITS]
            self._partial_fits = MAX_PARTIAL_FITS
        kept = max(MAX_EARLIER_EPOCHS, len(run.history) + 1)
        for records in (self.history_, self._progress.losses, self._progress.scores):
            if records is not None and len(records) > kept:
                del records[:-kept]

    def _best_epoch(self, run: Run, last: int, restored: bool) -> int:
        """Return the epoch of the parameters, counted over all fits as in ``history_``.

        Parameters
        ----------
        run : Run
            The run.
        last : int
            The epoch of the run whose parameters are its result.
        restored : bool
            Whether those of the best epoch are restored instead.
        """
        done = self.history_[-1].epoch if self.history_ else 0
        scores = np.array(self._progress.scores or (), np.float64)
        if not restored or not np.isfinite(scores).any():
            return last + done - len(run.history)
        ago = len(scores) - 1 - int(np.nanargmax(scores))
        return done - ago + bool(run.message)  # an epoch that diverged has a score, but no record

    def _set_loss_attributes(self, run: Run) -> None:
        progress = self._progress
        if run.lbfgs_result is not None:
            self.n_iter_ = check_optimize_result("lbfgs", run.lbfgs_result, run.settings.epochs)
            self.loss_ = run.lbfgs_result.fun
            return
        scored = progress.scores is not None
        self.n_iter_ = len(run.history) + (1 if run.message and scored else 0)
        self.t_ = progress.samples
        self.loss_curve_ = progress.losses
        self.loss_ = progress.losses[-1] if progress.losses else np.nan
        self.best_loss_ = None if scored else progress.best_loss
        self.validation_scores_ = progress.scores
        self.best_validation_score_ = progress.best_score if scored else None

    def _warn_about_the_end(self, run: Run, restored: bool, incremental: bool) -> None:
        """Warn, or raise ValueError where training diverged and there are no best parameters to return to."""
        if run.message and restored:
            warnings.warn(run.message, DivergenceWarning, stacklevel=5)
        elif run.message:
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
                f"preprocessed. ({run.message})"
            )
        if run.stop_reason == "interrupted":
            warnings.warn("Training interrupted by user.", stacklevel=5)
        elif (
            run.stop_reason == "all epochs done" and run.lbfgs_result is None and not incremental and self._may_converge
        ):
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({run.settings.epochs:d}) reached and the optimization "
                "hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=5,
            )

    @property
    def _may_converge(self) -> bool:
        """Whether reaching max_iter is worth a warning: not where the schedule is planned for that many epochs."""
        return self.learning_rate not in SCHEDULES or not SCHEDULES[self.learning_rate].needs_total_steps

    def _resume_counting(self) -> None:
        """Continue scikit-learn's counts from the attributes of an estimator that was loaded."""
        progress = self._progress
        progress.samples = self.t_
        progress.losses = list(getattr(self, "loss_curve_", []))
        progress.scores = getattr(self, "validation_scores_", None)
        # NaN is the loss and the score of an epoch that diverged
        progress.best_loss = min((loss for loss in progress.losses if not np.isnan(loss)), default=np.inf)
        progress.best_score = max((score for score in progress.scores or [] if not np.isnan(score)), default=-np.inf)


def _checksum(vector: Array) -> int:
    return crc32(np.ascontiguousarray(vector).data)

"""scikit-learn's convergence rules: when to stop, and how the learning rate changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Literal

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.training import Callback
from glassnet.training.early_stopping import EarlyStopping
from glassnet.training.learning_rate import set_learning_rate
from glassnet.training.run import Run
from glassnet.training.state_dict import StateDict

#: ``adaptive`` divides the rate by DIVISOR, and stops once it is at most MIN_RATE.
MIN_RATE, DIVISOR = 1e-6, 5.0


@dataclass
class Progress:
    """Progress of a training that scikit-learn reports, kept between fits.

    Parameters
    ----------
    scores : list of float, or None
        Validation score of each epoch, if there is early stopping.
    losses : list of float
        Training loss of each epoch.
    best_loss, best_score, best_validation_loss : float
        The lowest loss, the highest score, the lowest loss of validation rows that are only reported.
    best_vector : array (n_parameters,), optional
        The parameters of the best epoch, if they are to be restored.
    n_no_improvement : int
        Epochs since the last gain of at least ``tol``.
    samples : int
        Number of training samples seen.
    """

    scores: list[float] | None
    losses: list[float] = field(default_factory=list)
    best_loss: float = np.inf
    best_score: float = -np.inf
    best_validation_loss: float = np.inf
    best_vector: Array | None = None
    n_no_improvement: int = 0
    samples: int = 0

    def turn_to(self, scores: bool, best: bool) -> None:
        """Prepare for a fit, with or without validation scores and restoring of the best parameters."""
        self.scores = (self.scores or []) if scores else None
        if not best:
            self.best_vector = None

    def add_diverged_epoch(self, vector: Array | None) -> None:
        """Record NaN as loss and score of an epoch that diverged, as scikit-learn does.

        Parameters
        ----------
        vector : array (n_parameters,), or None
            The last finite parameters, which become the best ones if no epoch was completed.
        """
        assert self.scores is not None
        self.losses.append(np.nan)
        self.scores.append(np.nan)
        if self.best_vector is None and vector is not None:
            self.best_vector = vector.copy()

    def state_dict(self) -> StateDict:
        """Return all fields."""
        metadata = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "best_vector"}
        return StateDict({} if self.best_vector is None else {"best_vector": self.best_vector.copy()}, metadata)

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Restore all fields.

        Raises
        ------
        InputError
            If a field is missing, unknown or invalid.
        """
        if state_dict.metadata.keys() != {f.name for f in fields(self)} - {"best_vector"}:
            raise InputError(
                f"the progress has the fields {sorted(state_dict.metadata)}; fields are missing or unknown"
            )
        for name, value in state_dict.metadata.items():
            if name == "scores" and self.scores is None:
                is_valid = value is None
            elif name in ("losses", "scores"):
                is_valid = isinstance(value, list) and all(isinstance(number, (int, float)) for number in value)
            else:
                is_valid = isinstance(value, (int, float))
            if not is_valid:
                raise InputError(f"{name} of the progress of a training is {value!r:.80}")
            setattr(self, name, value)
        self.best_vector = state_dict.arrays.get("best_vector")


@dataclass(frozen=True)
class LearningRate:
    """scikit-learn's learning rate of sgd.

    Parameters
    ----------
    schedule : str
        ``"constant"``, ``"invscaling"`` or ``"adaptive"``; a schedule of the library counts as constant here.
    initial : float
        scikit-learn's ``learning_rate_init``.
    power : float
        scikit-learn's ``power_t``.
    """

    schedule: str
    initial: float
    power: float


class Convergence(Callback):
    """scikit-learn's rules: stop when loss or validation score no longer improves, or lower the learning rate.

    Parameters
    ----------
    progress : Progress
        Updated after each epoch.
    score : callable or None
        ``score(run) -> float`` of the validation rows, larger is better; without it the loss is monitored.
    criteria : EarlyStopping
        From `sklearn_criteria`.
    learning_rate : LearningRate
        How the rate changes.
    keep_best : bool
        Whether to keep the parameters of the best epoch.
    constant : callable
        ``constant(run) -> float`` is added to the loss of an epoch: the part that does not depend on the parameters.
    verbose : bool
        Whether to print what scikit-learn prints.
    """

    def __init__(
        self,
        progress: Progress,
        score: Callable[[Run], float] | None,
        *,
        criteria: EarlyStopping,
        learning_rate: LearningRate,
        keep_best: bool,
        constant: Callable[[Run], float],
        verbose: bool,
    ) -> None:
        self.progress = progress
        self.score = score
        self.criteria = criteria
        self.learning_rate = learning_rate
        self.keep_best = keep_best
        self.constant = constant
        self.verbose = verbose
        self._parameters = np.empty(0)

    def on_train_begin(self, run: Run) -> None:
        """Note what the parameters of the best epoch must look like in a checkpoint."""
        self._parameters = run.weights.eval_parameters

    def on_epoch_end(self, run: Run) -> None:
        """Record, print, decide."""
        progress = self.progress
        epoch = len(run.history)
        loss = run.history[-1].loss + self.constant(run)
        progress.losses.append(loss)
        progress.samples += run.n_samples
        if self.verbose:
            print(f"Iteration {epoch}, loss = {loss:.8f}")
            if self.score is None and run.history[-1].validation_loss is not None:
                print(f"Validation loss: {run.history[-1].validation_loss:f}")
        if self.score is None:
            value = loss
            best = progress.best_loss
        else:
            value = self._validation_score(run)
            best = progress.best_score
        progress.n_no_improvement = self.criteria.count(value, best, progress.n_no_improvement)
        is_best = self.criteria.is_best(value, best)
        if is_best and self.score is None:
            progress.best_loss = value
        elif is_best:
            progress.best_score = value
        validation_loss = run.history[-1].validation_loss
        if self.score is None and validation_loss is not None:
            is_best = validation_loss < progress.best_validation_loss
            progress.best_validation_loss = min(validation_loss, progress.best_validation_loss)
        if self.keep_best and (is_best or progress.best_vector is None):
            progress.best_vector = run.weights.eval_parameters.copy()
        if self.learning_rate.schedule == "invscaling":
            rate = self.learning_rate.initial / (progress.samples + 1) ** self.learning_rate.power
            set_learning_rate(run.settings, run.state, rate)
        if self.criteria.should_stop(progress.n_no_improvement):
            self._converged(run)

    def state_dict(self) -> StateDict:
        """Return the state of `progress`."""
        return self.progress.state_dict()

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Restore the state of `progress`; raise an InputError if it is that of another network or training."""
        best = state_dict.arrays.get("best_vector")
        expected = self._parameters
        if best is not None and (best.shape, best.dtype) != (expected.shape, expected.dtype):
            raise InputError(f"best_vector is {best.dtype} {best.shape}; it must be {expected.dtype} {expected.shape}")
        self.progress.load_state_dict(state_dict)

    def _validation_score(self, run: Run) -> float:
        """Return and record the score of the validation rows."""
        assert self.score is not None and self.progress.scores is not None
        score = self.score(run)
        self.progress.scores.append(score)
        if self.verbose:
            print(f"Validation score: {score:f}")
        return score

    def _converged(self, run: Run) -> None:
        what = "Training loss" if self.score is None else "Validation score"
        tol = self.criteria.tol
        n_iter_no_change = self.criteria.patience - 1
        message = f"{what} did not improve more than tol={tol:f} for {n_iter_no_change:g} consecutive epochs."
        rate = self.learning_rate.initial * run.state.rate_scale
        if self.learning_rate.schedule == "adaptive" and rate > MIN_RATE:
            set_learning_rate(run.settings, run.state, rate / DIVISOR)
            self.progress.n_no_improvement = 0
            end = f" Setting learning rate to {rate / DIVISOR:f}"
        else:
            run.stop(message)
            end = " Learning rate too small. Stopping." if self.learning_rate.schedule == "adaptive" else " Stopping."
        if self.verbose:
            print(message + end)


def sklearn_criteria(monitors_score: bool, tol: float, n_iter_no_change: float) -> EarlyStopping:
    """Return scikit-learn's criteria: any gain is the best so far, and a gain of at least ``tol`` resets the counter.

    Parameters
    ----------
    monitors_score : bool
        Whether the score of the validation rows is monitored, or else the training loss.
    tol, n_iter_no_change : float
        scikit-learn's parameters; it stops after one epoch more than ``n_iter_no_change`` without a gain.
    """
    mode: Literal["min", "max"] = "max" if monitors_score else "min"
    return EarlyStopping(mode, tol=tol, patience=n_iter_no_change + 1, best_tol=0.0, inclusive=True)

"""When to stop and how fast to go: scikit-learn's rules, epoch by epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.training import Callback
from glassnet.training.run import Run
from glassnet.training.state_dict import StateDict

#: A rate that is divided further than this ends an adaptive training.
MIN_RATE, DIVISOR = 1e-6, 5.0


@dataclass
class Progress:
    """What scikit-learn reports of a training, kept from one fit to the next.

    Parameters
    ----------
    scores : list of float, or None
        Of the validation rows after each epoch, where there are any.
    losses : list of float
        Of the training rows in each epoch.
    best_loss, best_score, best_validation_loss : float
        The least loss, the highest score, the least loss of validation rows that are reported only.
    best_vector : array (n_parameters,), optional
        The parameters of that epoch, where they are to be restored.
    waited : int
        Epochs since the last one that was better by enough.
    samples : int
        Rows met so far.
    """

    scores: list[float] | None
    losses: list[float] = field(default_factory=list)
    best_loss: float = np.inf
    best_score: float = -np.inf
    best_validation_loss: float = np.inf
    best_vector: Array | None = None
    waited: int = 0
    samples: int = 0

    def turn_to(self, scores: bool, best: bool) -> None:
        """Get ready for a fit that watches scores or not, and keeps the best parameters or not, unlike the last."""
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
        """Return all of it."""
        told = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "best_vector"}
        return StateDict({} if self.best_vector is None else {"best_vector": self.best_vector.copy()}, told)

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Take it over.

        Raises
        ------
        InputError
            If it is no such thing.
        """
        if state_dict.metadata.keys() != {f.name for f in fields(self)} - {"best_vector"}:
            raise InputError(
                f"the training's progress has the fields {sorted(state_dict.metadata)}, which are not all or too many"
            )
        for name, value in state_dict.metadata.items():
            numbers = value if isinstance(value, list) else [] if value is None else [value]
            right = isinstance(value, list) == (name in ("scores", "losses")) or (name == "scores" and value is None)
            if not right or not all(isinstance(number, (int, float)) for number in numbers):
                raise InputError(f"{name} of a training's progress is {value!r:.80}")
            setattr(self, name, value)
        self.best_vector = state_dict.arrays.get("best_vector")


class Convergence(Callback):
    """Stop where the loss, or the score of the validation rows, no longer gets better, or lower the rate there.

    Parameters
    ----------
    progress : Progress
        Where to note what was seen.
    score : callable, optional
        ``score(run) -> float`` of the validation rows, the higher the better; the loss is watched if not given.
    tol, patience : float
        How much better counts, and how many epochs without that are borne.
    keep_best : bool
        Whether to remember the parameters of the best epoch.
    schedule, rate, power : str, float, float
        scikit-learn's ``learning_rate``, ``learning_rate_init`` and ``power_t``, for sgd; else ``"constant"``.
    constant : callable
        ``constant(run) -> float`` is added to the loss of an epoch: a part of it that no parameter changes.
    verbose : bool
        Whether to print what scikit-learn prints.
    """

    def __init__(
        self,
        progress: Progress,
        score: Callable[[Run], float] | None,
        *,
        tol: float,
        patience: float,
        keep_best: bool,
        schedule: str,
        rate: float,
        power: float,
        constant: Callable[[Run], float],
        verbose: bool,
    ) -> None:
        self.progress, self.score, self.tol, self.patience, self.keep_best = progress, score, tol, patience, keep_best
        self.schedule, self.rate, self.power, self.constant = schedule, rate, power, constant
        self.verbose = verbose

    def on_epoch_end(self, run: Run) -> None:
        """Note, print, decide."""
        progress, epoch = self.progress, len(run.history)
        loss = run.history[-1].loss + self.constant(run)
        progress.losses.append(loss)
        progress.samples += run.n_samples
        if self.verbose:
            print(f"Iteration {epoch}, loss = {loss:.8f}")
            if self.score is None and run.history[-1].validation_loss is not None:
                print(f"Validation loss: {run.history[-1].validation_loss:f}")
        if self.score is None:
            better, enough = loss < progress.best_loss, not loss > progress.best_loss - self.tol
            progress.best_loss = min(loss, progress.best_loss)
        else:
            score = self.score(run)
            assert progress.scores is not None
            progress.scores.append(score)
            if self.verbose:
                print(f"Validation score: {score:f}")
            better, enough = score > progress.best_score, not score < progress.best_score + self.tol
            if better:
                progress.best_score = score
        progress.waited = 0 if enough else progress.waited + 1
        if self.score is None and run.history[-1].validation_loss is not None:
            better = run.history[-1].validation_loss < progress.best_validation_loss
            progress.best_validation_loss = min(run.history[-1].validation_loss, progress.best_validation_loss)
        if self.keep_best and (better or progress.best_vector is None):
            progress.best_vector = run.weights.eval_parameters.copy()
        if self.schedule == "invscaling":
            self._set_rate(run, self.rate / (progress.samples + 1) ** self.power)
        if progress.waited > self.patience:
            self._converged(run)

    def state_dict(self) -> StateDict:
        """Return what was seen."""
        return self.progress.state_dict()

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Take over what was seen."""
        self.progress.load_state_dict(state_dict)

    def _converged(self, run: Run) -> None:
        what = "Training loss" if self.score is None else "Validation score"
        message = f"{what} did not improve more than tol={self.tol:f} for {self.patience:g} consecutive epochs."
        rate = self.rate * run.state.rate_scale
        if self.schedule == "adaptive" and rate > MIN_RATE:
            self._set_rate(run, rate / DIVISOR)
            self.progress.waited = 0
            end = f" Setting learning rate to {rate / DIVISOR:f}"
        else:
            run.stop(message)
            end = " Learning rate too small. Stopping." if self.schedule == "adaptive" else " Stopping."
        if self.verbose:
            print(message + end)

    def _set_rate(self, run: Run, rate: float) -> None:
        """Change the learning rate; what moves goes on at its own pace.

        scikit-learn's velocity holds steps, so a step once taken keeps the rate that it was taken at; the library's
        holds gradients, and is scaled to mean the same steps.
        """
        before = self.rate * run.state.rate_scale
        run.state.rate_scale = rate / self.rate
        velocity = run.weights.state.moments.get("v")
        if velocity is not None and rate > 0:
            velocity *= before / rate

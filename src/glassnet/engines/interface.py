"""The interface of engines: outputs for rows, loss and gradients, an epoch of training."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.network.losses import Loss
from glassnet.network.optimizers import Optimizer, OptimizerState
from glassnet.network.structure import Structure


@dataclass(frozen=True)
class Objective:
    """The objective: the mean loss of the network's outputs, plus l1 Σ|W| + λ/2 Σ W².

    ``dropout`` holds the rates of a0 … a(L-1). λ is l2 + alpha / Σ w, the weights w being those of the batch's rows:
    ``alpha`` is scikit-learn's penalty.
    """

    structure: Structure
    loss: Loss
    dropout: tuple[float, ...]
    l1: float = 0.0
    l2: float = 0.0
    alpha: float = 0.0

    def decay(self, weight: float) -> float:
        """Return λ for a batch whose rows weigh that much together."""
        return self.l2 + (self.alpha / weight if self.alpha and weight else 0.0)


@dataclass(frozen=True)
class UpdateRule:
    """How a gradient changes the parameters: clipped, by the optimizer's rule, kept within ``max_norm``, averaged."""

    optimizer: Optimizer
    weight_decay: float | None = None
    clip_norm: float | None = None
    clip_value: float | None = None
    max_norm: float | None = None
    ema_decay: float | None = None


@dataclass
class Weights:
    """The state of training: parameters, optimizer state, running average, all flat (n_parameters,)."""

    parameters: Array
    state: OptimizerState
    ema: Array | None

    @property
    def eval_parameters(self) -> Array:
        """The vector that predicts: the average if there is one, else the parameters."""
        return self.parameters if self.ema is None else self.ema


@dataclass(frozen=True)
class Rows:
    """Rows to train on or to evaluate.

    Parameters
    ----------
    x : array or SciPy CSR matrix (samples, features)
        In the network's dtype; or bytes, which stay bytes; the value of each is itself times ``scale``.
    y : array (samples, outputs), or (samples,) whole numbers that name classes
        The targets.
    sample_weight : array (samples,), optional
        The weight of each row in the mean loss.
    scale : float
        The factor of bytes.
    only : array of int (evaluated rows,), optional
        Indices of the rows of x to evaluate, if not all; y and sample_weight are of these rows.
    """

    x: Any
    y: Array
    sample_weight: Array | None = None
    scale: float = 1.0
    only: Array | None = None

    def __len__(self) -> int:
        return int(self.x.shape[0] if self.only is None else len(self.only))

    def take(self, rows: Array) -> Rows:
        """Return a copy of some rows."""
        w = self.sample_weight
        return Rows(self.x[rows], self.y[rows], None if w is None else w[rows], self.scale)


def byte_values(scale: float, dtype: Any) -> Array:
    """Return the values of bytes: 0, 1, …, 255 times the scale, (256,)."""
    return (np.arange(256) * scale).astype(dtype)


def numbers(x: Any, scale: float, dtype: Any) -> Array:
    """Return rows as an array of numbers of the dtype: bytes by what they stand for, CSR with its zeros filled in."""
    if hasattr(x, "toarray"):
        x = x.toarray()
    if x.dtype != np.uint8:
        return x
    result: Array = np.empty(x.shape, dtype)  # the same numbers as by `byte_values`, in less time than looking them up
    return np.multiply(x, scale, out=result, dtype=np.float64, casting="same_kind")


@dataclass
class EpochMetrics:
    """Metrics of an epoch.

    Parameters
    ----------
    loss : float
        Mean of the batches' objectives, each before its update, weighted by their rows.
    score : float
        Mean of the metric over the rows, each before its batch's update.
    gradient_norm : float
        Mean over the batches of the gradient's length, before clipping by norm.
    bad_batch : int or None
        The first batch whose loss or gradient was not finite; the epoch ended there, before its update.
    """

    loss: float = 0.0
    score: float = 0.0
    gradient_norm: float = 0.0
    bad_batch: int | None = None


@dataclass
class EpochAccumulator:
    """Running sums of an epoch, added batch after batch, so that they do not depend on where it was interrupted.

    Parameters
    ----------
    loss, score, gradient_norm : float
        Sums; `EpochMetrics` has the means.
    rows, batches : int
        Numbers of rows and batches so far.
    skipped_rows, skipped_batches : int
        How many of them the means leave out: batches in which every row has the weight 0.
    """

    loss: float = 0.0
    score: float = 0.0
    gradient_norm: float = 0.0
    rows: int = 0
    batches: int = 0
    skipped_rows: int = 0
    skipped_batches: int = 0

    def add(self, losses: Array, scores: Array, gradient_norms: Array, rows: Array) -> None:
        """Add batches, in their order: the mean loss, the sum of the rows' scores, the gradient's length, the rows."""
        for name, terms in (("loss", losses * rows), ("score", scores), ("gradient_norm", gradient_norms)):
            if len(terms) == 1:
                setattr(self, name, getattr(self, name) + float(terms[0]))
                continue
            running = np.concatenate([[getattr(self, name)], terms])
            setattr(self, name, float(np.add.accumulate(running, dtype=np.float64)[-1]))  # one after the other
        self.rows += int(np.sum(rows))
        self.batches += len(rows)

    def skip(self, rows: int) -> None:
        """Pass over a batch without weight."""
        self.rows += rows
        self.batches += 1
        self.skipped_rows += rows
        self.skipped_batches += 1

    def metrics(self) -> EpochMetrics:
        """Return the means."""
        rows = max(self.rows - self.skipped_rows, 1)
        batches = max(self.batches - self.skipped_batches, 1)
        return EpochMetrics(self.loss / rows, self.score / rows, self.gradient_norm / batches)


#: Maximum number of activations of all layers at once, outside training: it bounds the memory of wide networks.
MAX_ACTIVATIONS = 2**24


def rows_per_chunk(structure: Structure, most: int) -> int:
    """Return how many rows go through a network at once: ``most``, or fewer if it is wide."""
    return max(1, min(most, MAX_ACTIVATIONS // sum(structure.layer_sizes)))


def looks_finite(output: Array) -> bool:
    """Check quickly that all entries are finite: their sum is. False means unknown."""
    with np.errstate(over="ignore", invalid="ignore"):
        return math.isfinite(output.sum())


def check_finite(output: Array) -> None:
    """Check that outputs (samples, outputs) are finite: too large parameters or rows overflow the dtype.

    Raises
    ------
    InputError
        If one is NaN or infinite: the row is named.
    """
    if looks_finite(output):
        return
    wrong = np.argwhere(~np.isfinite(output))
    if len(wrong):
        row, column = (int(number) for number in wrong[0])
        raise InputError(
            f"output {column} of row {row} is {output[row, column]}: the network's parameters, or this row, are too "
            f"large for {output.dtype}; check where the model came from"
        )


#: ``metric(output (samples, outputs), y) -> (samples,)``: the score of each row.
RowMetric = Callable[[Array, Array], Array]
#: Called after each batch with its number and its objective.
OnBatch = Callable[[int, float], None]
#: Called with each gradient vector before its use, to add up the gradients of several machines in place.
AllReduce = Callable[[Array], None]
#: Called after one or more batches; True means: return before the end of the epoch.
Pause = Callable[[], bool]


class Engine(Protocol):
    """Runs the steps for one objective, in one dtype."""

    name: str

    def outputs(self, parameters: Array, x: Any, pre_activation: bool = False, scale: float = 1.0) -> Array:
        """Return a_L, or z_L, for each row of x, which may be all that `Rows` takes: (samples, outputs)."""

    def loss_and_gradients(self, parameters: Array, rows: Rows) -> tuple[float, Array]:
        """Return the objective over all rows, without dropout, and its gradient (n_parameters,)."""

    def train_epoch(
        self,
        weights: Weights,
        rows: Rows,
        order: Array | None,
        learning_rates: Array,
        rng: np.random.Generator,
        metric: RowMetric,
        on_batch: OnBatch | None,
        all_reduce: AllReduce | None,
        accumulator: EpochAccumulator | None = None,
        pause: Pause | None = None,
    ) -> EpochMetrics:
        """Go through the rows once, in the given order, batch by batch, changing ``weights`` in place.

        Parameters
        ----------
        weights : Weights
            Parameters, optimizer state and average; changed in place.
        rows : Rows
            The training rows.
        order : array of int, optional
            Row numbers in the order of training; may leave rows out. All rows in their order if None.
        learning_rates : array (batches,)
            The learning rate of each batch; the last batch may be smaller.
        rng : numpy.random.Generator
            Draws the dropout masks.
        metric : callable
            Scores each row.
        on_batch, all_reduce : callable, optional
            See `OnBatch` and `AllReduce`.
        accumulator : EpochAccumulator, optional
            Sums over the earlier batches of this epoch; added to.
        pause : callable, optional
            Where it returns True, return before the end, as if the order had ended there. The remaining batches can be
            run later, with the same bits as a result.
        """

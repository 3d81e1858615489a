"""The training loop: for each epoch train, evaluate, record, call back, decide."""

from __future__ import annotations

import contextlib
import functools
import math
import warnings
from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np

from glassnet._utils.arrays import Array
from glassnet._utils.blas_threads import SINGLE_THREADED_BLAS
from glassnet.engines.interface import EpochMetrics
from glassnet.engines.reference import ReferenceEngine
from glassnet.errors import InputError
from glassnet.metrics.registry import find_metric
from glassnet.network.losses import CLASSIFICATION, Loss
from glassnet.network.optimizers import find_optimizer
from glassnet.network.structure import Structure
from glassnet.training.callbacks.base import Callback, CallbackList, StopTraining
from glassnet.training.dispatch import select_engine
from glassnet.training.history import Trained
from glassnet.training.lbfgs import run_lbfgs
from glassnet.training.learning_rate import learning_rates, reduce_on_plateau
from glassnet.training.rows import check_rows, split_validation
from glassnet.training.run import Run
from glassnet.training.settings import Settings
from glassnet.training.source import InMemory, Part, Source, closing_parts
from glassnet.training.state import TrainingState, init_state

Data: TypeAlias = tuple[Any, ...]


class DivergenceWarning(UserWarning):
    """Loss or gradient became non-finite; training stopped with the last finite parameters."""


def train(
    structure: Structure,
    x: Any,
    y: Any = None,
    settings: Settings | None = None,
    *,
    sample_weight: Any = None,
    validation: Data | Array | Source | None = None,
    test: Data | Source | None = None,
    metric: str = "",
    callbacks: Iterable[Callback] = (),
    parameters: Array | None = None,
    state: TrainingState | None = None,
    scale: float = 1.0,
) -> Trained:
    """Train a network.

    Parameters
    ----------
    structure : Structure
        The layers.
    x : array-like or SciPy sparse matrix (samples, features), or Source
        Finite numbers; scale them first (`glassnet.preprocessing`). Bytes (uint8) stay bytes and are scaled batch by
        batch. A `Source` yields its rows in parts, with their y.
    y : array-like (samples,) or (samples, outputs), or None
        Classes as whole numbers from 0, or values.
    settings : Settings, optional
        How to train.
    sample_weight : array-like (samples,), optional
        The weight of each row in the mean loss.
    validation : tuple (x, y) or (x, y, sample_weight), or array of int (rows,), or Source, optional
        Held-out rows, which early stopping and the choice of the best epoch go by. Whole numbers name rows of x to hold
        out, without copying x.
    test : tuple (x, y) or (x, y, sample_weight), or Source, optional
        Rows that are only reported after every epoch.
    metric : str, optional
        A name in `glassnet.metrics.registry.METRICS`; if not given, ``accuracy`` for classes, else ``r2``. ``"none"``
        for no metric.
    callbacks : iterable of Callback
        Called at the five moments of `Callback`, in this order.
    parameters : array (n_parameters,), optional
        Initial parameters, not modified; drawn by ``settings.initializer`` if not given.
    state : TrainingState, optional
        Continue an earlier training with the same settings, ``epochs`` aside. The state is updated in place. Schedules
        over a whole training see each training as a whole.
    scale : float, optional
        The factor for bytes in x, validation and test: 1/255 maps pixels to [0, 1].

    Returns
    -------
    Trained
        Parameters, history and the reason for stopping. Ctrl-C returns the best parameters so far.

    Raises
    ------
    InputError
        If data, structure and settings do not go together.

    Warns
    -----
    DivergenceWarning
        If loss or gradient become non-finite: names the batch and what to try.
    """
    settings = settings or Settings()
    state = state or init_state(structure, settings, parameters)
    data = x if isinstance(x, Source) and y is None else (x, y, sample_weight)
    run = build_run(structure, settings, data, validation, test, metric, state, scale)
    run_training(run, callbacks)
    if run.message:
        warnings.warn(run.message, DivergenceWarning, stacklevel=2)
    return run.trained()


def run_training(run: Run, callbacks: Iterable[Callback] = ()) -> None:
    """Train until all epochs are done, a callback or Ctrl-C stops it, or a number becomes non-finite."""
    hooks = CallbackList(callbacks)
    run.stateful = hooks.stateful
    run.start_clock()
    try:
        hooks.on_train_begin(run)
        blas_threads = SINGLE_THREADED_BLAS if isinstance(run.engine, ReferenceEngine) else contextlib.nullcontext()
        with np.errstate(all="ignore"), blas_threads:  # non-finite numbers are detected by the loop itself
            if run.settings.full_batch:
                run_lbfgs(run, hooks)
            else:
                run_epochs(run, hooks)
    except KeyboardInterrupt:
        run.stop("interrupted")
    except StopTraining:
        pass
    except BaseException:  # SystemExit too, which a notebook catches
        run.stop_reason = "failed"
        hooks.on_train_error(run)
        raise
    run.stop("all epochs done")
    hooks.on_train_end(run)


def run_epochs(run: Run, hooks: CallbackList) -> None:
    """Train epoch after epoch from where the run is; a resumed run may be at its end already."""
    while not run.stop_reason and len(run.history) < run.settings.epochs:
        run_single_epoch(run, hooks)


def run_single_epoch(run: Run, hooks: CallbackList) -> None:
    """Train, evaluate, record, call back, decide."""
    rates = learning_rates(run.settings, run.state, len(run.history), run.n_batches)
    metrics = train_epoch(run, rates, hooks)
    if metrics is None:  # diverged
        return
    scores = run.evaluate()
    run.record_epoch(metrics, scores, float(rates[-1]))
    hooks.on_epoch_end(run)
    reduce_on_plateau(run.state, run.history[-1])
    hooks.on_pause(run)


def train_epoch(run: Run, rates: Array, hooks: CallbackList) -> EpochMetrics | None:
    """Train on the rows of one epoch, or on what is left of it; return its metrics, or None if it diverged.

    Parameters
    ----------
    run : Run
        The training.
    rates : array (n_batches,)
        The learning rate of each batch.
    hooks : CallbackList
        Called after each batch and at pauses.
    """
    settings = run.settings
    epoch = len(run.history) + 1
    epoch_parts = run.state.parts(run.source, settings.batch_size, settings.shuffle, hooks.handles_pauses)
    with closing_parts(epoch_parts) as parts:
        for part in parts:
            bad_batch = train_part(run, part, rates, hooks)
            if bad_batch is not None:
                run.stop_diverged(epoch, f", batch {bad_batch + 1} of {run.n_batches}", float(rates[bad_batch]))
                return None
    metrics = run.state.accumulator.metrics()
    if not run.has_finite_parameters():  # with saturated units the loss may stay finite
        run.stop_diverged(epoch, ", in its last batches", float(rates[-1]))
        return None
    run.state.end_epoch()
    return metrics


def train_part(run: Run, part: Part, rates: Array, hooks: CallbackList) -> int | None:
    """Train on a part of the epoch's rows, with pauses; return the first non-finite batch of the epoch, if any.

    A batch in which every row has the weight 0 is passed over: it updates nothing and counts in no mean.
    """
    accumulator = run.state.accumulator
    batch_size = run.settings.batch_size
    batch_hook = functools.partial(hooks.on_batch_end, run) if hooks.handles_batches else None
    pause = run.should_pause if hooks.handles_pauses else None
    first = accumulator.batches
    end = first + math.ceil(len(part) / batch_size)
    weightless = np.append(part.weightless_batches(batch_size), end - first)
    while accumulator.batches < end:
        start = accumulator.batches - first
        stop = int(weightless[np.searchsorted(weightless, start)])
        if stop == start:
            accumulator.skip(min(batch_size, len(part) - start * batch_size))
            continue
        order = part.order_of(start * batch_size, stop * batch_size)
        metrics = run.engine.train_epoch(
            run.weights, part.rows, order, rates[accumulator.batches : first + stop], run.state.rng,
            run.metric.per_sample, batch_hook, None, accumulator, pause,
        )  # fmt: skip
        if metrics.bad_batch is not None:
            return metrics.bad_batch
        if run.should_pause():
            hooks.on_pause(run)
    return None


def build_run(
    structure: Structure,
    settings: Settings,
    training: Data | Source,
    validation: Data | Array | Source | None,
    test: Data | Source | None,
    metric: str,
    state: TrainingState,
    scale: float = 1.0,
) -> Run:
    """Check data, structure and settings (see `train`), select the engine and return the run."""
    objective = settings.objective(structure)
    loss = settings.resolve_loss()
    source = _as_source(structure, settings, training, "", scale)
    eval_sets: dict[str, Source] = {}
    if isinstance(validation, (tuple, Source)):
        eval_sets["validation"] = _as_source(structure, settings, validation, "validation ", scale)
    elif validation is not None:
        if not isinstance(source, InMemory):
            raise InputError("validation names rows by number, but the rows come from a stream; give a Source of them")
        training_rows, validation_rows = split_validation(source.rows, validation)
        source = InMemory(source.rows, training_rows)
        eval_sets["validation"] = InMemory(validation_rows)
    if test is not None:
        eval_sets["test"] = _as_source(structure, settings, test, "test ", scale)
    if settings.full_batch and not isinstance(source, InMemory):
        raise InputError("optimizer 'lbfgs' needs all rows at once, but they come from a stream; choose another")
    rule = Settings(optimizer=find_optimizer("gradient_descent")) if settings.full_batch else settings
    engine = select_engine(settings, objective, rule.update_rule(), len(source))
    default_metric = "accuracy" if _has_classes(loss, source) else "r2"
    return Run(structure, settings, engine, state, find_metric(metric or default_metric), source, eval_sets)


def _as_source(structure: Structure, settings: Settings, data: Data | Source, name: str, scale: float) -> Source:
    if isinstance(data, Source):
        return data
    return InMemory(check_rows(structure, settings.resolve_loss(), data, np.dtype(settings.dtype), name, scale))


def _has_classes(loss: Loss, source: Source) -> bool:
    return loss.name in CLASSIFICATION or (isinstance(source, InMemory) and source.rows.y.ndim == 1)

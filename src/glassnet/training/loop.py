"""The training loop: for each epoch, train, judge, record, call back, decide."""

from __future__ import annotations

import contextlib
import math
import time
import warnings
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.engines.interface import EpochMetrics
from glassnet.errors import InputError
from glassnet.metrics.registry import NO_METRIC, find_metric
from glassnet.network.losses import CLASSIFICATION
from glassnet.network.optimizers import find_optimizer
from glassnet.network.structure import Structure
from glassnet.training.callbacks.base import Callback
from glassnet.training.dispatch import select_engine
from glassnet.training.history import Epoch, Trained
from glassnet.training.lbfgs import AfterEpoch, by_lbfgs
from glassnet.training.rows import check_rows, split_validation
from glassnet.training.run import Run
from glassnet.training.settings import Settings
from glassnet.training.source import InMemory, Part, Source
from glassnet.training.state import TrainingState, init_state

Data: TypeAlias = tuple[Any, ...]


class DivergenceWarning(UserWarning):
    """The loss or the gradient was no longer a finite number; the last good parameters were kept."""


class _StopNow(Exception):
    """A callback asked to stop in the middle of an epoch."""


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
        Finite numbers; scale them first (`glassnet.preprocessing`). Bytes (uint8) are kept and scaled on the way.
        A `Source` brings rows part by part, and y along.
    y : array-like (samples,) or (samples, outputs), or None
        Classes as whole numbers from 0, or values.
    settings : Settings, optional
        How to train.
    sample_weight : array-like (samples,), optional
        The weight of each row in the mean loss.
    validation : tuple (x, y) or (x, y, sample_weight), or whole numbers (rows,), or Source, optional
        Rows that are never trained on, and that early stopping and the choice of the best epoch go by; whole numbers
        name rows of x to set aside, of which no copy is made.
    test : tuple (x, y) or (x, y, sample_weight), or Source, optional
        Rows that are reported after every epoch and decide nothing.
    metric : str, optional
        A name of `glassnet.metrics.registry.METRICS`; if not given, ``accuracy`` for classes, else ``r2``. ``"none"``
        leaves it out.
    callbacks : iterable of Callback
        Called at the four moments of `Callback`, in this order.
    parameters : array (n_parameters,), optional
        Where to start from; drawn by ``settings.initializer`` if not given. It is not changed.
    state : TrainingState, optional
        Where an earlier training stands, with these settings but for ``epochs``: this one goes on as if the other had
        never ended, and changes it. Schedules that look at the whole training see each one as a whole.
    scale : float, optional
        What bytes are multiplied by, in x and in the rows to be judged: 1/255 makes pixels numbers from 0 to 1.

    Returns
    -------
    Trained
        Parameters, history, and how it ended. Ctrl-C ends it with the best parameters so far.

    Raises
    ------
    ValueError
        If data, structure and settings do not fit together.

    Warns
    -----
    DivergenceWarning
        If loss or gradient stop being finite: says where, and what to try.
    """
    settings = settings or Settings()
    state = state or init_state(structure, settings, parameters)
    data = x if isinstance(x, Source) and y is None else (x, y, sample_weight)
    run = build_run(structure, settings, data, validation, test, metric, state, scale)
    run_training(run, callbacks)
    vector, best_epoch = run.result()
    if run.message:
        warnings.warn(run.message, DivergenceWarning, stacklevel=2)
    return Trained(
        structure,
        vector,
        tuple(run.history),
        settings,
        run.metric.name,
        run.engine.name,
        best_epoch,
        run.stop_reason,
        run.message,
    )


def run_training(run: Run, callbacks: Iterable[Callback] = ()) -> None:
    """Take a run to its end, however it comes: all epochs, a callback, Ctrl-C, or numbers that are not finite."""
    callbacks = tuple(callbacks)
    run.stateful = [callback for callback in callbacks if _any_has([callback], "state_dict")]
    began = time.perf_counter()

    def after_epoch(figures: EpochMetrics, learning_rate: float) -> None:
        nonlocal began
        judged: dict[str, float | None] = {}
        for name in run.eval_sets:
            judged[f"{name}_loss"], judged[f"{name}_metric"] = run.evaluate(name)
        score = None
        if run.metric.name != NO_METRIC:
            score = run.metric.aggregate(figures.score, run.source.spread)
        now = time.perf_counter()
        run.record_epoch(
            Epoch(
                len(run.history) + 1, figures.loss, score, learning_rate, figures.gradient_norm, now - began, **judged
            )
        )
        began = now
        for callback in callbacks:
            callback.on_epoch_end(run)

    def on_batch(batch: int, loss: float) -> None:
        for callback in callbacks:
            callback.on_batch_end(run, batch, loss)
        if run.stop_reason:
            raise _StopNow

    def on_pause() -> None:
        run.pause_at = math.inf
        for callback in callbacks:
            callback.on_pause(run)
        if run.stop_reason:
            raise _StopNow

    begun: list[Callback] = []
    try:
        for callback in callbacks:
            begun.append(callback)
            callback.on_train_begin(run)
        with np.errstate(all="ignore"):  # what is not finite is found and told by the loop itself
            # an engine that need not stop after each batch goes faster
            listened = on_batch if _any_has(callbacks, "on_batch_end") else None
            if run.stop_reason:  # a training that remembers may have been at its end
                pass
            elif run.settings.full_batch:
                by_lbfgs(run, listened, after_epoch)
            else:
                _by_batches(run, listened, after_epoch, on_pause if _any_has(callbacks, "on_pause") else None)
    except KeyboardInterrupt:
        run.stop("interrupted")
    except _StopNow:
        pass
    except Exception:
        run.stop("failed")
        for callback in begun:  # each may have a screen or a file to put in order, whoever failed
            with contextlib.suppress(Exception):
                callback.on_train_end(run)
        raise
    run.stop("all epochs done")
    with contextlib.ExitStack() as ends:  # all are told, whatever one of them does
        for callback in reversed(begun):
            ends.callback(callback.on_train_end, run)


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
    """Check everything that can be checked, and set up the run."""
    objective, loss, dtype = settings.objective(structure), settings.resolve_loss(), np.dtype(settings.dtype)

    def source(data: Data | Source, name: str) -> Source:
        if isinstance(data, Source):
            return data
        return InMemory(check_rows(structure, loss, data, dtype, name, scale))

    learned, judged = source(training, ""), dict[str, Source]()
    if validation is not None and not isinstance(validation, (tuple, Source)):
        if not isinstance(learned, InMemory):
            raise InputError("validation names rows by number, but the rows come from a stream; give a Source of them")
        chosen, rows = split_validation(learned.rows, validation)
        learned = InMemory(learned.rows, chosen)
        judged["validation"] = InMemory(rows)
        validation = None
    for name, data in (("validation", validation), ("test", test)):
        if data is not None:
            judged[name] = source(data, f"{name} ")
    if settings.full_batch and not isinstance(learned, InMemory):
        raise InputError("optimizer 'lbfgs' looks at all rows at once, but they come from a stream; choose another")
    rule = Settings(optimizer=find_optimizer("gradient_descent")) if settings.full_batch else settings
    engine = select_engine(settings, objective, rule.update_rule(), len(learned))
    of_classes = loss.name in CLASSIFICATION or (isinstance(learned, InMemory) and learned.rows.y.ndim == 1)
    measured = find_metric(metric or ("accuracy" if of_classes else "r2"))
    return Run(structure, settings, engine, state, measured, learned, judged)


def _by_batches(run: Run, on_batch: Any, after_epoch: AfterEpoch, on_pause: Callable[[], None] | None) -> None:
    """Epoch after epoch over shuffled batches, with an optimizer's rule; goes on where the run stands."""
    settings, state, batches = run.settings, run.state, run.n_batches
    schedule = settings.resolve_schedule()
    base = settings.learning_rate or settings.resolve_optimizer().learning_rate
    while (epoch := len(run.history)) < settings.epochs:
        step = (epoch if schedule.needs_total_steps else state.epochs) * batches
        rates = base * state.rate_scale * schedule.factors(step, batches, batches, settings.epochs * batches)
        parts = state.parts(run.source, settings.batch_size, settings.shuffle, on_pause is not None)
        try:
            for part in parts:
                bad = _through(run, part, rates, on_batch, on_pause)
                if bad is not None:
                    run.stop_diverged(epoch + 1, f", batch {bad + 1} of {batches}", float(rates[bad]))
                    return
        finally:
            getattr(parts, "close", lambda: None)()  # a stream reads ahead on a thread of its own
        figures = state.accumulator.metrics()
        if (
            not np.isfinite(np.add.reduce(run.weights.eval_parameters))
            and not np.isfinite(run.weights.eval_parameters).all()
        ):
            run.stop_diverged(
                epoch + 1, ", in its last batches", float(rates[-1])
            )  # where units are saturated no loss tells
            return
        state.end_epoch()
        after_epoch(figures, float(rates[-1]))
        if state.plateau is not None:
            record = run.history[-1]
            loss = record.loss if record.validation_loss is None else record.validation_loss
            state.rate_scale = state.plateau.observe(loss)
        if on_pause is not None:
            on_pause()
        if run.stop_reason:
            return


def _through(run: Run, part: Part, rates: Array, on_batch: Any, on_pause: Callable[[], None] | None) -> int | None:
    """Train on a part, pausing when asked to; return the batch of the epoch that was not finite, if one was."""
    accumulator, size, order = run.state.accumulator, run.settings.batch_size, part.order
    first, here = accumulator.batches, math.ceil(len(part) / size)
    while (done := accumulator.batches - first) < here:
        if done:
            order = (np.arange(len(part)) if part.order is None else part.order)[done * size :]
        figures = run.engine.train_epoch(
            run.weights, part.rows, order, rates[first + done : first + here], run.state.rng, run.metric.per_sample,
            on_batch, None, accumulator, None if on_pause is None else run.should_pause,
        )  # fmt: skip
        if figures.bad_batch is not None:
            return figures.bad_batch
        if on_pause is not None and run.should_pause():
            on_pause()
    return None


def _any_has(callbacks: Iterable[Callback], moment: str) -> bool:
    """Say whether one of them does anything at that moment."""
    return any(getattr(type(callback), moment) is not getattr(Callback, moment) for callback in callbacks)

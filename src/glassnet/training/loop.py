"""The training loop: for each epoch, train, judge, record, call back, decide."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from glassnet.engines.interface import Figures, Weights
from glassnet.network.activations import Array
from glassnet.network.initializers import initialize
from glassnet.network.losses import CLASSIFICATION
from glassnet.network.optimizers import find_optimizer
from glassnet.network.structure import Structure
from glassnet.training.callbacks import Callback
from glassnet.training.engine_choice import choose_engine
from glassnet.training.history import Epoch, Trained
from glassnet.training.metrics import find_metric
from glassnet.training.rows import check_rows
from glassnet.training.run import Run
from glassnet.training.settings import Settings

Data: TypeAlias = tuple[Any, ...]
AfterEpoch: TypeAlias = Callable[[Figures, float], None]


class DivergenceWarning(UserWarning):
    """The loss or the gradient was no longer a finite number; the last good parameters were kept."""


class _StopNow(Exception):
    """A callback asked to stop in the middle of an epoch."""


def train(
    structure: Structure,
    x: Any,
    y: Any,
    settings: Settings | None = None,
    *,
    sample_weight: Any = None,
    validation: Data | None = None,
    test: Data | None = None,
    metric: str = "",
    callbacks: Iterable[Callback] = (),
    parameters: Array | None = None,
    scale: float = 1.0,
) -> Trained:
    """Train a network.

    Parameters
    ----------
    structure : Structure
        The layers.
    x : array-like or SciPy sparse matrix (samples, features)
        Finite numbers; scale them first (`glassnet.scaling`). Bytes (uint8) are kept as bytes and scaled on the way.
    y : array-like (samples,) or (samples, outputs)
        Classes as whole numbers from 0, or values.
    settings : Settings, optional
        How to train.
    sample_weight : array-like (samples,), optional
        The weight of each row in the mean loss.
    validation : tuple (x, y) or (x, y, sample_weight), optional
        Rows that are never trained on, and that early stopping and the choice of the best epoch go by.
    test : tuple (x, y) or (x, y, sample_weight), optional
        Rows that are reported after every epoch and decide nothing.
    metric : str, optional
        A name of `glassnet.training.metrics.METRICS`; if not given, ``accuracy`` for classes, else ``r2``.
    callbacks : iterable of Callback
        Called at the four moments of `Callback`, in this order.
    parameters : array (n_parameters,), optional
        Where to start from; drawn by ``settings.initializer`` if not given. It is not changed.
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
    run, rng = _start(structure, settings, (x, y, sample_weight), validation, test, metric, parameters, scale)
    callbacks = tuple(callbacks)
    began = time.perf_counter()

    def after_epoch(figures: Figures, learning_rate: float) -> None:
        nonlocal began
        judged = {}
        for name, rows in run.judged.items():
            judged[f"{name}_loss"], judged[f"{name}_metric"] = run.evaluate(rows)
        score = run.metric.of_mean(figures.score, run.rows.y)
        now = time.perf_counter()
        run.note_epoch(
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

    for callback in callbacks:
        callback.on_train_begin(run)
    try:
        with np.errstate(all="ignore"):  # what is not finite is found and told by the loop itself
            way = _by_lbfgs if settings.full_batch else _by_batches
            # an engine that need not stop after each batch goes faster
            listens = any(type(callback).on_batch_end is not Callback.on_batch_end for callback in callbacks)
            way(run, rng, on_batch if listens else None, after_epoch)
    except KeyboardInterrupt:
        run.stop("interrupted")
    except _StopNow:
        pass
    run.stop("all epochs done")
    vector, best_epoch = run.result()
    for callback in callbacks:
        callback.on_train_end(run)
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


def _start(
    structure: Structure,
    settings: Settings,
    training: Data,
    validation: Data | None,
    test: Data | None,
    metric: str,
    parameters: Array | None,
    scale: float,
) -> tuple[Run, np.random.Generator]:
    """Check everything that can be checked, draw the first weights, and set up the run."""
    objective, loss, dtype = settings.objective(structure), settings.found_loss(), np.dtype(settings.dtype)
    rows = check_rows(structure, loss, training, dtype, scale=scale)
    judged = {}
    for name, data in (("validation", validation), ("test", test)):
        if data is not None:
            judged[name] = check_rows(structure, loss, data, dtype, f"{name} ", scale)
    rng = np.random.default_rng(settings.random_state)
    if parameters is None:
        vector = initialize(structure, rng, settings.initializer, dtype)
    else:
        structure.views(parameters)  # its shape is right, or an error
        vector = structure.new_vector(dtype)
        vector[...] = parameters
    # L-BFGS keeps its own memory; gradient descent stands in for the rule it does not use
    rule = Settings(optimizer=find_optimizer("gradient_descent")) if settings.full_batch else settings
    update_rule = rule.update_rule()
    average = vector.copy() if update_rule.average is not None else None
    weights = Weights(vector, update_rule.optimizer.start(vector), average)
    engine = choose_engine(settings, objective, update_rule, len(rows))
    measured = find_metric(metric or ("accuracy" if loss.name in CLASSIFICATION or rows.y.ndim == 1 else "r2"))
    return Run(structure, settings, engine, weights, measured, rows, judged), rng


def _by_batches(run: Run, rng: np.random.Generator, on_batch: Any, after_epoch: AfterEpoch) -> None:
    """Epoch after epoch over shuffled batches, with an optimizer's rule."""
    settings, batches = run.settings, run.batches
    schedule, plateau, scale = settings.found_schedule(), settings.plateau(), 1.0
    base = settings.learning_rate or settings.found_optimizer().learning_rate
    for epoch in range(settings.epochs):
        order = rng.permutation(len(run.rows)) if settings.shuffle else None
        factors = schedule.factors(epoch * batches, batches, batches, settings.epochs * batches)
        rates = base * scale * factors
        figures = run.engine.train_epoch(run.weights, run.rows, order, rates, rng, run.metric.row, on_batch, None)
        if figures.bad_batch is not None:
            run.diverge(epoch + 1, f", batch {figures.bad_batch + 1} of {batches}", float(rates[figures.bad_batch]))
            return
        after_epoch(figures, float(rates[-1]))
        if run.stop_reason:
            return
        if plateau is not None:
            record = run.history[-1]
            scale = plateau.observe(record.loss if record.validation_loss is None else record.validation_loss)


def _by_lbfgs(run: Run, rng: np.random.Generator, on_batch: Any, after_epoch: AfterEpoch) -> None:
    """Full batches by SciPy's L-BFGS-B (Byrd, Lu, Nocedal & Zhu 1995), one iteration an epoch."""
    vector, dtype = run.weights.parameters, run.weights.parameters.dtype

    def objective(point: Array) -> tuple[float, Array]:
        loss, gradient = run.engine.loss_and_gradients(point.astype(dtype), run.rows)
        return loss, gradient.astype(np.float64)

    def after_iteration(intermediate_result: OptimizeResult) -> None:
        point = intermediate_result.x
        if not np.isfinite(point).all():
            run.diverge(len(run.history) + 1, "", 1.0)
            raise StopIteration
        vector[...] = point
        loss, gradient = run.engine.loss_and_gradients(vector, run.rows)
        score = run.metric.row(run.engine.outputs(vector, run.rows.x, scale=run.rows.scale), run.rows.y)
        after_epoch(Figures(loss, float(np.mean(score)), float(np.linalg.norm(gradient))), 1.0)
        if on_batch is not None:
            on_batch(0, loss)
        if run.stop_reason:
            raise StopIteration

    options: Any = {
        "maxiter": run.settings.epochs,
        "maxfun": 10 * run.settings.epochs + 100,
        "gtol": 1e-8,
        "ftol": 1e-15,
    }
    found = minimize(
        objective, vector.astype(np.float64), jac=True, method="L-BFGS-B", callback=after_iteration, options=options
    )
    if not run.stop_reason and len(run.history) < run.settings.epochs:
        run.stop(f"L-BFGS came to rest: {found.message}")

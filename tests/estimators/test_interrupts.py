"""Ctrl-C during fit: training ends with a warning and keeps the current weights."""

import contextlib
import io
import signal
import threading
import time
from typing import Any

import numpy as np
import pytest

import glassnet

from .sklearn_comparison import assert_same_network, outcome, pair, problem


class Interrupting(io.StringIO):
    """A stream that raises KeyboardInterrupt when a given text is written."""

    def __init__(self, at: str) -> None:
        super().__init__()
        self.at = at

    def write(self, text: str) -> int:
        if self.at in text:
            raise KeyboardInterrupt
        return super().write(text)


@pytest.mark.parametrize("early", [False, True], ids=["to the end", "early stopping"])
@pytest.mark.parametrize("task", ["multi-class", "one target"])
def test_an_interrupted_fit_has_the_weights_of_its_completed_epochs(task: str, early: bool) -> None:
    x, y = problem(task)
    models = pair(task, verbose=True, batch_size=16, early_stopping=early)
    for model in models:
        with contextlib.redirect_stdout(Interrupting("Iteration 4,")):
            result = outcome(lambda model=model: model.fit(x, y))
        assert result.error is None
        assert result.warned == [(UserWarning, "Training interrupted by user.")]
    assert models[1].n_iter_ == 4
    if early:  # the fourth epoch was never validated
        for a, b in zip(models[0].coefs_, models[1].coefs_, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9)
    else:
        assert_same_network(*models)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signal can be sent to a thread here")
@pytest.mark.parametrize("task", ["binary", "three targets"])
def test_a_signal_from_another_process(task: str) -> None:
    x, y = problem(task)
    # the signal must not fall into compiling or loading compiled code
    models: tuple[Any, Any] = pair(task, max_iter=10**7, tol=0.0, n_iter_no_change=np.inf)
    models[0].set_params(engine="reference")
    for model in models:
        main = threading.main_thread().ident
        assert main is not None
        timer = threading.Timer(0.5, lambda main=main: signal.pthread_kill(main, signal.SIGINT))
        timer.start()
        start = time.monotonic()
        result = outcome(lambda model=model: model.fit(x, y))
        timer.join()
        assert result.error is None and result.warned == [(UserWarning, "Training interrupted by user.")]
        assert time.monotonic() - start < 30
        assert 0 < model.n_iter_ < 10**7
        assert abs(len(model.loss_curve_) - model.n_iter_) <= 1
        assert all(np.isfinite(w).all() for w in model.coefs_ + model.intercepts_)
        model.predict(x)


def test_partial_fit_continues_after_an_interrupt() -> None:
    x, y = problem("one target")
    models: tuple[Any, Any] = pair("one target", verbose=True, shuffle=False)
    for model in models:
        with contextlib.redirect_stdout(Interrupting("Iteration 1,")):
            result = outcome(lambda model=model: model.partial_fit(x, y))
        assert result.warned == [(UserWarning, "Training interrupted by user.")]
        model.set_params(verbose=False)
        outcome(lambda model=model: model.partial_fit(x, y))
    np.testing.assert_allclose(models[0].coefs_[0], models[1].coefs_[0], rtol=1e-9)


@pytest.mark.filterwarnings("ignore:Got `batch_size`:UserWarning")
@pytest.mark.parametrize("initializer", [None, "auto"])
def test_an_epoch_that_was_cut_short_does_not_shorten_the_next(initializer: str | None) -> None:
    class StoppingAt(glassnet.Callback):
        def on_batch_end(self, run: Any, batch: int, loss: float) -> None:
            if batch == 3 and len(run.history) == 1:
                run.stop("enough")

        def on_pause(self, run: Any) -> None:
            pass

    x, y = problem("one target")
    mine = glassnet.MLPRegressor(
        hidden_layer_sizes=(4,), batch_size=5, random_state=0, callbacks=[StoppingAt()], initializer=initializer
    ).fit(x, y)
    mine.set_params(callbacks=None)
    before = [W.copy() for W in mine.coefs_]
    for rows in (slice(0, 5), slice(0, 60), slice(7, 8)):
        steps = mine._state.weights.state.step
        mine.partial_fit(x[rows], y[rows])
        assert mine._state.weights.state.step - steps == -(-len(x[rows]) // 5)
    assert not np.array_equal(before[0], mine.coefs_[0])

"""Ctrl-C during fit: training ends with a warning, and what has been learned until then is kept."""

import contextlib
import io
import signal
import threading
import time
from typing import Any

import numpy as np
import pytest

from .both import assert_same_network, outcome, pair, problem


class Interrupting(io.StringIO):
    """A screen at which somebody presses Ctrl-C as soon as it shows some text."""

    def __init__(self, at: str) -> None:
        super().__init__()
        self.at = at

    def write(self, text: str) -> int:
        if self.at in text:
            raise KeyboardInterrupt
        return super().write(text)


@pytest.mark.parametrize("early", [False, True], ids=["to the end", "early stopping"])
@pytest.mark.parametrize("task", ["multi-class", "one target"])
def test_after_some_epochs_the_weights_are_those_of_these_epochs(task: str, early: bool) -> None:
    x, y = problem(task)
    models = pair(task, verbose=True, batch_size=16, early_stopping=early)
    for model in models:
        with contextlib.redirect_stdout(Interrupting("Iteration 4,")):
            told = outcome(lambda model=model: model.fit(x, y))
        assert told.error is None
        assert told.warned == [(UserWarning, "Training interrupted by user.")]
    assert models[1].n_iter_ == 4
    if early:  # the fourth epoch was never validated
        for a, b in zip(models[0].coefs_, models[1].coefs_, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9)
    else:
        assert_same_network(*models)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signal can be sent to a thread here")
@pytest.mark.parametrize("task", ["binary", "three targets"])
def test_a_signal_from_outside(task: str) -> None:
    x, y = problem(task)
    # compiling, or loading what has been compiled, is no training yet
    models: tuple[Any, Any] = pair(task, max_iter=10**7, tol=0.0, n_iter_no_change=np.inf)
    models[0].set_params(engine="reference")
    for model in models:
        main = threading.main_thread().ident
        assert main is not None
        timer = threading.Timer(0.5, lambda main=main: signal.pthread_kill(main, signal.SIGINT))
        timer.start()
        start = time.monotonic()
        told = outcome(lambda model=model: model.fit(x, y))
        timer.join()
        assert told.error is None and told.warned == [(UserWarning, "Training interrupted by user.")]
        assert time.monotonic() - start < 30
        assert 0 < model.n_iter_ < 10**7
        assert abs(len(model.loss_curve_) - model.n_iter_) <= 1
        assert all(np.isfinite(w).all() for w in model.coefs_ + model.intercepts_)
        model.predict(x)


def test_an_interrupted_portion_can_be_followed_by_others() -> None:
    x, y = problem("one target")
    models: tuple[Any, Any] = pair("one target", verbose=True, shuffle=False)
    for model in models:
        with contextlib.redirect_stdout(Interrupting("Iteration 1,")):
            told = outcome(lambda model=model: model.partial_fit(x, y))
        assert told.warned == [(UserWarning, "Training interrupted by user.")]
        model.set_params(verbose=False)
        outcome(lambda model=model: model.partial_fit(x, y))
    np.testing.assert_allclose(models[0].coefs_[0], models[1].coefs_[0], rtol=1e-9)

"""The reference engine gives the same bits whatever the number of BLAS threads, and restores that number."""

import threading

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from glassnet import InputError, Settings, Structure, train
from glassnet._utils.blas_threads import SINGLE_THREADED_BLAS
from glassnet.training.callbacks import Callback


def blas_threads() -> set[int]:
    return {library.get_num_threads() for library in ThreadpoolController().select(user_api="blas").lib_controllers}


def trained_bits(threads: int, dtype: str, optimizer: str) -> bytes:
    """Train a network in which OpenBLAS divides the products of a batch among threads; return its parameters."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 30))
    y = rng.integers(3, size=2000)
    structure = Structure((30, 100, 50, 3), ("relu", "relu", "softmax"))
    settings = Settings(
        loss="categorical_crossentropy", epochs=4, batch_size=200, optimizer=optimizer, engine="reference", dtype=dtype
    )
    with threadpool_limits(threads, "blas"):
        trained = train(structure, x, y, settings, validation=np.arange(300))
        assert blas_threads() == {threads}
    return trained.vector.tobytes() + repr([(epoch.loss, epoch.validation_loss) for epoch in trained.history]).encode()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_the_number_of_blas_threads_changes_no_bit(dtype: str, optimizer: str) -> None:
    assert trained_bits(1, dtype, optimizer) == trained_bits(2, dtype, optimizer) == trained_bits(3, dtype, optimizer)


class Fail(Callback):
    """A callback that notes the number of threads and fails."""

    def __init__(self) -> None:
        self.seen: set[int] = set()

    def on_epoch_end(self, run: object) -> None:
        self.seen = blas_threads()
        raise InputError("as planned")


def test_the_number_is_one_during_a_training_and_restored_after_an_error() -> None:
    callback = Fail()
    structure = Structure((2, 3, 1), ("tanh", "identity"))
    with threadpool_limits(2, "blas"):
        settings = Settings(loss="half_mean_squared_error", engine="reference")
        with pytest.raises(InputError, match="as planned"):
            train(structure, np.eye(2), np.ones(2), settings, callbacks=[callback])
        assert blas_threads() == {2}
    assert callback.seen == {1}


def test_the_last_of_several_trainings_restores_the_number() -> None:
    entered = threading.Event()
    leave = threading.Event()

    def other() -> None:
        with SINGLE_THREADED_BLAS:
            entered.set()
            leave.wait(60)

    with threadpool_limits(2, "blas"):
        thread = threading.Thread(target=other)
        thread.start()
        entered.wait(60)
        with SINGLE_THREADED_BLAS:
            pass
        assert blas_threads() == {1}
        leave.set()
        thread.join(60)
        assert blas_threads() == {2}

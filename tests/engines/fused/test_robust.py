"""What goes wrong harms no training: numbers that are not finite, failing threads, Ctrl-C, fork, neighbours."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from glassnet import Settings, Structure, train
from glassnet.engines.fused.engine import FusedEngine
from glassnet.engines.fused.processor import THREAD_VARIABLES
from glassnet.engines.fused.threads import ACTIVE_TRAININGS
from glassnet.engines.interface import Weights
from glassnet.metrics.registry import METRICS
from glassnet.network.initializers import initialize
from glassnet.training import DivergenceWarning

from .both_engines import make, python, some_rows, trained

STRUCTURE = Structure((20, 32, 3), ("tanh", "softmax"))
SETTINGS = Settings(engine="fused", epochs=3, batch_size=10, threads=2)

#: The start of what runs in processes of its own.
PRELUDE = """
import os, signal, sys, threading, time
import numpy as np
import glassnet
from glassnet import Settings, Structure, train
import glassnet.engines.fused.engine as engine
engine.WORK_PER_THREAD = 1
structure = Structure((784, 256, 10), ("relu", "softmax"))
rng = np.random.default_rng(0)
x, y = rng.standard_normal((4000, 784)).astype(np.float32), rng.integers(0, 10, 4000)
settings = Settings(engine="fused", threads=2, epochs=2, batch_size=100)
def fit(**others):
    from dataclasses import replace
    found = train(structure, x, y, replace(settings, **others))
    assert found.engine == "fused" and found.stop_reason == "all epochs done"
    return found.vector.tobytes()
"""


@pytest.fixture(autouse=True)
def _every_thread_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glassnet.engines.fused.engine.WORK_PER_THREAD", 1)


# ----------------------------------------------------------------------------------------- numbers that are not finite


@pytest.mark.parametrize("structure", [STRUCTURE, Structure((20, 300, 3), ("tanh", "softmax"))])
@pytest.mark.parametrize("extra", [{}, {"clip_norm": 1.0}, {"optimizer": "lamb"}, {"max_norm": 1.0}])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_batch_that_is_not_finite_ends_the_epoch(threads: int, extra: dict, structure: Structure) -> None:
    settings = Settings(batch_size=5, **extra)
    rows = some_rows(settings, structure, 53)
    rows.x[12, 0] = np.nan  # in the third batch
    engine = make(FusedEngine, settings, structure, threads=threads)
    weights, figures = _one_epoch(engine, settings, structure, rows)
    assert figures.bad_batch == 2
    assert weights.state.step == 2
    assert not np.isfinite(figures.loss)


@pytest.mark.sweep(strength=2)
@pytest.mark.parametrize("structure", [STRUCTURE, Structure((20, 300, 3), ("identity", "identity"))])
@pytest.mark.parametrize("extra", [{}, {"clip_norm": 1.0}, {"clip_value": 1e30, "ema_decay": 0.9}])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("bad", [4, 10])
def test_a_gradient_that_alone_is_not_finite_ends_the_epoch(
    bad: int, threads: int, extra: dict, structure: Structure
) -> None:
    """The loss is some 1e25 and fits; the square of the gradient does not fit float32."""
    settings = Settings(loss="mean_absolute_error", optimizer="gradient_descent", batch_size=5, **extra)
    structure = Structure(structure.layer_sizes, "identity")
    rows = some_rows(settings, structure, 53)
    rows.x[5 * bad + 2] = 1e25
    engine = make(FusedEngine, settings, structure, threads=threads)
    weights, figures = _one_epoch(engine, settings, structure, rows)
    assert figures.bad_batch == bad
    assert np.isfinite(figures.loss) and not np.isfinite(figures.gradient_norm)


def _one_epoch(engine, settings, structure, rows):
    vector = initialize(structure, np.random.default_rng(0), dtype="float32")
    weights = Weights(vector, settings.resolve_optimizer().init(vector), vector.copy() if settings.ema_decay else None)
    rates, metric = np.full(11, 1e-3), METRICS["accuracy" if rows.y.ndim == 1 else "r2"].per_sample
    with np.errstate(all="ignore"):
        return weights, engine.train_epoch(weights, rows, None, rates, np.random.default_rng(0), metric)


def test_training_that_diverges_keeps_the_last_good_parameters() -> None:
    structure = Structure((20, 32, 1), ("relu", "identity"))
    settings = Settings(
        loss="half_mean_squared_error", optimizer="gradient_descent", engine="fused", batch_size=10, epochs=50
    )
    rows = some_rows(settings, structure, 100)
    good = train(structure, rows.x, rows.y, replace(settings, learning_rate=1e-3, epochs=2))
    assert np.isfinite(good.vector).all()
    with pytest.warns(DivergenceWarning, match="epoch"):
        found = train(structure, rows.x, rows.y, replace(settings, learning_rate=30.0))
    assert found.engine == "fused" and found.stop_reason == "diverged"
    assert np.isfinite(found.vector).all()
    assert all(np.isfinite(epoch.loss) for epoch in found.history)


# ------------------------------------------------------------------------------------------------------------ threads


def test_no_thread_stays_behind() -> None:
    before = threading.active_count()
    trained(make(FusedEngine, SETTINGS, STRUCTURE, threads=4), SETTINGS, STRUCTURE, some_rows(SETTINGS, STRUCTURE))
    assert threading.active_count() == before


def test_one_thread_starts_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self):
        raise AssertionError("a thread was started")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    trained(make(FusedEngine, SETTINGS, STRUCTURE, threads=1), SETTINGS, STRUCTURE, some_rows(SETTINGS, STRUCTURE))


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_a_thread_that_fails_ends_all_of_them_with_its_error(failing: int) -> None:
    python(
        PRELUDE
        + f"""
import glassnet.engines.fused.workspace as place
true_load = place.load_loop
def load(dtype):
    def loop(thread, threads, table):
        if thread == {failing}:
            time.sleep(0.1)
            raise ZeroDivisionError("mine")
        return true_load(dtype)(thread, threads, table)
    return loop
place.load_loop = load
try:
    fit(threads=3)
except ZeroDivisionError as error:
    assert str(error) == "mine"
else:
    raise AssertionError("no error")
assert threading.active_count() == 1
place.load_loop = true_load
fit(threads=3)
""",
        timeout=60,
    )


def test_where_no_thread_can_be_started_that_is_the_error() -> None:
    python(
        PRELUDE
        + """
true_start, started = threading.Thread.start, []
def start(self):
    if started:
        raise RuntimeError("can't start new thread")
    started.append(self)
    true_start(self)
threading.Thread.start = start
try:
    fit(threads=4)
except RuntimeError as error:
    assert "can't start" in str(error)
else:
    raise AssertionError("no error")
assert threading.active_count() == 1
""",
        timeout=60,
    )


def test_two_trainings_at_once_are_the_same_as_one_after_the_other() -> None:
    def fit(seed: int) -> bytes:
        rows = some_rows(SETTINGS, STRUCTURE, 200, seed=seed)
        return trained(make(FusedEngine, SETTINGS, STRUCTURE, threads=2), SETTINGS, STRUCTURE, rows, seed=seed).bits

    alone = [fit(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(fit, range(4))) == alone


def test_more_threads_than_cores_finish_beside_a_busy_neighbour() -> None:
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        python(PRELUDE + "assert fit(threads=4, epochs=1) == fit(threads=1, epochs=1)", timeout=60)
    finally:
        for process in busy:
            process.kill()
            process.wait()


# ------------------------------------------------------------------------------------------------------------- Ctrl-C


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C to a whole console")
@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_is_answered_at_once_with_the_best_so_far(threads: int) -> None:
    code = (
        PRELUDE
        + f"""
class Telling(glassnet.Callback):
    def on_epoch_end(self, run):
        if len(run.history) == 1:
            print("training", flush=True)
from dataclasses import replace
found = train(structure, x, y, replace(settings, threads={threads}, epochs=10**6), callbacks=[Telling()])
print(time.monotonic(), found.stop_reason, len(found.history) > 0, np.isfinite(found.vector).all(),
      threading.active_count())
"""
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stdout.readline().strip() == "training"
        time.sleep(0.3)
        pressed = time.monotonic()
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    when, *rest = output.split()
    assert rest == ["interrupted", "True", "True", "1"]
    # within a second on a quiet machine; other tests run on it
    assert float(when) - pressed < 5


# ---------------------------------------------------------------------------------------------------------- processes


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_child_and_parent_train_after_a_fork() -> None:
    python(
        PRELUDE
        + """
expected = fit()
child = os.fork()
if child == 0:
    try:
        os._exit(0 if fit() == expected else 3)
    finally:
        os._exit(4)
assert fit() == expected
deadline = time.monotonic() + 60
while time.monotonic() < deadline:
    done, status = os.waitpid(child, os.WNOHANG)
    if done:
        break
    time.sleep(0.05)
else:
    os.kill(child, signal.SIGKILL)
    raise AssertionError("the child hangs")
assert os.waitstatus_to_exitcode(status) == 0
"""
    )


def test_spawned_processes_train(tmp_path) -> None:
    script = tmp_path / "spawning.py"
    script.write_text(
        PRELUDE
        + """
def in_process(number):
    return fit(epochs=1, random_state=number)

if __name__ == "__main__":
    import multiprocessing
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        found = pool.map_async(in_process, range(2)).get(timeout=100)
    assert found == [in_process(number) for number in range(2)]
"""
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_joblibs_processes_train() -> None:
    python(
        """
import numpy as np
from joblib import Parallel, delayed
from glassnet import Settings, Structure, train

def fit(seed):
    x = np.random.default_rng(seed).standard_normal((300, 20))
    chosen = Settings(engine="fused", epochs=2, random_state=seed)
    return train(Structure((20, 32, 3), ("tanh", "softmax")), x, np.arange(300) % 3, chosen).vector.tobytes()

assert Parallel(2)(delayed(fit)(seed) for seed in range(3)) == [fit(seed) for seed in range(3)]
"""
    )


def test_trainings_that_go_on_at_once_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glassnet.engines.fused.engine.usable_cores", lambda: 4)
    structure, settings = Structure((50, 100, 3), ("relu", "softmax")), Settings(batch_size=512)
    rows, found = some_rows(settings, structure, 1024), []
    for others in range(5):
        engine = make(FusedEngine, settings, structure)
        with contextlib.ExitStack() as stack:
            for _ in range(others):
                stack.enter_context(ACTIVE_TRAININGS)
            outcome = trained(engine, settings, structure, rows, epochs=1)
        found.append(({place.plan.threads for place in engine._workspaces.values()}, outcome.bits))
    assert [threads for threads, _ in found] == [{4}, {2}, {1}, {1}, {1}]
    assert len({bits for _, bits in found}) == 1


def test_the_cores_are_no_more_than_the_environment_allows() -> None:
    code = (
        "import os\nos.sched_getaffinity = lambda process: range(8)\n"
        "from glassnet.engines.fused import processor\nprint(processor.usable_cores())"
    )
    unset = dict.fromkeys(THREAD_VARIABLES, "")
    all_cores = int(python(code, **unset).stdout)
    for name in THREAD_VARIABLES:
        assert python(code, **unset | {name: "1"}).stdout == "1\n", name
        assert int(python(code, **unset | {name: "words"}).stdout) == all_cores, name
    assert python(code, **unset | {"OMP_NUM_THREADS": "1,4"}).stdout == "1\n"  # a number for each level of nesting

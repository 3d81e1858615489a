"""The callback `Checkpoint`: when it writes, what it refuses, failed writes, and signals."""

import os
import shutil
import signal
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glassnet import Callback, Checkpoint, MLPClassifier, Structure
from glassnet.errors import InputError
from glassnet.network.losses import find_loss
from glassnet.network.optimizers import find_optimizer
from glassnet.training import CallbackWarning, DivergenceWarning, Run
from glassnet.training.checkpoints import folder as folder_of_checkpoints
from glassnet.training.checkpoints.folder import list_checkpoints
from glassnet.training.state_dict import StateDict

from .trainings import FEATURES, ROWS, StopAfter, assert_same, damage, problem, tamper, training


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class AtPause(Callback):
    """Call a function once, between two batches, after n epochs."""

    def __init__(self, epoch: int, what: Callable[[], object]) -> None:
        self.epoch = epoch
        self.what = what

    def on_pause(self, run: Run) -> None:
        if len(run.history) == self.epoch:
            self.what()


# ---------------------------------------------------------------------------------------------------- when it writes


def test_a_checkpoint_after_every_epoch_does_not_change_the_training(tmp_path: Path) -> None:
    assert_same(training(), training([Checkpoint(tmp_path)]))
    assert names(tmp_path) == ["epoch-0003.checkpoint", "epoch-0004.checkpoint", "lock"]


def test_checkpoints_every_n_epochs_and_at_the_end(tmp_path: Path) -> None:
    training([Checkpoint(tmp_path / "a", every_epochs=3)], epochs=8)
    assert names(tmp_path / "a") == ["epoch-0006.checkpoint", "epoch-0008.checkpoint", "lock"]


def test_every_minutes_writes_within_an_epoch(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path, every_minutes=1e-9)
    written = []

    class Look(Callback):
        def on_pause(self, run: Run) -> None:
            written.append(checkpoint.written)

    training([checkpoint, Look()], epochs=2)
    assert {position.batches for position in written if position is not None} >= {1, 2, 9}
    assert names(tmp_path)[-2] == "epoch-0002.checkpoint"


def test_a_long_interval_writes_at_the_end_only(tmp_path: Path) -> None:
    training([Checkpoint(tmp_path, every_minutes=1000)])
    assert names(tmp_path) == ["epoch-0004.checkpoint", "lock"]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"every_epochs": 0}, "every_epochs is 0; it must be a whole number of epochs, 1 or more"),
        ({"every_epochs": 1.5}, "every_epochs is 1.5"),
        ({"every_epochs": True}, "every_epochs is True"),
        ({"every_minutes": 0}, "every_minutes is 0; it must be a number of minutes above 0"),
        ({"every_minutes": float("nan")}, "every_minutes is nan"),
        ({"every_minutes": float("inf")}, "every_minutes is inf"),
        ({"every_minutes": "1"}, "every_minutes is '1'"),
    ],
)
def test_an_invalid_interval_is_refused(how: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Checkpoint("a", **how)


def test_the_repr_shows_the_arguments() -> None:
    assert repr(Checkpoint("a")) == "Checkpoint('a', every_epochs=1)"
    assert repr(Checkpoint("a", every_minutes=5, resume=True)) == "Checkpoint('a', every_minutes=5, resume=True)"


# -------------------------------------------------------------------------------------------------------- going on


def test_resume_without_a_checkpoint_starts_from_the_beginning(tmp_path: Path) -> None:
    assert_same(training(), training([Checkpoint(tmp_path / "new", resume=True)]))


def test_without_resume_existing_checkpoints_are_not_overwritten(tmp_path: Path) -> None:
    training([StopAfter(23), Checkpoint(tmp_path)])
    before = {path.name: path.read_bytes() for path in list_checkpoints(tmp_path).values()}
    with pytest.raises(InputError, match="the last after 2 epochs; resume it with resume=True"):
        training([StopAfter(99), Checkpoint(tmp_path)])
    assert {path.name: path.read_bytes() for path in list_checkpoints(tmp_path).values()} == before


def test_a_finished_training_is_returned_at_once(tmp_path: Path) -> None:
    whole = training([Checkpoint(tmp_path)])

    class Nothing(Callback):
        def on_batch_end(self, run: Run, batch: int, loss: float) -> None:
            pytest.fail("there was nothing left to do")

    assert_same(whole, training([Checkpoint(tmp_path, resume=True), Nothing()]))


def test_a_training_that_stopped_early_is_finished(tmp_path: Path) -> None:
    how: dict[str, Any] = {"epochs": 60, "patience": 2, "learning_rate": 0.3}
    whole = training([Checkpoint(tmp_path)], **how)
    assert whole.stop_reason == "no better for 2 epochs"
    assert_same(whole, training([Checkpoint(tmp_path, resume=True)], **how))
    assert_same(whole, training([Checkpoint(tmp_path, resume=True)], **{**how, "epochs": 90}))


def test_more_epochs_continue_if_that_is_exact(tmp_path: Path) -> None:
    how: dict[str, Any] = {"schedule": "exponential", "dropout": 0.2}
    training([Checkpoint(tmp_path)], epochs=3, **how)
    assert_same(training(epochs=7, **how), training([Checkpoint(tmp_path, resume=True)], epochs=7, **how))


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine", "polynomial", "flat_cosine"])
def test_more_epochs_are_refused_if_the_schedule_depends_on_their_number(tmp_path: Path, schedule: str) -> None:
    training([Checkpoint(tmp_path)], epochs=2, schedule=schedule)
    with pytest.raises(InputError, match=f"epochs was 2 and is 3, and the schedule '{schedule}' depends on the number"):
        training([Checkpoint(tmp_path, resume=True)], epochs=3, schedule=schedule)


def test_fewer_epochs_than_are_done_are_refused(tmp_path: Path) -> None:
    training([Checkpoint(tmp_path)], epochs=3)
    with pytest.raises(InputError, match="epochs is 2, and 3 are done already"):
        training([Checkpoint(tmp_path, resume=True)], epochs=2)


OWN = find_optimizer("adam", beta_1=0.8)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"learning_rate": 0.03}, "learning_rate was 0.02 and is 0.03"),
        ({"batch_size": 16}, "batch_size was 8 and is 16"),
        ({"optimizer": "lion"}, "optimizer was 'adam' and is 'lion'"),
        ({"optimizer": OWN}, "optimizer was 'adam' and is {'name': 'adam'"),
        ({"schedule": "step"}, "schedule was 'constant' and is 'step'"),
        ({"schedule_settings": {"warmup": 2}}, "schedule_settings was {} and is {'warmup': 2}"),
        ({"random_state": 1}, "random_state was 0 and is 1"),
        ({"dropout": 0.1}, "dropout was 0.0 and is 0.1"),
        ({"dtype": "float64"}, "dtype was 'float32' and is 'float64'"),
        ({"ema_decay": 0.9}, "ema_decay was None and is 0.9"),
        ({"loss": find_loss("focal", gamma=3.0)}, "loss was 'categorical_crossentropy' and is {'name': 'focal'"),
        ({"engine": "fused"}, "the engine was 'reference' and is 'fused'"),
        (
            {"structure": Structure((FEATURES, 8, 3), ("relu", "softmax"))},
            r"layer_sizes was \[5, 7, 3\] and is \[5, 8, 3",
        ),
        ({"structure": Structure((FEATURES, 7, 3), ("tanh", "softmax"))}, r"activations was \['relu', 'softmax'\] and"),
        (
            {"x": problem()[0] + 1e-6},
            r"the training rows differ .their fingerprint was '\d+ rows: .*' and is '\d+ rows: .*'.; the v",
        ),
        ({"validation": np.arange(1, ROWS, 6)}, "the training rows differ"),
        ({"validation": None}, "it had some validation rows, unlike this one"),
        ({"learning_rate": 0.03, "batch_size": 16}, "learning_rate was .*; batch_size was|batch_size.*; learning_rate"),
    ],
)
def test_another_training_is_refused_and_what_differs_is_named(
    tmp_path: Path, how: dict[str, Any], message: str
) -> None:
    training([StopAfter(15), Checkpoint(tmp_path)])
    with pytest.raises(InputError, match=f"{tmp_path.name}: the training there was another one: .*{message}"):
        training([StopAfter(99), Checkpoint(tmp_path, resume=True)], **how)


def test_settings_of_a_custom_optimizer_are_compared(tmp_path: Path) -> None:
    training([Checkpoint(tmp_path)], optimizer=OWN, epochs=2)
    with pytest.raises(InputError, match="optimizer was .*0.8.* and is .*0.7"):
        training([Checkpoint(tmp_path, resume=True)], optimizer=find_optimizer("adam", beta_1=0.7), epochs=2)


def test_threads_may_differ(tmp_path: Path) -> None:
    training([StopAfter(15), Checkpoint(tmp_path)])
    assert_same(training(threads=2), training([Checkpoint(tmp_path, resume=True)], threads=2))


def test_lbfgs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="do not go with optimizer 'lbfgs', whose state is inside SciPy"):
        training([Checkpoint(tmp_path / "a")], optimizer="lbfgs", learning_rate=None)
    assert not (tmp_path / "a").exists()


def test_a_damaged_last_checkpoint_resumes_from_the_one_before(tmp_path: Path) -> None:
    training([StopAfter(32), Checkpoint(tmp_path, every_minutes=1e-9)])
    damage(max(list_checkpoints(tmp_path).items())[1])
    with pytest.warns(CallbackWarning, match="damaged or cut short: .*; the one before it is used"):
        resumed = training([Checkpoint(tmp_path, resume=True)])
    assert_same(training(), resumed)


def test_another_version_warns_that_the_bits_may_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training([StopAfter(15), Checkpoint(tmp_path)])
    monkeypatch.setattr("glassnet.training.checkpoints.checkpoint.__version__", "9.9")
    with pytest.warns(CallbackWarning, match="and this is 9.9: the last bits may differ"):
        training([Checkpoint(tmp_path, resume=True)])


# ------------------------------------------------------------------------------------------------ nothing is believed


def _set(*keys: Any, value: Any) -> Callable[[StateDict], None]:
    def change(memory: StateDict) -> None:
        inside: Any = memory.metadata["run"]
        for key in keys[:-1]:
            inside = inside[key]
        if value is None and keys[-1] in ("rate_scale", "history", "state", "rng", "callbacks"):
            del inside[keys[-1]]
        else:
            inside[keys[-1]] = value

    return change


def _array(name: str, array: Any) -> Callable[[StateDict], None]:
    def change(memory: StateDict) -> None:
        if array is None:
            del memory.arrays[name]
        else:
            memory.arrays[name] = array

    return change


LIES: list[tuple[Callable[[StateDict], None], str]] = [
    (_array("state.parameters", None), "'state.parameters' is missing"),
    (_array("state.parameters", np.zeros(5, np.float32)), "it must be float32"),
    (_array("best_parameters", np.zeros((66, 1), np.float32)), "'best_parameters' is float32 .66, 1.; it must be"),
    (_array("last_good_parameters", np.zeros(66)), "'last_good_parameters' is float64"),
    (_array("state.moments.q", np.zeros(66, np.float32)), "'state.moments.q' is unexpected"),
    (_set("history", value=None), "'history' is missing"),
    (_set("history", value={}), "history is {}"),
    (_set("history", value=[1]), "history"),
    (_set("history", 0, "loss", value="x"), "loss is 'x'"),
    (_set("history", 0, "evil", value=1), "no field 'evil'"),
    (_set("history", 0, value={"epoch": 1}), "missing"),
    (_set("history", 0, "epoch", value=2), "record 1 of the history is of epoch 2"),
    (_set("best_epoch", value=7), "the best epoch is 7 of 2"),
    (_set("best_value", value="low"), "best_value is 'low'"),
    (_set("stop_reason", value=3), "stop_reason is 3"),
    (_set("state", value=None), "'state' is missing"),
    (_set("state", "step", value=-1), "state.step is -1"),
    (_set("state", "step", value=True), "step is True"),
    (_set("state", "epochs", value=2**53), "history of 2"),
    (_set("state", "rate_scale", value=None), "'rate_scale' is missing"),
    (_set("state", "scalars", value={"product": "x"}), "product is 'x'"),
    (_set("state", "plateau", value={"factor": 1.0}), "plateau is not that of these settings"),
    (_set("state", "accumulator", "batches", value=99), "after batch 99 of 10"),
    (_set("state", "accumulator", "batches", value=-1), "after batch -1"),
    (_set("state", "accumulator", "rows", value=1.5), "rows is 1.5"),
    (_set("state", "epoch_start_random", value=None), "lacks epoch_start_random"),
    (_set("state", "epoch_start_random", value=[]), "epoch_start_random is list"),
    (_set("state", "random", "rng", value=None), "random has other entries than rng"),
    (_set("state", "random", "rng", "bit_generator", value="MT19937"), "random stream"),
    (_set("state", "random", "rng", "state", "state", value="x"), "random.rng.state.state is str"),
    (_set("callbacks", value=None), "'callbacks' is missing"),
    (_set("callbacks", value=[3]), "callbacks"),
    (_set("callbacks", value=[{"class": "Evil", "metadata": {}}]), "the callbacks with state .'Evil'."),
]


@pytest.mark.parametrize(("lie", "message"), LIES, ids=[message for _, message in LIES])
def test_an_invalid_state_is_refused(tmp_path: Path, lie: Callable[[StateDict], None], message: str) -> None:
    training([Checkpoint(tmp_path, every_minutes=1e-9), StopAfter(25)])
    for path in list_checkpoints(tmp_path).values():
        tamper(path, lie)
    with pytest.raises(InputError, match=f"(?s){tmp_path.name}: .*{message}") as found:
        training([Checkpoint(tmp_path, resume=True), StopAfter(999)])
    assert len(str(found.value)) < 600


def test_a_checkpoint_without_a_description_is_of_another_training(tmp_path: Path) -> None:
    training([Checkpoint(tmp_path)])
    for about in (None, [], {}, {"settings": 3, "rows": "x", "structure": []}):
        for path in list_checkpoints(tmp_path).values():
            tamper(path, lambda memory, about=about: memory.metadata.update(description=about))
        with pytest.raises(InputError, match="was another one: layer_sizes was None"):
            training([Checkpoint(tmp_path, resume=True)])


# ------------------------------------------------------------------------------------------------- what it bears


def test_a_full_disk_gives_a_warning_and_the_training_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = training()
    write = folder_of_checkpoints.write_checkpoint

    def full(path: Path, memory: StateDict) -> int:
        if path.name in ("epoch-0002.checkpoint", "epoch-0003.checkpoint"):
            raise InputError(f"{path}: can't be written: No space left on device; choose another path")
        return write(path, memory)

    monkeypatch.setattr(folder_of_checkpoints, "write_checkpoint", full)
    checkpoint = Checkpoint(tmp_path)
    unwritten = []
    look = AtPause(3, lambda: unwritten.append(checkpoint.unwritten))
    with pytest.warns(CallbackWarning) as warned:
        assert_same(whole, training([checkpoint, look]))
    for warning, epochs in zip(warned, (2, 3), strict=True):
        assert f"after {epochs} epochs was not written: {tmp_path}" in str(warning.message)
        assert "No space left on device" in str(warning.message)
        assert str(warning.message).endswith("; the training continues")
    assert "after 3 epochs was not written" in unwritten[0]
    assert checkpoint.unwritten == ""  # the last one was
    assert names(tmp_path) == ["epoch-0001.checkpoint", "epoch-0004.checkpoint", "lock"]


def test_a_folder_removed_during_training_is_created_again(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    assert_same(training(), training([AtPause(2, lambda: shutil.rmtree(folder)), Checkpoint(folder)]))
    assert names(folder) == ["epoch-0003.checkpoint", "epoch-0004.checkpoint", "lock"]


def test_a_folder_that_can_not_be_created_again_gives_a_warning(tmp_path: Path) -> None:
    folder = tmp_path / "a"

    def replace() -> None:
        shutil.rmtree(folder)
        folder.write_text("a file in its place")

    checkpoint = Checkpoint(folder)
    with pytest.warns(CallbackWarning) as warned:
        assert_same(training(), training([checkpoint, AtPause(2, replace)]))
    assert ["not written" in str(w.message) and "can't be written" in str(w.message) for w in warned] == [True, True]
    assert "after 4 epochs was not written" in checkpoint.unwritten
    assert folder.read_text() == "a file in its place"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_made_read_only_gives_a_warning(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "a")
    with pytest.warns(CallbackWarning) as warned:
        assert_same(training(), training([checkpoint, AtPause(2, lambda: (tmp_path / "a").chmod(0o500))]))
    assert checkpoint.unwritten and all("Permission denied" in str(w.message) for w in warned)


def test_an_unwritable_folder_is_refused_before_the_first_batch(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="can't be written: .*; name another folder"):
        training([Checkpoint(tmp_path / "file")])


def test_a_second_training_in_the_folder_is_refused(tmp_path: Path) -> None:
    def second() -> None:
        with pytest.raises(InputError, match=f"another training writes .* there .process {os.getpid()} on"):
            training([Checkpoint(tmp_path, resume=True)])

    training([Checkpoint(tmp_path), AtPause(2, second)])
    training([Checkpoint(tmp_path, resume=True), AtPause(2, second)])  # given back at the end


def test_the_folder_is_released_if_another_callback_fails(tmp_path: Path) -> None:
    def fail() -> None:
        raise RuntimeError("failed")

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(RuntimeError, match="failed"):
        training([Checkpoint(tmp_path), AtPause(2, fail)])
    assert signal.getsignal(signal.SIGINT) == before
    assert names(tmp_path)[:2] == ["epoch-0001.checkpoint", "epoch-0002.checkpoint"]
    assert_same(training(), training([Checkpoint(tmp_path, resume=True), AtPause(99, fail)]))


def test_a_training_that_diverges_leaves_the_last_good_checkpoint(tmp_path: Path) -> None:
    how: dict[str, Any] = {"optimizer": "gradient_descent", "learning_rate": 1e4, "loss": "half_mean_squared_error"}
    structure = Structure((FEATURES, 7, 3), ("relu", "identity"))
    with pytest.warns(DivergenceWarning):
        whole = training(structure=structure, **how)
    for resume in (False, True):
        with pytest.warns(DivergenceWarning):
            again = training([Checkpoint(tmp_path, every_minutes=1e-9, resume=resume)], structure=structure, **how)
        assert_same(whole, again)


# -------------------------------------------------------------------------------------------------------- signals


@pytest.mark.parametrize("engine", ["reference", "fused"])
def test_ctrl_c_stops_after_the_batch_with_a_checkpoint(tmp_path: Path, engine: str) -> None:
    press = AtPause(1, lambda: signal.raise_signal(signal.SIGINT))
    before = signal.getsignal(signal.SIGINT)
    with pytest.warns(UserWarning, match="was stopped: the checkpoint after 1 epoch .*; resume it with resume"):
        stopped = training([press, Checkpoint(tmp_path)], engine=engine)
    assert stopped.stop_reason == "interrupted" and len(stopped.history) == 1
    assert signal.getsignal(signal.SIGINT) == before
    resumed = training([AtPause(99, press.what), Checkpoint(tmp_path, resume=True)], engine=engine)
    assert_same(training(engine=engine), resumed)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signal can be sent to a thread here")
@pytest.mark.parametrize("engine", ["reference", "fused"])
def test_a_signal_at_any_time_stops_training(tmp_path: Path, engine: str) -> None:
    how: dict[str, Any] = {"engine": engine, "epochs": 400, "dropout": 0.1}
    whole = training(**how)
    stops = 0
    main = threading.main_thread().ident
    assert main is not None

    class Press(Callback):
        def on_train_begin(self, run: Run) -> None:
            self.timer = threading.Timer(0.02, lambda: signal.pthread_kill(main, signal.SIGINT))
            self.timer.start()

        def on_train_end(self, run: Run) -> None:
            self.timer.cancel()

    for _ in range(3):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            resumed = training([Checkpoint(tmp_path, every_minutes=1, resume=True), Press()], **how)
        stops += resumed.stop_reason == "interrupted"
    assert stops
    assert_same(whole, training([Checkpoint(tmp_path, every_minutes=1, resume=True), StopAfter(10**9)], **how))


def test_sigterm_writes_a_checkpoint_and_then_has_its_usual_effect(tmp_path: Path) -> None:
    class Ended(BaseException):
        pass

    def end(number: int, frame: Any) -> None:
        raise Ended

    before = signal.signal(signal.SIGTERM, end)
    try:
        with pytest.warns(UserWarning, match="resume it with resume=True"), pytest.raises(Ended):
            training([AtPause(2, lambda: signal.raise_signal(signal.SIGTERM)), Checkpoint(tmp_path)])
    finally:
        signal.signal(signal.SIGTERM, before)
    assert "epoch-0002.checkpoint" in names(tmp_path)
    assert_same(training(), training([AtPause(99, list), Checkpoint(tmp_path, resume=True)]))


def test_a_signal_after_the_last_batch_takes_effect(tmp_path: Path) -> None:
    class Late(Checkpoint):
        def on_train_end(self, run: Run) -> None:
            signal.raise_signal(signal.SIGTERM)
            super().on_train_end(run)

    with pytest.raises(SystemExit) as ended:
        training([Late(tmp_path)])
    assert ended.value.code == 143 and names(tmp_path)[1] == "epoch-0004.checkpoint"


def test_a_second_ctrl_c_stops_at_once(tmp_path: Path) -> None:
    def twice() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("it goes on")

    with pytest.warns(UserWarning, match="the training was stopped"):
        stopped = training([AtPause(2, twice), Checkpoint(tmp_path)])
    assert stopped.stop_reason == "interrupted" and len(stopped.history) == 2
    assert_same(training(), training([AtPause(99, list), Checkpoint(tmp_path, resume=True)]))


def test_in_another_thread_no_signals_are_handled(tmp_path: Path) -> None:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(training([Checkpoint(tmp_path)])))
    thread.start()
    thread.join()
    assert_same(training(), found[0])


class Untold(Callback):
    """Has a memory that no file can hold."""

    def state_dict(self) -> StateDict:
        return StateDict({}, {"a": object()})


def test_a_callback_with_an_unwritable_state_does_not_stop_the_training(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path, every_epochs=100)
    with pytest.warns(CallbackWarning, match="was not written: Object of type object is not JSON serializable"):
        assert_same(training(), training([checkpoint, Untold()]))
    assert checkpoint.unwritten


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_a_checkpoint_that_does_not_fit_is_not_overwritten(tmp_path: Path) -> None:
    x, y = problem()
    how: dict[str, Any] = {"early_stopping": True, "max_iter": 2, "random_state": 0, "engine": "reference"}
    MLPClassifier(**how, callbacks=[Checkpoint(tmp_path)]).fit(x, y)
    last = tmp_path / "epoch-0002.checkpoint"
    tamper(last, lambda memory: memory.arrays.update({"callbacks.0.best_vector": np.zeros(3)}))
    content = last.read_bytes()
    for _ in range(2):
        with pytest.raises(InputError, match=r"does not fit this training: best_vector is float64 \(3,\)"):
            MLPClassifier(**how, callbacks=[Checkpoint(tmp_path, resume=True)]).fit(x, y)
        assert last.read_bytes() == content

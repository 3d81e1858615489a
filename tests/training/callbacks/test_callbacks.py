"""Built-in callbacks: files and output, invalid arguments, and failed writes."""

import base64
import contextlib
import copy
import csv
import io
import os
import pickle
import pty
import sys
import threading
import types
import warnings
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas
import pytest
from matplotlib.image import imread
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from glassnet import (
    Callback,
    HistoryToCsv,
    InputError,
    LivePlot,
    MLPClassifier,
    ProgressBar,
    SaveParameters,
    Settings,
    Structure,
    load_parameters,
    train,
)
from glassnet.training import CallbackWarning, Epoch
from glassnet.training.callbacks import live_plot, progress

STRUCTURE = Structure((2, 5, 2), ("tanh", "softmax"))


def blobs(rows: int = 40):
    rng = np.random.default_rng(0)
    y = np.arange(rows) % 2
    return rng.standard_normal((rows, 2)) + 2 * y[:, np.newaxis], y


def run(*callbacks: Callback, epochs: int = 4, validated: bool = True, **options):
    chosen = Settings(epochs=epochs, **options)
    return train(STRUCTURE, *blobs(), chosen, validation=blobs(10) if validated else None, callbacks=callbacks)


class At(Callback):
    """Does something after an epoch."""

    def __init__(self, epoch: int, act) -> None:
        self.epoch = epoch
        self.act = act

    def on_epoch_end(self, run) -> None:
        if run.history[-1].epoch == self.epoch:
            self.act()


def interrupt() -> None:
    raise KeyboardInterrupt


def fail() -> None:
    raise RuntimeError("no more")


def each(folder: Path) -> list[Callback]:
    return [
        HistoryToCsv(folder / "history.csv"),
        ProgressBar(),
        LivePlot(folder / "curves.png", every=0),
        SaveParameters(folder / "last.safetensors"),
    ]


# ------------------------------------------------------------------------------------------------ what all promise


def test_no_callback_changes_the_training_or_slows_the_engine(tmp_path: Path) -> None:
    alone = run()
    watched = run(*each(tmp_path))
    assert alone.vector.tobytes() == watched.vector.tobytes()
    assert all(type(callback).on_batch_end is Callback.on_batch_end for callback in each(tmp_path))


def test_a_callback_is_reusable_copyable_and_picklable(tmp_path: Path) -> None:
    callbacks = each(tmp_path)
    copy.deepcopy(callbacks), pickle.loads(pickle.dumps(callbacks))
    run(*callbacks, epochs=5)
    run(*callbacks, epochs=2)
    assert len(pandas.read_csv(tmp_path / "history.csv")) == 2  # each training overwrites the file
    assert load_parameters(tmp_path / "last.safetensors").epoch == 2
    run(*copy.deepcopy(callbacks), epochs=3)
    run(*pickle.loads(pickle.dumps(callbacks)), epochs=3)
    assert len(pandas.read_csv(tmp_path / "history.csv")) == 3


def test_estimators_take_and_clone_callbacks(tmp_path: Path) -> None:
    x, y = blobs()
    estimator = MLPClassifier((4,), max_iter=3, callbacks=each(tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        clone(estimator).fit(x, y)
        clone(estimator.fit(x, y)).set_params(solver="lbfgs").fit(x, y)
    table = pandas.read_csv(tmp_path / "history.csv")
    assert len(table) == load_parameters(tmp_path / "last.safetensors").epoch == 3
    assert imread(tmp_path / "curves.png").std() > 0.01


def test_ctrl_c_leaves_complete_files(tmp_path: Path) -> None:
    for place in range(5):  # before, between and behind the callbacks
        callbacks = each(tmp_path)
        callbacks.insert(place, At(3, interrupt))
        trained = run(*callbacks, epochs=9)
        assert trained.stop_reason == "interrupted" and len(trained.history) == 3
        table = pandas.read_csv(tmp_path / "history.csv")
        assert table["epoch"].tolist() == [1, 2, 3]
        assert table["loss"].tolist() == [epoch.loss for epoch in trained.history]
        assert load_parameters(tmp_path / "last.safetensors").epoch == (2 if place <= 3 else 3)
        assert imread(tmp_path / "curves.png").std() > 0.01
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curves.png", "history.csv", "last.safetensors"]


def test_on_train_end_is_called_when_another_callback_fails(tmp_path: Path) -> None:
    reasons = []

    class Noting(Callback):
        def on_train_end(self, run) -> None:
            reasons.append(run.stop_reason)
            raise OSError("not reached")

    with pytest.raises(RuntimeError, match="no more"):
        run(Noting(), HistoryToCsv(tmp_path / "h.csv"), At(2, fail))
    assert reasons == ["failed"]
    assert len(pandas.read_csv(tmp_path / "h.csv")) == 2
    with pytest.raises(InputError, match="this is a folder"):
        run(Noting(), SaveParameters(tmp_path), Noting())
    assert reasons == ["failed", "failed"]  # on_train_end is not called for a callback that did not start


@pytest.mark.parametrize("kind", [HistoryToCsv, SaveParameters, LivePlot])
def test_a_path_that_can_not_be_written_is_named_before_the_first_epoch(kind: type, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path, message in ((tmp_path, "this is a folder"), (tmp_path / "file" / "x.png", "can't be written")):
        epochs: list[int] = []
        with pytest.raises(InputError, match=message) as raised:
            run(At(1, lambda epochs=epochs: epochs.append(1)), kind(path))
        assert str(path) in str(raised.value) and not epochs


@pytest.mark.parametrize("kind", [HistoryToCsv, SaveParameters, LivePlot])
def test_a_path_that_becomes_unwritable_gives_a_warning(kind: type, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    path = tmp_path / "new" / "x.png"

    def lose() -> None:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
        folder.write_text("in the way")

    callback = kind(path, every=0) if kind is LivePlot else kind(path)
    with pytest.warns(CallbackWarning, match="training continues"):
        trained = run(At(2, lose), callback)
    assert len(trained.history) == 4


def test_the_repr_shows_the_arguments() -> None:
    assert repr(HistoryToCsv("a.csv", append=True)) == "HistoryToCsv('a.csv', append=True)"
    assert repr(SaveParameters("a", every=3)) == "SaveParameters('a', every=3)"
    assert repr(SaveParameters("a", best=True)) == "SaveParameters('a', best=True)"
    assert repr([LivePlot(), LivePlot("a.png"), ProgressBar()]) == "[LivePlot(), LivePlot('a.png'), ProgressBar()]"


# ---------------------------------------------------------------------------------------------- history as a table


def test_the_csv_file_has_all_digits_of_the_history(tmp_path: Path) -> None:
    line_counts = []
    path = tmp_path / "new" / "history.csv"
    trained = run(HistoryToCsv(path), At(2, lambda: line_counts.append(len(path.read_text().splitlines()))))
    assert line_counts == [3]  # on the disk after each epoch
    with open(path, newline="") as file:
        header, *rows = csv.reader(file)
    assert header == [f.name for f in fields(Epoch)]
    for row, epoch in zip(rows, trained.history, strict=True):
        values = {name: float(text) if text else None for name, text in zip(header, row, strict=True)}
        assert Epoch(**values) == epoch
        assert row[-1] == ""  # no test rows


def test_a_csv_file_is_overwritten_or_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "h.csv"
    path.write_text("something old\n")
    run(HistoryToCsv(path), epochs=2)
    assert pandas.read_csv(path)["epoch"].tolist() == [1, 2]
    on = HistoryToCsv(path, append=True)
    run(on, epochs=1)
    run(on, epochs=2, validated=False)
    assert pandas.read_csv(path)["epoch"].tolist() == [1, 2, 1, 1, 2]
    (tmp_path / "empty.csv").write_text("")
    run(HistoryToCsv(tmp_path / "empty.csv", append=True), epochs=1)
    assert len(pandas.read_csv(tmp_path / "empty.csv")) == 1


def test_a_file_with_other_columns_is_not_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "h.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="its first line is b'a,b.*not the columns of a history; name another file"):
        run(HistoryToCsv(path, append=True))
    assert path.read_text() == "a,b\n1,2\n"
    run(HistoryToCsv(path), epochs=1)
    path.write_text(path.read_text()[:-3])
    with pytest.raises(InputError, match="its last line is truncated"):
        run(HistoryToCsv(path, append=True))


def test_a_row_that_could_not_be_written_is_written_with_the_next(tmp_path: Path) -> None:
    path = tmp_path / "h.csv"
    away = tmp_path / "away.csv"
    with pytest.warns(CallbackWarning, match="each epoch tries again"):
        run(At(2, lambda: path.rename(away)), At(4, lambda: away.rename(path)), HistoryToCsv(path), epochs=5)
    assert pandas.read_csv(path)["epoch"].tolist() == [1, 2, 3, 4, 5]


def test_a_partial_row_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "h.csv"

    def half() -> None:
        with open(path, "a") as file:
            file.write("3,0.1")

    run(HistoryToCsv(path), At(2, half))
    assert pandas.read_csv(path)["epoch"].tolist() == [1, 2, 3, 4]


# ---------------------------------------------------------------------------------------------- parameters kept


def test_the_last_parameters_are_saved(tmp_path: Path) -> None:
    path = tmp_path / "new" / "p.safetensors"
    trained = run(SaveParameters(path), restore_best=False)
    found = load_parameters(path)
    assert found.epoch == 4 and found.structure == STRUCTURE
    assert found.vector.tobytes() == trained.vector.tobytes() and found.vector.dtype == trained.vector.dtype
    further = train(found.structure, *blobs(), Settings(epochs=1), parameters=found.vector)
    assert further.history[0].loss < trained.history[0].loss


def test_parameters_are_saved_every_n_epochs_in_separate_files(tmp_path: Path) -> None:
    run(SaveParameters(tmp_path / "p{epoch:03d}", every=2), epochs=5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p002", "p004"]
    assert load_parameters(tmp_path / "p004").epoch == 4


def test_the_best_parameters_are_saved(tmp_path: Path) -> None:
    path = tmp_path / "best"
    trained = run(SaveParameters(path, best=True), epochs=30, learning_rate=3.0, optimizer="adam")
    assert 1 <= trained.best_epoch < 30
    found = load_parameters(path)
    assert found.epoch == trained.best_epoch and found.vector.tobytes() == trained.vector.tobytes()


def test_the_moving_average_is_saved(tmp_path: Path) -> None:
    trained = run(SaveParameters(tmp_path / "p"), ema_decay=0.9, restore_best=False)
    assert load_parameters(tmp_path / "p").vector.tobytes() == trained.vector.tobytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every": 0}, "every is 0; it must be a whole number of epochs"),
        ({"every": 1.5}, "every is 1.5"),
        ({"every": True}, "every is True"),
        ({"every": 2, "best": True}, "every is 2 and best is True; choose one"),
    ],
)
def test_invalid_intervals_are_refused(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        SaveParameters("p", **options)


@pytest.mark.parametrize("path", ["{loss}", "{", "{0}", "{epoch.real.x}", "{epoch:q}"])
def test_only_the_epoch_is_allowed_in_braces(path: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="only {epoch} is allowed in braces"):
        run(SaveParameters(tmp_path / path))


# --------------------------------------------------------------------------------------------------- progress bar


def test_without_a_terminal_few_plain_lines_are_printed(capsys: pytest.CaptureFixture, monkeypatch) -> None:
    run(ProgressBar(), epochs=50)
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("epoch  1/50  loss 0.") and last.startswith("epoch 50/50")
    assert "training accuracy" in last and "validation accuracy" in last and last.endswith(" s")
    run(ProgressBar(lines=True), epochs=7)
    assert len(capsys.readouterr().out.splitlines()) == 7
    monkeypatch.setattr(progress, "_LINE_INTERVAL", 0)
    run(ProgressBar(), epochs=7, validated=False)
    assert len(capsys.readouterr().out.splitlines()) == 7


def test_regression_is_shown_with_r2() -> None:
    record = Epoch(2, 0.5, 0.25, 0.1, 1.0, 0.125, validation_loss=0.75, validation_metric=0.5)
    assert progress.epoch_line(record, 10, "r2") == (
        "epoch  2/10  loss 0.5000  training R² 0.2500  validation R² 0.5000  0.12 s"
    )
    no_metric = Epoch(2, 0.5, float("nan"), 0.1, 1.0, 0.125, validation_loss=0.75, validation_metric=float("nan"))
    assert progress.epoch_line(no_metric, 10, "none") == "epoch  2/10  loss 0.5000  validation loss 0.7500  0.12 s"


@contextlib.contextmanager
def a_terminal(monkeypatch: pytest.MonkeyPatch):
    """Make standard output a terminal, and yield a function that returns what was written to it."""
    primary, secondary = pty.openpty()
    pieces: list[bytes] = []

    def follow() -> None:
        with contextlib.suppress(OSError):  # how Linux says that the other side is closed
            while piece := os.read(primary, 4096):
                pieces.append(piece)

    reader = threading.Thread(target=follow)
    reader.start()
    with open(secondary, "w", encoding="utf-8") as terminal, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", terminal)
        yield lambda: b"".join(pieces).decode()
    reader.join()
    os.close(primary)


@pytest.mark.parametrize("end", [None, interrupt, fail])
@pytest.mark.parametrize("lines", [False, True])
def test_on_a_terminal_a_bar_is_shown_and_removed(lines: bool, end, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(progress, "_BAR_INTERVAL", 0)
    callbacks = [ProgressBar(lines), *([At(3, end)] if end else [])]
    with a_terminal(monkeypatch) as read:
        try:
            run(*callbacks, epochs=5)
        except RuntimeError:
            assert end is fail
    shown = read()
    last = 3 if end else 5
    assert "rows/s" in shown and "━" in shown and f"epoch {last}/5" in shown and "validation accuracy" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")  # the cursor is back
    after = shown[shown.rindex("\x1b[?25h") :]
    assert lines or f"epoch {last}/5  loss" in after  # the last line stays
    assert shown.count("training accuracy") == (last if lines else 1)


class FakeNotebook:
    """What IPython shows in a notebook, under its names."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, kernel: object = "one") -> None:
        self.shown: list[dict] = []
        self.places = 0
        module = types.ModuleType("IPython")
        display = types.ModuleType("IPython.display")
        module.get_ipython = lambda: types.SimpleNamespace(kernel=kernel)
        display.display = self.display
        monkeypatch.setitem(sys.modules, "IPython", module)
        monkeypatch.setitem(sys.modules, "IPython.display", display)

    def display(self, content: dict, raw: bool, display_id: bool):
        assert raw and display_id
        self.places += 1
        self.update(content, raw=True)
        return self

    def update(self, content: dict, raw: bool) -> None:
        self.shown.append(content)


def test_in_a_notebook_the_bar_is_updated_in_place(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    notebook = FakeNotebook(monkeypatch)
    monkeypatch.setattr(progress, "_BAR_INTERVAL", 0)
    run(ProgressBar(), epochs=4)
    assert notebook.places == 1
    texts = [content["text/plain"] for content in notebook.shown]
    assert len(texts) == 5 and texts[0].startswith("epoch 1/4 ━━━━━─") and "rows/s" in texts[0]
    assert "validation accuracy" in texts[0] and texts[-1].startswith("epoch 4/4  loss")
    assert capsys.readouterr().out == ""
    run(ProgressBar(lines=True), epochs=3)
    assert len(capsys.readouterr().out.splitlines()) == 3 and notebook.places == 1


def test_ipython_on_a_terminal_is_no_notebook(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    notebook = FakeNotebook(monkeypatch, kernel=None)
    run(ProgressBar(), epochs=2)
    assert notebook.places == 0 and capsys.readouterr().out


# ------------------------------------------------------------------------------------------------- growing curves


def test_the_curves_are_written_and_the_last_figure_has_all_epochs(tmp_path: Path, monkeypatch) -> None:
    drawn = []
    draw = live_plot.draw_curves

    def noting(figure, history, *rest) -> None:
        drawn.append(len(history))
        draw(figure, history, *rest)
        if rest[1]:
            assert figure.axes[0].lines[-1].get_label() == "best epoch"

    monkeypatch.setattr(live_plot, "draw_curves", noting)
    run(LivePlot(tmp_path / "new" / "c.png", every=100), epochs=6)
    assert drawn == [1, 6]  # the first at once, then not for 100 s, and the last
    assert imread(tmp_path / "new" / "c.png").std() > 0.02
    drawn.clear()
    run(LivePlot(tmp_path / "c.svg", every=100), epochs=1)
    assert drawn == [1]
    assert b"<svg" in (tmp_path / "c.svg").read_bytes()


def test_drawing_takes_at_most_a_tenth_of_the_time(tmp_path: Path, monkeypatch) -> None:
    now = [0.0]
    drawn = []

    def slow(figure, history, *rest) -> None:
        drawn.append(len(history))
        now[0] += 5

    class Passing(Callback):
        def on_epoch_end(self, run) -> None:
            now[0] += 1

    monkeypatch.setattr(live_plot, "draw_curves", slow)
    monkeypatch.setattr(live_plot.time, "perf_counter", lambda: now[0])
    run(Passing(), LivePlot(tmp_path / "c.png", every=0), epochs=101)
    assert drawn == [1, 51, 101]


def test_in_a_notebook_the_plot_is_updated_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = FakeNotebook(monkeypatch)
    run(LivePlot(every=0), epochs=2)
    assert notebook.places == 1 and len(notebook.shown) >= 2
    image = imread(io.BytesIO(base64.b64decode(notebook.shown[-1]["image/png"])))
    assert image.shape[0] > 100 and image.std() > 0.02


def test_without_notebook_path_or_window_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "agg")
    with pytest.raises(InputError, match=r"no notebook and no window.*agg.*LivePlot\('curves.png'\)"):
        run(LivePlot())


def test_the_plot_is_drawn_in_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib import pyplot
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    monkeypatch.setattr(FigureCanvasAgg, "required_interactive_framework", "test", raising=False)
    monkeypatch.setattr(pyplot, "show", lambda block: shown.append("open"))
    monkeypatch.setattr(FigureCanvasAgg, "draw_idle", lambda self: shown.append("drawn"))
    monkeypatch.setattr(FigureCanvasAgg, "flush_events", lambda self: shown.append("flushed"))
    shown: list[str] = []
    run(LivePlot(every=100), epochs=3)
    assert shown == ["open", "drawn", "flushed", "drawn", "flushed"]
    pyplot.close("all")


def test_invalid_arguments_of_the_plot_are_refused(tmp_path: Path) -> None:
    for every in (-1, "often", float("inf"), True):
        with pytest.raises(InputError, match=r"every is .*; it must be a number of seconds"):
            LivePlot(every=every)
    with pytest.raises(InputError, match=r"c.csv: an image file ends in one of .*\.png"):
        run(LivePlot(tmp_path / "c.csv"))

"""Links and odd files at each name that is written to: no other file changes, and nothing hangs.

A folder may come from an attacker, with a link at a path that glassnet writes to.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import re
import signal
import socket
import stat
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glassnet import (
    Checkpoint,
    HistoryToCsv,
    InputError,
    LivePlot,
    SaveParameters,
    Settings,
    Structure,
    fit,
    save,
    train,
)
from glassnet._utils import safe_folder
from glassnet.cli import main
from glassnet.models.fitting_files import fit_files
from glassnet.training import CallbackWarning
from glassnet.training.callbacks.history_csv import HEADER
from glassnet.visualization.picture import show
from glassnet.visualization.report import write_report
from tests.fuzz.checks import run_command

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links, pipes and permissions are made like this on POSIX")

PRECIOUS = b"a file of the user\n"
#: Seconds after which a writer counts as hanging.
MAX_SECONDS = 60
SETTINGS = Settings(epochs=2, batch_size=8, engine="reference")


@pytest.fixture(autouse=True)
def no_hang() -> Iterator[None]:
    """Raise an error if a test takes too long, as one that waits for the other end of a pipe does."""

    def hanging(number: int, frame: Any) -> None:
        raise TimeoutError(f"it takes more than {MAX_SECONDS} s")

    before = signal.signal(signal.SIGALRM, hanging)
    signal.alarm(MAX_SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True, params=["openat", "by path"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test as on Linux, and as on Windows, which has neither O_NOFOLLOW nor names relative to a folder."""
    if request.param == "by path":
        monkeypatch.setattr(safe_folder, "HAS_DIR_FD", False)
        monkeypatch.setattr(safe_folder, "SAFE_FLAGS", 0)


# ----------------------------------------------------------------------------------------------------- what is there


def symbolic_link(path: Path, victim: Path) -> None:
    path.symlink_to(victim)


def relative_link(path: Path, victim: Path) -> None:
    path.symlink_to(os.path.relpath(victim, path.parent))


def link_to_a_link(path: Path, victim: Path) -> None:
    (path.parent / "between").symlink_to(victim)
    path.symlink_to(path.parent / "between")


def dangling_link(path: Path, victim: Path) -> None:
    path.symlink_to(victim.parent / "new")


def endless_link(path: Path, victim: Path) -> None:
    path.symlink_to(path)


def link_to_a_folder(path: Path, victim: Path) -> None:
    path.symlink_to(victim.parent)


def link_to_a_device(path: Path, victim: Path) -> None:
    path.symlink_to("/dev/full")


def hard_link(path: Path, victim: Path) -> None:
    os.link(victim, path)


def pipe(path: Path, victim: Path) -> None:
    os.mkfifo(path)


def device(path: Path, victim: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 7))  # /dev/full
    except OSError as error:
        pytest.skip(f"devices can't be made here: {error}")


def unix_socket(path: Path, victim: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound, contextlib.chdir(path.parent):
        bound.bind(path.name)


def folder(path: Path, victim: Path) -> None:
    path.mkdir()
    (path / "precious").write_bytes(PRECIOUS)


def unreadable_file(path: Path, victim: Path) -> None:
    path.write_bytes(b"")
    path.chmod(0)


def read_only_file(path: Path, victim: Path) -> None:
    path.write_bytes(PRECIOUS)
    path.chmod(0o444)


def file_with_setuid(path: Path, victim: Path) -> None:
    path.write_bytes(PRECIOUS)
    path.chmod(0o4755)


ODD = (
    symbolic_link, relative_link, link_to_a_link, dangling_link, endless_link, link_to_a_folder, link_to_a_device,
    hard_link, pipe, device, unix_socket, folder, unreadable_file, read_only_file, file_with_setuid,
)  # fmt: skip


# --------------------------------------------------------------------------------------------------------- what writes


def problem() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((40, 3)), np.arange(40) % 2


@functools.cache
def model() -> Any:
    return fit(*problem(), hidden=(3,), settings=SETTINGS, feature_names=("a", "b", "c"))


def train_with(callback: Any) -> None:
    train(Structure((3, 4, 2), ("tanh", "softmax")), *problem(), SETTINGS, callbacks=[callback])


def rows_in(folder: Path) -> str:
    """Write a table with an invalid row, and return its path."""
    x, y = problem()
    lines = [f"{a},{b},{c},class{label}" for (a, b, c), label in zip(x, y, strict=True)]
    (folder / "rows.csv").write_text("\n".join(["a,b,c,label", *lines, "x,1,2,class1"]) + "\n")
    return str(folder / "rows.csv")


def model_in(folder: Path) -> str:
    save(model(), folder / "model.glassnet")
    return str(folder / "model.glassnet")


def write_checkpoints(path: Path, elsewhere: Path) -> None:
    train_with(Checkpoint(path.parent))


def resume(path: Path, elsewhere: Path) -> None:
    train_with(Checkpoint(path.parent, resume=True))


def save_model(path: Path, elsewhere: Path) -> None:
    save(model(), path)


def save_parameters(path: Path, elsewhere: Path) -> None:
    train_with(SaveParameters(path))


def write_history(path: Path, elsewhere: Path) -> None:
    train_with(HistoryToCsv(path))


def append_history(path: Path, elsewhere: Path) -> None:
    train_with(HistoryToCsv(path, append=True))


def draw_curves(path: Path, elsewhere: Path) -> None:
    train_with(LivePlot(path))


def draw_network(path: Path, elsewhere: Path) -> None:
    show(model(), problem()[0]).save(path)


def write_html_report(path: Path, elsewhere: Path) -> None:
    write_report(model(), path=path)


def export(path: Path, elsewhere: Path) -> None:
    pytest.importorskip("onnx")
    model().to_onnx(path)


def train_command(path: Path, elsewhere: Path) -> None:
    run_command(["train", rows_in(elsewhere), "--on-bad-row", "skip", *QUICK, "--out", str(path)])


def list_bad_rows(path: Path, elsewhere: Path) -> None:
    """Train with the command, which exits with code 3 if the list, named after the model, can't be written."""
    out = str(path.parent / "m.glassnet")
    with contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(SystemExit):
        main(["train", rows_in(elsewhere), "--on-bad-row", "skip", *QUICK, "--out", out])


def predict_command(path: Path, elsewhere: Path) -> None:
    (elsewhere / "rows.csv").write_text("a,b,c\n1,2,3\n")
    run_command(["predict", model_in(elsewhere), str(elsewhere / "rows.csv"), "--out", str(path)])


def plot_command(path: Path, elsewhere: Path) -> None:
    run_command(["plot", model_in(elsewhere), "--out", str(path.parent)])


def stream(path: Path, elsewhere: Path) -> None:
    """Train on a stream, whose cache is in the folder .glassnet."""
    data = path.parent if path.name == ".glassnet" else path.parent.parent
    fit_files(rows_in(data), "label", hidden=(2,), settings=SETTINGS, on_bad_row="skip")


@pytest.fixture(scope="module")
def cache_name(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the name of the cache that `stream` writes."""
    data = tmp_path_factory.mktemp("data")
    stream(data / ".glassnet", data)
    (found,) = (data / ".glassnet").iterdir()
    return found.name


QUICK = ["--epochs", "1", "--hidden", "2", "--engine", "reference", "-q"]
RANDOM = "0123456789abcdef"
#: The writers, each with a name at which it finds something odd; CACHE and KEY are the name of a cache and its start.
WRITERS: tuple[tuple[Callable[[Path, Path], None], str], ...] = (
    (write_checkpoints, "lock"),
    (write_checkpoints, "epoch-0001.checkpoint"),
    (write_checkpoints, f".epoch-0001.checkpoint.{RANDOM}"),
    (resume, "epoch-0001.checkpoint"),
    (resume, "epoch-0009.checkpoint"),
    (save_model, "m.glassnet"),
    (save_parameters, "p.safetensors"),
    (write_history, "history.csv"),
    (append_history, "history.csv"),
    (draw_curves, "curves.png"),
    (draw_network, "network.html"),
    (write_html_report, "report.html"),
    (export, "m.onnx"),
    (train_command, "m.glassnet"),
    (list_bad_rows, "m.bad_rows.csv"),
    (predict_command, "predictions.csv"),
    (plot_command, "learning_curves.png"),
    (stream, ".glassnet"),
    (stream, ".glassnet/CACHE"),
    (stream, f".glassnet/CACHE.{RANDOM}.unfinished"),
    (stream, ".glassnet/KEY-fedcba9876543210.blocks"),
)
#: The content of the file that links lead to, where the writer would change a file with this content only.
CONTENTS: dict[Callable[[Path, Path], None], bytes] = {
    write_checkpoints: b'{"pid": 1, "host": "a file of the user"}',
    append_history: (",".join(HEADER) + "\n").encode(),
}
IDS = [f"{writer.__name__}:{name}" for writer, name in WRITERS]


@pytest.mark.sweep(only=[f"openat-{name}-{odd}" for name in IDS for odd in ("symbolic_link", "hard_link")])
@pytest.mark.parametrize("make", ODD, ids=lambda make: make.__name__)
@pytest.mark.parametrize(("writer", "name"), WRITERS, ids=IDS)
def test_no_other_file_changes(
    tmp_path: Path,
    writer: Callable[[Path, Path], None],
    name: str,
    make: Callable[[Path, Path], None],
    cache_name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GLASSNET_CACHE_DIR", str(tmp_path / "cache"))
    for place in ("home", "elsewhere", "given"):
        (tmp_path / place).mkdir()
    victim = tmp_path / "home" / "victim"
    content = CONTENTS.get(writer, PRECIOUS)
    victim.write_bytes(content)
    path = tmp_path / "given" / name.replace("CACHE", cache_name).replace("KEY", cache_name.partition("-")[0])
    path.parent.mkdir(exist_ok=True)
    make(path, victim)
    before = os.lstat(path)
    status = os.lstat(victim)
    with warnings.catch_warnings(), contextlib.suppress(InputError):
        warnings.simplefilter("ignore", CallbackWarning)
        writer(path, tmp_path / "elsewhere")

    assert victim.read_bytes() == content and os.lstat(victim).st_mtime_ns == status.st_mtime_ns
    assert victim.stat().st_mode == status.st_mode
    assert [entry.name for entry in victim.parent.iterdir()] == ["victim"]
    is_file = stat.S_ISREG(before.st_mode) or stat.S_ISLNK(before.st_mode)
    if not is_file and not name.startswith(".glassnet/CACHE"):  # a cache replaces what has its name
        assert os.path.samestat(os.lstat(path), before)
    if make is folder:
        assert (path / "precious").read_bytes() == PRECIOUS
    if name == "lock" and make is not unreadable_file:  # an empty lock is one of glassnet
        assert os.path.samestat(os.lstat(path), before) and os.lstat(path).st_mtime_ns == before.st_mtime_ns
    left = [entry.name for entry in path.parent.iterdir() if TEMPORARY.search(entry.name)]
    assert left in ([], [path.name])


#: What the name of a temporary file ends in.
TEMPORARY = re.compile(r"[.][0-9a-f]{16}(\.unfinished)?$")

"""One training at a time in a folder; a crash leaves no lock."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from glassnet.errors import InputError
from glassnet.training.checkpoints.lock import FolderLock

HOLDER = """
import sys
from pathlib import Path
from glassnet.training.checkpoints.lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Return another process that holds the lock."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_is_refused_with_the_holder_of_the_lock(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"another training writes its checkpoints there .process {holder.pid} on '"):
        FolderLock(tmp_path)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="nothing can be killed like that here")
def test_a_killed_process_leaves_no_lock(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    lock = FolderLock(tmp_path)
    assert lock.held
    lock.release()


def test_a_second_training_of_the_same_process_is_refused_until_the_release(tmp_path: Path) -> None:
    first = FolderLock(tmp_path)
    with pytest.raises(InputError, match=f"process {os.getpid()} on"):
        FolderLock(tmp_path)
    first.release()
    assert not first.held
    FolderLock(tmp_path).release()


def test_the_lock_is_acquired_again_after_the_folder_was_removed(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "below"
    lock = FolderLock(folder)
    shutil.rmtree(tmp_path / "deep")
    assert not lock.held
    lock.acquire()
    assert lock.held
    with pytest.raises(InputError, match="another training"):
        FolderLock(folder)
    lock.release()


def test_a_lock_acquired_by_another_process_meanwhile_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    lock = FolderLock(folder)
    shutil.rmtree(folder)
    other = FolderLock(folder)
    with pytest.raises(InputError, match="another training"):
        lock.acquire()
    lock.release()
    other.release()


@pytest.mark.parametrize("content", ["", "[]", "{", '{"pid": "x", "host": 1}', "[" * 900])
def test_a_lock_file_may_have_any_content(tmp_path: Path, content: str) -> None:
    first = FolderLock(tmp_path)
    (tmp_path / "lock").write_text(content)
    with pytest.raises(InputError, match="unknown process"):
        FolderLock(tmp_path)
    first.release()


def test_a_path_that_can_not_be_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="can't be written: .*; name another folder"):
        FolderLock(tmp_path / "file")


@pytest.mark.skipif(os.name != "posix", reason="links are made like this on POSIX")
@pytest.mark.parametrize("kind", ["link", "dangling link", "hard link", "link to a folder"])
def test_a_link_named_lock_overwrites_nothing(tmp_path: Path, kind: str) -> None:
    victim = tmp_path / "victim"
    folder = tmp_path / "folder"
    folder.mkdir()
    if kind == "link to a folder":
        victim.mkdir()
    elif kind != "dangling link":
        victim.write_text("precious")
    if kind == "hard link":
        os.link(victim, folder / "lock")
    else:
        (folder / "lock").symlink_to(victim)
    with pytest.raises(InputError, match="lock: can't be written: it is .*; name another folder"):
        FolderLock(folder)
    assert victim.exists() == (kind != "dangling link")
    assert victim.is_dir() or not victim.exists() or victim.read_text() == "precious"


@pytest.mark.parametrize("content", ["todo: fix the door", '{"pid": 1, "host": "x"' + " " * 1000, "[]"])
def test_a_file_named_lock_that_glassnet_did_not_write_is_left_alone(tmp_path: Path, content: str) -> None:
    (tmp_path / "lock").write_text(content)
    with pytest.raises(InputError, match="lock: this file was not written by glassnet; remove it, or name another"):
        FolderLock(tmp_path)
    assert (tmp_path / "lock").read_text() == content


@pytest.mark.parametrize("content", ["", '{"pi', '{"pid": 4711, "host": "other"}'])
def test_the_lock_of_a_killed_process_is_taken_over(tmp_path: Path, content: str) -> None:
    (tmp_path / "lock").write_text(content)
    with FolderLock(tmp_path) as lock:
        assert lock.held and f'{{"pid": {os.getpid()}, ' in (tmp_path / "lock").read_text()
    assert not lock.held

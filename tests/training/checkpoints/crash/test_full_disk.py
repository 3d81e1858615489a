"""A full disk, a limit of size, a folder made read-only: the training goes on, says it, and the exit code tells."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from glassnet import load

from ..trainings import history
from .killing import environment

resource = pytest.importorskip("resource", reason="sizes are limited like this on POSIX")

pytestmark = pytest.mark.skipif(os.name != "posix", reason="file systems are mounted and limited like this on POSIX")

TRAIN = [
    sys.executable,
    "-c",
    "from glassnet.cli import main; main()",
    "train",
    "--epochs",
    "8",
    "--engine",
    "reference",
]
#: Room for one checkpoint of the digits' network (0.35 MB), not for two; and a limit between model and checkpoint.
ONE, LIMIT = "500k", 200_000


def mounted(place: Path, size: str) -> Iterator[Path]:
    """Give a folder that is a file system of its own as long as it is used, or skip the test."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder that is a file system of its own, of half a megabyte."""
    yield from mounted(tmp_path / "small", ONE)


def trained(*arguments: Any, **how: Any) -> subprocess.CompletedProcess[str]:
    command = [*TRAIN, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=300, **how)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the model of a training that nobody disturbed."""
    path = tmp_path_factory.mktemp("whole") / "model"
    assert trained("--out", path, "-q").returncode == 0
    return path


def assert_same_model(one: Path, other: Path) -> None:
    undisturbed, found = load(one), load(other)
    assert undisturbed.vector.tobytes() == found.vector.tobytes()
    assert history(undisturbed.history) == history(found.history)


def test_a_full_disk_does_not_end_it_and_when_there_is_room_it_goes_on(
    tmp_path: Path, small_disk: Path, whole: Path
) -> None:
    ran = trained("--checkpoint", small_disk / "kept", "--out", tmp_path / "full", "-q")
    assert ran.returncode == 3, ran.stderr
    lines = ran.stderr.splitlines()
    assert len(lines) == 7 and all("was not written: " in line and "No space left on device" in line for line in lines)
    assert [path.name for path in (small_disk / "kept").iterdir() if path.name != "lock"] == ["epoch-0001.checkpoint"]
    assert_same_model(whole, tmp_path / "full")

    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    again = trained("--checkpoint", small_disk / "kept", "--resume", "--out", tmp_path / "again")
    assert again.returncode == 0 and "going on after 1 epoch\n" in again.stdout, again.stderr
    assert_same_model(whole, tmp_path / "again")


def test_so_it_is_where_files_may_not_be_large(tmp_path: Path, whole: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))

    ran = trained("--checkpoint", tmp_path / "kept", "--out", tmp_path / "full", "-q", preexec_fn=limit)
    assert ran.returncode == 3 and ran.stderr.count("File too large") == 8, ran.stderr
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["lock"]
    assert_same_model(whole, tmp_path / "full")


def test_a_model_that_finds_no_room_is_written_when_it_is_gone_on_with(
    tmp_path: Path, small_disk: Path, whole: Path
) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(bytes(480_000))
    arguments = ("--checkpoint", tmp_path / "kept", "--out", small_disk / "model", "-q")
    ran = trained(*arguments)
    assert ran.returncode == 3 and "the model was not kept: " in ran.stderr and "No space left" in ran.stderr
    filler.unlink()
    assert trained(*arguments, "--resume").returncode == 0
    assert_same_model(whole, small_disk / "model")


def test_a_folder_made_read_only_while_it_trains_is_said(tmp_path: Path) -> None:
    anybody: list[str] = []
    if os.geteuid() == 0:  # root may write everywhere unless it gives that up
        if shutil.which("setpriv") is None:
            pytest.skip("root writes everywhere, and there is no setpriv to give that up")
        anybody = ["setpriv", "--bounding-set=-dac_override", "--"]
    folder = tmp_path / "kept"
    command = [*anybody, *TRAIN, "--epochs", "200", "--checkpoint", str(folder), "-q"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment())
    while not list(folder.glob("*.checkpoint")) and process.poll() is None:
        time.sleep(0.01)
    folder.chmod(0o555)
    _, err = process.communicate(timeout=300)
    folder.chmod(0o755)
    assert process.returncode == 3 and "Traceback" not in err, err
    assert all("was not written: " in line and "Permission denied" in line for line in err.splitlines())
    assert 1 <= len(list(folder.glob("*.checkpoint"))) <= 2

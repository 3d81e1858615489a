"""A full disk, a limit of the file size, a read-only folder: training continues, with a warning and exit code 3."""

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
from .processes import environment

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
#: Space for one checkpoint of the digits' network (0.35 MB) but not two; a size between model and checkpoint.
ONE, LIMIT = "500k", 200_000


def mount_tmpfs(place: Path, size: str) -> Iterator[Path]:
    """Yield a folder with a file system of its own, or skip the test."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder with a file system of half a megabyte."""
    yield from mount_tmpfs(tmp_path / "small", ONE)


def trained(*arguments: Any, **how: Any) -> subprocess.CompletedProcess[str]:
    command = [*TRAIN, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=300, **how)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the model of an undisturbed training."""
    path = tmp_path_factory.mktemp("whole") / "model"
    assert trained("--out", path, "-q").returncode == 0
    return path


def assert_same_model(one: Path, other: Path) -> None:
    undisturbed = load(one)
    found = load(other)
    assert undisturbed.vector.tobytes() == found.vector.tobytes()
    assert history(undisturbed.history) == history(found.history)


def test_training_survives_a_full_disk_and_resumes_when_there_is_space(
    tmp_path: Path, small_disk: Path, whole: Path
) -> None:
    completed = trained("--checkpoint", small_disk / "run1", "--out", tmp_path / "full", "-q")
    assert completed.returncode == 3, completed.stderr
    lines = completed.stderr.splitlines()
    assert len(lines) == 7 and all("was not written: " in line and "No space left on device" in line for line in lines)
    assert [path.name for path in (small_disk / "run1").iterdir() if path.name != "lock"] == ["epoch-0001.checkpoint"]
    assert_same_model(whole, tmp_path / "full")

    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    again = trained("--checkpoint", small_disk / "run1", "--resume", "--out", tmp_path / "again")
    assert again.returncode == 0 and "resuming after 1 epoch\n" in again.stdout, again.stderr
    assert_same_model(whole, tmp_path / "again")


@pytest.mark.slow
def test_training_survives_a_limit_of_the_file_size(tmp_path: Path, whole: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))

    completed = trained("--checkpoint", tmp_path / "run1", "--out", tmp_path / "full", "-q", preexec_fn=limit)
    assert completed.returncode == 3 and completed.stderr.count("File too large") == 8, completed.stderr
    assert [path.name for path in (tmp_path / "run1").iterdir()] == ["lock"]
    assert_same_model(whole, tmp_path / "full")


@pytest.mark.slow
def test_a_model_that_did_not_fit_is_written_on_resuming(tmp_path: Path, small_disk: Path, whole: Path) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(bytes(480_000))
    arguments = ("--checkpoint", tmp_path / "run1", "--out", small_disk / "model", "-q")
    completed = trained(*arguments)
    assert (
        completed.returncode == 3
        and "the model was not saved: " in completed.stderr
        and "No space left" in completed.stderr
    )
    filler.unlink()
    assert trained(*arguments, "--resume").returncode == 0
    assert_same_model(whole, small_disk / "model")


@pytest.mark.slow
def test_a_folder_that_becomes_read_only_is_reported(tmp_path: Path) -> None:
    without_override: list[str] = []
    if os.geteuid() == 0:  # root can write everywhere unless it drops the capability
        if shutil.which("setpriv") is None:
            pytest.skip("root can write everywhere, and setpriv is not installed")
        without_override = ["setpriv", "--bounding-set=-dac_override", "--"]
    folder = tmp_path / "run1"
    command = [*without_override, *TRAIN, "--epochs", "200", "--checkpoint", str(folder), "-q"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment())
    while not list(folder.glob("*.checkpoint")) and process.poll() is None:
        time.sleep(0.01)
    folder.chmod(0o555)
    _, err = process.communicate(timeout=300)
    folder.chmod(0o755)
    assert process.returncode == 3 and "Traceback" not in err, err
    assert all("was not written: " in line and "Permission denied" in line for line in err.splitlines())
    assert 1 <= len(list(folder.glob("*.checkpoint"))) <= 2

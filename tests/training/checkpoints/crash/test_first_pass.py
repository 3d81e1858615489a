"""The cache file of a streamed training is complete or absent, whatever happens while it is written or between uses."""

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from glassnet import load

from .processes import KILLS, environment, start
from .streaming_data import SMALL_BUFFERS, write_table
from .test_full_disk import mount_tmpfs
from .training import CLASSES, FEATURES

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")

#: Enough for a first pass that lasts until the kill.
ROWS = 60_000
#: Kill the process at a numbered call of a function, before it or right after it.
KILL_AT = """
import os, signal, sys
from pathlib import Path
from glassnet.streaming import cache_file
place, name, number, after = {place}, {name!r}, {number}, {after}
plain, calls = getattr(place, name), []
def deadly(*given, **named):
    calls.append(name)
    if len(calls) == number + 1 and not after:
        os.kill(os.getpid(), signal.SIGKILL)
    found = plain(*given, **named)
    if len(calls) == number + 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return found
setattr(place, name, deadly)
"""
#: The first pass alone, as in ``glassnet train --stream``.
FIRST_PASS = """
import sys
from glassnet.data import open_files
from glassnet.streaming import blocks
from glassnet.streaming.profile import ScanOptions
from glassnet.streaming.scan import scan_files
blocks.MAX_ROWS = 128
scan_files(open_files(sys.argv[1]), ScanOptions("label", validation_fraction=0.1))
"""
#: The steps of writing a cache file.
STEPS = [
    ("cache_file.OpenFolder", "create_temporary", 0, True),
    ("cache_file.CacheWriter", "write", 0, False),
    ("cache_file.CacheWriter", "write", 300, True),
    ("cache_file.CacheWriter", "finish", 0, False),
    ("cache_file.os", "fsync", 0, False),
    ("cache_file.os", "fchmod", 0, True),
    ("cache_file.os", "replace", 0, False),
    ("cache_file.os", "replace", 0, True),
    ("cache_file.os", "fsync", 1, False),
]


def arguments(table: Path, *more: str | Path) -> list[str | Path]:
    return ["train", table, "--stream", "--hidden", "8", "--epochs", "2", "--batch-size", "256", "-q", *more]


def trained(*words: str | Path, program: str = SMALL_BUFFERS) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=300)


def caches(folder: Path) -> list[Path]:
    return list(folder.glob(".glassnet/*.blocks"))


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a table whose cache has several hundred blocks."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(ROWS, FEATURES))
    return write_table(tmp_path_factory.mktemp("rows") / "rows.csv", x, np.argmax(x[:, :CLASSES], axis=1))


@pytest.fixture(scope="module")
def whole(rows: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """Return the parameters and the cache of an undisturbed training."""
    folder = tmp_path_factory.mktemp("whole")
    table = Path(shutil.copy2(rows, folder))
    completed = trained(*arguments(table, "--out", folder / "model"))
    assert completed.returncode == 0, completed.stderr
    return load(folder / "model").vector.tobytes(), caches(folder)[0].read_bytes()


@pytest.fixture
def table(rows: Path, tmp_path: Path) -> Path:
    """Return a copy of the table in an empty folder."""
    return Path(shutil.copy2(rows, tmp_path))


def assert_same_as_undisturbed(table: Path, whole: tuple[bytes, bytes], *more: str | Path) -> None:
    completed = trained(*arguments(table, "--out", table.parent / "model", *more))
    assert completed.returncode == 0 and not completed.stderr, completed.stderr
    assert load(table.parent / "model").vector.tobytes() == whole[0]
    assert [path.read_bytes() for path in table.parent.glob(".glassnet/*")] == [whole[1]]


@pytest.mark.slow
@pytest.mark.timeout(600 + 60 * KILLS)
def test_killed_at_random_times_of_the_first_pass(table: Path, whole: tuple[bytes, bytes]) -> None:
    folder, rng, unfinished = table.parent, random.Random(5), 0
    checkpoints = ("--checkpoint", folder / "run1", "--resume")
    for kill in range(max(3, KILLS)):
        process = start([sys.executable, "-c", SMALL_BUFFERS, *arguments(table, *checkpoints)])
        while process.poll() is None and not list(folder.glob(".glassnet/*.unfinished")):
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.2))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        left = [path.name for path in folder.glob(".glassnet/*")]
        assert len(left) == 1, f"of {kill + 1} killed writers is left: {left}"
        unfinished += left[0].endswith(".unfinished")
        for path in caches(folder):  # the pass had ended
            assert path.read_bytes() == whole[1]
            path.unlink()
    assert unfinished, "every kill was too late"
    print(f"first pass: {kill + 1} kills survived, {unfinished} of them while the cache was written")
    assert_same_as_undisturbed(table, whole, *checkpoints)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_in_the_first_pass_stops_it_and_leaves_no_file(table: Path, number: signal.Signals, code: int) -> None:
    folder = table.parent
    process = start([sys.executable, "-c", SMALL_BUFFERS, *arguments(table, "--checkpoint", folder / "run1")])
    # an empty file, created just before the signal, is removed by the next pass
    while process.poll() is None and not any(path.stat().st_size for path in folder.glob(".glassnet/*.unfinished")):
        time.sleep(0.001)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert err.count("\n") == 1 and "no training was done; run the same command to restart" in err
    assert not list(folder.glob(".glassnet/*")) and not (folder / "run1").exists()


@pytest.mark.slow
def test_killed_at_each_step_of_writing(table: Path, whole: tuple[bytes, bytes]) -> None:
    for place, name, number, after in STEPS:
        program = KILL_AT.format(place=place, name=name, number=number, after=after) + FIRST_PASS
        completed = trained(table, program=program)
        assert completed.returncode == -signal.SIGKILL, completed.stderr
        renamed = (name, number, after) in {("replace", 0, True), ("fsync", 1, False)}
        left = [path.suffix for path in table.parent.glob(".glassnet/*")]
        assert left == [".blocks" if renamed else ".unfinished"], f"{place}.{name}, call {number}"
        for path in caches(table.parent):
            assert path.read_bytes() == whole[1]
            path.unlink()
    assert_same_as_undisturbed(table, whole)


@pytest.mark.sweep(only=["cut"])
@pytest.mark.parametrize("damage", ["cut", "a byte", "another file's"])
def test_a_damaged_cache_is_written_again(table: Path, whole: tuple[bytes, bytes], damage: str) -> None:
    assert trained(table, program=FIRST_PASS).returncode == 0
    (cache,) = caches(table.parent)
    content = bytearray(cache.read_bytes())
    assert content == whole[1]
    if damage == "cut":
        del content[len(content) // 2 :]
    elif damage == "a byte":
        content[len(content) // 3] ^= 1
    else:
        other = table.parent / "other" / "rows.csv"
        other.parent.mkdir()
        write_table(other, np.ones((300, FEATURES)), np.arange(300) % 2)
        assert trained(other, program=FIRST_PASS).returncode == 0
        content[:] = caches(other.parent)[0].read_bytes()
    cache.write_bytes(content)
    assert_same_as_undisturbed(table, whole)


def test_concurrent_writers_of_the_same_cache(table: Path, whole: tuple[bytes, bytes]) -> None:
    folder = table.parent
    commands = [arguments(table, "--out", folder / f"model {number}") for number in range(3)]
    running = [start([sys.executable, "-c", SMALL_BUFFERS, *command]) for command in commands]
    for number, process in enumerate(running):
        _, err = process.communicate(timeout=300)
        assert process.returncode == 0 and not err, err
        assert load(folder / f"model {number}").vector.tobytes() == whole[0]
    assert [path.read_bytes() for path in folder.glob(".glassnet/*")] == [whole[1]]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder with a file system that has space for the table and half of its cache."""
    yield from mount_tmpfs(tmp_path / "small", "6m")


@pytest.mark.slow
def test_a_full_disk_disables_the_cache(
    rows: Path, whole: tuple[bytes, bytes], small_disk: Path, tmp_path: Path
) -> None:
    table = Path(shutil.copy2(rows, small_disk))
    completed = trained(*arguments(table, "--out", tmp_path / "model"))
    assert completed.returncode == 3 and "Traceback" not in completed.stderr
    assert "no cache was written" in completed.stderr and "No space left on device" in completed.stderr
    assert not list(small_disk.glob(".glassnet/*"))
    text = trained(*arguments(table, "--no-cache", "--out", tmp_path / "text"))
    assert text.returncode == 0 and not text.stderr
    assert load(tmp_path / "model").vector.tobytes() == load(tmp_path / "text").vector.tobytes() != whole[0]

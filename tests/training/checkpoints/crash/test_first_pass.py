"""The cache of a streamed training is whole or not there, whatever happens while it is made or between its uses."""

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

from .killing import KILLS, environment, start
from .streams import SMALL_BUFFERS, write_table
from .test_full_disk import mounted
from .training import CLASSES, FEATURES

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="nothing can be killed like that here")

#: Enough for a first pass that lasts as long as a kill takes to come.
ROWS = 60_000
#: Kill this process instead of the call with that number to what is named, or right after it.
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
    found = to_json_values(*given, **named)
    if len(calls) == number + 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return found
setattr(place, name, deadly)
"""
#: The first pass alone, as ``glassnet train --stream`` makes it.
FIRST_PASS = """
import sys
from glassnet.data import open_files
from glassnet.streaming import blocks
from glassnet.streaming.profile import ScanOptions
from glassnet.streaming.scan import scan_files
blocks.MAX_ROWS = 128
scan_files(open_files(sys.argv[1]), ScanOptions("label", validation_fraction=0.1))
"""
#: What a writer does, step by step.
STEPS = [
    ("cache_file.tempfile", "mkstemp", 0, True),
    ("cache_file.CacheWriter", "write", 0, False),
    ("cache_file.CacheWriter", "write", 300, True),
    ("cache_file.CacheWriter", "finish", 0, False),
    ("cache_file.os", "fsync", 0, False),
    ("cache_file.os", "chmod", 0, True),
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
    """Return a table whose cache has some hundred blocks."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(ROWS, FEATURES))
    return write_table(tmp_path_factory.mktemp("rows") / "rows.csv", x, np.argmax(x[:, :CLASSES], axis=1))


@pytest.fixture(scope="module")
def whole(rows: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """Return the parameters and the cache of a training that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    table = Path(shutil.copy2(rows, folder))
    ran = trained(*arguments(table, "--out", folder / "model"))
    assert ran.returncode == 0, ran.stderr
    return load(folder / "model").vector.tobytes(), caches(folder)[0].read_bytes()


@pytest.fixture
def table(rows: Path, tmp_path: Path) -> Path:
    """Return the table in a folder of its own, in which there is no cache yet."""
    return Path(shutil.copy2(rows, tmp_path))


def assert_as_if_nothing_had_been(table: Path, whole: tuple[bytes, bytes], *more: str | Path) -> None:
    ran = trained(*arguments(table, "--out", table.parent / "model", *more))
    assert ran.returncode == 0 and not ran.stderr, ran.stderr
    assert load(table.parent / "model").vector.tobytes() == whole[0]
    assert [path.read_bytes() for path in table.parent.glob(".glassnet/*")] == [whole[1]]


@pytest.mark.slow
@pytest.mark.timeout(600 + 60 * KILLS)
def test_killed_at_random_moments_of_the_first_pass(table: Path, whole: tuple[bytes, bytes]) -> None:
    folder, chance, unfinished = table.parent, random.Random(5), 0
    checkpoints = ("--checkpoint", folder / "kept", "--resume")
    for kill in range(max(3, KILLS)):
        process = start([sys.executable, "-c", SMALL_BUFFERS, *arguments(table, *checkpoints)])
        while process.poll() is None and not list(folder.glob(".glassnet/*.unfinished")):
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.2))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        left = [path.name for path in folder.glob(".glassnet/*")]
        assert len(left) == 1, f"of {kill + 1} killed writers is left: {left}"
        unfinished += left[0].endswith(".unfinished")
        for path in caches(folder):  # the pass was over already
            assert path.read_bytes() == whole[1]
            path.unlink()
    assert unfinished, "every kill came too late"
    print(f"first pass: {kill + 1} kills survived, {unfinished} of them while the cache was written")
    assert_as_if_nothing_had_been(table, whole, *checkpoints)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_in_the_first_pass_ends_it_at_once_and_leaves_nothing(
    table: Path, number: signal.Signals, code: int
) -> None:
    folder = table.parent
    process = start([sys.executable, "-c", SMALL_BUFFERS, *arguments(table, "--checkpoint", folder / "kept")])
    # in the moment between a file's making and its first block, a signal leaves it to the next pass to be removed
    while process.poll() is None and not any(path.stat().st_size for path in folder.glob(".glassnet/*.unfinished")):
        time.sleep(0.001)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert err.count("\n") == 1 and "nothing was learned yet; the same command begins anew" in err
    assert not list(folder.glob(".glassnet/*")) and not (folder / "kept").exists()


@pytest.mark.slow
def test_killed_at_each_step_of_writing(table: Path, whole: tuple[bytes, bytes]) -> None:
    for place, name, number, after in STEPS:
        program = KILL_AT.format(place=place, name=name, number=number, after=after) + FIRST_PASS
        ran = trained(table, program=program)
        assert ran.returncode == -signal.SIGKILL, ran.stderr
        renamed = (name, number, after) in {("replace", 0, True), ("fsync", 1, False)}
        left = [path.suffix for path in table.parent.glob(".glassnet/*")]
        assert left == [".blocks" if renamed else ".unfinished"], f"{place}.{name}, call {number}"
        for path in caches(table.parent):
            assert path.read_bytes() == whole[1]
            path.unlink()
    assert_as_if_nothing_had_been(table, whole)


@pytest.mark.parametrize("damage", ["cut", "a byte", "another file's"])
def test_a_cache_that_was_damaged_is_made_anew(table: Path, whole: tuple[bytes, bytes], damage: str) -> None:
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
    assert_as_if_nothing_had_been(table, whole)


def test_two_that_make_the_same_cache_at_once_do_not_harm_each_other(table: Path, whole: tuple[bytes, bytes]) -> None:
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
    """Return a folder that is a file system of its own, with room for the table and half of its cache."""
    yield from mounted(tmp_path / "small", "6m")


def test_where_the_disk_is_full_the_training_goes_on_without_a_cache(
    rows: Path, whole: tuple[bytes, bytes], small_disk: Path, tmp_path: Path
) -> None:
    table = Path(shutil.copy2(rows, small_disk))
    ran = trained(*arguments(table, "--out", tmp_path / "model"))
    assert ran.returncode == 3 and "Traceback" not in ran.stderr
    assert "no cache is kept" in ran.stderr and "No space left on device" in ran.stderr
    assert not list(small_disk.glob(".glassnet/*"))
    text = trained(*arguments(table, "--no-cache", "--out", tmp_path / "text"))
    assert text.returncode == 0 and not text.stderr
    assert load(tmp_path / "model").vector.tobytes() == load(tmp_path / "text").vector.tobytes() != whole[0]

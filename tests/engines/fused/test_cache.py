"""Compiled code kept on disk: whatever happens to it costs a compilation at most, and never changes a result."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from glassnet.engines.fused.cache import code_folder

from .both_engines import compiled, python

#: Hashes what training came to under rules that could tell two compilations apart, and says what Numba compiled.
FIT = """
import hashlib, sys
import numpy as np
from glassnet import Settings, Structure, train
from glassnet.engines.fused.epoch_loop import run
structure = Structure((40, 33, 4), ("gelu", "softmax"))
rng = np.random.default_rng(0)
x, y = rng.standard_normal((100, 40)).astype(np.float32), rng.integers(0, 4, 100)
found = hashlib.sha256()
for rule in ({}, {"optimizer": "lamb"}, {"optimizer": "lars"}, {"optimizer": "nadam", "dropout": 0.2},
             {"l1": 0.01, "l2": 0.01, "ema_decay": 0.9}, {"clip_norm": 0.1, "max_norm": 0.5}):
    trained = train(structure, x, y, Settings(engine="fused", epochs=3, **rule))
    assert trained.engine == "fused"
    found.update(trained.vector.tobytes())
    found.update(np.array([(epoch.loss, epoch.gradient_norm) for epoch in trained.history]).tobytes())
print(found.hexdigest(), "compiled" if run.stats.cache_misses else "loaded")
"""


def fit(folder: Path | None = None, **variables: str) -> list[str]:
    if folder is not None:
        variables["GLASSNET_CACHE_DIR"] = str(folder)
    return python(FIT, 200, **variables).stdout.split()


@pytest.fixture(scope="module")
def loaded() -> list[str]:
    compiled("float32")
    found = fit()
    assert found[1] == "loaded"
    return found


def copied(folder: Path) -> Path:
    """Copy the code that this test run compiled into a folder; return where the code lies."""
    place = folder / code_folder().name
    place.mkdir(mode=0o700, parents=True)
    for file in code_folder().glob("*.nb?"):
        (place / file.name).write_bytes(file.read_bytes())
    return place


@pytest.mark.slow
def test_two_processes_at_once_with_an_empty_folder_make_the_same_bits_as_code_from_the_disk(
    tmp_path: Path, loaded: list[str]
) -> None:
    environment = {**os.environ, "GLASSNET_CACHE_DIR": str(tmp_path)}
    both = [
        subprocess.Popen([sys.executable, "-c", FIT], stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(2)
    ]
    for process in both:
        output, _ = process.communicate(timeout=200)
        assert output.split() == [loaded[0], "compiled"]
    assert fit(tmp_path) == loaded


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", ["empty", "cut", "noise"])
def test_damaged_files_are_compiled_again(suffix: str, damage: str, tmp_path: Path, monkeypatch) -> None:
    """In this process, with a function of a line: the loop takes long to compile."""
    add = small_function(tmp_path, monkeypatch)
    assert add(1, 2) == 3
    files = list(tmp_path.rglob(f"*.{suffix}"))
    assert files
    for file in files:
        whole = file.read_bytes()
        file.write_bytes({"empty": b"", "cut": whole[: len(whole) // 2], "noise": b"\x80noise" + whole[7:]}[damage])
    again = small_function(tmp_path, monkeypatch)
    assert again(1, 2) == 3
    assert small_function(tmp_path, monkeypatch)(1, 2) == 3


def small_function(folder: Path, monkeypatch):
    """Return a function kept in a folder, as in a new process."""
    from glassnet.engines.fused import cache

    monkeypatch.setenv("GLASSNET_CACHE_DIR", str(folder))
    cache.code_folder.cache_clear()
    try:
        function = cache.cached_njit(_add)
        function(1, 1)
        return function
    finally:
        monkeypatch.undo()
        cache.code_folder.cache_clear()


def _add(a, b):
    return a + b


def test_code_is_cached_and_loaded(tmp_path: Path, monkeypatch) -> None:
    first, second = (small_function(tmp_path, monkeypatch) for _ in range(2))
    assert sum(first.stats.cache_misses.values()) == 1 and not first.stats.cache_hits
    assert sum(second.stats.cache_hits.values()) == 1 and not second.stats.cache_misses


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="Windows has other rights")
def test_a_folder_that_others_can_write_is_not_trusted(tmp_path: Path, monkeypatch) -> None:
    small_function(tmp_path, monkeypatch)
    (folder,) = tmp_path.iterdir()
    assert not folder.stat().st_mode & 0o077
    folder.chmod(0o777)
    assert not small_function(tmp_path, monkeypatch).stats.cache_hits
    folder.chmod(0o700)
    assert small_function(tmp_path, monkeypatch).stats.cache_hits


def test_a_folder_that_can_not_be_made_costs_a_compilation_only(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").write_text("no folder")
    assert small_function(tmp_path / "file" / "inside", monkeypatch)(1, 2) == 3


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="the administrator may write everywhere")
def test_a_read_only_folder_costs_a_compilation_only(tmp_path: Path, monkeypatch) -> None:
    tmp_path.chmod(0o500)
    assert small_function(tmp_path, monkeypatch)(1, 2) == 3
    tmp_path.chmod(0o700)


def test_code_that_lies_in_a_read_only_folder_is_loaded(tmp_path: Path, loaded: list[str]) -> None:
    place = copied(tmp_path)
    place.chmod(0o500)
    assert fit(tmp_path) == loaded
    place.chmod(0o700)


WHERE = "from glassnet.engines.fused.cache import code_folder; print(code_folder())"


@pytest.mark.parametrize(
    "switch",
    [{"GLASSNET_VECTOR_BYTES": "16"}, {"GLASSNET_VECTOR_BYTES": "32"}, {"GLASSNET_CHECKED": "1"},
     {"NUMBA_CPU_NAME": "generic"}],
)  # fmt: skip
def test_code_for_other_vectors_or_processors_lies_elsewhere(switch: dict[str, str]) -> None:
    assert python(WHERE, **switch).stdout != python(WHERE, GLASSNET_VECTOR_BYTES="64").stdout


def test_the_folder_is_where_the_environment_says(tmp_path: Path) -> None:
    assert Path(python(WHERE, GLASSNET_CACHE_DIR=str(tmp_path)).stdout.strip()).parent == tmp_path


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep caches elsewhere")
def test_without_a_home_code_is_cached_in_the_temporary_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    variables = {"GLASSNET_CACHE_DIR": "", "XDG_CACHE_HOME": str(tmp_path / "file"), "TMPDIR": str(tmp_path)}
    found = Path(python(WHERE, **variables).stdout.strip())
    assert found.parent == tmp_path / f"glassnet-{os.getuid()}"

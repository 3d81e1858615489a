"""A wheel with machine code, built as ``make wheel`` builds it, trains in an environment without Numba."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from glassnet.engines.fused.processor import LEVEL, LEVELS
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.slow


def run(*command: object, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [str(word) for word in command], env={**environment, **variables}, capture_output=True, text=True, timeout=500
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel."""
    folder = tmp_path_factory.mktemp("dist")
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, REPOSITORY]
    done = run(*pip, GLASSNET_BUILD="all")
    if done.returncode and ("No matching distribution" in done.stderr or "connection" in done.stderr.lower()):
        pytest.skip("no package index here")
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_an_object_of_each_level_and_dtype_for_any_python(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for level in (level for level in LEVELS if level.machines == LEVEL.machines):
        for dtype in ("float32", "float64"):
            for suffix in (".o", ".json"):
                assert f"glassnet/engines/fused/objects/{level.name}-{dtype}{suffix}" in names
    assert "-py3-none-" in wheel.name and "-any" not in wheel.name
    assert not any(name.endswith(".lock") for name in names)


def test_it_trains_in_a_fresh_environment_without_numba(wheel: Path, tmp_path: Path) -> None:
    assert run(sys.executable, "-m", "venv", tmp_path / "fresh").returncode == 0
    python = tmp_path / "fresh" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    installed = run(python, "-m", "pip", "install", wheel)
    if installed.returncode:
        pytest.skip("no package index here")
    done = run(python, REPOSITORY / "tests" / "wheel_check.py", GLASSNET_CACHE_DIR=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(".o ") >= 2 and not list(tmp_path.glob("cache/**/*.o"))

"""The benchmarks run; what they measure here means nothing."""

import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY


@pytest.mark.parametrize("part", ["epoch", "peak", "shapes", "growth", "target", "compiling", "predicting"])
def test_a_part_of_the_benchmarks_prints_its_table_in_the_shortest_form(part, tmp_path):
    command = [sys.executable, "benchmarks", part, "--smoke", "--threads", "1", "--batches", "1,32", "--out", tmp_path]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "| --- |" in done.stdout
    assert (tmp_path / "growth.png").exists() == (part == "growth")

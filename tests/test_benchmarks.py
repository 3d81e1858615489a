"""The benchmarks run and print their tables, in smoke mode, whose measurements mean nothing."""

import importlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from tests.conftest import REPOSITORY


@pytest.mark.sweep(only=["loading"])
@pytest.mark.parametrize("part", ["epoch", "peak", "shapes", "growth", "target", "compiling", "predicting", "loading"])
def test_a_benchmark_prints_its_table_in_smoke_mode(part, tmp_path):
    batches = "1,32" if part in ("epoch", "growth") else "32"
    command = [sys.executable, "benchmarks", part, "--smoke", "--threads", "1", "--batches", batches, "--out", tmp_path]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "| --- |" in done.stdout
    assert (tmp_path / "growth.png").exists() == (part == "growth")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed (Debian: apt-get install wrk)")
def test_the_benchmark_of_the_server_prints_its_tables(tmp_path):
    done = smoke(tmp_path, "serving")
    assert done.returncode == 0, done.stderr
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| glassnet serve")]
    assert len(rows) == 2 and all(row[6] == "0" for row in rows), done.stdout
    assert "among slow clients and cut bodies" in done.stdout and "comes to" in done.stdout


def smoke(tmp_path, *options):
    command = [sys.executable, "benchmarks", *options, "--smoke", "--threads", "1", "--out", tmp_path]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)


@pytest.mark.sweep(only=["first"])
@pytest.mark.parametrize("section", ["fits", "small", "first", "predictions", "grid", "memory"])
def test_a_section_of_the_estimators_benchmark_prints_its_table(section, tmp_path):
    done = smoke(tmp_path, "estimators", "--sections", section)
    assert done.returncode == 0, done.stderr
    assert "| --- |" in done.stdout and "scikit-learn" in done.stdout


@pytest.mark.sweep(only=["sorted"])
@pytest.mark.parametrize("section", ["epochs", "first", "sorted", "memory"])
def test_a_section_of_the_streaming_benchmark_prints_its_table(section, tmp_path):
    done = smoke(tmp_path, "streaming", "--sections", section)
    assert done.returncode == 0, done.stderr
    assert "| --- |" in done.stdout


def test_an_unknown_section_is_an_error(tmp_path):
    done = smoke(tmp_path, "estimators", "--sections", "fit")
    assert done.returncode and "'fit'; there are fits, small" in done.stderr


def test_the_comparison_writes_its_table_between_the_markers_of_a_copy(tmp_path):
    page = REPOSITORY / "docs" / "comparison.md"
    before = page.read_text(encoding="utf-8")
    done = smoke(tmp_path, "comparison")
    assert done.returncode == 0, done.stderr
    assert page.read_text(encoding="utf-8") == before
    written = (tmp_path / "comparison.md").read_text(encoding="utf-8")
    opening, ending = "<!-- the table", "<!-- the end of the table -->"
    assert written.partition(opening)[0] == before.partition(opening)[0]
    assert written.partition(ending)[2] == before.partition(ending)[2]
    assert "| iris | 150×4 | accuracy |" in written and "p = " in written


@pytest.fixture
def comparison(monkeypatch):
    monkeypatch.syspath_prepend(REPOSITORY / "benchmarks")
    return importlib.import_module("comparison")


def test_the_corrected_t_test_is_the_paired_one_with_a_larger_variance(comparison):
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.9, 0.02, 25), rng.normal(0.88, 0.02, 25)
    mean, p = comparison.corrected_t_test(a, b, 0.0)
    assert mean == pytest.approx(np.mean(a - b)) and p == pytest.approx(stats.ttest_rel(a, b).pvalue)
    t = stats.ttest_rel(a, b).statistic / np.sqrt(1 + 25 * 0.25)
    assert comparison.corrected_t_test(a, b, 0.25)[1] == pytest.approx(2 * stats.t.sf(t, 24))
    assert comparison.corrected_t_test(a, a, 0.25) == (0.0, 1.0)


@pytest.mark.parametrize("page", ["no markers", "<!-- the end of the table -->"])
def test_a_page_without_markers_is_rejected(comparison, page):
    with pytest.raises(ValueError, match="to put the table between"):
        comparison.with_table(page, "| a table |")

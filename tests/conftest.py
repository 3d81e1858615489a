"""Settings and fixtures of all tests: signals, samples of sweeps, Hypothesis, xdist, MNIST."""

import os
import signal
from pathlib import Path

import hypothesis
import pytest

from tests.sweeps import mark_slow_cases

pytest_plugins = ["pytester"]

REPOSITORY = Path(__file__).parents[1]

# Examples are drawn from a fixed seed, so that a failure repeats
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("repeatable")


def pytest_configure() -> None:
    """Restore the handler of SIGINT, which a shell sets to be ignored for background processes and their children."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers() -> int:
    """Return one more than there are cores: the tests of the page mostly wait for the browser."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (cores or 1) + 1


@pytest.hookimpl(tryfirst=True)  # before -m selects by marker
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the cases of sweeps that only ``make test-all`` runs."""
    mark_slow_cases(items)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Compile the fused engine, if it is not, before any test or process that a test starts would."""
    # only workers have workerinput; a pytest that a test starts inherits their environment
    worker = hasattr(session.config, "workerinput")
    if worker and any("fused" in item.nodeid for item in session.items):
        from glassnet.engines.fused.build import DTYPES, build_objects
        from glassnet.engines.fused.machine_code import compiled_folder, find_object

        if not all(find_object(dtype) for dtype in DTYPES):
            build_objects(compiled_folder())


@pytest.fixture(scope="session")
def mnist() -> Path:
    """Return the folder with MNIST in Kaggle's CSV layout, or skip the test: it is not part of the project."""
    for folder in (os.environ.get("GLASSNET_MNIST"), REPOSITORY.parent / "shared" / "mnist"):
        if folder and (Path(folder) / "mnist_train.csv.gz").is_file():
            return Path(folder)
    pytest.skip("no MNIST; set GLASSNET_MNIST to its folder")

"""What all tests share: the order of signals, the sample of sweeps, Hypothesis's settings, the folder with MNIST."""

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
    """Take Ctrl-C for what it is, and let what tests start do so: what a shell runs in the background ignores it."""
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


@pytest.fixture(scope="session")
def mnist() -> Path:
    """Return the folder with MNIST in Kaggle's CSV layout, or skip: it is not part of the project."""
    for place in (os.environ.get("GLASSNET_MNIST"), REPOSITORY.parent / "shared" / "mnist"):
        if place and (Path(place) / "mnist_train.csv.gz").is_file():
            return Path(place)
    pytest.skip("MNIST is not here; name its folder with GLASSNET_MNIST")

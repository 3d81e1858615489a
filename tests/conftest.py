"""What several tests share."""

import os
import signal
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


def pytest_configure() -> None:
    """Take Ctrl-C for what it is, and let what tests start do so: what a shell runs in the background ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def mnist() -> Path:
    """Return the folder with MNIST in Kaggle's CSV layout, or skip: it is not part of the project."""
    for place in (os.environ.get("GLASSNET_MNIST"), REPOSITORY.parent / "shared" / "mnist"):
        if place and (Path(place) / "mnist_train.csv.gz").is_file():
            return Path(place)
    pytest.skip("MNIST is not here; name its folder with GLASSNET_MNIST")

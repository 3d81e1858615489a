"""Points of the plane: in their place, in two classes of one size, the same for the same seed."""

import numpy as np
import pytest

import glassnet
from glassnet.datasets.plane import MAX_ROWS, PLANES, points


@pytest.mark.parametrize("kind", PLANES)
def test_points_lie_about_the_origin_in_two_classes(kind) -> None:
    x, y = points(kind, rows=400, noise=0.0, seed=3)
    assert x.shape == (400, 2) and x.dtype == np.float64 and y.dtype == np.int64
    assert np.abs(x).max() <= 1.2
    assert set(y) == {0, 1} and abs(y.mean() - 0.5) < 0.1


@pytest.mark.parametrize("kind", PLANES)
def test_the_seed_decides_and_noise_moves(kind) -> None:
    x, y = points(kind, noise=0.1, seed=1)
    again, same = points(kind, noise=0.1, seed=1)
    assert np.array_equal(x, again) and np.array_equal(y, same)
    assert not np.array_equal(x, points(kind, noise=0.1, seed=2)[0])
    moved = x - points(kind, noise=0.0, seed=1)[0]
    assert 0.08 < moved.std() < 0.12


@pytest.mark.parametrize("kind", PLANES)
def test_no_line_parts_the_classes_but_a_network_does(kind) -> None:
    x, y = points(kind, rows=600, noise=0.0)
    settings = glassnet.suggest_settings(600, epochs=100, engine="reference")
    line = glassnet.fit(x, y, hidden=(), settings=settings)
    network = glassnet.fit(x, y, hidden=(16, 16), settings=settings)
    assert np.mean(line.predict(x) == y) < 0.92
    assert np.mean(network.predict(x) == y) > 0.95


def test_what_is_out_of_range_is_refused() -> None:
    with pytest.raises(glassnet.InputError, match="did you mean 'spiral'"):
        points("spirals")
    with pytest.raises(glassnet.InputError, match=f"rows is 5; it must be from 10 to {MAX_ROWS}"):
        points("xor", rows=5)
    with pytest.raises(glassnet.InputError, match="noise is -1"):
        points("moons", noise=-1)

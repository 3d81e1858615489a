"""Points in the plane: centred, in two balanced classes, reproducible by their seed, separable by a network only."""

import numpy as np
import pytest

import glassnet
from glassnet import datasets
from glassnet.datasets import GENERATORS, make_moons, make_xor


@pytest.mark.parametrize("make", GENERATORS.values())
def test_points_are_centred_and_in_two_balanced_classes(make) -> None:
    x, y = make(n_samples=400, noise=0.0, random_state=3)
    assert x.shape == (400, 2) and x.dtype == np.float64 and y.dtype == np.int64
    assert np.abs(x).max() <= 1.2
    assert set(y) == {0, 1} and abs(y.mean() - 0.5) < 0.1


@pytest.mark.parametrize("make", GENERATORS.values())
def test_the_seed_decides_the_points_and_noise_moves_them(make) -> None:
    x, y = make(noise=0.1, random_state=1)
    again, same = make(noise=0.1, random_state=1)
    assert np.array_equal(x, again) and np.array_equal(y, same)
    assert not np.array_equal(x, make(noise=0.1, random_state=2)[0])
    moved = x - make(noise=0.0, random_state=1)[0]
    assert 0.08 < moved.std() < 0.12


@pytest.mark.parametrize("make", GENERATORS.values())
def test_a_network_separates_the_classes_and_a_linear_model_does_not(make) -> None:
    x, y = make(n_samples=600, noise=0.0)
    settings = glassnet.recommended_settings(600, epochs=100, engine="reference")
    linear = glassnet.fit(x, y, hidden=(), settings=settings)
    network = glassnet.fit(x, y, hidden=(16, 16), settings=settings)
    assert np.mean(linear.predict(x) == y) < 0.92
    assert np.mean(network.predict(x) == y) > 0.95


def test_the_points_of_a_seed_never_change() -> None:
    x, y = make_moons(4, noise=0.1, random_state=5)
    np.testing.assert_allclose(
        x,
        [
            [-0.7651653460433896, 0.22763579802306322],
            [0.8270199766897376, -0.2900927877610018],
            [-0.29054413669813245, 0.6627057529407597],
            [-0.05490702752635749, -0.4780008993298493],
        ],
        rtol=1e-12,
    )
    assert y.tolist() == [0, 1, 0, 1]


def test_every_generator_is_public_under_the_name_of_its_problem() -> None:
    for name, make in GENERATORS.items():
        assert getattr(datasets, f"make_{name}") is make and make.__name__ in datasets.__all__


def test_arguments_out_of_range_are_refused() -> None:
    with pytest.raises(glassnet.InputError, match="n_samples is 1; it must be at least 2"):
        make_xor(n_samples=1)
    for noise in (-1, np.nan, np.inf):
        with pytest.raises(glassnet.InputError, match=f"noise is {noise}; it must be a finite number of at least 0"):
            make_moons(noise=noise)

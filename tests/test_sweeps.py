"""The sample of a sweep covers what it says, and is the same each time."""

import itertools

import pytest

from tests.sweeps import covering_sample

PRODUCT = list(itertools.product(range(4), range(3), range(5), range(2)))


@pytest.mark.parametrize("strength", [1, 2, 3])
def test_every_combination_is_covered(strength: int) -> None:
    sample = [PRODUCT[position] for position in covering_sample(PRODUCT, strength)]
    for columns in itertools.combinations(range(4), strength):
        expected = {tuple(case[column] for column in columns) for case in PRODUCT}
        assert {tuple(case[column] for column in columns) for case in sample} == expected


def test_the_sample_is_small_and_always_the_same() -> None:
    assert len(covering_sample(PRODUCT, 1)) == 5
    assert 20 <= len(covering_sample(PRODUCT, 2)) <= 26
    assert covering_sample(PRODUCT, 2) == covering_sample(PRODUCT, 2)


def test_a_sample_of_all_parameters_is_everything() -> None:
    assert covering_sample(PRODUCT, 4) == covering_sample(PRODUCT, 9) == list(range(len(PRODUCT)))
    assert covering_sample([], 2) == []


def test_cases_that_are_no_full_product_are_covered_too() -> None:
    assert covering_sample([(0, 0), (0, 1), (1, 1)], 2) == [0, 1, 2]


CONFTEST = """
import pytest
from tests.sweeps import mark_slow_cases

@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    mark_slow_cases(items)

def pytest_configure(config):
    config.addinivalue_line("markers", "slow: as in glassnet")
    config.addinivalue_line("markers", "sweep(strength, only): as in glassnet")
"""


def test_cases_outside_the_sample_are_slow(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(
        """
import pytest

@pytest.mark.sweep(strength=1)
@pytest.mark.parametrize("a", [1, 2, 3])
@pytest.mark.parametrize("b", "xy")
def test_each(a, b): pass

@pytest.mark.sweep(only=["x"])
@pytest.mark.parametrize("b", "xy")
def test_some(b): pass
"""
    )
    pytester.runpytest_inprocess("-m", "not slow").assert_outcomes(passed=4, deselected=4)
    pytester.runpytest_inprocess("-m", "slow").assert_outcomes(passed=4, deselected=4)


def test_a_case_that_does_not_exist_is_an_error(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(
        """
import pytest

@pytest.mark.sweep(only=["z"])
@pytest.mark.parametrize("b", "xy")
def test_some(b): pass
"""
    )
    assert "names 0 of its cases; it has 2" in str(pytester.runpytest_inprocess().stderr)

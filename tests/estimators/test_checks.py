"""scikit-learn's own checks of estimators, all of them, with no failure expected beyond those declared for its MLP."""

import warnings
from typing import Any

import pytest
from sklearn import neural_network as theirs
from sklearn.utils._test_common import instance_generator
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from . import ours

NAMES = ["MLPClassifier", "MLPRegressor"]
#: What scikit-learn itself runs its checks with.
INSTANCES = [getattr(ours, name)(**instance_generator.INIT_PARAMS[getattr(theirs, name)]) for name in NAMES]


def declared(estimator: Any) -> dict[str, str]:
    """Return the checks that scikit-learn expects its own estimator of the same name to fail."""
    return dict(instance_generator.PER_ESTIMATOR_XFAIL_CHECKS.get(getattr(theirs, type(estimator).__name__), {}))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few epochs are enough here
@parametrize_with_checks(INSTANCES, expected_failed_checks=declared)
def test_each_check(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("solver", ["lbfgs", "sgd"])
def test_every_check_passes_for_the_other_solvers(name: str, solver: str) -> None:
    # what theirs does not pass with that solver is not asked of ours
    results = []
    for home in (ours, theirs):
        model = getattr(home, name)(solver=solver, max_iter=30, learning_rate_init=0.01)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            told = check_estimator(model, on_fail=None, on_skip=None)
        results.append({one["check_name"] for one in told if one["status"] == "failed"})
    assert results[0] <= results[1]


@pytest.mark.parametrize("name", NAMES)
def test_the_instances_that_scikit_learn_uses_for_single_checks(name: str) -> None:
    # some checks want other parameters; scikit-learn gives them to its own classes alone
    special = instance_generator.PER_ESTIMATOR_CHECK_PARAMS.get(getattr(theirs, name), {})
    for check, choices in special.items():
        for parameters in choices if isinstance(choices, list) else [choices]:
            estimator = getattr(ours, name)(max_iter=100, **parameters)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                told = check_estimator(estimator, on_fail=None, on_skip=None)
            (found,) = [one for one in told if one["check_name"] == check]
            assert found["status"] == "passed", found["exception"]

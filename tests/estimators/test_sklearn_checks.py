"""scikit-learn's estimator checks; the only failures expected are those declared for its own MLP."""

import warnings
from typing import Any

import pytest
from sklearn import neural_network as sklearn_mlp
from sklearn.utils._test_common import instance_generator
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

import glassnet

NAMES = ["MLPClassifier", "MLPRegressor"]
#: The instances that scikit-learn runs its checks on.
INSTANCES = [getattr(glassnet, name)(**instance_generator.INIT_PARAMS[getattr(sklearn_mlp, name)]) for name in NAMES]


def declared(estimator: Any) -> dict[str, str]:
    """Return the checks that scikit-learn expects its own estimator of this name to fail."""
    return dict(instance_generator.PER_ESTIMATOR_XFAIL_CHECKS.get(getattr(sklearn_mlp, type(estimator).__name__), {}))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few epochs are enough here
@parametrize_with_checks(INSTANCES, expected_failed_checks=declared)
def test_each_check(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("solver", ["lbfgs", "sgd"])
def test_the_checks_that_sklearn_passes_with_the_other_solvers(name: str, solver: str) -> None:
    # checks that scikit-learn's estimator fails with that solver are not required
    results = []
    for home in (glassnet, sklearn_mlp):
        model = getattr(home, name)(solver=solver, max_iter=30, learning_rate_init=0.01)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results_of_checks = check_estimator(model, on_fail=None, on_skip=None)
        results.append({one["check_name"] for one in results_of_checks if one["status"] == "failed"})
    assert results[0] <= results[1]


@pytest.mark.parametrize("name", NAMES)
def test_checks_that_sklearn_runs_with_special_parameters(name: str) -> None:
    # scikit-learn passes special parameters for some checks to its own classes only
    special = instance_generator.PER_ESTIMATOR_CHECK_PARAMS.get(getattr(sklearn_mlp, name), {})
    for check, choices in special.items():
        for parameters in choices if isinstance(choices, list) else [choices]:
            estimator = getattr(glassnet, name)(max_iter=100, **parameters)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                results_of_checks = check_estimator(estimator, on_fail=None, on_skip=None)
            (found,) = [one for one in results_of_checks if one["check_name"] == check]
            assert found["status"] == "passed", found["exception"]

"""scikit-learn's own tests of its MLP, run on glassnet's estimators."""

import importlib.util
from types import ModuleType

import pytest
import sklearn.neural_network

from glassnet import MLPClassifier, MLPRegressor

# scikit-learn runs these tests without turning warnings into errors
pytestmark = pytest.mark.filterwarnings("ignore")

#: The tests that read private attributes of scikit-learn's estimators, and what they read.
PRIVATE = {
    "test_gradient": "_loss_grad_lbfgs",
    "test_learning_rate_warmstart": "_optimizer.learning_rate",
    "test_adaptive_learning_rate": "_optimizer.learning_rate",
    "test_n_iter_no_change": "_no_improvement_count",
    "test_n_iter_no_change_inf": "_no_improvement_count",
}


def load_module() -> ModuleType:
    """Return a copy of scikit-learn's test module in which the two estimators are glassnet's."""
    spec = importlib.util.find_spec("sklearn.neural_network.tests.test_mlp")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sklearn.neural_network, "MLPClassifier", MLPClassifier)
        patch.setattr(sklearn.neural_network, "MLPRegressor", MLPRegressor)
        spec.loader.exec_module(module)
    return module


MODULE = load_module()
TESTS = {name: test for name, test in vars(MODULE).items() if name.startswith("test_")}
globals().update({name: test for name, test in TESTS.items() if name not in PRIVATE})


@pytest.fixture
def global_random_seed() -> int:
    """Return the value that scikit-learn's fixture of this name has by default."""
    return 42


def test_the_tests_run_on_the_estimators_of_glassnet() -> None:
    assert MODULE.MLPClassifier is MLPClassifier and MODULE.MLPRegressor is MLPRegressor
    assert len(TESTS) > 40


@pytest.mark.parametrize("name", PRIVATE)
def test_an_excluded_test_fails_only_at_a_private_attribute(name: str) -> None:
    attribute = PRIVATE[name].split(".")[0]
    with pytest.raises(AttributeError, match=f"object has no attribute '{attribute}'"):
        TESTS[name]()

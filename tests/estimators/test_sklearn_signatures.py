"""The same parameters, methods and arguments as scikit-learn's classes."""

import inspect
from typing import Any

import pytest
from sklearn import neural_network as sklearn_mlp
from sklearn.base import ClassifierMixin, RegressorMixin, is_classifier, is_regressor

import glassnet

NAMES = ["MLPClassifier", "MLPRegressor"]
PARAMETERS = [
    (name, place, parameter)
    for name in NAMES
    for place, parameter in enumerate(inspect.signature(getattr(sklearn_mlp, name)).parameters.values())
]
#: Public methods and properties of scikit-learn's classes.
METHODS = [
    (name, method)
    for name in NAMES
    for method in dir(getattr(sklearn_mlp, name))
    if not method.startswith("_") and not hasattr(object, method)
]


@pytest.mark.parametrize(("name", "place", "parameter"), PARAMETERS, ids=lambda value: getattr(value, "name", value))
def test_a_parameter_has_the_same_name_position_kind_and_default(name: str, place: int, parameter: Any) -> None:
    parameters = list(inspect.signature(getattr(glassnet, name)).parameters.values())
    assert place < len(parameters), f"{parameter.name} is missing"
    found = parameters[place]
    assert found.name == parameter.name
    assert found.kind == parameter.kind
    assert found.default == parameter.default and type(found.default) is type(parameter.default)


@pytest.mark.parametrize("name", NAMES)
def test_extra_parameters_are_keyword_only_with_defaults(name: str) -> None:
    parameters = list(inspect.signature(getattr(glassnet, name)).parameters.values())
    for found in parameters[len(inspect.signature(getattr(sklearn_mlp, name)).parameters) :]:
        assert found.kind is inspect.Parameter.KEYWORD_ONLY
        assert found.default is not inspect.Parameter.empty


@pytest.mark.parametrize("name", NAMES)
def test_get_params_includes_those_of_sklearn(name: str) -> None:
    other = getattr(sklearn_mlp, name)().get_params()
    mine = getattr(glassnet, name)().get_params()
    assert {key: mine.get(key, "missing") for key in other} == other


@pytest.mark.parametrize("name", NAMES)
def test_set_params_accepts_those_of_sklearn_and_returns_the_estimator(name: str) -> None:
    parameters = getattr(sklearn_mlp, name)(hidden_layer_sizes=(3, 2), alpha=0.5, random_state=1).get_params()
    mine = getattr(glassnet, name)()
    assert mine.set_params(**parameters) is mine
    assert {key: mine.get_params()[key] for key in parameters} == parameters


@pytest.mark.parametrize("name", NAMES)
def test_the_constructor_stores_parameters_unchanged(name: str) -> None:
    sizes = [4, 3]
    assert getattr(glassnet, name)(hidden_layer_sizes=sizes).hidden_layer_sizes is sizes


@pytest.mark.parametrize("name", NAMES)
def test_positional_arguments_mean_the_same(name: str) -> None:
    values = ((4,), "tanh") if name == "MLPClassifier" else ("poisson", (4,), "tanh")
    mine, other = getattr(glassnet, name)(*values), getattr(sklearn_mlp, name)(*values)
    assert {key: mine.get_params()[key] for key in other.get_params()} == other.get_params()
    with pytest.raises(TypeError):
        getattr(glassnet, name)(*values, "sgd")


@pytest.mark.parametrize(("name", "method"), METHODS, ids=lambda value: value)
def test_a_method_has_the_same_arguments(name: str, method: str) -> None:
    other = inspect.getattr_static(getattr(sklearn_mlp, name), method)
    assert hasattr(getattr(glassnet, name), method)
    if isinstance(other, property):
        assert isinstance(inspect.getattr_static(getattr(glassnet, name), method), property)
        return
    expected = inspect.signature(getattr(getattr(sklearn_mlp, name)(), method)).parameters
    found = inspect.signature(getattr(getattr(glassnet, name)(), method)).parameters
    by_place = [key for key, parameter in expected.items() if parameter.kind is not inspect.Parameter.KEYWORD_ONLY]
    assert list(found)[: len(by_place)] == by_place
    for key, parameter in expected.items():
        assert (found[key].kind, found[key].default) == (parameter.kind, parameter.default), key
    for key in set(found) - set(expected):
        assert found[key].default is not inspect.Parameter.empty, key


@pytest.mark.parametrize("name", NAMES)
def test_the_type_of_estimator_is_the_same(name: str) -> None:
    mine = getattr(glassnet, name)()
    assert type(mine).__name__ == name
    assert isinstance(mine, ClassifierMixin if name == "MLPClassifier" else RegressorMixin)
    assert is_classifier(mine) == (name == "MLPClassifier") and is_regressor(mine) == (name == "MLPRegressor")


@pytest.mark.parametrize("name", NAMES)
def test_the_tags_are_the_same(name: str) -> None:
    assert getattr(glassnet, name)().__sklearn_tags__() == getattr(sklearn_mlp, name)().__sklearn_tags__()


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_partial_fit_exists_for_the_same_solvers(solver: str) -> None:
    # for the classifier only: scikit-learn's regressor never evaluates the condition
    mine, other = glassnet.MLPClassifier(solver=solver), sklearn_mlp.MLPClassifier(solver=solver)
    assert hasattr(mine, "partial_fit") == hasattr(other, "partial_fit") == (solver != "lbfgs")


@pytest.mark.parametrize("name", NAMES)
def test_no_fitted_attribute_exists_before_fitting(name: str) -> None:
    mine = getattr(glassnet, name)()
    assert [key for key in vars(mine) if key.endswith("_")] == []
    for attribute in ("coefs_", "intercepts_", "loss_", "loss_curve_", "n_iter_", "t_", "classes_", "n_features_in_"):
        assert not hasattr(mine, attribute), attribute


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("parameters", [{}, {"alpha": 0.1}, {"hidden_layer_sizes": (3, 3), "solver": "lbfgs"}])
def test_repr_is_the_same(name: str, parameters: dict[str, Any]) -> None:
    assert repr(getattr(glassnet, name)(**parameters)) == repr(getattr(sklearn_mlp, name)(**parameters))

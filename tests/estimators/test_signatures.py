"""Whoever calls scikit-learn's classes can call ours: the same parameters, methods and arguments, read from theirs."""

import inspect
from typing import Any

import pytest
from sklearn import neural_network as theirs
from sklearn.base import ClassifierMixin, RegressorMixin, is_classifier, is_regressor

from . import ours

NAMES = ["MLPClassifier", "MLPRegressor"]
PARAMETERS = [
    (name, place, parameter)
    for name in NAMES
    for place, parameter in enumerate(inspect.signature(getattr(theirs, name)).parameters.values())
]
#: Methods and properties that scikit-learn's classes show to everybody, beside those of every Python object.
METHODS = [
    (name, method)
    for name in NAMES
    for method in dir(getattr(theirs, name))
    if not method.startswith("_") and not hasattr(object, method)
]


@pytest.mark.parametrize(("name", "place", "parameter"), PARAMETERS, ids=lambda value: getattr(value, "name", value))
def test_a_parameter_has_the_same_name_place_kind_and_default(name: str, place: int, parameter: Any) -> None:
    parameters = list(inspect.signature(getattr(ours, name)).parameters.values())
    assert place < len(parameters), f"{parameter.name} is missing"
    found = parameters[place]
    assert found.name == parameter.name
    assert found.kind == parameter.kind
    assert found.default == parameter.default and type(found.default) is type(parameter.default)


@pytest.mark.parametrize("name", NAMES)
def test_parameters_of_our_own_are_given_by_name_and_have_defaults(name: str) -> None:
    parameters = list(inspect.signature(getattr(ours, name)).parameters.values())
    for found in parameters[len(inspect.signature(getattr(theirs, name)).parameters) :]:
        assert found.kind is inspect.Parameter.KEYWORD_ONLY
        assert found.default is not inspect.Parameter.empty


@pytest.mark.parametrize("name", NAMES)
def test_get_params_knows_all_of_theirs_with_the_same_values(name: str) -> None:
    other = getattr(theirs, name)().get_params()
    mine = getattr(ours, name)().get_params()
    assert {key: mine.get(key, "missing") for key in other} == other


@pytest.mark.parametrize("name", NAMES)
def test_set_params_takes_all_of_theirs_at_once_and_returns_the_estimator(name: str) -> None:
    parameters = getattr(theirs, name)(hidden_layer_sizes=(3, 2), alpha=0.5, random_state=1).get_params()
    mine = getattr(ours, name)()
    assert mine.set_params(**parameters) is mine
    assert {key: mine.get_params()[key] for key in parameters} == parameters


@pytest.mark.parametrize("name", NAMES)
def test_the_constructor_keeps_what_it_is_given_untouched(name: str) -> None:
    sizes = [4, 3]
    assert getattr(ours, name)(hidden_layer_sizes=sizes).hidden_layer_sizes is sizes


@pytest.mark.parametrize("name", NAMES)
def test_positional_arguments_mean_the_same(name: str) -> None:
    values = ((4,), "tanh") if name == "MLPClassifier" else ("poisson", (4,), "tanh")
    mine, other = getattr(ours, name)(*values), getattr(theirs, name)(*values)
    assert {key: mine.get_params()[key] for key in other.get_params()} == other.get_params()
    with pytest.raises(TypeError):
        getattr(ours, name)(*values, "sgd")


@pytest.mark.parametrize(("name", "method"), METHODS, ids=lambda value: value)
def test_a_method_has_the_same_arguments(name: str, method: str) -> None:
    other = inspect.getattr_static(getattr(theirs, name), method)
    assert hasattr(getattr(ours, name), method)
    if isinstance(other, property):
        assert isinstance(inspect.getattr_static(getattr(ours, name), method), property)
        return
    wanted = inspect.signature(getattr(getattr(theirs, name)(), method)).parameters
    found = inspect.signature(getattr(getattr(ours, name)(), method)).parameters
    by_place = [key for key, parameter in wanted.items() if parameter.kind is not inspect.Parameter.KEYWORD_ONLY]
    assert list(found)[: len(by_place)] == by_place
    for key, parameter in wanted.items():
        assert (found[key].kind, found[key].default) == (parameter.kind, parameter.default), key
    for key in set(found) - set(wanted):
        assert found[key].default is not inspect.Parameter.empty, key


@pytest.mark.parametrize("name", NAMES)
def test_ours_is_the_same_kind_of_estimator(name: str) -> None:
    mine = getattr(ours, name)()
    assert type(mine).__name__ == name
    assert isinstance(mine, ClassifierMixin if name == "MLPClassifier" else RegressorMixin)
    assert is_classifier(mine) == (name == "MLPClassifier") and is_regressor(mine) == (name == "MLPRegressor")


@pytest.mark.parametrize("name", NAMES)
def test_the_tags_are_the_same(name: str) -> None:
    assert getattr(ours, name)().__sklearn_tags__() == getattr(theirs, name)().__sklearn_tags__()


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_partial_fit_is_there_for_the_same_solvers(solver: str) -> None:
    # the classifier's alone: scikit-learn's regressor names the same question and never asks it
    mine, other = ours.MLPClassifier(solver=solver), theirs.MLPClassifier(solver=solver)
    assert hasattr(mine, "partial_fit") == hasattr(other, "partial_fit") == (solver != "lbfgs")


@pytest.mark.parametrize("name", NAMES)
def test_no_fitted_attribute_exists_before_fitting(name: str) -> None:
    mine = getattr(ours, name)()
    assert [key for key in vars(mine) if key.endswith("_")] == []
    for attribute in ("coefs_", "intercepts_", "loss_", "loss_curve_", "n_iter_", "t_", "classes_", "n_features_in_"):
        assert not hasattr(mine, attribute), attribute


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("parameters", [{}, {"alpha": 0.1}, {"hidden_layer_sizes": (3, 3), "solver": "lbfgs"}])
def test_printed_they_look_the_same(name: str, parameters: dict[str, Any]) -> None:
    assert repr(getattr(ours, name)(**parameters)) == repr(getattr(theirs, name)(**parameters))

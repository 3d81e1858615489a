"""Every value that scikit-learn refuses for a parameter is refused by ours, in the same class and words."""

import re
from typing import Any

import numpy as np
import pytest
from sklearn import neural_network as theirs
from sklearn.utils._param_validation import InvalidParameterError

from .both import in_both, outcome, pair_of, problem

NAMES = ["MLPClassifier", "MLPRegressor"]
#: Parameters for which ours takes more than theirs: the words about what is allowed are ours.
WIDER = {"activation", "solver", "learning_rate", "learning_rate_init", "loss"}
NUMBERS = [
    -1,
    0,
    1,
    -0.5,
    0.5,
    1.0,
    1.5,
    np.nan,
    np.inf,
    -np.inf,
    True,
    None,
    "x",
    "auto",
    (1,),
    [0.1],
    np.float32(2.0),
]
NUMERIC = [
    "alpha",
    "batch_size",
    "learning_rate_init",
    "power_t",
    "max_iter",
    "shuffle",
    "random_state",
    "tol",
    "verbose",
    "warm_start",
    "momentum",
    "nesterovs_momentum",
    "early_stopping",
    "validation_fraction",
    "beta_1",
    "beta_2",
    "epsilon",
    "n_iter_no_change",
    "max_fun",
]
SIZES = [0, -3, 2.5, None, "x", np.nan, {"a": 1}, {3}, [0], [3, -1]]
#: What is chosen by name; scikit-learn's classifier has no loss to choose.
CHOICES = [
    *[(name, parameter) for name in NAMES for parameter in ("activation", "solver", "learning_rate")],
    ("MLPRegressor", "loss"),
]
#: What can't be taken for a name, whatever names there are.
NO_NAMES = ["no-such-thing", "", 1, None, 0.5, True, b"relu"]


def data(name: str) -> tuple[np.ndarray, np.ndarray]:
    return problem("binary" if name == "MLPClassifier" else "one target")


def same_refusal(name: str, parameters: dict[str, Any], method: str = "fit") -> None:
    """Hold ours to theirs for one choice of parameters."""
    x, y = data(name)
    given = {"classes": ["no", "yes"]} if method == "partial_fit" and name == "MLPClassifier" else {}
    models = pair_of(name, hidden_layer_sizes=(2,)) if "hidden_layer_sizes" not in parameters else pair_of(name)
    for model in models:
        model.set_params(**{"max_iter": 2, **parameters})  # neither constructor nor set_params looks at values
    mine, other = (outcome(lambda m=model: getattr(m, method)(x, y, **given)) for model in models)
    if other.error is None:
        assert mine.error is None, f"scikit-learn takes {parameters}, ours says: {mine.error}"
        assert mine.warned == other.warned
        return
    assert mine.error is not None, f"ours takes {parameters}; scikit-learn: {other.error}"
    assert isinstance(mine.error, type(other.error))
    if isinstance(other.error, InvalidParameterError) and set(parameters) & WIDER:
        begin = re.match(r"The '\w+' parameter of \w+ must be ", str(other.error))
        assert begin and str(mine.error).startswith(begin.group())
        assert str(mine.error).endswith(str(other.error)[str(other.error).rindex("Got ") :])
    else:
        assert str(mine.error) == str(other.error)


NUMBERS_OF = [(one, value) for one in NUMERIC for value in NUMBERS if (one, value) != ("learning_rate_init", None)]


@pytest.mark.sweep(strength=1)
@pytest.mark.parametrize(("parameter", "value"), NUMBERS_OF, ids=lambda one: one if isinstance(one, str) else repr(one))
@pytest.mark.parametrize("name", NAMES)
def test_numbers_and_switches(name: str, parameter: str, value: Any) -> None:
    same_refusal(name, {parameter: value})


@pytest.mark.parametrize("value", SIZES, ids=repr)
@pytest.mark.parametrize("name", NAMES)
def test_sizes_of_hidden_layers(name: str, value: Any) -> None:
    same_refusal(name, {"hidden_layer_sizes": value})


@pytest.mark.parametrize("value", NO_NAMES, ids=repr)
@pytest.mark.parametrize(("name", "parameter"), CHOICES)
def test_names_that_nobody_knows(name: str, parameter: str, value: Any) -> None:
    same_refusal(name, {parameter: value})


@pytest.mark.parametrize("name", NAMES)
def test_portions_look_at_the_parameters_too(name: str) -> None:
    for parameters in ({"alpha": -1}, {"tol": None}, {"batch_size": "all"}, {"beta_1": 1.0}, {"activation": "no-such"}):
        same_refusal(name, parameters, "partial_fit")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_looked_at_before_fit(name: str) -> None:
    mine, other = pair_of(name, alpha=-1.0, solver="no-such-thing", hidden_layer_sizes=None)
    in_both((mine, other), lambda model: model.set_params(beta_1=3, max_iter="many").get_params())


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_of_theirs_is_declared_with_what_theirs_allows(name: str) -> None:
    # whatever theirs declares (kinds, intervals, names), ours declares at least
    mine, other = pair_of(name)
    for parameter, allowed in getattr(theirs, name)._parameter_constraints.items():
        if parameter not in other.get_params():
            continue
        declared = [str(one) for one in type(mine)._parameter_constraints[parameter]]
        if parameter in WIDER:
            continue
        assert {str(one) for one in allowed} <= set(declared), parameter


@pytest.mark.parametrize("value", [0, 1, 10, True, False, -1])
def test_verbose_in_every_form(value: Any, capsys: pytest.CaptureFixture[str]) -> None:
    said = []
    x, y = data("MLPRegressor")
    for model in pair_of("MLPRegressor", verbose=value, max_iter=2, random_state=0):
        outcome(lambda model=model: model.fit(x, y))
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]


@pytest.mark.parametrize("name", NAMES)
def test_numbers_of_numpys_types_are_numbers(name: str) -> None:
    x, y = data(name)
    parameters = {
        "hidden_layer_sizes": np.array([3]),
        "alpha": np.float32(0.1),
        "batch_size": np.int32(16),
        "max_iter": np.int64(3),
        "tol": np.float64(0.1),
        "shuffle": np.bool_(True),
        "random_state": np.int64(4),
        "momentum": np.float64(0.5),
        "n_iter_no_change": np.int8(7),
    }
    mine, other = in_both(pair_of(name, **parameters), lambda model: model.fit(x, y))
    np.testing.assert_allclose(mine.coefs_[0], other.coefs_[0], rtol=1e-9)

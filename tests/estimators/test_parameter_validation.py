"""Values of parameters that scikit-learn rejects are rejected with the same class of error and message."""

import re
from typing import Any

import numpy as np
import pytest
from sklearn import neural_network as sklearn_mlp
from sklearn.utils._param_validation import InvalidParameterError

from .sklearn_comparison import call_both, outcome, pair_by_name, problem

NAMES = ["MLPClassifier", "MLPRegressor"]
#: Parameters with more allowed values than in scikit-learn, so that the message differs.
WIDER = {"activation", "batch_size", "max_iter", "solver", "learning_rate", "learning_rate_init", "loss"}
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
#: Parameters that take a name; scikit-learn's classifier has no loss.
CHOICES = [
    *[(name, parameter) for name in NAMES for parameter in ("activation", "solver", "learning_rate")],
    ("MLPRegressor", "loss"),
]
#: Values that are no valid name.
NO_NAMES = ["no-such-thing", "", 1, None, 0.5, True, b"relu"]


def data(name: str) -> tuple[np.ndarray, np.ndarray]:
    return problem("binary" if name == "MLPClassifier" else "one target")


def same_refusal(name: str, parameters: dict[str, Any], method: str = "fit") -> None:
    """Check that both accept or reject parameters with the same error."""
    x, y = data(name)
    given = {"classes": ["no", "yes"]} if method == "partial_fit" and name == "MLPClassifier" else {}
    models = (
        pair_by_name(name, hidden_layer_sizes=(2,)) if "hidden_layer_sizes" not in parameters else pair_by_name(name)
    )
    for model in models:
        model.set_params(**{"max_iter": 2, **parameters})  # neither the constructor nor set_params validates values
    mine, other = (outcome(lambda m=model: getattr(m, method)(x, y, **given)) for model in models)
    if other.error is None:
        assert mine.error is None, f"scikit-learn accepts {parameters}, glassnet raises: {mine.error}"
        assert mine.warned == other.warned
        return
    assert mine.error is not None, f"glassnet accepts {parameters}; scikit-learn: {other.error}"
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
def test_invalid_numbers_and_booleans(name: str, parameter: str, value: Any) -> None:
    same_refusal(name, {parameter: value})


@pytest.mark.parametrize("value", SIZES, ids=repr)
@pytest.mark.parametrize("name", NAMES)
def test_invalid_hidden_layer_sizes(name: str, value: Any) -> None:
    same_refusal(name, {"hidden_layer_sizes": value})


@pytest.mark.parametrize("value", NO_NAMES, ids=repr)
@pytest.mark.parametrize(("name", "parameter"), CHOICES)
def test_unknown_names(name: str, parameter: str, value: Any) -> None:
    same_refusal(name, {parameter: value})


@pytest.mark.parametrize("name", NAMES)
def test_partial_fit_validates_parameters(name: str) -> None:
    for parameters in ({"alpha": -1}, {"tol": None}, {"batch_size": "all"}, {"beta_1": 1.0}, {"activation": "no-such"}):
        same_refusal(name, parameters, "partial_fit")


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_not_validated_before_fit(name: str) -> None:
    mine, other = pair_by_name(name, alpha=-1.0, solver="no-such-thing", hidden_layer_sizes=None)
    call_both((mine, other), lambda model: model.set_params(beta_1=3, max_iter="many").get_params())


@pytest.mark.parametrize("name", NAMES)
def test_parameter_constraints_include_those_of_sklearn(name: str) -> None:
    # glassnet declares at least the types, intervals and names that scikit-learn declares
    mine, other = pair_by_name(name)
    for parameter, allowed in getattr(sklearn_mlp, name)._parameter_constraints.items():
        if parameter not in other.get_params():
            continue
        declared = [str(one) for one in type(mine)._parameter_constraints[parameter]]
        if parameter in WIDER:
            continue
        assert {str(one) for one in allowed} <= set(declared), parameter


@pytest.mark.parametrize("value", [0, 1, 10, True, False, -1])
def test_valid_values_of_verbose(value: Any, capsys: pytest.CaptureFixture[str]) -> None:
    said = []
    x, y = data("MLPRegressor")
    for model in pair_by_name("MLPRegressor", verbose=value, max_iter=2, random_state=0):
        outcome(lambda model=model: model.fit(x, y))
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]


@pytest.mark.parametrize("name", NAMES)
def test_numpy_scalars_are_numbers(name: str) -> None:
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
    mine, other = call_both(pair_by_name(name, **parameters), lambda model: model.fit(x, y))
    np.testing.assert_allclose(mine.coefs_[0], other.coefs_[0], rtol=1e-9)

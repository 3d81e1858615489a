"""Random combinations of scikit-learn's parameters are accepted or rejected by both, and copies have the same bits."""

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.utils._param_validation import InvalidParameterError

from .sklearn_comparison import TASKS, outcome, pair, problem, row_weights, same_bits
from .test_parameter_validation import WIDER

ROWS = 24
#: Valid values, to be combined freely.
SOUND: dict[str, st.SearchStrategy[Any]] = {
    "hidden_layer_sizes": st.one_of(
        st.integers(1, 5), st.lists(st.integers(1, 4), max_size=3), st.tuples(st.integers(1, 4))
    ),
    "activation": st.sampled_from(["identity", "logistic", "tanh", "relu"]),
    "solver": st.sampled_from(["lbfgs", "sgd", "adam"]),
    "alpha": st.sampled_from([0, 0.0, 1e-4, 0.1, 5]),
    "batch_size": st.sampled_from(["auto", 1, 5, 8, 23, 24, 100]),
    "learning_rate": st.sampled_from(["constant", "invscaling", "adaptive"]),
    "learning_rate_init": st.sampled_from([1e-6, 0.001, 0.05, 1]),
    "power_t": st.sampled_from([0, 0.25, 0.5, 1]),
    "max_iter": st.integers(1, 6),
    "shuffle": st.booleans(),
    "random_state": st.one_of(st.integers(0, 2**32 - 1), st.builds(np.random.RandomState, st.integers(0, 9))),
    "tol": st.sampled_from([0, 1e-4, 0.1, 10.0]),
    "warm_start": st.booleans(),
    "momentum": st.sampled_from([0, 0.5, 0.9, 1]),
    "nesterovs_momentum": st.booleans(),
    "early_stopping": st.booleans(),
    "validation_fraction": st.sampled_from([0.0, 0.05, 0.1, 0.25, 0.5, 0.95]),
    "beta_1": st.sampled_from([0, 0.5, 0.9]),
    "beta_2": st.sampled_from([0, 0.9, 0.999]),
    "epsilon": st.sampled_from([1e-8, 1e-3, 1]),
    "n_iter_no_change": st.sampled_from([1, 2, 10, np.inf]),
    "max_fun": st.integers(1, 20),
}
#: Values that make any combination invalid.
SPOILED: dict[str, list[Any]] = {
    "hidden_layer_sizes": [0, (3, -1), "x", None, 2.5],
    "activation": ["no-such", 3],
    "solver": ["no-such", None],
    "alpha": [-1, None, np.nan],
    "batch_size": [0, 2.5, "all"],
    "learning_rate": ["no-such"],
    "learning_rate_init": [0, -0.1],
    "power_t": [-1],
    "max_iter": [0, 1.5],
    "shuffle": ["no"],
    "random_state": [-1, "x"],
    "tol": [-1e-9],
    "momentum": [1.1],
    "validation_fraction": [1.0, -0.1],
    "beta_1": [1.0],
    "beta_2": [-0.1],
    "epsilon": [0.0],
    "n_iter_no_change": [0, 2.5],
    "max_fun": [0],
}
combinations = st.fixed_dictionaries({}, optional=SOUND)
spoiled = st.sampled_from(sorted(SPOILED)).flatmap(
    lambda name: st.tuples(st.just(name), st.sampled_from(SPOILED[name]))
)


def copied(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters with a random stream that is not shared."""
    return pickle.loads(pickle.dumps(parameters))


@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    task=st.sampled_from(sorted(TASKS)),
    parameters=combinations,
    dtype=st.sampled_from(["float64", "float32"]),
    weighted=st.booleans(),
)
def test_combinations_that_sklearn_accepts_give_the_same_results(
    task: str, parameters: dict[str, Any], dtype: str, weighted: bool
) -> None:
    x, y = problem(task, dtype, ROWS)
    # no weight of zero: scikit-learn divides by zero in a batch of zero weight
    weights = 0.2 + row_weights(ROWS) if weighted else None
    parameters = {"max_iter": 4, "random_state": 0, **parameters}
    models = [pair(task, **copied(parameters))[place] for place in (0, 1)]
    mine, other = (outcome(lambda m=model: m.fit(x, y, sample_weight=weights)) for model in models)
    assert mine.warned == other.warned
    if other.error is not None:
        assert isinstance(mine.error, type(other.error)) and str(mine.error) == str(other.error)
        return
    if mine.error is not None:
        raise mine.error
    for method in ("predict", "predict_proba", "predict_log_proba"):
        if hasattr(other.value, method):
            # through `outcome`, since log of 0 makes NumPy warn
            a, b = (outcome(lambda m=model, name=method: getattr(m, name)(x)).value for model in models)
            assert a.shape == b.shape and a.dtype == b.dtype
    # rounding may change the path of lbfgs, and large steps may diverge
    calm = parameters.get("solver") != "lbfgs" and parameters.get("learning_rate_init", 0) < 1 and dtype == "float64"
    if calm and parameters.get("momentum", 0) < 1:
        assert models[0].n_iter_ == models[1].n_iter_
        for a, b in zip(models[0].coefs_, models[1].coefs_, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(task=st.sampled_from(sorted(TASKS)), parameters=combinations, spoil=spoiled, incremental=st.booleans())
def test_combinations_that_sklearn_rejects_are_rejected_before_the_first_epoch(
    task: str, parameters: dict[str, Any], spoil: tuple[str, Any], incremental: bool
) -> None:
    x, y = problem(task, rows=ROWS)
    parameters = {**parameters, spoil[0]: spoil[1]}
    method = "partial_fit" if incremental and parameters.get("solver") not in ("lbfgs", "no-such", None) else "fit"
    outcomes = []
    for place in (0, 1):
        model = pair(task, **copied(parameters))[place]
        outcomes.append(outcome(lambda m=model: getattr(m, method)(x, y)))
        assert not hasattr(model, "loss_curve_") and not hasattr(model, "coefs_")
    mine, other = outcomes
    assert other.error is not None
    assert isinstance(mine.error, type(other.error)), mine.error
    if isinstance(other.error, InvalidParameterError) and spoil[0] in WIDER:
        assert str(mine.error).startswith(f"The '{spoil[0]}' parameter of ")
    elif not (incremental and "classes" in str(other.error)):
        assert str(mine.error) == str(other.error)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(task=st.sampled_from(sorted(TASKS)), parameters=combinations, dtype=st.sampled_from(["float64", "float32"]))
def test_clones_and_pickles_predict_the_same_bits(task: str, parameters: dict[str, Any], dtype: str) -> None:
    x, y = problem(task, dtype, ROWS)
    parameters = {"max_iter": 4, "random_state": 0, **parameters}
    mine, _ = pair(task, **copied(parameters))
    twin = clone(pair(task, **copied(parameters))[0])
    first = outcome(lambda: mine.fit(x, y))
    assert outcome(lambda: twin.fit(x, y)).warned == first.warned
    if first.error is not None:
        return
    restored = pickle.loads(pickle.dumps(mine))
    for method in ("predict", "predict_proba"):
        if hasattr(mine, method):
            expected = getattr(mine, method)(x)
            assert same_bits(getattr(restored, method)(x), expected)
            assert same_bits(getattr(twin, method)(x), expected)
            assert expected.dtype.kind != "f" or np.isfinite(expected).all()


@pytest.mark.parametrize("task", TASKS)
def test_the_default_parameters(task: str) -> None:
    # no parameters: two hundred epochs of a hundred units, equal within accumulated rounding
    x, y = problem(task)
    mine, other = pair(task, hidden_layer_sizes=(100,), random_state=0)
    outcomes = [outcome(lambda model=model: model.fit(x, y)) for model in (mine, other)]
    assert outcomes[0].error is outcomes[1].error is None and outcomes[0].warned == outcomes[1].warned
    assert mine.n_iter_ == other.n_iter_
    np.testing.assert_allclose(mine.loss_curve_, other.loss_curve_, rtol=1e-5)

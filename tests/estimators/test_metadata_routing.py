"""Metadata routing through scikit-learn's tools."""

from typing import Any

import numpy as np
import pytest
from sklearn import config_context
from sklearn import neural_network as sklearn_mlp
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.metadata_routing import get_routing_for_object

import glassnet

from .sklearn_comparison import ignore_convergence, problem

NAMES = ["MLPClassifier", "MLPRegressor"]
WEIGHTS = np.linspace(0.1, 3.0, 60)


def make(home: Any, name: str) -> Any:
    return getattr(home, name)(hidden_layer_sizes=(4,), max_iter=4, random_state=0)


def data(name: str) -> tuple[np.ndarray, np.ndarray]:
    return problem("binary" if name == "MLPClassifier" else "one target")


@pytest.mark.parametrize("name", NAMES)
def test_all_metadata_of_sklearn_is_routed(name: str) -> None:
    with config_context(enable_metadata_routing=True):
        mine, other = (get_routing_for_object(make(home, name)) for home in (glassnet, sklearn_mlp))
        for method in ("fit", "partial_fit", "score", "predict"):
            expected = getattr(other, method).requests
            assert {key: getattr(mine, method).requests.get(key, "missing") for key in expected} == expected
        assert set(getattr(mine, "score").requests) == set(getattr(other, "score").requests)  # noqa: B009  # mypy knows no such attribute


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("request_", [True, False, None, "w"])
def test_requests_are_set_and_kept_by_clones(name: str, request_: Any) -> None:
    from sklearn.base import clone

    with config_context(enable_metadata_routing=True):
        requests = []
        for home in (glassnet, sklearn_mlp):
            model = make(home, name).set_fit_request(sample_weight=request_).set_score_request(sample_weight=request_)
            model = clone(model.set_partial_fit_request(sample_weight=request_))
            routing = get_routing_for_object(model)
            requests.append([getattr(routing, m).requests["sample_weight"] for m in ("fit", "partial_fit", "score")])
        assert requests[0] == requests[1]


@pytest.mark.parametrize("name", NAMES)
def test_sample_weights_through_cross_validation(name: str) -> None:
    x, y = data(name)
    with config_context(enable_metadata_routing=True), ignore_convergence():
        scores = [
            cross_validate(
                make(home, name).set_fit_request(sample_weight=True).set_score_request(sample_weight=True),
                x,
                y,
                cv=3,
                params={"sample_weight": WEIGHTS},
            )["test_score"]
            for home in (glassnet, sklearn_mlp)
        ]
    np.testing.assert_allclose(*scores, rtol=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_sample_weights_through_a_search_of_pipelines(name: str) -> None:
    x, y = data(name)
    found = []
    with config_context(enable_metadata_routing=True), ignore_convergence():
        for home in (glassnet, sklearn_mlp):
            model = make(home, name).set_fit_request(sample_weight="w")
            scaler = StandardScaler().set_fit_request(sample_weight=False)
            search = GridSearchCV(make_pipeline(scaler, model), {f"{name.lower()}__alpha": [0.1, 1.0]}, cv=2)
            found.append(search.fit(x, y, w=WEIGHTS).cv_results_["mean_test_score"])
    np.testing.assert_allclose(*found, rtol=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_sample_weights_that_are_not_requested_are_rejected(name: str) -> None:
    x, y = data(name)
    words = []
    with config_context(enable_metadata_routing=True):
        for home in (glassnet, sklearn_mlp):
            with pytest.raises(UnsetMetadataPassedError) as raised:
                cross_validate(make(home, name), x, y, params={"sample_weight": WEIGHTS}, error_score="raise")
            words.append(str(raised.value))
    assert words[0] == words[1]


def test_requests_are_not_shared_between_classes() -> None:
    with config_context(enable_metadata_routing=True):
        make(glassnet, "MLPRegressor").set_fit_request(sample_weight=True)
        assert get_routing_for_object(make(glassnet, "MLPRegressor")).fit.requests["sample_weight"] is None
        assert get_routing_for_object(Ridge()).fit.requests["sample_weight"] is None

"""MLPTransformer: the activations of a hidden layer as features."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from glassnet import InputError, MLPClassifier, MLPRegressor, MLPTransformer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few epochs are enough here
X, y = load_iris(return_X_y=True)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")  # scikit-learn tells which checks don't apply
@parametrize_with_checks([MLPTransformer(MLPRegressor(hidden_layer_sizes=(3,), max_iter=5, random_state=0))])
def test_sklearn_checks_of_a_transformer(estimator, check) -> None:
    check(estimator)


def test_an_autoencoder_reconstructs_through_its_bottleneck() -> None:
    sizes = (8, 2, 8)
    network = MLPRegressor(hidden_layer_sizes=sizes, activation="tanh", solver="lbfgs", max_iter=300, random_state=0)
    scaled = StandardScaler().fit_transform(X)
    coder = MLPTransformer(network).fit(scaled)
    assert coder.layer_ == 2 and coder.transform(scaled).shape == (150, 2)
    assert np.mean((coder.estimator_.predict(scaled) - scaled) ** 2) < 0.1
    assert not hasattr(network, "coefs_")


def test_a_layer_by_number_and_names_of_features() -> None:
    transformer = MLPTransformer(MLPClassifier((6, 5), max_iter=5, random_state=0), layer=1).fit(X, y)
    a1 = np.maximum(X @ transformer.estimator_.coefs_[0] + transformer.estimator_.intercepts_[0], 0)
    assert np.allclose(transformer.transform(X), a1)
    assert list(transformer.get_feature_names_out()[:2]) == ["mlptransformer0", "mlptransformer1"]
    assert np.allclose(transformer.transform(csr_matrix(X)), a1)
    with pytest.raises(InputError, match="layer is 4, and the network has 3"):
        MLPTransformer(MLPClassifier((6, 5), max_iter=1), layer=4).fit(X, y)


def test_a_transformer_in_a_pipeline() -> None:
    pipeline = make_pipeline(
        StandardScaler(),
        MLPTransformer(MLPRegressor(hidden_layer_sizes=(8, 3, 8), max_iter=50, random_state=0)),
        MLPClassifier((8,), solver="lbfgs", random_state=0),
    )
    assert pipeline.fit(X, y).score(X, y) > 0.8

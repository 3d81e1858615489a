"""Estimators: networks with scikit-learn's interface, in the place of its MLPClassifier and MLPRegressor."""

from glassnet.estimators.classifier import MLPClassifier
from glassnet.estimators.regressor import MLPRegressor
from glassnet.estimators.transformer import MLPTransformer

__all__ = ["MLPClassifier", "MLPRegressor", "MLPTransformer"]

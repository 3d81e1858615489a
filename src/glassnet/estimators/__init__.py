"""Estimators: drop-in replacements for scikit-learn's MLPClassifier and MLPRegressor."""

from glassnet.estimators.classifier import MLPClassifier
from glassnet.estimators.regressor import MLPRegressor
from glassnet.estimators.transformer import MLPTransformer

__all__ = ["MLPClassifier", "MLPRegressor", "MLPTransformer"]

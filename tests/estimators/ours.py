"""The two classes under test, imported in one place."""

from glassnet import MLPClassifier, MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]

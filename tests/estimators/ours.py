"""The two classes under test, imported in one place."""

from glassnet import MLPClassifier, MLPRegressor

#: True while scikit-learn's own classes stand in for ours: what is ours on purpose can't be tested then.
STAND_IN = False

__all__ = ["MLPClassifier", "MLPRegressor", "STAND_IN"]

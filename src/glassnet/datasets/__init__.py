"""Datasets that need no file: scikit-learn's digits, and points of the plane."""

from glassnet.datasets.digits import DIGITS, digits

__all__ = ["DIGITS", "digits"]

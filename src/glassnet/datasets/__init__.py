"""Datasets that need no file: scikit-learn's digits, and generators of two-class problems in the plane."""

from glassnet.datasets.digits import DIGITS, load_digits
from glassnet.datasets.synthetic import GENERATORS, make_circles, make_moons, make_spiral, make_xor

__all__ = [
    "DIGITS",
    "GENERATORS",
    "load_digits",
    "make_circles",
    "make_moons",
    "make_spiral",
    "make_xor",
]

"""Preparing tables: from data frames with categories and missing values to the numbers that a network takes.

`fit_preparation` learns from the training rows how; `Preparation.apply` does it to any rows; `rebuild` brings a
preparation back from what `Preparation.describe` and `Preparation.arrays` said.
"""

from glassnet.preprocessing.columns import CODES, MAX_ONE_HOT, ONE_HOT, Category, Number, vector_width
from glassnet.preprocessing.fitting import fit_preparation
from glassnet.preprocessing.preparation import Preparation
from glassnet.preprocessing.rebuilding import rebuild

__all__ = [
    "CODES",
    "MAX_ONE_HOT",
    "ONE_HOT",
    "Category",
    "Number",
    "Preparation",
    "fit_preparation",
    "rebuild",
    "vector_width",
]

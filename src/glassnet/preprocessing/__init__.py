"""Preprocessing: from raw columns, also with categories and missing values, to the inputs of a network.

`fit_preprocessor` fits a `TablePreprocessor` to the training rows, `glassnet.preprocessing.scaling.fit_scaling` a
`Scaling`; both are a `Preprocessor`, whose `transform` takes any rows. `preprocessor_from_dict` restores either from
its `to_dict` and `arrays`.
"""

from glassnet.preprocessing.base import Preprocessor
from glassnet.preprocessing.deserialization import preprocessor_from_dict
from glassnet.preprocessing.feature_columns import (
    CODES,
    MAX_ONE_HOT,
    ONE_HOT,
    CategoricalColumn,
    NumericColumn,
    embedding_width,
)
from glassnet.preprocessing.scaling import Scaling
from glassnet.preprocessing.table_fitting import fit_preprocessor
from glassnet.preprocessing.table_preprocessor import TablePreprocessor

__all__ = [
    "CODES",
    "MAX_ONE_HOT",
    "ONE_HOT",
    "CategoricalColumn",
    "NumericColumn",
    "Preprocessor",
    "Scaling",
    "TablePreprocessor",
    "fit_preprocessor",
    "preprocessor_from_dict",
    "embedding_width",
]

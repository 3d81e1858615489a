"""The handwritten digits that come with scikit-learn."""

from __future__ import annotations

import numpy as np

from glassnet.data.tables import ArrowTable

#: The name of the digits: the `Table.source` of their tables, and the value to pass where a file's path is expected.
DIGITS = "digits"


def load_digits() -> tuple[ArrowTable, ArrowTable]:
    """Load scikit-learn's handwritten digits, split into training and test rows.

    The split is stratified by class and always the same.

    Returns
    -------
    train, test : ArrowTable
        1,437 and 360 rows, with the columns ``label`` (the digit, 0 to 9) and ``1x1``, ``1x2``, …, ``8x8`` (the pixels
        by row and column, 0 to 16); all uint8.

    Examples
    --------
    >>> from glassnet.data import features, target_values
    >>> train, test = load_digits()
    >>> len(train), len(test)
    (1437, 360)
    >>> features(train, train.names[1:]).shape, target_values(train, "label").shape
    ((1437, 64), (1437,))
    """
    import pyarrow as pa
    from sklearn import datasets
    from sklearn.model_selection import train_test_split

    x, y = datasets.load_digits(return_X_y=True)
    names = ["label", *(f"{row}x{column}" for row in range(1, 9) for column in range(1, 9))]
    parts = train_test_split(np.column_stack([y, x]).astype(np.uint8), test_size=0.2, random_state=0, stratify=y)
    train, test = (ArrowTable(DIGITS, pa.table(list(part.T.copy()), names=names)) for part in parts)
    return train, test

"""The data that comes with scikit-learn, for a first try without a file."""

from __future__ import annotations

import numpy as np

from glassnet.data.tables import Table

#: The name of the data that comes with scikit-learn, where a file's path would stand.
DIGITS = "digits"


def digits() -> tuple[Table, Table]:
    """Return scikit-learn's handwritten digits, 8×8 pixels of 0 to 16: four fifths to train on, one fifth to test."""
    import pyarrow as pa
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    names = ["label", *(f"{row}x{column}" for row in range(1, 9) for column in range(1, 9))]
    parts = train_test_split(np.column_stack([y, x]).astype(np.uint8), test_size=0.2, random_state=0, stratify=y)
    train, test = (Table(DIGITS, pa.table(list(part.T.copy()), names=names)) for part in parts)
    return train, test

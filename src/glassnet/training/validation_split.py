"""The validation split: which rows of a table are held out to validate on."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError


def validation_split(
    n_samples: int,
    size: float | int,
    random_state: int | np.random.RandomState,
    *,
    stratify: Array | None = None,
    groups: Any = None,
) -> tuple[Array, Array]:
    """Draw the rows to train on and those to validate on, as scikit-learn does.

    Parameters
    ----------
    n_samples : int
        The number of rows.
    size : float or int
        The fraction of the rows (of the groups, if given) to validate on, or their number.
    random_state : int or numpy.random.RandomState
        The seed, or the stream to draw from.
    stratify : array (n_samples,) or (n_samples, columns), optional
        Classes whose proportions are kept in both parts.
    groups : array-like (n_samples,), optional
        Rows of one group stay in one part.

    Returns
    -------
    training, validation : array of int
        Row numbers, in the order in which they were drawn.

    Raises
    ------
    ValueError
        scikit-learn's, if the rows can't be split like that.
    """
    from sklearn.model_selection import GroupShuffleSplit, train_test_split

    rows = np.arange(n_samples)
    if groups is not None:
        splitter = GroupShuffleSplit(1, test_size=size, random_state=random_state)
        training, validation = next(splitter.split(rows, groups=groups))
    else:
        training, validation = train_test_split(rows, random_state=random_state, test_size=size, stratify=stratify)
    return training, validation


def split_fraction(n_samples: int, fraction: float, seed: int, classes: Array | None = None) -> tuple[Array, Array]:
    """Split for `glassnet.fit`: a fraction of 0 holds out no rows, and classes are kept in proportion where possible.

    Parameters
    ----------
    n_samples : int
        The number of rows.
    fraction : float
        The fraction of the rows to validate on, at least 0 and below 1.
    seed : int
        Of the split.
    classes : array (n_samples,), optional
        The class of each row. With a class of a single row, or more classes than rows in a part, the split is random.

    Returns
    -------
    training, validation : array of int
        Row numbers in ascending order.

    Raises
    ------
    InputError
        If the fraction is not in [0, 1) or leaves one part empty.
    """
    if not 0 <= fraction < 1:
        raise InputError(f"validation_fraction is {fraction!r}; it must be at least 0 and below 1")
    if fraction == 0:
        return np.arange(n_samples), np.arange(0)
    n_validation = round(n_samples * fraction)
    if not 1 <= n_validation < n_samples:
        raise InputError(
            f"validation_fraction {fraction} of {n_samples} rows leaves no row on one side; choose another"
        )
    stratify = None
    if classes is not None:
        counts = np.unique(classes, return_counts=True)[1]
        smaller_part = min(n_validation, n_samples - n_validation)
        stratify = classes if counts.min() >= 2 and smaller_part >= len(counts) else None
    # scikit-learn takes seeds below 2**32
    training, validation = validation_split(n_samples, n_validation, seed % 2**32, stratify=stratify)
    return np.sort(training), np.sort(validation)

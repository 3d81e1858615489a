"""The validation split: scikit-learn's rows from the same stream, and the rules of `glassnet.fit`."""

import numpy as np
import pytest
from sklearn.model_selection import GroupShuffleSplit, train_test_split

from glassnet import InputError
from glassnet.training.validation_split import split_fraction, validation_split

CLASSES = np.repeat([0, 1, 2], [50, 30, 20])


@pytest.mark.parametrize("stratify", [None, CLASSES])
def test_rows_are_scikit_learns(stratify: np.ndarray | None) -> None:
    expected = train_test_split(np.arange(100), random_state=7, test_size=0.23, stratify=stratify)
    for part, same in zip(validation_split(100, 0.23, 7, stratify=stratify), expected, strict=True):
        np.testing.assert_array_equal(part, same)


def test_the_stream_goes_on_from_split_to_split() -> None:
    stream, same = np.random.RandomState(3), np.random.RandomState(3)
    for _ in range(2):
        expected = train_test_split(np.arange(100), random_state=same, test_size=0.1)
        np.testing.assert_array_equal(validation_split(100, 0.1, stream)[1], expected[1])


def test_rows_of_a_group_stay_in_one_part() -> None:
    groups = np.arange(100) // 4
    training, validation = validation_split(100, 0.3, 0, groups=groups)
    assert not set(groups[training]) & set(groups[validation])
    expected = next(GroupShuffleSplit(1, test_size=0.3, random_state=0).split(np.arange(100), groups=groups))
    np.testing.assert_array_equal(validation, expected[1])


def test_a_fraction_is_sorted_and_keeps_the_classes_in_proportion() -> None:
    training, validation = split_fraction(100, 0.2, 5, CLASSES)
    np.testing.assert_array_equal(np.sort(np.concatenate([training, validation])), np.arange(100))
    assert (np.diff(training) > 0).all() and (np.diff(validation) > 0).all()
    np.testing.assert_array_equal(np.bincount(CLASSES[validation]), [10, 6, 4])


def test_a_class_of_one_row_makes_the_split_random() -> None:
    classes = np.r_[CLASSES[:-1], 9]
    for part, same in zip(split_fraction(100, 0.2, 5, classes), split_fraction(100, 0.2, 5), strict=True):
        np.testing.assert_array_equal(part, same)


def test_a_fraction_of_0_holds_out_nothing() -> None:
    training, validation = split_fraction(4, 0, 0)
    assert training.tolist() == [0, 1, 2, 3] and len(validation) == 0


@pytest.mark.parametrize("fraction", [-0.1, 1, 1.5, float("nan")])
def test_a_wrong_fraction_is_refused(fraction: float) -> None:
    with pytest.raises(InputError, match="validation_fraction is .*; it must be at least 0 and below 1"):
        split_fraction(100, fraction, 0)


def test_an_empty_part_is_refused() -> None:
    with pytest.raises(InputError, match="of 3 rows leaves no row on one side"):
        split_fraction(3, 0.01, 0)

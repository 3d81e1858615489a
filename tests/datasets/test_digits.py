"""The digits that come with scikit-learn, as tables."""

import pyarrow.compute as pc
import pytest

from glassnet.datasets import load_digits


def test_the_digits_are_split_into_stratified_training_and_test_rows() -> None:
    train, test = load_digits()
    assert (len(train), len(test)) == (1437, 360)
    assert train.names == test.names and train.names[0] == "label" and len(train.names) == 65
    share = [pc.mean(pc.equal(part.columns["label"], 3)).as_py() for part in (train, test)]
    assert share[0] == pytest.approx(share[1], abs=0.005)

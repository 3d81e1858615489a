"""Files broken in every way: each ends in a clear error or in something that works. ``make fuzz`` breaks many more."""

import pytest

from tests.fuzz.formats import FORMATS
from tests.fuzz.running import fuzz

#: Files of each format in the suite: a second or two each.
FEW = 40


@pytest.mark.parametrize("kind", FORMATS)
def test_no_broken_file_does_harm(kind: str) -> None:
    outcome = fuzz(kind, range(FEW), seed=1)
    assert sum(outcome.counts.values()) == FEW
    assert not outcome.faults
    assert outcome.counts["refused"] > 0, f"nothing was broken: {outcome.counts}"

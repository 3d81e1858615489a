"""Files broken in every way: each ends in a clear error or in something that works. ``make fuzz`` breaks many more."""

import pytest

from tests.fuzz import running
from tests.fuzz.formats import FORMATS
from tests.fuzz.planted import AT, PLANTED
from tests.fuzz.running import fuzz


@pytest.mark.sweep(only=["model-8", "csv-8", "checkpoint-8"])
@pytest.mark.parametrize("files", [8, 60])
@pytest.mark.parametrize("kind", FORMATS)
def test_no_broken_file_does_harm(kind: str, files: int) -> None:
    outcome = fuzz(kind, range(files), seed=1)
    assert sum(outcome.counts.values()) == files
    assert not outcome.faults
    assert outcome.counts["refused"] > 0, f"nothing was broken: {outcome.counts}"


#: Words of what is said of each planted fault.
SAID = {
    "dies": "the process ended with -11",
    "hangs": "hangs: ",
    "raises": "KeyError: 'nobody thought of this'",
    "says_nothing": "an error of 0 characters",
    "grows": " took 1,",
    "runs_code": 'did ["os.system ',
    "opens_a_pickle": 'did ["pickle.find_class ',
    "writes_elsewhere": ' did ["open ',
    "acts_on_the_terminal": "prints '\\x1b'",
}


@pytest.mark.sweep(only=["raises", "dies", "runs_code"])
@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_fault_is_found_and_only_there(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "hangs":
        monkeypatch.setattr(running, "HANGS", 1.0)
    outcome = fuzz(kind, range(AT + 3), seed=1)
    assert list(outcome.faults) == [AT] and SAID[kind] in outcome.faults[AT], outcome.faults
    assert outcome.counts == {"works": AT + 2, "fault": 1}

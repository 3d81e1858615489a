"""Every corrupted file gives a clear error or a working result. ``make fuzz`` tests many more."""

import pytest

from tests.fuzz import supervisor
from tests.fuzz.formats import FORMATS
from tests.fuzz.planted_faults import AT, PLANTED
from tests.fuzz.supervisor import fuzz


@pytest.mark.sweep(only=["model-8", "csv-8", "checkpoint-8"])
@pytest.mark.parametrize("files", [8, 60])
@pytest.mark.parametrize("kind", FORMATS)
def test_no_corrupted_file_causes_a_fault(kind: str, files: int) -> None:
    outcome = fuzz(kind, range(files), seed=1)
    assert sum(outcome.counts.values()) == files
    assert not outcome.faults
    assert outcome.counts["rejected"] > 0, f"nothing was corrupted: {outcome.counts}"


#: Part of the message of each planted fault.
MESSAGES = {
    "dies": "the process ended with -11",
    "hangs": "hangs: ",
    "raises": "KeyError: 'unexpected'",
    "has_an_empty_message": "an error of 0 characters",
    "grows": " took 1,",
    "runs_code": 'did ["os.system ',
    "opens_a_pickle": 'did ["pickle.find_class ',
    "writes_elsewhere": ' did ["open ',
    "prints_control_characters": "prints '\\x1b'",
}


@pytest.mark.sweep(only=["raises", "dies", "runs_code"])
@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_fault_is_detected_at_its_file_only(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "hangs":
        monkeypatch.setattr(supervisor, "MAX_CPU_SECONDS", 1.0)
    outcome = fuzz(kind, range(AT + 3), seed=1)
    assert list(outcome.faults) == [AT] and MESSAGES[kind] in outcome.faults[AT], outcome.faults
    assert outcome.counts == {"works": AT + 2, "fault": 1}

"""The program of attacks: what it tries, and that it notices what does not hold. ``make attack`` tries all of them."""

from pathlib import Path

import pytest

from tests.attack import __main__ as program
from tests.attack.registry import Attack, all_attacks

QUICK = ("connections: an endless trailer", "requests: foreign and malformed hosts")


def held(folder: Path) -> None:
    assert folder.is_dir()


def fails(folder: Path) -> None:
    raise AssertionError("the folder was taken")


@pytest.mark.parametrize("name", QUICK)
def test_an_attack_is_held(name) -> None:
    assert program.try_one(all_attacks()[name]) == ""


def test_each_area_is_attacked() -> None:
    areas = {name.partition(": ")[0] for name in all_attacks()}
    assert areas == {"connections", "requests", "work", "files", "tables", "training"}


def test_an_attack_that_is_not_held_is_reported(monkeypatch, capsys) -> None:
    attacks = {
        "area: holds": Attack("area: holds", held, 60),
        "area: fails": Attack("area: fails", fails, 60),
        "area: hangs": Attack("area: hangs", held, 0.01),
    }
    monkeypatch.setattr(program, "all_attacks", lambda: attacks)
    monkeypatch.setattr("sys.argv", ["attack", "hangs"])
    assert program.main() == 1
    said = capsys.readouterr().out
    assert "FAILED  area: hangs" in said and "no end within 0.01 s" in said and "1 attacks tried, 0 held" in said

    def try_in_this_process(attack: Attack) -> str:
        try:
            attack.function(Path())
        except AssertionError as error:
            return str(error)
        return ""

    monkeypatch.setattr(program, "try_one", try_in_this_process)
    monkeypatch.setattr("sys.argv", ["attack", "holds", "fails"])
    assert program.main() == 1
    said = capsys.readouterr().out
    assert "held  area: holds" in said and "the folder was taken" in said and "2 attacks tried, 1 held" in said
    monkeypatch.setattr("sys.argv", ["attack", "holds"])
    assert program.main() == 0
    monkeypatch.setattr("sys.argv", ["attack", "nothing of this name"])
    assert program.main() == 1

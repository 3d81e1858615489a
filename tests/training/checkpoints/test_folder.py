"""The folder: the last two checkpoints are kept, and a damaged one is skipped."""

import os
from pathlib import Path

import numpy as np
import pytest

from glassnet.errors import InputError
from glassnet.training import CallbackWarning
from glassnet.training.checkpoints.folder import CheckpointPosition, read_newest, remove_temporary_files, write
from glassnet.training.state_dict import StateDict

from .trainings import STATE_DICT, damage

MAX_BYTES = 2**28


def memory(number: int) -> StateDict:
    return StateDict({"parameters": np.full(100, number, np.float32)}, {"number": number})


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    for position in (
        CheckpointPosition(0, 4),
        CheckpointPosition(9),
        CheckpointPosition(9, 12),
        CheckpointPosition(10_000),
        CheckpointPosition(10_001, 5),
    ):
        write(tmp_path, position, memory(position.epochs))
    assert names(tmp_path) == ["epoch-10000.checkpoint", "epoch-10001-batch-000005.checkpoint"]
    found = read_newest(tmp_path, MAX_BYTES)
    assert found is not None and found[0] == CheckpointPosition(10_001, 5) and found[1].metadata == {"number": 10_001}


def test_positions_are_readable() -> None:
    assert [str(CheckpointPosition(0, 1)), str(CheckpointPosition(1)), str(CheckpointPosition(2, 17))] == [
        "0 epochs and 1 batch",
        "1 epoch",
        "2 epochs and 17 batches",
    ]


def test_other_files_are_ignored(tmp_path: Path) -> None:
    others = ["epoch-1.checkpoint.txt", "epoch-x.checkpoint", "lock", "model.glassnet", ".hidden"]
    for name in others:
        (tmp_path / name).touch()
    write(tmp_path, CheckpointPosition(1), STATE_DICT)
    remove_temporary_files(tmp_path)
    assert names(tmp_path) == sorted([*others, "epoch-0001.checkpoint"])


def test_an_empty_folder_has_none(tmp_path: Path) -> None:
    assert read_newest(tmp_path, MAX_BYTES) is None and read_newest(tmp_path / "none", MAX_BYTES) is None


@pytest.mark.parametrize("what", ["changed", "cut", "empty", "folder"])
def test_a_damaged_last_checkpoint_gives_a_warning_and_the_one_before_is_used(tmp_path: Path, what: str) -> None:
    write(tmp_path, CheckpointPosition(1), memory(1))
    write(tmp_path, CheckpointPosition(2), memory(2))
    last = tmp_path / "epoch-0002.checkpoint"
    if what == "changed":
        damage(last)
    elif what == "folder":
        last.unlink()
        last.mkdir()
    else:
        last.write_bytes(b"" if what == "empty" else last.read_bytes()[:300])
    with pytest.warns(CallbackWarning, match="epoch-0002.checkpoint: .*; the one before it is used, after 1 epoch$"):
        found = read_newest(tmp_path, MAX_BYTES)
    assert found is not None and found[0] == CheckpointPosition(1) and found[1].metadata == {"number": 1}


def test_a_checkpoint_truncated_at_200_positions_is_detected_and_the_one_before_is_used(tmp_path: Path) -> None:
    write(tmp_path, CheckpointPosition(1), memory(1))
    write(tmp_path, CheckpointPosition(2), memory(2))
    last = tmp_path / "epoch-0002.checkpoint"
    whole = last.read_bytes()
    for length in np.linspace(0, len(whole) - 1, 200).astype(int):
        last.write_bytes(whole[:length])
        with pytest.warns(CallbackWarning, match="the one before it is used"):
            found = read_newest(tmp_path, MAX_BYTES)
        assert found is not None and found[1].metadata == {"number": 1}


def test_a_damaged_checkpoint_is_replaced(tmp_path: Path) -> None:
    for position in (CheckpointPosition(1), CheckpointPosition(3)):
        write(tmp_path, position, memory(position.epochs))
    damage(tmp_path / "epoch-0003.checkpoint")
    write(tmp_path, CheckpointPosition(2), memory(2))  # gone on from 1
    assert names(tmp_path) == ["epoch-0001.checkpoint", "epoch-0002.checkpoint"]


def test_if_all_are_damaged_the_error_says_what_to_do(tmp_path: Path) -> None:
    for epoch in (1, 2):
        write(tmp_path, CheckpointPosition(epoch), memory(epoch))
        damage(tmp_path / f"epoch-000{epoch}.checkpoint")
    with pytest.raises(
        InputError, match="no checkpoint .* can be used: .*0002.*; .*0001.*from a backup, or start again with an empty"
    ):
        read_newest(tmp_path, MAX_BYTES)


def test_temporary_files_of_a_crash_are_removed(tmp_path: Path) -> None:
    write(tmp_path, CheckpointPosition(1), STATE_DICT)
    (tmp_path / ".epoch-0002.checkpoint.0123456789abcdef").write_bytes(b"half")
    remove_temporary_files(tmp_path)
    assert names(tmp_path) == ["epoch-0001.checkpoint"]


def test_files_of_other_programs_are_not_removed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    folder = tmp_path / "folder"
    write(folder, CheckpointPosition(3), memory(3))
    saved = []
    for position, name in enumerate(("epoch-{}.checkpoint", ".epoch-{}.checkpoint.0123456789abcdef")):
        (folder / name.format(f"000{5 + position}")).write_bytes(b"a file of the user's own")
        (folder / name.format(f"001{5 + position}")).mkdir()
        (folder / name.format(f"002{5 + position}")).symlink_to(victim)
        os.link(victim, folder / name.format(f"003{5 + position}"))
        saved += [name.format(f"00{tens}{5 + position}") for tens in range(4)]
    write(folder, CheckpointPosition(4), memory(4))
    remove_temporary_files(folder)
    assert names(folder) == sorted([*saved, "epoch-0003.checkpoint", "epoch-0004.checkpoint"])
    assert victim.read_bytes() == b"precious"

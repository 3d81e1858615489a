"""A truncated last checkpoint is detected and the one before it is used, with the same final bits."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from glassnet import Checkpoint
from glassnet.training import CallbackWarning
from glassnet.training.checkpoints.folder import list_checkpoints

from ..trainings import StopAfter, assert_same, training

CUTS = 200


def test_a_checkpoint_truncated_at_each_of_200_lengths(tmp_path: Path) -> None:
    how = {"dropout": 0.2, "ema_decay": 0.9, "schedule": "one_cycle"}
    whole = training(**how)
    saved = tmp_path / "run1"
    training([Checkpoint(saved, every_minutes=1e-9), StopAfter(37)], **how)
    last = max(list_checkpoints(saved).items())[1]
    content = last.read_bytes()
    for length in np.linspace(0, len(content) - 1, CUTS).astype(int):
        truncated = tmp_path / "torn"
        shutil.copytree(saved, truncated)
        (truncated / last.name).write_bytes(content[:length])
        with pytest.warns(
            CallbackWarning, match=f"{last.name}: it is .*cut short.*; the one before it is used, after 3"
        ):
            assert_same(whole, training([Checkpoint(truncated, every_minutes=1000, resume=True)], **how))
        shutil.rmtree(truncated)

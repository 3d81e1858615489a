"""Whether what a file says of a training can be true: nothing of it is used before."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from glassnet._utils.json_fields import Fields
from glassnet.engines.interface import EpochAccumulator
from glassnet.errors import InputError
from glassnet.network.schedules import ReduceOnPlateau
from glassnet.training import Epoch, Run
from glassnet.training.state_dict import StateDict

#: Arrays that may be there or not, and that whoever takes them over looks at.
_OTHERS = ("callbacks.", "state.epoch_start_random.")
_NUMBERS = (int, float)


def check_memory(memory: StateDict, fresh: StateDict, run: Run) -> None:
    """Refuse what can't have been this run's memory.

    Parameters
    ----------
    memory : StateDict
        From a file.
    fresh : StateDict
        What the run itself knows before its first batch: names, shapes and dtypes are those.
    run : Run
        Which is to go on.

    Raises
    ------
    InputError
        If an array is missing, is one too many or of another shape, a value is of another kind, or numbers contradict
        each other.
    """
    for name in sorted(set(memory.arrays) | set(fresh.arrays)):
        if not name.startswith(_OTHERS):
            found = memory.arrays.get(name)
            expected = fresh.arrays.get(name)
            if found is None or expected is None:
                raise InputError(f"the array {name!r:.80} is {'missing' if found is None else 'one too many'}")
            if (found.shape, found.dtype) != (expected.shape, expected.dtype):
                raise InputError(
                    f"the array {name!r} is {found.dtype} {found.shape}; it must be {expected.dtype} {expected.shape}"
                )
    told = Fields(memory.metadata, "run")
    told.value("stop_reason", str)
    told.value("best_value", *_NUMBERS)
    history = told.list_of("history", dict)
    for number, record in enumerate(history, start=1):
        known = Fields(record, f"history[{number - 1}]").known(Epoch, *_NUMBERS)
        if known["epoch"] != number:
            raise InputError(f"epoch {known['epoch']!r:.20} stands in the history as number {number}")
    if not 0 <= told.value("best_epoch", int) <= len(history):
        raise InputError(f"the best epoch is {memory.metadata['best_epoch']} of {len(history)}")
    _check_standing(Fields(memory.metadata["state"], "state"), Fields(fresh.metadata["state"], "state"), run)
    if run.state.epochs + len(history) != memory.metadata["state"]["epochs"]:
        raise InputError(f"it has {memory.metadata['state']['epochs']} epochs, and a history of {len(history)}")
    for record in told.list_of("callbacks", dict):
        Fields(record, "callbacks").value("class", str)
        Fields(record, "callbacks").value("metadata", dict)


def _check_standing(told: Fields, fresh: Fields, run: Run) -> None:
    for name in ("step", "epochs"):
        if told.value(name, int) < 0:
            raise InputError(f"{told.name}.{name} is {told.content[name]}")
    told.value("rate_scale", *_NUMBERS)
    scalars = Fields(told.value("scalars", dict), "state.scalars")
    for name in scalars.content:
        scalars.value(name, *_NUMBERS)
    accumulator = Fields(told.value("accumulator", dict), "state.accumulator")
    accumulator.known(EpochAccumulator, *_NUMBERS)
    rows = accumulator.value("rows", int)
    batches = accumulator.value("batches", int)
    size = run.settings.batch_size
    if not 0 <= batches <= run.n_batches or rows != min(batches * size, run.n_samples):
        raise InputError(f"it is after batch {batches} of {run.n_batches} and {rows} rows of {run.n_samples}")
    plateau = told.value("plateau", dict, type(None))
    if (plateau is None) != (run.state.plateau is None):
        raise InputError("state.plateau is not that of these settings")
    if plateau is not None and set(Fields(plateau, "plateau").known(ReduceOnPlateau, *_NUMBERS)) != {
        f.name for f in fields(ReduceOnPlateau)
    }:
        raise InputError("state.plateau lacks a number")
    _alike(fresh.content["random"], told.content["random"], "random")
    if told.content["epoch_start_random"] is not None:
        _alike(fresh.content["random"], told.content["epoch_start_random"], "epoch_start_random")
    elif batches and run.settings.shuffle:
        raise InputError("it stands in the middle of an epoch, and does not tell in which order")


def _alike(expected: Any, found: Any, name: str) -> None:
    """Refuse values that have not the keys and kinds of others."""
    if type(expected) is not type(found):
        raise InputError(f"{name:.80} is {type(found).__name__}; it must be {type(expected).__name__}")
    if isinstance(expected, dict):
        if expected.keys() != found.keys():
            raise InputError(f"{name:.80} has other entries than {', '.join(expected)}")
        for key in expected:
            _alike(expected[key], found[key], f"{name}.{key}")
    if hasattr(expected, "shape") and expected.shape != found.shape:
        raise InputError(f"{name} has shape {found.shape}; it must be {expected.shape}")

"""Validate the state dictionary of a checkpoint before any of it is used."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from glassnet._utils.json_fields import Fields
from glassnet.engines.interface import EpochAccumulator
from glassnet.errors import InputError
from glassnet.network.schedules import ReduceOnPlateau
from glassnet.training import Epoch, Run
from glassnet.training.state_dict import StateDict

#: Arrays that may be missing; their owners check them when they are loaded.
_OPTIONAL_ARRAYS = ("callbacks.", "state.epoch_start_random.")
_NUMBERS = (int, float)


def validate_state_dict(state_dict: StateDict, initial: StateDict, run: Run) -> None:
    """Check that a state dictionary can be that of this run.

    Parameters
    ----------
    state_dict : StateDict
        From a file.
    initial : StateDict
        Of the run before its first batch, with the names, shapes and dtypes to expect.
    run : Run
        The run to resume.

    Raises
    ------
    InputError
        If an array is missing, unexpected or of another shape, a value has another type, or numbers contradict each
        other.
    """
    _validate_arrays(state_dict, initial)
    metadata = Fields(state_dict.metadata, "run")
    metadata.value("stop_reason", str)
    metadata.value("best_value", *_NUMBERS)
    history = metadata.list_of("history", dict)
    for number, record in enumerate(history, start=1):
        known = Fields(record, f"history[{number - 1}]").known(Epoch, *_NUMBERS)
        if known["epoch"] != number:
            raise InputError(f"record {number} of the history is of epoch {known['epoch']!r:.20}")
    if not 0 <= metadata.value("best_epoch", int) <= len(history):
        raise InputError(f"the best epoch is {state_dict.metadata['best_epoch']} of {len(history)}")
    state = Fields(state_dict.metadata["state"], "state")
    _validate_state(state, Fields(initial.metadata["state"], "state"), run)
    if run.state.epochs + len(history) != state.content["epochs"]:
        raise InputError(f"it has {state.content['epochs']} epochs, and a history of {len(history)}")
    for record in metadata.list_of("callbacks", dict):
        Fields(record, "callbacks").value("class", str)
        Fields(record, "callbacks").value("metadata", dict)


def _validate_arrays(state_dict: StateDict, initial: StateDict) -> None:
    for name in sorted(set(state_dict.arrays) | set(initial.arrays)):
        if name.startswith(_OPTIONAL_ARRAYS):
            continue
        found = state_dict.arrays.get(name)
        expected = initial.arrays.get(name)
        if found is None or expected is None:
            raise InputError(f"the array {name!r:.80} is {'missing' if found is None else 'unexpected'}")
        if (found.shape, found.dtype) != (expected.shape, expected.dtype):
            raise InputError(
                f"the array {name!r} is {found.dtype} {found.shape}; it must be {expected.dtype} {expected.shape}"
            )


def _validate_state(state: Fields, initial: Fields, run: Run) -> None:
    for name in ("step", "epochs"):
        if state.value(name, int) < 0:
            raise InputError(f"{state.name}.{name} is {state.content[name]}; it must be 0 or more")
    state.value("rate_scale", *_NUMBERS)
    scalars = Fields(state.value("scalars", dict), "state.scalars")
    for name in scalars.content:
        scalars.value(name, *_NUMBERS)
    accumulator = Fields(state.value("accumulator", dict), "state.accumulator")
    accumulator.known(EpochAccumulator, *_NUMBERS)
    rows = accumulator.value("rows", int)
    batches = accumulator.value("batches", int)
    if not 0 <= batches <= run.n_batches or rows != min(batches * run.settings.batch_size, run.n_samples):
        raise InputError(f"it is after batch {batches} of {run.n_batches} and {rows} rows of {run.n_samples}")
    plateau = state.value("plateau", dict, type(None))
    if (plateau is None) != (run.state.plateau is None):
        raise InputError("state.plateau is not that of these settings")
    if plateau is not None:
        found = set(Fields(plateau, "plateau").known(ReduceOnPlateau, *_NUMBERS))
        if found != {f.name for f in fields(ReduceOnPlateau)}:
            raise InputError("state.plateau lacks a number")
    _validate_like(initial.content["random"], state.content["random"], "random")
    if state.content["epoch_start_random"] is not None:
        _validate_like(initial.content["random"], state.content["epoch_start_random"], "epoch_start_random")
    elif batches and run.settings.shuffle:
        raise InputError("it is in the middle of an epoch and lacks epoch_start_random, from which its order is drawn")


def _validate_like(expected: Any, found: Any, name: str) -> None:
    """Check that a value has the keys, types and shapes of another one."""
    if type(expected) is not type(found):
        raise InputError(f"{name:.80} is {type(found).__name__}; it must be {type(expected).__name__}")
    if isinstance(expected, dict):
        if expected.keys() != found.keys():
            raise InputError(f"{name:.80} has other entries than {', '.join(expected)}")
        for key in expected:
            _validate_like(expected[key], found[key], f"{name}.{key}")
    if hasattr(expected, "shape") and expected.shape != found.shape:
        raise InputError(f"{name} has shape {found.shape}; it must be {expected.shape}")

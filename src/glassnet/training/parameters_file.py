"""Parameters alone in a file: a safetensors file with the arrays by name, and what they belong to in its metadata.

It holds neither the optimizer's memory nor the random stream nor any scaling: it says where a network stood, not how to
train on as if nothing had been.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet._utils.json_fields import FAULTS, Fields, fault, read_json
from glassnet._utils.safetensors_file import LONGEST_HEADER, read_arrays, write_arrays
from glassnet.errors import InputError
from glassnet.network.structure import Structure

#: The entry of the metadata that holds the JSON, and the version of what it says.
KEY, FORMAT_VERSION = "glassnet-parameters", 1


@dataclass(frozen=True)
class SavedParameters:
    """What stands in a parameters file.

    Parameters
    ----------
    structure : Structure
        The layers.
    vector : array (n_parameters,)
        Their parameters, in the dtype in which they were trained: `glassnet.train` takes them to start from.
    epoch : int
        After which epoch they were written; 0 if that is not known.
    """

    structure: Structure
    vector: Array
    epoch: int

    @property
    def parameters(self) -> dict[str, Array]:
        """The parameters by name, views of `vector`."""
        return self.structure.views(self.vector)


def save_parameters(structure: Structure, vector: Array, path: str | Path, epoch: int = 0) -> None:
    """Write parameters to a file, atomically: an interruption leaves the old file whole.

    Parameters
    ----------
    structure : Structure
        The layers.
    vector : array (n_parameters,)
        Finite numbers, float32 or float64.
    path : str or Path
        The file, ``.safetensors`` by custom; its folder is made if need be.
    epoch : int
        After which epoch they stand there.

    Raises
    ------
    InputError
        If it can't be written, or a number is not finite.
    """
    arrays = structure.views(vector)
    check_arrays(arrays, structure.shapes, structure)  # what could not be loaded is not written
    description = {
        "format_version": FORMAT_VERSION,
        "layer_sizes": list(structure.layer_sizes),
        "activations": [activation.name for activation in structure.activations],
        "tables": [list(table) for table in structure.tables],
        "epoch": epoch,
    }
    write_arrays(path, arrays, KEY, description)


def load_parameters(path: str | Path, structure: Structure | None = None) -> SavedParameters:
    """Read a file that `save_parameters` or `glassnet.SaveParameters` wrote. It runs no code and believes nothing.

    Parameters
    ----------
    path : str or Path
        The file.
    structure : Structure, optional
        The layers that it must be of; needed where an activation is a function of one's own, which no file can hold.

    Raises
    ------
    InputError
        If the file is missing, is no such file, is cut short, is of a newer format, does not fit together, or is of
        another structure.
    """
    texts, arrays = read_arrays(path)
    if KEY not in texts:
        raise InputError(
            f"{path}: this is a safetensors file but holds no glassnet parameters; of a model, use glassnet.load"
        )
    try:
        told = Fields(read_json(texts[KEY], LONGEST_HEADER), "parameters")
        version = told.value("format_version", int)
        if version != FORMAT_VERSION:
            raise InputError(f"its format is {version}, and this glassnet reads {FORMAT_VERSION}")
        found = _found_structure(told, arrays, structure)
        epoch = told.value("epoch", int)
        if epoch < 0:
            raise InputError(f"epoch is {epoch}; it must be 0 or more")
        check_arrays(arrays, found.shapes, found)
    except FAULTS as error:
        raise InputError(f"{path}: the parameters can't be used: {fault(error)}") from None
    return SavedParameters(found, found.flatten(arrays, arrays["W1"].dtype), epoch)


def _found_structure(told: Fields, arrays: dict[str, Array], wanted: Structure | None) -> Structure:
    """Return the structure that the file tells of, or the wanted one, if it is that."""
    sizes = layers_of(told, arrays)
    names = told.list_of("activations", str)
    tables = [tuple(table) for table in told.list_of("tables", list)]
    if wanted is None:
        try:
            return Structure(sizes, names, tables)
        except InputError as error:
            raise InputError(f"{error}; an activation of one's own needs structure=") from None
    kinds: tuple[tuple[str, Any, Any], ...] = (
        ("layer_sizes", tuple(sizes), wanted.layer_sizes),
        ("activations", tuple(names), tuple(activation.name for activation in wanted.activations)),
        ("tables", tuple(tables), wanted.tables),
    )
    for kind, there, here in kinds:
        if there != here:
            raise InputError(f"it is of another structure: {kind} {there!r:.200}, and not {here!r:.200}")
    return wanted


def layers_of(told: Fields, arrays: dict[str, Array]) -> list[int]:
    """Return the layers' sizes; no more of them than there are arrays, before anything is made for each."""
    sizes = told.list_of("layer_sizes", int)
    if len(sizes) > len(arrays) + 1:
        raise InputError(f"there are {len(sizes) - 1:,} layers and {len(arrays):,} arrays; a layer has two")
    return sizes


def check_arrays(arrays: dict[str, Array], expected: dict[str, tuple[int, ...]], structure: Structure) -> None:
    """Refuse arrays that are not of these names and shapes, of the right dtypes, finite, and no factor 0."""
    if set(arrays) != set(expected):
        odd = ", ".join(sorted(set(arrays) ^ set(expected))[:8])
        raise InputError(f"the arrays are not those of layers {structure.layer_sizes}: {odd}")
    for name, shape in expected.items():
        array = arrays[name]
        if array.shape != shape:
            raise InputError(f"{name} has shape {array.shape}; it must be {shape}")
        wanted = ("float64",) if "." in name else ("float32", "float64")
        if array.dtype.name not in wanted or ("." not in name and array.dtype != arrays["W1"].dtype):
            raise InputError(
                f"{name} has dtype {array.dtype}; it must be {' or '.join(wanted)}, the same for all layers"
            )
        if not np.isfinite(array).all():
            raise InputError(f"{name} holds NaN or infinity")
        if name.endswith(".factor") and not array.all():
            raise InputError(f"{name} holds 0, by which no value can be scaled back")

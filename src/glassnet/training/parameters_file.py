"""Parameters in a file: safetensors with the arrays by name, and the structure in the metadata.

The file holds neither the state of the optimizer, nor that of the random stream, nor any preprocessing; checkpoints
hold what it takes to resume a training.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glassnet._utils.arrays import Array
from glassnet._utils.json_fields import FAULTS, Fields, fault, read_json
from glassnet._utils.safetensors_file import MAX_HEADER_BYTES, read_arrays, write_arrays
from glassnet.errors import InputError
from glassnet.network.serialization import read_layer_sizes, structure_fields, validate_arrays
from glassnet.network.structure import Structure

#: The metadata entry that holds the JSON, and the version of its fields.
KEY, FORMAT_VERSION = "glassnet-parameters", 2


@dataclass(frozen=True)
class SavedParameters:
    """The content of a parameters file.

    Parameters
    ----------
    structure : Structure
        The layers.
    vector : array (n_parameters,)
        The parameters, in the dtype in which they were trained; `glassnet.train` takes them as ``parameters``.
    epoch : int
        The epoch after which they were written; 0 if unknown.
    """

    structure: Structure
    vector: Array
    epoch: int

    @property
    def parameters(self) -> dict[str, Array]:
        """The parameters by name, views of `vector`."""
        return self.structure.views(self.vector)


def save_parameters(structure: Structure, vector: Array, path: str | Path, epoch: int = 0) -> None:
    """Write parameters to a file, atomically: an interrupted write leaves the old file intact.

    Parameters
    ----------
    structure : Structure
        The layers.
    vector : array (n_parameters,)
        Finite numbers, float32 or float64.
    path : str or Path
        The file, by convention ``.safetensors``; its folder is created if it does not exist.
    epoch : int
        The epoch after which they are written.

    Raises
    ------
    InputError
        If the file can't be written, or a number is not finite.
    """
    arrays = structure.views(vector)
    validate_arrays(arrays, structure.shapes, structure)
    description = {"format_version": FORMAT_VERSION, **structure_fields(structure), "epoch": epoch}
    write_arrays(path, arrays, KEY, description)


def load_parameters(path: str | Path, structure: Structure | None = None) -> SavedParameters:
    """Read a file written by `glassnet.SaveParameters`. Loading never executes code and validates all fields.

    Parameters
    ----------
    path : str or Path
        The file.
    structure : Structure, optional
        The expected structure; required for custom activations, which a file can't hold.

    Returns
    -------
    SavedParameters
        Structure, parameters and epoch.

    Raises
    ------
    InputError
        If the file is missing, truncated, not a parameters file, of another format version, inconsistent, or of another
        structure than the expected one.
    """
    texts, arrays = read_arrays(path)
    if KEY not in texts:
        raise InputError(
            f"{path}: this is a safetensors file but holds no glassnet parameters; of a model, use glassnet.load"
        )
    try:
        content = Fields(read_json(texts[KEY], MAX_HEADER_BYTES), "parameters")
        version = content.value("format_version", int)
        if version != FORMAT_VERSION:
            raise InputError(f"its format is {version}, and this glassnet reads {FORMAT_VERSION}")
        found = _read_structure(content, arrays, structure)
        epoch = content.value("epoch", int)
        if epoch < 0:
            raise InputError(f"epoch is {epoch}; it must be 0 or more")
        validate_arrays(arrays, found.shapes, found)
    except FAULTS as error:
        raise InputError(f"{path}: the parameters can't be used: {fault(error)}") from None
    return SavedParameters(found, found.flatten(arrays, arrays["W1"].dtype), epoch)


def _read_structure(content: Fields, arrays: dict[str, Array], expected: Structure | None) -> Structure:
    """Return the structure in the file, or the expected one if the file's is equal."""
    sizes = read_layer_sizes(content, arrays)
    names = content.list_of("activations", str)
    embeddings = [tuple(shape) for shape in content.list_of("embeddings", list)]
    if expected is None:
        try:
            return Structure(sizes, names, embeddings)
        except InputError as error:
            raise InputError(f"{error}; a custom activation needs structure=") from None
    compared: tuple[tuple[str, Any, Any], ...] = (
        ("layer_sizes", tuple(sizes), expected.layer_sizes),
        ("activations", tuple(names), tuple(activation.name for activation in expected.activations)),
        ("embeddings", tuple(embeddings), expected.embeddings),
    )
    for field, saved, required in compared:
        if saved != required:
            raise InputError(f"it has another structure: {field} is {saved!r:.200}, expected {required!r:.200}")
    return expected

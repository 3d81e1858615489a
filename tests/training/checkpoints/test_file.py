"""The file of a checkpoint: round trips, and invalid files."""

import hashlib
import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from glassnet.errors import InputError
from glassnet.training.checkpoints.file import DIGEST_BYTES, KEY, MAX_JSON_CHARS, read_checkpoint, write_checkpoint
from glassnet.training.state_dict import StateDict

from .trainings import STATE_DICT

MAX_BYTES = 2**28


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_checkpoint(tmp_path / "a.checkpoint", STATE_DICT)
    return tmp_path / "a.checkpoint"


def sealed(content: bytes) -> bytes:
    """Return a file's bytes with the right digest at their end."""
    return content + hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest()


def made_up(content: Any, arrays: dict[str, Any] | None = None, key: str = KEY) -> bytes:
    """Return a manipulated file: any JSON with a valid digest."""
    text = content if isinstance(content, str) else json.dumps({"format_version": 3, "metadata": content})
    content = save({**(arrays or {}), "digest": np.zeros(DIGEST_BYTES, np.uint8)}, {key: text})
    return sealed(content[:-DIGEST_BYTES])


def test_a_saved_state_is_loaded(path: Path) -> None:
    found = read_checkpoint(path, MAX_BYTES)
    assert found.metadata == STATE_DICT.metadata
    assert set(found.arrays) == set(STATE_DICT.arrays)
    for name, array in STATE_DICT.arrays.items():
        assert found.arrays[name].dtype == array.dtype and np.array_equal(found.arrays[name], array)
    assert path.stat().st_size == write_checkpoint(path, STATE_DICT)


def test_a_noncontiguous_array_is_written_in_row_major_order(tmp_path: Path) -> None:
    table = np.arange(12.0).reshape(3, 4)
    write_checkpoint(
        tmp_path / "a", StateDict({"turned": table.T, "some": table[:, ::2], "swapped": table.astype(">f8")})
    )
    found = read_checkpoint(tmp_path / "a", MAX_BYTES).arrays
    assert np.array_equal(found["turned"], table.T) and np.array_equal(found["some"], table[:, ::2])
    assert np.array_equal(found["swapped"], table)


def test_the_file_is_safetensors_and_ends_with_the_digest_of_the_rest(path: Path) -> None:
    arrays = load_file(path)
    assert np.array_equal(arrays["parameters"], STATE_DICT.arrays["parameters"])
    content = path.read_bytes()
    assert arrays["digest"].tobytes() == content[-32:] == hashlib.blake2b(content[:-32], digest_size=32).digest()


def test_a_file_truncated_at_any_byte_is_detected(path: Path) -> None:
    whole = path.read_bytes()
    for length in sorted({*np.linspace(0, len(whole) - 1, 200).astype(int), 7, 8, 39, 40, 41}):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match="a.checkpoint: it is (damaged or )?cut short"):
            read_checkpoint(path, MAX_BYTES)


def test_a_file_with_any_byte_changed_is_detected(path: Path) -> None:
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 64]) + whole[place + 1 :])
        with pytest.raises(InputError, match="damaged"):
            read_checkpoint(path, MAX_BYTES)
    path.write_bytes(whole + b"\0")
    with pytest.raises(InputError, match="damaged"):
        read_checkpoint(path, MAX_BYTES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (sealed(b"x" * 100), "not a safetensors file"),
        (sealed((2**40).to_bytes(8, "little") + b"{}"), "not a safetensors file"),
        (sealed((2).to_bytes(8, "little") + b"{}"), "not a safetensors file"),
        (made_up({}, key="glassnet"), "not a checkpoint of glassnet"),
        (sealed(save({"a": np.zeros(3)}, {KEY: "{}"})), "not a safetensors file"),
        (made_up('{"format_version": 3, "metadata": {}, "metadata": {}}'), "is repeated"),
        (made_up('{"format_version": 3, "metadata": {"a": {"b": 1, "b": 1}}}'), "is repeated"),
        (made_up('{"format_version": 3, "metadata": {"a": NaN}}'), "every number must be finite"),
        (made_up('{"format_version": 3, "metadata": {"a": 1e999}}'), "every number must be finite"),
        (
            made_up('{"format_version": 3, "metadata": ' + '{"a":' * 100_000 + "1" + "}" * 100_001),
            "more than 32 deep",
        ),
        (made_up('{"format_version": 3, "metadata": {"a": ' + "9" * 10_000 + "}}"), "digit"),
        (made_up('{"format_version": 3, "metadata": {"a": '), "Expecting value"),
        (made_up('{"format_version": 3, "metadata": []}'), "metadata is"),
        (made_up('{"format_version": 3}'), "'metadata' is missing"),
        (made_up('{"format_version": 1, "metadata": {}}'), "its format is 1, and this glassnet reads 3"),
        (made_up('{"format_version": true, "metadata": {}}'), "format_version is True"),
        (made_up("[]"), "not a JSON object"),
        (made_up("x" * (MAX_JSON_CHARS + 1)), "longer than 33554432 characters"),
        (made_up({"a": "#rm"}), "invalid literal"),
        (made_up({"a": {"#": [1, "x"]}}), "invalid literal"),
        (made_up({}, {"a": np.array([1.0, np.nan])}), "its array 'a' holds NaN"),
        (made_up({}, {"a": np.zeros(3, np.float16)}), "its array 'a' has dtype 'F16'"),
        (made_up({}, {f"a{number}": np.zeros(1) for number in range(1001)}), "1,002 arrays; the maximum is 1,000"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_malicious_file_with_a_correct_digest_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.checkpoint").write_bytes(content)
    with pytest.raises(InputError, match=message) as found:
        read_checkpoint(tmp_path / "a.checkpoint", MAX_BYTES)
    assert str(found.value).startswith(f"{tmp_path / 'a.checkpoint'}: ") and len(str(found.value)) < 400


def test_a_file_of_excessive_size_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.checkpoint"
    with open(path, "wb") as file:
        file.truncate(2**40)
    tracemalloc.start()
    with pytest.raises(InputError, match="it has 1,099,511,627,776 bytes, and a checkpoint of this training"):
        read_checkpoint(path, MAX_BYTES)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_a_path_that_is_not_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_checkpoint(tmp_path / "a", MAX_BYTES)
    with pytest.raises(InputError, match="this is not a file"):
        read_checkpoint(tmp_path, MAX_BYTES)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(InputError, match="this is not a file"):  # and it does not wait for a writer
            read_checkpoint(tmp_path / "pipe", MAX_BYTES)


def test_a_state_above_a_limit_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="its metadata has"):
        write_checkpoint(tmp_path / "a", StateDict({}, {"a": "x" * MAX_JSON_CHARS}))
    assert not list(tmp_path.iterdir())

"""A cache that is truncated, modified, malicious or of other files is detected and recreated."""

import json
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import sparse

from glassnet import InputError
from glassnet._utils.safe_folder import OpenFolder
from glassnet.data import open_files
from glassnet.streaming import block_readers, cache_file, scan
from glassnet.streaming.blocks import Block
from glassnet.streaming.cache_file import CacheFile, CacheWriter, DamagedCache, remove_unfinished
from tests.streaming.sample_files import SampleFiles, columns_of, pixels, read_all, scan_sample, source_of

OWNERS = {os.getuid()}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for using in (scan, block_readers):
        monkeypatch.setattr(using, "block_rows", lambda columns: 16)


@pytest.fixture
def files(tmp_path) -> SampleFiles:
    x, y = pixels(90)
    return SampleFiles(tmp_path / "t.csv", columns_of(x, y), 25)


def path_of(files) -> Path:
    (path,) = (files.files[0].parent / ".glassnet").iterdir()
    return path


def rows_of(found) -> list[bytes]:
    return [array.tobytes() for array in read_all(source_of(found).parts(16, None))[:2]]


# ------------------------------------------------------------------------------------------------------------- damage


def test_an_intact_cache_is_reused_without_reading_the_files(files):
    found = scan_sample(files, 0.2)
    again = scan_sample(files, 0.2)
    assert files.passes == 1 and again.cache is not None
    assert rows_of(again) == rows_of(found)
    for split, before in zip(again.splits, found.splits, strict=True):
        assert (split.digest, split.block_lengths, split.features.all_bytes) == (
            before.digest,
            before.block_lengths,
            before.features.all_bytes,
        )
        for name in ("count", "mean", "deviation", "min", "max"):
            np.testing.assert_array_equal(getattr(split.features, name), getattr(before.features, name))
            np.testing.assert_array_equal(getattr(split.target, name), getattr(before.target, name))
    assert again.target_profile.to_dict() == found.target_profile.to_dict()


def test_a_change_of_any_byte_is_detected(files):
    expected = rows_of(scan_sample(files))
    path = path_of(files)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in [*rng.integers(0, len(whole), 60).tolist(), *range(len(whole) - 52, len(whole))]:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        before = files.passes
        assert rows_of(scan_sample(files)) == expected
        assert files.passes == before + 1, f"byte {place} of {len(whole)}"
    assert path.read_bytes()[:-200] == whole[:-200]


def test_a_truncated_or_extended_cache_is_detected(files):
    expected = rows_of(scan_sample(files))
    path = path_of(files)
    whole = path.read_bytes()
    for content in (
        *(whole[: len(whole) * part // 20] for part in range(20)),
        whole[:-1],
        whole + b"\0",
        b"",
        whole[1:],
    ):
        path.write_bytes(content)
        before = files.passes
        assert rows_of(scan_sample(files)) == expected and files.passes == before + 1


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 4), st.integers(0, 2**64 - 1)), min_size=1, max_size=3))
def test_a_malicious_index_with_valid_checksums_is_rejected(tmp_path, changes):
    path = tmp_path / "malicious.blocks"
    writer = CacheWriter(path, 0o600)
    for first in range(5):
        writer.write(0, Block(np.full((4, 3), first, np.uint8), np.arange(4)))
    honest = list(writer.index)
    for column, block, value in changes:
        writer.index[8 * block + column] = value
    writer.finish({"columns": 3}, np.zeros((10, 3)))
    if list(writer.index) == honest:
        return
    try:
        cache = CacheFile(path, OWNERS)
        cache.check_blocks()
    except DamagedCache:
        return
    # what is left may be another split, which is for the metadata to deny
    different = [place for place, (a, b) in enumerate(zip(writer.index, honest, strict=True)) if a != b]
    assert all(place % 8 in (5, 7) for place in different)


@pytest.mark.parametrize(
    "metadata",
    [
        b"{",
        b"[" * 100_000,
        b"{}",
        b'{"columns": 0}',
        b'{"columns": 1e400}',
        b'{"columns": "3"}',
        b'{"columns": 4}',
        b'{"columns": [3]}',
        b"null",
        b"\xff\xfe",
        b'{"columns": 3}',
    ],
)
def test_malicious_metadata_with_valid_checksums_is_rejected(files, metadata):
    expected = rows_of(scan_sample(files))
    path = path_of(files)
    whole = path.read_bytes()
    path.write_bytes(with_metadata(whole, metadata))
    before = files.passes
    assert rows_of(scan_sample(files)) == expected and files.passes == before + 1


def with_metadata(whole: bytes, metadata: bytes) -> bytes:
    """Replace the metadata of a cache, and update every checksum and size."""
    size = cache_file._TRAILER.size
    magic, offset, size_before, index, statistics, _, _ = cache_file._TRAILER.unpack(whole[-size:])
    footer = metadata + whole[offset + size_before : -size]
    trailer = struct.pack("<16sQQQQI", magic, offset, len(metadata), index, statistics, zlib.crc32(footer))
    return whole[:offset] + footer + trailer + struct.pack("<I", zlib.crc32(trailer))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("names", ["a"]),
        ("entries", -1.5),
        ("values", {"texts": [1], "counts": [[], []], "whole": True, "many": False, "numbers": True}),
        ("values", {"texts": [], "counts": [[[1, -5]], []], "whole": True, "many": False, "numbers": True}),
        ("values", None),
        ("splits", []),
        ("splits", [{"rows": 3}, {}]),
        ("fingerprint", None),
        ("fingerprint", {"times": "0", "sizes": "0", "hash": "0"}),
        ("bad_rows", [[1]]),
        ("text_columns", 5),
    ],
)
def test_invalid_metadata_is_rejected(files, name, value):
    expected = rows_of(scan_sample(files))
    path = path_of(files)
    whole = path.read_bytes()
    size = cache_file._TRAILER.size
    _, offset, length, *_ = cache_file._TRAILER.unpack(whole[-size:])
    metadata = json.loads(whole[offset : offset + length])
    assert name in metadata
    path.write_bytes(with_metadata(whole, json.dumps(metadata | {name: value}).encode()))
    before = files.passes
    assert rows_of(scan_sample(files)) == expected and files.passes == before + 1


def test_a_huge_size_in_the_trailer_is_rejected(files):
    scan_sample(files)
    path = path_of(files)
    whole = path.read_bytes()
    trailer = struct.pack("<16sQQQQI", cache_file.MAGIC, 0, 2**62, 2**62, 2**63, 0)
    path.write_bytes(whole[: -cache_file._TRAILER.size] + trailer + struct.pack("<I", zlib.crc32(trailer)))
    with pytest.raises(DamagedCache, match="sizes"):
        CacheFile(path, OWNERS)


def test_numbers_that_are_not_finite_are_rejected_despite_a_valid_checksum(tmp_path):
    path = tmp_path / "t.blocks"
    for x in (np.array([[np.nan]]), sparse.csr_matrix(np.array([[np.inf]]))):
        writer = CacheWriter(path, 0o600)
        writer.write(0, Block(x, np.zeros(1, np.int64)))
        writer.finish({"columns": 1}, np.zeros((10, 1)))
        with pytest.raises(DamagedCache, match="not finite"):
            CacheFile(path, OWNERS).block(0, np.empty(1000, np.uint8))


@pytest.mark.parametrize(("array", "value"), [("indices", 3), ("indices", -1), ("indptr", 7)])
def test_csr_indices_out_of_range_are_rejected(tmp_path, array, value):
    x = sparse.csr_matrix(np.ones((2, 3)))
    getattr(x, array)[1] = value
    writer = CacheWriter(tmp_path / "t.blocks", 0o600)
    writer.write(0, Block(x, np.zeros(2, np.int64)))
    writer.finish({"columns": 3}, np.zeros((10, 3)))
    with pytest.raises(DamagedCache, match="column index|row pointers"):
        CacheFile(tmp_path / "t.blocks", OWNERS).block(0, np.empty(1000, np.uint8))


def test_files_of_other_users_links_folders_and_pipes_are_rejected(files, tmp_path):
    scan_sample(files)
    path = path_of(files)
    with pytest.raises(DamagedCache, match="another user"):
        CacheFile(path, {os.getuid() + 1})
    (tmp_path / "link").symlink_to(path)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "folder", "pipe", "nothing"):
        with pytest.raises(DamagedCache):
            CacheFile(tmp_path / name, OWNERS)


# ------------------------------------------------------------------------------------------------------- other files


def test_modified_files_get_a_new_cache_and_touched_ones_keep_theirs(files, tmp_path):
    scan_sample(files)
    stat = files.files[0].stat()
    os.utime(files.files[0], ns=(1, stat.st_mtime_ns + 10**9))
    assert scan_sample(files).cache and files.passes == 1
    text = files.files[0].read_text()
    files.files[0].write_text(text.replace("255", "254", 1))
    scan_sample(files)
    assert files.passes == 2
    files.files[0].write_text(text + text.splitlines()[-1] + "\n")
    scan_sample(files)
    assert files.passes == 3 and len(list((tmp_path / ".glassnet").iterdir())) == 1


def test_a_cache_depends_on_the_labels_of_idx_images(tmp_path):
    images = tmp_path / "train-images-idx3-ubyte"
    labels = tmp_path / "train-labels-idx1-ubyte"
    images.write_bytes(b"\0\0\x08\x03" + struct.pack(">3I", 40, 2, 2) + bytes(range(160)))
    for many in (4, 2):
        labels.write_bytes(b"\0\0\x08\x01" + struct.pack(">I", 40) + bytes(row % many for row in range(40)))
        assert scan_sample(open_files(images)).target_profile.unique.tolist() == list(range(many))


def test_a_cache_depends_on_every_image_in_a_folder_and_its_class(tmp_path):
    for row in range(6):
        (tmp_path / "data" / "ab"[row % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((2, 2), row, np.uint8)).save(tmp_path / "data" / "ab"[row % 2] / f"{row}.png")

    def summary():
        found = scan_sample(open_files(tmp_path / "data"))
        return found.target_profile.unique.tolist(), round(found.splits[0].features.mean[0] * len(found.splits[0]))

    assert summary() == (["a", "b"], 15)
    (tmp_path / "data" / "b").rename(tmp_path / "data" / "c")
    assert summary() == (["a", "c"], 15)
    Image.fromarray(np.full((2, 2), 9, np.uint8)).save(tmp_path / "data" / "c" / "3.png")
    assert summary() == (["a", "c"], 21)
    Image.fromarray(np.full((2, 2), 1, np.uint8)).save(tmp_path / "data" / "c" / "new.png")
    assert summary() == (["a", "c"], 22)


def test_other_options_make_another_cache_and_the_older_one_is_removed(files, tmp_path):
    scan_sample(files, 0.2)
    assert scan_sample(files, 0.3).options.validation_fraction == 0.3 and files.passes == 2
    assert len(list((tmp_path / ".glassnet").iterdir())) == 1


def test_a_cache_has_the_permissions_of_its_files(files):
    files.files[0].chmod(0o600)
    scan_sample(files)
    assert path_of(files).stat().st_mode & 0o777 == 0o600


def test_if_the_folder_is_not_writable_the_cache_is_in_the_users_cache_folder(files, tmp_path, monkeypatch):
    (tmp_path / ".glassnet").write_text("in the way")
    monkeypatch.setenv("GLASSNET_CACHE_DIR", str(tmp_path / "own"))
    found = scan_sample(files)
    assert found.cache.path.parent == tmp_path / "own" / "data" and found.cache_error == ""
    scan_sample(files)
    assert files.passes == 1


def test_if_nothing_is_writable_each_pass_reads_the_files_and_the_reason_is_reported(files, tmp_path, monkeypatch):
    (tmp_path / ".glassnet").write_text("in the way")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "data").write_text("in the way")
    monkeypatch.setenv("GLASSNET_CACHE_DIR", str(tmp_path / "own"))
    found = scan_sample(files)
    assert found.cache is None and ".glassnet: can't be written" in found.cache_error
    assert len(read_all(source_of(found).parts(16, None))[0]) == 90 and files.passes == 2


def test_a_disk_that_becomes_full_costs_only_the_cache(files, tmp_path, monkeypatch):
    written = []

    def write(self, split, block):
        written.append(block)
        if len(written) == 3:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(CacheWriter, "write", write)
    found = scan_sample(files)
    assert found.cache is None and "No space left on device" in found.cache_error
    assert list((tmp_path / ".glassnet").iterdir()) == []
    assert len(read_all(source_of(found).parts(16, None))[0]) == 90


def test_an_error_in_the_files_leaves_no_partial_cache(files, tmp_path):
    files.table = files.table.set_column(2, "x1", [[np.inf if row == 70 else 1.5 for row in range(90)]])
    with pytest.raises(InputError, match="x1"):
        scan_sample(files)
    assert list((tmp_path / ".glassnet").iterdir()) == []


def test_files_of_killed_writers_are_removed_and_those_of_running_ones_are_not(tmp_path):
    living = CacheWriter(tmp_path / "a.blocks", 0o600)
    (tmp_path / f"b.0123456789abcdef{cache_file.UNFINISHED}").write_bytes(b"half")
    remove_unfinished(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [living.temporary_name]
    living.abandon()
    assert not list(tmp_path.iterdir())


def test_a_writer_whose_file_is_removed_before_it_is_locked_creates_another(files, monkeypatch):
    made = []
    create = OpenFolder.create_temporary

    def removed_at_once(folder, *arguments):
        handle, name = create(folder, *arguments)
        made.append(name)
        if len(made) < 3:
            remove_unfinished(files.files[0].parent / ".glassnet")
        return handle, name

    monkeypatch.setattr(OpenFolder, "create_temporary", removed_at_once)
    found = scan_sample(files)
    assert found.cache_error == "" and len(made) == 3
    assert list(found.cache.path.parent.iterdir()) == [found.cache.path]


def test_a_cache_that_another_process_removes_at_once_is_still_used(files, monkeypatch):
    replace = OpenFolder.replace

    def removed(folder, source, target):
        replace(folder, source, target)
        os.unlink(folder.path / target)

    monkeypatch.setattr(OpenFolder, "replace", removed)
    found = scan_sample(files)
    assert found.cache_error == "" and found.cache is not None
    assert len(read_all(source_of(found).parts(16, None))[0]) == 90 and files.passes == 1


def test_files_modified_while_they_are_read_are_rejected(files):
    text = files.files[0].read_text()
    blocks = files.blocks

    def growing(names=()):
        for number, table in enumerate(blocks(names)):
            if number == 1:
                files.files[0].write_text(text * 2)
            yield table

    files.blocks = growing
    with pytest.raises(InputError, match="modified while it was read"):
        scan_sample(files)


def test_a_cache_that_is_replaced_while_it_is_used_is_not_removed(files, tmp_path):
    found = scan_sample(files)
    assert found.cache is not None
    path = found.cache.path
    path.rename(tmp_path / "moved")
    path.write_bytes(b"a file of the user")
    found.cache.remove()
    assert path.read_bytes() == b"a file of the user"
    path.unlink()
    (tmp_path / "moved").rename(path)
    found.cache.remove()
    assert not path.exists()

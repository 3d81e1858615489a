"""Atomic writes: what is replaced, what is refused, what is unchanged."""

import os
from pathlib import Path

import pytest

from glassnet import InputError
from glassnet._utils import safe_folder
from glassnet._utils.atomic_write import check_writable, write_atomically

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links, pipes and permissions are made like this on POSIX")


@pytest.fixture(autouse=True, params=["openat", "by path"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "by path":
        monkeypatch.setattr(safe_folder, "HAS_DIR_FD", False)
        monkeypatch.setattr(safe_folder, "SAFE_FLAGS", 0)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_in_pieces_into_a_new_folder(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "b" / "file", (piece for piece in (b"one", memoryview(b"two"))))
    assert (tmp_path / "a" / "b" / "file").read_bytes() == b"onetwo" and names(tmp_path / "a" / "b") == ["file"]


def test_a_new_file_has_the_usual_permissions_and_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    for mode in (None, 0o600, 0o640, 0o444):
        path = tmp_path / f"file{mode}"
        if mode is not None:
            path.write_bytes(b"old")
            path.chmod(mode)
        check_writable(path)
        write_atomically(path, b"new")
        assert path.read_bytes() == b"new"
        assert path.stat().st_mode == ((tmp_path / "usual").stat().st_mode if mode is None else 0o100000 | mode)


@pytest.mark.parametrize("existing", [True, False], ids=["file", "dangling"])
def test_a_link_is_replaced_and_its_target_is_not_changed(tmp_path: Path, existing: bool) -> None:
    target = tmp_path / "target"
    if existing:
        target.write_bytes(b"precious")
    (tmp_path / "link").symlink_to(target)
    check_writable(tmp_path / "link")
    write_atomically(tmp_path / "link", b"new")
    assert not (tmp_path / "link").is_symlink() and (tmp_path / "link").read_bytes() == b"new"
    assert target.read_bytes() == b"precious" if existing else not target.exists()


def test_the_other_names_of_a_file_keep_the_old_content(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"precious")
    os.link(tmp_path / "other", tmp_path / "file")
    write_atomically(tmp_path / "file", b"new")
    assert (tmp_path / "other").read_bytes() == b"precious" and (tmp_path / "file").read_bytes() == b"new"


@pytest.mark.parametrize("linked", [False, True])
def test_pipes_devices_and_folders_are_refused(tmp_path: Path, linked: bool) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "device").symlink_to(os.devnull)
    for name, reason in (("pipe", "a pipe"), ("folder", "this is a folder"), ("device", "this is a device")):
        path = tmp_path / name
        if linked:
            (tmp_path / f"{name}-link").symlink_to(path)
            path = tmp_path / f"{name}-link"
        for write in (check_writable, lambda path: write_atomically(path, b"new")):
            with pytest.raises(InputError, match=reason):
                write(path)
        assert path.is_symlink() == (linked or name == "device")
    assert not list((tmp_path / "folder").iterdir())


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")

    def pieces():
        yield b"half"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", pieces())
    assert (tmp_path / "file").read_bytes() == b"old" and names(tmp_path) == ["file"]


def test_a_name_of_the_maximum_length_is_written(tmp_path: Path) -> None:
    for name in ("n" * 255, "é" * 127):
        write_atomically(tmp_path / name, b"new")
        assert (tmp_path / name).read_bytes() == b"new"


def test_a_path_that_can_not_be_written_names_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for write in (check_writable, lambda path: write_atomically(path, b"new")):
        with pytest.raises(InputError, match="can't be written: .*; choose another path"):
            write(tmp_path / "file" / "inside")

"""Files in a folder that others prepared: no link is followed, with and without the system's help."""

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from glassnet._utils import safe_folder
from glassnet._utils.safe_folder import OpenFolder, is_link, is_private_folder, open_own_file

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links, pipes and owners are made like this on POSIX")


@pytest.fixture(params=["openat", "by path"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder; by path as on Windows, which has neither O_NOFOLLOW nor names relative to a folder."""
    if request.param == "by path":
        monkeypatch.setattr(safe_folder, "HAS_DIR_FD", False)
        monkeypatch.setattr(safe_folder, "SAFE_FLAGS", 0)
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


def read(path: Path, flags: int = os.O_RDONLY) -> bytes:
    with os.fdopen(open_own_file(path, flags), "rb") as file:
        return file.read()


def test_a_file_is_created_written_renamed_and_removed(folder: Path) -> None:
    with OpenFolder(folder) as opened:
        handle, name = opened.create_temporary("a.", ".part", 0o640)
        os.write(handle, b"content")
        status = os.fstat(handle)
        os.close(handle)
        assert opened.names() == [name] and len(name) == len("a..part") + 16
        opened.replace(name, "b")
        opened.sync()
        assert opened.names() == ["b"] and os.path.samestat(opened.status("b"), status)
        opened.remove("b", status)
        assert opened.names() == []


def test_an_existing_name_is_not_created_again(folder: Path) -> None:
    (folder / "file").write_bytes(b"old")
    (folder / "dangling").symlink_to(folder.parent / "elsewhere")
    with OpenFolder(folder) as opened:
        for name in ("file", "dangling"):
            with pytest.raises(FileExistsError):
                opened.create(name)
    assert (folder / "file").read_bytes() == b"old" and not (folder.parent / "elsewhere").exists()


def test_an_own_file_is_opened(folder: Path) -> None:
    (folder / "file").write_bytes(b"content")
    assert read(folder / "file") == b"content" and read(folder / "file", os.O_RDWR) == b"content"


def link(path: Path, victim: Path) -> None:
    path.symlink_to(victim)


def hard_link(path: Path, victim: Path) -> None:
    os.link(victim, path)


def pipe(path: Path, victim: Path) -> None:
    os.mkfifo(path)


def subfolder(path: Path, victim: Path) -> None:
    path.mkdir()


def unix_socket(path: Path, victim: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        directory = os.getcwd()
        os.chdir(path.parent)  # the path of a socket has about 100 characters
        try:
            bound.bind(path.name)
        finally:
            os.chdir(directory)


def device(path: Path, victim: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 7))  # /dev/full
    except OSError as error:
        pytest.skip(f"devices can't be made here: {error}")


ODD: dict[Callable[[Path, Path], None], str] = {
    link: "symbolic link",
    hard_link: "2 names",
    pipe: "not a regular file",
    subfolder: "not a regular file",
    unix_socket: "not a regular file",
    device: "not a regular file",
}


@pytest.mark.parametrize("make", ODD)
@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_RDWR, os.O_RDWR | os.O_TRUNC])
def test_what_is_no_file_of_its_own_is_refused(folder: Path, make: Callable[[Path, Path], None], flags: int) -> None:
    victim = folder.parent / "victim"
    victim.write_bytes(b"precious")
    make(folder / "odd", victim)
    with pytest.raises(PermissionError, match=ODD[make]):
        open_own_file(folder / "odd", flags)
    assert victim.read_bytes() == b"precious"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_a_file_of_another_user_is_refused_unless_the_folder_is_theirs_too(folder: Path) -> None:
    (folder / "file").write_bytes(b"content")
    os.chown(folder / "file", 12345, 12345)
    with pytest.raises(PermissionError, match="another user"):
        open_own_file(folder / "file")
    os.chown(folder, 12345, 12345)
    assert read(folder / "file") == b"content"


def test_a_file_that_is_exchanged_while_it_is_opened_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "file").write_bytes(b"content")
    (folder / "other").write_bytes(b"precious")
    plain = os.open

    def exchanged(path: str, *arguments: int, **named: int | None) -> int:
        if str(path).endswith("file"):
            os.replace(folder / "other", folder / "file")
        return plain(path, *arguments, **named)

    with OpenFolder(folder) as opened:
        monkeypatch.setattr(os, "open", exchanged)
        with pytest.raises(PermissionError, match="exchanged"):
            opened.open("file")


def test_an_exchanged_folder_is_not_written_to(tmp_path: Path) -> None:
    if not safe_folder.HAS_DIR_FD:
        pytest.skip("names are not relative to an open folder here")
    (tmp_path / "folder").mkdir()
    (tmp_path / "victim").mkdir()
    with OpenFolder(tmp_path / "folder") as opened:
        (tmp_path / "folder").rename(tmp_path / "moved")
        (tmp_path / "folder").symlink_to(tmp_path / "victim")
        os.close(opened.create("new"))
    assert [path.name for path in (tmp_path / "moved").iterdir()] == ["new"]
    assert not list((tmp_path / "victim").iterdir())


def test_only_the_file_that_was_written_is_removed(folder: Path) -> None:
    with OpenFolder(folder) as opened:
        handle, name = opened.create_temporary("a")
        status = os.fstat(handle)
        (folder / name).rename(folder / "moved")
        (folder / name).write_bytes(b"of another program")
        opened.remove(name, status)
        os.close(handle)
    assert (folder / name).read_bytes() == b"of another program"


def test_a_link_to_a_folder_is_followed_only_if_the_user_named_it(folder: Path) -> None:
    (folder.parent / "link").symlink_to(folder)
    with OpenFolder(folder.parent / "link") as opened:
        os.close(opened.create("new"))
    assert (folder / "new").exists()
    with pytest.raises(PermissionError, match="symbolic link"):
        OpenFolder(folder.parent / "link", follow=False)
    with pytest.raises(NotADirectoryError):
        OpenFolder(folder / "new")
    with pytest.raises(FileNotFoundError):
        OpenFolder(folder / "missing")


def test_a_closed_folder_is_not_used(folder: Path) -> None:
    opened = OpenFolder(folder)
    opened.close()
    opened.close()
    if safe_folder.HAS_DIR_FD:
        with pytest.raises(OSError, match="file descriptor"):
            opened.create("new")


def test_no_handle_is_left_open(folder: Path) -> None:
    (folder / "file").touch()
    (folder / "link").symlink_to(folder / "file")

    def lowest_free() -> int:
        handle = os.open(os.devnull, os.O_RDONLY)
        os.close(handle)
        return handle

    before = lowest_free()
    for name in ("file", "link", "missing"):
        try:
            os.close(open_own_file(folder / name))
        except OSError:
            assert name != "file"
    assert lowest_free() == before


def test_a_junction_of_windows_is_a_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", 0xA0000003, raising=False)
    assert is_link(SimpleNamespace(st_mode=stat.S_IFDIR, st_reparse_tag=0xA0000003))
    assert not is_link(SimpleNamespace(st_mode=stat.S_IFDIR, st_reparse_tag=0))


def test_a_private_folder_is_one_that_only_this_user_can_write_to(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir(mode=0o755)
    assert is_private_folder(tmp_path / "own")
    (tmp_path / "own").chmod(0o775)
    assert not is_private_folder(tmp_path / "own")
    (tmp_path / "own").chmod(0o700)
    (tmp_path / "link").symlink_to(tmp_path / "own")
    (tmp_path / "file").touch()
    for name in ("link", "file", "missing"):
        assert not is_private_folder(tmp_path / name)

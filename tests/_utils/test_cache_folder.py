"""The user's cache folder: where it is, and that nothing that others prepared takes its place."""

import os
import tempfile
from pathlib import Path

import platformdirs
import pytest

from glassnet._utils.cache_folder import user_cache_folder

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links and permissions are made like this on POSIX")


@pytest.fixture
def fallback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder to fall back to, which does not exist yet, with a home that can't be written to."""
    monkeypatch.delenv("GLASSNET_CACHE_DIR", raising=False)
    (tmp_path / "home").touch()
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: tmp_path / "home" / "glassnet")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path / "temporary" / f"glassnet-{os.getuid()}"


def is_unusable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True)
    except OSError:
        return True
    return False


def test_the_folder_that_the_user_names_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLASSNET_CACHE_DIR", str(tmp_path / "named"))
    assert user_cache_folder() == tmp_path / "named"


def test_the_users_cache_folder_of_the_system_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GLASSNET_CACHE_DIR", raising=False)
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: tmp_path / "home" / "glassnet")
    assert user_cache_folder() == tmp_path / "home" / "glassnet" and (tmp_path / "home" / "glassnet").is_dir()


def test_the_folder_in_the_temporary_folder_is_this_users_alone(fallback: Path) -> None:
    assert user_cache_folder() == fallback
    assert fallback.stat().st_mode & 0o777 == 0o700
    assert user_cache_folder() == fallback


def test_a_link_in_the_temporary_folder_is_not_followed(fallback: Path, tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir(mode=0o700)
    fallback.symlink_to(tmp_path / "victim")
    assert is_unusable(user_cache_folder()) and not list((tmp_path / "victim").iterdir())


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
def test_a_folder_that_others_can_write_to_is_not_used(fallback: Path, mode: int) -> None:
    fallback.mkdir()
    fallback.chmod(mode)
    assert is_unusable(user_cache_folder()) and not list(fallback.iterdir())


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives folders away")
def test_a_folder_of_another_user_is_not_used(fallback: Path) -> None:
    fallback.mkdir(mode=0o700)
    os.chown(fallback, 12345, 12345)
    assert is_unusable(user_cache_folder())


def test_a_file_of_that_name_is_not_used(fallback: Path) -> None:
    fallback.write_text("precious")
    assert is_unusable(user_cache_folder()) and fallback.read_text() == "precious"

"""The user's cache folder, for compiled code and for streamed rows."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

import platformdirs

from glassnet._utils.safe_folder import is_private_folder


def user_cache_folder() -> Path:
    """Return GLASSNET_CACHE_DIR, or the user's cache folder of the system.

    If the latter is not writable (a read-only home, a container without one), return a folder of this user in the
    temporary folder. Another user may have created it, or a link of that name: unless it is a folder that only this
    user can write to, return a path where nothing can be written, so that there is no cache.
    """
    configured = os.environ.get("GLASSNET_CACHE_DIR")
    if configured:
        return Path(configured).absolute()
    folder = platformdirs.user_cache_path("glassnet", appauthor=False)
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.access(folder, os.W_OK):
        return folder
    temporary = Path(tempfile.gettempdir()) / f"glassnet-{os.getuid() if hasattr(os, 'getuid') else 'cache'}"
    with contextlib.suppress(OSError):
        temporary.mkdir(mode=0o700)
    return temporary if is_private_folder(temporary) else Path(os.devnull) / "glassnet"

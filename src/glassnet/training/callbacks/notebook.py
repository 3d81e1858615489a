"""Notebook output that can be updated in place, by IPython if it is running; it is never imported here."""

from __future__ import annotations

import sys
from typing import Any


class NotebookDisplay:
    """A part of the output of the running cell."""

    def __init__(self, display: Any) -> None:
        self._display = display
        self._handle = None

    def show(self, content: dict[str, Any]) -> None:
        """Show content by media type (``{"text/plain": "…"}``), replacing what was shown before."""
        if self._handle is None:
            self._handle = self._display.display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)


def notebook_display() -> NotebookDisplay | None:
    """Return a new display in a notebook, else None: IPython in a terminal can't update its output."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or getattr(shell, "kernel", None) is None:
        return None
    from importlib import import_module

    return NotebookDisplay(import_module("IPython.display"))

"""A place in a notebook's output that can be shown anew; IPython is used where it runs already, and never imported."""

from __future__ import annotations

import sys
from typing import Any


class NotebookPlace:
    """A piece of the output of the cell that runs now."""

    def __init__(self, display: Any) -> None:
        self._display = display
        self._handle = None

    def show(self, content: dict[str, Any]) -> None:
        """Show content, by its media types (``{"text/plain": "…"}``), in place of what was shown before."""
        if self._handle is None:
            self._handle = self._display.display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)


def notebook_place() -> NotebookPlace | None:
    """Return a new place if this is a notebook, else None: a terminal's IPython can't change what it has shown."""
    python = sys.modules.get("IPython")
    shell = python.get_ipython() if python is not None else None
    if shell is None or getattr(shell, "kernel", None) is None:
        return None
    from importlib import import_module

    return NotebookPlace(import_module("IPython.display"))

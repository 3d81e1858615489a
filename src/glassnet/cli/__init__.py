"""The command line: ``glassnet train``, ``evaluate``, ``predict``, ``show``, ``plot``, ``serve``, …."""

from glassnet.cli.app import main

__all__ = ["main"]

"""The command line: ``glassnet train``, ``evaluate``, ``predict``, ``show``, ``plot``, ``check-gradients``."""

from glassnet.cli.app import main

__all__ = ["main"]

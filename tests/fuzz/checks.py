"""Checks of what must hold for every corrupted file."""

from __future__ import annotations

import contextlib
import io
import re
from typing import Any

import numpy as np

from glassnet.cli import main

#: Control characters, which must not be printed to a terminal.
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Violation(Exception):
    """Something that must not happen did happen."""


def check_finite(numbers: np.ndarray, count: int | None = None) -> None:
    """Check that all numbers are finite, and how many there are."""
    numbers = np.asarray(numbers)
    if not np.isfinite(numbers).all() or (count is not None and numbers.size != count):
        raise Violation(f"{numbers.size} numbers for {count}, or not finite: {numbers!r:.200}")


def run_command(arguments: list[str]) -> None:
    """Run the command line; check exit code (0 or 2), error (one line) and output (no control characters)."""
    out = io.TextIOWrapper(io.BytesIO(), "utf-8")
    err = io.StringIO()
    out.isatty = lambda: arguments[0] == "predict"  # type: ignore[method-assign]  # rich writes in bold on terminals
    code: Any = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(arguments)
        except SystemExit as end:
            code = end.code
    out.flush()
    printed = out.buffer.getvalue().decode("utf-8", "replace")  # type: ignore[attr-defined]  # it is BytesIO
    if code not in (0, 2, None) or (code == 2 and err.getvalue().count("\n") != 1):
        raise Violation(f"glassnet {' '.join(arguments)}: exit code {code}, {err.getvalue()!r:.400}")
    if control := CONTROL.search(printed + err.getvalue()):
        raise Violation(f"glassnet {' '.join(arguments)} prints {control.group()!r}")

"""Internationalization: texts in each language, one JSON file for each, and the format of numbers."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from glassnet.errors import InputError

#: The languages of pictures and reports.
LANGUAGES = ("en", "ko")


class Translator:
    """The texts of a package in one language.

    Parameters
    ----------
    package : str
        The package with the folder ``texts``.
    language : str
        One of `LANGUAGES`.

    Raises
    ------
    InputError
        If the language is not available.
    """

    def __init__(self, package: str, language: str = "en") -> None:
        if language not in LANGUAGES:
            raise InputError(f"language is {language!r:.40}; it must be one of {', '.join(LANGUAGES)}")
        text = (files(package) / "texts" / f"{language}.json").read_text(encoding="utf-8")
        self.language = language
        self.texts: dict[str, str] = json.loads(text)

    def __call__(self, key: str, **values: Any) -> str:
        """Return a text with its values inserted; integers get thousands separators.

        A text with the key ``key (1)`` is the singular, used for ``count=1``.
        """
        if values.get("count") == 1 and f"{key} (1)" in self.texts:
            key = f"{key} (1)"
        shown = {name: f"{value:,}" if isinstance(value, int) else value for name, value in values.items()}
        return self.texts[key].format(**shown)


def format_number(value: float, digits: int = 4) -> str:
    """Return a number with n significant digits and a Unicode minus."""
    return f"{value:.{digits}g}".replace("-", "−")


def format_percent(share: float) -> str:
    """Return a share in percent, with no-break spaces; values close to 0 % and 100 % are not rounded to these."""
    if 0 < share < 0.0005:
        return "<\N{NO-BREAK SPACE}0.1\N{NO-BREAK SPACE}%"
    if 0.9995 <= share < 1:
        return ">\N{NO-BREAK SPACE}99.9\N{NO-BREAK SPACE}%"
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%"


def truncate(name: str, length: int) -> str:
    """Return a name on one line, cut to a length and marked with an ellipsis if it is longer."""
    name = " ".join(name.split())
    return name if len(name) <= length else name[: length - 1] + "…"

"""What a picture says, in the reader's language: one file of texts for each."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from glassnet.errors import InputError

#: The languages that there are.
LANGUAGES = ("en", "ko")


class Words:
    """The texts of a room in a language.

    Parameters
    ----------
    room : str
        The package with the folder ``texts``.
    language : str
        One of `LANGUAGES`.

    Raises
    ------
    InputError
        If there is no such language.
    """

    def __init__(self, room: str, language: str = "en") -> None:
        if language not in LANGUAGES:
            raise InputError(f"language is {language!r:.40}; it must be one of {', '.join(LANGUAGES)}")
        text = (files(room) / "texts" / f"{language}.json").read_text(encoding="utf-8")
        self.language, self.texts = language, dict(json.loads(text))

    def __call__(self, key: str, **values: Any) -> str:
        """Return a text with its values put in; whole numbers get their thousands marked.

        Where there is a text for ``key (1)``, it is the one for a count of 1.
        """
        if values.get("count") == 1:
            key = key if f"{key} (1)" not in self.texts else f"{key} (1)"
        shown = {name: f"{value:,}" if isinstance(value, int) else value for name, value in values.items()}
        return str(self.texts[key]).format(**shown)


def number(value: float, digits: int = 4) -> str:
    """Return a number for a person, with so many digits that count, and the sign that typesetters use."""
    return f"{value:.{digits}g}".replace("-", "−")


def percent(share: float) -> str:
    """Return a share in percent, in one piece; what is not quite all or nothing is not told as that."""
    if 0 < share < 0.0005:
        return "<\N{NO-BREAK SPACE}0.1\N{NO-BREAK SPACE}%"
    if 0.9995 <= share < 1:
        return ">\N{NO-BREAK SPACE}99.9\N{NO-BREAK SPACE}%"
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%"


def short(name: str, length: int) -> str:
    """Return a name that fits; what is cut off is told by dots."""
    name = " ".join(name.split())
    return name if len(name) <= length else name[: length - 1] + "…"

"""Escape control characters in text from files before it is shown on a terminal, in an image or on a page."""

from __future__ import annotations

import json
import re

#: Control characters (terminal escape sequences), line breaks, bidirectional overrides (Boucher & Anderson 2021,
#: arXiv:2111.00169), invisible characters and surrogates. Joiners (U+200C, U+200D) are kept: Persian, Hindi and many
#: emoji need them.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)


def escape_control_chars(text: object, max_chars: int = 0) -> str:
    r"""Return a text as one line with unsafe characters escaped: ESC becomes the four characters ``\x1b``.

    Parameters
    ----------
    text : object
        Converted by ``str``.
    max_chars : int
        The maximum length before escaping, 0 for any; longer texts end in ``…``.
    """
    shown = str(text)
    if 0 < max_chars < len(shown):
        shown = shown[: max_chars - 1] + "…"
    return _UNSAFE.sub(lambda found: found.group().encode("unicode_escape").decode(), shown)


def json_without_control_chars(content: object) -> str:
    """Return JSON on one line with unsafe characters as JSON escapes, which parse to the same values."""
    return _UNSAFE.sub(lambda found: json.dumps(found.group())[1:-1], json.dumps(content, ensure_ascii=False))

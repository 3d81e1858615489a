"""Text that came from a file, made fit for a terminal, a picture or a page: what would act, or hide, is written out."""

from __future__ import annotations

import json
import re

#: Control characters (an escape moves the cursor, sets colours, renames the window), line breaks, characters that turn
#: the direction of what follows (Boucher & Anderson 2021, arXiv:2111.00169), those that nobody sees, and halves of
#: pairs. Joiners (U+200C, U+200D) stay: Persian, Hindi and many emoji are spelled with them.
_ACTING = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)


def escape_control_chars(text: object, most: int = 0) -> str:
    r"""Return a text as one line in which nothing acts or hides: ``"a\x1b[2J"`` is shown as ``a\x1b[2J``, written out.

    Parameters
    ----------
    text : object
        What is shown; its ``str``.
    most : int
        Characters that are shown at most, 0 for all; a longer text ends in ``…``.
    """
    told = str(text)
    told = told[: most - 1] + "…" if 0 < most < len(told) else told
    return _ACTING.sub(lambda found: found.group().encode("unicode_escape").decode(), told)


def json_without_control_chars(content: object) -> str:
    """Return JSON on one line, in which such characters are written as JSON's own escapes: it reads as the same."""
    return _ACTING.sub(lambda found: json.dumps(found.group())[1:-1], json.dumps(content, ensure_ascii=False))

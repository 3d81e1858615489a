"""Protection against CSV injection: text that spreadsheets would run as a formula."""

from __future__ import annotations

import re

#: What spreadsheets take for a formula: these signs, also full-width, at the beginning, after blanks, or after a
#: character that separates cells in some locale; and a tab or a line break at the beginning
#: (https://owasp.org/www-community/attacks/CSV_Injection).
_FORMULA = re.compile(r"(^|[;,|\t\r\n])(?=\s*[=+\-@＝＋－＠])|^(?=[\t\r\n])")


def spreadsheet_safe(text: str) -> str:
    """Insert an apostrophe before text that a spreadsheet would run as a formula: ``=cmd()`` becomes ``'=cmd()``.

    Parameters
    ----------
    text : str
        A cell or a column name; numbers such as -1.5 need no protection.
    """
    return _FORMULA.sub(r"\1'", text)

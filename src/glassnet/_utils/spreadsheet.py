"""Text in a CSV file that a spreadsheet shows and does not run."""

from __future__ import annotations

import re

#: What makes a spreadsheet take a cell for a formula: these signs, also full-width as East Asian keyboards have them,
#: at the beginning, after blanks, or after what some country's spreadsheet takes for the end of a cell; and a tab or a
#: line break at the beginning (https://owasp.org/www-community/attacks/CSV_Injection).
_RUNS = re.compile(r"(^|[;,|\t\r\n])(?=\s*[=+\-@＝＋－＠])|^(?=[\t\r\n])")


def spreadsheet_safe(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would run as a formula: ``=cmd()`` becomes ``'=cmd()``.

    Parameters
    ----------
    text : str
        A cell or a column's name. Numbers need none of this: -1.5 is a number to a spreadsheet too.
    """
    return _RUNS.sub(r"\1'", text)

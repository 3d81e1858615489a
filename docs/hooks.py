"""What MkDocs does beside rendering Markdown: formulas become MathML, and links to source files become text.

MathML needs no script in the browser. Source files are not part of the site, so a link to one would lead nowhere.
"""

import html
import re
from typing import Any

from latex2mathml.converter import convert

_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)
_SOURCE_LINK = re.compile(r"\[([^\]]+)\]\(\.\./((?:src|examples|benchmarks|tests)/[^)]+|[A-Z]+\.md)\)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace links to files outside the documentation by the file's path."""
    return _SOURCE_LINK.sub(r"`\2`", markdown)


def on_page_content(content: str, **_: Any) -> str:
    """Replace formulas by MathML."""
    return _FORMULA.sub(_to_mathml, content)


def _to_mathml(match: re.Match[str]) -> str:
    display = "block" if match[2] == "[" else "inline"
    return convert(html.unescape(match[3]).strip(), display=display)

"""HTML and SVG as trees of elements: every text and attribute is escaped where the tree is written, nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

#: What an element may hold; None is nothing.
Content: TypeAlias = "str | Element | Iterable[Content] | None"

# Control characters, halves of surrogate pairs, and what turns the direction of the text after it: a name that holds
# such a thing is shown with a question mark in its place
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufffe\uffff]")


def element(tag: str, /, *content: Content, **attributes: str | float | None) -> Element:
    """Return an element with its content.

    Parameters
    ----------
    tag : str
        Its name.
    *content : str, Element, None or iterables of them
        Text stays text: markup in it is escaped.
    **attributes : str, number or None
        ``class_`` for class, ``aria_label`` for aria-label; None is left out, numbers have two decimals at most.
    """
    made = Element(tag)
    for key, value in attributes.items():
        if value is not None:
            made.set(key.rstrip("_").replace("_", "-"), coordinate(value) if not isinstance(value, str) else fit(value))
    _fill(made, content)
    return made


def _fill(parent: Element, content: Iterable[Content]) -> None:
    for part in content:
        if part is None:
            continue
        if isinstance(part, str):
            if len(parent):
                parent[-1].tail = (parent[-1].tail or "") + fit(part)
            else:
                parent.text = (parent.text or "") + fit(part)
        elif isinstance(part, Element):
            parent.append(part)
        else:
            _fill(parent, part)


def fit(text: str) -> str:
    """Return a text with a replacement character for each that has no place on a page."""
    return _UNFIT.sub("�", text)


def coordinate(value: float) -> str:
    """Return a number as short as a drawing needs it."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def written(tree: Element) -> str:
    """Return an element as HTML."""
    return ElementTree.tostring(tree, encoding="unicode", method="html")

"""HTML and SVG as trees of elements; texts and attributes are escaped when the tree is serialized, and only there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

#: Content of an element; None is left out.
Content: TypeAlias = "str | Element | Iterable[Content] | None"

# Control characters, unpaired surrogates, and characters that change the direction of text
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufffe\uffff]")


def element(tag: str, /, *content: Content, **attributes: str | float | None) -> Element:
    """Return an element with its content.

    Parameters
    ----------
    tag : str
        The name of the element.
    *content : str, Element, None or iterables of them
        Children. Strings are text: markup in them is escaped.
    **attributes : str, number or None
        ``class_`` for class, ``aria_label`` for aria-label. None is left out; numbers have two decimals at most.
    """
    created = Element(tag)
    for key, value in attributes.items():
        if value is not None:
            text = replace_unprintable(value) if isinstance(value, str) else format_attribute(value)
            created.set(key.rstrip("_").replace("_", "-"), text)
    _append(created, content)
    return created


def _append(parent: Element, content: Iterable[Content]) -> None:
    for part in content:
        if part is None:
            continue
        if isinstance(part, str):
            text = replace_unprintable(part)
            if len(parent):
                parent[-1].tail = (parent[-1].tail or "") + text
            else:
                parent.text = (parent.text or "") + text
        elif isinstance(part, Element):
            parent.append(part)
        else:
            _append(parent, part)


def replace_unprintable(text: str) -> str:
    """Return a text with U+FFFD in place of each unprintable character."""
    return _UNPRINTABLE.sub("�", text)


def format_attribute(value: float) -> str:
    """Return a number with two decimals at most."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def to_html(tree: Element) -> str:
    """Serialize an element as HTML."""
    return ElementTree.tostring(tree, encoding="unicode", method="html")

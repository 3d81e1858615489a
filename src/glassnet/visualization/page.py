"""A page of its own: one HTML file that asks for nothing and runs nothing."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from xml.etree.ElementTree import Element

from glassnet.visualization.markup import Content, element, written


def style_of(room: str, name: str = "style.css") -> str:
    """Return a style sheet that lies beside a room's code."""
    return (files(room) / name).read_text(encoding="utf-8")


def document(title: str, language: str, styles: list[str], *body: Content) -> bytes:
    """Return a whole page as UTF-8.

    The security policy allows this very style sheet, pictures that the page holds as data, and nothing else: no script,
    no request, no form, no frame.

    Parameters
    ----------
    title, language : str
        Of the page.
    styles : list of str
        Style sheets; they hold no text of anybody else's.
    *body : content
        What stands on it.
    """
    style = "\n".join(styles)
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{allowed}'; img-src data:; base-uri 'none'; form-action 'none'"
    head: list[Element] = [
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", style),
    ]
    page = element("html", element("head", head), element("body", element("main", body)), lang=language)
    return f"<!DOCTYPE html>\n{written(page)}\n".encode()

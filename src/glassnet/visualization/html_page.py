"""A self-contained HTML page: one file that makes no request and runs no script."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from xml.etree.ElementTree import Element

from glassnet.visualization.markup import Content, element, to_html


def load_css(package: str, name: str = "style.css") -> str:
    """Return a style sheet of a package."""
    return (files(package) / name).read_text(encoding="utf-8")


def html_document(title: str, language: str, styles: list[str], *body: Content) -> bytes:
    """Return a page as UTF-8.

    Its content security policy allows its own style sheet and embedded images, and nothing else: no script, no request,
    no form, no frame.

    Parameters
    ----------
    title, language : str
        Title and language of the page.
    styles : list of str
        Style sheets; must not contain text from users.
    *body : content
        Content of the page.
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
    return f"<!DOCTYPE html>\n{to_html(page)}\n".encode()

"""Parse a page like a browser: its elements, its texts, and whether it is self-contained."""

import re
from html.parser import HTMLParser
from typing import Any

#: HTML elements without an end tag.
VOID = {"br", "hr", "img", "input", "link", "meta"}
#: Elements that run scripts, or fetch or send data.
FORBIDDEN = {"script", "iframe", "object", "embed", "form", "link", "base", "foreignobject", "animate", "set", "use"}


class Page(HTMLParser):
    """The elements and texts of a page; an unmatched end tag is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    @property
    def text(self) -> str:
        """All text, without style sheets."""
        return re.sub(r"[ \t\n]+", " ", " ".join(text for tag, text in self.texts if tag != "style"))

    def all(self, tag: str, **attributes: str) -> list[dict[str, str]]:
        """Return the attributes of all elements of that name with these attributes or classes."""
        return [
            found
            for name, found in self.elements
            if name == tag
            and all(
                value in found.get("class", "").split()
                if key == "class_"
                else found.get(key.replace("_", "-")) == value
                for key, value in attributes.items()
            )
        ]

    def check_self_contained(self) -> None:
        """Check that the page runs nothing, fetches nothing, and has labels for screen readers."""
        for tag, attributes in self.elements:
            assert tag not in FORBIDDEN, tag
            for name, value in attributes.items():
                assert not name.startswith("on") and name != "style", f"{tag} {name}={value!r}"
                if name in ("href", "src", "srcset", "xlink:href", "action"):
                    assert value.startswith(("data:image/png;base64,", "#")), f"{tag} {name}={value!r:.60}"
            if tag == "img":
                assert attributes.get("alt")
            if tag == "svg":
                assert attributes.get("aria-label") and attributes.get("role")
            if attributes.get("tabindex") == "0":
                assert attributes.get("aria-label")
        for style in (text for tag, text in self.texts if tag == "style"):
            assert "url(" not in style and "@import" not in style

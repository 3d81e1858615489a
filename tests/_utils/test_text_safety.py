"""Text from files is escaped for terminals, and formulas for spreadsheets."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassnet._utils.spreadsheet import spreadsheet_safe
from glassnet._utils.text_safety import escape_control_chars, json_without_control_chars


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("größe 数 ✓", "größe 数 ✓"),
        ("a\x1b[2J", r"a\x1b[2J"),
        ("two\nlines\r", r"two\nlines\r"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("nothing\u200bthere", r"nothing\u200bthere"),
        ("tag\U000e0041", r"tag\U000e0041"),
    ],
)
def test_unsafe_characters_are_escaped(text: str, shown: str) -> None:
    assert escape_control_chars(text) == shown


@given(st.text())
def test_the_result_is_one_line_and_is_not_escaped_twice(text: str) -> None:
    shown = escape_control_chars(text)
    assert "\n" not in shown and "\x1b" not in shown and shown.splitlines() in ([], [shown])
    assert escape_control_chars(shown) == shown


def test_long_texts_are_cut() -> None:
    assert escape_control_chars("abcdef", 4) == "abc…"
    assert escape_control_chars("abcd", 4) == "abcd"


@given(st.recursive(st.text() | st.integers(), lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside)))
def test_json_reads_as_the_same(content: object) -> None:
    escaped = json_without_control_chars(content)
    assert json.loads(escaped) == content
    assert escape_control_chars(escaped) == escaped


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("=cmd()", "'=cmd()"),
        ("+1", "'+1"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t'=1"),
        (" =1", "' =1"),
        ("a;=1", "a;'=1"),
        ("＝1", "'＝1"),
        ("a=b", "a=b"),
        ("plain", "plain"),
        ("", ""),
    ],
)
def test_formulas_become_text(cell: str, safe: str) -> None:
    assert spreadsheet_safe(cell) == safe

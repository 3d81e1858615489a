"""The package keeps the rules of style that ruff lacks; planted breaches are found."""

import ast
import json
from collections import Counter

import pytest

from tests.style import PENDING, RULES, Module, breaches, read_modules


@pytest.fixture(scope="module")
def found() -> dict[str, Counter[str]]:
    return breaches(read_modules())


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_kept(rule: str, found: dict[str, Counter[str]]) -> None:
    pending = json.loads(PENDING.read_text(encoding="utf-8")).get(rule, {}) if PENDING.exists() else {}
    assert not found[rule] - Counter(pending), "new breaches of a rule of style"


def modules(**sources: str) -> list[Module]:
    return [Module(name, source, ast.parse(source)) for name, source in sources.items()]


LONG = "x = 0\n"
FUNCTION = 'def f():\n    """Say.\n\n    More.\n    """\n' + 59 * "    x = 0\n"
#: A rule, sources that break it and how often, sources that keep it.
PLANTED = {
    "a module has at most 400 lines": ({"a": 401 * LONG}, {"a": 1}, {"a": 400 * LONG}),
    "a module that has one user has at least 40 lines": (
        {"a": '"""A."""\n', "b": "from glassnet import a"},
        {"a": 1},
        {"a": '"""A."""\n', "b": "from glassnet import a", "c": "from glassnet.a import x"},
    ),
    "a function has at most 60 lines": ({"a": FUNCTION + 2 * "    x = 0\n"}, {"a.f": 1}, {"a": FUNCTION}),
    "conditional expressions are not nested": (
        {"a": "x = 1 if y else 2 if z else 3"},
        {"a": 1},
        {"a": "x = 1 if y else 2"},
    ),
    "unrelated values are assigned in statements of their own": (
        {"a": "a, b = f(), g()\nc, d = e, f"},
        {"a": 2},
        {"a": "a, b = b, a\na, b = f()\nlow, high = 0, 1"},
    ),
    "no two modules have the same name": ({"a.one": "", "b.one": ""}, {"one": 1}, {"a.one": "", "b.two": ""}),
    "no two classes have the same name": ({"a": "class A: ...", "b": "class A: ..."}, {"A": 1}, {"a": "class A: ..."}),
    "private members are used in their own module only": (
        {"a.b": "x._y\nfrom glassnet.c._d import e\nfrom sklearn import _f\nfrom glassnet.a.c import _g"},
        {
            "a.b: x._y": 1,
            "a.b: from glassnet.c._d import e": 1,
            "a.b: from sklearn import _f": 1,
            "a.b: from glassnet.a.c import _g": 1,
        },
        {"a.b": "self._y\nx._z\nself._z = 0\nfrom glassnet.a._d import e\nfrom glassnet._utils.f import g\nx.__a__"},
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_a_planted_breach_is_found(rule: str) -> None:
    wrong, expected, right = PLANTED[rule]
    assert Counter(RULES[rule](modules(**wrong))) == expected
    assert list(RULES[rule](modules(**right))) == []

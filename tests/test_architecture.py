"""The names in architecture.md and glossary.md exist; the floor plan is the one that test_imports.py checks."""

import importlib
import re
from functools import reduce

import pytest

from tests.conftest import REPOSITORY
from tests.test_imports import FLOORS, PACKAGE

PAGE = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
#: Dotted names in code: `training.loop.train`.
NAMES = sorted(set(re.findall(r"`([a-z_]+(?:\.[A-Za-z_]+)+)`", PAGE)))
GLOSSARY = (REPOSITORY / "docs" / "glossary.md").read_text(encoding="utf-8")
#: The last column of the terms; a term of the field without a module has none.
TERM_NAMES = sorted(set(re.findall(r"\| `([\w.]+)` \|$", GLOSSARY.split("## Terms")[1], re.MULTILINE)))
FILES = sorted(set(re.findall(r"`([a-z_]+/[\w/.]*)`", PAGE)))


def resolve(name: str) -> object:
    """Return the module, class, function or method of a name relative to the package."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            module = importlib.import_module(".".join(["glassnet", *parts[:count]]))
        except ModuleNotFoundError:
            continue
        return reduce(getattr, parts[count:], module)
    raise AttributeError(name)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.endswith((".py", ".js", ".json", ".glassnet"))])
def test_a_name_on_the_page_exists(name: str) -> None:
    if name.startswith("web.") or ".fused." in name:  # need an extra, or Numba
        pytest.importorskip("fastapi" if name.startswith("web.") else "numba")
    assert resolve(name) is not None


def test_the_names_are_found_and_a_wrong_one_is_noticed() -> None:
    assert {"training.loop.train", "models.storage.save"} <= set(NAMES) and len(NAMES) > 40
    with pytest.raises(AttributeError):
        resolve("training.loop.no_such_function")


@pytest.mark.parametrize("name", TERM_NAMES)
def test_a_name_in_the_glossary_exists(name: str) -> None:
    if ".fused." in name:
        pytest.importorskip("numba")
    assert resolve(name) is not None


def test_the_glossary_names_modules() -> None:
    assert {"models.model.Model", "training.state_dict.StateDict"} <= set(TERM_NAMES) and len(TERM_NAMES) > 40


@pytest.mark.parametrize("package", sorted(set().union(*FLOORS) - {""}))
def test_each_package_has_a_row_in_the_table(package: str) -> None:
    assert re.search(rf"^\| `{package}` \| .+ \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("name", FILES)
def test_a_file_on_the_page_exists(name: str) -> None:
    if name.startswith("tests/"):
        assert (REPOSITORY / name).exists()
    elif "NAME" not in name:
        assert (PACKAGE / name).exists()


def test_the_floor_plan_is_the_one_that_imports_are_checked_against() -> None:
    plan = re.search(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert plan is not None
    floors = [set(re.split(r" {3,}", line)[:-1]) for line in plan.group(1).splitlines()]
    assert floors == [floor for floor in FLOORS if floor != {""}]

"""Every line of Python in the documentation runs, and both languages hold the same code."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PAGES = [
    page
    for page in (REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md")))
    if "```python" in page.read_text(encoding="utf-8")
]


def code_of(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_code_of_a_page_runs_from_top_to_bottom(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": page.stem}
    for number, block in enumerate(code_of(page), start=1):
        exec(compile(block, f"{page.name}, block {number}", "exec"), names)


def test_the_pages_with_code_are_found() -> None:
    assert {"README.md", "walkthrough.md", "walkthrough.ko.md"} <= {page.name for page in PAGES}


def test_both_languages_hold_the_same_code() -> None:
    english, korean = (code_of(REPOSITORY / "docs" / f"walkthrough{ending}.md") for ending in ("", ".ko"))
    assert english == korean
    assert len(english) == 11


def test_every_link_inside_the_repository_leads_somewhere() -> None:
    for page in (*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"

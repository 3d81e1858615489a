"""Who imports whom: the picture of the design, read from the code."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "glassnet"

#: The layers of the package from the top down; a package imports from its own layer or from those below it.
FLOORS = [
    {"cli", "web", "walkthrough"},
    {"estimators"},
    {"visualization", "inspection"},
    {"models"},
    {"streaming"},
    {"training"},
    {"engines"},
    {"metrics"},
    {"network"},
    {"preprocessing", "data", "datasets"},
    {"_utils", "errors", ""},
]
#: The order in which a reader meets the steps; each imports only from those before it.
STEPS = [
    "activations",
    "structure",
    "initializers",
    "embeddings",
    "forward",
    "losses",
    "backward",
    "optimizers",
    "schedules",
    "gradient_check",
]
#: What `import glassnet` must not bring along.
HEAVY = (
    "numpy",
    "scipy",
    "sklearn",
    "pyarrow",
    "matplotlib",
    "safetensors",
    "typer",
    "rich",
    "numba",
    "torch",
    "fastapi",
)


def imports_of(path: Path) -> set[str]:
    """Return the modules of the package that a file imports, as dotted names below it; for the checker's eyes too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names = [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "glassnet":
                inside = name.split(".")[1:]
                while inside and not module_path(inside).exists():
                    inside = inside[:-1]
                found.add(".".join(inside))
    return found


def module_path(parts: list[str]) -> Path:
    place = PACKAGE.joinpath(*parts)
    return place if place.is_dir() else place.with_suffix(".py")


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {
    module_name(path): imports_of(path)
    for path in sorted(PACKAGE.rglob("*.py"))
    if path != PACKAGE / "__init__.py"  # it gathers what is public, and imports it only when asked
}


def floor_of(module: str) -> int:
    room = module.split(".")[0]
    for floor, rooms in enumerate(FLOORS):
        if room in rooms:
            return floor
    raise AssertionError(f"{module} has no place in the picture; put its room on a floor")


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_downwards_only(module: str) -> None:
    wrong = {name for name in MODULES[module] if floor_of(name) < floor_of(module)}
    assert not wrong, f"{module} reaches up to {wrong}"


def test_no_two_modules_import_each_other() -> None:
    def reaches(start: str) -> set[str]:
        seen, ahead = set(), [start]
        while ahead:
            for name in MODULES.get(ahead.pop(), ()):
                # a package's __init__ gathers its rooms: that a room's import runs it is no import by the room
                if name not in seen and not start.startswith(name + "."):
                    seen.add(name)
                    ahead.append(name)
        return seen

    circles = {module for module in MODULES if module in reaches(module)}
    assert not circles


@pytest.mark.parametrize("step", STEPS)
def test_each_step_uses_only_the_steps_before_it(step: str) -> None:
    used = {name.removeprefix("network.") for name in MODULES[f"network.{step}"] if name.startswith("network.")}
    assert used <= set(STEPS[: STEPS.index(step)])


def test_every_step_is_in_the_picture() -> None:
    assert {f"network.{step}" for step in STEPS} | {"network"} == {m for m in MODULES if m.split(".")[0] == "network"}


def test_the_engines_never_import_each_other() -> None:
    engines = {m for m in MODULES if m.startswith("engines.") and m != "engines.interface"}
    for engine in engines:
        room = engine.split(".")[1]
        assert not {name for name in MODULES[engine] if name in engines and name.split(".")[1] != room}


def test_importing_the_package_brings_nothing_heavy_and_starts_no_thread() -> None:
    code = (
        "import sys, threading, glassnet\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], threading.active_count())"
    )
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert ran.stdout == "[] 1\n"


def test_every_public_name_is_there() -> None:
    import glassnet

    for name in glassnet.__all__:
        assert getattr(glassnet, name) is not None
    assert set(glassnet._HOMES) | {"__version__"} == set(glassnet.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = glassnet.nothing

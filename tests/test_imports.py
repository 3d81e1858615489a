"""The layers of the package: imports point downwards only."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "glassnet"

#: The layers of the package from the top down; a package imports from its own layer or from those below it.
FLOORS = [
    {""},  # glassnet/__init__.py: the public names, each imported when it is first used
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
    {"_utils", "_version", "errors"},
]
#: The reading order of the steps; each imports only from those before it.
STEPS = [
    "structure",
    "initializers",
    "activations",
    "embeddings",
    "forward",
    "setting_constraints",
    "losses",
    "backward",
    "optimizers",
    "schedules",
    "gradient_check",
    "serialization",
]
#: Except this one: a structure looks up its activations by name.
EXCEPTIONS = {("structure", "activations")}
#: What `import glassnet` must not import.
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
    """Return the modules of the package that a file imports, also under TYPE_CHECKING, as names below it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            names += [node.module] if node.module != "glassnet" else []
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
    path = PACKAGE.joinpath(*parts)
    return path if path.is_dir() else path.with_suffix(".py")


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {module_name(path): imports_of(path) for path in sorted(PACKAGE.rglob("*.py"))}


def floor_of(module: str) -> int:
    package = module.split(".")[0]
    for floor, packages in enumerate(FLOORS):
        if package in packages:
            return floor
    raise AssertionError(f"{module} is in none of the layers; add its package to FLOORS")


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_downwards_only(module: str) -> None:
    wrong = {name for name in MODULES[module] if floor_of(name) < floor_of(module)}
    assert not wrong, f"{module} imports {wrong} from a layer above its own"


def test_a_package_is_in_one_layer() -> None:
    packages = [package for floor in FLOORS for package in floor]
    assert len(packages) == len(set(packages))
    assert set(packages) == {module.split(".")[0] for module in MODULES}


def test_the_top_of_the_package_and_its_version_are_checked_too() -> None:
    assert MODULES[""] >= {"_version", "models", "training"} and MODULES["_version"] == set()


def test_no_two_modules_import_each_other() -> None:
    def reaches(start: str) -> set[str]:
        found, ahead = set(), [start]
        while ahead:
            for name in MODULES.get(ahead.pop(), ()):
                # a package's __init__ imports its modules: that importing one of them runs it is no cycle
                if name not in found and not start.startswith(name + "."):
                    found.add(name)
                    ahead.append(name)
        return found

    cycles = {module for module in MODULES if module in reaches(module)}
    assert not cycles


@pytest.mark.parametrize("step", STEPS)
def test_each_step_uses_only_the_steps_before_it(step: str) -> None:
    used = {name.removeprefix("network.") for name in MODULES[f"network.{step}"] if name.startswith("network.")}
    allowed = set(STEPS[: STEPS.index(step)]) | {name for of, name in EXCEPTIONS if of == step}
    assert used <= allowed


def test_the_package_lists_the_steps_in_the_same_order() -> None:
    docstring = ast.get_docstring(ast.parse((PACKAGE / "network" / "__init__.py").read_text(encoding="utf-8")))
    listed = [name for name in re.findall(r"`(\w+)`", docstring) if name in STEPS]
    steps = list(dict.fromkeys(listed))
    assert [name for name in STEPS if name in steps and name != "embeddings"] == [n for n in steps if n != "embeddings"]
    assert len(steps) >= 8


def test_every_module_of_the_network_is_a_step() -> None:
    assert {f"network.{step}" for step in STEPS} | {"network"} == {m for m in MODULES if m.split(".")[0] == "network"}


def test_the_engines_never_import_each_other() -> None:
    engines = {m for m in MODULES if m.startswith("engines.") and m != "engines.interface"}
    for engine in engines:
        package = engine.split(".")[1]
        assert not {name for name in MODULES[engine] if name in engines and name.split(".")[1] != package}


def test_importing_the_package_imports_nothing_heavy_and_starts_no_thread() -> None:
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

"""The rules of style that ruff lacks, read from the syntax trees of the package.

``python -m tests.style`` writes what breaks a rule to the file of pending changes.
"""

from __future__ import annotations

import ast
import fnmatch
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src" / "glassnet"
#: Lines of a module; lines of a function without its docstring; a module with one user has at least this many lines.
MAX_MODULE_LINES, MAX_FUNCTION_LINES, MIN_MODULE_LINES = 400, 60, 40


@dataclass(frozen=True)
class Module:
    """A module of the package: its dotted name below it, its source and its syntax tree."""

    name: str
    source: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        """The number of lines."""
        return self.source.count("\n")


def read_modules() -> list[Module]:
    """Return every module of the package."""
    modules = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        source = path.read_text(encoding="utf-8")
        name = ".".join(part for part in parts if part != "__init__")
        modules.append(Module(name, source, ast.parse(source)))
    return modules


def long_modules(modules: list[Module]) -> Iterator[str]:
    """Yield the modules with too many lines."""
    yield from (module.name for module in modules if module.lines > MAX_MODULE_LINES)


def small_modules(modules: list[Module]) -> Iterator[str]:
    """Yield the modules of a few lines that one other module imports."""
    users: defaultdict[str, set[str]] = defaultdict(set)
    for module in modules:
        for name in imported_names(module):
            users[name].add(module.name)
    for module in modules:
        of = f"glassnet.{module.name}"
        used_by = {user for name in users if name == of or name.startswith(f"{of}.") for user in users[name]}
        if module.lines < MIN_MODULE_LINES and ast.get_docstring(module.tree) and len(used_by) == 1:
            yield module.name


def imported_names(module: Module) -> Iterator[str]:
    """Yield the full names of what a module imports from the package."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def long_functions(modules: list[Module]) -> Iterator[str]:
    """Yield the functions with too many lines, their docstring not counted."""
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                docstring = ast.get_docstring(node, clean=False)
                documented = docstring.count("\n") + 1 if docstring else 0
                if node.end_lineno - node.lineno + 1 - documented > MAX_FUNCTION_LINES:
                    yield f"{module.name}.{node.name}"


def nested_conditionals(modules: list[Module]) -> Iterator[str]:
    """Yield the modules with a conditional expression in another, once for each."""
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.IfExp) and any(isinstance(part, ast.IfExp) for part in (node.body, node.orelse)):
                yield module.name


def tuple_assignments(modules: list[Module]) -> Iterator[str]:
    """Yield the modules that assign unrelated values in one statement, ``a, b = f(), g()``, once for each.

    Constants (``low, high = 0, 1``) and values that depend on the names assigned (``a, b = b, a``) are related.
    """
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Assign) and _is_unrelated(node):
                yield module.name


def _is_unrelated(node: ast.Assign) -> bool:
    (target, *others), value = node.targets, node.value
    if others or not isinstance(target, ast.Tuple) or not isinstance(value, ast.Tuple):
        return False
    assigned = {ast.unparse(element) for element in target.elts}
    used = {part.id for part in ast.walk(value) if isinstance(part, ast.Name)}
    return not assigned & used and not all(isinstance(element, ast.Constant) for element in value.elts)


def repeated_module_names(modules: list[Module]) -> Iterator[str]:
    """Yield the last parts of dotted names that several modules or packages share."""
    counts = Counter(module.name.rpartition(".")[2] for module in modules)
    yield from (name for name, count in counts.items() if count > 1)


def repeated_class_names(modules: list[Module]) -> Iterator[str]:
    """Yield the names that several public or private classes share."""
    counts = Counter(
        node.name for module in modules for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)
    )
    yield from (name for name, count in counts.items() if count > 1)


def private_members(modules: list[Module]) -> Iterator[str]:
    """Yield the uses of private attributes and names that the module does not define itself."""
    for module in modules:
        own = set(_defined_names(module.tree))
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute) and _is_private(node.attr):
                if node.attr not in own and not _is_own(node):
                    yield f"{module.name}: {ast.unparse(node)}"
            elif isinstance(node, ast.ImportFrom):
                yield from _private_imports(module.name, node)


def _private_imports(module: str, node: ast.ImportFrom) -> Iterator[str]:
    path = node.module or ""
    package = ".".join(path.split(".")[:2])
    inside = path.startswith("glassnet") and module.split(".")[0] == path.partition(".")[2].split(".")[0]
    private_module = any(_is_private(part) for part in path.split(".")) and not inside
    for alias in node.names:
        is_public_ground = package in ("glassnet._utils", "glassnet._version") or alias.name in ("_utils", "_version")
        if (private_module and not is_public_ground) or (_is_private(alias.name) and not is_public_ground):
            yield f"{module}: from {path} import {alias.name}"


def _is_own(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


def _defined_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _is_own(node):
            yield node.attr


#: The name of each rule and what finds its exceptions.
RULES: dict[str, Callable[[list[Module]], Iterator[str]]] = {
    "a module has at most 400 lines": long_modules,
    "a module that has one user has at least 40 lines": small_modules,
    "a function has at most 60 lines": long_functions,
    "conditional expressions are not nested": nested_conditionals,
    "unrelated values are assigned in statements of their own": tuple_assignments,
    "no two modules have the same name": repeated_module_names,
    "no two classes have the same name": repeated_class_names,
    "private members are used in their own module only": private_members,
}


#: What breaks a rule and may, as patterns with their reasons.
ALLOWED: dict[str, dict[str, str]] = {
    "a module that has one user has at least 40 lines": {
        "cli.engine": "a command, like the other modules of its package",
    },
    "a function has at most 60 lines": {"cli.*": "a typer command lists its options with their help"},
    "no two modules have the same name": {
        "arrays": "the types of arrays, and arrays in compiled code",
        "base": "a base class",
        "endpoints": "the endpoints of each part of the server",
        "errors": "the errors of the package, and those of the server",
        "evaluation": "the evaluation of a model, and its answers in the page",
        "predict": "prediction, on the command line and on the server",
        "registry": "how names are looked up, and the metrics by name",
        "report": "the report, and the command that writes it",
        "streaming": "streamed training, and its options on the command line",
        "walkthrough": "the walkthrough, and the command that runs it",
        "engine": "the fused engine, and the command that shows its machine code",
    },
    "private members are used in their own module only": {
        "_utils.sklearn_private: *": "the one module that imports scikit-learn's private functions",
        "engines.fused.compiler: *": "the one module that uses Numba's private classes of its compiler",
        "engines.fused.arrays: piece._getvalue": "how Numba's intrinsics return a struct",
        "models.exchange.*": "importing from and exporting to other libraries sets what their own training sets",
    },
}
#: What still breaks a rule, and how often; written by ``python -m tests.style``. It only gets shorter.
PENDING = Path(__file__).with_name("style_pending.json")


def breaches(modules: list[Module]) -> dict[str, Counter[str]]:
    """Return what breaks each rule, how often, and is not allowed."""
    found = {rule: Counter(find(modules)) for rule, find in RULES.items()}
    return {
        rule: Counter({name: count for name, count in names.items() if not _is_allowed(rule, name)})
        for rule, names in found.items()
    }


def _is_allowed(rule: str, name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in ALLOWED.get(rule, {}))


def main() -> None:
    """Write what breaks a rule today to the file of pending changes."""
    found = {rule: dict(sorted(names.items())) for rule, names in breaches(read_modules()).items() if names}
    PENDING.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print({rule: sum(names.values()) for rule, names in found.items()})


if __name__ == "__main__":
    main()

"""Rules of the house that no linter knows; each says what to do instead."""

import ast
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath

import pytest

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN_NAMES = frozenset({"utils", "helpers", "common", "misc", "base", "manager", "shared"})
SHARED_BY_DESIGN = "libs/domain/shared.py"
FUNCTION_LINES_MAX = 50
MODULE_LINES_MAX = 400
MUTABLE_DISPLAYS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
MUTABLE_CALLS = frozenset({"list", "dict", "set", "bytearray", "defaultdict", "deque", "Counter", "OrderedDict"})
# Put together here, so that this file does not name what it forbids.
REGISTRIES = ("pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "npmjs" + ".com", "yarnpkg" + ".com")
MACHINE_PATHS = ("/" + "root/", "/" + "work/", "/" + "home/", "/" + "Users/")
SILENCED = "# type:" + " ignore"


def tracked(*patterns: str) -> list[str]:
    listed = subprocess.run(["git", "ls-files", "--", *patterns], cwd=ROOT, capture_output=True, check=True, text=True)
    return [name for name in listed.stdout.split("\n") if name and (ROOT / name).is_file()]


def modules(*folders: str) -> list[str]:
    return [name for name in tracked(*folders) if name.endswith(".py")]


OURS = tuple(modules("services", "libs", "infra"))
TESTS = tuple(modules("tests"))


def faults(name: str, source: str) -> Iterator[str]:
    """Say what is untidy in a module of what runs."""
    tree = ast.parse(source)
    if FORBIDDEN_NAMES & set(PurePath(name).with_suffix("").parts) and name != SHARED_BY_DESIGN:
        yield f"{name}: name it after what it does"
    if ast.get_docstring(tree) is None:
        yield f"{name}: its first line says why it exists"
    if PurePath(name).name == "__init__.py" and len(tree.body) > 1:
        yield f"{name}: a docstring and nothing else; import from the module itself"
    if SILENCED in source:
        yield f"{name}: give it its type; a silenced type checker finds nothing"
    yield from lengths(name, tree, code_lines(source, tree))
    yield from names_at_module_level(name, tree)
    yield from mocks(name, tree)


def lengths(name: str, tree: ast.Module, lines: set[int]) -> Iterator[str]:
    """Say what is too long, and what reaches out of its function."""
    if len(lines) > MODULE_LINES_MAX:
        yield f"{name}: {len(lines)} code lines, at most {MODULE_LINES_MAX}; split it by meaning"
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            yield f"{name}:{node.lineno}: no `global`; hand it in"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = len([n for n in lines if node.lineno <= n <= (node.end_lineno or node.lineno)])
            if length > FUNCTION_LINES_MAX:
                told = f"{node.name} has {length} code lines, at most {FUNCTION_LINES_MAX}; name its steps"
                yield f"{name}:{node.lineno}: {told}"


def names_at_module_level(name: str, tree: ast.Module) -> Iterator[str]:
    """Say which names of a module could be changed from outside, or are exported twice."""
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            continue
        value, targets = node.value, node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            yield f"{name}:{node.lineno}: no `__all__`; a private name starts with an underscore"
        elif isinstance(value, MUTABLE_DISPLAYS) or (
            isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in MUTABLE_CALLS
        ):
            yield f"{name}:{node.lineno}: nothing mutable at module level; MappingProxyType, frozenset or a tuple"


def mocks(name: str, tree: ast.Module) -> Iterator[str]:
    """Say where mocks come in, however they are imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            imported = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        if "unittest.mock" in imported:
            yield f"{name}:{node.lineno}: no mocks; a fake that passes the contract suite of the real thing"


def code_lines(source: str, tree: ast.Module) -> set[int]:
    """Return the numbers of lines that are neither blank, comment nor docstring."""
    docstrings: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            docstrings |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    text = enumerate(source.splitlines(), 1)
    return {n for n, line in text if line.strip() and not line.strip().startswith("#") and n not in docstrings}


def leaks(name: str, text: str) -> Iterator[str]:
    """Say what in a file, of whatever kind, is true on one machine or in one network only."""
    yield from (
        f"{name}: names {host}; packages come from the lock, the index is set outside"
        for host in REGISTRIES
        if host in text
    )
    yield from (f"{name}: holds a path under {path}; make it relative" for path in MACHINE_PATHS if path in text)
    if name.endswith(".lock") and "://" in text:
        yield f"{name}: holds an address; make it with `make lock`"


def missing_rooms(names: Iterable[str]) -> list[str]:
    """Say which service lacks a way in, a composition root or settings."""
    present = frozenset(names)
    services = sorted({PurePath(name).parts[1] for name in present if len(PurePath(name).parts) > 2})
    wanted = (f"services/{service}/{room}.py" for service in services for room in ("__main__", "app", "settings"))
    return [f"{name}: every service has it" for name in wanted if name not in present]


@pytest.mark.parametrize("name", OURS)
def test_a_module_is_tidy(name: str) -> None:
    assert list(faults(name, (ROOT / name).read_text())) == []


def test_no_test_uses_a_mock() -> None:
    assert [fault for name in TESTS for fault in mocks(name, ast.parse((ROOT / name).read_text()))] == []


def test_every_service_has_its_three_rooms() -> None:
    assert missing_rooms(modules("services")) == []


def test_no_file_names_a_registry_or_a_path_of_some_machine() -> None:
    assert [leak for name in tracked() for leak in leaks(name, (ROOT / name).read_text(errors="ignore"))] == []

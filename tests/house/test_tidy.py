"""Rules of the house that no linter knows; each says what to do instead."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN_NAMES = frozenset({"utils", "helpers", "common", "misc", "base", "manager", "shared"})
SHARED_BY_DESIGN = "libs/domain/shared.py"
FUNCTION_LINES_MAX = 50
MODULE_LINES_MAX = 400
# Tables of codes, one line each: they are read, not followed.
TABLES = frozenset({"libs/domain/codes.py"})
REGISTRIES = ("pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "npmjs" + ".com")
MACHINE_PATHS = ("/" + "root/", "/" + "work/", "/" + "home/")


def tracked(*patterns: str) -> list[str]:
    listed = subprocess.run(["git", "ls-files", "--", *patterns], cwd=ROOT, capture_output=True, check=True, text=True)
    return [name for name in listed.stdout.split("\n") if name and (ROOT / name).is_file()]


def modules(*folders: str) -> list[str]:
    return [name for name in tracked(*folders) if name.endswith(".py")]


OURS = modules("services", "libs", "infra")
EVERYTHING = [*OURS, *modules("tests")]


def faults(name: str, source: str) -> Iterator[str]:
    """Say what is untidy in a module."""
    tree = ast.parse(source)
    path = Path(name)
    if path.stem in FORBIDDEN_NAMES and name != SHARED_BY_DESIGN:
        yield f"{name}: name it after what it does"
    if ast.get_docstring(tree) is None:
        yield f"{name}: its first line says why it exists"
    if path.name == "__init__.py" and len(tree.body) > 1:
        yield f"{name}: a docstring and nothing else; import from the module itself"
    yield from long_parts(name, tree, code_lines(source, tree))
    for node in tree.body:
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp):
            yield f"{name}:{node.lineno}: nothing mutable at module level; MappingProxyType, frozenset or a tuple"


def long_parts(name: str, tree: ast.Module, lines: set[int]) -> Iterator[str]:
    """Say what is too long, and what reaches out of its function."""
    if len(lines) > MODULE_LINES_MAX and name not in TABLES:
        yield f"{name}: {len(lines)} code lines, at most {MODULE_LINES_MAX}; split it by meaning"
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            yield f"{name}:{node.lineno}: no `global`; hand it in"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = len([n for n in lines if node.lineno <= n <= (node.end_lineno or node.lineno)])
            if length > FUNCTION_LINES_MAX:
                yield f"{name}:{node.lineno}: {node.name} has {length} code lines, at most {FUNCTION_LINES_MAX}"


def code_lines(source: str, tree: ast.Module) -> set[int]:
    """Return the numbers of lines that are neither blank, comment nor docstring."""
    docstrings: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            docstrings |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    text = enumerate(source.splitlines(), 1)
    return {n for n, line in text if line.strip() and not line.strip().startswith("#") and n not in docstrings}


@pytest.mark.parametrize("name", OURS)
def test_a_module_is_tidy(name: str) -> None:
    assert list(faults(name, (ROOT / name).read_text())) == []


def test_every_service_has_its_three_rooms() -> None:
    services = {Path(name).parts[1] for name in modules("services") if len(Path(name).parts) > 2}
    missing = [f"{s}/{m}" for s in services for m in ("__main__", "app", "settings") if not room(s, m).is_file()]
    assert missing == []


def room(service: str, module: str) -> Path:
    return ROOT / "services" / service / f"{module}.py"


def test_no_mock_and_no_silenced_type_in_what_runs() -> None:
    silenced = [name for name in OURS if "# type:" + " ignore" in (ROOT / name).read_text()]
    mocked = [name for name in EVERYTHING if "import " + "unittest.mock" in (ROOT / name).read_text()]
    assert (silenced, mocked) == ([], [])


def test_no_file_names_a_registry_or_a_path_of_some_machine() -> None:
    found = [
        f"{name}: {word}"
        for name in tracked()
        for word in (*REGISTRIES, *MACHINE_PATHS)
        if word in (ROOT / name).read_text(errors="ignore")
    ]
    assert found == []


def test_lock_files_hold_no_addresses() -> None:
    assert [name for name in tracked("*.lock") if "://" in (ROOT / name).read_text()] == []


@pytest.mark.parametrize(
    ("name", "source", "told"),
    [
        ("libs/utils.py", '"""Why."""', "name it after"),
        ("libs/a.py", "x = 1", "why it exists"),
        ("libs/__init__.py", '"""Why."""\nfrom a import b', "nothing else"),
        ("libs/a.py", '"""Why."""\n' + "x = 1\n" * 401, "split it"),
        ("libs/a.py", '"""Why."""\ndef f():\n' + "    x = 1\n" * 50, "code lines"),
        ("libs/a.py", '"""Why."""\ndef f():\n    global x\n', "hand it in"),
        ("libs/a.py", '"""Why."""\nX = {"a": 1}', "nothing mutable"),
    ],
)
def test_each_rule_can_fail(name: str, source: str, told: str) -> None:
    assert any(told in fault for fault in faults(name, source))


def test_a_tidy_module_has_no_faults() -> None:
    assert (
        list(faults("libs/a.py", '"""Why."""\n\nX = ("a",)\n\n\ndef f() -> int:\n    """Do."""\n    return 1\n')) == []
    )

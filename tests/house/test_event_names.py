"""The log says what the catalogue of event names has, no more and no less, and docs/log-events.md lists it."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath

from libs.telemetry.event_names import EVENT_NAMES
from tests.house.test_tidy import ROOT, modules

LEVELS = frozenset({"debug", "info", "warning", "error", "exception", "critical"})
# What a method of the logger is called where it is chosen first and called later.
HANDED_ON = frozenset({"tell", "line"})
PAGE = ROOT / "docs" / "log-events.md"
HEAD = """# What the log says

Every line of log is one JSON object. `event` is one of these names and no other; a test keeps this page, the code and
the catalogue in `libs/telemetry/event_names.py` alike. Beside its own fields each line has `at`, `level`, `service`
and, where there is a trace, `traceId`. Bodies, names and comments are in none. What libraries log comes in the same
shape, as warnings and above, with the name of its `logger`, and is not listed.

| event | in | meaning |
|---|---|---|
"""


def logged(name: str, source: str) -> Iterator[tuple[str, str]]:
    """Yield each event name that a module logs, and where; `?` for one that cannot be read off."""
    tree = ast.parse(source)
    tables = _tables(tree)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    chosen_first, told_later = None, False
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and _is_new_logger(node.value) and ast.unparse(node.targets[0]) != "log":
            yield "?", f"{name}:{node.lineno}: a logger is called `log`"
        if isinstance(node, ast.Attribute) and _is_line(node) and id(node) not in called:
            chosen_first = node
        if not isinstance(node, ast.Call) or not node.args:
            continue
        later = isinstance(node.func, ast.Name) and node.func.id in HANDED_ON and isinstance(node.args[0], ast.Constant)
        told_later = told_later or later
        if later or _is_line(node.func):
            for event in _said(node.args[0], tables):
                yield event, f"{name}:{node.lineno}"
    if chosen_first is not None and not told_later:
        yield "?", f"{name}:{chosen_first.lineno}: a chosen level is called `tell` or `line`"


def _is_new_logger(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "structlog.get_logger"


def _is_line(node: ast.expr) -> bool:
    if not isinstance(node, ast.Attribute) or node.attr not in LEVELS:
        return False
    return (isinstance(node.value, ast.Name) and node.value.id == "log") or _is_new_logger(node.value)


def _tables(tree: ast.Module) -> Mapping[str, list[str]]:
    """Return the strings in each constant dictionary of a module, by the dictionary's name."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            dicts = [each for each in ast.walk(node.value) if isinstance(each, ast.Dict)]
            texts = [value.value for each in dicts for value in each.values if isinstance(value, ast.Constant)]
            found[node.targets[0].id] = [text for text in texts if isinstance(text, str)]
    return found


def _said(said: ast.expr, tables: Mapping[str, list[str]]) -> list[str]:
    if isinstance(said, ast.Constant) and isinstance(said.value, str):
        return [said.value]
    if isinstance(said, ast.Subscript) and isinstance(said.value, ast.Name):
        return tables.get(said.value.id) or ["?"]
    return ["?"]


def all_logged() -> Mapping[str, set[str]]:
    """Return where each event name is logged."""
    where = defaultdict(set)
    for name in modules("libs", "services"):
        for event, place in logged(name, (ROOT / name).read_text()):
            where[event].add(place)
    return where


def page() -> str:
    """Write the page from the catalogue and the code."""
    where = all_logged()
    rows = []
    for event, meaning in EVENT_NAMES.items():
        parts = sorted({"/".join(PurePath(place).parts[:2]) for place in where[event]})
        rows.append(f"| `{event}` | {', '.join(f'`{part}`' for part in parts)} | {meaning} |\n")
    return HEAD + "".join(rows)


def test_only_what_is_in_the_catalogue_is_logged() -> None:
    assert {event: places for event, places in all_logged().items() if event not in EVENT_NAMES} == {}


def test_all_that_is_in_the_catalogue_is_logged() -> None:
    assert sorted(set(EVENT_NAMES) - set(all_logged())) == []


def test_the_page_lists_the_catalogue(tmp_path: Path) -> None:
    written = tmp_path / PAGE.name
    written.write_text(page())
    assert PAGE.read_text() == written.read_text(), f"cp {written} {PAGE.relative_to(ROOT)}"


def test_a_name_that_cannot_be_read_off_is_found() -> None:
    assert [event for event, _ in logged("m.py", "log.info(f'{x}')\nlog.info(NAMES[x])")] == ["?", "?"]
    assert [event for event, _ in logged("m.py", "NAMES = {1: 'a', 2: 'b'}\nlog.info(NAMES[x], y=1)")] == ["a", "b"]
    assert [event for event, _ in logged("m.py", "logger = structlog.get_logger()")] == ["?"]
    assert [event for event, _ in logged("m.py", "say = log.info if x else log.debug\nsay('a')")] == ["?"]
    assert [event for event, _ in logged("m.py", "tell = log.info if x else log.debug\ntell('a')")] == ["a"]

"""The tidy test is worth something only if each of its rules can fail."""

import pytest

from tests.house.test_tidy import MACHINE_PATHS, REGISTRIES, SHARED_BY_DESIGN, SILENCED, faults, leaks, missing_rooms

WHY = '"""Why."""\n'


@pytest.mark.parametrize(
    ("name", "source", "told"),
    [
        ("libs/utils.py", WHY, "name it after"),
        ("libs/helpers/__init__.py", WHY, "name it after"),
        ("libs/other/shared.py", WHY, "name it after"),
        ("libs/a.py", "x = 1", "why it exists"),
        ("libs/__init__.py", WHY + "from a import b", "nothing else"),
        ("libs/a.py", WHY + f"x = 1  {SILENCED}[misc]", "give it its type"),
        ("libs/a.py", WHY + "x = 1\n" * 401, "split it"),
        ("libs/a.py", WHY + "def f():\n" + "    x = 1\n" * 50, "name its steps"),
        ("libs/a.py", WHY + "class A:\n    async def f(self):\n" + "        x = 1\n" * 50, "name its steps"),
        ("libs/a.py", WHY + "def f():\n    global x\n", "hand it in"),
        ("libs/a.py", WHY + 'X = {"a": 1}', "nothing mutable"),
        ("libs/a.py", WHY + "X: list[int] = []", "nothing mutable"),
        ("libs/a.py", WHY + "X = {i for i in range(3)}", "nothing mutable"),
        ("libs/a.py", WHY + "X = dict(a=1)", "nothing mutable"),
        ("libs/a.py", WHY + '__all__ = ("a",)', "no `__all__`"),
        ("libs/a.py", WHY + "import unittest.mock", "no mocks"),
        ("libs/a.py", WHY + "from unittest import mock", "no mocks"),
        ("libs/a.py", WHY + "from unittest.mock import AsyncMock", "no mocks"),
    ],
)
def test_each_rule_for_a_module_can_fail(name: str, source: str, told: str) -> None:
    assert any(told in fault for fault in faults(name, source))


@pytest.mark.parametrize("word", [*REGISTRIES, *(f"{path}a" for path in MACHINE_PATHS)])
def test_a_registry_or_a_path_of_some_machine_is_seen(word: str) -> None:
    assert list(leaks("README.md", f"see {word}")) != []


def test_an_address_is_seen_in_a_lock_and_allowed_elsewhere() -> None:
    assert list(leaks("infra/a.lock", "https://example.test/a.whl")) != []
    assert list(leaks("README.md", "https://example.test/")) == []


def test_a_service_without_its_rooms_is_seen() -> None:
    told = missing_rooms(["services/__init__.py", "services/a/__main__.py", "services/a/settings.py"])
    assert told == ["services/a/app.py: every service has it"]


@pytest.mark.parametrize(
    ("name", "source"),
    [
        (
            "libs/a.py",
            WHY + 'X = ("a",)\nY = frozenset({1})\n\n\ndef f() -> list[int]:\n    """Do."""\n    return [1]\n',
        ),
        ("libs/a.py", WHY + "def f():\n" + "    x = 1\n\n    # why\n" * 49),
        (SHARED_BY_DESIGN, WHY),
    ],
)
def test_a_tidy_module_has_no_faults(name: str, source: str) -> None:
    assert list(faults(name, source)) == []

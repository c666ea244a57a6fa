"""Branches that meet in the changelog leave heads and lines twice; who reads it should not have to sort them out."""

import re

import pytest

from tests.house.test_tidy import ROOT


def untidy(page: str) -> list[str]:
    """Say which heads or lines stand twice under one version, and which lists have a hole."""
    told = []
    for version in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        lines = [line for line in version.split("\n")[1:] if line.startswith(("#", "- "))]
        told += [f"twice: {line}" for line in sorted(set(lines)) if lines.count(line) > 1]
        told += [f"hole before: {line}" for line in re.findall(r"^(?:- |  ).*\n\n(- .*)$", version, re.MULTILINE)]
    return told


def test_the_changelog_is_tidy() -> None:
    assert untidy((ROOT / "CHANGELOG.md").read_text()) == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("### Added\n\n- a\n- b\n\n### Fixed\n\n- c\n", []),
        ("### Added\n\n- a\n\n### Added\n\n- b\n", ["twice: ### Added"]),
        ("### Added\n\n- a\n- a\n", ["twice: - a"]),
        ("### Added\n\n- a\n  more\n\n- b\n", ["hole before: - b"]),
    ],
)
def test_what_a_careless_merge_leaves_is_seen(body: str, told: list[str]) -> None:
    assert untidy(f"# Changelog\n\n## [Unreleased]\n\n{body}") == told

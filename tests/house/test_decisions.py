"""Decisions are numbered one after another, listed, and found under the number that the code names."""

import re
from pathlib import PurePath

import pytest

from tests.house.test_tidy import ROOT, tracked

FOLDER = "docs/adr/"
NAMED = re.compile(r"\bADRs? (\d{4})|adr/(\d{4})-")


def decisions() -> dict[str, str]:
    """Return the name of each decision's file by its number."""
    names = [PurePath(name).name for name in tracked(FOLDER) if not name.endswith("README.md")]
    return {name[:4]: name for name in sorted(names)}


def misnumbered(names: list[str]) -> list[str]:
    """Say which names do not follow on from the one before."""
    return [name for number, name in enumerate(sorted(names), 1) if not name.startswith(f"{number:04}-")]


def test_numbers_follow_one_another_and_none_is_used_twice() -> None:
    names = [PurePath(name).name for name in tracked(FOLDER) if not name.endswith("README.md")]
    assert misnumbered(names) == []


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["0001-a.md", "0003-b.md"], ["0003-b.md"]),
        (["0001-a.md", "0001-b.md"], ["0001-b.md"]),
        (["0001-a.md", "0002-b.md"], []),
    ],
)
def test_a_gap_and_a_double_are_seen(names: list[str], told: list[str]) -> None:
    assert misnumbered(names) == told


def test_each_decision_bears_its_number_and_is_listed_in_order() -> None:
    listed = re.findall(r"^\| \[(\d{4})\]\((.+?)\)", (ROOT / FOLDER / "README.md").read_text(), re.MULTILINE)
    assert listed == list(decisions().items())
    for number, name in decisions().items():
        assert (ROOT / FOLDER / name).read_text().startswith(f"# {number}: ")


def test_no_file_names_a_decision_that_is_not_there() -> None:
    known = decisions()
    named = (
        (name, number)
        for name in tracked()
        for found in NAMED.findall((ROOT / name).read_text(errors="ignore"))
        for number in found
        if number
    )
    assert [(name, number) for name, number in named if number not in known] == []

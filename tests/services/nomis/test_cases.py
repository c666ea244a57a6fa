"""Every numbered case of `reference/nomis.md` §6 is somewhere in these tests, by its number."""

import re
from pathlib import Path

from tests.conftest import ROOT

NUMBER = re.compile(r"(?:test_|\")n(\d\d)(?=\D)")
# A consumer's: usage and profile events without a mapping, tested with from_nomis. So are the second halves of 53 (the
# consumer takes the visit room) and, with the translation table, of 55 (two profile rows make one attribute).
ELSEWHERE = frozenset({54})
DEVIATING = frozenset({"N49", "N52"})


def test_every_case_is_here() -> None:
    here = Path(__file__)
    sources = [path.read_text(encoding="utf-8") for path in here.parent.glob("test_*.py") if path != here]
    found = {int(number) for source in sources for number in NUMBER.findall(source)}
    assert found == set(range(1, 56)) - ELSEWHERE


def test_the_deviating_cases_are_documented() -> None:
    page = (ROOT / "docs" / "deviations.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| (N\d\d) \|", page, re.MULTILINE)) == DEVIATING

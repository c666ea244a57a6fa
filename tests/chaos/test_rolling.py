"""Two releases side by side: the one before this one and this one, on one database and one broker."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.chaos import releases
from tests.chaos.judging import Findings
from tests.chaos.rolling import UpgradePlan, upgrade


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return releases.unpacked(tmp_path / "before")


@pytest.mark.long
async def test_the_release_before_and_this_one_serve_side_by_side_and_nothing_fails(old: Path, tmp_path: Path) -> None:
    today = datetime.now(ZoneInfo("Europe/London")).date()  # noqa: TID251 - a composition root of the tests
    came = await upgrade(UpgradePlan(seed=1, today=today), old, tmp_path, print)
    assert came.failures == []
    assert [name for name in came.edits if name.endswith("no answer")] == []
    assert came.dead_lettered == {}
    assert came.migration["recordsListed"] == came.migration["recordsMigrated"] + came.migration["recordsSkipped"]
    assert came.comparison == "COMPLETED"
    assert came.equal
    assert came.findings == Findings([], [], [], came.findings.conflicts, came.findings.locations)

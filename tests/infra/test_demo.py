"""What the demo says of echoes."""

from infra.local.demo.scenario import CHANGES_IN_DPS, CHANGES_IN_NOMIS, echoes
from libs.domain.identity import DPS_MODULE_PREFIX


def test_as_many_events_as_changes_are_no_echo() -> None:
    assert echoes({"DPS": 15, "NOMIS": CHANGES_IN_NOMIS}, {DPS_MODULE_PREFIX: CHANGES_IN_DPS, "OIMMHOLO": 4}) == []


def test_one_event_more_on_either_side_is_an_echo() -> None:
    [there] = echoes({"NOMIS": CHANGES_IN_NOMIS + 1}, {})
    [here] = echoes({}, {DPS_MODULE_PREFIX: CHANGES_IN_DPS + 1})
    assert (there[:3], here[:5]) == ("DPS", "NOMIS")

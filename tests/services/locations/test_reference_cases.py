"""Every numbered case of `reference/locations-api.md` §7, played as data against the service on a real PostgreSQL."""

import re
from datetime import datetime
from typing import Any

import pytest
from msgspec.structs import replace

from infra.local.settings import ROOT
from libs.domain.codes import DeactivatedReason, HistoryAttribute
from services.locations.records import HistoryRow
from services.locations.rules.history import kept, reason_text
from services.locations.rules.naming import natural
from tests.services.locations.cases import BY_ID, CASES, DEVIATIONS, World, expectation, requests_of
from tests.services.locations.checks import CHECKS, Played
from tests.services.locations.f1 import F1, ID
from tests.services.locations.given import BEFORE, prepare

UNITS = {"U01", "U02", "U03"}


async def play(case_id: str, world: World) -> list[str]:
    """Play a case and say what is not as the table has it."""
    case, expected = BY_ID[case_id], expectation(BY_ID[case_id])
    await prepare(case_id, world, BEFORE)
    answers, events, faults = [], [], []
    for number, request in enumerate(requests_of(case)):
        await prepare(case_id, world, number)
        answers.append(await world.call(request))
        events.append(await world.events())
        if number == 0 and "afterFirst" in expected:
            faults += await CHECKS["then"](Played(case, expected, world, answers, events), expected["afterFirst"])
    played = Played(case, expected, world, answers, events)
    for name, wanted in expected.items():
        faults += await CHECKS[name](played, wanted)
    return faults


@pytest.mark.parametrize("case_id", [case_id for case_id in BY_ID if case_id not in UNITS])
async def test_the_service_does_what_the_table_says(world: World, case_id: str) -> None:
    assert await play(case_id, world) == []


def test_u01_natural_order() -> None:
    case = BY_ID["U01"]
    assert sorted(case["request"]["input"], key=natural) == case["expect"]["output"]


def test_a_name_that_begins_with_a_sign_stands_where_plain_text_has_it() -> None:
    assert sorted(["A wing", "2 wing", "(old) wing", "10 wing", "_"], key=natural) == [
        "(old) wing", "2 wing", "10 wing", "A wing", "_",
    ]  # fmt: skip


def test_u02_a_repeated_change_is_one_row() -> None:
    attribute, old, new, by, at = BY_ID["U02"]["request"]["input"]
    told = HistoryRow(ID["C"], HistoryAttribute(attribute), old, new, by, datetime.fromisoformat(at))
    assert len(kept([told, told])) == BY_ID["U02"]["expect"]["rows"]
    assert kept([told, HistoryRow(ID["C"], told.attribute, None, " ", by, told.amended_date)]) == [told]


def test_u03_a_reason_is_told_with_its_description() -> None:
    case = BY_ID["U03"]

    def told(reason: str, description: str | None) -> Any:
        closed = replace(F1[0], deactivated_reason=DeactivatedReason(reason))
        return reason_text(replace(closed, deactivation_reason_description=description))

    assert [told(*each) for each in case["request"]["input"]] == case["expect"]["output"]


def test_every_number_of_the_table_is_played() -> None:
    assert len(BY_ID) == len(CASES) == 70
    assert {number[0] for number in BY_ID} == set("SMDPXKRU")


def test_what_the_design_changed_is_documented() -> None:
    page = (ROOT / "docs" / "deviations.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| ([A-Z]\d\d) \|", page.split("## Locations API")[1], re.MULTILINE)
    assert documented == [number for number in BY_ID if number in DEVIATIONS]

"""Cells with room, people by cell, and rolls: real tables, and the stand-ins of prisoner search and prison-api."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from services.locations.views.roll import roll_name
from tests.services.locations.asking import Asking, holds
from tests.services.locations.conftest import Client
from tests.services.locations.f1 import ID
from tests.services.locations.f2 import F2, FIRST
from tests.services.locations.prison import put

ROOM = "GET /location-occupancy/cells-with-capacity/KTI"
MOVEMENTS = "/api/prison/roll-count/KTI/movement-count"


@dataclass
class Crowd:
    """Puts people into cells of KTI, and takes them out again."""

    search: Client
    numbers: list[str] = field(default_factory=list)

    async def put(self, path: str, *numbers: str, **more: Any) -> None:
        for number in numbers:
            self.numbers.append(number)
            person = {"prisonId": "KTI", "cellLocation": path, "firstName": "A", "lastName": "B", **more}
            async with self.search.put(f"/prisoner/{number}", json=person) as answer:
                assert answer.status == 200


@pytest.fixture
async def crowd(search: Client) -> AsyncIterator[Crowd]:
    made = Crowd(search)
    yield made
    for number in made.numbers:
        await search.delete(f"/prisoner/{number}")


@pytest.fixture
async def f2(f1: Asking) -> Asking:
    """Fixture F2 in the tables, and somebody to ask."""
    await f1.connection.execute("DELETE FROM location WHERE prison_id = 'KTI'")
    await put(f1.connection, F2)
    return f1


async def test_a_cell_with_space_is_shown_with_its_kinds_and_who_is_inside_only_if_asked(
    f2: Asking, crowd: Crowd
) -> None:
    await crowd.put("E-1-001", "A1")
    await crowd.put("E-1-002", "A2", "A3")
    await crowd.put("E-2-001", "A4", alerts=[{"alertType": "X", "alertCode": "XA", "active": True, "note": "kept in"}])
    [found] = await f2.ask("VIEW", ROOM)
    assert found["specialistCellTypes"] == [{"typeCode": "DRY", "typeDescription": "Dry cell"}]
    assert found["legacyAttributes"] == [{"typeCode": "DOUBLE_OCCUPANCY", "typeDescription": "Double Occupancy"}]
    assert "prisonersInCell" not in found
    [named] = await f2.ask("VIEW", f"{ROOM}?includePrisonerInformation=true")
    [person] = named["prisonersInCell"]
    holds(person, {"prisonerNumber": "A4", "cellLocation": "E-2-001"})
    assert person["alerts"] == [{"alertType": "X", "alertCode": "XA", "active": True}]


async def test_cells_with_space_are_narrowed_down(f2: Asking) -> None:
    async def paths(query: str) -> list[str]:
        return [each["pathHierarchy"] for each in await f2.ask("VIEW", f"{ROOM}?{query}")]

    assert await paths("") == ["E-1-001", "E-1-002", "E-2-001"]
    assert await paths(f"locationId={FIRST}") == ["E-1-001", "E-1-002"]
    assert await paths("groupName=E_2") == ["E-2-001"]
    assert await paths("specialistCellType=DRY") == ["E-2-001"]
    assert (await f2.ask("VIEW", f"{ROOM}?locationId={ID['A']}", status=404))["errorCode"] == 101
    await f2.ask("VIEW", f"{ROOM}?specialistCellType=WET", status=400)


async def test_people_are_listed_by_cell(f1: Asking, crowd: Crowd) -> None:
    await crowd.put("C-4-011", "B1")
    await crowd.put("C-4-010", "B2", "B3")
    await crowd.put("D-E-007", "B4")
    await crowd.put("RECP", "B5")
    line = "GET /prisoner-locations"
    for path in ("/id/{C-4}", "/key/KTI-C-4", "/id/{C}"):
        found = await f1.ask("PRISONERS", f"{line}{path}")
        assert [(each["cellLocation"], len(each["prisoners"])) for each in found] == [("C-4-010", 2), ("C-4-011", 1)]
    assert [each["cellLocation"] for each in await f1.ask("PRISONERS", f"{line}/prison/KTI")] == [
        "C-4-010",
        "C-4-011",
        "D-E-007",
    ]
    assert await f1.ask("PRISONERS", f"{line}/id/{{C-VIS}}") == []
    for path in ("/id/11111111-1111-7111-8111-111111111111", "/key/KTI-Q", "/key/NOPE"):
        assert (await f1.ask("PRISONERS", f"{line}{path}", status=404))["errorCode"] == 101
    await f1.ask("VIEW", f"{line}/id/{{C}}", status=403)


async def test_the_roll_of_a_prison(f1: Asking, crowd: Crowd) -> None:
    await crowd.put("C-4-010", "C1", inOutStatus="IN")
    await crowd.put("C-4-010", "C2", inOutStatus="OUT")
    await crowd.put("C-4-011", "C3", inOutStatus="IN")
    await crowd.put("RECP", "C4", inOutStatus="IN")
    await crowd.put("CSWAP", "C5", inOutStatus="IN")
    moved = {"inOutMovementsToday": {"in": 3, "out": 1}, "enRouteToday": 2}
    async with crowd.search.put(MOVEMENTS, json=moved) as answer:
        assert answer.status == 204
    await f1.connection.execute("UPDATE location SET local_name = 'the CSU and hb2' WHERE path_hierarchy = 'C-4'")
    roll = await f1.ask("ROLL", "GET /prison/roll-count/KTI")
    holds(
        roll,
        {
            "prisonId": "KTI",
            "numCurrentPopulation": 4,
            "numUnlockRollToday": 2,
            "numArrivedToday": 3,
            "numOutToday": 1,
            "numInReception": 1,
            "numNoCellAllocated": 1,
            "numStillToArrive": 2,
            "totals": {
                "bedsInUse": 3,
                "currentlyInCell": 2,
                "currentlyOut": 1,
                "workingCapacity": 4,
                "netVacancies": 1,
                "outOfOrder": 1,
            },
        },
    )
    wing, other = roll["locations"]
    holds(wing, {"key": "KTI-C", "locationType": "WING", "locationCode": "C", "certified": True})
    assert [each["fullLocationPath"] for each in wing["subLocations"]] == ["C-5", "C-4"]
    landing = wing["subLocations"][1]
    holds(landing, {"localName": "The CSU And HB2", "subLocations": [], "rollCount": {"netVacancies": 1}})
    holds(other, {"key": "KTI-D", "rollCount": {"outOfOrder": 1, "workingCapacity": 0}})
    with_cells = await f1.ask("ROLL", "GET /prison/roll-count/KTI?include-cells=true")
    paths = [each["fullLocationPath"] for each in with_cells["locations"][0]["subLocations"][1]["subLocations"]]
    assert paths == ["C-4-010", "C-4-011", "C-4-0S1"]


async def test_the_roll_of_a_landing_with_its_cells(f1: Asking, crowd: Crowd) -> None:
    await crowd.put("C-4-010", "D1", inOutStatus="IN")
    await f1.connection.execute("UPDATE location SET active = false WHERE path_hierarchy = 'C-4-011'")
    line = "GET /prison/roll-count/KTI/cells-only"
    roll = await f1.ask("ROLL", f"{line}/{{C-4}}")
    assert [each["code"] for each in roll["locationHierarchy"]] == ["C", "4"]
    holds(roll["totals"], {"bedsInUse": 1, "workingCapacity": 2, "netVacancies": 1, "outOfOrder": 1})
    [landing] = roll["locations"]
    assert [each["locationCode"] for each in landing["subLocations"]] == ["010", "0S1"]
    for path in ("{C-4-012}", "{C-VIS}", "{A}", "11111111-1111-7111-8111-111111111111"):
        assert (await f1.ask("ROLL", f"{line}/{path}", status=404))["errorCode"] == 101


async def test_a_prison_that_others_do_not_know_is_not_found(f1: Asking, crowd: Crowd) -> None:
    async with crowd.search.delete(MOVEMENTS) as answer:
        assert answer.status == 204
    told = await f1.ask("ROLL", "GET /prison/roll-count/KTI", status=404)
    assert "errorCode" not in told
    async with crowd.search.put(MOVEMENTS, json={"inOutMovementsToday": {"in": 0, "out": 0}, "enRouteToday": 0}):
        pass
    # R08: what is no prison's id is a bad request.
    assert "errorCode" not in await f1.ask("ROLL", "GET /prison/roll-count/XXX", status=400)


def test_the_trades_abbreviations_are_written_in_capitals_where_they_are_words() -> None:
    names = ("csu SPURS", "hb12 - it suite", "GYMNASIUM", "l&s unit")
    assert [roll_name({"local_name": name, "location_type": "WING"}) for name in names] == [
        "CSU Spurs",
        "HB12 - IT Suite",
        "Gymnasium",
        "L&S Unit",
    ]

"""Cases of `reference/locations-api.md` §7 that only read, by their numbers, on fixture F1."""

from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from tests.services.locations.asking import Asking, holds


@dataclass(frozen=True)
class Call:
    """One request of a case and what it expects; a code of None: the answer has none."""

    role: str
    line: str
    body: Any = None
    status: int = 200
    code: int | None = None
    expect: Any = None
    absent: tuple[str, ...] = ()
    keys: list[str] | None = field(default=None)


CELL_2_0 = {"maxCapacity": 2, "workingCapacity": 0}
NOTHING = {"maxCapacity": 0, "workingCapacity": 0}
PAGE = {
    "totalElements": 15,
    "totalPages": 2,
    "size": 14,
    "number": 0,
    "numberOfElements": 14,
    "first": True,
    "last": False,
    "empty": False,
    "sort": {"empty": False, "sorted": True, "unsorted": False},
    "pageable": {"pageNumber": 0, "pageSize": 14, "offset": 0, "paged": True, "unpaged": False},
}
TOP = {
    "topLevelLocationType": "Wings",
    "subLocationName": "Wings",
    "prisonSummary": {
        "prisonName": "KTI (HMP)",
        "workingCapacity": 4,
        "maxCapacity": 6,
        "signedOperationalCapacity": 0,
        "numberOfCellLocations": 4,
    },
    "subLocations": [
        {
            "key": "KTI-C",
            "level": 1,
            "leafLevel": False,
            "inactiveCells": 0,
            "capacity": {"maxCapacity": 4, "workingCapacity": 4},
        },
        {
            "key": "KTI-D",
            "inactiveCells": 1,
            "capacity": CELL_2_0,
            "certification": {"certified": True, "capacityOfCertifiedCell": 2},
        },
    ],
}
LANDING = {
    "topLevelLocationType": "Wings",
    "subLocationName": "Cells",
    "locationHierarchy": [
        {"code": "C", "type": "WING", "level": 1},
        {"code": "4", "type": "LANDING", "level": 2, "pathHierarchy": "C-4", "prisonId": "KTI"},
    ],
    "parentLocation": {"key": "KTI-C-4", "numberOfCellLocations": 3, "inactiveCells": 0},
    "subLocations": [{"key": "KTI-C-4-010"}, {"key": "KTI-C-4-011"}, {"key": "KTI-C-4-0S1", "localName": "Linen Room"}],
}
ARCHIVED = {
    "key": "KTI-C-4-012",
    "permanentlyInactive": True,
    "permanentlyInactiveReason": "Collapsed roof",
    "status": "INACTIVE",
    "accommodationTypes": [],
    "capacity": NOTHING,
}
INACTIVE = {"key": "KTI-D-E-007", "oldWorkingCapacity": 2, "capacity": CELL_2_0, "deactivatedReason": "DAMAGED"}
LIST, SUMMARY = "GET /locations/prison/KTI", "GET /locations/residential-summary/KTI"
SIGNED = {"prisonId": "KTI", "updatedBy": "BOSS"}
USES = "GET /constants/used-for-type"

CASES: dict[str, list[Call]] = {
    "R01": [
        Call("VIEW", "GET /locations?size=14&sort=pathHierarchy,asc", expect=PAGE),
        Call("VIEW", "GET /locations?size=201", status=400),
    ],
    "R02": [Call("VIEW", SUMMARY, expect=TOP, absent=("parentLocation", "locationHierarchy"))],
    "R03": [
        Call("VIEW", f"{SUMMARY}?parentPathHierarchy=C-4", expect=LANDING, absent=("prisonSummary",)),
        Call("VIEW", f"{SUMMARY}?parentLocationId={{C-4}}&latestHistory=true", expect=LANDING),
    ],
    "R04": [
        Call(
            "VIEW",
            "POST /locations/keys",
            ["KTI-D-E", "KTI-C", "KTI-C", "KTI-C-4-012", "NOP-1-1"],
            keys=["KTI-C", "KTI-C-4-012", "KTI-D-E"],
        )
    ],
    "R06": [
        Call("VIEW", f"{LIST}/archived", expect=[ARCHIVED]),
        Call("VIEW", f"{LIST}/inactive-cells", expect=[INACTIVE]),
        Call("VIEW", f"{LIST}/inactive-cells?parentLocationId={{C}}", keys=[]),
        Call("VIEW", f"{LIST}/inactive-cells?parentLocationId={{D}}", expect=[INACTIVE]),
    ],
    "R07": [
        Call("MAINT", "POST /signed-op-cap/", SIGNED | {"signedOperationCapacity": 7}, 400, 116),
        Call("MAINT", "POST /signed-op-cap/", SIGNED | {"signedOperationCapacity": 6}, 201),
        Call("MAINT", "POST /signed-op-cap/", SIGNED | {"signedOperationCapacity": 5}),
        Call("MAINT", "POST /signed-op-cap/", SIGNED | {"signedOperationCapacity": -1}, 400, 102),
        Call("VIEW", "GET /signed-op-cap/KTI", expect={"signedOperationCapacity": 5, **SIGNED}),
        Call("VIEW", "GET /signed-op-cap/LLI", status=404, code=110),
        # Beyond the case: without the slash, and what the summary makes of it.
        Call("MAINT", "POST /signed-op-cap", SIGNED | {"signedOperationCapacity": 4}),
        Call("VIEW", SUMMARY, expect={"prisonSummary": {"signedOperationalCapacity": 4}}),
        Call("MAINT", "POST /signed-op-cap", SIGNED | {"signedOperationCapacity": 0, "prisonId": "XXI"}, 404, 101),
        Call("MAINT", "POST /signed-op-cap", SIGNED | {"signedOperationCapacity": 0, "prisonId": "ABC"}, 400, 102),
    ],
    "R08": [
        Call("VIEW", "GET /locations/key/NOPE", status=404, code=101),
        Call("VIEW", "GET /locations/11111111-1111-7111-8111-111111111111", status=404, code=101),
        Call("VIEW", "GET /locations/bad-uuid", status=400),
        Call("REF", f"{USES}/XXI", status=404, code=101),
        # Beyond the case: the summary of a prison or below a location that there is not.
        Call("VIEW", "GET /locations/residential-summary/XXI", status=404, code=101),
        Call("VIEW", f"{SUMMARY}?parentPathHierarchy=Q", status=404, code=101),
        Call("VIEW", f"{SUMMARY}?parentLocationId={{C-VIS}}", status=404, code=101),
        Call("VIEW", f"{LIST}/inactive-cells?parentLocationId={{C}}0", status=400),
    ],
    "S22": [
        Call("VIEW", "GET /sync/id/{C}", expect={"ignoreWorkingCapacity": True}),
        Call("VIEW", "GET /sync/id/{C-4-010}", expect={"ignoreWorkingCapacity": False}),
        Call("SYNC", "GET /sync/id/{C}", status=403),
    ],
}


@pytest.mark.parametrize("number", sorted(CASES))
async def test_case(f1: Asking, number: str) -> None:
    for call in CASES[number]:
        answer = await f1.ask(call.role, call.line, call.body, call.status)
        if call.status >= 400 and call.status != 403:
            assert answer.get("errorCode") == call.code, call.line
        if call.expect is not None:
            holds(answer, call.expect, call.line)
        if call.keys is not None:
            assert [each["key"] for each in answer] == call.keys, call.line
        assert [name for name in call.absent if name in answer] == [], call.line


async def test_r05_children_are_shown_and_archived_ones_are_not(f1: Asking) -> None:
    wing = await f1.ask("VIEW", "GET /locations/{C}?includeChildren=true")
    below = {child["key"]: child for child in wing["childLocations"]}
    assert set(below) == {"KTI-C-4", "KTI-C-5", "KTI-C-VIS", "KTI-C-HEAR"}
    assert {child["key"] for child in below["KTI-C-4"]["childLocations"]} == {
        "KTI-C-4-010",
        "KTI-C-4-011",
        "KTI-C-4-0S1",
    }
    empty = {"accommodationTypes": [], "isResidential": True, "leafLevel": False, "capacity": NOTHING}
    holds(below["KTI-C-5"], empty | {"usedFor": [], "specialistCellTypes": [], "childLocations": []})


async def test_r07_setting_the_signed_capacity_is_announced_once_each_time(f1: Asking) -> None:
    for capacity, status in ((6, 201), (5, 200)):
        await f1.ask("MAINT", "POST /signed-op-cap/", SIGNED | {"signedOperationCapacity": capacity}, status)
    told = await f1.connection.fetch("SELECT event_type, body FROM outbox ORDER BY id")
    assert [row["event_type"] for row in told] == ["location.inside.prison.signed-op-cap.amended"] * 2
    body = orjson.loads(told[0]["body"])
    assert body["additionalInformation"] == {"key": "KTI", "source": "DPS"}


@pytest.mark.parametrize(("prison", "size"), [("/KTI", 11), ("/FEI", 13), ("/HSI", 15), ("", 17)])
async def test_r09_uses_depend_on_the_prison(f1: Asking, prison: str, size: int) -> None:
    listed = (await f1.ask("REF", f"{USES}{prison}"))["usedForTypes"]
    assert len(listed) == size
    assert set(listed[0]) == {"key", "description"}

"""The legacy sync doors: cases of `reference/locations-api.md` §7 by number, on the fixture of the staff doors."""

import re
from typing import Any

import orjson
import pytest

from infra.local.settings import ROOT
from tests.conftest import MakeToken
from tests.services.locations.test_staff_doors import ID, Kti, kti

__all__ = ["kti"]

# Cases of all test modules of this service that the design overrides.
DEVIATING = {"K01", "K05", "S05", "S15", "S16"}

PLAIN = {
    "prisonId": "KTI",
    "code": "020",
    "locationType": "CELL",
    "residentialHousingType": "NORMAL_ACCOMMODATION",
    "comments": "Fresh paint",
    "orderWithinParentLocation": 4,
    "lastUpdatedBy": "NOMIS_USER1",
    "attributes": ["IMMIGRATION_DETAINEES"],
}


@pytest.fixture
async def sync(kti: Kti, token: MakeToken) -> Kti:
    """The prison, asked as the sync worker of old."""
    roles = {"ROLE_SYNC_LOCATIONS", "ROLE_VIEW_LOCATIONS", "ROLE_MAINTAIN_LOCATIONS"}
    kti.headers = {"Authorization": f"Bearer {token(roles)}"}
    return kti


def update(path: str, **changed: Any) -> dict[str, Any]:
    return PLAIN | {"id": str(ID[path]), "code": path.rsplit("-", 1)[-1], **changed}


async def told(kti: Kti) -> list[tuple[str, str, str]]:
    rows = await kti.connection.fetch("DELETE FROM outbox RETURNING id, event_type, body, attributes")
    return [
        (
            row["event_type"].removeprefix("location.inside.prison."),
            orjson.loads(row["body"])["additionalInformation"]["key"],
            orjson.loads(row["attributes"])["source"],
        )
        for row in sorted(rows, key=lambda each: each["id"])
    ]


@pytest.mark.parametrize("path", ["/sync/upsert", "/locations/sync/upsert"])
async def test_s01_create_a_cell_under_a_parent_id(sync: Kti, path: str) -> None:
    made = await sync.ask("POST", path, PLAIN | {"parentId": str(ID["C-4"])}, 201)
    assert (made["key"], made["active"], made["attributes"]) == ("KTI-C-4-020", True, ["IMMIGRATION_DETAINEES"])
    assert (made["ignoreWorkingCapacity"], made["permanentlyDeactivated"]) == (False, False)
    assert "capacity" not in made
    assert await told(sync) == [("created", "KTI-C-4-020", "NOMIS")]


async def test_s02_create_via_a_parent_path(sync: Kti) -> None:
    made = await sync.ask("POST", "/sync/upsert", PLAIN | {"parentLocationPath": "C-4"}, 201)
    assert made["pathHierarchy"] == "C-4-020"


async def test_s03_create_a_room_at_the_top(sync: Kti) -> None:
    usage = [{"usageType": "PROGRAMMES_ACTIVITIES", "capacity": 12, "sequence": 1}]
    wish = {
        "prisonId": "KTI",
        "code": "GYM",
        "locationType": "SPORTS",
        "localName": "Sports Hall",
        "orderWithinParentLocation": 1,
        "lastUpdatedBy": "NOMIS_USER1",
        "usage": usage,
    }
    made = await sync.ask("POST", "/sync/upsert", wish, 201)
    assert (made["key"], made["localName"], made["usage"]) == ("KTI-GYM", "Sports Hall", usage)
    assert not {"parentId", "residentialHousingType", "capacity"} & made.keys()


async def test_s04_create_an_inactive_cell(sync: Kti) -> None:
    reason = {
        "deactivationReason": "LOCAL_WORK",
        "deactivatedDate": "2024-02-14",
        "proposedReactivationDate": "2026-02-14",
    }
    made = await sync.ask("POST", "/sync/upsert", PLAIN | reason | {"parentId": str(ID["C-4"])}, 201)
    assert (made["active"], made["deactivatedReason"], made["deactivatedDate"]) == (False, "MAINTENANCE", "2024-02-14")
    assert made["proposedReactivationDate"] == "2026-02-14"


async def test_s05_update_overwrites_numbers_without_validation(sync: Kti) -> None:
    numbers = {
        "capacity": {"maxCapacity": 5, "workingCapacity": 5},
        "certification": {"certified": False, "capacityOfCertifiedCell": 0},
    }
    after = await sync.ask("POST", "/sync/upsert", update("C-4-010", attributes=["CAT_B"], **numbers))
    assert (after["capacity"], after["certification"]) == (numbers["capacity"], numbers["certification"])
    assert (after["attributes"], after["lastModifiedBy"]) == (["CAT_B"], "NOMIS_USER1")
    assert await told(sync) == [("amended", "KTI-C-4-010", "NOMIS")]
    history = (await sync.ask("GET", "/sync/id/{C-4-010}?includeHistory=true"))["changeHistory"]
    changes = {(each["attribute"], each.get("oldValue"), each.get("newValue")) for each in history}
    assert {
        ("Max capacity", "2", "5"),
        ("Working capacity", "2", "5"),
        ("Baseline certified capacity", "2", "0"),
        ("Certification", "Certified", "Uncertified"),
    } <= changes


async def test_s09_a_cell_made_a_room_drops_what_cells_have(sync: Kti) -> None:
    wish = {
        "id": str(ID["C-4-010"]),
        "prisonId": "KTI",
        "code": "TALK",
        "locationType": "INTERVIEW",
        "orderWithinParentLocation": 4,
        "lastUpdatedBy": "NOMIS_USER1",
        "usage": [{"usageType": "APPOINTMENT"}],
    }
    after = await sync.ask("POST", "/sync/upsert", wish)
    assert (after["pathHierarchy"], after["locationType"], after["active"]) == ("C-4-TALK", "INTERVIEW", True)
    assert after["usage"] == [{"usageType": "APPOINTMENT", "sequence": 99}]
    assert not {"residentialHousingType", "capacity"} & after.keys()


async def test_s12_a_null_clears_a_text_and_keeps_a_set_and_the_parent(sync: Kti) -> None:
    await sync.ask("POST", "/sync/upsert", update("C-4-011", attributes=["DOUBLE_OCCUPANCY"]))
    bare = {
        k: v for k, v in update("C-4-011").items() if k not in ("comments", "attributes", "orderWithinParentLocation")
    }
    after = await sync.ask("POST", "/sync/upsert", bare)
    assert not {"comments", "localName", "orderWithinParentLocation"} & after.keys()
    assert (after["attributes"], after["parentId"]) == (["DOUBLE_OCCUPANCY"], str(ID["C-4"]))
    assert after["capacity"] == {"maxCapacity": 2, "workingCapacity": 2}


@pytest.mark.parametrize(
    "unknown",
    [
        {"id": "11111111-1111-7111-8111-111111111111"},
        {"parentId": "11111111-1111-7111-8111-111111111111"},
        {"parentLocationPath": "Q-9"},
    ],
)
async def test_s13_unknown_id_parent_id_and_parent_path(sync: Kti, unknown: dict[str, str]) -> None:
    assert (await sync.ask("POST", "/sync/upsert", PLAIN | unknown, 404))["errorCode"] == 101


async def test_s14_parent_equals_self(sync: Kti) -> None:
    same = str(ID["C-4-010"])
    refused = await sync.ask("POST", "/sync/upsert", update("C-4-010", parentId=same), 400)
    assert "errorCode" not in refused


async def test_s15_create_of_an_existing_key(sync: Kti) -> None:
    wish = PLAIN | {"code": "010", "parentId": str(ID["C-4"])}
    assert (await sync.ask("POST", "/sync/upsert", wish, 409))["errorCode"] == 103


async def test_s16_s17_closing_a_wing_cascades_and_reopening_a_cell_revives_what_is_above(sync: Kti) -> None:
    wing = update("C", locationType="WING", comments="roof leak", attributes=None, deactivationReason="DAMAGED")
    after = await sync.ask("POST", "/sync/upsert", wing | {"deactivatedDate": "2025-02-01"})
    assert (after["active"], after["deactivatedReason"], after["deactivatedDate"]) == (False, "DAMAGED", "2025-02-01")
    cell = await sync.ask("GET", "/locations/{C-4-010}")
    assert (cell["active"], cell["deactivatedByParent"]) == (False, False)
    assert (cell["deactivatedReason"], cell["deactivationReasonDescription"]) == ("DAMAGED", "roof leak")
    assert (await sync.ask("GET", "/locations/{C-VIS}"))["deactivatedByParent"] is True
    sources = {key: source for kind, key, source in await told(sync) if kind == "deactivated"}
    assert sources == {"KTI-C": "NOMIS", "KTI-C-4": "DPS", "KTI-C-4-010": "DPS", "KTI-C-4-011": "DPS"}
    assert (await sync.ask("POST", "/sync/upsert", update("C-4-010")))["active"] is True
    assert (await sync.ask("GET", "/locations/{C}"))["active"] is True
    assert (await sync.ask("GET", "/locations/{C-4-011}"))["active"] is False


async def test_s18_a_changed_reason_of_an_inactive_cell_is_ignored(sync: Kti) -> None:
    after = await sync.ask("POST", "/sync/upsert", update("D-E-007", deactivationReason="STAFF_SHORTAGE"))
    assert (after["active"], after["deactivatedReason"]) == (False, "DAMAGED")


async def test_s19_s20_delete(sync: Kti) -> None:
    await sync.ask("DELETE", "/sync/delete/{C-4-010}", status=204)
    assert await told(sync) == [("deleted", "KTI-C-4-010", "NOMIS")]
    await sync.ask("GET", "/sync/id/{C-4-010}", status=404)
    assert "errorCode" not in await sync.ask("DELETE", "/sync/delete/{C}", status=400)
    unknown = "/sync/delete/11111111-1111-7111-8111-111111111111"
    assert (await sync.ask("DELETE", unknown, status=404))["errorCode"] == 101
    await sync.ask("DELETE", "/sync/delete/not-a-uuid", status=400)


async def test_s22_the_legacy_view_of_a_wing_has_totals_and_needs_the_view_role(sync: Kti, token: MakeToken) -> None:
    wing = await sync.ask("GET", "/sync/id/{C}")
    assert (wing["ignoreWorkingCapacity"], wing["capacity"]) == (True, {"maxCapacity": 4, "workingCapacity": 4})
    sync.headers = {"Authorization": f"Bearer {token({'ROLE_SYNC_LOCATIONS'})}"}
    await sync.ask("GET", "/sync/id/{C}", status=403)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"code": ""}, None),
        (PLAIN | {"code": ""}, 102),
        (PLAIN | {"prisonId": "OUT"}, 102),
        (PLAIN | {"code": "1234567890123"}, 102),
        (PLAIN | {"locationType": "CASTLE"}, None),
    ],
)
async def test_s23_body_validation_codes(sync: Kti, body: dict[str, Any], code: int | None) -> None:
    assert (await sync.ask("POST", "/sync/upsert", body, 400)).get("errorCode") == code


async def test_the_records_get_does_the_same_and_says_that_it_is_deprecated(sync: Kti) -> None:
    wish = PLAIN | {"parentId": str(ID["C-4"])}
    async with sync.client.get("/locations/sync/upsert", json=wish, headers=sync.headers) as answer:
        made = await answer.json()
        assert (answer.status, made["key"]) == (201, "KTI-C-4-020")
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Deprecation" in answer.headers
    path = f"/locations/sync/delete?id={made['id']}"
    async with sync.client.get(path, headers=sync.headers) as answer:
        assert answer.status == 204
        assert "Deprecation" in answer.headers


def test_the_deviating_cases_are_documented() -> None:
    page = (ROOT / "docs" / "deviations.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| ([A-Z]\d\d) \|", page.split("## Locations API")[1], re.MULTILINE)) == DEVIATING
